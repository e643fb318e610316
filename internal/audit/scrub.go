package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/upload"
)

// JobScrub reads all content again, round after round, a little at a time. Between two
// rounds it reads what is new, for the first time.
const JobScrub = "blob.scrub"

const (
	// stepTime is how much reading is done at a time, as time at the scrub's rate.
	stepTime = time.Second
	// settled is the age of files that are read: younger ones are often not complete.
	settled = time.Hour
	// newEvery is how often new files are read.
	newEvery = time.Hour
)

// A state is where the scrub is in its round. It is kept in the database, so the round
// goes on after a restart, and on another node.
type state struct {
	Began  time.Time // the last round of all files
	New    bool      // only new files are read
	Over   bool
	Until  time.Time // files that were begun later are left to the next
	Place  place
	Report Report
}

// Jobs gives the job that must be in the queue.
func (s *Service) Jobs() []job.Job {
	if s.limits.Interval == 0 {
		return nil
	}
	return []job.Job{{Kind: JobScrub, ID: "round", RunAt: s.now().Add(time.Minute)}}
}

// Handlers gives the work behind the job.
func (s *Service) Handlers() map[string]job.Handler {
	return map[string]job.Handler{JobScrub: func(ctx context.Context, _ job.Job) error {
		if s.limits.Interval == 0 {
			return nil // switched off since
		}
		pause, err := s.scrub(ctx)
		if err != nil {
			// Never given up as other jobs are: a store that does not answer comes back.
			s.log.ErrorContext(ctx, "scrub failed", "err", err)
			pause = time.Minute
		}
		return job.Again(pause)
	}}
}

// scrub does one step, and tells how long to wait for the next.
func (s *Service) scrub(ctx context.Context) (pause time.Duration, err error) {
	began := s.now()
	st, err := s.load(ctx)
	if err != nil {
		return 0, err
	}
	if st.Over {
		all, fresh := st.Began.Add(s.limits.Interval), st.Until.Add(settled+newEvery)
		switch {
		case !all.After(began):
			st = newRound(began)
		case !fresh.After(began):
			st = st.next(began)
		default:
			return min(all.Sub(began), fresh.Sub(began)), nil
		}
	}
	r := &reader{Service: s, place: st.Place, end: keyAt(st.Until), report: st.Report}
	r.found = func(f Finding) error {
		r.report.Findings++
		s.log.ErrorContext(ctx, "stored content is damaged", "kind", f.Kind, "file", string(f.File), "share", f.Share,
			"part", f.Part, "blob", string(f.Blob), "detail", f.Detail)
		return nil
	}
	o := &Outcome{At: began}
	done, err := r.step(ctx, int64(float64(s.limits.Rate)*stepTime.Seconds()), o)
	if err != nil {
		return 0, err
	}
	st.Place, st.Report, st.Over = r.place, r.report, done
	if o.State, err = json.Marshal(st); err != nil {
		return 0, err
	}
	if err := s.store.SaveOutcome(ctx, o); err != nil {
		return 0, err
	}
	if done {
		s.finished(ctx, st)
	}
	return max(0, stepTime-s.now().Sub(began)), nil
}

func (s *Service) finished(ctx context.Context, st *state) {
	level, what := slog.LevelInfo, "scrub has read everything"
	if st.New {
		level, what = slog.LevelDebug, "scrub has read what is new"
	}
	if st.Report.Damaged > 0 {
		level = slog.LevelError
	}
	s.log.Log(ctx, level, what, "files", st.Report.Files, "bytes", st.Report.Bytes, "damaged", st.Report.Damaged,
		"marked", st.Report.Marked, "unmarked", st.Report.Unmarked, "began", st.Began.UTC().Format(time.RFC3339))
}

func (s *Service) load(ctx context.Context) (*state, error) {
	text, err := s.store.ScrubState(ctx)
	if err != nil {
		return nil, err
	}
	if text == nil {
		return newRound(s.now()), nil
	}
	st := &state{}
	if err := json.Unmarshal(text, st); err != nil {
		return nil, fmt.Errorf("the scrub's place: %w", err)
	}
	return st, nil
}

func newRound(now time.Time) *state { return &state{Began: now, Until: now.Add(-settled)} }

// next gives the reading of what came since this one.
func (st *state) next(now time.Time) *state {
	return &state{Began: st.Began, New: true, Until: now.Add(-settled), Place: place{After: keyAt(st.Until)}}
}

// keyAt gives the least key of a moment.
func keyAt(t time.Time) upload.Key { return upload.Key(id.Before(t)) }
