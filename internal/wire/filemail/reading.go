package filemail

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/inbox"
	"github.com/ferry-server/ferry/internal/permit"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/wire"
)

// A Readers tells what accounts may read beside what they have sent.
type Readers interface {
	// Reader tells it of one account.
	Reader(ctx context.Context, who account.ID) (permit.Reader, error)

	// Admits tells whether somebody, "" for nobody, may have what an account has
	// sent, as far as it is of a company that lets its own people in alone:
	// Unauthenticated for nobody, Forbidden for others. Own is set for one of them.
	Admits(ctx context.Context, sender, who account.ID) (own bool, err error)
}

// A reading is the reader of a call.
type reading struct {
	permit.Reader
	who account.ID
}

func (h *Handler) reading(c *call) (reading, error) {
	if c.who.IsNobody() {
		return reading{}, nil
	}
	r, err := h.cfg.Readers.Reader(c.r.Context(), c.who.Account)
	return reading{r, c.who.Account}, err
}

// asker is the reader as who wants to have what is theirs.
func (r reading) asker() transfer.Asker {
	return transfer.Asker{Account: r.who, Over: r.Team.HasAccount}
}

// view decides what the reader sees of a transfer.
func (r reading) view(t *transfer.Transfer, recipients []*transfer.Recipient, link *transfer.Recipient) transfer.View {
	reader := transfer.Reader{Account: r.who, Address: r.Address, Link: link}
	if r.Team != nil {
		reader.Members = func(owner account.ID, address string) bool {
			return r.Team.HasAccount(owner) || r.Team.HasAddress(address)
		}
	}
	return transfer.ViewOf(t, recipients, reader)
}

// Lists.

const (
	// maxList is how many transfers an answer has at most, and when nobody says
	// (docs.filemail.com, Getting received files).
	maxList = 1000
	// maxSkip is how many may be left out: they cost as much as reading them.
	maxSkip = 10_000
	maxTerm = 200 // characters
)

type transfersData struct {
	Transfers []*transferObject `json:"transfers"`
}

// listing reads what is common to the lists.
func (c *call) listing() transfer.Query {
	q := transfer.Query{Limit: maxList, Search: c.in.text("search", maxTerm), Ended: c.in.is("getexpired")}
	if n := c.in.number("limit", 1, 1<<31-1); n != nil {
		q.Limit = int(min(*n, maxList))
	}
	if n := c.in.number("skip", 0, maxSkip); n != nil {
		q.Skip = int(*n)
	}
	return q
}

// sent lists what the caller has sent, or for an admin all of the company
// (docs.filemail.com, Getting sent files). Limit, skip and search are those of the
// inbox, as a client sends them here, too.
func (h *Handler) sent(c *call) (any, error) {
	q, all := c.listing(), c.in.is("getforallusers") || c.in.is("getall") // its old name
	if err := c.in.err(); err != nil {
		return nil, err
	}
	r, err := h.reading(c)
	if err != nil {
		return nil, err
	}
	from := []account.ID{r.who}
	if all && r.Team != nil {
		from = r.Team.Accounts
	}
	found, err := h.cfg.Desk.Sent(c.r.Context(), from, q)
	if err != nil {
		return nil, err
	}
	return h.list(c.r.Context(), r, found.Items, nil)
}

// inbox lists what was sent to the caller (docs.filemail.com, Getting received
// files), or of that what came in by some of the company's portals.
func (h *Handler) inbox(c *call) (any, error) {
	q, all := c.listing(), c.in.is("getforallusers")
	if c.classic {
		q.Since = c.in.looseMoment("from")
	} else {
		q.Since = c.in.moment("from")
	}
	portals, ignore := c.in.list("portalid", maxList), c.in.is("ignoredeletedportals")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	r, err := h.reading(c)
	if err != nil {
		return nil, err
	}
	if len(portals) > 0 {
		if q.Portals, err = h.portalsAsked(c.r.Context(), r, portals, ignore); err != nil {
			return nil, err
		}
	}
	var to []string
	switch {
	case all && r.Team != nil:
		to = r.Team.Addresses
	case r.Address != "":
		to = []string{r.Address}
	}
	found, err := h.cfg.Desk.Inbox(c.r.Context(), to, q)
	if err != nil {
		return nil, err
	}
	transfers := make([]*transfer.Transfer, len(found.Items))
	by := make([]*transfer.Recipient, len(found.Items))
	for i, item := range found.Items {
		transfers[i], by[i] = item.Transfer, item.Recipient
	}
	return h.list(c.r.Context(), r, transfers, by)
}

