package native

import (
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
)

type meBody struct {
	Account *account.ID `json:"account"`
	Email   string      `json:"email"`
	Name    string      `json:"name"`
	Admin   bool        `json:"admin"`
	Used    int64       `json:"used"`
	Quota   int64       `json:"quota"`
	Limits  limitsBody  `json:"limits"`
	MaySend bool        `json:"may_send"`
}

type limitsBody struct {
	MaxSize       int64 `json:"max_size"`
	MaxFiles      int   `json:"max_files"`
	MaxRecipients int   `json:"max_recipients"`
	DefaultDays   int   `json:"default_days"`
	MaxDays       int   `json:"max_days"`
	Forever       bool  `json:"forever"`
	Password      bool  `json:"password"`
}

func (h *Handler) me(c *call) (any, error) { return h.describe(c, c.who) }

// describe tells who somebody is, and what they may send.
func (h *Handler) describe(c *call, who account.Actor) (*meBody, error) {
	ctx := c.ctx()
	b := &meBody{}
	if who.Account != "" {
		a, err := h.Senders.Accounts.ByID(ctx, who.Account)
		if err != nil {
			return nil, err
		}
		b.Account, b.Email, b.Name, b.Admin, b.Used, b.Quota = &a.ID, a.Email, a.Name, a.Admin, a.Used, a.Quota
	}
	owner, _, err := h.Senders.Sender(ctx, who, "")
	switch {
	case err == nil:
		b.MaySend = true
	case fault.KindOf(err) == fault.Internal:
		return nil, err
	case who.Account == "":
		return b, nil // nothing is theirs
	default:
		owner = who.Owner
	}
	r, err := h.Senders.Rules(ctx, owner.Account)
	if err != nil {
		return nil, err
	}
	b.Limits = limitsBody{
		r.MaxSize, h.MaxFiles, r.MaxRecipients, r.DefaultDays, r.MaxDays, r.Forever, !r.NoPassword,
	}
	return b, nil
}

type keyBody struct {
	ID        account.KeyID `json:"id"`
	Name      string        `json:"name"`
	Scopes    []string      `json:"scopes"`
	CreatedAt moment        `json:"created_at"`
	ExpiresAt moment        `json:"expires_at"`
	Secret    string        `json:"secret,omitempty"`
}

func newKeyBody(k *account.APIKey) keyBody {
	return keyBody{k.ID, k.Name, k.Scopes.Names(), moment(k.CreatedAt), moment(k.ExpiresAt), ""}
}

func (h *Handler) listKeys(c *call) (any, error) {
	cursor, limit, err := c.place()
	if err != nil {
		return nil, err
	}
	all, err := h.Senders.Accounts.Keys(c.ctx(), c.who.Account, account.KeyID(cursor), limit+1)
	if err != nil {
		return nil, err
	}
	return more(all, limit, newKeyBody, func(k *account.APIKey) string { return string(k.ID) }), nil
}

func (h *Handler) createKey(c *call) (any, error) {
	var in struct {
		Name      string    `json:"name"`
		Scopes    []string  `json:"scopes"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := c.read(&in, bodyLimit); err != nil {
		return nil, err
	}
	scopes, err := account.ParseScopes(in.Scopes)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.Name) > 100:
		return nil, invalid("name", "too_long", "must have at most 100 characters")
	case !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(h.Now()):
		return nil, invalid("expires_at", "time_past", "must be still to come")
	}
	secret, k, err := h.Senders.Accounts.CreateKeyFor(c.ctx(), c.who.Account, account.NewKey{
		Name: in.Name, Scopes: scopes, ExpiresAt: in.ExpiresAt,
	})
	if err != nil {
		return nil, err
	}
	b := newKeyBody(k)
	b.Secret = string(secret)
	return b, nil
}

func (h *Handler) deleteKey(c *call) (any, error) {
	return nil, h.Senders.Accounts.DeleteKey(c.ctx(), c.who.Account, account.KeyID(c.r.PathValue("key")))
}
