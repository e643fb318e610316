package test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// zipped is what goes into the archives of the tests: names that differ only in
// case or only to a computer, of many scripts, a file of one byte, large ones.
var zipped = []content{
	{"report.pdf", 200_000, 20},
	{"Report.PDF", 100_000, 21},
	{"grüße.txt", 1, 22},
	{"gru\u0308ße.txt", 5, 23}, // the same to people, other code points
	{"日本語のファイル.bin", 12_345, 24},
	{"naïve café ﬁle.dat", 77, 25},
	{"con.txt", 10, 26}, // a device to Windows
	{"مرحبا.mov", 9_000_000, 27},
	{strings.Repeat("long", 60) + ".txt", 3, 28},
	{"big.bin", 13_111_521, 29},
}

// TestZip: the archive of a transfer is what every program of the trade takes for
// a sound one, its length is known before its first byte, and its name for
// itself outlives the process.
func TestZip(t *testing.T) {
	node := testenv.StartFerry(t)
	s := mustSend(t, signIn(t, node), transferV2, zipped...)
	address := directLink(t, s.link)
	whole, head := fetchHead(t, address)
	file := filepath.Join(t.TempDir(), "all.zip")
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}

	t.Run("its length and tag are known before", func(t *testing.T) {
		resp, err := recipient.Head(address)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.ContentLength != int64(len(whole)) || resp.Header.Get("ETag") != head.Get("ETag") {
			t.Errorf("HEAD tells of %d bytes, %s; GET gave %d, %s", resp.ContentLength, resp.Header.Get("ETag"), len(whole), head.Get("ETag"))
		}
		if !isStrong(head.Get("ETag")) {
			t.Errorf("the ETag is %s, want a strong one", head.Get("ETag"))
		}
	})
	t.Run("Go's archive/zip", func(t *testing.T) { checkZip(t, whole, zipped) })
	const python = `
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
assert len(z.namelist()) == int(sys.argv[2]), z.namelist()`
	for _, program := range [][]string{
		{"unzip", "-tqq", file}, {"7z", "t", file}, {"python3", "-c", python, file, fmt.Sprint(len(zipped))},
	} {
		t.Run(program[0], func(t *testing.T) {
			cmd := exec.Command(testenv.Need(t, program[0]), program[1:]...)
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	t.Run("any range", func(t *testing.T) {
		rnd := random(t)
		for range 50 {
			off := rnd.Int64N(int64(len(whole)))
			if rnd.IntN(3) == 0 { // in the directory, too
				off = int64(len(whole)) - 1 - rnd.Int64N(2000)
			}
			n := 1 + rnd.Int64N(min(100_000, int64(len(whole))-off))
			checkRange(t, address, whole, off, n)
		}
	})
	t.Run("the same after a restart", func(t *testing.T) {
		node.Restart()
		again, header := fetchHead(t, address)
		if header.Get("ETag") != head.Get("ETag") || !bytes.Equal(again, whole) {
			t.Errorf("the ETag was %s and is %s; the same bytes: %t", head.Get("ETag"), header.Get("ETag"), bytes.Equal(again, whole))
		}
	})
}

func isStrong(tag string) bool {
	return len(tag) > 2 && tag[0] == '"' && tag[len(tag)-1] == '"'
}

// fetchHead is get with the header of the answer.
func fetchHead(t *testing.T, address string) ([]byte, http.Header) {
	t.Helper()
	resp, err := recipient.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	content := body(t, resp)
	if resp.ContentLength != int64(len(content)) {
		t.Errorf("GET %s: Content-Length is %d, there are %d bytes", address, resp.ContentLength, len(content))
	}
	return content, resp.Header
}

// checkZip reads an archive with archive/zip: the files are there in their order,
// with names that no two systems would take for one.
func checkZip(t *testing.T, whole []byte, want []content) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.File) != len(want) {
		t.Fatalf("%d files, want %d", len(z.File), len(want))
	}
	names := map[string]bool{}
	for i, f := range z.File {
		if f.Method != zip.Store || f.UncompressedSize64 != uint64(want[i].size) {
			t.Errorf("%s: method %d, %d bytes, want stored and %d", f.Name, f.Method, f.UncompressedSize64, want[i].size)
		}
		if names[strings.ToLower(f.Name)] {
			t.Errorf("%s is there twice", f.Name)
		}
		names[strings.ToLower(f.Name)] = true
		r, err := f.Open()
		if err != nil {
			t.Error(err)
			continue
		}
		if err := want[i].check(r); err != nil {
			t.Error(err)
		}
		r.Close()
	}
}

// checkRange fetches n bytes from off and compares them with those of the whole.
func checkRange(t *testing.T, address string, whole []byte, off, n int64) {
	t.Helper()
	req, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	resp, err := recipient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("bytes %d-%d/%d", off, off+n-1, len(whole))
	if resp.StatusCode != 206 || resp.Header.Get("Content-Range") != want || !bytes.Equal(got, whole[off:off+n]) {
		t.Errorf("%s: %s, Content-Range %q, %d bytes, the right ones: %t",
			want, resp.Status, resp.Header.Get("Content-Range"), len(got), bytes.Equal(got, whole[off:off+n]))
	}
}

// TestZipResumed: curl fetches an archive over a line that breaks twenty times,
// going on each time where it was cut, and has what an unbroken download has.
func TestZipResumed(t *testing.T) {
	slow(t)
	curl := testenv.Need(t, "curl")
	node := testenv.StartFerry(t)
	s := mustSend(t, signIn(t, node), transferV2, zipped...)
	address := directLink(t, s.link)
	whole, _ := fetchHead(t, address)

	const cuts = 20
	line := breaking(t, node, cuts, int64(len(whole))/(cuts+1), random(t))
	file := filepath.Join(t.TempDir(), "resumed.zip")
	broken := 0
	for {
		cmd := exec.Command(curl, "--silent", "--show-error", "--fail", "--noproxy", "*",
			"--connect-to", "::"+line, "--continue-at", "-", "--output", file, address)
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		if broken++; broken > cuts {
			t.Fatalf("curl, after %d cuts: %v\n%s", cuts, err, out)
		}
	}
	if broken != cuts {
		t.Errorf("the line broke %d times, want %d", broken, cuts)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(got) != sha256.Sum256(whole) {
		t.Errorf("%d bytes came over the broken line, not the %d of an unbroken one", len(got), len(whole))
	}
}

// breaking gives the address of a line to the node that breaks: its first
// connections carry at most so many bytes each of what the node says.
func breaking(t *testing.T, node *testenv.Node, cuts int, most int64, rnd *rand.Rand) string {
	t.Helper()
	to, err := url.Parse(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	limits := make([]int64, cuts)
	for i := range limits {
		limits[i] = most/2 + rnd.Int64N(most/2)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var connections atomic.Int64
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer near.Close()
				far, err := net.Dial("tcp", to.Host)
				if err != nil {
					return
				}
				defer far.Close()
				go func() { _, _ = io.Copy(far, near) }()
				from := io.Reader(far)
				if n := connections.Add(1); n <= int64(cuts) {
					from = io.LimitReader(far, limits[n-1])
				}
				_, _ = io.Copy(near, from)
			}()
		}
	}()
	return l.Addr().String()
}
