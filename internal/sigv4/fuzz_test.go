package sigv4_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/sigv4"
)

// Whatever a query says, Verify neither panics nor accepts: the only right signature is that of
// the request it was made for, however it is written down.
func FuzzVerifyQuery(f *testing.F) {
	good := parseURL(f, presign(f, "PUT", uploadPart))
	f.Add(good.RawQuery)
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20261121/b/s3/aws4_request&X-Amz-Date=20261121T120000Z" +
		"&X-Amz-Expires=1&X-Amz-SignedHeaders=host;x&X-Amz-Signature=0")
	f.Add("X-Amz-Signature=%zz&X-Amz-Signature")
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{Method: "PUT", Host: good.Host, Header: http.Header{}}
		r.URL = &url.URL{Path: good.Path, RawQuery: query}
		signed, err := verify(r, noon)
		if (signed == nil) == (err == nil) {
			t.Fatalf("Verify gives %v, %v", signed, err)
		}
		if err == nil && r.URL.Query().Encode() != good.Query().Encode() {
			t.Errorf("accepted: %s", query)
		}
	})
}

// The same for headers.
func FuzzVerifyHeader(f *testing.F) {
	good := signedPut(f)
	f.Add(good.Header.Get("Authorization"), good.Header.Get("X-Amz-Date"), sigv4.UnsignedPayload, "1", "x-amz-checksum-crc32")
	f.Add("AWS4-HMAC-SHA256 Credential=a/20261121/b/s3/aws4_request,SignedHeaders=host,Signature=,,=",
		"Sat, 21 Nov 2026 12:00:00 GMT", sigv4.StreamingPayloadTrailer, "-1", "")
	f.Fuzz(func(t *testing.T, authorization, date, payload, length, trailer string) {
		r := good.Clone(t.Context())
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-Amz-Date", date)
		r.Header.Set("X-Amz-Content-Sha256", payload)
		if length != "" {
			r.Header.Set("X-Amz-Decoded-Content-Length", length)
		}
		if trailer != "" {
			r.Header.Set("X-Amz-Trailer", trailer)
		}
		signed, err := verify(r, noon)
		if (signed == nil) == (err == nil) {
			t.Fatalf("Verify gives %v, %v", signed, err)
		}
		if err == nil && (date != good.Header.Get("X-Amz-Date") || payload != sigv4.UnsignedPayload || length+trailer != "") {
			t.Errorf("accepted: %v", r.Header)
		}
	})
}

// A decoder given anything ends, and gives no more than was announced. What it accepts it
// accepts for those who stop reading there, too.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("b\r\nHello world\r\n0\r\n\r\n"), int64(11), uint8(3))
	f.Add([]byte("5\r\nHello\r\n6\r\n world\r\n0\r\n\r\n"), int64(11), uint8(255))
	f.Add([]byte("b\r\nHello world\r\n0\r\n\r\n"), int64(5), uint8(255)) // more than announced
	f.Add([]byte("0\r\n"), int64(0), uint8(1))
	f.Add([]byte("ffffffffffffffff\r\n"), int64(1), uint8(1))
	f.Fuzz(func(t *testing.T, wire []byte, length int64, step uint8) {
		if length < 0 {
			return // Verify lets no such length through
		}
		open := func() io.Reader {
			s := sigv4.Signed{Payload: sigv4.StreamingUnsignedTrailer, DecodedLength: length}
			return s.Body(io.NopCloser(bytes.NewReader(wire)))
		}
		whole, err := io.ReadAll(open())
		if int64(len(whole)) > length || err == nil && int64(len(whole)) < length {
			t.Fatalf("read %d bytes of %d, %v", len(whole), length, err)
		}
		var stepped []byte
		body, buf := open(), make([]byte, max(1, step))
		var stepErr error
		for stepErr == nil {
			var n int
			n, stepErr = body.Read(buf)
			stepped = append(stepped, buf[:n]...)
		}
		if (stepErr == io.EOF) != (err == nil) || err == nil && !bytes.Equal(stepped, whole) {
			t.Fatalf("at once %q, %v; by steps %q, %v", whole, err, stepped, stepErr)
		}
	})
}

// What minio-go encodes we decode, and one changed byte never passes for the content.
func FuzzChunksRoundTrip(f *testing.F) {
	f.Add([]byte("Hello world"), true, true, uint16(20), byte(1))
	f.Add([]byte("Hello world"), false, true, uint16(5), byte(32))
	f.Fuzz(func(t *testing.T, content []byte, signedChunks, trailer bool, at uint16, flip byte) {
		name := ""
		if trailer || !signedChunks {
			name = "x-amz-checksum-sha256"
		}
		put := minioPut(t, content, signedChunks, name)
		put.wire[int(at)%len(put.wire)] ^= flip
		got, err := io.ReadAll(put.verify(t).Body(io.NopCloser(bytes.NewReader(put.wire))))
		if err == nil && !bytes.Equal(got, content) || err != nil && flip == 0 {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

// What we presign we accept, whatever the key and the parameter.
func FuzzPresignRoundTrip(f *testing.F) {
	f.Add("/b/k", "uploadId", "abc")
	f.Add("/b/ü +%2F//;", "a b", "x+y&z=")
	f.Fuzz(func(t *testing.T, path, name, value string) {
		target := &url.URL{Scheme: "http", Host: "ferry.test", Path: "/" + path, RawQuery: url.Values{name: {value}}.Encode()}
		signed, err := ourSigner.Presign("PUT", target, noon, time.Hour)
		if err != nil {
			return
		}
		r, err := http.NewRequest("PUT", signed, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.URL.Path != target.Path || r.URL.Query().Get(name) != value {
			t.Errorf("presigned %q %q=%q reads as %s", target.Path, name, value, r.URL)
		}
		if _, err := verify(r, noon); err != nil {
			t.Errorf("%s: %v", signed, err)
		}
	})
}
