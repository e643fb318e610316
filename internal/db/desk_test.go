package db_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/testenv"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// A desk is everything that a sender's transfer needs, on a real database and a
// real folder.
type desk struct {
	*transfer.Desk
	t       *testing.T
	ctx     context.Context
	db      *db.DB
	blobs   blob.Store
	uploads *upload.Service
	shares  *share.Service
	plain   *transfer.Service
	runner  *job.Runner
	ids     *id.Source
	alice   account.ID

	mu    sync.Mutex
	clock time.Time
	mail  []job.Job // letters that were called for, in their order
}

// Lengths of time in these tests.
const (
	day   = 24 * time.Hour
	keep  = 2 * day
	quiet = 7 * day
)

// plainText is a Hasher for tests that must not take long.
type plainText struct{}

func (plainText) Hash(_ context.Context, p account.Secret) (string, error) {
	return "text of " + string(p), nil
}

func (plainText) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	return text == "text of "+string(p), nil
}

func onBothDesks(t *testing.T, test func(t *testing.T, d *desk)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, openDesk(t, "sqlite:"+filepath.Join(t.TempDir(), "ferry.db")))
	})
	t.Run("postgres", func(t *testing.T) { test(t, openDesk(t, testenv.Postgres(t))) })
}

func openDesk(t *testing.T, url string) *desk {
	t.Helper()
	database, err := db.Open(t.Context(), url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	})
	files, err := disk.Open(disk.OS(), t.TempDir(), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, ctx: context.Background(), db: database, clock: time.Now().UTC().Truncate(time.Millisecond)}
	d.ids = id.NewSource(d.now)
	d.blobs = blob.WithRows(files, database)
	log := slog.New(slog.DiscardHandler)
	d.uploads = upload.NewService(database, d.blobs, d.ids, d.now, upload.Limits{MaxFile: 1 << 30})
	d.shares = share.NewService(database, d.blobs, d.now, share.Limits{Keep: keep, Memory: 30 * day, Orphan: time.Hour}, log)
	d.plain = transfer.NewService(database, database, d.uploads, d.ids, d.now, transfer.Limits{MaxFiles: 10, Keep: 7 * day})
	d.restart()
	d.must(database.Enqueue(d.ctx, append(d.shares.Jobs(), d.Jobs()...)...))
	d.alice = d.account(0)
	return d
}

// restart makes a new Desk, which knows nothing of what the one before had under way.
func (d *desk) restart() {
	ring, err := keyring.New(bytes.Repeat([]byte("s"), 32))
	d.must(err)
	d.Desk = transfer.NewDesk(d.db, d.uploads, plainText{}, ring, d.ids, d.now, transfer.DeskLimits{
		MaxFiles: 20, Quiet: quiet, Keep: keep, Recent: 5 * time.Minute,
	})
	handlers := d.shares.Handlers()
	for kind, h := range d.Handlers() {
		handlers[kind] = h
	}
	for _, kind := range []string{
		transfer.LetterRecipient, transfer.LetterConfirmation, transfer.LetterFirstDownload, transfer.LetterSummary,
	} {
		handlers[kind] = func(_ context.Context, j job.Job) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.mail = append(d.mail, j)
			return nil
		}
	}
	d.runner = job.NewRunner(d.db, handlers, d.now, slog.New(slog.DiscardHandler))
}

func (d *desk) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clock
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// fails checks that err is a fault with this code.
func (d *desk) fails(err error, code string) {
	d.t.Helper()
	if fault.CodeOf(err) != code {
		d.t.Fatalf("got %v, want %s", err, code)
	}
}

// wait lets time go by.
func (d *desk) wait(t time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock = d.clock.Add(t)
}

// pass lets time go by, and then does the jobs that are due.
func (d *desk) pass(t time.Duration) {
	d.t.Helper()
	d.wait(t)
	for {
		n, err := d.runner.Step(d.ctx, 1)
		d.must(err)
		if n == 0 {
			return
		}
	}
}

// letters gives what was called for since the last call, sorted.
func (d *desk) letters() (kinds []string) {
	d.t.Helper()
	d.pass(0)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range d.mail {
		kinds = append(kinds, j.Kind)
	}
	d.mail = nil
	slices.Sort(kinds)
	return kinds
}

func (d *desk) account(quota int64) account.ID {
	d.t.Helper()
	a := &account.Account{ID: account.ID(d.ids.Key()), Email: d.ids.Text(id.Lower, 10) + "@example.com", Quota: quota, CreatedAt: d.now()}
	d.must(d.db.CreateAccount(d.ctx, a))
	return a.ID
}

// used gives what an account has reserved.
func (d *desk) used(a account.ID) int64 {
	d.t.Helper()
	n, err := db.Used(d.ctx, d.db, a)
	d.must(err)
	return n
}

var rules = transfer.Rules{MaxRecipients: 5, MaxDays: 30, DefaultDays: 7, Forever: true}

func (d *desk) handIn(f transfer.Form) *transfer.Transfer {
	d.t.Helper()
	f.ID = share.ID(d.ids.Text(id.Lower, 15))
	t, err := d.HandIn(d.ctx, account.Owner{Account: d.alice}, f, rules)
	d.must(err)
	return t
}

// begin finds or makes a file of some parts.
func (d *desk) begin(t *transfer.Transfer, name string, parts int, chunk int64) (*upload.File, error) {
	return d.OpenFile(d.ctx, t.ID, d.Key(t), transfer.FileForm{
		ID: upload.ID(d.ids.Text(id.Lower, 20)), Name: name, Count: parts, Chunk: chunk, Size: upload.Unknown,
	})
}

func (d *desk) put(f *upload.File, n int, body []byte) error {
	_, err := d.uploads.Put(d.ctx, upload.Put{
		Account: f.Home.Owner.Account, File: f.ID, Number: n, Length: int64(len(body)), Body: bytes.NewReader(body), Again: true,
	})
	return err
}

