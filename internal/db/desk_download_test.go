package db_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// fetch begins a download of the file by a holder: all of it, or some.
func (d *desk) fetch(tr *transfer.Transfer, f *upload.File, holder string, spans ...transfer.Span) (*transfer.Download, error) {
	if spans == nil {
		spans = whole(f.Size)
	}
	return d.Begin(d.ctx, transfer.Fetch{
		Transfer: d.load(tr), File: f, Size: f.Size, Spans: spans, Holder: holder, Address: "192.0.2.77", Agent: "test/1\r\n",
	})
}

func whole(size int64) []transfer.Span { return []transfer.Span{{Off: 0, N: size}} }

func (d *desk) records(tr *transfer.Transfer) []*transfer.Record {
	d.t.Helper()
	all, err := d.Records(d.ctx, tr, 1000)
	d.must(err)
	return all
}

func TestDownloadsAreRecorded(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, f := d.ready(transfer.Form{Sender: "alice@x.y", Notify: true, To: []string{"bob@x.y"}}, 1000)
		to, err := d.Recipients(d.ctx, tr, 1)
		d.must(err)
		d.letters()
		begin := func() *transfer.Download {
			t.Helper()
			dl, err := d.Begin(d.ctx, transfer.Fetch{
				Transfer: d.load(tr), Recipient: to[0], File: f, Size: 1000, Spans: whole(1000), Holder: "bob", Address: "192.0.2.77", Agent: "test/1\r\n",
			})
			d.must(err)
			return dl
		}
		d.must(d.End(d.ctx, begin(), nil))
		if all := d.records(tr); len(all) != 0 {
			t.Errorf("nothing arrived, and this is recorded: %+v", all)
		}
		// Four connections, as some programs have, in any order; one breaks off.
		for _, s := range []transfer.Span{{Off: 750, N: 250}, {Off: 0, N: 100}, {Off: 250, N: 500}} {
			d.must(d.End(d.ctx, begin(), []transfer.Span{s}))
		}
		if all := d.records(tr); len(all) != 1 || !all[0].WholeAt.IsZero() || all[0].Bytes != 850 {
			t.Errorf("not whole: %+v", all)
		}
		if got := d.load(tr); got.Downloads != 0 || d.letters() != nil {
			t.Error("counted before the last byte")
		}
		d.pass(time.Hour)
		d.must(d.End(d.ctx, begin(), []transfer.Span{{Off: 50, N: 200}}))
		all := d.records(tr)
		want := &transfer.Record{
			Key: all[0].Key, Home: tr.Key, Item: f.Key, Holder: all[0].Holder, Recipient: to[0].Key, At: d.now().Add(-time.Hour), Bytes: 1050,
			WholeAt: d.now(), Address: "192.0.2.0", Agent: "test/1",
		}
		if diff := cmp.Diff(want, all[0]); diff != "" || len(all) != 1 {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"letter.first_download"}, d.letters()); diff != "" {
			t.Error(diff)
		}
		zip, err := d.Begin(d.ctx, transfer.Fetch{Transfer: d.load(tr), Size: 5000, Spans: whole(5000), Holder: "somebody"})
		d.must(err)
		d.must(d.End(d.ctx, zip, []transfer.Span{{Off: 0, N: 5000}}))
		if diff := cmp.Diff([]string{"letter.download_summary"}, d.letters()); diff != "" {
			t.Error(diff)
		}
		for range 3 {
			d.must(d.End(d.ctx, begin(), []transfer.Span{{Off: 0, N: 1000}}))
		}
		if mail := d.letters(); mail != nil {
			t.Errorf("more letters: %v", mail)
		}
		got, file := d.load(tr), ignoreErr(d.uploads.File(d.ctx, d.alice, f.ID))
		r, _, err := d.Desk.Recipient(d.ctx, to[0].Key)
		d.must(err)
		if got.Downloads != 5 || file.Downloads != 4 || r.Downloads != 4 || len(d.records(tr)) != 5 {
			t.Errorf("%d downloads, %d of the file, %d by the recipient, %d records", got.Downloads, file.Downloads, r.Downloads, len(d.records(tr)))
		}

		// Two weeks later nobody knows any more from where.
		d.pass(transfer.RecordLife + time.Hour - 7*24*time.Hour)
		d.pass(7 * 24 * time.Hour)
		for _, r := range d.records(tr) {
			if r.Address != "" || r.Holder != "" || r.Bytes == 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}

