package filemail

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

const (
	base      = "https://ferry.test"
	requestID = "REQUEST7ID"
	goodKey   = "key-of-ada"
	spentKey  = "key-of-too-many-calls"
	barredKey = "key-of-no-api-access"
	readKey   = "key-of-ada-to-read"
	goodToken = "0123456789abcdef0123456789abcdef"
)

// A fakeGate knows Ada's key and Bob's token.
type fakeGate struct{ calls []string }

func (g *fakeGate) Key(_ context.Context, key account.Secret, use account.Scope) (account.Actor, error) {
	g.calls = append(g.calls, "key")
	switch key {
	case goodKey:
		return account.Actor{Owner: account.Owner{Account: "ada"}, Key: "k1"}, nil
	case spentKey:
		return account.Actor{}, fault.New(fault.Throttled, "daily_limit", "")
	case barredKey:
		return account.Actor{}, fault.New(fault.Unauthenticated, "key_unknown", "unknown API key")
	case readKey:
		if use&^account.Read != 0 {
			return account.Actor{}, fault.New(fault.Forbidden, "scope_missing", "the API key was not made for that")
		}
		return account.Actor{Owner: account.Owner{Account: "ada"}, Key: "k2"}, nil
	}
	return account.Actor{}, fault.New(fault.Unauthenticated, "key_unknown", "unknown API key")
}

func (g *fakeGate) Token(_ context.Context, token account.Secret) (account.Actor, error) {
	g.calls = append(g.calls, "token")
	if token == goodToken {
		return account.Actor{Owner: account.Owner{Account: "bob"}}, nil
	}
	return account.Actor{}, fault.New(fault.Unauthenticated, "session_unknown", "no such session")
}

// A world is a door with routes of its own.
type world struct {
	t      testing.TB
	gate   *fakeGate
	door   *Handler
	logged *bytes.Buffer
}

func newWorld(t testing.TB, table ...route) *world {
	w := &world{t: t, gate: &fakeGate{}, logged: &bytes.Buffer{}}
	w.door = New(Config{
		Gate: w.gate, BaseURL: func() string { return base },
		Now: func() time.Time { return time.Date(2026, 11, 21, 23, 59, 50, 0, time.UTC) },
		Log: slog.New(slog.NewTextHandler(w.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	w.door.mount(table)
	return w
}

type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// do sends a request; headers come in pairs.
func (w *world) do(method, path, body string, headers ...string) reply {
	w.t.Helper()
	r := httptest.NewRequest(method, base+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) reply {
	r = r.WithContext(wire.WithOrigin(r.Context(), wire.Origin{RequestID: requestID}))
	rec := httptest.NewRecorder()
	w.door.ServeHTTP(rec, r)
	return reply{w.t, rec.Code, rec.Header(), rec.Body.String()}
}

// at walks into the answer: keys and indexes.
func (r reply) at(path ...any) any {
	r.t.Helper()
	var v any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		r.t.Fatalf("answer %d %q: %v", r.status, r.body, err)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				r.t.Fatalf("answer %d %s has no %v", r.status, r.body, path)
			}
			v = l[p]
		}
	}
	return v
}

// want checks the status line and the word.
func (r reply) want(status int, word string) {
	r.t.Helper()
	if got := r.at("responsestatus"); r.status != status || got != word {
		r.t.Errorf("answer is %d %s, want %d %s", r.status, r.body, status, word)
	}
}

// whoami tells who the door takes the caller for.
func whoami(c *call) (any, error) {
	return struct {
		Account string `json:"account"`
		Key     string `json:"key"`
	}{string(c.who.Account), string(c.who.With)}, nil
}

func failing(err error) callFunc { return func(*call) (any, error) { return nil, err } }

func post(pattern string, n needs, do callFunc) route {
	return route{method: http.MethodPost, pattern: pattern, needs: n, call: do}
}

func classic(pattern string, n needs, do callFunc) route {
	return route{pattern: pattern, needs: n, classic: true, call: do}
}

// oneByte reads one byte at a time, as slow networks deliver.
type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return r.Reader.Read(p[:1])
}
