package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ferry-server/ferry/internal/backup"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/words"
)

type backupCommand struct {
	place
	Dir  string `arg:"" help:"Directory of the backup: empty, not there yet, or with an earlier backup, which is brought up to date."`
	Link bool   `help:"Link contents that never change again, where the file system can, instead of copying them. That guards against deleting, and not against a disk that fails."`
}

// Run makes a backup, beside a server or without one.
func (c *backupCommand) Run(ctx context.Context, p *program) (err error) {
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM) // its hold must not outlive it
	defer restore()
	data := dataDir(c.Data)
	if err := c.mustBeThere(data); err != nil {
		return err
	}
	folder, err := c.blobsAt(data)
	if err != nil {
		return err
	}
	database, err := openDatabase(ctx, &c.place, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	source := backup.Source{
		Database: snapshots{database}, Blobs: folder, Version: version(), Now: time.Now, IDs: id.NewSource(time.Now), Link: c.Link,
	}
	// It may be in the environment of the server alone, and then there is no file.
	if _, err := os.Stat(data.file(secretFile)); err == nil && c.Secret == "" {
		source.Secret = data.file(secretFile)
	}
	r, err := backup.Make(ctx, source, c.Dir)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.stdout, "backed up to %s: %d blobs, %s; %d of them new, %s; %d of before removed\n",
		c.Dir, r.Blobs, words.Size(r.Bytes), r.New, words.Size(r.Written), r.Removed)
	if !r.Secret {
		_, _ = fmt.Fprintf(p.stdout, "the secret is not part of it: %s has it\n", variable("secret"))
	}
	if len(r.Lost) > 0 {
		for _, b := range r.Lost {
			_, _ = fmt.Fprintf(p.stdout, "missing: blob %s\n", b)
		}
		return errors.New("some contents are damaged in storage and not part of the backup; ferry verify tells whose")
	}
	return nil
}

type restoreCommand struct {
	place
	urlLimits
	Dir string `arg:"" help:"Directory of the backup."`
}

// restoringFile is in a data directory while a backup is restored to it.
const restoringFile = "restoring"

// Run restores a backup to where nothing is, and checks all of it.
func (c *restoreCommand) Run(ctx context.Context, p *program) error {
	m, err := backup.Read(c.Dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	data := dataDir(c.Data)
	folder, err := c.blobsAt(data)
	if err != nil {
		return err
	}
	if err := mustBeEmpty(data, folder); err != nil {
		return err
	}
	unlock, err := data.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := writeWhole(data.file(restoringFile), c.Dir+"\n", 0o600); err != nil {
		return err
	}
	r, err := backup.Restore(ctx, c.Dir, backup.Target{
		Blobs: folder, Secret: data.file(secretFile),
		Load: func(ctx context.Context, dir, engine string, schema int) error {
			if c.Database == "" { // one of a restore that broke off at the very end
				for _, ending := range []string{"", "-wal", "-shm"} {
					if err := os.Remove(data.file(databaseFile + ending)); err != nil && !errors.Is(err, fs.ErrNotExist) {
						return err
					}
				}
			}
			database, err := db.Load(ctx, c.url(data), dir, db.Snapshot{Engine: engine, Schema: schema})
			if err != nil {
				return err
			}
			return database.Close()
		},
	})
	if err != nil {
		return err
	}
	if err := errors.Join(os.Remove(data.file(restoringFile)), syncDir(c.Data)); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.stdout, "restored to %s the backup of %s: %d blobs, %s\n",
		c.Data, m.Made.Format(time.RFC3339), r.Copied, words.Size(r.Bytes))
	if !m.Secret && c.Secret == "" {
		_, _ = fmt.Fprintf(p.stdout, "set %s to what it was: the secret is not part of the backup\n", variable("secret"))
	}
	damaged, err := verify(ctx, &c.place, &c.urlLimits, newVerifyReport(p.stdout, false))
	if err != nil {
		return err
	}
	if damaged {
		return errors.New("some of it is damaged; the rest can be used")
	}
	return nil
}

// mustBeEmpty refuses to restore to where something is. What a restore that broke off
// left behind may stay.
func mustBeEmpty(data dataDir, blobs string) error {
	if _, err := os.Stat(data.file(restoringFile)); err == nil {
		return nil
	}
	for _, dir := range []string{string(data), blobs} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if e.Name() != lockFile {
				return fmt.Errorf("%s is not empty: a backup is restored to a new directory", dir)
			}
		}
	}
	return nil
}

// snapshots makes package backup's Database of ours.
type snapshots struct{ *db.DB }

func (s snapshots) Snapshot(ctx context.Context, dir string, each func(backup.Promise) error) (engine string, schema int, err error) {
	taken, err := s.DB.Snapshot(ctx, dir, func(p db.Promise) error { return each(backup.Promise(p)) })
	return taken.Engine, taken.Schema, err
}

// mustBeThere refuses an installation that is not there, where a command would
// otherwise make an empty one.
func (p *place) mustBeThere(data dataDir) error {
	blobs, err := p.blobsAt(data)
	if err != nil {
		return err
	}
	names := []string{blobs} // which may be on a disk that is not mounted just now
	if p.Database == "" {
		names = append(names, data.file(databaseFile))
	}
	for _, name := range names {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no %s", name)
		} else if err != nil {
			return err
		}
	}
	return data.isRestored()
}

// isRestored refuses a directory to which a backup was restored in part.
func (d dataDir) isRestored() error {
	if from, err := os.ReadFile(d.file(restoringFile)); err == nil {
		return fmt.Errorf("a restore to %s was broken off: run ferry restore again, from %s", string(d), filepath.Clean(string(from[:max(0, len(from)-1)])))
	}
	return nil
}
