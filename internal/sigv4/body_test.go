package sigv4_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	awsv4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/minio/crc64nvme"
	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/ferry-server/ferry/internal/sigv4"
)

// checksums are the algorithms of S3, from other hands than ours where there are any.
var checksums = map[string]func() hash.Hash{
	"x-amz-checksum-crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"x-amz-checksum-crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"x-amz-checksum-crc64nvme": func() hash.Hash { return crc64nvme.New() },
	"x-amz-checksum-sha1":      sha1.New,
	"x-amz-checksum-sha256":    sha256.New,
	"x-amz-checksum-sha512":    sha512.New,
	"x-amz-checksum-md5":       md5.New,
}

func sumOf(name string, content []byte) string {
	h := checksums[name]()
	h.Write(content)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// A sent request: its head and the bytes of its body on the wire.
type sent struct {
	r    *http.Request
	wire []byte
	now  time.Time
}

func (s sent) verify(t testing.TB) *sigv4.Signed {
	t.Helper()
	signed, err := verify(s.r, s.now)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// minioPut sends content as minio-go does: in signed chunks, or in unsigned ones, with or
// without a trailer.
func minioPut(t testing.TB, content []byte, signedChunks bool, trailer string) sent {
	t.Helper()
	now := time.Now()
	r := newRequest(t, "PUT", "http://ferry.test/b/k", bytes.NewReader(content))
	if trailer != "" {
		r.Trailer = http.Header{http.CanonicalHeaderKey(trailer): {sumOf(trailer, content)}}
	}
	if signedChunks {
		r = signer.StreamingSignV4(r, accessKey, secretKey, "", region, int64(len(content)), now, newMinioHash())
	} else {
		r.Header.Set("X-Amz-Content-Sha256", sigv4.StreamingUnsignedTrailer)
		r = signer.SignV4Trailer(*r, accessKey, secretKey, "", region, r.Trailer)
	}
	wire, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = nil
	return sent{r, wire, now}
}

// sdkPut sends content in signed chunks whose signatures come from the AWS SDK. (Its signer of
// event streams hashes headers where a chunk of S3 has nothing, so it signs those, too.)
func sdkPut(t testing.TB, chunks ...string) sent {
	t.Helper()
	r := newRequest(t, "PUT", "http://ferry.test/b/k", nil)
	r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(len(strings.Join(chunks, ""))))
	signHeader(t, r, sigv4.StreamingPayload, noon)
	_, seed, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	previous, err := hex.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	stream := awsv4.NewStreamSigner(awsKeys, "s3", region, previous)
	var wire bytes.Buffer
	for _, chunk := range append(chunks, "") {
		signature, err := stream.GetSignature(t.Context(), nil, []byte(chunk), noon)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&wire, "%x;chunk-signature=%x\r\n%s\r\n", len(chunk), signature, chunk)
	}
	return sent{r, wire.Bytes(), noon}
}

// hashedPut sends content plain, with its SHA-256 signed.
func hashedPut(t testing.TB, content []byte) sent {
	t.Helper()
	r := newRequest(t, "PUT", "http://ferry.test/b/k", bytes.NewReader(content))
	sum := sha256.Sum256(content)
	signHeader(t, r, hex.EncodeToString(sum[:]), noon)
	return sent{r, content, noon}
}

// checksumPut sends content plain, with nothing signed but a checksum.
func checksumPut(t testing.TB, content []byte, name string) sent {
	t.Helper()
	r := newRequest(t, "PUT", "http://ferry.test/b/k", bytes.NewReader(content))
	r.Header.Set(name, sumOf(name, content))
	signHeader(t, r, sigv4.UnsignedPayload, noon)
	return sent{r, content, noon}
}

// everyKind sends content in all the ways whose damage we must notice.
func everyKind(t testing.TB, content []byte) map[string]sent {
	half := len(content) / 2
	kinds := map[string]sent{
		"hashed":             hashedPut(t, content),
		"chunks of minio-go": minioPut(t, content, true, ""),
		"chunks of the SDK":  sdkPut(t, string(content[:half]), string(content[half:])),
	}
	for name := range checksums {
		kinds[name+" in the header"] = checksumPut(t, content, name)
		kinds[name+" after signed chunks"] = minioPut(t, content, true, name)
		kinds[name+" after unsigned chunks"] = minioPut(t, content, false, name)
	}
	return kinds
}

