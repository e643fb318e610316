package filemail

import (
	"crypto/md5"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	core "github.com/ferry-server/ferry/internal/upload"
)

// receive takes the bytes of a file, or a chunk of it (docs.filemail.com, Upload
// files). The transfer's id and key are all the credentials there are. What fails
// is told with 406 or 449 only if the same request may succeed when it comes again.
func (h *Handler) receive(c *call) error {
	u, err := readUpload(c.w, c.r)
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	form := transfer.FileForm{
		ID: core.ID(h.newFileID()), Name: u.name, Ident: u.fileID, Count: u.count, Chunk: u.chunk, Size: u.total,
	}
	if u.fileMD5 != nil {
		form.MD5 = (*[md5.Size]byte)(u.fileMD5)
	}
	f, err := h.cfg.Desk.Receive(ctx, share.ID(u.transfer), u.key, form, core.Put{
		Number: u.number, Length: u.length, Body: u.body, WantMD5: u.bodyMD5, Again: true,
	})
	switch {
	case f == nil:
		return h.cfg.Misses.Count(ctx, err)
	case fault.Is(err, "transfer_cancelled"):
		return operationCancelled.because(err) // while the body came in
	case fault.Is(err, "part_too_large") && u.count == 1 && f.Size == core.Unknown:
		// Nothing was said that it could pass but a limit: the sender's, or at a portal
		// the receiver's.
		if f.Home.Portal != "" {
			return fileSizeBlockRecipient.because(err)
		}
		return fileSizeBlockSender.because(err)
	case err != nil:
		return err
	}
	c.write(nil)
	return nil
}
