// Package backup copies an installation into a folder while it works, and back.
//
// It owns the form of a backup, the order in which it is made, and the copying of
// blobs. The rows are written and read by its Database, package db; whether all is
// right is looked at by package audit. Start at Make, then Restore.
//
// A backup is a folder of its own:
//
//	backup.json      which rows are the backup's, with their checksums: it makes the rest one
//	rows-…/          the rows of one moment, the list of the blobs they promise, the secret
//	blobs/…/…        the blobs, as in a data directory
//
// The rows are taken first and the blobs after them: whatever the rows promise was on
// stable storage by then, and stays as long as the hold lasts, which is laid before. A
// blob that is copied later has at least what the rows promise, because acknowledged
// bytes never change. The other order would miss what comes in between.
//
// A backup into the folder of an earlier one copies what is new. backup.json changes
// at the end, in one step, and only then is removed what the new rows do not promise:
// the folder holds a whole backup at any moment, the earlier one or the new one.
package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

// The names in a backup.
const (
	manifestFile   = "backup.json"
	lockFile       = "lock"
	rowsPrefix     = "rows-"
	blobsFolder    = "blobs"
	listFile       = "promised" // in the folder of the rows: the blobs
	secretFile     = "secret"   // beside it
	databaseFolder = "db"       // beside it: what Database wrote
)

// format is the version of all this. One that is not known is refused.
const format = 1

// A Manifest is what backup.json says.
type Manifest struct {
	Format int               `json:"format"`
	Made   time.Time         `json:"made"` // when the rows were taken
	Ferry  string            `json:"ferry"`
	Engine string            `json:"engine"`
	Schema int               `json:"schema"`
	Rows   string            `json:"rows"`   // their folder
	Sums   map[string]string `json:"sha256"` // of each file in it
	Blobs  int64             `json:"blobs"`
	Bytes  int64             `json:"bytes"` // that are promised of them
	Secret bool              `json:"secret"`
}

// A Database gives the rows. See package db.
type Database interface {
	// Hold keeps blobs from being removed until the moment; Prolong makes it last
	// longer, and fails when it is over; Release ends it.
	Hold(ctx context.Context, id string, now, until time.Time) error
	Prolong(ctx context.Context, id string, now, until time.Time) error
	Release(ctx context.Context, id string) error

	// Snapshot writes the rows of one moment into an empty folder and calls each with
	// every blob that they promise, in the order of their ids.
	Snapshot(ctx context.Context, dir string, each func(Promise) error) (engine string, schema int, err error)
}

// A Promise is a blob of which rows promise so many bytes at least. It is fixed when it
// never changes again.
type Promise struct {
	Blob  blob.ID
	Size  int64
	Fixed bool
}

// A Source is what a backup is made of.
type Source struct {
	Database Database
	Blobs    string // the folder
	Secret   string // the file; "" when the secret is none
	Version  string // of the program
	Now      func() time.Time
	IDs      *id.Source
	Link     bool // blobs that never change again are linked where that is possible, not copied
}

// A Result counts what a backup did.
type Result struct {
	Manifest
	New     int64     // blobs that were copied or linked
	Written int64     // their bytes
	Removed int64     // blobs that only an earlier backup needed
	Lost    []blob.ID // the first of those that are damaged
}

// holdTime is how long a hold lasts of a backup that died.
const holdTime = 10 * time.Minute

// mostLost bounds how many lost blobs are named.
const mostLost = 100

// Make writes a backup into dir, which is empty, or not there, or holds an earlier one.
// A blob that is damaged in storage does not keep the rest from being backed up: it is
// named in Result.Lost, and what an earlier backup had of it stays.
func Make(ctx context.Context, s Source, dir string) (r *Result, err error) {
	unlock, err := prepare(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	hold := s.IDs.Key()
	if err := s.Database.Hold(ctx, hold, s.Now(), s.Now().Add(holdTime)); err != nil {
		return nil, err
	}
	ctx, stop := s.keepHold(ctx, hold)
	defer func() { err = errors.Join(stop(), err) }()

	r = &Result{Manifest: Manifest{Format: format, Made: s.Now().UTC(), Ferry: s.Version}}
	r.Rows = rowsPrefix + s.IDs.Key()
	rows := filepath.Join(dir, r.Rows)
	if err := os.Mkdir(rows, 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(rows))
		}
	}()
	if err := s.rows(ctx, rows, r); err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	if err := s.blobs(ctx, dir, rows, r); err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	// Once more before it counts: a hold that lapsed may have let blobs go.
	if err := s.Database.Prolong(ctx, hold, s.Now(), s.Now().Add(holdTime)); err != nil {
		return nil, err
	}
	if err := syncDir(dir); err != nil { // nothing is named before it is there to stay
		return nil, err
	}
	if err := writeManifest(dir, &r.Manifest); err != nil {
		return nil, err
	}
	r.Removed, err = tidy(dir, &r.Manifest)
	if err != nil {
		return nil, fmt.Errorf("the backup is made, but not what was before it removed: %w", err)
	}
	return r, nil
}

