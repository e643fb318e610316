package transfer

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base32"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// A DeskStore keeps what a Desk decides. What changes a transfer loads it afresh
// and saves all or nothing, as Store's UpdateTransfer does.
type DeskStore interface {
	Store

	// CreateSending is CreateTransfer for a transfer without files, but with
	// recipients. Where daily is not 0 it also counts the transfer on the day (UTC)
	// of its creation, by one conditional update: Throttled "transfers_a_day" when
	// its account made so many that day.
	CreateSending(ctx context.Context, t *Transfer, to []*Recipient, daily int) error

	// TransferByTrack finds the transfer behind a link, and whose link it is, nil for the
	// common one: NotFound "transfer_unknown".
	TransferByTrack(ctx context.Context, track string) (*Transfer, *Recipient, error)
	// TransferByKey finds by the primary key, TransferByCode by the end of its short
	// link: NotFound "transfer_unknown".
	TransferByCode(ctx context.Context, code string) (*Transfer, error)
	TransferByKey(ctx context.Context, key share.Key) (*Transfer, error)

	// FileNamed finds a file by its transfer's public id and its Ident, with its
	// Home: NotFound "file_unknown".
	FileNamed(ctx context.Context, id share.ID, ident string) (*upload.File, error)
	// File finds by the public id, FileByKey by the primary key, with its Home:
	// NotFound "file_unknown".
	File(ctx context.Context, id upload.ID) (*upload.File, error)
	FileByKey(ctx context.Context, key upload.Key) (*upload.File, error)
	// AddFile adds f to the transfer with this key, or gives the file that has its
	// Ident there. Change decides on the transfer whether one may come, and may
	// change its end. The account pays what the new file holds: Full
	// "quota_exceeded", TooLarge "transfer_too_large".
	AddFile(ctx context.Context, home share.Key, f *upload.File, change func(*Transfer) error) (*upload.File, error)
	// UnmakeFile forgets an open file that has no part as if it had never been added,
	// gives its quota back, and saves the jobs. It does nothing for another.
	UnmakeFile(ctx context.Context, key upload.Key, jobs []job.Job) error
	// ChangeFile runs change on a file with its Home, and saves its name and
	// whether it was deleted, which frees its Ident, gives its quota back and
	// takes it off its home's counters: NotFound "file_unknown".
	ChangeFile(ctx context.Context, id upload.ID, change func(*upload.File) ([]job.Job, error)) (*upload.File, error)

	// DispatchTransfer is UpdateTransfer; and if the transfer is then ready, every
	// recipient that was not written to is marked as sent to now, and gets a job
	// of kind LetterRecipient.
	DispatchTransfer(ctx context.Context, id share.ID, now time.Time, change func(*Transfer) ([]job.Job, error)) (*Transfer, error)
	// AddRecipients adds those of to whose address is not there, and does as
	// DispatchTransfer does. Conflict "too_many_recipients" when there would be more than
	// most; then none is added.
	AddRecipients(ctx context.Context, id share.ID, to []*Recipient, most int, now time.Time, may func(*Transfer) error) (added int, err error)
	// Recipients gives up to n recipients of a transfer after the given address,
	// in the order of their addresses. RecipientsOf gives all of several transfers.
	Recipients(ctx context.Context, home share.Key, after string, n int) ([]*Recipient, error)
	RecipientsOf(ctx context.Context, homes []share.Key) ([]*Recipient, error)
	// Recipient finds by the primary key: NotFound "recipient_unknown".
	Recipient(ctx context.Context, key RecipientKey) (*Recipient, error)
	// NoteDelivery notes what became of a recipient's letter: a problem, or none.
	NoteDelivery(ctx context.Context, key RecipientKey, at time.Time, problem string) error

	// RecoverTransfer is UpdateTransfer for a transfer that has ended: it may come back.
	// Then the account pays for it again (Full "quota_exceeded"), and the job that
	// would purge it is dropped.
	RecoverTransfer(ctx context.Context, id share.ID, change func(*Transfer) ([]job.Job, error)) (*Transfer, error)

	// CountPasswordTry counts one try of a password by one conditional update: Throttled
	// "too_many_tries" when most were counted since the moment. The second takes the
	// last one back.
	CountPasswordTry(ctx context.Context, home share.Key, who string, now, since time.Time, most int) error
	ForgivePasswordTry(ctx context.Context, home share.Key, who string) error

	downloadStore
	listStore
}

