package upload

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/planted"
)

// Buffers of the body loop. A read of 256 KiB goes past net/http's buffer
// straight to the socket; 1 MiB is no better. Many slow clients must not cost
// that much each, so a body begins with a small one.
const smallBuffer = 32 << 10

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}
)

// pour is the one body loop of all doors: it writes the body to the place, never
// past its end, counts, sums, compares with what was announced, syncs, and closes
// w. The returned part is not promised by any row yet.
func (s *Service) pour(ctx context.Context, w blob.Writer, at blob.Segment, p Put) (_ *Part, err error) {
	defer func() {
		if cerr := w.Close(); err == nil && cerr != nil {
			err = cerr // an error on close counts: it may speak of the write
		}
	}()
	limit := at.Length
	if p.Length >= 0 {
		limit = min(limit, p.Length)
	}
	into := &roomWriter{Writer: w, room: func() error { return s.room(ctx, 0) }}
	part, err := take(into, at, limit, p)
	if err != nil {
		return nil, err
	}
	if planted.RowBeforeBytes {
		return part, nil // recordIf syncs
	}
	return part, w.Sync(ctx)
}

// take pours the body of p into w, at most limit bytes from the segment's offset on,
// and checks it against what was announced.
func take(w io.WriterAt, at blob.Segment, limit int64, p Put) (*Part, error) {
	var md hash.Hash
	if p.MD5 || p.WantMD5 != nil {
		md = md5.New()
	}
	n, crc, err := pourBody(w, at.Offset, limit, p.Body, md)
	if err != nil {
		return nil, err
	}
	if p.Length >= 0 && n != p.Length {
		return nil, fault.New(fault.Invalid, "incomplete_body", "%d of %d announced bytes arrived", n, p.Length)
	}
	if p.WantCRC != nil && *p.WantCRC != crc {
		return nil, fault.New(fault.Invalid, "digest_mismatch", "the body is not what its CRC-32 says")
	}
	part := &Part{Number: p.Number, Segment: blob.Segment{Blob: at.Blob, Offset: at.Offset, Length: n}, CRC: crc}
	if md != nil {
		part.MD5 = (*[md5.Size]byte)(md.Sum(nil))
		if p.WantMD5 != nil && !bytes.Equal(p.WantMD5, part.MD5[:]) {
			return nil, fault.New(fault.Invalid, "digest_mismatch", "the body is not what its MD5 says")
		}
	}
	return part, nil
}

// A memory is what a small file is poured into.
type memory []byte

func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

// roomStep is how many bytes of a body are written between two looks at the disk.
const roomStep = 8 << 20

// A roomWriter looks again and again whether there is room left. When a body was
// let in its length may not have been known, nor what others would write meanwhile.
type roomWriter struct {
	blob.Writer
	room    func() error
	written int64 // since the last look
}

func (w *roomWriter) WriteAt(b []byte, off int64) (int, error) {
	if w.written += int64(len(b)); w.written > roomStep {
		w.written = 0
		if err := w.room(); err != nil {
			return 0, err
		}
	}
	return w.Writer.WriteAt(b, off)
}

// pourBody copies body to w at off, at most limit bytes: one more is TooLarge.
func pourBody(w io.WriterAt, off, limit int64, body io.Reader, md hash.Hash) (n int64, crc uint32, err error) {
	small := smallBuffers.Get().(*[smallBuffer]byte)
	defer smallBuffers.Put(small)
	buf, filled := small[:], 0
	for {
		k, rerr := fill(body, buf)
		if int64(k) > limit-n {
			return n, crc, tooLarge(limit)
		}
		if k > 0 {
			if _, err := w.WriteAt(buf[:k], off+n); err != nil {
				return n, crc, err
			}
			crc = crc32.Update(crc, crc32.IEEETable, buf[:k])
			if md != nil {
				md.Write(buf[:k])
			}
			n += int64(k)
		}
		if rerr == io.EOF {
			return n, crc, nil
		}
		if rerr != nil {
			return n, crc, bodyError(rerr)
		}
		if filled++; filled == 2 && len(buf) == len(small) {
			large := largeBuffers.Get().(*[256 << 10]byte)
			defer largeBuffers.Put(large)
			buf = large[:]
		}
	}
}

// fill reads until buf is full or the body fails or ends. Unlike io.ReadFull it
// keeps the end (io.EOF) apart from a body that was cut (io.ErrUnexpectedEOF, as
// net/http calls it): one of unknown length would pass for whole.
func fill(body io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var k int
		k, err = body.Read(buf[n:])
		n += k
	}
	return n, err
}

// bodyError says what a failed read of a body means: the connection broke,
// unless the reader itself knows better.
func bodyError(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.Wrap(fault.Invalid, "incomplete_body", err, "the body did not arrive whole")
}

// same tells whether two parts hold the same bytes, by comparing them, not their
// checksums. The new ones are in memory, or in their blob where that is nil.
func (s *Service) same(ctx context.Context, old, new *Part, memory []byte) (bool, error) {
	if old == nil || old.Length != new.Length || old.CRC != new.CRC {
		return false, nil
	}
	same, err := s.begins(ctx, old, new, memory)
	if errors.Is(err, errUnreadable) {
		return false, nil // the new bytes replace it
	}
	return same, err
}

// errUnreadable is why a part that was acknowledged cannot be compared.
var errUnreadable = errors.New("the part cannot be read")

