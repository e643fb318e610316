package wetransfer

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
)

// full and short are the bodies of v2's errors: with where to read more, and not.
func full(message string) string  { return fmt.Sprintf(`{"success":false,"message":%q}`, message+see) }
func short(message string) string { return fmt.Sprintf(`{"success":false,"message":%q}`, message) }
func alone(message string) string { return fmt.Sprintf(`{"message":%q}`, message) }

// TestErrors has every row of the error tables in WeTransfer's documents, and
// what we say where they say nothing.
func TestErrors(t *testing.T) {
	w := newWorld(t)
	stranger := w.newKey(0)
	strangerToken := w.authorize(stranger, "")

	tr := w.call(201, "POST", "/v2/transfers", `{"files":[{"name":"a","size":12},{"name":"b","size":10485761}]}`)
	transfer := "/v2/transfers/" + tr.str("id")
	fileA, fileB := transfer+"/files/"+tr.str("files", 0, "id"), transfer+"/files/"+tr.str("files", 1, "id")
	shorter := w.call(201, "POST", "/v2/transfers", `{"files":[{"name":"a","size":12}]}`)
	shorterFile := "/v2/transfers/" + shorter.str("id") + "/files/" + shorter.str("files", 0, "id")
	w.mustPut(w.call(200, "GET", shorterFile+"/upload-url/1", "").str("url"), []byte("abc"))

	boardID := w.call(201, "POST", "/v2/boards", `{"name":"b"}`).str("id")
	board := "/v2/boards/" + boardID
	otherBoard := "/v2/boards/" + w.call(201, "POST", "/v2/boards", `{"name":"b"}`).str("id")
	bf := w.call(201, "POST", board+"/files", `[{"name":"a","size":12},{"name":"b","size":12}]`)
	bid, bmp := bf.str(0, "id"), bf.str(0, "multipart", "id")
	boardFile := board + "/files/" + bid
	shortBoardFile := board + "/files/" + bf.str(1, "id")
	w.mustPut(w.call(200, "GET", shortBoardFile+"/upload-url/1/"+bf.str(1, "multipart", "id"), "").str("url"), []byte("abc"))

	v1 := w.call(202, "POST", "/v1/transfers",
		`{"name":"t","items":[{"content_identifier":"file","local_identifier":"1","filename":"a","filesize":3243214}]}`)
	v1Transfer := "/v1/transfers/" + v1.str("id")
	v1File, v1MP := "/v1/files/"+v1.str("items", 0, "id")+"/uploads/", v1.str("items", 0, "meta", "multipart_upload_id")
	w.mustPut(w.call(200, "GET", v1File+"1/"+v1MP, "").str("upload_url"), make([]byte, 1200))

	file := func(f string) call { return call{method: "POST", path: "/v2/transfers", body: `{"files":[` + f + `]}`} }
	onBoard := func(f string) call { return call{method: "POST", path: board + "/files", body: `[` + f + `]`} }
	link := func(l string) call { return call{method: "POST", path: board + "/links", body: `[` + l + `]`} }
	item := func(i string) call {
		return call{method: "POST", path: v1Transfer + "/items", body: `{"items":[` + i + `]}`}
	}
	long := strings.Repeat("n", 256)

	for _, tt := range []struct {
		name   string
		call   call
		status int
		body   string
	}{
		// v1
		{"v1: no such endpoint", call{method: "GET", path: "/v1/boards"}, 403, alone("Missing Authentication Token")},
		{"v1: no version", call{method: "POST", path: "/authorize"}, 403, alone("Missing Authentication Token")},
		{"v1: no key", call{method: "POST", path: "/v1/authorize", key: "-", token: "-"}, 403, alone("Forbidden")},
		{"v1: wrong key", call{method: "POST", path: "/v1/transfers", key: "wrong"}, 403, alone("Forbidden")},
		{"v1: no token", call{method: "POST", path: "/v1/transfers", token: "-"}, 403, alone("Forbidden")},
		{"v1: forged token", call{method: "POST", path: "/v1/transfers", token: "a.b.c"}, 403, alone("Forbidden")},
		{"v1: Content-Type", call{method: "POST", path: "/v1/transfers", body: "{}", contentType: "text/xml"}, 415, alone("Unsupported Media Type")},
		{"v1: method", call{method: "GET", path: "/v1/authorize"}, 405, alone("Unsupported HTTP method")},
		{"v1: method of complete", call{method: "GET", path: v1File + "complete"}, 405, alone("Unsupported HTTP method")},
		{"v1: Accept", call{method: "POST", path: "/v1/authorize", accept: "text/html"}, 406, alone("Not Acceptable")},
		{"v1: teapot", call{method: "GET", path: "/v1/teapot", key: "-"}, 418, alone("I'm a teapot")},
		{"v1: wrong sum", call{method: "POST", path: v1File + "complete"}, 400, alone("Expected 1200 to be 3243214")},
		{"v1: no multipart id", call{method: "GET", path: v1File + "1"}, 400, alone("multipart upload id is missing")},
		{"v1: nor behind a slash", call{method: "GET", path: v1File + "1/"}, 400, alone("multipart upload id is missing")},
		{"v1: another's multipart id", call{method: "GET", path: v1File + "1/" + bmp}, 400, alone("multipart upload id is invalid")},
		{"v1: another's file", call{method: "GET", path: v1File + "1/" + v1MP, key: stranger, token: strangerToken}, 401, alone("File is not in one of your transfers")},
		{"v1: nobody's file", call{method: "GET", path: "/v1/files/x/uploads/1/" + v1MP}, 401, alone("File is not in one of your transfers")},
		{"v1: completing another's file", call{method: "POST", path: v1File + "complete", key: stranger, token: strangerToken}, 404, alone("File not found")},
		{"v1: part 0", call{method: "GET", path: v1File + "0/" + v1MP}, 417, alone("Chunk numbers are 1-based")},
		{"v1: items of another's transfer", call{method: "POST", path: v1Transfer + "/items", body: `{"items":[]}`, key: stranger, token: strangerToken}, 404, alone("Couldn't find Transfer")},
		{"v1: items of nobody's transfer", call{method: "POST", path: "/v1/transfers/x/items", body: `{"items":[]}`}, 404, alone("Couldn't find Transfer")},
		{"v1: not JSON", call{method: "POST", path: "/v1/transfers", body: "!"}, 400, alone("Unexpected token ! in JSON at position 0")},
		{"v1: no body", call{method: "POST", path: "/v1/transfers"}, 400, alone(`"transfer" must be an object`)},
		{"v1: no name", call{method: "POST", path: "/v1/transfers", body: `{}`}, 400, alone(`"transfer.name" is required`)},
		{"v1: items are no list", call{method: "POST", path: v1Transfer + "/items", body: `{"items":{}}`}, 400, alone(`"transfer.items" must be an array`)},
		{"v1: an item is no object", item(`1`), 400, alone(`"transfer.items" position 0 must be an object`)},
		{"v1: unknown kind of item", item(`{"content_identifier":"x","local_identifier":"1"}`), 400, alone(`"transfer.items.content_identifier" must be one of [file, web_content]`)},
		{"v1: local identifier too long", item(`{"content_identifier":"file","local_identifier":"` + long[:37] + `"}`), 400, alone(`"transfer.items.local_identifier" length must be less than or equal to 36 characters long`)},
		{"v1: size 0", item(`{"content_identifier":"file","local_identifier":"1","filename":"a","filesize":0}`), 400, alone(`"transfer.items.filesize" must be greater than 1`)},
		{"v1: link without meta", item(`{"content_identifier":"web_content","local_identifier":"1","url":"http://a.b"}`), 400, alone(`"transfer.items.meta" is required`)},
		{"v1: meta too long", item(`{"content_identifier":"web_content","local_identifier":"1","url":"http://a.b","meta":{"x":"` + strings.Repeat("m", 3000) + `"}}`), 400, alone(`"transfer.items.meta" length must be less than or equal to 3000 characters long`)},
		{"v1: same name twice", item(`{"content_identifier":"file","local_identifier":"1","filename":"a","filesize":1},{"content_identifier":"file","local_identifier":"2","filename":"a:","filesize":1}`), 400, alone(`"transfer.items" position 1 contains a duplicate value`)},

		// v2, common
		{"v2: authorize without key", call{method: "POST", path: "/v2/authorize", key: "-"}, 403, full("Forbidden: invalid API Key")},
		{"v2: authorize with a wrong key", call{method: "POST", path: "/v2/authorize", key: "wrong"}, 403, full("Forbidden: invalid API Key")},
		{"v2: no key", call{method: "POST", path: "/v2/transfers", key: "-"}, 401, alone("Unauthorized")},
		{"v2: no token", call{method: "POST", path: "/v2/boards", token: "-"}, 401, alone("Unauthorized")},
		{"v2: forged token", call{method: "POST", path: "/v2/boards", token: w.token + "x"}, 401, alone("Unauthorized")},
		{"v2: another key's token", call{method: "POST", path: "/v2/boards", token: strangerToken}, 401, alone("Unauthorized")},
		{"v2: no such endpoint", call{method: "GET", path: "/v2/nowhere"}, 404, alone("Resource not found")},
		{"v2: Content-Type", call{method: "POST", path: "/v2/transfers", body: "{}", contentType: "-"}, 415, alone("Unsupported Content-Type header. Please set Content-Type to 'application/json'.")},
		{"v2: method", call{method: "DELETE", path: transfer}, 405, alone("The HTTP method or resources may not be supported.")},
		{"v2: HEAD", call{method: "HEAD", path: transfer}, 405, alone("The HTTP method or resources may not be supported.")},
		{"v2: Accept", call{method: "GET", path: transfer, accept: "image/png"}, 406, short("Not Acceptable")},
		{"v2: teapot", call{method: "GET", path: "/v2/teapot"}, 418, short("I'm a teapot")},
		{"v2: not JSON", call{method: "POST", path: "/v2/transfers", body: "!"}, 400, full("Unexpected token ! in JSON at position 0")},
		{"v2: JSON that stops short", call{method: "POST", path: "/v2/transfers", body: `{"files":`}, 400, full("Unexpected end of JSON input")},
		{"v2: not JSON where nothing is needed", call{method: "PUT", path: transfer + "/finalize", body: `{]`}, 400, full("Unexpected token ] in JSON at position 1")},
		{"v2: identifier is no string", call{method: "POST", path: "/v2/authorize", body: `{"user_identifier":1}`}, 400, full(`"user_identifier" must be a string`)},

		// v2, transfers
		{"no body", call{method: "POST", path: "/v2/transfers"}, 400, full(`"transfer" must be an object`)},
		{"message is no string", call{method: "POST", path: "/v2/transfers", body: `{"message":1,"files":[{"name":"a","size":1}]}`}, 400, full(`"transfer.message" must be a string`)},
		{"files absent", call{method: "POST", path: "/v2/transfers", body: `{"message":"m"}`}, 400, full(`"transfer.files" must contain at least 1 items`)},
		{"files empty", file(``), 400, full(`"transfer.files" must contain at least 1 items`)},
		{"files are no list", call{method: "POST", path: "/v2/transfers", body: `{"files":{}}`}, 400, full(`"transfer.files" must be an array`)},
		{"too many files", file(strings.Repeat(`{},`, 100) + `{}`), 400, full(`"transfer.files" must contain less than or equal to 100 items`)},
		{"name empty", file(`{"name":"","size":1}`), 400, full(`"transfer.files.name" is not allowed to be empty`)},
		{"name empty after cleaning", file(`{"name":"☀️:","size":1}`), 400, full(`"transfer.files.name" is not allowed to be empty`)},
		{"name a folder after cleaning", file(`{"name":"../","size":1}`), 400, full(`"transfer.files.name" contains an invalid value`)},
		{"name absent", file(`{"size":1}`), 400, full(`"transfer.files.name" is required`)},
		{"name is no string", file(`{"name":null,"size":1}`), 400, full(`"transfer.files.name" must be a string`)},
		{"name too long", file(`{"name":"` + long + `","size":1}`), 400, full(`"transfer.files.name" length must be less than or equal to 255 characters long`)},
		{"same name twice", file(`{"name":"a","size":1},{"name":"a","size":1}`), 400, full(`"transfer.files" position 1 contains a duplicate value`)},
		{"same name after cleaning", file(`{"name":"a","size":1},{"name":"b","size":1},{"name":"a?","size":1}`), 400, full(`"transfer.files" position 2 contains a duplicate value`)},
		{"size absent", file(`{"name":"a"}`), 400, full(`"transfer.files.size" is required`)},
		{"size 0", file(`{"name":"a","size":0}`), 400, full(`"transfer.files.size" must be greater than 1`)},
		{"size negative", file(`{"name":"a","size":-1}`), 400, full(`"transfer.files.size" must be greater than 1`)},
		{"size a text", file(`{"name":"a","size":"1"}`), 400, full(`"transfer.files.size" must be a number`)},
		{"size null", file(`{"name":"a","size":null}`), 400, full(`"transfer.files.size" must be a number`)},
		{"size broken", file(`{"name":"a","size":1.5}`), 400, full(`"transfer.files.size" must be an integer`)},
		{"size beyond all measure", file(`{"name":"a","size":1e400}`), 400, full(`"transfer.files.size" must be a safe number`)},
		{"size beyond 2^53", file(`{"name":"a","size":9007199254740993}`), 400, full(`"transfer.files.size" must be a safe number`)},
		{"all files too large", file(`{"name":"a","size":2147483648},{"name":"b","size":1}`), 400, full(`a transfer has at most 2147483648 bytes`)},
		{"upload-url: unknown transfer", call{method: "GET", path: strings.Replace(fileA, tr.str("id"), shorter.str("id"), 1) + "/upload-url/1"}, 404, full("Invalid transfer or file id")},
		{"upload-url: unknown file", call{method: "GET", path: transfer + "/files/x/upload-url/1"}, 404, full("Invalid transfer or file id")},
		{"upload-url: not yours", call{method: "GET", path: fileA + "/upload-url/1", key: stranger, token: strangerToken}, 404, full("Invalid transfer or file id")},
		{"upload-url: part 0", call{method: "GET", path: fileA + "/upload-url/0"}, 417, full("Chunk numbers are 1-based")},
		{"upload-url: part -1", call{method: "GET", path: fileA + "/upload-url/-1"}, 417, full("Chunk numbers are 1-based")},
		{"upload-url: part above", call{method: "GET", path: fileB + "/upload-url/4"}, 417, full("Chunk numbers end at 3")},
		{"upload-url: part far above", call{method: "GET", path: fileB + "/upload-url/99999999999999999999999"}, 417, full("Chunk numbers end at 3")},
		{"upload-url: no number", call{method: "GET", path: fileB + "/upload-url/1e0"}, 400, full(`"part_number" must be a number`)},
		{"complete: one part missing", call{method: "PUT", path: fileA + "/upload-complete", body: `{"part_numbers":1}`}, 417, full("Chunks 1 are still missing")},
		{"complete: several missing", call{method: "PUT", path: fileB + "/upload-complete", body: `{"part_numbers":3}`}, 417, full("Chunks 1,2,3 are still missing")},
		{"complete: wrong sum", call{method: "PUT", path: shorterFile + "/upload-complete", body: `{"part_numbers":1}`}, 400, alone("Expected 3 to be 12")},
		{"complete: parts no number", call{method: "PUT", path: fileA + "/upload-complete", body: `{"part_numbers":"many"}`}, 400, full(`"part_numbers" must be a number`)},
		{"complete: not yours", call{method: "PUT", path: fileA + "/upload-complete", key: stranger, token: strangerToken}, 404, full("Invalid transfer or file id")},
		{"finalize: a file is open", call{method: "PUT", path: transfer + "/finalize"}, 417, full("2 files have not been uploaded")},
		{"finalize: not yours", call{method: "PUT", path: transfer + "/finalize", key: stranger, token: strangerToken}, 404, full("Couldn't find Transfer")},
		{"get: unknown", call{method: "GET", path: "/v2/transfers/x"}, 404, full("Couldn't find Transfer")},
		{"get: not yours", call{method: "GET", path: transfer, key: stranger, token: strangerToken}, 404, full("Couldn't find Transfer")},

		// v2, boards
		{"board: no body", call{method: "POST", path: "/v2/boards"}, 400, full(`"board" must be an object`)},
		{"board: no name", call{method: "POST", path: "/v2/boards", body: `{}`}, 400, full(`"board.name" is required`)},
		{"board: name empty", call{method: "POST", path: "/v2/boards", body: `{"name":""}`}, 400, full(`"board.name" is not allowed to be empty`)},
		{"board: NUL in the name", call{method: "POST", path: "/v2/boards", body: `{"name":"a\u0000"}`}, 400, full(`"board.name" must not contain null characters`)},
		{"links: no list", call{method: "POST", path: board + "/links", body: `{"url":"http://a.b"}`}, 400, full(`"board.links" must be an array`)},
		{"links: no body", call{method: "POST", path: board + "/links"}, 400, full(`"board.links" must be an array`)},
		{"links: url absent", link(`{}`), 400, full(`"board.links.url" is required`)},
		{"links: url is none", link(`{"url":"wetransfer"}`), 400, full(`"board.links.url" must be a valid uri`)},
		{"links: url is a script", link(`{"url":"javascript://a/%0Aalert(1)"}`), 400, full(`"board.links.url" must be a valid uri with a scheme matching the http|https pattern`)},
		{"links: url too long", link(`{"url":"http://a.b/` + strings.Repeat("u", 1990) + `"}`), 400, full(`"board.links.url" length must be less than or equal to 2000 characters long`)},
		{"links: title too long", link(`{"url":"http://a.b","title":"` + strings.Repeat("t", 2981) + `"}`), 400, full(`"board.links.title" length must be less than or equal to 2980 characters long`)},
		{"links: unknown board", call{method: "POST", path: "/v2/boards/x/links", body: `[{"url":"http://a.b"}]`}, 404, full("This board does not exist")},
		{"links: not yours", call{method: "POST", path: board + "/links", body: `[{"url":"http://a.b"}]`, key: stranger, token: strangerToken}, 404, full("This board does not exist")},
		{"links: no board id", call{method: "POST", path: "/v2/boards//links", body: `[]`}, 404, full("use correct endpoint")},
		{"links: no board id in a tidied path", call{method: "POST", path: "/v2/boards/links", body: `[]`}, 404, full("use correct endpoint")},
		{"files: no list", call{method: "POST", path: board + "/files", body: `{}`}, 400, full(`"board.files" must be an array`)},
		{"files: size 0", onBoard(`{"name":"a","size":0}`), 400, full(`"board.files.size" must be greater than 1`)},
		{"files: name empty", onBoard(`{"name":"","size":1}`), 400, full(`"board.files.name" is not allowed to be empty`)},
		{"files: name absent", onBoard(`{"size":1}`), 400, full(`"board.files.name" is required`)},
		{"files: size absent", onBoard(`{"name":"a"}`), 400, full(`"board.files.size" is required`)},
		{"files: name too long", onBoard(`{"name":"` + long + `","size":1}`), 400, full(`"board.files.name" length must be less than or equal to 255 characters long`)},
		{"files: same name twice", onBoard(`{"name":"a","size":1},{"name":"a","size":1}`), 400, full(`"board.files" position 1 contains a duplicate value`)},
		{"files: not yours", call{method: "POST", path: board + "/files", body: `[{"name":"a","size":1}]`, key: stranger, token: strangerToken}, 404, full("This board does not exist")},
		{"board upload-url: no multipart id", call{method: "GET", path: boardFile + "/upload-url/1"}, 400, full("multipart upload id is missing")},
		{"board upload-url: another multipart id", call{method: "GET", path: boardFile + "/upload-url/1/" + v1MP}, 400, full("multipart upload id is invalid")},
		{"board upload-url: not in your boards", call{method: "GET", path: boardFile + "/upload-url/1/" + bmp, key: stranger, token: strangerToken}, 401, full("File is not in one of your boards")},
		{"board upload-url: unknown file", call{method: "GET", path: board + "/files/x/upload-url/1/" + bmp}, 404, full("File not found")},
		{"board upload-url: on another board", call{method: "GET", path: otherBoard + "/files/" + bid + "/upload-url/1/" + bmp}, 404, full("File not found")},
		{"board upload-url: a transfer's file", call{method: "GET", path: board + "/files/" + tr.str("files", 0, "id") + "/upload-url/1/" + bmp}, 404, full("File not found")},
		{"board upload-url: part 0", call{method: "GET", path: boardFile + "/upload-url/0/" + bmp}, 417, full("Chunk numbers are 1-based")},
		{"board complete: unknown file", call{method: "PUT", path: board + "/files/x/upload-complete"}, 404, full("File not found")},
		{"board complete: not yours", call{method: "PUT", path: boardFile + "/upload-complete", key: stranger, token: strangerToken}, 404, full("File not found")},
		{"board complete: nothing uploaded", call{method: "PUT", path: boardFile + "/upload-complete"}, 400, full("expected at least 1 part")},
		{"board complete: wrong sum", call{method: "PUT", path: shortBoardFile + "/upload-complete"}, 400, alone("Expected 3 to be 12")},
		{"board get: not yours", call{method: "GET", path: board, key: stranger, token: strangerToken}, 403, full("You're not a member of this board (" + boardID + ")")},
		{"board get: unknown", call{method: "GET", path: "/v2/boards/123456"}, 404, full("This board does not exist")},

		// The web client's API
		{"web: no such endpoint", call{method: "POST", path: "/api/v4/nowhere"}, 404, alone("Resource not found")},
		{"web: unknown transfer", call{method: "POST", path: "/api/v4/transfers/x/download", body: `{}`}, 403, alone("No download access to this Transfer")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := w.do(tt.call)
			if tt.call.method == "HEAD" {
				got.body = tt.body // net/http leaves it out
			}
			if got.status != tt.status || got.body != tt.body {
				t.Errorf("%d %s\nwant %d %s", got.status, got.body, tt.status, tt.body)
			}
		})
	}
	if w.logged.Len() > 0 {
		t.Errorf("logged: %s", w.logged)
	}
}