// send puts a whole file of n bytes into the transfer.
func (d *desk) send(t *transfer.Transfer, name string, n int) *upload.File {
	d.t.Helper()
	f, err := d.begin(t, name, 1, 0)
	d.must(err)
	d.must(d.put(f, 1, bytes.Repeat([]byte(name[:1]), n)))
	f, err = d.uploads.File(d.ctx, d.alice, f.ID)
	d.must(err)
	return f
}

// ready makes a transfer of one file that is complete.
func (d *desk) ready(f transfer.Form, n int) (*transfer.Transfer, *upload.File) {
	d.t.Helper()
	t := d.handIn(f)
	file := d.send(t, "file.bin", n)
	t, err := d.Complete(d.ctx, t.ID, d.Key(t))
	d.must(err)
	return t, file
}

func (d *desk) load(t *transfer.Transfer) *transfer.Transfer {
	d.t.Helper()
	t, err := d.ByKey(d.ctx, t.Key)
	d.must(err)
	return t
}

func (d *desk) owner() transfer.Asker { return transfer.Asker{Account: d.alice} }

func (d *desk) blobCount() (n int) {
	d.must(d.blobs.Walk(d.ctx, func(blob.Info) error { n++; return nil }))
	return n
}

func (d *desk) read(f *upload.File) string {
	d.t.Helper()
	f, err := d.uploads.File(d.ctx, f.Home.Owner.Account, f.ID)
	d.must(err)
	c, err := d.uploads.Content(d.ctx, f)
	d.must(err)
	var b strings.Builder
	_, err = blob.Copy(d.ctx, &b, d.blobs, c, 0, c.Size())
	d.must(err)
	return b.String()
}

func ptr[T any](v T) *T { return &v }

func TestATransferIsHandedIn(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		made := d.handIn(transfer.Form{
			Sender: "Alice@Example.com", Subject: "Holidays", Message: "Look!", Password: "secret", Notify: true, Confirm: true,
			To: []string{"bob@example.com", "BOB@example.com", "carol@example.com"}, Days: ptr(-1), MaxDownloads: 3, Source: "Web", Announced: 99,
		})
		got := d.load(made)
		if diff := cmp.Diff(made, got); diff != "" {
			t.Error(diff)
		}
		if got.Sender != "alice@example.com" || got.Recipients != 2 || !got.Locked || got.Days != transfer.Forever || len(got.Track) != transfer.TrackLen {
			t.Errorf("%+v", got)
		}
		to, err := d.Recipients(d.ctx, got, 10)
		d.must(err)
		if len(to) != 2 || to[0].Address != "bob@example.com" || len(to[1].Track) != transfer.TrackLen || !to[0].SentAt.IsZero() {
			t.Errorf("recipients: %+v", to)
		}
		if mail := d.letters(); mail != nil {
			t.Errorf("letters about a transfer without files: %v", mail)
		}
		for name, key := range map[string]account.Secret{
			"as it is": d.Key(made), "without dashes": account.Secret(strings.ReplaceAll(string(d.Key(made)), "-", "")),
			"in capitals": account.Secret(strings.ToUpper(string(d.Key(made)))),
		} {
			if _, err := d.WithKey(d.ctx, made.ID, key); err != nil {
				t.Errorf("the key %s: %v", name, err)
			}
		}
		other := d.handIn(transfer.Form{})
		for _, key := range []account.Secret{d.Key(other), "", "00000000-0000-0000-0000-000000000000"} {
			_, err := d.WithKey(d.ctx, made.ID, key)
			d.fails(err, "transfer_unknown")
		}
	})
}

// TestTransfersADay: the number holds for each account by itself, and from midnight to
// midnight; what was refused is not there.
func TestTransfersADay(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		d.clock = d.clock.Truncate(day).Add(23 * time.Hour)
		few, bob := rules, d.account(0)
		few.Daily = 3
		handIn := func(who account.ID, r transfer.Rules) error {
			f := transfer.Form{ID: share.ID(d.ids.Text(id.Lower, 15)), To: []string{"carol@example.com"}}
			_, err := d.HandIn(d.ctx, account.Owner{Account: who}, f, r)
			return err
		}
		d.must(handIn(d.alice, rules)) // without a limit nothing is counted
		var wg sync.WaitGroup
		refused := make(chan error, 20)
		for range cap(refused) {
			wg.Go(func() {
				if err := handIn(d.alice, few); err != nil {
					refused <- err
				}
			})
		}
		wg.Wait()
		close(refused)
		if len(refused) != 17 {
			t.Errorf("%d of 20 at once were refused, want 17", len(refused))
		}
		for err := range refused {
			d.fails(err, "transfers_a_day")
			if fault.KindOf(err) != fault.Throttled {
				t.Fatalf("%v is not throttled", err)
			}
		}
		if all, err := d.db.SentPage(d.ctx, d.alice, "", 100); err != nil || len(all) != 4 {
			t.Errorf("%d transfers are there, %v, want 4", len(all), err)
		}
		d.must(handIn(d.alice, rules))
		d.must(handIn(bob, few))
		d.wait(59 * time.Minute)
		d.fails(handIn(d.alice, few), "transfers_a_day")
		few.Daily = 4
		d.must(handIn(d.alice, few)) // another plan
		few.Daily = 3
		d.wait(time.Minute)
		d.must(handIn(d.alice, few))
	})
}

func TestDaysAreForgotten(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		few := rules
		few.Daily = 1
		for range 3 {
			_, err := d.HandIn(d.ctx, account.Owner{Account: d.alice}, transfer.Form{ID: share.ID(d.ids.Text(id.Lower, 15))}, few)
			d.must(err)
			d.wait(day)
		}
		d.pass(0) // today is a day without any: yesterday stays
		if more, err := d.db.SweepDays(d.ctx, d.now().Add(-day), 1); more || err != nil {
			t.Errorf("days are left before yesterday: %v, %v", more, err)
		}
		if more, err := d.db.SweepDays(d.ctx, d.now(), 1); !more || err != nil {
			t.Errorf("yesterday is forgotten: %v, %v", more, err)
		}
	})
}

