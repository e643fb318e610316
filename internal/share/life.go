package share

import (
	"context"
	"log/slog"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
)

// Kinds of jobs that this package calls for. Sweeps are one job each, which comes
// back by itself; so on several nodes only one sweeps at a time.
const (
	JobExpire     = "share.expire" // ends the shares whose time is over
	JobPurge      = "share.purge"  // ID: the share's key. Removes its bytes
	JobForget     = "share.forget" // drops the memory of what was purged long ago
	JobLeave      = "share.leave"  // ID: an account that is gone. Takes down what it sent
	JobOrphans    = "blob.orphans" // removes blobs that no row promises
	JobRemoveBlob = "blob.remove"  // ID: the blob's id
	sweepStep     = 100            // rows a step: sweeps go in small ones
	sweepPause    = time.Minute    // between two looks for what is due; links end by the clock, not by the sweep
)

// A Store keeps shares.
type Store interface {
	// ByID finds a share by its public id, ByCode by its short link's code, of
	// any owner and in any state: NotFound "transfer_unknown".
	ByID(ctx context.Context, id ID) (*Share, error)
	ByCode(ctx context.Context, code string) (*Share, error)

	// Update loads the share, runs change on it, and saves the result and the
	// jobs that change returned, all or nothing. It may run change more than
	// once, each time on a fresh load, so change must do nothing but change its
	// argument. If change fails, so does Update, with the same error, and
	// nothing is saved. When the share's state left Open or Ready, what it held
	// of its account's quota is released in the same transaction. What the share
	// is called by and whose it is (ID, Code, Hash, Kind, Owner), and the counters
	// that its files keep (Files, OpenFiles, Size), are not change's to change:
	// they are not saved.
	Update(ctx context.Context, key Key, change func(*Share) ([]job.Job, error)) (*Share, error)

	// Due gives up to n keys of shares that are Open or Ready and end at now or
	// before, the earliest first. It costs what is due, not what is stored.
	Due(ctx context.Context, now time.Time, n int) ([]Key, error)

	// LiveOf gives up to n keys of the account's shares, of all rooms, that are
	// Open or Ready, in their order.
	LiveOf(ctx context.Context, owner account.ID, n int) ([]Key, error)

	// Blobs gives up to n blobs of the share's files, for the purge; and
	// DropFiles forgets the files of the share whose blobs are all in gone,
	// together with their parts. Blobs is empty when no file is left.
	Blobs(ctx context.Context, key Key, n int) ([]FileBlobs, error)
	DropFiles(ctx context.Context, key Key, files []string) error

	// Forget drops up to n shares that are Purged and ended before the moment.
	Forget(ctx context.Context, before time.Time, n int) (int, error)

	// Promised tells which of the blobs some row promises: the blob of a planned
	// file that is not purged, or of a part.
	Promised(ctx context.Context, ids []blob.ID) (map[blob.ID]bool, error)
}

// FileBlobs are the blobs of one file.
type FileBlobs struct {
	File  string // its key
	Blobs []blob.ID
}

// A Service ends shares and finds them for those who hold a link.
type Service struct {
	store  Store
	blobs  blob.Store
	now    func() time.Time
	keep   time.Duration // of the bytes after the end
	memory time.Duration // of the 410 after the end
	orphan time.Duration // least age of an orphan
	log    *slog.Logger
}

// Limits of a Service. A blob without a row may belong to a part that is still
// being sent, so Orphan must be longer than the life of an upload URL by an hour.
type Limits struct {
	Keep   time.Duration // bytes stay this long after a share's end
	Memory time.Duration // the share is answered with Gone this long after its end
	Orphan time.Duration // blobs without a row are removed at this age
}

// NewService makes a Service.
func NewService(s Store, b blob.Store, now func() time.Time, l Limits, log *slog.Logger) *Service {
	return &Service{store: s, blobs: b, now: now, keep: l.Keep, memory: l.Memory, orphan: l.Orphan, log: log}
}

