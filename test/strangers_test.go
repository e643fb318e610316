package test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

var idShape = regexp.MustCompile(`[0-9a-f]{32}[0-9]{14}|s[a-z0-9]{16}[0-9]{14}`)

// strangers: whoever asks for another's things by their ids gets, byte for byte,
// what he gets for ids that nobody has, except where the documents have two
// answers (boards, v1 files).
func (h *hostility) strangers(t *testing.T) {
	h.node.Ferry("user", "create", "--email", "stranger@example.org", "--password", "correct horse battery staple")
	for _, who := range []struct{ name, key, room string }{
		{"another account", h.node.Key("--user", "stranger@example.org"), ""},
		{"another key of the account", h.node.Key(), ""},
		{"another room of the key", h.api.key, "room"},
	} {
		t.Run(who.name, func(t *testing.T) {
			c, err := authorize(h.node.URL, who.key, who.room)
			if err != nil {
				t.Fatal(err)
			}
			transfer, board, v1 := h.open[0], h.open[1], h.open[2]
			calls := []struct{ method, path, body string }{
				{"GET", "/v2/transfers/" + transfer.id, ""},
				{"GET", transfer.items[0].urlPath + "1", ""},
				{"PUT", strings.Replace(transfer.items[0].urlPath, "upload-url/", "upload-complete", 1), `{"part_numbers":3}`},
				{"PUT", "/v2/transfers/" + transfer.id + "/finalize", ""},
				{"POST", "/v2/boards/" + board.id + "/links", `[{"url":"https://example.org/"}]`},
				{"POST", "/v2/boards/" + board.id + "/files", `[{"name":"a","size":1}]`},
				{"PUT", strings.Replace(board.items[0].urlPath, "upload-url/", "upload-complete", 1), ""},
			}
			if who.room == "" { // v1 has no rooms
				calls = append(calls, struct{ method, path, body string }{
					"POST", "/v1/transfers/" + v1.id + "/items",
					`{"items":[{"content_identifier":"file","local_identifier":"l","filename":"a","filesize":1}]}`,
				})
			}
			for _, call := range calls {
				absent := idShape.ReplaceAllStringFunc(call.path, nobodys)
				if absent == call.path {
					t.Fatalf("no id in %s", call.path)
				}
				answer := func(path string) string {
					var body io.Reader
					if call.body != "" {
						body = strings.NewReader(call.body)
					}
					status, text, err := c.try(call.method, path, body)
					if err != nil {
						t.Fatal(err)
					}
					return fmt.Sprint(status, " ", idShape.ReplaceAllString(string(text), "ID"))
				}
				foreign, missing := answer(call.path), answer(absent)
				if foreign != missing || !strings.HasPrefix(foreign, "4") {
					t.Errorf("%s %s:\nforeign %s\nmissing %s", call.method, call.path, foreign, missing)
				}
			}
			// The documented exceptions (Board API; v1 errors).
			documented := []struct {
				path string
				want int
			}{
				{"/v2/boards/" + board.id, 403},
				{board.items[0].urlPath + "1" + board.items[0].urlEnd, 401},
			}
			if who.room == "" {
				documented = append(documented, struct {
					path string
					want int
				}{v1.items[0].urlPath + "1" + v1.items[0].urlEnd, 401})
			}
			for _, d := range documented {
				if err := c.call("GET", d.path, d.want, nil, nil); err != nil {
					t.Errorf("%v, want %d", err, d.want)
				}
			}
		})
	}
}

// nobodys gives an id of the same shape that nobody has.
func nobodys(id string) string {
	if id[0] == 's' {
		return "s0000000000000000" + id[17:]
	}
	return strings.Repeat("0", 32) + id[32:]
}

// signatures: a URL permits what it was made for and nothing else.
func (h *hostility) signatures(t *testing.T) {
	f := h.open[0].items[0]
	other, err := h.open[1].items[0].url(1)
	if err != nil {
		t.Fatal(err)
	}
	address, err := f.url(2)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := url.Parse(other)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			q := r.URL.Query()
			q.Set(name, value)
			r.URL.RawQuery = q.Encode()
		}
	}
	for _, tt := range []struct {
		name   string
		tamper func(*http.Request)
	}{
		{"another signature", set("X-Amz-Signature", strings.Repeat("0", 64))},
		{"a short signature", set("X-Amz-Signature", "0")},
		{"another part", set("partNumber", "1")},
		{"another upload", set("uploadId", "x")},
		{"a longer life", set("X-Amz-Expires", "604800")},
		{"an endless life", set("X-Amz-Expires", "99999999999999999999")},
		{"another day", set("X-Amz-Date", "20200101T000000Z")},
		{"another signer", set("X-Amz-Credential", "x/20200101/us-east-1/s3/aws4_request")},
		{"no headers signed", set("X-Amz-SignedHeaders", "")},
		{"a parameter more", set("response-content-type", "text/html")},
		{"a parameter twice", func(r *http.Request) { r.URL.RawQuery += "&partNumber=1" }},
		{"no signature", func(r *http.Request) { r.URL.RawQuery = "partNumber=2&uploadId=x" }},
		{"no query", func(r *http.Request) { r.URL.RawQuery = "" }},
		{"another file", func(r *http.Request) { r.URL.Path = elsewhere.Path }},
		{"another host", func(r *http.Request) { r.Host = "example.org" }},
		{"GET", func(r *http.Request) { r.Method, r.Body, r.ContentLength = "GET", nil, 0 }},
		{"DELETE", func(r *http.Request) { r.Method, r.Body, r.ContentLength = "DELETE", nil, 0 }},
		{"POST", func(r *http.Request) { r.Method = "POST" }},
		{"a header that asks for more", func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "/ferry/x") }},
		{"a signed header beside", func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest("PUT", address, strings.NewReader("evil"))
			if err != nil {
				t.Fatal(err)
			}
			tt.tamper(req)
			resp, err := recipient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode < 400 || resp.StatusCode > 405 || !bytes.Contains(text, []byte("<Error><Code>")) || resp.Header.Get("Content-Type") != "application/xml" {
				t.Errorf("%s %s, want a refusal in XML", resp.Status, text)
			}
		})
	}
}

