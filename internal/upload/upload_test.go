package upload_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/blob/disk/disktest"
	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

const (
	owner = account.ID("owner")
	chunk = 1000
)

// A world is the engine over a model of the database and of the disk.
type world struct {
	*upload.Service
	t     *testing.T
	model *coretest.Model
	fs    *disktest.FS
	blobs blob.Store
	ids   *id.Source
	hook  func(disktest.Call) error
}

func now() time.Time { return time.Now() }

func newWorld(t *testing.T) *world {
	w := &world{t: t, model: &coretest.Model{}, ids: id.NewSource(now)}
	w.fs = disktest.New(1, w.before)
	w.open()
	return w
}

func (w *world) before(c disktest.Call) error {
	if w.hook != nil {
		return w.hook(c)
	}
	return nil
}

// open starts the engine anew on what is stored.
func (w *world) open() {
	w.t.Helper()
	blobs, err := disk.Open(w.fs, "/blobs", disk.Options{Now: now})
	if err != nil {
		w.t.Fatal(err)
	}
	w.blobs = blobs
	w.Service = upload.NewService(w.model, blobs, w.ids, now, upload.Limits{MaxFile: 1 << 20})
}

// crash takes the power away: what was not synced is lost or torn.
func (w *world) crash(seed uint64) {
	w.hook, w.model.Hook = nil, nil
	w.fs = w.fs.Crash(seed, w.before)
	w.open()
}

