package upload_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"syscall"
	"testing"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk/disktest"
	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/upload"
)

// Who may send 10,000 parts, each as long as the file, could store 10,000 times
// what was reserved.
func TestPartsTogetherAreBounded(t *testing.T) {
	w := newWorld(t)
	f := w.file(2500)
	for _, n := range []int{1, 2} {
		if err := w.put(f, n, pattern(2500, byte(n))); err != nil {
			t.Fatal(err)
		}
	}
	tooMuch := func(length int64, body string) {
		t.Helper()
		_, err := w.Put(context.Background(), upload.Put{
			Account: owner, File: f.ID, Number: 3, Length: length, Body: strings.NewReader(body),
		})
		if fault.CodeOf(err) != "part_too_large" {
			t.Errorf("a third time the file's size: %v", err)
		}
	}
	tooMuch(1, "x")
	tooMuch(-1, "x")
	if err := w.put(f, 2, pattern(2500, 9)); err != nil {
		t.Errorf("a part in place of another: %v", err)
	}
	if err := w.put(f, 2, nil); err != nil {
		t.Errorf("a smaller part in place of another: %v", err)
	}
	if _, err := w.Complete(context.Background(), f.ID, upload.CompleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.read(f), pattern(2500, 1)) {
		t.Error("other bytes came out")
	}
}

// A lateStore answers its first PutPart as if the connection to the database
// were lost in the commit, which takes effect only when it is told to.
type lateStore struct {
	*coretest.Model
	commit func() error
}

func (s *lateStore) PutPart(
	ctx context.Context, file upload.Key, number int, change func(*upload.File, *upload.Part) (*upload.NewPart, error),
) error {
	if s.commit != nil {
		return s.Model.PutPart(ctx, file, number, change)
	}
	s.commit = func() error { return s.Model.PutPart(ctx, file, number, change) }
	return fault.New(fault.Unavailable, "database_unavailable", "the connection was lost")
}

