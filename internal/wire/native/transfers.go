package native

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// idLen is the length of an id that is made here: 131 bits.
const idLen = 22

type newFile struct {
	Name string `json:"name"`
	Size *int64 `json:"size"`
	Ref  string `json:"ref"`
}

type newTransfer struct {
	Title        string    `json:"title"`
	Message      string    `json:"message"`
	From         string    `json:"from"`
	To           []string  `json:"to"`
	Password     string    `json:"password"`
	Days         *int      `json:"days"`
	MaxDownloads int       `json:"max_downloads"`
	Name         string    `json:"name"`
	Notify       bool      `json:"notify"`
	Confirm      bool      `json:"confirm"`
	Live         bool      `json:"live"`
	Files        []newFile `json:"files"`
}

type transferBody struct {
	ID           share.ID   `json:"id"`
	State        string     `json:"state"`
	Title        string     `json:"title"`
	Message      string     `json:"message"`
	From         string     `json:"from"`
	Link         string     `json:"link"`
	Name         string     `json:"name"`
	Locked       bool       `json:"locked"`
	Notify       bool       `json:"notify"`
	Live         bool       `json:"live"`
	Days         int        `json:"days"`
	MaxDownloads int        `json:"max_downloads"`
	Downloads    int        `json:"downloads"`
	Size         int64      `json:"size"`
	Files        int        `json:"files"`
	OpenFiles    int        `json:"open_files"`
	Recipients   int        `json:"recipients"`
	CreatedAt    moment     `json:"created_at"`
	ReadyAt      moment     `json:"ready_at"`
	ExpiresAt    moment     `json:"expires_at"`
	Version      int64      `json:"version"`
	Key          string     `json:"key,omitempty"`
	Uploads      []fileBody `json:"uploads,omitempty"`
}

// body makes the object of a transfer for who may fill it. Its key is told by the call
// that makes it alone: whoever has it can write, which an API key to read cannot.
func (h *Handler) body(t *transfer.Transfer) transferBody {
	b := transferBody{
		ID: t.ID, State: h.state(t), Title: t.Name, Message: t.Message, From: t.Sender, Link: h.link(t), Name: t.LinkName(),
		Locked: t.Locked, Notify: t.Notify, Live: t.Live, Days: t.Days, MaxDownloads: t.MaxDownloads, Downloads: t.Downloads, Size: t.Size,
		Files: t.Files, OpenFiles: t.OpenFiles, Recipients: t.Recipients, CreatedAt: moment(t.CreatedAt), ReadyAt: moment(t.ReadyAt),
		Version: t.Version,
	}
	if !t.Permanent() {
		b.ExpiresAt = moment(t.ExpiresAt)
	}
	return b
}

// link is what people are given.
func (h *Handler) link(t *transfer.Transfer) string {
	if t.Code != "" {
		return h.BaseURL() + "/" + t.Code
	}
	return h.BaseURL() + h.Page(t, nil)
}

// state is where a transfer is in its life. The clock decides, not only its row.
func (h *Handler) state(t *transfer.Transfer) string {
	switch code := fault.CodeOf(t.Alive(h.Now())); {
	case code == "transfer_blocked":
		return "blocked"
	case code == "transfer_cancelled":
		return "cancelled"
	case code == "transfer_expired" && t.State < share.Expired:
		return share.Expired.String()
	}
	return t.State.String()
}

// createTransfer makes a transfer with its files. With an Idempotency-Key it has an id
// that is made of it: the same call finds what it has made before, and makes what is
// missing of it, also when the server went down in the middle.
func (h *Handler) createTransfer(c *call) (any, error) {
	var in newTransfer
	if err := c.read(&in, filesLimit); err != nil {
		return nil, err
	}
	ctx := c.ctx()
	if len(in.Files) > h.MaxFiles {
		return nil, fault.New(fault.Invalid, "too_many_files", "a transfer has at most %d files", h.MaxFiles)
	}
	f := transfer.Form{
		ID: share.ID(h.IDs.Text(id.Base62, idLen)), Subject: in.Title, Message: in.Message, Password: account.Secret(in.Password),
		To: in.To, Notify: in.Notify, Confirm: in.Confirm, Days: in.Days, MaxDownloads: in.MaxDownloads, LinkName: in.Name, Source: "ferry",
		Live: in.Live,
	}
	for _, file := range in.Files {
		if file.Size != nil && *file.Size > 0 {
			f.Announced += min(*file.Size, maxInt-f.Announced)
		}
	}
	if err := f.Check(); err != nil {
		return nil, err
	}
	owner, sender, err := h.Senders.Sender(ctx, c.who, in.From)
	if err != nil {
		if c.who.Account == "" { // the answer tells whether an address has an account
			if miss := h.miss(c, share.NotFound()); fault.KindOf(miss) == fault.Throttled {
				return nil, miss
			}
		}
		return nil, err
	}
	f.Sender = sender
	if err := h.Senders.Check(ctx, addresses(in.To, in.From, sender)...); err != nil {
		return nil, err
	}
	again, err := h.again(c, owner.Account)
	if err != nil {
		return nil, err
	}
	if again != "" {
		f.ID = again
	}
	t, err := h.handIn(c, owner, f, again != "")
	if err != nil {
		return nil, err
	}
	files, err := h.announce(c, t, in.Files)
	if err != nil {
		return nil, err
	}
	if t, err = h.Desk.ByKey(ctx, t.Key); err != nil { // it has them now
		return nil, err
	}
	out := h.body(t)
	out.Key, out.Uploads = string(h.Desk.Key(t)), files
	return out, nil
}