// file makes a transfer of one file.
func (w *world) file(size int64) *upload.File {
	w.t.Helper()
	transfers := transfer.NewService(w.model, w.model, w.Service, w.ids, now, transfer.Limits{MaxFiles: 10, Keep: time.Hour})
	key := w.ids.Key()
	_, files, err := transfers.Create(context.Background(), account.Actor{Owner: account.Owner{Account: owner}}, transfer.Draft{
		ID: share.ID("t" + key), Code: "t-" + key,
		Files: []transfer.DraftFile{{ID: upload.ID("f" + key), Name: "a.bin", Size: size, Chunk: chunk}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files[0]
}

func (w *world) put(f *upload.File, number int, body []byte) error {
	_, err := w.Put(context.Background(), upload.Put{
		Account: owner, File: f.ID, Number: number, Length: int64(len(body)), Body: bytes.NewReader(body),
	})
	return err
}

func (w *world) read(f *upload.File) []byte {
	w.t.Helper()
	ctx := context.Background()
	f, err := w.File(ctx, owner, f.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := w.Content(ctx, f)
	if err != nil {
		w.t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := blob.Copy(ctx, &out, blob.WithRows(w.blobs, w.model), c, 0, c.Size()); err != nil {
		w.t.Fatal(err)
	}
	if got := crc32.ChecksumIEEE(out.Bytes()); got != f.Sum {
		w.t.Errorf("the file's CRC-32 is %08x, its row says %08x", got, f.Sum)
	}
	return out.Bytes()
}

func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{seed})
	_, _ = r.Read(b)
	return b
}

func cut(data []byte, size int) map[int][]byte {
	parts := map[int][]byte{}
	for n := 1; ; n++ {
		if len(data) <= size {
			parts[n] = data
			return parts
		}
		parts[n], data = data[:size], data[size:]
	}
}

func TestPartsBecomeTheFile(t *testing.T) {
	ctx := context.Background()
	data := pattern(2500, 1)
	type sent struct {
		number int
		body   []byte
	}
	for _, tt := range []struct {
		name  string
		parts []sent
		loose int
	}{
		{"as planned", []sent{{1, data[:1000]}, {2, data[1000:2000]}, {3, data[2000:]}}, 0},
		{"out of order", []sent{{3, data[2000:]}, {1, data[:1000]}, {2, data[1000:2000]}}, 0},
		{"repeated with the same bytes", []sent{{1, data[:1000]}, {1, data[:1000]}, {2, data[1000:2000]}, {3, data[2000:]}}, 0},
		{"repeated with other bytes, the last wins", []sent{{1, pattern(1000, 9)}, {2, data[1000:2000]}, {3, data[2000:]}, {1, data[:1000]}}, 1},
		{"replaced twice", []sent{{1, pattern(1000, 9)}, {1, pattern(1000, 8)}, {1, data[:1000]}, {2, data[1000:2000]}, {3, data[2000:]}}, 1},
		{"cut smaller, the rest in the last", []sent{{1, data[:700]}, {2, data[700:1400]}, {3, data[1400:]}}, 3},
		{"cut larger than planned", []sent{{1, data[:1400]}, {2, data[1400:]}}, 2},
		{"more parts than planned", []sent{{1, data[:600]}, {2, data[600:1200]}, {3, data[1200:1800]}, {4, data[1800:]}}, 4},
		{"all in one", []sent{{1, data}}, 1},
		{"one of them empty", []sent{{1, data[:1000]}, {2, nil}, {3, data[1000:]}}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.file(2500)
			for _, p := range tt.parts {
				if err := w.put(f, p.number, p.body); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // completing again is harmless
				got, err := w.Complete(ctx, f.ID, upload.CompleteOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if got.Loose != tt.loose {
					t.Errorf("%d parts are loose, want %d", got.Loose, tt.loose)
				}
			}
			if !bytes.Equal(w.read(f), data) {
				t.Error("other bytes came out")
			}
			if err := w.put(f, 1, pattern(1000, 7)); fault.CodeOf(err) != "file_complete" {
				t.Errorf("a part after completion: %v", err)
			}
			if !bytes.Equal(w.read(f), data) {
				t.Error("a part after completion changed the file")
			}
		})
	}
}

func TestIncompleteIsRefused(t *testing.T) {
	data := pattern(2500, 1)
	for _, tt := range []struct {
		name  string
		parts map[int][]byte
		code  string
		want  upload.Incomplete
	}{
		{"nothing", nil, "part_missing", upload.Incomplete{Missing: []int{1, 2, 3}, Got: 0, Want: 2500}},
		{"a hole", map[int][]byte{1: data[:1000], 3: data[2000:]}, "part_missing", upload.Incomplete{Missing: []int{2}, Got: 1500, Want: 2500}},
		{"the end", map[int][]byte{1: data[:1000], 2: data[1000:2000]}, "part_missing", upload.Incomplete{Missing: []int{3}, Got: 2000, Want: 2500}},
		{"too short", map[int][]byte{1: data[:1000], 2: data[1000:2000], 3: data[2000:2400]}, "size_mismatch", upload.Incomplete{Got: 2400, Want: 2500}},
		{"too long", map[int][]byte{1: data[:1000], 2: data[:2000], 3: data[2000:]}, "size_mismatch", upload.Incomplete{Got: 3500, Want: 2500}},
		{"the right sum with a hole", map[int][]byte{1: data[:1000], 3: data[1000:]}, "part_missing", upload.Incomplete{Missing: []int{2}, Got: 2500, Want: 2500}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.file(2500)
			for n, body := range tt.parts {
				if err := w.put(f, n, body); err != nil {
					t.Fatal(err)
				}
			}
			_, err := w.Complete(context.Background(), f.ID, upload.CompleteOptions{})
			e, ok := errors.AsType[*upload.Incomplete](err)
			if fault.CodeOf(err) != tt.code || !ok || fmt.Sprint(*e) != fmt.Sprint(tt.want) {
				t.Fatalf("error %v (%+v), want %s %+v", err, e, tt.code, tt.want)
			}
			for n, body := range cut(data, chunk) { // and can be finished after it
				if err := w.put(f, n, body); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.Complete(context.Background(), f.ID, upload.CompleteOptions{}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(w.read(f), data) {
				t.Error("other bytes came out")
			}
		})
	}
}

// A brokenBody ends with an error after some bytes.
type brokenBody struct {
	io.Reader
	err error
}

func (b *brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = b.err
	}
	return n, err
}

func TestBadPartsAreRefused(t *testing.T) {
	sum := md5.Sum([]byte("other"))
	for _, tt := range []struct {
		name string
		put  upload.Put
		code string
	}{
		{"part 0", upload.Put{Number: 0, Length: 5}, "part_number"},
		{"a number below", upload.Put{Number: -3, Length: 5}, "part_number"},
		{"a number beyond", upload.Put{Number: 10_001, Length: 5}, "part_number"},
		{"another's file", upload.Put{Account: "stranger", Number: 1, Length: 5}, "file_unknown"},
		{"no such file", upload.Put{File: "nix", Number: 1, Length: 5}, "file_unknown"},
		{"another upload", upload.Put{Upload: "mp.x", Number: 1, Length: 5}, "upload_unknown"},
		{"longer than the file, as announced", upload.Put{Number: 1, Length: 2501}, "part_too_large"},
		{"longer than the file, not announced", upload.Put{Number: 1, Length: -1, Body: bytes.NewReader(make([]byte, 2501))}, "part_too_large"},
		{"shorter than announced", upload.Put{Number: 1, Length: 6}, "incomplete_body"},
		{"shorter than announced, in place", upload.Put{Number: 1, Length: 1000}, "incomplete_body"},
		{"longer than announced", upload.Put{Number: 1, Length: 4}, "part_too_large"},
		{"cut", upload.Put{Number: 1, Length: 5, Body: &brokenBody{bytes.NewReader([]byte("abc")), io.ErrUnexpectedEOF}}, "incomplete_body"},
		{"cut, of unknown length", upload.Put{Number: 1, Length: -1, Body: &brokenBody{bytes.NewReader([]byte("abc")), io.ErrUnexpectedEOF}}, "incomplete_body"},
		{"too slow", upload.Put{Number: 1, Length: 5, Body: &brokenBody{bytes.NewReader([]byte("abc")), fault.New(fault.Timeout, "too_slow", "x")}}, "too_slow"},
		{"not what its MD5 says", upload.Put{Number: 1, Length: 5, WantMD5: sum[:]}, "digest_mismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.file(2500)
			p := tt.put
			if p.Account == "" {
				p.Account = owner
			}
			if p.File == "" {
				p.File = f.ID
			}
			if p.Body == nil {
				p.Body = bytes.NewReader([]byte("hello"))
				if p.Length > 1001 {
					p.Body = bytes.NewReader(make([]byte, p.Length))
				}
			}
			if _, err := w.Put(context.Background(), p); fault.CodeOf(err) != tt.code {
				t.Errorf("error %v, want %s", err, tt.code)
			}
			if parts, err := w.AllParts(context.Background(), f.Key); err != nil || len(parts) > 0 {
				t.Errorf("left behind: %v, %v", parts, err)
			}
			data := pattern(2500, 1)
			for n, body := range cut(data, chunk) {
				if err := w.put(f, n, body); err != nil {
					t.Fatalf("after it, part %d: %v", n, err)
				}
			}
			if _, err := w.Complete(context.Background(), f.ID, upload.CompleteOptions{}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(w.read(f), data) {
				t.Error("other bytes came out")
			}
		})
	}
}

// A gate is a body that gives its first bytes and then waits.
type gate struct {
	first io.Reader
	open  chan struct{}
	rest  io.Reader
}

func (g *gate) Read(p []byte) (int, error) {
	if n, err := g.first.Read(p); err == nil {
		return n, nil
	}
	<-g.open
	return g.rest.Read(p)
}

func TestTwoSendersOfOnePartDoNotMix(t *testing.T) {
	for _, slowLast := range []bool{true, false} {
		t.Run(fmt.Sprintf("slow one last %v", slowLast), func(t *testing.T) {
			w := newWorld(t)
			f := w.file(2500)
			slow, fast, rest := pattern(1000, 1), pattern(1000, 2), pattern(1500, 3)
			g := &gate{first: bytes.NewReader(slow[:500]), open: make(chan struct{}), rest: bytes.NewReader(slow[500:])}
			done := make(chan error)
			go func() {
				_, err := w.Put(context.Background(), upload.Put{Account: owner, File: f.ID, Number: 1, Length: 1000, Body: g})
				done <- err
			}()
			time.Sleep(10 * time.Millisecond) // the slow one has the claim; if not yet, the outcome is the same
			if err := w.put(f, 1, fast); err != nil {
				t.Fatal(err)
			}
			want := fast
			if slowLast {
				want = slow
			}
			finish := func() {
				for n, body := range cut(rest, chunk) {
					if err := w.put(f, n+1, body); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := w.Complete(context.Background(), f.ID, upload.CompleteOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			if !slowLast {
				finish()
			}
			close(g.open)
			if err := <-done; slowLast != (err == nil) {
				t.Fatalf("the slow one: %v", err)
			}
			if slowLast {
				finish()
			}
			if got := w.read(f); !bytes.Equal(got, append(bytes.Clone(want), rest...)) {
				t.Error("the two mixed")
			}
		})
	}
}

func TestManySendersAtOnce(t *testing.T) {
	w := newWorld(t)
	data := pattern(24*chunk, 1)
	f := w.file(int64(len(data)))
	var wg sync.WaitGroup
	for n, body := range cut(data, chunk) {
		for range 3 {
			wg.Go(func() {
				if err := w.put(f, n, body); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if _, err := w.Complete(context.Background(), f.ID, upload.CompleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.read(f), data) {
		t.Error("other bytes came out")
	}
}

// TestEveryCallFails fails the k-th call to the disk or to the database, for
// every k, takes the power away at the end, and looks whether what was
// acknowledged is there, and whether the upload can be finished.
func TestEveryCallFails(t *testing.T) {
	t.Run("planned by its size", func(t *testing.T) {
		everyCallFails(t, func(w *world) *upload.File { return w.file(2500) })
	})
	t.Run("planned by its parts", func(t *testing.T) {
		everyCallFails(t, func(w *world) *upload.File { return w.counted(3, chunk, nil) })
	})
}

func everyCallFails(t *testing.T, file func(w *world) *upload.File) {
	data := pattern(2500, 1)
	bodies := cut(data, chunk)
	run := func(t *testing.T, fail func(call string) error, seed uint64) {
		w := newWorld(t)
		f := file(w)
		w.hook = func(c disktest.Call) error { return fail(c.Do) }
		w.model.Hook = fail
		acked := map[int]bool{}
		var mu sync.Mutex
		for _, n := range []int{2, 1, 3, 1} {
			if err := w.put(f, n, bodies[n]); err == nil {
				mu.Lock()
				acked[n] = true
				mu.Unlock()
			}
		}
		_, cerr := w.Complete(context.Background(), f.ID, upload.CompleteOptions{})
		if cerr == nil && len(acked) < 3 && f.Count == 0 { // by its parts it may be complete before it is said
			t.Errorf("completed with %d acknowledged parts", len(acked))
		}
		w.crash(seed)
		parts, err := w.AllParts(context.Background(), f.Key)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			delete(acked, p.Number)
			if cerr != nil && f.Suspect {
				continue // will be read again
			}
			var got bytes.Buffer
			_, err := blob.Copy(context.Background(), &got, w.blobs, blob.Content{p.Segment}, 0, p.Length)
			if err != nil || !bytes.Equal(got.Bytes(), bodies[p.Number]) {
				t.Errorf("part %d was acknowledged and is not there: %v", p.Number, err)
			}
		}
		if len(acked) > 0 {
			t.Errorf("parts %v were acknowledged and have no row", acked)
		}
		if cerr != nil {
			for n, body := range bodies {
				if err := w.put(f, n, body); err != nil && fault.CodeOf(err) != "file_complete" {
					t.Fatalf("cannot be finished: part %d: %v", n, err)
				}
			}
			if _, err := w.Complete(context.Background(), f.ID, upload.CompleteOptions{}); err != nil {
				t.Fatalf("cannot be finished: %v", err)
			}
		}
		if !bytes.Equal(w.read(f), data) {
			t.Error("other bytes came out")
		}
	}
	for _, bad := range []error{syscall.EIO, syscall.ENOSPC} {
		for k := 1; ; k++ {
			var mu sync.Mutex
			calls, failed := 0, ""
			t.Run(fmt.Sprintf("%v at call %d", bad, k), func(t *testing.T) {
				run(t, func(call string) error {
					mu.Lock()
					defer mu.Unlock()
					if calls++; calls == k {
						failed = call
						return bad
					}
					return nil
				}, uint64(k))
			})
			if failed == "" {
				if k < 20 {
					t.Errorf("only %d calls were seen: the hooks are not in place", k)
				}
				break
			}
		}
	}
}

func TestAbandonedPartsAreForgotten(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	f := w.file(2500)
	data := pattern(2500, 1)
	for n, body := range cut(pattern(2500, 9), chunk) {
		if err := w.put(f, n, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.put(f, 1, pattern(700, 3)); err != nil { // a loose one
		t.Fatal(err)
	}
	if err := w.Abandon(ctx, f); err != nil {
		t.Fatal(err)
	}
	if parts, err := w.AllParts(ctx, f.Key); err != nil || len(parts) > 0 {
		t.Errorf("left: %v, %v", parts, err)
	}
	for n, body := range cut(data, chunk) {
		if err := w.put(f, n, body); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Complete(ctx, f.ID, upload.CompleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.read(f), data) {
		t.Error("other bytes came out")
	}
	if err := w.Abandon(ctx, f); fault.CodeOf(err) != "file_complete" {
		t.Errorf("a complete file: %v", err)
	}
}
