package sigv4_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	awsv4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"
	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/ferry-server/ferry/internal/sigv4"
)

// signHeader signs r as the AWS SDK's S3 client does.
func signHeader(t testing.TB, r *http.Request, payload string, at time.Time) {
	t.Helper()
	r.Header.Set("X-Amz-Content-Sha256", payload)
	s := awsv4.NewSigner(func(o *awsv4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := s.SignHTTP(t.Context(), awsKeys, r, payload, "s3", region, at); err != nil {
		t.Fatal(err)
	}
}

func signedPut(t testing.TB) *http.Request {
	t.Helper()
	r := newRequest(t, "PUT", uploadPart, strings.NewReader("x"))
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("X-Amz-Meta-Colour", "blue")
	signHeader(t, r, sigv4.UnsignedPayload, noon)
	return r
}

func TestVerifyAcceptsForeignHeaderSigners(t *testing.T) {
	for _, path := range append([]string{"/b/a%2Fb"}, oddKeys...) {
		r := newRequest(t, "PUT", "http://ferry.test:9000/?list-type=2&prefix=a%20b%2Bc&delimiter=", nil)
		r.URL.Path, r.URL.RawPath = path, httpbinding.EscapePath(path, false)
		r.Header.Add("X-Amz-Meta-Twice", " one  thing ")
		r.Header.Add("X-Amz-Meta-Twice", "another")
		signHeader(t, r, emptySHA, noon)
		got, err := verify(receive(t, r), noon)
		if err != nil {
			t.Errorf("signed by the AWS SDK: %s: %v", r.URL, err)
		} else if got.Presigned || got.Payload != emptySHA {
			t.Errorf("Verify gives %+v", got)
		}

		r = newRequest(t, "GET", "http://ferry.test:9000/?a=&b=x%20y", nil)
		r.URL.Path, r.URL.RawPath = path, httpbinding.EscapePath(path, false)
		r.Header.Set("X-Amz-Content-Sha256", emptySHA)
		r = signer.SignV4(*r, accessKey, secretKey, "", region)
		if _, err := verify(receive(t, r), time.Now()); err != nil {
			t.Errorf("signed by minio-go: %s: %v", r.URL, err)
		}
	}
}

func TestVerifyTimes(t *testing.T) {
	day := sigv4.Verifier{}
	hour := sigv4.Verifier{MaxExpires: time.Hour, Skew: time.Minute}
	presigned := newRequest(t, "PUT", presign(t, "PUT", uploadPart), nil)
	header := signedPut(t)
	for _, tt := range []struct {
		name string
		v    sigv4.Verifier
		r    *http.Request
		now  time.Duration // after noon
		code string
	}{
		{"presigned, at once", day, presigned, 0, ""},
		{"presigned, in its last second", day, presigned, time.Hour, ""},
		{"presigned, expired", day, presigned, time.Hour + time.Second, "AccessDenied"},
		{"presigned by a clock that runs ahead", day, presigned, -15 * time.Minute, ""},
		{"presigned for later", day, presigned, -15*time.Minute - time.Second, "AccessDenied"},
		{"presigned, less skew", hour, presigned, -61 * time.Second, "AccessDenied"},
		{"presigned for just as long as is allowed", hour, presigned, 0, ""},
		{
			"presigned for longer than is allowed",
			sigv4.Verifier{MaxExpires: time.Minute},
			presigned, 0,
			"AuthorizationQueryParametersError",
		},
		{"header, at once", day, header, 0, ""},
		{"header, old", day, header, 15 * time.Minute, ""},
		{"header, too old", day, header, 15*time.Minute + time.Second, "RequestTimeTooSkewed"},
		{"header, early", day, header, -15 * time.Minute, ""},
		{"header, too early", day, header, -15*time.Minute - time.Second, "RequestTimeTooSkewed"},
		{"header, less skew", hour, header, 61 * time.Second, "RequestTimeTooSkewed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.v.Verify(tt.r, lookup, noon.Add(tt.now))
			if tt.code != "" {
				wantCode(t, err, tt.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	setQuery := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			q := r.URL.Query()
			q.Set(name, value)
			r.URL.RawQuery = q.Encode()
		}
	}
	setHeader := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	setAuth := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		}
	}
	const query, header = "AuthorizationQueryParametersError", "AuthorizationHeaderMalformed"
	presigned := func() *http.Request { return newRequest(t, "PUT", presign(t, "PUT", uploadPart), nil) }
	signed := func() *http.Request { return signedPut(t) }
	plain := func() *http.Request { return newRequest(t, "PUT", uploadPart, nil) }
	for _, tt := range []struct {
		name   string
		make   func() *http.Request
		change func(*http.Request)
		code   string
	}{
		{"no signature at all", plain, func(*http.Request) {}, "AccessDenied"},
		{"a bearer token", plain, setHeader("Authorization", "Bearer x"), "InvalidRequest"},
		{"signature version 2", plain, setHeader("Authorization", "AWS key:sig"), "InvalidRequest"},
		{"a query that cannot be parsed", presigned, func(r *http.Request) { r.URL.RawQuery += "&a=%zz" }, "InvalidURI"},

		{"presigned and Authorization", presigned, setHeader("Authorization", "Bearer x"), "InvalidArgument"},
		{"presigned and an empty Authorization", presigned, setHeader("Authorization", ""), "InvalidArgument"},
		{"presigned and an unsigned x-amz header", presigned, setHeader("X-Amz-Acl", "public-read"), "AccessDenied"},
		{"presigned and a copy source", presigned, setHeader("X-Amz-Copy-Source", "/b/secret"), "AccessDenied"},
		{"presigned with one more parameter", presigned, setQuery("a", "b"), "SignatureDoesNotMatch"},
		{"presigned for longer", presigned, setQuery("X-Amz-Expires", "3601"), "SignatureDoesNotMatch"},
		{"presigned for nothing", presigned, setQuery("X-Amz-Expires", "0"), query},
		{"presigned for less than nothing", presigned, setQuery("X-Amz-Expires", "-1"), query},
		{"presigned for more than a week", presigned, setQuery("X-Amz-Expires", "604801"), query},
		{"presigned for ages", presigned, setQuery("X-Amz-Expires", "99999999999999999999"), query},
		{"presigned with another algorithm", presigned, setQuery("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256"), query},
		{"presigned with a fraction of a second", presigned, setQuery("X-Amz-Date", "20261121T120000.5Z"), query},
		{"presigned without host", presigned, setQuery("X-Amz-SignedHeaders", "x-amz-date"), query},
		{"presigned headers not sorted", presigned, setQuery("X-Amz-SignedHeaders", "host;accept"), query},
		{"presigned headers twice", presigned, setQuery("X-Amz-SignedHeaders", "host;host"), query},
		{"presigned headers in upper case", presigned, setQuery("X-Amz-SignedHeaders", "Host"), query},
		{"presigned headers of two lines", presigned, setQuery("X-Amz-SignedHeaders", "a\nb;host"), query},
		{"presigned credential too short", presigned, setQuery("X-Amz-Credential", accessKey), query},
		{
			"presigned credential of another day", presigned,
			setQuery("X-Amz-Credential", accessKey+"/20261120/us-east-1/s3/aws4_request"), query,
		},
		{
			"presigned credential of another service", presigned,
			setQuery("X-Amz-Credential", accessKey+"/20261121/us-east-1/ec2/aws4_request"), query,
		},
		{
			"presigned credential of another terminator", presigned,
			setQuery("X-Amz-Credential", accessKey+"/20261121/us-east-1/s3/aws5_request"), query,
		},
		{
			"presigned by nobody we know", presigned,
			setQuery("X-Amz-Credential", "AKIA/20261121/us-east-1/s3/aws4_request"), "InvalidAccessKeyId",
		},
		{
			"presigned in another region", presigned,
			setQuery("X-Amz-Credential", accessKey+"/20261121/us-west-1/s3/aws4_request"), "SignatureDoesNotMatch",
		},
		{
			"presigned with a streaming payload", presigned,
			setQuery("X-Amz-Content-Sha256", sigv4.StreamingPayload), "InvalidRequest",
		},
		{"presigned with a body in chunks", presigned, setHeader("Content-Encoding", "aws-chunked"), "InvalidRequest"},

		{"header: one more x-amz header", signed, setHeader("X-Amz-Acl", "public-read"), "AccessDenied"},
		{"header: changed x-amz header", signed, setHeader("X-Amz-Meta-Colour", "red"), "SignatureDoesNotMatch"},
		{"header: changed content type", signed, setHeader("Content-Type", "text/html"), "SignatureDoesNotMatch"},
		{"header: removed content type", signed, func(r *http.Request) { r.Header.Del("Content-Type") }, "SignatureDoesNotMatch"},
		{"header: changed payload", signed, setHeader("X-Amz-Content-Sha256", emptySHA), "SignatureDoesNotMatch"},
		{"header: unknown payload", signed, setHeader("X-Amz-Content-Sha256", "STREAMING"), "InvalidArgument"},
		{"header: no payload", signed, func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, "InvalidRequest"},
		{"header: two payloads", signed, setQuery("X-Amz-Content-Sha256", emptySHA), "InvalidRequest"},
		{
			"header: streaming without its length", signed,
			setHeader("X-Amz-Content-Sha256", sigv4.StreamingPayload), "MissingContentLength",
		},
		{"header: changed date", signed, setHeader("X-Amz-Date", "20261121T120001Z"), "SignatureDoesNotMatch"},
		{"header: no date", signed, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "AccessDenied"},
		{"header: bad date", signed, setHeader("X-Amz-Date", "yesterday"), "AccessDenied"},
		{"header: changed query", signed, setQuery("partNumber", "4"), "SignatureDoesNotMatch"},
		{"header: changed method", signed, func(r *http.Request) { r.Method = "POST" }, "SignatureDoesNotMatch"},
		{"header: changed host", signed, func(r *http.Request) { r.Host = "ferry.example" }, "SignatureDoesNotMatch"},
		{"header: changed path", signed, func(r *http.Request) { r.URL.Path += "s" }, "SignatureDoesNotMatch"},
		{"header: given twice", signed, func(r *http.Request) { r.Header.Add("Authorization", "x") }, header},
		{"header: no signature", signed, setAuth("Signature=", "Sig="), header},
		{"header: another field", signed, setAuth("Signature=", "Extra=1, Signature="), header},
		{"header: a field twice", signed, setAuth("Signature=", "SignedHeaders=host, Signature="), header},
		{"header: changed signature", signed, setAuth("Signature=", "Signature=0"), "SignatureDoesNotMatch"},
		{"header: empty signature", signed, func(r *http.Request) {
			before, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", before+"Signature=")
		}, header},
		{"header: another day", signed, setAuth("/20261121/", "/20261122/"), header},
		{"header: another service", signed, setAuth("/s3/", "/sts/"), header},
		{"header: nobody we know", signed, setAuth(accessKey, "AKIA"), "InvalidAccessKeyId"},
		{"header: fewer signed headers", signed, setAuth("content-type;", ""), "SignatureDoesNotMatch"},
		{"header: two checksums", signed, func(r *http.Request) {
			r.Header.Set("X-Amz-Checksum-Crc32", "AAAAAA==")
			r.Header.Set("X-Amz-Checksum-Crc32c", "AAAAAA==")
			signHeader(t, r, sigv4.UnsignedPayload, noon)
		}, "InvalidRequest"},
		{"header: a checksum we cannot make", signed, func(r *http.Request) {
			r.Header.Set("X-Amz-Checksum-Xxhash64", "AAAAAAAAAAA=")
			signHeader(t, r, sigv4.UnsignedPayload, noon)
		}, "InvalidRequest"},
		{"header: a checksum of the wrong length", signed, func(r *http.Request) {
			r.Header.Set("X-Amz-Checksum-Crc32", "AAAA")
			signHeader(t, r, sigv4.UnsignedPayload, noon)
		}, "InvalidRequest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.make()
			tt.change(r)
			_, err := verify(r, noon)
			wantCode(t, err, tt.code)
		})
	}
}

// No signer at hand leaves x-amz-date out, so this one is signed by hand.
func TestVerifyTakesDateHeader(t *testing.T) {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	r := newRequest(t, "GET", "http://ferry.test/b", nil)
	r.Header.Set("Date", noon.Format(http.TimeFormat))
	r.Header.Set("X-Amz-Content-Sha256", emptySHA)
	canonical := sha256.Sum256([]byte("GET\n/b\n\ndate:" + r.Header.Get("Date") + "\nhost:ferry.test\nx-amz-content-sha256:" +
		emptySHA + "\n\ndate;host;x-amz-content-sha256\n" + emptySHA))
	key := []byte("AWS4" + secretKey)
	for _, step := range []string{"20261121", region, "s3", "aws4_request"} {
		key = mac(key, step)
	}
	signature := mac(key, fmt.Sprintf("AWS4-HMAC-SHA256\n20261121T120000Z\n20261121/%s/s3/aws4_request\n%x", region, canonical))
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20261121/%s/s3/aws4_request,"+
		"SignedHeaders=date;host;x-amz-content-sha256,Signature=%x", accessKey, region, signature))
	if _, err := verify(r, noon); err != nil {
		t.Error(err)
	}
	r.Header.Set("Date", noon.Add(time.Second).Format(http.TimeFormat))
	_, err := verify(r, noon)
	wantCode(t, err, "SignatureDoesNotMatch")
}