func ignoreErr[T any](v T, _ error) T { return v }

func TestWhoIsNotCounted(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, f := d.ready(transfer.Form{Password: "pw"}, 1000)
		for name, fetch := range map[string]transfer.Fetch{
			"the sender": {Own: true}, "who asks not to be": {Untracked: true},
		} {
			fetch.Transfer, fetch.File, fetch.Size, fetch.Spans = d.load(tr), f, 1000, whole(1000)
			if !fetch.Own {
				pass, err := d.Unlock(d.ctx, tr, "pw", "192.0.2.1")
				d.must(err)
				fetch.Pass = pass
			}
			dl, err := d.Begin(d.ctx, fetch)
			d.must(err)
			d.must(d.End(d.ctx, dl, []transfer.Span{{Off: 0, N: 1000}}))
			if got := d.load(tr); got.Downloads != 0 || len(d.records(tr)) != 0 {
				t.Errorf("%s: %d downloads", name, got.Downloads)
			}
		}
	})
}

func TestWhatMayNotBeFetched(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, f := d.ready(transfer.Form{}, 1000)
		other, _ := d.ready(transfer.Form{}, 10)
		locked, lf := d.ready(transfer.Form{Password: "pw"}, 10)
		unfinished := d.handIn(transfer.Form{})
		uf := d.send(unfinished, "x", 5)
		open, err := d.begin(tr, "open", 2, 100)
		d.must(err)
		gone := d.send(tr, "gone", 5)
		d.must(d.DeleteFile(d.ctx, d.owner(), gone.ID))
		gone = ignoreErr(d.uploads.File(d.ctx, d.alice, gone.ID))
		for name, tt := range map[string]struct {
			of   *transfer.Transfer
			file *upload.File
			code string
		}{
			"a file of another transfer":       {other, f, "file_unknown"},
			"one of a transfer not complete":   {unfinished, uf, "transfer_unknown"},
			"one that is not whole":            {tr, open, "file_incomplete"},
			"one that was deleted":             {tr, gone, "file_deleted"},
			"one behind a password":            {locked, lf, "password_required"},
			"the archive, behind the password": {locked, nil, "password_required"},
		} {
			_, err := d.Begin(d.ctx, transfer.Fetch{Transfer: d.load(tt.of), File: tt.file, Size: 5, Spans: whole(5), Holder: "x"})
			if fault.CodeOf(err) != tt.code {
				t.Errorf("%s: %v, want %s", name, err, tt.code)
			}
		}
	})
}

// A file that is coming in is for doors that know of such files.
func TestLiveFilesAreForDoorsThatKnowThem(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{Live: true})
		f, err := d.OpenFile(d.ctx, tr.ID, d.Key(tr), transfer.FileForm{ID: "live", Name: "a", Size: 5})
		d.must(err)
		ask := transfer.Fetch{Transfer: d.load(tr), File: f, Size: 5, Spans: whole(5), Holder: "x"}
		_, err = d.Begin(d.ctx, ask)
		d.fails(err, "transfer_unknown")
		ask.Live = true
		d.must(ignore(d.Begin(d.ctx, ask)))
		ask.File, ask.Live = nil, true
		_, err = d.Begin(d.ctx, ask)
		d.fails(err, "archive_incomplete")
	})
}

