package testenv

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startWithin is how long a node may take to accept requests, and to stop when
// asked to. Generous: other tests may have the machine.
const startWithin = 30 * time.Second

// A Node is a Ferry server in a process of its own, with a data directory of its
// own. Its methods are for the goroutine of the test alone, and fail the test
// when something goes wrong.
type Node struct {
	URL  string // base URL, without a slash at the end; the same after Restart
	Data string // data directory

	t       testing.TB
	args    []string // as given to StartFerry
	listen  string
	logPath string
	process *process // nil while the node is down
}

// StartFerry starts `ferry serve` with args on a free port of 127.0.0.1 and an
// empty data directory, and returns when it accepts requests. It is killed when
// the test ends; when the test has failed by then, its log is shown.
//
// The node sees the environment of the test, but for what is meant for the tests.
func StartFerry(t testing.TB, args ...string) *Node {
	t.Helper()
	dir := t.TempDir()
	n := &Node{
		Data:    filepath.Join(dir, "data"),
		t:       t,
		args:    args,
		listen:  "127.0.0.1:0",
		logPath: filepath.Join(dir, "log"),
	}
	t.Cleanup(func() {
		n.Kill()
		if t.Failed() {
			t.Logf("log of ferry serve:\n%s", n.Log())
		}
	})
	n.start()
	return n
}

func (n *Node) start() {
	n.t.Helper()
	ready := filepath.Join(filepath.Dir(n.Data), "ready")
	if err := os.RemoveAll(ready); err != nil {
		n.t.Fatal(err)
	}
	args := []string{"serve", "--listen", n.listen, "--data", n.Data, "--ready-file", ready}
	p, err := startProcess(n.logPath, FerryBinary(n.t), append(args, n.args...)...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.process = p
	n.URL = n.awaitReady(ready)
	u, err := url.Parse(n.URL)
	if err != nil || u.Host == "" {
		n.t.Fatalf("ferry serve wrote %q to its ready file, which is no base URL", n.URL)
	}
	if n.listen == "127.0.0.1:0" && u.Hostname() == "127.0.0.1" {
		n.listen = u.Host // links made now must work after a restart
	}
}

func (n *Node) awaitReady(path string) string {
	n.t.Helper()
	deadline := time.After(startWithin)
	for {
		if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
			return strings.TrimSuffix(strings.TrimSpace(string(text)), "/")
		}
		select {
		case <-n.process.done:
			n.t.Fatalf("ferry serve ended before it was ready: %v", n.process.err)
		case <-deadline:
			n.t.Fatalf("ferry serve was not ready after %v", startWithin)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Kill ends the node as a power cut would, but for what the kernel has cached
// (SIGKILL). It does nothing when the node is down.
func (n *Node) Kill() {
	if n.process == nil {
		return
	}
	_ = n.process.signal(syscall.SIGKILL) // it may have ended by itself
	<-n.process.done
	n.process = nil
}

// Stop asks the node to end (SIGTERM) and waits for it. The test fails when the
// node takes too long, or ends with another status than 0.
func (n *Node) Stop() {
	n.t.Helper()
	if n.process == nil {
		return
	}
	p := n.process
	if err := p.signal(syscall.SIGTERM); err != nil {
		n.t.Fatalf("stop ferry serve: %v", err)
	}
	select {
	case <-p.done:
	case <-time.After(startWithin):
		n.t.Fatalf("ferry serve did not stop within %v", startWithin)
	}
	n.process = nil
	if p.err != nil {
		n.t.Fatalf("ferry serve, asked to stop: %v", p.err)
	}
}

// Restart starts the node again with its data directory, at its address. A node
// that is up is stopped first; call Kill before for a start after a crash.
func (n *Node) Restart() {
	n.t.Helper()
	n.Stop()
	n.start()
}

// Move makes the node one of another data directory, such as one that a backup was
// restored to, and starts it there at its old address, with these arguments in place
// of those given to StartFerry. The directory stands beside the old one.
func (n *Node) Move(data string, args ...string) {
	n.t.Helper()
	n.Stop()
	n.Data, n.args = data, args
	n.start()
}

// PID returns the process id of the node, for tests that look at it from outside
// (strace, /proc). It fails the test when the node is down.
func (n *Node) PID() int {
	n.t.Helper()
	if n.process == nil {
		n.t.Fatal("the node is down")
	}
	return n.process.cmd.Process.Pid
}

// Log returns what the node has written since the first start, standard output
// and error together.
func (n *Node) Log() string {
	text, err := os.ReadFile(n.logPath)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Ferry runs another command of the program on the node's data, as an operator
// would while it runs, and returns what it printed on standard output, trimmed.
func (n *Node) Ferry(command ...string) string {
	n.t.Helper()
	command = append(slices.Clone(command), "--data", n.Data)
	if dsn, ok := flagValue(n.args, "--database"); ok {
		command = append(command, "--database", dsn)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, FerryBinary(n.t), command...)
	cmd.Env = Environment()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		n.t.Fatalf("ferry %s: %v\n%s%s", strings.Join(command, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// Key makes an API key with `ferry key create` and returns it.
func (n *Node) Key(args ...string) string {
	n.t.Helper()
	return n.Ferry(append([]string{"key", "create"}, args...)...)
}

func flagValue(args []string, name string) (string, bool) {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, name+"="); ok {
			return value, true
		}
		if arg == name && i+1 < len(args) {
			return args[i+1], true
		}
	}
	return "", false
}

// Environment is ours without the variables of ./check: a server refuses
// settings that it does not know.
func Environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "FERRY_CHECK=") || strings.HasPrefix(v, "FERRY_VULNDB=")
	})
}

// A process is a running program and, once done is closed, how it ended.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// startProcess starts a program that writes to the end of a log file. A goroutine
// waits for the program, and ends with it.
func startProcess(logPath, path string, args ...string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(path, args...)
	cmd.Env = Environment()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = diesWithUs()
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux counts the thread that started a child as its parent: the thread
		// must stay as long as the child does (go.dev/issue/27505).
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }
