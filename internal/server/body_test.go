package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What a door leaves of a body is taken in, so that its sender hears the answer, but not
// waited for without end.
func TestRestOfABody(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name     string
		status   int
		header   string
		send     int  // bytes of the body
		most     bool // whether all that was sent is taken in before the answer
		goesOn   bool // the connection, after it
		patience time.Duration
	}{
		{"all of it comes", 400, "Content-Length: 1000", 1000, true, true, time.Hour},
		{"all of a large one", 400, "Content-Length: 20000000", 20000000, true, true, time.Hour},
		{"all of one in chunks", 400, "Transfer-Encoding: chunked", 20000000, true, true, time.Hour},
		{"all of it, and the answer is no refusal", 200, "Content-Length: 200000", 200000, true, true, time.Hour},
		{"a large one, and the answer is no refusal", 200, "Content-Length: 20000000", 0, false, false, time.Hour},
		{"one that nobody would wait for", 400, "Content-Length: 100000000", mib, false, false, time.Hour},
		{"its sender waits for us", 400, "Expect: 100-continue\r\nContent-Length: 1000", 0, false, false, time.Second / 10},
		{"nothing comes", 400, "Content-Length: 1000", 0, false, false, time.Second / 10},
		{"half of it comes", 400, "Content-Length: 1000", 500, false, false, time.Second / 10},
		{"half of a large one comes", 400, "Content-Length: 2000000", mib, false, false, time.Second / 10},
		{"half of one in chunks comes", 400, "Transfer-Encoding: chunked\r\nX-Half: 1", mib, false, false, time.Second / 10},
		{"nothing comes, and nothing was said", 0, "Content-Length: 1000", 0, false, false, time.Second / 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := New(Config{Log: quiet()})
			s.restTime = tt.patience
			s.Mount(door{serve: func(w http.ResponseWriter, _ *http.Request) {
				if tt.status != 0 {
					w.WriteHeader(tt.status)
				}
			}}, "/")
			addr, _ := start(t, s)
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", tt.header)
			body := io.Writer(conn)
			if strings.Contains(tt.header, "chunked") {
				fmt.Fprintf(conn, "%x\r\n", tt.send)
			}
			if n, err := body.Write(make([]byte, tt.send)); err != nil && tt.most {
				t.Fatalf("sent %d bytes: %v", n, err)
			}
			if strings.Contains(tt.header, "chunked") && !strings.Contains(tt.header, "X-Half") {
				fmt.Fprint(conn, "\r\n0\r\n\r\n")
			}
			r := bufio.NewReader(conn)
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			if want := max(tt.status, 200); resp.StatusCode != want {
				t.Errorf("status %d, want %d", resp.StatusCode, want)
			}
			fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			resp, err = http.ReadResponse(r, nil)
			if (err == nil) != tt.goesOn {
				t.Errorf("a second request is answered %v, %v", resp, err)
			}
		})
	}
}

// A door that has taken the rest of a body is not disturbed while it works on.
func TestAnswerAfterTheRest(t *testing.T) {
	s := New(Config{Log: quiet()})
	s.restTime = time.Second / 10
	s.Mount(door{serve: func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		time.Sleep(3 * s.restTime)
		if err := r.Context().Err(); err != nil {
			t.Errorf("its context has ended: %v", err)
		}
		fmt.Fprint(w, "ends well")
	}}, "/")
	for _, http2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(s)
		if srv.EnableHTTP2 = http2; http2 {
			srv.StartTLS()
		} else {
			srv.Start()
		}
		resp, err := srv.Client().Post(srv.URL, "text/plain", strings.NewReader("not read"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		srv.Close()
		if string(b) != "ends well" || err != nil || (resp.ProtoMajor == 2) != http2 {
			t.Errorf("%s answered %q, %v", resp.Proto, b, err)
		}
	}
}

// Nor is one waited for without end that comes to a listener beside the main one.
func TestRestOfABodyAside(t *testing.T) {
	s := New(Config{Log: quiet()})
	s.restTime = time.Second / 10
	side := listen(t)
	start(t, s, Side{side, http.NotFoundHandler()})
	conn, err := net.Dial("tcp", side.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 404 || !resp.Close {
		t.Errorf("answered %d, and the connection goes on: %t", resp.StatusCode, !resp.Close)
	}
}

// net/http answers "OPTIONS *" by itself where it is let, and waits for its body first.
func TestRestOfOptionsForAll(t *testing.T) {
	s := New(Config{Log: quiet()})
	s.restTime = time.Second / 10
	s.Mount(door{name: "site"}, "/")
	addr, _ := start(t, s)
	for _, tt := range []struct {
		body   string
		goesOn bool
	}{
		{"Content-Length: 10\r\n\r\nhalf", false},
		{"Content-Length: 4\r\n\r\nfull", true},
		{"\r\n", true},
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "OPTIONS * HTTP/1.1\r\nHost: x\r\n%s", tt.body)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 200 || resp.ContentLength != 0 || resp.Close == tt.goesOn {
			t.Errorf("%q: answered %d with %d bytes, and the connection goes on: %t", tt.body, resp.StatusCode, resp.ContentLength, !resp.Close)
		}
	}
}