// keepHold prolongs the hold until stop is called, which ends it. The context ends when
// that fails.
func (s Source) keepHold(ctx context.Context, hold string) (_ context.Context, stop func() error) {
	ctx, fail := context.WithCancelCause(ctx)
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(holdTime / 10)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if err := s.Database.Prolong(ctx, hold, s.Now(), s.Now().Add(holdTime)); fault.KindOf(err) == fault.Conflict {
					fail(err)
				}
			}
		}
	})
	return ctx, func() error {
		close(done)
		running.Wait()
		cause := context.Cause(ctx)
		fail(nil)
		return errors.Join(cause, s.Database.Release(context.WithoutCancel(ctx), hold))
	}
}

// prepare makes or looks at the folder, and locks it.
func prepare(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if name != manifestFile && name != lockFile && name != blobsFolder && !strings.HasPrefix(name, rowsPrefix) &&
			!strings.HasPrefix(name, tempPrefix) {
			return nil, fmt.Errorf("%s is no backup, and not empty: it has %s", dir, name)
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another backup into %s is running", dir), lock.Close())
	}
	unlock = func() { _ = lock.Close() }
	if _, err := readManifest(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// rows writes the rows, the list of their blobs and the secret, and notes their sums.
func (s Source) rows(ctx context.Context, dir string, r *Result) error {
	list, err := os.OpenFile(filepath.Join(dir, listFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer list.Close()
	inner := filepath.Join(dir, databaseFolder)
	if err := os.Mkdir(inner, 0o700); err != nil {
		return err
	}
	out := bufio.NewWriter(list)
	r.Engine, r.Schema, err = s.Database.Snapshot(ctx, inner, func(p Promise) error {
		r.Blobs++
		r.Bytes += p.Size
		_, err := fmt.Fprintf(out, "%s %d %t\n", p.Blob, p.Size, p.Fixed)
		return err
	})
	if err == nil {
		err = out.Flush()
	}
	if err := errors.Join(err, list.Sync()); err != nil {
		return err
	}
	if s.Secret != "" {
		if err := copyFile(filepath.Join(dir, secretFile), s.Secret); err != nil {
			return err
		}
		r.Secret = true
	}
	r.Sums, err = sums(dir)
	return errors.Join(err, syncDir(inner), syncDir(dir))
}

// sums gives the SHA-256 of every file below dir.
func sums(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = hex.EncodeToString(h.Sum(nil))
		return err
	})
	return all, err
}

// promises gives the blobs of a list. An error is the last that it gives.
func promises(rows string) iter.Seq2[Promise, error] {
	return func(yield func(Promise, error) bool) {
		f, err := os.Open(filepath.Join(rows, listFile))
		if err != nil {
			yield(Promise{}, err)
			return
		}
		defer f.Close()
		in := bufio.NewScanner(f)
		for in.Scan() {
			var p Promise
			if _, err := fmt.Sscanf(in.Text(), "%s %d %t", &p.Blob, &p.Size, &p.Fixed); err != nil || !id.IsKey(string(p.Blob)) {
				yield(p, fmt.Errorf("%s: %q is no line of it", f.Name(), in.Text()))
				return
			}
			if !yield(p, nil) {
				return
			}
		}
		if err := in.Err(); err != nil {
			yield(Promise{}, err)
		}
	}
}

// blobs copies what the list names and is not there yet.
func (s Source) blobs(ctx context.Context, dir, rows string, r *Result) error {
	to := &copier{from: s.Blobs, to: filepath.Join(dir, blobsFolder), link: s.Link}
	lost, err := to.all(ctx, rows, func(n int64) {
		r.New++
		r.Written += n
	})
	r.Lost = lost
	return err
}

func writeManifest(dir string, m *Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when all went well
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, manifestFile)); err != nil {
		return err
	}
	return syncDir(dir)
}

func readManifest(dir string) (*Manifest, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("%s has format %d, this ferry knows %d", dir, m.Format, format)
	}
	if filepath.Base(m.Rows) != m.Rows || !strings.HasPrefix(m.Rows, rowsPrefix) {
		return nil, fmt.Errorf("%s names no folder of its own: %q", manifestFile, m.Rows)
	}
	return m, nil
}

// tidy removes what belongs to no backup any more: rows of earlier ones, and blobs that
// the list does not name.
func tidy(dir string, now *Manifest) (removed int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, tempPrefix) || strings.HasPrefix(name, rowsPrefix) && name != now.Rows {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return 0, err
			}
		}
	}
	return prune(filepath.Join(dir, blobsFolder), filepath.Join(dir, now.Rows))
}