func TestFormsThatAreRefused(t *testing.T) {
	d := openDesk(t, "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"))
	for _, tt := range []struct {
		name   string
		form   transfer.Form
		rules  transfer.Rules
		code   string
		fields string
	}{
		{"everything is wrong, and told at once", transfer.Form{
			To: []string{"bob", "", "x@y\n"}, Sender: "alice", Subject: strings.Repeat("x", 201), Days: ptr(0), MaxDownloads: -1,
			Password: account.Secret(strings.Repeat("x", 1025)), Announced: -5, Message: "a\x00b",
		}, rules, "too_long", "subject message days downloads password transfersize from to to to"},
		{"more recipients than allowed", transfer.Form{To: []string{"a@x.y", "b@x.y"}}, transfer.Rules{MaxRecipients: 1, DefaultDays: 7}, "too_many_recipients", ""},
		{"for ever", transfer.Form{Days: ptr(-1)}, transfer.Rules{DefaultDays: 7}, "feature_not_allowed", ""},
		{"too long", transfer.Form{Days: ptr(8)}, transfer.Rules{MaxDays: 7}, "feature_not_allowed", ""},
		{"a password", transfer.Form{Password: "x"}, transfer.Rules{DefaultDays: 7, NoPassword: true}, "feature_not_allowed", ""},
		{"more bytes announced than allowed", transfer.Form{Announced: 11}, transfer.Rules{DefaultDays: 7, MaxSize: 10}, "transfer_too_large", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := d.HandIn(d.ctx, account.Owner{Account: d.alice}, tt.form, tt.rules)
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("%v, want %s", err, tt.code)
			}
			var fields []string
			for _, f := range err.(*fault.Error).Fields {
				fields = append(fields, f.Name)
			}
			if got := strings.Join(fields, " "); got != tt.fields {
				t.Errorf("fields %q, want %q", got, tt.fields)
			}
		})
	}
}

func TestFilesComeOneByOne(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{To: []string{"bob@example.com"}, Sender: "alice@example.com", Confirm: true})
		_, err := d.Complete(d.ctx, tr.ID, d.Key(tr))
		d.fails(err, "no_files")
		f, err := d.begin(tr, "a/big.bin", 3, 1000)
		d.must(err)
		d.must(d.put(f, 3, make([]byte, 10)))
		d.must(d.put(f, 1, make([]byte, 1000)))
		_, err = d.Complete(d.ctx, tr.ID, d.Key(tr))
		d.fails(err, "file_incomplete")
		d.must(d.put(f, 2, make([]byte, 1000)))
		if got := d.load(tr); got.OpenFiles != 0 || got.Files != 1 || got.Size != 2010 || d.used(d.alice) != 2010 {
			t.Errorf("%+v, %d bytes are reserved", got, d.used(d.alice))
		}
		d.pass(time.Hour)
		for range 3 {
			got, err := d.Complete(d.ctx, tr.ID, d.Key(tr))
			d.must(err)
			if got.State != share.Ready || !got.ExpiresAt.Equal(d.now().AddDate(0, 0, 7)) {
				t.Errorf("%+v, want it to live 7 days from its completion", got)
			}
		}
		if diff := cmp.Diff([]string{"letter.confirmation", "letter.recipient"}, d.letters()); diff != "" {
			t.Error(diff)
		}

		// More files, which keep it ready, and the same people.
		d.pass(time.Hour)
		late := d.send(tr, "late.txt", 5)
		if late.State != upload.Complete || d.load(tr).State != share.Ready {
			t.Errorf("a file that came later: %+v", late)
		}
		half, err := d.begin(tr, "half", 2, 1000)
		d.must(err)
		_, err = d.Complete(d.ctx, tr.ID, d.Key(tr))
		d.fails(err, "file_incomplete")
		d.must(d.put(half, 2, nil))
		d.must(d.put(half, 1, make([]byte, 1000)))
		got, err := d.Complete(d.ctx, tr.ID, d.Key(tr))
		d.must(err)
		if got.Files != 3 || got.Size != 3015 || d.letters() != nil {
			t.Errorf("%+v; somebody was written to again", got)
		}
	})
}

