package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// A door answers with its name, and refuses with its name and the fault.
type door struct {
	name  string
	serve http.HandlerFunc // instead of the name
}

func (d door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.serve != nil {
		d.serve(w, r)
		return
	}
	_, _ = io.WriteString(w, d.name)
}

func (d door) Refuse(w http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusInternalServerError
	if fault.KindOf(err) == fault.Unavailable {
		status = http.StatusServiceUnavailable
	}
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "%s refuses: %s", d.name, fault.CodeOf(err))
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestMount(t *testing.T) {
	s := New(Config{Log: quiet()})
	s.Mount(door{name: "wetransfer"}, "/v1", "/v2", "/transfers", "/api/v4", "/t-")
	s.Mount(door{name: "filemail"}, "/api", "/transfer", "/savefile.ashx")
	s.Mount(door{name: "s3"}, "/s3")
	s.Mount(door{name: "site"}, "/")
	for _, tt := range []struct{ name, path, want string }{
		{"a prefix takes itself", "/v2", "wetransfer"},
		{"and what is below", "/v2/transfers/x/files", "wetransfer"},
		{"and a slash at its end", "/v2/", "wetransfer"},
		{"but no segment that only begins so", "/v20", "site"},
		{"whole segments tell near names apart", "/transfer/x", "filemail"},
		{"in both directions", "/transfers/x", "wetransfer"},
		{"the longest prefix wins", "/api/v4/transfers", "wetransfer"},
		{"the shorter takes the rest", "/api/v5/transfers", "filemail"},
		{"a file may be a prefix", "/savefile.ashx", "filemail"},
		{"a hyphen takes what begins with it", "/t-4bGwSvqPLD", "wetransfer"},
		{"also below", "/t-4bGwSvqPLD/x", "wetransfer"},
		{"but only as a first segment", "/x/t-4bGw", "site"},
		{"the root is the site's", "/", "site"},
		{"empty segments are not cleaned away", "//v2/transfers", "site"},
		{"nor dots", "/v1/../v2", "wetransfer"},
		{"empty segments behind the prefix are the door's matter", "/v2/boards//links", "wetransfer"},
		{"case matters", "/V2/transfers", "site"},
		{"many segments cost no more", "/s3" + strings.Repeat("/", 30000), "s3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.URL.Path = tt.path
			s.ServeHTTP(w, r)
			if w.Code != 200 || w.Body.String() != tt.want {
				t.Errorf("%s is answered %d by %q, want %q", tt.path, w.Code, w.Body, tt.want)
			}
		})
	}
}

func TestMountRefusesWhatIsWrong(t *testing.T) {
	for _, prefixes := range [][]string{{"v2"}, {"/v2/"}, {"/v2", "/v2"}, {"/a//b"}, {"/a/b-"}, {"/", "/"}, {""}} {
		t.Run(fmt.Sprint(prefixes), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("Mount does not panic")
				}
			}()
			New(Config{}).Mount(door{}, prefixes...)
		})
	}
}

func TestWithoutASiteUnknownPathsAreAnsweredInJSON(t *testing.T) {
	w := get(New(Config{Log: quiet()}), "/nowhere")
	if w.Code != 404 || w.Body.String() != `{"message":"Not Found"}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestEveryAnswerHasTheHeadersOfSecurity(t *testing.T) {
	s := New(Config{Log: quiet()})
	s.Mount(door{serve: func(http.ResponseWriter, *http.Request) { panic("x") }}, "/panics")
	for _, path := range []string{"/nowhere", "/healthz", "/readyz", "/panics"} {
		h := get(s, path).Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
			h.Get("Content-Security-Policy") == "" || h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://ferry.example/panics", nil))
	if w.Header().Get("Strict-Transport-Security") == "" {
		t.Error("over TLS there is no Strict-Transport-Security")
	}
}

func TestPanicIsAnsweredByTheDoor(t *testing.T) {
	var log strings.Builder
	s := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	s.Mount(door{name: "s3", serve: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"never"`)
		panic("secret of the panic")
	}}, "/s3")
	w := get(s, "/s3/x?X-Amz-Signature=feedbeef")
	if w.Code != 500 || w.Body.String() != "s3 refuses: panic" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w.Header().Get("ETag") != "" {
		t.Error("the answer has headers of the one that failed")
	}
	id := w.Header().Get("X-Request-Id")
	if id == "" || !strings.Contains(log.String(), id) || !strings.Contains(log.String(), "server_test.go") {
		t.Errorf("request %q: the log has no id or no stack:\n%s", id, log.String())
	}
	if strings.Contains(log.String(), "feedbeef") {
		t.Error("the log has the signature of the URL")
	}
}