// list makes the objects of a page; by is who received each, nil for what was sent.
func (h *Handler) list(ctx context.Context, r reading, page []*transfer.Transfer, by []*transfer.Recipient) (*transfersData, error) {
	recipients, err := h.cfg.Desk.RecipientsOf(ctx, page)
	if err != nil {
		return nil, err
	}
	data := &transfersData{make([]*transferObject, len(page))}
	admits, portals := map[account.ID]admission{}, map[string]string{"": ""}
	for i, t := range page {
		name, known := portals[t.Portal]
		if !known {
			if name, err = h.cfg.Portals.Name(ctx, inbox.ID(t.Portal)); err != nil {
				return nil, err
			}
			portals[t.Portal] = name
		}
		s := &seen{Transfer: t, recipients: recipients[t.Key], portal: name}
		if by != nil && by[i].Address == r.Address {
			s.to = by[i] // not a colleague's link
		}
		if s.view = r.view(t, s.recipients, s.to); s.view.Open {
			s.open, s.inside, s.pass = true, true, h.cfg.Desk.Pass(t)
		} else {
			a, known := admits[t.Owner.Account]
			if !known {
				if a, err = h.admission(ctx, t.Owner.Account, r.who); err != nil {
					return nil, err
				}
				admits[t.Owner.Account] = a
			}
			s.open, s.inside = a.refused == nil && !t.Locked, a.own
		}
		data.Transfers[i] = h.transferObject(s)
	}
	return data, nil
}

// An admission is what Readers.Admits says, where a refusal ends nothing.
type admission struct {
	own     bool
	refused error
}

func (h *Handler) admission(ctx context.Context, sender, who account.ID) (admission, error) {
	own, err := h.cfg.Readers.Admits(ctx, sender, who)
	if k := fault.KindOf(err); err != nil && k != fault.Forbidden && k != fault.Unauthenticated {
		return admission{}, err
	}
	return admission{own, err}, nil
}

// One transfer.

// A reference names a transfer: one of the two is there.
type reference struct {
	id    share.ID
	track string
}

// maxID is the length of the longest id of a transfer.
const maxID = 64

// see finds a transfer for the reader of a call, who shows a password or none.
func (h *Handler) see(c *call, ref reference, password account.Secret) (*seen, error) {
	ctx := c.r.Context()
	r, err := h.reading(c)
	if err != nil {
		return nil, err
	}
	t, link, ended := h.find(ctx, r, ref)
	if t == nil {
		return nil, h.cfg.Misses.Count(ctx, ended)
	}
	s := &seen{Transfer: t, to: link}
	if t.Portal != "" {
		if s.portal, err = h.cfg.Portals.Name(ctx, inbox.ID(t.Portal)); err != nil {
			return nil, err
		}
	}
	if t.Recipients > 0 {
		if s.recipients, err = h.cfg.Desk.Recipients(ctx, t, mostRecipients); err != nil {
			return nil, err
		}
	}
	s.view = r.view(t, s.recipients, link)
	if ended != nil && !s.view.Change {
		return nil, ended // its sender still sees it
	}
	if link == nil && !s.view.Change && r.Address != "" {
		if i := slices.IndexFunc(s.recipients, func(to *transfer.Recipient) bool { return to.Address == r.Address }); i >= 0 {
			s.to = s.recipients[i]
		}
	}
	return s, h.enter(ctx, s, r.who, password)
}

// mostRecipients bounds those that an answer tells of; plans allow fewer.
const mostRecipients = 10_000

// find gives the transfer that is referred to, and whose link that is. One that is
// over comes with the reason; of one that is not to be found there is only that.
func (h *Handler) find(ctx context.Context, r reading, ref reference) (*transfer.Transfer, *transfer.Recipient, error) {
	if ref.track != "" {
		t, to, err := h.cfg.Desk.ByTrack(ctx, ref.track)
		if t != nil && t.State == share.Open {
			return nil, nil, share.NotFound() // this API knows no transfers that come in
		}
		return t, to, err
	}
	if r.who != "" {
		t, err := h.cfg.Desk.Get(ctx, r.asker(), ref.id)
		if fault.KindOf(err) != fault.NotFound {
			return t, nil, err
		}
	}
	t, err := h.cfg.Desk.ByID(ctx, ref.id)
	if t != nil && (t.Track == "" || t.State == share.Open) {
		return nil, nil, share.NotFound() // another API made it, and opens it by more than its id; or it comes in
	}
	return t, nil, err
}

