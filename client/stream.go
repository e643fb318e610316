package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// A stream is kept in memory part by part: one is under way, and one is being read.
const (
	streamPart  = 8 << 20
	streamParts = 2
)

// streams tells whether something is sent that cannot be read again.
func (u *uploading) streams() bool {
	return slices.ContainsFunc(u.sources, func(s Source) bool { return s.Stream != nil })
}

// takeBack cancels a transfer that will never be whole, as far as the server can be
// reached. It does so by the transfer's key alone: that lets nobody take down one which
// is complete, as it may be without our having heard of it.
func (u *uploading) takeBack(ctx context.Context, t *Transfer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	h := http.Header{"Ferry-Transfer-Key": {t.Key}}
	_ = u.c.doOnce(ctx, call{method: "DELETE", path: root + "/transfers/" + url.PathEscape(t.ID), header: h})
}

// A read part is what came of a stream at once, and why no more did: io.EOF at its end.
type readPart struct {
	b   []byte
	err error
}

// readParts reads a stream into the buffers that are free, until ctx ends or the stream.
func readParts(ctx context.Context, r io.Reader, free <-chan []byte, parts chan<- readPart) {
	for {
		var p readPart
		select {
		case p.b = <-free:
		case <-ctx.Done():
			return
		}
		// Not io.ReadFull: what ends in an io.ErrUnexpectedEOF of its own is not whole.
		n := 0
		for n < len(p.b) && p.err == nil {
			var k int
			k, p.err = r.Read(p.b[n:])
			n += k
		}
		p.b = p.b[:n]
		select {
		case parts <- p:
		case <-ctx.Done():
			return
		}
		if p.err != nil {
			return
		}
	}
}

// stream sends a file while it is read, and compares it with what the server has then.
func (u *uploading) stream(ctx context.Context, i int) error {
	f := u.files[i]
	if f.State != "open" || f.Received > 0 {
		return errors.New("what was begun by another call cannot be gone on with")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	free, parts := make(chan []byte, streamParts), make(chan readPart)
	for range streamParts {
		free <- make([]byte, streamPart)
	}
	go readParts(ctx, u.sources[i].Stream, free, parts) // ends with ctx, or when its Read returns
	sum, at := crc32.NewIEEE(), int64(0)
	for {
		var p readPart
		select {
		case p = <-parts:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if p.err != nil && p.err != io.EOF {
			return p.err
		}
		last := p.err == io.EOF
		cut, err := u.appendPart(ctx, f.ID, at, p.b, last)
		if err != nil {
			return err
		}
		_, _ = sum.Write(p.b)
		at += int64(len(p.b))
		u.arrived(i, int64(len(p.b)), last)
		if last {
			break
		}
		if cut {
			p.b = make([]byte, streamPart) // a request that was cut may still look at the old one
		}
		free <- p.b[:streamPart]
	}
	now, err := u.c.GetFile(ctx, f.ID, u.key)
	if err != nil {
		return err
	}
	if now.State != "complete" || now.Size == nil || *now.Size != at || now.CRC32 != fmt.Sprintf("%08x", sum.Sum32()) {
		return errors.New("the server has other bytes than were sent")
	}
	return nil
}

// appendPart sends one part of a stream. What was cut may have arrived, so the server is
// asked before anything is sent again.
func (u *uploading) appendPart(ctx context.Context, file string, start int64, b []byte, last bool) (cut bool, err error) {
	end, size := start+int64(len(b)), int64(-1)
	if last {
		size = end
	}
	tried := false
	err = u.c.again(ctx, u, func(ctx context.Context) error {
		from := start
		if cut = tried; cut {
			at, complete, err := u.c.offsetOnce(ctx, u.key, file)
			switch {
			case err != nil:
				return err
			case at < start || at > end:
				return errors.New("somebody else sends the same file")
			case at == end && complete == last:
				return nil
			}
			from = at
		}
		tried = true
		rest := b[from-start:]
		err := u.c.Append(ctx, u.key, file, from, io.NewSectionReader(bytes.NewReader(rest), 0, int64(len(rest))), size)
		if e, ok := errors.AsType[*Error](err); ok && cut && e.Status == http.StatusConflict {
			// The request that was cut reached the server after it was asked: the bytes end
			// elsewhere now.
			return &Error{Status: http.StatusLocked, Title: e.Title, Code: e.Code, Wait: e.Wait}
		}
		return err
	})
	return cut, err
}
