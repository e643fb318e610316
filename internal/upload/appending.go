package upload

import (
	"context"
	"errors"
	"io"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
)

// An appending is one Append on its way.
type appending struct {
	*Service
	a Append
	f *File
	end

	left    int64  // announced bytes that were not read yet, -1 if not announced
	peeked  []byte // of a body that was not announced: read to see whether there is more
	failed  bool   // the body could not be read to its end
	pending []grown
}

// A grown part has its bytes on stable storage, but no row promises them yet.
type grown struct {
	part  *Part
	old   *Part // what it grew from, nil for a new one
	claim claim
	own   blob.ID // to be removed if the row is refused; "" for none
}

// run reads the body and keeps what comes.
func (ap *appending) run(ctx context.Context) error {
	defer func() {
		for _, g := range ap.pending {
			ap.drop(ctx, g)
		}
	}()
	if ap.number == 0 && (ap.f.fitsRow(1, ap.a.Length) || ap.f.Size == 0) {
		return ap.small(ctx)
	}
	for {
		more, err := ap.more()
		if err == nil && more && ap.rest() == 0 {
			err = tooLarge(ap.most(ap.f))
		}
		if err != nil || !more {
			return ap.finish(ctx, err)
		}
		if err = ap.piece(ctx); err != nil {
			return ap.finish(ctx, err)
		}
		if ap.a.Verify == nil {
			if err := ap.commit(ctx); err != nil {
				return err
			}
		}
	}
}

// small takes all of a file that lies beside its row, or of an empty one.
func (ap *appending) small(ctx context.Context) error {
	p := Put{
		Account: ap.a.Account, File: ap.f.ID, Upload: ap.f.Upload, Number: 1, Length: ap.a.Length,
		Body: &verified{ap.a.Body, ap.a.Verify},
	}
	if ap.f.Size == 0 && p.Length < 0 {
		p.Length = 0
	}
	part, err := ap.put(ctx, p)
	if err != nil {
		return err
	}
	ap.pass(ap.f, part)
	return nil
}

// verified is a body that ends with the error of its check.
type verified struct {
	io.Reader
	verify func() error
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.Reader.Read(p)
	if err == io.EOF && v.verify != nil {
		if verr := v.verify(); verr != nil {
			return n, verr
		}
	}
	return n, err
}

// finish ends the body, cut by this error or whole.
func (ap *appending) finish(ctx context.Context, err error) error {
	if ap.a.Verify == nil {
		return errors.Join(err, ap.commit(ctx))
	}
	if err == nil {
		err = ap.a.Verify()
	}
	if err != nil {
		return err
	}
	return ap.commit(ctx)
}

// rest is how many bytes the file can still take.
func (ap *appending) rest() int64 { return ap.most(ap.f) - ap.offset }

// more tells whether the body has more bytes.
func (ap *appending) more() (bool, error) {
	if ap.left >= 0 {
		return ap.left > 0, nil
	}
	if len(ap.peeked) > 0 {
		return true, nil
	}
	var one [1]byte
	n, err := fill(ap.a.Body, one[:])
	ap.peeked = append(ap.peeked[:0], one[:n]...)
	switch {
	case n > 0 || err == nil:
		return n > 0, nil // an error comes again with the next read
	case err == io.EOF:
		return false, nil
	}
	return false, bodyError(err)
}

