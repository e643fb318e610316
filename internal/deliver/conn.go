package deliver

import (
	"errors"
	"io"
	"net"
)

// Listener gives l with connections to which the bytes of files can be handed past
// net/http. Its ReadFrom, the way to sendfile, takes a buffer of 32 KiB for the case that
// there is no sendfile, and keeps it for as long as the kernel sends: a thousand slow
// peers held a thousand of them for nothing.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return conn{tcp}, nil
	}
	return c, err
}

// A conn is what net/http has for its connection. It is one word, so that a thousand of
// them take nothing.
type conn struct{ *net.TCPConn }

// ReadFrom implements io.ReaderFrom.
func (c conn) ReadFrom(src io.Reader) (int64, error) {
	if n, ok := src.(handed); ok {
		return int64(n), nil
	}
	return c.TCPConn.ReadFrom(src)
}

// handed stands for so many bytes of a body that the connection has already. It is read by
// conn alone, to which net/http passes it on: so that counts them, and finds at the end
// that the body has the length which the header promised.
type handed int64

func (handed) Read([]byte) (int, error) {
	return 0, errors.New("deliver: a writer on the way to the connection reads what went past it")
}
