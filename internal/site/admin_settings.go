package site

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/journal"
	"github.com/ferry-server/ferry/internal/words"
)

// A Setting is one that is in force, and where it comes from. What is secret in it is
// not there.
type Setting struct {
	Group, Name, Value string
	Source             Source
	Where              string // the variable, or the file and its line
}

// A Source is where a setting comes from.
type Source int

// The sources, from the weakest.
const (
	FromDefault Source = iota
	FromPreset         // of --compat
	FromFile
	FromEnvironment
	FromCommandLine
)

type settingsPage struct {
	adminFrame
	Groups []settingGroup
}

type settingGroup struct {
	Name string
	Rows []settingRow
}

type settingRow struct {
	Name, Value, From string
	Chosen            bool // by the operator
}

func (h *Handler) showSettings(w http.ResponseWriter, r *http.Request, _ *account.Account) error {
	p, a := settingsPage{adminFrame: h.adminFrame(r)}, h.say(r).Admin
	sources := map[Source]string{
		FromDefault: a.Default, FromPreset: a.Preset, FromFile: a.File, FromEnvironment: a.Environment, FromCommandLine: a.CommandLine,
	}
	for _, s := range h.cfg.Settings {
		if n := len(p.Groups); n == 0 || p.Groups[n-1].Name != s.Group {
			p.Groups = append(p.Groups, settingGroup{Name: s.Group})
		}
		group := &p.Groups[len(p.Groups)-1]
		group.Rows = append(group.Rows, settingRow{Name: s.Name, Value: s.Value, From: cmp.Or(s.Where, sources[s.Source]), Chosen: s.Source != FromDefault})
	}
	return h.show(w, r, http.StatusOK, "settings", p)
}

type journalPage struct {
	adminFrame
	Entries []entryRow
	Next    string
}

type entryRow struct{ At, ISO, Who, Do, About, Outcome string }

func (h *Handler) showJournal(w http.ResponseWriter, r *http.Request, _ *account.Account) error {
	ctx, say := r.Context(), h.say(r)
	p := journalPage{adminFrame: h.adminFrame(r)}
	entries, err := h.cfg.Journal.List(ctx, r.URL.Query().Get("before"), pageOfMine+1)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for i, e := range entries {
		if i == pageOfMine {
			p.Next = "?before=" + url.QueryEscape(entries[i-1].Key)
			break
		}
		row := entryRow{At: say.Moment(e.At), ISO: e.At.UTC().Format(time.RFC3339), Do: e.Do, Outcome: e.Outcome}
		who, err := h.nameOfAccount(ctx, names, e.By)
		if err != nil {
			return err
		}
		about, err := h.nameOfAccount(ctx, names, e.About)
		if err != nil {
			return err
		}
		row.Who, row.About = words.Shown(who), words.Shown(about)
		switch e.Outcome {
		case journal.Done:
			row.Outcome = ""
		case journal.Begun:
			row.Outcome = say.Admin.Unknown
		}
		p.Entries = append(p.Entries, row)
	}
	return h.show(w, r, http.StatusOK, "journal", p)
}

// nameOfAccount gives the address of an account; what is none's id stays as it is. Names
// are those that are known already.
func (h *Handler) nameOfAccount(ctx context.Context, names map[string]string, s string) (string, error) {
	if name, ok := names[s]; ok {
		return name, nil
	}
	a, err := h.cfg.Accounts.ByID(ctx, account.ID(s))
	switch {
	case fault.KindOf(err) == fault.NotFound || err == nil && a.Email == "":
		names[s] = s
	case err != nil:
		return "", err
	default:
		names[s] = a.Email
	}
	return names[s], nil
}
