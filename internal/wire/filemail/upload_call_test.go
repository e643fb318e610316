package filemail

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/ferry-server/ferry/internal/share"
)

func hexMD5(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func base64MD5(s string) string {
	sum := md5.Sum([]byte(s))
	return url.QueryEscape(base64.StdEncoding.EncodeToString(sum[:]))
}

// TestReceive sends uploads one after another: each answer, and what the transfer
// holds after all of them.
func TestReceive(t *testing.T) {
	type send struct {
		parameters, body string
		status           int
		word             string
	}
	for _, tt := range []struct {
		name  string
		sends []send
		holds string
	}{
		{"an empty file", []send{{"thefilename=a&chunks=1&chunk=0&chunksize=5000000", "", 200, "OK"}}, "a="},
		{"an empty file of no chunks", []send{{"thefilename=a&chunks=0", "", 200, "OK"}}, "a="},
		{"chunks in any order", []send{
			{"thefilename=a&chunk=2&chunks=3&chunksize=2", "e", 200, "OK"},
			{"thefilename=a&chunk=0&chunks=3&chunksize=2", "ab", 200, "OK"},
			{"thefilename=a&chunk=1&chunks=3&chunksize=2", "cd", 200, "OK"},
		}, "a=abcde"},
		{"a chunk again before the file is whole: the last one counts", []send{
			{"thefilename=a&chunk=0&chunks=2&chunksize=2", "xx", 200, "OK"},
			{"thefilename=a&chunk=0&chunks=2&chunksize=2", "ab", 200, "OK"},
			{"thefilename=a&chunk=1&chunks=2&chunksize=2", "c", 200, "OK"},
		}, "a=abc"},
		{"a chunk again after it is whole changes nothing", []send{
			{"thefilename=a&chunk=0&chunks=2&chunksize=2", "ab", 200, "OK"},
			{"thefilename=a&chunk=1&chunks=2&chunksize=2", "c", 200, "OK"},
			{"thefilename=a&chunk=0&chunks=2&chunksize=2", "xx", 200, "OK"},
			{"thefilename=a&chunk=1&chunks=2&chunksize=2", "d", 200, "OK"},
		}, "a=abc"},
		{"but of the same length", []send{
			{"thefilename=a", "abc", 200, "OK"},
			{"thefilename=a", "xyz", 200, "OK"},
			{"thefilename=a", "longer", 409, "InvalidTransferState"},
		}, "a=abc"},
		{"every chunk but the last is as long as it should be", []send{
			{"thefilename=a&chunk=0&chunks=2&chunksize=2", "a", 400, "InvalidParameter"},
			{"thefilename=a&chunk=0&chunks=2&chunksize=2", "abc", 400, "InvalidParameter"},
			{"thefilename=a&chunk=1&chunks=2&chunksize=2", "cde", 400, "InvalidParameter"},
		}, ""},
		{"one plan a file", []send{
			{"thefilename=a&chunk=0&chunks=2&chunksize=2", "ab", 200, "OK"},
			{"thefilename=a&chunk=1&chunks=3&chunksize=2", "cd", 400, "InvalidParameter"},
			{"thefilename=a&chunk=1&chunks=2&chunksize=3", "cd", 400, "InvalidParameter"},
		}, "a=…"},
		{"files are told apart by fileid, if there is one", []send{
			{"thefilename=a&fileid=0123456789abcdef0123456789abcdef", "one", 200, "OK"},
			{"thefilename=a&fileid=fedcba9876543210fedcba9876543210", "two", 200, "OK"},
			{"thefilename=a", "three", 200, "OK"},
		}, "a=one a=two a=three"},
		{"a whole file with the MD5 of its body", []send{
			{"thefilename=a&md5=" + hexMD5("abd"), "abc", 406, "InvalidParameter"},
			{"thefilename=a&md5=" + hexMD5("abc"), "abc", 200, "OK"},
		}, "a=abc"},
		{"a whole file with its MD5 in base64", []send{
			{"thefilename=a&md5=" + base64MD5("abd"), "abc", 406, "InvalidParameter"},
			{"thefilename=a&md5=" + base64MD5("abc"), "abc", 200, "OK"},
		}, "a=abc"},
		{"chunks with MD5s of their own", []send{
			{"thefilename=a&chunk=0&chunks=2&chunksize=2&md5=" + hexMD5("ab"), "ab", 200, "OK"},
			{"thefilename=a&chunk=1&chunks=2&chunksize=2&md5=" + hexMD5("x"), "c", 406, "InvalidParameter"},
			{"thefilename=a&chunk=1&chunks=2&chunksize=2&md5=" + hexMD5("c"), "c", 200, "OK"},
		}, "a=abc"},
		{"a file larger than the plan allows", []send{
			{"thefilename=a", strings.Repeat("x", 1<<20+1), 409, "FileSizeBlockSender"},
			{"thefilename=b&totalsize=2000000&chunk=0&chunks=2&chunksize=1000000", "", 400, "InvalidParameter"},
			{"thefilename=c&chunk=1&chunks=2&chunksize=1048577", "x", 409, "FileSizeBlockSender"},
		}, ""},
		{"more than that together", []send{
			{"thefilename=a", strings.Repeat("x", 1<<19), 200, "OK"},
			{"thefilename=b", strings.Repeat("x", 1<<19+1), 409, "FileSizeBlockSender"},
		}, "a=" + strings.Repeat("x", 1<<19)},
		{"more files than a transfer has", []send{
			{"thefilename=a", "1", 200, "OK"},
			{"thefilename=b", "2", 200, "OK"},
			{"thefilename=c", "3", 200, "OK"},
			{"thefilename=d", "4", 200, "OK"},
			{"thefilename=e", "5", 200, "OK"},
			{"thefilename=f", "6", 400, "InvalidParameter"},
		}, "a=1 b=2 c=3 d=4 e=5"},
		{"no name", []send{{"chunk=0", "x", 400, "InputParameterMissing"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSender(t)
			b := s.begin("ada")
			for i, send := range tt.sends {
				got := s.put(b, send.parameters, send.body)
				if w := got.at("responsestatus"); got.status != send.status || w != send.word {
					t.Fatalf("upload %d: %d %s, want %d %s", i, got.status, got.body, send.status, send.word)
				}
			}
			names := s.names(b)
			if tt.name == "a file larger than the plan allows" {
				names = "" // those that were begun are open
			}
			if names != tt.holds {
				t.Errorf("holds %.200s, want %.200s", names, tt.holds)
			}
		})
	}
}

// TestReceiveAtOnce sends the chunks of some files at the same time, some of them
// twice.
func TestReceiveAtOnce(t *testing.T) {
	s := newSender(t)
	b := s.begin("ada")
	const files, chunks, size = 3, 8, 40_000 // not small enough to lie beside its row
	var wg sync.WaitGroup
	for i := range files * chunks * 2 {
		file, chunk := i%files, i/files%chunks
		wg.Go(func() {
			got := s.put(b, fmt.Sprintf("thefilename=%d&chunk=%d&chunks=%d&chunksize=%d", file, chunk, chunks, size), body(file, chunk, size))
			if got.status != 200 {
				t.Errorf("file %d, chunk %d: %d %s", file, chunk, got.status, got.body)
			}
		})
	}
	wg.Wait()
	s.complete(b).want(200, "OK")
	for _, f := range s.files(b) {
		var want strings.Builder
		for chunk := range chunks {
			want.WriteString(body(int(f.Name[0]-'0'), chunk, size))
		}
		if s.content(f) != want.String() {
			t.Errorf("file %s is not what was sent", f.Name)
		}
	}
}

func body(file, chunk, size int) string {
	return strings.Repeat(string(rune('a'+file*8+chunk)), size)
}

// TestWrongFileMD5: a file of several chunks is checked as it is completed, and is
// sent again where it was damaged.
func TestWrongFileMD5(t *testing.T) {
	s := newSender(t)
	b := s.begin("ada")
	plan := "thefilename=a&chunks=2&chunksize=2&md5=" + base64MD5("abcd") + "&chunk="
	s.put(b, plan+"0", "ab").want(200, "OK")
	s.put(b, plan+"1", "xx").want(200, "OK")
	s.complete(b).want(409, "FileOperationError")
	s.old("", "transfer/complete", "transferid", b.id, "transferkey", b.key).want(409, "FileOperationError")
	s.put(b, plan+"1", "cd").want(200, "OK")
	s.complete(b).want(200, "OK")
	if names := s.names(b); names != "a=abcd" {
		t.Errorf("holds %s", names)
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	s := newSender(t)
	b, other := s.begin("ada"), s.begin("ada")
	s.put(begun{"nosuchtransferx", b.key}, "thefilename=a", "x").want(404, "NotFound")
	s.put(begun{b.id, other.key}, "thefilename=a", "x").want(404, "NotFound")
	s.file(b, "x")
	s.put(begun{b.id, other.key}, "thefilename=file1", "x").want(404, "NotFound") // one that is there
	s.put(begun{b.id, "x"}, "thefilename=a", "x").want(400, "InvalidParameter")
	s.put(begun{"", b.key}, "thefilename=a", "x").want(400, "InputParameterMissing")
	got := s.form(begun{b.id, other.key}, "/api/file/add", "a", "x")
	if got.status != 404 || got.keys() != "errorcode errormessage errorname method responsestatus" {
		t.Errorf("classic: %d %s", got.status, got.body)
	}
	if err := s.desk.Cancel(t.Context(), share.ID(b.id), secret(b.key)); err != nil {
		t.Fatal(err)
	}
	s.put(b, "thefilename=b", "x").want(409, "InvalidTransferState")

	late := s.begin("ada")
	s.clock = s.clock.Add(quiet)
	s.put(late, "thefilename=a", "x").want(409, "TransferExpired")

	barred := s.begin("ada")
	if err := s.desk.Block(t.Context(), share.ID(barred.id), true); err != nil {
		t.Fatal(err)
	}
	s.put(barred, "thefilename=a", "x").want(409, "Blocked")
}

// A hook runs when a body is read to its end.
type hook struct {
	*strings.Reader
	at func()
}

func (h *hook) Read(p []byte) (int, error) {
	if h.Len() == 0 && h.at != nil {
		h.at()
		h.at = nil
	}
	return h.Reader.Read(p)
}

// TestCancelledWhileABodyComesIn: what cancelling has overtaken is told so.
func TestCancelledWhileABodyComesIn(t *testing.T) {
	s := newSender(t)
	b := s.begin("ada")
	r := uploadOf(b, &hook{strings.NewReader("hello"), func() {
		if err := s.desk.Cancel(t.Context(), share.ID(b.id), secret(b.key)); err != nil {
			t.Error(err)
		}
	}})
	s.send(r).want(409, "OperationCancelled")
}

// TestMissesAreCounted: whoever goes through ids at the upload URL is stopped.
func TestMissesAreCounted(t *testing.T) {
	s := newSender(t)
	b := s.begin("ada")
	var last reply
	for range 61 {
		last = s.put(begun{"nosuchtransferx", b.key}, "thefilename=a", "x")
	}
	last.t = t
	last.want(429, "RateLimitExceeded")
	s.file(b, "x") // those who are there go on
}

func TestCompleteWithoutWhatWasRefused(t *testing.T) {
	s := newSender(t)
	s.rules.MaxSize = 10
	b := s.begin("ada")
	s.file(b, "hello")
	s.put(b, "thefilename=large", "too large").want(409, "FileSizeBlockSender")
	s.put(b, "thefilename=bad&md5="+hexMD5("x"), "bad").want(406, "InvalidParameter")
	s.complete(b).want(200, "OK")
	if got := s.names(b); got != "file1=hello" {
		t.Errorf("the transfer holds %s", got)
	}
}
