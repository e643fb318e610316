package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// A wt speaks WeTransfer's API, v1 and v2, as its documents tell. It takes no
// other status than the one it expects, and says so by an error, so that many
// goroutines can use it at once.
type wt struct {
	base, key string
	tokens    map[string]string // by version
	http      *http.Client
}

// An unexpected is an answer with another status than the expected one.
type unexpected struct {
	method, url string
	status      int
	body        string
}

func (e *unexpected) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.method, e.url, e.status, e.body)
}

// signIn authorizes with a new key of the node, once in each version.
func signIn(t *testing.T, node *testenv.Node) *wt {
	t.Helper()
	c, err := authorize(node.URL, node.Key(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// authorize gives a client with the tokens of a room of the key; "" is the room
// of those who name none.
func authorize(base, key, room string) (*wt, error) {
	c := &wt{base: base, key: key, tokens: map[string]string{}, http: &http.Client{
		Timeout:   2 * time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	for _, version := range []string{"v1", "v2"} {
		var request any
		if room != "" && version == "v2" {
			request = map[string]string{"user_identifier": room}
		}
		var answer struct {
			Success bool
			Token   string
		}
		if err := c.call("POST", "/"+version+"/authorize", 200, request, &answer); err != nil {
			return nil, err
		}
		if !answer.Success || answer.Token == "" {
			return nil, fmt.Errorf("%s authorize: %+v", version, answer)
		}
		c.tokens[version] = answer.Token
	}
	return c, nil
}

// call makes one call of the API. Without a request it has no body; answer may be nil.
func (c *wt) call(method, path string, want int, request, answer any) error {
	var body io.Reader
	if request != nil {
		text, err := json.Marshal(request)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	status, text, err := c.try(method, path, body)
	if err != nil {
		return err
	}
	if status != want {
		return &unexpected{method, path, status, string(text)}
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s %s: %w in %q", method, path, err, text)
	}
	return nil
}

// try makes one call and takes whatever is answered.
func (c *wt) try(method, path string, body io.Reader) (status int, text []byte, err error) {
	req, err := http.NewRequest(method, c.base+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("X-Api-Key", c.key)
	if version, _, _ := strings.Cut(path[1:], "/"); c.tokens[version] != "" {
		req.Header.Set("Authorization", "Bearer "+c.tokens[version])
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

// A dialect is one of the API's three ways to take files.
type dialect struct {
	name   string
	chunk  int64
	create func(c *wt, files []content) (*sending, error)
}

// begin announces files.
func (d dialect) begin(c *wt, files ...content) (*sending, error) {
	s, err := d.create(c, files)
	if err != nil {
		return nil, err
	}
	s.dialect = d
	return s, nil
}

const mib = 1 << 20

// Chunk sizes: WeTransfer API docs, v2 Transfer API, Board API; v1.
var (
	transferV2 = dialect{"v2 transfer", 5 * mib, (*wt).createTransfer}
	boardV2    = dialect{"v2 board", 6 * mib, (*wt).createBoard}
	transferV1 = dialect{"v1 transfer", 6 * mib, (*wt).createTransferV1}
	dialects   = []dialect{transferV2, boardV2, transferV1}
)

// A sending is a transfer or a board on its way.
type sending struct {
	dialect dialect
	id      string
	link    string // the short link; of a v2 transfer only once it is finalized
	items   []*item
	seal    func() error // finalizes a v2 transfer, sets link; nil for what is never finished
}

// An item is an announced file.
type item struct {
	content
	api      *wt
	id       string
	parts    int
	chunk    int64 // as it was answered; v1 does not say it
	urlPath  string
	urlEnd   string // what follows the part number
	complete func() error
}

func (c *wt) createTransfer(files []content) (*sending, error) {
	type file struct {
		Name      string `json:"name"`
		Size      int64  `json:"size"`
		ID        string `json:"id,omitzero"`
		Multipart struct {
			Parts int   `json:"part_numbers"`
			Chunk int64 `json:"chunk_size"`
		} `json:"multipart,omitzero"`
	}
	request := struct {
		Message string `json:"message"`
		Files   []file `json:"files"`
	}{Message: "from the tests"}
	for _, f := range files {
		request.Files = append(request.Files, file{Name: f.name, Size: f.size})
	}
	var answer struct {
		ID, State string
		URL       *string
		Files     []file
	}
	if err := c.call("POST", "/v2/transfers", 201, request, &answer); err != nil {
		return nil, err
	}
	if answer.URL != nil || answer.State != "uploading" || len(answer.Files) != len(files) {
		return nil, fmt.Errorf("create answered %+v", answer)
	}
	at := "/v2/transfers/" + answer.ID
	s := &sending{id: answer.ID}
	for i, f := range answer.Files {
		if f.Name != files[i].name || f.Size != files[i].size {
			return nil, fmt.Errorf("file %d was created as %+v, want %q of %d bytes", i, f, files[i].name, files[i].size)
		}
		path := at + "/files/" + f.ID
		s.items = append(s.items, &item{
			content: files[i], api: c, id: f.ID, parts: f.Multipart.Parts, chunk: f.Multipart.Chunk,
			urlPath: path + "/upload-url/",
			complete: func() error {
				return c.call("PUT", path+"/upload-complete", 200, map[string]int{"part_numbers": f.Multipart.Parts}, nil)
			},
		})
	}
	s.seal = func() error {
		var answer struct{ State, URL string }
		if err := c.call("PUT", at+"/finalize", 200, nil, &answer); err != nil {
			return err
		}
		if s.link = answer.URL; s.link == "" || answer.State == "uploading" {
			return fmt.Errorf("finalize answered %+v", answer)
		}
		return nil
	}
	return s, nil
}

func (c *wt) createBoard(files []content) (*sending, error) {
	type file struct {
		Name      string `json:"name"`
		Size      int64  `json:"size"`
		ID        string `json:"id,omitzero"`
		Multipart struct {
			ID    string
			Parts int   `json:"part_numbers"`
			Chunk int64 `json:"chunk_size"`
		} `json:"multipart,omitzero"`
	}
	var board struct{ ID, URL string }
	if err := c.call("POST", "/v2/boards", 201, map[string]string{"name": "tests"}, &board); err != nil {
		return nil, err
	}
	request := make([]file, len(files))
	for i, f := range files {
		request[i] = file{Name: f.name, Size: f.size}
	}
	var answer []file
	at := "/v2/boards/" + board.ID + "/files"
	if err := c.call("POST", at, 201, request, &answer); err != nil {
		return nil, err
	}
	if len(answer) != len(files) {
		return nil, fmt.Errorf("adding %d files answered %d", len(files), len(answer))
	}
	s := &sending{id: board.ID, link: board.URL}
	for i, f := range answer {
		s.items = append(s.items, &item{
			content: files[i], api: c, id: f.ID, parts: f.Multipart.Parts, chunk: f.Multipart.Chunk,
			urlPath: at + "/" + f.ID + "/upload-url/", urlEnd: "/" + f.Multipart.ID,
			complete: func() error { return c.call("PUT", at+"/"+f.ID+"/upload-complete", 202, nil, nil) },
		})
	}
	return s, nil
}

func (c *wt) createTransferV1(files []content) (*sending, error) {
	type file struct {
		Kind  string `json:"content_identifier"`
		Local string `json:"local_identifier"`
		Name  string `json:"filename"`
		Size  int64  `json:"filesize"`
	}
	request := map[string][]file{}
	for i, f := range files {
		request["items"] = append(request["items"], file{"file", fmt.Sprintf("f-%d", i), f.name, f.size})
	}
	var transfer struct {
		ID   string
		Link string `json:"shortened_url"`
	}
	if err := c.call("POST", "/v1/transfers", 202, map[string]any{"name": "tests", "items": []any{}}, &transfer); err != nil {
		return nil, err
	}
	var answer []struct {
		ID    string
		Local string `json:"local_identifier"`
		Meta  struct {
			Parts  int    `json:"multipart_parts"`
			Upload string `json:"multipart_upload_id"`
		}
	}
	if err := c.call("POST", "/v1/transfers/"+transfer.ID+"/items", 202, request, &answer); err != nil {
		return nil, err
	}
	if len(answer) != len(files) {
		return nil, fmt.Errorf("adding %d items answered %d", len(files), len(answer))
	}
	s := &sending{id: transfer.ID, link: transfer.Link}
	for i, f := range answer {
		path := "/v1/files/" + f.ID + "/uploads/"
		s.items = append(s.items, &item{
			content: files[i], api: c, id: f.ID, parts: f.Meta.Parts, urlPath: path, urlEnd: "/" + f.Meta.Upload,
			complete: func() error { return c.call("POST", path+"complete", 202, nil, nil) },
		})
	}
	return s, nil
}

// url asks for the URL of a part.
func (f *item) url(part int) (string, error) {
	var answer struct {
		URL   string `json:"url"`
		V1URL string `json:"upload_url"`
	}
	if err := f.api.call("GET", fmt.Sprintf("%s%d%s", f.urlPath, part, f.urlEnd), 200, nil, &answer); err != nil {
		return "", err
	}
	return answer.URL + answer.V1URL, nil
}

// put sends a part: the two requests that every client makes.
func (f *item) put(part int, body []byte) error {
	url, err := f.url(part)
	if err != nil {
		return err
	}
	return f.api.putTo(url, body)
}

// putTo sends a part to its URL. Clients compare with 200, and no API client reads
// the body (WeTransfer API docs, Transfer API; py3wetransfer).
func (c *wt) putTo(url string, body []byte) error {
	req, err := http.NewRequest("PUT", url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	return c.putBy(req)
}

func (c *wt) putBy(req *http.Request) error {
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != 200 || len(text) > 0 {
		return &unexpected{"PUT", req.URL.String(), resp.StatusCode, string(text)}
	}
	if tag := resp.Header.Get("ETag"); len(tag) < 3 || tag[0] != '"' {
		return fmt.Errorf("PUT %s: the ETag is %s", req.URL, tag)
	}
	return nil
}

// planned gives the bytes of a part as the server planned it.
func (f *item) planned(chunk int64, part int) []byte {
	off := int64(part-1) * chunk
	return f.bytes(off, min(chunk, f.size-off))
}

// send sends the parts of every file as planned, completes and seals.
func (s *sending) send() error {
	for _, f := range s.items {
		for part := 1; part <= f.parts; part++ {
			if err := f.put(part, f.planned(s.dialect.chunk, part)); err != nil {
				return err
			}
		}
		if err := f.complete(); err != nil {
			return err
		}
	}
	if s.seal == nil {
		return nil
	}
	return s.seal()
}

// statusOf gives the status that made err, 0 if none did.
func statusOf(err error) int {
	if e, ok := errors.AsType[*unexpected](err); ok {
		return e.status
	}
	return 0
}

// mustSend begins a sending of files and sends all of it.
func mustSend(t *testing.T, c *wt, d dialect, files ...content) *sending {
	t.Helper()
	s := mustBegin(t, c, d, files...)
	if err := s.send(); err != nil {
		t.Fatal(err)
	}
	return s
}

func mustBegin(t *testing.T, c *wt, d dialect, files ...content) *sending {
	t.Helper()
	s, err := d.begin(c, files...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
