package db

import (
	"crypto/md5"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

func TestPartsComeBackAsTheyWerePut(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		_, files := w.create(w.acc, 25)
		f := files[0]
		sum := md5.Sum([]byte("x"))
		want := []upload.Part{
			{Number: 1, Segment: blob.Segment{Blob: f.Blob(), Length: 10}, CRC: 0xffffffff, ReceivedAt: now},
			{Number: 3, Segment: blob.Segment{Blob: "loose", Offset: 7, Length: 5}, MD5: &sum, ReceivedAt: now},
		}
		for _, p := range want {
			w.must(w.PutPart(w.ctx, f.Key, p.Number, func(f *upload.File, old *upload.Part) (*upload.NewPart, error) {
				if old != nil {
					t.Errorf("part %d is new, but was there: %v", p.Number, old)
				}
				f.Parts++
				f.Got += p.Length
				f.Sum ^= 0x80000001
				return &upload.NewPart{Part: p, Jobs: []job.Job{{Kind: "put", ID: fmt.Sprint(p.Number)}}}, nil
			}))
		}
		got, err := w.Parts(w.ctx, f.Key, 0, 10)
		w.must(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if rest, err := w.Parts(w.ctx, f.Key, 1, 1); err != nil || len(rest) != 1 || rest[0].Number != 3 {
			t.Errorf("the part after 1: %v, %v", rest, err)
		}
		for n, p := range map[int]*upload.Part{1: &want[0], 2: nil, 3: &want[1]} {
			file, part, err := w.FileAndPart(w.ctx, f.ID, n)
			w.must(err)
			if diff := cmp.Diff(p, part); diff != "" {
				t.Errorf("part %d: %s", n, diff)
			}
			if file.Parts != 2 || file.Got != 15 || file.Sum != 0 || file.Home.Message != "message" {
				t.Errorf("the file: %+v", file)
			}
		}
		if jobs, err := w.Claim(w.ctx, now, 10); len(jobs) != 2 || err != nil {
			t.Errorf("jobs: %v, %v", jobs, err)
		}
	})
}

func TestAPartReplacesTheOneBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		_, files := w.create(w.acc, 25)
		f := files[0]
		w.must(w.put(f, 1, 10, "loose"))
		w.must(w.put(f, 1, 10, ""))
		w.must(w.put(f, 1, 9, "other"))
		file, p, err := w.FileAndPart(w.ctx, f.ID, 1)
		w.must(err)
		if p.Blob != "other" || p.Length != 9 || file.Parts != 1 || file.Got != 9 {
			t.Errorf("part %+v of file %+v", p, file)
		}
		promised, err := w.Promised(w.ctx, []blob.ID{"loose", "other", f.Blob(), "stranger", ""})
		w.must(err)
		if diff := cmp.Diff(map[blob.ID]bool{"other": true, f.Blob(): true}, promised); diff != "" {
			t.Error("promised blobs:", diff)
		}
	})
}

func TestARefusedPartLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		_, files := w.create(w.acc, 25)
		boom := errors.New("boom")
		err := w.PutPart(w.ctx, files[0].Key, 1, func(f *upload.File, _ *upload.Part) (*upload.NewPart, error) {
			f.Parts = 7
			return nil, boom
		})
		if err != boom {
			t.Errorf("change's error came back as %v", err)
		}
		f, p, _ := w.FileAndPart(w.ctx, files[0].ID, 1)
		if f.Parts != 0 || p != nil {
			t.Errorf("%+v, %v", f, p)
		}
	})
}

func TestAFileOfUnknownSizePaysByThePart(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		acc := w.account(100)
		tr, files := w.create(acc, upload.Unknown)
		f := files[0]
		w.must(w.put(f, 1, 60, "a"))
		w.must(w.put(f, 2, 40, "b"))
		w.fails(w.put(f, 3, 1, "c"), fault.Full, "quota_exceeded")
		w.must(w.put(f, 1, 50, "d")) // smaller: pays back
		w.must(w.put(f, 3, 10, "e"))
		got, _ := w.Transfer(w.ctx, tr.ID)
		if w.used(acc) != 100 || got.Size != 100 {
			t.Errorf("%d bytes are reserved for a transfer of %d, want 100", w.used(acc), got.Size)
		}
		done, err := w.complete(f, 2)
		w.must(err)
		got, _ = w.Transfer(w.ctx, tr.ID)
		if done.Size != 60 || w.used(acc) != 60 || got.Size != 60 {
			t.Errorf("after a part of 40 was dropped: %d reserved, file of %d, transfer of %d", w.used(acc), done.Size, got.Size)
		}
		w.setState(tr.Key, share.Deleted)
		if n := w.used(acc); n != 0 {
			t.Errorf("%d bytes are reserved after the end", n)
		}
	})
}