func TestTheFirstRequestMakesTheFile(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{})
		var wg sync.WaitGroup
		found := make([]upload.ID, 12)
		for i := range found {
			wg.Go(func() {
				f, err := d.begin(tr, "same name", 12, 100)
				if err == nil {
					found[i] = f.ID
					err = d.put(f, i+1, bytes.Repeat([]byte{byte('a' + i)}, 100))
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if slices.Sort(found); found[0] != found[11] {
			t.Errorf("first requests made different files: %v", found)
		}
		got := d.load(tr)
		if got.Files != 1 || got.OpenFiles != 0 || got.Size != 1200 {
			t.Errorf("%+v", got)
		}
		f, err := d.uploads.File(d.ctx, d.alice, found[0])
		d.must(err)
		if text := d.read(f); len(text) != 1200 || text[0] != 'a' || text[1199] != 'l' {
			t.Errorf("the file is %q", text)
		}

		form := func(name, ident string) transfer.FileForm {
			return transfer.FileForm{ID: upload.ID(d.ids.Text(id.Lower, 20)), Name: name, Ident: ident, Size: upload.Unknown}
		}
		one, err := d.OpenFile(d.ctx, tr.ID, d.Key(tr), form("twin", "1"))
		d.must(err)
		two, err := d.OpenFile(d.ctx, tr.ID, d.Key(tr), form("twin", "2"))
		d.must(err)
		again, err := d.OpenFile(d.ctx, tr.ID, d.Key(tr), form("another name", "1"))
		d.must(err)
		if one.ID == two.ID || again.ID != one.ID || again.Name != "twin" {
			t.Error("a client's own ids do not tell its files apart")
		}
	})
}

func TestPlansThatDoNotFit(t *testing.T) {
	d := openDesk(t, "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"))
	tr := d.handIn(transfer.Form{})
	good := transfer.FileForm{ID: "f", Name: "a", Count: 3, Chunk: 100, Size: 250, MD5: &[16]byte{1}}
	f, err := d.OpenFile(d.ctx, tr.ID, d.Key(tr), good)
	d.must(err)
	if f.Size != 250 || d.used(d.alice) != 250 {
		t.Errorf("%+v: what is announced is not reserved", f)
	}
	for name, spoil := range map[string]func(*transfer.FileForm){
		"another number of parts":            func(f *transfer.FileForm) { f.Count, f.Size = 4, upload.Unknown },
		"another length":                     func(f *transfer.FileForm) { f.Chunk, f.Size = 101, upload.Unknown },
		"another size":                       func(f *transfer.FileForm) { f.Size = 251 },
		"a size that the parts do not have":  func(f *transfer.FileForm) { f.Name, f.Size = "b", 301 },
		"another MD5":                        func(f *transfer.FileForm) { f.MD5 = &[16]byte{2} },
		"parts without a length":             func(f *transfer.FileForm) { f.Name, f.Chunk = "b", 0 },
		"fewer than no parts":                func(f *transfer.FileForm) { f.Name, f.Count = "b", -1 },
		"more parts than anybody sends":      func(f *transfer.FileForm) { f.Name, f.Count, f.Size = "b", 1<<20+1, upload.Unknown },
		"more bytes than a number can count": func(f *transfer.FileForm) { f.Name, f.Chunk, f.Size = "b", 1<<62, upload.Unknown },
	} {
		form := good
		spoil(&form)
		if _, err := d.OpenFile(d.ctx, tr.ID, d.Key(tr), form); fault.CodeOf(err) != "file_plan" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "a/../b", "a//b", "/a", "a\x00", "a\nb", "\xff", strings.Repeat("x", 256)} {
		form := good
		form.Name = name
		if _, err := d.OpenFile(d.ctx, tr.ID, d.Key(tr), form); fault.CodeOf(err) != "name_invalid" {
			t.Errorf("a file named %q: %v", name, err)
		}
	}
	if got := d.load(tr); got.Files != 1 {
		t.Errorf("%d files", got.Files)
	}
}

// A file that nobody can plan takes bytes as they come, pays for them as they come, and
// is complete when its sender sees the end.
func TestAFileWithoutAPlan(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, err := d.HandIn(d.ctx, account.Owner{Account: d.alice}, transfer.Form{ID: "limited"}, transfer.Rules{DefaultDays: 7, MaxSize: 7})
		d.must(err)
		form := transfer.FileForm{ID: "log", Name: "log", Loose: true, Size: 5, Count: 9}
		f, err := d.OpenFile(d.ctx, tr.ID, d.Key(tr), form)
		d.must(err)
		more := func(at int64, text string, size int64) (*upload.File, int64, error) {
			return d.uploads.Append(d.ctx, upload.Append{
				Account: d.alice, File: f.ID, Offset: at, Length: int64(len(text)), Size: size, Body: strings.NewReader(text),
			})
		}
		_, _, err = more(0, "01234", upload.Unknown)
		d.must(err)
		_, _, err = more(5, "567", upload.Unknown)
		d.fails(err, "part_too_large")
		if n := d.used(d.alice); n != 5 {
			t.Errorf("%d bytes are paid for", n)
		}
		again, err := d.OpenFile(d.ctx, tr.ID, d.Key(tr), form)
		d.must(err)
		if again.ID != f.ID || again.Got != 5 {
			t.Errorf("begun again: %+v", again)
		}
		_, err = d.OpenFile(d.ctx, tr.ID, d.Key(tr), transfer.FileForm{ID: "x", Name: "log", Count: 1, Size: 7})
		d.fails(err, "file_plan")
		_, err = d.OpenFile(d.ctx, tr.ID, d.Key(tr), transfer.FileForm{ID: "x", Name: "../log", Loose: true})
		d.fails(err, "name_invalid")
		f, end, err := more(5, "67", 7)
		d.must(err)
		if end != 7 || f.Size != 7 {
			t.Errorf("%d of %d bytes", end, f.Size)
		}
		_, err = d.Complete(d.ctx, tr.ID, d.Key(tr))
		d.fails(err, "file_incomplete")
		_, err = d.uploads.Complete(d.ctx, f.ID, upload.CompleteOptions{})
		d.must(err)
		_, err = d.Complete(d.ctx, tr.ID, d.Key(tr))
		d.must(err)
		if n := d.used(d.alice); n != 7 {
			t.Errorf("%d bytes are paid for", n)
		}
	})
}

func TestATransferHasALimitOfItsOwn(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, err := d.HandIn(d.ctx, account.Owner{Account: d.alice}, transfer.Form{ID: "limited"}, transfer.Rules{DefaultDays: 7, MaxSize: 2500})
		d.must(err)
		_, err = d.begin(tr, "too large", 4, 1000)
		d.fails(err, "transfer_too_large")
		f, err := d.begin(tr, "a", 3, 1000)
		d.must(err)
		d.fails(d.put(f, 3, make([]byte, 501)), "transfer_too_large")
		d.must(d.put(f, 3, make([]byte, 400)))
		g, err := d.begin(tr, "b", 1, 0)
		d.must(err)
		d.fails(d.put(g, 1, make([]byte, 101)), "transfer_too_large")
		_, err = d.uploads.Put(d.ctx, upload.Put{Account: d.alice, File: g.ID, Number: 1, Length: -1, Body: bytes.NewReader(make([]byte, 2501))})
		d.fails(err, "part_too_large")
		d.must(d.put(g, 1, make([]byte, 100)))
		if got := d.load(tr); got.Size != 2500 || d.used(d.alice) != 2500 {
			t.Errorf("size %d, %d reserved", got.Size, d.used(d.alice))
		}
	})
}

