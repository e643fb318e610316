package db

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/object"
	"github.com/ferry-server/ferry/internal/report"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// object makes a share with a file, ready, and what a key would stand for then.
func (w world) object(key string) object.Object {
	w.t.Helper()
	tr, files := w.create(w.acc, 5)
	w.setState(tr.Key, share.Ready)
	return object.Object{
		Owner: account.Owner{Account: w.acc, Room: "room"}, Key: key, Share: tr.ID, File: files[0].ID,
		Size: 5, ETag: `"x"`, WrittenAt: now,
	}
}

func TestAKeyStandsForWhatWasWrittenLast(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		put := func(o object.Object) *object.Object {
			t.Helper()
			loser, err := w.PutObject(w.ctx, o)
			w.must(err)
			return loser
		}
		first, later, earlier := w.object("key"), w.object("key"), w.object("key")
		later.WrittenAt, earlier.WrittenAt = now.Add(time.Second), now.Add(-time.Second)
		_, err := w.Object(w.ctx, first.Owner, "key")
		w.fails(err, fault.NotFound, "object_unknown")
		if loser := put(first); loser != nil {
			t.Errorf("a new key has a loser: %+v", loser)
		}
		if loser := put(first); loser != nil {
			t.Errorf("the same again has a loser: %+v", loser)
		}
		if loser := put(earlier); loser == nil || loser.File != earlier.File {
			t.Errorf("who was earlier does not lose: %+v", loser)
		}
		if loser := put(later); loser == nil || loser.File != first.File || loser.Share != first.Share {
			t.Errorf("who was first does not lose: %+v", loser)
		}
		got, err := w.Object(w.ctx, first.Owner, "key")
		w.must(err)
		if diff := cmp.Diff(&later, got); diff != "" {
			t.Error(diff)
		}
		_, err = w.Object(w.ctx, account.Owner{Account: w.acc, Room: "other"}, "key")
		w.fails(err, fault.NotFound, "object_unknown")

		dropped, err := w.DropObject(w.ctx, first.Owner, "key")
		w.must(err)
		if diff := cmp.Diff(&later, dropped); diff != "" {
			t.Error(diff)
		}
		if dropped, err := w.DropObject(w.ctx, first.Owner, "key"); dropped != nil || err != nil {
			t.Errorf("dropped again: %+v, %v", dropped, err)
		}
	})
}

// Of all who write the same key at once exactly one is left standing, and each of
// the others was told to somebody as a loser once.
func TestManyWritersOfOneKey(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		const n = 20
		all := make([]object.Object, n)
		for i := range all {
			all[i] = w.object("key")
			all[i].WrittenAt = now.Add(time.Duration(i%3) * time.Second)
		}
		var mu sync.Mutex
		lost := map[upload.ID]int{}
		var wg sync.WaitGroup
		for _, o := range all {
			wg.Go(func() {
				loser, err := w.PutObject(w.ctx, o)
				if err != nil {
					t.Error(err)
				}
				if loser != nil {
					mu.Lock()
					lost[loser.File]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		winner, err := w.Object(w.ctx, all[0].Owner, "key")
		w.must(err)
		for _, o := range all {
			if want := map[bool]int{false: 1, true: 0}[o.File == winner.File]; lost[o.File] != want {
				t.Errorf("%s lost %d times, want %d", o.File, lost[o.File], want)
			}
		}
		if !winner.WrittenAt.Equal(now.Add(2 * time.Second)) {
			t.Errorf("the winner was written at %v", winner.WrittenAt)
		}
	})
}

func TestObjectsAreListedBytewise(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		keys := []string{"A", "a", "a/b", "a/c", "b", "ä", "\U0001F600"}
		var one object.Object
		for _, k := range keys {
			one = w.object(k)
			w.put1(one)
		}
		open, expired := w.object("open"), w.object("expired")
		tr, _ := w.create(w.acc, 5)
		open.Share = tr.ID
		w.put1(open)
		w.put1(expired)
		sh, err := w.ByID(w.ctx, expired.Share)
		w.must(err)
		w.setState(sh.Key, share.Expired)

		list := func(from, to string, at time.Time, n int) string {
			t.Helper()
			all, err := w.ObjectsOf(w.ctx, one.Owner, from, to, at, n)
			w.must(err)
			var got []string
			for _, o := range all {
				got = append(got, o.Key)
			}
			return strings.Join(got, " ")
		}
		for _, tt := range []struct {
			name     string
			from, to string
			n        int
			want     string
		}{
			{"all that are ready", "", "", 100, strings.Join(keys, " ")},
			{"from a key", "a/b", "", 2, "a/b a/c"},
			{"to before a key", "a/", "a0", 100, "a/b a/c"},
			{"nothing there", "x", "y", 100, ""},
		} {
			if got := list(tt.from, tt.to, now, tt.n); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
			}
		}
		if got := list("", "", now.Add(1000*24*time.Hour), 100); got != "" {
			t.Errorf("after their end: %q", got)
		}
	})
}

func TestAForgottenShareLeavesNoKey(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		o := w.object("key")
		w.put1(o)
		sh, err := w.ByID(w.ctx, o.Share)
		w.must(err)
		w.setState(sh.Key, share.Purged)
		said := &report.Report{Key: w.ids.Key(), At: now, Home: sh.Key, Kind: "other", Text: "no", From: "eve@example.org"}
		w.must(w.AddReport(w.ctx, said, 10))
		if n, err := w.Forget(w.ctx, sh.ExpiresAt.Add(time.Hour), 10); n != 1 || err != nil {
			t.Fatalf("forgot %d, %v", n, err)
		}
		_, err = w.Object(w.ctx, o.Owner, "key")
		w.fails(err, fault.NotFound, "object_unknown")
		_, err = w.Report(w.ctx, said.Key)
		w.fails(err, fault.NotFound, "report_unknown")
	})
}

// put1 puts an object whose key is new.
func (w world) put1(o object.Object) {
	w.t.Helper()
	loser, err := w.PutObject(w.ctx, o)
	w.must(err)
	if loser != nil {
		w.t.Fatalf("a new key has a loser: %+v", loser)
	}
}