// enter makes sure that the reader may have the files.
func (h *Handler) enter(ctx context.Context, s *seen, who account.ID, password account.Secret) (err error) {
	if s.open = true; s.view.Open {
		s.inside, s.pass = true, h.cfg.Desk.Pass(s.Transfer)
		return nil
	}
	if s.inside, err = h.cfg.Readers.Admits(ctx, s.Owner.Account, who); err != nil {
		return err
	}
	s.pass, err = h.cfg.Desk.Unlock(ctx, s.Transfer, password, addressOf(ctx))
	return err
}

func addressOf(ctx context.Context) string {
	if a := wire.ClientAddr(ctx); a != (netip.Addr{}) {
		return a.String()
	}
	return ""
}

// detail answers with one transfer and its files.
func (h *Handler) detail(c *call, ref reference) (*transferObject, error) {
	password, properties, most := c.in.secret("password"), c.in.list("fprops", 100), -1
	if n := c.in.number("fileslimit", -1, 1<<31-1); n != nil {
		most = int(*n)
	}
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return h.detailOf(c, ref, password, most, properties)
}

func (h *Handler) detailOf(c *call, ref reference, password account.Secret, most int, properties []string) (*transferObject, error) {
	s, err := h.see(c, ref, password)
	if err != nil {
		return nil, err
	}
	if s.view.Change {
		c.setVersion(s.Transfer)
	}
	o := h.transferObject(s)
	return o, h.addFiles(c.r.Context(), o, s, most, properties)
}

// transferByID is GET /transfer/{transferid} (docs.filemail.com, Getting transfer
// details). Fprops and fileslimit are what clients send.
func (h *Handler) transferByID(c *call) (any, error) {
	return h.detail(c, reference{id: share.ID(c.r.PathValue("transfer"))})
}

// transferByTrack is GET /transfer?trackid=.
func (h *Handler) transferByTrack(c *call) (any, error) {
	ref := reference{id: share.ID(c.in.line("transferid", maxID)), track: c.in.line("trackid", maxID)}
	if ref.id == "" {
		c.in.require("trackid")
	}
	return h.detail(c, ref)
}

// findTransfer is POST /transfer/find of Filemail's web app: the address of a page
// tells which transfer, whatever host it names.
func (h *Handler) findTransfer(c *call) (any, error) {
	page, password := c.in.line("url", 2000), c.in.secret("password")
	c.in.require("url")
	ref := referenceIn(page)
	if ref == (reference{}) {
		c.in.wrong("url", codeValue, "must be the address of a transfer's page")
	}
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return h.detailOf(c, ref, password, -1, nil)
}

// referenceIn reads the address of a page: …/d/{id}, …/t/{trackid}, or of the short
// form https://fil.email/{trackid}. The zero reference is for what is none.
func referenceIn(page string) reference {
	if !strings.Contains(page, "://") {
		page = "https://" + page // as people copy it
	}
	u, err := url.Parse(page)
	if err != nil {
		return reference{}
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	for _, p := range parts {
		if p == "" || badText(p, maxID) != "" {
			return reference{}
		}
	}
	last := parts[len(parts)-1]
	switch {
	case len(parts) == 1:
		return reference{track: last}
	case parts[len(parts)-2] == "d":
		return reference{id: share.ID(last)}
	case parts[len(parts)-2] == "t":
		return reference{track: last}
	}
	return reference{}
}

// The web app's page of a transfer asks in two steps.

type pageTransfer struct {
	*transferObject
	Token string `json:"filestoken"`
}

// pageOfTransfer is GET /downloadpage/transfer: the transfer without its files, and
// what those are had for.
func (h *Handler) pageOfTransfer(c *call) (any, error) {
	ref, password := c.pageReference(), c.in.secret("password")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	s, err := h.see(c, ref, password)
	if err != nil {
		return nil, err
	}
	key := s.newTicket(fileList, string(s.Key))
	return pageTransfer{h.transferObject(s), key.seal(h.cfg.Ring)}, nil
}

// pageReference reads an id that may be one of a link.
func (c *call) pageReference() reference {
	id := c.in.line("id", maxID)
	c.in.require("id")
	if len(id) == transfer.TrackLen {
		return reference{track: id}
	}
	return reference{id: share.ID(id)}
}

type filesData struct {
	Files []any `json:"files"`
}

// pageOfFiles is GET /downloadpage/files.
func (h *Handler) pageOfFiles(c *call) (any, error) {
	_, token := c.pageReference(), c.in.text("filestoken", maxSecret)
	c.in.require("filestoken")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	s, err := h.present(c.r.Context(), token, fileList)
	if err != nil {
		return nil, err
	}
	o := &transferObject{List: []any{}}
	if err := h.addFiles(c.r.Context(), o, s, -1, nil); err != nil {
		return nil, err
	}
	return filesData{o.List}, nil
}
