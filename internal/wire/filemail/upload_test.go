package filemail

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ferry-server/ferry/internal/fault"
)

const (
	tid  = "qwertyuiopasdfg"
	tkey = "0123456789abcdef0123456789abcdef"
	sum  = "900150983cd24fb0d6963f7d28e17f72" // of "abc"
)

// sent is an upload as the parser gives it, in one line.
func sent(query, contentType, body string, chunked bool) (string, error) {
	r := httptest.NewRequest("POST", "/savefile.ashx", iotest.OneByteReader(strings.NewReader(body)))
	r.URL.RawQuery = query
	r.ContentLength = int64(len(body))
	if chunked {
		r.ContentLength = -1
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	u, err := readUpload(httptest.NewRecorder(), r)
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(u.body)
	return fmt.Sprintf("%s %s %s id=%s %d/%d×%d length=%d total=%d most=%d %s", u.transfer, string(u.key), u.name, u.fileID,
		u.number, u.count, u.chunk, u.length, u.total, u.most(), got), err
}

func query(pairs string) string { return "transferid=" + tid + "&transferkey=" + tkey + "&" + pairs }

// wrongs gives the properties that an error is about.
func wrongs(err error) string {
	f, _ := err.(*fault.Error)
	if f == nil || len(f.Fields) == 0 {
		return fault.CodeOf(err)
	}
	var names []string
	for _, field := range f.Fields {
		names = append(names, field.Name)
	}
	return strings.Join(names, " ")
}

func TestUploads(t *testing.T) {
	const head = tid + " " + tkey + " "
	for _, tt := range []struct {
		name, query string
		contentType string
		body        string
		chunked     bool
		want        string
	}{
		{"a whole file, as image-uploader sends small ones", query("thefilename=a.txt&md5=" + sum), "application/octet-stream", "abc", false, head + "a.txt id= 1/1×-1 length=3 total=-1 most=3 abc"},
		{"without a content type, as pyfilemail 0.3", query("thefilename=a.txt"), "", "abc", false, head + "a.txt id= 1/1×-1 length=3 total=-1 most=3 abc"},
		{"with curl's content type", query("thefilename=a.txt"), "application/x-www-form-urlencoded", "a=b", false, head + "a.txt id= 1/1×-1 length=3 total=-1 most=3 a=b"},
		{"of a length nobody knows", query("thefilename=a.txt"), "", "abc", true, head + "a.txt id= 1/1×-1 length=-1 total=-1 most=-1 abc"},
		{"of a length only totalsize tells", query("thefilename=a.txt&totalsize=3"), "", "abc", true, head + "a.txt id= 1/1×-1 length=3 total=3 most=3 abc"},
		{"names in any case", "TransferID=" + tid + "&transferKey=" + tkey + "&TheFileName=a", "", "abc", false, head + "a id= 1/1×-1 length=3 total=-1 most=3 abc"},
		{"a key with dashes", "transferid=" + tid + "&transferkey=01234567-89AB-CDEF-0123-456789ABCDEF&thefilename=a", "", "", false, head + "a id= 1/1×-1 length=0 total=-1 most=0 "},
		{"a path of the sender", query(`thefilename=C:\Users\..\ada\a.txt`), "", "", false, head + "Users/ada/a.txt id= 1/1×-1 length=0 total=-1 most=0 "},
		{"plupload's name", query("name=a.txt"), "", "", false, head + "a.txt id= 1/1×-1 length=0 total=-1 most=0 "},
		{"a semicolon in a name", query("thefilename=a;b.txt"), "", "", false, head + "a;b.txt id= 1/1×-1 length=0 total=-1 most=0 "},
		{"the documented flow: the first chunk", query("thefilename=a&chunk=0&chunks=3&chunksize=3"), "", "abc", false, head + "a id= 1/3×3 length=3 total=-1 most=3 abc"},
		{"and the last", query("thefilename=a&chunk=2&chunks=3&chunksize=3"), "", "x", false, head + "a id= 3/3×3 length=1 total=-1 most=1 x"},
		{"the first of a length that is not sent", query("thefilename=a&chunk=0&chunks=3&chunksize=3"), "", "abc", true, head + "a id= 1/3×3 length=3 total=-1 most=3 abc"},
		{"the last of a length nobody knows", query("thefilename=a&chunk=2&chunks=3&chunksize=3"), "", "x", true, head + "a id= 3/3×3 length=-1 total=-1 most=3 x"},
		{"the last of a length totalsize tells", query("thefilename=a&chunk=2&chunks=3&chunksize=3&totalsize=7"), "", "x", true, head + "a id= 3/3×3 length=1 total=7 most=1 x"},
		{"one chunk", query("thefilename=a&chunk=0&chunks=1&chunksize=5000000"), "", "abc", false, head + "a id= 1/1×-1 length=3 total=-1 most=3 abc"},
		{"an empty file", query("thefilename=a&chunk=0&chunks=1&chunksize=5000000&totalsize=0"), "", "", false, head + "a id= 1/1×-1 length=0 total=0 most=0 "},
		{"an empty file of no chunks", query("thefilename=a&chunks=0&totalsize=0"), "", "", false, head + "a id= 1/1×-1 length=0 total=0 most=0 "},
		{"v1's file id, and parameters that mean nothing here", query("thefilename=a&fileid=" + tkey + "&chunkpos=0&compressed=false&apikey=x&content-type=y"), "", "", false, head + "a id=" + tkey + " 1/1×-1 length=0 total=-1 most=0 "},
		{"an offset in place of numbers", query("thefilename=a&chunkoffset=3&totalsize=7&chunksize=3"), "", "abc", false, head + "a id= 2/3×3 length=3 total=7 most=3 abc"},
		{"an offset of the whole", query("thefilename=a&chunkoffset=0&totalsize=3"), "", "abc", false, head + "a id= 1/1×-1 length=3 total=3 most=3 abc"},
		{"an offset beside numbers", query("thefilename=a&chunk=1&chunks=3&chunkoffset=3&totalsize=7&chunksize=3"), "", "abc", false, head + "a id= 2/3×3 length=3 total=7 most=3 abc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := sent(tt.query, tt.contentType, tt.body, tt.chunked)
			if err != nil || got != tt.want {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestRefusedUploads(t *testing.T) {
	for _, tt := range []struct {
		name, query, body string
		chunked           bool
		want              string // the properties that are wrong, or a code
	}{
		{"nothing", "", "", false, "transferid transferkey thefilename"},
		{"everything wrong", "transferid=%00&transferkey=x&thefilename=..&chunk=a&chunks=NaN&chunksize=-1&chunkoffset=9223372036854775808&totalsize=1.5&md5=x", "", false, "transferid transferkey chunks chunk chunksize chunkoffset totalsize thefilename md5"},
		{"a query that is not escaped well", query("thefilename=100%"), "", false, codeMalformed},
		{"a name that is not UTF-8", query("thefilename=%ff"), "", false, "thefilename"},
		{"a chunk of none", query("thefilename=a&chunk=3&chunks=3&chunksize=3"), "abc", false, "chunk"},
		{"a chunk of one", query("thefilename=a&chunk=1"), "abc", false, "chunk"},
		{"no number", query("thefilename=a&chunks=3&chunksize=3"), "abc", false, "chunk"},
		{"no size", query("thefilename=a&chunk=0&chunks=3"), "abc", false, "chunksize"},
		{"neither", query("thefilename=a&chunks=3"), "abc", false, "chunk chunksize"},
		{"a size of 0", query("thefilename=a&chunk=0&chunks=3&chunksize=0"), "abc", false, "chunksize"},
		{"a chunk that is too short", query("thefilename=a&chunk=0&chunks=3&chunksize=3"), "ab", false, "chunksize"},
		{"a chunk that is too long", query("thefilename=a&chunk=0&chunks=3&chunksize=3"), "abcd", false, "chunksize"},
		{"a last chunk that is too long", query("thefilename=a&chunk=2&chunks=3&chunksize=3"), "abcd", false, "chunksize"},
		{"a last chunk without bytes", query("thefilename=a&chunk=2&chunks=3&chunksize=3"), "", false, "chunks"},
		{"a last chunk that totalsize has otherwise", query("thefilename=a&chunk=2&chunks=3&chunksize=3&totalsize=8"), "x", false, "chunksize"},
		{"a total of other chunks", query("thefilename=a&chunk=0&chunks=3&chunksize=3&totalsize=10"), "abc", false, "totalsize"},
		{"an offset of another chunk", query("thefilename=a&chunk=0&chunks=3&chunksize=3&chunkoffset=3"), "abc", false, "chunkoffset"},
		{"an offset inside a chunk", query("thefilename=a&totalsize=7&chunksize=3&chunkoffset=4"), "abc", false, "chunkoffset"},
		{"an offset behind the end", query("thefilename=a&totalsize=7&chunksize=3&chunkoffset=9"), "abc", false, "chunkoffset"},
		{"an offset without a size", query("thefilename=a&totalsize=7&chunkoffset=3"), "abc", false, "chunksize"},
		{"a total that the body has not", query("thefilename=a&totalsize=7"), "abc", false, "totalsize"},
		{"one chunk longer than its size", query("thefilename=a&chunks=1&chunk=0&chunksize=2"), "abc", false, "chunksize"},
		{"too many chunks", query("thefilename=a&chunks=1000001&chunk=0&chunksize=3"), "abc", false, "chunks"},
		{"too many chunks by an offset", query("thefilename=a&chunkoffset=0&chunksize=1&totalsize=9007199254740992"), "a", false, "chunksize"},
		{"more than 2^53 bytes in all", query("thefilename=a&chunk=0&chunks=1000000&chunksize=9007199254740992"), "a", true, "chunksize"},
		{"two chunks", query("thefilename=a&chunk=0&chunks=2&chunksize=3&chunk=1"), "abc", false, "chunk"},
		{"two of everything", query("transferID=x&TransferKey=x&thefilename=a&fileid=a&fileid=b&chunk=0&chunks=2&chunksize=3&chunks=3&CHUNKSIZE=4&chunk=1&totalsize=5&totalsize=6&chunkoffset=0&chunkoffset=3&md5=a&md5=b"), "abc", false, "transferid transferkey fileid chunk chunks chunksize chunkoffset totalsize md5"},
		{"an MD5 of no length", query("thefilename=a&md5=" + sum[1:]), "abc", false, "md5"},
		{"an MD5 of no digits", query("thefilename=a&md5=" + strings.Repeat("z", 32)), "abc", false, "md5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := sent(tt.query, "", tt.body, tt.chunked)
			if wrongs(err) != tt.want || fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s, %v; want %q to be wrong", got, err, tt.want)
			}
		})
	}
	r := httptest.NewRequest("POST", "/savefile.ashx?"+query("thefilename=a"), nil)
	r.Header.Set("Content-Encoding", "gzip")
	if _, err := readUpload(httptest.NewRecorder(), r); !fault.Is(err, "content_encoding") {
		t.Errorf("a body that is packed: %v", err)
	}
}

func TestMD5(t *testing.T) {
	raw, _ := hex.DecodeString(sum)
	b64 := base64.StdEncoding.EncodeToString(raw)
	for _, tt := range []struct {
		name, query string
		body, file  string
	}{
		{"hexadecimal is of the body", "md5=" + strings.ToUpper(sum), sum, ""},
		{"of a chunk, too", "chunk=0&chunks=2&chunksize=3&md5=" + sum, sum, ""},
		{"base64 is of the file", "chunk=0&chunks=2&chunksize=3&md5=" + url.QueryEscape(b64), "", sum},
		{"which is the body, if it comes at once", "md5=" + url.QueryEscape(b64), sum, ""},
		{"a plus sign that was not escaped", "md5=%2B%2B//" + strings.Repeat("A", 18) + "==", "fbefff" + strings.Repeat("0", 26), ""},
		{"the same with the sign", "md5=++//" + strings.Repeat("A", 18) + "==", "fbefff" + strings.Repeat("0", 26), ""},
		{"none", "md5=", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/savefile.ashx?"+query("thefilename=a&"+tt.query), strings.NewReader("abc"))
			u, err := readUpload(httptest.NewRecorder(), r)
			if err != nil {
				t.Fatal(err)
			}
			if got, file := hex.EncodeToString(u.bodyMD5), hex.EncodeToString(u.fileMD5); got != tt.body || file != tt.file {
				t.Errorf("body %q, file %q; want %q, %q", got, file, tt.body, tt.file)
			}
		})
	}
}

func TestMultipartUploads(t *testing.T) {
	field := func(name, v string) string { return formPartText(fmt.Sprintf("name=%q", name), v) }
	file := formPartText(`name="a.txt"; filename="filename"`, "abc")
	const end = "--b--\r\n"
	const head = tid + " " + tkey + " "
	ids := field("transferid", tid) + field("transferKey", tkey)
	for _, tt := range []struct {
		name, query, body string
		want              string // what is read
		code              string // or what is wrong with it, at last
	}{
		{"pyfilemail: parameters in the query", query("thefilename=/home/ada/a.txt"), file + end, head + "home/ada/a.txt id= 1/1×-1 length=-1 total=-1 most=-1 abc", ""},
		{"parameters as fields", "", ids + field("thefilename", "a") + field("chunk", "1") + field("chunks", "3") + field("chunksize", "3") + file + end, head + "a id= 2/3×3 length=3 total=-1 most=3 abc", ""},
		{"the query comes first", query("thefilename=q"), field("thefilename", "f") + file + end, head + "q id= 1/1×-1 length=-1 total=-1 most=-1 abc", ""},
		{"a field that says something else than the query", query("thefilename=a&chunk=0"), field("chunk", "1") + field("chunks", "3") + field("chunksize", "3") + file + end, "", "chunk"},
		{"two fields that say different things", query("thefilename=a"), field("chunk", "1") + field("chunk", "0") + field("chunks", "3") + field("chunksize", "3") + file + end, "", "chunk"},
		{"a field that says what the query does", query("thefilename=a&chunk=1"), field("chunk", "1") + field("chunks", "3") + field("chunksize", "3") + file + end, head + "a id= 2/3×3 length=3 total=-1 most=3 abc", ""},
		{"fewer bytes than were said", query("thefilename=a&totalsize=4"), file + end, "abc", "chunk_length"},
		{"a chunk of fewer bytes", query("thefilename=a&chunk=0&chunks=2&chunksize=4"), file + end, "abc", "chunk_length"},
		{"fewer bytes than were said, as the form is cut", query("thefilename=a&totalsize=4"), file, "abc", "incomplete_body"},
		{"the file's own name comes last", query(""), formPartText(`name=x; filename="C:\ada\b.txt"`, "abc") + end, head + "ada/b.txt id= 1/1×-1 length=-1 total=-1 most=-1 abc", ""},
		{"an empty file", query("thefilename=a&totalsize=0"), formPartText(`name=x; filename="filename"`, "") + end, head + "a id= 1/1×-1 length=0 total=0 most=0 ", ""},
		{"a field behind that means nothing", query("thefilename=a"), file + field("submit", "Send") + end, head + "a id= 1/1×-1 length=-1 total=-1 most=-1 abc", ""},
		{"a field behind that says the same", query("thefilename=a"), file + field("transferid", tid) + end, head + "a id= 1/1×-1 length=-1 total=-1 most=-1 abc", ""},
		{"a field behind that comes too late", query("thefilename=a"), file + field("ChunkS", "3") + end, "abc", codeLate},
		{"a checksum that comes too late", query("thefilename=a"), file + field("md5", sum) + end, "abc", codeLate},
		{"parameters behind the file alone", "", file + ids + end, "", "transferid transferkey"},
		{"two files", query("thefilename=a"), file + file + end, "abc", codeMalformed},
		{"no file", query("thefilename=a"), ids + end, "", codeMalformed},
		{"a field of any length", query("thefilename=a"), field("x", strings.Repeat("x", maxFormText+1)) + file + end, "", codeMalformed},
		{"a form that is cut behind its file", query("thefilename=a"), file, "abc", "incomplete_body"},
		{"a form that is cut in its file", query("thefilename=a"), formPartText(`name="a"; filename="b"`, strings.Repeat("abcdef", 10))[:70], "abcdef", "incomplete_body"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := sent(tt.query, formType, tt.body, false)
			if !strings.Contains(got, tt.want) || wrongs(err) != tt.code {
				t.Errorf("%s, %v; want %s, %q", got, err, tt.want, tt.code)
			}
		})
	}
}

// TestUploadsAreStreamed: nothing of a file is read before somebody reads it, and
// nothing is kept.
func TestUploadsAreStreamed(t *testing.T) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_, _ = w.CreateFormFile("f", "filename")
	head := form.Len()
	body := io.MultiReader(&form, &zeros{1 << 40}, strings.NewReader("\r\n--"+w.Boundary()+"--\r\n"))
	counted := &counting{Reader: body}
	r := httptest.NewRequest("POST", "/savefile.ashx?"+query("thefilename=a"), counted)
	r.Header.Set("Content-Type", w.FormDataContentType())
	u, err := readUpload(httptest.NewRecorder(), r)
	if err != nil {
		t.Fatal(err)
	}
	if read := counted.n - head; read > maxPreamble+multipartBlock {
		t.Errorf("%d bytes of the file were read ahead", read)
	}
	buf := make([]byte, 256<<10)
	if got := testing.AllocsPerRun(100, func() {
		if n, err := io.ReadFull(u.body, buf); n != len(buf) || err != nil {
			t.Fatal(n, err)
		}
	}); got > 1 {
		t.Errorf("%v allocations for each 256 KiB", got)
	}
}