func TestAQuotaIsHeldFromTheFirstPart(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		d.alice = d.account(2000)
		tr := d.handIn(transfer.Form{})
		_, err := d.begin(tr, "too large", 4, 1000)
		d.fails(err, "quota_exceeded")
		f, err := d.begin(tr, "fits", 2, 1000)
		d.must(err)
		d.must(d.put(f, 2, make([]byte, 999)))
		g, err := d.begin(tr, "one byte too large", 1, 0)
		d.must(err)
		d.fails(d.put(g, 1, make([]byte, 2)), "quota_exceeded")
		d.must(d.put(g, 1, make([]byte, 1)))
		if n := d.used(d.alice); n != 2000 {
			t.Errorf("%d bytes are reserved", n)
		}
	})
}

func TestCancelDeleteAndRecover(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{})
		f, err := d.begin(tr, "a", 2, 50_000)
		d.must(err)
		d.must(d.put(f, 1, make([]byte, 50_000)))
		d.fails(d.Cancel(d.ctx, tr.ID, "wrong"), "transfer_unknown")
		for range 2 {
			d.must(d.Cancel(d.ctx, tr.ID, d.Key(tr)))
		}
		d.fails(d.put(f, 2, nil), "transfer_cancelled")
		_, err = d.begin(tr, "a", 2, 50_000)
		d.fails(err, "transfer_cancelled")
		if n := d.used(d.alice); n != 0 {
			t.Errorf("%d bytes are reserved for a cancelled transfer", n)
		}
		_, err = d.Recover(d.ctx, transfer.Asker{Account: "stranger"}, tr.ID)
		d.fails(err, "transfer_unknown")
		got, err := d.Recover(d.ctx, d.owner(), tr.ID)
		d.must(err)
		if got.State != share.Open || got.Cancelled || d.used(d.alice) != 50_000 {
			t.Errorf("%+v, %d bytes are reserved", got, d.used(d.alice))
		}
		d.must(d.put(f, 2, make([]byte, 10)))
		_, err = d.Complete(d.ctx, tr.ID, d.Key(tr))
		d.must(err)
		d.fails(d.Cancel(d.ctx, tr.ID, d.Key(tr)), "transfer_closed")
		d.pass(keep + time.Hour) // the purge that the cancelling called for must not find it
		if _, err := d.ByID(d.ctx, tr.ID); err != nil || d.blobCount() != 1 {
			t.Fatalf("recovered, and yet: %v, %d blobs", err, d.blobCount())
		}

		d.fails(d.Delete(d.ctx, transfer.Asker{Account: "stranger"}, tr.ID), "transfer_unknown")
		for range 2 {
			d.must(d.Delete(d.ctx, d.owner(), tr.ID))
		}
		_, err = d.ByID(d.ctx, tr.ID)
		d.fails(err, "transfer_deleted")
		d.pass(keep - time.Hour)
		_, err = d.Recover(d.ctx, d.owner(), tr.ID)
		d.must(err)
		got = d.load(tr)
		if got.State != share.Ready || !got.ExpiresAt.Equal(got.ReadyAt.AddDate(0, 0, 7)) || len(d.read(f)) != 50_010 {
			t.Errorf("%+v", got)
		}
		d.must(d.Delete(d.ctx, d.owner(), tr.ID))
		d.pass(2 * time.Hour) // when the first deletion would have been purged
		_, err = d.Recover(d.ctx, d.owner(), tr.ID)
		d.must(err)
		d.must(d.Delete(d.ctx, d.owner(), tr.ID))
		d.pass(keep + time.Minute)
		_, err = d.Recover(d.ctx, d.owner(), tr.ID)
		d.fails(err, "recovery_not_possible")
		if d.blobCount() != 0 || d.used(d.alice) != 0 {
			t.Errorf("%d blobs and %d reserved bytes are left", d.blobCount(), d.used(d.alice))
		}
		d.pass(31 * day)
		_, err = d.Get(d.ctx, d.owner(), tr.ID)
		d.fails(err, "transfer_unknown")
	})
}

func TestRecoveringPaysAgain(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		d.alice = d.account(100)
		tr, _ := d.ready(transfer.Form{Days: ptr(1)}, 60)
		d.pass(day + time.Minute) // it expires
		_, err := d.ByID(d.ctx, tr.ID)
		d.fails(err, "transfer_expired")
		other, _ := d.ready(transfer.Form{}, 50)
		_, err = d.Recover(d.ctx, d.owner(), tr.ID)
		d.fails(err, "quota_exceeded")
		if got := d.load(tr); got.State != share.Expired {
			t.Errorf("%v after it could not be recovered", got.State)
		}
		d.must(d.Delete(d.ctx, d.owner(), other.ID))
		got, err := d.Recover(d.ctx, d.owner(), tr.ID)
		d.must(err)
		if !got.ExpiresAt.Equal(d.now().AddDate(0, 0, 1)) || d.used(d.alice) != 60 {
			t.Errorf("%+v, %d bytes reserved", got, d.used(d.alice))
		}
	})
}

func TestAPermanentTransferGoesWhenItIsDeleted(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, _ := d.ready(transfer.Form{Days: ptr(transfer.Forever)}, 60)
		if !tr.Permanent() {
			t.Errorf("ends at %v", tr.ExpiresAt)
		}
		d.pass(900 * day)
		if _, err := d.ByID(d.ctx, tr.ID); err != nil {
			t.Fatal(err)
		}
		d.must(d.Delete(d.ctx, d.owner(), tr.ID))
		d.pass(keep + time.Minute)
		d.pass(31 * day)
		_, err := d.Get(d.ctx, d.owner(), tr.ID)
		d.fails(err, "transfer_unknown")
	})
}

