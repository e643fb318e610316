package sim

import (
	"bytes"
	"context"
	"hash/crc32"
	"slices"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// A book is what the clients have asked for and were told. Whatever the node does must
// agree with it.
type book struct {
	w       *world
	all     []*sent
	written map[string]bool // letters whose jobs are done
}

func newBook(w *world) *book { return &book{w: w, written: map[string]bool{}} }

// A sent is a transfer as its sender knows it.
type sent struct {
	w     *world
	owner account.ID
	id    share.ID
	code  string
	files []*file
	desk  *sending // nil: it is sealed when it is made
	key   account.Secret
	over  bool // nobody goes on with it

	create, finalize, remove, cancel, recover, force event
}

type sending struct {
	track string
	days  int
}

func (x *sent) name() string {
	if x.desk != nil {
		return "filemail " + string(x.id)
	}
	return "wetransfer " + string(x.id)
}

func (x *sent) asker() transfer.Asker { return transfer.Asker{Account: x.owner} }

func (x *sent) anyFile() *file { return anyOf(x.w.rand, x.files) }

// ended tells that somebody has tried to end it.
func (x *sent) ended() bool { return x.remove.tries+x.cancel.tries > 0 }

func (b *book) any(is func(*sent) bool) *sent { return anyOf(b.w.rand, filter(b.all, is)) }

// An event is a request, of which there may be several.
type event struct {
	tries, acked int
	at           int // the step in which it was acknowledged first
}

func (e *event) begin(*world) { e.tries++ }

func (e *event) end(w *world, err error) {
	if err == nil {
		if e.acked++; e.acked == 1 {
			e.at = w.steps
		}
	}
}

// A file is one as its sender knows it.
type file struct {
	x       *sent
	id      upload.ID // where the sender chooses it
	ident   string
	upload  string
	chunk   int64
	cuts    []int64
	unknown bool // its size is not said before
	sums    bool // its sender says the MD5 of the whole
	data    []byte
	parts   [][]*attempt
	whole   map[upload.Key][]byte // as it was fetched; one that was deleted may be sent anew

	complete, remove event
}

func (f *file) name() string { return string(f.x.id) + "/" + f.ident }

func (f *file) length() (n int64) {
	for _, c := range f.cuts {
		n += c
	}
	return n
}

func (f *file) size() int64 {
	if f.unknown {
		return upload.Unknown
	}
	return f.length()
}

func (f *file) part(i int) []byte {
	var at int64
	for _, c := range f.cuts[:i] {
		at += c
	}
	return f.data[at : at+f.cuts[i]]
}

func (f *file) acked(i int) bool {
	return slices.ContainsFunc(f.parts[i], func(a *attempt) bool { return a.state == acked })
}

func (f *file) is(stored *upload.File) bool {
	if f.x.desk != nil {
		return stored.Home.ID == f.x.id && stored.Local == f.ident
	}
	return stored.ID == f.id
}

// stored gives the file as the database has it, nil if it does not or has deleted it.
func (b *book) stored(f *file) *upload.File {
	found, _ := b.w.model.Look(func(s *upload.File) bool { return s.State != upload.Deleted && f.is(s) })
	return found
}

// An attempt is a part on its way.
type attempt struct {
	f             *file
	m             manner
	data          []byte // as it arrives
	state         state
	sure          bool // it has certainly been the part, if it was acknowledged
	begun, ending int  // steps
}

type state int

const (
	pending state = iota
	acked
	refused
	unknown // nobody was told what became of it
)

func (f *file) begin(i int, arrives []byte, m manner) *attempt {
	a := &attempt{f: f, m: m, data: arrives, begun: f.x.w.steps}
	f.parts[i] = append(f.parts[i], a)
	return a
}

// answered is what the node says, whether or not the client hears of it.
func (a *attempt) answered(err error, sure bool) {
	if err != nil {
		return
	}
	a.sure = sure
	w, f := a.f.x.w, a.f
	if a.m.cut && len(a.data) > 0 {
		w.bad("a part of %s was cut, and is accepted", f.name())
	}
	if a.m.damaged && a.m.digest && len(a.data) > 0 {
		w.bad("a part of %s was damaged, and is accepted", f.name())
	}
	if f.x.desk == nil && f.complete.acked > 0 && f.complete.at < a.begun {
		w.bad("%s is complete, and takes a part", f.name())
	}
}

// refusals are the answers after which nothing may have changed.
var refusals = []string{
	"incomplete_body", "digest_mismatch", "part_too_large", "chunk_length", "part_number", "file_plan", "upload_unknown",
	"file_unknown", "transfer_unknown", "quota_exceeded", "transfer_too_large", "file_complete",
}

func (a *attempt) end(w *world, err error) {
	a.ending = w.steps
	switch {
	case err == nil:
		a.state = acked
	case slices.Contains(refusals, fault.CodeOf(err)):
		a.state = refused
	default:
		a.state = unknown
	}
}

// tookEffect tells whether an acknowledged part of a file that may be complete already
// was more than read and forgotten.
func (b *book) tookEffect(f *file, i int, arrives []byte) bool {
	found, parts := b.w.model.Look(func(s *upload.File) bool { return s.State != upload.Deleted && f.is(s) })
	if found == nil {
		return false
	}
	if found.State == upload.Open {
		return true
	}
	sum := crc32.ChecksumIEEE(arrives)
	return slices.ContainsFunc(parts, func(p upload.Part) bool {
		return p.Number == i+1 && p.Length == int64(len(arrives)) && p.CRC == sum
	})
}

// may tells whether a part can be these bytes, of which only the first may be given:
// they were sent, not refused, and not replaced since.
func (f *file) may(i int, length int64, first []byte) bool {
	return slices.ContainsFunc(f.parts[i], func(a *attempt) bool {
		if a.state == refused || int64(len(a.data)) != length || !bytes.HasPrefix(a.data, first) {
			return false
		}
		return a.state == pending || !slices.ContainsFunc(f.parts[i], func(b *attempt) bool {
			return b.state == acked && b.sure && b.begun > a.ending
		})
	})
}

// fileOf gives the sender's side of a stored file.
func (x *sent) fileOf(s *upload.File) *file {
	for _, f := range x.files {
		if f.is(s) {
			return f
		}
	}
	return nil
}

// seen compares what was fetched of a file, all or the first of it, with what was sent.
func (b *book) seen(x *sent, s *upload.File, got []byte) {
	f := x.fileOf(s)
	if f == nil {
		b.w.bad("%s has a file %q that nobody sent", x.name(), s.Name)
		return
	}
	stored, parts := b.w.model.Look(func(o *upload.File) bool { return o.Key == s.Key })
	if stored == nil || stored.State != upload.Complete {
		return // removed meanwhile
	}
	b.compare(f, parts, got)
	if int64(len(got)) < s.Size {
		return
	}
	before, fetched := f.whole[s.Key]
	if fetched && !bytes.Equal(before, got) {
		b.w.bad("%s is not what it was", f.name())
	}
	f.whole[s.Key] = got
}

func (b *book) compare(f *file, parts []upload.Part, got []byte) {
	for _, p := range parts {
		first := got[:min(int64(len(got)), p.Length)]
		got = got[len(first):]
		if p.Number > len(f.cuts) || !f.may(p.Number-1, p.Length, first) {
			b.w.bad("part %d of %s is not what was sent", p.Number, f.name())
		}
	}
	if len(got) > 0 {
		b.w.bad("%s has %d bytes more than its parts", f.name(), len(got))
	}
}

// alive tells whether a file and its share have not ended.
func (b *book) alive(home share.Key, key upload.Key) bool {
	s, _ := b.w.model.Look(func(f *upload.File) bool { return f.Key == key && f.Home.Key == home })
	return s != nil && s.State == upload.Complete && s.Home.State <= share.Ready
}

// letters are the jobs that write to people.
var letters = []string{
	transfer.LetterRecipient, transfer.LetterConfirmation, transfer.LetterFirstDownload, transfer.LetterSummary,
}

// letter stands for writing and sending one.
func (b *book) letter(context.Context, job.Job) error { return nil }

// A jobBook is what a node knows of its jobs.
type jobBook struct {
	w      *world
	leases map[string]time.Time // until when others may not begin it
	ended  map[string]bool      // well, and nobody tells the queue yet
}

func newJobBook(w *world) *jobBook {
	return &jobBook{w: w, leases: map[string]time.Time{}, ended: map[string]bool{}}
}

// claimed sees to it that nobody gets a job that another has, or has done.
func (b *jobBook) claimed(j job.Job, now time.Time) {
	k := j.Kind + " " + j.ID
	if now.Before(b.leases[k]) {
		b.w.bad("job %s is given to two", k)
	}
	if b.ended[k] {
		b.w.bad("job %s was done, and is done again", k)
	}
	if b.w.book.written[k] {
		b.w.bad("%s was sent, and is to be sent again", k)
	}
	b.leases[k] = now.Add(job.Lease)
}

// watch notes how jobs end.
func (b *jobBook) watch(h job.Handler) job.Handler {
	return func(ctx context.Context, j job.Job) error {
		defer b.w.as(taskOf(ctx))()
		b.w.says("%s: job %s %s, attempt %d", taskOf(ctx).name, j.Kind, j.ID, j.Attempts)
		err := h(ctx, j)
		b.ended[j.Kind+" "+j.ID] = err == nil
		b.w.says("job %s %s: %s", j.Kind, j.ID, outcome(err))
		return err
	}
}

// given notes that the queue is told that a job is done.
func (b *jobBook) given(j job.Job) {
	delete(b.leases, j.Kind+" "+j.ID)
	delete(b.ended, j.Kind+" "+j.ID)
}

// givenBack notes that a job is given back. Who comes after its lease gives nothing back
// that another has by now.
func (b *jobBook) givenBack(j job.Job) {
	if b.leases[j.Kind+" "+j.ID].Equal(j.Leased) {
		b.given(j)
	}
}

// forgotten notes that the queue has forgotten a job.
func (b *jobBook) forgotten(j job.Job) {
	if slices.Contains(letters, j.Kind) {
		b.w.book.written[j.Kind+" "+j.ID] = true
	}
}
