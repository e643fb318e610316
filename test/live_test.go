package test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// A followed file is one that somebody fetches while it comes in: as programs do, from
// where it was cut, while the server has the same file.
type followed struct {
	sum   [32]byte
	tag   string
	at    time.Time // of the last byte
	cuts  int
	wrong error
}

func followLive(url string, size int64, done chan<- followed) {
	var f followed
	h, got := sha256.New(), int64(0)
	for deadline := time.Now().Add(time.Minute); got < size; {
		if time.Now().After(deadline) {
			f.wrong = fmt.Errorf("it does not end: %d of %d bytes", got, size)
			break
		}
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			f.wrong = err
			break
		}
		if got > 0 {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-", got))
			r.Header.Set("If-Range", f.tag)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil { // the server is away
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if want := map[bool]int{true: http.StatusPartialContent, false: http.StatusOK}[got > 0]; res.StatusCode != want {
			body, _ := io.ReadAll(res.Body)
			f.wrong = fmt.Errorf("%s at %d: %.300s", res.Status, got, body)
			break
		}
		f.tag = res.Header.Get("ETag")
		n, err := io.Copy(h, res.Body)
		_ = res.Body.Close()
		if got += n; err != nil {
			f.cuts++
		}
	}
	f.at = time.Now()
	h.Sum(f.sum[:0])
	done <- f
}

// Who follows a live link has the last byte moments after it was sent, over a restart in
// the middle.
func TestLiveLink(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	n := newNative(t, node.URL, "X-Api-Key", node.Key())
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	data := make([]byte, 60<<20+12345)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(data)
	var tr nativeTransfer
	n.must("POST", "/transfers", object{
		"name": "live", "live": true, "files": []object{{"name": "a.bin", "size": len(data)}, {"name": "b.txt", "size": 5}},
	}, &tr)
	f := tr.Uploads[0]
	part := func(number int) []byte {
		return data[int64(number-1)*f.PartSize : min(int64(number)*f.PartSize, int64(len(data)))]
	}
	put := func(number int, body []byte) nativeAnswer {
		return n.call("PUT", fmt.Sprintf("/files/%s/parts/%d", f.ID, number), body)
	}

	// Before the first byte: the page, and what can be asked.
	stranger := n.as()
	var link struct {
		ZipURL string `json:"zip_url"`
		Files  []struct {
			Name, CRC32 string
			Arriving    bool
			URL         string
		}
	}
	stranger.must("GET", "/links/live", nil, &link)
	if link.ZipURL != "" || len(link.Files) != 2 || !link.Files[0].Arriving || link.Files[0].CRC32 != "" {
		t.Errorf("the link: %+v", link)
	}
	if a := stranger.call("GET", "/links/live/zip", nil); a.code() != "archive_incomplete" {
		t.Errorf("the zip: %d %s", a.status, a.body)
	}
	res, err := http.Get(node.URL + "/to/live")
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	if _ = res.Body.Close(); res.StatusCode != http.StatusOK || !strings.Contains(string(page), "Still on its way") || strings.Contains(string(page), "/zip/") {
		t.Errorf("the page: %s %s", res.Status, page)
	}
	head, err := http.Head(link.Files[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	if _ = head.Body.Close(); head.StatusCode != http.StatusOK || head.ContentLength != int64(len(data)) || head.Header.Get("ETag") == "" {
		t.Errorf("HEAD: %s, %d bytes, %s", head.Status, head.ContentLength, head.Header.Get("ETag"))
	}

	done := make(chan followed, 3)
	for range 2 {
		go followLive(link.Files[0].URL, int64(len(data)), done)
	}
	parts := int(int64(len(data))/f.PartSize) + 1
	order := make([]int, parts)
	for i := range order {
		order[i] = i + 1
	}
	for i := 0; i+1 < parts; i += 2 { // now and then one before the other
		if random.IntN(2) == 0 {
			order[i], order[i+1] = order[i+1], order[i]
		}
	}
	for i, number := range order {
		time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
		if i == parts/2 {
			node.Kill()
			node.Restart()
			go followLive(link.Files[0].URL, int64(len(data)), done) // who comes late
		}
		if a := put(number, part(number)); a.status != http.StatusOK {
			t.Fatalf("part %d: %d %s", number, a.status, a.body)
		}
		if i == 2 {
			if a := put(number, part(number)); a.status != http.StatusOK {
				t.Errorf("the same again: %d %s", a.status, a.body)
			}
			other := bytes.Clone(part(number))
			other[len(other)/2]++
			if a := put(number, other); a.status != http.StatusConflict || a.code() != "bytes_differ" {
				t.Errorf("other bytes: %d %s", a.status, a.body)
			}
		}
	}
	last := time.Now()
	for range 3 {
		got := <-done
		if late := got.at.Sub(last); got.wrong != nil || got.sum != sha256.Sum256(data) || got.tag != head.Header.Get("ETag") || late > 2*time.Second {
			t.Errorf("%v late, %d cuts, the same bytes: %v, entity tag %s: %v", late, got.cuts, got.sum == sha256.Sum256(data), got.tag, got.wrong)
		} else {
			t.Logf("%v late, %d cuts", late, got.cuts)
		}
	}
	n.must("PUT", "/files/"+tr.Uploads[1].ID+"/parts/1", []byte("hello"), nil)
	n.must("POST", "/transfers/"+tr.ID+"/finalize", nil, nil)
	stranger.must("GET", "/links/live", nil, &link)
	if link.ZipURL == "" || link.Files[0].CRC32 == "" {
		t.Errorf("the link at the end: %+v", link)
	}
	after, err := http.Head(link.Files[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	if _ = after.Body.Close(); after.Header.Get("ETag") != head.Header.Get("ETag") {
		t.Errorf("another entity tag at the end: %s", after.Header.Get("ETag"))
	}
}

// What is taken down ends for those who follow it, and what is not live is not to be seen.
func TestLiveLinkTakenDown(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	n := newNative(t, node.URL, "X-Api-Key", node.Key())
	stranger := n.as()
	var quiet, tr nativeTransfer
	n.must("POST", "/transfers", object{"name": "quiet", "files": []object{{"name": "a", "size": 10}}}, &quiet)
	if a := stranger.call("GET", "/links/quiet", nil); a.status != http.StatusNotFound {
		t.Errorf("what is not live: %d %s", a.status, a.body)
	}
	n.must("POST", "/transfers", object{
		"name": "down", "live": true, "files": []object{{"name": "a", "size": 20 << 20}, {"name": "unknown", "size": nil}},
	}, &tr)
	f := tr.Uploads[0]
	if a := stranger.call("GET", "/links/down/files/"+tr.Uploads[1].ID, nil); a.code() != "file_incomplete" {
		t.Errorf("a file of unknown size: %d %s", a.status, a.body)
	}
	n.must("PUT", "/files/"+f.ID+"/parts/1", make([]byte, f.PartSize), nil)
	res, err := http.Get(node.URL + "/ferry/v1/links/down/files/" + f.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.CopyN(io.Discard, res.Body, f.PartSize); err != nil {
		t.Fatal(err)
	}
	n.must("DELETE", "/transfers/"+tr.ID, nil, nil)
	if more, err := io.ReadAll(res.Body); err == nil || len(more) > 0 {
		t.Errorf("%d more bytes, %v", len(more), err)
	}
}

// ferry get follows ferry send.
func TestLiveTerminal(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	dir := t.TempDir()
	source, target := filepath.Join(dir, "a.bin"), filepath.Join(dir, "got.bin")
	data := make([]byte, 30<<20)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(data)
	if err := os.WriteFile(source, data, 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(testenv.Environment(), "FERRY_SERVER="+node.URL, "FERRY_KEY="+node.Key(), "XDG_STATE_HOME="+dir)
	send := exec.CommandContext(t.Context(), testenv.FerryBinary(t), "send", "--live", "--name", "now", "--rate", "10MiB", source)
	send.Env = env
	var told bytes.Buffer
	out, err := send.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := send.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	k, err := out.Read(line)
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(line[:k])), "/to/now") {
		t.Fatalf("the link is not there at once: %q %v", line[:k], err)
	}
	get := exec.CommandContext(t.Context(), testenv.FerryBinary(t), "get", "-o", target, strings.TrimSpace(string(line[:k])))
	get.Env, get.Stderr = env, &told
	if err := get.Start(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil || len(rest) > 0 {
		t.Errorf("the link again: %q %v", rest, err)
	}
	if err := send.Wait(); err != nil {
		t.Fatal(err)
	}
	sent := time.Now()
	if err := get.Wait(); err != nil {
		t.Fatalf("%v: %s", err, told.String())
	}
	if late := time.Since(sent); late > 2*time.Second {
		t.Errorf("%v late", late)
	}
	if digest(t, source) != digest(t, target) {
		t.Error("another file has come")
	}
}
