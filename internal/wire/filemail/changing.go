package filemail

import (
	"strconv"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/transfer"
	core "github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// Calls that change a transfer which is there. The classic ones are as pyfilemail
// makes them; those of 2.0 are guesses in its style, with the same properties, so
// that one function serves both.

// asker tells whose transfers the caller may change.
func (h *Handler) asker(c *call) (transfer.Asker, error) {
	return h.cfg.Policy.Asker(c.r.Context(), c.who.Actor)
}

// updateTransfer changes what its sender said of a transfer. pyfilemail sends a new
// subject under the name of the message; nothing here can tell.
func (h *Handler) updateTransfer(c *call) (any, error) {
	tid := c.transferID()
	change := transfer.Change{
		Subject:      c.in.change("subject", maxSubject),
		Message:      c.in.change("message", maxMessage),
		Days:         c.in.count("days", transfer.Forever, maxDays),
		MaxDownloads: c.in.count("downloads", 0, maxDownloads),
		Notify:       c.in.flag("notify"),
	}
	if s := change.Subject; s != nil && (*s == "" || strings.ContainsAny(*s, "\r\n")) {
		c.in.wrong("subject", codeValue, "must be one line, and not empty")
	}
	if !c.classic {
		if s := c.in.change("password", maxSecret); s != nil {
			change.Password = new(account.Secret(*s))
		}
		change.Version = c.version()
	}
	if err := c.in.err(); err != nil {
		return nil, err
	}
	who, err := h.asker(c)
	if err != nil {
		return nil, err
	}
	rules, err := h.cfg.Policy.Rules(c.r.Context(), c.who.Account)
	if err != nil {
		return nil, err
	}
	t, err := h.cfg.Desk.Update(c.r.Context(), who, tid, change, rules)
	if err != nil {
		return nil, err
	}
	c.setVersion(t)
	return nil, nil
}

// setVersion tells who may change a transfer which version of it an answer is about,
// as an entity tag.
func (c *call) setVersion(t *transfer.Transfer) {
	if !c.classic {
		c.w.Header().Set("ETag", `"`+strconv.FormatInt(t.Version, 10)+`"`)
	}
}

// version reads from which version of a transfer a change was made: the property, or
// If-Match. A tag that is not ours is that of no version.
func (c *call) version() *int64 {
	if v := c.in.number("version", 0, wire.MaxInt); v != nil {
		return v
	}
	tag := c.r.Header.Get("If-Match")
	if tag == "" || tag == "*" {
		return nil
	}
	n, err := wire.ParseInt(strings.Trim(tag, `"`))
	if err != nil {
		n = -1
	}
	return &n
}

func (h *Handler) deleteTransfer(c *call) (any, error) {
	tid := c.transferID()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	who, err := h.asker(c)
	if err != nil {
		return nil, err
	}
	return nil, h.cfg.Desk.Delete(c.r.Context(), who, tid)
}

func (h *Handler) recoverTransfer(c *call) (any, error) {
	tid := c.transferID()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	who, err := h.asker(c)
	if err != nil {
		return nil, err
	}
	t, err := h.cfg.Desk.Recover(c.r.Context(), who, tid)
	if err != nil {
		return nil, err
	}
	c.setVersion(t)
	return nil, nil
}

// forceComplete completes a transfer without its key, and without the files that are
// not whole.
func (h *Handler) forceComplete(c *call) (any, error) {
	tid := c.transferID()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	who, err := h.asker(c)
	if err != nil {
		return nil, err
	}
	t, err := h.cfg.Desk.ForceComplete(c.r.Context(), who, tid)
	if err != nil {
		return nil, err
	}
	return completed{h.downloadURL(t)}, nil
}

func (h *Handler) cancel(c *call) (any, error) {
	tid, key := c.transferID(), c.transferKey()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	err := h.cfg.Desk.Cancel(c.r.Context(), tid, key)
	return nil, h.cfg.Misses.Count(c.r.Context(), err)
}

// forward sends a transfer to more people, for who holds its key. Within which
// limits is a matter of whose transfer it is.
func (h *Handler) forward(c *call) (any, error) {
	ctx := c.r.Context()
	tid, key, entries := c.transferID(), c.transferKey(), c.in.list("to", maxRecipients)
	c.in.require("to")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	t, err := h.cfg.Desk.WithKey(ctx, tid, key)
	if err != nil {
		return nil, h.cfg.Misses.Count(ctx, err)
	}
	to, err := h.recipients(c, entries, t.Sender)
	if err != nil {
		return nil, err
	}
	rules, err := h.cfg.Policy.Rules(ctx, t.Owner.Account)
	if err != nil {
		return nil, err
	}
	_, err = h.cfg.Desk.Forward(ctx, tid, key, to, rules)
	return nil, c.guestRefused(err)
}

// share sends a transfer of the caller's to more people, with a message for them.
// The classic call has a from, too; letters are from the transfer's sender.
func (h *Handler) share(c *call) (any, error) {
	ctx := c.r.Context()
	tid, entries, note := c.transferID(), c.in.list("to", maxRecipients), c.in.text("message", maxMessage)
	c.in.require("to")
	c.in.email("from")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	who, err := h.asker(c)
	if err != nil {
		return nil, err
	}
	t, err := h.cfg.Desk.Get(ctx, who, tid)
	if err != nil {
		return nil, err
	}
	to, err := h.recipients(c, entries, t.Sender)
	if err != nil {
		return nil, err
	}
	rules, err := h.cfg.Policy.Rules(ctx, t.Owner.Account)
	if err != nil {
		return nil, err
	}
	_, err = h.cfg.Desk.Share(ctx, who, tid, to, note, rules)
	return nil, err
}

// fileID reads which file a call is about: of the path, where it is there.
func (c *call) fileID() core.ID {
	if s := c.r.PathValue("file"); s != "" {
		return core.ID(s)
	}
	c.in.require("fileid")
	return core.ID(c.in.line("fileid", maxTransferID))
}

func (h *Handler) renameFile(c *call) (any, error) {
	fid := c.fileID()
	c.in.require("filename")
	name := cleanName(c.in.text("filename", maxFolders*(maxElement+1)))
	if why := badName(name); why != "" {
		c.in.wrong("filename", codeValue, "%s", why)
	}
	if err := c.in.err(); err != nil {
		return nil, err
	}
	who, err := h.asker(c)
	if err != nil {
		return nil, err
	}
	_, err = h.cfg.Desk.RenameFile(c.r.Context(), who, fid, name)
	return nil, err
}

func (h *Handler) deleteFile(c *call) (any, error) {
	fid := c.fileID()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	who, err := h.asker(c)
	if err != nil {
		return nil, err
	}
	return nil, h.cfg.Desk.DeleteFile(c.r.Context(), who, fid)
}
