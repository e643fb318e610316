// Package notify makes mails of letters and gets them to a mail server.
//
// It owns the templates, the one builder of all mail, the outbox's worker and the
// SMTP client. It leaves what a letter tells, and how long sending is tried, to
// package letter, the wording to package words, rows to package db. Whoever has
// letters of their own is a Source. A letter is sent at least once: when the
// program dies between the server's yes and our note of it, the mail goes out
// again, with the same Message-ID. Start at Service.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/brand"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/letter"
)

// Kinds of jobs that this package calls for.
const (
	JobSend   = "outbox.send"   // ID: an item's id, a dot, and its round
	JobForget = "outbox.forget" // forgets what letters said that ended long ago
)

// An Outbox keeps letters.
type Outbox interface {
	// PutLetter adds the item and the jobs, in one transaction. When there is one
	// of the same kind about the same thing, it does nothing, and isNew is false.
	PutLetter(ctx context.Context, i *letter.Item, jobs ...job.Job) (isNew bool, err error)
	// Letter finds an item: NotFound "letter_unknown".
	Letter(ctx context.Context, id letter.ID) (*letter.Item, error)
	// UpdateLetter loads the item, runs change on it, and saves the result and the
	// jobs that change returned, all or nothing. It may run change more than once,
	// each time on a fresh load. If change fails, nothing is saved. What a letter is
	// about, to whom, and what it says is not change's to change.
	UpdateLetter(ctx context.Context, id letter.ID, change func(*letter.Item) ([]job.Job, error)) (*letter.Item, error)
	// Letters gives up to n items, the latest first, that were made before one of
	// them, or from the latest on when that is empty; only those in a state unless
	// that is 0.
	Letters(ctx context.Context, s letter.State, before letter.ID, n int) ([]*letter.Item, error)
	// ForgetLetters drops address, cause and contents of up to n items that ended
	// before the moment, and says of how many.
	ForgetLetters(ctx context.Context, before time.Time, n int) (int, error)
}

// A Source has letters of its own to send.
type Source interface {
	// Letter gives the letter of this kind about what a job named: see
	// letter.JobPrefix. NotFound and Gone mean that there is nothing to say any more.
	Letter(ctx context.Context, kind letter.Kind, about string) (*letter.Letter, error)
}

// A Reporter learns what became of the letters of a Source that is one too.
type Reporter interface {
	// Delivered tells that a mail server has taken the letter. Undelivered tells
	// that none will, and why, in the server's words or ours. Both may be told more
	// than once; and after Undelivered, Delivered when the operator has had it tried
	// anew.
	Delivered(ctx context.Context, kind letter.Kind, about string) error
	Undelivered(ctx context.Context, kind letter.Kind, about, reason string) error
}

// Config is what a Service is made of.
type Config struct {
	Outbox  Outbox
	Sources map[letter.Kind]Source // may be nil
	SMTP    *SMTP                  // nil: letters are held
	Look    brand.Look             // of the installation; Ferry's own when it has no name
	IDs     *id.Source
	Ring    *keyring.Ring
	Now     func() time.Time
	Log     *slog.Logger
}

// A Service writes letters and sends them.
type Service struct {
	cfg   Config
	print *printer
	road  *road
}

// New makes a Service.
func New(c Config) *Service {
	if c.Look.Name == "" {
		c.Look = brand.Default()
	}
	return &Service{cfg: c, print: newPrinter(c.Look), road: newRoad(c.Now)}
}

// Handlers gives the work of all jobs of letters.
func (s *Service) Handlers() map[string]job.Handler {
	handlers := map[string]job.Handler{JobSend: s.send, JobForget: s.forget}
	for kind, source := range s.cfg.Sources {
		handlers[letter.JobPrefix+string(kind)] = func(ctx context.Context, j job.Job) error {
			return s.write(ctx, source, kind, j.ID)
		}
	}
	return handlers
}

// Jobs gives the jobs that must be there from the first start on.
func (s *Service) Jobs() []job.Job {
	return []job.Job{{Kind: JobForget, RunAt: s.cfg.Now()}}
}

// write puts the letter that a job asked for into the outbox.
func (s *Service) write(ctx context.Context, source Source, kind letter.Kind, about string) error {
	l, err := source.Letter(ctx, kind, about)
	if k := fault.KindOf(err); err != nil && (k == fault.NotFound || k == fault.Gone) {
		return nil
	}
	if err != nil {
		return err
	}
	if l.Data == nil || l.Data.Kind() != kind || l.About != about {
		return fmt.Errorf("asked for a letter %s about %s, the source gave another", kind, about)
	}
	_, err = s.Put(ctx, l)
	if wrong, ok := errors.AsType[*fault.Error](err); ok && wrong.Code == "letter_invalid" {
		// It stays wrong however often it is tried.
		s.cfg.Log.WarnContext(ctx, "letter cannot be written", "kind", string(kind), "about", about, "err", err)
		return s.report(ctx, &letter.Item{Kind: kind, About: about, State: letter.Failed, Cause: wrong.Msg})
	}
	return err
}

