package test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

var points = flag.Int("points", 3, "how often TestFaults kills the server, and has a system call fail")

// Where the server is killed, and what may fail. Reads and writes of connections are
// among the first only: on a socket an error is a broken connection, which is no fault
// of a disk.
var (
	killPoints  = []string{"pwrite64", "write", "fdatasync", "fsync", "openat", "ftruncate", "unlinkat", "mkdirat", "close", "read", "pread64", "fcntl", "newfstatat", "futex", "accept4"}
	faultPoints = []string{"pwrite64", "fdatasync", "fsync", "openat", "ftruncate", "unlinkat", "mkdirat", "pread64", "newfstatat"}
)

// TestFaults kills the server at the entry of a system call, whichever is next of its
// kind, and lets single calls fail with EIO and ENOSPC, while eight workers send files
// by all dialects. What was acknowledged is there after each; only 500, 503 and 507 are
// answered; and in the end everything that was begun is finished. With -points 44 each
// kind of call has its turns.
func TestFaults(t *testing.T) {
	slow(t)
	testenv.Need(t, "strace")
	node := testenv.StartFerry(t)
	k := &killing{t: t, api: signIn(t, node), rnd: random(t), creating: true, refused: map[int]int{}}
	t.Cleanup(k.workers.Wait)
	struck, ended := 0, 0
	var slowest time.Duration
	round := func(call, what string, kill bool) {
		t.Helper()
		when := 1 + k.rnd.IntN(3) // counted in each thread
		k.killAt = k.answers + 20 + k.rnd.IntN(40)
		reached := make(chan struct{})
		k.reached = reached
		k.troubled = true
		stopped := make(chan struct{})
		text := strace(t, node, func() {
			k.begin()
			go func() {
				k.workers.Wait()
				close(stopped)
			}()
			select {
			case <-reached:
			case <-stopped: // all of them met with the fault
			case <-time.After(2 * time.Minute):
				t.Fatal("the workers get no answers")
			}
			k.mu.Lock()
			k.killed = true // nobody begins anything new
			k.mu.Unlock()
		}, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, what, when))
		if strings.Contains(text, "INJECTED") || strings.Contains(text, "killed by SIGKILL") {
			struck++
		}
		up := listens(node)
		if kill || !up {
			if !up {
				ended++
			}
			node.Kill()
		}
		<-stopped
		k.api.http.CloseIdleConnections()
		client.CloseIdleConnections()
		if kill || !up {
			began := time.Now()
			node.Restart()
			slowest = max(slowest, time.Since(began))
		}
		k.mu.Lock()
		k.reached, k.killed, k.troubled = nil, false, false
		k.mu.Unlock()
		if t.Failed() {
			t.Fatalf("after %s of %s, call %d", what, call, when)
		}
		k.look()
	}
	for i := range *points {
		round(killPoints[i%len(killPoints)], "signal=SIGKILL", true)
	}
	kills := struck
	for i := range *points {
		round(faultPoints[i%len(faultPoints)], []string{"error=EIO", "error=ENOSPC"}[i/len(faultPoints)%2], false)
	}
	k.creating = false
	for range 3 { // what was refused for a fault is asked for again
		k.begin()
		k.workers.Wait()
	}
	k.look()
	for _, s := range k.sendings {
		s.check(t)
	}
	t.Logf("%d points of %d, %d of them by a kill; the server ended %d times, and was up again after %v at most; refused: %v; %d sendings, %d answers",
		struck, 2**points, kills, ended, slowest.Round(time.Millisecond), k.refused, len(k.sendings), k.answers)
}
