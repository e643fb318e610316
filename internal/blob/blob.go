// Package blob says what bytes at rest are: blobs, segments of them, the content
// of a file as a list of segments, and what a store of blobs must do.
//
// It owns the contract (Store) and the arithmetic on content and checksums. The
// stores themselves are blob/disk and, for S3, blob/bucket; blobtest judges them
// all. Which bytes belong to which file is package upload's matter. Start at Store.
package blob

import (
	"context"
	"io"
	"time"
)

// An ID names a blob: a key of package id, so it begins with the time it was
// made. Ferry makes it; no user's text ever becomes part of one.
type ID string

// A Segment is a run of bytes in one blob.
type Segment struct {
	Blob   ID
	Offset int64
	Length int64
}

// Content is what a file consists of: its segments, in order. Nearly always
// there is one.
type Content []Segment

// Size gives the number of bytes.
func (c Content) Size() int64 {
	var n int64
	for _, s := range c {
		n += s.Length
	}
	return n
}

// Append adds a segment at the end, joined with the last one where it goes on
// in the same blob. Empty segments are left out.
func (c Content) Append(s Segment) Content {
	if s.Length == 0 {
		return c
	}
	if n := len(c); n > 0 && c[n-1].Blob == s.Blob && c[n-1].Offset+c[n-1].Length == s.Offset {
		c[n-1].Length += s.Length
		return c
	}
	return append(c, s)
}

// Slice gives the n bytes from off as content of their own. The range must lie
// inside.
func (c Content) Slice(off, n int64) Content {
	var out Content
	for _, s := range c {
		if n == 0 {
			break
		}
		if off >= s.Length {
			off -= s.Length
			continue
		}
		take := min(n, s.Length-off)
		out = out.Append(Segment{s.Blob, s.Offset + off, take})
		off, n = 0, n-take
	}
	return out
}

// A Store keeps blobs. It is dumb on purpose: it knows no files, no sizes that
// were announced, no owners.
//
// Errors are faults: NotFound "blob_missing" for a blob that is not there, Full
// "disk_full" when there is no room (ENOSPC, EDQUOT and their kind), otherwise
// whatever the system said. After an error nothing of that call counts as kept.
// All methods may be called at the same time.
type Store interface {
	// Edit opens the blob for writing and makes it when it is missing. The blob
	// need not exist durably before the first Sync. Several Writers of one blob
	// may be open at once; where they write is between their owners. Internal
	// "sync_failed" for a blob one of whose syncs failed: it takes no more bytes,
	// another one may.
	Edit(ctx context.Context, id ID) (Writer, error)

	// Open opens the blob for reading. On a local disk the Reader is the bare
	// *os.File, so that copying it to a TCP connection is sendfile.
	Open(ctx context.Context, id ID) (Reader, error)

	// Remove deletes the blob for good. One that is missing is no error.
	// Readers that are open keep what they have; a Writer that is open, and an
	// Edit at the same moment, may be told NotFound "blob_missing".
	Remove(ctx context.Context, id ID) error

	// Walk calls f with every blob there is, in the order of their ids, for
	// the sweep of orphans and for verify. Blobs that come or go meanwhile may
	// or may not be seen. An error of f ends the walk and is returned.
	Walk(ctx context.Context, f func(Info) error) error

	// Space tells how much room is left for new bytes.
	Space(ctx context.Context) (Space, error)
}

// Info is what a Walk knows of a blob.
type Info struct {
	ID       ID
	Size     int64 // bytes from the start to the last one written; holes count
	Modified time.Time
}

// Space is the room of a store. Free is -1 where there is no telling.
type Space struct{ Free, Total int64 }

// A Writer writes one blob. WriteAt may be called by one goroutine at a time,
// Close must be called once by its owner.
type Writer interface {
	io.WriterAt

	// Sync returns nil once all that this Writer has written, and the blob's own
	// existence, is on stable storage. Writers of one blob that ask at the same
	// moment share one fdatasync, which starts after the last write of each.
	// When it fails, everything written to the blob since the last good sync may
	// be lost, all who shared it are told, and every later Sync on this blob
	// fails too, with Internal "sync_failed": a failed fsync is final, the kernel
	// may have dropped the pages.
	Sync(ctx context.Context) error

	// Close lets the blob go. What was not synced may be lost.
	Close() error
}

// A Reader reads one blob. It belongs to one goroutine.
type Reader interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// Copy writes the n bytes of c from off to w, segment by segment, by io.CopyN
// from the store's own Reader: the path that lets a TCP connection use sendfile.
// It returns how many bytes went out.
func Copy(ctx context.Context, w io.Writer, from Store, c Content, off, n int64) (int64, error) {
	var sent int64
	for _, s := range c.Slice(off, n) {
		k, err := copySegment(ctx, w, from, s)
		sent += k
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

func copySegment(ctx context.Context, w io.Writer, from Store, s Segment) (int64, error) {
	r, err := from.Open(ctx, s.Blob)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if _, err := r.Seek(s.Offset, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.CopyN(w, r, s.Length)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the row promises more than the blob holds
	}
	return n, err
}
