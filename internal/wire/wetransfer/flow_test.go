package wetransfer

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// shapes replaces what is random in an answer, and so also checks its shape.
var shapes = []struct {
	form *regexp.Regexp
	word string
}{
	{regexp.MustCompile(`"[0-9a-f]{32}20261121143517"`), `"T46"`},
	{regexp.MustCompile(`"s[a-z0-9]{16}20261121143517"`), `"S31"`},
	{regexp.MustCompile(`"mp\.[A-Za-z0-9]{22}"`), `"MP"`},
	{regexp.MustCompile(`/([tbs])-[A-Za-z0-9]{10}"`), `/$1-CODE"`},
	{regexp.MustCompile(`"url":"https://ferry.test/s3/ferry/[^"]+"`), `"url":"PRESIGNED"`},
	{regexp.MustCompile(`"upload_url":"https://ferry.test/s3/ferry/[^"]+"`), `"upload_url":"PRESIGNED"`},
	{regexp.MustCompile(`"token":"[\w-]+\.[\w-]+\.[\w-]+"`), `"token":"JWT"`},
}

// wantBody compares an answer byte for byte: clients take values by position.
func wantBody(t *testing.T, got reply, want string) {
	t.Helper()
	body := got.body
	for _, s := range shapes {
		body = s.form.ReplaceAllString(body, s.word)
	}
	if body != want {
		t.Errorf("answer\n%s\nwant\n%s", body, want)
	}
}

func TestV2Transfer(t *testing.T) {
	w := newWorld(t)
	created := w.call(201, "POST", "/v2/transfers",
		`{"message":"My very first transfer!","files":[{"name":"big.bin","size":6291457},{"name":"kitty.jpg","size":3}],"x":1}`)
	const files = `"files":[` +
		`{"id":"T46","name":"big.bin","size":6291457,"type":"file","multipart":{"part_numbers":2,"chunk_size":5242880}},` +
		`{"id":"T46","name":"kitty.jpg","size":3,"type":"file","multipart":{"part_numbers":1,"chunk_size":3}}]}`
	const open = `"id":"T46","message":"My very first transfer!","state":"uploading","url":null,"expires_at":"2026-11-28T14:35:17Z",` + files
	const ready = `{"id":"T46","message":"My very first transfer!","state":"downloadable","url":"https://ferry.test/t-CODE",` +
		`"expires_at":"2026-11-28T14:35:17Z",` + files
	wantBody(t, created, `{"success":true,`+open)
	transfer := "/v2/transfers/" + created.str("id")
	wantBody(t, w.call(200, "GET", transfer, ""), "{"+open)

	big, kitty := transfer+"/files/"+created.str("files", 0, "id"), transfer+"/files/"+created.str("files", 1, "id")
	wantBody(t, w.call(200, "GET", big+"/upload-url/1", ""), `{"success":true,"url":"PRESIGNED"}`)
	data := bytes.Repeat([]byte("0123456789abcdef"), 6291457/16+1)[:6291457]
	w.mustPut(w.call(200, "GET", big+"/upload-url/2", "").str("url"), data[5242880:])
	w.mustPut(w.call(200, "GET", big+"/upload-url/1", "").str("url"), data[:5242880])
	w.mustPut(w.call(200, "GET", kitty+"/upload-url/1/", "").str("url"), []byte("cat"))
	for _, body := range []string{`{"part_numbers":2}`, `{"part_numbers":"2"}`, ``, `{}`} { // completing again is the same
		wantBody(t, w.call(200, "PUT", big+"/upload-complete", body),
			`{"id":"T46","retries":0,"name":"big.bin","size":6291457,"chunk_size":5242880}`)
	}
	wantBody(t, w.call(200, "PUT", kitty+"/upload-complete", `{"part_numbers":1}`),
		`{"id":"T46","retries":0,"name":"kitty.jpg","size":3,"chunk_size":5242880}`)
	first := w.call(200, "PUT", transfer+"/finalize", "")
	wantBody(t, first, ready)
	for _, again := range []reply{
		w.call(200, "PUT", transfer+"/finalize", "null"), w.call(200, "PUT", transfer+"/finalize/", "{}"), w.call(200, "GET", transfer, ""),
	} {
		if again.body != first.body {
			t.Errorf("a second answer is\n%s\nthe first was\n%s", again.body, first.body)
		}
	}
	if err := w.put(w.call(200, "GET", kitty+"/upload-url/1", "").str("url"), []byte("dog")); fault.CodeOf(err) != "file_complete" {
		t.Errorf("a part of a complete file: %v", err)
	}
}