func TestEmptySecretOpensNothing(t *testing.T) {
	r := newRequest(t, "GET", "http://ferry.test/b", nil)
	r.Header.Set("X-Amz-Content-Sha256", emptySHA)
	keys := awsKeys
	keys.SecretAccessKey = ""
	if err := awsv4.NewSigner().SignHTTP(t.Context(), keys, r, emptySHA, "s3", region, noon); err != nil {
		t.Fatal(err)
	}
	nobody := func(context.Context, string) (sigv4.Secret, error) { return "", nil }
	_, err := sigv4.Verifier{}.Verify(r, nobody, noon)
	wantCode(t, err, "InvalidAccessKeyId")
}

func TestLookupFails(t *testing.T) {
	broken := errors.New("database is away")
	_, err := sigv4.Verifier{}.Verify(signedPut(t), func(context.Context, string) (sigv4.Secret, error) {
		return "", broken
	}, noon)
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	signed, err := verify(signedPut(t), noon)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(ourSigner)
	if err != nil {
		t.Fatal(err)
	}
	plain := fmt.Sprintf("%v %+v %#v %s %s", ourSigner, ourSigner, ourSigner, ourSigner.Secret, text)
	if strings.Contains(plain, secretKey) {
		t.Errorf("the secret is printed: %s", plain)
	}
	if plain := fmt.Sprintf("%+v", signed); strings.Contains(plain, "us-east-1/s3") {
		t.Errorf("the signing key is printed: %s", plain)
	}
}
