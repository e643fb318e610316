package deliver

import (
	"context"
	"net/http"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/transfer"
)

// A Counter decides on downloads of a transfer's bytes, and notes what became of
// them: transfer.Desk.
type Counter interface {
	// Begin returns why the bytes must not go out. End must be called for what it
	// gives.
	Begin(context.Context, transfer.Fetch) (*transfer.Download, error)
	End(ctx context.Context, d *transfer.Download, arrived []transfer.Span) error
}

// Counted is Stream for what the counter must let pass first. Counting never makes
// an answer fail whose bytes are gone out: what goes wrong then is told to failed,
// which also hears what Item.Sent would.
//
// What the peer's kernel has acknowledged counts as arrived. Of an answer that broke off
// nobody knows how much its client has read: its last byte never counts. An answer
// without bytes (HEAD, 304) has to be let pass, too, and counts as nothing.
func Counted(
	w http.ResponseWriter, r *http.Request, c Counter, f transfer.Fetch, from blob.Store, src Source, it Item, failed func(error),
) error {
	f.Size = src.Size()
	var size int64
	if status, spans := choose(r, it, f.Size); r.Method != http.MethodHead && status < http.StatusMultipleChoices {
		for _, s := range spans {
			f.Spans = append(f.Spans, transfer.Span(s))
			size += s.N
		}
	}
	d, err := begin(r.Context(), c, f)
	if err != nil {
		return err
	}
	var arrived []transfer.Span
	it.left = d.Left
	it.Sent = func(s Sent) {
		for _, span := range s.Spans {
			arrived = append(arrived, transfer.Span(span))
		}
		var linger time.Duration
		if d.Limited() {
			linger = lingerTime
		}
		if (!s.All && !s.Ended || (linger > 0 || size >= settleFrom) && !settle(r, linger)) && len(arrived) > 0 {
			arrived[len(arrived)-1].N--
		}
		if s.Err != nil {
			failed(s.Err)
		}
	}
	defer func() { // also when the connection is cut, by a panic
		if err := c.End(r.Context(), d, arrived); err != nil {
			failed(err)
		}
	}()
	return Stream(w, r, from, src, it)
}

// begin waits a little for what may become free: a client that broke off and comes again
// at once is often faster than the news of it.
func begin(ctx context.Context, c Counter, f transfer.Fetch) (*transfer.Download, error) {
	for wait := busyFirst; ; wait *= 2 {
		d, err := c.Begin(ctx, f)
		if err == nil || !transfer.Busy(err) || wait > busyLast {
			return d, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(wait):
		}
	}
}

// The waits for an answer of the same client to end: less than two seconds together.
const (
	busyFirst = 50 * time.Millisecond
	busyLast  = 800 * time.Millisecond
)

// Content gives a file's bytes as a Source.
func Content(c blob.Content) Source { return segments(c) }
