package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/blob/disk/disktest"
	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// Times of the simulated installation.
const (
	day        = 24 * time.Hour
	keep       = 7 * day // WeTransfer's transfers
	quiet      = 3 * day // unfinished ones of Filemail
	purgeAfter = day
	memory     = 90 * day
	orphanAge  = 25 * time.Hour
)

// errCrash is what a call learns whose node has lost its power.
var errCrash = errors.New("the power has failed")

// A world is what one seed makes: the node, what it stands on, and its clients.
type world struct {
	*sched
	seed   uint64
	model  *coretest.Model
	fs     *disktest.FS
	ids    *id.Source
	ring   *keyring.Ring
	node   *node
	faults bool // calls of the disk and the database fail now and then

	calm    bool // no answer is lost
	old     bool // so much time has passed that some was forgotten
	clients int  // tasks that ask for something
	ops     int  // begun by clients
	crashes int
	wrong   []string // what must not have happened
	book    *book
}

// A node is the engine from one start to the next loss of power.
type node struct {
	dead      bool
	disk      *disk.Store
	blobs     blob.Store
	uploads   *upload.Service
	shares    *share.Service
	transfers *transfer.Service
	desk      *transfer.Desk
	runner    *job.Runner
	jobs      *jobBook
}

// seeded gives random bytes to those who want a reader.
type seeded struct{ *rand.Rand }

func (s seeded) Read(p []byte) (int, error) {
	var word [8]byte
	for done := 0; done < len(p); {
		binary.LittleEndian.PutUint64(word[:], s.Uint64())
		done += copy(p[done:], word[:])
	}
	return len(p), nil
}

func newWorld(seed uint64, keepTrace bool) (*world, error) {
	r := rand.New(rand.NewPCG(seed, 7))
	ring, err := keyring.New(make([]byte, keyring.MinSecret))
	if err != nil {
		return nil, err
	}
	w := &world{
		sched: newSched(r), seed: seed, model: &coretest.Model{}, ring: ring,
		ids: id.NewSeeded(time.Now, seeded{rand.New(rand.NewPCG(seed, 8))}), faults: r.IntN(2) == 0,
	}
	w.trace.keep = keepTrace
	w.book = newBook(w)
	w.model.Hook = func(call string) error { return w.database(call) }
	if r.IntN(2) == 0 {
		w.model.Quota = 150_000 + r.Int64N(400_000)
	}
	w.fs = disktest.New(seed, w.diskCall)
	return w, w.boot()
}

// says notes what a task did. It may be called by the released one only.
func (w *world) says(format string, args ...any) {
	w.trace.add("       " + fmt.Sprintf(format, args...))
}

// bad notes what must not have happened.
func (w *world) bad(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.trace.add("WRONG:", text)
	w.wrong = append(w.wrong, text)
}

// one tells whether chance wants what comes once in n times.
func (w *world) one(n int) bool { return w.rand.IntN(n) == 0 }

// held parks a call of the node, and tells whether it may go on.
func (w *world) held(at string) (t *task, err error) {
	t = w.park(at)
	if t != nil && t.node != nil && t.node.dead {
		return t, errCrash
	}
	return t, nil
}

// unheld are calls between which the order does not matter.
var unheld = []string{"ReadAt", "Seek", "StatFS", "WriteBack"}

// diskCall is asked before each call of the file system.
func (w *world) diskCall(c disktest.Call) error {
	if slices.Contains(unheld, c.Do) {
		return nil
	}
	t, err := w.held(c.Do + " " + filepath.Base(c.Path))
	odds := 400
	if c.Do == "SyncDir" && c.Path == "/blobs" {
		odds = 4 // it comes seldom: once for a new folder
	}
	if t == nil || err != nil || !w.faults || !w.one(odds) {
		return err
	}
	err = syscall.EIO
	if w.one(3) {
		err = syscall.ENOSPC
	}
	w.says("the disk fails: %v", err)
	return err
}

// database is asked before each call of the database.
func (w *world) database(call string) error {
	t, err := w.held(call)
	if t == nil || err != nil || !w.faults || !w.one(500) {
		return err
	}
	w.says("the database does not answer")
	return errors.New("the database does not answer")
}

// committed is asked when a transaction is in the database, and before anybody
// learns of it: the power may fail in between, or the connection to the database.
func (w *world) committed(call string) error {
	t, err := w.held("after " + call)
	if t == nil || err != nil || !w.faults || !w.one(500) {
		return err
	}
	w.says("the answer of the database is lost")
	return errors.New("the answer of the database is lost")
}

