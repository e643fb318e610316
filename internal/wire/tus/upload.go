package tus

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// Media types of bytes that follow on others.
const (
	appendType  = "application/offset+octet-stream" // tus, PATCH and creation with upload
	partialType = "application/partial-upload"      // the draft's PATCH
)

// Planned lengths of parts: long ones, so that few are synced and recorded, but no more
// than a file may have.
const (
	leastChunk = 16 << 20
	mostParts  = 10_000
)

func chunkOf(size int64) int64 {
	if size == upload.Unknown {
		return 0
	}
	chunk := int64(leastChunk)
	if least := (size + mostParts - 1) / mostParts; least > chunk {
		chunk = (least + 1<<20 - 1) &^ (1<<20 - 1)
	}
	return chunk
}

// switchingStatus tells a client of the draft where its upload can be resumed, before
// its body has been read (Upload Resumption Supported).
const resumptionSupported = 104

// create begins a file, and takes what of it comes along. A POST that speaks neither
// protocol brings the whole file: so any HTTP client uploads by one request.
func (h *Handler) create(r *request) error {
	if list, ok := strings.CutPrefix(r.Header.Get(uploadConcat), "final;"); ok && r.tus {
		return h.concat(r, list)
	}
	l, err := r.lengths(true)
	if err != nil {
		return err
	}
	if h.MaxSize > 0 && l.size > h.MaxSize {
		return fault.New(fault.TooLarge, "transfer_too_large", "a file has at most %d bytes", h.MaxSize)
	}
	sum, err := r.checksum()
	if err != nil {
		return err
	}
	draft := transfer.DraftFile{Ident: madeHere, Size: l.size, Chunk: chunkOf(l.size)}
	if r.tus && r.Header.Get(uploadConcat) == "partial" {
		draft.Ident, draft.Chunk = madePartial, 0 // its parts become another's, so none lies in a planned place
	}
	f, err := h.begin(r, draft)
	if err != nil {
		return err
	}
	header := r.w.Header()
	header.Set("Location", h.BaseURL()+Prefix+"/"+string(f.ID))
	if v := r.Header.Get(interopVersion); v != "" && l.resumable {
		header.Set(interopVersion, interop(v))
		r.w.WriteHeader(resumptionSupported)
	}
	offset := int64(0)
	if l.body || f.Size == 0 {
		taken, now, err := h.take(r, f, 0, l, sum)
		cut := fault.Is(err, "incomplete_body") // the client may know by now where it goes on
		if err != nil && (!l.resumable || fault.KindOf(err) == fault.Invalid && !cut) {
			// Nobody will go on with it, so nothing was begun.
			return errors.Join(err, h.Shares.Delete(context.WithoutCancel(r.Context()), f.Home.Owner, f.Home.ID))
		}
		if taken != nil {
			f, offset = taken, now // after another error the client goes on from there, and hears of it then
		}
	}
	h.tell(r, f, offset)
	r.w.WriteHeader(http.StatusCreated)
	if !r.tus && f.State == upload.Complete {
		_, _ = io.WriteString(r.w, header.Get(linkHeader)+"\n")
	}
	return nil
}

// begin makes a transfer of one file.
func (h *Handler) begin(r *request, draft transfer.DraftFile) (f *upload.File, err error) {
	if draft.Name, err = r.name(); err != nil {
		return nil, err
	}
	draft.ID = upload.ID(h.IDs.Text(id.Base62, 22))
	shape := h.IDs.Text(id.Hex, 32) + h.Now().UTC().Format("20060102150405")
	t, files, err := h.Transfers.Create(r.Context(), r.actor, transfer.Draft{
		ID: share.ID(shape), Code: "t-" + h.IDs.Text(id.Base62, 10), Hash: h.IDs.Text(id.Hex, 6), Sealed: true,
		Files: []transfer.DraftFile{draft},
	})
	if err != nil {
		return nil, err
	}
	f = files[0]
	f.Home = &t.Share
	return f, nil
}