func TestPanicInTheMiddleCutsTheConnection(t *testing.T) {
	s := New(Config{Log: quiet()})
	s.Mount(door{serve: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<16))
		panic("in the middle")
	}}, "/")
	srv := httptest.NewServer(s)
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		return // cut before the header arrived: just as well
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the client takes half an answer for a whole one")
	}
}

func TestAbortHandlerIsLetThrough(t *testing.T) {
	s := New(Config{Log: quiet()})
	s.Mount(door{serve: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}, "/")
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	get(s, "/")
}

func TestOverloadIsRefusedByTheDoor(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	s := New(Config{Log: quiet(), MaxRequests: 1})
	s.Mount(door{name: "slow", serve: func(http.ResponseWriter, *http.Request) { entered <- true; <-leave }}, "/slow")
	s.Mount(door{name: "s3"}, "/s3")
	done := make(chan bool)
	go func() { get(s, "/slow"); done <- true }()
	<-entered
	if w := get(s, "/s3/x"); w.Code != 503 || w.Body.String() != "s3 refuses: overloaded" || w.Header().Get("Retry-After") == "" {
		t.Errorf("while another runs: %d %s", w.Code, w.Body)
	}
	if w := get(s, "/healthz"); w.Code != 200 {
		t.Errorf("/healthz under load: %d", w.Code)
	}
	leave <- true
	<-done
	if w := get(s, "/s3/x"); w.Code != 200 {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

// Whoever is refused while the server is full takes no place: else those that come again
// and again, with bodies that are taken in, would keep it full when nobody else is there.
func TestOverloadEnds(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	s := New(Config{Log: quiet(), MaxRequests: 1})
	s.restTime = time.Hour
	s.Mount(door{name: "slow", serve: func(http.ResponseWriter, *http.Request) { entered <- true; <-leave }}, "/slow")
	refused := make(chan bool, 1)
	s.Mount(refusals{door{name: "site"}, refused}, "/")
	addr, _ := start(t, s)
	done := make(chan bool)
	go func() { get(s, "/slow"); done <- true }()
	<-entered
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
	<-refused // and is waited for
	leave <- true
	<-done
	if w := get(s, "/"); w.Code != 200 {
		t.Errorf("while nobody is served: %d %s", w.Code, w.Body)
	}
}

// refusals tells of each refusal before it is written.
type refusals struct {
	door
	tell chan<- bool
}

func (d refusals) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	d.tell <- true
	d.door.Refuse(w, r, err)
}

func TestMaintenance(t *testing.T) {
	s := New(Config{Log: quiet(), Maintenance: true})
	s.Mount(door{name: "site"}, "/")
	for path, want := range map[string]int{"/": 503, "/healthz": 200, "/readyz": 503, "/assets/x/site.css": 200, "/assetsx": 503} {
		if w := get(s, path); w.Code != want {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
}

func TestReady(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ready func(context.Context) error
		want  int
	}{
		{"nobody was asked", nil, 200},
		{"the node is well", func(context.Context) error { return nil }, 200},
		{"the node is not", func(context.Context) error { return errors.New("disk of /srv is gone") }, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := get(New(Config{Log: quiet(), Ready: tt.ready}), "/readyz")
			if w.Code != tt.want || strings.Contains(w.Body.String(), "srv") {
				t.Errorf("%d %s, want %d", w.Code, w.Body, tt.want)
			}
		})
	}
}

func TestRequestIdIsInTheContextAndInAnswersOf500(t *testing.T) {
	var seen []string
	s := New(Config{Log: quiet()})
	s.Mount(door{serve: func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, wire.RequestID(r.Context()))
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(map[string]int{"/ok": 200, "/bad": 500}[r.URL.Path])
	}}, "/")
	ok, bad := get(s, "/ok"), get(s, "/bad")
	if got := ok.Header().Get("X-Request-Id"); got != "" {
		t.Errorf("a 200 carries the id %q", got)
	}
	if got := bad.Result().Header.Get("X-Request-Id"); seen[1] == "" || seen[0] == seen[1] {
		t.Errorf("ids %q; the 500 carries %q", seen, got)
	}
}

func TestDebugLogHasNoPath(t *testing.T) {
	var log strings.Builder
	s := New(Config{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	s.Mount(door{name: "site"}, "/")
	get(s, "/downloads/4711/secrethash?token=secrettoken")
	if got := log.String(); !strings.Contains(got, "status=200 bytes=4") || strings.Contains(got, "secret") {
		t.Errorf("log: %s", got)
	}
}