// DeskLimits are those of all transfers of a Desk; a plan's are in Rules.
type DeskLimits struct {
	MaxFiles int           // files of a transfer
	Quiet    time.Duration // an unfinished transfer ends when no file was begun for so long
	Keep     time.Duration // bytes stay this long after an end, so that it can be recovered
	Recent   time.Duration // bytes that came in so lately protect an upload
}

// A Desk is where transfers are handed in that have a sender and recipients, and
// whose files come one by one.
type Desk struct {
	store  DeskStore
	upload *upload.Service
	hasher account.Hasher
	ring   *keyring.Ring
	ids    *id.Source
	now    func() time.Time
	limits DeskLimits

	// Node tells what this server has under way from what others of the same database
	// have. It is the same after a restart; empty where there is no other.
	Node string

	mu    sync.Mutex
	lanes map[string]*lane     // of the requests that bring parts
	live  map[string]*Download // under claims, by the keys of their answers

	running running
}

// NewDesk makes a Desk.
func NewDesk(
	s DeskStore, u *upload.Service, h account.Hasher, ring *keyring.Ring, ids *id.Source, now func() time.Time, l DeskLimits,
) *Desk {
	return &Desk{store: s, upload: u, hasher: h, ring: ring, ids: ids, now: now, limits: l, lanes: map[string]*lane{}, live: map[string]*Download{}}
}

// A Form is a transfer to be handed in.
type Form struct {
	ID           share.ID // in the shape of the API that makes it
	LinkName     string   // the sender's own name for the link; empty: it has none
	Sender       string   // an address, or empty
	Subject      string
	Message      string
	Password     account.Secret
	To           []string
	Notify       bool
	Confirm      bool
	Days         *int // nil: as the rules say
	MaxDownloads int  // 0: no limit
	Source       string
	Announced    int64  // bytes that are said to come; 0: not said
	Live         bool   // files can be fetched while they come in
	Portal       string // where it is handed in to one: whose it is receives it
}

// Check tells all that is wrong with the form but for its addresses, as HandIn would:
// Invalid with Fields.
func (f *Form) Check() error { return f.wrong().err() }

func (f *Form) wrong() (w wrong) {
	w.text("subject", f.Subject, maxSubject)
	w.text("message", f.Message, maxMessage)
	w.text("source", f.Source, maxSource)
	if f.Days != nil {
		w.days(*f.Days)
	}
	w.downloads(f.MaxDownloads)
	w.password(f.Password)
	w.linkName(f.LinkName)
	if f.Announced < 0 {
		w.add("transfersize", "size_invalid", "must be a number of bytes")
	}
	return w
}

// HandIn makes a transfer without files. Faults: Invalid with Fields; Conflict
// "too_many_recipients", or "id_taken" where its ID or the name of its link is in use;
// Forbidden "feature_not_allowed", TooLarge "transfer_too_large" or "portal_too_large",
// Throttled "transfers_a_day" by the rules; Full "disk_full".
func (d *Desk) HandIn(ctx context.Context, who account.Owner, f Form, r Rules) (*Transfer, error) {
	w := f.wrong()
	now, days := d.now(), r.DefaultDays
	if f.Days != nil {
		days = *f.Days
	}
	sender, to := w.address("from", f.Sender), w.addresses("to", f.To)
	if err := w.err(); err != nil {
		return nil, err
	}
	if len(to) > r.MaxRecipients {
		return nil, tooManyRecipients(r.MaxRecipients)
	}
	if err := r.allow(days, f.Password != ""); err != nil {
		return nil, err
	}
	t := &Transfer{
		Share: share.Share{
			Key: share.Key(d.ids.Key()), ID: f.ID, Kind: share.Transfer, Owner: who, State: share.Open, Code: linkCode(f.LinkName), Name: f.Subject,
			Message: f.Message, CreatedAt: now, ExpiresAt: now.Add(d.limits.Quiet), MaxSize: r.MaxSize,
			MaxDownloads: f.MaxDownloads, Portal: f.Portal, Live: f.Live,
		},
		Sending: Sending{
			Track: d.ids.Text(id.Base62, TrackLen), Sender: sender, Notify: f.Notify, Confirm: f.Confirm,
			Days: days, Source: f.Source, Announced: f.Announced, Recipients: len(to),
		},
	}
	if r.MaxSize > 0 && f.Announced > r.MaxSize {
		return nil, t.TooLarge()
	}
	if err := d.upload.Room(ctx); err != nil {
		return nil, err
	}
	text, err := d.passwordText(ctx, f.Password)
	if err != nil {
		return nil, err
	}
	t.Password, t.Locked = text, text != ""
	return t, d.store.CreateSending(ctx, t, d.recipients(t.Key, to, ""), r.Daily)
}

