package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferry-server/ferry/client"
)

// A sink is a server that takes one transfer, whose files it sums up and forgets.
type sink struct {
	url string

	mu        sync.Mutex
	files     map[string]*sunk
	key       string // that came with the last request
	finalized bool
	cancelled bool
	appends   int

	// cut, if it is set, tells at which append (from 1) the connection breaks: before its
	// body is read, in the middle, or when everything is stored; or half of it arrives late.
	cut map[int]string
	// lies makes the server tell another checksum than what it has.
	lies bool
}

// A sunk file is what came of one.
type sunk struct {
	size  *int64
	got   int64
	crc   hash.Hash32
	sha   hash.Hash
	whole bool
	late  []byte // of a request that was cut, and arrives after somebody has asked for the offset
}

func newSink(t testing.TB) *sink {
	t.Helper()
	s := &sink{files: map[string]*sunk{}, cut: map[int]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ferry/v1/transfers", s.create)
	mux.HandleFunc("POST /ferry/v1/transfers/t/finalize", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.finalized = true
		_ = json.NewEncoder(w).Encode(client.Transfer{ID: "t", State: "ready", Link: s.url + "/to/x"})
	})
	mux.HandleFunc("DELETE /ferry/v1/transfers/t", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cancelled, s.key = true, r.Header.Get("X-Api-Key")+"/"+r.Header.Get("Ferry-Transfer-Key")
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT /ferry/v1/files/{file}/parts/1", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.files[r.PathValue("file")].take(b)
		_, _ = io.WriteString(w, "{}")
	})
	mux.HandleFunc("GET /ferry/v1/files/{file}", s.tell)
	mux.HandleFunc("HEAD /files/{file}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f := s.files[r.PathValue("file")]
		w.Header().Set("Upload-Offset", strconv.FormatInt(f.got, 10))
		w.Header().Set("Upload-Complete", map[bool]string{true: "?1", false: "?0"}[f.whole])
		f.take(f.late)
		f.late = nil
	})
	mux.HandleFunc("PATCH /files/{file}", s.append)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *sink) create(w http.ResponseWriter, r *http.Request) {
	var in struct{ Files []client.NewFile }
	_ = json.NewDecoder(r.Body).Decode(&in)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := client.Transfer{ID: "t", State: "open", Key: "secret"}
	for i, f := range in.Files {
		name := fmt.Sprint("f", i)
		s.files[name] = &sunk{size: f.Size, crc: crc32.NewIEEE(), sha: sha256.New()}
		u := client.File{ID: name, Name: f.Name, Size: f.Size, State: "open"}
		if f.Size != nil {
			u.Missing = [][2]int{{1, 1}}
		}
		t.Uploads = append(t.Uploads, u)
	}
	_ = json.NewEncoder(w).Encode(t)
}

func (f *sunk) take(b []byte) {
	_, _ = f.crc.Write(b)
	_, _ = f.sha.Write(b)
	f.got += int64(len(b))
	f.whole = f.size != nil && f.got == *f.size
}

func (s *sink) tell(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[r.PathValue("file")]
	out := client.File{ID: r.PathValue("file"), Size: f.size, State: "open", Received: f.got}
	if f.whole {
		out.State, out.CRC32 = "complete", fmt.Sprintf("%08x", f.crc.Sum32())
	}
	if s.lies {
		out.CRC32 = "00000000"
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (s *sink) append(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.appends++
	cut, f := s.cut[s.appends], s.files[r.PathValue("file")]
	s.mu.Unlock()
	if cut == "before" {
		panic(http.ErrAbortHandler)
	}
	b := make([]byte, r.ContentLength)
	if cut == "middle" { // a server that keeps what came
		b = b[:len(b)/2]
	}
	_, err := io.ReadFull(r.Body, b)
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Upload-Checksum"), "crc32 "))
	if fmt.Sprintf("%x", raw) != fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)) && cut != "middle" {
		http.Error(w, "checksum", 460)
		return
	}
	if err != nil || r.Header.Get("Upload-Offset") != strconv.FormatInt(f.got, 10) || r.Header.Get("Tus-Resumable") == "" {
		http.Error(w, "offset", http.StatusConflict)
		return
	}
	if n, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64); err == nil && cut != "middle" {
		f.size = &n
	}
	if cut == "late" {
		f.late = b[:len(b)/2]
		panic(http.ErrAbortHandler)
	}
	f.take(b)
	if cut != "" {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *sink) client(t testing.TB) *client.Client {
	t.Helper()
	c, err := client.New(s.url, "api-key")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// generated is a pipe of n bytes that nobody keeps.
func generated(n int64) (io.Reader, [32]byte) {
	h := sha256.New()
	_, _ = io.CopyN(h, rand.NewChaCha8([32]byte{7}), n)
	return io.LimitReader(rand.NewChaCha8([32]byte{7}), n), [32]byte(h.Sum(nil))
}

// What comes from a pipe arrives whole, however long it is and wherever the connection
// breaks, beside files of the same transfer.
func TestStream(t *testing.T) {
	const part = 8 << 20
	for _, tt := range []struct {
		name    string
		size    int64
		cut     map[int]string
		appends int
	}{
		{"nothing", 0, nil, 1},
		{"one byte", 1, nil, 1},
		{"one byte less than a part", part - 1, nil, 1},
		{"a part", part, nil, 2}, // the end is seen after it
		{"some", 3*part + 5, nil, 4},
		{"cut before the first byte", 2*part + 5, map[int]string{1: "before"}, 4},
		{"cut in the middle of a part", 2*part + 5, map[int]string{2: "middle"}, 4},
		{"what was cut arrives late", 2*part + 5, map[int]string{2: "late"}, 5},
		{"the answer to a part is lost", 2*part + 5, map[int]string{1: "after"}, 3},
		{"the answer to the last part is lost", part + 5, map[int]string{2: "after"}, 2},
		{"cut at the end", part + 6, map[int]string{2: "middle", 3: "before"}, 4},
		{"the empty end is lost", part, map[int]string{2: "after"}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSink(t)
			s.cut = tt.cut
			beside := t.TempDir() + "/a.txt"
			if err := os.WriteFile(beside, []byte("beside"), 0o600); err != nil {
				t.Fatal(err)
			}
			file, err := client.FileSource(beside, "a.txt")
			if err != nil {
				t.Fatal(err)
			}
			content, sum := generated(tt.size)
			var last client.Progress
			sent, err := s.client(t).Upload(t.Context(), client.NewTransfer{}, []client.Source{file, {Name: "pipe", Stream: content}},
				client.UploadOptions{Progress: func(p client.Progress) { last = p }})
			if err != nil || sent.Key != "secret" || !s.finalized || s.cancelled {
				t.Fatalf("%+v, %v", sent, err)
			}
			f := s.files["f1"]
			if f.got != tt.size || [32]byte(f.sha.Sum(nil)) != sum || !f.whole {
				t.Errorf("%d other bytes", f.got)
			}
			if s.appends != tt.appends {
				t.Errorf("%d requests, want %d", s.appends, tt.appends)
			}
			if last.Files != 2 || last.Done != tt.size+6 {
				t.Errorf("progress %+v", last)
			}
		})
	}
}

