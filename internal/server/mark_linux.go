package server

import (
	"syscall"
	"time"
)

// While a fast body comes in, we are not woken for each segment of it: the kernel
// does so when markSize bytes are there (SO_RCVLOWAT). Nobody here knows how many
// will come, so a wait under the mark lasts markWait at most, and then the mark is
// taken off: the end of a fast body is noticed late by so much, and nothing hangs.
const (
	markSize = 256 << 10 // half of what a read may bring, so that the rest can arrive meanwhile
	markWait = 2 * time.Millisecond

	// A sender is fast when fastReads in a row have brought fastRead each.
	fastReads = 16
	fastRead  = 64 << 10
)

// A mark is the least that wakes the reader of a socket.
// Only the reader touches it; lift, which the guard calls, changes nothing in it.
type mark struct {
	raw  syscall.RawConn
	wait time.Duration

	fast  int         // reads in a row that brought fastRead
	on    bool        // the socket may have the mark, so nobody waits without the guard
	armed bool        // the guard was set for this read
	guard *time.Timer // calls lift
}

// brought is told what a read found.
func (m *mark) brought(n int) {
	if m.fast++; n < fastRead {
		m.fast = 0
	}
}

// beforeWait is called each time before the reader sleeps. When a read sleeps more
// than once, the guard goes on from the first time.
func (m *mark) beforeWait(fd int) {
	if m.armed || !m.on && m.fast < fastReads {
		return
	}
	if !m.on && setMark(fd, markSize) != nil {
		m.fast = 0
		return
	}
	m.on, m.armed = true, true
	if m.guard == nil {
		m.guard = time.AfterFunc(m.wait, m.lift)
	} else {
		m.guard.Reset(m.wait)
	}
}

// afterWait is called once for each read, whether it had to sleep or not.
func (m *mark) afterWait() {
	if m.armed && !m.guard.Stop() {
		// It was called, or is being called at this moment. If it comes after the next
		// mark, that one is off without our knowing, which costs some wakings.
		m.on, m.fast = false, 0
	}
	m.armed = false
}

// remove takes the mark off for a reader that is going to wait without the guard.
func (m *mark) remove() {
	if m.on {
		m.lift()
	}
	m.on, m.fast = false, 0
}

// lift takes the mark off the socket, which wakes the reader if anything is there.
func (m *mark) lift() {
	_ = m.raw.Control(func(fd uintptr) { _ = setMark(int(fd), 1) })
}

func setMark(fd, n int) error {
	return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, n)
}
