package s3_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/wire/s3"
)

// unannounced hides how long a body is, so that it is sent in chunks.
func unannounced(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) }

func TestShortWholeFileLeavesThePartsAsTheyWere(t *testing.T) {
	d := newDoor(t)
	f := d.announce(10, 5)
	if a := d.send("PUT", d.partURL(f, 1), strings.NewReader("hello")); a.StatusCode != 200 {
		t.Fatal(a.body)
	}
	whole, _ := d.presigner.Put(f)
	if a := d.send("PUT", whole, unannounced("hey")); a.code(t) != "400 IncompleteBody" {
		t.Errorf("%s", a.body)
	}
	if a := d.send("PUT", whole, unannounced("hello, world")); a.code(t) != "400 EntityTooLarge" {
		t.Errorf("%s", a.body)
	}
	if a := d.send("PUT", d.partURL(f, 2), strings.NewReader("world")); a.StatusCode != 200 {
		t.Fatal(a.body)
	}
	d.complete(f)
	if got := d.content(f); got != "helloworld" {
		t.Errorf("content %q", got)
	}
	f = d.announce(10, 5)
	whole, _ = d.presigner.Put(f)
	if a := d.send("PUT", whole, unannounced("helloworld")); a.StatusCode != 200 {
		t.Errorf("a whole file in chunks: %s", a.body)
	}
}

// A failingShares is a database that cannot change a share.
type failingShares struct{ *db.DB }

func (failingShares) Update(
	context.Context, share.Key, func(*share.Share) ([]job.Job, error),
) (*share.Share, error) {
	return nil, errors.New("the database is away")
}

// Who is told that an object is deleted must not find it under its link.
func TestDeletionThatFailsIsNotAcknowledged(t *testing.T) {
	d := newDoor(t)
	c := d.aws(d.key)
	key := aws.String("k")
	_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("hello")})
	d.must(err)
	_, out := d.read(c, "k")
	code := strings.TrimPrefix(out.Metadata["ferry-link"], d.url+"/")

	good := d.handler
	config := good.Config
	config.Shares = share.NewService(
		failingShares{d.db}, config.Blobs, d.clock.now, share.Limits{}, slog.New(slog.DiscardHandler))
	d.handler = s3.New(config)
	_, err = c.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: key})
	wantCode(t, "DeleteObject", err, "500 InternalError")

	d.handler = good
	for range 2 { // the second time it is gone already
		_, err = c.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: key})
		d.must(err)
	}
	if _, err := d.shares.ByCode(t.Context(), code); err == nil {
		t.Error("the link still leads to it")
	}
	if d.used() != 0 {
		t.Errorf("%d bytes of quota are used", d.used())
	}
}
