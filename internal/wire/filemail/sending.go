package filemail

import (
	"context"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/inbox"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
)

// A transfer begins with initialize and ends with complete (docs.filemail.com,
// Initialize and Complete; pyfilemail for the classic ones). What one API began the
// other may complete: at least one client falls back from 2.0 to classic calls step
// by step.

// A Policy knows who may send, as whom, and how much.
type Policy interface {
	// Sender tells whose a transfer is that the caller hands in, and as which
	// address they send, given the one they claim, if any; empty: none, so nothing
	// is written to it and nobody is shown it. Unauthenticated "login_required"
	// or "registration_required", Conflict "company_account_required", for nobody
	// who may not be a guest; Conflict "email_not_verified" or "account_expired".
	Sender(ctx context.Context, who account.Actor, claimed string) (account.Owner, string, error)

	// Rules gives the limits of what the account sends.
	Rules(ctx context.Context, who account.ID) (transfer.Rules, error)

	// Check returns Forbidden "blocked" when one of the addresses is.
	Check(ctx context.Context, addresses ...string) error

	// Asker tells whose transfers the caller may change.
	Asker(ctx context.Context, who account.Actor) (transfer.Asker, error)
}

// Bounds on what a call about a transfer may say. What it may be is the core's.
const (
	maxSubject    = 200
	maxMessage    = 20_000
	maxSource     = 100
	maxDays       = 36_500
	maxDownloads  = 1_000_000_000
	maxRecipients = 1000 // of one call
	maxTransferID = 64
)

// Shapes of ids: a transfer's was recorded, a file's is as clients make theirs.
const (
	transferLetters = "abcdefghijklmnopqrstuvwxyz"
	transferIDLen   = 15
	fileIDLen       = 32
)

// An initialized says how the files of a new transfer are sent.
type initialized struct {
	Transfer share.ID `json:"transferid"`
	Key      string   `json:"transferkey"`
	URL      string   `json:"transferurl"`
}

// initialize makes a transfer. What is in no list of properties is passed over:
// pyfilemail's compress and signature, and texts that are for information only.
func (h *Handler) initialize(c *call) (any, error) {
	ctx, in := c.r.Context(), c.in
	f := transfer.Form{
		ID:       share.ID(h.cfg.IDs.Text(transferLetters, transferIDLen)),
		Subject:  in.line("subject", maxSubject),
		Message:  in.text("message", maxMessage),
		Password: in.secret("password"),
		Notify:   in.is("notify"),
		Confirm:  in.is("confirmation"),
		Days:     in.count("days", transfer.Forever, maxDays),
		Source:   c.source(),
	}
	if n := in.count("downloads", 0, maxDownloads); n != nil {
		f.MaxDownloads = *n
	}
	if n := in.number("transfersize", 0, maxLength); n != nil {
		f.Announced = *n
	}
	entries, from := in.list("to", maxRecipients), in.email("from")
	f.Portal = in.line("portalid", maxTransferID)
	if f.Portal != "" && len(entries) > 0 {
		in.wrong("to", codeValue, "must be empty: the portal says whom it is for")
	}
	if !c.classic { // pyfilemail leaves it out
		in.require("subject")
	}
	in.also(f.Check())
	to, unfit := h.cfg.Contacts.Expand(ctx, c.who.Account, entries)
	unfit = in.also(unfit)
	if err := in.err(); err != nil {
		return nil, err
	}
	owner, sender, err := h.cfg.Policy.Sender(ctx, c.who.Actor, from)
	if f.Portal != "" && fault.Is(err, "registration_required") {
		err = nil // a portal is for those who have no account
	}
	if err != nil {
		return nil, h.countGuest(c, err)
	}
	if unfit != nil {
		return nil, unfit
	}
	f.Sender = sender
	if f.Portal != "" {
		portal, err := h.cfg.Portals.Open(ctx, inbox.ID(f.Portal))
		if err != nil {
			return nil, h.cfg.Misses.Count(ctx, err)
		}
		// From here on it is its receiver's: their plan bounds it, their storage takes it.
		owner, to = account.Owner{Account: portal.Owner}, portal.To
	}
	if err := h.allowed(ctx, to, from, sender); err != nil {
		return nil, err
	}
	f.To = to
	rules, err := h.cfg.Policy.Rules(ctx, owner.Account)
	if err != nil {
		return nil, err
	}
	if f.Portal != "" {
		// What counts how much they send does not count what they are sent.
		rules.Daily, rules.MaxRecipients = 0, len(f.To)
	}
	t, err := h.cfg.Desk.HandIn(ctx, owner, f, rules)
	if fault.Is(err, "disk_full") {
		return nil, allFileserversBusy.because(err)
	}
	if err != nil {
		return nil, c.guestRefused(err)
	}
	key := string(h.cfg.Desk.Key(t))
	if c.classic {
		key = strings.ReplaceAll(key, "-", "")
	}
	return initialized{Transfer: t.ID, Key: key, URL: h.cfg.BaseURL() + uploadPath}, nil
}