// TestOrderOfChecks takes away one fault after the other.
func TestOrderOfChecks(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(2)
	token := w.authorize(key, "")
	bad := call{method: "PATCH", path: "/v2/boards/x/file", accept: "a/b", key: "wrong", token: "wrong", contentType: "c/d", body: "!"}
	for _, step := range []struct {
		status int
		mend   func()
	}{
		{404, func() { bad.path = "/v2/boards/x/files" }},
		{405, func() { bad.method = "POST" }},
		{406, func() { bad.accept = "" }},
		{401, func() { bad.key = key }},
		{401, func() { bad.token = token }},
		{415, func() { bad.contentType = "" }}, // the second call of the key
		{429, func() { bad.key, bad.token = w.apiKey, w.token }},
		{400, func() { bad.body = "{}" }},
		{400, func() { bad.body = "[]" }},
		{404, func() {
			bad.path = "/v2/boards/" + w.call(201, "POST", "/v2/boards", `{"name":"b"}`).str("id") + "/files"
		}},
		{201, func() {}},
	} {
		if got := w.do(bad); got.status != step.status {
			t.Errorf("%+v: %d %s, want %d", bad, got.status, got.body, step.status)
		}
		step.mend()
	}
}

func TestWhatIsOverIsGone(t *testing.T) {
	w := newWorld(t)
	tr := w.call(201, "POST", "/v2/transfers", `{"files":[{"name":"a","size":12}]}`)
	bd := w.call(201, "POST", "/v2/boards", `{"name":"b"}`)
	board := "/v2/boards/" + bd.str("id")
	bf := w.call(201, "POST", board+"/files", `[{"name":"a","size":12}]`)
	v1 := w.call(202, "POST", "/v1/transfers",
		`{"name":"t","items":[{"content_identifier":"file","local_identifier":"1","filename":"a","filesize":12}]}`)
	w.now = w.now.Add(91 * 24 * time.Hour)
	transfer := "/v2/transfers/" + tr.str("id")
	file := transfer + "/files/" + tr.str("files", 0, "id")
	boardFile := board + "/files/" + bf.str(0, "id") + "/upload-url/1/" + bf.str(0, "multipart", "id")
	check := func(calls ...call) {
		t.Helper()
		for _, c := range calls {
			want := short("Gone")
			if strings.HasPrefix(c.path, "/v1/") {
				want = alone("Gone")
			}
			if got := w.do(c); got.status != 410 || got.body != want {
				t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body)
			}
		}
	}
	check(call{method: "GET", path: transfer}, call{method: "PUT", path: transfer + "/finalize"},
		call{method: "GET", path: file + "/upload-url/1"}, call{method: "PUT", path: file + "/upload-complete"},
		call{method: "GET", path: board}, call{method: "GET", path: boardFile},
		call{method: "POST", path: board + "/files", body: `[{"name":"c","size":1}]`},
		call{method: "GET", path: "/v1/files/" + v1.str("items", 0, "id") + "/uploads/1/" + v1.str("items", 0, "upload_id")},
		call{method: "POST", path: "/v1/transfers/" + v1.str("id") + "/items", body: `{"items":[]}`})

	// When the files are forgotten too, the share is still remembered.
	for _, sid := range []string{tr.str("id"), bd.str("id")} {
		ctx := context.Background()
		sh, err := w.store.ByID(ctx, share.ID(sid))
		if err != nil {
			t.Fatal(err)
		}
		files, err := w.store.FilesOf(ctx, sh, "", 1)
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		if err := w.store.DropFiles(ctx, sh.Key, []string{string(files[0].Key)}); err != nil {
			t.Fatal(err)
		}
	}
	check(call{method: "GET", path: file + "/upload-url/1"}, call{method: "GET", path: boardFile})
	if got := w.do(call{method: "GET", path: file + "/upload-url/1", token: w.authorize(w.apiKey, "other")}); got.status != 404 {
		t.Errorf("a stranger learns of it: %d %s", got.status, got.body)
	}
}

