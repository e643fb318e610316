package disktest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/blob/disk"
)

// after counts, over many power failures, how many left the file at all, and how
// many left it with these bytes.
func after(t *testing.T, f *FS, want []byte) (there, whole int) {
	t.Helper()
	for seed := range uint64(200) {
		o, err := f.Crash(seed, nil).OpenFile("/a", os.O_RDONLY, 0)
		if err != nil {
			continue
		}
		there++
		got := make([]byte, len(want)+1)
		n, _ := o.ReadAt(got, 0)
		if bytes.Equal(got[:n], want) {
			whole++
		}
	}
	return there, whole
}

func TestPowerFailureKeepsWhatWasSynced(t *testing.T) {
	var failing string
	f := New(1, func(c Call) error {
		if c.Do == failing {
			return syscall.EIO
		}
		return nil
	})
	data := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	o, err := f.OpenFile("/a", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	write := func(p []byte) { _, err := o.WriteAt(p, 0); must(err) }
	write(data)

	some := func(what string, n int) {
		t.Helper()
		if n == 0 || n == 200 {
			t.Errorf("%s: %d of 200 times, want it left to chance", what, n)
		}
	}
	there, whole := after(t, f, data)
	some("a name that was not synced is there", there)
	if whole == there {
		t.Error("bytes that were not synced always survive with their name")
	}
	must(f.SyncDir("/"))
	if there, whole = after(t, f, data); there != 200 || whole > 20 {
		t.Errorf("with only the name synced it is there %d times of 200, whole %d times", there, whole)
	}
	failing = "Datasync"
	if o.Datasync() == nil {
		t.Fatal("no error")
	}
	failing = ""
	must(o.Datasync())
	if _, whole = after(t, f, data); whole == 200 {
		t.Error("a sync after a failed one brings back what the failed one dropped")
	}
	write(data)
	must(o.Datasync())
	if there, whole = after(t, f, data); there != 200 || whole != 200 {
		t.Errorf("with all synced it is there %d times of 200, whole %d times", there, whole)
	}
	must(f.Unlink("/a"))
	there, _ = after(t, f, data)
	some("a name whose removal was not synced is there", there)
	must(f.SyncDir("/"))
	if there, _ = after(t, f, data); there != 0 {
		t.Errorf("a name whose removal was synced comes back %d times", there)
	}
}

func TestSyncCoversOnlyWhatCameBefore(t *testing.T) {
	var o disk.File
	f := New(1, func(c Call) error {
		if c.Do == "Datasync" {
			_, err := o.WriteAt([]byte("new"), 0) // while the sync is under way
			return err
		}
		return nil
	})
	o, err := f.OpenFile("/a", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.WriteAt([]byte("old"), 0); err != nil {
		t.Fatal(err)
	}
	if err := o.Datasync(); err != nil {
		t.Fatal(err)
	}
	if err := f.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	_, old := after(t, f, []byte("old"))
	_, fresh := after(t, f, []byte("new"))
	if old == 0 || fresh == 0 {
		t.Errorf("old %d times, new %d times, want each at times", old, fresh)
	}
}

func TestErrorsAreThoseOfOS(t *testing.T) {
	f := New(1, nil)
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"a folder is made", f.Mkdir("/d", 0o700), nil},
		{"twice", f.Mkdir("/d", 0o700), fs.ErrExist},
		{"below nothing", f.Mkdir("/x/y", 0o700), fs.ErrNotExist},
		{"a folder is no file", f.Unlink("/d"), syscall.EISDIR},
		{"a folder is made in it", f.Mkdir("/d/e", 0o700), nil},
		{"a full folder stays", f.Rmdir("/d"), syscall.ENOTEMPTY},
		{"an empty one goes", f.Rmdir("/d/e"), nil},
		{"what is gone is missing", f.Rmdir("/d/e"), fs.ErrNotExist},
		{"nor can it be synced", f.SyncDir("/d/e"), fs.ErrNotExist},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
	}
	e, err := f.OpenFile("/d/f", os.O_WRONLY|os.O_CREATE, 0)
	if err != nil || e.Close() != nil {
		t.Fatal(err)
	}
	err = f.ReadDir("/d", func(e fs.DirEntry) error {
		i, err := e.Info()
		if e.Name() != "f" || !e.Type().IsRegular() || time.Since(i.ModTime()) > time.Minute {
			t.Errorf("entry %v", i)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
