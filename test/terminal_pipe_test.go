package test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
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
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		peak := watchMemory(cmd.Process.Pid)
		err := cmd.Wait()
		if used := peak(); used > most || used == 0 {
			t.Errorf("ferry %v had %d KiB in memory", args, used)
		}
		if err != nil {
			t.Fatalf("ferry %v: %v: %s", args, err, errs.String())
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

// Who interrupts a send of a pipe leaves nothing behind, neither a transfer that could be
// taken for whole nor one that holds the sender's storage.
func TestTerminalPipeInterrupted(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	n := newNative(t, node.URL, "X-Api-Key", node.Key())
	var all struct{ Items []nativeTransfer }
	for _, with := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), testenv.FerryBinary(t), "send", "-")
		cmd.Env = append(testenv.Environment(), "FERRY_SERVER="+node.URL, "FERRY_KEY="+n.header.Get("X-Api-Key"))
		pipe, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer pipe.Close() // a pipe that says nothing more
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := pipe.Write(make([]byte, 10<<20)); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); len(all.Items) == 0; time.Sleep(5 * time.Millisecond) {
			if n.must("GET", "/transfers", nil, &all); time.Now().After(deadline) {
				t.Fatal("there is no transfer")
			}
		}
		if err := cmd.Process.Signal(with); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s: it ended well", with)
		}
		if n.must("GET", "/transfers", nil, &all); len(all.Items) > 0 {
			t.Errorf("%s: %+v is left", with, all.Items)
		}
	}
}

// watchMemory looks at the most memory that a program has had, in KiB, until what it gives
// is called after the program's end. What the system tells then (ru_maxrss) begins with what
// we had ourselves when it was started.
func watchMemory(pid int) (peak func() int64) {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		var last int64
		for {
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it is gone at the end
			for line := range strings.Lines(string(status)) {
				if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
					_, _ = fmt.Sscan(rest, &last)
				}
			}
			select {
			case <-stop:
				most <- last
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}

// during does something where it is read.
type during func()

func (d during) Read([]byte) (int, error) {
	d()
	return 0, io.EOF
}
