package s3_test

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/minio/minio-go/v7"
	miniokeys "github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

var bucket = aws.String("ferry")

// aws gives the AWS SDK's client with the credentials of a key, as `ferry key s3`
// prints them.
func (d *door) aws(k *account.APIKey) *sdk.Client {
	access, secret := d.accounts.S3Credentials(k)
	return d.awsWith(access, string(secret))
}

func (d *door) awsWith(access, secret string) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(d.url + "/s3"), UsePathStyle: true, Region: "eu-central-1",
		Credentials: credentials.NewStaticCredentialsProvider(access, secret, ""),
		HTTPClient:  d.client, RetryMaxAttempts: 1,
		// As config.LoadDefaultConfig has it.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	})
}

// code gives S3's code in an error of the SDK, and the status.
func code(err error) string {
	var api smithy.APIError
	var resp interface{ HTTPStatusCode() int }
	if !errors.As(err, &api) || !errors.As(err, &resp) {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%d %s", resp.HTTPStatusCode(), api.ErrorCode())
}

func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func md5Tag(b []byte) string { return fmt.Sprintf(`"%x"`, md5.Sum(b)) }

func (d *door) read(c *sdk.Client, key string) ([]byte, *sdk.GetObjectOutput) {
	d.Helper()
	out, err := c.GetObject(d.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: &key})
	if err != nil {
		d.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		d.Fatal(err)
	}
	return b, out
}

func TestSDKPutsAFreeKey(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	content := randomBytes(300_000)
	key := "reports/2026/Größe + (1).pdf"
	put, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	if *put.ETag != md5Tag(content) {
		t.Errorf("ETag %s, want the MD5 %s", *put.ETag, md5Tag(content))
	}
	got, out := d.read(c, key)
	if !bytes.Equal(got, content) || *out.ETag != *put.ETag {
		t.Errorf("%d bytes came back, ETag %s, was %s", len(got), *out.ETag, *put.ETag)
	}
	if out.ChecksumCRC32 == nil {
		t.Error("the SDK asked for a checksum to verify and got none")
	}
	link := out.Metadata["ferry-link"]
	code := strings.TrimPrefix(link, d.url+"/")
	sh, err := d.shares.ByCode(t.Context(), code)
	if err != nil || sh.State != share.Ready || !sh.Sealed || sh.Size != int64(len(content)) {
		t.Fatalf("link %q leads to %+v, %v", link, sh, err)
	}
	err = d.uploads.Files(t.Context(), sh, func(f *upload.File) error {
		if f.Name != "Größe + (1).pdf" {
			t.Errorf("the file is named %q", f.Name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	head, err := c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: bucket, Key: &key})
	if err != nil || *head.ETag != *put.ETag || *head.ContentLength != int64(len(content)) {
		t.Errorf("HeadObject: %+v, %v", head, err)
	}

	// The second writer wins, as a whole, and the first transfer goes.
	again := []byte("again")
	if _, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(again)}); err != nil {
		t.Fatal(err)
	}
	if got, _ := d.read(c, key); !bytes.Equal(got, again) {
		t.Errorf("after the second PUT: %d bytes", len(got))
	}
	if sh, _ := d.db.ByID(t.Context(), sh.ID); sh.State != share.Deleted {
		t.Errorf("the first transfer is %v", sh.State)
	}
	if used := d.used(); used != int64(len(again)) {
		t.Errorf("%d bytes of quota are used", used)
	}

	if _, err := c.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: &key})
	if _, ok := errors.AsType[*types.NoSuchKey](err); !ok {
		t.Errorf("after DeleteObject: %v", err)
	}
	_, err = c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: bucket, Key: &key})
	if _, ok := errors.AsType[*types.NotFound](err); !ok {
		t.Errorf("HeadObject after DeleteObject: %v", err)
	}
	if used := d.used(); used != 0 {
		t.Errorf("%d bytes of quota are used after DeleteObject", used)
	}
	if _, err := c.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: &key}); err != nil {
		t.Errorf("DeleteObject again: %v", err)
	}
}

func TestSDKPutsAnEmptyFile(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	for _, key := range []string{"empty", "folder/"} {
		if _, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: &key}); err != nil {
			t.Fatal(err)
		}
		if got, out := d.read(c, key); len(got) != 0 || *out.ETag != md5Tag(nil) {
			t.Errorf("%q: %d bytes, ETag %s", key, len(got), *out.ETag)
		}
	}
}

