package site

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// Looking at a file is not downloading it, and counts nowhere; so what may be downloaded
// only so often is not shown. What is shown comes from elsewhere and stays a stranger
// here: pictures, films and sounds are loaded by a page of ours, from answers that as
// documents would be attachments in a sandbox; text is written into that page as text.

// kinds are what can be shown, by the ending of the name: the media type in whose name the
// bytes are handed out, or "" for text. SVG is not among them: it can hold script.
var kinds = map[string]string{
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif",
	".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm",
	".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg", ".wav": "audio/wav", ".flac": "audio/flac",
	".txt": "", ".md": "", ".csv": "", ".log": "", ".json": "",
}

// kindOf gives the media type of a file that can be shown, and its first word.
func kindOf(name string) (mediaType, kind string, ok bool) {
	mediaType, ok = kinds[strings.ToLower(path.Ext(name))]
	if kind, _, _ = strings.Cut(mediaType, "/"); ok && kind == "" {
		kind = "text"
	}
	return mediaType, kind, ok
}

// shows tells whether files of what is visited may be looked at.
func (v *visit) shows() bool { return (v.t == nil || v.t.MaxDownloads == 0) && v.State != share.Open }

// viewQuery asks for the bytes of a file to be looked at.
const viewQuery = "view"

// viewed gives the media type in whose name the bytes are asked for, "" for a download.
func (v *visit) viewed(r *http.Request, f *upload.File) string {
	if !v.shows() || !r.URL.Query().Has(viewQuery) {
		return ""
	}
	mediaType, _, _ := kindOf(f.Name)
	return mediaType
}

type viewPage struct {
	frame
	Kind     string // image, video, audio or text
	Source   string
	Text     string
	Cut      bool
	Download string
	Back     string
}

// textShown is how many bytes of a text are shown.
const textShown = 64 << 10

// view shows a file on a page of its own.
func (h *Handler) view(find find) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := find(r)
		if err != nil {
			return err
		}
		if h.isLocked(r, v) {
			return h.askPassword(w, r, v, nil)
		}
		f, err := h.fileOf(r, v)
		if err != nil {
			return err
		}
		_, kind, ok := kindOf(f.Name)
		if !ok || !v.shows() {
			return fault.New(fault.NotFound, "file_unknown", "no such file")
		}
		if v.t != nil { // the desk says who may, as of a download, and is not told of one
			ask := h.fetch(r, v)
			ask.File, ask.Untracked = f, true
			if _, err := h.cfg.Desk.Begin(r.Context(), ask); err != nil {
				return err
			}
		}
		name := words.Shown(f.Name)
		at := v.root + "/file/" + url.PathEscape(string(f.ID)) + "/" + url.PathEscape(lastName(name))
		p := viewPage{frame: h.frame(r, h.say(r).NameOf(f.Name)), Kind: kind, Source: at + "?" + viewQuery, Download: at, Back: v.page()}
		if kind == "text" {
			if p.Text, p.Cut, err = h.beginningOf(r.Context(), f); err != nil {
				return lost(err)
			}
		}
		return h.show(w, r, http.StatusOK, "view", p)
	}
}

// beginningOf reads the first bytes of a text. Bytes that are no UTF-8 are shown as such.
func (h *Handler) beginningOf(ctx context.Context, f *upload.File) (text string, cut bool, err error) {
	content, err := h.cfg.Uploads.Content(ctx, f)
	if err != nil {
		return "", false, err
	}
	var out bytes.Buffer
	if _, err := blob.Copy(ctx, &out, h.cfg.Blobs, content, 0, min(f.Size, textShown)); err != nil {
		return "", false, err
	}
	b := out.Bytes()
	if cut = f.Size > int64(len(b)); cut {
		for i := 0; i < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b); i++ {
			b = b[:len(b)-1] // half of a character
		}
	}
	return words.ShownLines(strings.ToValidUTF8(string(b), "\uFFFD")), cut, nil
}
