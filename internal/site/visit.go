package site

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/wire"
)

// A visit is what somebody has the address of.
type visit struct {
	*share.Share
	root string // of the addresses of its page and files

	// Of a transfer that the desk watches, because it needs a password, may be
	// fetched so many times, or tells its sender who fetched it; nil for others.
	t      *transfer.Transfer
	to     *transfer.Recipient // whose own link it is; nil: the common one
	sender string              // that this visitor may know
}

// A find finds what the address of r opens.
type find func(r *http.Request) (*visit, error)

// visit makes one of a share that another API than Filemail's has made.
func (h *Handler) visit(r *http.Request, sh *share.Share, root string) (*visit, error) {
	v := &visit{Share: sh, root: root}
	if sh.Kind == share.Transfer && (sh.Locked || sh.MaxDownloads > 0) {
		t, err := h.cfg.Desk.ByKey(r.Context(), sh.Key)
		if err != nil {
			return nil, err
		}
		v.t = t
	}
	return v, h.admit(r.Context(), sh)
}

// byPublicID is the find of /d/{id}: the common link. It opens what has links of this
// shape and nothing else.
func (h *Handler) byPublicID(r *http.Request) (*visit, error) {
	t, err := h.cfg.Desk.ByID(r.Context(), share.ID(r.PathValue("id")))
	if t != nil && t.Track == "" {
		err = share.NotFound()
	}
	return h.deskVisit(r, t, nil, "/d/"+url.PathEscape(r.PathValue("id")), err)
}

// byTrack is the find of /t/{track}: a recipient's own link, or the common one by
// another name.
func (h *Handler) byTrack(r *http.Request) (*visit, error) {
	t, to, err := h.cfg.Desk.ByTrack(r.Context(), r.PathValue("track"))
	return h.deskVisit(r, t, to, "/t/"+url.PathEscape(r.PathValue("track")), err)
}

// byName is the find of /to/{name}: a link that its sender has named.
func (h *Handler) byName(r *http.Request) (*visit, error) {
	if err := h.cfg.Misses.Check(r.Context()); err != nil {
		return nil, err // names can be guessed
	}
	t, err := h.cfg.Desk.ByName(r.Context(), r.PathValue("name"))
	return h.deskVisit(r, t, nil, "/"+transfer.NamePrefix+url.PathEscape(r.PathValue("name")), err)
}

func (h *Handler) deskVisit(r *http.Request, t *transfer.Transfer, to *transfer.Recipient, root string, err error) (*visit, error) {
	if err = h.cfg.Misses.Count(r.Context(), err); err != nil {
		return nil, err
	}
	v := &visit{Share: &t.Share, root: root, t: t, to: to}
	if transfer.ViewOf(t, nil, transfer.Reader{Link: to}).Sender {
		v.sender = t.Sender
	}
	return v, h.admit(r.Context(), v.Share)
}

// admit refuses what a company keeps for its own people: nobody can sign in here.
func (h *Handler) admit(ctx context.Context, sh *share.Share) error {
	if sh.Owner.Account == account.Installation || h.cfg.Admits == nil {
		return nil
	}
	return h.cfg.Admits(ctx, sh.Owner.Account)
}

// Cookies. A pass is worth nothing but at its link, and there it is what the password
// is; a visitor's name is drawn for a download limit, and is of one link, too.

func (h *Handler) cookieName(kind string, v *visit) string {
	name := "ferry-" + kind + strings.NewReplacer("/", "-", "%", "").Replace(v.root)
	if strings.HasPrefix(h.cfg.BaseURL, "https:") {
		name = "__Host-" + name
	}
	return name
}

func (h *Handler) setCookie(w http.ResponseWriter, kind, value string, v *visit) {
	http.SetCookie(w, &http.Cookie{
		Name: h.cookieName(kind, v), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(h.cfg.BaseURL, "https:"),
	})
}

// pass gives what the visitor was given for the password.
func (h *Handler) pass(r *http.Request, v *visit) account.Secret {
	c, err := r.Cookie(h.cookieName("pass", v))
	if err != nil {
		return ""
	}
	return account.Secret(c.Value)
}