// Each checksum the SDK knows, as a trailer over plain HTTP's aws-chunked and as a
// header. The door stores nothing that does not match.
func TestSDKChecksums(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	content := randomBytes(200_000)
	for _, algorithm := range types.ChecksumAlgorithm("").Values() {
		key := "sum-" + string(algorithm)
		_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{
			Bucket: bucket, Key: &key, Body: bytes.NewReader(content), ChecksumAlgorithm: algorithm,
		})
		if strings.HasPrefix(string(algorithm), "XXHASH") || algorithm == types.ChecksumAlgorithmMd5 {
			continue // this client computes none of these itself
		}
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		if got, _ := d.read(c, key); !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes came back", algorithm, len(got))
		}
	}
	key := "wrong"
	_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{
		Bucket: bucket, Key: &key, Body: bytes.NewReader(content), ChecksumCRC32: aws.String("AAAAAA=="),
	})
	wantCode(t, "a checksum of other bytes", err, "400 BadDigest")
	_, err = c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: bucket, Key: &key})
	wantCode(t, "what was refused", err, "404 NotFound")
}

// sendParts sends content by an upload of the SDK.
func (d *door) sendParts(c *sdk.Client, key string, content []byte, size int) (string, []types.CompletedPart) {
	d.Helper()
	made, err := c.CreateMultipartUpload(d.Context(), &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: &key})
	if err != nil {
		d.Fatal(err)
	}
	var parts []types.CompletedPart
	n := int32(0)
	for chunk := range slices.Chunk(content, size) {
		n++
		out, err := c.UploadPart(d.Context(), &sdk.UploadPartInput{
			Bucket: bucket, Key: &key, UploadId: made.UploadId, PartNumber: aws.Int32(n), Body: bytes.NewReader(chunk),
		})
		if err != nil {
			d.Fatal(err)
		}
		if *out.ETag != md5Tag(chunk) {
			d.Errorf("part %d: ETag %s, want the MD5", n, *out.ETag)
		}
		parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(n), ChecksumCRC32: out.ChecksumCRC32})
	}
	return *made.UploadId, parts
}

func TestSDKMultipart(t *testing.T) {
	size := 24*MiB + 12345
	if testing.Short() {
		size = 3*MiB + 12345
	}
	content := randomBytes(size)
	for name, target := range map[string]func(*door) string{
		"of a free key":                         func(*door) string { return "videos/film.mkv" },
		"of an announced file, by its plan":     func(d *door) string { return key(d.announce(int64(size), int64(size)/4)) },
		"of an announced file, cut another way": func(d *door) string { return key(d.announce(int64(size), 1*MiB)) },
	} {
		t.Run("multipart upload "+name, func(t *testing.T) {
			d := newDoor(t)
			c := d.aws(d.key)
			key := target(d)
			id, parts := d.sendParts(c, key, content, size/4)
			list, err := c.ListParts(t.Context(), &sdk.ListPartsInput{Bucket: bucket, Key: &key, UploadId: &id, MaxParts: aws.Int32(3)})
			if err != nil || len(list.Parts) != 3 || !*list.IsTruncated || *list.NextPartNumberMarker != "3" || *list.Parts[1].ETag != *parts[1].ETag {
				t.Fatalf("ListParts: %+v, %v", list, err)
			}
			if used := d.used(); used != int64(size) {
				t.Errorf("%d bytes of quota are used, want %d", used, size)
			}
			in := &sdk.CompleteMultipartUploadInput{
				Bucket: bucket, Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
			}
			done, err := c.CompleteMultipartUpload(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if *done.Key != key || *done.Bucket != "ferry" || !strings.HasPrefix(*done.Location, d.url+"/s3/ferry/") {
				t.Errorf("CompleteMultipartUpload: %+v", done)
			}
			got, out := d.read(c, key)
			if !bytes.Equal(got, content) || *out.ETag != *done.ETag {
				t.Errorf("%d of %d bytes came back, ETag %s, was %s", len(got), size, *out.ETag, *done.ETag)
			}
			ranged, err := c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: &key, Range: aws.String("bytes=1000000-1000009")})
			if err != nil {
				t.Fatal(err)
			}
			if b, _ := io.ReadAll(ranged.Body); !bytes.Equal(b, content[1000000:1000010]) {
				t.Errorf("range: %x", b)
			}
			again, err := c.CompleteMultipartUpload(t.Context(), in)
			if err != nil || *again.ETag != *done.ETag {
				t.Errorf("completing again: %+v, %v", again, err)
			}
			_, err = c.UploadPart(t.Context(), &sdk.UploadPartInput{
				Bucket: bucket, Key: &key, UploadId: &id, PartNumber: aws.Int32(1), Body: strings.NewReader("late"),
			})
			wantCode(t, "part after completion", err, "404 NoSuchUpload")
			_, err = c.ListParts(t.Context(), &sdk.ListPartsInput{Bucket: bucket, Key: &key, UploadId: &id})
			wantCode(t, "ListParts after completion", err, "404 NoSuchUpload")
		})
	}
}

