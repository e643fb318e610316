package tus

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/wire"
)

// A deadline is the read deadline of a connection.
type deadline struct{ at time.Time }

func (d *deadline) SetReadDeadline(at time.Time) error {
	d.at = at
	return nil
}

// A during is a body in whose Read something else happens.
type during struct {
	io.Reader
	do func()
}

func (d *during) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	d.do()
	return n, err
}

// Who stops a body leaves nothing behind on its connection, which the client's next
// request may have by then.
func TestStop(t *testing.T) {
	cut := errors.New("cut")
	for name, tc := range map[string]struct {
		body   io.Reader
		at     int // the Read during which it is stopped; 0 after all
		reads  int
		err    error
		passed bool // the deadline at the end
	}{
		"while it waits":           {io.MultiReader(strings.NewReader("ab"), failing{cut}), 2, 2, errStopped, true},
		"between two reads":        {&one{strings.NewReader("ab")}, 1, 2, errStopped, true},
		"as the last bytes come":   {strings.NewReader(""), 1, 1, io.EOF, false},
		"after the last byte":      {strings.NewReader(""), 0, 1, io.EOF, false},
		"after it was cut":         {failing{cut}, 0, 1, cut, false},
		"not at all, and it's cut": {failing{cut}, -1, 1, cut, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := &deadline{}
			n := 0
			spoilt := false
			s := &stoppable{conn: conn, spoilt: func() { spoilt = true }}
			s.Reader = &during{tc.body, func() {
				if n++; n == tc.at {
					s.stop()
				}
			}}
			var err error
			for range tc.reads {
				_, err = s.Read(make([]byte, 8))
			}
			if tc.at == 0 {
				s.stop()
			}
			if !errors.Is(err, tc.err) {
				t.Errorf("%v, not %v", err, tc.err)
			}
			if want := name == "as the last bytes come"; spoilt != want {
				t.Errorf("the connection is spoilt: %t", spoilt)
			}
			if passed := !conn.at.IsZero(); passed != tc.passed {
				t.Errorf("the deadline is %v", conn.at)
			}
			if tc.at >= 0 {
				if _, err := s.Read(make([]byte, 8)); !errors.Is(err, errStopped) {
					t.Errorf("a later read: %v", err)
				}
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// one gives a byte at a time.
type one struct{ io.Reader }

func (o *one) Read(p []byte) (int, error) { return o.Reader.Read(p[:1]) }

// A body that is stopped with its last byte spoils no later request: its connection is not
// used again.
func TestStopWithTheLastByte(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &stoppable{conn: http.NewResponseController(w), spoilt: func() { w.Header().Set("Connection", "close") }}
		s.Reader = &during{wire.Paced(w, r), func() {
			s.stop()
			time.Sleep(5 * time.Millisecond) // so that the server sees the deadline
		}}
		b, err := io.ReadAll(s)
		_, _ = fmt.Fprintf(w, "%s %v", b, err)
	}))
	defer server.Close()
	for range 3 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, server.URL, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || string(b) != "hello <nil>" || !res.Close {
			t.Errorf("%q, %v; closed: %t", b, err, res.Close)
		}
	}
}
