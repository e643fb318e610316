package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/minio/minio-go/v7"
	miniocreds "github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ferry-server/ferry/internal/testenv"
)

const (
	bucket = "ferry"
	s3Size = 200 * mib
	s3Part = 16 * mib
)

// s3Credentials gives access id and secret of an API key.
func s3Credentials(t *testing.T, node *testenv.Node, key string) (access, secret string) {
	t.Helper()
	said := strings.Fields(node.Ferry("key", "s3", key))
	if len(said) != 2 {
		t.Fatalf("ferry key s3 prints %q, want an access id and a secret", said)
	}
	return said[0], said[1]
}

func awsClient(node *testenv.Node, access, secret string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(node.URL + "/s3"),
		UsePathStyle: true,
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider(access, secret, ""),
	})
}

// TestAWS: Amazon's own SDK puts 200 MiB in parts and by a presigned URL, and
// reads them back.
func TestAWS(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	access, secret := s3Credentials(t, node, node.Key())
	client, ctx := awsClient(node, access, secret), t.Context()

	t.Run("in parts", func(t *testing.T) {
		c := content{"in parts.bin", s3Size, 50}
		if err := putInParts(ctx, client, "backups/in parts.bin", c); err != nil {
			t.Fatal(err)
		}
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("backups/in parts.bin")})
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		if err := c.check(got.Body); err != nil {
			t.Error(err)
		}
	})
	t.Run("by a presigned URL", func(t *testing.T) {
		c := content{"at once.bin", s3Size, 51}
		presign := s3.NewPresignClient(client)
		put, err := presign.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(c.name)})
		if err != nil {
			t.Fatal(err)
		}
		putSigned(t, put.URL, put.SignedHeader, c)
		get, err := presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(c.name)})
		if err != nil {
			t.Fatal(err)
		}
		c.checkAt(t, get.URL)
	})
	t.Run("in one request", func(t *testing.T) {
		c := content{"small.bin", 3 * mib, 52}
		_, err := client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(bucket), Key: aws.String(c.name), Body: bytes.NewReader(c.bytes(0, c.size)),
		})
		if err != nil {
			t.Fatal(err)
		}
		head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(c.name)})
		if err != nil || aws.ToInt64(head.ContentLength) != c.size {
			t.Errorf("HeadObject: %d bytes, %v", aws.ToInt64(head.ContentLength), err)
		}
	})
}

// putInParts is what the SDK's upload manager does, four parts at a time.
func putInParts(ctx context.Context, client *s3.Client, key string, c content) error {
	made, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		return err
	}
	n := int((c.size + s3Part - 1) / s3Part)
	done, failed := make([]types.CompletedPart, n), make([]error, n)
	var workers sync.WaitGroup
	room := make(chan struct{}, 4)
	for i := range n {
		room <- struct{}{}
		workers.Go(func() {
			defer func() { <-room }()
			off := int64(i) * s3Part
			put, err := client.UploadPart(ctx, &s3.UploadPartInput{
				Bucket: aws.String(bucket), Key: aws.String(key), UploadId: made.UploadId, PartNumber: aws.Int32(int32(i + 1)),
				Body: bytes.NewReader(c.bytes(off, min(s3Part, c.size-off))),
			})
			if failed[i] = err; err == nil {
				done[i] = types.CompletedPart{ETag: put.ETag, PartNumber: aws.Int32(int32(i + 1))}
			}
		})
	}
	workers.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	_, err = client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: aws.String(bucket), Key: aws.String(key), UploadId: made.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	})
	return err
}

// putSigned puts a content to a presigned URL.
func putSigned(t *testing.T, address string, header http.Header, c content) {
	t.Helper()
	req, err := http.NewRequest("PUT", address, c.reader())
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = c.size
	for name, values := range header {
		if name != "Host" {
			req.Header[name] = values
		}
	}
	resp, err := recipient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body(t, resp)
}

