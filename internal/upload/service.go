package upload

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/planted"
	"github.com/ferry-server/ferry/internal/share"
)

// A Store keeps files and parts. Files come with their Home loaded.
type Store interface {
	// File finds a file of any owner by its public id: NotFound "file_unknown".
	File(ctx context.Context, id ID) (*File, error)

	// FileAndPart is File, and the part of this number, nil if there is none.
	FileAndPart(ctx context.Context, id ID, number int) (*File, *Part, error)

	// FilesOf gives up to n files of a share in the order they were added, from
	// the first after the given key ("" for the start).
	FilesOf(ctx context.Context, home *share.Share, after Key, n int) ([]*File, error)

	// Parts gives up to n acknowledged parts after the given number, in order.
	Parts(ctx context.Context, file Key, after, n int) ([]Part, error)

	// RowBytes gives the content of a small file: see File.Small.
	blob.Rows

	// PutPart loads the file and the part of this number that is acknowledged
	// (nil if none), runs change on them, and saves the file's counters, the new
	// part and the jobs, all in one transaction that no other change of the file
	// can enter. It may run change more than once. What File.Held grew by, the
	// home's account pays by a conditional update, and the home's size grows:
	// Full "quota_exceeded" when the account has no room, TooLarge
	// "transfer_too_large" when the home would pass its own limit, and nothing is
	// saved. When change made the file complete, the home's counter of open files
	// goes down by one. If change fails, so does PutPart with the same error. It
	// returns once the transaction is on stable storage.
	PutPart(ctx context.Context, file Key, number int, change func(f *File, old *Part) (*NewPart, error)) error

	// Complete loads the file by its public id (NotFound "file_unknown") and runs
	// change on it; parts loads all its parts in order, within the same
	// transaction. When change made the file complete, the parts in drop are
	// forgotten, and the home's counter of open files goes down by one, in the
	// same transaction and by a conditional update. Of a file that was complete
	// already, or deleted, nothing is saved.
	Complete(ctx context.Context, id ID, change func(f *File, parts func() ([]Part, error)) (drop []int, jobs []job.Job, err error)) (*File, error)

	// Rework is Complete for an open file that stays open: its counters, its
	// mark and which parts it has may change; what File.Held shrank by is given
	// back.
	Rework(ctx context.Context, file Key, change func(f *File, parts func() ([]Part, error)) (drop []int, jobs []job.Job, err error)) error

	// Join loads the file and others, runs change on them, and saves what it made of them:
	// the parts of the others become the file's, in the order of the others, numbered
	// anew from 1. What the others held of their account's quota the file holds then.
	Join(ctx context.Context, to Key, from []Key, change func(to *File, from []*File) error) (*File, error)

	// Suspect marks the file: its parts are to be read again.
	Suspect(ctx context.Context, file Key) error

	// DeletedBlobs gives the blobs of a file that was deleted, none for another;
	// DropParts forgets its parts, and what lies beside its row.
	DeletedBlobs(ctx context.Context, file Key) ([]blob.ID, error)
	DropParts(ctx context.Context, file Key) error
}

// JobPurge removes the bytes of a deleted file. ID: its key.
const JobPurge = "file.purge"

// A NewPart is what PutPart saves.
type NewPart struct {
	Part
	Bytes []byte // of a small file, to be kept beside its row; nil: they are in a blob
	Jobs  []job.Job
}

// Limits of a Service.
type Limits struct {
	MaxFile int64 // bytes of a file whose size is not known before
	MinFree int64 // room that parts leave on the disk, so that the database and deletes go on
}

// A Service receives parts. It is safe for concurrent use.
type Service struct {
	store  Store
	blobs  blob.Store
	ids    *id.Source
	now    func() time.Time
	limits Limits

	// Counted, if not nil, is told of the bytes of each part that was acknowledged. It is
	// set before the first request.
	Counted func(bytes int64)

	mu      sync.Mutex
	claims  map[claim]bool   // true: never given back
	watched map[Key]*watched // live files that are being read
	turns   map[ID]*turn     // whose it is to append
}

// A claim is the right of one live request to write a slot in place.
type claim struct {
	file   ID
	number int
}