func TestAnUnfinishedTransferEndsWhenItIsQuiet(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{Days: ptr(transfer.Forever)})
		for n := 1; n < 30; n++ { // two days for each part
			f, err := d.begin(tr, "slow", 30, 100)
			d.must(err)
			d.must(d.put(f, n, make([]byte, 100)))
			d.pass(2 * day)
		}
		d.pass(quiet + time.Minute)
		_, err := d.begin(tr, "slow", 30, 100)
		d.fails(err, "transfer_expired")
	})
}

func TestUpdating(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, _ := d.ready(transfer.Form{Subject: "old"}, 10)
		got, err := d.Update(d.ctx, d.owner(), tr.ID, transfer.Change{
			Subject: ptr("new"), Message: ptr("text"), Days: ptr(9), MaxDownloads: ptr(2), Notify: ptr(true),
			Password: ptr(account.Secret("pw")), Version: ptr(tr.Version),
		}, rules)
		d.must(err)
		if diff := cmp.Diff(d.load(tr), got); diff != "" {
			t.Error(diff)
		}
		if got.Name != "new" || got.Message != "text" || !got.ExpiresAt.Equal(got.ReadyAt.AddDate(0, 0, 9)) || got.MaxDownloads != 2 ||
			!got.Notify || !got.Locked || got.Days != 9 || got.Version != tr.Version+1 {
			t.Errorf("%+v", got)
		}
		got, err = d.Update(d.ctx, d.owner(), tr.ID, transfer.Change{Notify: ptr(false), Password: ptr(account.Secret(""))}, rules)
		d.must(err)
		if got.Notify || got.Locked || got.Password != "" || got.Name != "new" || got.Version != tr.Version+2 {
			t.Errorf("%+v", got)
		}
		for name, tt := range map[string]struct {
			who    transfer.Asker
			change transfer.Change
			code   string
		}{
			"another's":             {transfer.Asker{Account: "stranger"}, transfer.Change{}, "transfer_unknown"},
			"nobody's":              {transfer.Asker{}, transfer.Change{}, "transfer_unknown"},
			"an admin's of others":  {transfer.Asker{Account: "x", Over: func(a account.ID) bool { return a == "y" }}, transfer.Change{}, "transfer_unknown"},
			"from an older version": {d.owner(), transfer.Change{Version: ptr(tr.Version)}, "version_stale"},
			"too many days":         {d.owner(), transfer.Change{Days: ptr(31)}, "feature_not_allowed"},
			"a wrong number":        {d.owner(), transfer.Change{Days: ptr(-2)}, "days_invalid"},
		} {
			if _, err := d.Update(d.ctx, tt.who, tr.ID, tt.change, rules); fault.CodeOf(err) != tt.code {
				t.Errorf("%s: %v, want %s", name, err, tt.code)
			}
		}
		admin := transfer.Asker{Account: "admin", Over: func(a account.ID) bool { return a == d.alice }}
		_, err = d.Update(d.ctx, admin, tr.ID, transfer.Change{Subject: ptr("by the admin")}, rules)
		d.must(err)
		d.pass(3 * day)
		_, err = d.Update(d.ctx, d.owner(), tr.ID, transfer.Change{Days: ptr(2)}, rules)
		d.fails(err, "days_invalid")
		d.pass(7 * day)
		_, err = d.Update(d.ctx, d.owner(), tr.ID, transfer.Change{Days: ptr(20)}, rules)
		d.fails(err, "transfer_expired")
	})
}

func TestTwoWritersWithOneVersion(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, _ := d.ready(transfer.Form{}, 10)
		errs := make([]error, 10)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = d.Update(d.ctx, d.owner(), tr.ID, transfer.Change{Subject: ptr(fmt.Sprint(i)), Version: ptr(tr.Version)}, rules)
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if fault.CodeOf(err) != "version_stale" {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d of 10 writers won", won)
		}
	})
}

func TestMoreRecipients(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{To: []string{"a@x.y"}})
		n, err := d.Forward(d.ctx, tr.ID, d.Key(tr), []string{"b@x.y", "A@x.y"}, rules)
		d.must(err)
		if n != 1 || d.letters() != nil {
			t.Errorf("%d were added to a transfer that is not complete", n)
		}
		d.send(tr, "file", 5)
		_, err = d.Complete(d.ctx, tr.ID, d.Key(tr))
		d.must(err)
		if got := d.letters(); len(got) != 2 {
			t.Errorf("letters: %v", got)
		}
		for range 2 {
			_, err = d.Share(d.ctx, d.owner(), tr.ID, []string{"c@x.y", "b@x.y"}, "for you alone", rules)
			d.must(err)
		}
		if got := d.letters(); len(got) != 1 {
			t.Errorf("letters to those who are new: %v", got)
		}
		to, err := d.Recipients(d.ctx, tr, 10)
		d.must(err)
		if len(to) != 3 || to[2].Note != "for you alone" || to[2].SentAt.IsZero() || d.load(tr).Recipients != 3 {
			t.Errorf("%+v", to)
		}
		_, err = d.Share(d.ctx, transfer.Asker{Account: "stranger"}, tr.ID, []string{"d@x.y"}, "", rules)
		d.fails(err, "transfer_unknown")
		_, err = d.Forward(d.ctx, tr.ID, d.Key(tr), nil, rules)
		d.fails(err, "required")
		_, err = d.Forward(d.ctx, tr.ID, d.Key(tr), []string{"d@x.y", "nobody"}, rules)
		d.fails(err, "email_invalid")

		var wg sync.WaitGroup
		for i := range 10 { // two places are left
			wg.Go(func() { _, _ = d.Forward(d.ctx, tr.ID, d.Key(tr), []string{fmt.Sprintf("m%d@x.y", i)}, rules) })
		}
		wg.Wait()
		if got := d.load(tr); got.Recipients != 5 || len(d.letters()) != 2 {
			t.Errorf("%d recipients, want 5", got.Recipients)
		}
		_, err = d.Forward(d.ctx, tr.ID, d.Key(tr), []string{"late@x.y"}, rules)
		d.fails(err, "too_many_recipients")

		r, of, err := d.Desk.Recipient(d.ctx, to[0].Key)
		d.must(err)
		if r.Address != "a@x.y" || of.ID != tr.ID {
			t.Errorf("the recipient of a letter: %+v of %+v", r, of)
		}
		for _, tt := range []struct {
			problem string
			failed  int
		}{{"550 no such user", 1}, {"550 no such user", 1}, {"", 0}} {
			d.must(d.Delivered(d.ctx, to[0].Key, tt.problem))
			r, of, err := d.Desk.Recipient(d.ctx, to[0].Key)
			d.must(err)
			if r.Problem != tt.problem || r.Delivered() != (tt.problem == "") || of.Undelivered != tt.failed {
				t.Errorf("after %q: %+v, %d failed", tt.problem, r, of.Undelivered)
			}
		}
		d.fails(d.Delivered(d.ctx, "nobody", ""), "recipient_unknown")
	})
}

