package sim

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// pool is where all bytes come from that clients send.
var pool = func() []byte {
	b := make([]byte, 1<<20)
	_, _ = seeded{rand.New(rand.NewPCG(1, 1))}.Read(b) // it never fails
	return b
}()

func (w *world) bytes(n int64) []byte {
	at := w.rand.Int64N(int64(len(pool)) - n)
	return pool[at : at+n]
}

// errLost is what a client learns whose connection broke before the answer came.
var errLost = fmt.Errorf("the connection broke")

// ask sends a request to the node that is there, and brings its answer: calls on the
// core as a door makes them. Right is run when the node has answered, at that moment;
// whether the client learns of it is another question.
func (w *world) ask(t *task, request func(ctx context.Context, n *node) error) error {
	n := w.node
	t.node, t.asked = n, time.Now()
	defer func() { t.node = nil }()
	err := request(context.WithValue(context.Background(), taskKey{}, t), n)
	if _, crash := w.held("answer"); crash != nil {
		err = crash
	} else if !w.calm && w.one(60) {
		err = errLost
	}
	w.says("%s: %s", t.name, outcome(err))
	return err
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	if code := fault.CodeOf(err); code != "" {
		return code
	}
	return err.Error()
}

// unsure tells that nobody can know from this answer what was done.
func unsure(err error) bool {
	switch fault.KindOf(err) {
	case fault.Internal, fault.Unavailable, fault.Full:
		return err != nil && !fault.Is(err, "quota_exceeded")
	}
	return false
}

// A body is what a client sends, as the network brings it: in pieces, and perhaps cut.
type body struct {
	w    *world
	rest []byte
	cut  int // this many bytes before the end the connection breaks; 0: it does not
}

func (b *body) Read(p []byte) (int, error) {
	if _, err := b.w.held("body"); err != nil {
		return 0, err
	}
	left := len(b.rest) - b.cut
	if left == 0 {
		if b.cut > 0 {
			return 0, io.ErrUnexpectedEOF
		}
		return 0, io.EOF
	}
	n := min(left, len(p))
	if b.w.one(2) {
		n = 1 + b.w.rand.IntN(n)
	}
	copy(p, b.rest[:n])
	b.rest = b.rest[n:]
	return n, nil
}

// client does one thing after another, until enough was done.
func (w *world) client(t *task, enough int) {
	for w.ops < enough {
		w.ops++
		w.act(t)
		w.park("think")
	}
}

var accounts = []account.ID{"ann", "bob"}

// act does one thing.
func (w *world) act(t *task) {
	x := w.book.any(func(x *sent) bool { return !x.over })
	if x == nil || w.one(12) && len(w.book.all) < 14 {
		w.create(t)
		return
	}
	f := x.anyFile()
	switch k := w.rand.IntN(100); {
	case f == nil && k < 70:
		w.create(t)
	case k < 58:
		w.sendPart(t, x, f)
	case k < 70:
		w.complete(t, x, f)
	case k < 78:
		w.finalize(t, x)
	case k < 92:
		w.download(t, x)
	case k < 94:
		w.peek(t, x)
	case k < 96:
		w.remove(t, x)
	case x.desk == nil:
		w.download(t, x)
	case k < 97:
		w.deskCall(t, x, "cancel", func(ctx context.Context, n *node) error { return n.desk.Cancel(ctx, x.id, x.key) })
	case k < 98:
		w.deskCall(t, x, "recover", func(ctx context.Context, n *node) error {
			_, err := n.desk.Recover(ctx, x.asker(), x.id)
			return err
		})
	case k < 99:
		w.deskCall(t, x, "force", func(ctx context.Context, n *node) error {
			_, err := n.desk.ForceComplete(ctx, x.asker(), x.id)
			return err
		})
	default:
		w.deleteFile(t, x, f)
	}
}

// create makes a transfer of one of the two kinds, and plans its files.
func (w *world) create(t *task) {
	x := &sent{
		w: w, owner: accounts[w.rand.IntN(len(accounts))], id: share.ID(w.ids.Text(id.Lower, 16)),
		code: "t-" + w.ids.Text(id.Base62, 10),
	}
	if w.one(2) {
		x.desk = &sending{track: "", days: []int{1, 3, 7, transfer.Forever}[w.rand.IntN(4)]}
	}
	for range 1 + w.rand.IntN(3) {
		x.files = append(x.files, w.planFile(x))
	}
	w.book.all = append(w.book.all, x)
	w.says("%s creates %s for %s", t.name, x.name(), x.owner)
	x.create.begin(w)
	err := w.ask(t, func(ctx context.Context, n *node) error {
		if x.desk != nil {
			return x.handIn(ctx, n)
		}
		return x.createSealed(ctx, n)
	})
	x.create.end(w, err)
	x.over = err != nil && (!unsure(err) && err != errLost || x.desk != nil && x.key == "")
}

