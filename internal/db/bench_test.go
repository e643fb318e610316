package db

import (
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/testenv"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

func onBothEngines(b *testing.B, bench func(b *testing.B, w world)) {
	b.Run("sqlite", func(b *testing.B) {
		bench(b, openWorld(b, "sqlite:"+filepath.Join(b.TempDir(), "ferry.db"), Options{}))
	})
	b.Run("postgres", func(b *testing.B) { bench(b, openWorld(b, testenv.Postgres(b), Options{})) })
}

// What a part that came in costs here: the look before its body, and the row after.
func BenchmarkPart(b *testing.B) {
	onBothEngines(b, func(b *testing.B, w world) {
		_, files := w.create(w.acc, make([]int64, 1000)...)
		var next atomic.Int64
		b.ReportAllocs()
		b.SetParallelism(4) // of two cores: eight at once
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				n := next.Add(1)
				f, number := files[n%1000], int(n/1000)+1
				if _, _, err := w.FileAndPart(w.ctx, f.ID, number); err != nil {
					b.Error(err)
				}
				if err := w.put(f, number, 10, ""); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "parts/s")
	})
}

// A transfer of one small file from its creation to its link: the four writes and
// the reads between them.
func BenchmarkTransfer(b *testing.B) {
	onBothEngines(b, func(b *testing.B, w world) {
		acc := w.account(1 << 60)
		b.ReportAllocs()
		b.SetParallelism(4)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := w.cycle(acc); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transfers/s")
	})
}

func (w world) cycle(acc account.ID) error {
	t, files := w.draft(acc, 10)
	if err := w.CreateTransfer(w.ctx, t, files); err != nil {
		return err
	}
	f, _, err := w.FileAndPart(w.ctx, files[0].ID, 1)
	if err != nil {
		return err
	}
	err = w.PutPart(w.ctx, f.Key, 1, func(f *upload.File, _ *upload.Part) (*upload.NewPart, error) {
		f.Parts, f.Got = 1, 10
		return &upload.NewPart{Part: upload.Part{Number: 1, Segment: blob.Segment{Blob: f.Blob(), Length: 10}}}, nil
	})
	if err != nil {
		return err
	}
	if f, err = w.File(w.ctx, f.ID); err != nil {
		return err
	}
	_, err = w.Complete(w.ctx, f.ID, func(f *upload.File, _ func() ([]upload.Part, error)) ([]int, []job.Job, error) {
		f.State = upload.Complete
		return nil, nil, nil
	})
	if err != nil {
		return err
	}
	if t, err = w.Transfer(w.ctx, t.ID); err != nil {
		return err
	}
	_, err = w.UpdateTransfer(w.ctx, t.ID, func(t *transfer.Transfer) ([]job.Job, error) { return nil, t.Finalize(now) })
	return err
}

// A transfer of many files is created in one transaction.
func BenchmarkCreate10000Files(b *testing.B) {
	onBothEngines(b, func(b *testing.B, w world) {
		for b.Loop() {
			t, files := w.draft(w.acc, make([]int64, 10_000)...)
			if err := w.CreateTransfer(w.ctx, t, files); err != nil {
				b.Fatal(err)
			}
		}
	})
}