// noHasher stands for argon2id, which takes its time.
type noHasher struct{}

func (noHasher) Hash(_ context.Context, p account.Secret) (string, error) { return string(p), nil }

func (noHasher) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	return text == string(p), nil
}

// boot starts a node on what is stored, as cmd/ferry does.
func (w *world) boot() error {
	n := &node{}
	var err error
	n.disk, err = disk.Open(w.fs, "/blobs", disk.Options{Now: time.Now, Park: func() { w.parkWoken("awake") }})
	if err != nil {
		return fmt.Errorf("the node does not start: %w", err)
	}
	s := &store{w.model, w}
	log := slog.New(slog.DiscardHandler)
	n.blobs = blob.WithRows(n.disk, s)
	n.uploads = upload.NewService(s, n.disk, w.ids, time.Now, upload.Limits{MaxFile: 1 << 20})
	n.shares = share.NewService(s, n.disk, time.Now, share.Limits{Keep: purgeAfter, Memory: memory, Orphan: orphanAge}, log)
	n.transfers = transfer.NewService(s, s, n.uploads, w.ids, time.Now, transfer.Limits{MaxFiles: 10, Keep: keep})
	n.desk = transfer.NewDesk(s, n.uploads, noHasher{}, w.ring, w.ids, time.Now, transfer.DeskLimits{
		MaxFiles: 10, Quiet: quiet, Keep: purgeAfter, Recent: time.Minute,
	})
	handlers := n.shares.Handlers()
	maps.Copy(handlers, n.desk.Handlers())
	for _, kind := range letters {
		handlers[kind] = w.book.letter
	}
	n.jobs = newJobBook(w)
	for kind, h := range handlers {
		handlers[kind] = n.jobs.watch(h)
	}
	n.runner = job.NewRunner(s, handlers, time.Now, log)
	if err := w.model.Enqueue(context.Background(), slices.Concat(n.shares.Jobs(), n.desk.Jobs())...); err != nil {
		return err
	}
	w.node = n
	for range 2 {
		w.start("worker", n, func(t *task) { w.work(t, n) })
	}
	return nil
}

// work carries out jobs until the power fails.
func (w *world) work(t *task, n *node) {
	ctx := context.WithValue(context.Background(), taskKey{}, t)
	for {
		if _, err := w.held("idle"); err != nil {
			return
		}
		t.idle = false
		k, err := n.runner.Step(ctx, 1)
		t.idle = k == 0 && err == nil
	}
}

type taskKey struct{}

// crash takes the power away, and gives it back: what was not synced is lost, or torn.
func (w *world) crash() error {
	w.crashes++
	w.trace.add("======= the power fails")
	left := w.fs.Crash(w.rand.Uint64(), w.diskCall)
	old := w.node
	old.dead = true
	// All that was under way on the node ends now; its clients go on.
	for {
		more, err := w.next(func(t *task) bool { return t.node == old })
		if err != nil {
			return fmt.Errorf("after the power failed: %w", err)
		}
		if !more {
			break
		}
	}
	w.fs = left
	time.Sleep(time.Duration(w.rand.IntN(5000)) * time.Millisecond)
	return w.boot()
}

// A store is the model of the database as the node sees it: there is a moment between
// a commit and its answer.
type store struct {
	*coretest.Model
	w *world
}

func (s *store) after(call string, err error) error {
	if err != nil {
		return err
	}
	return s.w.committed(call)
}

func after[T any](s *store, call string, v T, err error) (T, error) {
	if err = s.after(call, err); err != nil {
		var none T
		return none, err
	}
	return v, nil
}

func (s *store) CreateTransfer(ctx context.Context, t *transfer.Transfer, files []*upload.File) error {
	return s.after("CreateTransfer", s.Model.CreateTransfer(ctx, t, files))
}

func (s *store) CreateSending(ctx context.Context, t *transfer.Transfer, to []*transfer.Recipient, daily int) error {
	return s.after("CreateSending", s.Model.CreateSending(ctx, t, to, daily))
}

func (s *store) UpdateTransfer(ctx context.Context, sid share.ID, change func(*transfer.Transfer) ([]job.Job, error)) (*transfer.Transfer, error) {
	t, err := s.Model.UpdateTransfer(ctx, sid, change)
	return after(s, "UpdateTransfer", t, err)
}

func (s *store) DispatchTransfer(ctx context.Context, sid share.ID, now time.Time, change func(*transfer.Transfer) ([]job.Job, error)) (*transfer.Transfer, error) {
	t, err := s.Model.DispatchTransfer(ctx, sid, now, change)
	return after(s, "DispatchTransfer", t, err)
}