func (x *sent) handIn(ctx context.Context, n *node) error {
	form := transfer.Form{ID: x.id, Sender: "ann@example.com", Days: &x.desk.days, Notify: true, Confirm: x.w.one(2)}
	form.To = []string{"carl@example.com", "dora@example.com"}[x.w.rand.IntN(3)%2:]
	if x.w.one(3) {
		form.MaxDownloads = 1 + x.w.rand.IntN(3)
	}
	got, err := n.desk.HandIn(ctx, account.Owner{Account: x.owner}, form, transfer.Rules{
		MaxSize: 300_000, MaxRecipients: 10, DefaultDays: 7, Forever: true,
	})
	if err == nil {
		x.learn(n, got)
	}
	return err
}

// learn notes what the answer to a creation tells.
func (x *sent) learn(n *node, t *transfer.Transfer) {
	x.key, x.desk.track = n.desk.Key(t), t.Track
}

func (x *sent) createSealed(ctx context.Context, n *node) error {
	d := transfer.Draft{ID: x.id, Code: x.code, Sealed: true}
	for _, f := range x.files {
		d.Files = append(d.Files, transfer.DraftFile{ID: f.id, Name: f.ident, Size: f.size(), Chunk: f.chunk, Upload: f.upload})
	}
	_, _, err := n.transfers.Create(ctx, account.Actor{Owner: account.Owner{Account: x.owner}}, d)
	return err
}

// planFile decides how a file is to be sent: small ones, empty ones, planned ones,
// and those whose client cuts them its own way.
func (w *world) planFile(x *sent) *file {
	f := &file{x: x, id: upload.ID(w.ids.Text(id.Lower, 20)), ident: w.ids.Text(id.Lower, 8), whole: map[upload.Key][]byte{}}
	if x.desk == nil {
		f.upload = w.ids.Text(id.Lower, 12)
	}
	several := func(n int, chunk int64) {
		f.chunk = chunk
		for range n - 1 {
			f.cuts = append(f.cuts, chunk)
		}
		f.cuts = append(f.cuts, 1+w.rand.Int64N(chunk))
	}
	switch k := w.rand.IntN(10); {
	case k == 0:
		f.chunk, f.cuts = 5000, []int64{0}
	case k < 3: // beside its row
		f.chunk, f.cuts = upload.SmallMost, []int64{1 + w.rand.Int64N(4000)}
	case k == 3: // one part in place
		f.chunk, f.cuts = 80_000, []int64{upload.SmallMost + 1 + w.rand.Int64N(20_000)}
		f.unknown = x.desk != nil && w.one(2)
	case k == 4 && x.desk == nil: // its own cuts; they must not be fewer than planned
		f.chunk = 9000
		for range 3 + w.rand.IntN(4) {
			f.cuts = append(f.cuts, 1000+w.rand.Int64N(5000))
		}
	case k == 5 && x.desk == nil: // nothing is known before
		f.unknown = true
		for range 1 + w.rand.IntN(4) {
			f.cuts = append(f.cuts, 1+w.rand.Int64N(6000))
		}
	default:
		several(2+w.rand.IntN(4), 1000+w.rand.Int64N(6000))
		f.unknown = x.desk != nil && w.one(3)
	}
	f.data = w.bytes(f.length())
	f.sums = x.desk != nil && len(f.cuts) > 1 && w.one(4)
	f.parts = make([][]*attempt, len(f.cuts))
	return f
}

// sendPart sends one part, perhaps not as it should be, and perhaps twice at once.
func (w *world) sendPart(t *task, x *sent, f *file) {
	var open []int
	for i := range f.cuts {
		if !f.acked(i) {
			open = append(open, i)
		}
	}
	i := w.rand.IntN(len(f.cuts))
	if len(open) > 0 && !w.one(6) {
		i = open[w.rand.IntN(len(open))]
	}
	if w.one(10) {
		// Once more, by a client that believes the first one lost.
		w.asClient("again", func(t *task) { w.sendAs(t, x, f, f.cuts, i, w.manner(f)) })
	}
	w.sendAs(t, x, f, f.cuts, i, w.manner(f))
}

// A manner is how a part is sent.
type manner struct {
	other   bool // other bytes than the last time
	damaged bool // by the network
	digest  bool // and its sender says what it is
	silent  bool // of its length
	cut     bool
	long    bool // more than was planned
}