type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := int(min(z.left, int64(len(p))))
	clear(p[:n])
	z.left -= int64(n)
	return n, nil
}

type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

func FuzzUpload(f *testing.F) {
	f.Add(query("thefilename=a&chunk=0&chunks=3&chunksize=3&totalsize=7"), "", "abc")
	f.Add(query("thefilename=a&chunkoffset=3&chunksize=3&totalsize=7&md5="+sum), formType, formPartText("name=x; filename=y", "abc")+"--b--")
	f.Add("", formType, formPartText("name=transferid", tid)+formPartText("name=x; filename=y", "abc")+formPartText("name=md5", "x")+"--b--")
	f.Fuzz(func(t *testing.T, query, contentType, body string) {
		r := httptest.NewRequest("POST", "/savefile.ashx", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", contentType)
		u, err := readUpload(httptest.NewRecorder(), r)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q %q %q: %v", query, contentType, body, err)
			}
			return
		}
		switch p := u.part; {
		case p.number < 1 || p.number > p.count || p.count > maxChunks,
			(p.chunk != unknown) != (p.count > 1),
			p.count > 1 && p.number < p.count && p.length != p.chunk,
			p.most() != unknown && p.most() < 0, p.count > 1 && p.most() > p.chunk,
			p.count > 1 && p.total != unknown && (p.total <= int64(p.count-1)*p.chunk || p.total > int64(p.count)*p.chunk):
			t.Errorf("%q: part %+v", query, p)
		}
		if u.name != cleanName(u.name) || badName(u.name) != "" || len(u.key) != 32 || u.transfer == "" {
			t.Errorf("%q: %q of %q", query, u.name, u.transfer)
		}
		if got, err := io.ReadAll(u.body); err == nil && len(got) > len(body) {
			t.Errorf("%d bytes of %d", len(got), len(body))
		}
	})
}