// begins tells whether the part new, which is not shorter, begins with the bytes of old.
// Memory is as for same; errUnreadable where old is damaged.
func (s *Service) begins(ctx context.Context, old, new *Part, memory []byte) (bool, error) {
	a, err := s.blobs.Open(ctx, old.Blob)
	if fault.KindOf(err) == fault.NotFound {
		return false, nil // replaced meanwhile
	}
	if err != nil {
		return false, err
	}
	defer a.Close()
	var b io.ReaderAt = bytes.NewReader(memory)
	if memory == nil {
		r, err := s.blobs.Open(ctx, new.Blob)
		if err != nil {
			return false, err
		}
		defer r.Close()
		b = r
	}
	x, y := largeBuffers.Get().(*[256 << 10]byte), largeBuffers.Get().(*[256 << 10]byte)
	defer largeBuffers.Put(x)
	defer largeBuffers.Put(y)
	for at := int64(0); at < old.Length; {
		n := min(int64(len(x)), old.Length-at)
		if err := readAt(a, x[:n], old.Offset+at); err != nil {
			return false, fmt.Errorf("%w: %w", errUnreadable, err)
		}
		if err := readAt(b, y[:n], new.Offset+at); err != nil {
			return false, err
		}
		if !bytes.Equal(x[:n], y[:n]) {
			return false, nil
		}
		at += n
	}
	return true, nil
}

func readAt(r io.ReaderAt, buf []byte, off int64) error {
	n, err := r.ReadAt(buf, off)
	if n == len(buf) {
		return nil
	}
	return err
}

// discard removes a blob that no row promises. If that fails, the sweep of
// orphans finds it.
func (s *Service) discard(ctx context.Context, b blob.ID) {
	_ = s.blobs.Remove(context.WithoutCancel(ctx), b)
}

// reread compares the parts of a suspect file with their checksums, and forgets
// those that are damaged, so that their sender is told they are missing.
func (s *Service) reread(ctx context.Context, f *File) error {
	parts, err := s.AllParts(ctx, f.Key)
	if err != nil {
		return err
	}
	damaged := map[int]blob.Segment{}
	for _, p := range parts {
		ok, err := s.intact(ctx, p)
		if err != nil {
			return err
		}
		if !ok {
			damaged[p.Number] = p.Segment
		}
	}
	return s.store.Rework(ctx, f.Key, func(f *File, parts func() ([]Part, error)) ([]int, []job.Job, error) {
		if f.State != Open {
			return nil, nil, nil // somebody else read it, and completed it
		}
		all, err := parts()
		if err != nil {
			return nil, nil, err
		}
		var drop []Part
		for _, p := range all {
			// A part that was sent again meanwhile lies elsewhere.
			if at, bad := damaged[p.Number]; bad && at == p.Segment {
				drop = append(drop, p)
			}
		}
		_, numbers, jobs := s.leaveOut(f, all, drop)
		f.Suspect = false
		return numbers, jobs, nil
	})
}

// intact reads a part and compares it with its checksum. That a blob cannot be
// opened just now, for want of descriptors perhaps, says nothing of its bytes.
func (s *Service) intact(ctx context.Context, p Part) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	r, err := s.blobs.Open(ctx, p.Blob)
	if fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer r.Close()
	sum := crc32.NewIEEE()
	n, err := io.Copy(sum, io.NewSectionReader(r, p.Offset, p.Length))
	return err == nil && n == p.Length && sum.Sum32() == p.CRC, nil
}

// A tally counts what is read of a body.
type tally struct {
	io.Reader
	n int64
}

func (t *tally) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.n += int64(n)
	return n, err
}

// nowhere is where a body goes that is only counted and summed.
type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// again answers a part that came for a file that is complete: refusal, unless it
// has the length of the part that is there. The body was taken whole, or nothing
// of it.
func (s *Service) again(ctx context.Context, p Put, body *tally, refusal error) (*Part, error) {
	_, old, err := s.store.FileAndPart(ctx, p.File, p.Number)
	if err != nil {
		return nil, err
	}
	if old == nil || p.Length >= 0 && p.Length != old.Length {
		return nil, refusal
	}
	if body.n == 0 {
		_, err := take(nowhere{}, blob.Segment{}, old.Length, p)
		if fault.Is(err, "part_too_large") {
			return nil, refusal
		}
		if err != nil {
			return nil, err
		}
	}
	if body.n != old.Length {
		return nil, refusal
	}
	return old, nil
}

// checkStep is how much is read of a file between two looks whether somebody still
// waits for it.
const checkStep = 64 << 20

// check reads a whole file for its MD5, and gives the parts that it read.
func (s *Service) check(ctx context.Context, f *File) ([]Part, error) {
	parts, err := s.AllParts(ctx, f.Key)
	if err != nil {
		return nil, err
	}
	sum := md5.New()
	for _, p := range parts {
		c := blob.Content{}.Append(p.Segment)
		for at := int64(0); at < p.Length; at += checkStep {
			if err := ctx.Err(); err != nil {
				return nil, err // nobody waits for it any more
			}
			if _, err := blob.Copy(ctx, sum, s.blobs, c, at, min(checkStep, p.Length-at)); err != nil {
				return nil, err
			}
		}
	}
	if !bytes.Equal(sum.Sum(nil), f.WantMD5[:]) {
		return nil, fault.New(fault.Conflict, "file_digest", "the file is not what its MD5 says")
	}
	return parts, nil
}

// samePlaces tells whether two lists are of the same acknowledged bytes.
func samePlaces(a, b []Part) bool {
	return slices.EqualFunc(a, b, func(x, y Part) bool {
		return x.Number == y.Number && x.Segment == y.Segment && x.CRC == y.CRC
	})
}
