package db

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/audit"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// What a change writes must not grow with the transfer: one row for each thing
// that changed.
func TestRowsWritten(t *testing.T) {
	w, _ := scriptedSQLite(t)
	tr, files := w.create(w.acc, make([]int64, 10_000)...)
	total := func() (n int) {
		w.must(w.write(w.ctx, func(t tx) error {
			return t.query(func(row scan) error { return row(&n) }, `select total_changes()`)
		}))
		return n
	}
	for _, tt := range []struct {
		name   string
		change func() error
		want   int
	}{
		{"a part: its row and the file's", func() error { return w.put(files[5000], 1, 0, "") }, 2},
		{"a part once more", func() error { return w.put(files[5000], 1, 0, "") }, 2},
		{"completing: the file and the counter of open files", func() error {
			_, err := w.Complete(w.ctx, files[5000].ID, func(f *upload.File, _ func() ([]upload.Part, error)) ([]int, []job.Job, error) {
				f.State = upload.Complete
				return nil, nil, nil
			})
			return err
		}, 2},
		{"completing again", func() error {
			_, err := w.Complete(w.ctx, files[5000].ID, func(*upload.File, func() ([]upload.Part, error)) ([]int, []job.Job, error) { return nil, nil, nil })
			return err
		}, 0},
		{"finalizing", func() error {
			_, err := w.UpdateTransfer(w.ctx, tr.ID, func(t *transfer.Transfer) ([]job.Job, error) {
				t.OpenFiles = 0
				return nil, t.Finalize(now)
			})
			return err
		}, 1},
		{"finalizing again", func() error {
			_, err := w.UpdateTransfer(w.ctx, tr.ID, func(t *transfer.Transfer) ([]job.Job, error) { return nil, t.Finalize(now) })
			return err
		}, 0},
	} {
		before := total()
		w.must(tt.change())
		if n := total() - before; n != tt.want {
			t.Errorf("%s: %d rows, want %d", tt.name, n, tt.want)
		}
	}
}

// No statement may look at every row of a table: with a million of them that is
// an outage. EXPLAIN says so for every statement that a run of everything makes.
func TestNoStatementScans(t *testing.T) {
	onBothScripted(t, func(t *testing.T, w world, s *script) {
		s.do(nil)
		runEverything(w)
		s.mu.Lock()
		texts := slices.Sorted(maps.Keys(s.seen))
		s.mu.Unlock()
		explained := 0
		for _, text := range texts {
			verb, _, _ := strings.Cut(strings.TrimSpace(text), " ")
			if verb != "select" && verb != "update" && verb != "delete" && verb != "insert" {
				continue
			}
			explained++
			plan := w.explain(text)
			for _, bad := range []string{"SCAN", "TEMP B-TREE", "Seq Scan", "Sort"} {
				if strings.Contains(plan, bad) {
					t.Errorf("%s\n%s", text, plan)
				}
			}
		}
		if explained < 30 {
			t.Errorf("only %d statements were seen", explained)
		}
	})
}

// hold lays a hold.
func (w world) hold() (id string) {
	id = w.ids.Key()
	w.must(w.Hold(w.ctx, id, now, now.Add(time.Minute)))
	return id
}

