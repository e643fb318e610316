// Package blobtest judges stores of blobs: what blob.Store promises, as tests.
//
// It owns every lesson learnt about stores, so that all of them have learnt it.
// What only one kind of store can do wrong, such as the order of its fsyncs, is
// tested beside that store. Start at Run.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

// Run holds the stores that open gives, each of them empty, to the contract.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, s blob.Store)
	}{
		{"what was written comes back", testWriteAndRead},
		{"a blob nobody wrote to is empty", testEmpty},
		{"a later Writer adds to what is there", testLaterWriter},
		{"a run that was never written is zeros", testHoles},
		{"many Writers of one blob sync together", testParallelWriters},
		{"many blobs are written at once", testManyBlobs},
		{"a Writer may close without Sync", testCloseWithoutSync},
		{"Sync refuses when its context is over", testSyncContext},
		{"readers read anywhere", testReader},
		{"content is copied across blobs", testCopy},
		{"a missing blob is told as such", testMissing},
		{"a removed blob is missing", testRemove},
		{"a reader keeps a blob that is removed", testRemoveWhileReading},
		{"removing while writing harms nobody", testRemoveWhileWriting},
		{"Walk sees every blob in order", testWalk},
		{"Walk ends when it is told to", testWalkEnds},
		{"a walker may remove what it is shown", testRemoveInWalk},
		{"text that is no id is refused everywhere", testHostileIDs},
		{"Space tells something sensible", testSpace},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

// Bytes gives n bytes that follow from seed.
func Bytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// NewID gives an id that nobody had before.
func NewID() blob.ID { return blob.ID(id.NewSource(time.Now).Key()) }

// Write writes p at off into the blob, as an upload does: Edit, WriteAt, Sync, Close.
func Write(ctx context.Context, s blob.Store, id blob.ID, p []byte, off int64) error {
	w, err := s.Edit(ctx, id)
	if err != nil {
		return err
	}
	_, err = w.WriteAt(p, off)
	if err == nil {
		err = w.Sync(ctx)
	}
	return errors.Join(err, w.Close())
}

// Read reads the whole blob.
func Read(ctx context.Context, s blob.Store, id blob.ID) ([]byte, error) {
	r, err := s.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func put(t *testing.T, s blob.Store, p []byte) blob.ID {
	t.Helper()
	id := NewID()
	putAt(t, s, id, p, 0)
	return id
}

func putAt(t *testing.T, s blob.Store, id blob.ID, p []byte, off int64) {
	t.Helper()
	if err := Write(t.Context(), s, id, p, off); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, s blob.Store, id blob.ID, want []byte) {
	t.Helper()
	got, err := Read(t.Context(), s, id)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("blob %s holds %d bytes which are not the %d written", id, len(got), len(want))
	}
}

func isMissing(t *testing.T, s blob.Store, id blob.ID) {
	t.Helper()
	_, err := s.Open(t.Context(), id)
	if fault.KindOf(err) != fault.NotFound || fault.CodeOf(err) != "blob_missing" {
		t.Errorf("Open of a missing blob: %v, want not found (blob_missing)", err)
	}
}

func edit(t *testing.T, s blob.Store, id blob.ID) blob.Writer {
	t.Helper()
	w, err := s.Edit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func testWriteAndRead(t *testing.T, s blob.Store) {
	for _, size := range []int{1, 511, 4096, 1 << 20, 3<<20 + 1} {
		data := Bytes(uint64(size), size)
		holds(t, s, put(t, s, data), data)
	}
}

func testEmpty(t *testing.T, s blob.Store) {
	id := NewID()
	w := edit(t, s, id)
	if err := w.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	holds(t, s, id, nil)
}

func testLaterWriter(t *testing.T, s blob.Store) {
	data := Bytes(1, 300_000)
	id := put(t, s, data[:100_000])
	putAt(t, s, id, data[200_000:], 200_000)
	putAt(t, s, id, data[100_000:200_000], 100_000)
	holds(t, s, id, data)
}

func testHoles(t *testing.T, s blob.Store) {
	data := Bytes(2, 1000)
	id := NewID()
	putAt(t, s, id, data, 1<<20)
	holds(t, s, id, slices.Concat(make([]byte, 1<<20), data))
}

func testParallelWriters(t *testing.T, s blob.Store) {
	const part, parts = 70_001, 16
	data := Bytes(3, part*parts)
	id := NewID()
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() {
			off := i * part
			if err := Write(t.Context(), s, id, data[off:off+part], int64(off)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	holds(t, s, id, data)
}

func testManyBlobs(t *testing.T, s blob.Store) {
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			id, data := NewID(), Bytes(uint64(i), 1000+i)
			if err := Write(t.Context(), s, id, data, 0); err != nil {
				t.Error(err)
				return
			}
			if got, err := Read(t.Context(), s, id); err != nil || !bytes.Equal(got, data) {
				t.Errorf("blob %d does not hold what was written: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func testCloseWithoutSync(t *testing.T, s blob.Store) {
	id := NewID()
	w := edit(t, s, id)
	if _, err := w.WriteAt([]byte("never promised"), 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data := Bytes(4, 100) // and the next one may go on
	putAt(t, s, id, data, 0)
	got, err := Read(t.Context(), s, id)
	if err != nil || !bytes.HasPrefix(got, data) {
		t.Errorf("after a Writer that gave up, the blob does not hold what the next one wrote: %v", err)
	}
}

func testSyncContext(t *testing.T, s blob.Store) {
	w := edit(t, s, NewID())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Sync(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Sync for a caller that is gone: %v", err)
	}
	if err := w.Sync(t.Context()); err != nil {
		t.Errorf("the next Sync: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func testReader(t *testing.T, s blob.Store) {
	data := Bytes(5, 100_000)
	r, err := s.Open(t.Context(), put(t, s, data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := r.Seek(0, io.SeekEnd); err != nil || n != 100_000 {
		t.Errorf("the end is at %d, %v", n, err)
	}
	if n, err := r.Seek(70_000, io.SeekStart); err != nil || n != 70_000 {
		t.Errorf("Seek: %d, %v", n, err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data[70_000:]) {
		t.Errorf("read %d bytes from the middle, %v", len(got), err)
	}
	buf := make([]byte, 1000)
	if n, err := r.ReadAt(buf, 12_345); err != nil || !bytes.Equal(buf[:n], data[12_345:13_345]) {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	if n, err := r.ReadAt(buf, 99_990); err != io.EOF || !bytes.Equal(buf[:n], data[99_990:]) {
		t.Errorf("ReadAt across the end: %d, %v, want 10, EOF", n, err)
	}
	if n, err := r.Read(buf); n != 0 || err != io.EOF {
		t.Errorf("Read at the end: %d, %v; ReadAt must not move the reader", n, err)
	}
}

func testCopy(t *testing.T, s blob.Store) {
	a, b := Bytes(6, 50_000), Bytes(7, 50_000)
	c := blob.Content{{Blob: put(t, s, a), Offset: 100, Length: 40_000}, {Blob: put(t, s, b), Length: 50_000}}
	want := slices.Concat(a[100:40_100], b)
	var out bytes.Buffer
	if n, err := blob.Copy(t.Context(), &out, s, c, 39_000, 20_000); err != nil || n != 20_000 {
		t.Fatalf("copied %d, %v", n, err)
	}
	if !bytes.Equal(out.Bytes(), want[39_000:59_000]) {
		t.Error("the copy differs")
	}
	c[1].Length++ // a row that promises more than there is
	if n, err := blob.Copy(t.Context(), io.Discard, s, c, 0, c.Size()); err != io.ErrUnexpectedEOF || n != 90_000 {
		t.Errorf("copy of content that is too short: %d, %v, want 90000, unexpected EOF", n, err)
	}
}

func testMissing(t *testing.T, s blob.Store) {
	isMissing(t, s, NewID())
	if err := s.Remove(t.Context(), NewID()); err != nil {
		t.Errorf("Remove of a missing blob: %v", err)
	}
}

func testRemove(t *testing.T, s blob.Store) {
	id, neighbour, data := NewID(), NewID(), Bytes(8, 1000)
	putAt(t, s, id, data, 0)
	putAt(t, s, neighbour, data, 0)
	for range 2 {
		if err := s.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		isMissing(t, s, id)
	}
	holds(t, s, neighbour, data)
	putAt(t, s, id, data[:10], 5)
	holds(t, s, id, slices.Concat(make([]byte, 5), data[:10])) // nothing of the former one
}

func testRemoveWhileReading(t *testing.T, s blob.Store) {
	data := Bytes(9, 2<<20)
	id := put(t, s, data)
	r, err := s.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := make([]byte, 1000)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(append(got, rest...), data) {
		t.Errorf("the reader lost the blob: %v", err)
	}
	isMissing(t, s, id)
}

// The Writer's Sync may fail, as there is nothing left that could be promised, and
// the blob may be there again or not: a sweep will find it. Nothing else may break.
func testRemoveWhileWriting(t *testing.T, s blob.Store) {
	id := NewID()
	w := edit(t, s, id)
	if _, err := w.WriteAt([]byte("before"), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt([]byte("after"), 6); err != nil && fault.CodeOf(err) != "blob_missing" {
		t.Errorf("WriteAt: %v", err)
	}
	if err := w.Sync(t.Context()); err != nil && fault.CodeOf(err) != "blob_missing" {
		t.Errorf("Sync: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := s.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	isMissing(t, s, id)
}

// spread gives n ids made over some hours of the past, so that stores which sort
// blobs by their time have more than one place for them.
func spread(n int) (ids []blob.ID) {
	now := time.Now().Add(-3 * time.Hour)
	source := id.NewSource(func() time.Time { return now })
	for range n {
		ids = append(ids, blob.ID(source.Key()))
		now = now.Add(5 * time.Minute)
	}
	return ids
}

func walk(t *testing.T, s blob.Store) (infos []blob.Info) {
	t.Helper()
	err := s.Walk(t.Context(), func(i blob.Info) error {
		infos = append(infos, i)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return infos
}

func testWalk(t *testing.T, s blob.Store) {
	if got := walk(t, s); len(got) > 0 {
		t.Fatalf("an empty store shows %v", got)
	}
	ids := spread(30)
	from := time.Now().Add(-time.Minute) // clocks of stores are coarse
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(ids)) {
		putAt(t, s, ids[i], Bytes(uint64(i), 100+i), 0)
	}
	if err := s.Remove(t.Context(), ids[7]); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for i, id := range ids {
		if i != 7 {
			want = append(want, fmt.Sprintf("%s of %d", id, 100+i))
		}
	}
	for _, i := range walk(t, s) {
		got = append(got, fmt.Sprintf("%s of %d", i.ID, i.Size))
		if i.Modified.Before(from) || i.Modified.After(time.Now().Add(time.Minute)) {
			t.Errorf("blob %s was modified at %v, which is not now", i.ID, i.Modified)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Walk (-want +got):\n%s", d)
	}
}

func testWalkEnds(t *testing.T, s blob.Store) {
	for _, id := range spread(10) {
		putAt(t, s, id, []byte("x"), 0)
	}
	enough := errors.New("enough")
	seen := 0
	err := s.Walk(t.Context(), func(blob.Info) error {
		if seen++; seen == 4 {
			return enough
		}
		return nil
	})
	if err != enough || seen != 4 {
		t.Errorf("an error at the 4th blob: Walk went on to the %dth and returned %v", seen, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen = 0
	err = s.Walk(ctx, func(blob.Info) error {
		seen++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || seen != 1 {
		t.Errorf("a cancel at the 1st blob: Walk went on to the %dth and returned %v", seen, err)
	}
}

func testRemoveInWalk(t *testing.T, s blob.Store) {
	ids := spread(20)
	for _, id := range ids {
		putAt(t, s, id, []byte("x"), 0)
	}
	var seen []blob.ID
	err := s.Walk(t.Context(), func(i blob.Info) error {
		seen = append(seen, i.ID)
		return s.Remove(t.Context(), i.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(ids, seen); d != "" {
		t.Errorf("seen (-want +got):\n%s", d)
	}
	if left := walk(t, s); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func testHostileIDs(t *testing.T, s blob.Store) {
	good := string(NewID())
	for _, bad := range []string{
		"", ".", "..", "/", "../../etc/passwd", good[:25], good + "0", good[:25] + "/", good[:25] + "\x00",
		"../" + good[3:], good[:24] + "..", good[:25] + "I", good[:25] + "A", good[:24] + "é", good + "/..",
	} {
		_, editErr := s.Edit(t.Context(), blob.ID(bad))
		_, openErr := s.Open(t.Context(), blob.ID(bad))
		for _, err := range []error{editErr, openErr, s.Remove(t.Context(), blob.ID(bad))} {
			if err == nil || fault.KindOf(err) != fault.Internal {
				t.Errorf("id %q: %v, want an internal error", bad, err)
			}
		}
	}
	if left := walk(t, s); len(left) > 0 {
		t.Errorf("they left %v", left)
	}
}

func testSpace(t *testing.T, s blob.Store) {
	sp, err := s.Space(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sp.Free < -1 || sp.Free > sp.Total {
		t.Errorf("%+v", sp)
	}
}
