package test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// memory gives a field of the server's /proc/PID/status, such as VmRSS, in bytes.
func memory(t *testing.T, node *testenv.Node, field string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", node.PID()))
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no " + field)
	return 0
}

// files lets this process, and the servers it starts, have so many files open.
func files(t *testing.T, n uint64) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Skip(err)
	}
	if before.Cur >= n {
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: max(n, before.Max)}); err != nil {
		t.Skipf("%d open files: %v", n, err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) })
}

// dial opens a connection to the node, which ends with the test.
func dial(t *testing.T, node *testenv.Node) net.Conn {
	t.Helper()
	u, err := url.Parse(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Ten thousand connections that have asked for something once, and wait, fit into
// 256 MiB.
func TestIdleConnections(t *testing.T) {
	slow(t)
	const many = 10_000
	files(t, many+500)
	node := testenv.StartFerry(t)
	before := memory(t, node, "VmRSS")
	conns := make([]net.Conn, many)
	if err := atOnce(64, many, func(i int) error {
		u, err := url.Parse(node.URL)
		if err != nil {
			return err
		}
		if conns[i], err = net.Dial("tcp", u.Host); err != nil {
			return err
		}
		if _, err := io.WriteString(conns[i], "GET /healthz HTTP/1.1\r\nHost: "+u.Host+"\r\n\r\n"); err != nil {
			return err
		}
		resp, err := http.ReadResponse(bufio.NewReaderSize(conns[i], 512), nil)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	rss := memory(t, node, "VmRSS")
	for _, c := range conns {
		_ = c.Close()
	}
	t.Logf("%d idle connections: %d MiB, before %d MiB", many, rss>>20, before>>20)
	if rss > 256<<20 {
		t.Errorf("the server takes %d MiB", rss>>20)
	}
}

// While 400 clients send headers a byte at a time, 100 say nothing and 100 send bodies
// by the drop, an ordinary user goes on, and who says nothing
// is let go.
func TestSlowClients(t *testing.T) {
	slow(t)
	t.Parallel() // most of it is waiting
	files(t, 4000)
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	done := make(chan struct{})
	defer close(done)
	drip := func(conn net.Conn, first, drop string, every time.Duration) {
		_, _ = io.WriteString(conn, first)
		go func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(every):
				}
				if _, err := io.WriteString(conn, drop); err != nil {
					return
				}
			}
		}()
	}
	for range 400 {
		drip(dial(t, node), "GET / HTTP/1.1\r\nHost: x\r\nX-A: ", "a", time.Second)
	}
	silent := make([]net.Conn, 100)
	for i := range silent {
		silent[i] = dial(t, node)
	}
	for range 100 {
		drip(dial(t, node), "POST /v2/transfers HTTP/1.1\r\nHost: x\r\nx-api-key: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", " ", time.Second)
	}
	refused := dial(t, node) // what it announces does not come, and nobody wants it
	_, _ = io.WriteString(refused, "PATCH /files/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
	var took []time.Duration
	for i := range 150 {
		began := time.Now()
		s := mustSend(t, c, transferV2, content{"ordinary.bin", 10_000, uint64(i)})
		took = append(took, time.Since(began))
		if i%50 == 0 {
			s.check(t)
		}
	}
	slices.Sort(took)
	t.Logf("600 slow clients: a whole transfer takes %v, p99 %v", took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond))
	if rss := memory(t, node, "VmRSS"); rss > 256<<20 {
		t.Errorf("the server takes %d MiB", rss>>20)
	}
	_ = refused.SetReadDeadline(time.Now().Add(time.Minute))
	if b, err := io.ReadAll(refused); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 401 ") {
		t.Errorf("who is refused and sends nothing gets %q, %v", b, err)
	}
	// Who has said nothing for so long is let go.
	_ = silent[0].SetReadDeadline(time.Now().Add(3 * time.Minute))
	if _, err := silent[0].Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a silent client: %v, want the end", err)
	}
}
