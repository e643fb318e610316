package deliver

import (
	"context"
	"net/http"

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
// What the connection took counts as arrived. An answer without bytes (HEAD, 304)
// has to be let pass, too, and counts as nothing.
func Counted(
	w http.ResponseWriter, r *http.Request, c Counter, f transfer.Fetch, from blob.Store, src Source, it Item, failed func(error),
) error {
	f.Size = src.Size()
	if a := answerTo(r, it, f.Size); r.Method == http.MethodHead || a.status >= http.StatusMultipleChoices {
		f.Size = max(f.Size, 1) // not even an empty file is fetched by this
	}
	d, err := c.Begin(r.Context(), f)
	if err != nil {
		return err
	}
	var arrived []transfer.Span
	it.Sent = func(s Sent) {
		for _, span := range s.Spans {
			arrived = append(arrived, transfer.Span(span))
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

// Content gives a file's bytes as a Source.
func Content(c blob.Content) Source { return segments(c) }
