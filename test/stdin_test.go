package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// TestStandardInput sends what a program writes, while it writes it: over a server that is
// killed in the middle, with little memory, and of no length at all. What breaks off is no
// transfer.
func TestStandardInput(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	dir := t.TempDir()
	env := append(testenv.Environment(), "FERRY_SERVER="+node.URL, "FERRY_KEY="+node.Key(), "XDG_STATE_HOME="+filepath.Join(dir, "state"), "TMPDIR="+filepath.Join(dir, "none"))
	ferry := func(in io.Reader, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
		cmd := exec.CommandContext(t.Context(), testenv.FerryBinary(t), args...)
		var out, errs bytes.Buffer
		cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = append(env, "GOMEMLIMIT=64MiB"), in, &out, &errs
		return cmd, &out, &errs
	}
	fetch := func(link, name string) []byte {
		t.Helper()
		cmd, out, errs := ferry(nil, "get", link, "--file", name, "-o", "-")
		if err := cmd.Run(); err != nil {
			t.Fatalf("ferry get: %v: %s", err, errs)
		}
		return out.Bytes()
	}

	const size = 50<<20 + 12345
	want := sha256.New()
	source := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{1}), size), want)
	pipe, in := io.Pipe()
	cmd, out, errs := ferry(pipe, "send", "-", "--as", "stream.bin", "--title", "Stream")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = pipe.CloseWithError(errors.New("ferry send has ended")) // else we would write for ever
		ended <- err
	}()
	if _, err := io.CopyN(in, source, size/2); err != nil {
		t.Fatal(err)
	}
	node.Kill()
	node.Restart()
	if _, err := io.Copy(in, source); err != nil {
		t.Fatal(err)
	}
	if most := peak(cmd.Process.Pid); most > 100<<20 {
		t.Errorf("it takes %d MiB", most>>20)
	}
	_ = in.Close()
	if err := <-ended; err != nil {
		t.Fatalf("ferry send: %v: %s", err, errs)
	}
	if got := sha256.Sum256(fetch(strings.TrimSpace(out.String()), "stream.bin")); !bytes.Equal(got[:], want.Sum(nil)) {
		t.Error("other bytes came out")
	}

	// With a file, and without a byte; of whole parts.
	file := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"", "some", strings.Repeat("x", 8<<20)} {
		cmd, out, errs := ferry(strings.NewReader(content), "send", file, "-")
		if err := cmd.Run(); err != nil {
			t.Fatalf("%d bytes: %v: %s", len(content), err, errs)
		}
		link := strings.TrimSpace(out.String())
		if got := fetch(link, "stdin"); string(got) != content {
			t.Errorf("%d bytes came out of %d", len(got), len(content))
		}
		if got := fetch(link, "a.txt"); string(got) != "hello" {
			t.Errorf("the file beside it: %q", got)
		}
	}

	// A folder cannot be read as a file.
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	cmd, out, errs = ferry(folder, "send", "-", "--title", "Broken")
	if err := cmd.Run(); err == nil || out.Len() > 0 || !strings.Contains(errs.String(), "is a directory") {
		t.Errorf("what cannot be read: %v, %q, %q", err, out, errs)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, node.URL+"/ferry/v1/transfers", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range env {
		if key, ok := strings.CutPrefix(pair, "FERRY_KEY="); ok {
			r.Header.Set("X-Api-Key", key)
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var list struct {
		Items []struct{ Title, State string }
	}
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 4 {
		t.Errorf("the transfers are %v", list.Items)
	}
}

// peak gives the most memory that a running program has had, in bytes; 0 where that is not
// to be known. What the system tells at its end is no less than what we had at its start.
func peak(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}
