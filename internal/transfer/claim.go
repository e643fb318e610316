package transfer

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/upload"
)

// A Claim is one download of a transfer that has a limit, promised to a holder: each
// item whole, once (docs/decisions/0007).
type Claim struct {
	Key     string
	At      time.Time // when it was taken
	Until   time.Time // how long it stays its holder's
	Bytes   int64     // that arrived
	Used    bool      // something arrived whole: it does not return
	Answers []Answer  // under way
	Gone    bool      // set to let it go: unused, it returns; not stored

	// Done tells, of the item that is asked for, that it arrived whole under this claim,
	// Begun that some of it did.
	Done, Begun bool
}

// An Answer is bytes of an item that are under way.
type Answer struct {
	Key   string
	Item  upload.Key // empty: the archive
	Spans Spans
	Node  string // of which server
}

const (
	// claimLife is how long a claim stays its holder's: who missed the last byte
	// can go on until then.
	claimLife = 24 * time.Hour
	// claimMost is how long it can stay because another server said that answers are
	// under way: it may have gone for good.
	claimMost = 7 * 24 * time.Hour
	// mostAnswers bounds those of one claim at a time. Programs that fetch on many
	// connections have 16.
	mostAnswers = 64
	// lookSize is the most that may have arrived under a claim that returns: it was a
	// look at the file, as preview programs have one at its first bytes. It is never
	// more than a lookPart of the item.
	lookSize = 1 << 10
	lookPart = 100
)

// errBusy is behind "downloads_used" where an answer of the same holder is under way: if
// that breaks off, they can have its place.
var errBusy = errors.New("an answer is under way")

// Busy tells of what Begin gave whether it may be worth to ask again soon.
func Busy(err error) bool { return errors.Is(err, errBusy) }

const usedUp = "it has been downloaded as often as it may be"

// claim reserves bytes of a transfer that has a limit, before the first of them: under a
// claim of the holder that has room for them, or a new one.
func (d *Desk) claim(ctx context.Context, dl *Download) (limited bool, err error) {
	d.track(dl)
	var stopped []bound
	limited, err = d.store.ClaimDownload(ctx, dl.record.Home, dl.record.Holder, dl.record.Item, func(left int, all []*Claim) (*Claim, error) {
		var c *Claim
		var err error
		c, stopped, err = d.choose(left, all, dl)
		return c, err
	})
	if err != nil || dl.record.Claim == "" {
		d.untrack(dl)
		return limited, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range stopped {
		if other := d.live[b.answer]; other != nil {
			other.stopAt(b.off)
		}
	}
	return true, nil
}

// A bound is where an answer has to end because the same client fetches the rest
// otherwise.
type bound struct {
	answer string
	off    int64
}

// choose finds the claim for an answer, and changes it: left are those that are not out
// yet. It gives nil where only a look is taken at what could be had.
//
// Bytes under way under a claim are not given under it a second time: who begins from
// the start meanwhile needs another claim. But who goes on in the middle has lost what
// is under way, or wants to fetch it on more connections: that is ended where the new
// one begins. What broke off may be fetched again.
func (d *Desk) choose(left int, all []*Claim, dl *Download) (*Claim, []bound, error) {
	now, a := dl.record.At, dl.answer
	var spare, join, rest *Claim
	busy := false
	for _, c := range all {
		c.Answers = slices.DeleteFunc(c.Answers, func(a Answer) bool { return !d.underWay(a) })
		switch {
		case len(c.Answers) == 0 && !c.Until.After(now):
			if !c.Used {
				spare = c // not swept yet
			}
		case c.Done:
		case isChosen(a.Item) && !c.Begun && c.taken(a.Item):
			// Some files are perhaps those that were had already: they are a download of their own.
		case len(c.Answers) >= mostAnswers:
			busy = true
		case !slices.ContainsFunc(c.Answers, a.overlaps):
			join = c
		case a.goesOn():
			rest = c
		default:
			busy = true
		}
	}
	c := join
	if c == nil {
		c = rest
	}
	switch {
	case c != nil:
	case spare != nil:
		spare.At, spare.Until, spare.Bytes, spare.Answers = now, now.Add(claimLife), 0, nil
		c = spare
	case left > 0:
		c = &Claim{Key: d.ids.Key(), At: now, Until: now.Add(claimLife)}
	case busy:
		return nil, nil, fault.Wrap(fault.Gone, "downloads_used", errBusy, usedUp)
	default:
		return nil, nil, fault.New(fault.Gone, "downloads_used", usedUp)
	}
	if a.Spans == nil {
		return nil, nil, nil
	}
	stopped := c.give(a)
	dl.record.Claim = c.Key
	return c, stopped, nil
}

// taken tells whether the claim is for another item already.
func (c *Claim) taken(item upload.Key) bool {
	return c.Used || slices.ContainsFunc(c.Answers, func(a Answer) bool { return a.Item != item })
}

// give adds an answer, and ends those that it overlaps where it begins.
func (c *Claim) give(a Answer) (stopped []bound) {
	kept := c.Answers[:0:0]
	for _, other := range c.Answers {
		if a.overlaps(other) {
			off := a.Spans.first()
			if len(other.Spans) > 1 {
				off = 0 // its parts come in no order that could be cut
			}
			stopped = append(stopped, bound{other.Key, off})
			if other.Spans = other.Spans.before(off); len(other.Spans) == 0 {
				continue
			}
		}
		kept = append(kept, other)
	}
	c.Answers = append(kept, a)
	return stopped
}

// underWay tells whether an answer has not ended with the server that gave it. What
// another server has under way is its own to end.
func (d *Desk) underWay(a Answer) bool {
	if a.Node != d.Node {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live[a.Key] != nil
}

func (d *Desk) track(dl *Download) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.live[dl.answer.Key] = dl
}

func (d *Desk) untrack(dl *Download) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.live, dl.answer.Key)
}

