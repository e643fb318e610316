package tus_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/permit"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/wire/tus"
)

// A door is the door on a listener, over the real core and a real directory.
type door struct {
	testing.TB
	url       string
	client    *http.Client
	handler   *tus.Handler
	db        *db.DB
	blobs     blob.Store
	accounts  *account.Service
	uploads   *upload.Service
	transfers *transfer.Service
	desk      *transfer.Desk
	sessions  *session.Service
	ids       *id.Source
	now       time.Time
	owner     account.ID
	key       string
}

func newDoor(t testing.TB) *door {
	t.Helper()
	d := &door{TB: t, now: time.Now()}
	now := func() time.Time { return d.now }
	ring, err := keyring.New(bytes.Repeat([]byte("k"), keyring.MinSecret))
	d.must(err)
	dir := t.TempDir()
	d.db, err = db.Open(t.Context(), "sqlite:"+dir+"/ferry.db", db.Options{})
	d.must(err)
	t.Cleanup(func() { d.must(d.db.Close()) })
	files, err := disk.Open(disk.OS(), dir+"/blobs", disk.Options{})
	d.must(err)
	d.blobs = blob.WithRows(files, d.db)
	d.ids = id.NewSource(now)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	d.accounts = account.NewService(d.db, plain{}, d.ids, ring, now, 0)
	d.uploads = upload.NewService(d.db, d.blobs, d.ids, now, upload.Limits{MaxFile: 1 << 40})
	d.transfers = transfer.NewService(d.db, d.db, d.uploads, d.ids, now,
		transfer.Limits{MaxFiles: 100, MaxSize: 1 << 40, Keep: 7 * 24 * time.Hour})
	d.desk = transfer.NewDesk(d.db, d.uploads, plain{}, ring, d.ids, now,
		transfer.DeskLimits{MaxFiles: 100, Quiet: 7 * 24 * time.Hour, Keep: 7 * 24 * time.Hour})
	d.sessions = session.NewService(session.Config{
		Store: d.db, Accounts: d.accounts, Blocks: block.NewService(d.db, now), IDs: d.ids, Ring: ring, Now: now, Log: log,
	})
	d.handler = tus.New(tus.Config{
		People: &permit.People{Accounts: d.accounts, Sessions: d.sessions}, Desk: d.desk,
		Uploads: d.uploads, Transfers: d.transfers, Shares: share.NewService(d.db, d.blobs, now, share.Limits{}, log),
		Misses: wire.NewMisses(now), IDs: d.ids, Now: now, BaseURL: func() string { return d.url }, MaxSize: 1 << 30, Log: log,
	})
	d.owner, d.key = d.person()
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

// person makes an account and gives a key of it.
func (d *door) person() (account.ID, string) {
	d.Helper()
	a := &account.Account{ID: account.ID(d.ids.Key()), Verified: true, CreatedAt: d.now}
	a.Email = string(a.ID) + "@example.com"
	d.must(d.db.CreateAccount(d.Context(), a))
	secret, _, err := d.accounts.CreateKeyFor(d.Context(), a.ID, account.NewKey{Name: "k"})
	d.must(err)
	return a.ID, string(secret)
}

// header is names and values in turn.
type header []string

// An answer is what came back.
type answer struct {
	*http.Response
	body string
}

// send makes a request; one for tus unless the header says otherwise.
func (d *door) send(method, path string, h header, body io.Reader) answer {
	d.Helper()
	if !strings.HasPrefix(path, "http") {
		path = d.url + path
	}
	req, err := http.NewRequestWithContext(d.Context(), method, path, body)
	d.must(err)
	req.Header.Set("X-Api-Key", d.key)
	req.Header.Set("Tus-Resumable", "1.0.0")
	for i := 0; i < len(h); i += 2 {
		if h[i+1] == "" {
			req.Header.Del(h[i])
		} else {
			req.Header.Set(h[i], h[i+1])
		}
	}
	resp, err := d.client.Do(req)
	d.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	d.must(err)
	return answer{resp, string(text)}
}

func (a answer) want(t testing.TB, status int, h ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	for i := 0; i < len(h); i += 2 {
		if got := a.Header.Get(h[i]); got != h[i+1] {
			t.Errorf("%s is %q, want %q", h[i], got, h[i+1])
		}
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

const appendType = "application/offset+octet-stream"

func (d *door) patch(at string, offset int, body []byte, more ...string) answer {
	d.Helper()
	return d.send("PATCH", at, append(header{"Content-Type", appendType, "Upload-Offset", strconv.Itoa(offset)}, more...), bytes.NewReader(body))
}

// holds compares a file with what was sent.
func (d *door) holds(at string, want []byte) *upload.File {
	d.Helper()
	f, err := d.uploads.File(d.Context(), d.owner, upload.ID(at[strings.LastIndexByte(at, '/')+1:]))
	d.must(err)
	c, err := d.uploads.Content(d.Context(), f)
	d.must(err)
	var got bytes.Buffer
	_, err = blob.Copy(d.Context(), &got, d.blobs, c, 0, c.Size())
	d.must(err)
	if !bytes.Equal(got.Bytes(), want) {
		d.Errorf("%d other bytes than the %d that were sent", got.Len(), len(want))
	}
	if f.Home.State != share.Ready {
		d.Error("its transfer is not ready")
	}
	return f
}

func TestOptions(t *testing.T) {
	d := newDoor(t)
	d.send("OPTIONS", "/files", header{"X-Api-Key", "", "Tus-Resumable", ""}, nil).want(t, 204,
		"Tus-Resumable", "1.0.0", "Tus-Version", "1.0.0", "Tus-Max-Size", "1073741824",
		"Tus-Checksum-Algorithm", "crc32,md5,sha1,sha256", "Access-Control-Allow-Origin", "*")
}

// A tus upload: begun, cut, asked for, gone on with, whole.
func TestTus(t *testing.T) {
	d := newDoor(t)
	data := pattern(40_000_000)
	name := base64.StdEncoding.EncodeToString([]byte(`..\Ferien/am Meer ✈.jpg`))
	a := d.send("POST", "/files", header{"Upload-Length", "40000000", "Upload-Metadata", "filename " + name + ",is_confidential"}, nil)
	a.want(t, 201, "Tus-Resumable", "1.0.0", "Upload-Offset", "0")
	at, link := a.Header.Get("Location"), a.Header.Get("Ferry-Link")
	if !strings.HasPrefix(at, d.url+"/files/") || !strings.HasPrefix(link, d.url+"/t-") || a.Header.Get("Upload-Expires") == "" {
		t.Errorf("header %v", a.Header)
	}
	d.send("HEAD", at, nil, nil).want(t, 200, "Upload-Offset", "0", "Upload-Length", "40000000", "Cache-Control", "no-store")
	d.patch(at, 0, data[:1_000_001]).want(t, 204, "Upload-Offset", "1000001")

	// One that breaks in the middle.
	req, err := http.NewRequestWithContext(t.Context(), "PATCH", at, io.MultiReader(bytes.NewReader(data[1_000_001:30_000_000]), broken{}))
	d.must(err)
	req.ContentLength = int64(len(data) - 1_000_001)
	for name, value := range map[string]string{"X-Api-Key": d.key, "Tus-Resumable": "1.0.0", "Content-Type": appendType, "Upload-Offset": "1000001"} {
		req.Header.Set(name, value)
	}
	if _, err := d.client.Do(req); err == nil {
		t.Fatal("the broken request was answered")
	}
	got := d.send("HEAD", at, nil, nil)
	offset, err := strconv.Atoi(got.Header.Get("Upload-Offset"))
	d.must(err)
	if offset <= 1_000_001 || offset > 30_000_000 {
		t.Fatalf("offset %d", offset)
	}
	d.patch(at, 1_000_001, data[1_000_001:]).want(t, 409, "Upload-Offset", strconv.Itoa(offset))
	d.patch(at, offset, data[offset:]).want(t, 204, "Upload-Offset", "40000000", "Upload-Complete", "?1", "Ferry-Link", link)
	if f := d.holds(at, data); f.Name != "am Meer ✈.jpg" {
		t.Errorf("its name is %q", f.Name)
	}
	d.send("HEAD", at, nil, nil).want(t, 200, "Upload-Offset", "40000000", "Upload-Expires", "")
	d.patch(at, 40_000_000, nil).want(t, 409)
	d.send("DELETE", at, nil, nil).want(t, 204)
	d.send("HEAD", at, nil, nil).want(t, 410)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestTusCreation(t *testing.T) {
	d := newDoor(t)
	for _, tt := range []struct {
		name   string
		header header
		body   string
		status int
		want   header
	}{
		{"with all of it", header{"Upload-Length", "5", "Content-Type", appendType}, "hello", 201, header{"Upload-Offset", "5", "Upload-Complete", "?1"}},
		{"with some of it", header{"Upload-Length", "9", "Content-Type", appendType}, "hello", 201, header{"Upload-Offset", "5", "Upload-Complete", "?0"}},
		{"with too much of it", header{"Upload-Length", "4", "Content-Type", appendType}, "hello", 201, header{"Upload-Offset", "0"}},
		{"empty", header{"Upload-Length", "0"}, "", 201, header{"Upload-Offset", "0", "Upload-Complete", "?1"}},
		{"of a length that is said later", header{"Upload-Defer-Length", "1"}, "", 201, header{"Upload-Offset", "0", "Upload-Length", ""}},
		{"a body that is none of it", header{"Upload-Length", "5", "Content-Type", "text/plain"}, "hello", 201, header{"Upload-Offset", "0"}},
		{"without a length", nil, "", 400, nil},
		{"with two lengths", header{"Upload-Length", "5", "Upload-Defer-Length", "1"}, "", 400, nil},
		{"with a strange length", header{"Upload-Length", "+5"}, "", 400, nil},
		{"with less than nothing", header{"Upload-Length", "-1"}, "", 400, nil},
		{"of 2^63 bytes", header{"Upload-Length", "9223372036854775808"}, "", 400, nil},
		{"too large", header{"Upload-Length", "1073741825"}, "", 413, nil},
		{"of another version", header{"Upload-Length", "5", "Tus-Resumable", "0.2.2"}, "", 412, header{"Tus-Version", "1.0.0"}},
		{"with metadata that is none", header{"Upload-Length", "5", "Upload-Metadata", "filename ***"}, "", 400, nil},
		{"with one key twice", header{"Upload-Length", "5", "Upload-Metadata", "a YQ==,a YQ=="}, "", 400, nil},
		{"by nobody", header{"Upload-Length", "5", "X-Api-Key", ""}, "", 401, header{"WWW-Authenticate", `Bearer realm="ferry"`}},
		{"by a key that is none", header{"Upload-Length", "5", "X-Api-Key", "x"}, "", 401, nil},
		{"as a bearer", header{"Upload-Length", "5", "X-Api-Key", "", "Authorization", "bearer " + d.key}, "", 201, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var body io.Reader
			if tt.body != "" {
				body = strings.NewReader(tt.body)
			}
			d.send("POST", "/files", tt.header, body).want(t, tt.status, tt.want...)
		})
	}
	d.send("PUT", "/files", nil, nil).want(t, 405)
	d.send("PUT", "/files/a.txt", header{"Tus-Resumable", ""}, strings.NewReader("hello")).want(t, 201, "Upload-Complete", "?1")
	d.send("GET", "/files/x", nil, nil).want(t, 405)
	d.send("HEAD", "/files/x/y", nil, nil).want(t, 404)
}

func TestTusPatch(t *testing.T) {
	d := newDoor(t)
	sum := sha1.Sum([]byte("hello"))
	right, other := base64.StdEncoding.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(make([]byte, 20))
	_, stranger := d.person()
	for _, tt := range []struct {
		name   string
		header header
		status int
		offset string
	}{
		{"as it should be", nil, 204, "5"},
		{"behind the end", header{"Upload-Offset", "1"}, 409, "0"},
		{"without an offset", header{"Upload-Offset", ""}, 400, "0"},
		{"with a strange offset", header{"Upload-Offset", "1e3"}, 400, "0"},
		{"of another type", header{"Content-Type", "application/octet-stream"}, 415, "0"},
		{"with its checksum", header{"Upload-Checksum", "sha1 " + right}, 204, "5"},
		{"with another's checksum", header{"Upload-Checksum", "sha1 " + other}, 460, "0"},
		{"with a checksum nobody knows", header{"Upload-Checksum", "rot13 " + right}, 400, "0"},
		{"with a checksum that is none", header{"Upload-Checksum", "sha1 x"}, 400, "0"},
		{"of another size", header{"Upload-Length", "11"}, 400, "0"},
		{"by a stranger", header{"X-Api-Key", stranger}, 404, "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := d.send("POST", "/files", header{"Upload-Length", "10"}, nil).Header.Get("Location")
			d.patch(at, 0, []byte("hello"), tt.header...).want(t, tt.status)
			d.send("HEAD", at, nil, nil).want(t, 200, "Upload-Offset", tt.offset)
		})
	}
	t.Run("more than fits", func(t *testing.T) {
		at := d.send("POST", "/files", header{"Upload-Length", "4"}, nil).Header.Get("Location")
		d.patch(at, 0, []byte("hello")).want(t, 413)
	})
	t.Run("by another method", func(t *testing.T) {
		at := d.send("POST", "/files", header{"Upload-Length", "5"}, nil).Header.Get("Location")
		d.send("POST", at, header{"X-HTTP-Method-Override", "PATCH", "Content-Type", appendType, "Upload-Offset", "0"}, strings.NewReader("hello")).
			want(t, 204, "Upload-Complete", "?1")
		d.holds(at, []byte("hello"))
	})
	t.Run("of a length that is said later", func(t *testing.T) {
		at := d.send("POST", "/files", header{"Upload-Defer-Length", "1"}, nil).Header.Get("Location")
		d.patch(at, 0, []byte("hel")).want(t, 204, "Upload-Offset", "3")
		d.send("HEAD", at, nil, nil).want(t, 200, "Upload-Defer-Length", "1")
		d.patch(at, 3, []byte("l"), "Upload-Length", "5").want(t, 204, "Upload-Length", "5", "Upload-Complete", "?0")
		d.patch(at, 4, []byte("o")).want(t, 204, "Upload-Complete", "?1")
		d.holds(at, []byte("hello"))
	})
	t.Run("nobody else stops it", func(t *testing.T) {
		secret, _, err := d.accounts.CreateKeyFor(t.Context(), d.owner, account.NewKey{Name: "one more"})
		d.must(err)
		at := d.send("POST", "/files", header{"Upload-Length", "10"}, nil).Header.Get("Location")
		body, sender := io.Pipe()
		answered := make(chan answer)
		go func() {
			answered <- d.send("PATCH", at, header{"Content-Type", appendType, "Upload-Offset", "0"}, body)
		}()
		_, _ = sender.Write([]byte("hello"))
		for _, key := range []string{stranger, string(secret)} {
			d.send("HEAD", at, header{"X-Api-Key", key}, nil).want(t, 404)
			d.send("PATCH", at, header{"X-Api-Key", key, "Content-Type", appendType, "Upload-Offset", "0"}, strings.NewReader("x")).want(t, 404)
			d.send("DELETE", at, header{"X-Api-Key", key}, nil).want(t, 404)
		}
		_, _ = sender.Write([]byte("world"))
		_ = sender.Close()
		(<-answered).want(t, 204, "Upload-Complete", "?1")
		d.holds(at, []byte("helloworld"))
	})
	t.Run("expired", func(t *testing.T) {
		at := d.send("POST", "/files", header{"Upload-Length", "5"}, nil).Header.Get("Location")
		d.now = d.now.Add(8 * 24 * time.Hour)
		d.patch(at, 0, []byte("hello")).want(t, 410)
	})
}

// The draft's requests, and those of programs that know of no protocol.
func TestDraft(t *testing.T) {
	d := newDoor(t)
	draft := header{"Tus-Resumable", "", "Upload-Draft-Interop-Version", "6"}
	with := func(more ...string) header { return append(append(header{}, draft...), more...) }

	t.Run("in one request", func(t *testing.T) {
		var early []int
		var resumeAt string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			early, resumeAt = append(early, code), h.Get("Location")
			return nil
		}})
		req, err := http.NewRequestWithContext(ctx, "POST", d.url+"/files", strings.NewReader("hello"))
		d.must(err)
		for i, h := 0, with("X-Api-Key", d.key, "Upload-Complete", "?1", "Content-Disposition", `attachment; filename="a b.txt"`); i < len(h); i += 2 {
			if h[i+1] != "" {
				req.Header.Set(h[i], h[i+1])
			}
		}
		resp, err := d.client.Do(req)
		d.must(err)
		_ = resp.Body.Close()
		answer{resp, ""}.want(t, 201, "Upload-Complete", "?1", "Upload-Offset", "5", "Upload-Draft-Interop-Version", "6")
		if len(early) != 1 || early[0] != 104 || resumeAt != resp.Header.Get("Location") {
			t.Errorf("before it: %v, %q", early, resumeAt)
		}
		if f := d.holds(resumeAt, []byte("hello")); f.Name != "a b.txt" {
			t.Errorf("its name is %q", f.Name)
		}
	})
	t.Run("in several", func(t *testing.T) {
		a := d.send("POST", "/files", with("Upload-Complete", "?0"), strings.NewReader("he"))
		a.want(t, 201, "Upload-Complete", "?0", "Upload-Offset", "2")
		at := a.Header.Get("Location")
		d.send("HEAD", at, draft, nil).want(t, 204, "Upload-Offset", "2", "Upload-Complete", "?0", "Cache-Control", "no-store")
		patch := func(offset, complete, body string) answer {
			t.Helper()
			return d.send("PATCH", at, with("Upload-Offset", offset, "Upload-Complete", complete, "Content-Type", "application/partial-upload"), strings.NewReader(body))
		}
		a = patch("1", "?0", "x")
		a.want(t, 409, "Content-Type", "application/problem+json", "Upload-Offset", "2")
		if !strings.Contains(a.body, `#mismatching-upload-offset"`) || !strings.Contains(a.body, `"expected-offset":2,"provided-offset":1`) {
			t.Errorf("the problem is %s", a.body)
		}
		patch("2", "yes", "x").want(t, 400)
		patch("2", "", "x").want(t, 400)
		patch("2", "?0", "ll").want(t, 204, "Upload-Offset", "4", "Upload-Complete", "?0")
		patch("4", "?1", "o").want(t, 204, "Upload-Offset", "5", "Upload-Complete", "?1")
		d.holds(at, []byte("hello"))
		a = patch("5", "?1", "more")
		a.want(t, 409)
		if !strings.Contains(a.body, `#completed-upload"`) {
			t.Errorf("the problem is %s", a.body)
		}
	})
	t.Run("of a known length that is not kept", func(t *testing.T) {
		a := d.send("POST", "/files", with("Upload-Complete", "?0", "Upload-Length", "9"), strings.NewReader("he"))
		a.want(t, 201, "Upload-Length", "9")
		a = d.send("PATCH", a.Header.Get("Location"), with("Upload-Offset", "2", "Upload-Complete", "?1"), strings.NewReader("llo"))
		a.want(t, 400)
		if !strings.Contains(a.body, `#inconsistent-upload-length"`) {
			t.Errorf("the problem is %s", a.body)
		}
	})
	t.Run("as the first versions said it", func(t *testing.T) {
		a := d.send("POST", "/files", header{"Tus-Resumable", "", "Upload-Draft-Interop-Version", "3", "Upload-Incomplete", "?0"}, strings.NewReader("hello"))
		a.want(t, 201, "Upload-Complete", "?1")
		d.holds(a.Header.Get("Location"), []byte("hello"))
	})
	t.Run("without any protocol", func(t *testing.T) {
		a := d.send("POST", "/files", header{"Tus-Resumable", ""}, strings.NewReader("hello"))
		a.want(t, 201)
		if a.body != a.Header.Get("Ferry-Link")+"\n" {
			t.Errorf("the answer is %q", a.body)
		}
		d.holds(a.Header.Get("Location"), []byte("hello"))
		a = d.send("POST", "/files", header{"Tus-Resumable", ""}, struct{ io.Reader }{strings.NewReader("of unknown length")})
		a.want(t, 201)
		d.holds(a.Header.Get("Location"), []byte("of unknown length"))
	})
}