func (w *world) manner(f *file) manner {
	m := manner{digest: w.one(3), silent: w.one(5), cut: w.one(9), long: w.one(40)}
	m.other = !f.sums && w.one(8)
	m.long = m.long && !f.sums && !f.unknown // else it would be what the file is
	m.damaged = w.one(12)
	m.digest = m.digest || m.damaged && f.sums
	return m
}

func (w *world) sendAs(t *task, x *sent, f *file, cuts []int64, i int, m manner) {
	meant := f.part(i)
	if m.other {
		meant = w.bytes(cuts[i])
	}
	if m.long {
		meant = append(bytes.Clone(meant), 'x')
	}
	arrives := meant
	if m.damaged && len(meant) > 0 {
		arrives = bytes.Clone(meant)
		arrives[w.rand.IntN(len(arrives))] ^= 1 << w.rand.IntN(8)
	}
	p := upload.Put{
		Account: x.owner, File: f.id, Upload: f.upload, Number: i + 1, Length: int64(len(meant)), Again: x.desk != nil,
	}
	if m.silent && !(f.x.desk != nil && len(cuts) == 1) {
		p.Length = -1
	}
	if m.digest {
		sum := md5.Sum(meant)
		p.WantMD5 = sum[:]
	}
	b := &body{w: w, rest: arrives}
	p.Body = b
	if m.cut && len(arrives) > 0 {
		b.cut = 1 + w.rand.IntN(len(arrives))
	}
	a := f.begin(i, arrives, m)
	w.says("%s sends part %d of %s: %d bytes %+v", t.name, i+1, f.name(), len(arrives), m)
	a.end(w, w.ask(t, func(ctx context.Context, n *node) error {
		if x.desk == nil {
			_, err := n.uploads.Put(ctx, p)
			a.answered(err, true)
			return err
		}
		form := transfer.FileForm{
			ID: upload.ID(w.ids.Text(id.Lower, 20)), Name: f.ident, Ident: f.ident, Count: len(cuts), Chunk: f.chunk, Size: f.size(),
		}
		if f.sums {
			form.MD5 = new([md5.Size]byte)
			*form.MD5 = md5.Sum(f.data)
		}
		_, err := n.desk.Receive(ctx, x.id, x.key, form, p)
		a.answered(err, w.book.tookEffect(f, i, arrives))
		return err
	}))
}

// complete completes a file of a sealed transfer; those of others complete themselves.
func (w *world) complete(t *task, x *sent, f *file) {
	if x.desk != nil {
		w.sendPart(t, x, f)
		return
	}
	w.says("%s completes %s", t.name, f.name())
	f.complete.begin(w)
	f.complete.end(w, w.ask(t, func(ctx context.Context, n *node) error {
		_, err := n.transfers.CompleteFile(ctx, account.Actor{Owner: account.Owner{Account: x.owner}}, x.id, f.id)
		return err
	}))
}

// finalize opens a transfer for download.
func (w *world) finalize(t *task, x *sent) {
	w.says("%s finalizes %s", t.name, x.name())
	x.finalize.begin(w)
	x.finalize.end(w, w.ask(t, func(ctx context.Context, n *node) error {
		if x.desk != nil {
			_, err := n.desk.Complete(ctx, x.id, x.key)
			return err
		}
		_, err := n.transfers.Finalize(ctx, account.Actor{Owner: account.Owner{Account: x.owner}}, x.id)
		return err
	}))
}

func (w *world) remove(t *task, x *sent) {
	w.says("%s deletes %s", t.name, x.name())
	x.remove.begin(w)
	err := w.ask(t, func(ctx context.Context, n *node) error {
		if x.desk != nil {
			return n.desk.Delete(ctx, x.asker(), x.id)
		}
		return n.shares.Delete(ctx, account.Owner{Account: x.owner}, x.id)
	})
	x.remove.end(w, err)
}

// deskCall does what may end a transfer, or bring it back.
func (w *world) deskCall(t *task, x *sent, what string, call func(context.Context, *node) error) {
	w.says("%s asks for %s of %s", t.name, what, x.name())
	e := map[string]*event{"cancel": &x.cancel, "recover": &x.recover, "force": &x.force}[what]
	e.begin(w)
	e.end(w, w.ask(t, call))
}

func (w *world) deleteFile(t *task, x *sent, f *file) {
	stored := w.book.stored(f)
	if stored == nil {
		return
	}
	w.says("%s deletes %s", t.name, f.name())
	f.remove.begin(w)
	f.remove.end(w, w.ask(t, func(ctx context.Context, n *node) error {
		return n.desk.DeleteFile(ctx, x.asker(), stored.ID)
	}))
}

