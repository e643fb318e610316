package sigv4_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
	miniokeys "github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ferry-server/ferry/internal/sigv4"
)

// A store is the least of an S3 server: it verifies every request and remembers the last body.
type store struct {
	mu      sync.Mutex
	payload string
	content []byte
	err     error
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	signed, err := sigv4.Verifier{}.Verify(r, lookup, time.Now())
	if err == nil {
		s.payload = signed.Payload
		s.content, err = io.ReadAll(signed.Body(r.Body))
	}
	if s.err = err; err != nil {
		status := http.StatusInternalServerError
		if e, ok := errors.AsType[*sigv4.Error](err); ok {
			status = e.Status
		}
		w.WriteHeader(status)
		return
	}
	sum := md5.Sum(s.content)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
}

func (s *store) check(t *testing.T, clientErr error, content []byte) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if clientErr != nil || s.err != nil {
		t.Fatalf("client: %v; server: %v", clientErr, s.err)
	}
	if !bytes.Equal(s.content, content) {
		t.Errorf("%d bytes arrived, want %d", len(s.content), len(content))
	}
	t.Logf("sent as %s", s.payload)
}

var clientContents = map[string][]byte{
	"nothing": {},
	"little":  []byte("hello"),
	"more":    bytes.Repeat([]byte("0123456789abcdef"), 20_000),
}

// The clients people have, each in the ways it knows to send a body.
func TestS3ClientOfTheAWSSDK(t *testing.T) {
	algorithms := []types.ChecksumAlgorithm{
		"", // the SDK's own choice
		types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme,
		types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256, types.ChecksumAlgorithmSha512,
	}
	for scheme, start := range map[string]func(http.Handler) *httptest.Server{
		"http": httptest.NewServer, "https": httptest.NewTLSServer,
	} {
		s := new(store)
		server := start(s)
		defer server.Close()
		client := s3.New(s3.Options{
			BaseEndpoint: aws.String(server.URL + "/s3"), UsePathStyle: true, Region: "eu-nowhere-7",
			Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
			HTTPClient:  server.Client(), RetryMaxAttempts: 1,
		})
		for size, content := range clientContents {
			for _, algorithm := range algorithms {
				t.Run(scheme+" "+size+" "+string(algorithm), func(t *testing.T) {
					_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
						Bucket: aws.String("ferry"), Key: aws.String("owner/ünï +file//(1).txt"),
						Body: bytes.NewReader(content), ChecksumAlgorithm: algorithm,
						ContentType: aws.String("text/plain"), Metadata: map[string]string{"colour": "blue"},
					})
					s.check(t, err, content)
				})
			}
			t.Run(scheme+" "+size+" presigned", func(t *testing.T) {
				signed, err := s3.NewPresignClient(client).PresignPutObject(t.Context(), &s3.PutObjectInput{
					Bucket: aws.String("ferry"), Key: aws.String("owner/a key"), ContentType: aws.String("text/plain"),
				})
				if err != nil {
					t.Fatal(err)
				}
				r := newRequest(t, "PUT", signed.URL, bytes.NewReader(content))
				r.Header = signed.SignedHeader
				resp, err := server.Client().Do(r)
				if err == nil {
					resp.Body.Close()
				}
				s.check(t, err, content)
			})
		}
	}
}

func TestS3ClientOfMinio(t *testing.T) {
	for scheme, start := range map[string]func(http.Handler) *httptest.Server{
		"http": httptest.NewServer, "https": httptest.NewTLSServer,
	} {
		s := new(store)
		server := start(s)
		defer server.Close()
		for _, trailing := range []bool{false, true} {
			client, err := minio.New(server.Listener.Addr().String(), &minio.Options{
				Creds:  miniokeys.NewStaticV4(accessKey, secretKey, ""),
				Secure: scheme == "https", Region: region, Transport: server.Client().Transport,
				TrailingHeaders: trailing, BucketLookup: minio.BucketLookupPath,
			})
			if err != nil {
				t.Fatal(err)
			}
			for size, content := range clientContents {
				for _, checksum := range []minio.ChecksumType{minio.ChecksumNone, minio.ChecksumCRC32C, minio.ChecksumCRC64NVME} {
					if checksum.IsSet() && !trailing {
						continue // minio-go cannot
					}
					name := strings.Join([]string{scheme, size, checksum.String(), map[bool]string{true: "trailing"}[trailing]}, " ")
					t.Run(name, func(t *testing.T) {
						_, err := client.PutObject(t.Context(), "ferry", "owner/ünï +file (1).txt", bytes.NewReader(content),
							int64(len(content)), minio.PutObjectOptions{Checksum: checksum, DisableMultipart: true})
						s.check(t, err, content)
					})
				}
			}
		}
	}
}
