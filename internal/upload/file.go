// Package upload is how bytes become a file.
//
// It owns files and their parts, where each part's bytes go (in place or loose),
// the one body loop of all doors, and what must hold before a part or a file is
// acknowledged: bytes on stable storage, then the row that promises them, then
// the answer. Whom a file is for is left to packages transfer and board, how it
// is asked for to the doors. Start at Service.Put.
package upload

import (
	"crypto/md5"
	"fmt"
	"math"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
)

// A Key is a file's primary key. It begins with the time, leaves the program in
// entity tags only, and is also the id of the blob that planned parts are written
// into.
type Key string

// An ID is a file's public name, in the shape of the API that made it.
type ID string

// Unknown is the size of a file that is not known before it is complete.
const Unknown = -1

// MaxParts is how many parts a file may always have; a plan may want more. It is
// S3's limit (Amazon S3 User Guide, multipart upload limits).
const MaxParts = 10_000

// A State is where a file is in its life.
type State int

const (
	Open     State = 1 // takes parts
	Complete State = 2 // its content is settled and never changes again
	Deleted  State = 3 // taken out of its home; the row is kept until its home goes
)

// A File is a named run of bytes on its way in, or in. Its counters are kept as
// parts come, so completing it reads no part when all lie where they were planned.
type File struct {
	Key    Key
	ID     ID
	Name   string // as the client sent it
	Local  string // the client's own name for it, where an API has one
	Ident  string // what later requests find it by, where a client names it with each part; unique in its home
	Size   int64  // bytes, or Unknown
	Chunk  int64  // planned length of a part; 0: no plan, every part is loose
	Upload string // the multipart upload id that clients show, where an API has one
	State  State

	// Count is how many parts the file has where its client announced that, and
	// with it a plan that does not need the size: every part but the last is
	// exactly Chunk long, and the last one shows the size. Such a file is complete
	// with its last part. One part without Chunk may have any length. 0: the size
	// makes the plan.
	Count int

	// WantMD5 is what the client says the whole file is; nil: not said.
	WantMD5 *[md5.Size]byte

	Parts int    // acknowledged
	Loose int    // of them, those that lie in a blob of their own
	Got   int64  // bytes of all parts together
	Sum   uint32 // XOR of the contributions of the parts in place; once Complete, the CRC-32 of the file

	// Small is set when a part that is all of the content lies beside the file's row
	// (blob.Row). Others may have come as well until the file is complete.
	Small bool

	// Suspect is set when a sync of the planned blob failed: its parts are read
	// again before the file is completed.
	Suspect bool

	// DamagedAt is when its content was found damaged, after it was complete; zero
	// while that is not known. Nobody gets it then: see package audit.
	DamagedAt time.Time

	Downloads int // how often it was fetched whole

	CreatedAt   time.Time
	ReceivedAt  time.Time // when a part came in last; zero before
	CompletedAt time.Time // zero while Open

	Home *share.Share // what it belongs to, as far as bytes care; loaded with the file
}

// A Part is a run of a file's bytes that was acknowledged.
type Part struct {
	Number int // from 1; the file's bytes are its parts' in this order
	blob.Segment
	CRC        uint32          // CRC-32 (IEEE)
	MD5        *[md5.Size]byte // nil where nobody asked for it
	ReceivedAt time.Time
}

// ETag gives the part's entity tag, quoted. Where the MD5 is not known it is
// "<hex>-1": the dash tells S3 programs that it is none (Amazon S3 API
// reference, ETag of multipart uploads).
func (p *Part) ETag() string {
	if p.MD5 != nil {
		return fmt.Sprintf(`"%x"`, *p.MD5)
	}
	return fmt.Sprintf(`"%08x%024x-1"`, p.CRC, p.Length)
}

// PlannedParts gives the number of parts of a file of this size: an empty file
// still has one.
func PlannedParts(size, chunk int64) int {
	if size <= 0 || chunk <= 0 {
		return 1
	}
	return int((size-1)/chunk) + 1
}

// Planned gives the number of parts the file was planned with, 0 if without plan.
func (f *File) Planned() int {
	switch {
	case f.Count > 0:
		return f.Count
	case f.Chunk <= 0 || f.Size < 0:
		return 0
	}
	return PlannedParts(f.Size, f.Chunk)
}

// tail is where the last part begins of a file that was planned by its number of
// parts: its size is not less.
func (f *File) tail() int64 { return int64(f.Count-1) * f.Chunk }