// ByCode finds the share behind a short link, for anybody: NotFound, or Gone for
// one whose life is over. A transfer that is not finished is not found.
//
// Beside Gone it gives the share, for the rest of an address to be compared with:
// who does not hold the whole link must be told what is told of any other. Nothing
// of it may be shown.
func (s *Service) ByCode(ctx context.Context, code string) (*Share, error) {
	return s.visible(s.store.ByCode(ctx, code))
}

// ByID finds the share with this public id, for anybody who has it, like ByCode.
func (s *Service) ByID(ctx context.Context, id ID) (*Share, error) {
	return s.visible(s.store.ByID(ctx, id))
}

func (s *Service) visible(sh *Share, err error) (*Share, error) {
	if err != nil {
		return nil, err
	}
	err = sh.Visible(s.now())
	if fault.KindOf(err) == fault.NotFound {
		return nil, err
	}
	return sh, err
}

// Seen notes that somebody looked at a share that lives as long as it is looked
// at. It writes at most once a day for each.
func (s *Service) Seen(ctx context.Context, sh *Share) error {
	if sh.Idle == 0 || sh.ExpiresAt.After(s.now().Add(sh.Idle-24*time.Hour)) {
		return nil
	}
	_, err := s.store.Update(ctx, sh.Key, func(sh *Share) ([]job.Job, error) {
		if err := sh.Alive(s.now()); err != nil {
			return nil, err
		}
		sh.ExpiresAt = s.now().Add(sh.Idle)
		return nil, nil
	})
	return err
}

// Delete takes down the owner's share and lets its bytes be removed. Those of
// others are NotFound; taking down what is down already is fine.
func (s *Service) Delete(ctx context.Context, who account.Owner, sid ID) error {
	sh, err := s.store.ByID(ctx, sid)
	if err != nil {
		return err
	}
	if sh.Owner.Account != who.Account || who.Room != "" && sh.Owner.Room != who.Room {
		return NotFound()
	}
	return s.takeDown(ctx, sh.Key)
}

// Block takes a share out of everybody's sight, or gives it back. Whether the caller may,
// the caller knows: this is for who administers the installation.
func (s *Service) Block(ctx context.Context, key Key, blocked bool) error {
	_, err := s.store.Update(ctx, key, func(sh *Share) ([]job.Job, error) {
		sh.Blocked = blocked
		return nil, nil
	})
	return err
}

func (s *Service) takeDown(ctx context.Context, key Key) error {
	_, err := s.store.Update(ctx, key, func(sh *Share) ([]job.Job, error) {
		if sh.State >= Expired {
			return nil, nil
		}
		sh.Delete(s.now())
		return []job.Job{{Kind: JobPurge, ID: string(sh.Key), RunAt: s.now()}}, nil
	})
	return err
}

// Jobs gives the sweeps that must be in the queue, and Handlers how the jobs of
// this package are done.
func (s *Service) Jobs() []job.Job {
	now := s.now()
	return []job.Job{
		{Kind: JobExpire, ID: "sweep", RunAt: now},
		{Kind: JobForget, ID: "sweep", RunAt: now.Add(time.Minute)},
		{Kind: JobOrphans, ID: "sweep", RunAt: now.Add(time.Minute)},
	}
}

// Handlers gives the work behind each kind of job.
func (s *Service) Handlers() map[string]job.Handler {
	return map[string]job.Handler{
		JobExpire:     s.comesBack(s.expire),
		JobPurge:      s.purge,
		JobLeave:      s.leave,
		JobForget:     s.comesBack(s.forget),
		JobOrphans:    s.comesBack(s.orphans),
		JobRemoveBlob: func(ctx context.Context, j job.Job) error { return s.blobs.Remove(ctx, blob.ID(j.ID)) },
	}
}

// comesBack keeps a sweep alive that fails: it is tried again for as long as the
// program runs, and never given up as other jobs are.
func (s *Service) comesBack(sweep job.Handler) job.Handler {
	return func(ctx context.Context, j job.Job) error {
		err := sweep(ctx, j)
		if job.IsAgain(err) || fault.Is(err, blob.CodeHeld) {
			return err
		}
		s.log.ErrorContext(ctx, "sweep failed", "kind", j.Kind, "err", err)
		return job.Again(sweepPause)
	}
}

