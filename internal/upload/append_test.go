package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob/disk/disktest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// unplanned makes a file of unknown size, without a plan.
func (w *world) unplanned() *upload.File {
	w.t.Helper()
	key := w.ids.Key()
	tr := &transfer.Transfer{Share: share.Share{
		Key: share.Key(key), ID: share.ID("t" + key), Kind: share.Transfer, Owner: account.Owner{Account: owner},
		State: share.Open, Files: 1, OpenFiles: 1, CreatedAt: now(), ExpiresAt: now().Add(time.Hour),
	}}
	f := &upload.File{
		Key: upload.Key(w.ids.Key()), ID: upload.ID("f" + key), Name: "a.bin", Size: upload.Unknown,
		State: upload.Open, CreatedAt: now(), Home: &tr.Share,
	}
	if err := w.model.CreateTransfer(context.Background(), tr, []*upload.File{f}); err != nil {
		w.t.Fatal(err)
	}
	return f
}

// append sends bytes to the end of f, which are as many as announced.
func (w *world) append(f *upload.File, offset int64, body []byte) (int64, error) {
	return w.appendAs(upload.Append{File: f.ID, Offset: offset, Length: int64(len(body)), Body: bytes.NewReader(body)})
}

func (w *world) appendAs(a upload.Append) (int64, error) {
	if a.Account == "" {
		a.Account = owner
	}
	if a.Size == 0 {
		a.Size = upload.Unknown
	}
	_, offset, err := w.Append(context.Background(), a)
	return offset, err
}

func (w *world) complete(f *upload.File, want []byte) {
	w.t.Helper()
	if _, err := w.Complete(context.Background(), f.ID, upload.CompleteOptions{}); err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Equal(w.read(f), want) {
		w.t.Error("other bytes came out")
	}
}

func TestAppendedBytesBecomeTheFile(t *testing.T) {
	data := pattern(2500, 1)
	planned := func(w *world) *upload.File { return w.file(2500) }
	counted := func(w *world) *upload.File { return w.counted(3, chunk, nil) }
	type step struct {
		part   int // sent by its number; 0: appended
		from   int
		to     int
		offset int64 // where the bytes end then
	}
	for _, tt := range []struct {
		name  string
		file  func(*world) *upload.File
		steps []step
		loose int
	}{
		{"all at once", planned, []step{{0, 0, 2500, 2500}}, 0},
		{"in odd pieces", planned, []step{{0, 0, 1, 1}, {0, 1, 999, 999}, {0, 999, 1001, 1001}, {0, 1001, 2499, 2499}, {0, 2499, 2500, 2500}}, 0},
		{"behind parts", planned, []step{{1, 0, 1000, 1000}, {2, 1000, 2000, 2000}, {0, 2000, 2500, 2500}}, 0},
		{"before parts", planned, []step{{3, 2000, 2500, 0}, {0, 0, 1500, 1500}, {0, 1500, 2000, 2500}}, 0},
		{"over parts that are there", planned, []step{{2, 1000, 2000, 0}, {0, 0, 2500, 2500}}, 0},
		{"over some of a part that is there", planned, []step{{2, 1000, 2000, 0}, {0, 0, 1500, 2000}, {0, 2000, 2500, 2500}}, 0},
		{"half a part that then comes whole", planned, []step{{0, 0, 400, 400}, {1, 0, 1000, 1000}, {0, 1000, 2500, 2500}}, 1},
		{"a hole in a part with one behind", planned, []step{{0, 0, 400, 400}, {2, 1000, 2000, 400}, {0, 400, 2500, 2500}}, 0},
		{"behind a part cut short by an old client", planned, []step{{1, 0, 700, 700}, {0, 700, 2500, 2500}}, 1},
		{"behind a part cut long by an old client", planned, []step{{1, 0, 1200, 1200}, {0, 1200, 1300, 1300}, {0, 1300, 2500, 2500}}, 3},
		{"of a file with counted parts", counted, []step{{2, 1000, 2000, 0}, {3, 2000, 2500, 0}, {0, 0, 500, 500}, {0, 500, 1000, 2500}}, 0},
		{"of a file without a plan", (*world).unplanned, []step{{0, 0, 10, 10}, {0, 10, 11, 11}, {0, 11, 2500, 2500}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := tt.file(w)
			end := int64(0)
			for i, s := range tt.steps {
				var err error
				if s.part > 0 {
					err = w.put(f, s.part, data[s.from:s.to])
				} else {
					end, err = w.append(f, end, data[s.from:s.to])
				}
				if err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				w.crash(uint64(i)) // what was acknowledged is there
				_, got, err := w.Offset(context.Background(), owner, f.ID)
				if err != nil || got != s.offset {
					t.Fatalf("step %d: the bytes end at %d (%v), want %d", i, got, err, s.offset)
				}
				if s.part == 0 && end != got {
					t.Errorf("step %d: answered with %d", i, end)
				}
				end = got
			}
			w.complete(f, data)
			if got := w.state(f).Loose; got != tt.loose {
				t.Errorf("%d parts are loose, want %d", got, tt.loose)
			}
		})
	}
}

