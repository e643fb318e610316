package site

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/share"
)

// The prefixes of short codes (WeTransfer API docs, 2018 to 2024).
const (
	transferCode   = "t-"
	boardCode      = "b-"
	transferCodeV1 = "s-"
)

// shortLink leads from a short link to its page.
func (h *Handler) shortLink(w http.ResponseWriter, r *http.Request) error {
	ctx, code := r.Context(), r.PathValue("code")
	if err := h.cfg.Misses.Check(ctx); err != nil {
		return err
	}
	sh, err := h.cfg.Shares.ByCode(ctx, code)
	if err = h.cfg.Misses.Count(ctx, err); err != nil {
		return err
	}
	secure(w.Header())
	w.Header().Set("Cache-Control", "no-store") // it ends one day
	w.Header().Set("Location", h.cfg.BaseURL+pagePath(sh))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusFound)
	return nil
}

// isCode reports whether s has the shape of a short code: a prefix, then letters
// and digits.
func isCode(s string) bool {
	if len(s) < 3 {
		return false
	}
	switch s[:2] {
	case transferCode, boardCode, transferCodeV1:
		return strings.Trim(s[2:], id.Base62) == ""
	}
	return false
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
func (h *Handler) byHash(r *http.Request) (*visit, error) {
	hash := []byte(r.PathValue("hash"))
	sh, err := h.byID(r, func(sh *share.Share) bool {
		return sh.Hash != "" && subtle.ConstantTimeCompare([]byte(sh.Hash), hash) == 1
	})
	if err != nil {
		return nil, err
	}
	return h.visit(r, sh, hashRoot(sh))
}

// byBoard is the find of /board/{id}: a board's address has no hash. What else has
// one is not reached without it.
func (h *Handler) byBoard(r *http.Request) (*visit, error) {
	sh, err := h.byID(r, isBoard)
	if err != nil {
		return nil, err
	}
	return h.visit(r, sh, boardRoot(sh))
}

// byID finds the share whose id is in the path of r. One that the rest of the
// address does not fit is not found.
func (h *Handler) byID(r *http.Request, fits func(*share.Share) bool) (*share.Share, error) {
	sh, err := h.cfg.Shares.ByID(r.Context(), share.ID(r.PathValue("id")))
	if sh != nil && !fits(sh) {
		err = share.NotFound()
	}
	return sh, h.cfg.Misses.Count(r.Context(), err)
}

// nobody answers the links that mails had, with a recipient in them: nobody has
// been sent one.
func nobody(http.ResponseWriter, *http.Request) error { return share.NotFound() }