func (s *store) RecoverTransfer(ctx context.Context, sid share.ID, change func(*transfer.Transfer) ([]job.Job, error)) (*transfer.Transfer, error) {
	t, err := s.Model.RecoverTransfer(ctx, sid, change)
	return after(s, "RecoverTransfer", t, err)
}

// FileNamed is the first that is asked by who waited for another to take a file back.
func (s *store) FileNamed(ctx context.Context, sid share.ID, ident string) (*upload.File, error) {
	s.w.hold(taskOf(ctx), "woken")
	return s.Model.FileNamed(ctx, sid, ident)
}

func (s *store) AddFile(ctx context.Context, home share.Key, f *upload.File, change func(*transfer.Transfer) error) (*upload.File, error) {
	there, err := s.Model.AddFile(ctx, home, f, change)
	return after(s, "AddFile", there, err)
}

func (s *store) UnmakeFile(ctx context.Context, key upload.Key, jobs []job.Job) error {
	return s.after("UnmakeFile", s.Model.UnmakeFile(ctx, key, jobs))
}

func (s *store) ChangeFile(ctx context.Context, fid upload.ID, change func(*upload.File) ([]job.Job, error)) (*upload.File, error) {
	f, err := s.Model.ChangeFile(ctx, fid, change)
	return after(s, "ChangeFile", f, err)
}

func (s *store) EndDownload(
	ctx context.Context, r transfer.Record, change func(*transfer.Transfer, *transfer.Record, *transfer.Claim) []job.Job,
) error {
	return s.after("EndDownload", s.Model.EndDownload(ctx, r, change))
}

func (s *store) ClaimDownload(
	ctx context.Context, home share.Key, holder string, item upload.Key, choose func(int, []*transfer.Claim) (*transfer.Claim, error),
) (bool, error) {
	limited, err := s.Model.ClaimDownload(ctx, home, holder, item, choose)
	return after(s, "ClaimDownload", limited, err)
}

func (s *store) PutPart(ctx context.Context, file upload.Key, number int, change func(*upload.File, *upload.Part) (*upload.NewPart, error)) error {
	return s.after("PutPart", s.Model.PutPart(ctx, file, number, change))
}

type completion = func(*upload.File, func() ([]upload.Part, error)) ([]int, []job.Job, error)

func (s *store) Complete(ctx context.Context, fid upload.ID, change completion) (*upload.File, error) {
	f, err := s.Model.Complete(ctx, fid, change)
	return after(s, "Complete", f, err)
}

func (s *store) Rework(ctx context.Context, file upload.Key, change completion) error {
	return s.after("Rework", s.Model.Rework(ctx, file, change))
}

func (s *store) Suspect(ctx context.Context, file upload.Key) error {
	return s.after("Suspect", s.Model.Suspect(ctx, file))
}

func (s *store) DropParts(ctx context.Context, file upload.Key) error {
	return s.after("DropParts", s.Model.DropParts(ctx, file))
}

func (s *store) DropFiles(ctx context.Context, home share.Key, files []string) error {
	return s.after("DropFiles", s.Model.DropFiles(ctx, home, files))
}

func (s *store) Update(ctx context.Context, key share.Key, change func(*share.Share) ([]job.Job, error)) (*share.Share, error) {
	sh, err := s.Model.Update(ctx, key, change)
	return after(s, "Update", sh, err)
}

func (s *store) Claim(ctx context.Context, now time.Time, n int) ([]job.Job, error) {
	jobs, err := s.Model.Claim(ctx, now, n)
	if len(jobs) == 0 {
		return nil, err
	}
	for _, j := range jobs {
		s.w.node.jobs.claimed(j, now)
	}
	return after(s, "Claim", jobs, err)
}

func (s *store) Done(ctx context.Context, j job.Job) error {
	s.w.node.jobs.given(j)
	err := s.after("Done", s.Model.Done(ctx, j))
	if err == nil {
		s.w.node.jobs.forgotten(j)
	}
	return err
}

func (s *store) Retry(ctx context.Context, j job.Job, cause error) error {
	s.w.node.jobs.givenBack(j)
	return s.after("Retry", s.Model.Retry(ctx, j, cause))
}

func taskOf(ctx context.Context) *task { return ctx.Value(taskKey{}).(*task) }

// asClient starts a task that asks for something.
func (w *world) asClient(name string, f func(*task)) {
	w.clients++
	w.start(name, nil, func(t *task) {
		f(t)
		w.clients--
	})
}
