package site

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/media"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// Looking at a file is not downloading it, and counts nowhere; so what may be downloaded
// only so often is not shown. What is shown comes from elsewhere and stays a stranger
// here: pictures, films and sounds are loaded by a page of ours, from answers that as
// documents would be attachments in a sandbox; text is written into that page as text; of
// documents there are pictures of our own making, a page each.

// kinds are what can be shown, by the ending of the name: the media type in whose name the
// bytes are handed out, or "" for text, and for documents "" too. SVG is not among them:
// it can hold script.
var kinds = map[string]string{
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif",
	".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm",
	".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg", ".wav": "audio/wav", ".flac": "audio/flac",
	".pdf": "",
	".txt": "", ".md": "", ".csv": "", ".log": "", ".json": "",
}

// kindOf gives the media type of a file that can be shown, and its kind: image, video,
// audio, text or document.
func (h *Handler) kindOf(name string, size int64) (mediaType, kind string, ok bool) {
	ending := strings.ToLower(path.Ext(name))
	mediaType, ok = kinds[ending]
	if kind, _, _ = strings.Cut(mediaType, "/"); ok && kind == "" {
		kind = "text"
	}
	if ending == ".pdf" {
		kind, ok = "document", h.cfg.Viewer != nil && size <= media.MaxSize
	}
	return mediaType, kind, ok
}

// shows tells whether files of what is visited may be looked at.
func (v *visit) shows() bool { return (v.t == nil || v.t.MaxDownloads == 0) && v.State != share.Open }

// viewQuery asks for the bytes of a file to be looked at.
const viewQuery = "view"

// viewed gives the media type in whose name the bytes are asked for, "" for a download.
func (h *Handler) viewed(r *http.Request, v *visit, f *upload.File) string {
	if !v.shows() || !r.URL.Query().Has(viewQuery) {
		return ""
	}
	mediaType, _, _ := h.kindOf(f.Name, f.Size)
	return mediaType
}

type viewPage struct {
	frame
	Kind     string // image, video, audio, text, document or none
	Source   string
	Text     string
	Sheets   []sheet
	Cut      bool
	Download string
	Back     string
}

// A sheet is a page of a document, with the measures of its picture relative to each other.
type sheet struct {
	Source        string
	Width, Height int
	Label         string
}

// pageQuery asks for the picture of a page of a document.
const pageQuery = "page"

// textShown is how many bytes of a text are shown.
const textShown = 64 << 10

// view shows a file on a page of its own.
func (h *Handler) view(find find) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := find(r)
		if err != nil {
			return err
		}
		number := r.URL.Query().Get(pageQuery)
		if h.isLocked(r, v) && number == "" { // else the desk refuses below
			return h.askPassword(w, r, v, nil)
		}
		f, err := h.fileOf(r, v)
		if err != nil {
			return err
		}
		_, kind, ok := h.kindOf(f.Name, f.Size)
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
		if kind == "document" && number != "" {
			return h.paint(w, r, f, number)
		}
		name := words.Shown(f.Name)
		at := v.root + "/file/" + url.PathEscape(string(f.ID)) + "/" + url.PathEscape(lastName(name))
		p := viewPage{frame: h.frame(r, h.say(r).NameOf(f.Name)), Kind: kind, Source: at + "?" + viewQuery, Download: at, Back: v.page()}
		switch kind {
		case "text":
			p.Text, p.Cut, err = h.beginningOf(r.Context(), f)
		case "document":
			p.Sheets, p.Cut, err = h.sheetsOf(r, f)
			if fault.Is(err, "document_unreadable") {
				p.Kind, err = "none", nil
			}
		}
		if err != nil {
			return lost(err)
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

// document has the viewer read a file.
func (h *Handler) document(ctx context.Context, f *upload.File) media.Source {
	return func(w io.Writer) error {
		content, err := h.cfg.Uploads.Content(ctx, f)
		if err != nil {
			return err
		}
		_, err = blob.Copy(ctx, w, h.cfg.Blobs, content, 0, f.Size)
		return err
	}
}

// sheetsOf gives the pages of a document that are shown, and whether there are more.
func (h *Handler) sheetsOf(r *http.Request, f *upload.File) (sheets []sheet, cut bool, err error) {
	pages, of, err := h.cfg.Viewer.Pages(r.Context(), h.document(r.Context(), f))
	if err != nil {
		return nil, false, err
	}
	for i, p := range pages {
		n := strconv.Itoa(i + 1)
		sheets = append(sheets, sheet{
			Source: "?" + pageQuery + "=" + n, Width: p.Width, Height: p.Height, Label: fmt.Sprintf(h.say(r).PageOf, i+1, of),
		})
	}
	return sheets, of > len(pages), nil
}

// paint answers with the picture of a page. One that the browser has is not painted anew.
func (h *Handler) paint(w http.ResponseWriter, r *http.Request, f *upload.File, number string) error {
	n, err := strconv.Atoi(number)
	if err != nil {
		return fault.New(fault.NotFound, "page_unknown", "no such page")
	}
	head := w.Header()
	tag := strings.TrimSuffix(f.ETag(), `"`) + "-" + strconv.Itoa(n) + `"`
	if r.Header.Get("If-None-Match") == tag {
		head.Set("Etag", tag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	picture, err := h.cfg.Viewer.Picture(r.Context(), h.document(r.Context(), f), n)
	if err != nil {
		return lost(err)
	}
	secure(head)
	head.Set("Content-Security-Policy", dataPolicy)
	head.Set("Content-Type", "image/jpeg")
	head.Set("Content-Length", strconv.Itoa(len(picture)))
	head.Set("Cache-Control", "private, no-cache")
	head.Set("Etag", tag)
	h.wait(w)
	if r.Method != http.MethodHead {
		_, _ = w.Write(picture) // the client is gone: nothing to tell it
	}
	return nil
}
