package test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// The tests of this file look at the server's system calls. They need strace and
// the right to trace, and hold nothing that depends on time.

// A syscallMade is one finished system call. Begun and ended are its places in
// the order of events of all threads: a call that began after another had ended
// is later in truth.
type syscallMade struct {
	name, args   string
	result       int64
	begun, ended int
}

// trace runs do and gives the system calls that the node made meanwhile.
func trace(t *testing.T, node *testenv.Node, do func()) []syscallMade {
	t.Helper()
	const end, which = "/healthz", "trace=read,pread64,readv,preadv,write,pwrite64,writev,pwritev,sendto,sendmsg,sendfile," +
		"splice,copy_file_range,mmap,fsync,fdatasync,sync_file_range,ftruncate,unlink,unlinkat,openat"
	text := strace(t, node, func() {
		do()
		// What do asked for is in the trace, to its last call, once something later is.
		get(t, node.URL+end)
	}, "-e", which)
	t.Cleanup(func() {
		if t.Failed() && len(text) < 100_000 {
			t.Logf("trace:\n%s", text)
		}
	})
	calls := parseTrace(text)
	if i := slices.IndexFunc(calls, func(c syscallMade) bool { return c.is(reads...) && strings.Contains(c.args, "GET "+end) }); i >= 0 {
		ended := calls[i].begun
		calls = slices.DeleteFunc(calls, func(c syscallMade) bool { return c.begun > ended })
	}
	return calls
}

// strace runs do while strace, with args, watches the node, and gives what it wrote.
func strace(t *testing.T, node *testenv.Node, do func(), args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	args = append([]string{"-f", "-yy", "-s", "64", "-o", out, "-p", strconv.Itoa(node.PID())}, args...)
	cmd := exec.Command(testenv.Need(t, "strace"), args...)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 4096)
	n, _ := said.Read(first) // it says so once it has every thread
	if !bytes.Contains(first[:n], []byte("attached")) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("strace: %s", first[:n])
	}
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		_, _ = io.Copy(io.Discard, said)
	}()
	do()
	_ = cmd.Process.Signal(syscall.SIGINT) // it detaches, and the node goes on
	select {
	case <-quiet:
	case <-time.After(10 * time.Second):
		// It waits for ever for a thread that ended at this moment. Without it, the node can
		// be reaped.
		_ = cmd.Process.Kill()
		<-quiet
	}
	_ = cmd.Wait()
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	straceLine    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (-?\d+)`)
	straceBegun   = regexp.MustCompile(`^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$`)
	straceResumed = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)`)
)

func parseTrace(text string) (calls []syscallMade) {
	open := map[string]syscallMade{} // by thread
	for i, line := range strings.Split(text, "\n") {
		if m := straceLine.FindStringSubmatch(line); m != nil {
			result, _ := strconv.ParseInt(m[4], 10, 64)
			calls = append(calls, syscallMade{m[2], m[3], result, i, i})
		} else if m := straceBegun.FindStringSubmatch(line); m != nil {
			open[m[1]] = syscallMade{m[2], m[3], 0, i, i}
		} else if m := straceResumed.FindStringSubmatch(line); m != nil {
			c := open[m[1]]
			delete(open, m[1])
			c.args += m[3]
			c.result, _ = strconv.ParseInt(m[4], 10, 64)
			c.ended = i
			calls = append(calls, c)
		}
	}
	return calls
}

// is reports whether c is one of the calls named.
func (c syscallMade) is(names ...string) bool {
	for _, name := range names {
		if c.name == name {
			return true
		}
	}
	return false
}

// on reports whether the first file that c names is the one that pattern finds.
func (c syscallMade) on(pattern string) bool {
	_, file, _ := strings.Cut(c.args, "<")
	file, _, _ = strings.Cut(file, ">")
	ok, err := regexp.MatchString(pattern, file)
	if err != nil {
		panic(err)
	}
	return ok
}

// What file descriptors are, as strace -yy tells.
const (
	aBlob   = `/data/blobs/`
	aFolder = `/data/blobs/\w+$`
	theWAL  = `/data/ferry\.db-wal$`
	aClient = `^TCP`
)

var (
	writes = []string{"write", "pwrite64", "writev", "pwritev", "sendto", "sendmsg"}
	reads  = []string{"read", "pread64", "readv", "preadv"}
	syncs  = []string{"fsync", "fdatasync"}
)

