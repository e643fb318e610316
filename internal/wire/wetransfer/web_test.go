package wetransfer

import (
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/wire"
)

// finished makes a transfer that can be downloaded, and gives its id and hash.
func (w *world) finished(names ...string) (id, hash string, files []string) {
	w.t.Helper()
	var list []string
	for _, n := range names {
		list = append(list, `{"name":"`+n+`","size":3}`)
	}
	tr := w.call(201, "POST", "/v2/transfers", `{"message":"hello","files":[`+strings.Join(list, ",")+`]}`)
	id = tr.str("id")
	for i := range names {
		f := tr.str("files", i, "id")
		files = append(files, f)
		w.mustPut(w.call(200, "GET", "/v2/transfers/"+id+"/files/"+f+"/upload-url/1", "").str("url"), []byte("abc"))
		w.call(200, "PUT", "/v2/transfers/"+id+"/files/"+f+"/upload-complete", `{"part_numbers":1}`)
	}
	w.call(200, "PUT", "/v2/transfers/"+id+"/finalize", "")
	for _, s := range w.stored() {
		if string(s.ID) == id {
			hash = s.Hash
		}
	}
	return id, hash, files
}

func TestPrepareDownload(t *testing.T) {
	w := newWorld(t)
	id, hash, files := w.finished("a b.txt")
	got := w.do(call{
		method: "POST", path: "/api/v4/transfers/" + id + "/prepare-download", key: "-", token: "-",
		body: `{"security_hash":"` + hash + `","intent":"entire_transfer","recipient_id":null}`,
	})
	code := w.call(200, "GET", "/v2/transfers/"+id, "").str("url")
	want := `{"id":"` + id + `","state":"downloadable","transfer_type":4,"shortened_url":"` + code + `",` +
		`"expires_at":"2026-11-28T14:35:17Z","password_protected":false,"uploaded_at":"2026-11-21T14:35:17Z","expiry_in_seconds":604799,` +
		`"size":3,"deleted_at":null,"recipient_id":null,"display_name":"a b.txt","security_hash":"` + hash + `","description":"hello",` +
		`"recommended_filename":"a b.txt","items":[{"id":"` + files[0] + `","name":"a b.txt","retries":0,"size":3,"item_type":"file",` +
		`"previewable":false,"content_identifier":"file"}]}`
	if got.status != 200 || got.body != want {
		t.Errorf("%d %s\nwant %s", got.status, got.body, want)
	}
}

func TestDownload(t *testing.T) {
	w := newWorld(t)
	one, oneHash, oneFile := w.finished("a b%/ü.txt")
	two, twoHash, twoFiles := w.finished("a", "b")
	open := w.call(201, "POST", "/v2/transfers", `{"files":[{"name":"a","size":1}]}`).str("id")
	openHash := ""
	for _, s := range w.stored() {
		if string(s.ID) == open {
			openHash = s.Hash
		}
	}
	const refused = `{"message":"No download access to this Transfer"}`
	link := func(path string) string { return `{"direct_link":"` + base + `/downloads/` + path + `"}` }
	for _, tt := range []struct {
		name, id, body string
		status         int
		want           string
	}{
		{
			"one file comes as itself", one, `{"security_hash":"` + oneHash + `","intent":"entire_transfer"}`, 200,
			link(one + "/" + oneHash + "/file/" + oneFile[0] + "/a%20b%25%C3%BC.txt"),
		},
		{"several come as a zip", two, `{"security_hash":"` + twoHash + `"}`, 200, link(two + "/" + twoHash + "/zip/transfer.zip")},
		{
			"one of several", two, `{"security_hash":"` + twoHash + `","intent":"single_file","file_ids":["` + twoFiles[1] + `"]}`, 200,
			link(two + "/" + twoHash + "/file/" + twoFiles[1] + "/b"),
		},
		{"one that is not there", two, `{"security_hash":"` + twoHash + `","intent":"single_file","file_ids":["x"]}`, 403, refused},
		{"one without saying which", two, `{"security_hash":"` + twoHash + `","intent":"single_file"}`, 400, `{"message":"\"file_ids\" must be an array"}`},
		{"a wrong hash", two, `{"security_hash":"` + oneHash + `x"}`, 403, refused},
		{"no hash", two, `{}`, 403, refused},
		{"no body", two, ``, 403, refused},
		{"an unknown recipient", two, `{"security_hash":"` + twoHash + `","recipient_id":"r"}`, 403, refused},
		{"a transfer that is not finished", open, `{"security_hash":"` + openHash + `"}`, 403, refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := w.do(call{method: "POST", path: "/api/v4/transfers/" + tt.id + "/download", key: "-", token: "-", body: tt.body})
			if got.status != tt.status || got.body != tt.want {
				t.Errorf("%d %s\nwant %d %s", got.status, got.body, tt.status, tt.want)
			}
		})
	}
}

func TestDownloadWhatIsOver(t *testing.T) {
	w := newWorld(t)
	id, hash, _ := w.finished("a")
	w.now = w.now.Add(8 * 24 * time.Hour)
	for _, tt := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"who holds the link is told", `{"security_hash":"` + hash + `"}`, 410, `{"message":"Gone"}`},
		{"nobody else is", `{"security_hash":"` + hash + `x"}`, 403, `{"message":"No download access to this Transfer"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, do := range []string{"download", "prepare-download"} {
				got := w.do(call{method: "POST", path: "/api/v4/transfers/" + id + "/" + do, key: "-", token: "-", body: tt.body})
				if got.status != tt.status || got.body != tt.want {
					t.Errorf("%s: %d %s", do, got.status, got.body)
				}
			}
		})
	}
}

func TestMissesOfDownloads(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Misses = wire.NewMisses(c.Now) })
	id, hash, _ := w.finished("a")
	download := func(id, hash string) reply {
		return w.do(call{
			method: "POST", path: "/api/v4/transfers/" + id + "/download", key: "-", token: "-",
			body: `{"security_hash":"` + hash + `"}`,
		})
	}
	for i := range 30 {
		if one, two := download("x", hash), download(id, "x"); one.status != 403 || two.status != 403 {
			t.Fatalf("misses %d and %d: %d, %d", 2*i+1, 2*i+2, one.status, two.status)
		}
	}
	if got := download(id, "x"); got.status != 429 || got.body != `{"message":"Limit Exceeded Exception"}` {
		t.Errorf("the 61st miss: %d %s", got.status, got.body)
	}
	if got := download(id, hash); got.status != 200 {
		t.Errorf("who holds the link pays for the misses of others: %d", got.status)
	}
}

// Another API can put a password on a transfer. What is in it is told by its page
// alone, which asks for that.
func TestDownloadBehindAPassword(t *testing.T) {
	w := newWorld(t)
	id, hash, _ := w.finished("secret plans")
	_, err := w.store.UpdateTransfer(t.Context(), share.ID(id), func(tr *transfer.Transfer) ([]job.Job, error) {
		tr.Locked = true
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"prepare-download", "download"} {
		got := w.do(call{method: "POST", path: "/api/v4/transfers/" + id + "/" + path, key: "-", token: "-", body: `{"security_hash":"` + hash + `"}`})
		if got.status != 403 || strings.Contains(got.body, "plans") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}
