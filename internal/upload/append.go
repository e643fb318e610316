package upload

import (
	"context"
	"io"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
)

// An Append is bytes that follow on those a file has, as resumable uploads send them
// (tus, and the IETF's draft). They become the same parts that others send by their
// numbers: where the file has a plan, its slots are filled one after the other.
type Append struct {
	Account account.ID // who the file must belong to
	File    ID
	Offset  int64 // where its bytes end, as the sender believes
	Length  int64 // announced; -1 where the sender did not
	Size    int64 // of the whole file, where the sender says it now; Unknown
	Body    io.Reader

	// Verify, if not nil, is asked when the whole body has been read, and before
	// anything of it counts: if it fails, or the body is cut, nothing is kept.
	Verify func() error

	// Stop makes a Read of the body that is under way, and every later one, fail at
	// once. It is called, perhaps more than once, when somebody else asks for the file:
	// whoever comes again after a broken connection is not kept waiting by what is left
	// of it.
	Stop func()
}

// Misplaced is why an Append was refused: the file's bytes end elsewhere. It is the
// cause inside a fault: Conflict "append_offset".
type Misplaced struct{ Offset int64 }

func (*Misplaced) Error() string { return "the file's bytes end elsewhere" }

// loosePiece is where a part of a file without a plan ends, and the next begins: as
// much is synced at once, and that many of them are the largest file.
const loosePiece = 64 << 20

// Offset gives where the file's bytes end that nothing is missing before. An Append
// of this file that is under way is stopped first, and what came of it is kept.
func (s *Service) Offset(ctx context.Context, who account.ID, file ID) (*File, int64, error) {
	done, err := s.turn(ctx, file, nil)
	if err != nil {
		return nil, 0, err
	}
	defer done()
	return s.offsetOf(ctx, who, file)
}

func (s *Service) offsetOf(ctx context.Context, who account.ID, file ID) (*File, int64, error) {
	f, err := s.File(ctx, who, file)
	if err != nil {
		return nil, 0, err
	}
	if f.State == Complete {
		return f, f.Size, nil
	}
	e, err := s.end(ctx, f)
	return f, e.offset, err
}