func runEverything(w world) {
	for _, change := range w.changes() {
		w.must(change())
	}
	tr, files := w.create(w.acc, 10)
	k := &account.APIKey{ID: "k", Account: w.acc}
	_, err := w.FilesOf(w.ctx, &tr.Share, "", 10)
	for _, err := range []error{
		err,
		w.CreateKey(w.ctx, k), w.EnsureAccount(w.ctx, &account.Account{ID: "e"}),
		w.Suspect(w.ctx, files[0].Key), w.Certs().Put(w.ctx, "c", []byte{1}), w.Certs().Delete(w.ctx, "c"),
		w.Done(w.ctx, job.Job{Kind: "a"}), w.Retry(w.ctx, job.Job{Kind: "a"}, nil),
	} {
		w.must(err)
	}
	_, _ = w.AccountByEmail(w.ctx, "x")
	_, _ = w.HasAdmin(w.ctx)
	_, _ = w.KeyByHash(w.ctx, k.Hash)
	_, _ = w.KeyByID(w.ctx, "k")
	_, _ = w.ByID(w.ctx, "x")
	_, _ = w.ByCode(w.ctx, "x")
	_, _ = w.Due(w.ctx, now, 1)
	_, _ = w.Blobs(w.ctx, tr.Key, 1)
	_, _ = w.Promised(w.ctx, []blob.ID{"x"})
	_, _ = w.File(w.ctx, "x")
	_, _, _ = w.FileAndPart(w.ctx, "x", 1)
	_, _ = w.Parts(w.ctx, "x", 0, 1)
	_, _ = w.Links(w.ctx, "x")
	_, _ = w.Next(w.ctx)
	_, _ = w.Certs().Get(w.ctx, "x")
	_, _, _ = w.TransferByTrack(w.ctx, "x")
	_, _ = w.TransferByKey(w.ctx, "x")
	_, _ = w.FileNamed(w.ctx, "x", "x")
	_, _ = w.Recipients(w.ctx, "x", "", 10)
	_, _ = w.RecipientsOf(w.ctx, []share.Key{"x"})
	_, _ = w.Recipient(w.ctx, "x")
	_, _ = w.DownloadRecords(w.ctx, "x", "", 10)
	_, _ = w.SentPage(w.ctx, w.acc, "", 10)
	_, _ = w.SentPage(w.ctx, w.acc, "x", 10)
	_, _ = w.InboxPage(w.ctx, "a@x.y", transfer.Place{}, 10)
	_, _ = w.InboxPage(w.ctx, "a@x.y", transfer.Place{At: now, Key: "x"}, 10)
	_, _ = w.DeletedBlobs(w.ctx, "x")
	later := now.Add(99 * time.Hour)
	_, err = w.SweepDownloads(w.ctx, later, later, later, 10, func(*transfer.Claim) {})
	w.must(err)
	_, err = w.SweepDays(w.ctx, later, 10)
	w.must(err)
	for _, change := range w.hookChanges() {
		_ = change()
	}
	_, _ = w.Hooks(w.ctx, w.acc)
	_, _ = w.HookOf(w.ctx, w.acc, "x")
	_, _ = w.HookByID(w.ctx, "x")
	_, _ = w.Message(w.ctx, "x")
	_, _ = w.MessagesOf(w.ctx, "x", "", 10)
	_, _ = w.DownloadRecord(w.ctx, "x")
	o := w.object("key")
	_, _ = w.PutObject(w.ctx, o)
	o = w.object("key")
	o.WrittenAt = now.Add(1)
	_, _ = w.PutObject(w.ctx, o)
	_, _ = w.Object(w.ctx, o.Owner, "key")
	_, _ = w.ObjectsOf(w.ctx, o.Owner, "", "", now, 10)
	_, _ = w.ObjectsOf(w.ctx, o.Owner, "", "z", now, 10)
	_, _ = w.DropObject(w.ctx, o.Owner, "key")
	_, _ = w.Checkable(w.ctx, "x", 10)
	_, _ = w.Leaving(w.ctx, []blob.ID{"x"})
	_, _ = w.ScrubState(w.ctx)
	_, _ = w.Held(w.ctx, now)
	w.must(w.Prolong(w.ctx, w.hold(), now, later))
	w.must(w.SaveOutcome(w.ctx, &audit.Outcome{
		At: now, Sums: make([]audit.Sum, 1), Damaged: []upload.Key{"x"}, Suspect: []upload.Key{"x"}, State: []byte{1},
	}))
	w.readBook()
	w.readOutbox()
	w.readPeople()
}

func (w world) explain(text string) string {
	w.t.Helper()
	var plan strings.Builder
	switch e := w.engine.(type) {
	case *sqlite:
		rows, err := e.writer.QueryContext(w.ctx, "explain query plan "+text, make([]any, places(text))...)
		w.must(err)
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var detail string
			w.must(rows.Scan(&id, &parent, &unused, &detail))
			fmt.Fprintln(&plan, detail)
		}
		w.must(rows.Err())
	case *postgres:
		conn, err := e.pool.Acquire(w.ctx)
		w.must(err)
		defer conn.Release()
		nulls := ""
		if n := places(text); n > 0 {
			nulls = "(null" + strings.Repeat(", null", n-1) + ")"
		}
		for _, q := range []string{"set enable_seqscan = off", "set enable_bitmapscan = off", "set plan_cache_mode = force_generic_plan", "deallocate all", "prepare q as " + text} {
			_, err := conn.Conn().PgConn().Exec(w.ctx, q).ReadAll()
			w.must(err)
		}
		results, err := conn.Conn().PgConn().Exec(w.ctx, "explain execute q"+nulls).ReadAll()
		w.must(err)
		for _, row := range results[0].Rows {
			fmt.Fprintln(&plan, string(row[0]))
		}
	}
	return plan.String()
}

// places gives the number of parameters of a statement.
func places(text string) int {
	n := 0
	for strings.Contains(text, fmt.Sprint("$", n+1)) {
		n++
	}
	return n
}
