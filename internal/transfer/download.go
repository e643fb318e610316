package transfer

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

type downloadStore interface {
	// ClaimDownload runs choose with the latest claims of the holder on a transfer that
	// has a limit, at least a hundred if there are as many, and with how many are not out;
	// and saves the claim that it gives, nil for none: a new one is out then. Of a
	// transfer without limit nothing is chosen: the answer is false.
	ClaimDownload(ctx context.Context, home share.Key, holder string, item upload.Key, choose func(left int, all []*Claim) (*Claim, error)) (limited bool, err error)

	// EndDownload loads the transfer, the record of this holder, item and claim that is
	// not whole yet (a new one with the given values if there is none), and the claim,
	// nil where there is none; runs change on them; and saves the record,
	// the claim, what change counted on the transfer, and the jobs. A record that
	// became whole is counted on its file and recipient. A claim that change let
	// go is dropped.
	EndDownload(ctx context.Context, r Record, change func(*Transfer, *Record, *Claim) []job.Job) error

	// DownloadRecords gives up to n records of a transfer after the given key.
	DownloadRecords(ctx context.Context, home share.Key, after string, n int) ([]*Record, error)

	// SweepDownloads forgets up to n password tries begun before the first moment, whose
	// and from where records are that were begun before the second, and runs expire on
	// claims that ended before the third: it lets them go, or prolongs them. More
	// tells that there is more to do.
	SweepDownloads(ctx context.Context, tries, records, claims time.Time, n int, expire func(*Claim)) (more bool, err error)
	// SweepDays forgets how many transfers were made on up to n days of accounts,
	// of those before the day of the moment.
	SweepDays(ctx context.Context, before time.Time, n int) (more bool, err error)
}

// A Record is what one holder fetched of one item. It grows with every answer until
// all of the item has arrived; what is fetched after that is a new one.
type Record struct {
	Key       string
	Home      share.Key
	Item      upload.Key // empty: all files as an archive; perhaps of some: see OfFile
	Holder    string
	Claim     string       // its key; empty: there is no limit
	Recipient RecipientKey // empty: by the common link
	At        time.Time    // when it was begun
	Bytes     int64        // that arrived, some perhaps twice
	Spans     Spans        // which of them, while it is not whole
	WholeAt   time.Time    // zero: it is not
	Address   string       // shortened, and forgotten after RecordLife
	Agent     string
}

const (
	// RecordLife is how long addresses are kept.
	RecordLife = 14 * 24 * time.Hour
	// tryWindow and tryMost bound the passwords that are tried at one link from
	// one address, over all doors.
	tryWindow = 15 * time.Minute
	tryMost   = 10
)

// chosenMark begins the item of an archive of some files. It is followed by what tells it
// from others.
const chosenMark = "chosen-"

// OfFile tells whether the item is a file, and no archive.
func (r *Record) OfFile() bool { return r.Item != "" && !isChosen(r.Item) }

func isChosen(item upload.Key) bool { return strings.HasPrefix(string(item), chosenMark) }

// A Fetch is a request for the bytes of a file, or of all as an archive.
type Fetch struct {
	Transfer  *Transfer
	Recipient *Recipient   // whose link it came by; nil: the common one
	File      *upload.File // nil: the archive
	Chosen    string       // what tells an archive of some files from others; empty: of all
	Size      int64        // of the item
	Spans     []Span       // that are to go out; none: it is only asked whether they could
	Holder    string       // what tells one client from another: a cookie, or address and link
	Address   string
	Agent     string
	Pass      account.Secret // what Unlock gave

	Live      bool // the door knows of files that are coming in
	Own       bool // the sender, or who administers them: needs no password, and counts nowhere
	Untracked bool // asks not to be recorded; what has a limit is recorded all the same
}

// A Download is a Fetch that was let pass. End must be called for it.
type Download struct {
	record  Record
	size    int64
	from    int64 // of the item: where the answer begins
	bytes   int64 // of the answer
	answer  Answer
	address string
	silent  bool         // it counts nowhere
	until   atomic.Int64 // of the item; it ends there
	reached atomic.Int64 // of the item: up to where it has gone out
}