// countGuest counts a guest who was sent to sign in as one who looks for what is not
// there: the answer tells whether an address has an account, and nobody is to go
// through a list of addresses.
func (h *Handler) countGuest(c *call, err error) error {
	if !c.who.IsNobody() {
		return err
	}
	if miss := h.cfg.Misses.Count(c.r.Context(), share.NotFound()); fault.KindOf(miss) == fault.Throttled {
		return miss
	}
	return err
}

// guestRefused gives what a plan would allow its own word where there is no plan.
func (c *call) guestRefused(err error) error {
	if c.who.IsNobody() && (fault.Is(err, "feature_not_allowed") || fault.Is(err, "too_many_recipients")) {
		return featureAvailableForRegisteredUsers.because(err)
	}
	return err
}

// recipients makes addresses of what a call says whom it is for: addresses, and
// names of the caller's contact groups, as the search for contacts gives both. It
// refuses those that are blocked, and those of the others that are given.
func (h *Handler) recipients(c *call, entries []string, others ...string) ([]string, error) {
	ctx := c.r.Context()
	to, err := h.cfg.Contacts.Expand(ctx, c.who.Account, entries)
	if err != nil {
		return nil, err
	}
	return to, h.allowed(ctx, to, others...)
}

// allowed refuses addresses that are blocked; of the others, some may be empty.
func (h *Handler) allowed(ctx context.Context, to []string, others ...string) error {
	ask := append([]string(nil), to...)
	for _, a := range others {
		if a != "" {
			ask = append(ask, a)
		}
	}
	return h.cfg.Policy.Check(ctx, ask...)
}

// source is by which program the call was made, as it says itself: in 2.0 Filemail's
// own apps say so in a header.
func (c *call) source() string {
	if s := c.in.line("source", maxSource); s != "" || c.classic {
		return s
	}
	for _, name := range []string{"Source", "X-Api-Source"} {
		if s := c.r.Header.Get(name); s != "" && badText(s, maxSource) == "" {
			return s
		}
	}
	return ""
}

// count is number for what is an int.
func (in *input) count(name string, least, most int64) *int {
	n := in.number(name, least, most)
	if n == nil {
		return nil
	}
	return new(int(*n))
}

// transferID reads which transfer a call is about: of the path, where it is there.
func (c *call) transferID() share.ID {
	if s := c.r.PathValue("transfer"); s != "" {
		return share.ID(s)
	}
	c.in.require("transferid")
	return share.ID(c.in.line("transferid", maxTransferID))
}

// transferKey reads the secret that goes with it.
func (c *call) transferKey() account.Secret {
	c.in.require("transferkey")
	return account.Secret(c.in.uuid("transferkey"))
}

// A completed tells where a transfer can be fetched.
type completed struct {
	URL string `json:"downloadurl"`
}

// downloadURL is the common link of a transfer, which is tracked, but for no
// recipient.
func (h *Handler) downloadURL(t *transfer.Transfer) string {
	return h.cfg.BaseURL() + trackPath + t.Track
}

// complete makes a transfer downloadable, and may do so again when files were added.
// Its key stays good for that, whether or not pyfilemail's keep_transfer_key is sent.
func (h *Handler) complete(c *call) (any, error) {
	tid, key := c.transferID(), c.transferKey()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	t, err := h.cfg.Desk.Complete(c.r.Context(), tid, key)
	if fault.Is(err, "no_files") {
		return nil, invalidParameter.saying("No files added to transfer", err) // recorded
	}
	if err != nil {
		return nil, h.cfg.Misses.Count(c.r.Context(), err)
	}
	return completed{h.downloadURL(t)}, nil
}

// newFileID gives a new file's id.
func (h *Handler) newFileID() string { return h.cfg.IDs.Text(id.Hex, fileIDLen) }