func TestBodyGivesContent(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 9000) // more than two chunks of minio-go
	readers := map[string]func(io.Reader) io.Reader{
		"at once":                   func(r io.Reader) io.Reader { return r },
		"by halves":                 iotest.HalfReader,
		"with the error at the end": iotest.DataErrReader,
		"a byte at a time":          iotest.OneByteReader,
	}
	for kind, put := range everyKind(t, content) {
		for how, slow := range readers {
			t.Run(kind+", "+how, func(t *testing.T) {
				signed := put.verify(t)
				if signed.DecodedLength != int64(len(content)) {
					t.Errorf("DecodedLength is %d, want %d", signed.DecodedLength, len(content))
				}
				got, err := io.ReadAll(signed.Body(io.NopCloser(slow(bytes.NewReader(put.wire)))))
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("read %d bytes, %v", len(got), err)
				}
			})
		}
	}
}

func TestUnsignedBodyIsLeftAlone(t *testing.T) {
	r := newRequest(t, "PUT", presign(t, "PUT", uploadPart), strings.NewReader("x"))
	signed, err := verify(r, noon)
	if err != nil {
		t.Fatal(err)
	}
	if signed.Body(r.Body) != r.Body {
		t.Error("Body wraps a body that has nothing to check")
	}
}

// No damage of a body may pass: neither for who reads to the end, nor for who stops after the
// announced length.
func TestDamagedBodyIsNoticed(t *testing.T) {
	content := []byte("all the bytes that were signed")
	for kind, put := range everyKind(t, content) {
		t.Run(kind, func(t *testing.T) {
			check := func(what string, wire []byte) {
				t.Helper()
				got, err := io.ReadAll(put.verify(t).Body(io.NopCloser(bytes.NewReader(wire))))
				if err == nil && !bytes.Equal(got, content) {
					t.Errorf("%s: read %q", what, got)
				}
				if _, ok := errors.AsType[*sigv4.Error](err); err != nil && !ok {
					t.Errorf("%s: error %v is not of S3", what, err)
				}
				buf := make([]byte, len(content))
				n, err := io.ReadFull(put.verify(t).Body(io.NopCloser(bytes.NewReader(wire))), buf)
				if err == nil && !bytes.Equal(buf[:n], content) {
					t.Errorf("%s: read by length %q", what, buf[:n])
				}
			}
			for i := range put.wire {
				damaged := bytes.Clone(put.wire)
				damaged[i] ^= 1
				check(fmt.Sprintf("byte %d changed", i), damaged)
				check(fmt.Sprintf("cut at %d", i), put.wire[:i])
			}
			check("longer", append(bytes.Clone(put.wire), "xyz"...))
		})
	}
}

func TestDamagedBodyErrors(t *testing.T) {
	content := []byte("all the bytes that were signed")
	replace := func(old, new string) func([]byte) []byte {
		return func(wire []byte) []byte {
			if !bytes.Contains(wire, []byte(old)) {
				t.Fatalf("no %q in %q", old, wire)
			}
			return bytes.Replace(wire, []byte(old), []byte(new), 1)
		}
	}
	cutAt := func(mark string) func([]byte) []byte {
		return func(wire []byte) []byte { return wire[:bytes.Index(wire, []byte(mark))] }
	}
	signedChunks := minioPut(t, content, true, "")
	signedTrailer := minioPut(t, content, true, "x-amz-checksum-crc32c")
	unsignedTrailer := minioPut(t, content, false, "x-amz-checksum-crc32c")
	for _, tt := range []struct {
		name   string
		put    sent
		change func([]byte) []byte
		code   string
	}{
		{"hash", hashedPut(t, content), replace("all", "ALL"), "XAmzContentSHA256Mismatch"},
		{"hash, short", hashedPut(t, content), cutAt("signed"), "IncompleteBody"},
		{"checksum", checksumPut(t, content, "x-amz-checksum-sha1"), replace("all", "ALL"), "BadDigest"},
		{"chunk data", signedChunks, replace("all", "ALL"), "SignatureDoesNotMatch"},
		{"chunk cut", signedChunks, cutAt("signed\r\n"), "IncompleteBody"},
		{"no last chunk", signedChunks, cutAt("0;chunk"), "IncompleteBody"},
		{"chunk without signature", signedChunks, replace(";chunk-signature=", ";x="), "InvalidRequest"},
		{"chunk of no number", signedChunks, replace("1e;", "xx;"), "InvalidRequest"},
		{"chunk of minus one", signedChunks, replace("1e;", "-1;"), "InvalidRequest"},
		{"chunk longer than it says", signedChunks, replace("signed\r\n", "signedX\r\n"), "InvalidRequest"},
		{"endless chunk head", signedChunks, replace("1e;", strings.Repeat("0", 1000)+"1e;"), "InvalidRequest"},
		{"trailer changed", signedTrailer, replace("crc32c:", "crc32c: A"), "MalformedTrailerError"},
		{"trailer of another name", unsignedTrailer, replace("crc32c:", "sha1:"), "MalformedTrailerError"},
		{
			"trailer given twice", unsignedTrailer, replace("\r\nx-amz-checksum-crc32c:",
				"\r\nx-amz-checksum-crc32c:"+sumOf("x-amz-checksum-crc32c", content)+"\r\nx-amz-checksum-crc32c:"),
			"MalformedTrailerError",
		},
		{"trailer signed twice", signedTrailer, func(wire []byte) []byte {
			return append(wire, wire[bytes.Index(wire, []byte("x-amz-trailer-signature")):]...)
		}, "MalformedTrailerError"},
		{"trailer missing", unsignedTrailer, cutAt("x-amz"), "MalformedTrailerError"},
		{"trailer's signature missing", signedTrailer, cutAt("x-amz-trailer-signature"), "SignatureDoesNotMatch"},
		{"trailer's signature changed", signedTrailer, replace("signature:", "signature:0"), "SignatureDoesNotMatch"},
		{"unsigned data", unsignedTrailer, replace("all", "ALL"), "BadDigest"},
		{"unsigned chunk shorter", unsignedTrailer, replace("1e\r\nall", "1b\r\n"), "IncompleteBody"},
		{"unsigned chunk more", unsignedTrailer, replace("0\r\nx-amz", "1\r\nX\r\n0\r\nx-amz"), "IncompleteBody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire := tt.change(bytes.Clone(tt.put.wire))
			got, err := io.ReadAll(tt.put.verify(t).Body(io.NopCloser(bytes.NewReader(wire))))
			wantCode(t, err, tt.code)
			if len(got) > len(content) {
				t.Errorf("read %d bytes of %d", len(got), len(content))
			}
		})
	}
}