func TestV2TransferWithoutMessage(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{`{"files":[{"name":"a","size":1}]}`, `{"message":null,"files":[{"size":1.0,"name":"a"}]}`} {
		if got := w.call(201, "POST", "/v2/transfers/", body); got.at("message") != "" {
			t.Errorf("message is %v", got.at("message"))
		}
	}
}

func TestV2Board(t *testing.T) {
	w := newWorld(t)
	created := w.call(201, "POST", "/v2/boards/", `{"name":"Little kittens","description":null}`)
	wantBody(t, created, `{"id":"S31","name":"Little kittens","description":null,"state":"downloadable","url":"https://ferry.test/b-CODE","items":[]}`)
	board := "/v2/boards/" + created.str("id")

	const page = `{"id":"S31","url":"https://wetransfer.com/?a=1&b=%3C%3E","meta":{"title":"WeTransfer"},"type":"link"}`
	const bare = `{"id":"S31","url":"https://example.org/","meta":{"title":"https://example.org/"},"type":"link"}`
	wantBody(t, w.call(201, "POST", board+"/links", `[{"url":"https://wetransfer.com/?a=1&b=%3C%3E","title":"WeTransfer"},{"url":"https://example.org/"}]`),
		"["+page+","+bare+"]")
	files := w.call(201, "POST", board+"/files", `[{"name":"big.bin","size":6291457},{"name":"a.txt","size":3}]`)
	const listed = `{"id":"S31","name":"big.bin","size":6291457,"type":"file","multipart":{"id":"MP","part_numbers":2,"chunk_size":6291456}},` +
		`{"id":"S31","name":"a.txt","size":3,"type":"file","multipart":{"id":"MP","part_numbers":1,"chunk_size":3}}`
	wantBody(t, files, "["+listed+"]")
	wantBody(t, w.call(201, "POST", board+"/files", `[]`), `[]`)
	wantBody(t, w.call(200, "GET", board, ""), `{"id":"S31","name":"Little kittens","description":null,"state":"downloadable",`+
		`"url":"https://ferry.test/b-CODE","items":[`+page+","+bare+","+listed+`]}`)

	file := board + "/files/" + files.str(1, "id")
	url := file + "/upload-url/1/" + files.str(1, "multipart", "id")
	wantBody(t, w.call(200, "GET", url, ""), `{"success":true,"url":"PRESIGNED"}`)
	w.mustPut(w.call(200, "GET", url, "").str("url"), []byte("abc"))
	for _, body := range []string{``, `{}`, `{"part_numbers":1}`} {
		wantBody(t, w.call(202, "PUT", file+"/upload-complete", body), `{"success":true,"message":"File is marked as complete."}`)
	}
}

func TestABoardLivesAsLongAsItIsSeen(t *testing.T) {
	w := newWorld(t)
	board := "/v2/boards/" + w.call(201, "POST", "/v2/boards", `{"name":"b"}`).str("id")
	for range 3 {
		w.now = w.now.Add(80 * 24 * time.Hour)
		w.call(200, "GET", board, "")
	}
	w.now = w.now.Add(91 * 24 * time.Hour)
	if got := w.do(call{method: "GET", path: board}); got.status != 410 {
		t.Errorf("after its life: %d %s", got.status, got.body)
	}
}

