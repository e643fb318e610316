package s3_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/wire/s3"
)

const MiB = 1 << 20

// A door is the S3 door on a listener, over the real core and a real directory.
type door struct {
	testing.TB
	url       string
	client    *http.Client
	handler   *s3.Handler
	presigner *s3.Presigner
	db        *db.DB
	accounts  *account.Service
	uploads   *upload.Service
	transfers *transfer.Service
	shares    *share.Service
	key       *account.APIKey // of the account that most tests act for
	ids       *id.Source
	clock     *clock
}

// A clock is that of the system until it is moved.
type clock struct {
	mu    sync.Mutex
	shift time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.shift)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift += d
}

// options of a door.
type options struct {
	quota   int64 // bytes of each account; 0: no limit
	minFree int64 // bytes that parts leave on the disk
}

func newDoor(t testing.TB) *door { return newDoorWith(t, options{}) }

func newDoorWith(t testing.TB, o options) *door {
	t.Helper()
	d := &door{TB: t, clock: &clock{}}
	ring, err := keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret))
	d.must(err)
	dir := t.TempDir()
	d.db, err = db.Open(t.Context(), "sqlite:"+dir+"/ferry.db", db.Options{})
	d.must(err)
	t.Cleanup(func() { d.must(d.db.Close()) })
	files, err := disk.Open(disk.OS(), dir+"/blobs", disk.Options{})
	d.must(err)
	blobs := blob.WithRows(files, d.db)
	d.ids = id.NewSource(d.clock.now)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	d.accounts = account.NewService(d.db, nil, d.ids, ring, d.clock.now, 0)
	d.uploads = upload.NewService(d.db, blobs, d.ids, d.clock.now, upload.Limits{MaxFile: 1 << 40, MinFree: o.minFree})
	d.transfers = transfer.NewService(d.db, d.db, d.uploads, d.ids, d.clock.now,
		transfer.Limits{MaxFiles: 100, MaxSize: 1 << 40, Keep: 7 * 24 * time.Hour})
	d.shares = share.NewService(d.db, blobs, d.clock.now, share.Limits{}, log)
	base := func() string { return d.url }
	d.handler = s3.New(s3.Config{
		Accounts: d.accounts, Uploads: d.uploads, Transfers: d.transfers, Shares: d.shares, Objects: d.db,
		Blobs: blobs, IDs: d.ids, Ring: ring, Now: d.clock.now, BaseURL: base, Log: log,
	})
	d.presigner = s3.NewPresigner(ring, base, d.clock.now, time.Hour)
	d.key = d.newKey(o.quota)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.handler.ServeHTTP(w, r.WithContext(wire.WithOrigin(r.Context(), wire.Origin{RequestID: "REQUEST1"})))
	}))
	t.Cleanup(server.Close)
	d.url, d.client = server.URL, server.Client()
	return d
}

func (d *door) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// newKey gives a key of an account of its own.
func (d *door) newKey(quota int64) *account.APIKey {
	d.Helper()
	a := &account.Account{ID: account.ID(d.ids.Key()), Quota: quota, CreatedAt: d.clock.now()}
	a.Email = string(a.ID) + "@example.com"
	d.must(d.db.CreateAccount(d.Context(), a))
	k := &account.APIKey{ID: account.KeyID(d.ids.Key()), Account: a.ID, CreatedAt: d.clock.now()}
	copy(k.Hash[:], k.ID)
	d.must(d.db.CreateKey(d.Context(), k))
	return k
}

// used gives how much of its quota the account of the key has reserved.
func (d *door) used() int64 {
	d.Helper()
	a, err := d.db.AccountByEmail(d.Context(), string(d.key.Account)+"@example.com")
	d.must(err)
	return a.Used
}

// announce makes a transfer of one file, as WeTransfer's door does.
func (d *door) announce(size, chunk int64) *upload.File {
	d.Helper()
	return d.announceFor(d.key, size, chunk)
}

func (d *door) announceFor(k *account.APIKey, size, chunk int64) *upload.File {
	d.Helper()
	return d.announceAll(k, transfer.DraftFile{Size: size, Chunk: chunk})[0]
}

// announceSeveral makes a transfer of n files of five bytes.
func (d *door) announceSeveral(n int) []*upload.File {
	d.Helper()
	return d.announceAll(d.key, slices.Repeat([]transfer.DraftFile{{Size: 5, Chunk: 5}}, n)...)
}

func (d *door) announceAll(k *account.APIKey, files ...transfer.DraftFile) []*upload.File {
	d.Helper()
	for i := range files {
		files[i].ID, files[i].Upload = upload.ID(d.ids.Text(id.Hex, 46)), "mp."+d.ids.Text(id.Lower, 20)
		files[i].Name = fmt.Sprintf("film%d.mp4", i)
	}
	_, made, err := d.transfers.Create(d.Context(), k.Actor(nil), transfer.Draft{
		ID: share.ID(d.ids.Text(id.Hex, 46)), Code: "t-" + d.ids.Text(id.Base62, 10), Sealed: true, Files: files,
	})
	d.must(err)
	return made
}

func key(f *upload.File) string { return string(f.Home.Owner.Account) + "/" + string(f.ID) }

// An answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// code gives the code of an answer that is an error in S3's XML.
func (a answer) code(t *testing.T) string {
	t.Helper()
	var e struct {
		XMLName                            xml.Name `xml:"Error"`
		Code, Message, Resource, RequestId string
	}
	if err := xml.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatalf("status %d, body %q is no XML error: %v", a.StatusCode, a.body, err)
	}
	if ct := a.Header.Get("Content-Type"); ct != "application/xml" {
		t.Errorf("Content-Type of an error is %q", ct)
	}
	if e.RequestId == "" || e.Message == "" || !strings.HasPrefix(e.Resource, "/") {
		t.Errorf("error lacks something: %s", a.body)
	}
	return fmt.Sprintf("%d %s", a.StatusCode, e.Code)
}

// send sends a request as it is, with headers given as "Name: value".
func (d *door) send(method, target string, body io.Reader, headers ...string) answer {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), method, target, body)
	if err != nil {
		d.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := d.client.Do(r)
	if err != nil {
		d.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Fatal(err)
	}
	return answer{resp, string(text)}
}

func (d *door) partURL(f *upload.File, n int) string {
	u, _ := d.presigner.Part(f, n)
	return u
}

func (d *door) complete(f *upload.File) {
	d.Helper()
	if _, err := d.uploads.Complete(d.Context(), f.ID, upload.CompleteOptions{}); err != nil {
		d.Fatal(err)
	}
}

// content reads a complete file through the door.
func (d *door) content(f *upload.File) string {
	d.Helper()
	u, _ := d.presigner.Get(f)
	a := d.send("GET", u, nil)
	if a.StatusCode != 200 {
		d.Fatalf("GET: %d %s", a.StatusCode, a.body)
	}
	return a.body
}

// with gives the URL with its query changed.
func with(t *testing.T, raw string, change func(url.Values)) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	change(q)
	u.RawQuery = q.Encode()
	return u.String()
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	_, _ = r.Read(b)
	return b
}
