// Package object is what a free key of the S3 door stands for: the one file of a
// transfer, until the key is overwritten or deleted, or the transfer ends.
//
// It owns the noun and the rule of two writers. How a key is named and answered is
// the door's matter (wire/s3), where it is kept the database's. Start at Object.
package object

import (
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// MaxKey is the longest key in bytes (Amazon S3 User Guide, object key names).
const MaxKey = 1024

// An Object is what a key of its owner stands for. Keys are UTF-8 without NUL, and
// are ordered bytewise.
type Object struct {
	Owner     account.Owner
	Key       string
	Share     share.ID
	File      upload.ID
	Size      int64
	ETag      string    // in quotes
	WrittenAt time.Time // when the file was complete, to the millisecond
}

// GivesWay reports whether the key is to stand for n from now on: the last writer
// wins, and the last is who completed last. So an upload that is completed once
// more, because its answer got lost, does not undo what was written after it.
func (o *Object) GivesWay(n *Object) bool {
	return o.File != n.File && !o.WrittenAt.After(n.WrittenAt)
}

// Unknown is the answer for a key that stands for nothing.
func Unknown() error { return fault.New(fault.NotFound, "object_unknown", "no such object") }
