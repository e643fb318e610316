package transfer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

type listStore interface {
	// SentPage gives up to n shares of the account with keys before the given one
	// ("" for the last), the latest first, of any kind and state.
	SentPage(ctx context.Context, who account.ID, before share.Key, n int) ([]*Transfer, error)
	// InboxPage gives up to n transfers that were sent to the address before the
	// given place, the latest first, each with its recipient.
	InboxPage(ctx context.Context, address string, before Place, n int) ([]Received, error)
}

// A Received is a transfer as one of its recipients has it.
type Received struct {
	Transfer  *Transfer
	Recipient *Recipient
}

// A Place is where an inbox goes on. The zero Place is its beginning.
type Place struct {
	At  time.Time
	Key RecipientKey
}

// A Query says what of a list is wanted.
type Query struct {
	After      string // where the page before ended: Page.Next
	Limit      int
	Skip       int       // leave out so many that fit; costs as much as reading them
	Search     string    // in id, subject, message, sender and recipients, in any case of letters
	Since      time.Time // of an inbox: only what was received after
	Ended      bool      // what has expired or was deleted too, as long as it is remembered
	Unfinished bool      // of sent ones: what is not complete too
	Portals    []string  // of an inbox: only what came in by one of these; nil: by any way
}

// A Page is a part of a list, the latest first. Next is empty at the end; a page
// that is not full may have one: see scanMost.
type Page[T any] struct {
	Items []T
	Next  string
}

const (
	page = 100
	// scanMost bounds how many rows one call looks at, so that searching costs no
	// more than that. There is no index of words: who searches reads their own
	// list, a step at a time, and nobody else's.
	scanMost = 10_000
	// MaxMembers is how many lists may be read as one.
	MaxMembers = 1000
)

// Sent gives what these accounts have sent, by whatever API: one account's, or all
// of a company for its admin. Invalid "cursor_invalid", "too_many_members".
func (d *Desk) Sent(ctx context.Context, from []account.ID, q Query) (Page[*Transfer], error) {
	if q.After != "" && len(q.After) != keyLen {
		return Page[*Transfer]{}, badCursor()
	}
	lists := make([]list[*Transfer], len(from))
	for i, a := range from {
		before := share.Key(q.After)
		lists[i].more = func(n int) ([]*Transfer, error) {
			all, err := d.store.SentPage(ctx, a, before, n)
			if len(all) > 0 {
				before = all[len(all)-1].Key
			}
			return all, err
		}
	}
	return read(lists, q, reading[*Transfer]{
		later: func(a, b *Transfer) int { return cmp.Compare(b.Key, a.Key) },
		place: func(t *Transfer) string { return string(t.Key) },
		fits: func(t *Transfer) bool {
			return d.lists(t, q) && t.Portal == "" && (t.State != share.Open || q.Unfinished)
		},
		match: func(some []*Transfer) ([]bool, error) { return d.match(ctx, some, q.Search) },
	})
}

// Inbox gives what was sent to these addresses. The caller has made sure that each
// is verified to be the reader's, or of the company they administer. What was sent
// to two of them is there twice.
func (d *Desk) Inbox(ctx context.Context, to []string, q Query) (Page[Received], error) {
	start, err := parsePlace(q.After)
	if err != nil {
		return Page[Received]{}, err
	}
	lists := make([]list[Received], len(to))
	for i, a := range to {
		before := start
		lists[i].more = func(n int) ([]Received, error) {
			all, err := d.store.InboxPage(ctx, a, before, n)
			if len(all) > 0 {
				last := all[len(all)-1].Recipient
				before = Place{last.SentAt, last.Key}
			}
			return all, err
		}
	}
	return read(lists, q, reading[Received]{
		later: func(a, b Received) int {
			return cmp.Or(b.Recipient.SentAt.Compare(a.Recipient.SentAt), cmp.Compare(b.Recipient.Key, a.Recipient.Key))
		},
		place: func(r Received) string { return Place{r.Recipient.SentAt, r.Recipient.Key}.String() },
		fits: func(r Received) bool {
			return d.lists(r.Transfer, q) && (q.Portals == nil || slices.Contains(q.Portals, r.Transfer.Portal))
		},
		over: func(r Received) bool { return !r.Recipient.SentAt.After(q.Since) },
		match: func(some []Received) ([]bool, error) {
			transfers := make([]*Transfer, len(some))
			for i, r := range some {
				transfers[i] = r.Transfer
			}
			return d.match(ctx, transfers, q.Search)
		},
	})
}

