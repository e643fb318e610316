package filemail

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/transfer"
	core "github.com/ferry-server/ferry/internal/upload"
)

func (r reply) wantStatus(t *testing.T, status int) {
	t.Helper()
	if r.status != status {
		t.Errorf("answer is %d %s, want %d", r.status, r.body, status)
	}
}

func (r reply) wantBytes(t *testing.T, status int, body string) {
	t.Helper()
	if r.status != status || r.body != body {
		t.Errorf("answer is %d %q, want %d %q", r.status, r.body, status, body)
	}
}

func TestDownload(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{}, "folder/page.html=0123456789", "empty=")
	got := l.read("", "GET", "/transfer/"+string(tr.ID), "")
	file := got.textAt("data", "files", 0, "downloadurl")
	_, key, _ := strings.Cut(file, "?filekey=")
	if len(key) < 50 || len(key) > 75 || strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("the file key is %q", key)
	}
	whole := l.fetch("GET", file)
	whole.wantBytes(t, 200, "0123456789")
	etag := whole.header.Get("Etag")
	for name, want := range map[string]string{
		"Content-Type": "application/octet-stream", "Content-Disposition": `attachment; filename="page.html"; filename*=UTF-8''page.html`,
		"Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff", "Content-Length": "10",
	} {
		if h := whole.header.Get(name); h != want {
			t.Errorf("%s is %q, want %q", name, h, want)
		}
	}
	for _, tt := range []struct {
		name, method, more string
		headers            []string
		status             int
		body               string
	}{
		{"a range", "GET", "", []string{"Range", "bytes=2-4"}, 206, "234"},
		{"a range of the same", "GET", "", []string{"Range", "bytes=8-", "If-Range", etag}, 206, "89"},
		{"the whole of another", "GET", "", []string{"Range", "bytes=8-", "If-Range", `"x"`}, 200, "0123456789"},
		{"what is known", "GET", "", []string{"If-None-Match", etag}, 304, ""},
		{"a range outside", "GET", "", []string{"Range", "bytes=10-"}, 416, ""},
		{"the head", "HEAD", "", nil, 200, ""},
		{"with what a browser and clients add", "GET", "&skipcheck=true&pk_vid=1a2b", nil, 200, "0123456789"},
		{"with what a client adds by a second question mark", "GET", "?skipcheck=true&skipreg=true", nil, 200, "0123456789"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := l.fetch(tt.method, file+tt.more, tt.headers...)
			got.wantBytes(t, tt.status, tt.body)
			if got.header.Get("Etag") != etag || !strings.HasPrefix(etag, `"`) {
				t.Errorf("ETag %s, want %s", got.header.Get("Etag"), etag)
			}
		})
	}
	l.fetch("GET", got.textAt("data", "files", 1, "downloadurl")).wantBytes(t, 200, "")

	all := l.fetch("GET", got.textAt("data", "compressedfileurl"))
	all.wantStatus(t, 200)
	if ct, cd := all.header.Get("Content-Type"), all.header.Get("Content-Disposition"); ct != "application/octet-stream" || !strings.Contains(cd, `"Plans.zip"`) {
		t.Errorf("%s, %s", ct, cd)
	}
	z, err := zip.NewReader(strings.NewReader(all.body), int64(len(all.body)))
	if err != nil {
		t.Fatal(err)
	}
	in, err := z.Open("folder/page.html")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(in); err != nil || string(b) != "0123456789" {
		t.Errorf("%q %v", b, err)
	}
	part := l.fetch("GET", got.textAt("data", "compressedfileurl"), "Range", "bytes=0-1")
	part.wantBytes(t, 206, "PK")
}