func TestV1(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{``, `{}`} {
		wantBody(t, w.call(200, "POST", "/v1/authorize", body), `{"success":true,"token":"JWT"}`)
	}
	empty := w.call(202, "POST", "/v1/transfers", `{"name":"Holiday","description":"pictures","items":[],"board_request":true}`)
	wantBody(t, empty, `{"id":"S31","version_identifier":null,"state":"uploading","shortened_url":"https://ferry.test/s-CODE",`+
		`"name":"Holiday","description":"pictures","size":0,"total_items":0,"items":[]}`)
	const items = `[{"content_identifier":"file","local_identifier":"f-1","filename":"cat.gif","filesize":6291457},` +
		`{"content_identifier":"web_content","local_identifier":"l/1 ü","url":"https://example.org/","meta":{"title":"Example","x":[1]}}]`
	until := w.now.Add(time.Hour).Unix()
	wanted := fmt.Sprintf(`[{"id":"S31","content_identifier":"file","local_identifier":"f-1","meta":{"multipart_parts":2,"multipart_upload_id":"MP"},`+
		`"name":"cat.gif","size":6291457,"upload_id":"MP","upload_expires_at":%d},`+
		`{"id":"S31","content_identifier":"web_content","local_identifier":"l/1 ü","meta":{"title":"Example"},"url":"https://example.org/"}]`, until)
	wantBody(t, w.call(202, "POST", "/v1/transfers", `{"name":"","description":"","items":`+items+`}`),
		`{"id":"S31","version_identifier":null,"state":"uploading","shortened_url":"https://ferry.test/s-CODE",`+
			`"name":"","description":null,"size":6291457,"total_items":2,"items":`+wanted+`}`)
	added := w.call(202, "POST", "/v1/transfers/"+empty.str("id")+"/items", `{"items":`+items+`}`)
	wantBody(t, added, wanted)
	wantBody(t, w.call(202, "POST", "/v1/transfers/"+empty.str("id")+"/items", `{"items":[]}`), `[]`)

	file, mp := "/v1/files/"+added.str(0, "id")+"/uploads/", added.str(0, "meta", "multipart_upload_id")
	url := w.call(200, "GET", file+"2/"+mp, "")
	wantBody(t, url, fmt.Sprintf(`{"upload_url":"PRESIGNED","part_number":2,"upload_id":"MP","upload_expires_at":%d}`, until))
	// Clients of v1 cut parts their own way: only the sum counts.
	data := make([]byte, 6291457)
	w.mustPut(url.str("upload_url"), data[5242880:])
	w.mustPut(w.call(200, "GET", file+"1/"+mp, "").str("upload_url"), data[:5242880])
	for range 2 {
		wantBody(t, w.call(202, "POST", file+"complete", ""), `{"ok":true,"success":true,"message":"File is marked as complete."}`)
	}
}

func TestPartCounts(t *testing.T) {
	w := newWorld(t)
	board := "/v2/boards/" + w.call(201, "POST", "/v2/boards", `{"name":"b"}`).str("id")
	for _, tt := range []struct {
		size            int
		transfer, board int
	}{
		{1, 1, 1}, {5242879, 1, 1}, {5242880, 1, 1}, {5242881, 2, 1}, {6291456, 2, 1}, {6291457, 2, 2}, {13111521, 3, 3},
	} {
		t.Run(fmt.Sprintf("a file of %d bytes", tt.size), func(t *testing.T) {
			size := strconv.Itoa(tt.size)
			chunk := func(parts int, chunk float64) float64 {
				if parts == 1 {
					return float64(tt.size)
				}
				return chunk
			}
			of := w.call(201, "POST", "/v2/transfers", `{"files":[{"name":"a","size":`+size+`}]}`).at("files", 0, "multipart").(map[string]any)
			if of["part_numbers"] != float64(tt.transfer) || of["chunk_size"] != chunk(tt.transfer, 5242880) {
				t.Errorf("in a transfer it has %v", of)
			}
			of = w.call(201, "POST", board+"/files", `[{"name":"a","size":`+size+`}]`).at(0, "multipart").(map[string]any)
			if of["part_numbers"] != float64(tt.board) || of["chunk_size"] != chunk(tt.board, 6291456) {
				t.Errorf("on a board it has %v", of)
			}
			v1 := w.call(202, "POST", "/v1/transfers", `{"name":"t","items":[{"content_identifier":"file","local_identifier":"1","filename":"a","filesize":`+size+`}]}`)
			if got := v1.at("items", 0, "meta", "multipart_parts"); got != float64(tt.board) {
				t.Errorf("in v1 it has %v parts", got)
			}
		})
	}
}

