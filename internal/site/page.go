package site

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/words"
)

// policy lets a page load what is ours and nothing else; no script or style
// stands in the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self'; frame-src 'self'; form-action 'self'; " +
	"base-uri 'none'; object-src 'none'; frame-ancestors 'none'"

// dataPolicy is that of answers which no browser has to show.
const dataPolicy = "default-src 'none'; sandbox"

// patience is how long a client may take for a page, or for a step of a long one.
const patience = time.Minute

// A frame is what all pages have.
type frame struct {
	Words  *words.Pages
	Site   string // the installation's name
	Logo   string // the asset that stands in its place; empty: none
	Home   string
	Title  string
	Assets string
	Way    int  // how far the ferry is across, in tenths
	Scene  bool // with both its shores

	Languages []words.Language
	Me        *account.Account // who is signed in; nil: nobody
	Here      string           // the path of the page, of which the head makes no way
	query     url.Values       // by which the page is asked for again
}

// In is the query of the page in another language: the same page, and not what it is
// without what was asked for.
func (f frame) In(lang string) string {
	q := url.Values{languageName: {lang}}
	for name, values := range f.query {
		if name != languageName {
			q[name] = values
		}
	}
	return "?" + q.Encode()
}

func (h *Handler) frame(r *http.Request, title string) frame {
	say := h.say(r)
	// A page is shown also where nobody can be found just now: to nobody.
	me, _ := h.visitor(r)
	return frame{
		Words: say, Site: h.cfg.Look.Name, Logo: h.assets.logo, Home: say.HomeOf(h.cfg.Look.Name), Title: title, Assets: h.assets.root(), Way: 8,
		Languages: words.Languages(), Me: me, Here: r.URL.Path, query: r.URL.Query(),
	}
}

// secure sets what holds for every answer, also where no server around the site
// has set it.
func secure(head http.Header) {
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer") // addresses of pages are secrets
	head.Set("Content-Security-Policy", policy)
}

// asPage sets the headers of a page. Pages hold addresses that are secrets, so
// nobody keeps them.
func asPage(head http.Header) {
	secure(head)
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Robots-Tag", "noindex, nofollow")
}

// show answers with a page that is small. If it returns an error, nothing was
// written.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, status int, page string, data any) error {
	var buf bytes.Buffer
	if err := h.pages.ExecuteTemplate(&buf, page, data); err != nil {
		return err
	}
	asPage(w.Header())
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	h.wait(w)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = buf.WriteTo(w) // the client is gone: nothing to tell it
	}
	return nil
}

// wait gives the client another while to take what is written next.
func (h *Handler) wait(w http.ResponseWriter) {
	// A writer that has no deadline (a recorder in a test) does without.
	_ = http.NewResponseController(w).SetWriteDeadline(h.wall().Add(patience))
}