// NewService makes a Service.
func NewService(s Store, b blob.Store, ids *id.Source, now func() time.Time, l Limits) *Service {
	return &Service{store: s, blobs: blob.WithRows(b, s), ids: ids, now: now, limits: l, claims: map[claim]bool{}, turns: map[ID]*turn{}, watched: map[Key]*watched{}}
}

// A Put is a part on its way in.
type Put struct {
	Account account.ID // who the file must belong to
	File    ID
	Upload  string // the multipart upload id that was shown; "" where the file has none
	Number  int    // from 1
	Length  int64  // announced; -1 where the sender did not
	Body    io.Reader
	WantMD5 []byte  // what the sender says it is; nil: not said
	MD5     bool    // compute it, because the answer has to carry it
	WantCRC *uint32 // what the sender says its CRC-32 is; nil: not said

	// Again lets the sender of a file that is complete send a part of it once more:
	// one of the same length is accepted, and changes nothing.
	Again bool
}

// Put takes one part. When it returns without error, the part's bytes and the
// row that promises them are on stable storage.
//
// The same bytes again are the same part; other bytes replace it as a whole
// until the file is complete. Faults: NotFound "file_unknown" for a file that is
// not there or another's, "upload_unknown" for another upload id, Gone for one
// whose home has ended and "file_deleted", Conflict "file_complete", Invalid
// "part_number", "chunk_length", "incomplete_body", "digest_mismatch", TooLarge
// "part_too_large" or "transfer_too_large", Full "disk_full" or "quota_exceeded";
// whatever Body.Read returned that is a fault comes back as it is.
func (s *Service) Put(ctx context.Context, p Put) (*Part, error) {
	if !p.Again {
		return s.put(ctx, p)
	}
	body := &tally{Reader: p.Body}
	p.Body = body
	part, err := s.put(ctx, p)
	if fault.Is(err, "file_complete") {
		return s.again(ctx, p, body, err)
	}
	return part, err
}

func (s *Service) put(ctx context.Context, p Put) (*Part, error) {
	// The claim comes before the look at the rows: whoever had it before has by
	// then committed a row or given up.
	c := claim{p.File, p.Number}
	claimed := s.claim(c)
	if claimed {
		defer s.release(c)
	}
	f, old, err := s.store.FileAndPart(ctx, p.File, p.Number)
	if err != nil {
		return nil, err
	}
	if err := s.mayPut(ctx, f, old, p); err != nil {
		return nil, err
	}
	part, err := s.place(ctx, f, old, p, claimed)
	if err != nil {
		return nil, err
	}
	return part, s.settle(ctx, f)
}

// place takes a part to where it belongs. When it returns without error, f is as
// it was saved.
func (s *Service) place(ctx context.Context, f *File, old *Part, p Put, claimed bool) (*Part, error) {
	if f.fitsRow(p.Number, p.Length) {
		return s.putRow(ctx, f, old, p)
	}
	if slot, ok := f.Slot(p.Number, p.Length); ok && claimed && old == nil && !f.Suspect {
		w, err := s.blobs.Edit(ctx, slot.Blob)
		if err == nil {
			return s.putInPlace(ctx, f, w, slot, p)
		}
		if !fault.Is(err, "sync_failed") {
			return nil, err
		}
		if err := s.suspect(ctx, f); err != nil {
			return nil, err
		}
	}
	return s.putLoose(ctx, f, old, p)
}

// putInPlace takes a part into its slot of the planned blob.
func (s *Service) putInPlace(ctx context.Context, f *File, w blob.Writer, slot blob.Segment, p Put) (*Part, error) {
	part, err := s.pour(ctx, w, slot, p)
	if fault.Is(err, "sync_failed") {
		err = errors.Join(err, s.suspect(ctx, f))
	}
	if err != nil {
		if f.Count == 1 && f.Size == Unknown {
			// Nothing of its size was reserved, and nobody else writes to this blob:
			// its only slot is claimed.
			s.discard(ctx, slot.Blob)
		}
		return nil, err
	}
	part, err = s.record(ctx, f, nil, part, nil)
	if err != nil && !refused(err) {
		// The row that promises these bytes may yet come: nobody writes there again.
		s.keep(claim{p.File, p.Number})
	}
	return part, err
}

