package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// A verified is what `ferry verify --json` prints.
type verified struct {
	Findings []struct {
		Kind, File, Name, Detail string
		Part                     int
	}
	Files, Blobs, Marked, Unmarked, Wrong int
	DamagedFiles                          int `json:"damaged_files"`
	YoungBlobs                            int `json:"young_blobs"`
}

// verify runs `ferry verify` on a data directory; code is its exit status.
func verify(t *testing.T, data string, args ...string) (v verified, code int) {
	t.Helper()
	out, code := ferry(t, append([]string{"verify", "--json", "--data", data}, args...)...)
	if code != 2 {
		if err := json.Unmarshal([]byte(out), &v); err != nil {
			t.Fatalf("ferry verify: %v in %q", err, out)
		}
	}
	return v, code
}

// ferry runs a command and gives what it printed, and its exit status.
func ferry(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(testenv.FerryBinary(t), args...)
	cmd.Env = testenv.Environment()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		code, err = e.ExitCode(), nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if code != 0 {
		t.Logf("ferry %s: exit status %d\n%s", strings.Join(args, " "), code, stderr.String())
	}
	return string(text), code
}

// TestEveryFlippedByteIsFound: one byte is flipped in each of 50 stored files, some of
// which lie where they were planned, some in blobs of their own, some in the database. `ferry verify` names
// all of them and no other, nobody is given them any more, and once the bytes are right
// again everybody is.
func TestEveryFlippedByteIsFound(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	var sendings []*sending
	const inRows, inPlace, loose, sound = 18, 16, 16, 3
	var small, planned []content
	for i := range inRows {
		small = append(small, content{fmt.Sprintf("row %d", i), 9000 + int64(i), uint64(100 + i)})
	}
	for i := range inPlace {
		planned = append(planned, content{fmt.Sprintf("place %d", i), 40_000 + int64(i), uint64(200 + i)})
	}
	sendings = append(sendings, mustSend(t, c, transferV2, small...), mustSend(t, c, boardV2, planned[:8]...), mustSend(t, c, transferV1, planned[8:]...))
	for i := range loose {
		s := mustBegin(t, c, transferV2, content{fmt.Sprintf("loose %d", i), 60_000, uint64(300 + i)})
		must(t, s.items[0].put(1, make([]byte, 60_000)))
		must(t, s.items[0].put(1, s.items[0].bytes(0, 60_000))) // sent again, it gets a place of its own
		must(t, s.items[0].complete())
		must(t, s.seal())
		sendings = append(sendings, s)
	}
	var whole []content
	for i := range sound {
		whole = append(whole, content{fmt.Sprintf("sound %d", i), 35_000, uint64(400 + i)})
	}
	right := mustSend(t, c, transferV2, whole...)
	if v, code := verify(t, node.Data); code != 0 || v.Files != inRows+inPlace+loose+sound {
		t.Fatalf("before: exit status %d, %+v", code, v)
	}

	node.Stop()
	var flips []func()
	want := map[string]bool{}
	for _, s := range sendings {
		for _, f := range s.items {
			flips = append(flips, flipIn(t, node.Data, f.content))
			want[f.name] = true
		}
	}
	if len(want) != 50 {
		t.Fatalf("%d files", len(want))
	}
	v, code := verify(t, node.Data)
	if code != 1 || v.DamagedFiles != 50 || v.Marked != 50 || v.Wrong != 50 {
		t.Errorf("exit status %d, %d damaged, %d marked, %d findings; want 1, and 50 of each", code, v.DamagedFiles, v.Marked, v.Wrong)
	}
	for _, f := range v.Findings {
		if !want[f.Name] || f.Kind != "changed" {
			t.Errorf("found %+v", f)
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
	t.Logf("named %d of 50", 50-len(want))

	node.Restart()
	refused := func(url string) {
		t.Helper()
		resp, err := recipient.Get(url)
		must(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.StatusCode != http.StatusInternalServerError || !bytes.Contains(text, []byte("bytes are damaged")) {
			t.Errorf("GET %s: %s %.200s", url, resp.Status, text)
		}
	}
	for _, s := range sendings {
		for _, f := range s.items {
			refused(s.address(t, f))
		}
	}
	refused(directLink(t, sendings[0].link)) // the zip
	right.check(t)

	for _, back := range flips {
		back() // beside the server, as an operator does who has a backup
	}
	if v, code := verify(t, node.Data); code != 0 || v.Unmarked != 50 {
		t.Errorf("after: exit status %d, %d unmarked", code, v.Unmarked)
	}
	for _, s := range sendings {
		s.check(t)
	}
	if _, code := verify(t, t.TempDir()); code != 2 {
		t.Errorf("of an empty directory: exit status %d, want 2", code)
	}
}

// flipIn flips one byte of a file where it is stored, wherever that is. What it returns
// flips it back.
func flipIn(t *testing.T, data string, c content) (back func()) {
	t.Helper()
	// What lies where two runs meet is in no other content. A page of the database may
	// end there, but not at both places.
	needles := [][]byte{c.bytes(run-16, 32), c.bytes(2*run-16, 32)}
	var flip func()
	err := filepath.WalkDir(data, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, needle := range needles {
			at := bytes.Index(text, needle)
			if at < 0 {
				continue
			}
			flip = func() {
				f, err := os.OpenFile(name, os.O_RDWR, 0)
				must(t, err)
				defer f.Close()
				one := []byte{0}
				_, err = f.ReadAt(one, int64(at))
				must(t, err)
				one[0] ^= 1
				_, err = f.WriteAt(one, int64(at))
				must(t, err)
			}
			return fs.SkipAll
		}
		return nil
	})
	must(t, err)
	if flip == nil {
		t.Fatalf("the bytes of %s are nowhere", c.name)
	}
	flip()
	return flip
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
