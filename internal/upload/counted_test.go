package upload_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"maps"
	"slices"
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

// counted makes a file of so many parts, of which all but the last are size long.
func (w *world) counted(parts int, size int64, sum *[md5.Size]byte) *upload.File {
	w.t.Helper()
	key := w.ids.Key()
	tr := &transfer.Transfer{Share: share.Share{
		Key: share.Key(key), ID: share.ID("t" + key), Kind: share.Transfer, Owner: account.Owner{Account: owner},
		State: share.Open, Files: 1, OpenFiles: 1, CreatedAt: now(), ExpiresAt: now().Add(time.Hour),
	}}
	f := &upload.File{
		Key: upload.Key(w.ids.Key()), ID: upload.ID("f" + key), Name: "a.bin", Size: upload.Unknown, Chunk: size, Count: parts,
		WantMD5: sum, State: upload.Open, CreatedAt: now(), Home: &tr.Share,
	}
	tr.Size = f.Held()
	if err := w.model.CreateTransfer(context.Background(), tr, []*upload.File{f}); err != nil {
		w.t.Fatal(err)
	}
	return f
}

// state gives the file as it is stored.
func (w *world) state(f *upload.File) *upload.File {
	w.t.Helper()
	f, err := w.model.File(context.Background(), f.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// A sending is a part on its way in, with its length announced or not.
type sending struct {
	number    int
	body      []byte
	announced bool
}

func (w *world) send(f *upload.File, p sending) error {
	length := int64(-1)
	if p.announced {
		length = int64(len(p.body))
	}
	_, err := w.Put(context.Background(), upload.Put{
		Account: owner, File: f.ID, Number: p.number, Length: length, Body: bytes.NewReader(p.body),
	})
	return err
}

func TestFilesPlannedByTheirParts(t *testing.T) {
	data := pattern(2500, 1)
	one, two, three := sending{1, data[:1000], true}, sending{2, data[1000:2000], true}, sending{3, data[2000:], true}
	unknown := func(s sending) sending { s.announced = false; return s }
	for _, tt := range []struct {
		name  string
		parts int
		chunk int64
		sent  []sending
		want  []byte
		loose int
	}{
		{"in order", 3, 1000, []sending{one, two, three}, data, 0},
		{"the last one first", 3, 1000, []sending{three, two, one}, data, 0},
		{"the last one in between", 3, 1000, []sending{two, three, one}, data, 0},
		{"repeated with the same bytes", 3, 1000, []sending{one, one, three, three, two}, data, 0},
		{"repeated with other bytes, the last wins", 3, 1000, []sending{{1, pattern(1000, 9), true}, three, one, two}, data, 1},
		{"none announced", 3, 1000, []sending{unknown(three), unknown(one), unknown(two)}, data, 3},
		{"one not announced", 3, 1000, []sending{one, unknown(three), two}, data, 1},
		{"the last one not announced, and last", 3, 1000, []sending{one, two, unknown(three)}, data, 1},
		{"the last one full", 2, 1250, []sending{{2, data[1250:], true}, {1, data[:1250], true}}, data, 0},
		{"the last one empty", 3, 1250, []sending{{1, data[:1250], true}, {3, nil, true}, {2, data[1250:], true}}, data, 0},
		{"one part shorter than the plan", 1, 5000, []sending{{1, data, true}}, data, 0},
		{"one part of any length", 1, 0, []sending{{1, data, true}}, data, 0},
		{"one part of any length, not announced", 1, 0, []sending{{1, data, false}}, data, 1},
		{"one part too large to lie beside its row", 1, 0, []sending{{1, pattern(upload.SmallMost+1, 1), true}}, pattern(upload.SmallMost+1, 1), 0},
		{"an empty file", 1, 5000, []sending{{1, nil, true}}, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.counted(tt.parts, tt.chunk, nil)
			for i, s := range tt.sent {
				if got := w.state(f); got.State != upload.Open {
					t.Fatalf("complete after %d of %d parts", i, len(tt.sent))
				}
				if err := w.send(f, s); err != nil {
					t.Fatal(err)
				}
			}
			got := w.state(f)
			if got.State != upload.Complete || got.Home.OpenFiles != 0 || got.Loose != tt.loose || got.CompletedAt.IsZero() {
				t.Errorf("%+v, want a complete file with %d loose parts", got, tt.loose)
			}
			if n := int64(len(tt.want)); got.Size != n || got.Home.Size != n || w.model.Used(owner) != n {
				t.Errorf("size %d, home %d, reserved %d, want %d each", got.Size, got.Home.Size, w.model.Used(owner), n)
			}
			w.crash(1)
			if !bytes.Equal(w.read(f), tt.want) {
				t.Error("other bytes came out")
			}
		})
	}
}

func TestPartsThatThePlanDoesNotHave(t *testing.T) {
	body := func(n int) []byte { return pattern(n, 3) }
	for _, tt := range []struct {
		name   string
		parts  int
		before []sending
		sent   sending
		code   string
	}{
		{"one in the middle too short", 3, nil, sending{2, body(999), true}, "chunk_length"},
		{"one in the middle too long", 3, nil, sending{2, body(1001), true}, "chunk_length"},
		{"too short, not announced", 3, nil, sending{2, body(999), false}, "chunk_length"},
		{"too long, not announced", 3, nil, sending{2, body(1001), false}, "chunk_length"},
		{"the last one too long", 3, nil, sending{3, body(1001), true}, "chunk_length"},
		{"the last one too long, not announced", 3, nil, sending{3, body(1001), false}, "chunk_length"},
		{"the last one with another length than before", 3, []sending{{3, body(10), true}}, sending{3, body(11), true}, "chunk_length"},
		{"the last one shorter than before, not announced", 3, []sending{{3, body(10), true}}, sending{3, body(9), false}, "chunk_length"},
		{"a number beyond", 3, nil, sending{4, body(10), true}, "part_number"},
		{"number 0", 3, nil, sending{0, body(1000), true}, "part_number"},
		{"a second part of one", 1, nil, sending{2, body(1000), true}, "part_number"},
		{"one part larger than any file may be", 1, nil, sending{1, body(1<<20 + 1), true}, "chunk_length"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.counted(tt.parts, chunk, nil)
			for _, s := range tt.before {
				if err := w.send(f, s); err != nil {
					t.Fatal(err)
				}
			}
			held := w.model.Used(owner)
			if err := w.send(f, tt.sent); fault.CodeOf(err) != tt.code {
				t.Errorf("%v, want %s", err, tt.code)
			}
			if got := w.state(f); got.Parts != len(tt.before) || w.model.Used(owner) != held {
				t.Errorf("it left something: %+v, %d bytes are reserved", got, w.model.Used(owner))
			}
		})
	}
}

