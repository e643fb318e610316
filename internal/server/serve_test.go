package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ferry-server/ferry/internal/wire"
)

// start serves s on a free port; stop asks it to end, and waits.
func start(t *testing.T, s *Server, sides ...Side) (addr string, stop func()) {
	t.Helper()
	l := listen(t)
	return l.Addr().String(), serve(t, s, l, nil, sides...)
}

func serve(t *testing.T, s *Server, l net.Listener, conf *tls.Config, sides ...Side) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, conf, sides...) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestHeaderLimit(t *testing.T) {
	s := New(Config{Log: quiet()})
	s.Mount(door{name: "site"}, "/")
	addr, _ := start(t, s)
	for _, tt := range []struct {
		name string
		size int
		want int
	}{
		{"31 KiB pass", 31 << 10, 200},
		{"33 KiB are refused", 33 << 10, 431},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", tt.size))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.want)
			}
		})
	}
}

func TestWhereABodyEnds(t *testing.T) {
	s := New(Config{Log: quiet()})
	s.Mount(door{serve: func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}}, "/")
	addr, _ := start(t, s)
	for _, tt := range []struct {
		name, head string
		status     int
		body       string
	}{
		{"by its length", "Content-Length: 3", 200, "3\r\n"},
		{"by its chunks", "Transfer-Encoding: chunked", 200, "abc"},
		{"by its chunks, whatever the length says", "Content-Length: 3\r\nTransfer-Encoding: chunked", 200, "abc"},
		{"two lengths", "Content-Length: 3\r\nContent-Length: 4", 400, ""},
		{"a length that is none", "Content-Length: +3", 400, ""},
		{"chunked is not all", "Transfer-Encoding: gzip, chunked", 501, ""},
		{"chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501, ""},
		{"chunked, almost", "Transfer-Encoding: xchunked", 501, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = fmt.Fprintf(conn, "PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n\r\n3\r\nabc\r\n0\r\n\r\n", tt.head)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body) // of a refusal, whatever comes before the connection is closed
			if resp.StatusCode != tt.status || string(body) != tt.body && tt.status == 200 {
				t.Errorf("%d %q, want %d %q", resp.StatusCode, body, tt.status, tt.body)
			}
		})
	}
}

func TestDrain(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	s := New(Config{Log: quiet(), DrainTimeout: time.Minute})
	s.Mount(door{serve: func(w http.ResponseWriter, _ *http.Request) {
		entered <- true
		<-leave
		_, _ = io.WriteString(w, "whole")
	}}, "/slow")
	private := listen(t)
	addr, stop := start(t, s, Side{private, s.Private()})
	answer := make(chan string)
	go func() {
		resp, err := http.Get("http://" + addr + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-entered
	stopped := make(chan bool)
	go func() { stop(); close(stopped) }()

	readyz := func() int {
		resp, err := http.Get("http://" + private.Addr().String() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for readyz() != http.StatusServiceUnavailable {
		time.Sleep(time.Millisecond)
	}
	for { // no new requests
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		conn.Close()
		time.Sleep(time.Millisecond)
	}
	select {
	case <-stopped:
		t.Fatal("the server ended before its request")
	default:
	}
	leave <- true
	if got := <-answer; got != "whole" {
		t.Errorf("the running request got %q", got)
	}
	<-stopped
}

// What has no end of its own is told to end, and is not waited for until it is cut off.
func TestDrainEndsWhatHasNoEnd(t *testing.T) {
	entered := make(chan bool)
	s := New(Config{Log: quiet(), DrainTimeout: time.Hour})
	s.Mount(door{serve: func(w http.ResponseWriter, r *http.Request) {
		entered <- true
		select {
		case <-wire.Draining(r.Context()):
			_, _ = io.WriteString(w, "whole")
		case <-time.After(10 * time.Second):
			t.Error("it is told nothing")
		}
	}}, "/stream")
	addr, stop := start(t, s)
	go func() {
		<-entered
		stop()
	}()
	resp, err := http.Get("http://" + addr + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "whole" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestDrainTimeoutCutsOff(t *testing.T) {
	entered := make(chan bool)
	s := New(Config{Log: quiet(), DrainTimeout: time.Millisecond})
	s.Mount(door{serve: func(_ http.ResponseWriter, r *http.Request) {
		entered <- true
		<-r.Context().Done()
	}}, "/")
	addr, stop := start(t, s)
	cut := make(chan error)
	go func() {
		_, err := http.Get("http://" + addr) //nolint:bodyclose // there is none
		cut <- err
	}()
	<-entered
	stop()
	if err := <-cut; err == nil {
		t.Error("a request that never ends was answered")
	}
}

func TestServeFailsWithItsListener(t *testing.T) {
	l := listen(t)
	l.Close()
	side := listen(t)
	if err := New(Config{Log: quiet()}).Serve(context.Background(), l, nil, Side{side, http.NotFoundHandler()}); err == nil {
		t.Error("Serve on a closed listener: no error")
	}
	if _, err := side.Accept(); err == nil {
		t.Error("the side listener is still open")
	}
}

func TestPprofIsOnThePrivateListenerOnly(t *testing.T) {
	s := New(Config{Log: quiet()})
	if w := get(s, "/debug/pprof/"); w.Code != 404 {
		t.Errorf("on the main listener: %d", w.Code)
	}
	if w := get(s.Private(), "/debug/pprof/"); w.Code != 200 {
		t.Errorf("on the private listener: %d", w.Code)
	}
}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// net/http lets a client read a refusal for half a second before it closes.
		goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}