func TestSDKCompletesWhatItListsOnly(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	key := "chosen"
	id, parts := d.sendParts(c, key, []byte("aaaabbbbccccdd"), 4)
	try := func(parts ...types.CompletedPart) error {
		_, err := c.CompleteMultipartUpload(t.Context(), &sdk.CompleteMultipartUploadInput{
			Bucket: bucket, Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
		return err
	}
	wrong := parts[1]
	wrong.ETag = parts[0].ETag
	wrongSum := parts[1]
	wrongSum.ChecksumCRC32 = parts[0].ChecksumCRC32
	absent := parts[3]
	absent.PartNumber = aws.Int32(9)
	unquoted := parts[3]
	unquoted.ETag = aws.String(strings.Trim(*unquoted.ETag, `"`))
	wantCode(t, "no parts", try(), "400 MalformedXML")
	wantCode(t, "another ETag", try(parts[0], wrong), "400 InvalidPart")
	wantCode(t, "another checksum", try(parts[0], wrongSum), "400 InvalidPart")
	wantCode(t, "a part that was not sent", try(parts[0], absent), "400 InvalidPart")
	wantCode(t, "a wrong order", try(parts[1], parts[0]), "400 InvalidPartOrder")
	wantCode(t, "a part twice", try(parts[1], parts[1]), "400 InvalidPartOrder")
	if err := try(parts[0], parts[2], unquoted); err != nil {
		t.Fatal(err)
	}
	if got, _ := d.read(c, key); string(got) != "aaaaccccdd" {
		t.Errorf("content %q", got)
	}
}

func TestSDKAbort(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	key := "aborted"
	id, parts := d.sendParts(c, key, []byte("aaaabbbb"), 4)
	abort := func(key, id string) error {
		_, err := c.AbortMultipartUpload(t.Context(), &sdk.AbortMultipartUploadInput{Bucket: bucket, Key: &key, UploadId: &id})
		return err
	}
	wantCode(t, "the upload of another key", abort("other", id), "404 NoSuchUpload")
	if err := abort(key, id); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "aborting again", abort(key, id), "404 NoSuchUpload")
	_, err := c.CompleteMultipartUpload(t.Context(), &sdk.CompleteMultipartUploadInput{
		Bucket: bucket, Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	wantCode(t, "completing what was aborted", err, "404 NoSuchUpload")
	if used := d.used(); used != 0 {
		t.Errorf("%d bytes of quota are used", used)
	}
}

func TestSDKAbortsTheUploadOfAnAnnouncedFile(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	abort := func(c *sdk.Client, f *upload.File) error {
		_, err := c.AbortMultipartUpload(t.Context(), &sdk.AbortMultipartUploadInput{
			Bucket: bucket, Key: aws.String(key(f)), UploadId: &f.Upload,
		})
		return err
	}
	put := func(f *upload.File, n int, text string) {
		t.Helper()
		if a := d.send("PUT", d.partURL(f, n), strings.NewReader(text)); a.StatusCode != 200 {
			t.Fatalf("part %d: %s", n, a.body)
		}
	}
	for _, tt := range []struct {
		name string
		file *upload.File
	}{
		{"the only file of its transfer", d.announce(5, 5)},
		{"one file of two", d.announceSeveral(2)[0]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.file
			d.must(abort(c, f)) // nothing has arrived
			put(f, 1, "wrong")
			put(f, 2, "x") // loose
			wantCode(t, "by another account", abort(d.aws(d.newKey(0)), f), "404 NoSuchUpload")
			used := d.used()
			for range 2 {
				d.must(abort(c, f))
			}
			if d.used() != used {
				t.Errorf("%d bytes of quota are used, want %d as announced", d.used(), used)
			}
			out, err := c.ListParts(t.Context(), &sdk.ListPartsInput{Bucket: bucket, Key: aws.String(key(f)), UploadId: &f.Upload})
			d.must(err)
			if len(out.Parts) != 0 {
				t.Errorf("parts are left: %v", out.Parts)
			}
			if _, err := d.uploads.Complete(t.Context(), f.ID, upload.CompleteOptions{}); fault.CodeOf(err) != "part_missing" {
				t.Errorf("completing what was aborted: %v", err)
			}
			put(f, 1, "hello")
			d.complete(f)
			wantCode(t, "a complete file", abort(c, f), "404 NoSuchUpload")
			if got := d.content(f); got != "hello" {
				t.Errorf("content %q", got)
			}
		})
	}
}

// A file that was completed while its upload is aborted is not taken down.
func TestSDKAbortLeavesACompleteObject(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	name := "kept"
	id, parts := d.sendParts(c, name, []byte("aaaabbbb"), 4)
	_, err := c.CompleteMultipartUpload(t.Context(), &sdk.CompleteMultipartUploadInput{
		Bucket: bucket, Key: &name, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	d.must(err)
	_, err = c.AbortMultipartUpload(t.Context(), &sdk.AbortMultipartUploadInput{Bucket: bucket, Key: &name, UploadId: &id})
	wantCode(t, "aborting what is complete", err, "404 NoSuchUpload")
	if got, _ := d.read(c, name); string(got) != "aaaabbbb" {
		t.Errorf("content %q", got)
	}
}

// Foreign and missing are the same answer.
func TestSDKOfAnotherAccountFindsNothing(t *testing.T) {
	d := newDoor(t)
	mine, theirs := d.aws(d.key), d.aws(d.newKey(0))
	free := "mine"
	if _, err := mine.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: &free, Body: strings.NewReader("secret")}); err != nil {
		t.Fatal(err)
	}
	open := d.announce(5, 5)
	done := d.announce(5, 5)
	d.send("PUT", d.partURL(done, 1), strings.NewReader("hello"))
	d.complete(done)
	missing := string(d.key.Account) + "/0123456789abcdef0123456789abcdef20261121100000"
	upload, _ := d.sendParts(mine, "upload", []byte("aaaa"), 4)

	for _, k := range []string{free, key(open), key(done), missing} {
		get := &sdk.GetObjectInput{Bucket: bucket, Key: &k}
		_, err := theirs.GetObject(t.Context(), get)
		wantCode(t, "GetObject of "+k, err, "404 NoSuchKey")
		_, err = theirs.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: bucket, Key: &k})
		wantCode(t, "HeadObject of "+k, err, "404 NotFound")
		_, err = theirs.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: &k})
		if err != nil {
			t.Errorf("DeleteObject of %s: %v", k, err)
		}
		if k != free {
			_, err = theirs.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: &k, Body: strings.NewReader("hello")})
			wantCode(t, "PutObject of "+k, err, "404 NoSuchKey")
			_, err = theirs.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: &k})
			wantCode(t, "CreateMultipartUpload of "+k, err, "404 NoSuchKey")
		}
		for _, id := range []string{cmp.Or(open.Upload, "x"), upload, "nonsense"} {
			_, err = theirs.UploadPart(t.Context(), &sdk.UploadPartInput{
				Bucket: bucket, Key: &k, UploadId: &id, PartNumber: aws.Int32(1), Body: strings.NewReader("hello"),
			})
			wantCode(t, "UploadPart of "+k, err, "404 NoSuchUpload")
		}
	}
	list, err := theirs.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: bucket})
	if err != nil || len(list.Contents) != 0 {
		t.Errorf("ListObjectsV2: %v, %v", list, err)
	}
	if got, _ := d.read(mine, free); string(got) != "secret" {
		t.Errorf("my object is now %q", got)
	}
	if got, _ := d.read(mine, key(done)); string(got) != "hello" {
		t.Errorf("my file is now %q", got)
	}
}

