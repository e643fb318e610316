package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

func TestReadBody(t *testing.T) {
	const limit = 100
	for _, tt := range []struct {
		name string
		send string // what follows the request line and the Host header
		want string // the body, or the fault's code
	}{
		{"no body", "\r\n", ""},
		{"a body", "Content-Length: 2\r\n\r\n{}", "{}"},
		{"a body in chunks", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "{}"},
		{"a body just small enough", "Content-Length: 100\r\n\r\n" + strings.Repeat("x", 100), strings.Repeat("x", 100)},
		{"a body that is encoded as itself", "Content-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}", "{}"},
		{"a body that is announced too large", "Content-Length: 101\r\n\r\n" + strings.Repeat("x", 101), CodeTooLarge},
		{"a body that grows too large", "Transfer-Encoding: chunked\r\n\r\n65\r\n" + strings.Repeat("x", 101), CodeTooLarge},
		{"a body in gzip", "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", CodeEncoding},
		{"a body that does not come", "Content-Length: 2\r\n\r\n{", CodeTimeout},
		{"chunks that are none", "Transfer-Encoding: chunked\r\n\r\nx\r\n", CodeIncomplete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			type result struct {
				body string
				err  error
			}
			got := make(chan result, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := ReadBody(w, r, limit, 100*time.Millisecond)
				got <- result{string(body), err}
				WriteJSON(w, http.StatusOK, struct{}{})
			}))
			defer server.Close()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%s", tt.send)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("no answer: %v", err) // clients must be told what was wrong
			}
			defer res.Body.Close()
			g := <-got
			if g.err != nil {
				g.body = fault.CodeOf(g.err)
			}
			if g.body != tt.want {
				t.Errorf("got %q (%v), want %q", g.body, g.err, tt.want)
			}
		})
	}
}

func TestReadBodyTellsKinds(t *testing.T) {
	short := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("{"), brokenReader{}))
	if _, err := ReadBody(httptest.NewRecorder(), short, 10, time.Second); fault.KindOf(err) != fault.Invalid ||
		!errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a client that went away: %v", err)
	}
	long := httptest.NewRequest("POST", "/", strings.NewReader("12345"))
	if _, err := ReadBody(httptest.NewRecorder(), long, 4, time.Second); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("a body above the limit: %v", err)
	}
	if kind := fault.KindOf(bodyFault(timeoutError(), 4)); kind != fault.Timeout {
		t.Errorf("a deadline: %v", kind)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func timeoutError() error {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	_ = a.SetReadDeadline(time.Now())
	_, err := a.Read(make([]byte, 1))
	return err
}

// The read deadline is for the body: a handler may work longer than a client
// may send.
func TestReadBodyLeavesNoDeadline(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := ReadBody(w, r, 100, 20*time.Millisecond); err != nil {
			t.Error(err)
		}
		select {
		case <-r.Context().Done():
			t.Error("the deadline for the body ended the request")
		case <-time.After(60 * time.Millisecond):
		}
		WriteJSON(w, http.StatusOK, struct{}{})
	}))
	defer server.Close()
	res, err := http.Post(server.URL, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

func TestWriteJSON(t *testing.T) {
	type file struct {
		Size int64  `json:"size"`
		Name string `json:"name"`
	}
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"keys keep their order", file{3, "cat.gif"}, `{"size":3,"name":"cat.gif"}`},
		{"nothing is escaped for HTML", file{3, "<a&b>é"}, `{"size":3,"name":"<a&b>é"}`},
		{"no files are an empty list", []file{}, `[]`},
		{"nothing is still a body", nil, `null`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			WriteJSON(w, http.StatusAccepted, tt.v)
			if w.Code != http.StatusAccepted || w.Body.String() != tt.want {
				t.Errorf("got %d %q, want 202 %q", w.Code, w.Body, tt.want)
			}
			for name, want := range map[string]string{
				"Content-Type":   "application/json; charset=utf-8",
				"Content-Length": fmt.Sprint(len(tt.want)),
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestWriteJSONPanicsBeforeItSends(t *testing.T) {
	w := httptest.NewRecorder()
	defer func() {
		if recover() == nil || len(w.Header()) != 0 || w.Body.Len() != 0 {
			t.Errorf("headers %v, body %q", w.Header(), w.Body)
		}
	}()
	WriteJSON(w, http.StatusOK, func() {})
}
