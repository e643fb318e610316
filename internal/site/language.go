package site

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// languageName is the field by which a visitor chooses a language on any page, and the
// cookie that keeps the choice.
const languageName = "ferry-language"

// say gives the catalogue in which a visitor is spoken to: in the language that they
// chose, or that their browser prefers.
func (h *Handler) say(r *http.Request) *words.Pages {
	chosen := chosenLanguage(r)
	if c, err := r.Cookie(languageName); err == nil && chosen == "" {
		chosen = c.Value
	}
	return words.PagesIn(append([]string{chosen}, wire.Languages(r.Header.Values("Accept-Language"))...)...)
}

func chosenLanguage(r *http.Request) string {
	if !strings.Contains(r.URL.RawQuery, languageName) {
		return ""
	}
	return r.URL.Query().Get(languageName)
}

// keepLanguage keeps a visitor's choice for a year.
func (h *Handler) keepLanguage(w http.ResponseWriter, r *http.Request) {
	chosen := chosenLanguage(r)
	if !slices.ContainsFunc(words.Languages(), func(l words.Language) bool { return l.Lang == chosen }) {
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: languageName, Value: chosen, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(h.cfg.BaseURL, "https:"),
	})
}

// leadTo answers a form with the page that comes next.
func (h *Handler) leadTo(w http.ResponseWriter, path string) {
	secure(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", h.cfg.BaseURL+path)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusSeeOther)
}