// lists tells whether a transfer is of the kind that is asked for. What an admin of
// the installation has blocked is in nobody's list.
func (d *Desk) lists(t *Transfer, q Query) bool {
	return t.Kind == share.Transfer && !t.Blocked && (q.Ended || t.Alive(d.now()) == nil)
}

// match tells for each transfer whether the term is found in it.
func (d *Desk) match(ctx context.Context, some []*Transfer, term string) ([]bool, error) {
	term = strings.ToLower(term)
	out := make([]bool, len(some))
	var ask []share.Key // where only the recipients can tell
	for i, t := range some {
		for _, text := range []string{string(t.ID), t.Name, t.Message, t.Sender} {
			out[i] = out[i] || strings.Contains(strings.ToLower(text), term)
		}
		if !out[i] && t.Recipients > 0 {
			ask = append(ask, t.Key)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	recipients, err := d.store.RecipientsOf(ctx, ask)
	if err != nil {
		return nil, err
	}
	found := map[share.Key]bool{}
	for _, r := range recipients {
		if strings.Contains(r.Address, term) {
			found[r.Home] = true
		}
	}
	for i, t := range some {
		out[i] = out[i] || found[t.Key]
	}
	return out, nil
}

// A list is read from its latest on.
type list[T any] struct {
	more func(n int) ([]T, error)
	next []T
	done bool
}

// fill makes sure that the first of the list is known, if there is one.
func (l *list[T]) fill(n int) error {
	if len(l.next) > 0 || l.done {
		return nil
	}
	step, err := l.more(n)
	l.next, l.done = step, len(step) < n
	return err
}

// A reading is what lists of a type are read by.
type reading[T any] struct {
	later func(a, b T) int // below 0 when a comes first
	place func(T) string
	fits  func(T) bool
	over  func(T) bool // nothing that is wanted follows; nil: never
	match func([]T) ([]bool, error)
}

// read merges lists into one page.
func read[T any](lists []list[T], q Query, r reading[T]) (p Page[T], err error) {
	if len(lists) > MaxMembers {
		return p, fault.New(fault.Invalid, "too_many_members", "at most %d lists can be read as one", MaxMembers)
	}
	limit, skip := max(1, q.Limit), max(0, q.Skip)
	step := min(page, limit)
	if len(lists) > 1 {
		step = max(10, min(page, 4*limit/len(lists)))
	}
	for scanned, last := 0, ""; ; {
		// A step of what comes next, in order.
		var some []T
		end := false
		batch := page // what is searched is matched together
		if q.Search == "" {
			batch = min(page, skip+limit-len(p.Items))
		}
		for len(some) < batch && scanned < scanMost {
			first, ferr := earliest(lists, step, r.later)
			if ferr != nil {
				return p, ferr
			}
			if first == nil || r.over != nil && r.over(first.next[0]) {
				end = true
				break
			}
			some = append(some, first.next[0])
			first.next = first.next[1:]
			scanned++
		}
		keep := make([]bool, len(some))
		for i := range keep {
			keep[i] = r.fits(some[i])
		}
		if q.Search != "" {
			found, err := r.match(some)
			if err != nil {
				return p, err
			}
			for i := range keep {
				keep[i] = keep[i] && found[i]
			}
		}
		for i, t := range some {
			if last = r.place(t); !keep[i] {
				continue
			}
			if skip > 0 {
				skip--
				continue
			}
			if p.Items = append(p.Items, t); len(p.Items) == limit {
				rest, err := earliest(lists, step, r.later)
				if i < len(some)-1 || rest != nil && (r.over == nil || !r.over(rest.next[0])) {
					p.Next = last
				}
				return p, err
			}
		}
		if end {
			return p, nil
		}
		if scanned >= scanMost {
			p.Next = last
			return p, nil
		}
	}
}

// earliest gives the list whose first comes before all others'; nil when all are
// read.
func earliest[T any](lists []list[T], step int, later func(a, b T) int) (first *list[T], err error) {
	for i := range lists {
		l := &lists[i]
		if err := l.fill(step); err != nil {
			return nil, err
		}
		if len(l.next) > 0 && (first == nil || later(l.next[0], first.next[0]) < 0) {
			first = l
		}
	}
	return first, nil
}

func badCursor() error { return fault.New(fault.Invalid, "cursor_invalid", "not a place in this list") }

const keyLen = 26

// String gives the place as it goes out and comes back.
func (p Place) String() string { return fmt.Sprintf("%d.%s", p.At.UnixMilli(), p.Key) }

func parsePlace(s string) (Place, error) {
	if s == "" {
		return Place{}, nil
	}
	at, key, _ := strings.Cut(s, ".")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil || ms <= 0 || len(key) != keyLen {
		return Place{}, badCursor()
	}
	return Place{time.UnixMilli(ms).UTC(), RecipientKey(key)}, nil
}

// Recipients gives those of a transfer in the order of their addresses, up to n.
func (d *Desk) Recipients(ctx context.Context, t *Transfer, n int) (all []*Recipient, err error) {
	after := ""
	for len(all) < n {
		step, err := d.store.Recipients(ctx, t.Key, after, min(n-len(all), page))
		if err != nil || len(step) == 0 {
			return all, err
		}
		all = append(all, step...)
		after = step[len(step)-1].Address
	}
	return all, nil
}

// RecipientsAfter gives up to n recipients after the given address, RecordsAfter up to n
// downloads after the given key, for listings.
func (d *Desk) RecipientsAfter(ctx context.Context, t *Transfer, after string, n int) ([]*Recipient, error) {
	return d.store.Recipients(ctx, t.Key, after, n)
}

func (d *Desk) RecordsAfter(ctx context.Context, t *Transfer, after string, n int) ([]*Record, error) {
	return d.store.DownloadRecords(ctx, t.Key, after, n)
}

// RecipientsOf gives the recipients of each of some transfers of a page, by their
// transfer's key.
func (d *Desk) RecipientsOf(ctx context.Context, some []*Transfer) (map[share.Key][]*Recipient, error) {
	keys := make([]share.Key, len(some))
	for i, t := range some {
		keys[i] = t.Key
	}
	slices.Sort(keys)
	all, err := d.store.RecipientsOf(ctx, slices.Compact(keys))
	if err != nil {
		return nil, err
	}
	out := map[share.Key][]*Recipient{}
	for _, r := range all {
		out[r.Home] = append(out[r.Home], r)
	}
	return out, nil
}

// ByTrack finds the transfer that a link opens, and whose link it is: nil for the
// common one. Like share.Service.ByCode it gives the transfer beside Gone.
func (d *Desk) ByTrack(ctx context.Context, track string) (*Transfer, *Recipient, error) {
	if len(track) != TrackLen {
		return nil, nil, share.NotFound() // an id, or a name: two queries less
	}
	t, to, err := d.store.TransferByTrack(ctx, track)
	if err != nil {
		return nil, nil, err
	}
	t, err = d.seen(t)
	return t, to, err
}

// seen gives a transfer to strangers who have found it, beside Gone where it has ended;
// none where they must not know of it.
func (d *Desk) seen(t *Transfer) (*Transfer, error) {
	err := t.Reachable(d.now())
	if fault.KindOf(err) == fault.NotFound {
		return nil, err
	}
	return t, err
}

// ByID finds the transfer with this public id, for anybody who has it, like ByTrack.
func (d *Desk) ByID(ctx context.Context, tid share.ID) (*Transfer, error) {
	t, err := d.store.Transfer(ctx, tid)
	if err != nil {
		return nil, err
	}
	return d.seen(t)
}

// Holder gives a transfer, in any state, to who may fill it: its owner, or who holds its
// key. NotFound "transfer_unknown" for everybody else as for one that is not there.
func (d *Desk) Holder(ctx context.Context, who Asker, key account.Secret, tid share.ID) (*Transfer, error) {
	t, err := d.store.Transfer(ctx, tid)
	if err != nil {
		return nil, err
	}
	if !who.owns(&t.Share) && !holds(d.ring, t.Key, key) {
		return nil, share.NotFound()
	}
	return t, nil
}

// HolderFile is Holder for a file of a transfer, by its public id: NotFound
// "file_unknown".
func (d *Desk) HolderFile(ctx context.Context, who Asker, key account.Secret, fid upload.ID) (*upload.File, error) {
	f, err := d.store.File(ctx, fid)
	if err != nil {
		return nil, err
	}
	if f.Home.Kind != share.Transfer || !who.owns(f.Home) && !holds(d.ring, f.Home.Key, key) {
		return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	return f, nil
}

// FillerFile finds a file, of whatever it is and in any state, for who may send it: who
// acts for the account that owns it, or who holds the key of its transfer. An API key
// acts for its room and for the account at large, a person for the whole account.
// NotFound "file_unknown" for everybody else as for one that is not there.
func (d *Desk) FillerFile(ctx context.Context, who account.Actor, key account.Secret, fid upload.ID) (*upload.File, error) {
	f, err := d.store.File(ctx, fid)
	if err != nil {
		return nil, err
	}
	o := f.Home.Owner
	owns := who.Account != "" && who.Account == o.Account && (who.Key == "" || o.Room == "" || o.Room == who.Room)
	if !owns && (f.Home.Kind != share.Transfer || !holds(d.ring, f.Home.Key, key)) {
		return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	return f, nil
}

// ByCode finds the transfer whose short link ends so, like ByTrack.
func (d *Desk) ByCode(ctx context.Context, code string) (*Transfer, error) {
	t, err := d.store.TransferByCode(ctx, code)
	if err != nil {
		return nil, err
	}
	return d.seen(t)
}

// File finds a file by its primary key, in any state, with the transfer it is of:
// NotFound "file_unknown" or "transfer_unknown".
func (d *Desk) File(ctx context.Context, key upload.Key) (*upload.File, *Transfer, error) {
	f, err := d.store.FileByKey(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	t, err := d.store.TransferByKey(ctx, f.Home.Key)
	if err != nil {
		return nil, nil, err
	}
	return f, t, nil
}

// For a letter: the transfer it is about, and whom a recipient's letter is for.

// ByKey finds by the primary key, in any state: NotFound "transfer_unknown".
func (d *Desk) ByKey(ctx context.Context, key share.Key) (*Transfer, error) {
	return d.store.TransferByKey(ctx, key)
}

// Recipient finds by the primary key, with the transfer: NotFound
// "recipient_unknown" or "transfer_unknown".
func (d *Desk) Recipient(ctx context.Context, key RecipientKey) (*Recipient, *Transfer, error) {
	r, err := d.store.Recipient(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	t, err := d.store.TransferByKey(ctx, r.Home)
	if err != nil {
		return nil, nil, err
	}
	return r, t, nil
}

// Delivered notes that a recipient's letter has arrived, or with a problem that it
// will not, in the mail server's words.
func (d *Desk) Delivered(ctx context.Context, key RecipientKey, problem string) error {
	return d.store.NoteDelivery(ctx, key, d.now(), cut(strings.ReplaceAll(strings.ToValidUTF8(problem, "?"), "\x00", "?"), 500))
}