func TestSmallAndEmptyFilesAreAppended(t *testing.T) {
	data := pattern(700, 1)
	t.Run("whole, beside its row", func(t *testing.T) {
		w := newWorld(t)
		f := w.file(700)
		if end, err := w.append(f, 0, data); err != nil || end != 700 {
			t.Fatal(end, err)
		}
		if !w.state(f).Small {
			t.Error("it lies in a blob")
		}
		w.complete(f, data)
	})
	t.Run("in pieces, then whole", func(t *testing.T) {
		w := newWorld(t)
		f := w.file(700)
		if _, err := w.append(f, 0, data[:300]); err != nil {
			t.Fatal(err)
		}
		if err := w.put(f, 1, data); err != nil {
			t.Fatal(err)
		}
		w.complete(f, data)
	})
	t.Run("empty", func(t *testing.T) {
		for _, length := range []int64{0, -1} {
			w := newWorld(t)
			f := w.file(0)
			if end, err := w.appendAs(upload.Append{File: f.ID, Length: length, Body: bytes.NewReader(nil)}); err != nil || end != 0 {
				t.Fatal(end, err)
			}
			w.complete(f, nil)
		}
	})
	t.Run("not what it should be", func(t *testing.T) {
		w := newWorld(t)
		f := w.file(700)
		bad := fault.New(fault.Invalid, "digest_mismatch", "x")
		_, err := w.appendAs(upload.Append{File: f.ID, Length: 700, Body: bytes.NewReader(data), Verify: func() error { return bad }})
		if !fault.Is(err, "digest_mismatch") || w.state(f).Parts > 0 {
			t.Error(err, w.state(f).Parts)
		}
	})
}

func TestBadAppendsAreRefused(t *testing.T) {
	data := pattern(2500, 1)
	for _, tt := range []struct {
		name string
		a    upload.Append
		code string
		end  int64
	}{
		{"behind the end", upload.Append{Offset: 1500}, "append_offset", 1200},
		{"before the end", upload.Append{Offset: 0}, "append_offset", 1200},
		{"another's file", upload.Append{Account: "stranger", Offset: 1200}, "file_unknown", 1200},
		{"longer than the file, as announced", upload.Append{Offset: 1200, Length: 1301}, "part_too_large", 1200},
		{"longer than the file, not announced", upload.Append{Offset: 1200, Length: -1, Body: bytes.NewReader(make([]byte, 1301))}, "part_too_large", 2500},
		{"of another size", upload.Append{Offset: 1200, Size: 2501}, "size_mismatch", 1200},
		{"cut", upload.Append{Offset: 1200, Length: 1300, Body: bytes.NewReader(data[1200:2100])}, "incomplete_body", 2100},
		{"cut, of unknown length", upload.Append{Offset: 1200, Length: -1, Body: &brokenBody{bytes.NewReader(data[1200:2100]), io.ErrUnexpectedEOF}}, "incomplete_body", 2100},
		{"too slow", upload.Append{Offset: 1200, Length: 1300, Body: &brokenBody{bytes.NewReader(data[1200:1300]), fault.New(fault.Timeout, "too_slow", "x")}}, "too_slow", 1300},
		{"cut, but to be verified", upload.Append{Offset: 1200, Length: 1300, Body: bytes.NewReader(data[1200:2100]), Verify: func() error { return nil }}, "incomplete_body", 1200},
		{"not what it should be", upload.Append{
			Offset: 1200, Length: 1300, Body: bytes.NewReader(data[1200:]),
			Verify: func() error { return fault.New(fault.Invalid, "digest_mismatch", "x") },
		}, "digest_mismatch", 1200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.file(2500)
			if _, err := w.append(f, 0, data[:1200]); err != nil {
				t.Fatal(err)
			}
			a := tt.a
			a.File = f.ID
			if a.Body == nil {
				a.Body = bytes.NewReader(data[1200:])
				a.Length = max(a.Length, 1300)
			}
			if _, err := w.appendAs(a); fault.CodeOf(err) != tt.code {
				t.Errorf("error %v, want %s", err, tt.code)
			}
			_, end, err := w.Offset(context.Background(), owner, f.ID)
			if err != nil || end != tt.end {
				t.Fatalf("the bytes end at %d (%v), want %d", end, err, tt.end)
			}
			if tt.name == "longer than the file, not announced" {
				return // other bytes, and all of them
			}
			if _, err := w.append(f, end, data[end:]); err != nil {
				t.Fatal(err)
			}
			w.complete(f, data)
		})
	}
}

