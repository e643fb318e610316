package wetransfer

import (
	"time"

	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// Answers, with their keys in the order of WeTransfer's documents: at least one
// client (R's) takes values by position. None has an array that is null.

type tokenBody struct {
	Success bool   `json:"success"`
	Token   string `json:"token"`
}

type transferBody struct {
	Success   *bool      `json:"success,omitempty"` // only the answer to create has it
	ID        share.ID   `json:"id"`
	Message   string     `json:"message"`
	State     string     `json:"state"`
	URL       *string    `json:"url"` // null until it is finalized
	ExpiresAt string     `json:"expires_at"`
	Files     []fileBody `json:"files"`
}

// A fileBody has these keys and never another: the Ruby SDK gives them to a
// constructor with as many named arguments, and fails on one that it does not know.
type fileBody struct {
	ID        upload.ID `json:"id"`
	Name      string    `json:"name"`
	Size      int64     `json:"size"`
	Type      string    `json:"type"`
	Multipart multipart `json:"multipart"`
}

type multipart struct {
	ID          string `json:"id,omitempty"` // of files on boards
	PartNumbers int    `json:"part_numbers"`
	ChunkSize   int64  `json:"chunk_size"`
}

type boardBody struct {
	ID          share.ID `json:"id"`
	Name        string   `json:"name"`
	Description *string  `json:"description"`
	State       string   `json:"state"`
	URL         string   `json:"url"`
	Items       []any    `json:"items"` // fileBody or linkBody
}

// A linkBody has these keys and never another, for the reason of fileBody.
type linkBody struct {
	ID   string `json:"id"`
	URL  string `json:"url"`
	Meta meta   `json:"meta"`
	Type string `json:"type"`
}

type meta struct {
	Title string `json:"title"`
}

type urlBody struct {
	Success bool   `json:"success"`
	URL     string `json:"url"`
}

type completedBody struct {
	ID        upload.ID `json:"id"`
	Retries   int       `json:"retries"`
	Name      string    `json:"name"`
	Size      int64     `json:"size"`
	ChunkSize int64     `json:"chunk_size"`
}

type successBody struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// fileComplete is what boards and v1 say of a file that is complete.
const fileComplete = "File is marked as complete."

func (h *Handler) transferBody(t *transfer.Transfer, files []*upload.File) transferBody {
	b := transferBody{
		ID: t.ID, Message: t.Message, State: "uploading",
		ExpiresAt: t.ExpiresAt.UTC().Format(time.RFC3339),
		Files:     make([]fileBody, len(files)),
	}
	if t.State != share.Open {
		link := h.shortLink(&t.Share)
		b.State, b.URL = "downloadable", &link // nothing is left to process
	}
	for i, f := range files {
		b.Files[i] = newFileBody(f, "")
	}
	return b
}

// newFileBody shows the upload id where clients need it.
func newFileBody(f *upload.File, uploadID string) fileBody {
	m := multipart{ID: uploadID, PartNumbers: upload.PlannedParts(f.Size, f.Chunk), ChunkSize: f.Chunk}
	if m.PartNumbers == 1 {
		m.ChunkSize = f.Size // the Rust client fills a buffer of this size
	}
	return fileBody{ID: f.ID, Name: f.Name, Size: f.Size, Type: "file", Multipart: m}
}

func (h *Handler) boardBody(b *board.Board, items []board.Item) boardBody {
	return boardBody{
		ID: b.ID, Name: b.Name, Description: orNull(b.Message), State: "downloadable",
		URL: h.shortLink(&b.Share), Items: itemBodies(items),
	}
}

func itemBodies(items []board.Item) []any {
	all := make([]any, len(items))
	for i, item := range items {
		if l := item.Link; l != nil {
			all[i] = linkBody{ID: l.ID, URL: l.URL, Meta: meta{l.Title}, Type: "link"}
		} else {
			all[i] = newFileBody(item.File, item.File.Upload)
		}
	}
	return all
}

// shortLink is the address that is given to people.
func (h *Handler) shortLink(s *share.Share) string { return h.cfg.BaseURL() + "/" + s.Code }

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