func TestSDKWithAKeyThatIsNotForEverything(t *testing.T) {
	d := newDoor(t)
	keyFor := func(scopes account.Scope) *account.APIKey {
		k := &account.APIKey{ID: account.KeyID(d.ids.Key()), Account: d.key.Account, Scopes: scopes, CreatedAt: d.clock.now()}
		copy(k.Hash[:], k.ID)
		d.must(d.db.CreateKey(t.Context(), k))
		return k
	}
	for _, tt := range []struct {
		name     string
		scopes   account.Scope
		get, put string
	}{
		{"to read", account.Read, "404 NoSuchKey", "403 AccessDenied"},
		{"to send", account.Send, "403 AccessDenied", ""},
		{"to manage the account", account.Manage, "403 AccessDenied", "403 AccessDenied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s3, key := d.aws(keyFor(tt.scopes)), "x"
			_, err := s3.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: &key})
			wantCode(t, "GetObject", err, tt.get)
			_, err = s3.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader("hello")})
			_, derr := s3.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: &key})
			if tt.put == "" {
				d.must(errors.Join(err, derr))
				return
			}
			wantCode(t, "PutObject", err, tt.put)
			wantCode(t, "DeleteObject", derr, tt.put)
		})
	}
}

func TestSDKWithWrongCredentials(t *testing.T) {
	d := newDoor(t)
	access, secret := d.accounts.S3Credentials(d.key)
	get := func(c *sdk.Client) error {
		_, err := c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: aws.String("key")})
		return err
	}
	wantCode(t, "another secret", get(d.awsWith(access, string(secret)+"x")), "403 SignatureDoesNotMatch")
	wantCode(t, "a key nobody has", get(d.awsWith("FERRY1"+strings.Repeat("0", 30), string(secret))), "403 InvalidAccessKeyId")
	wantCode(t, "a key of another form", get(d.awsWith("AKIAIOSFODNN7EXAMPLE", string(secret))), "403 InvalidAccessKeyId")
	d.clock.move(20 * time.Minute)
	wantCode(t, "a clock that is off", get(d.aws(d.key)), "403 RequestTimeTooSkewed")
}

