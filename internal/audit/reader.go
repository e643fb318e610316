package audit

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/upload"
)

// A place is how far reading has come. It can be stored in the middle of a file: what
// was acknowledged never changes, so reading goes on there after a restart.
type place struct {
	After upload.Key // the file that was checked last

	// Of the file that follows, if it was begun.
	File  upload.Key
	Whole bool   // it is complete
	Part  int    // the part that was read last
	Got   int64  // bytes of the parts so far
	Sum   uint32 // their CRC-32
	SHA   []byte // state of their SHA-256 and of the next part's bytes
	Bad   bool   // damage was found

	// Of the part that follows, if it was begun.
	Next upload.Part
	Off  int64  // bytes read
	CRC  uint32 // of them
	MD5  []byte // state
}

// perFile and perPart are what looking at a file or a part costs, in bytes: small
// files must not make a step long.
const (
	perFile = 16 << 10
	perPart = 4 << 10
)

// filesAtOnce and partsAtOnce bound what is loaded.
const (
	filesAtOnce = 200
	partsAtOnce = 1000
)

// A reader checks files in the order of their keys.
type reader struct {
	*Service
	place
	end    upload.Key // of the round: files that were begun later are left to the next
	report Report
	found  func(Finding) error

	left int64 // of the step
	buf  []byte
	sha  hash.Hash
	md5  hash.Hash
}

// errPause ends a step in the middle of a file, errGone the look at a file whose bytes
// were being removed.
var (
	errPause = errors.New("the step is over")
	errGone  = errors.New("the file is gone")
)

// step reads on for about so many bytes, and adds to o what is to be saved. Done
// tells that the round is over.
func (r *reader) step(ctx context.Context, budget int64, o *Outcome) (done bool, err error) {
	r.left = budget
	if r.buf == nil {
		r.buf = make([]byte, 256<<10)
	}
	for r.left > 0 {
		files, err := r.store.Checkable(ctx, r.After, filesAtOnce)
		if err != nil {
			return false, err
		}
		if len(files) == 0 {
			return true, nil
		}
		for _, f := range files {
			if f.Key >= r.end {
				return true, nil
			}
			if r.left <= 0 {
				return false, nil
			}
			if !f.isPromised() {
				r.place = place{After: f.Key}
				continue
			}
			switch err := r.file(ctx, f, o); {
			case err == errPause:
				return false, r.pause()
			case err != nil && err != errGone:
				return false, fmt.Errorf("check file %s: %w", f.Key, err)
			}
			r.place = place{After: f.Key}
		}
	}
	return false, nil
}

// pause puts the states of the hashes into the place.
func (r *reader) pause() (err error) {
	r.SHA, r.MD5 = nil, nil
	if r.sha != nil {
		if r.SHA, err = r.sha.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
			return err
		}
	}
	if r.md5 != nil {
		r.MD5, err = r.md5.(encoding.BinaryMarshaler).MarshalBinary()
	}
	return err
}

// takeUp makes a hash go on from a state, which is nil at the beginning.
func takeUp(h hash.Hash, state []byte) (hash.Hash, error) {
	if state == nil {
		return h, nil
	}
	return h, h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

// file checks one file, from its place on.
func (r *reader) file(ctx context.Context, f *File, o *Outcome) (err error) {
	if whole := f.State == upload.Complete; r.File != f.Key || r.Whole != whole {
		r.place = place{After: r.After, File: f.Key, Whole: whole}
		r.left -= perFile
	}
	r.sha = nil
	if r.Whole {
		if r.sha, err = takeUp(sha256.New(), r.SHA); err != nil {
			return err
		}
	}
	for {
		parts, err := r.store.Parts(ctx, f.Key, r.Part, partsAtOnce)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if r.left <= 0 {
				return errPause
			}
			if err := r.part(ctx, f, p); err != nil {
				return err
			}
		}
		if len(parts) < partsAtOnce {
			return r.finish(ctx, f, o)
		}
	}
}

// part reads a part, from its place on.
func (r *reader) part(ctx context.Context, f *File, p upload.Part) (err error) {
	if !samePart(r.Next, p) { // not begun, or sent again since
		r.Next, r.Off, r.CRC, r.MD5 = p, 0, 0, nil
		r.left -= perPart
	}
	r.md5 = nil
	if p.MD5 != nil {
		if r.md5, err = takeUp(md5.New(), r.MD5); err != nil {
			return err
		}
	}
	damage, err := r.read(ctx, p)
	if err != nil {
		return err
	}
	switch {
	case damage != nil:
	case r.CRC != p.CRC:
		damage = &Finding{Kind: Changed, Detail: fmt.Sprintf("CRC-32 is %08x, was %08x", r.CRC, p.CRC)}
	case r.md5 != nil && !bytes.Equal(r.md5.Sum(nil), p.MD5[:]):
		damage = &Finding{Kind: Changed, Detail: fmt.Sprintf("MD5 is %x, was %x", r.md5.Sum(nil), *p.MD5)}
	case r.Whole && f.Loose == 0 && (p.Blob != f.Blob() || p.Offset != r.Got):
		damage = &Finding{Kind: Rows, Detail: fmt.Sprintf("lies at %d and not at %d, where its file is read", p.Offset, r.Got)}
	}
	if damage != nil {
		damage.Part, damage.Blob = p.Number, p.Blob
		if err := r.tell(ctx, f, damage, &p); err != nil {
			return err
		}
	}
	r.report.Parts++
	r.report.Bytes += r.Off
	r.Part, r.Got, r.Sum = p.Number, r.Got+p.Length, blob.CombineCRC(r.Sum, p.CRC, p.Length)
	r.Next, r.Off, r.CRC, r.MD5 = upload.Part{}, 0, 0, nil
	return nil
}

