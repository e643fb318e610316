package contact_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
)

func (w world) load(text string, limit int) (*contact.Report, error) {
	return w.Import(w.ctx, alice, contact.File{Body: strings.NewReader(text)}, limit)
}

func (w world) book() string {
	w.t.Helper()
	all, err := w.List(w.ctx, alice, "", 1000)
	w.must(err)
	var out []string
	for _, c := range all {
		out = append(out, fmt.Sprintf("%s<%s>%s", c.Name, c.Email, c.Mobile))
	}
	return strings.Join(out, " ")
}

func TestImportAddsUpdatesAndReports(t *testing.T) {
	w := newWorld(t)
	w.add(alice, "Old", "old@example.com")
	w.add(alice, "Same", "same@example.com")
	got, err := w.load("name,email,mobile\n"+
		"New,NEW@example.com,1\n"+
		"Newer,old@example.com,2\n"+
		",same@example.com,\n"+ // a file without a name takes none away
		"Nobody,,\n"+
		"Bad,not an address,\n"+
		"Twice,twice@example.com,\n"+
		"Twice again,Twice@example.com,\n"+
		strings.Repeat("x", 201)+",long@example.com,\n", 0)
	w.must(err)
	want := &contact.Report{
		Added: 2, Updated: 1, Skipped: 3, Failed: 2,
		Errors: []contact.LineError{
			{6, "email_invalid", "email not an e-mail address"},
			{9, "name_invalid", "name must have at most 200 characters"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if book, want := w.book(), "Newer<old@example.com>2 Same<same@example.com> New<new@example.com>1 Twice again<twice@example.com>"; book != want {
		t.Errorf("the book is %s, want %s", book, want)
	}
}

func TestAnImportIsWholeOrNothing(t *testing.T) {
	w := newWorld(t)
	w.add(alice, "Old", "old@example.com")
	const three = "name,email\nNew,old@example.com\n,1@example.com\n,2@example.com\n"
	for _, tt := range []struct {
		name, text string
		kind       fault.Kind
		code       string
	}{
		{"more than the plan allows", three, fault.Conflict, "contacts_limit"},
		{"an open quote at its end", three + "\"x", fault.Invalid, "contacts_parse"},
		{"more rows than a file may have", "email\n" + strings.Repeat("x\n", contact.MaxRows+1), fault.TooLarge, "import_too_large"},
		{"more bytes than a file may have", three + strings.Repeat(strings.Repeat(" ", 1<<20-1)+"\n", 17), fault.TooLarge, "import_too_large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.load(tt.text, 2)
			w.fails(err, tt.kind, tt.code)
			if book := w.book(); book != "Old<old@example.com>" {
				t.Errorf("the book is %s", book)
			}
		})
	}
	report, err := w.load(three, 3)
	w.must(err)
	if report.Added != 2 || report.Updated != 1 {
		t.Errorf("what just goes in: %+v", report)
	}
}

func TestAnAccountHasOneImportAtATime(t *testing.T) {
	w := newWorld(t)
	body, client := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := w.Import(w.ctx, alice, contact.File{Body: body}, 0)
		done <- err
	}()
	_, err := client.Write([]byte("email\n")) // which returns when the import reads
	w.must(err)
	_, err = w.load("email\nb@example.com\n", 0)
	w.fails(err, fault.Throttled, "import_running")
	_, err = w.Import(w.ctx, bob, contact.File{Body: strings.NewReader("email\nb@example.com\n")}, 0)
	w.must(err)
	w.must(client.CloseWithError(errors.New("gone")))
	if err := <-done; err == nil {
		t.Error("a body that failed was taken")
	}
	_, err = w.load("email\nb@example.com\n", 0)
	w.must(err)
}

func TestOnlyTheFirstErrorsAreNamed(t *testing.T) {
	w := newWorld(t)
	got, err := w.load("email\n"+strings.Repeat("bad\n", 150), 0)
	w.must(err)
	if got.Failed != 150 || len(got.Errors) != 100 || got.Errors[99].Line != 101 {
		t.Errorf("%d failed, %d are named", got.Failed, len(got.Errors))
	}
}

func TestAnErrorOfTheBodyIsNotTheFiles(t *testing.T) {
	w := newWorld(t)
	gone := errors.New("the client went away")
	for _, start := range []string{"", "na", "name,email\n", "name,email\nA,a@", "BEGIN:VCARD\nVERSION:3.0\nFN:A"} {
		body := io.MultiReader(strings.NewReader(start), iotest.ErrReader(gone))
		if _, err := w.Import(w.ctx, alice, contact.File{Body: body}, 0); !errors.Is(err, gone) {
			t.Errorf("after %q: %v", start, err)
		}
	}
	if book := w.book(); book != "" {
		t.Errorf("the book is %s", book)
	}
}

func TestWhatIsExportedIsNoFormula(t *testing.T) {
	w := newWorld(t)
	for i, name := range []string{`=cmd|' /C calc'!A0`, "+1", "-1", "@x", "'=1", "'", "O'Neil", `say "hi", you`, "a ::: b", "", "Zoë"} {
		_, err := w.Add(w.ctx, alice, contact.Draft{Name: name, Email: fmt.Sprintf("=%d@example.com", i), Mobile: "+49 1"}, 0)
		w.must(err)
	}
	var out strings.Builder
	w.must(w.Export(w.ctx, alice, &out))
	want := "\xEF\xBB\xBFName,Email,Mobile\r\n" +
		"'=cmd|' /C calc'!A0,'=0@example.com,'+49 1\r\n" +
		"'+1,'=1@example.com,'+49 1\r\n'-1,'=2@example.com,'+49 1\r\n'@x,'=3@example.com,'+49 1\r\n" +
		"''=1,'=4@example.com,'+49 1\r\n',"
	if !strings.HasPrefix(out.String(), want) {
		t.Errorf("got %s", out.String())
	}
	before := w.book()
	report, err := w.load(out.String(), 0)
	w.must(err)
	if report.Skipped != 11 || w.book() != before {
		t.Errorf("reading it again was no change of nothing: %+v\n%s\n%s", report, before, w.book())
	}
}