func (d *Desk) passwordText(ctx context.Context, p account.Secret) (string, error) {
	if p == "" {
		return "", nil
	}
	return d.hasher.Hash(ctx, p)
}

func (d *Desk) recipients(home share.Key, to []string, note string) []*Recipient {
	keys := d.ids.Keys(len(to))
	all := make([]*Recipient, len(to))
	for i, a := range to {
		all[i] = &Recipient{
			Key: RecipientKey(keys[i]), Home: home, Address: a, Track: d.ids.Text(id.Base62, TrackLen), Note: note,
		}
	}
	return all
}

// withKey finds a transfer in any state for who holds its key. A wrong key is
// answered like an id that nothing has.
func (d *Desk) withKey(ctx context.Context, tid share.ID, key account.Secret) (*Transfer, error) {
	t, err := d.store.Transfer(ctx, tid)
	if err != nil {
		return nil, err
	}
	if !holds(d.ring, t.Key, key) {
		return nil, share.NotFound()
	}
	return t, nil
}

// WithKey finds the transfer for who holds its key: NotFound "transfer_unknown"
// for a wrong one too, Gone when its life is over.
func (d *Desk) WithKey(ctx context.Context, tid share.ID, key account.Secret) (*Transfer, error) {
	t, err := d.withKey(ctx, tid, key)
	if err != nil {
		return nil, err
	}
	return t, t.Alive(d.now())
}

// A FileForm is what a request that brings a part says of its file.
type FileForm struct {
	ID    upload.ID // for a file that is new
	Name  string    // cleaned by the door
	Ident string    // the client's own id of the file; empty: its name is it

	Count int   // parts; 0 is 1: the request is the whole file
	Chunk int64 // their length, if there are several
	Size  int64 // of the whole, or upload.Unknown

	// Loose is set of a file that nobody can plan: its bytes come one after the other
	// (upload.Append), and who sends it sees the end when it is there. Count, Chunk and
	// Size say nothing then.
	Loose bool

	// MD5 of the whole, where there are several parts. Of one that is all, it goes
	// with the part.
	MD5 *[md5.Size]byte
}

// maxCount bounds the parts of a file: 5 TB of Filemail's least chunks.
const maxCount = 1 << 20

// plan checks what the client says of parts and size.
func (f *FileForm) plan() error {
	var w wrong
	if f.Loose {
		f.Count, f.Chunk, f.Size = 0, 0, upload.Unknown
		if !validName(f.Name) {
			w.add("thefilename", "name_invalid", "must be a file's name")
		}
		return w.err()
	}
	if f.Count < 0 || f.Count > maxCount {
		w.add("chunks", "file_plan", "must be between 1 and %d", maxCount)
	}
	f.Count = max(f.Count, 1)
	if f.Count == 1 {
		f.Chunk = max(f.Chunk, 0) // nobody need say it
	}
	switch {
	case f.Chunk < 0, f.Count > 1 && f.Chunk == 0:
		w.add("chunksize", "file_plan", "must be the length of a chunk")
	case f.Count > 1 && int64(f.Count) > math.MaxInt64/f.Chunk:
		w.add("chunksize", "file_plan", "is too large for %d chunks", f.Count)
	case f.Size < upload.Unknown:
		w.add("totalsize", "file_plan", "must be a number of bytes")
	case f.Size >= 0 && f.Chunk > 0 && upload.PlannedParts(f.Size, f.Chunk) != f.Count:
		w.add("chunks", "file_plan", "%d chunks of %d bytes are not %d bytes", f.Count, f.Chunk, f.Size)
	}
	if !validName(f.Name) {
		w.add("thefilename", "name_invalid", "must be a file's name")
	}
	return w.err()
}

// maxName bounds a file's name in bytes, its folders included.
const maxName = 4096

// ident gives what later requests find the file by: of one length, however long
// the client's name for it is.
func (f *FileForm) ident() string {
	if f.Ident != "" {
		return digest("id", f.Ident)
	}
	return digest("name", f.Name)
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20]))
}

