package wetransfer

import (
	"net/http"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// A transfer of v1 takes items at any time, and each file can be had as soon as
// it is complete, so it is a board of ours; but its life has a fixed end.

type v1TransferBody struct {
	ID                share.ID `json:"id"`
	VersionIdentifier *string  `json:"version_identifier"` // never had another value than null
	State             string   `json:"state"`
	ShortenedURL      string   `json:"shortened_url"` // good from the start, and not said again
	Name              string   `json:"name"`
	Description       *string  `json:"description"`
	Size              int64    `json:"size"`
	TotalItems        int      `json:"total_items"`
	Items             []any    `json:"items"`
}

type v1FileBody struct {
	ID                upload.ID  `json:"id"`
	ContentIdentifier string     `json:"content_identifier"`
	LocalIdentifier   string     `json:"local_identifier"`
	Meta              v1FileMeta `json:"meta"`
	Name              string     `json:"name"`
	Size              int64      `json:"size"`
	UploadID          string     `json:"upload_id"`
	UploadExpiresAt   int64      `json:"upload_expires_at"`
}

// v1FileMeta has the upload id of one-part files too: PHP's SDK broke without
// (WeTransfer/wetransfer-php-sdk issue 11).
type v1FileMeta struct {
	MultipartParts    int    `json:"multipart_parts"`
	MultipartUploadID string `json:"multipart_upload_id"`
}

// v1LinkBody has the local identifier, which Ruby and PHP read of every item.
type v1LinkBody struct {
	ID                string `json:"id"`
	ContentIdentifier string `json:"content_identifier"`
	LocalIdentifier   string `json:"local_identifier"`
	Meta              meta   `json:"meta"`
	URL               string `json:"url"`
}

type v1UploadBody struct {
	UploadURL       string `json:"upload_url"`
	PartNumber      int    `json:"part_number"`
	UploadID        string `json:"upload_id"`
	UploadExpiresAt int64  `json:"upload_expires_at"`
}

// v1CompletedBody has what Swift requires (ok, message) and what C# reads
// (success, message); the documents show no body.
type v1CompletedBody struct {
	OK      bool   `json:"ok"`
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// Values of content_identifier.
const (
	v1File = "file"
	v1Link = "web_content"
)

func (h *Handler) v1CreateTransfer(w http.ResponseWriter, r *http.Request, who account.Actor, body wire.Value) error {
	in := field{"transfer", body}
	if err := in.object(); err != nil {
		return err
	}
	name, err := in.in("name").text(maxText)
	if err != nil {
		return err
	}
	description, err := in.in("description").optional(maxText)
	if err != nil {
		return err
	}
	var drafts []board.DraftItem
	if items := in.in("items"); !items.absent() {
		if drafts, err = h.v1Items(items); err != nil {
			return err
		}
	}
	b, items, err := h.cfg.Boards.Create(r.Context(), who, board.Draft{
		ID: share.ID(boardID(h.cfg.IDs, h.cfg.Now())), Code: shortCode(h.cfg.IDs, v1Code), Hash: securityHash(h.cfg.IDs),
		Name: name, Description: description, Keep: h.cfg.TransferKeep, Items: drafts,
	})
	if err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusAccepted, v1TransferBody{
		ID: b.ID, State: "uploading", ShortenedURL: h.shortLink(&b.Share),
		Name: b.Name, Description: orNull(b.Message), Size: b.Size,
		TotalItems: len(items), Items: h.v1ItemBodies(items),
	})
	return nil
}

func (h *Handler) v1AddItems(w http.ResponseWriter, r *http.Request, who account.Actor, body wire.Value) error {
	in := field{"transfer", body}
	if err := in.object(); err != nil {
		return err
	}
	drafts, err := h.v1Items(in.in("items"))
	if err != nil {
		return err
	}
	items, err := h.cfg.Boards.Add(r.Context(), who, share.ID(r.PathValue("transfer")), drafts)
	if err != nil {
		return instead(err, sayNoTransfer, fault.NotFound, fault.Forbidden)
	}
	wire.WriteJSON(w, http.StatusAccepted, h.v1ItemBodies(items))
	return nil
}

// v1Items reads the items of both calls that take some.
func (h *Handler) v1Items(in field) ([]board.DraftItem, error) {
	if err := in.array(); err != nil {
		return nil, err
	}
	list, err := in.items(h.cfg.MaxFiles)
	if err != nil {
		return nil, err
	}
	drafts := make([]board.DraftItem, len(list))
	var names []string
	for i, item := range list {
		if drafts[i], err = h.v1Item(item); err != nil {
			return nil, err
		}
		if drafts[i].URL == "" {
			names = append(names, drafts[i].Name)
		}
	}
	return drafts, in.differ(names)
}

func (h *Handler) v1Item(item field) (d board.DraftItem, err error) {
	kind := item.in("content_identifier")
	what, err := kind.text(maxText)
	if err != nil {
		return d, err
	}
	local, err := item.in("local_identifier").filled(maxLocal)
	if err != nil {
		return d, err
	}
	switch what {
	case v1File:
		var f newFile
		if f.name, err = item.in("filename").fileName(); err != nil {
			return d, err
		}
		if f.size, err = item.in("filesize").fileSize(); err != nil {
			return d, err
		}
		d = h.boardFile(f)
	case v1Link:
		d.ID = boardID(h.cfg.IDs, h.cfg.Now())
		if d.URL, err = item.in("url").webURL(); err != nil {
			return d, err
		}
		if d.Title, d.Meta, err = linkMeta(item.in("meta"), d.URL); err != nil {
			return d, err
		}
	default:
		return d, kind.wrong("must be one of [%s, %s]", v1File, v1Link)
	}
	d.Local = local
	return d, nil
}

// linkMeta reads what a client knows of a linked page. Only the title is used.
func linkMeta(in field, defaultTitle string) (title, raw string, err error) {
	if in.Kind() == wire.Absent {
		return "", "", in.wrong("is required")
	}
	if err := in.object(); err != nil {
		return "", "", err
	}
	raw = string(in.Raw())
	if utf16Len(raw) > maxMeta {
		return "", "", in.wrong("length must be less than or equal to %d characters long", maxMeta)
	}
	if title, err = in.in("title").optional(maxMeta); title == "" {
		title = defaultTitle
	}
	return title, raw, err
}

func (h *Handler) v1ItemBodies(items []board.Item) []any {
	var until int64 // the end of a URL that is asked for now, of whichever file
	all := make([]any, len(items))
	for i, item := range items {
		if l := item.Link; l != nil {
			all[i] = v1LinkBody{l.ID, v1Link, l.Local, meta{l.Title}, l.URL}
			continue
		}
		f := item.File
		if until == 0 {
			_, end := h.cfg.PresignPart(f, 1)
			until = end.Unix()
		}
		all[i] = v1FileBody{
			ID: f.ID, ContentIdentifier: v1File, LocalIdentifier: f.Local,
			Meta: v1FileMeta{upload.PlannedParts(f.Size, f.Chunk), f.Upload},
			Name: f.Name, Size: f.Size, UploadID: f.Upload, UploadExpiresAt: until,
		}
	}
	return all
}

func (h *Handler) v1UploadURL(w http.ResponseWriter, r *http.Request, who account.Actor, _ wire.Value) error {
	n, err := partNumber(r.PathValue("part"))
	if err != nil {
		return err
	}
	f, err := h.cfg.Boards.File(r.Context(), who, upload.ID(r.PathValue("file")))
	if err != nil {
		return instead(err, sayForeignV1, fault.NotFound, fault.Forbidden)
	}
	if err := checkMultipart(f, r.PathValue("multipart")); err != nil {
		return err
	}
	if err := checkPart(f, n); err != nil {
		return err
	}
	link, until := h.cfg.PresignPart(f, n)
	wire.WriteJSON(w, http.StatusOK, v1UploadBody{link, n, f.Upload, until.Unix()})
	return nil
}

func (h *Handler) v1CompleteFile(w http.ResponseWriter, r *http.Request, who account.Actor, _ wire.Value) error {
	if _, err := h.cfg.Boards.CompleteFile(r.Context(), who, upload.ID(r.PathValue("file"))); err != nil {
		return instead(expected(err), sayNoBoardFile, fault.NotFound, fault.Forbidden)
	}
	wire.WriteJSON(w, http.StatusAccepted, v1CompletedBody{true, true, fileComplete})
	return nil
}
