package site_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/brand"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/journal"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/media"
	"github.com/ferry-server/ferry/internal/permit"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/report"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/site"
	"github.com/ferry-server/ferry/internal/traffic"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

const (
	week  = 7 * 24 * time.Hour
	chunk = 1 << 20
)

var sender = account.Actor{Owner: account.Owner{Account: account.Installation, Room: "room"}}

// A world is a site over a real database and a real folder, with a clock that
// stands still.
type world struct {
	t         testing.TB
	accounts  *account.Service
	sessions  *session.Service
	shares    *share.Service
	transfers *transfer.Service
	boards    *board.Service
	uploads   *upload.Service
	desk      *transfer.Desk
	ids       *id.Source
	admits    func(context.Context, account.ID) error
	blobs     blob.Store
	meter     *traffic.Meter
	db        *db.DB
	site      *site.Handler
	server    *httptest.Server
	log       bytes.Buffer

	mu   sync.Mutex
	time time.Time
	from netip.Addr // whom requests come from: see as
	made int
}

// plain is a Hasher that costs nothing.
type plain struct{}

func (plain) Hash(_ context.Context, p account.Secret) (string, error) { return string(p), nil }

func (plain) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	return text == string(p), nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, time: time.Date(2026, 11, 21, 14, 35, 17, 0, time.UTC), from: netip.MustParseAddr("192.0.2.1")}
	dir := t.TempDir()
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(dir, "ferry.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	blobs, err := disk.Open(disk.OS(), filepath.Join(dir, "blobs"), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.New(make([]byte, keyring.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	w.admits = func(context.Context, account.ID) error { return nil }
	w.ids = id.NewSource(w.now)
	ids, log := w.ids, slog.New(slog.NewTextHandler(&w.log, nil))
	w.blobs, w.db = blob.WithRows(blobs, d), d
	w.accounts = account.NewService(d, plain{}, ids, ring, w.now, 0)
	w.sessions = session.NewService(session.Config{
		Store: d, Accounts: w.accounts, Blocks: block.NewService(d, w.now), IDs: ids, Ring: ring, Now: w.now, Log: log, SignUp: true,
	})
	w.shares = share.NewService(d, blobs, w.now, share.Limits{}, log)
	w.uploads = upload.NewService(d, blobs, ids, w.now, upload.Limits{MaxFile: 1 << 30})
	w.meter = traffic.NewMeter(d, w.now, slog.New(slog.DiscardHandler))
	w.uploads.Counted = w.meter.In
	w.transfers = transfer.NewService(d, d, w.uploads, ids, w.now, transfer.Limits{MaxFiles: 10_000, Keep: week})
	w.boards = board.NewService(d, d, w.uploads, ids, w.now, board.Limits{MaxFiles: 10_000})
	w.desk = transfer.NewDesk(d, w.uploads, plain{}, ring, ids, w.now, transfer.DeskLimits{MaxFiles: 100, Quiet: week, Keep: week})
	if _, _, err := w.accounts.CreateKey(t.Context(), "", "test", 0); err != nil { // and the installation's account
		t.Fatal(err)
	}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		o := wire.Origin{RequestID: "REQUEST", Addr: w.from}
		w.mu.Unlock()
		w.site.ServeHTTP(rw, r.WithContext(wire.WithOrigin(r.Context(), o)))
	}))
	t.Cleanup(w.server.Close)
	w.site = w.siteAt(w.server.URL)
	return w
}

// siteAt makes a site with this base URL.
func (w *world) siteAt(base string) *site.Handler { return site.New(w.config(base)) }

func (w *world) siteLike(look brand.Look) *site.Handler {
	c := w.config("http://127.0.0.1")
	c.Look = look
	return site.New(c)
}