// Held gives how much of its account's quota the file takes. What is known of its
// size is held from the beginning, the rest is paid by the parts that show it.
func (f *File) Held() int64 {
	switch {
	case f.State == Deleted:
		return 0
	case f.Size != Unknown:
		return f.Size
	case f.Count > 0:
		return f.tail()
	}
	return f.Got
}

// lengths gives the bounds on the length of part n that the plan has.
func (f *File) lengths(n int) (least, most int64) {
	switch {
	case f.Count == 0:
		return 0, math.MaxInt64 // old clients cut parts their own way
	case n < f.Count:
		return f.Chunk, f.Chunk
	case f.Size != Unknown:
		return f.Size - f.tail(), f.Size - f.tail()
	case f.Chunk == 0:
		return 0, math.MaxInt64
	}
	return 0, f.Chunk
}

// checkLength refuses a part that is not as long as its client said it would be.
func (f *File) checkLength(n int, length int64) error {
	least, most := f.lengths(n)
	if least <= length && length <= most {
		return nil
	}
	if least == most {
		return fault.New(fault.Invalid, "chunk_length", "part %d of this file must have %d bytes", n, most)
	}
	return fault.New(fault.Invalid, "chunk_length", "part %d of this file must have at most %d bytes", n, most)
}

// whole tells that every part is there of a file that was planned by their number,
// and none of them still grows.
func (f *File) whole() bool { return f.Count > 0 && f.Parts == f.Count && f.Got >= f.Size }

// Blob names the blob that the planned parts are written into.
func (f *File) Blob() blob.ID {
	if f.Small {
		return blob.Row(string(f.Key))
	}
	return blob.ID(f.Key)
}

// SmallMost is the size of the largest file that lies beside its row. A buffer that
// every upload begins with holds it.
const SmallMost = smallBuffer

// fitsRow tells whether a part of this number and announced length is all of a
// small file.
func (f *File) fitsRow(number int, length int64) bool {
	return number == 1 && f.Planned() == 1 && 0 < length && length <= SmallMost &&
		(length == f.Size || f.Size == Unknown)
}

// Slot gives the place in the plan of a part n with this length; ok is false for
// one that the plan does not have.
func (f *File) Slot(n int, length int64) (s blob.Segment, ok bool) {
	if n < 1 || n > f.Planned() || length < 0 {
		return blob.Segment{}, false
	}
	off := int64(n-1) * f.Chunk
	least, most := f.lengths(n)
	if f.Count == 0 {
		least = min(f.Chunk, f.Size-off)
		most = least
	}
	return blob.Segment{Blob: f.Blob(), Offset: off, Length: length}, least <= length && length <= most
}

// contribution is what a part in place adds to the checksum of the whole, or, while
// the last part has not shown where that ends, to the checksum of all before it.
func (f *File) contribution(p *Part) uint32 {
	end := f.Size
	if end == Unknown {
		end = f.tail()
	}
	return blob.ShiftCRC(p.CRC, end-p.Offset-p.Length)
}

// inPlace tells whether a part lies where the plan has it, or beside the file's row.
func (f *File) inPlace(p *Part) bool {
	return p.Blob == blob.ID(f.Key) || p.Blob == blob.Row(string(f.Key))
}

// checkPart refuses part numbers that no plan has.
func (f *File) checkPart(n int) error {
	most := max(MaxParts, f.Planned())
	if f.Count > 0 {
		most = f.Count
	}
	if n < 1 || n > most {
		return fault.New(fault.Invalid, "part_number", "part number must be between 1 and %d", most)
	}
	return nil
}

// Accepts returns nil while the file takes parts: its home is alive and it is
// not complete.
func (f *File) Accepts(now time.Time) error {
	if err := f.Home.Alive(now); err != nil {
		return err
	}
	switch f.State {
	case Open:
		return nil
	case Deleted:
		return fileDeleted()
	}
	return fault.New(fault.Conflict, "file_complete", "the file is complete already")
}

func fileDeleted() error { return fault.New(fault.Gone, "file_deleted", "the file has been deleted") }

// takes refuses a part of n bytes in place of old (nil for a new one) if it alone is
// longer than most, or if all parts together became too long: those of a file of
// unknown size may have most, others twice the size. A client may cut its parts
// anew and leave some of before, and is told the sum when it completes; but without
// a bound 10,000 parts as long as the file would take that often what was reserved.
func (f *File) takes(n int64, old *Part, most int64) error {
	room, over := most-f.Got, n
	if old != nil {
		room += old.Length
	}
	if f.Size != Unknown {
		over -= most // and not room += most, which may overflow
	}
	if n > most || over > room {
		return tooLarge(most)
	}
	return nil
}

