package native

import (
	"context"

	"github.com/ferry-server/ferry/internal/hook"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
)

type webhookBody struct {
	ID        hook.ID       `json:"id"`
	URL       string        `json:"url"`
	Events    []share.Event `json:"events"`
	Active    bool          `json:"active"`
	CreatedAt moment        `json:"created_at"`
	Secret    string        `json:"secret,omitempty"`
}

func newWebhookBody(k *hook.Hook) webhookBody {
	b := webhookBody{ID: k.ID, URL: k.URL, Events: k.Events, Active: k.Active, CreatedAt: moment(k.CreatedAt)}
	if len(b.Events) == 0 {
		b.Events = share.Events()
	}
	return b
}

// withSecret is what a hook's owner is told once.
func (h *Handler) withSecret(k *hook.Hook) webhookBody {
	b := newWebhookBody(k)
	b.Secret = string(k.Secret(h.Ring))
	return b
}

func (h *Handler) listWebhooks(c *call) (any, error) {
	all, err := h.Hooks.List(c.ctx(), c.who.Account)
	if err != nil {
		return nil, err
	}
	out := list[webhookBody]{Items: []webhookBody{}}
	for _, k := range all {
		out.Items = append(out.Items, newWebhookBody(k))
	}
	return out, nil
}

func (h *Handler) createWebhook(c *call) (any, error) {
	var in struct {
		URL    string        `json:"url"`
		Events []share.Event `json:"events"`
	}
	if err := c.read(&in, bodyLimit); err != nil {
		return nil, err
	}
	k, err := h.Hooks.Create(c.ctx(), c.who.Account, in.URL, in.Events)
	if err != nil {
		return nil, err
	}
	return h.withSecret(k), nil
}

func (c *call) hook() hook.ID { return hook.ID(c.r.PathValue("webhook")) }

func (h *Handler) getWebhook(c *call) (any, error) {
	k, err := h.Hooks.Get(c.ctx(), c.who.Account, c.hook())
	if err != nil {
		return nil, h.miss(c, err)
	}
	return newWebhookBody(k), nil
}

func (h *Handler) changeWebhook(c *call) (any, error) {
	var in struct {
		URL    *string        `json:"url"`
		Events *[]share.Event `json:"events"`
		Active *bool          `json:"active"`
	}
	if err := c.read(&in, bodyLimit); err != nil {
		return nil, err
	}
	k, err := h.Hooks.Update(c.ctx(), c.who.Account, c.hook(), hook.Change{URL: in.URL, Events: in.Events, Active: in.Active})
	if err != nil {
		return nil, h.miss(c, err)
	}
	return newWebhookBody(k), nil
}

func (h *Handler) deleteWebhook(c *call) (any, error) {
	return nil, h.miss(c, h.Hooks.Delete(c.ctx(), c.who.Account, c.hook()))
}

func (h *Handler) rotateWebhook(c *call) (any, error) {
	k, err := h.Hooks.Rotate(c.ctx(), c.who.Account, c.hook())
	if err != nil {
		return nil, h.miss(c, err)
	}
	return h.withSecret(k), nil
}

type messageBody struct {
	ID       string      `json:"id"`
	Event    share.Event `json:"event"`
	At       moment      `json:"at"`
	Attempts int         `json:"attempts"`
	Status   int         `json:"status"`
	Problem  string      `json:"problem"`
	NextAt   moment      `json:"next_at"`
	DoneAt   moment      `json:"done_at"`
}

func newMessageBody(m *hook.Message) messageBody {
	return messageBody{m.ID, m.Event, moment(m.At), m.Attempts, m.Status, m.Problem, moment(m.NextAt), moment(m.DoneAt)}
}

func (h *Handler) pingWebhook(c *call) (any, error) {
	m, err := h.Hooks.Ping(c.ctx(), c.who.Account, c.hook())
	if err != nil {
		return nil, h.miss(c, err)
	}
	return newMessageBody(m), nil
}

func (h *Handler) listMessages(c *call) (any, error) {
	cursor, limit, err := c.place()
	if err != nil {
		return nil, err
	}
	all, err := h.Hooks.Messages(c.ctx(), c.who.Account, c.hook(), cursor, limit+1)
	if err != nil {
		return nil, h.miss(c, err)
	}
	return more(all, limit, newMessageBody, func(m *hook.Message) string { return m.Key }), nil
}

// Describe gives what a webhook is told of a transfer, and of a download of it: the objects
// of the API.
func (h *Handler) Describe(ctx context.Context, t *transfer.Transfer, r *transfer.Record) (map[string]any, error) {
	out := map[string]any{"transfer": h.body(t)}
	if r != nil {
		b, err := newDeliveryBody(ctx, h.Desk.About(), t, r)
		if err != nil {
			return nil, err
		}
		out["delivery"] = b
	}
	return out, nil
}