// putRow takes a whole small file. Its bytes are in memory until they are committed
// together with the row that promises them.
func (s *Service) putRow(ctx context.Context, f *File, old *Part, p Put) (*Part, error) {
	buf := smallBuffers.Get().(*[smallBuffer]byte)
	defer smallBuffers.Put(buf)
	own := blob.Row(string(f.Key))
	part, err := take(memory(buf[:p.Length]), blob.Segment{Blob: own}, p.Length, p)
	if err != nil {
		return nil, err
	}
	if there, err := s.there(ctx, f, old, part, buf[:p.Length]); err != nil || there != nil {
		return there, err
	}
	return s.record(ctx, f, old, part, buf[:p.Length])
}

// suspect notes that a sync of the file's planned blob failed. That is final for
// the blob (see blob.Writer.Sync): parts go elsewhere from now on, and those it
// has are read again before the file is completed.
func (s *Service) suspect(ctx context.Context, f *File) error {
	return s.store.Suspect(context.WithoutCancel(ctx), f.Key)
}

func (s *Service) mayPut(ctx context.Context, f *File, old *Part, p Put) error {
	if f.Home.Owner.Account != p.Account {
		return fileUnknown()
	}
	if f.Upload != p.Upload {
		return fault.New(fault.NotFound, "upload_unknown", "no such upload")
	}
	if err := f.checkPart(p.Number); err != nil {
		return err
	}
	if err := f.Accepts(s.now()); err != nil {
		return err
	}
	if p.Length >= 0 {
		if err := f.checkLength(p.Number, p.Length); err != nil {
			return err
		}
	}
	n := max(p.Length, 0)
	if err := f.takes(n, old, s.most(f)); err != nil {
		return err
	}
	return s.room(ctx, n)
}

// most is the length that no part of the file may pass: all of the file.
func (s *Service) most(f *File) int64 {
	if f.Size != Unknown {
		return f.Size
	}
	if most := f.Home.MaxSize; most > 0 {
		return min(most, s.limits.MaxFile)
	}
	return s.limits.MaxFile
}

// putLoose takes a part into a blob of its own.
func (s *Service) putLoose(ctx context.Context, f *File, old *Part, p Put) (*Part, error) {
	own := blob.ID(s.ids.Key())
	w, err := s.blobs.Edit(ctx, own)
	if err != nil {
		return nil, err
	}
	limit := s.most(f)
	_, planned := f.lengths(p.Number)
	part, err := s.pour(ctx, w, blob.Segment{Blob: own, Length: min(planned, limit)}, p)
	if f.Count > 0 && planned <= limit && fault.Is(err, "part_too_large") {
		err = f.checkLength(p.Number, planned+1) // the plan has a word for it
	}
	var there *Part
	if err == nil {
		there, err = s.there(ctx, f, old, part, nil)
	}
	if err != nil || there != nil {
		s.discard(ctx, own)
		return there, err
	}
	part, err = s.record(ctx, f, old, part, nil)
	if err != nil && refused(err) {
		// The transaction certainly wrote nothing, so nothing promises the blob.
		s.discard(ctx, own)
	}
	return part, err
}

// refused tells that a change was turned down by a rule, as against an error
// after which nobody knows what was written.
func refused(err error) bool {
	switch fault.KindOf(err) {
	case fault.Internal, fault.Unavailable, fault.Full:
		return fault.Is(err, "quota_exceeded")
	}
	return true
}

// there gives the part as it is acknowledged already, nil if it is not: then it has
// to be recorded. The answer will write nothing, so the rows are looked at again:
// while the body came in, the file may have been completed, and old may have been
// replaced or forgotten.
func (s *Service) there(ctx context.Context, f *File, old, part *Part, bytes []byte) (*Part, error) {
	same, err := s.same(ctx, old, part, bytes)
	if err == nil && !same {
		err = s.mayReplace(ctx, f, old, part, bytes)
	}
	if err != nil || !same || part.MD5 != nil && old.MD5 == nil {
		return nil, err
	}
	fresh, now, err := s.store.FileAndPart(ctx, f.ID, part.Number)
	if err != nil {
		return nil, err
	}
	if err := fresh.Accepts(s.now()); err != nil {
		return nil, err
	}
	if now == nil || now.Segment != old.Segment || now.CRC != old.CRC {
		return nil, nil
	}
	*f = *fresh
	return now, nil
}

