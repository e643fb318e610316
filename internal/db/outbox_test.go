package db

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/letter"
)

func (w world) draftLetter(about string) *letter.Item {
	return &letter.Item{
		ID: letter.ID(w.ids.Key()), Kind: letter.Recipient, About: about, To: "ada@example.org", State: letter.Waiting,
		Sealed: []byte{0, 1, 2}, CreatedAt: now, QueuedAt: now, Until: now.Add(time.Hour),
	}
}

// letter puts a letter into the outbox.
func (w world) letter(about string) *letter.Item {
	w.t.Helper()
	i := w.draftLetter(about)
	isNew, err := w.PutLetter(w.ctx, i)
	w.must(err)
	if !isNew {
		w.t.Fatalf("there was a letter about %s", about)
	}
	return i
}

func (w world) end(i *letter.Item, s letter.State, at time.Time) {
	w.t.Helper()
	_, err := w.UpdateLetter(w.ctx, i.ID, func(i *letter.Item) ([]job.Job, error) {
		i.End(at, s, "cause")
		return nil, nil
	})
	w.must(err)
}

// letterChanges gives one of each change of the outbox.
func (w world) letterChanges() map[string]func() error {
	waiting, ended := w.letter("waiting"), w.letter("ended")
	w.end(ended, letter.Sent, now)
	return map[string]func() error{
		"PutLetter": func() error {
			_, err := w.PutLetter(w.ctx, w.draftLetter("new"), job.Job{Kind: "send", ID: "new", RunAt: now})
			return err
		},
		"UpdateLetter": func() error {
			_, err := w.UpdateLetter(w.ctx, waiting.ID, func(i *letter.Item) ([]job.Job, error) {
				return []job.Job{{Kind: "send", ID: "again", RunAt: now}}, i.Begin(now)
			})
			return err
		},
		"ForgetLetters": func() error { _, err := w.ForgetLetters(w.ctx, now.Add(time.Hour), 10); return err },
	}
}

// readOutbox makes each query of the outbox.
func (w world) readOutbox() {
	_, _ = w.Letter(w.ctx, "x")
	_, _ = w.Letters(w.ctx, 0, "", 10)
	_, _ = w.Letters(w.ctx, letter.Held, "x", 10)
}

func TestALetterIsKeptAsItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		want := w.letter("a")
		got, err := w.Letter(w.ctx, want.ID)
		w.must(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error("put and found:", diff)
		}
		want, err = w.UpdateLetter(w.ctx, want.ID, func(i *letter.Item) ([]job.Job, error) {
			i.Round, i.Attempts, i.Cause = 2, 3, "said no"
			i.State, i.QueuedAt, i.BusyUntil, i.EndedAt = letter.Failed, now.Add(1e9), now.Add(2e9), now.Add(3e9)
			return []job.Job{{Kind: "send", ID: "1", RunAt: now}}, nil
		})
		w.must(err)
		if got, _ = w.Letter(w.ctx, want.ID); !cmp.Equal(want, got) {
			t.Error("updated and found:", cmp.Diff(want, got))
		}
		if jobs, _ := w.Claim(w.ctx, now, 10); len(jobs) != 1 || jobs[0].Kind != "send" {
			t.Errorf("the change called for a job, there are %v", jobs)
		}
		_, err = w.Letter(w.ctx, "none")
		w.fails(err, fault.NotFound, "letter_unknown")
		_, err = w.UpdateLetter(w.ctx, "none", func(*letter.Item) ([]job.Job, error) { return nil, nil })
		w.fails(err, fault.NotFound, "letter_unknown")
		_, err = w.UpdateLetter(w.ctx, want.ID, func(i *letter.Item) ([]job.Job, error) {
			i.Cause = "not saved"
			return nil, fault.New(fault.Conflict, "no", "no")
		})
		w.fails(err, fault.Conflict, "no")
		if got, _ = w.Letter(w.ctx, want.ID); got.Cause != "said no" {
			t.Errorf("a change that failed was saved: %+v", got)
		}
	})
}

func TestALetterIsWrittenOnceEver(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		var news atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				i := w.draftLetter("one")
				isNew, err := w.PutLetter(w.ctx, i, job.Job{Kind: "send", ID: string(i.ID), RunAt: now})
				if err != nil {
					t.Error(err)
				}
				if isNew {
					news.Add(1)
				}
			})
		}
		wg.Wait()
		jobs, err := w.Claim(w.ctx, now, 10)
		w.must(err)
		if news.Load() != 1 || len(jobs) != 1 {
			t.Fatalf("8 writers at once made %d letters and %d jobs", news.Load(), len(jobs))
		}
		// Also when it was sent and forgotten long ago.
		w.end(&letter.Item{ID: letter.ID(jobs[0].ID)}, letter.Sent, now)
		n, err := w.ForgetLetters(w.ctx, now.Add(time.Hour), 10)
		w.must(err)
		isNew, err := w.PutLetter(w.ctx, w.draftLetter("one"))
		w.must(err)
		if n != 1 || isNew {
			t.Errorf("%d letters were forgotten; then it was new: %t", n, isNew)
		}
		other := w.draftLetter("one")
		other.Kind = letter.Confirmation
		if isNew, err := w.PutLetter(w.ctx, other); !isNew || err != nil {
			t.Errorf("another kind of letter about the same thing: %t, %v", isNew, err)
		}
	})
}

func TestListsOfLetters(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		var all []letter.ID
		for _, about := range []string{"a", "b", "c", "d", "e"} {
			all = append(all, w.letter(about).ID)
		}
		slices.Reverse(all) // the latest first
		w.end(&letter.Item{ID: all[1]}, letter.Held, now)
		w.end(&letter.Item{ID: all[3]}, letter.Held, now)
		for _, tt := range []struct {
			name   string
			state  letter.State
			before letter.ID
			n      int
			want   []letter.ID
		}{
			{"all of them, the latest first", 0, "", 10, all},
			{"the first page", 0, "", 2, all[:2]},
			{"the page after", 0, all[1], 2, all[2:4]},
			{"those in a state", letter.Held, "", 10, []letter.ID{all[1], all[3]}},
			{"the page after, in a state", letter.Waiting, all[2], 10, []letter.ID{all[4]}},
			{"none", letter.Failed, "", 10, nil},
		} {
			items, err := w.Letters(w.ctx, tt.state, tt.before, tt.n)
			w.must(err)
			var got []letter.ID
			for _, i := range items {
				got = append(got, i.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	})
}

func TestForgettingLetters(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		waiting, early, late := w.letter("waiting"), w.letter("early"), w.letter("late")
		w.end(early, letter.Sent, now)
		w.end(late, letter.Failed, now.Add(time.Hour))
		for i, want := range []int{1, 0} {
			n, err := w.ForgetLetters(w.ctx, now.Add(time.Minute), 10)
			w.must(err)
			if n != want {
				t.Errorf("time %d: %d letters were forgotten, want %d", i+1, n, want)
			}
		}
		for _, tt := range []struct {
			*letter.Item
			forgotten bool
		}{{waiting, false}, {early, true}, {late, false}} {
			i, err := w.Letter(w.ctx, tt.ID)
			w.must(err)
			if (i.Sealed == nil && i.To == "" && i.Cause == "") != tt.forgotten {
				t.Errorf("%s: %+v", i.About, i)
			}
		}
		if rows := strings.Join(w.tables()["outbox"], "\n"); strings.Count(rows, "ada@example.org") != 2 {
			t.Errorf("an address is still there:\n%s", rows)
		}
	})
}
