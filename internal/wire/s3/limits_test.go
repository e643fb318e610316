package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire/s3"
)

func TestFullDiskIs507(t *testing.T) {
	d := newDoorWith(t, options{minFree: 1 << 60})
	_, err := d.aws(d.key).PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("x")})
	wantCode(t, "PutObject", err, "507 InsufficientStorage")
	_, err = d.aws(d.key).CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("k")})
	wantCode(t, "CreateMultipartUpload", err, "507 InsufficientStorage")
	if _, err := d.aws(d.key).ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: bucket}); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}
}

func TestQuota(t *testing.T) {
	d := newDoorWith(t, options{quota: 10})
	c := d.aws(d.key)
	put := func(body io.Reader) error {
		_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: body})
		return err
	}
	wantCode(t, "PutObject of eleven bytes", put(strings.NewReader("hello world")), "403 QuotaExceeded")
	if err := put(strings.NewReader("hello")); err != nil {
		t.Fatal(err)
	}
	up, err := c.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("l")})
	d.must(err)
	part := func(n int32, text string) error {
		_, err := c.UploadPart(t.Context(), &sdk.UploadPartInput{
			Bucket: bucket, Key: aws.String("l"), UploadId: up.UploadId, PartNumber: &n, Body: strings.NewReader(text),
		})
		return err
	}
	d.must(part(1, "abc"))
	wantCode(t, "a part for which there is no room", part(2, "def"), "403 QuotaExceeded")
	if d.used() != 8 {
		t.Errorf("%d bytes are used, want 8", d.used())
	}
}

// Many write one key at once: one is left, whole, and nothing is paid for the rest.
func TestManyWritersOfOneKey(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{
				Bucket: bucket, Key: aws.String("k"), Body: bytes.NewReader(bytes.Repeat([]byte{'a' + byte(i)}, 1000)),
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, _ := d.read(c, "k")
	if len(got) != 1000 || bytes.Count(got, got[:1]) != 1000 {
		t.Errorf("%d bytes, %d of the first kind", len(got), bytes.Count(got, got[:1]))
	}
	if d.used() != 1000 {
		t.Errorf("%d bytes of quota are used", d.used())
	}
}

// The list of a transfer's files, and what is on a board, is not the key's to change.
func TestAnnouncedFileIsDeletedAloneOnly(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	remove := func(f *upload.File) error {
		_, err := c.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: aws.String(key(f))})
		return err
	}
	f := d.announce(5, 5)
	d.must(remove(f))
	if a := d.send("PUT", d.partURL(f, 1), strings.NewReader("hello")); a.code(t) != "404 NoSuchUpload" {
		t.Errorf("part of a deleted transfer: %s", a.body)
	}
	several := d.announceSeveral(2)
	err := remove(several[0])
	wantCode(t, "one file of two", err, "403 AccessDenied")
	if !strings.Contains(fmt.Sprint(err), "transfer of several files") {
		t.Errorf("%v does not say why", err)
	}
	if a := d.send("PUT", d.partURL(several[0], 1), strings.NewReader("hello")); a.StatusCode != 200 {
		t.Errorf("part of a file that was not deleted: %s", a.body)
	}
}

// While the installation's secret is changed, URLs and keys of the former one work.
func TestFormerSecret(t *testing.T) {
	d := newDoor(t)
	f := d.announce(5, 5)
	former, err := keyring.New(bytes.Repeat([]byte("f"), keyring.MinSecret))
	d.must(err)
	ring, err := keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret), bytes.Repeat([]byte("f"), keyring.MinSecret))
	d.must(err)
	stranger, err := keyring.New(bytes.Repeat([]byte("s"), keyring.MinSecret))
	d.must(err)
	config := d.handler.Config
	config.Ring = ring
	d.handler = s3.New(config)
	base := func() string { return d.url }
	old, _ := s3.NewPresigner(former, base, d.clock.now, config.URLLife).Part(f, 1)
	if a := d.send("PUT", old, strings.NewReader("hello")); a.StatusCode != 200 {
		t.Errorf("signed by the former secret: %d %s", a.StatusCode, a.body)
	}
	other, _ := s3.NewPresigner(stranger, base, d.clock.now, config.URLLife).Part(f, 1)
	if a := d.send("PUT", other, strings.NewReader("hello")); a.code(t) != "403 InvalidAccessKeyId" {
		t.Errorf("signed by another installation: %s", a.body)
	}
}

// A sink is a connection that takes files from the kernel, as the server's does.
type sink struct {
	*httptest.ResponseRecorder
	byKernel int64
}

func (s *sink) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(s.Body, src)
	if limited, ok := src.(*io.LimitedReader); ok {
		if _, ok := limited.R.(*os.File); ok {
			s.byKernel += n
		}
	}
	return n, err
}

func TestDownloadIsLeftToTheKernel(t *testing.T) {
	d := newDoor(t)
	f := d.announce(2*MiB, 2*MiB)
	d.send("PUT", d.partURL(f, 1), bytes.NewReader(randomBytes(2*MiB)))
	d.complete(f)
	get, _ := d.presigner.Get(f)
	w := &sink{ResponseRecorder: httptest.NewRecorder()}
	d.handler.ServeHTTP(w, httptest.NewRequest("GET", get, nil))
	if w.Code != 200 || w.byKernel != 2*MiB {
		t.Errorf("status %d, %d bytes were offered to the kernel", w.Code, w.byKernel)
	}
}

func BenchmarkPresignedPart(b *testing.B) {
	d := newDoor(b)
	part := randomBytes(6 * MiB)
	f := d.announce(int64(len(part))*10_000, int64(len(part)))
	b.SetBytes(int64(len(part)))
	n := 0
	for b.Loop() {
		n++
		r, err := http.NewRequestWithContext(b.Context(), "PUT", d.partURL(f, n), bytes.NewReader(part))
		if err != nil {
			b.Fatal(err)
		}
		resp, err := d.client.Do(r)
		if err != nil || resp.StatusCode != 200 {
			b.Fatal(fmt.Sprint(resp, err))
		}
		resp.Body.Close()
	}
}