// What another dialect has begun goes on here.
func TestFilesOfOtherDoors(t *testing.T) {
	d := newDoor(t)
	data := pattern(12_000_000)
	who := account.Actor{Owner: account.Owner{Account: d.owner}}
	_, files, err := d.transfers.Create(t.Context(), who, transfer.Draft{
		ID: "t1", Code: "t-1", Sealed: true, Files: []transfer.DraftFile{{ID: "f1", Name: "a", Size: 12_000_000, Chunk: 5 << 20}},
	})
	d.must(err)
	part := func(n int) {
		body := data[(n-1)*5<<20 : min(n*5<<20, len(data))]
		_, err := d.uploads.Put(t.Context(), upload.Put{Account: d.owner, File: "f1", Number: n, Length: int64(len(body)), Body: bytes.NewReader(body)})
		d.must(err)
	}
	part(2)
	d.send("HEAD", "/files/f1", nil, nil).want(t, 200, "Upload-Offset", "0", "Upload-Length", "12000000")
	d.patch("/files/f1", 0, data[:5<<20]).want(t, 204, "Upload-Offset", strconv.Itoa(10<<20))
	part(3)
	d.send("HEAD", "/files/f1", nil, nil).want(t, 200, "Upload-Offset", "12000000", "Ferry-Link", "")
	if _, err := d.transfers.CompleteFile(context.Background(), who, "t1", "f1"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.transfers.Finalize(t.Context(), who, "t1"); err != nil {
		t.Fatal(err)
	}
	f := d.holds("/files/f1", data)
	if f.Loose > 0 {
		t.Errorf("%d parts are loose", f.Loose)
	}
	_ = files
	d.send("DELETE", "/files/f1", nil, nil).want(t, 409) // that is its own door's to do
}

func TestAnswerEveryKind(t *testing.T) {
	d := newDoor(t)
	for _, k := range fault.Kinds() {
		w := httptest.NewRecorder()
		d.handler.Refuse(w, httptest.NewRequest("PATCH", "/files/x", nil), fault.New(k, "", "x"))
		if (w.Code == 500) != (k == fault.Internal) {
			t.Errorf("%s is answered with %d", k, w.Code)
		}
	}
}

// Whatever the headers say, the answer is one of the door's, and never that we failed.
func FuzzHeaders(f *testing.F) {
	sum := sha256.Sum256([]byte("hello"))
	f.Add("POST", "", "5", "0", "filename YQ==", "?1", "sha256 "+base64.StdEncoding.EncodeToString(sum[:]), "6", true)
	f.Add("PATCH", "x", "5", "0", "a ,b", "?0", "md5 x", "3", false)
	f.Add("POST", "", "", "", "", "", "", "", false)
	d := newDoor(f)
	f.Fuzz(func(t *testing.T, method, path, length, offset, meta, complete, checksum, version string, isTus bool) {
		if method != "POST" && method != "PATCH" && method != "HEAD" {
			t.Skip()
		}
		r := httptest.NewRequest(method, "/files", strings.NewReader("hello"))
		r.URL.Path += "/" + path
		r.Header = http.Header{
			"X-Api-Key": {d.key}, "Upload-Length": {length}, "Upload-Offset": {offset}, "Upload-Metadata": {meta},
			"Upload-Complete": {complete}, "Upload-Checksum": {checksum}, "Upload-Draft-Interop-Version": {version},
			"Content-Type": {appendType}, "Content-Disposition": {meta},
		}
		if isTus {
			r.Header.Set("Tus-Resumable", "1.0.0")
		}
		for name, values := range r.Header {
			if values[0] == "" {
				r.Header.Del(name)
			}
		}
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// A client of the draft that was told where it goes on, and was cut then, goes on there.
func TestCutAfterItWasToldWhere(t *testing.T) {
	d := newDoor(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	d.must(err)
	defer func() { _ = c.Close() }()
	_, err = fmt.Fprintf(c, "POST /files HTTP/1.1\r\nHost: x\r\nX-Api-Key: %s\r\nUpload-Draft-Interop-Version: 6\r\nUpload-Complete: ?1\r\nContent-Length: 200000\r\n\r\n%s",
		d.key, pattern(100_000))
	d.must(err)
	told, err := http.ReadResponse(bufio.NewReader(c), nil)
	d.must(err)
	at := told.Header.Get("Location")
	if told.StatusCode != 104 || at == "" {
		t.Fatalf("%s %v", told.Status, told.Header)
	}
	_ = c.Close()
	time.Sleep(200 * time.Millisecond) // the request ends by itself, and not because we ask
	a := d.send("HEAD", at, header{"Tus-Resumable", "", "Upload-Draft-Interop-Version", "6"}, nil)
	if a.want(t, 204); a.Header.Get("Upload-Offset") == "0" {
		t.Error("none of its bytes are there")
	}
}

// A file whose bytes have all come is complete and can be fetched, whatever kept the
// request that brought the last of them from ending well: a client of tus asks how far its
// file is, hears that it is all there, and says no more.
func TestAllThatCameIsComplete(t *testing.T) {
	const size = 300_000
	want := pattern(size)
	rest := func(d *door, at, end string) net.Conn {
		c, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
		d.must(err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = fmt.Fprintf(c, "PATCH %s HTTP/1.1\r\nHost: x\r\nX-Api-Key: %s\r\nTus-Resumable: 1.0.0\r\nContent-Type: %s\r\nUpload-Offset: 100000\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s%s",
			strings.TrimPrefix(at, d.url), d.key, appendType, size-100_000, want[100_000:], end)
		d.must(err)
		return c
	}
	for name, last := range map[string]func(d *door, at string){
		"cut before its end": func(d *door, at string) {
			_ = rest(d, at, "\r\n").Close()
		},
		"stopped before its end": func(d *door, at string) {
			rest(d, at, "\r\n")
		},
		"an end that is none": func(d *door, at string) {
			_, _ = io.Copy(io.Discard, rest(d, at, "\r\nx\r\n"))
		},
		"the power fails before it is completed": func(d *door, at string) {
			_, offset, err := d.uploads.Append(d.Context(), upload.Append{
				Account: d.owner, File: upload.ID(at[strings.LastIndexByte(at, '/')+1:]), Offset: 100_000, Length: size - 100_000,
				Size: upload.Unknown, Body: bytes.NewReader(want[100_000:]), Stop: func() {},
			})
			if err != nil || offset != size {
				d.Fatal(offset, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			at := d.send("POST", "/files", header{"Upload-Length", strconv.Itoa(size)}, nil).Header.Get("Location")
			d.patch(at, 0, want[:100_000]).want(t, 204)
			last(d, at)
			// A request whose client is gone is still read. To ask by HEAD would stop it.
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
				f, err := d.uploads.File(t.Context(), d.owner, upload.ID(at[strings.LastIndexByte(at, '/')+1:]))
				if err != nil || time.Now().After(deadline) {
					t.Fatal(f, err)
				}
				if f.Got == size {
					break
				}
			}
			d.send("HEAD", at, nil, nil).want(t, 200, "Upload-Offset", strconv.Itoa(size), "Upload-Complete", "?1")
			d.holds(at, want)
		})
	}
}

// What is refused for what it brings completes nothing, though all places of the file are
// filled by then: its sender hears that it was not taken.
func TestRefusedBytesCompleteNothing(t *testing.T) {
	const size = 16<<20 + 100_000 // a part as it is planned, and what is left
	want := pattern(size)
	for _, tt := range []struct {
		name   string
		body   []byte
		before func(d *door, file upload.ID)
		status int
	}{
		{"more than was announced", append(bytes.Clone(want), "more"...), func(*door, upload.ID) {}, 413},
		{"others than came by their number", append(bytes.Clone(want[:size-1]), want[size-1]+1), func(d *door, file upload.ID) {
			_, err := d.uploads.Put(d.Context(), upload.Put{
				Account: d.owner, File: file, Number: 2, Length: 100_000, Body: bytes.NewReader(want[16<<20:]),
			})
			d.must(err)
		}, 409},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDoor(t)
			at := d.send("POST", "/files", header{"Upload-Length", strconv.Itoa(size)}, nil).Header.Get("Location")
			file := upload.ID(at[strings.LastIndexByte(at, '/')+1:])
			tt.before(d, file)
			chunked := struct{ io.Reader }{bytes.NewReader(tt.body)}
			d.send("PATCH", at, header{"Content-Type", appendType, "Upload-Offset", "0"}, chunked).want(t, tt.status)
			f, err := d.uploads.File(t.Context(), d.owner, file)
			d.must(err)
			if f.State != upload.Open || f.Home.State == share.Ready {
				t.Errorf("the file is %v, its transfer %v", f.State, f.Home.State)
			}
		})
	}
}