func TestPasswords(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, f := d.ready(transfer.Form{Password: "right"}, 10)
		fetch := func(pass account.Secret) error {
			_, err := d.Begin(d.ctx, transfer.Fetch{Transfer: d.load(tr), File: f, Size: 10, Spans: whole(10), Holder: "x", Pass: pass})
			return err
		}
		d.fails(ignore(d.Unlock(d.ctx, tr, "", "192.0.2.1")), "password_required")
		pass, err := d.Unlock(d.ctx, tr, "right", "192.0.2.1")
		d.must(err)
		d.must(fetch(pass))
		for _, wrong := range []account.Secret{"", "right", pass + "0", account.Secret(tr.Password)} {
			d.fails(fetch(wrong), "password_required")
		}
		other, _ := d.ready(transfer.Form{Password: "right"}, 10)
		if d.Unlocked(other, pass) || !d.Unlocked(tr, pass) {
			t.Error("a pass opens another transfer, or not its own")
		}
		for range 20 { // who knows it is not guessing
			d.must(ignore(d.Unlock(d.ctx, tr, "right", "192.0.2.1")))
		}

		var refused atomic.Int64
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if _, err := d.Unlock(d.ctx, tr, "wrong", "2001:db8::1"); fault.CodeOf(err) == "too_many_tries" {
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		if refused.Load() != 20 {
			t.Errorf("%d of 30 tries were refused, want 20", refused.Load())
		}
		d.fails(ignore(d.Unlock(d.ctx, tr, "right", "2001:db8::2")), "too_many_tries") // a neighbour, and the right one
		d.must(ignore(d.Unlock(d.ctx, tr, "right", "2001:db8:1::1")))
		d.must(ignore(d.Unlock(d.ctx, other, "right", "2001:db8::1")))
		d.pass(14 * time.Minute)
		d.fails(ignore(d.Unlock(d.ctx, tr, "right", "2001:db8::1")), "too_many_tries")
		d.pass(2 * time.Minute)
		d.must(ignore(d.Unlock(d.ctx, tr, "right", "2001:db8::1")))

		_, err = d.Update(d.ctx, d.owner(), tr.ID, transfer.Change{Password: ptr(account.Secret("other"))}, rules)
		d.must(err)
		d.fails(fetch(pass), "password_required")
		_, err = d.Update(d.ctx, d.owner(), tr.ID, transfer.Change{Password: ptr(account.Secret(""))}, rules)
		d.must(err)
		d.must(fetch(""))
	})
}

func TestALimitOfDownloads(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, f := d.ready(transfer.Form{MaxDownloads: 2}, 1000)
		g := d.send(tr, "second", 10)
		begin := func(f *upload.File, holder string, spans ...transfer.Span) *transfer.Download {
			t.Helper()
			dl, err := d.fetch(tr, f, holder, spans...)
			d.must(err)
			return dl
		}
		end := func(dl *transfer.Download, spans ...transfer.Span) {
			t.Helper()
			d.must(d.End(d.ctx, dl, spans))
		}
		refused := func(f *upload.File, holder string) {
			t.Helper()
			_, err := d.fetch(tr, f, holder)
			d.fails(err, "downloads_used")
		}
		// Nothing arrived: the promise returns.
		for range 5 {
			end(begin(f, "unlucky"))
		}
		if got := d.load(tr); got.Claimed != 0 {
			t.Errorf("%d downloads are used up by nothing", got.Claimed)
		}
		// One of them, some at a time, and all files: that is one download.
		a, b := begin(f, "bob", transfer.Span{Off: 0, N: 500}), begin(f, "bob", transfer.Span{Off: 500, N: 500})
		end(b) // nothing arrived, but the other is under way
		if got := d.load(tr); got.Claimed != 1 {
			t.Errorf("%d claimed while an answer is under way", got.Claimed)
		}
		end(a, transfer.Span{Off: 0, N: 500})
		end(begin(f, "bob"), transfer.Span{Off: 500, N: 500})
		end(begin(g, "bob"), transfer.Span{Off: 0, N: 10})
		if got := d.load(tr); got.Claimed != 1 || got.Downloads != 2 {
			t.Errorf("%d claimed, %d fetched", got.Claimed, got.Downloads)
		}
		// The last byte was missed: the place is kept for a day.
		end(begin(f, "carol"), transfer.Span{Off: 0, N: 999})
		refused(f, "dave")
		refused(f, "bob") // it has it
		end(begin(f, "carol"), transfer.Span{Off: 0, N: 10})
		d.pass(25 * time.Hour)
		if got := d.load(tr); got.Claimed != 1 {
			t.Errorf("%d are used after the day, want one", got.Claimed)
		}
		end(begin(f, "dave"), transfer.Span{Off: 0, N: 1000})
		refused(g, "erin")
		d.pass(48 * time.Hour)
		refused(g, "erin")
		// Nobody may get around it by asking not to be tracked.
		_, err := d.Begin(d.ctx, transfer.Fetch{Transfer: d.load(tr), File: f, Size: 1000, Spans: whole(1000), Holder: "frank", Untracked: true})
		d.fails(err, "downloads_used")
		if _, err := d.Begin(d.ctx, transfer.Fetch{Transfer: d.load(tr), File: f, Size: 1000, Spans: whole(1000), Own: true}); err != nil {
			t.Error(err)
		}
	})
}

