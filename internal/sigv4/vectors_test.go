package sigv4_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/sigv4"
)

// The examples worked out in the Amazon S3 API Reference, "Authenticating Requests".
var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func TestExamplesOfTheReference(t *testing.T) {
	for _, tt := range []struct {
		name, method, url string
		headers           map[string]string
		signed, signature string
	}{
		{
			"GET Object", "GET", "http://examplebucket.s3.amazonaws.com/test.txt",
			map[string]string{"Range": "bytes=0-9", "x-amz-content-sha256": emptySHA},
			"host;range;x-amz-content-sha256;x-amz-date",
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		},
		{
			"PUT Object", "PUT", "http://examplebucket.s3.amazonaws.com/test$file.text",
			map[string]string{
				"Date":                 "Fri, 24 May 2013 00:00:00 GMT",
				"x-amz-storage-class":  "REDUCED_REDUNDANCY",
				"x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			},
			"date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		},
		{
			"GET Bucket Lifecycle", "GET", "http://examplebucket.s3.amazonaws.com/?lifecycle",
			map[string]string{"x-amz-content-sha256": emptySHA},
			"host;x-amz-content-sha256;x-amz-date",
			"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		},
		{
			"List Objects", "GET", "http://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
			map[string]string{"x-amz-content-sha256": emptySHA},
			"host;x-amz-content-sha256;x-amz-date",
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(t, tt.method, tt.url, nil)
			for name, value := range tt.headers {
				r.Header.Set(name, value)
			}
			authorizeExample(r, tt.signed, tt.signature)
			if _, err := verify(receive(t, r), exampleTime); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestExamplePresigned(t *testing.T) {
	signed, err := ourSigner.Presign("GET", parseURL(t, "https://examplebucket.s3.amazonaws.com/test.txt"),
		exampleTime, 86400*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	const want = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if got := parseURL(t, signed).Query().Get("X-Amz-Signature"); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestExampleChunks(t *testing.T) {
	r := newRequest(t, "PUT", "http://s3.amazonaws.com/examplebucket/chunkObject.txt", nil)
	for name, value := range map[string]string{
		"x-amz-storage-class":          "REDUCED_REDUNDANCY",
		"x-amz-content-sha256":         sigv4.StreamingPayload,
		"Content-Encoding":             "aws-chunked",
		"x-amz-decoded-content-length": "66560",
		"Content-Length":               "66824",
	} {
		r.Header.Set(name, value)
	}
	authorizeExample(r, "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"+
		"x-amz-decoded-content-length;x-amz-storage-class",
		"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
	signed, err := verify(r, exampleTime)
	if err != nil {
		t.Fatal(err)
	}
	body := "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
		strings.Repeat("a", 65536) + "\r\n" +
		"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
		strings.Repeat("a", 1024) + "\r\n" +
		"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
	got, err := io.ReadAll(signed.Body(io.NopCloser(strings.NewReader(body))))
	if err != nil || !bytes.Equal(got, bytes.Repeat([]byte("a"), 66560)) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
}

func authorizeExample(r *http.Request, signed, signature string) {
	r.Header.Set("X-Amz-Date", "20130524T000000Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+accessKey+"/20130524/us-east-1/s3/aws4_request,"+
		"SignedHeaders="+signed+",Signature="+signature)
}
