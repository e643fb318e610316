// Package media makes pictures of documents, for people to look at before they download.
//
// It owns how programs are run that read the bytes of strangers: Poppler's pdfinfo and
// pdftoppm (poppler.freedesktop.org), in an empty environment, with little memory, time
// and output, a few at once. What comes out is a picture made anew; nothing of the
// document reaches a browser as it is. Where the programs are not installed, there are no
// such pictures. Who may see a document is decided elsewhere. Start at Find.
package media

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// Limits of one look at a document.
const (
	// MaxSize is how many bytes of a document are read, at most.
	MaxSize = 64 << 20
	// MaxPages is how many pages are told of, at most.
	MaxPages = 100

	longSide    = 1800 // pixels of a picture
	mostPicture = 16 << 20
	mostText    = 64 << 10

	within   = 20 * time.Second // for a program, from its start
	patience = 20 * time.Second // until one can be started
	atOnce   = 2
)

// limited starts a program with limits of its own: 768 MiB of memory, 15 s of
// processor, files of 1 MiB, no core; and it stands back where others want the processor,
// as whoever has a link keeps it busy. Its arguments are ours alone.
const limited = `ulimit -v 786432; ulimit -t 15; ulimit -f 2048; ulimit -c 0; renice -n 10 $$ >/dev/null 2>&1; exec "$0" "$@"`

// A Viewer makes pictures of documents. Make one with Find; it is safe for concurrent use.
type Viewer struct {
	info, paint string
	slots       chan struct{}
}

// Find looks for the programs. It gives nil where they are not installed.
func Find() *Viewer {
	info, err := exec.LookPath("pdfinfo")
	if err != nil {
		return nil
	}
	paint, err := exec.LookPath("pdftoppm")
	if err != nil {
		return nil
	}
	return &Viewer{info: info, paint: paint, slots: make(chan struct{}, atOnce)}
}

// A Page is one of a document. Its measures are relative to each other, as it is shown.
type Page struct{ Width, Height int }

// A Source writes the bytes of a document.
type Source func(w io.Writer) error

// errUnreadable is for what is no document, is damaged or locked, or takes too much to
// be shown.
var errUnreadable = fault.New(fault.Invalid, "document_unreadable", "the document cannot be shown")

var pageSize = regexp.MustCompile(`(?m)^Page +(\d+) size: +([0-9.]+) x ([0-9.]+) pts|^Page +(\d+) rot: +(\d+)|^Pages: +(\d+)`)

// Pages gives the first pages of a PDF, MaxPages at most, and of how many. What cannot be
// shown is document_unreadable, and unavailable means that others are being looked at.
func (v *Viewer) Pages(ctx context.Context, doc Source) (pages []Page, of int, err error) {
	out, err := v.run(ctx, doc, mostText, v.info, "-f", "1", "-l", strconv.Itoa(MaxPages), "/dev/stdin")
	if err != nil {
		return nil, 0, err
	}
	for _, m := range pageSize.FindAllStringSubmatch(string(out), -1) {
		switch number, _ := strconv.Atoi(cmp.Or(m[1], m[4])); {
		case m[6] != "":
			// What the document says of itself comes before, and may look like anything.
			of, _ = strconv.Atoi(m[6])
			pages = nil
		case m[1] != "" && number == len(pages)+1:
			pages = append(pages, Page{Width: points(m[2]), Height: points(m[3])})
		case m[4] != "" && number == len(pages) && (m[5] == "90" || m[5] == "270"):
			last := &pages[number-1]
			last.Width, last.Height = last.Height, last.Width
		}
	}
	if len(pages) == 0 || of < len(pages) {
		return nil, 0, errUnreadable
	}
	return pages, of, nil
}

// points reads a measure. One of nothing, or of more than any paper, is a page's all the
// same.
func points(s string) int {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 1
	}
	return int(min(max(n, 1), 1e5))
}

// Picture gives a page, counted from 1, as a JPEG.
func (v *Viewer) Picture(ctx context.Context, doc Source, page int) ([]byte, error) {
	if page < 1 || page > MaxPages {
		return nil, fault.New(fault.NotFound, "page_unknown", "no such page")
	}
	n := strconv.Itoa(page)
	out, err := v.run(ctx, doc, mostPicture, v.paint, "-f", n, "-l", n, "-singlefile", "-cropbox", "-scale-to", strconv.Itoa(longSide),
		"-jpeg", "-jpegopt", "quality=85", "/dev/stdin")
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(out, []byte("\xff\xd8\xff")) { // it says nothing of a page that is not there
		return nil, errUnreadable
	}
	return out, nil
}

// run has a program read a document, which is a file without a name while it does.
func (v *Viewer) run(ctx context.Context, doc Source, most int64, program string, args ...string) ([]byte, error) {
	wait, stop := context.WithTimeout(ctx, patience)
	defer stop()
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-wait.Done():
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, fault.New(fault.Unavailable, "viewer_busy", "too many documents are being looked at")
	}
	in, err := spool(doc)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()

	run, stop := context.WithTimeout(ctx, within)
	defer stop()
	out := &bounded{most: most}
	cmd := exec.CommandContext(run, "/bin/sh", append([]string{"-c", limited, program}, args...)...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.WaitDelay = []string{"LC_ALL=C"}, "/", in, out, time.Second
	switch err := cmd.Run(); {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err == nil:
		return out.kept.Bytes(), nil
	default:
		if _, ok := errors.AsType[*exec.Error](err); ok {
			return nil, fmt.Errorf("look at a document: %w", err)
		}
		return nil, fault.Wrap(fault.Invalid, "document_unreadable", err, "the document cannot be shown")
	}
}

// spool keeps a document in a file that has no name any more.
func spool(doc Source) (*os.File, error) {
	f, err := os.CreateTemp("", "ferry-view-*")
	if err != nil {
		return nil, err
	}
	if err = os.Remove(f.Name()); err == nil {
		err = doc(f)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// bounded keeps what is written, up to so many bytes, and fails at more. It has no ReadFrom,
// by which io.Copy would go past that.
type bounded struct {
	kept bytes.Buffer
	most int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(b.kept.Len()+len(p)) > b.most {
		return 0, errors.New("more output than is taken")
	}
	return b.kept.Write(p)
}
