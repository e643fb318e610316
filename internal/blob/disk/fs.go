package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// ErrNotBegun is in an error of SyncDir when the folder could not even be opened: nothing
// was asked of the disk, and it can be tried again.
var ErrNotBegun = errors.New("the sync was not begun")

// An FS is what the Store asks of a file system, call by call, so that a test can
// make each of them fail, wait, or be overtaken by a power failure. OS is the real
// one. Errors are those of package os: they unwrap to fs.ErrNotExist,
// fs.ErrExist and syscall.Errno. The Store holds no lock while it calls.
type FS interface {
	// OpenFile opens a file as os.OpenFile does, but not through a symbolic link.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)

	// Mkdir makes one folder.
	Mkdir(name string, perm fs.FileMode) error

	// Unlink removes a file and never a folder.
	Unlink(name string) error

	// Rmdir removes an empty folder and never a file.
	Rmdir(name string) error

	// ReadDir calls f with every entry of a folder, in any order, without
	// holding them all. An error of f ends it and is returned.
	ReadDir(name string, f func(fs.DirEntry) error) error

	// SyncDir returns once the names in a folder are on stable storage, those
	// that were there when it was called. An error that is not ErrNotBegun is final
	// for them.
	SyncDir(name string) error

	// StatFS tells how many bytes are left to us, and how many there are at all,
	// where this folder lies.
	StatFS(name string) (free, total int64, err error)
}

// A File is an open file of an FS.
type File interface {
	io.ReadSeekCloser
	io.ReaderAt
	io.WriterAt

	// Datasync returns once the bytes and the size are on stable storage that
	// the file had when it was called.
	Datasync() error

	// WriteBack asks the system to begin writing these bytes to the disk, and
	// does not wait. It is a hint: what fails of it fails in Datasync.
	WriteBack(off, n int64)

	// OS gives the file of the system underneath, nil where there is none.
	OS() *os.File
}
