package test

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	_ "modernc.org/sqlite" // to damage a database

	"github.com/ferry-server/ferry/internal/testenv"
)

// A row is a row of WeTransfer's error tables: what is sent, and the whole answer.
type row struct {
	name         string
	method, path string
	body         string
	headers      map[string]string // in place of the usual ones; "-" leaves one out
	status       int
	want         string
}

// answer sends the row's request with the client's key and tokens.
func (r row) answer(c *wt) (status int, text string, err error) {
	req, err := http.NewRequest(r.method, c.base+r.path, strings.NewReader(r.body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("X-Api-Key", c.key)
	version, _, _ := strings.Cut(r.path[1:], "/")
	req.Header.Set("Authorization", "Bearer "+c.tokens[version])
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range r.headers {
		req.Header.Set(k, v)
		if v == "-" {
			req.Header.Del(k)
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// TestErrorRows provokes every row of the error tables of WeTransfer's API docs
// ("Errors" of v1; the pages of v2) through the real program, and compares status
// and whole body. 410 comes from a transfer that was taken down, 429 from a key
// whose day is used up, 500 from a database that has lost a table, 503 from
// maintenance.
func TestErrorRows(t *testing.T) {
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	other := signIn(t, node)
	bare := func(m string) string { return fmt.Sprintf(`{"message":%q}`, m) }
	plain := func(m string) string { return fmt.Sprintf(`{"success":false,"message":%q}`, m) }
	full := func(m string) string { return plain(m + ". See " + node.URL + "/docs") }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	var tr struct {
		ID    string
		Files []struct{ ID string }
	}
	must(c.call("POST", "/v2/transfers", 201, map[string]any{"files": []map[string]any{{"name": "a", "size": 3243214}, {"name": "b", "size": 5}}}, &tr))
	file := "/v2/transfers/" + tr.ID + "/files/" + tr.Files[0].ID
	var upload struct{ URL string }
	must(c.call("GET", file+"/upload-url/1", 200, nil, &upload))
	must(c.putTo(upload.URL, make([]byte, 1200)))
	missing := "/v2/transfers/" + tr.ID + "/files/" + tr.Files[1].ID
	var bd, foreign struct{ ID string }
	must(c.call("POST", "/v2/boards", 201, map[string]any{"name": "b"}, &bd))
	must(other.call("POST", "/v2/boards", 201, map[string]any{"name": "b"}, &foreign))
	board := "/v2/boards/" + bd.ID
	var items, theirs []struct {
		ID        string
		Multipart struct{ ID string }
	}
	must(c.call("POST", board+"/files", 201, []map[string]any{{"name": "a", "size": 5}}, &items))
	must(other.call("POST", "/v2/boards/"+foreign.ID+"/files", 201, []map[string]any{{"name": "a", "size": 5}}, &theirs))
	boardFile := board + "/files/" + items[0].ID
	var v1 struct {
		ID    string
		Items []struct {
			ID   string
			Meta struct {
				MP string `json:"multipart_upload_id"`
			}
		}
	}
	must(c.call("POST", "/v1/transfers", 202, map[string]any{"name": "t", "items": []map[string]any{
		{"content_identifier": "file", "local_identifier": "1", "filename": "a", "filesize": 3243214},
	}}, &v1))
	v1File := "/v1/files/" + v1.Items[0].ID + "/uploads/"
	var v1Upload struct {
		URL string `json:"upload_url"`
	}
	must(c.call("GET", v1File+"1/"+v1.Items[0].Meta.MP, 200, nil, &v1Upload))
	must(c.putTo(v1Upload.URL, make([]byte, 1200)))

	long := func(n int) string { return strings.Repeat("x", n) }
	xml := map[string]string{"Content-Type": "text/xml"}
	noKey := map[string]string{"X-Api-Key": "-"}
	wrongKey := map[string]string{"X-Api-Key": "wrong"}
	html := map[string]string{"Accept": "text/html"}
	for _, r := range []row{
		{"v1: no such endpoint", "GET", "/v1/nowhere", "", nil, 403, bare("Missing Authentication Token")},
		{"v1: no key", "POST", "/v1/authorize", "", noKey, 403, bare("Forbidden")},
		{"v1: wrong key", "POST", "/v1/authorize", "", wrongKey, 403, bare("Forbidden")},
		{"v1: Content-Type wrong", "POST", "/v1/transfers", "{}", xml, 415, bare("Unsupported Media Type")},
		{"v1: Content-Type absent", "POST", "/v1/transfers", "{}", map[string]string{"Content-Type": "-"}, 415, bare("Unsupported Media Type")},
		{"v1: wrong method", "GET", "/v1/transfers", "", nil, 405, bare("Unsupported HTTP method")},
		{"v1: no JSON wanted", "POST", "/v1/authorize", "", html, 406, bare("Not Acceptable")},
		{"v1: teapot", "GET", "/v1/teapot", "", nil, 418, bare("I'm a teapot")},
		{"v1: sum of parts", "POST", v1File + "complete", "", nil, 400, bare("Expected 1200 to be 3243214")},
		{"v1: no multipart id", "GET", v1File + "1", "", nil, 400, ""},
		{"v1: file not yours", "GET", "/v1/files/" + theirs[0].ID + "/uploads/1/" + theirs[0].Multipart.ID, "", nil, 401, ""},

		{"authorize: no key", "POST", "/v2/authorize", "", noKey, 403, full("Forbidden: invalid API Key")},
		{"authorize: wrong key", "POST", "/v2/authorize", "", wrongKey, 403, full("Forbidden: invalid API Key")},
		{"other calls: no key", "GET", "/v2/transfers/" + tr.ID, "", noKey, 401, bare("Unauthorized")},
		{"no such endpoint", "GET", "/v2/nowhere", "", nil, 404, bare("Resource not found")},
		{"Content-Type", "POST", "/v2/transfers", "{}", xml, 415, bare("Unsupported Content-Type header. Please set Content-Type to 'application/json'.")},
		{"wrong method", "DELETE", "/v2/transfers/" + tr.ID, "", nil, 405, bare("The HTTP method or resources may not be supported.")},
		{"no JSON wanted", "GET", "/v2/transfers/" + tr.ID, "", html, 406, plain("Not Acceptable")},
		{"teapot", "GET", "/v2/teapot", "", nil, 418, plain("I'm a teapot")},
		{"wrong sum", "PUT", file + "/upload-complete", `{"part_numbers":1}`, nil, 400, bare("Expected 1200 to be 3243214")},
		{"body is no JSON", "POST", "/v2/transfers", "!", nil, 400, full("Unexpected token ! in JSON at position 0")},
		{"body stops short", "POST", "/v2/transfers", `{"files"`, nil, 400, full("Unexpected end of JSON input")},

		{"message not a string", "POST", "/v2/transfers", `{"message":1,"files":[{"name":"a","size":1}]}`, nil, 400, full(`"transfer.message" must be a string`)},
		{"files absent", "POST", "/v2/transfers", `{"message":"m"}`, nil, 400, full(`"transfer.files" must contain at least 1 items`)},
		{"files empty", "POST", "/v2/transfers", `{"files":[]}`, nil, 400, full(`"transfer.files" must contain at least 1 items`)},
		{"name empty", "POST", "/v2/transfers", `{"files":[{"name":"","size":1}]}`, nil, 400, full(`"transfer.files.name" is not allowed to be empty`)},
		{"name empty after cleaning", "POST", "/v2/transfers", `{"files":[{"name":":/","size":1}]}`, nil, 400, full(`"transfer.files.name" is not allowed to be empty`)},
		{"same name twice", "POST", "/v2/transfers", `{"files":[{"name":"a","size":1},{"name":"a","size":1}]}`, nil, 400, full(`"transfer.files" position 1 contains a duplicate value`)},
		{"upload-url: unknown transfer", "GET", "/v2/transfers/x/files/" + tr.Files[0].ID + "/upload-url/1", "", nil, 404, full("Invalid transfer or file id")},
		{"upload-url: unknown file", "GET", "/v2/transfers/" + tr.ID + "/files/x/upload-url/1", "", nil, 404, full("Invalid transfer or file id")},
		{"upload-url: part 0", "GET", file + "/upload-url/0", "", nil, 417, full("Chunk numbers are 1-based")},
		{"complete: parts missing", "PUT", missing + "/upload-complete", `{"part_numbers":1}`, nil, 417, full("Chunks 1 are still missing")},
		{"get: unknown", "GET", "/v2/transfers/x", "", nil, 404, full("Couldn't find Transfer")},

		{"board: no body", "POST", "/v2/boards", "", nil, 400, full(`"board" must be an object`)},
		{"board: no name", "POST", "/v2/boards", "{}", nil, 400, full(`"board.name" is required`)},
		{"links: not an array", "POST", board + "/links", "{}", nil, 400, full(`"board.links" must be an array`)},
		{"links: no body", "POST", board + "/links", "", nil, 400, full(`"board.links" must be an array`)},
		{"links: url too long", "POST", board + "/links", `[{"url":"http://a.b/` + long(2000) + `"}]`, nil, 400, full(`"board.links.url" length must be less than or equal to 2000 characters long`)},
		{"links: title too long", "POST", board + "/links", `[{"url":"http://a.b/","title":"` + long(2981) + `"}]`, nil, 400, full(`"board.links.title" length must be less than or equal to 2980 characters long`)},
		{"links: board unknown", "POST", "/v2/boards/x/links", `[{"url":"http://a.b/"}]`, nil, 404, full("This board does not exist")},
		{"links: board not yours", "POST", "/v2/boards/" + foreign.ID + "/links", `[{"url":"http://a.b/"}]`, nil, 404, full("This board does not exist")},
		{"links: no board id", "POST", "/v2/boards//links", `[{"url":"http://a.b/"}]`, nil, 404, full("use correct endpoint")},
		{"files: not an array", "POST", board + "/files", "{}", nil, 400, full(`"board.files" must be an array`)},
		{"files: size 0", "POST", board + "/files", `[{"name":"b","size":0}]`, nil, 400, full(`"board.files.size" must be greater than 1`)},
		{"files: name empty", "POST", board + "/files", `[{"name":"","size":1}]`, nil, 400, full(`"board.files.name" is not allowed to be empty`)},
		{"files: name absent", "POST", board + "/files", `[{"size":1}]`, nil, 400, full(`"board.files.name" is required`)},
		{"files: size absent", "POST", board + "/files", `[{"name":"b"}]`, nil, 400, full(`"board.files.size" is required`)},
		{"files: name too long", "POST", board + "/files", `[{"name":"` + long(256) + `","size":1}]`, nil, 400, full(`"board.files.name" length must be less than or equal to 255 characters long`)},
		{"files: same name twice", "POST", board + "/files", `[{"name":"b","size":1},{"name":"b","size":1}]`, nil, 400, full(`"board.files" position 1 contains a duplicate value`)},
		{"upload-url: no multipart id", "GET", boardFile + "/upload-url/1", "", nil, 400, ""},
		{"upload-url: not in your boards", "GET", board + "/files/" + theirs[0].ID + "/upload-url/1/" + theirs[0].Multipart.ID, "", nil, 401, ""},
		{"upload-url: unknown file of a board", "GET", board + "/files/x/upload-url/1/" + items[0].Multipart.ID, "", nil, 404, full("File not found")},
		{"complete: unknown file of a board", "PUT", board + "/files/x/upload-complete", "", nil, 404, full("File not found")},
		{"complete: nothing uploaded", "PUT", boardFile + "/upload-complete", "", nil, 400, full("expected at least 1 part")},
		{"get: board not yours", "GET", "/v2/boards/" + foreign.ID, "", nil, 403, full("You're not a member of this board (" + foreign.ID + ")")},
	} {
		r.check(t, c)
	}

	t.Run("gone", func(t *testing.T) {
		over := mustSend(t, c, transferV2, content{"a.txt", 5, 1})
		takeDown(t, node, c, over)
		row{"get", "GET", "/v2/transfers/" + over.id, "", nil, 410, plain("Gone")}.check(t, c)
		row{"upload-url", "GET", "/v2/transfers/" + over.id + "/files/" + over.items[0].id + "/upload-url/1", "", nil, 410, plain("Gone")}.check(t, c)
	})
	t.Run("used up", func(t *testing.T) {
		small, err := authorize(node.URL, node.Key("--daily-limit", "3"), "")
		must(err)
		must(small.call("POST", "/v2/boards", 201, map[string]any{"name": "b"}, nil))
		row{"v1", "POST", "/v1/transfers", `{"name":"t"}`, nil, 429, bare("Limit Exceeded Exception")}.check(t, small)
		row{"v2", "GET", "/v2/transfers/x", "", nil, 429, bare("Limit Exceeded Exception")}.check(t, small)
	})
	t.Run("broken", func(t *testing.T) {
		db, err := sql.Open("sqlite", filepath.Join(node.Data, "ferry.db"))
		must(err)
		defer db.Close()
		_, err = db.Exec("drop table files")
		must(err)
		row{"v1", "POST", v1File + "complete", "", nil, 500, bare("Internal Server Error")}.check(t, c)
		row{"v2", "GET", "/v2/transfers/" + tr.ID, "", nil, 500, plain("Internal Server Error")}.check(t, c)
	})
	t.Run("offline", func(t *testing.T) {
		off := &wt{base: testenv.StartFerry(t, "--maintenance").URL, http: c.http}
		row{"v1", "POST", "/v1/authorize", "", nil, 503, bare("Service Unavailable")}.check(t, off)
		row{"v2", "POST", "/v2/authorize", "", nil, 503, plain("Service Unavailable")}.check(t, off)
	})
}

// takeDown deletes a transfer of one file, as an S3 program would with the
// credentials of its key: WeTransfer's API has no call for it.
func takeDown(t *testing.T, node *testenv.Node, c *wt, over *sending) {
	t.Helper()
	access, secret := s3Credentials(t, node, c.key)
	link, err := over.items[0].url(1)
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := strings.Cut(link, "/s3/ferry/")
	key, _, _ = strings.Cut(key, "?")
	_, err = awsClient(node, access, secret).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("ferry"), Key: aws.String(key)})
	if err != nil {
		t.Fatal(err)
	}
}

// check compares the answer; an empty want takes any message, where the documents
// give none.
func (r row) check(t *testing.T, c *wt) {
	t.Run(r.name, func(t *testing.T) {
		status, text, err := r.answer(c)
		if err != nil {
			t.Fatal(err)
		}
		if status != r.status || r.want != "" && text != r.want || !strings.Contains(text, `"message":"`) {
			t.Errorf("%s %s:\n got %d %s\nwant %d %s", r.method, r.path, status, text, r.status, r.want)
		}
	})
}