func TestAnEndedTransferDoesNotPay(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		tr, files := w.create(w.acc, upload.Unknown)
		w.setState(tr.Key, share.Deleted)
		err := w.PutPart(w.ctx, files[0].Key, 1, func(f *upload.File, _ *upload.Part) (*upload.NewPart, error) {
			// What the change decided on was true when it looked.
			f.Got += 10
			return &upload.NewPart{Part: upload.Part{Number: 1}}, nil
		})
		w.fails(err, fault.Gone, "transfer_expired")
		if n := w.used(w.acc); n != 0 {
			t.Errorf("%d bytes are reserved", n)
		}
	})
}

func TestCompleting(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		tr, files := w.create(w.acc, 25, 10)
		f := files[0]
		for n := 1; n <= 5; n++ {
			w.must(w.put(f, n, 5, ""))
		}
		var done atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				got, err := w.complete(f, 4, 5)
				if err != nil {
					t.Error(err)
				} else if got.State == upload.Complete && got.Size == 15 && got.CompletedAt.Equal(now) {
					done.Add(1)
				}
			})
		}
		wg.Wait()
		if done.Load() != 10 {
			t.Errorf("%d of 10 were told that it is complete", done.Load())
		}
		got, _ := w.Transfer(w.ctx, tr.ID)
		if got.OpenFiles != 1 || got.Files != 2 {
			t.Errorf("%d of %d files are open, want 1 of 2", got.OpenFiles, got.Files)
		}
		parts, _ := w.Parts(w.ctx, f.Key, 0, 10)
		if len(parts) != 3 {
			t.Errorf("%d parts are left, want 3", len(parts))
		}
		if jobs, err := w.Claim(w.ctx, now, 10); len(jobs) != 1 || err != nil {
			t.Errorf("jobs: %v, %v", jobs, err)
		}
		loaded, err := w.File(w.ctx, f.ID)
		w.must(err)
		again, err := w.Complete(w.ctx, f.ID, func(*upload.File, func() ([]upload.Part, error)) ([]int, []job.Job, error) { return nil, nil, nil })
		w.must(err)
		if diff := cmp.Diff(loaded, again); diff != "" {
			t.Error("completed again:", diff)
		}
	})
}

func TestAPartIsAcknowledgedOrRefusedNeverLost(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for range 30 {
			_, files := w.create(w.acc, upload.Unknown)
			f := files[0]
			w.must(w.put(f, 1, 1, "first"))
			var put error
			var complete error
			var wg sync.WaitGroup
			wg.Go(func() { put = w.put(f, 2, 2, "second") })
			wg.Go(func() { _, complete = w.complete(f) })
			wg.Wait()
			w.must(complete)
			got, err := w.File(w.ctx, f.ID)
			w.must(err)
			parts, err := w.Parts(w.ctx, f.Key, 0, 10)
			w.must(err)
			switch {
			case put == nil && got.Size == 3 && len(parts) == 2:
			case fault.Is(put, "file_complete") && got.Size == 1 && len(parts) == 1:
			default:
				t.Errorf("put: %v; the file has %d bytes in %d parts", put, got.Size, len(parts))
			}
		}
	})
}

func TestSuspectFiles(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		_, files := w.create(w.acc, 20)
		f := files[0]
		w.must(w.put(f, 1, 10, ""))
		w.must(w.put(f, 2, 10, ""))
		w.must(w.Suspect(w.ctx, f.Key))
		if got, _ := w.File(w.ctx, f.ID); !got.Suspect {
			t.Error("the file is not marked")
		}
		w.must(w.Rework(w.ctx, f.Key, func(f *upload.File, parts func() ([]upload.Part, error)) ([]int, []job.Job, error) {
			all, err := parts()
			f.Suspect, f.Parts, f.Got = false, len(all)-1, 10
			return []int{2}, []job.Job{{Kind: "k", ID: "1"}}, err
		}))
		got, p, _ := w.FileAndPart(w.ctx, f.ID, 2)
		if got.Suspect || got.Parts != 1 || got.Got != 10 || p != nil || got.Home.OpenFiles != 1 {
			t.Errorf("%+v, part %v", got, p)
		}
	})
}