func TestSDKPresigns(t *testing.T) {
	d := newDoor(t)
	c := sdk.NewPresignClient(d.aws(d.key))
	put, err := c.PresignPutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: aws.String("a b/c")})
	if err != nil {
		t.Fatal(err)
	}
	if a := d.send("PUT", put.URL, strings.NewReader("hello")); a.StatusCode != 200 || a.body != "" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	get, err := c.PresignGetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: aws.String("a b/c")})
	if err != nil {
		t.Fatal(err)
	}
	if a := d.send("GET", get.URL, nil); a.StatusCode != 200 || a.body != "hello" {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	long, err := c.PresignGetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: aws.String("a b/c")}, sdk.WithPresignExpires(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if a := d.send("GET", long.URL, nil); a.code(t) != "400 AuthorizationQueryParametersError" {
		t.Errorf("a URL that is good for two hours: %s", a.body)
	}
}

func TestSDKBucket(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	ctx := t.Context()
	buckets, err := c.ListBuckets(ctx, &sdk.ListBucketsInput{})
	if err != nil || len(buckets.Buckets) != 1 || *buckets.Buckets[0].Name != "ferry" {
		t.Errorf("ListBuckets: %+v, %v", buckets, err)
	}
	if _, err := c.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: bucket}); err != nil {
		t.Errorf("HeadBucket: %v", err)
	}
	if where, err := c.GetBucketLocation(ctx, &sdk.GetBucketLocationInput{Bucket: bucket}); err != nil || where.LocationConstraint != "" {
		t.Errorf("GetBucketLocation: %+v, %v", where, err)
	}
	_, err = c.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: bucket})
	if _, ok := errors.AsType[*types.BucketAlreadyOwnedByYou](err); !ok {
		t.Errorf("CreateBucket: %v", err)
	}
	other := aws.String("other")
	_, err = c.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: other})
	wantCode(t, "CreateBucket of another", err, "403 AccessDenied")
	_, err = c.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: other})
	wantCode(t, "HeadBucket of another", err, "404 NotFound")
	_, err = c.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: other})
	if _, ok := errors.AsType[*types.NoSuchBucket](err); !ok {
		t.Errorf("ListObjectsV2 of another: %v", err)
	}
	_, err = c.PutObject(ctx, &sdk.PutObjectInput{Bucket: other, Key: aws.String("k"), Body: strings.NewReader("x")})
	wantCode(t, "PutObject to another", err, "404 NoSuchBucket")
	_, err = c.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: bucket})
	wantCode(t, "DeleteBucket", err, "405 MethodNotAllowed")
	_, err = c.GetBucketAcl(ctx, &sdk.GetBucketAclInput{Bucket: bucket})
	wantCode(t, "GetBucketAcl", err, "501 NotImplemented")
	_, err = c.ListMultipartUploads(ctx, &sdk.ListMultipartUploadsInput{Bucket: bucket})
	wantCode(t, "ListMultipartUploads", err, "501 NotImplemented")
	_, err = c.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: bucket, Key: aws.String("k"), CopySource: aws.String("ferry/l")})
	wantCode(t, "CopyObject", err, "501 NotImplemented")
	_, err = c.UploadPartCopy(ctx, &sdk.UploadPartCopyInput{
		Bucket: bucket, Key: aws.String("k"), CopySource: aws.String("ferry/l"), UploadId: aws.String("u"), PartNumber: aws.Int32(1),
	})
	wantCode(t, "UploadPartCopy", err, "501 NotImplemented")
	_, err = c.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	wantCode(t, "PutObject with If-None-Match", err, "501 NotImplemented")
	_, err = c.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: aws.String(strings.Repeat("k", 1025)), Body: strings.NewReader("x")})
	wantCode(t, "a key of 1025 bytes", err, "400 KeyTooLongError")
}

