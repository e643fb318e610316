package test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// A pipe of 200 MB goes through ferry send and comes back by ferry get, over a server
// that dies twice in the middle; neither keeps more of it than some parts in memory.
func TestTerminalPipe(t *testing.T) {
	slow(t)
	const size, most = 200_000_000, 128 << 10 // KiB
	node := testenv.StartFerry(t)
	env := append(testenv.Environment(), "FERRY_SERVER="+node.URL, "FERRY_KEY="+node.Key(), "TMPDIR=/nonexistent")
	seed := [32]byte{byte(time.Now().UnixNano())}
	t.Logf("seed %d", seed[0])
	ferry := func(in io.Reader, out io.Writer, args ...string) string {
		t.Helper()
		var errs bytes.Buffer
		cmd := exec.CommandContext(t.Context(), testenv.FerryBinary(t), args...)
		cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, in, out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("ferry %v: %v: %s", args, err, errs.String())
		}
		if used := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; used > most {
			t.Errorf("ferry %v had %d KiB in memory", args, used)
		}
		return errs.String()
	}

	sent, got := sha256.New(), sha256.New()
	pipe := io.TeeReader(io.LimitReader(rand.NewChaCha8(seed), size), sent)
	var link bytes.Buffer
	var deaths sync.WaitGroup
	die := during(func() { // while the pipe goes on
		deaths.Wait()
		deaths.Go(func() { node.Kill(); node.Restart() })
	})
	errs := ferry(io.MultiReader(io.LimitReader(pipe, size/3), die, io.LimitReader(pipe, size/3), die, pipe), &link, "send", "-", "--name", "pipe")
	deaths.Wait()
	if !strings.Contains(errs, "again in") {
		t.Error("nothing was under way when the server died")
	}
	ferry(nil, got, "get", strings.TrimSpace(link.String()), "-o", "-")
	if a, b := fmt.Sprintf("%x", sent.Sum(nil)), fmt.Sprintf("%x", got.Sum(nil)); a != b {
		t.Errorf("%s has come back as %s", a, b)
	}
}

// during does something where it is read.
type during func()

func (d during) Read([]byte) (int, error) {
	d()
	return 0, io.EOF
}
