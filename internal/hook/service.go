package hook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
)

// A Store keeps hooks and messages.
type Store interface {
	// AddHook saves a new hook: Conflict "too_many_webhooks" when the account has most.
	AddHook(ctx context.Context, h *Hook, most int) error
	// Hooks gives those of an account, the oldest first; HookOf one of them: NotFound
	// "webhook_unknown", also for another's.
	Hooks(ctx context.Context, who account.ID) ([]*Hook, error)
	HookOf(ctx context.Context, who account.ID, h ID) (*Hook, error)
	// HookByID finds it whosever it is: NotFound "webhook_unknown".
	HookByID(ctx context.Context, h ID) (*Hook, error)
	// UpdateHook runs change on one of the account's hooks and saves it, all or nothing.
	UpdateHook(ctx context.Context, who account.ID, h ID, change func(*Hook) error) (*Hook, error)
	// DeleteHook forgets one with its messages.
	DeleteHook(ctx context.Context, who account.ID, h ID) error

	// AddMessages saves messages with the jobs that send them, and forgets those of the
	// same hooks that were written before the moment. One whose hook has its ID already
	// is left out, with its job.
	AddMessages(ctx context.Context, all []*Message, jobs []job.Job, before time.Time) error
	// Message finds one by its key: NotFound "message_unknown". SaveMessage saves what
	// became of it.
	Message(ctx context.Context, key string) (*Message, error)
	SaveMessage(ctx context.Context, m *Message) error
	// MessagesOf gives up to n messages of a hook before the given key, the latest first.
	MessagesOf(ctx context.Context, h ID, before string, n int) ([]*Message, error)

	// DownloadRecord finds one by its key: NotFound "record_unknown".
	DownloadRecord(ctx context.Context, key string) (*transfer.Record, error)
}

// A Poster sends a message, and gives the status of the answer.
type Poster interface {
	Post(ctx context.Context, url string, header []Header, body string) (status int, err error)
}

// Config is what a Service stands on.
type Config struct {
	Store  Store
	Desk   *transfer.Desk
	Poster Poster
	Ring   *keyring.Ring
	IDs    *id.Source
	Now    func() time.Time
	Log    *slog.Logger

	// Describe gives what a message says of a transfer, and of a download of it, which may
	// be nil: values that become JSON.
	Describe func(ctx context.Context, t *transfer.Transfer, r *transfer.Record) (map[string]any, error)
}

// A Service is the webhooks of all accounts.
type Service struct {
	Config
	sending chan struct{} // as many as may wait for others' servers
}

// sendsAtOnce leaves workers for other jobs while receivers are slow.
const sendsAtOnce = 2

// New makes a Service. Describe may be set later.
func New(c Config) *Service { return &Service{Config: c, sending: make(chan struct{}, sendsAtOnce)} }

// jobSend is the kind of the job that sends a message, whose key is its ID.
const jobSend = "hook.send"

// Handlers gives the work behind each kind of job.
func (s *Service) Handlers() map[string]job.Handler {
	return map[string]job.Handler{share.JobEvent: s.tell, jobSend: s.send}
}

// A Change of a hook; what is nil stays.
type Change struct {
	URL    *string
	Events *[]share.Event
	Active *bool
}

func (c *Change) apply(h *Hook) error {
	if c.URL != nil {
		h.URL = *c.URL
	}
	if c.Events != nil {
		h.Events = *c.Events
	}
	if c.Active != nil {
		h.Active = *c.Active
	}
	return h.check()
}

// Create makes a hook: Invalid with what is wrong with it, Conflict "too_many_webhooks".
func (s *Service) Create(ctx context.Context, who account.ID, url string, events []share.Event) (*Hook, error) {
	h := &Hook{ID: ID(s.IDs.Key()), Account: who, URL: url, Events: events, Active: true, Generation: 1, CreatedAt: s.Now()}
	if err := h.check(); err != nil {
		return nil, err
	}
	return h, s.Store.AddHook(ctx, h, MostHooks)
}

// List gives the hooks of an account, Get one of them: NotFound "webhook_unknown".
func (s *Service) List(ctx context.Context, who account.ID) ([]*Hook, error) {
	return s.Store.Hooks(ctx, who)
}

// Get finds a hook of the account.
func (s *Service) Get(ctx context.Context, who account.ID, h ID) (*Hook, error) {
	return s.Store.HookOf(ctx, who, h)
}

// Update changes a hook.
func (s *Service) Update(ctx context.Context, who account.ID, h ID, c Change) (*Hook, error) {
	return s.Store.UpdateHook(ctx, who, h, c.apply)
}

// Rotate gives a hook a new secret. For a day messages are signed by the former, too.
func (s *Service) Rotate(ctx context.Context, who account.ID, h ID) (*Hook, error) {
	return s.Store.UpdateHook(ctx, who, h, func(h *Hook) error {
		h.Generation++
		h.FormerUntil = s.Now().Add(formerLife)
		return nil
	})
}

// Delete forgets a hook.
func (s *Service) Delete(ctx context.Context, who account.ID, h ID) error {
	return s.Store.DeleteHook(ctx, who, h)
}