// goesOn tells whether it begins in the middle, in whatever order it was asked for.
func (a Answer) goesOn() bool { return len(a.Spans) > 0 && a.Spans.first() > 0 }

// first gives where the first byte of some is.
func (s Spans) first() int64 {
	return slices.MinFunc(s, func(a, b Span) int { return cmp.Compare(a.Off, b.Off) }).Off
}

func (a Answer) overlaps(b Answer) bool {
	return a.Item == b.Item && slices.ContainsFunc(a.Spans, func(s Span) bool {
		return slices.ContainsFunc(b.Spans, func(o Span) bool { return s.Off < o.Off+o.N && o.Off < s.Off+s.N })
	})
}

// before gives what of the spans is before off.
func (s Spans) before(off int64) (out Spans) {
	for _, b := range s {
		if b.N = min(b.N, off-b.Off); b.N > 0 {
			out = append(out, b)
		}
	}
	return out
}

// end notes what came of an answer under the claim. It returns with its last one, if
// nothing arrived under it, or a look alone: as many bytes at most.
func (c *Claim) end(answer string, arrived, look int64, whole bool, alive func(Answer) bool) {
	c.Answers = slices.DeleteFunc(c.Answers, func(a Answer) bool { return a.Key == answer || !alive(a) })
	c.Bytes += arrived
	c.Used = c.Used || whole
	c.Gone = len(c.Answers) == 0 && !c.Used && c.Bytes <= look
}

// expire decides on a claim whose time is over: it returns, if nothing arrived whole, or
// stays a while more for what is under way.
func (d *Desk) expire(c *Claim, now time.Time) {
	if slices.ContainsFunc(c.Answers, func(a Answer) bool { return d.underWay(a) && (a.Node == d.Node || now.Sub(c.At) < claimMost) }) {
		c.Until = now.Add(claimLife)
		return
	}
	c.Gone = true
}

// lookAt gives the most bytes of an item of this size that are a look at it.
func lookAt(size int64) int64 { return min(lookSize, size/lookPart) }

// look gives how many bytes may have arrived under a claim that returns after an answer of
// so many: none, if that was no look, or the network that it came from has had too many.
// No file is put together from looks.
func (d *Desk) look(ctx context.Context, dl *Download, arrived int64) (int64, error) {
	most := lookAt(dl.size)
	if dl.record.Claim == "" || arrived == 0 || arrived > most {
		return 0, nil
	}
	now, home := d.now(), dl.record.Home
	err := d.store.CountPasswordTry(ctx, home, digest("looks", string(home), neighbours(dl.address)), now, now.Add(-tryWindow), tryMost)
	if fault.KindOf(err) == fault.Throttled {
		return 0, nil
	}
	return most, err
}

// Left gives how many of n bytes from off may still go out: fewer when the client has
// begun to fetch the rest otherwise.
func (dl *Download) Left(off, n int64) int64 {
	dl.reached.Store(off)
	return max(0, min(n, dl.until.Load()-off))
}

func (dl *Download) stopAt(off int64) {
	for {
		was := dl.until.Load()
		if was <= off || dl.until.CompareAndSwap(was, off) {
			return
		}
	}
}

// Limited tells whether the download is one of so many.
func (dl *Download) Limited() bool { return dl.record.Claim != "" }

const unbounded = math.MaxInt64
