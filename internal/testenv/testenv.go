// Package testenv gives tests the real things they run against: programs of the
// system, a PostgreSQL server, a Ferry node in a process of its own.
//
// It owns starting and stopping them, and what happens when one is missing: the
// test is skipped with a clear line, or fails when ./check runs it, because a gate
// that skips has not looked. What is tested with them is the tests' own matter.
// Only test files import it. Start reading at [Need], [Postgres] and [StartFerry].
//
// Nothing started here outlives the test process, even when that is killed.
package testenv

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Need skips the test when one of programs is not installed, or fails it when
// ./check runs it. It returns the path of the first one.
func Need(t testing.TB, programs ...string) string {
	t.Helper()
	var first string
	for i, program := range programs {
		found, err := find(program)
		if err != nil {
			Missing(t, "the program "+program, "./check installs it on Debian")
		}
		if i == 0 {
			first = found
		}
	}
	return first
}

// Missing skips the test for want of something, saying how to get it, or fails it
// when ./check runs it.
func Missing(t testing.TB, what, how string) {
	t.Helper()
	if os.Getenv("FERRY_CHECK") == "1" {
		t.Fatalf("%s is missing (%s), and ./check skips nothing", what, how)
	} else {
		t.Skipf("%s is missing (%s)", what, how)
	}
}

// find looks where a shell would, and where Debian hides programs: PostgreSQL's
// in a directory per version, nginx among those of root.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/", "/usr/sbin/", "/sbin/"} {
		if found, _ := filepath.Glob(pattern + program); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", err
}

// FreePort returns a TCP port of 127.0.0.1 that nobody listened on a moment ago.
// Somebody may before you do: prefer to listen on port 0 where you can.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// A scratchDir is shared by all tests of this process: the database server and the
// binary live there. t.TempDir would be gone with the first test. It goes when
// the process goes.
type scratchDir struct {
	path string
	held *os.File // see sweep; closed by the collector if nobody held it
}

var scratch = sync.OnceValues(func() (*scratchDir, error) {
	path, err := os.MkdirTemp("", "ferry-test-")
	if err != nil {
		return nil, err
	}
	// PostgreSQL runs as another user and must reach its directory through this one.
	if err := os.Chmod(path, 0o711); err != nil {
		return nil, err
	}
	held, err := sweep(path)
	return &scratchDir{path, held}, err
})

// sweep starts a shell that waits until this process is gone, however it went,
// then stops the database server in dir and removes dir. The shell learns of it
// from a pipe: the kernel closes our end, held, which nobody else has.
func sweep(dir string) (held *os.File, err error) {
	const script = `
		read -r _
		kill -QUIT "$(head -n 1 pg/postmaster.pid)"
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			[ -e pg/postmaster.pid ] || break # the server removes it last
			sleep 0.2
		done
		cd / && rm -rf "$1"`
	in, held, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	cmd := exec.Command("sh", "-c", script, "sh", dir)
	cmd.Dir = dir
	cmd.Stdin = in
	// Of its own group, so that Ctrl-C stops the tests and not their cleaner.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return held, cmd.Process.Release()
}

// FerryBinary returns the path of the ferry program, built from this checkout once
// per test process.
func FerryBinary(t testing.TB) string {
	t.Helper()
	path, err := ferryBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var ferryBinary = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	if err := lookAtSources(root); err != nil {
		return "", err
	}
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir.path, "ferry")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/ferry")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ferry: %w\n%s", err, out)
	}
	return path, nil
})

// lookAtSources looks at every file the program may be built from. Go's test cache
// notes what a test has looked at, but not what the compiler it starts has; without
// this, a test of the program passes from the cache after the program was changed.
func lookAtSources(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "bin") {
			return fs.SkipDir
		}
		// A file may go while we look: somebody else's editor or test.
		_, _ = os.Stat(path)
		return nil
	})
}

// moduleRoot returns the directory of Ferry's go.mod: tests run in the directory
// of their package, somewhere below it.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = parent
	}
}
