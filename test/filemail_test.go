package test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// An fm speaks Filemail's API 2.0 as its pages tell, for one API key.
type fm struct {
	base, key string
	token     string // a logintoken; "" acts as the key's owner
	http      *http.Client
}

func newFM(base, key string) *fm {
	return &fm{base: base, key: key, http: &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

// filemail makes an account on the node and gives a client with a key of it.
func filemail(t *testing.T, node *testenv.Node, email string) *fm {
	t.Helper()
	node.Ferry("user", "create", "--email", email, "--password", "a long-enough phrase")
	key := strings.TrimSpace(node.Ferry("key", "create", "--user", email))
	c := newFM(node.URL, key)
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// An fmAnswer is the envelope of every answer.
type fmAnswer struct {
	ResponseStatus   string
	ErrorID          *string
	ErrorMessage     *string
	ErrorCode        *int
	Data             json.RawMessage
	ValidationErrors []struct{ PropertyName, ErrorCode, ErrorMessage string }
}

// try makes one call and takes whatever is answered.
func (c *fm) try(method, path string, request any) (int, fmAnswer, error) {
	var body io.Reader
	if request != nil {
		text, err := json.Marshal(request)
		if err != nil {
			return 0, fmAnswer{}, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, c.base+path, body)
	if err != nil {
		return 0, fmAnswer{}, err
	}
	req.Header.Set("x-api-key", c.key)
	req.Header.Set("x-api-version", "2.0")
	if c.token != "" {
		req.Header.Set("logintoken", c.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json-patch+json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, fmAnswer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, fmAnswer{}, err
	}
	var a fmAnswer
	if err := json.Unmarshal(text, &a); err != nil {
		return 0, fmAnswer{}, fmt.Errorf("%s %s: %d: %w in %.300q", method, path, resp.StatusCode, err, text)
	}
	return resp.StatusCode, a, nil
}

// call makes one call that must succeed; data may be nil.
func (c *fm) call(method, path string, request, data any) error {
	status, a, err := c.try(method, path, request)
	if err != nil {
		return err
	}
	if status != 200 || a.ResponseStatus != "OK" || a.ErrorCode != nil {
		return &unexpected{method, path, status, fmt.Sprintf("%s %s", a.ResponseStatus, deref(a.ErrorMessage))}
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(a.Data, data)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// An fmTransfer is what initialize answers.
type fmTransfer struct{ TransferID, TransferKey, TransferURL string }

// An fmDetails is the Transfer object, as far as tests look.
type fmDetails struct {
	ID, TrackID, Key, URL, From, Subject, Message, Status string
	Size                                                  int64
	NumberOfFiles, NumberOfDownloads                      int
	IsExpired, PasswordProtected                          bool
	CompressedFileURL                                     string
	Recipients                                            []struct{ Email, DownloadLink string }
	Files                                                 []struct {
		FileID, FileName, DownloadURL string
		FileSize                      int64
		Downloads                     []struct{ Email string }
	}
}

// A chunked is a file on its way in chunks.
type chunked struct {
	content
	chunk int64
}

func (f chunked) chunks() int { return max(1, int((f.size+f.chunk-1)/f.chunk)) }

// query gives the parameters of chunk i, from 0.
func (f chunked) query(t fmTransfer, i int) url.Values {
	return url.Values{
		"transferid": {t.TransferID}, "transferkey": {t.TransferKey}, "thefilename": {f.name},
		"chunksize": {strconv.FormatInt(f.chunk, 10)}, "chunks": {strconv.Itoa(f.chunks())}, "chunk": {strconv.Itoa(i)},
	}
}

// post sends bytes to the transfer's URL, with the md5 of them unless another is given.
func (c *fm) post(t fmTransfer, q url.Values, body []byte) (int, fmAnswer, error) {
	if !q.Has("md5") {
		sum := md5.Sum(body)
		q.Set("md5", hex.EncodeToString(sum[:]))
	}
	resp, err := c.http.Post(t.TransferURL+"?"+q.Encode(), "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		return 0, fmAnswer{}, err
	}
	defer resp.Body.Close()
	var a fmAnswer
	return resp.StatusCode, a, json.NewDecoder(resp.Body).Decode(&a)
}

func (c *fm) putChunk(t fmTransfer, f chunked, i int) error {
	status, a, err := c.post(t, f.query(t, i), f.bytes(int64(i)*f.chunk, min(f.chunk, f.size-int64(i)*f.chunk)))
	if err == nil && (status != 200 || a.ResponseStatus != "OK") {
		err = fmt.Errorf("chunk %d of %s: %d %s %s", i, f.name, status, a.ResponseStatus, deref(a.ErrorMessage))
	}
	return err
}

func (c *fm) complete(t fmTransfer) (downloadURL string, err error) {
	var data struct{ DownloadURL string }
	err = c.call("PUT", "/transfer/complete", map[string]string{"transferid": t.TransferID, "transferkey": t.TransferKey}, &data)
	return data.DownloadURL, err
}

// begin opens a transfer.
func (c *fm) begin(request map[string]any) (t fmTransfer, err error) {
	if err = c.call("POST", "/transfer/initialize", request, &t); err != nil {
		return t, err
	}
	if t.TransferID == "" || len(strings.ReplaceAll(t.TransferKey, "-", "")) != 32 || !strings.HasSuffix(t.TransferURL, "/savefile.ashx") {
		return t, fmt.Errorf("initialize answered %+v", t)
	}
	return t, nil
}

func (c *fm) details(id string) (d fmDetails, err error) {
	err = c.call("GET", "/transfer/"+id, nil, &d)
	return d, err
}

// fetch downloads a file by its link and compares it.
func (c *fm) fetch(link string, want content) error {
	resp, err := c.http.Get(link)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return &unexpected{"GET", link, resp.StatusCode, string(text)}
	}
	if got := resp.Header.Get("Content-Type"); got != "application/octet-stream" {
		return fmt.Errorf("%s: content type %q", link, got)
	}
	text, err := io.ReadAll(resp.Body)
	if err == nil && !bytes.Equal(text, want.bytes(0, want.size)) {
		err = fmt.Errorf("%s: %d bytes that are not the %d of %s", link, len(text), want.size, want.name)
	}
	return err
}

// TestFilemailSend: a file in chunks, out of order by four connections, with one
// chunk repeated and one damaged; then one file more, and all that can be done
// with a transfer.
func TestFilemailSend(t *testing.T) {
	onEngines(t, func(t *testing.T, node *testenv.Node) {
		rnd := random(t)
		c := filemail(t, node, "sender@example.org")
		tr, err := c.begin(map[string]any{"to": []string{"one@example.net", "two@example.net"}, "subject": "Holiday", "message": "pictures", "days": 5, "notify": true})
		if err != nil {
			t.Fatal(err)
		}
		f := chunked{content{"folder/big ✈.bin", 5_000_000*3 + 1234, 7}, 5_000_000}

		damaged := f.query(tr, 1)
		sum := md5.Sum([]byte("other bytes"))
		damaged.Set("md5", hex.EncodeToString(sum[:]))
		if status, a, err := c.post(tr, damaged, f.bytes(f.chunk, f.chunk)); err != nil || status != 406 {
			t.Errorf("a damaged chunk: %d %s, %v, want 406", status, a.ResponseStatus, err)
		}
		status, a, err := c.try("PUT", "/transfer/complete", map[string]string{"transferid": tr.TransferID, "transferkey": tr.TransferKey})
		if err != nil || status < 400 {
			t.Errorf("completed with nothing there: %d %s, %v", status, a.ResponseStatus, err)
		}
		order := append(rnd.Perm(f.chunks()), 2) // one of them again
		if err := atOnce(4, len(order)-1, func(i int) error { return c.putChunk(tr, f, order[i]) }); err != nil {
			t.Fatal(err)
		}
		if err := c.putChunk(tr, f, order[len(order)-1]); err != nil {
			t.Fatal(err)
		}
		link, err := c.complete(tr)
		if err != nil {
			t.Fatal(err)
		}
		if link == "" {
			t.Error("complete gives no link")
		}
		second := chunked{content{"later.txt", 12, 8}, 5_000_000}
		if err := c.putChunk(tr, second, 0); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := c.complete(tr); err != nil {
				t.Fatal(err)
			}
		}

		d, err := c.details(tr.TransferID)
		if err != nil {
			t.Fatal(err)
		}
		if d.Status != "STATUS_COMPLETE" || len(d.Files) != 2 || d.Size != f.size+second.size || len(d.Recipients) != 2 || d.Subject != "Holiday" {
			t.Fatalf("details: %+v", d)
		}
		byName := map[string]string{}
		for _, file := range d.Files {
			byName[file.FileName] = file.DownloadURL
		}
		for _, want := range []content{f.content, second.content} {
			if byName[want.name] == "" {
				t.Fatalf("%s is not among %+v", want.name, d.Files)
			}
			if err := c.fetch(byName[want.name], want); err != nil {
				t.Error(err)
			}
		}

		for _, call := range []struct {
			method, path string
			request      any
		}{
			{"POST", "/transfer/" + tr.TransferID + "/forward", map[string]any{"to": []string{"three@example.net"}, "transferkey": tr.TransferKey}},
			{"PUT", "/transfer/" + tr.TransferID, map[string]any{"subject": "Changed", "days": 9}},
		} {
			if err := c.call(call.method, call.path, call.request, nil); err != nil {
				t.Error(err)
			}
		}
		if d, err = c.details(tr.TransferID); err != nil || d.Subject != "Changed" || len(d.Recipients) != 3 {
			t.Errorf("changed: %v, %+v", err, d)
		}
		if err := c.call("DELETE", "/transfer/"+tr.TransferID, nil, nil); err != nil {
			t.Error(err)
		}
		if err := c.fetch(byName[second.name], second.content); err == nil {
			t.Error("a deleted transfer can be downloaded")
		}
	})
}

// TestFilemailKill: a file begun in chunks is finished after the server was
// killed, and no acknowledged chunk is sent again.
func TestFilemailKill(t *testing.T) {
	slow(t)
	onEngines(t, func(t *testing.T, node *testenv.Node) {
		rnd := random(t)
		c := filemail(t, node, "sender@example.org")
		tr, err := c.begin(map[string]any{"subject": "killed"})
		if err != nil {
			t.Fatal(err)
		}
		f := chunked{content{"big.bin", 5_000_000*7 + 77, 9}, 5_000_000}
		acked := map[int]bool{}
		order := rnd.Perm(f.chunks())
		for _, i := range order[:4] {
			if err := c.putChunk(tr, f, i); err != nil {
				t.Fatal(err)
			}
			acked[i] = true
		}
		flying := make(chan error, 1)
		go func() { flying <- c.putChunk(tr, f, order[4]) }()
		time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
		node.Kill()
		acked[order[4]] = <-flying == nil
		c.http.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
		node.Restart()
		for i := range f.chunks() {
			if acked[i] {
				continue
			}
			if err := c.putChunk(tr, f, i); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.complete(tr); err != nil {
			t.Fatal(err)
		}
		d, err := c.details(tr.TransferID)
		if err != nil || len(d.Files) != 1 {
			t.Fatalf("%v, %+v", err, d)
		}
		if err := c.fetch(d.Files[0].DownloadURL, f.content); err != nil {
			t.Error(err)
		}
	})
}

// TestDialectsMeet: what one API made is seen through the other.
func TestDialectsMeet(t *testing.T) {
	node := testenv.StartFerry(t)
	c := filemail(t, node, "both@example.org")
	w, err := authorize(node.URL, c.key, "")
	if err != nil {
		t.Fatal(err)
	}
	f := content{"meet.bin", 6 * mib, 3}
	sent := mustSend(t, w, transferV2, f)
	var list struct{ Transfers []fmDetails }
	if err := c.call("GET", "/transfer/sent", nil, &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Transfers) != 1 || list.Transfers[0].Size != f.size {
		t.Fatalf("sent: %+v, want WeTransfer's %s", list, sent.id)
	}
	d, err := c.details(list.Transfers[0].ID)
	if err != nil || len(d.Files) != 1 {
		t.Fatalf("%v, %+v", err, d)
	}
	if err := c.fetch(d.Files[0].DownloadURL, f); err != nil {
		t.Error(err)
	}
	sent.check(t)
}

// atOnce runs f(0…n-1), at most so many at the same time, and gives the first error.
func atOnce(width, n int, f func(i int) error) error {
	slots, errs := make(chan struct{}, width), make(chan error, n)
	for i := range n {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			errs <- f(i)
		}()
	}
	var first error
	for range n {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}
