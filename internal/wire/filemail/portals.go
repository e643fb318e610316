package filemail

import (
	"context"
	"math"

	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/inbox"
)

// Calls about the portals of the caller's company. No public page names any: they are
// guesses in the style of those about users. A transfer is handed in to a portal by
// initialize with its portalid, which needs no account, and listed by the inbox.

// A portalBody is one of them.
type portalBody struct {
	ID      inbox.ID `json:"portalid"`
	Name    string   `json:"name"`
	Text    string   `json:"text"`
	To      []string `json:"to"`
	Created int64    `json:"created"` // ms
	Version int64    `json:"version"`
}

func describePortal(p *inbox.Portal) *portalBody {
	return &portalBody{p.ID, p.Name, p.Text, p.To, p.CreatedAt.UnixMilli(), p.Version}
}

type portalsBody struct {
	Portals []*portalBody `json:"portals"`
}

// listPortals gives all of them at once: there are no more than inbox.MaxPortals.
func (h *Handler) listPortals(c *call) (any, error) {
	of, err := h.company(c)
	if err != nil {
		return nil, err
	}
	all, err := h.cfg.Portals.List(c.r.Context(), of, c.who.Account)
	if err != nil {
		return nil, err
	}
	b := portalsBody{make([]*portalBody, len(all))}
	for i, p := range all {
		b.Portals[i] = describePortal(p)
	}
	return b, nil
}

// portalForm reads what is said of a portal.
func (in *input) portalForm() inbox.Form {
	f := inbox.Form{
		Name: in.changeLine("name", maxBookText), Text: in.change("text", maxCompanyText),
		Version: in.number("version", 0, math.MaxInt32),
	}
	if in.has("to") {
		f.To = new(in.list("to", maxRecipients))
	}
	return f
}

func (h *Handler) addPortal(c *call) (any, error) {
	c.in.require("name", "to")
	return h.putPortal(c, func(of company.ID, f inbox.Form) (*inbox.Portal, error) {
		return h.cfg.Portals.Create(c.r.Context(), of, c.who.Account, f)
	})
}

func (h *Handler) changePortal(c *call) (any, error) {
	return h.putPortal(c, func(of company.ID, f inbox.Form) (*inbox.Portal, error) {
		return h.cfg.Portals.Change(c.r.Context(), of, c.who.Account, inbox.ID(c.r.PathValue("portal")), f)
	})
}

func (h *Handler) putPortal(c *call, put func(company.ID, inbox.Form) (*inbox.Portal, error)) (any, error) {
	f := c.in.portalForm()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	of, err := h.company(c)
	if err != nil {
		return nil, err
	}
	p, err := put(of, f)
	if err != nil {
		return nil, err
	}
	return describePortal(p), nil
}

func (h *Handler) deletePortal(c *call) (any, error) {
	of, err := h.company(c)
	if err != nil {
		return nil, err
	}
	return nil, h.cfg.Portals.Delete(c.r.Context(), of, c.who.Account, inbox.ID(c.r.PathValue("portal")))
}

// portalsAsked gives those of the portals that are asked for that are of the reader's
// company. One that is not there, or was deleted, is refused, or passed over where the
// caller asks for that (docs.filemail.com, Getting received files: 409 for one that
// was deleted).
func (h *Handler) portalsAsked(ctx context.Context, r reading, ids []string, pass bool) ([]string, error) {
	there := map[inbox.ID]*inbox.Portal{}
	if r.Company != "" {
		var err error
		if there, err = h.cfg.Portals.Of(ctx, r.Company); err != nil {
			return nil, err
		}
	}
	known := []string{}
	for _, id := range ids {
		switch p := there[inbox.ID(id)]; {
		case p != nil && !p.Deleted():
			known = append(known, id)
		case pass:
		case p == nil:
			return nil, inbox.Unknown()
		default:
			return nil, fault.New(fault.Conflict, "portal_deleted", "the portal has been deleted")
		}
	}
	return known, nil
}

// A customField is one that a portal's page asks for. Ferry's ask for none, but as a
// client reads by which portal a transfer came in from the value of the first
// (postready_handling), that is there.
type customField struct {
	ID          int     `json:"customfieldid"`
	Default     *string `json:"defaultvalue"`
	Description *string `json:"description"`
	Label       string  `json:"label"`
	Choices     *string `json:"listitems"`
	Required    bool    `json:"required"`
	Visible     bool    `json:"visible"`
	Type        string  `json:"type"`
	Render      int     `json:"rendertype"`
	Order       int     `json:"sortorder"`
	Length      int     `json:"length"`
	Start       int     `json:"startValue"`
	Placeholder *string `json:"placeholder"`
	Value       string  `json:"value"`
}

func portalField(name string) customField {
	return customField{Label: "Portal", Visible: true, Type: "text", Length: len(name), Value: name}
}
