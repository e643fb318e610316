package sigv4

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// What may be signed in place of a body's SHA-256 ("Authenticating Requests: Using the
// Authorization Header", x-amz-content-sha256). The streaming ones come in chunks.
const (
	UnsignedPayload          = "UNSIGNED-PAYLOAD"
	StreamingPayload         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingPayloadTrailer  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// streaming reports whether the body is made of chunks.
func (s *Signed) streaming() bool {
	return s.Payload == StreamingPayload || s.Payload == StreamingPayloadTrailer || s.Payload == StreamingUnsignedTrailer
}

// readPayload learns from the headers what the body will be, before any of it is read.
func (s *Signed) readPayload(r *http.Request, query url.Values) error {
	const header = "X-Amz-Content-Sha256"
	given := slices.Concat(r.Header[header], query[header])
	switch {
	case len(given) == 0 && s.Presigned:
		s.Payload = UnsignedPayload
	case len(given) == 0:
		return invalidRequest("Missing required header for this request: x-amz-content-sha256")
	case len(given) > 1:
		return invalidRequest("x-amz-content-sha256 is given twice")
	default:
		s.Payload = given[0]
	}
	if !s.streaming() && s.Payload != UnsignedPayload {
		want, err := hex.DecodeString(s.Payload)
		if err != nil || len(want) != sha256.Size {
			return bad("InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "+StreamingPayload+", "+
				StreamingPayloadTrailer+", "+StreamingUnsignedTrailer+" or a valid sha256 value.")
		}
		s.sums = append(s.sums, &checksum{Hash: sha256.New(), name: payloadHash, want: want})
	}
	if s.Presigned && s.streaming() {
		return invalidRequest("A presigned request cannot have a streaming payload")
	}
	// A body in chunks that is not announced as one would be stored with its framing.
	if !s.streaming() && strings.Contains(strings.ToLower(r.Header.Get("Content-Encoding")), "aws-chunked") {
		return invalidRequest("The content encoding aws-chunked needs a streaming x-amz-content-sha256")
	}
	if err := s.readLength(r); err != nil {
		return err
	}
	return s.readChecksum(r, query)
}

// readLength finds the announced length. Chunks must announce what they decode to, because
// quota is reserved and the place is chosen before the first byte.
func (s *Signed) readLength(r *http.Request) error {
	if !s.streaming() {
		s.DecodedLength = r.ContentLength
		return nil
	}
	values := r.Header["X-Amz-Decoded-Content-Length"]
	if len(values) == 0 {
		return &Error{"MissingContentLength", http.StatusLengthRequired, "You must provide the Content-Length HTTP header."}
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil || len(values) > 1 {
		return bad("InvalidArgument", "x-amz-decoded-content-length must be a number, given once")
	}
	s.DecodedLength = int64(n)
	return nil
}

// readChecksum finds the checksum announced for the body, as header or trailer; S3 takes at
// most one ("Checking object integrity").
func (s *Signed) readChecksum(r *http.Request, query url.Values) error {
	if r.Method == http.MethodPost && query.Has("uploadId") {
		return nil // CompleteMultipartUpload: the header speaks of the object, not of this body
	}
	var announced []*checksum
	for header, values := range r.Header {
		name := strings.ToLower(header)
		switch {
		case !strings.HasPrefix(name, checksumPrefix):
			continue
		case slices.Contains(aboutChecksums, name):
			continue
		case algorithms[name] == nil: // not checking what the client wants checked would be a lie
			return invalidRequest("The algorithm type you specified in x-amz-checksum- header is invalid.")
		}
		for _, value := range values {
			sum := newChecksum(name)
			if !sum.setWant(value) {
				return invalidRequest("Value for " + name + " header is invalid.")
			}
			announced = append(announced, sum)
		}
	}
	for _, name := range r.Header["X-Amz-Trailer"] {
		name = strings.ToLower(strings.TrimSpace(name))
		if !s.streaming() || s.Payload == StreamingPayload || algorithms[name] == nil {
			return invalidRequest("The value specified in the x-amz-trailer header is not supported")
		}
		s.trailer = newChecksum(name)
		announced = append(announced, s.trailer)
	}
	if len(announced) > 1 {
		return invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
	}
	s.sums = append(s.sums, announced...)
	return nil
}

// payloadHash is the name of the checksum that is part of the signature.
const payloadHash = "x-amz-content-sha256"

const checksumPrefix = "x-amz-checksum-"

// aboutChecksums are the headers with that prefix that are not the checksum of anything.
var aboutChecksums = []string{"x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type"}

// algorithms are those of S3 that the standard library has; it knows XXHash, too.
var algorithms = map[string]func() hash.Hash{
	"x-amz-checksum-crc32":  func() hash.Hash { return crc32.NewIEEE() },
	"x-amz-checksum-crc32c": func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"x-amz-checksum-crc64nvme": func() hash.Hash {
		return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) // the NVMe polynomial, reversed as hash/crc64 wants it
	},
	"x-amz-checksum-md5":    md5.New,
	"x-amz-checksum-sha1":   sha1.New,
	"x-amz-checksum-sha256": sha256.New,
	"x-amz-checksum-sha512": sha512.New,
}

// A checksum compares what a body should be with what came.
type checksum struct {
	hash.Hash
	name string
	want []byte // nil until known
}

func newChecksum(name string) *checksum {
	return &checksum{Hash: algorithms[name](), name: name}
}

// setWant takes the value of a checksum header and reports whether it can be one.
func (c *checksum) setWant(value string) bool {
	want, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(want) != c.Size() {
		return false
	}
	c.want = want
	return true
}
