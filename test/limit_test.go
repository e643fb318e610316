package test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// A limited link is one of so many downloads, of one file.
type limitedLink struct {
	*testing.T
	node *testenv.Node
	n    *native
	data []byte
	made int
}

func newLimitedLink(t *testing.T, node *testenv.Node, size int) *limitedLink {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(data)
	return &limitedLink{T: t, node: node, n: newNative(t, node.URL, "X-Api-Key", node.Key()), data: data}
}

// make sends the file, and gives the addresses of its page and of its bytes there, and of
// its bytes in Ferry's own API.
func (l *limitedLink) make(limit int) (page, file, api string) {
	l.Helper()
	l.made++
	name := fmt.Sprintf("limit-%d", l.made)
	var tr nativeTransfer
	l.n.must("POST", "/transfers", object{
		"name": name, "max_downloads": limit, "files": []object{{"name": "a.bin", "size": len(l.data)}},
	}, &tr)
	f := tr.Uploads[0]
	for at, number := int64(0), 1; at < int64(len(l.data)); number++ {
		end := min(at+f.PartSize, int64(len(l.data)))
		l.n.must("PUT", fmt.Sprintf("/files/%s/parts/%d", f.ID, number), l.data[at:end], nil)
		at = end
	}
	l.n.must("POST", "/transfers/"+tr.ID+"/finalize", nil, nil)
	page = l.node.URL + "/to/" + name
	_, body := l.get(page)
	found := regexp.MustCompile(`/to/` + name + `/file/[^"]+`).FindString(string(body))
	if found == "" {
		l.Fatalf("no file on the page: %s", body)
	}
	return page, l.node.URL + found, fmt.Sprintf("%s/ferry/v1/links/%s/files/%s", l.node.URL, name, f.ID)
}

// get asks as a client that was never here before, on a connection of its own.
func (l *limitedLink) get(url string, headers ...string) (int, []byte) {
	l.Helper()
	res, done := l.begin(http.MethodGet, url, headers...)
	defer done()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, body
	}
	return res.StatusCode, body
}

