// Package sigv4 owns AWS Signature Version 4 as Amazon S3 uses it, in both
// directions: [Signer.Presign] makes URLs that carry their own permission, and
// [Verifier.Verify] decides whether a request was signed by the holder of a
// secret, be it by a presigned URL or an Authorization header. [Signed.Body] then
// checks that the body is the one that was signed, while it streams by.
//
// Who has which key, what a key may do, and how an [Error] is written as XML is
// left to the caller. So is Content-MD5, because the caller wants that hash anyway.
//
// Start reading at Verify. The rules are those of the Amazon S3 API Reference,
// "Authenticating Requests (AWS Signature Version 4)"; comments cite its pages by title.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// The words of the protocol.
const (
	algorithm        = "AWS4-HMAC-SHA256"
	chunkAlgorithm   = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm = "AWS4-HMAC-SHA256-TRAILER"
	service          = "s3"
	terminator       = "aws4_request"
	timeFormat       = "20060102T150405Z"
	dayFormat        = "20060102"
	emptySHA256      = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// The longest life of a presigned URL, and how far two clocks may be apart, at S3
// ("Authenticating Requests: Using Query Parameters").
const (
	defaultMaxExpires = 7 * 24 * time.Hour
	defaultSkew       = 15 * time.Minute
)

// A Secret is the secret half of an access key. It prints, logs and encodes as dots;
// to put it on the wire, say string(s).
type Secret string

// Format prints dots, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "•••") }

// MarshalText returns dots.
func (Secret) MarshalText() ([]byte, error) { return []byte("•••"), nil }

// A signer makes the signatures of one request: the one over the request itself,
// and those over the chunks and trailers of its body, which share key, time and scope.
type signer struct {
	key   []byte
	time  string // timeFormat
	scope string // day/region/service/terminator
}

// newSigner derives the key of one day, region and service. That is four HMACs of a short text,
// three microseconds of a request: too few to keep derived keys, which are secrets, in a cache.
func newSigner(secret Secret, at time.Time, region string) *signer {
	day := at.Format(dayFormat)
	key := mac([]byte("AWS4"+string(secret)), day)
	for _, step := range []string{region, service, terminator} {
		key = mac(key, step)
	}
	scope := strings.Join([]string{day, region, service, terminator}, "/")
	return &signer{key: key, time: at.Format(timeFormat), scope: scope}
}

// request signs a canonical request.
func (s *signer) request(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return s.sign(algorithm, hex.EncodeToString(sum[:]))
}

// chunk signs one chunk of a body by its SHA-256 and the signature before it. The hash of
// nothing in the middle is the specification's ("Transferring Payload in Multiple Chunks").
func (s *signer) chunk(previous string, sum []byte) string {
	return s.sign(chunkAlgorithm, previous, emptySHA256, hex.EncodeToString(sum))
}

// trailer signs the trailing headers, in the form "name:value\n", by their SHA-256.
func (s *signer) trailer(previous string, sum []byte) string {
	return s.sign(trailerAlgorithm, previous, hex.EncodeToString(sum))
}

func (s *signer) sign(algorithm string, lines ...string) string {
	text := make([]byte, 0, 320)
	text = append(text, algorithm...)
	text = append(append(text, '\n'), s.time...)
	text = append(append(text, '\n'), s.scope...)
	for _, line := range lines {
		text = append(append(text, '\n'), line...)
	}
	h := hmac.New(sha256.New, s.key)
	h.Write(text)
	return hex.EncodeToString(h.Sum(text[:0]))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, text)
	return h.Sum(nil)
}

// equal compares two signatures in constant time.
func equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