// expire ends what is due, some at a time.
func (s *Service) expire(ctx context.Context, _ job.Job) error {
	now := s.now()
	due, err := s.store.Due(ctx, now, sweepStep)
	if err != nil {
		return err
	}
	for _, key := range due {
		_, err := s.store.Update(ctx, key, func(sh *Share) ([]job.Job, error) {
			if sh.State >= Expired || sh.ExpiresAt.After(now) {
				return nil, nil // somebody looked at the board meanwhile
			}
			sh.State = Expired
			return []job.Job{{Kind: JobPurge, ID: string(key), RunAt: sh.ExpiresAt.Add(s.keep)}}, nil
		})
		if err != nil {
			return err
		}
	}
	if len(due) == sweepStep {
		return job.Again(0)
	}
	return job.Again(sweepPause)
}

// leave takes down what an account sent that is gone, some of it a run. A request
// that was begun before may have made another share meanwhile, so it ends when it
// has found none.
func (s *Service) leave(ctx context.Context, j job.Job) error {
	keys, err := s.store.LiveOf(ctx, account.ID(j.ID), sweepStep)
	if err != nil || len(keys) == 0 {
		return err
	}
	for _, key := range keys {
		if err := s.takeDown(ctx, key); err != nil {
			return err
		}
	}
	if len(keys) == sweepStep {
		return job.Again(0)
	}
	return job.Again(sweepPause)
}

// purge removes the bytes of a share that has ended, some files a run: the mark that
// there is no way back first, then the blobs, then the rows that named them. A
// crash in between finds the rest again. One that was recovered stays as it is.
func (s *Service) purge(ctx context.Context, j job.Job) error {
	key := Key(j.ID)
	sh, err := s.store.Update(ctx, key, func(sh *Share) ([]job.Job, error) {
		sh.Purging = sh.State >= Expired
		return nil, nil
	})
	if fault.KindOf(err) == fault.NotFound || err == nil && !sh.Purging {
		return nil
	}
	if err != nil {
		return err
	}
	files, err := s.store.Blobs(ctx, key, sweepStep)
	if err != nil {
		return err
	}
	done := make([]string, 0, len(files))
	for _, f := range files {
		for _, b := range f.Blobs {
			if err := s.blobs.Remove(ctx, b); err != nil {
				return err
			}
		}
		done = append(done, f.File)
	}
	if err := s.store.DropFiles(ctx, key, done); err != nil {
		return err
	}
	if len(files) == sweepStep {
		return job.Again(0)
	}
	_, err = s.store.Update(ctx, key, func(sh *Share) ([]job.Job, error) {
		if sh.State == Expired || sh.State == Deleted {
			sh.State = Purged
		}
		return nil, nil
	})
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}

// forget drops shares whose 410 has been told long enough.
func (s *Service) forget(ctx context.Context, _ job.Job) error {
	n, err := s.store.Forget(ctx, s.now().Add(-s.memory), sweepStep)
	if err != nil {
		return err
	}
	if n == sweepStep {
		return job.Again(0)
	}
	return job.Again(time.Hour)
}

// orphans removes blobs that no row promises and that are too old to belong to a
// request still running. They are left by crashes between bytes and row, and by
// parts that failed.
func (s *Service) orphans(ctx context.Context, _ job.Job) error {
	old := id.Before(s.now().Add(-s.orphan))
	var batch []blob.ID
	sweep := func() error {
		promised, err := s.store.Promised(ctx, batch)
		if err != nil {
			return err
		}
		for _, b := range batch {
			if promised[b] {
				continue
			}
			s.log.InfoContext(ctx, "orphan removed", "blob", b)
			if err := s.blobs.Remove(ctx, b); err != nil {
				return err
			}
		}
		batch = batch[:0]
		return nil
	}
	limit := s.now().Add(-s.orphan)
	err := s.blobs.Walk(ctx, func(i blob.Info) error {
		if string(i.ID) >= old || i.Modified.After(limit) {
			return nil
		}
		if batch = append(batch, i.ID); len(batch) == sweepStep {
			return sweep()
		}
		return nil
	})
	if err == nil {
		err = sweep()
	}
	if err != nil {
		return err
	}
	return job.Again(time.Hour)
}
