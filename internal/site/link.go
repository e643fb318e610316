package site

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/wire"
)

// The prefixes of short codes (WeTransfer API docs, 2018 to 2024).
const (
	transferCode   = "t-"
	boardCode      = "b-"
	transferCodeV1 = "s-"
)

// unguessable is the least length of ids that hold 128 random bits, as those of
// WeTransfer's API v2 do: 32 hex digits, then 14 of time.
const unguessable = 46

// A find finds the share that the address of r opens, and gives its root: what
// the addresses of its files begin with.
type find func(r *http.Request) (sh *share.Share, root string, err error)

// shortLink leads from a short link to its page.
func (h *Handler) shortLink(w http.ResponseWriter, r *http.Request) error {
	code := r.PathValue("code")
	if !isCode(code) {
		return errUnknownPath
	}
	sh, err := h.look(r, code, func() (*share.Share, error) { return h.cfg.Shares.ByCode(r.Context(), code) })
	if err != nil {
		return err
	}
	secure(w.Header())
	w.Header().Set("Cache-Control", "no-store") // it ends one day
	w.Header().Set("Location", h.cfg.BaseURL+pagePath(sh))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusFound)
	return nil
}

func isCode(s string) bool {
	return strings.HasPrefix(s, transferCode) || strings.HasPrefix(s, boardCode) || strings.HasPrefix(s, transferCodeV1)
}

// pagePath is the path of the share's page, as WeTransfer has it. Its API v1 calls
// a transfer what is a board here; the code tells them apart.
func pagePath(sh *share.Share) string {
	if isBoard(sh) {
		return boardRoot(sh) + "/latest"
	}
	return hashRoot(sh)
}

func isBoard(sh *share.Share) bool {
	return sh.Kind == share.Board && strings.HasPrefix(sh.Code, boardCode)
}

func hashRoot(sh *share.Share) string {
	return "/downloads/" + url.PathEscape(string(sh.ID)) + "/" + url.PathEscape(sh.Hash)
}

func boardRoot(sh *share.Share) string { return "/board/" + url.PathEscape(string(sh.ID)) }

// byHash is the find of /downloads/{id}/{hash}. A wrong hash is answered like an
// id that nothing has, also when the share is over.
func (h *Handler) byHash(r *http.Request) (*share.Share, string, error) {
	id, hash := r.PathValue("id"), r.PathValue("hash")
	sh, err := h.look(r, id, func() (*share.Share, error) {
		sh, err := h.cfg.Shares.ByID(r.Context(), share.ID(id))
		if sh != nil && (sh.Hash == "" || subtle.ConstantTimeCompare([]byte(sh.Hash), []byte(hash)) == 0) {
			return nil, share.NotFound()
		}
		return sh, err
	})
	if err != nil {
		return nil, "", err
	}
	return sh, hashRoot(sh), nil
}

// byBoard is the find of /board/{id}: a board's address has no hash. What else has
// one is not reached without it.
func (h *Handler) byBoard(r *http.Request) (*share.Share, string, error) {
	id := r.PathValue("id")
	sh, err := h.look(r, id, func() (*share.Share, error) {
		sh, err := h.cfg.Shares.ByID(r.Context(), share.ID(id))
		if sh != nil && !isBoard(sh) {
			return nil, share.NotFound()
		}
		return sh, err
	})
	if err != nil {
		return nil, "", err
	}
	return sh, boardRoot(sh), nil
}

// nobody answers the links that mails had, with a recipient in them: nobody has
// been sent one.
func nobody(http.ResponseWriter, *http.Request) error { return share.NotFound() }

// look asks for the share of a public id, unless the address that asks has tried
// too many that nobody has. An id that cannot be guessed opens all the same: its
// holders do not pay for a neighbour behind the same address.
func (h *Handler) look(r *http.Request, id string, ask func() (*share.Share, error)) (*share.Share, error) {
	from := wire.ClientAddr(r.Context())
	if len(id) < unguessable && h.misses.spent(from) {
		return nil, tooMany()
	}
	sh, err := ask()
	if fault.KindOf(err) == fault.NotFound && h.misses.add(from) {
		return nil, tooMany()
	}
	return sh, err
}

func tooMany() error {
	return fault.New(fault.Throttled, "too_many_misses", "too many links from this address lead nowhere")
}