func (w *world) config(base string) site.Config {
	plans, blocks := plan.NewService(w.db), block.NewService(w.db, w.now)
	senders := &permit.Senders{
		People: &permit.People{
			Accounts: w.accounts, Sessions: w.sessions, Plans: plans, Days: 7,
			Companies: company.NewService(w.db, w.accounts, plans, blocks, w.ids, w.now),
		},
		Blocks: blocks, Now: w.now,
	}
	return site.Config{
		Viewer: media.Find(), Journal: journal.NewService(w.db, w.ids, w.now), Traffic: w.meter, Contacts: contact.NewService(w.db, w.ids), Reports: report.NewService(w.db, w.shares, w.ids, w.now), Settings: []site.Setting{
			{Group: "Storage", Name: "data", Value: "<ferry-data>"}, {Group: "Storage", Name: "secret", Value: "•••", Source: site.FromFile, Where: "ferry.toml:3"},
		},
		Shares: w.shares, Uploads: w.uploads, Boards: w.boards, Accounts: w.accounts, Sessions: w.sessions, Senders: senders, Blobs: w.blobs,
		Parcels: archive.NewPacker(w.uploads, words.English().Nameless, "Ferry"),
		Desk:    w.desk, Dead: w.db, IDs: w.ids, Admits: func(ctx context.Context, a account.ID) error { return w.admits(ctx, a) }, Misses: wire.NewMisses(w.now), Now: w.now, BaseURL: base, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

// as makes the next requests come from this address.
func (w *world) as(addr string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.from = netip.MustParseAddr(addr)
}

// A sent is a file for a test: its name, and what is in it.
type sent struct{ name, content string }

// number makes ids differ.
func (w *world) number() string {
	w.made++
	s := strconv.Itoa(w.made)
	return strings.Repeat("0", 6-len(s)) + s
}

// draft makes an open transfer of these files, in the shapes of WeTransfer's API v2.
func (w *world) draft(title, message string, files ...sent) (*transfer.Transfer, []*upload.File) {
	w.t.Helper()
	n := w.number()
	d := transfer.Draft{
		ID:   share.ID("32a6ef6003f1429be0cf1674dd" + n + "20261121143517"),
		Code: "t-Ab12" + n, Hash: "828b5e", Name: title, Message: message, Sealed: true,
	}
	for i, f := range files {
		d.Files = append(d.Files, transfer.DraftFile{
			ID:   upload.ID("c964caf6c54343f3b6e9610" + n + "a" + strconv.Itoa(i)),
			Name: f.name, Size: int64(len(f.content)), Chunk: chunk,
		})
	}
	t, made, err := w.transfers.Create(w.t.Context(), sender, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return t, made
}

// fill uploads the content of a file and completes it.
func (w *world) fill(f *upload.File, content string) {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := w.uploads.Put(ctx, upload.Put{
		Account: sender.Account, File: f.ID, Upload: f.Upload, Number: 1,
		Length: int64(len(content)), Body: strings.NewReader(content),
	})
	if err == nil {
		_, err = w.uploads.Complete(ctx, f.ID, upload.CompleteOptions{})
	}
	if err != nil {
		w.t.Error(err)
	}
}

// transfer makes one that is finished, and gives its files.
func (w *world) transfer(title, message string, files ...sent) (*transfer.Transfer, []*upload.File) {
	w.t.Helper()
	t, made := w.draft(title, message, files...)
	limit := make(chan struct{}, 32) // so that the database joins commits
	var all sync.WaitGroup
	for i, f := range made {
		limit <- struct{}{}
		all.Go(func() {
			w.fill(f, files[i].content)
			<-limit
		})
	}
	all.Wait()
	t, err := w.transfers.Finalize(w.t.Context(), sender, t.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return t, made
}

// board makes a board that lives three months after it was last seen; code is
// "b-" for one of API v2, "s-" for a transfer of API v1.
func (w *world) board(code, name string, items ...board.DraftItem) (*board.Board, []board.Item) {
	w.t.Helper()
	n := w.number()
	for i := range items {
		items[i].ID = "sq47hbnm6sumh" + n + strconv.Itoa(i)
		items[i].Chunk = chunk
	}
	b, made, err := w.boards.Create(w.t.Context(), sender, board.Draft{
		ID: share.ID("sf32t4rgzf" + n + "120261121100347"), Code: code + "Cd34" + n, Hash: "c0ffee", Name: name,
		Keep: 90 * 24 * time.Hour, Idle: code == "b-", Items: items,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b, made
}

func downloads(t *transfer.Transfer) string { return "/downloads/" + string(t.ID) + "/" + t.Hash }

// do makes a request. Headers come as "Name: value".
func (w *world) do(method, path, body string, headers ...string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(r) // follows no redirect
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// get fetches a path and wants this status; it gives the body.
func (w *world) get(path string, status int, headers ...string) string {
	w.t.Helper()
	res := w.do(http.MethodGet, path, "", headers...)
	if res.StatusCode != status {
		w.t.Errorf("GET %s: status %d, want %d", path, res.StatusCode, status)
	}
	return read(w.t, res)
}

func read(t testing.TB, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func boardFile(name string, size int64) board.DraftItem {
	return board.DraftItem{Name: name, Size: size}
}
