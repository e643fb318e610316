package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ferry-server/ferry/internal/blob"
)

// A Target is where a backup is restored to.
type Target struct {
	Blobs  string // the folder
	Secret string // the file

	// Load fills an empty database with the rows in a folder.
	Load func(ctx context.Context, dir, engine string, schema int) error
}

// A Restored is what came back. Lost are the first of the blobs that the backup has not.
type Restored struct {
	Manifest
	Copied int64 // blobs
	Bytes  int64
	Lost   []blob.ID
}

// Read gives what is known of the backup in dir.
func Read(dir string) (*Manifest, error) {
	m, err := readManifest(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no whole backup: there is no %s", dir, manifestFile)
	}
	return m, err
}

// Restore copies a backup to where nothing is. One that broke off is restored again to
// the same place, and goes on. The rows come last: before them nothing is served.
func Restore(ctx context.Context, dir string, t Target) (*Restored, error) {
	m, err := Read(dir)
	if err != nil {
		return nil, err
	}
	// Where a backup can be written, none may be going on.
	if lock, err := os.Open(filepath.Join(dir, lockFile)); err == nil {
		defer lock.Close()
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("a backup into %s is running", dir)
		}
	}
	rows := filepath.Join(dir, m.Rows)
	if err := check(rows, m); err != nil {
		return nil, err
	}
	r := &Restored{Manifest: *m}
	c := &copier{from: filepath.Join(dir, blobsFolder), to: t.Blobs}
	r.Lost, err = c.all(ctx, rows, func(n int64) {
		r.Copied++
		r.Bytes += n
	})
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	if m.Secret {
		_ = os.Remove(t.Secret) // of a restore that broke off
		if err := copyFile(t.Secret, filepath.Join(rows, secretFile)); err != nil {
			return nil, fmt.Errorf("secret: %w", err)
		}
		if err := syncDir(filepath.Dir(t.Secret)); err != nil {
			return nil, err
		}
	}
	if err := t.Load(ctx, filepath.Join(rows, databaseFolder), m.Engine, m.Schema); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return r, nil
}

// check compares the rows with their checksums.
func check(rows string, m *Manifest) error {
	now, err := sums(rows)
	if err != nil {
		return err
	}
	for name, sum := range m.Sums {
		if now[name] != sum {
			return fmt.Errorf("the backup is damaged: %s is not as it was written", filepath.Join(rows, filepath.FromSlash(name)))
		}
	}
	return nil
}