// isLocked tells whether the visitor has to show the password first.
func (h *Handler) isLocked(r *http.Request, v *visit) bool {
	return v.t != nil && !h.cfg.Desk.Unlocked(v.t, h.pass(r, v))
}

// guestLen is the length of a visitor's name.
const guestLen = 32

// nameGuest gives a name to a visitor of what may be fetched so many times, so that
// another behind the same address is told from them.
func (h *Handler) nameGuest(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.t != nil && v.MaxDownloads > 0 && h.guest(r, v) == "" {
		h.setCookie(w, "guest", h.cfg.IDs.Text("0123456789abcdef", guestLen), v)
	}
}

func (h *Handler) guest(r *http.Request, v *visit) string {
	c, err := r.Cookie(h.cookieName("guest", v))
	if err != nil || len(c.Value) != guestLen {
		return ""
	}
	if _, err := hex.DecodeString(c.Value); err != nil {
		return ""
	}
	return c.Value
}

// fetch says to the desk who wants bytes.
func (h *Handler) fetch(r *http.Request, v *visit) transfer.Fetch {
	address := addressOf(r)
	f := transfer.Fetch{
		Transfer: v.t, Recipient: v.to, Holder: h.guest(r, v), Address: address, Agent: r.UserAgent(), Pass: h.pass(r, v), Live: true,
	}
	if f.Holder == "" {
		f.Holder = address
		if v.to != nil {
			f.Holder += " " + string(v.to.Key)
		} else {
			f.Holder += " "
		}
	}
	return f
}

func addressOf(r *http.Request) string {
	if a := wire.ClientAddr(r.Context()); a.IsValid() {
		return a.String()
	}
	return ""
}

type unlockPage struct {
	frame
	Sender string
	Wrong  string
}

// askPassword shows the form for the password, and what was wrong with the last one.
func (h *Handler) askPassword(w http.ResponseWriter, r *http.Request, v *visit, wrong error) error {
	required := fault.New(fault.Forbidden, "password_required", "a password is needed")
	if asksJSON(r.Header.Values("Accept")) {
		if wrong != nil {
			return wrong
		}
		return required
	}
	p := unlockPage{frame: h.frame(r, h.say(r).UnlockTitle), Sender: shownSender(v.sender)}
	p.Way = 0
	status := http.StatusOK
	if wrong != nil {
		p.Wrong, status = h.say(r).Wrong[fault.CodeOf(wrong)], statusOf(wrong)
	}
	return h.show(w, r, status, "unlock", p)
}

// unlock takes the password of a share, and leads to its page.
func (h *Handler) unlock(find find) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := h.fromHere(r); err != nil {
			return err
		}
		v, err := find(r)
		if err != nil {
			return err
		}
		form, err := readForm(w, r)
		if err != nil {
			return err
		}
		if v.t != nil {
			pass, err := h.cfg.Desk.Unlock(r.Context(), v.t, account.Secret(form.Get("password")), addressOf(r))
			switch fault.CodeOf(err) {
			case "password_required", "password_wrong", "too_many_tries":
				return h.askPassword(w, r, v, err)
			}
			if err != nil {
				return err
			}
			if pass != "" {
				h.setCookie(w, "pass", string(pass), v)
			}
		}
		h.leadTo(w, v.page())
		return nil
	}
}

// PagePath gives the path of a transfer's page: a recipient's own, or with nil the
// common one.
func PagePath(t *transfer.Transfer, to *transfer.Recipient) string {
	switch {
	case to != nil:
		return "/t/" + url.PathEscape(to.Track)
	case t.Track == "": // of WeTransfer's API
		return hashRoot(&t.Share)
	}
	return "/d/" + url.PathEscape(string(t.ID))
}

// page is the path of the visit's page.
func (v *visit) page() string {
	if v.root == boardRoot(v.Share) { // a board has an address with a hash, too
		return v.root + "/latest"
	}
	return v.root
}
