package blob

import (
	"context"

	"github.com/ferry-server/ferry/internal/fault"
)

// CodeHeld is the code of a removal that has to wait: Unavailable.
const CodeHeld = "blobs_held"

// WithHold gives a Store that is s, and removes nothing while held says so: a backup
// copies what its rows promise.
//
// It is asked right before each removal, after the row that promised the blob has
// gone. So a backup that first lays its hold and then takes its rows finds every blob
// that they promise: whoever takes back a promise later than that sees the hold.
func WithHold(s Store, held func(context.Context) (bool, error)) Store { return withHold{s, held} }

type withHold struct {
	Store
	held func(context.Context) (bool, error)
}

func (s withHold) Remove(ctx context.Context, id ID) error {
	held, err := s.held(ctx)
	if err != nil {
		return err
	}
	if held {
		return fault.New(fault.Unavailable, CodeHeld, "no blob is removed while a backup runs")
	}
	return s.Store.Remove(ctx, id)
}
