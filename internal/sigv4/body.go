package sigv4

import (
	"bytes"
	"io"
	"strings"
)

// Body returns the content that body, the request's own, carries: out of its chunks if it is
// in chunks, and checked against everything that was signed or announced about it. Call it
// once. Where there is nothing to decode or check it is body itself.
//
// Memory is constant, and reads into a large buffer go straight to body. Bytes are given out
// as they come, so what was read counts only once reading has ended well; but the last byte
// of a body of known DecodedLength, and the last one of a signed chunk, is given out only
// if the check of it succeeded. So a caller who stops reading at DecodedLength has
// checked as much as one who reads on to io.EOF; an empty body, too, has to be read once.
// A failed check is an *Error; errors of the connection are passed on as they are.
func (s *Signed) Body(body io.ReadCloser) io.ReadCloser {
	if s.streaming() {
		return &checkedBody{Closer: body, src: newChunkReader(body, s), left: s.DecodedLength, sums: s.sums}
	}
	if len(s.sums) == 0 {
		return body
	}
	return &checkedBody{Closer: body, src: body, left: s.DecodedLength, sums: s.sums}
}

// A checkedBody reads src to its end, and not one byte beyond what was announced.
type checkedBody struct {
	io.Closer
	src  io.Reader
	left int64 // bytes announced and not yet read; -1 if nothing was announced
	sums []*checksum
	err  error // what every further Read returns
}

func (c *checkedBody) Read(p []byte) (int, error) {
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	n := 0
	if c.left != 0 {
		if c.left > 0 {
			p = p[:min(int64(len(p)), c.left)]
		}
		n, c.err = c.src.Read(p)
		for _, sum := range c.sums {
			sum.Write(p[:n])
		}
		if c.left > 0 {
			c.left -= int64(n)
		}
	}
	if c.left == 0 && c.err == nil {
		c.err = c.readEnd()
	}
	if c.err == io.EOF || c.err == io.ErrUnexpectedEOF {
		c.err = c.verify(c.err)
	}
	if c.err != nil && c.err != io.EOF {
		return 0, c.err // the last bytes are not given out: the caller might not look at the error
	}
	return n, c.err
}

// readEnd is called when all bytes have come. It reads what may follow them, which for
// chunks are the last signature and the trailers; anything else is too much.
func (c *checkedBody) readEnd() error {
	var b [1]byte
	for range 100 { // as bufio does: a reader may return nothing, but not forever
		n, err := c.src.Read(b[:])
		if n > 0 {
			return bad("IncompleteBody", "The request body is longer than the number of bytes announced for it")
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// verify is called at the end of src, and answers io.EOF if all is well.
func (c *checkedBody) verify(end error) error {
	if end != io.EOF || c.left > 0 {
		return bad("IncompleteBody", "The request body terminated unexpectedly")
	}
	for _, sum := range c.sums {
		switch {
		case sum.want == nil:
			return malformedTrailer() // announced, and not there
		case bytes.Equal(sum.Sum(nil), sum.want):
		case sum.name == payloadHash:
			return bad("XAmzContentSHA256Mismatch",
				"The provided 'x-amz-content-sha256' header does not match what was computed.")
		default:
			algorithm := strings.ToUpper(strings.TrimPrefix(sum.name, checksumPrefix))
			return bad("BadDigest", "The "+algorithm+" you specified did not match the calculated checksum.")
		}
	}
	return io.EOF
}