func TestManyForFewDownloads(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, f := d.ready(transfer.Form{MaxDownloads: 3}, 1000)
		var let, refused atomic.Int64
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				dl, err := d.fetch(tr, f, string(rune('a'+i)))
				switch {
				case err == nil:
					let.Add(1)
					if err := d.End(d.ctx, dl, []transfer.Span{{Off: 0, N: 1000}}); err != nil {
						t.Error(err)
					}
				case fault.CodeOf(err) == "downloads_used":
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if let.Load() != 3 || refused.Load() != 17 {
			t.Errorf("%d were let pass, %d refused; want 3 and 17", let.Load(), refused.Load())
		}
	})
}

// What one client has under way is not given to it a second time under the same claim.
func TestClaims(t *testing.T) {
	span := func(off, n int64) transfer.Span { return transfer.Span{Off: off, N: n} }
	type world struct {
		*desk
		tr  *transfer.Transfer
		f   *upload.File
		let func(spans ...transfer.Span) *transfer.Download
		no  func(spans ...transfer.Span) error
		end func(*transfer.Download, ...transfer.Span)
		out func(claimed, downloads int)
	}
	for name, run := range map[string]func(w world){
		"two from the start need two claims": func(w world) {
			a := w.let()
			b := w.let()
			if err := w.no(); !transfer.Busy(err) {
				w.t.Errorf("it may become free: %v", err)
			}
			w.out(2, 0)
			w.end(a, span(0, 999)) // it breaks off: the third may try it again
			c := w.let()
			w.end(b, span(0, 1000))
			w.end(c, span(0, 1000))
			w.out(2, 2)
			if err := w.no(); transfer.Busy(err) {
				w.t.Errorf("nothing is under way: %v", err)
			}
		},
		"ranges that do not overlap are one download": func(w world) {
			a, b, c := w.let(span(0, 100)), w.let(span(100, 400)), w.let(span(500, 500))
			w.out(1, 0)
			w.end(c, span(500, 500))
			w.end(a, span(0, 100))
			w.end(b, span(100, 400))
			w.out(1, 1)
		},
		"who goes on in the middle has lost the connection before": func(w world) {
			a := w.let()
			b := w.let(span(300, 700))
			w.out(1, 0)
			if n := a.Left(200, 1000); n != 100 {
				w.t.Errorf("%d bytes may still go out by the first, want 100", n)
			}
			if n := a.Left(400, 1000) + b.Left(999, 1) - 1; n != 0 {
				w.t.Errorf("the first goes on, or the second does not: %d", n)
			}
			w.end(a, span(0, 310))
			w.end(b, span(300, 700))
			w.out(1, 1)
			w.let() // another claim
			w.no()
		},
		"who has the first byte among others begins from the start": func(w world) {
			w.let()
			w.let(span(5, 5), span(0, 5), span(10, 990))
			w.out(2, 0)
		},
		"ranges in no order are ended as a whole": func(w world) {
			a := w.let(span(600, 100), span(100, 100))
			w.let(span(650, 350))
			if n := a.Left(600, 10); n != 0 {
				w.t.Errorf("%d bytes may still go out", n)
			}
			w.out(1, 0)
		},
		"a look is no download": func(w world) {
			for range 10 {
				a := w.let(span(0, 10))
				w.end(a, span(0, 10))
				w.out(0, 0)
			}
			w.end(w.let(span(0, 10)), span(0, 10)) // no file is put together from looks
			w.out(1, 0)
		},
		"some files are a download of their own": func(w world) {
			some := func(chosen string) error {
				dl, err := w.Begin(w.ctx, transfer.Fetch{Transfer: w.load(w.tr), Chosen: chosen, Size: 50, Spans: whole(50), Holder: "bob"})
				if err == nil {
					w.end(dl, span(0, 50))
				}
				return err
			}
			w.end(w.let(), span(0, 1000))
			w.must(some("one"))
			w.out(2, 2)
			w.fails(some("one"), "downloads_used")
			w.fails(some("two"), "downloads_used")
		},
		"to ask is no download": func(w world) {
			ask := transfer.Fetch{Transfer: w.load(w.tr), File: w.f, Size: 1000, Holder: "bob"}
			for range 3 {
				dl, err := w.Begin(w.ctx, ask)
				w.must(err)
				w.must(w.End(w.ctx, dl, nil))
			}
			w.out(0, 0)
			w.end(w.let(), span(0, 1000))
			w.end(w.let(), span(0, 1000))
			_, err := w.Begin(w.ctx, ask)
			w.fails(err, "downloads_used")
		},
		"what is under way for more than a day": func(w world) {
			a := w.let()
			w.pass(30 * time.Hour)
			w.let()
			w.no() // it has not returned
			w.pass(8 * 24 * time.Hour)
			w.out(2, 0)
			w.end(a, span(0, 1000))
			w.out(2, 1)
		},
		"some files that broke off are gone on with": func(w world) {
			some := func(off int64) {
				dl, err := w.Begin(w.ctx, transfer.Fetch{Transfer: w.load(w.tr), Chosen: "one", Size: 500, Spans: []transfer.Span{span(off, 500-off)}, Holder: "bob"})
				w.must(err)
				w.end(dl, span(off, 300))
			}
			some(0)
			w.end(w.let(), span(0, 1000))
			some(200)
			w.out(1, 2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBothDesks(t, func(t *testing.T, d *desk) {
				tr, f := d.ready(transfer.Form{MaxDownloads: 2}, 1000)
				run(world{
					desk: d, tr: tr, f: f,
					let: func(spans ...transfer.Span) *transfer.Download {
						t.Helper()
						dl, err := d.fetch(tr, f, "bob", spans...)
						d.must(err)
						return dl
					},
					no: func(spans ...transfer.Span) error {
						t.Helper()
						_, err := d.fetch(tr, f, "bob", spans...)
						d.fails(err, "downloads_used")
						return err
					},
					end: func(dl *transfer.Download, spans ...transfer.Span) {
						t.Helper()
						d.must(d.End(d.ctx, dl, spans))
					},
					out: func(claimed, downloads int) {
						t.Helper()
						if got := d.load(tr); got.Claimed != claimed || got.Downloads != downloads {
							t.Errorf("%d claimed, %d downloads; want %d and %d", got.Claimed, got.Downloads, claimed, downloads)
						}
					},
				})
			})
		})
	}
}

