package server

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// never is longer than a test may take: what waits for it hangs.
const never = time.Hour

// markedPair is aheadPair with a reader that sets the mark at its next wait.
func markedPair(t *testing.T, wait time.Duration) (ours *aheadConn, theirs *net.TCPConn) {
	ours, theirs = aheadPair(t)
	ours.mark.fast, ours.mark.wait = fastReads, wait
	return ours, theirs
}

type readResult struct {
	n   int
	err error
}

// read is c.Read, in a goroutine.
func read(c net.Conn) <-chan readResult {
	got := make(chan readResult, 1)
	go func() {
		n, err := c.Read(make([]byte, 2*aheadSize))
		got <- readResult{n, err}
	}()
	return got
}

// atLeast is SO_RCVLOWAT, where 0 is 1.
func atLeast(t *testing.T, c *aheadConn) (n int) {
	t.Helper()
	err := c.raw.Control(func(fd uintptr) { n, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWaitingCostsNoBuffer(t *testing.T) {
	ours, theirs := markedPair(t, never)
	got := read(ours)
	until(func() bool { return atLeast(t, ours) == markSize })
	if lent := aheadMost - ours.buffers.free.Load(); lent != 0 {
		t.Errorf("%d buffers are lent while a reader waits", lent)
	}
	theirs.Close()
	<-got
}

func TestWithoutBufferItReadsAsEver(t *testing.T) {
	ours, theirs := markedPair(t, never)
	// The mark is on from an earlier read, whose deadline came.
	got := read(ours)
	until(func() bool { return atLeast(t, ours) == markSize })
	if err := ours.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if r := <-got; !errors.Is(r.err, os.ErrDeadlineExceeded) {
		t.Fatalf("Read past its deadline: %d, %v", r.n, r.err)
	}
	_ = ours.SetReadDeadline(time.Time{})
	for ours.buffers.get() != nil {
	}
	write(t, theirs, 1)
	if n, err := ours.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("Read: %d, %v", n, err)
	}
	if n := atLeast(t, ours); n != 1 {
		t.Errorf("the mark is at %d for a reader without the guard", n)
	}
}

func TestMark(t *testing.T) {
	for _, tt := range []struct {
		name string
		wait time.Duration
		do   func(t *testing.T, ours *aheadConn, theirs *net.TCPConn)
		want int
		err  error
	}{
		{"wakes the reader when it is reached", never, func(t *testing.T, ours *aheadConn, theirs *net.TCPConn) {
			write(t, theirs, 1)
			until(func() bool { return arrived(t, ours) == 1 })
			write(t, theirs, markSize-1)
		}, markSize, nil},
		{"is lifted when too little comes", time.Millisecond, func(t *testing.T, _ *aheadConn, theirs *net.TCPConn) {
			write(t, theirs, 1)
		}, 1, nil},
		{"is lifted before anything comes", time.Millisecond, func(t *testing.T, ours *aheadConn, theirs *net.TCPConn) {
			until(func() bool { return atLeast(t, ours) <= 1 })
			write(t, theirs, 1)
		}, 1, nil},
		{"does not outlast the sender", never, func(_ *testing.T, _ *aheadConn, theirs *net.TCPConn) {
			theirs.Close()
		}, 0, io.EOF},
		{"keeps back nothing that came before the end", never, func(t *testing.T, _ *aheadConn, theirs *net.TCPConn) {
			write(t, theirs, 7)
			theirs.Close()
		}, 7, nil},
		{"does not outlast the connection", never, func(_ *testing.T, _ *aheadConn, theirs *net.TCPConn) {
			_ = theirs.SetLinger(0)
			theirs.Close()
		}, 0, syscall.ECONNRESET},
		{"does not outlast a deadline", never, func(t *testing.T, ours *aheadConn, theirs *net.TCPConn) {
			write(t, theirs, 7)
			_ = ours.SetReadDeadline(time.Unix(1, 0))
		}, 0, os.ErrDeadlineExceeded},
		{"does not outlast Close", never, func(_ *testing.T, ours *aheadConn, _ *net.TCPConn) {
			ours.Close()
		}, 0, net.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := markedPair(t, tt.wait)
			got := read(ours)
			if tt.wait == never {
				until(func() bool { return atLeast(t, ours) == markSize })
			}
			tt.do(t, ours, theirs)
			if r := <-got; r.n != tt.want || !errors.Is(r.err, tt.err) {
				t.Errorf("Read: %d, %v, want %d, %v", r.n, r.err, tt.want, tt.err)
			}
			if !ours.mark.on { // it is when the byte came before the mark, which then waits for more
				until(func() bool { return atLeast(t, ours) <= 1 })
			}
		})
	}
}

func TestMarkIsForFastSenders(t *testing.T) {
	ours, theirs := aheadPair(t)
	buf := make([]byte, aheadSize)
	for i, tt := range []struct{ size, fast int }{
		{fastRead, 1}, {fastRead, 2}, {fastRead - 1, 0}, {fastRead, 1},
	} {
		write(t, theirs, tt.size)
		until(func() bool { return arrived(t, ours) == tt.size })
		if n, err := ours.Read(buf); n != tt.size || err != nil {
			t.Fatalf("Read: %d, %v, want %d", n, err, tt.size)
		}
		if ours.mark.fast != tt.fast {
			t.Errorf("read %d: %d fast reads in a row, want %d", i, ours.mark.fast, tt.fast)
		}
	}
	if ours.mark.on {
		t.Error("the mark is on")
	}
}
