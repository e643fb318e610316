package sigv4_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	awsv4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"
	"github.com/minio/minio-go/v7/pkg/signer"
	"github.com/rclone/gofakes3/signature"

	"github.com/ferry-server/ferry/internal/sigv4"
)

// oddKeys are paths that signers and servers like to encode differently.
var oddKeys = []string{
	"/b/plain", "/b/with space", "/b/a+b", "/b/a//b", "/b/ünïcödé-日本", "/b/100%", "/b/a&b=c;d", "/b/(x)!*'$,@:",
	"/b/trailing/", "/b/.", "/b/../x", "/b/~tilde_-.", "/b/<\"|>^`{}\\",
}

func TestPresignIsWhatTheAWSSDKSigns(t *testing.T) {
	for _, path := range oddKeys {
		target := &url.URL{Scheme: "https", Host: "ferry.test", Path: path, RawQuery: "uploadId=a%2Fb%20c&partNumber=1"}
		ours, err := ourSigner.Presign("PUT", target, noon, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		r := newRequest(t, "PUT", ours, nil)
		stripped := r.URL.Query()
		for name := range stripped {
			if strings.HasPrefix(name, "X-Amz-") && name != "X-Amz-Expires" {
				stripped.Del(name)
			}
		}
		r.URL.RawQuery = stripped.Encode()
		theirs, _, err := awsv4.NewSigner(func(o *awsv4.SignerOptions) { o.DisableURIPathEscaping = true }).
			PresignHTTP(t.Context(), awsKeys, r, sigv4.UnsignedPayload, "s3", region, noon)
		if err != nil {
			t.Fatal(err)
		}
		if ours != theirs {
			t.Errorf("for %s\nwe presign   %s\nthe SDK says %s", path, ours, theirs)
		}
	}
}

func TestPresignIsAcceptedByGofakes3(t *testing.T) {
	for _, path := range oddKeys {
		target := &url.URL{Scheme: "http", Host: "ferry.test:80", Path: path, RawQuery: "uploadId=abc&partNumber=1"}
		signed, err := ourSigner.Presign("PUT", target, time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		r := receive(t, newRequest(t, "PUT", signed, nil))
		if code := signature.V4SignVerifyWithSecret(r, secretKey); code != signature.ErrNone {
			t.Errorf("gofakes3 refuses %s: %v", signed, signature.GetAPIError(code))
		}
	}
}

// Clients write the host their own way, and what they send as Host is what is verified.
func TestPresignWritesTheHostAsClientsDo(t *testing.T) {
	for target, want := range map[string]string{
		"http://Ferry.Test/k":      "http://ferry.test/k?",
		"http://ferry.test:80/k":   "http://ferry.test/k?",
		"https://ferry.test:443/k": "https://ferry.test/k?",
		"https://ferry.test:80/k":  "https://ferry.test:80/k?",
		"http://[::1]:8080/k":      "http://[::1]:8080/k?",
		"http://ferry.test":        "http://ferry.test/?",
	} {
		if got := presign(t, "GET", target); !strings.HasPrefix(got, want) {
			t.Errorf("%s is presigned as %s", target, got)
		}
	}
}

func TestPresignRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		target string
		ttl    time.Duration
	}{
		{"a life of nothing", uploadPart, 0},
		{"a life under a second", uploadPart, time.Second - 1},
		{"more than seven days", uploadPart, 7*24*time.Hour + 1},
		{"no host", "/s3/ferry/x", time.Hour},
		{"a parameter without a value", "http://h/k?uploads", time.Hour},
		{"a parameter given twice", "http://h/k?a=1&a=2", time.Hour},
		{"a parameter of the signature's own", "http://h/k?x-amz-date=1", time.Hour},
		{"a query that cannot be parsed", "http://h/k?a=%zz", time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := ourSigner.Presign("PUT", parseURL(t, tt.target), noon, tt.ttl); err == nil {
				t.Errorf("Presign gives %s", got)
			}
		})
	}
}