func TestOtherBytesThanAcknowledgedAreRefused(t *testing.T) {
	w := newWorld(t)
	f, data := w.file(2500), pattern(2500, 1)
	if err := w.put(f, 2, data[1000:2000]); err != nil {
		t.Fatal(err)
	}
	if end, err := w.append(f, 0, pattern(2500, 2)); !fault.Is(err, "bytes_differ") || end != 2000 {
		t.Error(end, err)
	}
}

func TestTheSizeIsSaidLater(t *testing.T) {
	data := pattern(2500, 1)
	w := newWorld(t)
	f := w.unplanned()
	if _, err := w.append(f, 0, data[:900]); err != nil {
		t.Fatal(err)
	}
	if _, err := w.appendAs(upload.Append{File: f.ID, Offset: 900, Size: 800, Body: bytes.NewReader(nil)}); !fault.Is(err, "size_mismatch") {
		t.Error("less than is there:", err)
	}
	// With no more bytes just now.
	if _, err := w.appendAs(upload.Append{File: f.ID, Offset: 900, Size: 2500, Body: bytes.NewReader(nil)}); err != nil {
		t.Fatal(err)
	}
	if got := w.model.Used(owner); w.state(f).Size != 2500 || got != 2500 {
		t.Errorf("size %d, %d bytes are held", w.state(f).Size, got)
	}
	if _, err := w.append(f, 900, data[900:]); err != nil {
		t.Fatal(err)
	}
	w.complete(f, data)

	f = w.counted(3, chunk, nil)
	if _, err := w.append(f, 0, data); !fault.Is(err, "size_unknown") {
		t.Error("the last part of a file of unknown size:", err)
	}
	for size, code := range map[int64]string{1999: "size_mismatch", 3001: "chunk_length"} {
		if _, err := w.appendAs(upload.Append{File: f.ID, Offset: 2000, Size: size, Body: bytes.NewReader(nil)}); !fault.Is(err, code) {
			t.Errorf("a size of %d: %v", size, err)
		}
	}
	end, err := w.appendAs(upload.Append{File: f.ID, Offset: 2000, Size: 2500, Length: 200, Body: bytes.NewReader(data[2000:2200])})
	if err != nil || w.state(f).State != upload.Open {
		t.Fatal(end, err)
	}
	if _, err := w.append(f, 2200, data[2200:]); err != nil {
		t.Fatal(err)
	}
	if w.state(f).State != upload.Complete || !bytes.Equal(w.read(f), data) {
		t.Error("it is not complete with its last part")
	}
}

// Whoever comes back after a broken connection does not wait for the rest of it.
func TestTheNextOneStopsTheOneBefore(t *testing.T) {
	w := newWorld(t)
	f, data := w.file(2500), pattern(2500, 1)
	g := &gate{first: bytes.NewReader(data[:1300]), open: make(chan struct{})}
	g.rest = &brokenBody{bytes.NewReader(nil), io.ErrUnexpectedEOF}
	first := make(chan error)
	go func() {
		_, err := w.appendAs(upload.Append{File: f.ID, Length: 2500, Body: g, Stop: sync.OnceFunc(func() { close(g.open) })})
		first <- err
	}()
	for w.state(f).Parts == 0 {
		time.Sleep(time.Millisecond)
	}
	_, end, err := w.Offset(context.Background(), owner, f.ID)
	if err != nil || end != 1300 {
		t.Fatalf("the bytes end at %d (%v)", end, err)
	}
	if err := <-first; !fault.Is(err, "incomplete_body") {
		t.Error(err)
	}
	if _, err := w.append(f, 1300, data[1300:]); err != nil {
		t.Fatal(err)
	}
	w.complete(f, data)
}

// A disk or a database that fails once, at every call, costs nothing that was
// acknowledged, and the upload can be finished.
func TestAppendSurvivesEveryFailure(t *testing.T) {
	data := pattern(2500, 1)
	for name, failure := range map[string]error{"input/output error": syscall.EIO, "no space left": syscall.ENOSPC} {
		for k := 1; ; k++ {
			w := newWorld(t)
			f := w.file(2500)
			if _, err := w.append(f, 0, data[:400]); err != nil {
				t.Fatal(err)
			}
			calls := 0
			fail := func() error {
				if calls++; calls == k {
					return failure
				}
				return nil
			}
			w.hook = func(disktest.Call) error { return fail() }
			w.model.Hook = func(string) error { return fail() }
			acked, err := w.append(f, 400, data[400:2200])
			w.hook, w.model.Hook = nil, nil
			if calls < k {
				break // it did not come to that many calls
			}
			if err == nil && acked != 2200 {
				t.Errorf("%s at call %d: answered with %d", name, k, acked)
			}
			w.crash(uint64(k))
			_, end, err := w.Offset(context.Background(), owner, f.ID)
			if err != nil || end < 400 || end < acked {
				t.Fatalf("%s at call %d: the bytes end at %d (%v), %d were acknowledged", name, k, end, err, acked)
			}
			if _, err := w.append(f, end, data[end:]); err != nil {
				t.Fatalf("%s at call %d: %v", name, k, err)
			}
			w.complete(f, data)
		}
	}
}

