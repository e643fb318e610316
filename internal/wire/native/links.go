package native

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/deliver"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// A visit is what somebody has the link of.
type visit struct {
	t    *transfer.Transfer
	to   *transfer.Recipient // whose own link it is; nil: the common one
	name string              // of the link, in the path
}

// visit finds what the link of the path opens: a tracked link, a transfer's id, the
// sender's own name, or a short code.
func (h *Handler) visit(c *call) (*visit, error) {
	ctx, name := c.ctx(), c.r.PathValue("link")
	v := &visit{name: name}
	if err := h.Misses.Check(ctx); err != nil {
		return nil, err // short codes could be guessed
	}
	var err error
	for _, find := range []func() error{
		func() (err error) { v.t, v.to, err = h.Desk.ByTrack(ctx, name); return err },
		func() (err error) {
			if v.t, err = h.Desk.ByID(ctx, share.ID(name)); err == nil && v.t.Track == "" {
				err = share.NotFound() // of WeTransfer's API, where the id alone opens nothing
			}
			return err
		},
		func() (err error) { v.t, err = h.Desk.ByName(ctx, name); return err },
		func() (err error) { v.t, err = h.Desk.ByCode(ctx, name); return err },
	} {
		if err = find(); fault.KindOf(err) != fault.NotFound {
			break
		}
	}
	if err = h.miss(c, err); err != nil {
		return nil, err
	}
	if v.t.Owner.Account != account.Installation && h.Admits != nil {
		if err := h.Admits(ctx, v.t.Owner.Account); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (h *Handler) address(c *call) string {
	if a := wire.ClientAddr(c.ctx()); a.IsValid() {
		return a.String()
	}
	return ""
}

func (h *Handler) pass(c *call) account.Secret {
	return account.Secret(c.r.Header.Get("Ferry-Link-Pass"))
}

type linkBody struct {
	Link      string         `json:"link"`
	Title     string         `json:"title"`
	Message   string         `json:"message"`
	From      string         `json:"from"`
	Locked    bool           `json:"locked"`
	Size      int64          `json:"size"`
	Files     []linkFileBody `json:"files"`
	Next      string         `json:"next,omitempty"`
	Zip       string         `json:"zip_url,omitempty"`
	ZipSize   int64          `json:"zip_size,omitempty"`
	ExpiresAt moment         `json:"expires_at"`
	Left      *int           `json:"downloads_left"`
}

type linkFileBody struct {
	ID    upload.ID `json:"id"`
	Name  string    `json:"name"`
	Size  int64     `json:"size"`
	CRC32 string    `json:"crc32,omitempty"` // not known of what is coming in
	URL   string    `json:"url"`

	Arriving bool `json:"arriving,omitempty"`
}

func (h *Handler) getLink(c *call) (any, error) {
	v, err := h.visit(c)
	if err != nil {
		return nil, err
	}
	cursor, limit, err := c.place()
	if err != nil {
		return nil, err
	}
	t, root := v.t, h.BaseURL()+Prefix+"/links/"+url.PathEscape(v.name)
	b := linkBody{Link: h.link(t), Files: []linkFileBody{}, Locked: !h.Desk.Unlocked(t, h.pass(c))}
	if v.to != nil {
		b.Link = h.BaseURL() + h.Page(t, v.to)
	}
	if !t.Permanent() {
		b.ExpiresAt = moment(t.ExpiresAt)
	}
	if transfer.ViewOf(t, nil, transfer.Reader{Link: v.to}).Sender {
		b.From = t.Sender
	}
	if b.Locked {
		return b, nil
	}
	b.Title, b.Message = t.Name, t.Message
	if t.MaxDownloads > 0 {
		b.Left = new(max(0, t.MaxDownloads-t.Claimed))
	}
	p, err := h.Parcels.Pack(c.ctx(), &t.Share)
	if err != nil {
		return nil, err
	}
	b.Size = p.Size
	if _, err := p.Zip(); err == nil {
		b.Zip, b.ZipSize = root+"/zip", p.ZipSize()
	}
	start := 0
	if cursor != "" {
		start = 1 + slices.IndexFunc(p.Files, func(f archive.Item) bool { return string(f.ID) == cursor })
		if start == 0 {
			return nil, badCursor()
		}
	}
	for i, f := range p.Files[start:] {
		if i == limit {
			b.Next = string(p.Files[start+i-1].ID)
			break
		}
		file := linkFileBody{ID: f.ID, Name: f.Name, Size: f.Size, URL: root + "/files/" + url.PathEscape(string(f.ID)), Arriving: f.Arriving}
		if !f.Arriving {
			file.CRC32 = fmt.Sprintf("%08x", f.CRC32)
		}
		b.Files = append(b.Files, file)
	}
	return b, nil
}

func (h *Handler) unlock(c *call) (any, error) {
	var in struct {
		Password string `json:"password"`
	}
	if err := c.read(&in, bodyLimit); err != nil {
		return nil, err
	}
	v, err := h.visit(c)
	if err != nil {
		return nil, err
	}
	pass, err := h.Desk.Unlock(c.ctx(), v.t, account.Secret(in.Password), h.address(c))
	if err != nil {
		return nil, err
	}
	return struct {
		Pass string `json:"pass"`
	}{string(pass)}, nil
}

// fetch says to the desk who wants bytes: one client is told from another by its
// address and the link.
func (h *Handler) fetch(c *call, v *visit) transfer.Fetch {
	f := transfer.Fetch{
		Transfer: v.t, Recipient: v.to, Address: h.address(c), Agent: c.r.UserAgent(), Pass: h.pass(c), Live: true,
	}
	f.Holder = f.Address + " "
	if v.to != nil {
		f.Holder += string(v.to.Key)
	}
	return f
}

func (h *Handler) fetchFile(c *call) (any, error) {
	v, err := h.visit(c)
	if err != nil {
		return nil, err
	}
	ctx := c.ctx()
	file, err := h.Uploads.File(ctx, v.t.Owner.Account, upload.ID(c.r.PathValue("file")))
	if err != nil {
		return nil, h.miss(c, err)
	}
	f := h.fetch(c, v)
	it := deliver.Item{Name: file.Name, ETag: file.ETag(), Modified: file.CompletedAt}
	if f.File = file; file.Home.Key == v.t.Key && file.Live() {
		return h.deliver(c, f, h.Uploads.Live(file), it)
	}
	if file.Home.Key != v.t.Key || file.State != upload.Complete {
		_, err := h.Desk.Begin(ctx, f) // says why not
		return nil, err
	}
	content, err := h.Uploads.Content(ctx, file)
	if err != nil {
		return nil, err
	}
	return h.deliver(c, f, deliver.Content(content), it)
}

func (h *Handler) fetchZip(c *call) (any, error) {
	v, err := h.visit(c)
	if err != nil {
		return nil, err
	}
	p, err := h.Parcels.Pack(c.ctx(), &v.t.Share)
	if err != nil {
		return nil, err
	}
	chosen := c.r.URL.Query()["file"]
	zip, err := p.Chosen(chosen)
	if err != nil {
		return nil, err
	}
	f := h.fetch(c, v)
	if len(chosen) > 0 {
		f.Chosen = zip.ETag()
	}
	return h.deliver(c, f, zip, deliver.Item{Name: p.Name, ETag: zip.ETag(), Type: "application/zip"})
}

func (h *Handler) deliver(c *call, f transfer.Fetch, src deliver.Source, it deliver.Item) (any, error) {
	ctx := c.ctx()
	c.w.Header().Del("Cache-Control") // what was fetched may be gone on with
	err := deliver.Counted(c.w, c.r, h.Desk, f, h.Blobs, src, it, func(err error) {
		if ctx.Err() == nil {
			h.Log.ErrorContext(ctx, "download broke off", "door", "native", "request", wire.RequestID(ctx), "err", err)
		}
	})
	if fault.Is(err, "blob_missing") {
		err = fault.Wrap(fault.Internal, "content_lost", err, "")
	}
	return answered, err
}