// A transfer that lacks the end of a pipe is not opened, and not left behind.
func TestStreamThatFails(t *testing.T) {
	broken := errors.New("the disk is broken")
	some := func() io.Reader { r, _ := generated(9 << 20); return r }
	for _, tt := range []struct {
		name   string
		stream io.Reader
		lies   bool
		want   string
	}{
		{"it cannot be read", errorAfter{some(), broken}, false, "pipe: the disk is broken"},
		{"it is cut in a way of its own", errorAfter{some(), io.ErrUnexpectedEOF}, false, "pipe: unexpected EOF"},
		{"it cannot be read at all", errorAfter{strings.NewReader(""), broken}, false, "pipe: the disk is broken"},
		{"the server has other bytes", some(), true, "pipe: the server has other bytes than were sent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSink(t)
			s.lies = tt.lies
			made, err := s.client(t).Upload(t.Context(), client.NewTransfer{}, []client.Source{{Name: "pipe", Stream: tt.stream}}, client.UploadOptions{})
			if err == nil || err.Error() != tt.want || made == nil {
				t.Errorf("%v, %v", made, err)
			}
			if s.finalized || !s.cancelled || s.key != "/secret" {
				t.Errorf("finalized %v, cancelled %v by %q", s.finalized, s.cancelled, s.key)
			}
			if f := s.files["f0"]; f.whole && !tt.lies {
				t.Error("the file is complete")
			}
		})
	}
}

// errorAfter ends as a reader does that breaks.
type errorAfter struct {
	io.Reader
	err error
}

func (e errorAfter) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err == io.EOF {
		err = e.err
	}
	return n, err
}

// A send that is given up in the middle of a pipe which says nothing ends at once.
func TestStreamIsGivenUp(t *testing.T) {
	s := newSink(t)
	ctx, cancel := context.WithCancel(t.Context())
	silent, w := io.Pipe()
	defer w.Close()
	done := make(chan error, 1)
	go func() {
		_, err := s.client(t).Upload(ctx, client.NewTransfer{}, []client.Source{{Name: "pipe", Stream: io.MultiReader(bytes.NewReader([]byte("x")), silent)}},
			client.UploadOptions{Made: func(*client.Transfer) { cancel() }})
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
	if !s.cancelled || s.finalized {
		t.Errorf("finalized %v, cancelled %v", s.finalized, s.cancelled)
	}
}

// A call that comes after one that was killed does not take what that has sent for its
// own.
func TestStreamIsNotGoneOnWith(t *testing.T) {
	s := newSink(t)
	made := &client.Transfer{ID: "t", State: "open", Key: "secret", Uploads: []client.File{{ID: "f0", State: "open", Received: 3}}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ferry/v1/transfers", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(made) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(mux)
	defer server.Close()
	s.url = server.URL
	_, err := s.client(t).Upload(t.Context(), client.NewTransfer{}, []client.Source{{Name: "pipe", Stream: strings.NewReader("abc")}},
		client.UploadOptions{IdempotencyKey: strings.Repeat("k", 32)})
	if err == nil || !strings.Contains(err.Error(), "cannot be gone on with") {
		t.Error(err)
	}
}

// Memory does not grow with what comes from a pipe.
func TestStreamMemory(t *testing.T) {
	s := newSink(t)
	content, _ := generated(200 << 20)
	most, base := uint64(0), uint64(0)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	base = m.HeapAlloc
	_, err := s.client(t).Upload(t.Context(), client.NewTransfer{}, []client.Source{{Name: "pipe", Stream: content}},
		client.UploadOptions{Progress: func(client.Progress) {
			runtime.GC() // what is live, and not what waits to be collected
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}})
	if err != nil {
		t.Fatal(err)
	}
	if s.files["f0"].got != 200<<20 || most-base > 40<<20 { // two parts here, one in the server
		t.Errorf("%d bytes, %d MiB in memory", s.files["f0"].got, (most-base)>>20)
	}
}