// Begin decides whether the bytes may go out, before the first of them: on every
// way to them, whatever the door. Faults: those of share.Visible, NotFound
// "file_unknown", "file_incomplete" or "archive_incomplete", Gone "file_deleted", Forbidden
// "password_required", Gone "downloads_used".
func (d *Desk) Begin(ctx context.Context, f Fetch) (*Download, error) {
	now, t := d.now(), f.Transfer
	visible := t.Visible
	if f.Live {
		visible = t.Reachable
	}
	if err := visible(now); err != nil {
		return nil, err
	}
	if f.File == nil && t.State == share.Open {
		return nil, fault.New(fault.NotFound, "archive_incomplete", "there is no archive before all files are there")
	}
	dl := &Download{size: f.Size, address: f.Address, silent: f.Own || len(f.Spans) == 0, record: Record{
		Home: t.Key, Holder: digest("holder", string(t.Key), f.Holder), At: now, Address: Shorten(f.Address), Agent: clean(f.Agent),
	}}
	if f.File != nil {
		if f.File.Home.Key != t.Key {
			return nil, fault.New(fault.NotFound, "file_unknown", "no such file") // a link opens one transfer
		}
		if f.File.State == upload.Deleted {
			return nil, f.File.Accepts(now)
		}
		if f.File.State != upload.Complete && !(f.Live && f.File.Live()) {
			return nil, fault.New(fault.NotFound, "file_incomplete", "the file has not been uploaded")
		}
		dl.record.Item = f.File.Key
	} else if f.Chosen != "" {
		dl.record.Item = chosenMark + upload.Key(digest("chosen", string(t.Key), f.Chosen))
	}
	if f.Recipient != nil && f.Recipient.Home == t.Key {
		dl.record.Recipient = f.Recipient.Key
	}
	dl.until.Store(unbounded)
	if f.Own {
		return dl, nil
	}
	if t.Locked && !opens(d.ring, t, f.Pass) {
		return nil, passwordRequired()
	}
	limited := t.MaxDownloads > 0
	if limited {
		dl.answer = Answer{Key: d.ids.Key(), Item: dl.record.Item, Spans: f.Spans, Node: d.Node}
		var err error
		if limited, err = d.claim(ctx, dl); err != nil {
			return nil, err
		}
	}
	dl.silent = dl.silent || f.Untracked && !limited
	if !dl.silent {
		dl.from, dl.bytes = f.Spans[0].Off, total(f.Spans)
		dl.reached.Store(dl.from)
		d.running.add(dl)
	}
	return dl, nil
}

// End notes what arrived of a download: the runs of bytes that its peer took. It
// is to be called also when that is nothing, and after the client has gone.
func (d *Desk) End(ctx context.Context, dl *Download, arrived []Span) error {
	d.running.remove(dl)
	ctx = context.WithoutCancel(ctx)
	now, r := d.now(), dl.record
	n := total(arrived)
	if dl.silent || n == 0 && dl.size > 0 && r.Claim == "" {
		return nil
	}
	if r.Claim != "" {
		defer d.untrack(dl)
	}
	look, err := d.look(ctx, dl, n)
	if err != nil {
		return err
	}
	r.Key = d.ids.Key()
	return d.store.EndDownload(ctx, r, func(t *Transfer, r *Record, c *Claim) []job.Job {
		r.Bytes += n
		r.Spans = r.Spans.add(arrived)
		whole := r.Spans.cover(dl.size)
		if whole {
			r.WholeAt, r.Spans = now, nil
			t.Downloads++
		}
		if c != nil {
			c.end(dl.answer.Key, n, look, whole, d.underWay)
		}
		if whole {
			return t.notice(now)
		}
		return nil
	})
}

// notice gives the letter to the sender about a download, if there is to be one:
// after the first, and one after the second (Filemail API 2.0, Initialize).
func (t *Transfer) notice(now time.Time) []job.Job {
	kinds := []string{LetterFirstDownload, LetterSummary}
	if !t.Notify || t.Sender == "" || t.Noticed >= len(kinds) {
		return nil
	}
	t.Noticed++
	return []job.Job{{Kind: kinds[t.Noticed-1], ID: string(t.Key), RunAt: now}}
}

// Unlock compares a password with the transfer's, and gives the pass that stands for
// it until it is changed. Each try is counted before: Throttled "too_many_tries".
// Forbidden "password_required" without one, "password_wrong".
func (d *Desk) Unlock(ctx context.Context, t *Transfer, password account.Secret, address string) (account.Secret, error) {
	if !t.Locked {
		return "", nil
	}
	if password == "" {
		return "", passwordRequired()
	}
	now, who := d.now(), digest("tries", string(t.Key), neighbours(address))
	if err := d.store.CountPasswordTry(ctx, t.Key, who, now, now.Add(-tryWindow), tryMost); err != nil {
		return "", err
	}
	if len(password) > maxSecret {
		password = password[:maxSecret] + "-" // what cannot be right costs no more than what could be
	}
	ok, err := d.hasher.Verify(ctx, t.Password, password)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", fault.New(fault.Forbidden, "password_wrong", "the password is wrong")
	}
	// Who knows it is not guessing, and may come as often as they like.
	if err := d.store.ForgivePasswordTry(ctx, t.Key, who); err != nil {
		return "", err
	}
	return d.Pass(t), nil
}

