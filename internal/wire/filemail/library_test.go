package filemail

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/permit"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	core "github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// A library is a door over a real desk with transfers in it. Ada has the key, Bob
// the token; cleo administers the company of Bob and dora.
type library struct {
	*world
	db      *db.DB
	desk    *transfer.Desk
	uploads *core.Service
	ids     *id.Source
	clock   time.Time
	from    string // address of the client
	closed  account.ID
	readers map[account.ID]permit.Reader
	tokens  map[account.Secret]account.ID
}

// Reader and Admits make it a Readers: what closed has sent is for its people alone.
func (l *library) Reader(_ context.Context, who account.ID) (permit.Reader, error) {
	return l.readers[who], nil
}

func (l *library) Admits(_ context.Context, sender, who account.ID) (bool, error) {
	switch {
	case sender != l.closed, who == "dora":
		return who == "dora", nil
	case who == "":
		return false, fault.New(fault.Unauthenticated, "own_people_sign_in", "sign in")
	}
	return false, fault.New(fault.Forbidden, "own_people_only", "not for you")
}

// Key and Token make it a Gate.
func (l *library) Key(_ context.Context, key account.Secret, _ account.Scope) (account.Actor, error) {
	return l.Token(context.Background(), key)
}

func (l *library) Token(_ context.Context, token account.Secret) (account.Actor, error) {
	if who, known := l.tokens[token]; known {
		return account.Actor{Owner: account.Owner{Account: who}}, nil
	}
	return account.Actor{}, fault.New(fault.Unauthenticated, "key_unknown", "")
}

type plainHash struct{}

func (plainHash) Hash(_ context.Context, p account.Secret) (string, error) {
	return "of " + string(p), nil
}

func (plainHash) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	return text == "of "+string(p), nil
}

func newLibrary(t testing.TB) *library {
	t.Helper()
	d, err := db.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	l := &library{
		world: &world{t: t, logged: &bytes.Buffer{}}, db: d, clock: time.Date(2026, 11, 21, 14, 35, 17, 0, time.UTC), from: "192.0.2.7",
		readers: map[account.ID]permit.Reader{
			"ada": {Address: "ada@ferry.test"}, "bob": {Address: "bob@acme.test"}, "dora": {Address: "dora@acme.test"},
			"cleo": {Address: "cleo@acme.test", Team: &permit.Team{
				Accounts: []account.ID{"bob", "cleo", "dora"}, Addresses: []string{"bob@acme.test", "cleo@acme.test", "dora@acme.test"},
			}},
			"eve": {}, // has not shown that her address is hers
		},
		tokens: map[account.Secret]account.ID{},
	}
	now := func() time.Time { return l.clock }
	for who := range l.readers {
		l.tokens[account.Secret("key of "+who)] = who
		if err := d.EnsureAccount(context.Background(), &account.Account{ID: who, CreatedAt: l.clock}); err != nil {
			t.Fatal(err)
		}
	}
	files, err := disk.Open(disk.OS(), t.TempDir(), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.New([]byte(strings.Repeat("k", keyring.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	l.ids = id.NewSource(now)
	bytes := blob.WithRows(files, d)
	l.uploads = core.NewService(d, bytes, l.ids, now, core.Limits{MaxFile: 1 << 30})
	l.desk = transfer.NewDesk(d, l.uploads, plainHash{}, ring, l.ids, now, transfer.DeskLimits{
		MaxFiles: 100, Quiet: 7 * 24 * time.Hour, Keep: 24 * time.Hour,
	})
	l.door = New(Config{
		Gate: l, Readers: l, Desk: l.desk, Uploads: l.uploads, Blobs: bytes, Parcels: archive.NewPacker(l.uploads, "file", "Ferry"),
		Ring: ring, Misses: wire.NewMisses(now), SkipReg: true,
		Now: now, BaseURL: func() string { return base }, Log: slog.New(slog.NewTextHandler(l.logged, nil)),
	})
	return l
}

// open makes a transfer of Ada's, unless the form says otherwise, that takes files.
func (l *library) open(who account.ID, f transfer.Form, files ...string) *transfer.Transfer {
	l.t.Helper()
	l.clock = l.clock.Add(time.Second) // lists have an order
	ctx := l.t.Context()
	if f.ID = share.ID(l.ids.Text("abcdefghijklmnopqrstuvwxyz", 15)); f.Subject == "" {
		f.Subject = "Plans"
	}
	if f.Sender == "" {
		f.Sender = l.readers[who].Address
	}
	t, err := l.desk.HandIn(ctx, account.Owner{Account: who}, f, transfer.Rules{MaxRecipients: 10, DefaultDays: 30, Forever: true})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, text := range files {
		name, content, _ := strings.Cut(text, "=")
		file, err := l.desk.OpenFile(ctx, t.ID, l.desk.Key(t), transfer.FileForm{
			ID: core.ID(l.ids.Text(id.Hex, 32)), Name: name, Size: int64(len(content)),
		})
		if err != nil {
			l.t.Fatal(err)
		}
		_, err = l.uploads.Put(ctx, core.Put{
			Account: who, File: file.ID, Number: 1, Length: int64(len(content)), Body: strings.NewReader(content),
		})
		if err != nil {
			l.t.Fatal(err)
		}
	}
	return t
}

// send makes a transfer that is complete.
func (l *library) send(who account.ID, f transfer.Form, files ...string) *transfer.Transfer {
	l.t.Helper()
	t := l.open(who, f, files...)
	t, err := l.desk.Complete(l.t.Context(), t.ID, l.desk.Key(t))
	if err != nil {
		l.t.Fatal(err)
	}
	return t
}

// link gives a recipient of a transfer.
func (l *library) link(t *transfer.Transfer, address string) *transfer.Recipient {
	l.t.Helper()
	all, err := l.desk.Recipients(l.t.Context(), t, 100)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, r := range all {
		if r.Address == address {
			return r
		}
	}
	l.t.Fatalf("%s is no recipient", address)
	return nil
}

// read makes a call of 2.0 as who, "" for Filemail's own app and nobody.
func (l *library) read(who account.ID, method, path, body string) reply {
	l.t.Helper()
	headers := []string{"Source", "web"}
	if who != "" {
		headers = []string{"X-Api-Key", "key of " + string(who)}
	}
	if body != "" {
		headers = append(headers, "Content-Type", "application/json")
	}
	return l.do(method, path, body, headers...)
}

// fetch downloads an address that the door gave. Headers come in pairs.
func (l *library) fetch(method, address string, headers ...string) reply {
	l.t.Helper()
	path, ours := strings.CutPrefix(address, base)
	if !ours {
		l.t.Fatalf("%q is no address of ours", address)
	}
	r := httptest.NewRequest(method, base+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return l.sendFrom(r)
}

// sendFrom is send for a client with an address.
func (l *library) sendFrom(r *http.Request) reply {
	r = r.WithContext(wire.WithOrigin(r.Context(), wire.Origin{RequestID: requestID, Addr: netip.MustParseAddr(l.from)}))
	rec := httptest.NewRecorder()
	l.door.ServeHTTP(rec, r)
	return reply{l.t, rec.Code, rec.Header(), rec.Body.String()}
}

// do shadows world's, so that each call has an address.
func (l *library) do(method, path, body string, headers ...string) reply {
	l.t.Helper()
	r := httptest.NewRequest(method, base+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return l.sendFrom(r)
}

// textAt is at for a text.
func (r reply) textAt(path ...any) string {
	r.t.Helper()
	s, is := r.at(path...).(string)
	if !is {
		r.t.Fatalf("there is no text at %v of %s", path, r.body)
	}
	return s
}