func TestOnePartOfAnyLengthIsBounded(t *testing.T) {
	w := newWorld(t)
	f := w.counted(1, 0, nil)
	for _, announced := range []bool{true, false} {
		if err := w.send(f, sending{1, pattern(1<<20+1, 3), announced}); fault.CodeOf(err) != "part_too_large" {
			t.Errorf("announced %v: %v", announced, err)
		}
	}
	_, err := w.Put(context.Background(), upload.Put{
		Account: owner, File: f.ID, Number: 1, Length: 1 << 20, Body: bytes.NewReader(pattern(1<<19, 3)),
	})
	if fault.CodeOf(err) != "incomplete_body" || w.blobCount() != 0 {
		t.Errorf("a body that broke off: %v, and %d blobs are left", err, w.blobCount())
	}
}

// What is known of the size is held before the first byte comes, the rest when it
// shows.
func TestFilesPlannedByTheirPartsPay(t *testing.T) {
	w := newWorld(t)
	f := w.counted(3, chunk, nil)
	if n := w.model.Used(owner); n != 2000 {
		t.Errorf("%d bytes are reserved for three parts of 1000 at most, want 2000", n)
	}
	w.model.Quota = 2400
	if err := w.send(f, sending{3, pattern(500, 1), true}); fault.CodeOf(err) != "quota_exceeded" {
		t.Errorf("over the quota: %v", err)
	}
	for range 2 {
		if err := w.send(f, sending{3, pattern(400, 1), true}); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.model.Used(owner); n != 2400 {
		t.Errorf("%d bytes are reserved, want 2400", n)
	}
}

func TestPartsAgainAfterTheFileIsComplete(t *testing.T) {
	data := pattern(1500, 1)
	sum, other := md5.Sum(data[1000:]), md5.Sum(data)
	for _, tt := range []struct {
		name string
		put  upload.Put
		code string
	}{
		{"the same part", upload.Put{Number: 2, Length: 500, Body: bytes.NewReader(data[1000:])}, ""},
		{"the same part, its length not announced", upload.Put{Number: 2, Length: -1, Body: bytes.NewReader(data[1000:])}, ""},
		{"other bytes of the same length", upload.Put{Number: 2, Length: 500, Body: bytes.NewReader(data[:500])}, ""},
		{"with its MD5", upload.Put{Number: 2, Length: 500, Body: bytes.NewReader(data[1000:]), WantMD5: sum[:]}, ""},
		{"with another MD5", upload.Put{Number: 2, Length: 500, Body: bytes.NewReader(data[1000:]), WantMD5: other[:]}, "digest_mismatch"},
		{"shorter", upload.Put{Number: 2, Length: 499, Body: bytes.NewReader(data[1001:])}, "file_complete"},
		{"shorter, not announced", upload.Put{Number: 2, Length: -1, Body: bytes.NewReader(data[1001:])}, "file_complete"},
		{"longer, not announced", upload.Put{Number: 2, Length: -1, Body: bytes.NewReader(data[999:])}, "file_complete"},
		{"cut off", upload.Put{Number: 2, Length: 500, Body: bytes.NewReader(data[1001:])}, "incomplete_body"},
		{"a part that it never had", upload.Put{Number: 3, Length: 500, Body: bytes.NewReader(data[1000:])}, "part_number"},
		{"another's", upload.Put{Account: "stranger", Number: 2, Length: 500, Body: bytes.NewReader(data[1000:])}, "file_unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.counted(2, chunk, nil)
			for n, body := range cut(data, chunk) {
				if err := w.put(f, n, body); err != nil {
					t.Fatal(err)
				}
			}
			before := w.state(f)
			p := tt.put
			p.File, p.Again = f.ID, true
			if p.Account == "" {
				p.Account = owner
			}
			part, err := w.Put(context.Background(), p)
			if fault.CodeOf(err) != tt.code || err == nil && (part.Number != 2 || part.Length != 500) {
				t.Errorf("%+v, %v, want %q", part, err, tt.code)
			}
			if after := w.state(f); *after.Home != *before.Home || after.Sum != before.Sum || !bytes.Equal(w.read(f), data) {
				t.Error("it changed something")
			}
		})
	}
}

