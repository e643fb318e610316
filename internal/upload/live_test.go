package upload_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk/disktest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// live makes a file that can be fetched while it comes in.
func (w *world) live(size int64) *upload.File {
	w.t.Helper()
	key := w.ids.Key()
	tr := &transfer.Transfer{Share: share.Share{
		Key: share.Key(key), ID: share.ID("t" + key), Kind: share.Transfer, Owner: account.Owner{Account: owner},
		State: share.Open, Live: true, Files: 1, OpenFiles: 1, CreatedAt: now(), ExpiresAt: now().Add(time.Hour),
	}}
	f := &upload.File{
		Key: upload.Key(w.ids.Key()), ID: upload.ID("f" + key), Name: "a.bin", Size: size, Chunk: chunk,
		State: upload.Open, CreatedAt: now(), Home: &tr.Share,
	}
	if err := w.model.CreateTransfer(context.Background(), tr, []*upload.File{f}); err != nil {
		w.t.Fatal(err)
	}
	return f
}

// followed reads n bytes of a live file from off.
func (w *world) followed(f *upload.File, off, n int64) ([]byte, error) {
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := w.Live(f).WriteRange(ctx, struct{ io.Writer }{&out}, blob.WithRows(w.blobs, w.model), off, n)
	return out.Bytes(), err
}

// However a live file comes, who follows it has its bytes, and none that others replaced.
func TestFollowersHaveTheFile(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(t)
		random := rand.New(rand.NewPCG(seed, 1))
		size := int64(1 + random.IntN(20*chunk))
		data := pattern(int(size), byte(seed))
		f := w.live(size)
		var followers sync.WaitGroup
		for range 3 {
			off := random.Int64N(size)
			n := 1 + random.Int64N(size-off)
			followers.Go(func() {
				got, err := w.followed(f, off, n)
				if err != nil || !bytes.Equal(got, data[off:off+n]) {
					t.Errorf("seed %d: from %d of %d: %d of %d bytes, %v", seed, off, size, len(got), n, err)
				}
			})
		}
		for offset := int64(0); ; {
			fresh, err := w.File(t.Context(), owner, f.ID)
			if err != nil {
				t.Fatal(err)
			}
			if fresh.State == upload.Complete {
				break
			}
			number := 1 + random.IntN(fresh.Planned())
			body := data[int64(number-1)*chunk : min(int64(number)*chunk, size)]
			switch random.IntN(4) {
			case 0: // bytes that nobody shall ever see
				if all, err := w.AllParts(t.Context(), f.Key); err != nil {
					t.Fatal(err)
				} else if len(all) > 0 {
					p := all[random.IntN(len(all))]
					err := w.put(f, p.Number, pattern(int(p.Length), byte(seed)+100))
					if !fault.Is(err, "bytes_differ") {
						t.Fatalf("seed %d: other bytes as part %d: %v", seed, p.Number, err)
					}
				}
			case 1:
				if err := w.put(f, number, body); err != nil && !fault.Is(err, "file_complete") {
					t.Fatalf("seed %d: part %d: %v", seed, number, err)
				}
			default:
				_, offset, err = w.Offset(t.Context(), owner, f.ID)
				if err != nil {
					t.Fatal(err)
				}
				n := min(1+random.Int64N(2*chunk), size-offset)
				if offset, err = w.append(f, offset, data[offset:offset+n]); err != nil && !fault.Is(err, "file_complete") {
					t.Fatalf("seed %d: at %d: %v", seed, offset, err)
				}
			}
			if _, err := w.Complete(t.Context(), f.ID, upload.CompleteOptions{}); err != nil && !fault.Is(err, "part_missing") && !fault.Is(err, "size_mismatch") {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		followers.Wait()
	}
}

// A part of a live file that cannot be read any more may come again: the same, and no other.
func TestADamagedPartOfALiveFileComesAgain(t *testing.T) {
	w := newWorld(t)
	f, data := w.live(2500), pattern(2500, 1)
	if err := w.put(f, 1, data[:chunk]); err != nil {
		t.Fatal(err)
	}
	w.hook = func(c disktest.Call) error {
		if c.Do == "ReadAt" {
			return syscall.EIO
		}
		return nil
	}
	if err := w.put(f, 1, pattern(chunk, 2)); !fault.Is(err, "bytes_differ") {
		t.Errorf("other bytes: %v", err)
	}
	if err := w.put(f, 1, data[:chunk]); err != nil {
		t.Errorf("the same: %v", err)
	}
	w.hook = nil
	for n, at := range []int{chunk, 2 * chunk} {
		if err := w.put(f, n+2, data[at:min(at+chunk, len(data))]); err != nil {
			t.Fatal(err)
		}
	}
	w.complete(f, data)
}