// A reader of large buffers never sees the end of a chunk whose signature is wrong.
func TestBadChunkIsWithheld(t *testing.T) {
	put := sdkPut(t, "first", "second")
	wire := bytes.Replace(put.wire, []byte("first"), []byte("worst"), 1)
	got, err := io.ReadAll(put.verify(t).Body(io.NopCloser(bytes.NewReader(wire))))
	wantCode(t, err, "SignatureDoesNotMatch")
	if len(got) > 0 {
		t.Errorf("read %q", got)
	}
}

func TestBodyPassesOnErrorsOfTheConnection(t *testing.T) {
	reset := errors.New("connection reset")
	for kind, put := range everyKind(t, []byte("some content")) {
		source := io.MultiReader(bytes.NewReader(put.wire[:len(put.wire)/2]), iotest.ErrReader(reset))
		body := put.verify(t).Body(io.NopCloser(source))
		for range 2 { // and again, if asked again
			if _, err := io.ReadAll(body); !errors.Is(err, reset) {
				t.Errorf("%s: error is %v", kind, err)
			}
		}
	}
}

// A connection that ends early is a short body, in the words net/http has for it.
func TestBodyEndsEarly(t *testing.T) {
	for kind, put := range everyKind(t, []byte("some content")) {
		source := io.MultiReader(bytes.NewReader(put.wire[:len(put.wire)/2]), iotest.ErrReader(io.ErrUnexpectedEOF))
		if _, err := io.ReadAll(put.verify(t).Body(io.NopCloser(source))); err == nil {
			t.Errorf("%s: no error", kind)
		} else {
			wantCode(t, err, "IncompleteBody")
		}
	}
}

// CompleteMultipartUpload carries the checksum of the object, not of its own body.
func TestCompletionChecksumIsNotOfTheBody(t *testing.T) {
	r := newRequest(t, "POST", "http://ferry.test/b/k?uploadId=1", strings.NewReader("<xml/>"))
	r.Header.Set("X-Amz-Checksum-Crc32", "AAAAAA==")
	signHeader(t, r, sigv4.UnsignedPayload, noon)
	got, err := io.ReadAll(sent{r, nil, noon}.verify(t).Body(r.Body))
	if err != nil || string(got) != "<xml/>" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestAnnouncedTrailersAreOnesWeKnow(t *testing.T) {
	for payload, trailer := range map[string]string{
		sigv4.StreamingUnsignedTrailer: "x-amz-meta-colour",
		sigv4.StreamingPayload:         "x-amz-checksum-crc32",
		sigv4.UnsignedPayload:          "x-amz-checksum-crc32",
	} {
		r := newRequest(t, "PUT", "http://ferry.test/b/k", nil)
		r.Header.Set("X-Amz-Trailer", trailer)
		r.Header.Set("X-Amz-Decoded-Content-Length", "1")
		signHeader(t, r, payload, noon)
		_, err := verify(r, noon)
		wantCode(t, err, "InvalidRequest")
	}
}
