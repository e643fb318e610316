package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// OS gives the file system of the machine.
func OS() FS { return osFS{} }

type osFS struct{}

type osFile struct{ *os.File }

func (f osFile) OS() *os.File { return f.File }

func (f osFile) Datasync() error {
	return pathError("fdatasync", f.Name(), func() error { return datasync(f.File) })
}

func (f osFile) WriteBack(off, n int64) { writeBack(f.File, off, n) }

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag|syscall.O_NOFOLLOW, perm) // os adds O_CLOEXEC
	if err != nil {
		return nil, err // not osFile{nil}, which would not be nil
	}
	return osFile{f}, nil
}

func (osFS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// os.Remove would take whatever has the name: a folder for a file, or the link
// by which an operator moved a folder to another disk.

func (osFS) Unlink(name string) error {
	return pathError("unlink", name, func() error { return syscall.Unlink(name) })
}

func (osFS) Rmdir(name string) error {
	return pathError("rmdir", name, func() error { return syscall.Rmdir(name) })
}

func (osFS) ReadDir(name string, f func(fs.DirEntry) error) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(256)
		for _, e := range entries {
			if err := f(e); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (osFS) SyncDir(name string) error {
	dir, err := os.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotBegun, err)
	}
	if err := dir.Sync(); err != nil {
		_ = dir.Close() // it was only read; the sync's error is what matters
		return err
	}
	return dir.Close()
}

func (osFS) StatFS(name string) (free, total int64, err error) {
	var st syscall.Statfs_t
	err = pathError("statfs", name, func() error { return syscall.Statfs(name, &st) })
	if err != nil {
		return 0, 0, err
	}
	size := int64(st.Bsize) //nolint:unconvert // its type differs between systems
	// Bavail, not Bfree: the rest is kept for root.
	return int64(st.Bavail) * size, int64(st.Blocks) * size, nil
}

// pathError makes a system call, again while a signal interrupts it, and says in
// its error what was done to which file, as package os does for its own.
func pathError(op, name string, call func() error) error {
	for {
		err := call()
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
}