func TestRooms(t *testing.T) {
	w := newWorld(t)
	alice, again, bob := w.authorize(w.apiKey, "alice"), w.authorize(w.apiKey, "alice"), w.authorize(w.apiKey, "bob")
	other := w.newKey(0)
	transfer := w.do(call{method: "POST", path: "/v2/transfers", token: alice, body: `{"files":[{"name":"a","size":1}]}`}).str("id")
	for _, tt := range []struct {
		name       string
		key, token string
		status     int
	}{
		{"its maker sees it", "", alice, 200},
		{"so does a later token of the same identifier", "", again, 200},
		{"another identifier does not", "", bob, 404},
		{"no identifier is another room", "", "", 404},
		{"another key is another house", other, w.authorize(other, "alice"), 404},
		{"a token works with no other key", other, alice, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := w.do(call{method: "GET", path: "/v2/transfers/" + transfer, key: tt.key, token: tt.token})
			if got.status != tt.status {
				t.Errorf("%d %s, want %d", got.status, got.body, tt.status)
			}
		})
	}
}

func TestContentTypeAndAccept(t *testing.T) {
	const v1, v2 = `{"name":"t"}`, `{"files":[{"name":"a","size":1}]}`
	for _, tt := range []struct {
		name    string
		lenient bool
		call    call
		status  int
	}{
		{"a charset is fine", false, call{method: "POST", path: "/v2/transfers", body: v2, contentType: "Application/JSON; charset=utf-8"}, 201},
		{"a body of unknown length too", false, call{method: "POST", path: "/v2/transfers", body: v2, chunked: true}, 201},
		{"none at all is refused", false, call{method: "POST", path: "/v2/transfers", body: v2, contentType: "-"}, 415},
		{"another is refused", false, call{method: "POST", path: "/v2/transfers", body: v2, contentType: "text/plain"}, 415},
		{"v1 refuses too", false, call{method: "POST", path: "/v1/transfers", body: v1, contentType: "-"}, 415},
		{"unless it is lenient", true, call{method: "POST", path: "/v1/transfers", body: v1, contentType: "-"}, 202},
		{"which helps no other type", true, call{method: "POST", path: "/v1/transfers", body: v1, contentType: "text/plain"}, 415},
		{"nor v2", true, call{method: "POST", path: "/v2/transfers", body: v2, contentType: "-"}, 415},
		{"an empty body needs none", false, call{method: "POST", path: "/v1/authorize"}, 200},
		{"of unknown length neither", false, call{method: "POST", path: "/v2/authorize", chunked: true}, 200},
		{"any answer is wanted", false, call{method: "POST", path: "/v1/authorize", accept: "*/*"}, 200},
		{"JSON among others is wanted", false, call{method: "POST", path: "/v1/authorize", accept: "application/json, text/plain, */*"}, 200},
		{"only XML is wanted", false, call{method: "POST", path: "/v1/authorize", accept: "application/xml"}, 406},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.LenientV1 = tt.lenient })
			if got := w.do(tt.call); got.status != tt.status {
				t.Errorf("%d %s, want %d", got.status, got.body, tt.status)
			}
		})
	}
}

func TestEveryAnswerAllowsOtherOrigins(t *testing.T) {
	w := newWorld(t)
	for _, c := range []call{
		{method: "POST", path: "/v2/authorize"},
		{method: "POST", path: "/v2/authorize", key: "-"},
		{method: "GET", path: "/v2/nowhere"},
		{method: "OPTIONS", path: "/v2/transfers"},
	} {
		got := w.do(c)
		if got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: %d %v", c.method, c.path, got.status, got.header)
		}
	}
	got := w.do(call{method: "OPTIONS", path: "/v2/boards/x/files", key: "-", token: "-"})
	if got.status != http.StatusNoContent || got.header.Get("Access-Control-Allow-Methods") != "GET, POST, PUT" ||
		!strings.HasPrefix(got.header.Get("Access-Control-Allow-Headers"), "x-api-key, authorization, content-type") {
		t.Errorf("preflight: %d %v", got.status, got.header)
	}
}

func TestDailyLimit(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(3)
	token := w.authorize(key, "") // the first call
	for range 2 {
		w.do(call{method: "GET", path: "/v2/transfers/x", key: key, token: "forged"}) // is not counted
		if got := w.do(call{method: "GET", path: "/v2/transfers/x", key: key, token: token}); got.status != 404 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	for _, path := range []string{"/v1/authorize", "/v2/authorize", "/v2/transfers"} {
		got := w.do(call{method: "POST", path: path, key: key, token: token, body: "!", contentType: "text/plain"})
		if got.status != 429 || got.body != `{"message":"Limit Exceeded Exception"}` {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		if got.header.Get("Retry-After") != "33883" { // until midnight, UTC
			t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
		}
	}
}