// What a node had under way when it died is not under way when it has started again. Other
// nodes do not know; who goes on by a range goes on there, too.
func TestClaimsOfADeadNode(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr, f := d.ready(transfer.Form{MaxDownloads: 1}, 1000)
		d.Node = "one"
		_, err := d.fetch(tr, f, "bob")
		d.must(err)
		_, err = d.fetch(tr, f, "carol")
		d.fails(err, "downloads_used")
		d.restart()
		d.Node = "two"
		_, err = d.fetch(tr, f, "bob")
		d.fails(err, "downloads_used")
		dl, err := d.fetch(tr, f, "bob", transfer.Span{Off: 400, N: 600})
		d.must(err)
		d.must(d.End(d.ctx, dl, nil))
		d.Node = "one"
		dl, err = d.fetch(tr, f, "bob")
		d.must(err)
		d.must(d.End(d.ctx, dl, nil))
		d.must(ignore(d.fetch(tr, f, "carol")))
		d.restart()
		d.Node = "one"
		d.pass(25 * time.Hour)
		d.must(ignore(d.fetch(tr, f, "bob")))
	})
}

// A link that thousands followed is forgotten in steps, and whole.
func TestManyRecordsAreForgotten(t *testing.T) {
	d := openDesk(t, "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"))
	tr, f := d.ready(transfer.Form{}, 10)
	for i := range 1100 {
		dl, err := d.fetch(tr, f, fmt.Sprint(i))
		d.must(err)
		d.must(d.End(d.ctx, dl, []transfer.Span{{Off: 0, N: 10}}))
	}
	d.must(d.Delete(d.ctx, d.owner(), tr.ID))
	d.pass(keep + time.Minute)
	d.pass(31 * day)
	if n := len(d.records(tr)); n != 100 {
		t.Errorf("%d records are left after one step, want 100", n)
	}
	d.pass(2 * time.Hour)
	if n := len(d.records(tr)); n != 0 {
		t.Errorf("%d records are left", n)
	}
	_, err := d.Get(d.ctx, d.owner(), tr.ID)
	d.fails(err, "transfer_unknown")
}

func TestFilesByTheirKeys(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		tr := d.handIn(transfer.Form{Subject: "Plans"})
		f, err := d.begin(tr, "a", 1, 0)
		d.must(err)
		got, home, err := d.File(d.ctx, f.Key)
		d.must(err)
		if got.ID != f.ID || got.Home.Key != tr.Key || home.ID != tr.ID || home.Track != tr.Track {
			t.Errorf("%+v of %+v", got, home)
		}
		for _, key := range []upload.Key{"", "nothing", upload.Key(tr.Key)} {
			_, _, err := d.File(d.ctx, key)
			d.fails(err, "file_unknown")
		}
	})
}