func TestSDKLists(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	for _, k := range []string{"a", "b/1", "b/2", "b/c/3", "d d+ü", "e/", "z"} {
		if _, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: &k, Body: strings.NewReader(k)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name                     string
		prefix, delimiter, after string
		want                     string
	}{
		{"everything, in order", "", "", "", "a b/1 b/2 b/c/3 d d+ü e/ z"},
		{"folders are one line", "", "/", "", "a b/* d d+ü e/* z"},
		{"inside a folder", "b/", "/", "", "b/1 b/2 b/c/*"},
		{"by prefix", "b/", "", "", "b/1 b/2 b/c/3"},
		{"after a key", "", "", "b/2", "b/c/3 d d+ü e/ z"},
		{"after a folder", "", "/", "b/", "d d+ü e/* z"},
		{"a prefix that nothing has", "x", "", "", ""},
	} {
		for _, page := range []int32{1, 2, 1000} {
			t.Run(fmt.Sprintf("%s, %d at a time", tt.name, page), func(t *testing.T) {
				if got := listV2(t, c, tt.prefix, tt.delimiter, tt.after, page); got != tt.want {
					t.Errorf("version 2: %q, want %q", got, tt.want)
				}
				if got := listV1(t, c, tt.prefix, tt.delimiter, tt.after, page); got != tt.want {
					t.Errorf("version 1: %q, want %q", got, tt.want)
				}
			})
		}
	}
	d.clock.move(8 * 24 * time.Hour)
	if objects, _ := d.db.ObjectsOf(t.Context(), d.key.Actor(nil).Owner, "", "", d.clock.now(), 10); len(objects) != 0 {
		t.Errorf("expired objects are listed: %v", objects)
	}
}

func listV2(t *testing.T, c *sdk.Client, prefix, delimiter, after string, page int32) string {
	var got []string
	p := sdk.NewListObjectsV2Paginator(c, &sdk.ListObjectsV2Input{
		Bucket: bucket, Prefix: &prefix, Delimiter: &delimiter, StartAfter: &after, MaxKeys: &page,
	})
	for n := 0; p.HasMorePages(); n++ {
		out, err := p.NextPage(t.Context())
		if err != nil || n > 20 {
			t.Fatal(err, n)
		}
		if int(*out.KeyCount) != len(out.Contents)+len(out.CommonPrefixes) || *out.KeyCount > page {
			t.Errorf("KeyCount %d", *out.KeyCount)
		}
		got = append(got, lines(out.Contents, out.CommonPrefixes)...)
	}
	return strings.Join(got, " ")
}

