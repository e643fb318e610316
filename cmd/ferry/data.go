package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/keyring"
)

// A dataDir is the directory of an installation. It holds the database (unless
// that is PostgreSQL), the files, the secret and the lock.
type dataDir string

// The names in a data directory.
const (
	databaseFile = "ferry.db"
	blobsFolder  = "blobs"
	secretFile   = "secret"
	lockFile     = "lock"
	nodeFile     = "node" // which server this is, of those of one PostgreSQL
)

// openData makes the directory when it is not there.
func openData(name string) (dataDir, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	return dataDir(name), dataDir(name).isRestored()
}

func (d dataDir) file(name string) string { return filepath.Join(string(d), name) }

// lock keeps other servers off the directory until release is called or the
// process ends, however it does: two would each sweep what the other is writing.
func (d dataDir) lock() (release func(), err error) {
	f, err := os.OpenFile(d.file(lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data: lock %s: %w", f.Name(), err)
		}
		holder := make([]byte, 32)
		n, _ := f.Read(holder)
		return nil, fmt.Errorf("data: another ferry serve uses %s (process %s)", string(d), strings.TrimSpace(string(holder[:n])))
	}
	// Who holds it is for people; that it is held is the kernel's knowledge.
	if err := errors.Join(f.Truncate(0), writeAt(f, fmt.Sprintln(os.Getpid()))); err != nil {
		f.Close()
		return nil, fmt.Errorf("data: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// keys gives the keyring of the installation. Its secret is the given one or else
// that of the directory, made when there is none yet.
func (d dataDir) keys(p *place) (*keyring.Ring, error) {
	secret := p.Secret
	if secret == "" {
		var err error
		if secret, err = d.secret(p.Database == ""); err != nil {
			return nil, fmt.Errorf("secret: %w", err)
		}
	}
	if p.SecretFormer == "" {
		return keyring.New([]byte(secret))
	}
	return keyring.New([]byte(secret), []byte(p.SecretFormer))
}

func (d dataDir) secret(hasDatabase bool) (account.Secret, error) {
	secret, err := readSecret(d.file(secretFile))
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if _, err := os.Stat(d.file(databaseFile)); hasDatabase && err == nil {
		// A new one would make every key, link and token worthless, silently.
		return "", fmt.Errorf("%s is missing, but %s is there: restore it, or set %s",
			d.file(secretFile), databaseFile, variable("secret"))
	}
	if err := d.makeSecret(); err != nil {
		return "", err
	}
	return readSecret(d.file(secretFile))
}

// node gives the name that this server has among those of one database, the same after
// each start.
func (d dataDir) node() (string, error) {
	text, err := os.ReadFile(d.file(nodeFile))
	if name := strings.TrimSpace(string(text)); err == nil && name != "" {
		return name, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	name := rand.Text()
	return name, writeWhole(d.file(nodeFile), name+"\n", 0o600)
}

func readSecret(name string) (account.Secret, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s may be read by others (mode %#o): chmod 600 it", name, info.Mode().Perm())
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	secret, err := parseSecret(string(text))
	if err != nil {
		return "", fmt.Errorf("%s %w", name, err)
	}
	return secret, nil
}

// makeSecret writes a new secret, whole or not at all, and never over one that
// another command has made meanwhile: both then use that.
func (d dataDir) makeSecret() error {
	secret := make([]byte, keyring.MinSecret)
	_, _ = rand.Read(secret) // never fails
	tmp, err := writeTemp(d.file(secretFile), hex.EncodeToString(secret)+"\n", 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := os.Link(tmp, d.file(secretFile)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(string(d))
}

// writeWhole writes a file so that a reader sees all of it or none.
func writeWhole(name, text string, mode fs.FileMode) error {
	tmp, err := writeTemp(name, text, mode)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return syncDir(filepath.Dir(name))
}

// writeTemp writes a synced file beside name.
func writeTemp(name, text string, mode fs.FileMode) (tmp string, err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
