package filemail

import (
	"context"
	"strings"

	"github.com/ferry-server/ferry/internal/deliver"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	core "github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// filePath is where files are downloaded (recorded in many public links).
const filePath = "/api/file/get"

// download answers with a file, or all of a transfer as a zip. Its file key is all
// it takes. Filemail's clients add skipcheck, which would keep a page of warnings
// away, and skipreg: the download is not registered. Whoever has a file key may say
// so (three clients do); the operator may forbid it.
func (h *Handler) download(c *call) error {
	// A client appends parameters by ? where there is one already.
	query, err := parseParams(strings.ReplaceAll(c.r.URL.RawQuery, "?", "&"))
	if err != nil {
		return err
	}
	key := query.first("filekey")
	if key == "" {
		return invalidField("filekey", codeMissing, "is required")
	}
	skip := lower(query.first("skipreg"))
	untracked := h.cfg.SkipReg && (skip == "true" || skip == "1")

	ctx := c.r.Context()
	t, known := openTicket(h.cfg.Ring, key)
	switch {
	case !known:
		return unknownFile()
	case t.kind == allFiles:
		return h.downloadZip(c, &t, untracked)
	case t.kind == oneFile:
		f, tr, err := h.cfg.Desk.File(ctx, core.Key(t.itemKey()))
		if err != nil {
			return err
		}
		fetch, err := h.fetch(c, &t, tr, untracked)
		if err != nil {
			return err
		}
		if fetch.File = f; f.State != core.Complete {
			_, err := h.cfg.Desk.Begin(ctx, fetch) // says why not
			return err
		}
		content, err := h.cfg.Uploads.Content(ctx, f)
		if err != nil {
			return err
		}
		return h.deliver(c, fetch, deliver.Content(content), deliver.Item{Name: f.Name, ETag: f.ETag(), Modified: f.CompletedAt})
	}
	return unknownFile()
}

func (h *Handler) downloadZip(c *call, t *ticket, untracked bool) error {
	ctx := c.r.Context()
	tr, err := h.cfg.Desk.ByKey(ctx, share.Key(t.itemKey()))
	if err != nil {
		return err
	}
	fetch, err := h.fetch(c, t, tr, untracked)
	if err != nil {
		return err
	}
	if err := tr.Visible(h.cfg.Now()); err != nil {
		return err
	}
	p, err := h.cfg.Parcels.Pack(ctx, &tr.Share)
	if err != nil {
		return err
	}
	zip, err := p.Zip()
	if err != nil {
		return err
	}
	return h.deliver(c, fetch, zip, deliver.Item{Name: p.Name, ETag: zip.ETag()})
}

// deliver sends bytes that are let pass. Their type is nobody's business: one that
// has html in it is an error page to JDownloader.
func (h *Handler) deliver(c *call, f transfer.Fetch, src deliver.Source, it deliver.Item) error {
	ctx := c.r.Context()
	err := deliver.Counted(c.w, c.r, h.cfg.Desk, f, h.cfg.Blobs, src, it, func(err error) {
		h.cfg.Log.ErrorContext(ctx, "download broke off", "door", "filemail", "request", wire.RequestID(ctx), "err", err)
	})
	if fault.KindOf(err) == fault.NotFound && fault.CodeOf(err) == "blob_missing" {
		return fault.Wrap(fault.Internal, "content_lost", err, "")
	}
	return err
}

// fetch makes of a ticket what the desk is asked. The client is told from others by
// its address and the link.
func (h *Handler) fetch(c *call, t *ticket, tr *transfer.Transfer, untracked bool) (transfer.Fetch, error) {
	ctx := c.r.Context()
	s, err := h.admitted(ctx, t, tr)
	if err != nil {
		return transfer.Fetch{}, err
	}
	address := addressOf(ctx)
	return transfer.Fetch{
		Transfer: tr, Recipient: s.to, Holder: address + " " + string(t.recipient()), Address: address,
		Agent: c.r.UserAgent(), Pass: s.pass, Untracked: untracked,
	}, nil
}

// admitted makes of a ticket who presents it: a reader with what they were given.
func (h *Handler) admitted(ctx context.Context, t *ticket, tr *transfer.Transfer) (*seen, error) {
	s := &seen{Transfer: tr, inside: t.inside, open: true}
	if !t.inside {
		if _, err := h.cfg.Readers.Admits(ctx, tr.Owner.Account, ""); err != nil {
			return nil, err
		}
	}
	if tr.Locked {
		s.pass = h.cfg.Desk.Pass(tr)
		if t.pass != markOf(s.pass) { // none was shown, or another by now
			return nil, fault.New(fault.Forbidden, "password_required", "a password is needed")
		}
	}
	if key := t.recipient(); key != "" {
		to, _, err := h.cfg.Desk.Recipient(ctx, key)
		if err != nil {
			return nil, err
		}
		s.to = to
	}
	return s, nil
}

// present finds the transfer of a ticket of this kind.
func (h *Handler) present(ctx context.Context, key string, kind ticketKind) (*seen, error) {
	t, known := openTicket(h.cfg.Ring, key)
	if !known || t.kind != kind {
		return nil, share.NotFound()
	}
	tr, err := h.cfg.Desk.ByKey(ctx, share.Key(t.itemKey()))
	if err != nil {
		return nil, err
	}
	if err := tr.Visible(h.cfg.Now()); err != nil {
		return nil, err
	}
	return h.admitted(ctx, &t, tr)
}

func unknownFile() error { return fault.New(fault.NotFound, "file_unknown", "no such file") }
