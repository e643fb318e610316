package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/letter"
)

// send does the job of one round of a letter. What it finds ended already, by a run
// that died before the job was noted as done, it only reports.
func (s *Service) send(ctx context.Context, j job.Job) error {
	itemID, round, err := cutJob(j.ID)
	if err != nil {
		return err
	}
	i, err := s.cfg.Outbox.Letter(ctx, itemID)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if i.Round != round {
		return nil // the operator has had it tried anew, by another job
	}
	if i.State == letter.Waiting {
		var pause time.Duration
		if i, pause, err = s.attempt(ctx, i); err != nil {
			return err
		}
		if pause > 0 {
			return job.Again(pause)
		}
	}
	return s.report(context.WithoutCancel(ctx), i)
}

// attempt tries to send a letter that waits. It gives the pause until the next
// attempt, 0 when the letter has ended.
func (s *Service) attempt(ctx context.Context, i *letter.Item) (_ *letter.Item, pause time.Duration, err error) {
	if s.cfg.SMTP == nil {
		i, err = s.end(ctx, i, letter.Held, "no mail server is configured")
		return i, 0, err
	}
	if i.Late(s.cfg.Now()) {
		i, err = s.end(ctx, i, letter.Failed, late(i))
		return i, 0, err
	}
	leave, pause := s.road.enter(ctx)
	if pause > 0 {
		return i, pause, nil
	}
	i, err = s.cfg.Outbox.UpdateLetter(ctx, i.ID, func(i *letter.Item) ([]job.Job, error) { return nil, i.Begin(s.cfg.Now()) })
	if err != nil {
		leave(nil)
		switch fault.CodeOf(err) {
		case "letter_busy": // a run that died, or one that outlived its lease
			return i, letter.Busy, nil
		case "letter_ended":
			return i, time.Second, nil // look again at how
		}
		return i, 0, err
	}
	err = s.post(ctx, i)
	leave(err)

	// What the server has said must be noted even when the program is just being
	// stopped.
	ctx = context.WithoutCancel(ctx)
	if err == nil {
		i, err = s.end(ctx, i, letter.Sent, "")
		return i, 0, err
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		s.cfg.Log.WarnContext(ctx, "letter was refused", "letter", string(i.ID), "kind", string(i.Kind), "said", refused.said)
		i, err = s.end(ctx, i, letter.Failed, refused.said)
		return i, 0, err
	}
	s.cfg.Log.WarnContext(ctx, "letter could not be sent", "letter", string(i.ID), "kind", string(i.Kind), "attempt", i.Attempts, "err", err)
	cause := err.Error()
	i, err = s.cfg.Outbox.UpdateLetter(ctx, i.ID, func(i *letter.Item) ([]job.Job, error) {
		pause = i.Later(s.cfg.Now(), cause)
		return nil, nil
	})
	return i, pause, err
}

func late(i *letter.Item) string {
	if i.Cause == "" {
		return "it could not be sent before what it is about was over"
	}
	return i.Cause
}

// end notes how a letter that waits ended.
func (s *Service) end(ctx context.Context, i *letter.Item, as letter.State, cause string) (*letter.Item, error) {
	return s.cfg.Outbox.UpdateLetter(ctx, i.ID, func(i *letter.Item) ([]job.Job, error) {
		if i.State == letter.Waiting {
			i.End(s.cfg.Now(), as, cause)
		}
		return nil, nil
	})
}

// grace is what a mail that is under way still gets when the program is stopped:
// cut off after the last byte and before the answer, it would go out twice.
const grace = 5 * time.Second

// post makes the mail and gives it to the server.
func (s *Service) post(ctx context.Context, i *letter.Item) error {
	l, p, err := s.open(i)
	if err != nil {
		return &refusal{err.Error()} // no later attempt can read it either
	}
	m, err := newMail(s.cfg.SMTP.From, i, l, p)
	if err != nil {
		return &refusal{err.Error()}
	}
	on, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(grace):
			cancel()
		case <-on.Done():
		}
	})
	defer stop()
	return s.cfg.SMTP.send(on, m)
}

// A road is the way to the mail server. Few go at once, so that a server that does
// not answer does not keep all workers from their other jobs; and while it is known
// to be out of reach, nobody goes.
type road struct {
	lanes chan struct{}
	now   func() time.Time

	mu     sync.Mutex // guards what follows
	closed time.Time  // until when
	misses int        // in a row
}

const (
	lanes     = 2
	laneWait  = time.Second     // how long a worker waits for a lane
	lanePause = 3 * time.Second // before a letter that found none tries again
	closedMin = 10 * time.Second
	closedMax = 5 * time.Minute // how long, at most, a server that was out of reach is left alone
)

func newRoad(now func() time.Time) *road { return &road{lanes: make(chan struct{}, lanes), now: now} }

// enter takes a lane, which the caller must leave, and say how it went. A pause
// that is not 0 means: not now.
func (r *road) enter(ctx context.Context) (leave func(error), pause time.Duration) {
	select {
	case r.lanes <- struct{}{}:
	case <-time.After(laneWait):
		return nil, lanePause
	case <-ctx.Done():
		return nil, lanePause
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if left := r.closed.Sub(r.now()); left > 0 {
		<-r.lanes
		return nil, left
	}
	return r.leave, 0
}

func (r *road) leave(err error) {
	defer func() { <-r.lanes }()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := errors.AsType[unreachable](err); !ok {
		r.misses, r.closed = 0, time.Time{}
		return
	}
	r.closed = r.now().Add(min(closedMax, closedMin<<min(r.misses, 10)))
	r.misses++
}