// TestMinIO: MinIO's SDK does the same. Its endpoints cannot have a path, so a
// transport puts the door's in front, as a proxy would.
func TestMinIO(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	access, secret := s3Credentials(t, node, node.Key())
	base, err := url.Parse(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(base.Host, &minio.Options{
		Creds: miniocreds.NewStaticV4(access, secret, ""), Region: "us-east-1",
		BucketLookup: minio.BucketLookupPath, Transport: prefixed{},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := content{"from minio.bin", s3Size, 53}
	options := minio.PutObjectOptions{PartSize: s3Part, NumThreads: 4}
	if _, err := client.PutObject(t.Context(), bucket, c.name, c.reader(), c.size, options); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetObject(t.Context(), bucket, c.name, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if err := c.check(got); err != nil {
		t.Error(err)
	}

	c = content{"presigned by minio.bin", 20 * mib, 54}
	put, err := client.PresignedPutObject(t.Context(), bucket, c.name, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	putSigned(t, withPrefix(put).String(), nil, c)
	get, err := client.PresignedGetObject(t.Context(), bucket, c.name, time.Hour, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.checkAt(t, withPrefix(get).String())
}

type prefixed struct{}

func (prefixed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL = withPrefix(r.URL)
	return http.DefaultTransport.RoundTrip(r)
}

func withPrefix(u *url.URL) *url.URL {
	v := *u
	v.Path = "/s3" + v.Path
	if v.RawPath != "" {
		v.RawPath = "/s3" + v.RawPath
	}
	return &v
}

// TestS3File: a file that was announced by WeTransfer's API is one object more to
// an S3 program: {owner}/{file}, as its upload URL says.
func TestS3File(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	access, secret := s3Credentials(t, node, c.key)
	client, ctx := awsClient(node, access, secret), t.Context()
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			s := mustBegin(t, c, d, content{"both ways.bin", 40 * mib, 55})
			f := s.items[0]
			key := objectKey(t, f)
			if err := putInParts(ctx, client, key, f.content); err != nil {
				t.Fatal(err)
			}
			if err := f.complete(); err != nil { // it is complete already: no harm
				t.Fatal(err)
			}
			if s.seal != nil {
				if err := s.seal(); err != nil {
					t.Fatal(err)
				}
			}
			s.check(t)
			got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
			if err != nil {
				t.Fatal(err)
			}
			defer got.Body.Close()
			if err := f.check(got.Body); err != nil {
				t.Error(err)
			}
		})
	}
}

// objectKey gives the key of a file out of its upload URL.
func objectKey(t *testing.T, f *item) string {
	t.Helper()
	address, err := f.url(1)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := strings.CutPrefix(u.Path, "/s3/"+bucket+"/")
	if !ok || !strings.HasSuffix(key, "/"+f.id) {
		t.Fatalf("the upload URL is %s, want /s3/%s/{owner}/%s", address, bucket, f.id)
	}
	return key
}

// TestS3Errors: failures reach an S3 program as those of its own library.
func TestS3Errors(t *testing.T) {
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	access, secret := s3Credentials(t, node, c.key)
	client, ctx := awsClient(node, access, secret), t.Context()

	s := mustBegin(t, c, transferV2, content{"mine.bin", 1000, 56})
	mine := objectKey(t, s.items[0])
	if err := s.send(); err != nil {
		t.Fatal(err)
	}
	get := func(client *s3.Client, bucket, key string) error {
		_, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		return err
	}
	complete := func(key, upload string, parts ...types.CompletedPart) error {
		_, err := client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: aws.String(bucket), Key: &key, UploadId: &upload,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
		return err
	}
	_, abort := client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: aws.String(bucket), Key: aws.String("open"), UploadId: aws.String("no-such-upload"),
	})
	_, list := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("other")})
	open, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(bucket), Key: aws.String("open")})
	if err != nil {
		t.Fatal(err)
	}
	if err := get(client, bucket, mine); err != nil {
		t.Errorf("one's own file: %v", err)
	}
	for _, tt := range []struct {
		name string
		err  error
		code string
		is   func(error) bool // the SDK's type for it, where it has one
	}{
		{"a wrong secret", get(awsClient(node, access, secret+"x"), bucket, mine), "SignatureDoesNotMatch", nil},
		{"an unknown access id", get(awsClient(node, "NOSUCHKEY", secret), bucket, mine), "InvalidAccessKeyId", nil},
		{"another bucket", get(client, "other", "x"), "NoSuchBucket", nil},
		{"the list of another bucket", list, "NoSuchBucket", isError[*types.NoSuchBucket]},
		{"a key that is not there", get(client, bucket, "not/there"), "NoSuchKey", isError[*types.NoSuchKey]},
		{"an upload that is not there", complete("open", "no-such-upload", types.CompletedPart{
			ETag: aws.String(`"x"`), PartNumber: aws.Int32(1),
		}), "NoSuchUpload", nil},
		{"no such upload to abort", abort, "NoSuchUpload", isError[*types.NoSuchUpload]},
		{"a part that was not sent", complete("open", *open.UploadId, types.CompletedPart{
			ETag: aws.String(`"d41d8cd98f00b204e9800998ecf8427e"`), PartNumber: aws.Int32(1),
		}), "InvalidPart", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if code := s3Code(tt.err); code != tt.code {
				t.Errorf("%v, want %s", tt.err, tt.code)
			}
			if tt.is != nil && !tt.is(tt.err) {
				t.Errorf("%v is not of the SDK's type for %s", tt.err, tt.code)
			}
		})
	}

	t.Run("another's file is like one that is not there", func(t *testing.T) {
		node.Ferry("user", "create", "--email", "other@example.org", "--password", "correct horse battery staple")
		owner, _, _ := strings.Cut(mine, "/")
		missing := owner + "/" + strings.Repeat("0", len(mine)-len(owner)-1)
		for who, key := range map[string]string{
			"another account":            node.Key("--user", "other@example.org"),
			"another key of the account": node.Key(),
		} {
			access, secret := s3Credentials(t, node, key)
			stranger := awsClient(node, access, secret)
			foreign, absent := s3Code(get(stranger, bucket, mine)), s3Code(get(stranger, bucket, missing))
			if foreign != absent || foreign != "NoSuchKey" && foreign != "AccessDenied" {
				t.Errorf("%s: foreign: %q, missing: %q", who, foreign, absent)
			}
		}
	})
	t.Run("a presigned URL whose time is over", func(t *testing.T) {
		req, err := http.NewRequest("GET", node.URL+"/s3/"+bucket+"/"+mine+"?X-Amz-Expires=60", nil)
		if err != nil {
			t.Fatal(err)
		}
		who := aws.Credentials{AccessKeyID: access, SecretAccessKey: secret}
		signed, _, err := v4.NewSigner().PresignHTTP(ctx, who, req, "UNSIGNED-PAYLOAD", "s3", "us-east-1", time.Now().Add(-2*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		resp := request(t, "GET", signed, nil)
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 403 || !bytes.Contains(text, []byte("<Code>AccessDenied</Code>")) || !bytes.Contains(text, []byte("Request has expired")) {
			t.Errorf("%s %s, want 403 AccessDenied, Request has expired", resp.Status, text)
		}
	})
}

func s3Code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func isError[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
