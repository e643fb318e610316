package disk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/blobtest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/testenv"
)

const (
	tracedRoot = "FERRY_TEST_TRACED_ROOT" // set in the process that strace runs
	tracedID   = "01hzzzzzzzzzzzzzzzzzzzzzzz"
)

// TestTraced is what the other tests of this file see traced, and nothing without them.
func TestTraced(t *testing.T) {
	root := os.Getenv(tracedRoot)
	if root == "" {
		return
	}
	s := open(t, root)
	for off := range int64(2) {
		if err := blobtest.Write(t.Context(), s, blob.ID(tracedID), []byte("x"), off); err != nil {
			t.Fatal(fault.CodeOf(err), err)
		}
	}
}

// trace runs TestTraced under strace and gives its calls that make durable, and
// what it printed.
func trace(t *testing.T, options ...string) (calls []string, output string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("strace is Linux's")
	}
	dir := t.TempDir()
	log, root := filepath.Join(dir, "log"), filepath.Join(dir, "blobs")
	for i := range options {
		options[i] = strings.ReplaceAll(options[i], "ROOT", root)
	}
	args := append([]string{"-f", "-y", "-o", log, "-e", "trace=openat,mkdirat,pwrite64,fsync,fdatasync"}, options...)
	cmd := exec.Command(testenv.Need(t, "strace"), append(args, os.Args[0], "-test.run=^TestTraced$")...)
	cmd.Env = append(os.Environ(), tracedRoot+"="+root)
	out, err := cmd.CombinedOutput()
	if err != nil && len(options) == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(pwrite64|fsync|fdatasync)\(\d+<([^>]*)>` +
		`|(mkdirat)\([^"]*"([^"]*)"|(openat)\([^"]*"([^"]*)", [^)]*O_CREAT`)
	for line := range strings.Lines(string(text)) {
		m := call.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		path := m[2] + m[4] + m[6]
		if rel, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(rel, "..") && rel != "log" {
			calls = append(calls, strings.TrimSpace(m[1]+m[3]+m[5]+" "+rel))
		}
	}
	return calls, string(out)
}

func TestSyncOrderOfTheSystemCalls(t *testing.T) {
	calls, _ := trace(t)
	want := []string{
		"mkdirat blobs", "fsync .", "fsync blobs", // Open
		"openat blobs/01hzzz/" + tracedID, "mkdirat blobs/01hzzz", "openat blobs/01hzzz/" + tracedID,
		"pwrite64 blobs/01hzzz/" + tracedID,
		"fsync blobs", "fsync blobs/01hzzz", "fdatasync blobs/01hzzz/" + tracedID,
		"pwrite64 blobs/01hzzz/" + tracedID, "fdatasync blobs/01hzzz/" + tracedID, // the second part
	}
	if got := strings.Join(calls, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("system calls:\n%s\n\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestSyncErrorsOfTheSystemAreSeen(t *testing.T) {
	// No "when=": strace counts by thread, and a goroutine changes threads.
	for _, tt := range []struct{ name, path, inject, want string }{
		{"fdatasync fails", "ROOT/01hzzz/" + tracedID, "fdatasync:error=EIO", "sync_failed"},
		{"the disk turns out to be full", "ROOT/01hzzz/" + tracedID, "fdatasync:error=ENOSPC", "disk_full"},
		{"the folder's fsync fails", "ROOT/01hzzz", "fsync:error=EIO", "sync_failed"},
		{"a signal comes between", "ROOT/01hzzz/" + tracedID, "fdatasync:error=EINTR:when=1", "PASS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, out := trace(t, "-P", tt.path, "-e", "inject="+tt.inject); !strings.Contains(out, tt.want) {
				t.Errorf("the store said:\n%s\nwant %s", out, tt.want)
			}
		})
	}
}
