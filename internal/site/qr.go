package site

import (
	"fmt"
	"net/http"
	"strings"

	"rsc.io/qr"

	"github.com/ferry-server/ferry/internal/fault"
)

// qrPath is where a link is drawn for cameras. The query has its path alone: what is
// drawn leads to this server.
const qrPath = "/app/qr"

// longestDrawn bounds the path in a drawing, in bytes.
const longestDrawn = 300

func (h *Handler) drawLink(w http.ResponseWriter, r *http.Request) error {
	to := r.URL.Query().Get("to")
	if to == "" || len(to) > longestDrawn || ownPath(to) != to {
		return errUnknownPath
	}
	code, err := qr.Encode(h.cfg.BaseURL+to, qr.M)
	if err != nil {
		return fault.Wrap(fault.Invalid, "link_too_long", err, "the link is too long to be drawn")
	}
	const margin = 4 // modules; ISO/IEC 18004, 6.3.8
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1H%dz", from+margin, y+margin, x-from, from+margin)
			}
		}
	}
	side := code.Size + 2*margin
	secure(w.Header())
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "no-store") // the link is a secret
	_, err = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%[1]dv%[1]dH0z"/><path d="%[3]s"/></svg>`, side, side, path.String())
	if err != nil && r.Context().Err() == nil {
		return err
	}
	return nil
}