// put records that p is acknowledged in place of old, which is nil for a new part.
func (f *File) put(p, old *Part) {
	if old != nil {
		f.leave(old)
	}
	if _, row := p.Blob.RowKey(); row {
		f.Small = true // and stays so while others come, and lie loose
	}
	f.Parts++
	f.Got += p.Length
	f.ReceivedAt = p.ReceivedAt
	if f.Size == Unknown && p.Number == f.Count {
		// All that was summed up so far is followed by as many bytes.
		f.Size = f.tail() + p.Length
		f.Sum = blob.ShiftCRC(f.Sum, p.Length)
	}
	if f.inPlace(p) {
		f.Sum ^= f.contribution(p)
	} else {
		f.Loose++
	}
}

// leave records that p is no longer a part of the file.
func (f *File) leave(p *Part) {
	f.Parts--
	f.Got -= p.Length
	if _, row := p.Blob.RowKey(); row {
		f.Small = false
	}
	if f.inPlace(p) {
		f.Sum ^= f.contribution(p)
	} else {
		f.Loose--
	}
}

// Incomplete is why a file cannot be completed yet. It is the cause inside a
// fault: Conflict "part_missing" or Invalid "size_mismatch".
type Incomplete struct {
	Missing []int // the first of the planned parts that are not there
	Got     int64 // bytes received
	Want    int64 // bytes announced
}

func (e *Incomplete) Error() string {
	return fmt.Sprintf("parts %v missing, %d of %d bytes", e.Missing, e.Got, e.Want)
}

// maxMissing bounds what is told: a file that somebody announced with 2^53 bytes has
// a billion parts, and none of them may be there.
const maxMissing = 1000

// miss notes the parts from first to before next as missing.
func (e *Incomplete) miss(first, next int) {
	for ; first < next && len(e.Missing) < maxMissing; first++ {
		e.Missing = append(e.Missing, first)
	}
}

// complete settles the file's content. Parts loads all of them in order; it is
// called only when the counters do not tell enough.
func (f *File) complete(now time.Time, parts func() ([]Part, error)) error {
	if f.State == Complete {
		return nil
	}
	if err := f.Accepts(now); err != nil {
		return err
	}
	if f.Loose > 0 || f.Parts != f.Planned() || f.Got != f.Size {
		all, err := parts()
		if err != nil {
			return err
		}
		if err := f.covers(all); err != nil {
			return err
		}
		f.Sum = 0
		for _, p := range all {
			f.Sum = blob.CombineCRC(f.Sum, p.CRC, p.Length)
		}
	}
	f.State = Complete
	f.Size = f.Got
	f.CompletedAt = now
	return nil
}

// covers checks that the parts, in the order of their numbers, are the file: no
// number is missing before the last, and the sum is the size. Clients of old
// APIs cut parts their own way, so where each begins is not looked at.
func (f *File) covers(parts []Part) error {
	e := &Incomplete{Got: f.Got, Want: f.Size}
	next := 1
	for _, p := range parts {
		e.miss(next, p.Number)
		next = p.Number + 1
	}
	if f.Size != Unknown && f.Got == f.Size && len(e.Missing) == 0 && len(parts) > 0 {
		return nil
	}
	if f.Size == Unknown && f.Count == 0 {
		if len(parts) == 0 {
			return fault.Wrap(fault.Conflict, "part_missing", e, "no part has been uploaded")
		}
		return nil // whatever numbers the client chose, in their order
	}
	e.miss(next, f.Planned()+1)
	if len(e.Missing) > 0 {
		return fault.Wrap(fault.Conflict, "part_missing", e, "parts are still missing")
	}
	return fault.Wrap(fault.Invalid, "size_mismatch", e, "received %d bytes, %d were announced", e.Got, e.Want)
}

// ContentOf gives the content of a complete file. Parts are looked at only when
// the file does not lie whole in its planned blob.
func ContentOf(f *File, parts func() ([]Part, error)) (blob.Content, error) {
	if f.Loose == 0 {
		return blob.Content{}.Append(blob.Segment{Blob: f.Blob(), Length: f.Size}), nil
	}
	all, err := parts()
	if err != nil {
		return nil, err
	}
	var c blob.Content
	for _, p := range all {
		c = c.Append(p.Segment)
	}
	return c, nil
}

// ETag gives the strong entity tag of a file that is complete or live, quoted. Its
// content never changes, so the key alone would do, and must where the checksum is not
// known from the beginning; elsewhere the checksum makes it say so.
func (f *File) ETag() string {
	if f.Home.Live {
		return `"` + string(f.Key) + `-live"`
	}
	return fmt.Sprintf(`"%s-%08x"`, f.Key, f.Sum)
}