func TestDownloadRefused(t *testing.T) {
	l := newLibrary(t)
	send := func(f transfer.Form) (*transfer.Transfer, string, string) {
		tr := l.send("ada", f, "a=1", "b=2")
		got := l.read("", "GET", "/transfer/"+string(tr.ID), "")
		return tr, got.textAt("data", "files", 0, "downloadurl"), got.textAt("data", "compressedfileurl")
	}
	_, expired, expiredZip := send(transfer.Form{Days: new(1)})
	deletedTransfer, deleted, deletedZip := send(transfer.Form{})
	blockedTransfer, blocked, blockedZip := send(transfer.Form{})
	withFile, gone, rest := send(transfer.Form{})
	fileID := l.read("", "GET", "/transfer/"+string(withFile.ID), "").textAt("data", "files", 0, "fileid")
	ada := transfer.Asker{Account: "ada"}
	if err := errors.Join(
		l.desk.Delete(t.Context(), ada, deletedTransfer.ID), l.desk.Block(t.Context(), blockedTransfer.ID, true),
		l.desk.DeleteFile(t.Context(), ada, core.ID(fileID)),
	); err != nil {
		t.Fatal(err)
	}
	l.clock = l.clock.AddDate(0, 0, 2)
	mine := strings.Replace(gone, "filekey=", "filekey=A", 1)
	for _, tt := range []struct {
		name, address string
		status        int
		word          string
	}{
		{"no file key", base + filePath, 400, "InputParameterMissing"},
		{"one that is none", base + filePath + "?filekey=x", 404, "NotFound"},
		{"one that was changed", mine[:len(mine)-1], 404, "NotFound"},
		{"over", expired, 409, "TransferExpired"},
		{"over, the zip", expiredZip, 409, "TransferExpired"},
		{"deleted", deleted, 409, "InvalidTransferState"},
		{"deleted, the zip", deletedZip, 409, "InvalidTransferState"},
		{"blocked", blocked, 409, "Blocked"},
		{"blocked, the zip", blockedZip, 409, "Blocked"},
		{"a file that was deleted", gone, 409, "FileIsDeleted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := l.fetch("GET", tt.address)
			got.want(tt.status, tt.word)
			if members(got.at()) != "data errorcode errorid errormessage responsestatus validationerrors" {
				t.Errorf("no envelope: %s", got.body)
			}
			l.fetch("HEAD", tt.address).wantStatus(t, tt.status)
		})
	}
	z := l.fetch("GET", rest)
	r, err := zip.NewReader(strings.NewReader(z.body), int64(len(z.body)))
	if err != nil || len(r.File) != 1 || r.File[0].Name != "b" {
		t.Errorf("the rest of a zip: %v %v", r, err)
	}
}

// What has arrived whole is registered, as a download of whose link it was.
func TestDownloadsAreRegistered(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{To: []string{"bob@acme.test", "zoe@far.test"}}, "a=0123456789", "empty=")
	path := "/transfer/" + string(tr.ID)
	by := func(address string) string {
		return l.read("", "GET", "/transfer?trackid="+l.link(tr, address).Track, "").textAt("data", "files", 0, "downloadurl")
	}
	zoes, bobs, common := by("zoe@far.test"), by("bob@acme.test"), l.read("", "GET", path, "").textAt("data", "files", 0, "downloadurl")
	if zoes == bobs || zoes == common {
		t.Error("recipients have the same file key")
	}
	for _, step := range []struct {
		name, method, address string
		headers               []string
		downloads             float64
	}{
		{"the head", "HEAD", zoes, nil, 0},
		{"a part", "GET", zoes, []string{"Range", "bytes=0-3"}, 0},
		{"the rest", "GET", zoes, []string{"Range", "bytes=4-"}, 1},
		{"not registered, as asked", "GET", bobs + "&skipreg=true", nil, 1},
		{"in parts of two clients", "GET", bobs, []string{"Range", "bytes=0-3"}, 1},
		{"the common link", "GET", common, nil, 2},
		{"again", "GET", common, []string{"User-Agent", "Browser"}, 3},
	} {
		l.fetch(step.method, step.address, step.headers...)
		if got := l.read("ada", "GET", path, "").at("data", "numberofdownloads"); got != step.downloads {
			t.Errorf("%s: %v downloads, want %v", step.name, got, step.downloads)
		}
	}
	empty := l.read("ada", "GET", path, "").textAt("data", "files", 1, "downloadurl")
	l.fetch("HEAD", empty)
	if got := l.read("ada", "GET", path, "").at("data", "numberofdownloads"); got != 3.0 {
		t.Errorf("the head of an empty file is a download: %v", got)
	}
	l.fetch("GET", empty)
	l.fetch("GET", l.read("", "GET", "/transfer?trackid="+l.link(tr, "zoe@far.test").Track, "").textAt("data", "compressedfileurl"))

	got := l.read("ada", "GET", path, "")
	list, _ := got.at("data", "files", 0, "downloads").([]any)
	if len(list) != 3 || got.at("data", "numberofdownloads") != 5.0 {
		t.Fatalf("%s", got.body)
	}
	if m := members(list[0]); m != "country date email ip useragent" {
		t.Errorf("a download: %s", m)
	}
	for name, want := range map[string]any{"email": "zoe@far.test", "ip": "192.0.2.0", "date": float64(l.clock.UnixMilli()), "country": nil} {
		if v := got.at("data", "files", 0, "downloads", 0, name); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if got.at("data", "files", 0, "downloads", 1, "email") != nil || got.at("data", "files", 0, "downloads", 2, "useragent") != "Browser" {
		t.Errorf("%s", got.body)
	}
	if cleo := l.read("cleo", "GET", path, ""); fmt.Sprint(cleo.at("data", "files", 0, "downloads")) != "[]" {
		t.Errorf("an admin of another recipient sees %s", cleo.body)
	}
	if n := l.link(tr, "zoe@far.test").Downloads; n != 2 {
		t.Errorf("zoe has %d downloads", n)
	}
}