// Read reads the body.
func (ap *appending) Read(p []byte) (n int, err error) {
	if len(ap.peeked) > 0 {
		n = copy(p, ap.peeked)
		ap.peeked = ap.peeked[n:]
		return n, nil
	}
	n, err = ap.a.Body.Read(p)
	if ap.left >= 0 {
		ap.left -= int64(n)
		if err == io.EOF && ap.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	ap.failed = err != nil && err != io.EOF
	return n, err
}

// piece takes what goes to one part. What came before an error counts.
func (ap *appending) piece(ctx context.Context) error {
	if err := ap.room(ctx, 0); err != nil {
		return err
	}
	grows := ap.grows()
	n := ap.number
	if !grows {
		n++
	}
	if err := ap.f.checkPart(n); err != nil {
		return err
	}
	c := claim{ap.f.ID, n}
	claimed, spoilt := ap.claimOf(c)
	if !claimed && !spoilt {
		return fault.New(fault.Conflict, "append_busy", "another request sends part %d of this file", n)
	}
	g := grown{claim: c}
	err := ap.pourPiece(ctx, &g, n, grows, spoilt)
	if g.part == nil {
		ap.drop(ctx, g)
		return err
	}
	ap.offset += g.part.Length
	if g.old != nil {
		ap.offset -= g.old.Length
	}
	ap.number, ap.last = n, *g.part
	ap.pending = append(ap.pending, g)
	return err
}

// grows tells whether the next bytes belong to the last part.
func (ap *appending) grows() bool {
	if _, row := ap.last.Blob.RowKey(); row || ap.number == 0 {
		return false
	}
	if ap.number <= ap.f.Planned() {
		return ap.short(ap.f)
	}
	// Without a plan parts lie where they are; those of others are left alone.
	return ap.last.Offset == 0 && ap.last.Length < loosePiece && ap.f.Upload == ""
}

// pourPiece pours bytes of the body behind those of part n, or makes it. It sets the
// part of g if there is something to promise.
func (ap *appending) pourPiece(ctx context.Context, g *grown, n int, grows, spoilt bool) error {
	// The claim is held, so from here on only loose parts can come.
	f, old, err := ap.store.FileAndPart(ctx, ap.f.ID, n)
	if err != nil {
		return err
	}
	if err := f.Accepts(ap.now()); err != nil {
		return err
	}
	ap.f = f
	switch {
	case grows && (old == nil || old.Segment != ap.last.Segment || old.CRC != ap.last.CRC):
		return fault.New(fault.Conflict, "append_busy", "another request has sent part %d of this file anew", n)
	case !grows && old != nil:
		return ap.skip(old)
	}
	span := f.span(n)
	if ap.ragged {
		span = loosePiece
	}
	if f.Count == n && f.Size == Unknown {
		return fault.New(fault.Invalid, "size_unknown", "the size of the file must be said before its last part")
	}

	// Where it goes: behind what it grows from, into its slot, or into a blob of its own.
	at := blob.Segment{Blob: blob.ID(ap.ids.Key())}
	had := int64(0)
	if old != nil {
		had = old.Length
		g.old = old
	}
	anew := spoilt || f.Suspect && old != nil && f.inPlace(old)
	switch {
	case anew: // nobody writes there again
	case old != nil:
		at = old.Segment
	case n <= f.Planned() && !ap.ragged && !f.Suspect:
		at = blob.Segment{Blob: f.Blob(), Offset: int64(n-1) * f.Chunk}
	}
	limit := min(span-had, ap.rest())
	for {
		own := at.Blob != f.Blob() && (old == nil || at.Blob != old.Blob)
		w, err := ap.blobs.Edit(ctx, at.Blob)
		if fault.Is(err, "sync_failed") && !own {
			if at.Blob == f.Blob() {
				if err := ap.suspect(ctx, f); err != nil {
					return err
				}
			}
			at, anew = blob.Segment{Blob: blob.ID(ap.ids.Key())}, true
			continue
		}
		if err != nil {
			return err
		}
		if own {
			g.own = at.Blob
		}
		return ap.pourBehind(ctx, g, w, at, n, limit, anew)
	}
}

// pourBehind pours up to limit bytes of the body to w. Anew, the bytes that the part
// grows from are written first.
func (ap *appending) pourBehind(ctx context.Context, g *grown, w blob.Writer, at blob.Segment, n int, limit int64, anew bool) (err error) {
	defer func() {
		if cerr := w.Close(); cerr != nil && err == nil {
			g.part, err = nil, cerr
		}
	}()
	into := &roomWriter{Writer: w, room: func() error { return ap.room(ctx, 0) }}
	part := &Part{Number: n, Segment: at}
	if g.old != nil {
		part.CRC, part.Length = g.old.CRC, g.old.Length
		if anew {
			if err := ap.copyTo(ctx, into, *g.old); err != nil {
				return err
			}
		}
	}
	behind := at.Offset + part.Length
	k, crc, cut := pourBody(into, behind, limit, io.LimitReader(ap, limit), nil)
	if k == 0 {
		return cut
	}
	if cut != nil && !ap.failed {
		return cut // the disk failed
	}
	if err := w.Sync(context.WithoutCancel(ctx)); err != nil {
		if fault.Is(err, "sync_failed") && at.Blob == ap.f.Blob() {
			err = errors.Join(err, ap.suspect(ctx, ap.f))
		}
		return err
	}
	part.CRC = blob.CombineCRC(part.CRC, crc, k)
	part.Length += k
	g.part = part
	return cut
}

// copyTo writes a part's bytes to the start of w, if they are what its row says.
func (ap *appending) copyTo(ctx context.Context, w io.WriterAt, p Part) error {
	r, err := ap.blobs.Open(ctx, p.Blob)
	if err != nil {
		return err
	}
	defer r.Close()
	n, crc, err := pourBody(w, 0, p.Length, io.NewSectionReader(r, p.Offset, p.Length), nil)
	if err != nil {
		return err
	}
	if n != p.Length || crc != p.CRC {
		return fault.New(fault.Internal, "part_damaged", "part %d is not what its row says", p.Number)
	}
	return nil
}

// skip reads over bytes that the file has: they came by their number while the hole
// before them was open.
func (ap *appending) skip(old *Part) error {
	n, crc, err := pourBody(nowhere{}, 0, old.Length, io.LimitReader(ap, old.Length), nil)
	if n == old.Length && crc != old.CRC {
		return fault.New(fault.Conflict, "bytes_differ", "part %d has been received with other bytes", old.Number)
	}
	ap.pass(ap.f, old)
	return err
}

// commit records what is on stable storage, in its order.
func (ap *appending) commit(ctx context.Context) error {
	for len(ap.pending) > 0 {
		g := ap.pending[0]
		ap.pending = ap.pending[1:]
		if err := ap.recordGrown(ctx, g); err != nil {
			if !refused(err) {
				// The row may yet come: nobody writes there again, and nobody removes it.
				ap.keep(g.claim)
				g.own = ""
			}
			ap.drop(ctx, g)
			return err
		}
		ap.release(g.claim)
		if err := ap.settle(ctx, ap.f); err != nil {
			return err
		}
	}
	return nil
}

// recordGrown commits the row of a part that has grown, if it is still what it grew
// from.
func (ap *appending) recordGrown(ctx context.Context, g grown) error {
	_, err := ap.recordIf(ctx, ap.f, g.part, nil, func(f *File, old *Part) error {
		if (old == nil) != (g.old == nil) || old != nil && (old.Segment != g.old.Segment || old.CRC != g.old.CRC) {
			return fault.New(fault.Conflict, "append_busy", "another request has sent part %d of this file", g.part.Number)
		}
		if _, most := f.lengths(g.part.Number); g.part.Length > most {
			return f.checkLength(g.part.Number, g.part.Length)
		}
		return nil
	})
	return err
}

// drop lets a part go that no row promises.
func (ap *appending) drop(ctx context.Context, g grown) {
	if g.own != "" {
		ap.discard(ctx, g.own)
	}
	ap.release(g.claim)
}

// after finds out where the bytes end now. Others may have filled what comes behind.
func (ap *appending) after(ctx context.Context, err error) error {
	if err == nil && ap.f.State == Open && ap.f.Parts == ap.number {
		return nil // there are no others
	}
	f, offset, err := ap.offsetOf(context.WithoutCancel(ctx), ap.a.Account, ap.a.File)
	if err != nil {
		return err
	}
	ap.f, ap.offset = f, offset
	return nil
}
