package wetransfer

import (
	"context"
	"net/http"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// createBoard makes an empty board, whose link is good from now on.
func (h *Handler) createBoard(w http.ResponseWriter, r *http.Request, who account.Actor, body wire.Value) error {
	in := field{"board", body}
	if err := in.object(); err != nil {
		return err
	}
	name, err := in.in("name").filled(maxText)
	if err != nil {
		return err
	}
	description, err := in.in("description").optional(maxText)
	if err != nil {
		return err
	}
	b, items, err := h.cfg.Boards.Create(r.Context(), who, board.Draft{
		ID: share.ID(boardID(h.cfg.IDs, h.cfg.Now())), Code: shortCode(h.cfg.IDs, boardCode), Hash: securityHash(h.cfg.IDs),
		Name: name, Description: description, Keep: h.cfg.BoardKeep, Idle: true,
	})
	if err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusCreated, h.boardBody(b, items))
	return nil
}

// getBoard shows a board to its members, which keeps it alive. The documents tell
// others that it exists.
func (h *Handler) getBoard(w http.ResponseWriter, r *http.Request, who account.Actor, _ wire.Value) error {
	ctx := r.Context()
	b, err := h.cfg.Boards.Get(ctx, who, share.ID(r.PathValue("board")))
	if err != nil {
		err = instead(err, sayNotMember.with(r.PathValue("board")), fault.Forbidden)
		return instead(err, sayNoBoard, fault.NotFound)
	}
	items, err := h.cfg.Boards.Items(ctx, b)
	if err != nil {
		return err
	}
	if err := h.cfg.Shares.Seen(ctx, &b.Share); err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusOK, h.boardBody(b, items))
	return nil
}

// addLinks puts links on a board.
func (h *Handler) addLinks(w http.ResponseWriter, r *http.Request, who account.Actor, body wire.Value) error {
	in := field{"board.links", body}
	if err := in.array(); err != nil {
		return err
	}
	list, err := in.items(h.cfg.MaxFiles)
	if err != nil {
		return err
	}
	drafts := make([]board.DraftItem, len(list))
	for i, l := range list {
		d := board.DraftItem{ID: boardID(h.cfg.IDs, h.cfg.Now())}
		if d.URL, err = l.in("url").webURL(); err != nil {
			return err
		}
		if d.Title, err = l.in("title").optional(maxTitle); err != nil {
			return err
		}
		if d.Title == "" {
			d.Title = d.URL
		}
		drafts[i] = d
	}
	return h.addToBoard(w, r, who, drafts)
}

// addFiles announces files on a board.
func (h *Handler) addFiles(w http.ResponseWriter, r *http.Request, who account.Actor, body wire.Value) error {
	files, err := field{"board.files", body}.files(h.cfg.MaxFiles)
	if err != nil {
		return err
	}
	drafts := make([]board.DraftItem, len(files))
	for i, f := range files {
		drafts[i] = h.boardFile(f)
	}
	return h.addToBoard(w, r, who, drafts)
}

// boardFile is the draft of a file on a board or in a v1 transfer.
func (h *Handler) boardFile(f newFile) board.DraftItem {
	return board.DraftItem{
		ID: boardID(h.cfg.IDs, h.cfg.Now()), Name: f.name, Size: f.size, Chunk: boardChunk, Upload: uploadID(h.cfg.IDs),
	}
}

func (h *Handler) addToBoard(w http.ResponseWriter, r *http.Request, who account.Actor, drafts []board.DraftItem) error {
	items, err := h.cfg.Boards.Add(r.Context(), who, share.ID(r.PathValue("board")), drafts)
	if err != nil {
		return instead(err, sayNoBoard, fault.NotFound, fault.Forbidden)
	}
	wire.WriteJSON(w, http.StatusCreated, itemBodies(items))
	return nil
}

// boardUploadURL gives the URL for one part.
func (h *Handler) boardUploadURL(w http.ResponseWriter, r *http.Request, who account.Actor, _ wire.Value) error {
	n, err := partNumber(r.PathValue("part"))
	if err != nil {
		return err
	}
	f, err := h.boardFileOf(r, who)
	if err != nil {
		return instead(err, sayForeignFile, fault.Forbidden)
	}
	if err := checkMultipart(f, r.PathValue("multipart")); err != nil {
		return err
	}
	if err := checkPart(f, n); err != nil {
		return err
	}
	link, _ := h.cfg.PresignPart(f, n)
	wire.WriteJSON(w, http.StatusOK, urlBody{true, link})
	return nil
}

// completeBoardFile settles the content of one file. What the client says of the
// number of parts is not looked at.
func (h *Handler) completeBoardFile(w http.ResponseWriter, r *http.Request, who account.Actor, _ wire.Value) error {
	f, err := h.boardFileOf(r, who)
	if err != nil {
		return instead(err, sayNoBoardFile, fault.Forbidden)
	}
	if _, err := h.cfg.Boards.CompleteFile(r.Context(), who, f.ID); err != nil {
		return nothingSent(err)
	}
	wire.WriteJSON(w, http.StatusAccepted, successBody{true, fileComplete})
	return nil
}

// boardFileOf finds the file of a path, on the board of the path. It may have
// gone with its board.
func (h *Handler) boardFileOf(r *http.Request, who account.Actor) (*upload.File, error) {
	bid := share.ID(r.PathValue("board"))
	f, err := h.cfg.Boards.File(r.Context(), who, upload.ID(r.PathValue("file")))
	if err == nil && f.Home.ID != bid {
		return nil, sayNoBoardFile.because(fault.New(fault.NotFound, "file_unknown", "no such file"))
	}
	if fault.KindOf(err) == fault.NotFound {
		return nil, h.lostBoardFile(r.Context(), who, bid, err)
	}
	return f, err
}

func (h *Handler) lostBoardFile(ctx context.Context, who account.Actor, bid share.ID, err error) error {
	if _, berr := h.cfg.Boards.Get(ctx, who, bid); fault.KindOf(berr) == fault.Gone {
		return berr
	}
	return sayNoBoardFile.because(err)
}