// Append takes bytes that follow on those the file has, and gives where they end
// then, also beside an error: a body that is cut leaves what came of it, durable like
// every part, unless its sender wanted it verified. Bytes that are there already,
// behind a hole that is filled now, must be the same.
//
// Faults: those of Put, and Conflict "append_offset" with a *Misplaced as its cause,
// "append_busy" while another request sends the part by its number, "bytes_differ"
// for other bytes than were acknowledged, Invalid "size_mismatch" for another size
// than was said before, "size_unknown" where it must be said.
func (s *Service) Append(ctx context.Context, a Append) (*File, int64, error) {
	done, err := s.turn(ctx, a.File, a.Stop)
	if err != nil {
		return nil, 0, err
	}
	defer done()
	f, err := s.File(ctx, a.Account, a.File)
	if err != nil {
		return nil, 0, err
	}
	if err := f.Accepts(s.now()); err != nil {
		return nil, 0, err
	}
	e, err := s.end(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	if a.Offset != e.offset {
		return f, e.offset, fault.Wrap(fault.Conflict, "append_offset", &Misplaced{e.offset}, "the file's bytes end at %d", e.offset)
	}
	if a.Size != Unknown {
		if err := s.resize(ctx, f, a.Size); err != nil {
			return f, e.offset, err
		}
	}
	if rest := s.most(f) - e.offset; a.Length > rest {
		return f, e.offset, fault.New(fault.TooLarge, "part_too_large", "%d more bytes fit into the file", rest)
	}
	ap := &appending{Service: s, a: a, f: f, end: e, left: a.Length}
	err = ap.run(ctx)
	if offsetErr := ap.after(ctx, err); err == nil {
		err = offsetErr
	}
	return ap.f, ap.offset, err
}

// resize notes the size of a file whose sender did not know it before.
func (s *Service) resize(ctx context.Context, f *File, size int64) error {
	if f.Size == Unknown {
		err := s.store.Rework(context.WithoutCancel(ctx), f.Key, func(g *File, _ func() ([]Part, error)) ([]int, []job.Job, error) {
			if err := g.Accepts(s.now()); err != nil {
				return nil, nil, err
			}
			if g.Size != Unknown {
				f.Size, f.Sum = g.Size, g.Sum
				return nil, nil, nil
			}
			if most := s.most(g); size > most {
				return nil, nil, tooLarge(most)
			}
			if err := g.resize(size); err != nil {
				return nil, nil, err
			}
			f.Size, f.Sum = g.Size, g.Sum
			return nil, nil, nil
		})
		if err != nil {
			return err
		}
	}
	if f.Size != size {
		return fault.New(fault.Invalid, "size_mismatch", "the file was announced with %d bytes", f.Size)
	}
	return nil
}

// resize gives a file of unknown size the one that it will have.
func (f *File) resize(size int64) error {
	if size < f.Got {
		return fault.New(fault.Invalid, "size_mismatch", "%d bytes have been received already", f.Got)
	}
	if f.Count > 0 {
		last := size - f.tail()
		if last < 0 {
			return fault.New(fault.Invalid, "size_mismatch", "the file was announced with %d parts", f.Count)
		}
		if err := f.checkLength(f.Count, last); err != nil {
			return err
		}
		f.Sum = blob.ShiftCRC(f.Sum, last)
	}
	f.Size = size
	return nil
}

// An end is where a file's bytes end that nothing is missing before.
type end struct {
	offset int64
	number int  // of the part that ends there, 0 if there is none
	last   Part // that part

	// ragged is set when the parts do not lie as the plan has them: clients of old
	// APIs cut them their own way. The bytes are then the parts' in their order.
	ragged bool
}

// end finds the first hole of f. Where there is none, as always while nobody else sends
// the file, the counters and the last part tell.
func (s *Service) end(ctx context.Context, f *File) (e end, err error) {
	if f.Parts > 1 {
		last, err := s.store.Parts(ctx, f.Key, f.Parts-1, 2)
		if err != nil {
			return e, err
		}
		if len(last) == 1 && last[0].Number == f.Parts {
			before := f.Got - last[0].Length
			if f.Planned() == 0 || before == int64(f.Parts-1)*f.Chunk && last[0].Length <= f.span(f.Parts) {
				return end{offset: f.Got, number: f.Parts, last: last[0]}, nil
			}
		}
	}
	for {
		parts, err := s.store.Parts(ctx, f.Key, e.number, 1000)
		if err != nil {
			return e, err
		}
		for i := range parts {
			if parts[i].Number != e.number+1 || e.short(f) {
				return e, nil
			}
			e.pass(f, &parts[i])
		}
		if len(parts) < 1000 {
			return e, nil
		}
	}
}

// pass moves the end past the next part.
func (e *end) pass(f *File, p *Part) {
	e.offset += p.Length
	e.number, e.last = p.Number, *p
	e.ragged = e.ragged || p.Length > f.span(p.Number)
}

// short tells that the last part does not fill its slot.
func (e *end) short(f *File) bool {
	return e.number > 0 && e.number <= f.Planned() && !e.ragged && e.last.Length < f.span(e.number)
}

// span gives the most bytes that part n has where the plan is kept; without one,
// where an appended part ends.
func (f *File) span(n int) int64 {
	switch {
	case n > f.Planned():
		return loosePiece
	case f.Count > 0:
		_, most := f.lengths(n)
		return most
	}
	return min(f.Chunk, f.Size-int64(n-1)*f.Chunk)
}

// stopAgain is how long nobody waits for whom they told to stop before they tell them
// again: a deadline may have been set anew at that moment.
const stopAgain = 100 * time.Millisecond

// A turn is an Append or a question for the offset: there is one at a time for each
// file.
type turn struct {
	stop func() // nil: it does not wait for anybody
	done chan struct{}
}

// turn waits until nobody else appends to the file, whom it tells to stop. The caller
// ends the turn by done.
func (s *Service) turn(ctx context.Context, file ID, stop func()) (done func(), err error) {
	for {
		s.mu.Lock()
		other := s.turns[file]
		if other == nil {
			mine := &turn{stop: stop, done: make(chan struct{})}
			s.turns[file] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.turns, file)
				s.mu.Unlock()
				close(mine.done)
			}, nil
		}
		s.mu.Unlock()
		if other.stop != nil {
			other.stop()
		}
		select {
		case <-other.done:
		case <-time.After(stopAgain):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// claimOf is claim, and tells whether nobody will ever have it again.
func (s *Service) claimOf(c claim) (claimed, spoilt bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, taken := s.claims[c]
	if taken {
		return false, kept
	}
	s.claims[c] = false
	return true, false
}
