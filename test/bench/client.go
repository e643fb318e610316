package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A client speaks to one server over as many connections as are asked for.
type client struct {
	http *http.Client
	base string
	hdr  map[string]string // of WeTransfer's API
}

var anyCert = &tls.Config{InsecureSkipVerify: true} // of a certificate made here a moment ago

func newClient(base string, conns, buffer int) *client {
	return &client{base: base, http: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: conns + 8, DisableCompression: true, TLSClientConfig: anyCert,
		WriteBufferSize: buffer, ReadBufferSize: buffer,
	}}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// do sends a request and reads the whole answer; a status outside 2xx is an error.
func (c *client) do(method, u string, hdr map[string]string, body io.Reader, n int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, u, body)
	if err != nil {
		return nil, err
	}
	if req.ContentLength = n; n == 0 {
		req.Body = http.NoBody
	}
	for k, v := range hdr {
		req.Header.Set(k, v)
	}
	r, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err == nil && r.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %.300s", method, u, r.Status, b)
	}
	return b, err
}

func (c *client) put(u string, seed uint64, off, n int64) error {
	_, err := c.do("PUT", u, nil, &src{seed: seed, off: off, n: n}, n)
	return err
}

func (c *client) json(method, path string, in, out any) error {
	b := []byte{}
	if in != nil {
		var err error
		if b, err = json.Marshal(in); err != nil {
			return err
		}
	}
	answer, err := c.do(method, c.base+path, c.hdr, bytes.NewReader(b), int64(len(b)))
	if err == nil && out != nil {
		err = json.Unmarshal(answer, out)
	}
	return err
}

// get reads the bytes [lo, hi) of u, all of a file of that size if lo is 0 and
// whole, compares each, and gives the time to the first one.
func (c *client) get(u string, seed uint64, lo, hi int64, whole bool) (first time.Duration, err error) {
	t0 := time.Now()
	req, err := http.NewRequestWithContext(context.Background(), "GET", u, nil)
	if err != nil {
		return 0, err
	}
	want := http.StatusOK
	if !whole {
		want = http.StatusPartialContent
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", lo, hi-1))
	}
	r, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	if r.StatusCode != want {
		return 0, fmt.Errorf("GET %s: %s", u, r.Status)
	}
	k := &sink{seed: seed, off: lo, first: func() { first = time.Since(t0) }}
	if _, err := io.CopyBuffer(struct{ io.Writer }{k}, r.Body, make([]byte, 256<<10)); err != nil {
		return first, err
	}
	if k.n != hi-lo {
		return first, fmt.Errorf("GET %s: %d bytes, want %d", u, k.n, hi-lo)
	}
	return first, nil
}

// drain reads all of u and gives its length and the time to the first byte.
func (c *client) drain(u string) (n int64, first time.Duration, err error) {
	t0 := time.Now()
	r, err := c.http.Get(u)
	if err != nil {
		return 0, 0, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK || r.ContentLength <= 0 {
		return 0, 0, fmt.Errorf("GET %s: %s, length %d", u, r.Status, r.ContentLength)
	}
	var one [1]byte
	if _, err := io.ReadFull(r.Body, one[:]); err != nil {
		return 0, 0, err
	}
	first = time.Since(t0)
	n, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 256<<10))
	return n + 1, first, err
}

// each runs f(0…n-1), at most conns at once, and gives the first error.
func each(n, conns int, f func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	var failed atomic.Bool
	for range min(conns, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !failed.Load(); i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					failed.Store(true)
					once.Do(func() { first = err })
				}
			}
		})
	}
	wg.Wait()
	return first
}

// authorize makes an API key of the server and a token with it.
func (c *client) authorize(s *running, bin string) error {
	out, err := exec.CommandContext(context.Background(), bin+"/ferry", "key", "create", "--data", s.data+"/ferry").Output()
	if err != nil {
		return fmt.Errorf("key create: %w", err)
	}
	c.hdr = map[string]string{"x-api-key": strings.TrimSpace(string(out)), "Content-Type": "application/json"}
	var r struct{ Token string }
	if err := c.json("POST", "/v2/authorize", nil, &r); err != nil {
		return err
	}
	c.hdr["Authorization"] = "Bearer " + r.Token
	return nil
}

