package test

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"
)

// Flags of the tests of this package: go test ./test -args -long -seed=7
var (
	long = flag.Bool("long", false, "the long form: 10,000 files are really sent, more kills, larger files")
	seed = flag.Uint64("seed", 0, "of random choices, to take those of an earlier run; 0 chooses one")
)

// slow skips the test in ./check quick.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds")
	}
}

// random gives random choices and prints the seed to have them again. What
// goroutines do at the same time stays by chance.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	s := *seed
	for s == 0 {
		s = rand.Uint64()
	}
	test, _, _ := strings.Cut(t.Name(), "/")
	t.Logf("choices can be had again by: go test ./test -run '^%s$' -args -seed=%d", test, s)
	return rand.New(rand.NewPCG(s, 0))
}

// A content is a file that is never kept: its bytes follow from its seed, and are
// made again wherever they are sent or compared.
type content struct {
	name string
	size int64
	seed uint64
}

// noise is what contents are cut from: making bytes one by one is what the tests
// would spend their time with, under the race detector above all.
var noise = sync.OnceValue(func() []byte {
	p := make([]byte, 1<<20+run)
	_, _ = rand.NewChaCha8([32]byte{}).Read(p)
	return p
})

// run is how many bytes of noise stand together. A content is runs from places
// that follow from its seed and where the run is.
const run = 4096

// ReadAt implements io.ReaderAt.
func (c content) ReadAt(p []byte, off int64) (int, error) {
	if left := c.size - off; left <= int64(len(p)) {
		p = p[:max(left, 0)]
	}
	for n := 0; n < len(p); {
		at := off + int64(n)
		x := (c.seed<<40 + uint64(at/run) + 1) * 0x9e3779b97f4a7c15 // SplitMix64
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		from := (x^x>>31)%(1<<20) + uint64(at%run)
		n += copy(p[n:], noise()[from:from+run-uint64(at%run)])
	}
	if off+int64(len(p)) >= c.size {
		return len(p), io.EOF
	}
	return len(p), nil
}

func (c content) bytes(off, n int64) []byte {
	p := make([]byte, n)
	_, _ = c.ReadAt(p, off)
	return p
}

func (c content) reader() io.Reader { return io.NewSectionReader(c, 0, c.size) }

// check compares all of r with the content, and names the first difference.
func (c content) check(r io.Reader) error {
	got, want := make([]byte, 256<<10), make([]byte, 256<<10)
	var at int64
	for {
		n, err := io.ReadFull(r, got)
		m, _ := c.ReadAt(want, at)
		if k := min(n, m); !bytes.Equal(got[:k], want[:k]) {
			i := 0
			for got[i] == want[i] {
				i++
			}
			return fmt.Errorf("%s: byte %d of %d is not what was sent", c.name, at+int64(i), c.size)
		}
		if n != m {
			return fmt.Errorf("%s: %d bytes and more, want %d", c.name, at+int64(n), c.size)
		}
		at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w after %d bytes of %d", c.name, err, at, c.size)
		}
	}
}

// recipient fetches. It follows no redirects, and waits longer than the tests of clients.
var recipient = &http.Client{Timeout: 5 * time.Minute, CheckRedirect: client.CheckRedirect}

// checkAt fetches url and compares.
func (c content) checkAt(t *testing.T, url string) {
	t.Helper()
	resp, err := recipient.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.ContentLength != c.size {
		t.Errorf("GET %s: %s, %d bytes, want 200 and %d", url, resp.Status, resp.ContentLength, c.size)
		return
	}
	if err := c.check(resp.Body); err != nil {
		t.Errorf("GET %s: %v", url, err)
	}
}

// check fetches every file of a sending and compares it.
func (s *sending) check(t *testing.T) {
	t.Helper()
	for _, f := range s.items {
		f.checkAt(t, s.address(t, f))
	}
}

// address gives where a recipient fetches a file: of a v2 transfer by the API of
// WeTransfer's page, else by the link on the page.
func (s *sending) address(t *testing.T, f *item) string {
	t.Helper()
	if s.seal != nil {
		return directLink(t, s.link, f.id)
	}
	address, ok := offered(t, s.link)[f.name]
	if !ok {
		t.Fatalf("the page of %s does not offer %s", s.link, f.name)
	}
	return address
}

// directLink asks as WeTransfer's page does for the address of one file, or of
// the whole as a zip when none is named.
func directLink(t *testing.T, link string, files ...string) string {
	t.Helper()
	at := follow(t, link)
	dir, hash := path.Split(at.Path)
	request := map[string]any{"security_hash": hash, "intent": "entire_transfer"}
	if len(files) > 0 {
		request["intent"], request["file_ids"] = "single_file", files
	}
	at.Path = "/api/v4/transfers/" + path.Base(dir) + "/download"
	var answer struct {
		Link string `json:"direct_link"`
	}
	post(t, at.String(), request, &answer)
	return answer.Link
}

// offered gives the addresses of all files that the page behind a short link
// offers, by their names.
func offered(t *testing.T, link string) map[string]string {
	t.Helper()
	at, page := openPage(t, link)
	files := map[string]string{}
	for _, anchor := range anchors.FindAllString(page, -1) {
		name, href := dataFiles.FindStringSubmatch(anchor), hrefs.FindStringSubmatch(anchor)
		if name == nil || href == nil {
			continue
		}
		to, err := at.Parse(html.UnescapeString(href[1]))
		if err != nil {
			t.Fatal(err)
		}
		files[html.UnescapeString(name[1])] = to.String()
	}
	return files
}

// TestContent looks whether the pattern is the same from wherever it is read.
func TestContent(t *testing.T) {
	c := content{"x", 10_000, 3}
	whole := string(c.bytes(0, c.size))
	for _, off := range []int64{0, 1, 4095, 4096, 4097, 8192, 9999} {
		if got := string(c.bytes(off, c.size-off)); got != whole[off:] {
			t.Errorf("from %d it is another", off)
		}
	}
	if err := c.check(strings.NewReader(whole)); err != nil {
		t.Error(err)
	}
	for name, wrong := range map[string]string{
		"short": whole[:9999], "long": whole + "x", "changed": whole[:500] + string([]byte{whole[500] + 1}) + whole[501:],
	} {
		if c.check(strings.NewReader(wrong)) == nil {
			t.Errorf("a %s one passes", name)
		}
	}
}
