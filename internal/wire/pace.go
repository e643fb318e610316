package wire

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// CodeTooSlow is the code of the Timeout that a paced body ends with.
const CodeTooSlow = "too_slow"

// A body of any size may take any time, but not stand still: 1 KiB a second,
// looked at over a minute.
const (
	paceWindow = time.Minute
	paceBytes  = 60 << 10
	paceStep   = 5 * time.Second
)

// Paced gives the body of r as a reader that fails with a Timeout when the client
// sends less than 60 KiB in a minute. There is no limit for the whole.
//
// A Read is one Read of the body with the caller's own buffer, so a large buffer
// goes past net/http's small one straight to the socket. Time that the caller
// spends between two Reads is not the client's. After an error the connection is
// not used again; the answer still goes out.
func Paced(w http.ResponseWriter, r *http.Request) io.Reader {
	return &paced{body: r.Body, conn: http.NewResponseController(w)}
}

// Whole is Paced for who reads to the end and takes no part of a body: what fails is
// CodeIncomplete, unless it says better.
func Whole(w http.ResponseWriter, r *http.Request) io.Reader { return whole{Paced(w, r)} }

type whole struct{ io.Reader }

func (b whole) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if _, known := errors.AsType[*fault.Error](err); err == nil || err == io.EOF || known {
		return n, err
	}
	return n, fault.Wrap(fault.Invalid, CodeIncomplete, err, "the body is incomplete")
}

// A deadliner is what a pace needs of http.ResponseController.
type deadliner interface {
	SetReadDeadline(time.Time) error
}

type paced struct {
	body io.Reader
	conn deadliner

	started  bool
	deadline time.Time     // as the socket has it
	window   time.Time     // when the present window began
	got      int           // bytes of the present window
	returned time.Time     // when the last Read returned
	ours     time.Duration // what the caller took since the deadline was set
}

// Read is called some thousand times for each GiB, so it moves the deadline only
// in steps: the socket's is a step later than the rule, which makes up for it.
func (p *paced) Read(b []byte) (int, error) {
	// The socket's deadline is real time, whatever clock the rest runs by.
	now := time.Now()
	switch {
	case !p.started:
		p.started = true
		if err := p.renew(now); err != nil {
			return 0, err
		}
	default:
		if p.ours += now.Sub(p.returned); p.ours >= paceStep {
			if err := p.extend(); err != nil {
				return 0, err
			}
		}
	}
	n, err := p.body.Read(b)
	p.returned = time.Now()
	p.got += n
	switch {
	case err == io.EOF:
		// Else it would fire while the handler works, and cancel its context.
		if err := p.set(time.Time{}); err != nil {
			return n, err
		}
		return n, io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, fault.Wrap(fault.Timeout, CodeTooSlow, err, "the body arrives too slowly")
	case err != nil:
		return n, err
	case p.got >= paceBytes && p.returned.Sub(p.window) >= paceStep:
		return n, p.renew(p.returned)
	}
	return n, nil
}

// renew begins a window.
func (p *paced) renew(now time.Time) error {
	p.window, p.got, p.ours, p.returned = now, 0, 0, now
	return p.set(now.Add(paceWindow + paceStep))
}

// extend gives the present window the time back that the caller took of it.
func (p *paced) extend() error {
	p.window = p.window.Add(p.ours)
	deadline := p.deadline.Add(p.ours)
	p.ours = 0
	return p.set(deadline)
}

func (p *paced) set(deadline time.Time) error {
	p.deadline = deadline
	// A writer that has no deadlines (a recorder in a test) reads without.
	if err := p.conn.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fault.Wrap(fault.Internal, "", err, "")
	}
	return nil
}

// PacedOut gives w as a writer for an answer that is longer than what the system
// takes at once. A Write fails when the client has not taken it within a minute, so
// that none holds an answer for ever; pieces should be small. After an error the
// connection is not used again.
func PacedOut(w http.ResponseWriter) io.Writer {
	return &pacedOut{w, http.NewResponseController(w), paceWindow}
}

type pacedOut struct {
	w      io.Writer
	conn   *http.ResponseController
	within time.Duration
}

func (p *pacedOut) Write(b []byte) (int, error) {
	// A writer that has no deadlines (a recorder in a test) writes without.
	err := p.conn.SetWriteDeadline(time.Now().Add(p.within))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.w.Write(b)
}