func passwordRequired() error {
	return fault.New(fault.Forbidden, "password_required", "a password is needed")
}

// Pass gives what Unlock gives, for a caller who knows otherwise that the reader may
// have it: "" for a transfer without password.
func (d *Desk) Pass(t *Transfer) account.Secret {
	if !t.Locked {
		return ""
	}
	return account.Secret(pass(d.ring.Key(passLabel), t))
}

// Unlocked tells whether the pass opens the transfer, or nothing is needed.
func (d *Desk) Unlocked(t *Transfer, presented account.Secret) bool {
	return !t.Locked || opens(d.ring, t, presented)
}

// Records gives all downloads of a transfer, the first ones first, up to n of them.
func (d *Desk) Records(ctx context.Context, t *Transfer, n int) (all []*Record, err error) {
	after := ""
	for len(all) < n {
		step, err := d.store.DownloadRecords(ctx, t.Key, after, min(n-len(all), page))
		if err != nil || len(step) == 0 {
			return all, err
		}
		all = append(all, step...)
		after = step[len(step)-1].Key
	}
	return all, nil
}

// JobSweep forgets what need not, or must not, be remembered longer.
const JobSweep = "transfer.sweep"

// Jobs gives the sweep that must be in the queue, and Handlers how the jobs of this
// package, and of upload, are done.
func (d *Desk) Jobs() []job.Job {
	return []job.Job{{Kind: JobSweep, ID: "sweep", RunAt: d.now().Add(time.Minute)}}
}

// Handlers gives the work behind each kind of job.
func (d *Desk) Handlers() map[string]job.Handler {
	return map[string]job.Handler{JobSweep: d.sweep, upload.JobPurge: d.upload.Purge}
}

const sweepStep = 100

func (d *Desk) sweep(ctx context.Context, _ job.Job) error {
	now := d.now()
	more, err := d.store.SweepDownloads(ctx, now.Add(-tryWindow), now.Add(-RecordLife), now, sweepStep, func(c *Claim) { d.expire(c, now) })
	if err == nil {
		var days bool
		// Yesterday is kept: it may still be today on another node's clock.
		days, err = d.store.SweepDays(ctx, now.AddDate(0, 0, -1), sweepStep)
		more = more || days
	}
	if err != nil || !more {
		return job.Again(10 * time.Minute) // also after a failure: it must not be given up
	}
	return job.Again(0)
}

// Shorten gives the network of an address, to be kept: /24, or /48. Empty for what
// is none.
func Shorten(address string) string { return network(address, 24, 48) }

// neighbours gives the network of which one guesser may have all addresses.
func neighbours(address string) string { return network(address, 32, 64) }

func network(address string, v4, v6 int) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	a = a.Unmap().WithZone("")
	bits := v6
	if a.Is4() {
		bits = v4
	}
	p, _ := a.Prefix(bits) // fails only for impossible bits
	return p.Addr().String()
}

// clean makes what a client calls itself storable.
func clean(agent string) string {
	agent = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(agent, ""))
	return cut(agent, 200)
}

// A Span is a run of an item's bytes.
type Span struct{ Off, N int64 }

// Spans are runs of bytes in order, none of which touches the next.
type Spans []Span

// mostSpans bounds what is kept of one record. A client that leaves more holes is
// not known to have all.
const mostSpans = 256

// add gives the spans with others among them.
func (s Spans) add(more []Span) Spans {
	all := slices.Concat(s, more)
	slices.SortFunc(all, func(a, b Span) int {
		switch {
		case a.Off < b.Off:
			return -1
		case a.Off > b.Off:
			return 1
		}
		return 0
	})
	out := Spans{}
	for _, b := range all {
		if b.N <= 0 || b.Off < 0 {
			continue
		}
		if n := len(out); n > 0 && b.Off <= out[n-1].Off+out[n-1].N {
			out[n-1].N = max(out[n-1].N, b.Off+b.N-out[n-1].Off)
			continue
		}
		out = append(out, b)
	}
	return out[:min(len(out), mostSpans)]
}

// cover tells whether they are all of an item of this size.
func (s Spans) cover(size int64) bool {
	return size <= 0 || len(s) == 1 && s[0].Off == 0 && s[0].N >= size
}