// A wtTransfer is WeTransfer's (API v2).
type wtTransfer struct {
	ID    string `json:"id"`
	URL   string `json:"url"`
	Files []struct {
		ID        string `json:"id"`
		Size      int64  `json:"size"`
		Multipart struct {
			PartNumbers int   `json:"part_numbers"`
			ChunkSize   int64 `json:"chunk_size"`
		} `json:"multipart"`
	} `json:"files"`
}

func (c *client) create(n int, size int64) (t wtTransfer, err error) {
	files := make([]map[string]any, n)
	for i := range files {
		files[i] = map[string]any{"name": fmt.Sprintf("f%05d.bin", i), "size": size}
	}
	err = c.json("POST", "/v2/transfers", map[string]any{"message": "bench", "files": files}, &t)
	return t, err
}

func (c *client) partURL(t wtTransfer, file, part int) (string, error) {
	var r struct{ URL string }
	err := c.json("GET", fmt.Sprintf("/v2/transfers/%s/files/%s/upload-url/%d", t.ID, t.Files[file].ID, part), nil, &r)
	return r.URL, err
}

// sendParts uploads every part of a file as planned.
func (c *client) sendParts(t wtTransfer, file int, seed uint64, conns int) error {
	f := t.Files[file]
	return each(f.Multipart.PartNumbers, conns, func(i int) error {
		u, err := c.partURL(t, file, i+1)
		if err != nil {
			return err
		}
		off := int64(i) * f.Multipart.ChunkSize
		return c.put(u, seed, off, min(f.Multipart.ChunkSize, f.Size-off))
	})
}

func (c *client) complete(t wtTransfer, file int) error {
	f := t.Files[file]
	return c.json("PUT", fmt.Sprintf("/v2/transfers/%s/files/%s/upload-complete", t.ID, f.ID),
		map[string]any{"part_numbers": f.Multipart.PartNumbers}, nil)
}

func (c *client) finalize(t *wtTransfer) error {
	return c.json("PUT", "/v2/transfers/"+t.ID+"/finalize", nil, t)
}

// send makes a finished transfer of n files of one size over conns connections.
func (c *client) send(n int, size int64, seed uint64, conns int) (wtTransfer, error) {
	t, err := c.create(n, size)
	if err != nil {
		return t, err
	}
	at, inner := conns, 1
	if n == 1 {
		at, inner = 1, conns
	}
	if err := each(n, at, func(i int) error {
		if err := c.sendParts(t, i, seed+uint64(i), inner); err != nil {
			return err
		}
		return c.complete(t, i)
	}); err != nil {
		return t, err
	}
	return t, c.finalize(&t)
}

// boundary is as long as a browser's.
const boundary = "----WebKitFormBoundaryAbCdEfGhIjKlMnOp"

// sendChunks sends a file by Filemail's API, each chunk as the body or in a form.
func (c *client) sendChunks(size, chunk int64, seed uint64, form bool) error {
	hdr := map[string]string{"X-Api-Key": c.hdr["x-api-key"], "X-Api-Version": "2.0", "Content-Type": "application/json"}
	request := []byte(`{"subject":"bench"}`)
	answer, err := c.do("POST", c.base+"/transfer/initialize", hdr, bytes.NewReader(request), int64(len(request)))
	if err != nil {
		return err
	}
	var t struct {
		Data struct{ TransferID, TransferKey, TransferURL string }
	}
	if err := json.Unmarshal(answer, &t); err != nil {
		return err
	}
	n := (size + chunk - 1) / chunk
	for i := range n {
		q := url.Values{
			"transferid": {t.Data.TransferID}, "transferkey": {t.Data.TransferKey}, "thefilename": {"f.bin"},
			"chunksize": {fmt.Sprint(chunk)}, "chunks": {fmt.Sprint(n)}, "chunk": {fmt.Sprint(i)},
		}
		length := min(chunk, size-i*chunk)
		var body io.Reader = &src{seed: seed, off: i * chunk, n: length}
		hdr := map[string]string{"Content-Type": "application/octet-stream"}
		total := length
		if form {
			pre, post := "--"+boundary+"\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.bin\"\r\n\r\n", "\r\n--"+boundary+"--\r\n"
			body = io.MultiReader(strings.NewReader(pre), body, strings.NewReader(post))
			hdr["Content-Type"], total = "multipart/form-data; boundary="+boundary, length+int64(len(pre)+len(post))
		}
		if _, err := c.do("POST", t.Data.TransferURL+"?"+q.Encode(), hdr, body, total); err != nil {
			return err
		}
	}
	return nil
}

