package deliver_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/deliver"
	"github.com/ferry-server/ferry/internal/testenv"
)

const (
	asServer = "FERRY_DELIVER_TEST_SERVE" // a directory: serve it, in a process of its own
	blobSize = 8 << 20
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(asServer); dir != "" {
		serveFolder(dir)
		return
	}
	os.Exit(m.Run())
}

// folder is a store of the files in a directory. It can only be read.
type folder struct {
	blob.Store
	dir string
}

func (f folder) Open(_ context.Context, id blob.ID) (blob.Reader, error) {
	return os.Open(filepath.Join(f.dir, string(id)))
}

// content is blob a, then blob b.
var content = blob.Content{{Blob: "a", Length: blobSize}, {Blob: "b", Length: blobSize}}

// serveFolder serves blobs a and b of dir in all ways, plain and by TLS, prints
// both addresses, and ends with its standard input.
func serveFolder(dir string) {
	store := folder{dir: dir}
	half := blob.Content{{Blob: "a", Offset: 1 << 20, Length: blobSize / 2}}
	var entries []archive.Entry
	for i, c := range []blob.Content{content, half} {
		sum := crc32.NewIEEE()
		if _, err := blob.Copy(context.Background(), sum, store, c, 0, c.Size()); err != nil {
			panic(err)
		}
		entries = append(entries, archive.Entry{Name: fmt.Sprint(i), Size: c.Size(), CRC32: sum.Sum32(), Content: c})
	}
	z, err := archive.Layout(entries)
	if err != nil {
		panic(err)
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		switch r.URL.Path {
		case "/whole":
			err = deliver.File(w, r, store, content[:1], deliver.Item{})
		case "/part":
			err = deliver.File(w, r, store, half, deliver.Item{})
		case "/segments":
			err = deliver.File(w, r, store, content, deliver.Item{})
		case "/zip":
			err = deliver.Stream(w, r, store, z, deliver.Item{ETag: z.ETag()})
		}
		if err != nil {
			panic(err)
		}
	})
	plain, secure := httptest.NewUnstartedServer(h), httptest.NewTLSServer(h)
	plain.Listener = deliver.Listener(plain.Listener)
	plain.Config.ConnContext = deliver.WithConn(nil)
	plain.Start()
	fmt.Println(plain.URL, secure.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// What goes out plain is sent by the kernel, whatever is asked for.
func TestSendfile(t *testing.T) {
	strace := testenv.Need(t, "strace")
	dir := t.TempDir()
	for _, id := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, id), bytes.Repeat([]byte(id), blobSize), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, path, rang string
		secure           bool
		size             int64 // of the body, at least
	}{
		{"a whole blob", "/whole", "", false, blobSize},
		{"a range of it", "/whole", "bytes=1000-3000999", false, 3_000_000},
		{"several ranges", "/whole", "bytes=0-999999,2000000-2999999", false, 2_000_000},
		{"a part of a blob", "/part", "", false, blobSize / 2},
		{"two blobs", "/segments", "", false, 2 * blobSize},
		{"a zip", "/zip", "", false, 2*blobSize + blobSize/2},
		{"TLS, where there is none", "/whole", "", true, blobSize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			cmd := exec.Command(strace, "-f", "-qq", "-e", "trace=sendfile", "-o", log, os.Args[0])
			cmd.Env = append(os.Environ(), asServer+"="+dir)
			cmd.Stderr = os.Stderr
			in, err1 := cmd.StdinPipe()
			out, err2 := cmd.StdoutPipe()
			if err1 != nil || err2 != nil || cmd.Start() != nil {
				t.Fatal("strace does not start: ", err1, err2)
			}
			line, _ := bufio.NewReader(out).ReadString('\n')
			urls := strings.Fields(line)
			if len(urls) != 2 {
				_ = in.Close()
				testenv.Missing(t, "ptrace", fmt.Sprintf("strace says %v", cmd.Wait()))
			}
			got := fetch(t, urls[map[bool]int{true: 1}[tt.secure]]+tt.path, tt.rang)
			_ = in.Close() // the server ends, and with it strace
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			sent := bytesSent(t, log)
			switch {
			case got < tt.size:
				t.Errorf("%d bytes came", got)
			case tt.secure && sent != 0, !tt.secure && sent < tt.size:
				t.Errorf("of %d bytes the kernel sent %d", got, sent)
			}
		})
	}
}

func fetch(t *testing.T, url, rang string) int64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rang != "" {
		req.Header.Set("Range", rang)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // its own, on loopback
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// bytesSent adds up what the calls of sendfile in a log of strace returned.
func bytesSent(t *testing.T, log string) (sum int64) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`sendfile.*\) += (\d+)`).FindAllSubmatch(text, -1) {
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		sum += n
	}
	return sum
}
