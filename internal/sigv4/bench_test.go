package sigv4_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/ferry-server/ferry/internal/sigv4"
)

func BenchmarkPresign(b *testing.B) {
	target := parseURL(b, uploadPart)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ourSigner.Presign("PUT", target, noon, time.Hour); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyPresigned(b *testing.B) {
	signed, err := ourSigner.Presign("PUT", parseURL(b, uploadPart), noon, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	r := newRequest(b, "PUT", signed, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verify(r, noon); err != nil {
			b.Fatal(err)
		}
	}
}

// Reading a body of signed chunks costs its SHA-256 and little else.
func BenchmarkChunkedBody(b *testing.B) {
	now := time.Now()
	content := make([]byte, 8<<20)
	r := newRequest(b, "PUT", "http://ferry.test/b/k", bytes.NewReader(content))
	signer.StreamingSignV4(r, accessKey, secretKey, "", region, int64(len(content)), now, newMinioHash())
	wire, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 256<<10)
	b.ReportAllocs()
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		signed, err := sigv4.Verifier{}.Verify(r, lookup, now)
		if err != nil {
			b.Fatal(err)
		}
		body := signed.Body(io.NopCloser(bytes.NewReader(wire)))
		for err == nil {
			_, err = body.Read(buf)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}
