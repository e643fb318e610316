package db

import (
	"context"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/hook"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
)

const selectHook = `
	select w.id, w.account, w.url, w.events, w.active, w.generation, w.former_until, w.created_at from webhooks w where `

func hookDest(h *hook.Hook) []any {
	return []any{
		&h.ID, &h.Account, &h.URL, intoEvents(&h.Events), intoBool(&h.Active), &h.Generation, intoTime(&h.FormerUntil), intoTime(&h.CreatedAt),
	}
}

func intoEvents(to *[]share.Event) into {
	return func(src any) error {
		*to = nil
		text, _ := src.(string)
		for e := range strings.FieldsSeq(text) {
			*to = append(*to, share.Event(e))
		}
		return nil
	}
}

func eventsText(all []share.Event) string {
	var words []string
	for _, e := range all {
		words = append(words, string(e))
	}
	return strings.Join(words, " ")
}

func hookUnknown() error { return fault.New(fault.NotFound, "webhook_unknown", "no such webhook") }

// AddHook implements hook.Store.
func (d *DB) AddHook(ctx context.Context, h *hook.Hook, most int) error {
	return d.write(ctx, func(t tx) error {
		// One after the other, so that two cannot both be the last.
		unknown := fault.New(fault.NotFound, "account_unknown", "no such account")
		if err := find(t, unknown, func(row scan) error { var id account.ID; return row(&id) },
			`select id from accounts where id = $1`+t.lock(" for update"), h.Account); err != nil {
			return err
		}
		n := 0
		err := t.query(func(scan) error { n++; return nil }, `select id from webhooks where account = $1`, h.Account)
		if err != nil {
			return err
		}
		if n >= most {
			return fault.New(fault.Conflict, "too_many_webhooks", "an account has at most %d webhooks", most)
		}
		t.exec(`
			insert into webhooks (id, account, url, events, active, generation, former_until, created_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			h.ID, h.Account, h.URL, eventsText(h.Events), h.Active, h.Generation, h.FormerUntil, h.CreatedAt)
		return nil
	})
}

// Hooks implements hook.Store.
func (d *DB) Hooks(ctx context.Context, who account.ID) (all []*hook.Hook, err error) {
	err = d.query(ctx, func(row scan) error {
		h := new(hook.Hook)
		all = append(all, h)
		return row(hookDest(h)...)
	}, selectHook+`w.account = $1 order by w.id`, who)
	return all, err
}

// HookOf implements hook.Store.
func (d *DB) HookOf(ctx context.Context, who account.ID, id hook.ID) (*hook.Hook, error) {
	h := new(hook.Hook)
	return h, d.find(ctx, hookUnknown(), func(row scan) error { return row(hookDest(h)...) }, selectHook+`w.id = $1 and w.account = $2`, id, who)
}

// HookByID implements hook.Store.
func (d *DB) HookByID(ctx context.Context, id hook.ID) (*hook.Hook, error) {
	h := new(hook.Hook)
	return h, d.find(ctx, hookUnknown(), func(row scan) error { return row(hookDest(h)...) }, selectHook+`w.id = $1`, id)
}

// UpdateHook implements hook.Store.
func (d *DB) UpdateHook(ctx context.Context, who account.ID, id hook.ID, change func(*hook.Hook) error) (h *hook.Hook, err error) {
	err = d.write(ctx, func(t tx) error {
		h = new(hook.Hook)
		err := find(t, hookUnknown(), func(row scan) error { return row(hookDest(h)...) },
			selectHook+`w.id = $1 and w.account = $2`+t.lock(" for update"), id, who)
		if err != nil {
			return err
		}
		if err := change(h); err != nil {
			return err
		}
		t.exec(`update webhooks set url = $1, events = $2, active = $3, generation = $4, former_until = $5 where id = $6`,
			h.URL, eventsText(h.Events), h.Active, h.Generation, h.FormerUntil, h.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// DeleteHook implements hook.Store.
func (d *DB) DeleteHook(ctx context.Context, who account.ID, id hook.ID) error {
	return d.write(ctx, func(t tx) error {
		t.must(hookUnknown(), `delete from webhooks where id = $1 and account = $2`, id, who)
		t.exec(`delete from webhook_messages where hook = $1`, id)
		return nil
	})
}

// AddMessages implements hook.Store.
func (d *DB) AddMessages(ctx context.Context, all []*hook.Message, jobs []job.Job, before time.Time) error {
	return d.write(ctx, func(t tx) error {
		for i, m := range all {
			there := false
			err := t.query(func(scan) error { there = true; return nil },
				`select key from webhook_messages where hook = $1 and id = $2`, m.Hook, m.ID)
			if err != nil {
				return err
			}
			if there {
				continue
			}
			t.exec(`delete from webhook_messages where hook = $1 and at < $2`, m.Hook, before)
			t.exec(`
				insert into webhook_messages (key, hook, id, event, at, body, attempts, status, problem, next_at, done_at)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (hook, id) do nothing`,
				m.Key, m.Hook, m.ID, m.Event, m.At, m.Body, m.Attempts, m.Status, m.Problem, m.NextAt, m.DoneAt)
			insertJobs(t, jobs[i:i+1])
		}
		return nil
	})
}

const selectMessage = `
	select m.key, m.hook, m.id, m.event, m.at, m.body, m.attempts, m.status, m.problem, m.next_at, m.done_at
	from webhook_messages m where `

func messageDest(m *hook.Message) []any {
	return []any{
		&m.Key, &m.Hook, &m.ID, &m.Event, intoTime(&m.At), &m.Body, &m.Attempts, &m.Status, &m.Problem, intoTime(&m.NextAt), intoTime(&m.DoneAt),
	}
}

// Message implements hook.Store.
func (d *DB) Message(ctx context.Context, key string) (*hook.Message, error) {
	m := new(hook.Message)
	missing := fault.New(fault.NotFound, "message_unknown", "no such message")
	return m, d.find(ctx, missing, func(row scan) error { return row(messageDest(m)...) }, selectMessage+`m.key = $1`, key)
}

// SaveMessage implements hook.Store.
func (d *DB) SaveMessage(ctx context.Context, m *hook.Message) error {
	return d.write(ctx, func(t tx) error {
		t.exec(`update webhook_messages set attempts = $1, status = $2, problem = $3, next_at = $4, done_at = $5 where key = $6`,
			m.Attempts, m.Status, m.Problem, m.NextAt, m.DoneAt, m.Key)
		return nil
	})
}

// MessagesOf implements hook.Store.
func (d *DB) MessagesOf(ctx context.Context, h hook.ID, before string, n int) (all []*hook.Message, err error) {
	if before == "" {
		before = "~" // behind every key
	}
	err = d.query(ctx, func(row scan) error {
		m := new(hook.Message)
		all = append(all, m)
		return row(messageDest(m)...)
	}, selectMessage+`m.hook = $1 and m.key < $2 order by m.key desc limit $3 + 0`, h, before, n)
	return all, err
}

// DownloadRecord implements hook.Store.
func (d *DB) DownloadRecord(ctx context.Context, key string) (*transfer.Record, error) {
	r := new(transfer.Record)
	missing := fault.New(fault.NotFound, "record_unknown", "no such download")
	return r, d.find(ctx, missing, func(row scan) error { return row(recordDest(r)...) },
		`select `+recordColumns+` from downloads d where d.key = $1`, key)
}

// tell calls for the messages about an event, if its account has webhooks at all. What
// tells this time from another.
func tell(t tx, owner account.ID, event share.Event, home share.Key, what string, at time.Time) {
	id := string(event) + " " + string(home) + " " + what
	t.noting(func() { calls(t, at) }, `
		insert into jobs (kind, id, due, attempts, cause)
		select $1, $2, $3, 0, '' where exists (select 1 from webhooks w where w.account = $4 and w.active = 1)
		on conflict (kind, id) do nothing`, share.JobEvent, id, at, owner)
}