// record commits the row that promises the part, and with it the bytes that are to
// lie beside the row, if there are any. It was compared with the one that was there, if
// there was one.
func (s *Service) record(ctx context.Context, f *File, compared, part *Part, bytes []byte) (*Part, error) {
	return s.recordIf(ctx, f, part, bytes, func(f *File, old *Part) error {
		if err := f.keepsFrozen(part, old, compared); err != nil {
			return err
		}
		return f.checkLength(part.Number, part.Length)
	})
}

// recordIf is record for a part that may be put in place of old.
func (s *Service) recordIf(
	ctx context.Context, f *File, part *Part, bytes []byte, may func(f *File, old *Part) error,
) (*Part, error) {
	// The bytes are safe and the client waits for the answer: a connection that
	// breaks now must not tear the transaction.
	ctx = context.WithoutCancel(ctx)
	part.ReceivedAt = s.now()
	var saved File
	var fresh int64
	err := s.store.PutPart(ctx, f.Key, part.Number, func(f *File, old *Part) (*NewPart, error) {
		if planted.DuplicateIsNew {
			old = nil
		}
		if err := f.Accepts(part.ReceivedAt); err != nil {
			return nil, err
		}
		if f.Suspect && part.Blob == blob.ID(f.Key) {
			return nil, fault.New(fault.Internal, "sync_failed", "bytes written beside this part may be lost")
		}
		if err := may(f, old); err != nil {
			return nil, err
		}
		if err := f.takes(part.Length, old, s.most(f)); err != nil {
			return nil, err
		}
		n := &NewPart{Part: *part, Bytes: bytes}
		// What grew stays where it is; and where a small file goes beside its row, nothing
		// else lies in its planned blob.
		if old != nil && old.Blob != part.Blob && (bytes != nil || !f.inPlace(old)) {
			n.Jobs = append(n.Jobs, job.Job{Kind: share.JobRemoveBlob, ID: string(old.Blob), RunAt: part.ReceivedAt})
		}
		f.put(part, old)
		if f.whole() && f.Got == f.Size && f.Loose == 0 && !f.Suspect && f.WantMD5 == nil {
			// The counters tell all, so it costs no transaction of its own.
			if err := f.complete(part.ReceivedAt, nil); err != nil {
				return nil, err
			}
		}
		saved, fresh = *f, part.Length
		if old != nil && old.Blob == part.Blob {
			fresh -= old.Length // it grew
		}
		return n, nil
	})
	if planted.RowBeforeBytes && err == nil && bytes == nil {
		var w blob.Writer
		if w, err = s.blobs.Edit(ctx, part.Blob); err == nil {
			err = errors.Join(w.Sync(ctx), w.Close())
		}
	}
	if err != nil {
		return nil, err
	}
	if s.Counted != nil {
		s.Counted(fresh)
	}
	*f = saved
	s.grew(f.Key)
	return part, nil
}

// settle completes a file that is complete with its last part, where that could not
// be done as the part was recorded. One with an MD5 of the whole is read for it, so
// it waits until somebody asks: see check.
func (s *Service) settle(ctx context.Context, f *File) error {
	if !f.whole() || f.State != Open || f.WantMD5 != nil {
		return nil
	}
	_, err := s.Complete(ctx, f.ID, CompleteOptions{})
	if fault.Is(err, "part_missing") {
		return nil // others were found damaged; this one is there, as its sender is told
	}
	return err
}

// CompleteOptions says what a client wants of a completion.
type CompleteOptions struct {
	// May, if not nil, is asked first whether the caller may complete the file.
	May func(*File) error

	// Choose, where an API lists the parts that make up the file (S3 does), is
	// given all parts and returns those to leave out, or a fault.
	Choose func(all []Part) (drop []Part, err error)
}

