package client

import (
	"context"
	"iter"
	"sync"
)

// inParallel does what seq gives, n at a time, until one fails or ctx ends; it waits for
// all of them.
func inParallel[T any](ctx context.Context, n int, seq iter.Seq[T], do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan T)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for t := range work {
				if err := do(ctx, t); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for t := range seq {
		select {
		case work <- t:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	all.Wait()
	return context.Cause(ctx)
}
