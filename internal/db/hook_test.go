package db

import (
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/hook"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
)

func (w world) hook() *hook.Hook {
	return &hook.Hook{
		ID: hook.ID(w.ids.Key()), Account: w.acc, URL: "https://example.org", Events: []share.Event{share.EventReady}, Active: true,
		Generation: 1, CreatedAt: now,
	}
}

func (w world) message(h *hook.Hook, id string) (*hook.Message, job.Job) {
	m := &hook.Message{Key: w.ids.Key(), ID: id, Hook: h.ID, Event: share.EventReady, At: now, Body: "{}", NextAt: now}
	return m, job.Job{Kind: "hook.send", ID: m.Key, RunAt: now}
}

// hookChanges are the changes of hooks and messages.
func (w world) hookChanges() map[string]func() error {
	w.t.Helper()
	h, other, more := w.hook(), w.hook(), w.hook()
	w.must(w.AddHook(w.ctx, h, 100))
	w.must(w.AddHook(w.ctx, other, 100))
	m, j := w.message(other, "sent")
	w.must(w.AddMessages(w.ctx, []*hook.Message{m}, []job.Job{j}, now.Add(-1)))
	one, oneJob := w.message(h, "one")
	two, twoJob := w.message(other, "two")
	return map[string]func() error{
		"AddHook":     func() error { return w.AddHook(w.ctx, more, 100) },
		"AddMessages": func() error { return w.AddMessages(w.ctx, []*hook.Message{one, two}, []job.Job{oneJob, twoJob}, now) },
		"SaveMessage": func() error { m.Attempts++; return w.SaveMessage(w.ctx, m) },
		"UpdateHook": func() error {
			_, err := w.UpdateHook(w.ctx, w.acc, other.ID, func(h *hook.Hook) error { h.Active = false; return nil })
			return err
		},
		"DeleteHook": func() error { return w.DeleteHook(w.ctx, w.acc, h.ID) },
	}
}

// What happens is told where somebody wants to know, once, and written nowhere else.
func TestEventsAreTold(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		events := func() (n int) {
			jobs, err := w.Claim(w.ctx, now.Add(1e15), 100)
			w.must(err)
			for _, j := range jobs {
				if j.Kind == share.JobEvent {
					n++
				}
				w.must(w.Done(w.ctx, j))
			}
			return n
		}
		woken := 0
		w.OnJobs(func(time.Time) { woken++ })
		end := func() {
			tr, _ := w.create(w.acc, 1)
			woken = 0
			_, err := w.Update(w.ctx, tr.Key, func(s *share.Share) ([]job.Job, error) {
				s.Delete(now)
				return nil, nil
			})
			w.must(err)
		}
		end()
		if n := events(); n != 0 {
			t.Errorf("%d events for nobody", n)
		}
		if woken != 0 {
			t.Error("the runner was woken for nothing")
		}
		h := w.hook()
		w.must(w.AddHook(w.ctx, h, 1))
		if err := w.AddHook(w.ctx, w.hook(), 1); !fault.Is(err, "too_many_webhooks") {
			t.Errorf("one too many: %v", err)
		}
		end()
		if woken != 1 {
			t.Errorf("the runner was woken %d times, want once", woken)
		}
		if n := events(); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		// A message that is there comes no second time, nor its job.
		m, j := w.message(h, "same")
		w.must(w.AddMessages(w.ctx, []*hook.Message{m}, []job.Job{j}, now.Add(-1)))
		again, j2 := w.message(h, "same")
		w.must(w.AddMessages(w.ctx, []*hook.Message{again}, []job.Job{j2}, now.Add(-1)))
		all, err := w.MessagesOf(w.ctx, h.ID, "", 10)
		w.must(err)
		if jobs, err := w.Claim(w.ctx, now, 10); len(all) != 1 || all[0].Key != m.Key || len(jobs) != 1 || err != nil {
			t.Errorf("%d messages, %d jobs, %v", len(all), len(jobs), err)
		}
	})
}