// Complete settles the file's content: it checks that all is there and writes
// metadata; no byte of a body is read or written. Completing again changes
// nothing and succeeds. Faults: those of File.Accepts, Conflict "part_missing"
// and Invalid "size_mismatch", both with an *Incomplete as their cause.
//
// Only two kinds of files are read: one that a failed sync made suspect, and one of
// several parts whose client gave an MD5 of the whole (Conflict "file_digest" when
// it is not that). An MD5 cannot be combined from those of the parts, so there is no
// other way to keep the promise; it is done here and not by a job, because the
// client is to be told by the answer to its completion.
func (s *Service) Complete(ctx context.Context, id ID, o CompleteOptions) (done *File, err error) {
	var read []Part // what the MD5 was found right of
	for range 3 {   // others may send parts again meanwhile
		done, err = s.complete(ctx, id, o, read)
		if !fault.Is(err, "file_suspect") && !fault.Is(err, "file_unread") {
			return done, err
		}
		f, ferr := s.store.File(ctx, id)
		if ferr != nil {
			return nil, ferr
		}
		switch {
		case fault.Is(err, "file_unread"):
			read, ferr = s.check(ctx, f)
		case f.Suspect: // else somebody else has read it meanwhile
			ferr = s.reread(ctx, f)
		}
		if ferr != nil {
			return nil, ferr
		}
	}
	return nil, err
}

func (s *Service) complete(ctx context.Context, id ID, o CompleteOptions, read []Part) (*File, error) {
	return s.store.Complete(context.WithoutCancel(ctx), id, func(f *File, parts func() ([]Part, error)) ([]int, []job.Job, error) {
		if o.May != nil {
			if err := o.May(f); err != nil {
				return nil, nil, err
			}
		}
		if f.Suspect && f.State == Open {
			return nil, nil, fault.New(fault.Unavailable, "file_suspect", "the file is being read again, try once more")
		}
		if f.WantMD5 != nil && f.whole() && f.State == Open {
			all, err := parts()
			if err != nil {
				return nil, nil, err
			}
			if !samePlaces(all, read) {
				return nil, nil, fault.New(fault.Unavailable, "file_unread", "the file is being read, try once more")
			}
		}
		if o.Choose == nil || f.State == Complete {
			return nil, nil, f.complete(s.now(), parts)
		}
		all, err := parts()
		if err != nil {
			return nil, nil, err
		}
		drop, err := o.Choose(all)
		if err == nil && len(drop) > 0 && f.Home.Live {
			err = frozen(drop[0].Number)
		}
		if err != nil {
			return nil, nil, err
		}
		kept, numbers, jobs := s.leaveOut(f, all, drop)
		return numbers, jobs, f.complete(s.now(), func() ([]Part, error) { return kept, nil })
	})
}

// Abandon forgets every part of the file, so that it can be sent anew. One that is
// complete stays as it is: Conflict "file_complete".
func (s *Service) Abandon(ctx context.Context, f *File) error {
	return s.store.Rework(ctx, f.Key, func(f *File, parts func() ([]Part, error)) ([]int, []job.Job, error) {
		if err := f.Accepts(s.now()); err != nil {
			return nil, nil, err
		}
		all, err := parts()
		if err == nil && len(all) > 0 && f.Home.Live {
			err = frozen(all[0].Number)
		}
		if err != nil {
			return nil, nil, err
		}
		_, numbers, jobs := s.leaveOut(f, all, all)
		return numbers, jobs, nil
	})
}

// leaveOut takes parts off the file's counters, and calls for the removal of
// their blobs.
func (s *Service) leaveOut(f *File, all, drop []Part) (kept []Part, numbers []int, jobs []job.Job) {
	out := make(map[int]bool, len(drop))
	for _, p := range drop {
		out[p.Number] = true
		numbers = append(numbers, p.Number)
		if !f.inPlace(&p) {
			jobs = append(jobs, job.Job{Kind: share.JobRemoveBlob, ID: string(p.Blob), RunAt: s.now()})
		}
		f.leave(&p)
	}
	for _, p := range all {
		if !out[p.Number] {
			kept = append(kept, p)
		}
	}
	return kept, numbers, jobs
}

