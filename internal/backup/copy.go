package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/id"
)

// tempPrefix begins the name of what is not whole yet.
const tempPrefix = ".part-"

// windowLen: blobs lie in folders that have the first characters of their names, in a
// data directory (package disk) and in a backup.
const windowLen = 6

// errLost tells that a blob is not there, or shorter than what rows promise of it.
var errLost = errors.New("the blob is lost")

// unfinished is the time of a copy of a blob that was still being filled: the next
// backup copies it again. All others have the time of their blob.
var unfinished = time.Unix(0, 0)

// A copier copies blobs, in the order of their names, so that it is in one folder at a
// time.
type copier struct {
	from, to string
	link     bool
	window   string // the folder it is in
	made     bool   // something in it, that is not synced
}

func (c *copier) begin() error {
	if err := os.Mkdir(c.to, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(c.to))
}

func (c *copier) end() error { return errors.Join(c.leave(), syncDir(c.to)) }

// leave makes the names in the folder durable.
func (c *copier) leave() error {
	if !c.made {
		return nil
	}
	c.made = false
	return syncDir(filepath.Join(c.to, c.window))
}

func (c *copier) enter(window string) error {
	if c.window == window {
		return nil
	}
	if err := c.leave(); err != nil {
		return err
	}
	c.window = window
	if err := os.Mkdir(filepath.Join(c.to, window), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// all copies what the list of the rows names, tells of each blob that was not there yet
// how many bytes it has, and gives the first of those that are lost.
func (c *copier) all(ctx context.Context, rows string, copied func(n int64)) (lost []blob.ID, err error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	for p, err := range promises(rows) {
		if err != nil {
			return lost, err
		}
		if ctx.Err() != nil {
			return lost, context.Cause(ctx)
		}
		n, err := c.copy(p)
		switch {
		case errors.Is(err, errLost):
			if len(lost) < mostLost {
				lost = append(lost, p.Blob)
			}
		case err != nil:
			return lost, err
		case n >= 0:
			copied(n)
		}
	}
	return lost, c.end()
}

// copy copies a blob unless that was done before, and gives how many bytes it has; -1
// when nothing was to be done. errLost when the blob is damaged.
func (c *copier) copy(p Promise) (n int64, err error) {
	name := filepath.Join(string(p.Blob[:windowLen]), string(p.Blob))
	to := filepath.Join(c.to, name)
	if there, err := os.Lstat(to); err == nil && !there.ModTime().Equal(unfinished) && there.Size() >= p.Size {
		return -1, nil // it was whole, and what is whole never changes
	}
	if err := c.enter(string(p.Blob[:windowLen])); err != nil {
		return -1, err
	}
	from, err := os.OpenFile(filepath.Join(c.from, name), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, errLost
	}
	if err != nil {
		return -1, err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return -1, err
	}
	if info.Size() < p.Size {
		return -1, errLost
	}
	temp := filepath.Join(c.to, c.window, tempPrefix+string(p.Blob))
	_ = os.Remove(temp) // of a backup that broke off
	if !c.link || !p.Fixed || os.Link(from.Name(), temp) != nil {
		modified := info.ModTime()
		if !p.Fixed {
			modified = unfinished
		}
		if err := copyOpen(temp, from, info.Size(), modified); err != nil {
			return -1, errors.Join(err, os.Remove(temp))
		}
	}
	c.made = true
	return info.Size(), os.Rename(temp, to)
}

// copyFile copies a whole small file.
func copyFile(to, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return copyOpen(to, f, info.Size(), info.ModTime())
}

// copyOpen copies the first size bytes of a file into a new one, with its holes, and
// brings them to stable storage. io.Copy asks the kernel to copy, which shares the
// bytes where the file system can.
func copyOpen(name string, from *os.File, size int64, modified time.Time) (err error) {
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	for at := int64(0); at < size; {
		begin, end, err := nextData(from, at, size)
		if err != nil {
			return err
		}
		if begin == size {
			break
		}
		if _, err := from.Seek(begin, io.SeekStart); err != nil {
			return err
		}
		if _, err := to.Seek(begin, io.SeekStart); err != nil {
			return err
		}
		if n, err := io.CopyN(to, from, end-begin); err != nil {
			return fmt.Errorf("copy %s after %d bytes: %w", from.Name(), begin+n, err)
		}
		at = end
	}
	if err := to.Truncate(size); err != nil {
		return err
	}
	if err := os.Chtimes(name, modified, modified); err != nil {
		return err
	}
	return to.Sync()
}

// seekData and seekHole are whence of lseek(2) on Linux; elsewhere they may mean other things.
const (
	seekData = 3
	seekHole = 4
)

// nextData gives the next run of a file that is no hole, from at on; begin is size when
// there is none. Where the system does not tell, everything is data.
func nextData(f *os.File, at, size int64) (begin, end int64, err error) {
	if runtime.GOOS != "linux" {
		return at, size, nil
	}
	begin, err = f.Seek(at, seekData)
	switch {
	case errors.Is(err, syscall.ENXIO):
		return size, size, nil
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOTSUP):
		return at, size, nil
	case err != nil:
		return 0, 0, err
	}
	if end, err = f.Seek(begin, seekHole); err != nil {
		return 0, 0, err
	}
	return min(begin, size), min(end, size), nil
}

// prune removes the blobs that the list of the rows does not name.
func prune(blobs, rows string) (removed int64, err error) {
	next, stop := iter.Pull2(promises(rows))
	defer stop()
	named, err, more := next()
	windows, rerr := os.ReadDir(blobs) // sorted, as the list is
	if rerr != nil {
		return 0, rerr
	}
	for _, w := range windows {
		folder := filepath.Join(blobs, w.Name())
		names, err := os.ReadDir(folder)
		if err != nil {
			return removed, err
		}
		left := len(names)
		for _, e := range names {
			for more && err == nil && string(named.Blob) < e.Name() {
				named, err, more = next()
			}
			if err != nil {
				return removed, err // nothing is removed for a list that cannot be read
			}
			ours := id.IsKey(e.Name()) || strings.HasPrefix(e.Name(), tempPrefix)
			if !ours || more && string(named.Blob) == e.Name() {
				continue
			}
			if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
				return removed, err
			}
			left--
			removed++
		}
		if left == 0 {
			_ = os.Remove(folder) // an empty folder is in nobody's way
		}
	}
	return removed, err
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