// The sender of a part that lost the race is answered as if it had come later.
func TestAPartThatIsTakenWhileTheFileBecomesComplete(t *testing.T) {
	for _, length := range []int{500, 499} {
		w := newWorld(t)
		f := w.counted(1, 0, nil)
		body := &during{Reader: bytes.NewReader(pattern(length, 2)), do: func() {
			if err := w.put(f, 1, pattern(500, 1)); err != nil {
				t.Error(err)
			}
		}}
		_, err := w.Put(context.Background(), upload.Put{Account: owner, File: f.ID, Number: 1, Length: int64(length), Body: body, Again: true})
		if want := map[int]string{500: "", 499: "file_complete"}[length]; fault.CodeOf(err) != want {
			t.Errorf("%d bytes: %v, want %q", length, err, want)
		}
		if !bytes.Equal(w.read(f), pattern(500, 1)) {
			t.Error("acknowledged bytes changed")
		}
	}
}

func TestTheMD5OfAWholeFile(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	data := pattern(2500, 1)
	sum := md5.Sum(data)
	f := w.counted(3, chunk, &sum)
	damaged := bytes.Clone(data[:1000])
	damaged[7]++
	for _, s := range []sending{{3, data[2000:], true}, {1, damaged, true}, {2, data[1000:2000], true}} {
		if err := w.send(f, s); err != nil {
			t.Fatal(err)
		}
	}
	if w.state(f).State != upload.Open {
		t.Error("complete before it was read")
	}
	for range 2 {
		if _, err := w.Complete(ctx, f.ID, upload.CompleteOptions{}); fault.CodeOf(err) != "file_digest" {
			t.Errorf("a damaged file: %v", err)
		}
	}
	if err := w.put(f, 1, data[:1000]); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Complete(ctx, f.ID, upload.CompleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.read(f), data) {
		t.Error("other bytes came out")
	}
}

// A part that is replaced after the file was read for its MD5 must be read too.
func TestPartsThatChangeWhileTheFileIsRead(t *testing.T) {
	w := newWorld(t)
	data := pattern(1500, 1)
	sum := md5.Sum(data)
	f := w.counted(2, chunk, &sum)
	for n, body := range cut(data, chunk) {
		if err := w.put(f, n, body); err != nil {
			t.Fatal(err)
		}
	}
	calls := 0
	w.model.Hook = func(call string) error {
		if call != "Complete" {
			return nil
		}
		if calls++; calls == 2 { // the file was read between the first and this
			hook := w.model.Hook
			w.model.Hook = nil
			if err := w.put(f, 1, pattern(1000, 9)); err != nil {
				t.Error(err)
			}
			w.model.Hook = hook
		}
		return nil
	}
	if _, err := w.Complete(context.Background(), f.ID, upload.CompleteOptions{}); fault.CodeOf(err) != "file_digest" {
		t.Errorf("completed with other bytes than were read: %v", err)
	}
}

