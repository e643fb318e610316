package db

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
)

var boardLimits = board.Limits{MaxFiles: 10, MaxSize: 1000}

func (w world) link() board.Item {
	return board.Item{Link: &board.Link{
		Key: w.ids.Key(), ID: w.ids.Key(), Local: "l", URL: "https://example.com/ä", Title: "title", Meta: `{"a":1}`,
	}}
}

func (w world) item(home *share.Share, size int64) board.Item {
	return board.Item{File: w.files(home, size)[0]}
}

func TestABoardTakesItems(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		acc := w.account(100)
		first := w.link()
		b := w.createBoard(acc, first, w.item(nil, 10))
		second := w.link()
		w.must(w.AddItems(w.ctx, b.Key, []board.Item{w.item(nil, 20), second, w.item(nil, 30)}, boardLimits, now))
		got, err := w.Board(w.ctx, b.ID)
		w.must(err)
		want := *b
		want.Files, want.OpenFiles, want.Size = 3, 3, 60
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Error(diff)
		}
		links, err := w.Links(w.ctx, b.Key)
		w.must(err)
		if diff := cmp.Diff([]*board.Link{first.Link, second.Link}, links); diff != "" {
			t.Error("links:", diff)
		}
		if n := w.used(acc); n != 60 {
			t.Errorf("%d bytes are reserved, want 60", n)
		}
	})
}

func TestABoardRefusesItems(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		acc := w.account(500)
		b := w.createBoard(acc, w.item(nil, 10))
		for _, tt := range []struct {
			name string
			n    int
			size int64
			when time.Time
			kind fault.Kind
			code string
		}{
			{"too many files", 10, 1, now, fault.Invalid, "too_many_files"},
			{"too large together", 2, 496, now, fault.TooLarge, "transfer_too_large"},
			{"over the account's quota", 1, 491, now, fault.Full, "quota_exceeded"},
			{"its life is over", 1, 1, b.ExpiresAt, fault.Gone, "transfer_expired"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				items := []board.Item{w.link()}
				for range tt.n {
					items = append(items, w.item(nil, tt.size))
				}
				w.fails(w.AddItems(w.ctx, b.Key, items, boardLimits, tt.when), tt.kind, tt.code)
			})
		}
		got, _ := w.Board(w.ctx, b.ID)
		links, _ := w.Links(w.ctx, b.Key)
		if got.Files != 1 || got.Size != 10 || len(links) != 0 || w.used(acc) != 10 {
			t.Errorf("refused items left something: %+v, %d links, %d bytes", got, len(links), w.used(acc))
		}
	})
}

func TestABoardIsNeverOverfilled(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		b := w.createBoard(w.acc)
		var added atomic.Int64
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				err := w.AddItems(w.ctx, b.Key, []board.Item{w.item(nil, 1)}, boardLimits, now)
				switch {
				case err == nil:
					added.Add(1)
				case !fault.Is(err, "too_many_files"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, _ := w.Board(w.ctx, b.ID)
		if added.Load() != 10 || got.Files != 10 || got.Size != 10 {
			t.Errorf("%d were added, the board has %d files of %d bytes; want 10 each", added.Load(), got.Files, got.Size)
		}
	})
}
