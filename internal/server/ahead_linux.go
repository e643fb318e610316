package server

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// crypto/tls reads a record or two at a time, of 16 KiB, and each read of a socket
// costs beside its bytes a system call and often a segment that tells the sender
// of the room. So below TLS we read ahead, as much as there is.
const (
	// aheadSize is what one read may bring. While that is decrypted and written, the
	// next arrives. With 256 KiB the reads stay small, and 1 MiB is hardly better.
	aheadSize = 512 << 10

	// aheadMost buffers are lent at once; who finds none free reads as ever. A
	// connection has one only while it holds bytes that have arrived, never while it
	// waits, so slow and idle ones cost nothing.
	aheadMost = 16

	// aheadFrom is what a read must bring for the next one to be read ahead: less is
	// a handshake, a small request, or a slow sender.
	aheadFrom = 16 << 10
)

// readAhead gives l with connections that read ahead.
func readAhead(l net.Listener) net.Listener {
	return &aheadListener{Listener: l, buffers: newAheadBuffers(aheadMost)}
}

type aheadListener struct {
	net.Listener
	buffers *aheadBuffers
}

func (l *aheadListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	sock, ok := conn.(syscall.Conn)
	if !ok {
		return conn, nil
	}
	raw, err := sock.SyscallConn()
	if err != nil { // it is closed already, as its reader will learn
		return conn, nil
	}
	return &aheadConn{Conn: conn, raw: raw, buffers: l.buffers, mark: mark{raw: raw, wait: markWait}}, nil
}

// aheadBuffers lends a bounded number of buffers.
type aheadBuffers struct {
	pool sync.Pool
	free atomic.Int64
}

func newAheadBuffers(n int64) *aheadBuffers {
	b := &aheadBuffers{pool: sync.Pool{New: func() any { return new([aheadSize]byte) }}}
	b.free.Store(n)
	return b
}

// get gives nil when all are lent.
func (b *aheadBuffers) get() *[aheadSize]byte {
	if b.free.Add(-1) < 0 {
		b.free.Add(1)
		return nil
	}
	return b.pool.Get().(*[aheadSize]byte)
}

func (b *aheadBuffers) put(buf *[aheadSize]byte) {
	b.pool.Put(buf)
	b.free.Add(1)
}

// An aheadConn is a socket whose Read finds what an earlier one has brought.
type aheadConn struct {
	net.Conn
	raw     syscall.RawConn
	buffers *aheadBuffers

	mu   sync.Mutex       // held by Read, also while it waits
	buf  *[aheadSize]byte // nil while rest is empty
	rest []byte           // of buf: arrived, and not read by anybody yet
	got  int              // what the last read of the socket brought
	mark mark
}

func (c *aheadConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rest) == 0 {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	if len(c.rest) == 0 {
		c.mark.remove()
		n, err := c.Conn.Read(b)
		c.got = n
		return n, err
	}
	n := copy(b, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		c.giveBack()
	}
	return n, nil
}

// fill brings what there is, waiting for it if need be, without a buffer. It leaves
// that to the caller when reading ahead is of no use, or no buffer is free.
func (c *aheadConn) fill() error {
	if c.got < aheadFrom {
		return nil
	}
	var n int
	var readErr error
	err := c.raw.Read(func(fd uintptr) (done bool) {
		if c.buf = c.buffers.get(); c.buf == nil {
			return true
		}
		for {
			n, readErr = syscall.Read(int(fd), c.buf[:])
			if readErr != syscall.EINTR {
				break
			}
		}
		if readErr != syscall.EAGAIN {
			return true
		}
		c.giveBack()
		c.mark.beforeWait(int(fd))
		return false
	})
	c.mark.afterWait()
	switch {
	case err != nil: // the deadline has passed, or the connection was closed
		return err
	case c.buf == nil:
		return nil
	case readErr != nil:
		c.giveBack()
		return &net.OpError{
			Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(),
			Err: os.NewSyscallError("read", readErr),
		}
	case n == 0:
		c.giveBack()
		return io.EOF
	}
	c.got, c.rest = n, c.buf[:n]
	c.mark.brought(n)
	return nil
}

// NetConn gives the socket, as tls.Conn's does.
func (c *aheadConn) NetConn() net.Conn { return c.Conn }

func (c *aheadConn) giveBack() {
	if c.buf != nil {
		c.buffers.put(c.buf)
		c.buf, c.rest = nil, nil
	}
}

// Close unblocks a Read before it takes away what the next would have found.
func (c *aheadConn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.giveBack()
	return err
}
