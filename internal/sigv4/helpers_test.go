package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ferry-server/ferry/internal/sigv4"
)

// The example credentials of the Amazon S3 API Reference.
const (
	accessKey = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	region    = "us-east-1"
)

var (
	noon       = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	awsKeys    = aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	ourSigner  = sigv4.Signer{AccessKey: accessKey, Secret: secretKey, Region: region}
	emptySHA   = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	uploadPart = "http://ferry.test:8080/s3/ferry/owner/file?partNumber=3&uploadId=abc"
)

func lookup(_ context.Context, key string) (sigv4.Secret, error) {
	if key == accessKey {
		return secretKey, nil
	}
	return "", nil
}

func verify(r *http.Request, now time.Time) (*sigv4.Signed, error) {
	return sigv4.Verifier{}.Verify(r, lookup, now)
}

// receive sends r over a wire of memory and returns it as a server sees it.
func receive(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func newRequest(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parseURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func presign(t testing.TB, method, target string) string {
	t.Helper()
	got, err := ourSigner.Presign(method, parseURL(t, target), noon, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wantCode checks that err is the Error of S3 with that code, and that it tells no secret.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	got, _ := errors.AsType[*sigv4.Error](err)
	if got == nil || got.Code != code {
		t.Fatalf("error is %v, want %s", err, code)
	}
	if got.Status < 400 || got.Status > 499 || got.Message == "" {
		t.Errorf("%s has status %d and message %q", code, got.Status, got.Message)
	}
	if strings.Contains(err.Error(), secretKey) {
		t.Errorf("error tells the secret: %v", err)
	}
}

// minioHash is SHA-256 as minio-go's streaming signer wants to be given it.
type minioHash struct{ hash.Hash }

func (minioHash) Close() {}

func newMinioHash() minioHash { return minioHash{sha256.New()} }