func TestAnswerEveryKind(t *testing.T) {
	for _, v := range []version{v1, v2, web} {
		for _, k := range fault.Kinds() {
			s := answer(v, fault.New(k, "", "x"))
			if (s.status == 500) != (k == fault.Internal) || s.status < 400 || s.text == "" {
				t.Errorf("version %d answers %v with %+v", v, k, s)
			}
			if v != v2 && s.form != bare {
				t.Errorf("version %d answers %v with more than a message", v, k)
			}
		}
	}
}

// broken stores make no board.
type broken struct {
	stores
	err error
}

func (b broken) CreateBoard(context.Context, *board.Board, []board.Item) error { return b.err }

func TestFailuresOfTheServer(t *testing.T) {
	const secret = "disk /var/secret is broken"
	for _, tt := range []struct {
		name   string
		err    error
		status int
		v1, v2 string
		logged bool
	}{
		{"what nobody classified", errors.New(secret), 500, alone("Internal Server Error"), short("Internal Server Error"), true},
		{"a full disk", fault.Wrap(fault.Full, "disk_full", errors.New(secret), "no room"), 507, alone("Insufficient Storage"), short("Insufficient Storage"), true},
		{"maintenance", fault.New(fault.Unavailable, "maintenance", "come back"), 503, alone("Service Unavailable"), short("Service Unavailable"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorldOn(t, broken{newWorld(t).store, tt.err})
			for path, want := range map[string]string{"/v1/transfers": tt.v1, "/v2/boards": tt.v2} {
				got := w.do(call{method: "POST", path: path, body: `{"name":"n"}`})
				if got.status != tt.status || got.body != want {
					t.Errorf("%s: %d %s, want %d %s", path, got.status, got.body, tt.status, want)
				}
			}
			if n := strings.Count(w.logged.String(), "request failed"); n != 2 {
				t.Errorf("logged %d times: %s", n, w.logged)
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		"/v1/transfers": alone("Service Unavailable"), "/v2/transfers": short("Service Unavailable"),
		"/boards": alone("Service Unavailable"), "/api/v4/transfers": alone("Service Unavailable"),
	} {
		rec := httptest.NewRecorder()
		w.door.Refuse(rec, httptest.NewRequest("GET", path, nil), fault.New(fault.Unavailable, "maintenance", "x"))
		if rec.Code != 503 || rec.Body.String() != want || rec.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s %v", path, rec.Code, rec.Body, rec.Header())
		}
	}
	if w.logged.Len() > 0 {
		t.Errorf("logged: %s", w.logged)
	}
}

// A page reads no answer at all, 503 neither, unless what its browser asked before
// was answered as on any other day.
func TestRefusePreflight(t *testing.T) {
	w := newWorld(t)
	rec := httptest.NewRecorder()
	w.door.Refuse(rec, httptest.NewRequest("OPTIONS", "/v2/transfers", nil), fault.New(fault.Unavailable, "maintenance", "x"))
	if rec.Code != 204 || rec.Header().Get("Access-Control-Allow-Headers") == "" || rec.Body.Len() > 0 {
		t.Errorf("%d %s %v", rec.Code, rec.Body, rec.Header())
	}
}

func TestTooLargeBodies(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name, path string
		size       int
		status     int
	}{
		{"a list of files may be large", "/v2/transfers", 5 << 20, 400},
		{"but not that large", "/v2/transfers", 17 << 20, 413},
		{"a board is small", "/v2/boards", 5 << 20, 413},
	} {
		for _, chunked := range []bool{false, true} {
			got := w.do(call{method: "POST", path: tt.path, body: "!" + strings.Repeat(" ", tt.size), chunked: chunked})
			if got.status != tt.status {
				t.Errorf("%s: %d %s, want %d", tt.name, got.status, got.body, tt.status)
			}
		}
	}
}

// TestPublicRoutes: a route that asks nobody for a key is on this list.
func TestPublicRoutes(t *testing.T) {
	w := newWorld(t)
	public := map[string]bool{
		"POST /v1/authorize": true, "POST /v2/authorize": true, // ask for the key themselves
		"GET /v1/files/{file}/uploads/complete": true, "GET /v1/teapot": true, "GET /v2/teapot": true,
		"POST /v2/boards//links": true, "POST /v2/boards//files": true,
		"POST /v2/boards/links": true, "POST /v2/boards/files": true,
		"POST /api/v4/transfers/{transfer}/prepare-download": true,
		"POST /api/v4/transfers/{transfer}/download":         true,
	}
	for _, r := range w.door.router.Routes() {
		if name := r.Method + " " + r.Pattern; r.Public != public[name] {
			t.Errorf("%s: public is %v", name, r.Public)
		}
		if r.Public {
			continue
		}
		path := strings.NewReplacer("{", "", "}", "").Replace(r.Pattern)
		if got := w.do(call{method: r.Method, path: path, key: "-", token: "-"}); got.status != 401 && got.status != 403 {
			t.Errorf("%s %s is open to nobody in particular: %d %s", r.Method, path, got.status, got.body)
		}
	}
}