// append takes bytes that follow on those a file has.
func (h *Handler) append(r *request) error {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.tus && media != appendType {
		return fault.New(fault.Invalid, codeMediaType, "the content type must be %s", appendType)
	}
	offset, err := r.number(uploadOffset)
	if err != nil {
		return err
	}
	if offset == nil {
		return fault.New(fault.Invalid, "offset_missing", "the header %s is missing", uploadOffset)
	}
	l, err := r.lengths(false)
	if err != nil {
		return err
	}
	if l.final && r.ContentLength >= 0 && l.size == upload.Unknown {
		l.size = *offset + r.ContentLength
	}
	sum, err := r.checksum()
	if err != nil {
		return err
	}
	f, err := h.own(r)
	if err != nil {
		return err
	}
	if f.Ident == madeFinal {
		return fault.New(fault.Forbidden, "upload_final", "a file that is made of others takes no bytes") // tus, Concatenation
	}
	f, now, err := h.take(r, f, *offset, l, sum)
	if err != nil {
		return err
	}
	h.tell(r, f, now)
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

// take has the body follow on the file's bytes, and completes the file with its last.
func (h *Handler) take(r *request, f *upload.File, offset int64, l lengths, sum *sum) (*upload.File, int64, error) {
	body := &stoppable{Reader: wire.Paced(r.w, r.Request), conn: http.NewResponseController(r.w), spoilt: func() { r.w.Header().Set("Connection", "close") }}
	a := upload.Append{
		Account: f.Home.Owner.Account, File: f.ID, Offset: offset, Length: r.ContentLength, Size: l.size, Body: body, Stop: body.stop,
	}
	if sum != nil {
		a.Body, a.Verify = io.TeeReader(body, sum), sum.verify
	}
	// A client that is gone is seen by its body. The context is of no use here: who stops
	// the body with its last byte cancels it.
	f, now, err := h.Uploads.Append(context.WithoutCancel(r.Context()), a)
	if err != nil {
		// Only the end of the body did not come. What was refused for its bytes, such as for
		// more than the file has, completes nothing.
		if body.broke && f != nil && now > offset && now == f.Size {
			_, ferr := h.finish(r.Context(), f)
			err = errors.Join(err, ferr)
		}
		return f, now, err
	}
	switch {
	case now == f.Size || l.final && f.Size == upload.Unknown:
		f, err = h.finish(r.Context(), f)
	case l.final:
		err = fault.New(fault.Invalid, "length_inconsistent", "the file was announced with %d bytes", f.Size)
	}
	return f, now, err
}

// finish completes a file whose bytes are all there, and opens it. It may be called again:
// a crash may come before it, and in the middle of it.
func (h *Handler) finish(ctx context.Context, f *upload.File) (_ *upload.File, err error) {
	ctx = context.WithoutCancel(ctx)
	if f.State == upload.Open && f.Upload == "" { // of an S3 upload: its sender completes it by that
		if f, err = h.Uploads.Complete(ctx, f.ID, upload.CompleteOptions{}); err != nil {
			return f, err
		}
	}
	return f, h.open(ctx, f)
}

// open has people get a file that is complete, and was begun here. It may be called
// again: a crash may come between the two.
func (h *Handler) open(ctx context.Context, f *upload.File) error {
	if !made(f) || f.State != upload.Complete || f.Home.State == share.Ready {
		return nil
	}
	t, err := h.Transfers.Finalize(context.WithoutCancel(ctx), account.Actor{Owner: f.Home.Owner}, f.Home.ID)
	if err != nil {
		return err
	}
	f.Home = &t.Share
	return nil
}

// stoppable is a body that somebody else may end.
type stoppable struct {
	io.Reader
	conn interface{ SetReadDeadline(time.Time) error }

	// spoilt is called when the connection must not be used again: the server watches it
	// from the body's last byte on, and a deadline that passes then cancels the contexts of
	// this request and of all that come after it.
	spoilt func()

	mu      sync.Mutex // held while the deadline is set, so that none outlives its Read
	reading bool
	stopped bool
	broke   bool // it could not be read to its end
}

var errStopped = fault.New(fault.Conflict, "append_busy", "another request goes on with the file")

func (s *stoppable) Read(p []byte) (int, error) {
	if !s.begins() {
		return 0, errStopped
	}
	n, err := s.Reader.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = false
	s.broke = err != nil && err != io.EOF
	switch {
	case s.stopped && err == io.EOF: // too late
		s.spoilt()
		_ = s.conn.SetReadDeadline(time.Time{})
	case s.stopped && err != nil:
		err = errStopped
	}
	return n, err
}

func (s *stoppable) begins() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading, s.broke = !s.stopped, s.stopped
	return s.reading
}

// stop is called until the Read that waits has returned: see upload.Append. When none
// does, the deadline is left alone: the connection may belong to the client's next
// request already, whose context the server would cancel.
func (s *stoppable) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.reading {
		_ = s.conn.SetReadDeadline(time.Unix(1, 0))
	}
}
