package s3_test

import (
	"bytes"
	"cmp"
	"context"
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
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/object"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/wire/s3"
)

const MiB = 1 << 20

// A door is the S3 door on a listener, over the real core and a real directory.
type door struct {
	t         *testing.T
	url       string
	client    *http.Client
	handler   *s3.Handler
	presigner *s3.Presigner
	model     *coretest.Model
	objects   *objects
	accounts  *account.Service
	uploads   *upload.Service
	transfers *transfer.Service
	shares    *share.Service
	key       *account.APIKey // of the account that most tests act for
	keys      *keys
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

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{t: t, model: &coretest.Model{}, objects: &objects{}, clock: &clock{}}
	ring, err := keyring.New(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open(disk.OS(), t.TempDir()+"/blobs", disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ids := id.NewSource(d.clock.now)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	d.keys = &keys{}
	d.key = d.keys.add(account.ID(ids.Key()), account.KeyID(ids.Key()))
	d.accounts = account.NewService(d.keys, nil, ids, ring, d.clock.now, 0)
	d.uploads = upload.NewService(d.model, blobs, ids, d.clock.now, upload.Limits{MaxFile: 1 << 40})
	d.transfers = transfer.NewService(d.model, d.model, d.uploads, ids, d.clock.now,
		transfer.Limits{MaxFiles: 100, MaxSize: 1 << 40, Keep: 7 * 24 * time.Hour})
	d.shares = share.NewService(d.model, blobs, d.clock.now, share.Limits{}, log)
	d.objects.shares = d.model
	base := func() string { return d.url }
	d.handler = s3.New(s3.Config{
		Accounts: d.accounts, Uploads: d.uploads, Transfers: d.transfers, Shares: d.shares, Objects: d.objects,
		Blobs: blobs, IDs: ids, Ring: ring, Now: d.clock.now, BaseURL: base, Log: log,
	})
	d.presigner = s3.NewPresigner(ring, base, d.clock.now, time.Hour)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.handler.ServeHTTP(w, r.WithContext(wire.WithOrigin(r.Context(), wire.Origin{RequestID: "REQUEST1"})))
	}))
	t.Cleanup(server.Close)
	d.url, d.client = server.URL, server.Client()
	return d
}

// otherKey gives a key of another account.
func (d *door) otherKey() *account.APIKey {
	ids := id.NewSource(d.clock.now)
	return d.keys.add(account.ID(ids.Key()), account.KeyID(ids.Key()))
}

// announce makes a transfer of one file, as WeTransfer's door does.
func (d *door) announce(size, chunk int64) *upload.File {
	d.t.Helper()
	return d.announceFor(d.key, size, chunk)
}

func (d *door) announceFor(k *account.APIKey, size, chunk int64) *upload.File {
	d.t.Helper()
	random := fmt.Sprintf("%032x", rand.Uint64())
	_, files, err := d.transfers.Create(d.t.Context(), k.Actor(nil), transfer.Draft{
		ID: share.ID(random + "20261121100000"), Code: "t-" + random[22:], Sealed: true,
		Files: []transfer.DraftFile{{
			ID: upload.ID("f" + random[1:] + "20261121100000"), Name: "film.mp4", Size: size, Chunk: chunk,
			Upload: "mp." + random,
		}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return files[0]
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
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, target, body)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := d.client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer{resp, string(text)}
}

func (d *door) partURL(f *upload.File, n int) string {
	u, _ := d.presigner.Part(f, n)
	return u
}

func (d *door) complete(f *upload.File) {
	d.t.Helper()
	if _, err := d.uploads.Complete(d.t.Context(), f, upload.CompleteOptions{}); err != nil {
		d.t.Fatal(err)
	}
}

// content reads a complete file through the door.
func (d *door) content(f *upload.File) string {
	d.t.Helper()
	u, _ := d.presigner.Get(f)
	a := d.send("GET", u, nil)
	if a.StatusCode != 200 {
		d.t.Fatalf("GET: %d %s", a.StatusCode, a.body)
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

// keys is as much of account.Store as the door needs.
type keys struct {
	account.Store
	list []*account.APIKey
}

func (k *keys) add(a account.ID, kid account.KeyID) *account.APIKey {
	key := &account.APIKey{ID: kid, Account: a}
	k.list = append(k.list, key)
	return key
}

func (k *keys) KeyByID(_ context.Context, kid account.KeyID) (*account.APIKey, error) {
	for _, key := range k.list {
		if key.ID == kid {
			return key, nil
		}
	}
	return nil, fault.New(fault.NotFound, "key_unknown", "no such key")
}

// objects is s3.Objects in memory, as simply as can be.
type objects struct {
	mu     sync.Mutex
	list   []object.Object
	shares share.Store
}

func (o *objects) index(owner account.Owner, key string) int {
	return slices.IndexFunc(o.list, func(x object.Object) bool { return x.Owner == owner && x.Key == key })
}

func (o *objects) Object(_ context.Context, owner account.Owner, key string) (*object.Object, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := o.index(owner, key)
	if i < 0 {
		return nil, object.Unknown()
	}
	x := o.list[i]
	return &x, nil
}

func (o *objects) PutObject(_ context.Context, n object.Object) (*object.Object, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := o.index(n.Owner, n.Key)
	switch {
	case i < 0:
		o.list = append(o.list, n)
		return nil, nil
	case o.list[i].File == n.File:
		return nil, nil
	case !o.list[i].GivesWay(&n):
		return &n, nil
	}
	old := o.list[i]
	o.list[i] = n
	return &old, nil
}

func (o *objects) DropObject(_ context.Context, owner account.Owner, key string) (*object.Object, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := o.index(owner, key)
	if i < 0 {
		return nil, nil
	}
	old := o.list[i]
	o.list = slices.Delete(o.list, i, i+1)
	return &old, nil
}

func (o *objects) ObjectsOf(ctx context.Context, owner account.Owner, from, to string, now time.Time, n int) ([]object.Object, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.SortFunc(o.list, func(a, b object.Object) int { return cmp.Compare(a.Key, b.Key) })
	var out []object.Object
	for _, x := range o.list {
		if x.Owner != owner || x.Key < from || to != "" && x.Key >= to || len(out) == n {
			continue
		}
		if sh, err := o.shares.ByID(ctx, x.Share); err == nil && sh.Visible(now) == nil {
			out = append(out, x)
		}
	}
	return out, nil
}