func TestPresignedURLSurvivesItsClients(t *testing.T) {
	signed := presign(t, "PUT", "HTTP://Ferry.Test:80/s3/ferry/owner/file?uploadId=a%2Fb%2Bc%20d&partNumber=3")
	sortLower := func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }
	for _, tt := range []struct {
		name   string
		change func(u *url.URL)
	}{
		{"as it is", func(*url.URL) {}},
		{"query parsed and encoded again", func(u *url.URL) { u.RawQuery = u.Query().Encode() }},
		{"query sorted without regard to case", func(u *url.URL) {
			pairs := strings.Split(u.RawQuery, "&")
			slices.SortFunc(pairs, sortLower)
			u.RawQuery = strings.Join(pairs, "&")
		}},
		{"query turned around", func(u *url.URL) {
			pairs := strings.Split(u.RawQuery, "&")
			slices.Reverse(pairs)
			u.RawQuery = strings.Join(pairs, "&")
		}},
		{"slashes in the query left alone", func(u *url.URL) { u.RawQuery = strings.ReplaceAll(u.RawQuery, "%2F", "/") }},
		{"escapes in lower case", func(u *url.URL) { u.RawQuery = strings.ReplaceAll(u.RawQuery, "%2F", "%2f") }},
		{"path with needless escapes", func(u *url.URL) { u.Path, u.RawPath = "/s3/ferry/owner/file", "/s3/f%65rry/owner/file" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRequest(t, "PUT", signed, strings.NewReader("x"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Expect", "100-continue")
			tt.change(r.URL)
			got, err := verify(receive(t, r), noon)
			if err != nil {
				t.Fatalf("%s: %v", r.URL, err)
			}
			if !got.Presigned || got.AccessKey != accessKey || got.Region != region ||
				got.Payload != sigv4.UnsignedPayload || got.DecodedLength != 1 {
				t.Errorf("Verify gives %+v", got)
			}
		})
	}
}

func TestVerifyAcceptsForeignPresigners(t *testing.T) {
	now := time.Now() // minio-go has no other clock
	for _, path := range append(slices.Clone(oddKeys), "/b/a%2Fb") {
		u := &url.URL{Scheme: "http", Host: "ferry.test:9000", Path: path, RawQuery: "partNumber=1&uploadId=x%20y"}
		u.RawPath = httpbinding.EscapePath(path, false) // as the SDK's S3 client does
		if strings.Contains(path, "%2F") {
			u.Path, u.RawPath = "/b/a/b", path
		}
		r := newRequest(t, "PUT", u.String(), nil)
		query := r.URL.Query()
		query.Set("X-Amz-Expires", "900")
		r.URL.RawQuery = query.Encode()
		r.Header.Set("Content-Type", "text/plain")
		r.Header.Set("X-Amz-Meta-Colour", "  deep   blue ")
		signed, headers, err := awsv4.NewSigner(func(o *awsv4.SignerOptions) { o.DisableURIPathEscaping = true }).
			PresignHTTP(t.Context(), awsKeys, r, sigv4.UnsignedPayload, "s3", region, now)
		if err != nil {
			t.Fatal(err)
		}
		r = newRequest(t, "PUT", signed, nil)
		r.Header = headers
		if _, err := verify(receive(t, r), now); err != nil {
			t.Errorf("presigned by the AWS SDK: %s: %v", signed, err)
		}

		if u.RawPath == path && strings.Contains(path, "%2F") {
			continue // minio-go signs the decoded path
		}
		r = signer.PreSignV4(*newRequest(t, "PUT", u.String(), nil), accessKey, secretKey, "", region, 900)
		if _, err := verify(receive(t, r), now); err != nil {
			t.Errorf("presigned by minio-go: %s: %v", r.URL, err)
		}
	}
}

// Whatever is changed in a presigned request, somebody else's right does not come of it.
func TestPresignedTampering(t *testing.T) {
	signed := presign(t, "PUT", uploadPart)
	expectRefusal := func(t *testing.T, r *http.Request) {
		t.Helper()
		if _, err := verify(receive(t, r), noon); err == nil {
			t.Errorf("accepted: %s %s", r.Method, r.URL)
		}
	}
	names := parseURL(t, signed).Query()
	if len(names) != 8 {
		t.Fatalf("%d parameters in %s", len(names), signed)
	}
	for name, values := range names {
		t.Run(name, func(t *testing.T) {
			for what, change := range map[string]func(q url.Values){
				"one character more": func(q url.Values) { q.Set(name, values[0]+"0") },
				"one character less": func(q url.Values) { q.Set(name, values[0][:len(values[0])-1]) },
				"another case":       func(q url.Values) { q.Set(name, swapCase(values[0])) },
				"empty":              func(q url.Values) { q.Set(name, "") },
				"absent":             func(q url.Values) { q.Del(name) },
				"given twice":        func(q url.Values) { q.Add(name, values[0]) },
				"given another way":  func(q url.Values) { q.Set(strings.ToLower(name)+"_", values[0]) },
			} {
				r := newRequest(t, "PUT", signed, nil)
				q := r.URL.Query()
				change(q)
				if r.URL.RawQuery = q.Encode(); q.Get(name) == values[0] && len(q[name]) == 1 && len(q) == len(names) {
					continue // digits have no case
				}
				if _, err := verify(receive(t, r), noon); err == nil {
					t.Errorf("%s: accepted", what)
				}
			}
		})
	}
	t.Run("another method", func(t *testing.T) { expectRefusal(t, newRequest(t, "GET", signed, nil)) })
	t.Run("another host", func(t *testing.T) {
		expectRefusal(t, newRequest(t, "PUT", strings.Replace(signed, "ferry.test", "ferry.example", 1), nil))
	})
	t.Run("another path", func(t *testing.T) {
		expectRefusal(t, newRequest(t, "PUT", strings.Replace(signed, "owner/file", "owner/files", 1), nil))
	})
	t.Run("a slash hidden in the path", func(t *testing.T) {
		expectRefusal(t, newRequest(t, "PUT", strings.Replace(signed, "owner/file", "owner%2Ffile", 1), nil))
	})
	t.Run("another secret", func(t *testing.T) {
		s := sigv4.Signer{AccessKey: accessKey, Secret: secretKey + "x", Region: region}
		other, err := s.Presign("PUT", parseURL(t, uploadPart), noon, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, newRequest(t, "PUT", other, nil))
	})
}

func swapCase(s string) string {
	if lower := strings.ToLower(s); lower != s {
		return lower
	}
	return strings.ToUpper(s)
}
