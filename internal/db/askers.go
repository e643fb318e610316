package db

import (
	"errors"
	"sync"
)

// Askers run queries on stacks of their own, as many at once as there are connections
// that read. One function of SQLite alone takes 2.4 KiB of stack, below all of those who
// ask, and what a goroutine has got it keeps while it uses a quarter of it: that of each
// connection would hold 16 KiB instead of 8 for as long as the upload or download takes
// that it asked for.
//
// An idle machine pays 6 µs for each query, to wake the other goroutine; a busy one nothing
// that could be measured.
type askers struct {
	asked   chan func()
	quit    chan struct{}
	once    sync.Once // closes quit
	running sync.WaitGroup
}

// errClosed is what a query gets that comes when the database has been closed.
var errClosed = errors.New("the database is closed")

// start lets n queries run at once, until close.
func (a *askers) start(n int) {
	a.asked, a.quit = make(chan func()), make(chan struct{})
	for range n {
		a.running.Go(func() {
			for {
				select {
				case ask := <-a.asked:
					ask()
				case <-a.quit:
					return
				}
			}
		})
	}
}

// do runs ask and gives its error. When ask panics, so does do.
func (a *askers) do(ask func() error) (err error) {
	var panicked any
	done := make(chan struct{})
	select {
	case <-a.quit:
		return errClosed
	case a.asked <- func() {
		defer close(done)
		defer func() { panicked = recover() }()
		err = ask()
	}:
	}
	if <-done; panicked != nil {
		panic(panicked)
	}
	return err
}

// close waits for the queries that run.
func (a *askers) close() {
	if a.quit != nil {
		a.once.Do(func() { close(a.quit) })
		a.running.Wait()
	}
}