func (l *limitedLink) begin(method, url string, headers ...string) (res *http.Response, done func()) {
	l.Helper()
	r, err := http.NewRequestWithContext(l.Context(), method, url, nil)
	if err != nil {
		l.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	tr := &http.Transport{}
	res, err = tr.RoundTrip(r)
	if err != nil {
		l.Fatal(err)
	}
	return res, func() { _ = res.Body.Close(); tr.CloseIdleConnections() }
}

// cut fetches the beginning of what the address has, and breaks off.
func (l *limitedLink) cut(url string, n int, headers ...string) {
	l.Helper()
	res, done := l.begin(http.MethodGet, url, headers...)
	defer done()
	if _, err := io.CopyN(io.Discard, res.Body, int64(n)); err != nil {
		l.Fatal(err)
	}
}

// A link with one download survives who only looks, and who breaks off, and is spent by
// the one who has all of it.
func TestOneDownload(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	l := newLimitedLink(t, node, 20<<20)
	all := l.data
	for _, size := range []int{300_000, len(all)} {
		l.data = all[:size]
		sum := sha256.Sum256(l.data)
		want := func(url string, status int, headers ...string) {
			t.Helper()
			got, body := l.get(url, headers...)
			if got != status || status == http.StatusOK && sha256.Sum256(body) != sum {
				t.Errorf("%s: %d with %d bytes, want %d", url, got, len(body), status)
			}
		}
		for name, cookie := range map[string]bool{"a browser": true, "a program": false} {
			for door := range 2 {
				page, file, api := l.make(1)
				address := []string{file, api}[door]
				var who []string
				if cookie {
					res, done := l.begin(http.MethodGet, page)
					for _, c := range res.Cookies() {
						who = append(who, "Cookie", c.Name+"="+c.Value)
					}
					done()
				}
				t.Logf("%s, %d bytes, %s", name, size, address)
				for range 3 {
					res, done := l.begin(http.MethodHead, address, who...)
					if done(); res.StatusCode != http.StatusOK || res.ContentLength != int64(size) {
						t.Errorf("HEAD: %s", res.Status)
					}
					l.get(page, who...)
					want(address, http.StatusPartialContent, append(who, "Range", "bytes=0-99")...)
				}
				l.cut(address, size*99/100, who...)
				l.cut(address, size*99/100, who...) // again at once
				want(address, http.StatusOK, who...)
				for range 2 {
					want(address, http.StatusGone, who...)
					want(address, http.StatusGone)
					want(address, http.StatusGone, append(who, "Range", "bytes=100-")...)
				}
			}
		}
		// Cut, and gone on with where it was.
		_, file, _ := l.make(1)
		l.cut(file, size/2)
		got, body := l.get(file, "Range", fmt.Sprintf("bytes=%d-", size/2))
		if got != http.StatusPartialContent || !bytes.Equal(body, l.data[size/2:]) {
			t.Errorf("going on: %d", got)
		}
		want(file, http.StatusGone)
	}
}

// However many come at once, by whatever door, and whether they can be told from each
// other or not: so many have all of it as the link has downloads.
func TestDownloadsAtOnce(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	l := newLimitedLink(t, node, 200_000)
	for _, tt := range []struct{ limit, clients int }{{1, 3}, {10, 100}} {
		for name, headers := range map[string]func(i int) []string{
			"one address": func(int) []string { return nil },
			"visitors told by a cookie": func(i int) []string {
				return []string{"Cookie", fmt.Sprintf("ferry-guest-to-limit-%d=%032x", l.made, i)}
			},
		} {
			_, file, api := l.make(tt.limit)
			var whole, refused atomic.Int64
			var all sync.WaitGroup
			for i := range tt.clients {
				all.Go(func() {
					address := file
					if i%3 == 2 {
						address = api
					}
					switch status, body := l.get(address, headers(i)...); {
					case status == http.StatusOK && bytes.Equal(body, l.data):
						whole.Add(1)
					case status == http.StatusGone:
						refused.Add(1)
					default:
						t.Errorf("%d with %d bytes", status, len(body))
					}
				})
			}
			all.Wait()
			if int(whole.Load()) != tt.limit || int(refused.Load()) != tt.clients-tt.limit {
				t.Errorf("%s: %d of %d have it, %d were refused; want %d", name, whole.Load(), tt.clients, refused.Load(), tt.limit)
			}
		}
	}
}

// A kill in the middle takes no download away: who had some of it has the rest after the
// restart, and then it is spent.
func TestDownloadOverAKill(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	l := newLimitedLink(t, node, 20<<20)
	for _, goOn := range []bool{true, false} {
		_, file, _ := l.make(1)
		res, done := l.begin(http.MethodGet, file)
		if _, err := io.CopyN(io.Discard, res.Body, 5<<20); err != nil {
			t.Fatal(err)
		}
		node.Kill()
		done()
		node.Restart()
		if goOn {
			if got, body := l.get(file, "Range", fmt.Sprintf("bytes=%d-", 5<<20)); got != http.StatusPartialContent || !bytes.Equal(body, l.data[5<<20:]) {
				t.Errorf("going on: %d", got)
			}
			// What went out before the kill was not noted: it counts as not arrived.
			if got, _ := l.get(file, "Range", fmt.Sprintf("bytes=0-%d", 5<<20-1)); got != http.StatusPartialContent {
				t.Errorf("the beginning again: %d", got)
			}
		} else if got, body := l.get(file); got != http.StatusOK || !bytes.Equal(body, l.data) {
			t.Errorf("anew: %d", got)
		}
		if got, _ := l.get(file); got != http.StatusGone {
			t.Errorf("it is not spent: %d", got)
		}
	}
}

// A program that begins with all of it, and then takes the rest on another connection, has
// one download, which counts, with its last byte.
func TestOneDownloadOnTwoConnections(t *testing.T) {
	t.Parallel()
	l := newLimitedLink(t, testenv.StartFerry(t), 20<<20)
	for _, half := range []int{10 << 20, 10<<20 + 1234} {
		_, file, _ := l.make(1)
		res, done := l.begin(http.MethodGet, file)
		first := make([]byte, 3<<20)
		if _, err := io.ReadFull(res.Body, first); err != nil {
			t.Fatal(err)
		}
		got, second := l.get(file, "Range", fmt.Sprintf("bytes=%d-", half))
		if got != http.StatusPartialContent || !bytes.Equal(second, l.data[half:]) {
			t.Errorf("the rest: %d with %d bytes", got, len(second))
		}
		more, err := io.ReadAll(res.Body)
		if err == nil || !bytes.Equal(append(first, more...), l.data[:half]) {
			t.Errorf("the first has %d bytes of %d, %v", len(first)+len(more), half, err)
		}
		done()
		if got, _ := l.get(file); got != http.StatusGone {
			t.Errorf("it is not spent: %d", got)
		}
		if got, _ := l.get(file, "Range", "bytes=100-"); got != http.StatusGone {
			t.Errorf("the middle of it again: %d", got)
		}
	}
}