// last gives the last call that ended before the event, of those that match.
func last(calls []syscallMade, before int, match func(syscallMade) bool) (found syscallMade, ok bool) {
	for _, c := range calls {
		if c.ended < before && match(c) && (!ok || c.ended > found.ended) {
			found, ok = c, true
		}
	}
	return found, ok
}

// TestSyncedBeforeAnswered: the answer to a part leaves after its bytes were
// synced, then the row that promises them. For the first part of a file the
// folder is synced too. A small file lies beside its row and is synced with it.
func TestSyncedBeforeAnswered(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	for _, tt := range []struct {
		name string
		size int64
		part int
		n    int64
	}{
		{"a planned part", 7 * mib, 2, 2 * mib},
		{"a part that its client cut otherwise", 7 * mib, 1, 3 * mib},
		{"a small file", 1, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := mustBegin(t, c, transferV2, content{"synced.bin", tt.size, 5}).items[0]
			url, err := f.url(tt.part)
			if err != nil {
				t.Fatal(err)
			}
			calls := trace(t, node, func() {
				if err := c.putTo(url, f.bytes(0, tt.n)); err != nil {
					t.Error(err)
				}
			})
			answer, ok := last(calls, 1<<30, func(c syscallMade) bool {
				return c.is(writes...) && c.on(aClient) && strings.Contains(c.args, "HTTP/1.1 200")
			})
			if !ok {
				t.Fatal("no answer in the trace")
			}
			row, ok := last(calls, answer.begun, func(c syscallMade) bool { return c.is(writes...) && c.on(theWAL) })
			if !ok {
				t.Fatal("nothing is written to the database before the answer")
			}
			if s, ok := last(calls, answer.begun, func(c syscallMade) bool { return c.is(syncs...) && c.on(theWAL) }); !ok || s.begun < row.ended {
				t.Error("the database is not synced between its last write and the answer")
			}
			var first syscallMade // of the row
			for _, c := range calls {
				if c.is(writes...) && c.on(theWAL) {
					first = c
					break
				}
			}
			bytes, ok := last(calls, answer.begun, func(c syscallMade) bool { return c.is(writes...) && c.on(aBlob) })
			if tt.size == tt.n {
				if ok {
					t.Error("a small file is written to a blob")
				}
				return
			}
			if !ok {
				t.Fatal("no body is written before the answer")
			}
			if s, ok := last(calls, first.begun, func(c syscallMade) bool { return c.is(syncs...) && c.on(aBlob+".*/") }); !ok || s.begun < bytes.ended {
				t.Error("the body is not synced between its last write and the row")
			}
			if _, ok := last(calls, first.begun, func(c syscallMade) bool { return c.is("fsync") && c.on(aFolder) }); !ok {
				t.Error("the new blob's folder is not synced before the row")
			}
		})
	}
}

// TestSendfile: bodies of files and of archives go from the disk to the socket
// inside the kernel, whole and by ranges, through everything that stands before
// the doors.
func TestSendfile(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	s := mustSend(t, c, transferV2, content{"big.bin", 13111521, 6}, content{"second.bin", 5 * mib, 7})
	own := mustBegin(t, c, transferV1, content{"own cuts.bin", 12_000_000, 8})
	f := own.items[0]
	for part, off := range []int64{0, 5_000_000} {
		if err := f.put(part+1, f.bytes(off, []int64{5_000_000, 7_000_000}[part])); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.complete(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, url, ranges string
		want              int64 // bytes of bodies
	}{
		{"a file", s.address(t, s.items[0]), "", 13111521},
		{"a range of a file", s.address(t, s.items[0]), "bytes=1000-9000999", 9_000_000},
		{"a file of several segments", own.address(t, f), "", 12_000_000},
		{"a range over several segments", own.address(t, f), "bytes=4000000-8999999", 5_000_000},
		{"an archive", directLink(t, s.link), "", 13111521 + 5*mib},
		{"a range of an archive", directLink(t, s.link), "bytes=1000000-", 13111521 + 5*mib - 1_000_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls := trace(t, node, func() { fetchRange(t, tt.url, tt.ranges) })
			var sent, written, read int64
			for _, c := range calls {
				switch {
				case c.is("sendfile") && c.on(aClient) && c.result > 0:
					sent += c.result
				case c.is(writes...) && c.on(aClient) && c.result > 0:
					written += c.result
				case c.is(reads...) && c.on(aBlob):
					read += c.result
				}
			}
			// Headers of an archive stand between its files, and a range begins
			// where it likes: a few hundred bytes either way.
			if sent < tt.want-2000 || written > 10_000 {
				t.Errorf("%d bytes by sendfile and %d written, want %d and some headers", sent, written, tt.want)
			}
			if read > 0 {
				t.Errorf("%d bytes of blobs are read", read)
			}
		})
	}
}

