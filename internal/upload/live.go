package upload

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
)

// Live tells whether the file can be fetched while it comes in: its sender lets people,
// and how long it will be is known. The bytes that are acknowledged of it are never
// replaced by others.
func (f *File) Live() bool { return f.State == Open && f.Home.Live && f.Size != Unknown }

// frozen is why an acknowledged part of a live file is not replaced.
func frozen(n int) error {
	return fault.New(fault.Conflict, "bytes_differ", "part %d has been received with other bytes, and people may have fetched it", n)
}

// mayReplace refuses a part in place of old, of a file that people may be fetching, if it
// does not begin with the same bytes: one that was cut may come whole.
func (s *Service) mayReplace(ctx context.Context, f *File, old, part *Part, bytes []byte) error {
	if !f.Home.Live || old == nil {
		return nil
	}
	if part.Length >= old.Length {
		ok, err := s.begins(ctx, old, part, bytes)
		if errors.Is(err, errUnreadable) {
			ok, err = part.Length == old.Length && part.CRC == old.CRC, nil // nobody has other bytes of it
		}
		if ok || err != nil {
			return err
		}
	}
	return frozen(part.Number)
}

// keepsFrozen is mayReplace as the row is written, for a part that was compared with this
// one; for what came meanwhile the checksum speaks.
func (f *File) keepsFrozen(p, old, compared *Part) error {
	switch {
	case !f.Home.Live, old == nil, p.CRC == old.CRC && p.Length == old.Length:
		return nil
	case compared != nil && compared.Segment == old.Segment && compared.CRC == old.CRC:
		return nil
	}
	return frozen(p.Number)
}

const (
	// liveLook is how often a file is looked at that others may be sending to another
	// server; what comes in here is known at once.
	liveLook = 500 * time.Millisecond
	// liveStall is how long a fetch waits for a next byte.
	liveStall = 5 * time.Minute
)

// Live gives the bytes of a file that is still coming in, as they come: those that are
// acknowledged and that nothing is missing before. It can be read by several at once.
func (s *Service) Live(f *File) *Live { return &Live{s: s, id: f.ID, key: f.Key, size: f.Size} }

// A Live is a source of bytes of a known length that waits for them.
type Live struct {
	s    *Service
	id   ID
	key  Key
	size int64
}

// Size gives how many bytes it will have.
func (l *Live) Size() int64 { return l.size }

// WriteRange writes n bytes from off. Where they are not there yet it waits, and lets
// go out what was written (w's Flush, if it has one). Faults: those of File.Accepts when
// the file is taken down, Timeout "live_stalled" when nothing came for minutes.
func (l *Live) WriteRange(ctx context.Context, w io.Writer, from blob.Store, off, n int64) error {
	if _, err := w.Write(nil); err != nil { // the headers
		return err
	}
	flush := func() error { return nil }
	if f, ok := w.(interface{ Flush() error }); ok {
		flush = f.Flush
	}
	next, leave := l.s.watch(l.key)
	defer leave()
	r := liveReading{Live: l}
	for stalled := time.Duration(0); n > 0; {
		grown := next() // before the look, so that nothing is missed
		if err := r.look(ctx); err != nil {
			return err
		}
		if have := min(n, r.offset-off); have > 0 {
			wrote, err := blob.Copy(ctx, w, from, r.content, off, have)
			if off, n = off+wrote, n-wrote; wrote > 0 {
				stalled = 0
			}
			if err == nil {
				continue
			}
			if !fault.Is(err, "blob_missing") {
				return err
			}
			r = liveReading{Live: l} // a part has grown, and lies elsewhere now
		}
		if r.done {
			return fault.New(fault.Internal, "content_short", "file %s is shorter than it was announced", l.key)
		}
		if stalled >= liveStall {
			return fault.New(fault.Timeout, "live_stalled", "nothing came in for a while")
		}
		if err := flush(); err != nil {
			return err
		}
		stalled += liveLook
		select {
		case <-grown:
		case <-time.After(liveLook):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// A liveReading is what is known of a file that is coming in: the parts that nothing is
// missing before. The last of them may still grow.
type liveReading struct {
	*Live
	end
	content blob.Content
	before  end          // the end of all but the last part
	head    blob.Content // all but the last part
	done    bool         // the file is complete
}

// look reads what has come since the last time.
func (r *liveReading) look(ctx context.Context) error {
	f, err := r.s.store.File(ctx, r.id)
	if err != nil {
		return err
	}
	if f.State == Complete {
		r.done = true
		r.content, err = r.s.Content(ctx, f)
		r.end = end{offset: f.Size}
		return err
	}
	if err := f.Accepts(r.s.now()); err != nil {
		return err
	}
	r.end, r.content = r.before, r.head
	for {
		parts, err := r.s.store.Parts(ctx, r.key, r.number, 1000)
		if err != nil {
			return err
		}
		for i := range parts {
			if parts[i].Number != r.number+1 || r.short(f) {
				return nil
			}
			r.before, r.head = r.end, r.content
			r.content = append(r.content, parts[i].Segment)
			r.pass(f, &parts[i])
		}
		if len(parts) < 1000 {
			return nil
		}
	}
}

// A watched file has readers that wait for its next part.
type watched struct {
	readers int
	grown   chan struct{} // closed when it is recorded here
}

// watch is for one more reader, until leave is called: next gives what is closed at the
// next part.
func (s *Service) watch(file Key) (next func() <-chan struct{}, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watched[file]
	if w == nil {
		w = &watched{grown: make(chan struct{})}
		s.watched[file] = w
	}
	w.readers++
	next = func() <-chan struct{} {
		s.mu.Lock()
		defer s.mu.Unlock()
		return w.grown
	}
	return next, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if w.readers--; w.readers == 0 {
			delete(s.watched, file)
		}
	}
}

// grew wakes who waits for the file.
func (s *Service) grew(file Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.watched[file]; w != nil {
		close(w.grown)
		w.grown = make(chan struct{})
	}
}