const maxInt = 1 << 53

func addresses(to []string, others ...string) []string {
	all := append([]string(nil), to...)
	for _, a := range others {
		if a != "" {
			all = append(all, a)
		}
	}
	return all
}

// guestIdempotency is how long a guest's idempotency key must be at least: whoever knows
// it gets the key of the transfer.
const guestIdempotency = 32

// again gives the id that the call's idempotency key stands for; "" where it has none.
func (h *Handler) again(c *call, owner account.ID) (share.ID, error) {
	key := c.r.Header.Get("Idempotency-Key")
	if len(key) > 255 {
		return "", invalid("Idempotency-Key", "too_long", "must have at most 255 characters")
	}
	if key == "" || c.who.Account == "" && len(key) < guestIdempotency {
		return "", nil
	}
	mac := hmac.New(sha256.New, h.Ring.Key("idempotency key"))
	mac.Write([]byte(owner))
	mac.Write([]byte{0})
	mac.Write([]byte(key))
	return share.ID(hex.EncodeToString(mac.Sum(nil)[:16])), nil
}

// handIn makes the transfer, or finds what the same call has made before.
func (h *Handler) handIn(c *call, owner account.Owner, f transfer.Form, again bool) (*transfer.Transfer, error) {
	ctx := c.ctx()
	find := func() (*transfer.Transfer, error) {
		t, err := h.Desk.Holder(ctx, transfer.Asker{Account: owner.Account}, "", f.ID)
		if err != nil {
			return nil, err
		}
		if t.Name != f.Subject || t.Message != f.Message || t.MaxDownloads != f.MaxDownloads || t.LinkName() != f.LinkName ||
			t.Announced != f.Announced || t.Locked != (f.Password != "") || t.Live != f.Live || f.Days != nil && t.Days != *f.Days {
			return nil, fault.New(fault.Conflict, "idempotency_mismatch", "the idempotency key was used for another transfer")
		}
		return t, nil
	}
	if again {
		if t, err := find(); fault.KindOf(err) != fault.NotFound {
			return t, err
		}
	}
	rules, err := h.Senders.Rules(ctx, owner.Account)
	if err != nil {
		return nil, err
	}
	t, err := h.Desk.HandIn(ctx, owner, f, rules)
	if !fault.Is(err, "id_taken") {
		return t, err
	}
	if again { // by the same call, at the same moment
		if t, err := find(); fault.KindOf(err) != fault.NotFound {
			return t, err
		}
	}
	return nil, fault.Wrap(fault.Conflict, "name_taken", err, "the name of the link is taken")
}

func (h *Handler) listTransfers(c *call) (any, error) {
	cursor, limit, err := c.place()
	if err != nil {
		return nil, err
	}
	p, err := h.Desk.Sent(c.ctx(), []account.ID{c.who.Account}, transfer.Query{
		After: cursor, Limit: limit, Search: c.r.URL.Query().Get("search"), Ended: c.flag("ended"), Unfinished: true,
	})
	if err != nil {
		return nil, err
	}
	out := list[transferBody]{Items: []transferBody{}, Next: p.Next}
	for _, t := range p.Items {
		out.Items = append(out.Items, h.body(t))
	}
	return out, nil
}

// holder finds the transfer of the path for who may fill it.
func (h *Handler) holder(c *call) (*transfer.Transfer, error) {
	t, err := h.Desk.Holder(c.ctx(), c.asker(), c.key, share.ID(c.r.PathValue("transfer")))
	return t, h.miss(c, err)
}

// owned is holder for its owner alone.
func (h *Handler) owned(c *call) (*transfer.Transfer, error) {
	t, err := h.Desk.Get(c.ctx(), c.asker(), share.ID(c.r.PathValue("transfer")))
	return t, h.miss(c, err)
}

func (h *Handler) getTransfer(c *call) (any, error) {
	t, err := h.holder(c)
	if err != nil {
		return nil, err
	}
	return h.body(t), nil
}

// A change of which "password": null takes the password off.
type changeTransfer struct {
	Title        *string  `json:"title"`
	Message      *string  `json:"message"`
	Password     optional `json:"password"`
	Days         *int     `json:"days"`
	MaxDownloads *int     `json:"max_downloads"`
	Notify       *bool    `json:"notify"`
	Version      *int64   `json:"version"`
}