// samePart tells whether two rows promise the same bytes.
func samePart(a, b upload.Part) bool {
	return a.Number == b.Number && a.Segment == b.Segment && a.CRC == b.CRC
}

// read reads the bytes of a part that are left, as far as the step goes. That a blob
// cannot be opened just now, for want of descriptors perhaps, says nothing of its
// bytes; that it cannot be read does.
func (r *reader) read(ctx context.Context, p upload.Part) (damage *Finding, err error) {
	if p.Length == 0 {
		return nil, nil
	}
	from, err := r.blobs.Open(ctx, p.Blob)
	if fault.KindOf(err) == fault.NotFound {
		return &Finding{Kind: Missing, Detail: "its bytes are not there"}, nil
	}
	if err != nil {
		return nil, err
	}
	defer from.Close()
	for r.Off < p.Length {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.left <= 0 {
			return nil, errPause
		}
		buf := r.buf[:min(int64(len(r.buf)), p.Length-r.Off, max(r.left, 4<<10))]
		n, err := from.ReadAt(buf, p.Offset+r.Off)
		if n < len(buf) {
			if err == io.EOF {
				return &Finding{Kind: Missing, Detail: fmt.Sprintf("ends after %d of %d bytes", r.Off+int64(n), p.Length)}, nil
			}
			return &Finding{Kind: Changed, Detail: "cannot be read: " + err.Error()}, nil
		}
		r.CRC = crc32.Update(r.CRC, crc32.IEEETable, buf)
		for _, h := range []hash.Hash{r.sha, r.md5} {
			if h != nil {
				h.Write(buf)
			}
		}
		r.Off += int64(n)
		r.left -= int64(n)
	}
	return nil, nil
}

// tell tells of damage, if what was read is still promised: bytes go while we read,
// after the rows that named them. errGone when the whole file has gone.
func (r *reader) tell(ctx context.Context, f *File, damage *Finding, p *upload.Part) error {
	if p != nil {
		parts, err := r.store.Parts(ctx, f.Key, p.Number-1, 1)
		if err != nil {
			return err
		}
		if len(parts) == 0 || !samePart(parts[0], *p) {
			return nil
		}
	}
	now, err := r.store.Checkable(ctx, before(f.Key), 1)
	if err != nil {
		return err
	}
	if len(now) == 0 || now[0].Key != f.Key || !now[0].isPromised() {
		return errGone
	}
	r.Bad = true
	damage.File, damage.ID, damage.Name, damage.Share = f.Key, f.ID, f.Name, string(f.Home.ID)
	return r.found(*damage)
}

// before gives a text that is less than a key, and greater than every key before it.
func before(k upload.Key) upload.Key {
	return k[:len(k)-1] + upload.Key(k[len(k)-1]-1) + "~"
}

// finish looks at a file as a whole, all of whose parts were read.
func (r *reader) finish(ctx context.Context, f *File, o *Outcome) error {
	r.report.Files++
	if r.Whole && !r.Bad {
		if err := r.whole(ctx, f, o); err != nil {
			return err
		}
	}
	if r.Bad {
		r.report.Damaged++
	}
	switch {
	case r.Bad && !r.Whole:
		if !f.Suspect {
			r.report.Marked++
		}
		o.Suspect = append(o.Suspect, f.Key)
	case r.Bad && f.DamagedAt.IsZero():
		r.report.Marked++
		o.Damaged = append(o.Damaged, f.Key)
	case !r.Bad && !f.DamagedAt.IsZero():
		r.report.Unmarked++
		o.Sound = append(o.Sound, f.Key)
	}
	return nil
}

// whole compares a complete file with what is known of all of it.
func (r *reader) whole(ctx context.Context, f *File, o *Outcome) error {
	sum := [sha256.Size]byte(r.sha.Sum(nil))
	var damage *Finding
	switch {
	case r.Got != f.Size:
		damage = &Finding{Kind: Rows, Detail: fmt.Sprintf("its parts have %d bytes, it has %d", r.Got, f.Size)}
	case r.Sum != f.Sum:
		damage = &Finding{Kind: Rows, Detail: fmt.Sprintf("its parts have CRC-32 %08x, it has %08x", r.Sum, f.Sum)}
	case f.SHA256 == nil:
		r.report.Hashed++
		o.Sums = append(o.Sums, Sum{f.Key, sum})
		return nil
	case *f.SHA256 != sum:
		damage = &Finding{Kind: Changed, Detail: fmt.Sprintf("SHA-256 is %x, was %x", sum, *f.SHA256)}
	default:
		return nil
	}
	return r.tell(ctx, f, damage, nil)
}
