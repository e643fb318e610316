package sigv4

import (
	"bufio"
	"crypto/sha256"
	"hash"
	"io"
	"strconv"
	"strings"
)

// Limits of the framing. A chunk's head is at most 16 digits, ";chunk-signature=", 64 digits
// and a line end; the trailers we know are two short lines, and minio-go adds an empty one.
const (
	maxLine  = 512
	maxLines = 8
)

// A chunkReader decodes a body in aws-chunked encoding ("Transferring Payload in Multiple
// Chunks", "Including Trailing Headers"):
//
//	SIZE[;chunk-signature=HEX] CRLF DATA CRLF … 0[;chunk-signature=HEX] CRLF [TRAILERS] CRLF
//
// It returns io.EOF when the source is at its end and every signature was right.
type chunkReader struct {
	src   *bufio.Reader
	begun bool  // some chunk has been seen
	left  int64 // bytes to come of the current chunk

	signer   *signer   // nil if chunks are not signed
	previous string    // signature before the current one
	current  string    // signature of the current chunk
	sum      hash.Hash // of the current chunk

	signedTrailers bool
	trailer        *checksum // whose value the trailers give, or nil
}

func newChunkReader(body io.Reader, s *Signed) *chunkReader {
	// The buffer is for the heads of chunks: bufio reads data into a larger p directly.
	c := &chunkReader{src: bufio.NewReaderSize(body, maxLine), trailer: s.trailer}
	if s.Payload != StreamingUnsignedTrailer {
		c.signer, c.previous, c.sum = s.signer, s.signature, sha256.New()
	}
	c.signedTrailers = s.Payload == StreamingPayloadTrailer
	return c
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
		if c.left == 0 {
			if err := c.readTrailers(); err != nil {
				return 0, err
			}
			return 0, io.EOF
		}
	}
	n, err := c.src.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if c.signer != nil {
		c.sum.Write(p[:n])
	}
	if c.left == 0 {
		if err := c.verifyChunk(); err != nil {
			return 0, err
		}
		return n, nil // an error of the source will come again
	}
	return n, unexpectedEnd(err)
}

// next reads the head of the next chunk, and the line end after the one before.
func (c *chunkReader) next() error {
	if c.begun {
		end, err := c.line()
		if err != nil {
			return unexpectedEnd(err)
		}
		if end != "" {
			return malformedChunk()
		}
	}
	c.begun = true
	head, err := c.line()
	if err != nil {
		return unexpectedEnd(err)
	}
	size, signature, signed := strings.Cut(head, ";chunk-signature=")
	n, err := strconv.ParseUint(size, 16, 63)
	if err != nil || signed != (c.signer != nil) {
		return malformedChunk()
	}
	c.left, c.current = int64(n), signature
	if n == 0 {
		return c.verifyChunk()
	}
	return nil
}

// verifyChunk checks the signature of the chunk that has just ended.
func (c *chunkReader) verifyChunk() error {
	if c.signer == nil {
		return nil
	}
	want := c.signer.chunk(c.previous, c.sum.Sum(nil))
	if !equal(want, c.current) {
		return signatureMismatch()
	}
	c.previous = want
	c.sum.Reset()
	return nil
}

// readTrailers reads what follows the last chunk up to the end of the source. Empty lines are
// skipped wherever they are: clients disagree on where to put them.
func (c *chunkReader) readTrailers() error {
	var signature string
	sum := sha256.New()
	for range maxLines {
		line, err := c.line()
		if err == io.EOF {
			if c.signedTrailers && !equal(c.signer.trailer(c.previous, sum.Sum(nil)), signature) {
				return signatureMismatch()
			}
			return nil
		}
		if err != nil {
			return unexpectedEnd(err)
		}
		if line == "" {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch {
		case signature != "": // which is always the last
			return malformedTrailer()
		case c.signedTrailers && name == "x-amz-trailer-signature":
			signature = value
		case c.trailer != nil && name == c.trailer.name && c.trailer.want == nil && c.trailer.setWant(value):
			io.WriteString(sum, name+":"+value+"\n")
		default:
			return malformedTrailer()
		}
	}
	return malformedTrailer()
}

// line reads one line without its end. At the end of the source it returns io.EOF, or
// io.ErrUnexpectedEOF if that is in the middle of a line.
func (c *chunkReader) line() (string, error) {
	line, err := c.src.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull:
		return "", malformedChunk()
	case err == io.EOF && len(line) > 0:
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return strings.TrimSuffix(string(line[:len(line)-1]), "\r"), nil
}

func malformedChunk() error {
	return invalidRequest("The request body is not well-formed aws-chunked encoding")
}

// unexpectedEnd tells an end in the middle of the framing from the end of the body.
func unexpectedEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
