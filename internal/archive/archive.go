// Package archive is the zip of a transfer, by arithmetic. Files are stored in
// it and never deflated, so sizes and checksums that are known beforehand give
// every offset: the archive has a length and a strong ETag before its first byte
// is made, any range of it can be served by any node, and the bodies in it are
// copied from their blobs as if they were downloaded alone.
//
// It owns the layout, the names inside, and what of a share goes into one parcel. It
// leaves to package deliver how ranges are asked for and sent, and to its caller who
// may have it. Start at Layout, then Packer.
package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"sort"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
)

// layoutVersion is part of every ETag. Raise it with any change to the bytes of
// an archive: a download that began before the change then starts again,
// instead of going on with other bytes.
const layoutVersion = 1

// An Entry is one file that goes into an archive.
type Entry struct {
	Name     string // as its sender named it; Names makes it fit for a zip
	Size     int64
	CRC32    uint32
	Modified time.Time // to the second; must stay the same for the ETag to
	Content  blob.Content
}

// A Zip is the layout of an archive: where everything in it goes. It holds no
// headers and no bodies; they are made and copied as they are asked for. It may
// be used by several goroutines at once.
type Zip struct {
	files []file
	dir   int64 // where the central directory begins
	size  int64
	etag  string
}

// A file is one Entry in its place.
type file struct {
	name    string
	offset  int64 // of its local header
	size    int64
	crc     uint32
	time    stamp
	content blob.Content
}

// body is where f's bytes begin.
func (f *file) body() int64 { return f.offset + int64(localLen(f)) }

// end is where f ends, and the next file or the directory begins.
func (f *file) end() int64 { return f.body() + f.size }

// Layout lays out an archive of entries, in their order. Their names become
// Names of themselves. It fails when what an entry says of its size is not what
// its content has, or when the whole is too large to count.
func Layout(entries []Entry) (*Zip, error) {
	names := make([]string, len(entries))
	for i := range entries {
		names[i] = entries[i].Name
	}
	names = Names(names)

	files := make([]file, len(entries))
	for i := range entries {
		e := &entries[i]
		if e.Size < 0 || e.Size != e.Content.Size() {
			return nil, fmt.Errorf("archive: entry %d is said to have %d bytes and has %d", i, e.Size, e.Content.Size())
		}
		files[i] = file{names[i], 0, e.Size, e.CRC32, stampOf(e.Modified), e.Content}
	}
	return arrange(files)
}

// arrange puts files one after the other.
func arrange(files []file) (*Zip, error) {
	z := &Zip{files: files}
	var at int64
	for i := range files {
		f := &files[i]
		if f.size > math.MaxInt64/2-at {
			return nil, fmt.Errorf("archive: %d entries are too large together", i+1)
		}
		f.offset = at
		at = f.end()
	}
	z.dir = at

	// The directory says all that the ETag has to cover: names, order, sizes,
	// checksums, times, offsets.
	sum := sha256.New()
	fmt.Fprintf(sum, "ferry zip %d\n", layoutVersion)
	at, err := z.writeDirectory(sum)
	if err != nil {
		return nil, err // a hash has none
	}
	z.size = z.dir + at
	z.etag = `"` + hex.EncodeToString(sum.Sum(nil)[:16]) + `"`
	return z, nil
}

// Size gives the length of the archive.
func (z *Zip) Size() int64 { return z.size }

// ETag gives a strong entity tag, in quotes as HTTP has it: two archives with
// the same one have the same bytes.
func (z *Zip) ETag() string { return z.etag }

// WriteRange writes the n bytes of the archive from off to w. Bodies are copied
// by blob.Copy, so that a w with ReadFrom gets the store's own Readers.
func (z *Zip) WriteRange(ctx context.Context, w io.Writer, from blob.Store, off, n int64) error {
	if off < 0 || n < 0 || n > z.size-off {
		return fmt.Errorf("archive: %d bytes from %d are not in %d", n, off, z.size)
	}
	end := off + n
	var header []byte
	first := sort.Search(len(z.files), func(i int) bool { return z.files[i].end() > off })
	for i := first; i < len(z.files) && off < end; i++ {
		f := &z.files[i]
		if body := f.body(); off < body {
			header = appendLocal(header[:0], f)
			k := min(end, body) - off
			if _, err := w.Write(header[off-f.offset:][:k]); err != nil {
				return err
			}
			off += k
		}
		if k := min(end, f.end()) - off; k > 0 {
			if _, err := blob.Copy(ctx, w, from, f.content, off-f.body(), k); err != nil {
				return fmt.Errorf("archive: file %d: %w", i, err)
			}
			off += k
		}
	}
	if off == end {
		return nil
	}
	// The directory is made from its beginning; it is small, and where one of
	// its records stands is known only by adding up those before it.
	_, err := z.writeDirectory(&window{w: w, skip: off - z.dir, left: end - off})
	return err
}

// directoryStep is how much of a directory is made at once.
const directoryStep = 32 << 10

// writeDirectory writes everything after the last file and returns how much
// that is.
func (z *Zip) writeDirectory(w io.Writer) (int64, error) {
	buf := make([]byte, 0, directoryStep+4<<10)
	var size int64
	for i := range z.files {
		buf = appendCentral(buf, &z.files[i])
		if len(buf) >= directoryStep {
			if _, err := w.Write(buf); err != nil {
				return size, err
			}
			size += int64(len(buf))
			buf = buf[:0]
		}
	}
	size += int64(len(buf))
	trailer := len(buf)
	buf = appendEnd(buf, int64(len(z.files)), size, z.dir)
	_, err := w.Write(buf)
	return size + int64(len(buf)-trailer), err
}

// A window passes on some of what is written to it: left bytes, after skip.
type window struct {
	w          io.Writer
	skip, left int64
}

func (v *window) Write(p []byte) (int, error) {
	n := len(p)
	k := min(v.skip, int64(len(p)))
	v.skip -= k
	p = p[k:]
	p = p[:min(v.left, int64(len(p)))]
	v.left -= int64(len(p))
	if len(p) > 0 {
		if _, err := v.w.Write(p); err != nil {
			return 0, err
		}
	}
	return n, nil
}
