package db

import (
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/journal"
)

func TestJournal(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		var keys []string
		for i := range 5 {
			e := journal.Entry{Key: w.ids.Key(), At: now.Add(time.Duration(i) * time.Second), By: "root", Do: "block.add", About: "evil.example"}
			keys = append(keys, e.Key)
			w.must(w.AddEntry(w.ctx, e))
		}
		w.must(w.EndEntry(w.ctx, keys[4], journal.Done))
		page, err := w.Entries(w.ctx, "", 2)
		w.must(err)
		if len(page) != 2 || page[0].Key != keys[4] || page[0].Outcome != journal.Done || !page[0].At.Equal(now.Add(4*time.Second)) || page[1].Outcome != journal.Begun {
			t.Errorf("the latest: %v", page)
		}
		page, err = w.Entries(w.ctx, page[1].Key, 100)
		w.must(err)
		if len(page) != 3 || page[0].Key != keys[2] || page[2].Key != keys[0] || page[2].By != "root" || page[2].Do != "block.add" || page[2].About != "evil.example" {
			t.Errorf("those before: %v", page)
		}
	})
}