// peek is a stranger who wants what is not theirs.
func (w *world) peek(t *task, x *sent) {
	err := w.ask(t, func(ctx context.Context, n *node) error {
		if x.desk != nil {
			_, err := n.desk.WithKey(ctx, x.id, "00000000-0000-0000-0000-000000000000")
			return err
		}
		_, err := n.transfers.Get(ctx, account.Actor{Owner: account.Owner{Account: "eve"}}, x.id)
		return err
	})
	if !unsure(err) && !fault.Is(err, "transfer_unknown") {
		w.bad("a stranger asks for %s and is told %s", x.name(), outcome(err))
	}
}

// download fetches a whole transfer by its link.
func (w *world) download(t *task, x *sent) {
	w.says("%s fetches %s", t.name, x.name())
	tried := x.finalize.tries+x.force.tries > 0
	_ = w.ask(t, func(ctx context.Context, n *node) error {
		home, got, to, err := x.byLink(ctx, n)
		if err != nil {
			return err
		}
		if !tried && x.finalize.tries+x.force.tries == 0 {
			w.bad("%s can be fetched, and nobody has finalized it", x.name())
		}
		var files []*upload.File
		if err := n.uploads.Files(ctx, home, func(f *upload.File) error {
			files = append(files, f)
			return nil
		}); err != nil {
			return err
		}
		for _, f := range files {
			if f.State != upload.Complete {
				if home.Sealed {
					w.bad("%s can be fetched with a file that is not complete", x.name())
				}
				continue
			}
			if err := w.fetch(ctx, n, x, f, got, to); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *sent) byLink(ctx context.Context, n *node) (*share.Share, *transfer.Transfer, *transfer.Recipient, error) {
	if x.desk != nil {
		t, to, err := n.desk.ByTrack(ctx, x.desk.track)
		if err != nil {
			return nil, nil, nil, err
		}
		return &t.Share, t, to, nil
	}
	home, err := n.shares.ByCode(ctx, x.code)
	return home, nil, nil, err
}

// fetch reads one file, or the beginning of it.
func (w *world) fetch(ctx context.Context, n *node, x *sent, f *upload.File, t *transfer.Transfer, to *transfer.Recipient) error {
	c, err := n.uploads.Content(ctx, f)
	if err != nil {
		return err
	}
	size := f.Size
	if w.one(4) {
		size = w.rand.Int64N(size + 1)
	}
	var dl *transfer.Download
	if t != nil {
		dl, err = n.desk.Begin(ctx, transfer.Fetch{
			Transfer: t, Recipient: to, File: f, Size: f.Size, Spans: []transfer.Span{{Off: 0, N: size}},
			Holder: fmt.Sprint("holder", w.rand.IntN(3)), Address: "192.0.2.7",
		})
		if err != nil {
			return err
		}
	}
	var out bytes.Buffer
	_, err = blob.Copy(ctx, &out, n.blobs, c, 0, size)
	if err == nil {
		w.book.seen(x, f, out.Bytes())
	} else if fault.Is(err, "blob_missing") && w.book.alive(f.Home.Key, f.Key) {
		w.bad("%s promises bytes of file %s that are not there", x.name(), f.Name)
	}
	if dl != nil {
		if eerr := n.desk.End(ctx, dl, []transfer.Span{{Off: 0, N: int64(out.Len())}}); err == nil {
			err = eerr
		}
	}
	return err
}

// passTime lets time go by: mostly a little, sometimes much, but never so much that
// a request lasts longer than its upload URL lives. That is what the sweep of orphans
// relies on.
func (w *world) passTime() {
	switch {
	case w.one(250):
		d := min(time.Duration(1+w.rand.IntN(30))*time.Hour, time.Until(w.oldest().Add(orphanAge-time.Hour)))
		if d > 0 {
			w.says("%v pass", d)
			time.Sleep(d)
		}
	case w.one(3):
		time.Sleep(time.Duration(w.rand.IntN(150)) * time.Millisecond)
	}
}

// oldest gives when the request was made that has been under way for the longest time.
func (w *world) oldest() time.Time {
	first := time.Now()
	for _, t := range w.tasks {
		if t.node != nil && !t.asked.IsZero() && t.asked.Before(first) {
			first = t.asked
		}
	}
	return first
}

func anyOf[T any](r *rand.Rand, all []T) (none T) {
	if len(all) == 0 {
		return none
	}
	return all[r.IntN(len(all))]
}

func filter[T any](all []T, is func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !is(v) })
}
