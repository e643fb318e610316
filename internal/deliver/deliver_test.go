package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/testenv"
)

// folder is a store of the files in a directory. It can only be read.
type folder struct {
	blob.Store
	dir string
}

func (f folder) Open(_ context.Context, id blob.ID) (blob.Reader, error) {
	file, err := os.Open(filepath.Join(f.dir, string(id)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, "blob_missing", err, "the blob is missing")
	}
	return file, err
}

// letters is a store of blobs a, of the 26 letters, and b, of the 10 digits, and
// text is content of them: three segments, 30 bytes.
func letters(t testing.TB) folder {
	f := folder{dir: t.TempDir()}
	for id, text := range map[string]string{"a": "abcdefghijklmnopqrstuvwxyz", "b": "0123456789"} {
		if err := os.WriteFile(filepath.Join(f.dir, id), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

const text = "klmnopqrst0123456789abcdefghij"

var (
	textContent = blob.Content{{Blob: "a", Offset: 10, Length: 10}, {Blob: "b", Length: 10}, {Blob: "a", Length: 10}}
	textItem    = Item{Name: "text.txt", ETag: `"tag"`, Modified: time.Date(2026, 11, 21, 12, 0, 0, 5e8, time.UTC)}
)

const (
	textDate = "Sat, 21 Nov 2026 12:00:00 GMT"
	before   = "Sat, 21 Nov 2026 11:59:59 GMT"
	after    = "Sat, 21 Nov 2026 12:00:01 GMT"
)

// ask gives the answer to a request with the headers named in pairs.
func ask(t testing.TB, method string, pairs ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	for i := 0; i < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	w := httptest.NewRecorder()
	if err := File(w, r, letters(t), textContent, textItem); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestRequests(t *testing.T) {
	const all, part, unmodified, failed, bad = 200, 206, 304, 412, 416
	for _, tt := range []struct {
		name   string
		header []string
		status int
		span   string // Content-Range
		body   string
	}{
		{"the whole", nil, all, "", text},
		{"the first byte", []string{"Range", "bytes=0-0"}, part, "bytes 0-0/30", "k"},
		{"inside one segment", []string{"Range", "bytes=11-13"}, part, "bytes 11-13/30", "123"},
		{"over all segments", []string{"Range", "bytes=8-21"}, part, "bytes 8-21/30", "st0123456789ab"},
		{"curl goes on", []string{"Range", "bytes=25-"}, part, "bytes 25-29/30", "fghij"},
		{"curl has everything", []string{"Range", "bytes=30-"}, bad, "bytes */30", ""},
		{"the last bytes", []string{"Range", "bytes=-3"}, part, "bytes 27-29/30", "hij"},
		{"more last bytes than there are", []string{"Range", "bytes=-300"}, part, "bytes 0-29/30", text},
		{"no last bytes", []string{"Range", "bytes=-0"}, bad, "bytes */30", ""},
		{"an end beyond", []string{"Range", "bytes=28-1000"}, part, "bytes 28-29/30", "ij"},
		{"an end beyond all numbers", []string{"Range", "bytes=28-99999999999999999999999"}, part, "bytes 28-29/30", "ij"},
		{"a start beyond all numbers", []string{"Range", "bytes=99999999999999999999999-"}, bad, "bytes */30", ""},
		{"an end before the start", []string{"Range", "bytes=2-1"}, bad, "bytes */30", ""},
		{"no number", []string{"Range", "bytes=a-b"}, bad, "bytes */30", ""},
		{"signs", []string{"Range", "bytes=+1-+2"}, bad, "bytes */30", ""},
		{"only a dash", []string{"Range", "bytes=-"}, bad, "bytes */30", ""},
		{"another unit is not for us", []string{"Range", "pages=1-2"}, all, "", text},
		{"a unit in capitals", []string{"Range", "BYTES=0-1"}, part, "bytes 0-1/30", "kl"},
		{"one of two lies outside", []string{"Range", "bytes=0-1,50-60"}, part, "bytes 0-1/30", "kl"},
		{"more together than the whole", []string{"Range", "bytes=0-20,0-20"}, all, "", text},
		{"nine spans", []string{"Range", "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8"}, all, "", text},

		{"a download of the same bytes goes on", []string{"Range", "bytes=28-", "If-Range", `"tag"`}, part, "bytes 28-29/30", "ij"},
		{"one of others starts again", []string{"Range", "bytes=28-", "If-Range", `"old"`}, all, "", text},
		{"a weak tag is not enough", []string{"Range", "bytes=28-", "If-Range", `W/"tag"`}, all, "", text},
		{"it goes on by date", []string{"Range", "bytes=28-", "If-Range", textDate}, part, "bytes 28-29/30", "ij"},
		{"any other date starts again", []string{"Range", "bytes=28-", "If-Range", after}, all, "", text},
		{"so does nonsense", []string{"Range", "bytes=28-", "If-Range", "tag"}, all, "", text},

		{"the client has it", []string{"If-None-Match", `"other", W/"tag"`}, unmodified, "", ""},
		{"the client has any", []string{"If-None-Match", "*"}, unmodified, "", ""},
		{"the client has another", []string{"If-None-Match", `"a,b"`}, all, "", text},
		{"a comma in a tag divides nothing", []string{"If-None-Match", `"x,"tag",y"`}, all, "", text},
		{"the client has one of that age", []string{"If-Modified-Since", textDate}, unmodified, "", ""},
		{"the client has an older one", []string{"If-Modified-Since", before}, all, "", text},
		{"a tag beats a date", []string{"If-None-Match", `"other"`, "If-Modified-Since", textDate}, all, "", text},
		{"the client wants this one", []string{"If-Match", `"tag"`}, all, "", text},
		{"the client wants another", []string{"If-Match", `"other", W/"tag"`}, failed, "", ""},
		{"the client wants any", []string{"If-Match", "*"}, all, "", text},
		{"the client wants one not newer", []string{"If-Unmodified-Since", before}, failed, "", ""},
		{"it is not newer", []string{"If-Unmodified-Since", textDate}, all, "", text},
		{"a condition goes before a range", []string{"Range", "bytes=99-", "If-None-Match", `"tag"`}, unmodified, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(t, "GET", tt.header...)
			if w.Code != tt.status || w.Header().Get("Content-Range") != tt.span || w.Body.String() != tt.body {
				t.Errorf("%d, %q, %q", w.Code, w.Header().Get("Content-Range"), w.Body)
			}
			head := ask(t, "HEAD", tt.header...)
			if d := cmp.Diff(w.Header(), head.Header()); d != "" || head.Code != w.Code || head.Body.Len() > 0 {
				t.Errorf("HEAD answers differently: %d, %d bytes, %s", head.Code, head.Body.Len(), d)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	want := http.Header{
		"Accept-Ranges":           {"bytes"},
		"Cache-Control":           {"private, no-cache, no-transform"},
		"Content-Disposition":     {`attachment; filename="text.txt"; filename*=UTF-8''text.txt`},
		"Content-Length":          {"30"},
		"Content-Security-Policy": {"default-src 'none'; sandbox"},
		"Content-Type":            {"application/octet-stream"},
		"Etag":                    {`"tag"`},
		"Last-Modified":           {textDate},
		"Referrer-Policy":         {"no-referrer"},
		"X-Content-Type-Options":  {"nosniff"},
	}
	if d := cmp.Diff(want, ask(t, "GET").Header()); d != "" {
		t.Error(d)
	}
}

func TestSeveralRanges(t *testing.T) {
	w := ask(t, "GET", "Range", "bytes=-2, 8-11,0-0")
	kind, params, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" || w.Code != 206 {
		t.Fatal(w.Code, kind, err)
	}
	if w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
		t.Errorf("%s bytes are announced, %d came", w.Header().Get("Content-Length"), w.Body.Len())
	}
	var got []string
	for parts := multipart.NewReader(w.Body, params["boundary"]); ; {
		p, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %s", p.Header.Get("Content-Range"), p.Header.Get("Content-Type"), body))
	}
	want := []string{"bytes 28-29/30 " + octets + " ij", "bytes 8-11/30 " + octets + " st01", "bytes 0-0/30 " + octets + " k"}
	if !slices.Equal(got, want) {
		t.Errorf("parts %q", got)
	}
}

// Where net/http has an answer, ours is the same.
func FuzzLikeServeContent(f *testing.F) {
	f.Add("bytes=0-1", "", "", "", "", "")
	f.Add("bytes=-5", `"tag"`, "", "", "", "")
	f.Add("bytes=5-", textDate, `W/"tag", "x"`, after, `"tag"`, before)
	f.Add("bytes=3-", textDate, `"a b", "tag"`, "", "*", "")
	f.Add("bytes=0-0", "*", "*", textDate, ", *", textDate)
	f.Fuzz(func(t *testing.T, rang, ifRange, noneMatch, since, match, unmodified string) {
		r := httptest.NewRequest("GET", "/", nil)
		for name, value := range map[string]string{
			"Range": rang, "If-Range": ifRange, "If-None-Match": noneMatch, "If-Modified-Since": since,
			"If-Match": match, "If-Unmodified-Since": unmodified,
		} {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) || value != strings.TrimSpace(value) {
				t.Skip("net/http lets no such header in")
			}
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		theirs := httptest.NewRecorder()
		theirs.Header().Set("ETag", textItem.ETag)
		theirs.Header().Set("Content-Type", octets)
		http.ServeContent(theirs, r, "", textItem.Modified, strings.NewReader(text))
		if theirs.Code == 416 || theirs.Header().Get("Content-Range") == "bytes 30-29/30" || strings.ContainsAny(rang, ",+ ") {
			t.Skip("where we differ: told in TestRequests")
		}
		ours := httptest.NewRecorder()
		if err := File(ours, r, textStore, textContent, textItem); err != nil {
			t.Fatal(err)
		}
		if ours.Code != theirs.Code || ours.Body.String() != theirs.Body.String() ||
			ours.Header().Get("Content-Range") != theirs.Header().Get("Content-Range") {
			t.Errorf("ours %d %q %q, theirs %d %q %q", ours.Code, ours.Header().Get("Content-Range"), ours.Body,
				theirs.Code, theirs.Header().Get("Content-Range"), theirs.Body)
		}
	})
}

// textStore is letters in memory.
var textStore = memory{"a": "abcdefghijklmnopqrstuvwxyz", "b": "0123456789"}

type memory map[blob.ID]string

func (m memory) Open(_ context.Context, id blob.ID) (blob.Reader, error) {
	return struct {
		*strings.Reader
		io.Closer
	}{strings.NewReader(m[id]), io.NopCloser(nil)}, nil
}

func (memory) Edit(context.Context, blob.ID) (blob.Writer, error) { panic("read only") }
func (memory) Remove(context.Context, blob.ID) error              { panic("read only") }
func (memory) Walk(context.Context, func(blob.Info) error) error  { panic("read only") }
func (memory) Space(context.Context) (blob.Space, error)          { panic("read only") }

func FuzzParseRange(f *testing.F) {
	f.Add("bytes=0-0,-1,5-", int64(10))
	f.Add("bytes=9223372036854775807-9223372036854775807", int64(1)<<62)
	f.Add("bytes=", int64(0))
	f.Fuzz(func(t *testing.T, s string, size int64) {
		if size < 0 {
			t.Skip()
		}
		spans, ok := parseRange(s, size)
		if !ok && len(spans) > 0 || len(spans) > maxSpans {
			t.Errorf("%v, %v", spans, ok)
		}
		var sum int64
		for _, s := range spans {
			if s.Off < 0 || s.N < 1 || s.N > size-s.Off {
				t.Errorf("span %v of %d", s, size)
			}
			sum += s.N
		}
		if sum > size {
			t.Errorf("%d bytes of %d", sum, size)
		}
	})
}

func TestEmptyFile(t *testing.T) {
	for _, rang := range []string{"", "bytes=0-", "bytes=-5"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Range", rang)
		w := httptest.NewRecorder()
		var sent []Sent
		err := File(w, r, letters(t), nil, Item{Sent: func(s Sent) { sent = append(sent, s) }})
		if err != nil || w.Code != 200 || w.Header().Get("Content-Length") != "0" || w.Body.Len() > 0 {
			t.Errorf("%q: %d %v %v", rang, w.Code, w.Header(), err)
		}
		if d := cmp.Diff([]Sent{{All: true}}, sent); d != "" {
			t.Error(d)
		}
	}
}

func TestMissingBlobLeavesTheAnswerToTheDoor(t *testing.T) {
	for _, rang := range []string{"", "bytes=0-1", "bytes=0-1,3-4"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Range", rang)
		w := httptest.NewRecorder()
		err := File(w, r, letters(t), blob.Content{{Blob: "none", Length: 9}}, Item{Sent: func(Sent) { t.Error("it was sent") }})
		if !fault.Is(err, "blob_missing") || len(w.Header()) > 0 || w.Body.Len() > 0 {
			t.Errorf("%q: error %v, header %v", rang, err, w.Header())
		}
	}
}

// What goes wrong after the first byte must not look like the end of the file.
func TestBrokenOff(t *testing.T) {
	for _, tt := range []struct {
		name    string
		content blob.Content
		rang    string
		spans   []Span
	}{
		{"the second blob is missing", blob.Content{{Blob: "a", Length: 26}, {Blob: "none", Length: 10}}, "", []Span{{0, 26}}},
		{"the blob is shorter than its row", blob.Content{{Blob: "a", Length: 100}}, "", []Span{{0, 26}}},
		{"the range begins behind its end", blob.Content{{Blob: "a", Length: 100}}, "bytes=50-", nil},
		{"the second range fails", blob.Content{{Blob: "a", Length: 26}, {Blob: "none", Length: 10}}, "bytes=5-9,26-26", []Span{{5, 5}}},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS and HTTP/2 %v", tt.name, secure), func(t *testing.T) {
				done := make(chan Sent, 1)
				url, client := serve(t, secure, func(w http.ResponseWriter, r *http.Request) {
					err := File(w, r, letters(t), tt.content, Item{Sent: func(s Sent) { done <- s }})
					t.Errorf("File returned %v", err)
				})
				req, _ := http.NewRequestWithContext(t.Context(), "GET", url, nil)
				req.Header.Set("Range", tt.rang)
				res, err := client.Do(req)
				if err == nil {
					_, err = io.ReadAll(res.Body)
					_ = res.Body.Close()
				}
				if err == nil {
					t.Error("the client takes the answer for whole")
				}
				sent := <-done
				if sent.All || sent.Err == nil || !slices.Equal(sent.Spans, tt.spans) {
					t.Errorf("sent %+v", sent)
				}
			})
		}
	}
}

// serve runs h on a real socket: plain, or by TLS and HTTP/2.
func serve(t testing.TB, secure bool, h http.HandlerFunc) (url string, c *http.Client) {
	s := httptest.NewUnstartedServer(h)
	t.Cleanup(s.Close)
	if secure {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	return s.URL, s.Client()
}

func TestSent(t *testing.T) {
	for _, secure := range []bool{false, true} {
		done := make(chan Sent, 1)
		url, client := serve(t, secure, func(w http.ResponseWriter, r *http.Request) {
			it := textItem
			it.Sent = func(s Sent) { done <- s }
			if err := File(w, r, letters(t), textContent, it); err != nil {
				t.Error(err)
			}
		})
		for rang, want := range map[string][]Span{"": {{0, 30}}, "bytes=5-": {{5, 25}}, "bytes=20-21,3-4": {{20, 2}, {3, 2}}} {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", url, nil)
			req.Header.Set("Range", rang)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if want := "HTTP/1.1"; !secure && res.Proto != want {
				t.Errorf("it is %s", res.Proto)
			}
			if want := "HTTP/2.0"; secure && res.Proto != want {
				t.Errorf("it is %s", res.Proto)
			}
			if body, err := io.ReadAll(res.Body); err != nil || rang == "" && string(body) != text {
				t.Errorf("%q: %q, %v", rang, body, err)
			}
			_ = res.Body.Close()
			if d := cmp.Diff(Sent{Spans: want, All: true}, <-done); d != "" {
				t.Errorf("%q: %s", rang, d)
			}
		}
	}
}

// big is a store with one sparse blob of n bytes, and its content.
func big(t testing.TB, n int64) (folder, blob.Content) {
	f := letters(t)
	file, err := os.Create(filepath.Join(f.dir, "big"))
	if err == nil {
		err = errors.Join(file.Truncate(n), file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return f, blob.Content{{Blob: "big", Length: n}}
}

// A peer that takes nothing is cut, one that takes little at a time is not, and
// neither is a fault of ours.
func TestStalledPeer(t *testing.T) {
	const n = 64 << 20
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS and HTTP/2 %v", secure), func(t *testing.T) {
			store, content := big(t, n)
			done := make(chan Sent, 1)
			url, client := serve(t, secure, func(w http.ResponseWriter, r *http.Request) {
				it := Item{Sent: func(s Sent) { done <- s }}
				_ = sender{stall: 600 * time.Millisecond, step: stepSize}.send(w, r, store, segments(content), it)
			})
			res, err := client.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			for range 20 { // slow, for longer than one deadline
				time.Sleep(50 * time.Millisecond)
				if _, err := io.CopyN(io.Discard, res.Body, n/64); err != nil {
					t.Fatalf("a slow peer was cut: %v", err)
				}
			}
			select {
			case sent := <-done:
				if sent.All || sent.Err != nil {
					t.Errorf("sent %+v", sent)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("a stalled peer holds its connection")
			}
		})
	}
}

func TestPeerThatHangsUp(t *testing.T) {
	store, content := big(t, 64<<20)
	done := make(chan Sent, 1)
	url, _ := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		_ = File(w, r, store, content, Item{Sent: func(s Sent) { done <- s }})
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	sent := <-done
	if sent.All || sent.Err != nil || len(sent.Spans) != 1 || sent.Spans[0].N < 1<<20-1000 || sent.Spans[0].N >= 64<<20 {
		t.Errorf("sent %+v", sent)
	}
}

// A probe is a connection that notes how it is used.
type probe struct {
	*httptest.ResponseRecorder
	largest  int // of all writes
	kernel   int // calls of ReadFrom
	flushErr error
}

func (p *probe) Write(b []byte) (int, error) {
	p.largest = max(p.largest, len(b))
	return p.ResponseRecorder.Write(b)
}

func (p *probe) ReadFrom(src io.Reader) (int64, error) {
	p.kernel++
	return io.Copy(p.ResponseRecorder, src)
}

func (p *probe) FlushError() error { return p.flushErr }

func TestWhoCopies(t *testing.T) {
	store, content := big(t, 1<<20)
	for _, tt := range []struct {
		name            string
		target          string
		major           int
		largest, kernel int
	}{
		{"plain HTTP/1 is copied by the kernel, by steps", "http://x/", 1, 0, 4},
		{"TLS by us, by our buffer", "https://x/", 1, bufferSize, 0},
		{"HTTP/2 likewise", "http://x/", 2, bufferSize, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tt.target, nil)
			r.ProtoMajor = tt.major
			w := &probe{ResponseRecorder: httptest.NewRecorder()}
			if err := File(w, r, store, content, Item{}); err != nil {
				t.Fatal(err)
			}
			if w.largest != tt.largest || w.kernel != tt.kernel || w.Body.Len() != 1<<20 {
				t.Errorf("largest write %d, %d calls of ReadFrom", w.largest, w.kernel)
			}
		})
	}
}

// A short answer fits into the buffers of net/http, and whether the connection
// took it is known only when they are flushed.
func TestFlushThatFails(t *testing.T) {
	var sent []Sent
	defer func() {
		if recover() != http.ErrAbortHandler || len(sent) != 1 || sent[0].All || sent[0].Err != nil {
			t.Errorf("sent %+v", sent)
		}
	}()
	w := &probe{ResponseRecorder: httptest.NewRecorder(), flushErr: io.ErrClosedPipe}
	_ = File(w, httptest.NewRequest("GET", "/", nil), letters(t), textContent, Item{Sent: func(s Sent) { sent = append(sent, s) }})
}

func TestCurlResumes(t *testing.T) {
	curl := testenv.Need(t, "curl")
	store, content := letters(t), textContent
	url, _ := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if err := File(w, r, store, content, textItem); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(t.TempDir(), "text")
	for _, have := range []string{"", "klmno", text[:29], text} {
		if err := os.WriteFile(path, []byte(have), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(curl, "--noproxy", "*", "-sS", "-C", "-", "-o", path, url).CombinedOutput()
		got, _ := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, []byte(text)) {
			t.Errorf("from %q: %q, %v %s", have, got, err, out)
		}
	}
}

// What went out is counted for the server, whatever the answer.
func TestWhatGoesOutIsCounted(t *testing.T) {
	counted := make(chan int64, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := File(w, r, letters(t), textContent, textItem); err != nil {
			t.Error(err)
		}
	}))
	s.Config.ConnContext = WithConn(func(n int64) { counted <- n })
	s.Start()
	defer s.Close()
	for _, tt := range []struct {
		method, ranges string
		want           int64 // -1: none is told
	}{{"GET", "", 30}, {"GET", "bytes=5-", 25}, {"GET", "bytes=20-21,3-4", 4}, {"HEAD", "", -1}, {"GET", "bytes=99-", -1}} {
		req, _ := http.NewRequestWithContext(t.Context(), tt.method, s.URL, nil)
		req.Header.Set("Range", tt.ranges)
		res, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if tt.want < 0 {
			continue
		}
		if n := <-counted; n != tt.want {
			t.Errorf("%s %s: %d bytes are counted, want %d", tt.method, tt.ranges, n, tt.want)
		}
	}
	if len(counted) > 0 {
		t.Error("what has no bytes is counted")
	}
}

// An answer that ends because its client fetches the rest otherwise has not broken: it is
// told as ended, and nobody looks for a cause.
func TestTheRestIsFetchedOtherwise(t *testing.T) {
	for _, secure := range []bool{false, true} {
		done := make(chan Sent, 1)
		url, client := serve(t, secure, func(w http.ResponseWriter, r *http.Request) {
			it := textItem
			it.Sent = func(s Sent) { done <- s }
			it.left = func(off, n int64) int64 { return max(0, min(n, 10-off)) }
			_ = File(w, r, letters(t), textContent, it)
		})
		res, err := client.Get(url)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		if err == nil {
			t.Error("it is taken for whole")
		}
		if d := cmp.Diff(Sent{Spans: []Span{{0, 10}}, Ended: true}, <-done); d != "" {
			t.Errorf("TLS %v: %s", secure, d)
		}
	}
}