func TestLinksLeadToTransfers(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{To: []string{"a@x.y"}})
		to, err := d.Recipients(d.ctx, tr, 1)
		d.must(err)
		_, _, err = d.ByTrack(d.ctx, tr.Track)
		d.fails(err, "transfer_unknown") // not complete
		d.send(tr, "file", 5)
		_, err = d.Complete(d.ctx, tr.ID, d.Key(tr))
		d.must(err)
		common, nobody, err := d.ByTrack(d.ctx, tr.Track)
		d.must(err)
		own, who, err := d.ByTrack(d.ctx, to[0].Track)
		d.must(err)
		if common.ID != tr.ID || nobody != nil || own.ID != tr.ID || who.Address != "a@x.y" {
			t.Errorf("%v %v %v %v", common, nobody, own, who)
		}
		for _, track := range []string{"", "x", tr.Track + "x"} {
			_, _, err := d.ByTrack(d.ctx, track)
			d.fails(err, "transfer_unknown")
		}
		d.must(d.Block(d.ctx, tr.ID, true))
		got, _, err := d.ByTrack(d.ctx, tr.Track)
		if d.fails(err, "transfer_blocked"); got == nil {
			t.Error("beside Gone there is no transfer")
		}
		_, err = d.begin(tr, "more", 1, 0)
		d.fails(err, "transfer_blocked")
		_, err = d.shares.ByID(d.ctx, tr.ID)
		d.fails(err, "transfer_blocked")
		d.must(d.Block(d.ctx, tr.ID, false))
		if _, _, err := d.ByTrack(d.ctx, tr.Track); err != nil {
			t.Error(err)
		}
	})
}

func TestFilesAreRenamedAndDeleted(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{})
		f := d.send(tr, "a.bin", 40_000)
		small := d.send(tr, "b.txt", 10)
		open, err := d.begin(tr, "open", 2, 50_000)
		d.must(err)
		d.must(d.put(open, 1, make([]byte, 50_000)))

		d.fails(ignore(d.RenameFile(d.ctx, transfer.Asker{Account: "stranger"}, f.ID, "x")), "file_unknown")
		d.fails(ignore(d.RenameFile(d.ctx, d.owner(), f.ID, "a/..")), "name_invalid")
		version := d.load(tr).Version
		got, err := d.RenameFile(d.ctx, d.owner(), f.ID, "new/name.bin")
		d.must(err)
		if got.Name != "new/name.bin" || d.load(tr).Version == version {
			t.Errorf("%+v: what shows it would not know", got)
		}
		if again, err := d.begin(tr, "a.bin", 1, 0); err != nil || again.ID != f.ID {
			t.Errorf("the sender's name for it is lost: %v", err)
		}

		d.fails(d.DeleteFile(d.ctx, transfer.Asker{Account: "stranger"}, f.ID), "file_unknown")
		for _, one := range []*upload.File{f, small, open} {
			d.must(d.DeleteFile(d.ctx, d.owner(), one.ID))
			d.fails(d.DeleteFile(d.ctx, d.owner(), one.ID), "file_deleted")
			d.fails(d.put(one, 1, make([]byte, 10)), "file_deleted")
		}
		d.fails(ignore(d.RenameFile(d.ctx, d.owner(), f.ID, "x")), "file_deleted")
		if got := d.load(tr); got.Files != 0 || got.OpenFiles != 0 || got.Size != 0 || d.used(d.alice) != 0 {
			t.Errorf("%+v, %d bytes are reserved", got, d.used(d.alice))
		}
		d.pass(0)
		if d.blobCount() != 0 {
			t.Errorf("%d blobs are left", d.blobCount())
		}
		_, err = d.db.RowBytes(d.ctx, string(small.Key))
		d.fails(err, "blob_missing")
		list, err := d.plain.Files(d.ctx, tr)
		d.must(err)
		if len(list) != 0 {
			t.Errorf("deleted files are listed: %v", list)
		}
		anew := d.send(tr, "a.bin", 7)
		if anew.ID == f.ID || d.used(d.alice) != 7 {
			t.Error("a deleted file was filled again")
		}
	})
}

func ignore[T any](_ T, err error) error { return err }

