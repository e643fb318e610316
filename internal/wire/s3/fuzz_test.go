package s3_test

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Whatever the holder of a key asks, the answer is one of S3's and never that we
// failed.
func FuzzSignedRequest(f *testing.F) {
	for _, seed := range [][4]string{
		{"GET", "", "", ""},
		{"GET", "ferry", "list-type=2&prefix=a&delimiter=/&max-keys=1", ""},
		{"GET", "ferry", "location", ""},
		{"PUT", "ferry/a/b", "", "hello"},
		{"GET", "ferry/a/b", "", ""},
		{"DELETE", "ferry/a/b", "", ""},
		{"POST", "ferry/c", "uploads=", ""},
		{"PUT", "ferry/c", "partNumber=1&uploadId=x.y", "hello"},
		{"POST", "ferry/c", "uploadId=x.y", "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>"},
		{"GET", "ferry/01m802t649ptn57ryjdftzwsay/x", "uploadId=x&max-parts=0", ""},
		{"PUT", "ferry/%FF%00//..", "partNumber=99999999999999999999&uploadId=x", ""},
		{"HEAD", "other/x", "versionId=1", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	d := newDoor(f)
	access, secret := d.accounts.S3Credentials(d.key)
	credentials := aws.Credentials{AccessKeyID: access, SecretAccessKey: string(secret)}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		target, err := url.ParseRequestURI("/s3/" + path)
		if err != nil {
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		target.Scheme, target.Host, target.RawQuery = "http", "ferry.test", values.Encode()
		r, err := http.NewRequestWithContext(t.Context(), method, target.String(), strings.NewReader(body))
		if err != nil {
			return
		}
		q := r.URL.Query()
		q.Set("X-Amz-Expires", "60")
		r.URL.RawQuery = q.Encode()
		signed, _, err := signer.PresignHTTP(t.Context(), credentials, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", d.clock.now())
		if err != nil {
			return
		}
		r, err = http.NewRequestWithContext(t.Context(), method, signed, strings.NewReader(body))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Fatalf("%s %s: %d %s", method, signed, w.Code, w.Body)
		}
		if w.Code >= 400 && method != "HEAD" {
			var e struct{ Code string }
			if err := xml.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Code == "" {
				t.Fatalf("%s %s: %d is no S3 error: %s", method, signed, w.Code, w.Body)
			}
		}
	})
}
