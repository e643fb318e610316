package notice_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/letter"
	"github.com/ferry-server/ferry/internal/notice"
	"github.com/ferry-server/ferry/internal/notify"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// An office is the desk, the letters about it, and the outbox they go to.
type office struct {
	*transfer.Desk
	t       *testing.T
	ctx     context.Context
	letters *notice.Letters
	outbox  *notify.Service
	uploads *upload.Service
	runner  *job.Runner
	ids     *id.Source
	clock   time.Time
	who     account.Owner
}

type plain struct{}

func (plain) Hash(_ context.Context, p account.Secret) (string, error) { return string(p), nil }

func (plain) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	return text == string(p), nil
}

func newOffice(t *testing.T) *office {
	t.Helper()
	d, err := db.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	o := &office{t: t, ctx: context.Background(), clock: time.Date(2026, 11, 21, 14, 35, 17, 0, time.UTC), who: account.Owner{Account: "ada"}}
	now := func() time.Time { return o.clock }
	files, err := disk.Open(disk.OS(), t.TempDir(), disk.Options{})
	o.must(err)
	ring, err := keyring.New(bytes.Repeat([]byte("s"), keyring.MinSecret))
	o.must(err)
	o.must(d.EnsureAccount(o.ctx, &account.Account{ID: o.who.Account, CreatedAt: o.clock}))
	log := slog.New(slog.DiscardHandler)
	o.ids = id.NewSource(now)
	o.uploads = upload.NewService(d, blob.WithRows(files, d), o.ids, now, upload.Limits{MaxFile: 1 << 30})
	o.Desk = transfer.NewDesk(d, o.uploads, plain{}, ring, o.ids, now, transfer.DeskLimits{MaxFiles: 100, Quiet: time.Hour, Keep: time.Hour})
	o.letters = notice.New(o.Desk, o.uploads, func(t *transfer.Transfer, to *transfer.Recipient) string {
		if to != nil {
			return "https://ferry.test/t/" + to.Track
		}
		return "https://ferry.test/d/" + string(t.ID)
	}, now)
	sources := map[letter.Kind]notify.Source{}
	for _, k := range notice.Kinds() {
		sources[k] = o.letters
	}
	o.outbox = notify.New(notify.Config{Outbox: d, Sources: sources, IDs: o.ids, Ring: ring, Now: now, Log: log})
	handlers := o.Handlers()
	maps.Copy(handlers, o.outbox.Handlers())
	o.runner = job.NewRunner(d, handlers, now, log)
	return o
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// work does all jobs that are due.
func (o *office) work() {
	o.t.Helper()
	o.clock = o.clock.Add(time.Second)
	for {
		n, err := o.runner.Step(o.ctx, 1)
		o.must(err)
		if n == 0 {
			return
		}
	}
}

// send makes a transfer of files a0, a1, …
func (o *office) send(f transfer.Form, files int) *transfer.Transfer {
	o.t.Helper()
	f.ID = share.ID(o.ids.Text("abcdefghijklmnopqrstuvwxyz", 15))
	t, err := o.HandIn(o.ctx, o.who, f, transfer.Rules{MaxRecipients: 100, DefaultDays: 7, Forever: true})
	o.must(err)
	for i := range files {
		file, err := o.OpenFile(o.ctx, t.ID, o.Key(t), transfer.FileForm{ID: upload.ID(o.ids.Text(id.Hex, 32)), Name: "a" + strconv.Itoa(i), Size: 2})
		o.must(err)
		_, err = o.uploads.Put(o.ctx, upload.Put{Account: o.who.Account, File: file.ID, Number: 1, Length: 2, Body: strings.NewReader("12")})
		o.must(err)
	}
	return o.complete(t)
}

func (o *office) complete(t *transfer.Transfer) *transfer.Transfer {
	o.t.Helper()
	t, err := o.Complete(o.ctx, t.ID, o.Key(t))
	o.must(err)
	return t
}

func (o *office) to(t *transfer.Transfer) []*transfer.Recipient {
	o.t.Helper()
	all, err := o.Recipients(o.ctx, t, 100)
	o.must(err)
	return all
}

// fetch downloads a file whole, or with nil everything.
func (o *office) fetch(t *transfer.Transfer, by *transfer.Recipient, f *upload.File) {
	o.t.Helper()
	o.clock = o.clock.Add(time.Minute)
	d, err := o.Begin(o.ctx, transfer.Fetch{Transfer: t, Recipient: by, File: f, Size: 2, Spans: []transfer.Span{{N: 2}}, Holder: "x", Address: "192.0.2.1"})
	o.must(err)
	o.must(o.End(o.ctx, d, []transfer.Span{{Off: 0, N: 2}}))
}

func (o *office) files(t *transfer.Transfer) (all []*upload.File) {
	o.t.Helper()
	o.must(o.uploads.Files(o.ctx, &t.Share, func(f *upload.File) error {
		all = append(all, f)
		return nil
	}))
	return all
}

// written gives what is in the outbox, the first letter first: kind and address.
func (o *office) written() (all []string) {
	o.t.Helper()
	o.work()
	items, err := o.outbox.List(o.ctx, 0, "", 100)
	o.must(err)
	for i := len(items) - 1; i >= 0; i-- {
		all = append(all, string(items[i].Kind)+" "+items[i].To)
	}
	return all
}

// text gives the last letter of a kind as an operator reads it.
func (o *office) text(kind letter.Kind) string {
	o.t.Helper()
	items, err := o.outbox.List(o.ctx, 0, "", 100)
	o.must(err)
	for _, i := range items {
		if i.Kind == kind {
			_, text, err := o.outbox.Text(o.ctx, i.ID)
			o.must(err)
			return text
		}
	}
	o.t.Fatalf("there is no letter %s", kind)
	return ""
}

func (o *office) says(kind letter.Kind, want ...string) {
	o.t.Helper()
	text := o.text(kind)
	for _, s := range want {
		if !strings.Contains(text, s) {
			o.t.Errorf("the letter %s lacks %q:\n%s", kind, s, text)
		}
	}
}

// A transfer's whole mail: each recipient once, the sender four times.
func TestLettersOfATransfer(t *testing.T) {
	o := newOffice(t)
	tr := o.send(transfer.Form{
		Sender: "ada@ferry.test", Subject: "Plans", Message: "Here they are", To: []string{"bob@far.test", "zoe@far.test"},
		Notify: true, Confirm: true,
	}, 2)
	o.complete(tr)
	o.work()
	want := []string{"confirmation ada@ferry.test", "recipient bob@far.test", "recipient zoe@far.test"}
	if diff := cmp.Diff(want, sortedOf(o.written())); diff != "" {
		t.Fatal(diff)
	}
	o.complete(tr)
	if diff := cmp.Diff(want, sortedOf(o.written())); diff != "" {
		t.Errorf("completed again: %s", diff)
	}
	bob, zoe := o.to(tr)[0], o.to(tr)[1]
	for _, r := range []*transfer.Recipient{bob, zoe} {
		l, err := o.letters.Letter(o.ctx, letter.Recipient, string(r.Key))
		o.must(err)
		if l.To != r.Address || l.ReplyTo != "ada@ferry.test" || string(l.Link) != "https://ferry.test/t/"+r.Track || !l.Until.Equal(tr.ExpiresAt) {
			t.Errorf("%+v", l)
		}
	}
	o.says(letter.Confirmation, "2 files", "bob@far.test", "zoe@far.test", "https://ferry.test/d/"+string(tr.ID))

	o.fetch(tr, zoe, o.files(tr)[1])
	if diff := cmp.Diff(append(want[:1:1], "first_download ada@ferry.test", want[1], want[2]), sortedOf(o.written())); diff != "" {
		t.Error(diff)
	}
	o.says(letter.FirstDownload, "zoe@far.test downloaded a1 on 21 November 2026")
	o.fetch(tr, nil, nil)
	o.work()
	o.says(letter.Summary, "2 downloads", "zoe@far.test", "a1", "Somebody with the link", "everything")
	for range 3 {
		o.fetch(tr, bob, nil)
	}
	if got := o.written(); len(got) != 5 {
		t.Errorf("after the summary: %q", got)
	}

	// Somebody new, with a message for them alone: one letter more.
	_, err := o.Share(o.ctx, transfer.Asker{Account: "ada"}, tr.ID, []string{"eve@far.test", "bob@far.test"}, "For you, Eve", transfer.Rules{MaxRecipients: 100})
	o.must(err)
	if got := o.written(); len(got) != 6 {
		t.Errorf("after sharing: %q", got)
	}
	o.says(letter.Recipient, "To: eve@far.test", "For you, Eve", "Here they are")
	o.must(o.letters.Delivered(o.ctx, letter.Recipient, string(bob.Key)))
	o.must(o.letters.Undelivered(o.ctx, letter.Recipient, string(zoe.Key), "no such mailbox"))
	o.must(o.letters.Undelivered(o.ctx, letter.Confirmation, string(tr.Key), "no such mailbox"))
	if all := o.to(tr); !all[0].Delivered() || all[0].Problem != "" || all[2].Problem != "no such mailbox" || all[2].Delivered() {
		t.Errorf("%+v, %+v", all[0], all[2])
	}
}

func sortedOf(all []string) []string { return slices.Sorted(slices.Values(all)) }

func TestLettersThatAreNotWritten(t *testing.T) {
	for _, tt := range []struct {
		name string
		form transfer.Form
		do   func(o *office, tr *transfer.Transfer)
		want []string
	}{
		{"of a sender nobody knows", transfer.Form{Confirm: true, Notify: true, To: []string{"bob@far.test"}}, nil, []string{"recipient bob@far.test"}},
		{"that nobody asked for", transfer.Form{Sender: "ada@ferry.test"}, func(o *office, tr *transfer.Transfer) { o.fetch(tr, nil, nil) }, nil},
		{"of what was deleted meanwhile", transfer.Form{Sender: "ada@ferry.test", Confirm: true, To: []string{"bob@far.test"}}, func(o *office, tr *transfer.Transfer) {
			o.must(o.Delete(o.ctx, transfer.Asker{Account: "ada"}, tr.ID))
		}, nil},
		{"of what was blocked meanwhile", transfer.Form{To: []string{"bob@far.test"}}, func(o *office, tr *transfer.Transfer) {
			o.must(o.Block(o.ctx, tr.ID, true))
		}, nil},
		{"of what is over", transfer.Form{Sender: "ada@ferry.test", Confirm: true, Days: new(1), To: []string{"bob@far.test"}}, func(o *office, _ *transfer.Transfer) {
			o.clock = o.clock.AddDate(0, 0, 2)
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t)
			tt.form.Subject = "Plans"
			tr := o.send(tt.form, 1)
			if tt.do != nil {
				tt.do(o, tr)
			}
			if diff := cmp.Diff(tt.want, o.written()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLettersTellWhatIsThere(t *testing.T) {
	o := newOffice(t)
	tr := o.send(transfer.Form{Sender: "ada@ferry.test", Subject: "Many", Days: new(-1), Password: "sesame", To: []string{"bob@far.test"}, Notify: true}, 5)
	o.must(o.DeleteFile(o.ctx, transfer.Asker{Account: "ada"}, o.files(tr)[3].ID))
	_, err := o.OpenFile(o.ctx, tr.ID, o.Key(tr), transfer.FileForm{ID: "late", Name: "late", Size: 2})
	o.must(err) // it has not arrived
	l, err := o.letters.Letter(o.ctx, letter.Recipient, string(o.to(tr)[0].Key))
	o.must(err)
	told := letter.TransferOf(l.Data)
	if len(told.Files) != 4 || told.Files[3].Name != "a4" || told.Count != 4 || !told.Protected || !told.Expires.IsZero() || !l.Until.IsZero() {
		t.Errorf("%+v, until %v", told, l.Until)
	}
	l, err = o.letters.Letter(o.ctx, letter.Recipient, string(o.to(o.send(transfer.Form{Subject: "Many", To: []string{"bob@far.test"}}, 25))[0].Key))
	o.must(err)
	if told := letter.TransferOf(l.Data); len(told.Files) != letter.Shown || told.Count != 25 || told.Size != 50 {
		t.Errorf("of many: %+v", told)
	}
	if _, err := o.letters.Letter(o.ctx, letter.FirstDownload, string(tr.Key)); fault.KindOf(err) != fault.NotFound {
		t.Errorf("of no download: %v", err)
	}
	for _, about := range []string{"", "nothing"} {
		for _, k := range notice.Kinds() {
			if _, err := o.letters.Letter(o.ctx, k, about); fault.KindOf(err) != fault.NotFound {
				t.Errorf("%s about %q: %v", k, about, err)
			}
		}
	}
}