func TestPurging(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		tr, files := w.create(w.acc, 20, 20, 20)
		other, kept := w.create(w.acc, 20)
		w.must(w.put(files[1], 1, 10, "loose 1"))
		w.must(w.put(files[1], 2, 10, "loose 2"))
		w.must(w.put(files[0], 1, 10, ""))
		w.must(w.put(kept[0], 1, 10, ""))
		// More parts than one transaction removes.
		w.must(w.write(w.ctx, func(t tx) error {
			for n := range 2*purgeStep + 10 {
				upsertPart(t, files[2], &upload.Part{Number: n + 1, Segment: blob.Segment{Blob: files[2].Blob()}})
			}
			return nil
		}))
		got, err := w.Blobs(w.ctx, tr.Key, 2)
		w.must(err)
		want := []share.FileBlobs{
			{File: string(files[0].Key), Blobs: []blob.ID{files[0].Blob()}},
			{File: string(files[1].Key), Blobs: []blob.ID{files[1].Blob(), "loose 1", "loose 2"}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		w.must(w.DropFiles(w.ctx, tr.Key, []string{string(files[0].Key), string(files[1].Key), string(files[2].Key)}))
		if got, err := w.Blobs(w.ctx, tr.Key, 2); len(got) > 0 || err != nil {
			t.Errorf("blobs that are left: %v, %v", got, err)
		}
		for _, f := range files {
			if parts, err := w.Parts(w.ctx, f.Key, 0, 10); len(parts) > 0 || err != nil {
				t.Errorf("parts that are left: %v, %v", parts, err)
			}
		}
		if parts, _ := w.Parts(w.ctx, kept[0].Key, 0, 10); len(parts) != 1 {
			t.Errorf("another transfer has %d parts, want 1", len(parts))
		}
		if n, _ := w.Blobs(w.ctx, other.Key, 10); len(n) != 1 {
			t.Errorf("another transfer has %d files, want 1", len(n))
		}
	})
}

func TestManyBlobsAreAskedForAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		_, files := w.create(w.acc, make([]int64, 150)...)
		var ids []blob.ID
		for _, f := range files {
			ids = append(ids, f.Blob(), blob.ID(w.ids.Key()))
		}
		promised, err := w.Promised(w.ctx, ids)
		w.must(err)
		if len(promised) != 150 {
			t.Errorf("%d of 150 blobs are promised", len(promised))
		}
	})
}

func TestOnePartByManyAtOnceIsCountedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		for range 20 {
			_, files := w.create(w.acc, 25)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() { w.must(w.put(files[0], 1, 10, "")) })
			}
			wg.Wait()
			f, _, err := w.FileAndPart(w.ctx, files[0].ID, 1)
			w.must(err)
			if f.Parts != 1 || f.Got != 10 {
				t.Fatalf("%d parts of %d bytes together, want one of 10", f.Parts, f.Got)
			}
		}
	})
}

func TestContentBesideItsRow(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		tr, files := w.create(w.acc, 4, 4)
		f := files[0]
		put := func(segment blob.Segment, bytes []byte) error {
			return w.PutPart(w.ctx, f.Key, 1, func(f *upload.File, _ *upload.Part) (*upload.NewPart, error) {
				_, f.Small = segment.Blob.RowKey()
				return &upload.NewPart{Part: upload.Part{Number: 1, Segment: segment}, Bytes: bytes}, nil
			})
		}
		holds := func(want string) {
			t.Helper()
			got, err := w.RowBytes(w.ctx, string(f.Key))
			if want == "" && fault.CodeOf(err) != "blob_missing" || want != "" && string(got) != want {
				t.Errorf("beside the row lies %q, %v, want %q", got, err, want)
			}
		}
		row := blob.Segment{Blob: blob.Row(string(f.Key)), Length: 4}
		holds("")
		w.must(put(row, []byte("one\x00")))
		holds("one\x00")
		w.must(put(row, []byte("two\xff")))
		holds("two\xff")
		got, p, err := w.FileAndPart(w.ctx, f.ID, 1)
		w.must(err)
		if !got.Small || p == nil || p.Segment != row {
			t.Errorf("small %v, part %+v, want one at %+v", got.Small, p, row)
		}
		promised, err := w.Promised(w.ctx, []blob.ID{row.Blob})
		w.must(err)
		if len(promised) != 0 {
			t.Errorf("a store of blobs is asked to keep %v", promised)
		}
		w.must(put(blob.Segment{Blob: "loose", Length: 4}, nil))
		holds("")
		w.must(put(row, []byte("back")))
		w.must(w.Rework(w.ctx, f.Key, func(f *upload.File, _ func() ([]upload.Part, error)) ([]int, []job.Job, error) {
			f.Small = false // the part that was there is left out
			return []int{1}, nil, nil
		}))
		holds("")
		w.must(put(row, []byte("last")))
		w.must(w.DropFiles(w.ctx, tr.Key, []string{string(f.Key)}))
		holds("")
	})
}