// Put writes a letter to the outbox, from where it is sent. When there has been one
// of its kind about the same thing, nothing happens, and the item is nil. Invalid
// "letter_invalid".
func (s *Service) Put(ctx context.Context, l *letter.Letter) (*letter.Item, error) {
	i, j, err := s.Item(l)
	if err != nil {
		return nil, err
	}
	isNew, err := s.cfg.Outbox.PutLetter(ctx, i, j)
	if err != nil || !isNew {
		return nil, err
	}
	return i, nil
}

// Item gives what Put stores, for a store that writes it together with something
// else.
func (s *Service) Item(l *letter.Letter) (*letter.Item, job.Job, error) {
	if err := l.Check(); err != nil {
		return nil, job.Job{}, err
	}
	text, err := l.Encode()
	if err != nil {
		return nil, job.Job{}, err
	}
	now := s.cfg.Now()
	i := &letter.Item{
		ID: letter.ID(s.cfg.IDs.Key()), Kind: l.Data.Kind(), About: l.About, To: l.To, State: letter.Waiting,
		CreatedAt: now, QueuedAt: now, Until: l.Until,
	}
	if i.Sealed, err = seal(s.cfg.Ring, i, text); err != nil {
		return nil, job.Job{}, err
	}
	return i, sendJob(i), nil
}

// sendJob gives the job of a round. Each round has its own, because the job of the
// round before may be about to be forgotten.
func sendJob(i *letter.Item) job.Job {
	return job.Job{Kind: JobSend, ID: string(i.ID) + "." + strconv.Itoa(i.Round), RunAt: i.QueuedAt}
}

// Text gives a letter as an operator reads it: Gone "letter_forgotten".
func (s *Service) Text(ctx context.Context, id letter.ID) (*letter.Item, string, error) {
	i, err := s.cfg.Outbox.Letter(ctx, id)
	if err != nil {
		return nil, "", err
	}
	if i.Sealed == nil {
		return i, "", fault.New(fault.Gone, "letter_forgotten", "what the letter said has been forgotten")
	}
	l, p, err := s.open(i)
	if err != nil {
		return i, "", err
	}
	return i, asText(i, l, p), nil
}

// open unseals and prints a letter.
func (s *Service) open(i *letter.Item) (*letter.Letter, *printed, error) {
	text, err := unseal(s.cfg.Ring, i)
	if err != nil {
		return nil, nil, err
	}
	l, err := letter.Decode(text)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.print.print(l)
	return l, p, err
}

// Retry has a letter that was not sent tried anew: see letter.Item.Retry.
func (s *Service) Retry(ctx context.Context, id letter.ID) error {
	_, err := s.cfg.Outbox.UpdateLetter(ctx, id, func(i *letter.Item) ([]job.Job, error) {
		if err := i.Retry(s.cfg.Now()); err != nil {
			return nil, err
		}
		return []job.Job{sendJob(i)}, nil
	})
	return err
}

// List gives letters for the operator: see Outbox.Letters.
func (s *Service) List(ctx context.Context, st letter.State, before letter.ID, n int) ([]*letter.Item, error) {
	return s.cfg.Outbox.Letters(ctx, st, before, n)
}

const (
	forgetStep  = 100
	forgetPause = time.Hour
)

func (s *Service) forget(ctx context.Context, _ job.Job) error {
	n, err := s.cfg.Outbox.ForgetLetters(ctx, s.cfg.Now().Add(-letter.Kept), forgetStep)
	if err != nil {
		return err
	}
	if n == forgetStep {
		return job.Again(0)
	}
	return job.Again(forgetPause)
}

// report tells the source of a letter how it ended. Kinds without a source, and
// sources that do not want to know, are told nothing.
func (s *Service) report(ctx context.Context, i *letter.Item) error {
	r, ok := s.cfg.Sources[i.Kind].(Reporter)
	if !ok {
		return nil
	}
	var err error
	switch i.State {
	case letter.Sent:
		err = r.Delivered(ctx, i.Kind, i.About)
	case letter.Failed:
		err = r.Undelivered(ctx, i.Kind, i.About, i.Cause)
	}
	if k := fault.KindOf(err); err != nil && (k == fault.NotFound || k == fault.Gone) {
		return nil // what it was about is no more
	}
	return err
}

// cutJob reads a job's ID back: see sendJob.
func cutJob(jobID string) (letter.ID, int, error) {
	item, round, ok := strings.Cut(jobID, ".")
	n, err := strconv.Atoi(round)
	if !ok || err != nil {
		return "", 0, errors.New("no job of the outbox: " + strconv.Quote(jobID))
	}
	return letter.ID(item), n, nil
}