// links open what they are of, and no more: not a file of another transfer, not a
// file that is not complete, not a transfer that is not finalized.
func (h *hostility) links(t *testing.T) {
	own, victim := h.whole.items[0], h.open[0].items[0]
	inOther := strings.Replace(h.whole.address(t, own), own.id, victim.id, 1)
	for name, address := range map[string]string{
		"a file of another transfer":            inOther,
		"an incomplete file of a board":         strings.Replace(follow(t, h.open[1].link).String(), "latest", "file/"+h.open[1].items[0].id+"/victim.bin", 1),
		"an incomplete file of a v1 transfer":   follow(t, h.open[2].link).String() + "/file/" + h.open[2].items[0].id + "/victim.bin",
		"a transfer by another's hash":          strings.Replace(follow(t, h.whole.link).String(), h.whole.id, h.open[0].id, 1),
		"a transfer as a board":                 h.node.URL + "/board/" + h.whole.id + "/latest",
		"an id of nobody":                       h.node.URL + "/downloads/" + nobodys(h.whole.id) + "/000000",
		"a recipient of nobody":                 h.node.URL + "/downloads/" + h.whole.id + "/" + nobodys(h.whole.id) + "/000000",
		"a hash that is too long":               follow(t, h.whole.link).String() + "0",
		"a short link in another case":          swapCase(h.whole.link),
		"the archive of an unfinished transfer": strings.Replace(follow(t, h.whole.link).String(), h.whole.id, h.open[0].id, 1) + "/zip/x.zip",
	} {
		if resp := request(t, "GET", address, nil); resp.StatusCode != 404 {
			t.Errorf("%s: GET %s: %s, want 404", name, address, resp.Status)
		}
	}
	at := follow(t, h.whole.link)
	hash := at.Path[strings.LastIndexByte(at.Path, '/')+1:]
	for _, tt := range []struct{ id, hash, files string }{
		{h.whole.id, "000000", ""},
		{h.whole.id, "", ""},
		{h.whole.id, hash, victim.id},
		{h.open[0].id, hash, ""},
		{nobodys(h.whole.id), hash, ""},
	} {
		text := fmt.Sprintf(`{"security_hash":%q,"intent":"entire_transfer"}`, tt.hash)
		if tt.files != "" {
			text = fmt.Sprintf(`{"security_hash":%q,"intent":"single_file","file_ids":[%q]}`, tt.hash, tt.files)
		}
		h.refused(t, "POST", "/api/v4/transfers/"+tt.id+"/download", text, 403, 404)
	}
}

func swapCase(link string) string {
	at := strings.LastIndexByte(link, '-') + 1
	if upper := strings.ToUpper(link[at:]); upper != link[at:] {
		return link[:at] + upper
	}
	return link[:at] + strings.ToLower(link[at:])
}

// TestUploadURLEnds: an upload URL is good for as long as it says and no longer.
func TestUploadURLEnds(t *testing.T) {
	c := signIn(t, testenv.StartFerry(t, "--url-life", "1s"))
	f := mustBegin(t, c, transferV2, content{"late.bin", 5, 70}).items[0]
	address, err := f.url(1)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err = c.putTo(address, f.bytes(0, 5)); err != nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if statusOf(err) != 403 || !strings.Contains(err.Error(), "<Code>AccessDenied</Code>") || !strings.Contains(err.Error(), "Request has expired") {
		t.Errorf("%v, want 403 AccessDenied, Request has expired", err)
	}
}

// TestGuessing: whoever guesses links is told to stop after sixty misses, so that
// a hit would not be told either. Links that are followed count for nothing.
func TestGuessing(t *testing.T) {
	node := testenv.StartFerry(t)
	s := mustSend(t, signIn(t, node), transferV2, content{"found.bin", 10, 71})
	for range 100 {
		follow(t, s.link)
	}
	for i := range 62 {
		want := 404
		if i >= 60 {
			want = 429
		}
		resp := request(t, "GET", fmt.Sprintf("%s/t-%010d", node.URL, i), nil)
		if resp.StatusCode != want {
			t.Fatalf("miss %d: %s, want %d", i+1, resp.Status, want)
		}
	}
}