func TestBytesOfAnUnknownCommitAreNotOverwritten(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	f := w.file(2500)
	store := &lateStore{Model: w.model}
	w.Service = upload.NewService(store, w.blobs, w.ids, now, upload.Limits{})
	data := pattern(2500, 1)
	if err := w.put(f, 1, data[:1000]); err == nil {
		t.Fatal("a part without a row was acknowledged")
	}
	// The client tries again, with other bytes, and is cut off.
	_, err := w.Put(ctx, upload.Put{
		Account: owner, File: f.ID, Number: 1, Length: 1000,
		Body: &brokenBody{bytes.NewReader(pattern(700, 9)), io.ErrUnexpectedEOF},
	})
	if fault.CodeOf(err) != "incomplete_body" {
		t.Fatal(err)
	}
	if err := store.commit(); err != nil {
		t.Fatal(err)
	}
	for n, body := range cut(data[1000:], chunk) {
		if err := w.put(f, n+1, body); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Complete(ctx, f.ID, upload.CompleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.read(f), data) {
		t.Error("the row promises bytes that were overwritten")
	}
}

func TestSamePartAgainWhileItIsAbandoned(t *testing.T) {
	t.Run("beside its row", func(t *testing.T) { samePartAgainWhileAbandoned(t, 1000) })
	t.Run("in a blob", func(t *testing.T) { samePartAgainWhileAbandoned(t, 1500) })
}

func samePartAgainWhileAbandoned(t *testing.T, size int64) {
	ctx := context.Background()
	w := newWorld(t)
	f := w.file(size)
	data := pattern(int(size), 1)
	if err := w.put(f, 1, data[:1000]); err != nil {
		t.Fatal(err)
	}
	body := &during{Reader: bytes.NewReader(data[:1000]), do: func() {
		if err := w.Abandon(ctx, f); err != nil {
			t.Error(err)
		}
	}}
	if _, err := w.Put(ctx, upload.Put{Account: owner, File: f.ID, Number: 1, Length: 1000, Body: body}); err != nil {
		t.Fatal(err)
	}
	if size > 1000 {
		if err := w.put(f, 2, data[1000:]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Complete(ctx, f.ID, upload.CompleteOptions{}); err != nil {
		t.Fatalf("a part that was acknowledged is not there: %v", err)
	}
	if !bytes.Equal(w.read(f), data) {
		t.Error("other bytes came out")
	}
}

// A during does something once, while it is read.
type during struct {
	io.Reader
	do func()
}

func (d *during) Read(p []byte) (int, error) {
	if d.do != nil {
		d.do()
		d.do = nil
	}
	return d.Reader.Read(p)
}

// A file that cannot be opened for want of descriptors is not damaged.
func TestRereadingForgetsNoPartThatItCouldNotOpen(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	f := w.file(2500)
	data := pattern(2500, 1)
	bodies := cut(data, chunk)
	if err := w.put(f, 1, bodies[1]); err != nil {
		t.Fatal(err)
	}
	failing := func(do string, with error) func(disktest.Call) error {
		return func(c disktest.Call) error {
			if c.Do == do {
				return with
			}
			return nil
		}
	}
	w.hook = failing("Datasync", syscall.EIO)
	if err := w.put(f, 2, bodies[2]); err == nil {
		t.Fatal("acknowledged without a sync")
	}
	w.hook = failing("OpenFile", syscall.EMFILE)
	if _, err := w.Complete(ctx, f.ID, upload.CompleteOptions{}); err == nil || fault.CodeOf(err) == "part_missing" {
		t.Errorf("complete, while no file can be opened: %v", err)
	}
	w.hook = nil
	if parts, err := w.AllParts(ctx, f.Key); err != nil || len(parts) != 1 {
		t.Errorf("%d parts are left, %v", len(parts), err)
	}
}

// A filling disk has room until somebody writes to it.
type filling struct {
	blob.Store
	room int64
}

func (s *filling) Space(context.Context) (blob.Space, error) { return blob.Space{Free: s.room}, nil }

func TestBodyWithoutEndLeavesRoomOnTheDisk(t *testing.T) {
	w := newWorld(t)
	f := w.file(64 << 20)
	disk := &filling{Store: w.blobs, room: 100 << 20}
	w.Service = upload.NewService(w.model, disk, w.ids, now, upload.Limits{MinFree: 1 << 20})
	var sent int64
	body := io.TeeReader(bytes.NewReader(make([]byte, 64<<20)), counter(func(n int) {
		if sent += int64(n); sent > 1<<20 {
			disk.room = 0
		}
	}))
	_, err := w.Put(context.Background(), upload.Put{Account: owner, File: f.ID, Number: 1, Length: -1, Body: body})
	if fault.CodeOf(err) != "disk_full" || sent > 32<<20 {
		t.Errorf("%d bytes were taken, %v", sent, err)
	}
}

type counter func(int)

func (c counter) Write(p []byte) (int, error) {
	c(len(p))
	return len(p), nil
}

// Who announces a file of 2^53 bytes and completes it at once must not be told all
// of its billion parts.
func TestMissingPartsAreCountedOnlySoFar(t *testing.T) {
	w := newWorld(t)
	f := w.file(100_000_000)
	if err := w.put(f, 100_000, pattern(chunk, 1)); err != nil {
		t.Fatal(err)
	}
	_, err := w.Complete(context.Background(), f.ID, upload.CompleteOptions{})
	e, ok := errors.AsType[*upload.Incomplete](err)
	if !ok || fault.CodeOf(err) != "part_missing" || len(e.Missing) != 1000 || e.Missing[999] != 1000 {
		t.Errorf("%d parts are named, %v", len(e.Missing), fault.CodeOf(err))
	}
	for _, size := range []int64{1 << 53, math.MaxInt64} {
		if n := upload.PlannedParts(size, size); n != 1 {
			t.Errorf("a file of %d bytes in one part has %d", size, n)
		}
	}
}

func TestTwoCompleteASuspectFileAtOnce(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	f := w.file(2500)
	for n, body := range cut(pattern(2500, 1), chunk) {
		if err := w.put(f, n, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.model.Suspect(ctx, f.Key); err != nil {
		t.Fatal(err)
	}
	refused := false
	w.model.Hook = func(call string) error {
		if call == "File" && refused { // the first was told that it is suspect, and has another look
			w.model.Hook = nil
			if _, err := w.Complete(ctx, f.ID, upload.CompleteOptions{}); err != nil {
				t.Error(err)
			}
		}
		refused = refused || call == "Complete"
		return nil
	}
	if _, err := w.Complete(ctx, f.ID, upload.CompleteOptions{}); err != nil {
		t.Error(err)
	}
}