func TestManySendersOfAFilePlannedByItsParts(t *testing.T) {
	w := newWorld(t)
	data := pattern(24*chunk+300, 1)
	f := w.counted(25, chunk, nil)
	var wg sync.WaitGroup
	for n, body := range cut(data, chunk) {
		for range 3 {
			wg.Go(func() {
				_, err := w.Put(context.Background(), upload.Put{
					Account: owner, File: f.ID, Number: n, Length: int64(len(body)), Body: bytes.NewReader(body), Again: true,
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if got := w.state(f); got.State != upload.Complete || got.Home.OpenFiles != 0 {
		t.Errorf("%+v", got)
	}
	if !bytes.Equal(w.read(f), data) {
		t.Error("other bytes came out")
	}
}

func TestADeletedFileTakesNothing(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	f := w.counted(2, chunk, nil)
	if err := w.put(f, 1, pattern(chunk, 1)); err != nil {
		t.Fatal(err)
	}
	if err := w.model.Change(f.Key, func(f *upload.File) { f.State = upload.Deleted }); err != nil {
		t.Fatal(err)
	}
	_, cerr := w.Complete(ctx, f.ID, upload.CompleteOptions{})
	_, gerr := w.Content(ctx, w.state(f))
	for name, err := range map[string]error{"a part": w.put(f, 2, nil), "completing": cerr, "its content": gerr} {
		if fault.CodeOf(err) != "file_deleted" || fault.KindOf(err) != fault.Gone {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// However parts arrive, in whatever order, repeated or cut off: what is complete is
// the file.
func FuzzPartsInAnyOrder(f *testing.F) {
	f.Add([]byte{0, 1, 2})
	f.Add([]byte{2, 1, 0, 2, 0x41, 0x80})
	f.Fuzz(func(t *testing.T, order []byte) {
		w := newWorld(t)
		data := pattern(2500, 1)
		file := w.counted(3, chunk, nil)
		bodies := cut(data, chunk)
		for _, o := range order[:min(len(order), 20)] {
			n := int(o&3)%3 + 1
			body := io.Reader(bytes.NewReader(bodies[n]))
			length := int64(len(bodies[n]))
			if o&0x40 != 0 {
				length = -1
			}
			if o&0x80 != 0 {
				body = &brokenBody{bytes.NewReader(bodies[n][:100]), io.ErrUnexpectedEOF}
			}
			_, _ = w.Put(context.Background(), upload.Put{Account: owner, File: file.ID, Number: n, Length: length, Body: body, Again: true})
		}
		for _, n := range slices.Sorted(maps.Keys(bodies)) {
			_, err := w.Put(context.Background(), upload.Put{
				Account: owner, File: file.ID, Number: n, Length: int64(len(bodies[n])), Body: bytes.NewReader(bodies[n]), Again: true,
			})
			if err != nil {
				t.Fatal(fmt.Errorf("part %d: %w", n, err))
			}
		}
		if !bytes.Equal(w.read(file), data) {
			t.Error("other bytes came out")
		}
	})
}

// TestEveryCallFailsForOnePart is TestEveryCallFails for a part whose length nobody
// has reserved: what a failure leaves must not stay.
func TestEveryCallFailsForOnePart(t *testing.T) {
	data := pattern(upload.SmallMost+1000, 1)
	for _, bad := range []error{syscall.EIO, syscall.ENOSPC} {
		for k := 1; ; k++ {
			w := newWorld(t)
			f := w.counted(1, 0, nil)
			calls, failed := 0, ""
			fail := func(call string) error {
				if calls++; calls == k {
					failed = call
					return bad
				}
				return nil
			}
			w.hook = func(c disktest.Call) error { return fail(c.Do) }
			w.model.Hook = fail
			err := w.put(f, 1, data)
			w.crash(uint64(k))
			if got := w.state(f); err == nil && got.State != upload.Complete {
				t.Fatalf("%v at call %d, %s: acknowledged, and not complete", bad, k, failed)
			}
			_, again := w.Put(context.Background(), upload.Put{
				Account: owner, File: f.ID, Number: 1, Length: int64(len(data)), Body: bytes.NewReader(data), Again: true,
			})
			if again != nil || !bytes.Equal(w.read(f), data) {
				t.Fatalf("%v at call %d, %s: cannot be finished: %v", bad, k, failed, again)
			}
			if failed == "" {
				if k < 8 {
					t.Errorf("only %d calls were seen: the hooks are not in place", k)
				}
				break
			}
		}
	}
}