// AllParts loads every acknowledged part of the file in order.
func (s *Service) AllParts(ctx context.Context, file Key) ([]Part, error) {
	var all []Part
	for {
		last := 0
		if len(all) > 0 {
			last = all[len(all)-1].Number
		}
		step, err := s.store.Parts(ctx, file, last, 1000)
		if err != nil {
			return nil, err
		}
		all = append(all, step...)
		if len(step) < 1000 {
			return all, nil
		}
	}
}

// Parts gives up to n parts after the given number, for listings.
func (s *Service) Parts(ctx context.Context, file Key, after, n int) ([]Part, error) {
	return s.store.Parts(ctx, file, after, n)
}

// Content gives where the bytes of a complete file lie. Internal "content_damaged"
// for one whose bytes are no longer what was acknowledged.
func (s *Service) Content(ctx context.Context, f *File) (blob.Content, error) {
	if f.State == Deleted {
		return nil, fileDeleted()
	}
	if f.State != Complete {
		return nil, fault.New(fault.NotFound, "file_incomplete", "the file has not been uploaded")
	}
	if !f.DamagedAt.IsZero() {
		return nil, fault.New(fault.Internal, "content_damaged", "file %s is damaged in storage", f.Key)
	}
	return ContentOf(f, func() ([]Part, error) { return s.AllParts(ctx, f.Key) })
}

// File finds a file of the account by its public id; another's is NotFound
// "file_unknown" like one that is not there.
func (s *Service) File(ctx context.Context, who account.ID, fid ID) (*File, error) {
	f, err := s.store.File(ctx, fid)
	if err != nil {
		return nil, err
	}
	if f.Home.Owner.Account != who {
		return nil, fileUnknown()
	}
	return f, nil
}

// Settle completes the files of a share that have all their parts, and were not
// complete with the last of them: those with an MD5 of the whole, and what a crash
// left. Faults: see Complete.
func (s *Service) Settle(ctx context.Context, home *share.Share) error {
	return s.Files(ctx, home, func(f *File) error {
		if f.State != Open || !f.whole() {
			return nil
		}
		_, err := s.Complete(ctx, f.ID, CompleteOptions{})
		if fault.Is(err, "part_missing") || fault.Is(err, "file_deleted") {
			return nil // found damaged, or taken out, meanwhile: the counter of open files knows
		}
		return err
	})
}

// Purge removes the bytes of a deleted file: the blobs, then the rows that named
// them. It is how jobs of kind JobPurge are done.
func (s *Service) Purge(ctx context.Context, j job.Job) error {
	blobs, err := s.store.DeletedBlobs(ctx, Key(j.ID))
	if err != nil || len(blobs) == 0 {
		return err
	}
	for _, b := range blobs {
		if err := s.blobs.Remove(ctx, b); err != nil {
			return err
		}
	}
	return s.store.DropParts(ctx, Key(j.ID))
}

// Page is how many files one step of Files loads.
const Page = 1000

// Files gives every file of the share to each, in the order they were added, a
// page at a time.
func (s *Service) Files(ctx context.Context, home *share.Share, each func(*File) error) error {
	after := Key("")
	for {
		files, err := s.store.FilesOf(ctx, home, after, Page)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := each(f); err != nil {
				return err
			}
			after = f.Key
		}
		if len(files) < Page {
			return nil
		}
	}
}

func (s *Service) claim(c claim) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.claims[c]; taken {
		return false
	}
	s.claims[c] = false
	return true
}

func (s *Service) release(c claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.claims[c] {
		delete(s.claims, c)
	}
}

// keep lets nobody have the claim again, as long as the program runs. There are as
// many as commits with an unknown outcome, and their parts go loose.
func (s *Service) keep(c claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims[c] = true
}

func fileUnknown() error { return fault.New(fault.NotFound, "file_unknown", "no such file") }

func tooLarge(most int64) error {
	return fault.New(fault.TooLarge, "part_too_large", "a part of this file has at most %d bytes", most)
}