func TestSkipRegCanBeSwitchedOff(t *testing.T) {
	l := newLibrary(t)
	l.door.cfg.SkipReg = false
	tr := l.send("ada", transfer.Form{}, "a=1")
	l.fetch("GET", l.read("", "GET", "/transfer/"+string(tr.ID), "").textAt("data", "files", 0, "downloadurl")+"&skipreg=true")
	if got := l.read("ada", "GET", "/transfer/sent", "").at("data", "transfers", 0, "numberofdownloads"); got != 1.0 {
		t.Errorf("%v downloads", got)
	}
}

func TestDownloadLimit(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{MaxDownloads: 1}, "a=0123456789")
	got := l.read("", "GET", "/transfer/"+string(tr.ID), "")
	file := got.textAt("data", "files", 0, "downloadurl")
	l.fetch("GET", file+"&skipreg=true", "Range", "bytes=0-4").wantBytes(t, 206, "01234")
	l.from = "198.51.100.1"
	l.fetch("GET", file).want(409, "TransferExpired")
	l.from = "192.0.2.7"
	l.fetch("GET", file, "Range", "bytes=5-").wantBytes(t, 206, "56789")
	l.fetch("GET", file).want(409, "TransferExpired")
	if got := l.read("", "GET", "/transfer/"+string(tr.ID), ""); got.at("data", "blockdownloads") != true {
		t.Error(got.body)
	}
}

func TestLostBytesAreOurFault(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{}, "a="+strings.Repeat("x", core.SmallMost+1))
	file := l.read("", "GET", "/transfer/"+string(tr.ID), "").textAt("data", "files", 0, "downloadurl")
	err := l.uploads.Files(t.Context(), &tr.Share, func(f *core.File) error { return l.door.cfg.Blobs.Remove(t.Context(), f.Blob()) })
	if err != nil {
		t.Fatal(err)
	}
	l.fetch("GET", file).want(500, "ChunkDownloadError")
}

// FuzzTicket: no file key opens but one that was made here, and those say what they
// were made of, also while the secret is changed.
func FuzzTicket(f *testing.F) {
	old, err := keyring.New(bytes.Repeat([]byte("o"), keyring.MinSecret))
	if err != nil {
		f.Fatal(err)
	}
	ring, err := keyring.New(bytes.Repeat([]byte("n"), keyring.MinSecret), bytes.Repeat([]byte("o"), keyring.MinSecret))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("x", byte(1), false, []byte("0123456789abcdef0123456789abcdef012345"))
	f.Add("", byte(3), true, []byte{})
	f.Fuzz(func(t *testing.T, text string, kind byte, inside bool, rest []byte) {
		if _, ok := openTicket(ring, text); ok {
			t.Fatalf("%q opens", text)
		}
		want := ticket{kind: ticketKind(kind & 0x7f), inside: inside}
		copy(want.item[:], rest)
		copy(want.to[:], rest[min(len(rest), 16):])
		copy(want.pass[:], rest[min(len(rest), 32):])
		for _, r := range []*keyring.Ring{old, ring} {
			key := want.seal(r)
			if got, ok := openTicket(ring, key); !ok || got != want {
				t.Fatalf("%+v, want %+v", got, want)
			}
			broken := []byte(key)
			broken[len(broken)/2]++
			if _, ok := openTicket(ring, string(broken)); ok {
				t.Fatal("a changed file key opens")
			}
		}
	})
}