func fetchRange(t *testing.T, url, ranges string) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if ranges != "" {
		req.Header.Set("Range", ranges)
	}
	resp, err := recipient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != resp.ContentLength {
		t.Fatalf("GET %s: %s, %d bytes of %d: %v", url, resp.Status, n, resp.ContentLength, err)
	}
}

// TestCompleteMovesNoBytes: completing a file reads and writes no byte of it,
// whether its parts lie as planned or as their client cut them.
func TestCompleteMovesNoBytes(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	for _, tt := range []struct {
		name string
		d    dialect
		cuts []int64
	}{
		{"planned parts", transferV2, []int64{5 * mib, 5 * mib, 2_625_761}},
		{"a board's planned parts", boardV2, []int64{6 * mib, 6 * mib, 528_609}},
		{"parts of the client's own", transferV1, []int64{6_000_000, 6_000_000, 1_111_521}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			size := tt.cuts[0] + tt.cuts[1] + tt.cuts[2]
			f := mustBegin(t, c, tt.d, content{"still.bin", size, 9}).items[0]
			var off int64
			for i, n := range tt.cuts {
				if err := f.put(i+1, f.bytes(off, n)); err != nil {
					t.Fatal(err)
				}
				off += n
			}
			calls := trace(t, node, func() {
				if err := f.complete(); err != nil {
					t.Error(err)
				}
			})
			answered := false
			for _, c := range calls {
				answered = answered || c.is(writes...) && c.on(aClient)
				if c.on(aBlob) && !c.is("openat") || c.is("copy_file_range", "sendfile", "splice") {
					t.Errorf("completing makes the call %s(%s)", c.name, c.args)
				}
			}
			if !answered {
				t.Error("no answer in the trace")
			}
			// Give jobs of the completion, if any, their time before the next trace.
			time.Sleep(100 * time.Millisecond)
		})
	}
}

// TestSyncFails: when the disk cannot say that a part is on it, the part is not
// acknowledged, those that were stay, and the upload can be finished. When the
// database cannot, the node ends, and a new start has all that was answered.
func TestSyncFails(t *testing.T) {
	slow(t)
	// begin gives a node, and on it a file with its first part acknowledged.
	begin := func(t *testing.T) (*testenv.Node, *sending, *item) {
		node := testenv.StartFerry(t)
		s := mustBegin(t, signIn(t, node), transferV2, content{"failing.bin", 13111521, 10})
		f := s.items[0]
		if err := f.put(1, f.planned(5*mib, 1)); err != nil {
			t.Fatal(err)
		}
		return node, s, f
	}
	finish := func(t *testing.T, s *sending, f *item) {
		t.Helper()
		for part := 2; part <= 3; part++ {
			if err := f.put(part, f.planned(5*mib, part)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.complete(); err != nil {
			t.Fatal(err)
		}
		if err := s.seal(); err != nil {
			t.Fatal(err)
		}
		s.check(t)
	}
	put := func(t *testing.T, f *item) error {
		t.Helper()
		address, err := f.url(2)
		if err != nil {
			t.Fatal(err)
		}
		return f.api.putTo(address, f.planned(5*mib, 2))
	}

	t.Run("of a body", func(t *testing.T) {
		node, s, f := begin(t)
		strace(t, node, func() {
			if err := put(t, f); statusOf(err) != 500 && statusOf(err) != 507 {
				t.Errorf("the part: %v, want 500 or 507", err)
			}
		}, "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO")
		if err := f.complete(); statusOf(err) != 417 {
			t.Errorf("complete: %v, want 417: parts are missing", err)
		}
		finish(t, s, f)
	})
	t.Run("of the database", func(t *testing.T) {
		node, s, f := begin(t)
		wal := filepath.Join(node.Data, "ferry.db-wal")
		strace(t, node, func() {
			if err := put(t, f); err == nil {
				t.Error("the part was acknowledged")
			}
			for i := 0; listens(node); i++ {
				if time.Sleep(10 * time.Millisecond); i > 1000 {
					t.Error("the node goes on with a database that it cannot sync")
					break
				}
			}
		}, "-P", wal, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO")
		node.Kill() // it has ended by itself
		node.Restart()
		f.api.http.CloseIdleConnections()
		finish(t, s, f)
	})
}