func (h *Handler) changeTransfer(c *call) (any, error) {
	var in changeTransfer
	if err := c.read(&in, bodyLimit); err != nil {
		return nil, err
	}
	ctx := c.ctx()
	rules, err := h.Senders.Rules(ctx, c.who.Account)
	if err != nil {
		return nil, err
	}
	change := transfer.Change{
		Subject: in.Title, Message: in.Message, Days: in.Days, MaxDownloads: in.MaxDownloads, Notify: in.Notify, Version: in.Version,
	}
	if in.Password.set {
		change.Password = new(account.Secret(in.Password.text))
	}
	t, err := h.Desk.Update(ctx, c.asker(), share.ID(c.r.PathValue("transfer")), change, rules)
	if err != nil {
		return nil, h.miss(c, err)
	}
	return h.body(t), nil
}

// deleteTransfer takes a transfer down: its owner at any time, who holds its key while
// it is not complete.
func (h *Handler) deleteTransfer(c *call) (any, error) {
	t, err := h.holder(c)
	if err != nil {
		return nil, err
	}
	if t.Owner.Account == c.who.Account {
		return nil, h.Desk.Delete(c.ctx(), c.asker(), t.ID)
	}
	return nil, h.Desk.Cancel(c.ctx(), t.ID, c.key)
}

func (h *Handler) finalize(c *call) (any, error) {
	t, err := h.holder(c)
	if err != nil {
		return nil, err
	}
	if t, err = h.Desk.Complete(c.ctx(), t.ID, h.Desk.Key(t)); err != nil {
		return nil, err
	}
	return h.body(t), nil
}

func (h *Handler) recoverTransfer(c *call) (any, error) {
	t, err := h.Desk.Recover(c.ctx(), c.asker(), share.ID(c.r.PathValue("transfer")))
	if err != nil {
		return nil, h.miss(c, err)
	}
	return h.body(t), nil
}

type recipientBody struct {
	Address     string `json:"address"`
	Link        string `json:"link"`
	SentAt      moment `json:"sent_at"`
	DeliveredAt moment `json:"delivered_at"`
	Problem     string `json:"problem"`
	Downloads   int    `json:"downloads"`
}

func (h *Handler) listRecipients(c *call) (any, error) {
	t, err := h.owned(c)
	if err != nil {
		return nil, err
	}
	cursor, limit, err := c.place()
	if err != nil {
		return nil, err
	}
	all, err := h.Desk.RecipientsAfter(c.ctx(), t, cursor, limit+1)
	if err != nil {
		return nil, err
	}
	return more(all, limit, func(r *transfer.Recipient) recipientBody {
		return recipientBody{
			r.Address, h.BaseURL() + h.Page(t, r), moment(r.SentAt), moment(r.DeliveredAt), r.Problem, r.Downloads,
		}
	}, func(r *transfer.Recipient) string { return r.Address }), nil
}

func (h *Handler) addRecipients(c *call) (any, error) {
	var in struct {
		To      []string `json:"to"`
		Message string   `json:"message"`
	}
	if err := c.read(&in, bodyLimit); err != nil {
		return nil, err
	}
	ctx := c.ctx()
	t, err := h.holder(c)
	if err != nil {
		return nil, err
	}
	if err := h.Senders.Check(ctx, in.To...); err != nil {
		return nil, err
	}
	rules, err := h.Senders.Rules(ctx, t.Owner.Account)
	if err != nil {
		return nil, err
	}
	n, err := h.Desk.Share(ctx, transfer.Asker{Account: t.Owner.Account}, t.ID, in.To, in.Message, rules)
	if err != nil {
		return nil, err
	}
	return struct {
		Added int `json:"added"`
	}{n}, nil
}

type deliveryBody struct {
	At        moment     `json:"at"`
	File      *upload.ID `json:"file"`
	Name      string     `json:"name"`
	Recipient string     `json:"recipient"`
	Size      int64      `json:"size"`
	IP        string     `json:"ip"`
}

// listDeliveries tells what arrived whole.
func (h *Handler) listDeliveries(c *call) (any, error) {
	t, err := h.owned(c)
	if err != nil {
		return nil, err
	}
	cursor, limit, err := c.place()
	if err != nil {
		return nil, err
	}
	ctx := c.ctx()
	all, err := h.Desk.RecordsAfter(ctx, t, cursor, limit+1)
	if err != nil {
		return nil, err
	}
	out := list[deliveryBody]{Items: []deliveryBody{}}
	about := h.Desk.About()
	for i, r := range all {
		if i == limit {
			out.Next = all[i-1].Key
			break
		}
		if r.WholeAt.IsZero() {
			continue
		}
		b, err := newDeliveryBody(ctx, about, t, r)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, b)
	}
	return out, nil
}

func newDeliveryBody(ctx context.Context, about *transfer.About, t *transfer.Transfer, r *transfer.Record) (deliveryBody, error) {
	b := deliveryBody{At: moment(r.WholeAt), IP: r.Address, Size: t.Size}
	file, to, err := about.Find(ctx, r)
	if file != nil {
		b.File, b.Name, b.Size = &file.ID, file.Name, file.Size
	}
	if to != nil {
		b.Recipient = to.Address
	}
	return b, err
}

// An optional text may be absent, or null.
type optional struct {
	set  bool
	text string
}
