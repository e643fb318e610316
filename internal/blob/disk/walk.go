package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/id"
)

// walkStep bounds how many names a Walk holds.
const walkStep = 4096

// Walk implements blob.Store. What is no blob of ours by its name, its place or
// its kind is passed over.
func (s *Store) Walk(ctx context.Context, f func(blob.Info) error) error {
	isFolder := func(e fs.DirEntry) bool { return e.IsDir() && len(e.Name()) == windowLen }
	return s.inOrder(ctx, s.root.path, walkStep, isFolder, func(folder fs.DirEntry) error {
		isBlob := func(e fs.DirEntry) bool {
			return e.Type().IsRegular() && id.IsKey(e.Name()) && window(blob.ID(e.Name())) == folder.Name()
		}
		path := filepath.Join(s.root.path, folder.Name())
		return s.inOrder(ctx, path, walkStep, isBlob, func(e fs.DirEntry) error {
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil // removed since
			}
			if err != nil {
				return fmt.Errorf("walk blobs: %w", err)
			}
			return f(blob.Info{ID: blob.ID(e.Name()), Size: info.Size(), Modified: info.ModTime()})
		})
	})
}

// inOrder calls f with the wanted entries of dir in the order of their names. It
// never holds more than twice step of them: a folder gives its names in any
// order, so one with more is read again for every step.
func (s *Store) inOrder(
	ctx context.Context, dir string, step int, want func(fs.DirEntry) bool, f func(fs.DirEntry) error,
) error {
	byName := func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) }
	for last, more := "", true; more; {
		var next []fs.DirEntry
		more = false
		err := s.fsys.ReadDir(dir, func(e fs.DirEntry) error {
			if e.Name() > last && want(e) {
				next = append(next, e)
			}
			if len(next) == 2*step {
				slices.SortFunc(next, byName)
				next, more = next[:step], true
			}
			return ctx.Err()
		})
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed since
		}
		if err != nil {
			return fmt.Errorf("walk blobs: %w", err)
		}
		slices.SortFunc(next, byName)
		if len(next) > step {
			next, more = next[:step], true
		}
		for _, e := range next {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := f(e); err != nil {
				return err
			}
			last = e.Name()
		}
	}
	return nil
}