func listV1(t *testing.T, c *sdk.Client, prefix, delimiter, after string, page int32) string {
	var got []string
	for n := 0; n < 20; n++ {
		out, err := c.ListObjects(t.Context(), &sdk.ListObjectsInput{
			Bucket: bucket, Prefix: &prefix, Delimiter: &delimiter, Marker: &after, MaxKeys: &page, EncodingType: types.EncodingTypeUrl,
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range out.Contents {
			*out.Contents[i].Key, err = url.QueryUnescape(*out.Contents[i].Key)
			if err != nil {
				t.Fatal(err)
			}
		}
		got = append(got, lines(out.Contents, out.CommonPrefixes)...)
		if !*out.IsTruncated {
			break
		}
		if after, err = url.QueryUnescape(*out.NextMarker); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(got, " ")
}

// lines gives keys, and prefixes with a star, in their common order.
func lines(contents []types.Object, prefixes []types.CommonPrefix) []string {
	var out []string
	for _, o := range contents {
		if *o.Size != int64(len(*o.Key)) || *o.ETag != md5Tag([]byte(*o.Key)) {
			out = append(out, fmt.Sprintf("(%d bytes, %s)", *o.Size, *o.ETag))
		}
		out = append(out, *o.Key)
	}
	for _, p := range prefixes {
		out = append(out, *p.Prefix+"*")
	}
	slices.Sort(out)
	return out
}

// mounted brings the requests of a client whose endpoint has no path to the door.
type mounted struct{ http.RoundTripper }

func (m mounted) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.URL.RawPath != "" {
		r.URL.RawPath = "/s3" + r.URL.RawPath
	}
	r.URL.Path = "/s3" + r.URL.Path
	return m.RoundTripper.RoundTrip(r)
}

func (d *door) minio(access, secret string) *minio.Core {
	d.Helper()
	c, err := minio.NewCore(strings.TrimPrefix(d.url, "http://"), &minio.Options{
		Creds: miniokeys.NewStaticV4(access, secret, ""), Transport: mounted{http.DefaultTransport},
		BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		d.Fatal(err)
	}
	return c
}

func TestMinioBehindAPrefix(t *testing.T) {
	d := newDoor(t)
	access, secret := d.accounts.S3Credentials(d.key)
	c := d.minio(access, string(secret))
	size := 24*MiB + 7
	if testing.Short() {
		size = 6 * MiB
	}
	content := randomBytes(size)
	for _, tt := range []struct {
		name string
		key  string
		opts minio.PutObjectOptions
	}{
		{"a free key by parts", "a/b c+ü.bin", minio.PutObjectOptions{PartSize: 5 * MiB}},
		{"a free key by parts, several at once", "b", minio.PutObjectOptions{PartSize: 5 * MiB, NumThreads: 4, ConcurrentStreamParts: true}},
		{"a free key at once", "c", minio.PutObjectOptions{DisableMultipart: true}},
		{"a free key with MD5s", "d", minio.PutObjectOptions{PartSize: 5 * MiB, SendContentMd5: true}},
		{"an announced file", key(d.announce(int64(size), 6*MiB)), minio.PutObjectOptions{PartSize: 5 * MiB}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := c.Client.PutObject(t.Context(), "ferry", tt.key, bytes.NewReader(content), int64(size), tt.opts); err != nil {
				t.Fatal(err)
			}
			r, err := c.Client.GetObject(t.Context(), "ferry", tt.key, minio.GetObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d of %d bytes came back: %v", len(got), size, err)
			}
		})
	}
	t.Run("a stream of unknown length", func(t *testing.T) {
		stream := io.MultiReader(bytes.NewReader(content))
		if _, err := c.Client.PutObject(t.Context(), "ferry", "stream", stream, -1, minio.PutObjectOptions{PartSize: 5 * MiB}); err != nil {
			t.Fatal(err)
		}
		if info, err := c.StatObject(t.Context(), "ferry", "stream", minio.StatObjectOptions{}); err != nil || info.Size != int64(size) {
			t.Errorf("StatObject: %+v, %v", info, err)
		}
	})
	t.Run("a presigned URL", func(t *testing.T) {
		u, err := c.PresignedPutObject(t.Context(), "ferry", "presigned", 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/s3" + u.Path
		if a := d.send("PUT", u.String(), strings.NewReader("hello")); a.StatusCode != 200 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("errors", func(t *testing.T) {
		_, err := c.StatObject(t.Context(), "ferry", "missing", minio.StatObjectOptions{})
		if e := minio.ToErrorResponse(err); e.Code != "NoSuchKey" {
			t.Errorf("StatObject of what is not there: %v", err)
		}
		_, err = d.minio(access, "wrong").StatObject(t.Context(), "ferry", "a", minio.StatObjectOptions{})
		if e := minio.ToErrorResponse(err); e.StatusCode != 403 {
			t.Errorf("StatObject with another secret: %v", err)
		}
	})
}
