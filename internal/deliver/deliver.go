// Package deliver is the one way out for the bytes of users: a file or an archive
// as the answer to a GET or HEAD, whole or by ranges, on conditions or without.
//
// It owns what HTTP says about such an answer (RFC 9110: conditions, ranges,
// entity tags; the headers that keep a user's bytes from acting in our origin)
// and how the bytes reach the socket: by sendfile where there can be one, without
// a deadline in all but never waiting for ever, and never short without the
// client noticing. It leaves to the doors who may have the bytes, to counters what
// it means that they were sent, and to its Source where they come from. Start at
// File.
package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
)

// An Item says what is known of the bytes of an answer.
type Item struct {
	Name     string    // under which it is saved, as its sender gave it
	ETag     string    // strong, in quotes; may be empty
	Modified time.Time // may be zero
	Type     string    // media type; if empty, application/octet-stream, which no browser runs

	// Sent, if not nil, is called once for each answer that began to carry
	// bytes, after the last of them, also when it broke off.
	Sent func(Sent)

	// left, if not nil, is asked before each step how many of n bytes from off may
	// still go out; at the first that may not the answer is broken off.
	left func(off, n int64) int64
}

// Sent is what became of an answer.
type Sent struct {
	Spans []Span // what was handed to the connection, in the order it was asked for
	All   bool   // whether that is all that was asked for
	Ended bool   // it is not, because the client fetches the rest otherwise
	Err   error  // why it is not, if that was not the client's doing: for the log
}

// A Span is a run of an item's bytes.
type Span struct{ Off, N int64 }

// A Source is bytes of a known size that can be written from anywhere, such as an
// archive.Zip. WriteRange copies runs of blobs by io.CopyN, as blob.Copy does, so that
// w's ReadFrom sees the store's own Reader.
type Source interface {
	Size() int64
	WriteRange(ctx context.Context, w io.Writer, from blob.Store, off, n int64) error
}

// File answers r, a GET or HEAD, with content. If it returns an error, nothing of
// an answer was written and no header set: the door says what happened in its own
// words. Once bytes are on their way, a failure closes the connection, by a panic
// with http.ErrAbortHandler: no client may take half a file for a whole one.
//
// For sendfile, w must be the server's own writer or pass ReadFrom on to it.
func File(w http.ResponseWriter, r *http.Request, from blob.Store, content blob.Content, it Item) error {
	return Stream(w, r, from, segments(content), it)
}

// Stream is File for any Source.
//
// Both have the same code, of our own, and not http.ServeContent: that takes one
// ReadSeeker, and a file of several segments or an archive behind an adapter of
// that type is copied and not sent by the kernel. Bare files go out as fast here
// as there (BenchmarkFile).
func Stream(w http.ResponseWriter, r *http.Request, from blob.Store, src Source, it Item) error {
	return sender{stall: stallTime, step: stepSize}.send(w, r, from, src, it)
}

type segments blob.Content

func (s segments) Size() int64 { return blob.Content(s).Size() }

func (s segments) WriteRange(ctx context.Context, w io.Writer, from blob.Store, off, n int64) error {
	_, err := blob.Copy(ctx, w, from, blob.Content(s), off, n)
	return err
}

// A sender is how patiently bytes are sent.
type sender struct {
	stall time.Duration // a peer that takes nothing for so long is cut
	step  int64         // how many bytes are sent on one deadline
}

func (s sender) send(w http.ResponseWriter, r *http.Request, from blob.Store, src Source, it Item) error {
	a := answerTo(r, it, src.Size())
	o := newOut(w, r, s, func() {
		a.head(w.Header(), it)
		w.WriteHeader(a.status)
	})
	o.left = it.left
	if r.Method == http.MethodHead || len(a.spans) == 0 {
		return o.start()
	}
	sent, err := a.write(r.Context(), o, from, src)
	if errors.Is(err, errEnded) {
		sent.Ended = o.finish() == nil // what it has is on its way before the connection is cut
	}
	if err != nil && !o.begun {
		return err
	}
	if err != nil && !o.peerGone && !isPeerGone(r, err) && !isOver(err) && !errors.Is(err, errEnded) {
		sent.Err = err
	}
	count(r.Context(), sent)
	if it.Sent != nil {
		it.Sent(sent)
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// write writes all spans of a. What was sent of them is told with an error too.
func (a *answer) write(ctx context.Context, o *out, from blob.Store, src Source) (sent Sent, err error) {
	for i, want := range a.spans {
		o.lead, o.at, o.body = a.frames[i], want.Off, 0
		err := src.WriteRange(ctx, o, from, want.Off, want.N)
		if o.body > 0 {
			sent.Spans = append(sent.Spans, Span{want.Off, o.body})
		}
		if err != nil {
			return sent, err
		}
		if o.body != want.N {
			return sent, fmt.Errorf("deliver: the source wrote %d bytes of %d", o.body, want.N)
		}
	}
	o.lead = a.trailer
	if err := o.finish(); err != nil {
		return sent, err
	}
	sent.All = true
	return sent, nil
}

// isOver reports whether the source has ended because its sender took it down, or sent no
// more: that is no failure of ours.
func isOver(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.Gone || kind == fault.Timeout
}

// isPeerGone reports whether err is of the client's connection and not of our
// store: the kernel has one error for both ends of a sendfile.
func isPeerGone(r *http.Request, err error) bool {
	for _, gone := range []error{
		syscall.EPIPE, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ETIMEDOUT,
		os.ErrDeadlineExceeded, net.ErrClosed, context.Canceled,
	} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return r.Context().Err() != nil
}
