package db

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/testenv"
)

// blockWriter makes changes wait behind one that is under way; they go on when
// release is called.
func blockWriter(w world, changes ...func()) (release func(), wait func()) {
	entered, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		w.must(w.write(w.ctx, func(tx) error {
			close(entered)
			<-leave
			return nil
		}))
	})
	<-entered
	for _, c := range changes {
		wg.Go(c)
		time.Sleep(10 * time.Millisecond) // in this order; a test that passes by luck still passes
	}
	return func() { close(leave) }, wg.Wait
}

func scriptedSQLite(t *testing.T) (world, *script) {
	s := new(script)
	return openWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), Options{before: s.hook}), s
}

func TestChangesThatWaitShareOneCommit(t *testing.T) {
	w, s := scriptedSQLite(t)
	acc := w.account(25)
	var made, refused atomic.Int64
	create := func() {
		tr, files := w.draft(acc, 10)
		switch err := w.CreateTransfer(w.ctx, tr, files); {
		case err == nil:
			made.Add(1)
		case fault.Is(err, "quota_exceeded"):
			refused.Add(1)
		default:
			t.Error(err)
		}
	}
	s.do(nil)
	release, wait := blockWriter(w, create, create, create, create, create)
	release()
	wait()
	if made.Load() != 2 || refused.Load() != 3 || w.used(acc) != 20 {
		t.Errorf("%d made, %d refused, %d bytes reserved; want 2, 3, 20", made.Load(), refused.Load(), w.used(acc))
	}
	if n := s.count("commit"); n != 2 {
		t.Errorf("%d commits, want 2: the first alone, then all who waited", n)
	}
}

func TestWhoWasRefusedWaitsForTheCommitToo(t *testing.T) {
	w, s := scriptedSQLite(t)
	acc := w.account(15)
	boom := errors.New("boom")
	var mu sync.Mutex
	var errs []error
	create := func() {
		tr, files := w.draft(acc, 10)
		err := w.CreateTransfer(w.ctx, tr, files)
		mu.Lock()
		errs = append(errs, err)
		mu.Unlock()
	}
	release, wait := blockWriter(w, create, create)
	commits := 0
	s.do(func(sql string) error {
		if sql == "commit" {
			if commits++; commits == 2 {
				return boom
			}
		}
		return nil
	})
	release()
	wait()
	// The second was refused for what the first wrote, which never came to be.
	if len(errs) != 2 || !errors.Is(errs[0], boom) || !errors.Is(errs[1], boom) {
		t.Errorf("got %v, want the commit's error for both", errs)
	}
	if n := w.used(acc); n != 0 {
		t.Errorf("%d bytes are reserved", n)
	}
}

func TestAPanicStaysWithItsRequest(t *testing.T) {
	w, _ := scriptedSQLite(t)
	var created error
	var caught any
	release, wait := blockWriter(w, func() {
		defer func() { caught = recover() }()
		_ = w.write(w.ctx, func(t tx) error {
			t.exec(`delete from accounts where id = $1`, w.acc)
			panic("ouch")
		})
	}, func() {
		tr, files := w.draft(w.acc, 10)
		created = w.CreateTransfer(w.ctx, tr, files)
	})
	release()
	wait()
	if caught != "ouch" || created != nil || w.used(w.acc) != 10 {
		t.Errorf("caught %v; the other: %v, %d bytes reserved", caught, created, w.used(w.acc))
	}
}

func TestAPanicDoesNotPoisonPostgres(t *testing.T) {
	w := openWorld(t, testenv.Postgres(t), Options{})
	for range 20 {
		func() {
			defer func() { _ = recover() }()
			_ = w.write(w.ctx, func(t tx) error {
				_ = t.query(func(scan) error { return nil }, `delete from accounts where id = $1`, w.acc)
				panic("ouch")
			})
		}()
	}
	w.create(w.acc, 10)
}

func TestAChangeThatNeverEndsDoesNotPoisonSQLite(t *testing.T) {
	w, _ := scriptedSQLite(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.write(w.ctx, func(t tx) error {
			t.exec(`delete from accounts where id = $1`, w.acc)
			runtime.Goexit() // as t.FailNow does
			return nil
		})
	}()
	<-done
	w.create(w.acc, 10)
}

// codedError is an error of SQLite's that a test cannot make happen.
type codedError int

func (e codedError) Error() string { return fmt.Sprint("code ", int(e)) }
func (e codedError) Code() int     { return int(e) }

func TestAfterAFailedSyncNothingIsWritten(t *testing.T) {
	w, s := scriptedSQLite(t)
	tr, _ := w.create(w.acc, 10)
	const fsyncFailed = 1034 // SQLITE_IOERR_FSYNC
	s.do(func(sql string) error {
		if sql == "commit" {
			return codedError(fsyncFailed)
		}
		return nil
	})
	next, files := w.draft(w.acc, 10)
	if err := w.CreateTransfer(w.ctx, next, files); fault.KindOf(err) != fault.Internal {
		t.Errorf("the commit that failed: %v", err)
	}
	select {
	case <-w.Broken():
	default:
		t.Error("the program was not told")
	}
	s.do(nil)
	if err := w.CreateTransfer(w.ctx, next, files); sqliteCode(err) != fsyncFailed {
		t.Errorf("a later write: %v", err)
	}
	if s.count("begin immediate") != 0 {
		t.Error("a later write was begun")
	}
	if _, err := w.Transfer(w.ctx, tr.ID); err != nil {
		t.Errorf("reads go on until the program ends: %v", err)
	}
}

func TestAFullDiskIsANormalDay(t *testing.T) {
	w, _ := scriptedSQLite(t)
	tr, _ := w.create(w.acc, 10)
	limit := func(pages int) {
		if _, err := w.engine.(*sqlite).writer.ExecContext(w.ctx, fmt.Sprintf("pragma max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // as many as there are
	big := make([]int64, 1000)
	before := w.tables()
	for range 2 {
		next, files := w.draft(w.acc, big...)
		w.fails(w.CreateTransfer(w.ctx, next, files), fault.Full, "disk_full")
	}
	if diff := cmp.Diff(before, w.tables()); diff != "" {
		t.Error("something is left:", diff)
	}
	w.setState(tr.Key, share.Deleted) // deleting works
	limit(1 << 30)
	w.create(w.acc, big...)
	select {
	case <-w.Broken():
		t.Error("a full disk closed the database")
	default:
	}
}
