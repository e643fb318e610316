// Package batch lets callers that wait at the same moment share one costly act:
// an fdatasync, a commit.
//
// It owns the waiting line and nothing of the act. There is no goroutine of its
// own and no select: the first caller to find nobody at work leads, the others
// sleep on one channel each, and when the leader is done it wakes them and hands
// the lead to the first of those who came meanwhile. So a simulation that
// releases one goroutine at a time decides every order.
package batch

import (
	"fmt"
	"sync"
)

// A Group joins callers of Do. Make one with New.
type Group[T any] struct {
	act  func([]T) error
	most int
	park func()

	mu   sync.Mutex
	line []*call[T]
	busy bool
}

type call[T any] struct {
	item T
	wake chan bool // true: lead now; false: done, see err
	err  error
}

// New makes a Group whose act is run on the items of everyone waiting, at most
// most of them at once, never by two goroutines at the same time. Act's error
// goes to each of them. Park, if not nil, is called by every caller that slept,
// after it was woken and before it goes on: a simulation holds it there.
func New[T any](most int, act func([]T) error, park func()) *Group[T] {
	if park == nil {
		park = func() {}
	}
	return &Group[T]{act: act, most: max(most, 1), park: park}
}

// Do gives item to an act that starts after this call did, and returns that
// act's error once it is over.
func (g *Group[T]) Do(item T) error {
	c := &call[T]{item: item, wake: make(chan bool, 1)}
	g.mu.Lock()
	g.line = append(g.line, c)
	lead := !g.busy
	g.busy = true
	g.mu.Unlock()
	if !lead {
		lead = <-c.wake
		g.park()
		if !lead {
			return c.err
		}
	}
	g.lead()
	return c.err
}

// lead runs one act. The caller is the first of the line, so its own item is in it.
func (g *Group[T]) lead() {
	g.mu.Lock()
	n := min(len(g.line), g.most)
	mine := g.line[:n:n]
	g.line = g.line[n:]
	g.mu.Unlock()

	items := make([]T, n)
	for i, c := range mine {
		items[i] = c.item
	}
	err := fmt.Errorf("the shared act did not end") // what the others learn if act panics
	defer func() {
		for i, c := range mine {
			c.err = err
			if i > 0 {
				c.wake <- false
			}
		}
		g.mu.Lock()
		if len(g.line) > 0 {
			g.line[0].wake <- true
		} else {
			g.busy = false
			g.line = nil // lets the backing array go
		}
		g.mu.Unlock()
	}()
	err = g.act(items)
}
