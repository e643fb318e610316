package wetransfer

import (
	"context"
	"net/http"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// createTransfer announces a transfer with all its files.
func (h *Handler) createTransfer(w http.ResponseWriter, r *http.Request, who account.Actor, body wire.Value) error {
	in := field{"transfer", body}
	if err := in.object(); err != nil {
		return err
	}
	message, err := in.in("message").optional(maxText)
	if err != nil {
		return err
	}
	list := in.in("files")
	if list.absent() || list.Kind() == wire.Array && list.Len() == 0 {
		return list.wrong("must contain at least 1 items")
	}
	files, err := list.files(h.cfg.MaxFiles)
	if err != nil {
		return err
	}
	now := h.cfg.Now()
	draft := transfer.Draft{
		ID: share.ID(transferID(h.cfg.IDs, now)), Code: shortCode(h.cfg.IDs, transferCode), Hash: securityHash(h.cfg.IDs),
		Message: message, Sealed: true, Files: make([]transfer.DraftFile, len(files)),
	}
	for i, f := range files {
		draft.Files[i] = transfer.DraftFile{
			ID: upload.ID(transferID(h.cfg.IDs, now)), Name: f.name, Size: f.size, Chunk: transferChunk,
			Upload: uploadID(h.cfg.IDs), // for the upload URLs: clients are not shown it
		}
	}
	t, made, err := h.cfg.Transfers.Create(r.Context(), who, draft)
	if err != nil {
		return err
	}
	answer := h.transferBody(t, made)
	answer.Success = new(true)
	wire.WriteJSON(w, http.StatusCreated, answer)
	return nil
}

// getTransfer shows a transfer in any state.
func (h *Handler) getTransfer(w http.ResponseWriter, r *http.Request, who account.Actor, _ wire.Value) error {
	t, err := h.cfg.Transfers.Get(r.Context(), who, share.ID(r.PathValue("transfer")))
	return h.showTransfer(w, r, t, err)
}

// finalize closes the transfer; a client whose first answer got lost goes on with
// the second.
func (h *Handler) finalize(w http.ResponseWriter, r *http.Request, who account.Actor, _ wire.Value) error {
	t, err := h.cfg.Transfers.Finalize(r.Context(), who, share.ID(r.PathValue("transfer")))
	return h.showTransfer(w, r, t, err)
}

func (h *Handler) showTransfer(w http.ResponseWriter, r *http.Request, t *transfer.Transfer, err error) error {
	if err != nil {
		return instead(err, sayNoTransfer, fault.NotFound)
	}
	files, err := h.cfg.Transfers.Files(r.Context(), t)
	if err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusOK, h.transferBody(t, files))
	return nil
}

// transferUploadURL gives the URL for one part. It may be asked for at any time:
// the S3 door tells who comes too late.
func (h *Handler) transferUploadURL(w http.ResponseWriter, r *http.Request, who account.Actor, _ wire.Value) error {
	n, err := partNumber(r.PathValue("part"))
	if err != nil {
		return err
	}
	tid := share.ID(r.PathValue("transfer"))
	f, err := h.cfg.Transfers.File(r.Context(), who, tid, upload.ID(r.PathValue("file")))
	if err != nil {
		return h.lostTransferFile(r.Context(), who, tid, err)
	}
	if err := checkPart(f, n); err != nil {
		return err
	}
	link, _ := h.cfg.PresignPart(f, n)
	wire.WriteJSON(w, http.StatusOK, urlBody{true, link})
	return nil
}

// completeTransferFile settles the content of one file.
func (h *Handler) completeTransferFile(w http.ResponseWriter, r *http.Request, who account.Actor, body wire.Value) error {
	v, _ := body.Get("part_numbers")
	if err := (field{"part_numbers", v}).partCount(); err != nil {
		return err
	}
	tid := share.ID(r.PathValue("transfer"))
	f, err := h.cfg.Transfers.CompleteFile(r.Context(), who, tid, upload.ID(r.PathValue("file")))
	if err != nil {
		return h.lostTransferFile(r.Context(), who, tid, chunksMissing(err))
	}
	wire.WriteJSON(w, http.StatusOK, completedBody{ID: f.ID, Name: f.Name, Size: f.Size, ChunkSize: f.Chunk})
	return nil
}

// lostTransferFile finds the words for a file that is not found: it may have gone
// with its transfer.
func (h *Handler) lostTransferFile(ctx context.Context, who account.Actor, tid share.ID, err error) error {
	if fault.KindOf(err) == fault.NotFound {
		if _, terr := h.cfg.Transfers.Get(ctx, who, tid); fault.KindOf(terr) == fault.Gone {
			return terr
		}
	}
	return instead(err, sayNoTransferFile, fault.NotFound)
}
