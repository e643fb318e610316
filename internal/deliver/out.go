package deliver

import (
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// A peer that takes nothing for stallTime is cut. Each step of stepSize gets
	// as long, so that a slow peer is one of less than 1 KiB a second, as for
	// uploads. Small steps cost nothing that could be measured.
	stallTime = 5 * time.Minute
	stepSize  = 256 << 10

	// Of bytes that the kernel cannot send for us. 32 KiB, io.Copy's, cost a little
	// more, and 256 KiB no less; but a thousand slow peers hold one each.
	bufferSize = 64 << 10
)

// An out is the body of one answer. Its status and headers go out with its first
// byte and not before: until then a Source can fail and a door can say so.
type out struct {
	w      http.ResponseWriter
	conn   *http.ResponseController
	begin  func()        // writes status and headers
	kernel io.ReaderFrom // nil if there is no sendfile
	past   *net.TCPConn  // that files are handed to, past net/http; may be nil
	sender
	renewed time.Time

	left func(off, n int64) int64 // Item.left

	lead     []byte // goes out before the next byte of the body
	at       int64  // of the item: where the span begins
	body     int64  // bytes of the span that were handed over
	begun    bool
	flushed  bool
	peerGone bool
}

func newOut(w http.ResponseWriter, r *http.Request, s sender, begin func()) *out {
	o := &out{w: w, conn: http.NewResponseController(w), begin: begin, sender: s}
	if r.TLS == nil && r.ProtoMajor == 1 {
		// Not looked for by Unwrap: a writer that hides ReadFrom may change what
		// passes through it.
		o.kernel, _ = w.(io.ReaderFrom)
		o.past = tcpOf(r.Context())
	}
	return o
}

// start makes sure that all that belongs before the next byte is written.
func (o *out) start() error {
	if !o.begun {
		o.begun = true
		o.begin()
	}
	if len(o.lead) == 0 {
		return nil
	}
	lead := o.lead
	o.lead = nil
	_, err := o.write(lead)
	return err
}

// finish writes what is left and learns whether the connection took it.
func (o *out) finish() error {
	if err := o.start(); err != nil {
		return err
	}
	err := o.conn.Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	o.peerGone = err != nil
	return err
}

// Flush lets go out what a source has written that waits for more.
func (o *out) Flush() error {
	o.renew()
	return o.finish()
}

func (o *out) Write(p []byte) (int, error) {
	if err := o.start(); err != nil {
		return 0, err
	}
	return o.writeBody(p)
}

// errEnded is why an answer ends early of which the client fetches the rest otherwise.
var errEnded = errors.New("deliver: the rest is fetched otherwise")

// may tells how many of the next n bytes of the body may go out, and errEnded if they are
// none.
func (o *out) may(n int64) (int64, error) {
	if o.left == nil || n == 0 {
		return n, nil
	}
	if n = o.left(o.at+o.body, n); n > 0 {
		return n, nil
	}
	o.peerGone = true
	return 0, errEnded
}

func (o *out) writeBody(p []byte) (wrote int, err error) {
	for err == nil && len(p) > 0 {
		var may int64
		if may, err = o.may(int64(len(p))); err != nil {
			break
		}
		var n int
		n, err = o.write(p[:may])
		o.body += int64(n)
		wrote += n
		p = p[n:]
	}
	return wrote, err
}

func (o *out) write(p []byte) (int, error) {
	o.renew()
	n, err := o.w.Write(p)
	o.peerGone = err != nil
	return n, err
}

// renew moves the deadline on, if a good part of it has gone: over HTTP/2 each
// change is a message to another goroutine.
func (o *out) renew() {
	now := time.Now()
	if now.Sub(o.renewed) < o.stall/16 {
		return
	}
	o.renewed = now
	// A writer that has no deadline (a recorder in a test) does without.
	_ = o.conn.SetWriteDeadline(now.Add(o.stall))
}

// ReadFrom implements io.ReaderFrom, for io.CopyN from a store's Reader.
func (o *out) ReadFrom(src io.Reader) (int64, error) {
	if err := o.start(); err != nil {
		return 0, err
	}
	if o.kernel == nil {
		return o.copy(src)
	}
	// The kernel is only asked if it sees an *os.File behind one LimitedReader.
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: src, N: math.MaxInt64}
	}
	var sum int64
	for limited.N > 0 {
		o.renew()
		step, err := o.may(min(o.step, limited.N))
		if err != nil {
			return sum, err
		}
		n, err := o.send(&io.LimitedReader{R: limited.R, N: step})
		sum += n
		o.body += n
		limited.N -= n
		if err != nil || n < step {
			return sum, err
		}
	}
	return sum, nil
}

// send has the kernel take what it can of src.
func (o *out) send(src *io.LimitedReader) (int64, error) {
	if _, ok := src.R.(*os.File); !ok || o.past == nil {
		return o.kernel.ReadFrom(src)
	}
	// What was written before has to be on its way, and may still be with net/http.
	if err := o.flush(src.N == o.step); err != nil {
		o.peerGone = true
		return 0, err
	}
	n, err := o.past.ReadFrom(src)
	if _, lost := o.kernel.ReadFrom(handed(n)); err == nil {
		err = lost
	}
	return n, err
}

// flush has net/http write what it holds. The first time that is the head of the answer,
// which it makes on a stack of 3 KiB (chunkWriter.writeHeader): before a long body on
// another goroutine's, because ours would be twice as large from then on, for as long as
// the peer takes.
func (o *out) flush(long bool) error {
	first := !o.flushed
	if o.flushed = true; !first || !long {
		return o.conn.Flush()
	}
	flushed := make(chan error)
	go func() { flushed <- o.conn.Flush() }()
	return <-flushed
}

// copy is ReadFrom where bytes must pass through us, to be encrypted or framed.
func (o *out) copy(src io.Reader) (int64, error) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	var sum int64
	for {
		n, err := io.ReadFull(src, buf[:])
		if n > 0 {
			wrote, err := o.writeBody(buf[:n])
			sum += int64(wrote)
			if err != nil {
				return sum, err
			}
		}
		switch {
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			return sum, nil
		case err != nil:
			return sum, err
		}
	}
}

// buffers are of no one: nothing outlives the copy that took one.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}
