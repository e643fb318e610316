package site

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// A signedIn is a session on the page of its account.
type signedIn struct {
	ID                         session.ID
	Agent, Address, Made, Used string
	Here                       bool // it is this browser's
}

// EndLabel says to who hears the page which session a button ends.
func (p accountPage) EndLabel(name string) string {
	return words.For(p.Words.Account.Session.End, name)
}

// client is who signs in.
func client(r *http.Request) session.Client {
	return session.Client{Address: wire.ClientAddr(r.Context()), Agent: r.UserAgent()}
}

// sessionOf gives the session of a token; "" for one that is over.
func (h *Handler) sessionOf(r *http.Request, token account.Secret) (session.ID, error) {
	s, _, err := h.cfg.Sessions.Session(r.Context(), token)
	switch {
	case fault.KindOf(err) == fault.Unauthenticated:
		return "", nil
	case err != nil:
		return "", err
	}
	return s.ID, nil
}

// listSessions puts where somebody is signed in on their page.
func (h *Handler) listSessions(r *http.Request, me *account.Account, p *accountPage) error {
	say := h.say(r)
	if p.token == "" {
		p.token = account.Secret(h.login().Token(r))
	}
	here, err := h.sessionOf(r, p.token)
	if err != nil {
		return err
	}
	all, err := h.cfg.Sessions.List(r.Context(), me.ID, "", pageOfMine+1)
	if err != nil {
		return err
	}
	for i, s := range all {
		if i == pageOfMine {
			p.MoreSessions = true
			break
		}
		row := signedIn{ID: s.ID, Agent: agentName(s.Agent), Address: s.Address, Made: say.Moment(s.CreatedAt), Here: s.ID == here}
		if !s.UsedAt.IsZero() {
			row.Used = say.Moment(s.UsedAt)
		}
		p.Sessions = append(p.Sessions, row)
	}
	return nil
}

// Words by which browsers and systems are known in a User-Agent header. Most claim to be
// others too, so the first that is found counts.
var (
	browsers = [][2]string{
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"Vivaldi/", "Vivaldi"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
	}
	systems = [][2]string{
		{"Windows", "Windows"},
		{"Android", "Android"},
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"CrOS", "ChromeOS"},
		{"Mac OS X", "macOS"},
		{"Linux", "Linux"},
	}
)

// agentName is what a person calls the program of a User-Agent header; what is not known
// is shown as it is shown at all.
func agentName(agent string) string {
	find := func(known [][2]string) string {
		for _, k := range known {
			if strings.Contains(agent, k[0]) {
				return k[1]
			}
		}
		return ""
	}
	browser, system := find(browsers), find(systems)
	switch {
	case browser == "":
		return cmp.Or(strings.TrimSpace(words.Shown(agent)), "–")
	case system == "":
		return browser
	}
	return browser + " · " + system
}

// endSession ends one of somebody's sessions; one that is over already is no error. Left
// is set where it was this browser's own.
func (h *Handler) endSession(r *http.Request, me *account.Account, ended session.ID) (left bool, err error) {
	here, err := h.sessionOf(r, account.Secret(h.login().Token(r)))
	if err != nil {
		return false, err
	}
	err = h.cfg.Sessions.End(r.Context(), me.ID, ended)
	if fault.KindOf(err) == fault.NotFound {
		err = nil
	}
	return err == nil && ended == here, err
}

// endOtherSessions ends all but this browser's.
func (h *Handler) endOtherSessions(r *http.Request, me *account.Account) error {
	here, err := h.sessionOf(r, account.Secret(h.login().Token(r)))
	if err != nil {
		return err
	}
	return h.cfg.Sessions.EndOthers(r.Context(), me.ID, here)
}
