package wetransfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/sigv4"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

const (
	base = "https://ferry.test"
	docs = "https://ferry.test/docs"
	see  = ". See " + docs
)

// A world is the door over the real core, a model of the database, and a disk.
type world struct {
	t      testing.TB
	now    time.Time
	model  *coretest.Model
	keys   *keyStore
	core   Config // as the door has it
	door   *Handler
	logged *bytes.Buffer
	apiKey string
	token  string // of apiKey, without identifier
}

var signer = sigv4.Signer{AccessKey: "FERRYTEST", Secret: "a secret of the tests", Region: "us-east-1"}

func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 11, 21, 14, 35, 17, 0, time.UTC),
		model: &coretest.Model{}, keys: &keyStore{}, logged: &bytes.Buffer{},
	}
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
	uploads := upload.NewService(w.model, blobs, ids, now, upload.Limits{MaxFile: 1 << 30})
	const maxSize, maxFiles = 2147483648, 100
	w.core = Config{
		Accounts: account.NewService(w.keys, nil, ids, ring, now, 0),
		Transfers: transfer.NewService(w.model, w.model, uploads, ids, now,
			transfer.Limits{MaxSize: maxSize, MaxFiles: maxFiles, Keep: 7 * 24 * time.Hour}),
		Boards: board.NewService(w.model, w.model, uploads, ids, now, board.Limits{MaxSize: maxSize, MaxFiles: maxFiles}),
		Shares: share.NewService(w.model, blobs, now, share.Limits{Memory: 24 * time.Hour}, log), Uploads: uploads,
		Ring: ring, IDs: ids, Now: now, BaseURL: func() string { return base }, DocsURL: docs, Log: log,
		Signer: signer, UploadLife: time.Hour, TokenLife: 365 * 24 * time.Hour,
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
	keys, err := w.model.Due(context.Background(), far, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []*share.Share
	for _, k := range keys {
		s, err := w.model.Update(context.Background(), k, func(*share.Share) ([]job.Job, error) { return nil, nil })
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// put sends a part to a presigned URL, as the S3 door takes it.
func (w *world) put(link string, body []byte) error {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPut, link, bytes.NewReader(body))
	signed, err := sigv4.Verifier{MaxExpires: time.Hour}.Verify(r, func(context.Context, string) (sigv4.Secret, error) {
		return signer.Secret, nil
	}, w.now)
	if err != nil {
		w.t.Fatalf("presigned URL %s: %v", link, err)
	}
	if !signed.Presigned {
		w.t.Fatalf("%s is not presigned", link)
	}
	segments := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if len(segments) != 4 || segments[0] != "s3" || segments[1] != "ferry" {
		w.t.Fatalf("presigned URL %s", link)
	}
	n, err := strconv.Atoi(r.URL.Query().Get("partNumber"))
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.core.Uploads.Put(context.Background(), upload.Put{
		Account: account.ID(segments[2]), File: upload.ID(segments[3]), Upload: r.URL.Query().Get("uploadId"),
		Number: n, Length: int64(len(body)), Body: io.NopCloser(r.Body),
	})
	return err
}

func (w *world) mustPut(link string, body []byte) {
	w.t.Helper()
	if err := w.put(link, body); err != nil {
		w.t.Fatal(err)
	}
}

// A keyStore keeps keys and counts their calls. The rest of account.Store is not
// asked for.
type keyStore struct {
	account.Store
	mu    sync.Mutex
	byID  map[account.KeyID]*account.APIKey
	calls map[account.KeyID]int
}

func (s *keyStore) EnsureAccount(context.Context, *account.Account) error { return nil }

func (s *keyStore) CreateKey(_ context.Context, k *account.APIKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID, s.calls = map[account.KeyID]*account.APIKey{}, map[account.KeyID]int{}
	}
	s.byID[k.ID] = k
	return nil
}

func (s *keyStore) KeyByHash(_ context.Context, hash [sha256.Size]byte) (*account.APIKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.byID {
		if k.Hash == hash {
			return k, nil
		}
	}
	return nil, fault.New(fault.NotFound, "key_unknown", "no such key")
}

func (s *keyStore) CountCall(_ context.Context, id account.KeyID, _ int64, limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[id] >= limit {
		return fault.New(fault.Throttled, "daily_limit", "the day's calls are used up")
	}
	s.calls[id]++
	return nil
}