// A failed sync is final for its blob; without a restart too, the upload goes on
// elsewhere.
func TestAppendGoesOnAfterAFailedSync(t *testing.T) {
	for _, make := range []func(*world) *upload.File{func(w *world) *upload.File { return w.file(2500) }, (*world).unplanned} {
		w := newWorld(t)
		f, data := make(w), pattern(2500, 1)
		if _, err := w.append(f, 0, data[:400]); err != nil {
			t.Fatal(err)
		}
		failed := false
		w.hook = func(c disktest.Call) error {
			if c.Do == "Datasync" || c.Do == "Sync" {
				failed = true
				return syscall.EIO
			}
			return nil
		}
		if _, err := w.append(f, 400, data[400:800]); err == nil || !failed {
			t.Fatal("the sync did not fail", err)
		}
		w.hook = nil
		if _, err := w.append(f, 400, data[400:]); err != nil {
			t.Fatal(err)
		}
		w.complete(f, data)
	}
}

// Both ways, in any order, with cuts and crashes: what was acknowledged stays.
func TestAppendsAndPartsInAnyOrder(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t)
			size := 1 + r.IntN(8*chunk)
			data := pattern(size, byte(seed))
			f := w.file(int64(size))
			acked := int64(0)
			for range 60 {
				switch r.IntN(6) {
				case 0:
					n := 1 + r.IntN((size-1)/chunk+1)
					if err := w.put(f, n, data[(n-1)*chunk:min(n*chunk, size)]); err != nil {
						t.Fatal(err)
					}
				case 1:
					w.crash(r.Uint64())
				default:
					k := r.Int64N(int64(size) - acked + 1)
					a := upload.Append{File: f.ID, Offset: acked, Length: k, Body: bytes.NewReader(data[acked : acked+k])}
					if r.IntN(2) == 0 {
						a.Length = -1
					}
					if r.IntN(3) == 0 && k > 0 {
						a.Body = &brokenBody{bytes.NewReader(data[acked : acked+r.Int64N(k)]), io.ErrUnexpectedEOF}
					}
					end, err := w.appendAs(a)
					if err != nil && !fault.Is(err, "incomplete_body") {
						t.Fatal(err)
					}
					if end < acked {
						t.Fatalf("%d bytes were acknowledged, now %d", acked, end)
					}
				}
				_, end, err := w.Offset(context.Background(), owner, f.ID)
				if err != nil || end < acked {
					t.Fatalf("%d bytes were acknowledged, now %d (%v)", acked, end, err)
				}
				acked = end
			}
			if _, err := w.append(f, acked, data[acked:]); err != nil {
				t.Fatal(err)
			}
			w.complete(f, data)
			if _, err := w.append(f, int64(size), nil); !errors.Is(err, nil) && !fault.Is(err, "file_complete") {
				t.Fatal(err)
			}
		})
	}
}

// Each byte that is acknowledged is counted once, however it comes.
func TestAcknowledgedBytesAreCounted(t *testing.T) {
	data, other := pattern(2500, 1), pattern(2500, 2)
	w := newWorld(t)
	var sum int64
	w.Counted = func(n int64) { sum += n }
	f := w.file(2500)
	end := int64(0)
	for i, s := range []struct {
		part     int // sent by its number; 0: appended
		from, to int
		bytes    []byte
		sum      int64
	}{
		{0, 0, 400, data, 400},
		{0, 400, 900, data, 900},
		{2, 1000, 2000, other, 1900},
		{2, 1000, 2000, other, 1900}, // the same again
		{2, 1000, 2000, data, 2900},  // in its place
		{0, 900, 1000, data, 3000},
		{0, 2000, 2500, data, 3500},
	} {
		var err error
		if s.part > 0 {
			err = w.put(f, s.part, s.bytes[s.from:s.to])
		} else {
			end, err = w.append(f, int64(s.from), s.bytes[s.from:s.to])
		}
		if err != nil || sum != s.sum {
			t.Errorf("step %d: %d bytes are counted, %v; want %d", i, sum, err, s.sum)
		}
	}
	if end != 2500 {
		t.Errorf("the bytes end at %d", end)
	}
	w.complete(f, data)
}