// OpenFile finds or makes the file that a part is for, in the transfer that the
// key opens. Many requests may do so at the same moment: they get one file. See
// Receive.
//
// Faults: those of WithKey, Conflict "transfer_closed" for a sealed one, Invalid
// "file_plan" for another plan than the file was begun with, "too_many_files",
// TooLarge "transfer_too_large", Full "quota_exceeded" or "disk_full".
func (d *Desk) OpenFile(ctx context.Context, tid share.ID, key account.Secret, form FileForm) (*upload.File, error) {
	now := d.now()
	if err := form.plan(); err != nil {
		return nil, err
	}
	f, err := d.store.FileNamed(ctx, tid, form.ident())
	if fault.KindOf(err) == fault.NotFound {
		return d.addFile(ctx, tid, key, form)
	}
	if err != nil {
		return nil, err
	}
	if !holds(d.ring, f.Home.Key, key) {
		return nil, share.NotFound()
	}
	if err := f.Home.Alive(now); err != nil {
		return nil, err
	}
	if f.Home.State == share.Open && f.Home.ExpiresAt.Before(now.Add(d.limits.Quiet-24*time.Hour)) {
		// It is not quiet. Written once a day, and not with every part.
		if _, err := d.store.UpdateTransfer(ctx, tid, func(t *Transfer) ([]job.Job, error) {
			d.stir(t)
			return nil, t.Alive(now)
		}); err != nil {
			return nil, err
		}
	}
	return f, form.fits(f)
}

// stir puts off the end of a transfer that is being filled.
func (d *Desk) stir(t *Transfer) {
	if until := d.now().Add(d.limits.Quiet); t.State == share.Open && t.ExpiresAt.Before(until) {
		t.ExpiresAt = until
	}
}

func (d *Desk) addFile(ctx context.Context, tid share.ID, key account.Secret, form FileForm) (*upload.File, error) {
	t, err := d.WithKey(ctx, tid, key)
	if err != nil {
		return nil, err
	}
	if err := d.upload.Room(ctx); err != nil {
		return nil, err
	}
	f := &upload.File{
		Key: upload.Key(d.ids.Key()), ID: form.ID, Name: form.Name, Local: form.Ident, Ident: form.ident(), Size: form.Size,
		Chunk: form.Chunk, Count: form.Count, State: upload.Open, CreatedAt: d.now(), Home: &t.Share,
	}
	if form.Count > 1 {
		f.WantMD5 = form.MD5
	}
	there, err := d.store.AddFile(ctx, t.Key, f, func(t *Transfer) error {
		if err := t.Alive(f.CreatedAt); err != nil {
			return err
		}
		if t.Sealed {
			return fault.New(fault.Conflict, "transfer_closed", "the transfer takes no more files")
		}
		if t.Files >= d.limits.MaxFiles {
			return fault.New(fault.Invalid, "too_many_files", "a transfer has at most %d files", d.limits.MaxFiles)
		}
		d.stir(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return there, form.fits(there)
}

// fits refuses a request that says something else of the file than the first did.
func (f *FileForm) fits(there *upload.File) error {
	var w wrong
	switch {
	case f.Loose: // whatever was begun is gone on with
		return nil
	case there.Count == 0:
		w.add("chunks", "file_plan", "the file was begun without a plan")
		return w.err()
	}
	if f.Count != there.Count {
		w.add("chunks", "file_plan", "the file was begun with %d chunks", there.Count)
	}
	if f.Count > 1 && f.Chunk != there.Chunk {
		w.add("chunksize", "file_plan", "the file was begun with chunks of %d bytes", there.Chunk)
	}
	if f.Size != upload.Unknown && there.Size != upload.Unknown && f.Size != there.Size {
		w.add("totalsize", "file_plan", "the file was begun with %d bytes", there.Size)
	}
	if f.MD5 != nil && there.WantMD5 != nil && *f.MD5 != *there.WantMD5 {
		w.add("md5", "file_plan", "the file was begun with another MD5")
	}
	return w.err()
}

// Complete opens the transfer for download and calls for the letters: nobody is
// written to twice, however often a client completes. Faults: those of WithKey,
// Invalid "no_files", Conflict "file_incomplete" and "file_digest".
func (d *Desk) Complete(ctx context.Context, tid share.ID, key account.Secret) (*Transfer, error) {
	t, err := d.WithKey(ctx, tid, key)
	if err != nil {
		return nil, err
	}
	return d.complete(ctx, t)
}

func (d *Desk) complete(ctx context.Context, t *Transfer) (*Transfer, error) {
	if t.OpenFiles > 0 {
		if err := d.upload.Settle(ctx, &t.Share); err != nil {
			return nil, err
		}
	}
	now := d.now()
	return d.store.DispatchTransfer(ctx, t.ID, now, func(t *Transfer) ([]job.Job, error) { return t.Complete(now) })
}
