package wetransfer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

const (
	base = "https://ferry.test"
	docs = "https://ferry.test/docs"
	see  = ". See " + docs
)

// stores is what the core stands on.
type stores interface {
	account.Store
	transfer.Store
	board.Store
	share.Store
	upload.Store
}

// A world is the door over the real core, a database and a disk.
type world struct {
	t      testing.TB
	now    time.Time
	store  stores
	core   Config // as the door has it
	door   *Handler
	logged *bytes.Buffer
	apiKey string
	token  string // of apiKey, without identifier
}

func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	d, err := db.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return newWorldOn(t, d, change...)
}

func newWorldOn(t testing.TB, s stores, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 21, 14, 35, 17, 0, time.UTC), store: s, logged: &bytes.Buffer{}}
	now := func() time.Time { return w.now }
	blobs, err := disk.Open(disk.OS(), t.TempDir(), disk.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.New([]byte(strings.Repeat("k", keyring.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.logged, nil))
	ids := id.NewSource(now)
	uploads := upload.NewService(s, blobs, ids, now, upload.Limits{MaxFile: 1 << 30})
	const maxSize, maxFiles = 2147483648, 100
	w.core = Config{
		Accounts: account.NewService(s, nil, ids, ring, now, 0),
		Transfers: transfer.NewService(s, s, uploads, ids, now,
			transfer.Limits{MaxSize: maxSize, MaxFiles: maxFiles, Keep: 7 * 24 * time.Hour}),
		Boards: board.NewService(s, s, uploads, ids, now, board.Limits{MaxSize: maxSize, MaxFiles: maxFiles}),
		Shares: share.NewService(s, blobs, now, share.Limits{Memory: 24 * time.Hour}, log), Uploads: uploads,
		Ring: ring, IDs: ids, Now: now, BaseURL: func() string { return base }, DocsURL: docs, Log: log,
		PresignPart: w.presign, TokenLife: 365 * 24 * time.Hour,
		TransferKeep: 7 * 24 * time.Hour, BoardKeep: 90 * 24 * time.Hour, MaxFiles: maxFiles,
	}
	for _, c := range change {
		c(&w.core)
	}
	w.door = New(w.core)
	w.apiKey = w.newKey(0)
	w.token = w.authorize(w.apiKey, "")
	return w
}

func (w *world) newKey(dailyLimit int) string {
	w.t.Helper()
	k, _, err := w.core.Accounts.CreateKey(context.Background(), "", "test", dailyLimit)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(k)
}

// A call is a request as clients send it. Its zero values are filled in: the
// world's key and token, JSON if there is a body.
type call struct {
	method, path string
	body         string
	key, token   string // "-" sends none
	contentType  string // "-" sends none
	accept       string
	chunked      bool
}

type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

func (w *world) do(c call) reply {
	w.t.Helper()
	w.now = w.now.Add(time.Millisecond) // things made together have no order
	r := httptest.NewRequest(c.method, base+c.path, strings.NewReader(c.body))
	if c.chunked {
		r.ContentLength = -1
	}
	set := func(name, value, without string) {
		if value == "" {
			value = without
		}
		if value != "" && value != "-" {
			r.Header.Set(name, value)
		}
	}
	set("x-api-key", c.key, w.apiKey)
	token := c.token
	if token == "" {
		token = w.token
	}
	if token != "-" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if c.body != "" {
		set("Content-Type", c.contentType, "application/json")
	}
	set("Accept", c.accept, "")
	return w.send(r)
}

func (w *world) send(r *http.Request) reply {
	rec := httptest.NewRecorder()
	w.door.ServeHTTP(rec, r)
	return reply{w.t, rec.Code, rec.Header(), rec.Body.String()}
}

// call is do for calls that must succeed; it gives the answer's JSON.
func (w *world) call(status int, method, path, body string) reply {
	w.t.Helper()
	got := w.do(call{method: method, path: path, body: body})
	if got.status != status {
		w.t.Fatalf("%s %s: %d %s, want %d", method, path, got.status, got.body, status)
	}
	if ct := got.header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
		w.t.Errorf("%s %s: Content-Type %q", method, path, ct)
	}
	return got
}

func (w *world) authorize(key, identifier string) string {
	w.t.Helper()
	body := "{}"
	if identifier != "" {
		body = `{"user_identifier":` + strconv.Quote(identifier) + `}`
	}
	return w.do(call{method: "POST", path: "/v2/authorize", key: key, token: "-", body: body}).str("token")
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

func (r reply) str(path ...any) string {
	r.t.Helper()
	s, ok := r.at(path...).(string)
	if !ok {
		r.t.Fatalf("answer %d %s has no string at %v", r.status, r.body, path)
	}
	return s
}

// stored gives the shares of the database.
func (w *world) stored() []*share.Share {
	w.t.Helper()
	far := w.now.Add(10 * 365 * 24 * time.Hour)
	keys, err := w.store.Due(context.Background(), far, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []*share.Share
	for _, k := range keys {
		s, err := w.store.Update(context.Background(), k, func(*share.Share) ([]job.Job, error) { return nil, nil })
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// presign stands for the S3 door's URLs.
func (w *world) presign(f *upload.File, n int) (string, time.Time) {
	return fmt.Sprintf("%s/s3/ferry/%s/%s?partNumber=%d&uploadId=%s", base, f.Home.Owner.Account, f.ID, n, f.Upload), w.now.Add(time.Hour)
}

// put sends a part to an upload URL, as the S3 door takes it.
func (w *world) put(link string, body []byte) error {
	w.t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		w.t.Fatal(err)
	}
	segments := strings.Split(u.Path, "/")
	n, err := strconv.Atoi(u.Query().Get("partNumber"))
	if err != nil || len(segments) != 5 {
		w.t.Fatalf("upload URL %s", link)
	}
	_, err = w.core.Uploads.Put(context.Background(), upload.Put{
		Account: account.ID(segments[3]), File: upload.ID(segments[4]), Upload: u.Query().Get("uploadId"),
		Number: n, Length: int64(len(body)), Body: bytes.NewReader(body),
	})
	return err
}

func (w *world) mustPut(link string, body []byte) {
	w.t.Helper()
	if err := w.put(link, body); err != nil {
		w.t.Fatal(err)
	}
}
