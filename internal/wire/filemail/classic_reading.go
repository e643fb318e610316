package filemail

import (
	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
)

type transferData struct {
	Transfer *transferObject `json:"transfer"`
}

// classicGet is transfer/get, which anybody may call (JDownloader does, without a
// key).
func (h *Handler) classicGet(c *call) (any, error) {
	id := c.in.line("transferid", maxID)
	c.in.require("transferid")
	o, err := h.detail(c, reference{id: share.ID(id)})
	if err != nil {
		return nil, err
	}
	return transferData{o}, nil
}

// compress is transfer/compress, and transfer/zip, which came with the transfer's
// key: it makes all files available as a zip. They always are, once they are there.
func (h *Handler) compress(c *call) (any, error) {
	id := share.ID(c.in.line("transferid", maxID))
	key := account.Secret(c.in.uuid("transferkey"))
	c.in.require("transferid")
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return nil, h.zippable(c, id, key)
}

// zippable tells why a transfer of the caller's, or of its key, is not there as a zip.
func (h *Handler) zippable(c *call, id share.ID, key account.Secret) error {
	t, err := h.ofTheCaller(c, id, key)
	if err != nil {
		return h.cfg.Misses.Count(c.r.Context(), err)
	}
	if err := t.Alive(h.cfg.Now()); err != nil {
		return err
	}
	if t.State != share.Ready {
		return fault.New(fault.Conflict, "file_incomplete", "the upload is not complete")
	}
	return nil
}

// ofTheCaller finds a transfer by its key, or else among the caller's own.
func (h *Handler) ofTheCaller(c *call, id share.ID, key account.Secret) (*transfer.Transfer, error) {
	switch {
	case key != "":
		return h.cfg.Desk.WithKey(c.r.Context(), id, key)
	case c.who.IsNobody():
		return nil, fault.New(fault.Unauthenticated, codeToken, "please login")
	}
	r, err := h.reading(c)
	if err != nil {
		return nil, err
	}
	return h.cfg.Desk.Get(c.r.Context(), r.asker(), id)
}