// Messages gives the latest messages of a hook of the account.
func (s *Service) Messages(ctx context.Context, who account.ID, h ID, before string, n int) ([]*Message, error) {
	if _, err := s.Store.HookOf(ctx, who, h); err != nil {
		return nil, err
	}
	return s.Store.MessagesOf(ctx, h, before, n)
}

// Ping sends a message to see whether it arrives.
func (s *Service) Ping(ctx context.Context, who account.ID, h ID) (*Message, error) {
	one, err := s.Store.HookOf(ctx, who, h)
	if err != nil {
		return nil, err
	}
	if !one.Active {
		return nil, fault.New(fault.Conflict, "webhook_inactive", "the webhook is switched off")
	}
	all, err := s.write(ctx, []*Hook{one}, Ping, s.IDs.Key(), s.Now(), map[string]any{})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// tell writes a message to each hook that wants to know of an event. The ID of its job is
// the event, the transfer's key, and what tells this time from another: the version of
// the transfer, or the record of a download.
func (s *Service) tell(ctx context.Context, j job.Job) error {
	words := strings.Fields(j.ID)
	if len(words) != 3 {
		return nil
	}
	event := share.Event(words[0])
	t, err := s.Desk.ByKey(ctx, share.Key(words[1]))
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := s.Store.Hooks(ctx, t.Owner.Account)
	if err != nil {
		return err
	}
	var who []*Hook
	for _, h := range all {
		if h.wants(event) {
			who = append(who, h)
		}
	}
	if len(who) == 0 {
		return nil
	}
	var r *transfer.Record
	at := t.ExpiresAt
	switch event {
	case share.EventReady:
		at = t.ReadyAt
	case share.EventDownloaded:
		if r, err = s.Store.DownloadRecord(ctx, words[2]); fault.KindOf(err) == fault.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		at = r.WholeAt
	}
	data, err := s.Describe(ctx, t, r)
	if err != nil {
		return err
	}
	_, err = s.write(ctx, who, event, j.ID, at, data)
	return err
}

// write writes one message to each hook about the same thing.
func (s *Service) write(ctx context.Context, who []*Hook, event share.Event, about string, at time.Time, data map[string]any) ([]*Message, error) {
	body, err := json.Marshal(struct {
		Type      share.Event    `json:"type"`
		Timestamp string         `json:"timestamp"`
		Data      map[string]any `json:"data"`
	}{event, at.UTC().Format("2006-01-02T15:04:05.000Z"), data})
	if err != nil {
		return nil, err
	}
	now := s.Now()
	var all []*Message
	var jobs []job.Job
	for _, h := range who {
		sum := sha256.Sum256([]byte(string(h.ID) + " " + about)) // the same when the job is done again
		m := &Message{
			Key: s.IDs.Key(), ID: "msg_" + hex.EncodeToString(sum[:16]), Hook: h.ID, Event: event, At: now, Body: string(body), NextAt: now,
		}
		all, jobs = append(all, m), append(jobs, job.Job{Kind: jobSend, ID: m.Key, RunAt: now})
	}
	return all, s.Store.AddMessages(ctx, all, jobs, now.Add(-MessageLife))
}

// gone is the status by which a receiver asks for no more (Standard Webhooks).
const gone = 410

// send tries a message once. What is not taken is tried again, at ever longer pauses,
// for three days.
func (s *Service) send(ctx context.Context, j job.Job) error {
	select {
	case s.sending <- struct{}{}:
		defer func() { <-s.sending }()
	default:
		return job.Again(time.Second)
	}
	m, err := s.Store.Message(ctx, j.ID)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil || m.NextAt.IsZero() {
		return err
	}
	h, err := s.Store.HookByID(ctx, m.Hook)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if !h.Active {
		m.Problem, m.NextAt = "the webhook was switched off", time.Time{}
		return s.Store.SaveMessage(ctx, m)
	}
	now := s.Now()
	status, perr := s.Poster.Post(ctx, h.URL, sign(h.keys(s.Ring, now), m.ID, now, m.Body), m.Body)
	m.Attempts++
	m.Status, m.Problem, m.NextAt = status, "", time.Time{}
	switch {
	case perr != nil:
		m.Problem = perr.Error()
	case status >= 200 && status < 300:
		m.DoneAt = s.Now()
		return s.Store.SaveMessage(ctx, m)
	case status == gone:
		m.Problem = "its receiver wants no more"
		off := false
		_, err := s.Store.UpdateHook(ctx, h.Account, h.ID, func(now *Hook) error {
			if off = now.URL == h.URL; off { // and not another receiver, that was named meanwhile
				now.Active = false
			}
			return nil
		})
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		if off || err != nil {
			return s.Store.SaveMessage(ctx, m)
		}
	default:
		m.Problem = "it was not taken"
	}
	if m.Attempts > len(pauses) {
		return s.Store.SaveMessage(ctx, m)
	}
	pause := pauses[m.Attempts-1]
	m.NextAt = s.Now().Add(pause)
	if err := s.Store.SaveMessage(ctx, m); err != nil {
		return err
	}
	return job.Again(pause)
}