// sendSite sends a file as the first page does, by parts of Ferry's own API, and gives
// its link. The sums that a page makes of its parts are left out, as they cost the
// server nothing: it compares them with what it sums anyway.
func (c *client) sendSite(size int64, seed uint64) (link string, err error) {
	hdr := map[string]string{"X-Api-Key": c.hdr["x-api-key"], "Content-Type": "application/json"}
	api := c.base + "/ferry/v1"
	request := fmt.Appendf(nil, `{"files":[{"name":"f.bin","size":%d}]}`, size)
	answer, err := c.do("POST", api+"/transfers", hdr, bytes.NewReader(request), int64(len(request)))
	if err != nil {
		return "", err
	}
	var t struct {
		ID, Link, Key string
		Uploads       []struct {
			ID    string
			Part  int64 `json:"part_size"`
			Parts int64
		}
	}
	if err := json.Unmarshal(answer, &t); err != nil {
		return "", err
	}
	f := t.Uploads[0]
	hdr = map[string]string{"Ferry-Transfer-Key": t.Key}
	for i := range f.Parts {
		n := min(f.Part, size-i*f.Part)
		at := fmt.Sprintf("%s/files/%s/parts/%d", api, f.ID, i+1)
		if _, err := c.do("PUT", at, hdr, &src{seed: seed, off: i * f.Part, n: n}, n); err != nil {
			return "", err
		}
	}
	_, err = c.do("POST", api+"/transfers/"+t.ID+"/finalize", hdr, nil, 0)
	return t.Link, err
}

// href is how a page links the bytes of its first file.
var href = regexp.MustCompile(`href="(/[^"]*/file/[^"]*)"`)

// fileOn gives where the page of a link has its file.
func (c *client) fileOn(link string) (string, error) {
	page, err := c.do("GET", link, nil, nil, 0)
	if err != nil {
		return "", err
	}
	m := href.FindSubmatch(page)
	if m == nil {
		return "", fmt.Errorf("no file on the page of %s", link)
	}
	return c.base + string(m[1]), nil
}

// sendTus sends a file by tus, so much of it with each PATCH, and gives its link.
func (c *client) sendTus(size, piece int64, seed uint64) (link string, err error) {
	hdr := map[string]string{"X-Api-Key": c.hdr["x-api-key"], "Tus-Resumable": "1.0.0", "Upload-Length": fmt.Sprint(size)}
	req, err := http.NewRequestWithContext(context.Background(), "POST", c.base+"/files", http.NoBody)
	if err != nil {
		return "", err
	}
	for k, v := range hdr {
		req.Header.Set(k, v)
	}
	r, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	_ = r.Body.Close()
	at := r.Header.Get("Location")
	delete(hdr, "Upload-Length")
	hdr["Content-Type"] = "application/offset+octet-stream"
	for off := int64(0); off < size; off += piece {
		hdr["Upload-Offset"] = fmt.Sprint(off)
		n := min(piece, size-off)
		if _, err := c.do("PATCH", at, hdr, &src{seed: seed, off: off, n: n}, n); err != nil {
			return "", err
		}
	}
	return r.Header.Get("Ferry-Link"), nil
}

// links gives where a finished transfer can be downloaded: one file, or all as zip.
func (c *client) link(t wtTransfer, file int) (string, error) {
	hc := *c.http
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := hc.Get(t.URL)
	if err != nil {
		return "", err
	}
	_ = r.Body.Close()
	to, err := url.Parse(r.Header.Get("Location"))
	if err != nil {
		return "", err
	}
	hash := to.Path[strings.LastIndex(to.Path, "/")+1:]
	in := map[string]any{"security_hash": hash, "intent": "entire_transfer"}
	if file >= 0 {
		in["intent"], in["file_ids"] = "single_file", []string{t.Files[file].ID}
	}
	var out struct {
		Link string `json:"direct_link"`
	}
	err = c.json("POST", "/api/v4/transfers/"+t.ID+"/download", in, &out)
	return out.Link, err
}
