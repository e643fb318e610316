package media_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/media"
	"github.com/ferry-server/ferry/internal/media/mediatest"
)

func find(t *testing.T) *media.Viewer {
	t.Helper()
	v := media.Find()
	if v == nil {
		t.Skip("pdfinfo and pdftoppm are not installed (Debian: poppler-utils)")
	}
	return v
}

func source(b []byte) media.Source {
	return func(w io.Writer) error { _, err := w.Write(b); return err }
}

func TestPages(t *testing.T) {
	v := find(t)
	doc := mediatest.PDF(mediatest.Sheet{Width: 200, Height: 100, Text: "one"}, mediatest.Sheet{Width: 200, Height: 100, Rotate: 90, Text: "two"})
	pages, of, err := v.Pages(t.Context(), source(doc))
	if err != nil || of != 2 || fmt.Sprint(pages) != "[{200 100} {100 200}]" {
		t.Fatalf("%v of %d, %v", pages, of, err)
	}
	for i, want := range pages {
		b, err := v.Picture(t.Context(), source(doc), i+1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := jpeg.DecodeConfig(bytes.NewReader(b))
		if err != nil || (got.Width > got.Height) != (want.Width > want.Height) || max(got.Width, got.Height) != 1800 {
			t.Errorf("page %d is painted %d by %d, %v", i+1, got.Width, got.Height, err)
		}
	}
	for _, n := range []int{-1, 0, 3, 101} {
		if b, err := v.Picture(t.Context(), source(doc), n); err == nil {
			t.Errorf("page %d of 2 is a picture of %d bytes", n, len(b))
		}
	}
}

func TestManyPages(t *testing.T) {
	v := find(t)
	pages, of, err := v.Pages(t.Context(), source(mediatest.PDF(make([]mediatest.Sheet, 130)...)))
	if err != nil || of != 130 || len(pages) != media.MaxPages {
		t.Fatalf("%d pages of %d, %v", len(pages), of, err)
	}
}

// What a document says of itself is not taken for what it is.
func TestPagesThatAreTold(t *testing.T) {
	v := find(t)
	told := ""
	for n := range 3 * media.MaxPages {
		told += fmt.Sprintf("\nPage %4d size: 7 x 7 pts", n+1)
	}
	doc := mediatest.PDF(make([]mediatest.Sheet, 4*media.MaxPages)...)
	doc = bytes.Replace(doc, []byte("/Root 1 0 R"), []byte("/Root 1 0 R/Info<</Title(x"+told+")>>"), 1)
	pages, of, err := v.Pages(t.Context(), source(doc))
	if err != nil || of != 4*media.MaxPages || len(pages) != media.MaxPages || pages[0] != (media.Page{Width: 595, Height: 842}) {
		t.Fatalf("%d pages of %d, the first %v, %v", len(pages), of, pages[:min(1, len(pages))], err)
	}
}

// What is no document, or one that is made to take everything, is refused in the time
// and memory that there are, and leaves nothing behind.
func TestHostileDocuments(t *testing.T) {
	v := find(t)
	t.Setenv("TMPDIR", t.TempDir())
	// Its points, all written out, take 300 MB.
	huge := mediatest.Image(10_000, 10_000)
	for name, doc := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "cut": mediatest.PDF(mediatest.Sheet{})[:60],
		"program": []byte("%!PS\n(/etc/passwd) (r) file"), "binary": bytes.Repeat([]byte("%PDF-1.4\n\x00\xff"), 1000),
	} {
		if pages, _, err := v.Pages(t.Context(), source(doc)); fault.CodeOf(err) != "document_unreadable" {
			t.Errorf("%s: %v, %v", name, pages, err)
		}
		if _, err := v.Picture(t.Context(), source(doc), 1); fault.CodeOf(err) != "document_unreadable" {
			t.Errorf("%s: picture: %v", name, err)
		}
	}
	// It is painted, or refused; which depends on the machine. TestLimits has the limits.
	if _, err := v.Picture(t.Context(), source(huge), 1); err != nil && fault.CodeOf(err) != "document_unreadable" {
		t.Errorf("a huge picture: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, " "))
	}
}

func TestGivingUp(t *testing.T) {
	v := find(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := v.Pages(ctx, source(mediatest.PDF(mediatest.Sheet{}))); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
	broken := errors.New("disk")
	if _, _, err := v.Pages(t.Context(), func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("the bytes cannot be read: %v", err)
	}
}