func TestForcedCompletion(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{To: []string{"a@x.y"}})
		open, err := d.begin(tr, "open", 2, 50_000)
		d.must(err)
		d.must(d.put(open, 1, make([]byte, 50_000)))
		d.fails(ignore(d.ForceComplete(d.ctx, d.owner(), tr.ID)), "upload_recent")
		d.pass(6 * time.Minute)
		d.fails(ignore(d.ForceComplete(d.ctx, d.owner(), tr.ID)), "no_files")
		whole := d.send(tr, "whole", 10)
		d.must(d.put(open, 1, make([]byte, 50_000))) // it comes again, to where it is
		d.fails(ignore(d.ForceComplete(d.ctx, transfer.Asker{Account: "x"}, tr.ID)), "transfer_unknown")
		got, err := d.ForceComplete(d.ctx, d.owner(), tr.ID)
		d.must(err)
		if got.State != share.Ready || got.Files != 1 || d.used(d.alice) != 10 || len(d.letters()) != 1 {
			t.Errorf("%+v", got)
		}
		if d.read(whole) != strings.Repeat("w", 10) || d.blobCount() != 0 {
			t.Errorf("%d blobs are left", d.blobCount())
		}
	})
}

// The sweep of orphans keeps what files promise, and nothing of those deleted.
func TestOrphans(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{})
		kept, gone := d.send(tr, "kept", 40_000), d.send(tr, "gone", 40_000)
		d.must(d.DeleteFile(d.ctx, d.owner(), gone.ID))
		d.pass(0)
		w, err := d.blobs.Edit(d.ctx, gone.Blob()) // a part that was just being written
		d.must(err)
		_, err = w.WriteAt([]byte("late"), 0)
		d.must(err)
		d.must(w.Sync(d.ctx))
		d.must(w.Close())
		d.pass(3 * time.Hour)
		if d.blobCount() != 1 || len(d.read(kept)) != 40_000 {
			t.Errorf("%d blobs, want that of the file which is kept", d.blobCount())
		}
	})
}

// A whole file that was refused is as if it had never been begun, and one that did not
// arrive is still waited for.
func TestARefusedFileIsTakenBack(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{})
		d.send(tr, "good", 10)
		receive := func(size int64, p upload.Put, count int, chunk int64) error {
			p.Number = 1
			_, err := d.Receive(d.ctx, tr.ID, d.Key(tr), transfer.FileForm{
				ID: upload.ID(d.ids.Text(id.Lower, 20)), Name: "file", Size: size, Count: count, Chunk: chunk,
			}, p)
			return err
		}
		body := func(n int) *bytes.Reader { return bytes.NewReader(make([]byte, n)) }
		md5 := make([]byte, 16)
		for _, tt := range []struct {
			name  string
			size  int64
			put   upload.Put
			count int
			chunk int64
			code  string
			left  int
		}{
			{"a small one of another MD5", upload.Unknown, upload.Put{Length: 5, Body: body(5), WantMD5: md5}, 1, 0, "digest_mismatch", 0},
			{"a large one of another MD5", 100_000, upload.Put{Length: 100_000, Body: body(100_000), WantMD5: md5}, 1, 0, "digest_mismatch", 0},
			{"of another length than was said", 7, upload.Put{Length: 5, Body: body(5)}, 1, 0, "chunk_length", 0},
			{"longer than was said", 100_000, upload.Put{Length: -1, Body: body(100_001)}, 1, 0, "chunk_length", 0},
			{"a chunk of another MD5", upload.Unknown, upload.Put{Length: 5, Body: body(5), WantMD5: md5}, 2, 5, "digest_mismatch", 1},
			{"a connection that breaks", 7, upload.Put{Length: 7, Body: body(5)}, 1, 0, "incomplete_body", 1},
		} {
			err := receive(tt.size, tt.put, tt.count, tt.chunk)
			if fault.CodeOf(err) != tt.code {
				t.Errorf("%s: %v, want %s", tt.name, err, tt.code)
			}
			got := d.load(tr)
			if got.OpenFiles != tt.left || got.Files != 1+tt.left {
				t.Errorf("%s: %d files, %d of them open", tt.name, got.Files, got.OpenFiles)
			}
			if _, err := d.Complete(d.ctx, tr.ID, d.Key(tr)); (err == nil) != (tt.left == 0) {
				t.Errorf("%s: complete: %v", tt.name, err)
			}
			if tt.left == 0 {
				if n := d.used(d.alice); n != 10 {
					t.Errorf("%s: %d bytes are held", tt.name, n)
				}
				continue
			}
			files, err := d.db.FilesOf(d.ctx, &got.Share, "", 10)
			d.must(err)
			d.must(d.DeleteFile(d.ctx, d.owner(), files[1].ID))
		}
		d.must(receive(5, upload.Put{Length: 5, Body: body(5)}, 1, 0)) // what is right may come then
		d.pass(time.Hour)
		if got := d.load(tr); got.Files != 2 || got.OpenFiles != 0 {
			t.Errorf("%d files, %d open", got.Files, got.OpenFiles)
		}
	})
}

// duringReader calls a function before its first byte.
type duringReader struct {
	*bytes.Reader
	during func()
}

func (r *duringReader) Read(p []byte) (int, error) {
	if r.during != nil {
		r.during()
		r.during = nil
	}
	return r.Reader.Read(p)
}

// TestARefusedFileThatComesTwice: the refusal of one request does not take the file
// from under another.
func TestARefusedFileThatComesTwice(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{})
		receive := func(body io.Reader, md5 []byte) error {
			_, err := d.Receive(d.ctx, tr.ID, d.Key(tr), transfer.FileForm{
				ID: upload.ID(d.ids.Text(id.Lower, 20)), Name: "file", Size: upload.Unknown,
			}, upload.Put{Number: 1, Length: 5, Body: body, WantMD5: md5})
			return err
		}
		d.must(receive(&duringReader{bytes.NewReader([]byte("right")), func() {
			d.fails(receive(strings.NewReader("wrong"), make([]byte, 16)), "digest_mismatch")
		}}, nil))
		got, err := d.Complete(d.ctx, tr.ID, d.Key(tr))
		d.must(err)
		if got.Files != 1 {
			t.Errorf("%d files", got.Files)
		}
	})
}
