package filemail

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/coretest"
)

const (
	fileForm = "multipart/form-data; boundary=b"
	fileEnd  = "--b--\r\n"
)

// load imports a file for Ada.
func (b *books) load(query, contentType, body string) reply {
	b.t.Helper()
	return b.do("POST", "/contact/import"+query, body, "X-Api-Key", goodKey, "Content-Type", contentType)
}

func TestImportTellsWhatItDid(t *testing.T) {
	b := newBooks(t)
	b.add("ada", "Old", "old@example.com")
	b.gives(b.load("", "text/csv", "name,email,mobile\nNew,new@example.com,1\nNewer,old@example.com,\nNobody,,\nBad,bad,\n"+strings.Repeat("x", 201)+",x@example.com,\n"),
		`{"added":1,"updated":1,"skipped":1,"failed":2,"errors":[`+
			`{"line":5,"errorCode":"InvalidEmail","errorMessage":"email not an e-mail address"},`+
			`{"line":6,"errorCode":"InvalidParameter","errorMessage":"name must have at most 200 characters"}]}`)
	b.isBook("ada", "Newer <old@example.com> ; New <new@example.com> 1")
	b.gives(b.load("", "", "email\nnew@example.com\n"), `{"added":0,"updated":0,"skipped":1,"failed":0,"errors":[]}`)
	b.isBook("bob", "")
}

func TestImportOfEveryForm(t *testing.T) {
	csv, card := "name,email\nZoë,zoe@example.com\n", "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Zoë\r\nEMAIL:zoe@example.com\r\nEND:VCARD\r\n"
	latin := strings.ReplaceAll(csv, "ë", "\xEB")
	file := func(body string) string { return formPartText(`name="f"; filename="contacts"`, body) }
	field := func(name, v string) string { return formPartText("name="+name, v) }
	for _, tt := range []struct{ name, query, contentType, body string }{
		{"CSV", "", "text/csv", csv},
		{"CSV that Windows takes for a sheet", "", "application/vnd.ms-excel", csv},
		{"CSV as curl sends it", "", "application/x-www-form-urlencoded", csv},
		{"CSV without a type", "", "", csv},
		{"a card", "", "text/vcard", card},
		{"a card that is called CSV", "", "text/csv", card},
		{"a charset of the type", "", "text/csv; charset=iso-8859-1", latin},
		{"a charset of the query", "?charset=ISO-8859-1", "text/csv", latin},
		{"the query's counts", "?Charset=ISO-8859-1", "text/csv; charset=utf-8", latin},
		{"a form", "", fileForm, file(csv) + fileEnd},
		{"a form with a card", "", fileForm, file(card) + fileEnd},
		{"a form with other fields", "", fileForm, field("name", "x") + file(csv) + field("name", "y") + fileEnd},
		{"a form with a charset", "", fileForm, field("charset", "latin1") + file(latin) + fileEnd},
		{"a form with a charset in the query", "?charset=latin1", fileForm, field("charset", "utf-8") + file(latin) + fileEnd},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBooks(t)
			b.gives(b.load(tt.query, tt.contentType, tt.body), `{"added":1,"updated":0,"skipped":0,"failed":0,"errors":[]}`)
			b.isBook("ada", "Zoë <zoe@example.com> ")
		})
	}
}

func TestImportIsRefused(t *testing.T) {
	b := newBooks(t)
	good := "email\nx@example.com\n"
	file := formPartText(`name="f"; filename="contacts"`, good)
	for _, tt := range []struct {
		name, query, contentType, body string
		status                         int
		word, message                  string
	}{
		{"nothing", "", "text/csv", "", 400, "ContactsFileParseError", "line 1 of the file: the file is empty"},
		{"no addresses", "", "text/csv", "a,b\n1,2\n", 400, "ContactsFileParseError", "line 1 of the file: it must name the columns, one of them email"},
		{"a quote that is not closed", "", "text/csv", good + "\"x\n", 400, "ContactsFileParseError", "line 3 of the file: its quotes are not closed or stand where they may not"},
		{"JSON", "", "application/json", `{"term":"x"}`, 400, "ContactsFileParseError", "line 1 of the file: its quotes are not closed or stand where they may not"},
		{"a picture", "", "image/png", "\x89PNG\r\n\x1a\n\x00", 400, "ContactsFileParseError", "line 1 of the file: it is not text of the file's encoding"},
		{"an unknown charset", "?charset=ebcdic", "text/csv", good, 400, "ContactsFileParseError", "a file of contacts is UTF-8, UTF-16 or ISO-8859-1"},
		{"a charset that is no text", "?charset=%FF", "text/csv", good, 400, "InvalidParameter", "charset must be UTF-8"},
		{"too many bytes", "", "text/csv", good + strings.Repeat(strings.Repeat(" ", 1<<20-1)+"\n", 17), 400, "ContactsFileParseError", "a file of contacts has at most 16 MiB"},
		{"too many rows", "", "text/csv", "email\n" + strings.Repeat("x\n", contact.MaxRows+1), 400, "ContactsFileParseError", "a file of contacts has at most 100000 rows"},
		{"a form without a boundary", "", "multipart/form-data", file + fileEnd, 400, "InvalidRequest", "the form has no boundary"},
		{"a form without a file", "", fileForm, formPartText("name=f", good) + fileEnd, 400, "InvalidRequest", "the form has no file"},
		{"a form with two files", "", fileForm, file + file + fileEnd, 400, "InvalidRequest", "the form has more than one file"},
		{"a form that is cut", "", fileForm, file, 400, "InvalidRequest", "the form ends before its last delimiter"},
		{"a charset that comes too late", "", fileForm, file + formPartText("name=charset", "latin1") + fileEnd, 400, "InvalidParameter", "charset comes after the file, where it is too late"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			b.load(tt.query, tt.contentType, tt.body).told(tt.status, tt.word, tt.message)
		})
	}
	b.t = t
	b.do("POST", "/contact/import", good, "X-Api-Key", goodKey, "Content-Encoding", "gzip").want(400, "InvalidRequest")
	b.isBook("ada", "")
}

// TestImportThatIsCut: half a file is not taken for the whole, and whose fault it is
// is told.
func TestImportThatIsCut(t *testing.T) {
	b := newBooks(t)
	srv := httptest.NewServer(b.door)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /contact/import HTTP/1.1\r\nHost: x\r\nX-Api-Key: %s\r\nContent-Length: 100\r\n\r\nemail\nx@example.com\n", goodKey)
	if err = errors.Join(err, conn.(*net.TCPConn).CloseWrite()); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), `"responsestatus":"InvalidRequest"`) {
		t.Errorf("%s, %v", answer, err)
	}
	b.isBook("ada", "")
}

func TestOneImportAtATime(t *testing.T) {
	b := newBooks(t)
	body, client := io.Pipe()
	first := make(chan reply)
	go func() {
		r := httptest.NewRequest("POST", base+"/contact/import", body)
		r.Header.Set("X-Api-Key", goodKey)
		first <- b.send(r)
	}()
	if _, err := io.WriteString(client, "email\n"); err != nil { // which returns when the import reads
		t.Fatal(err)
	}
	got := b.load("", "text/csv", "email\nb@example.com\n")
	got.want(429, "RateLimitExceeded")
	if got.header.Get("Retry-After") == "" {
		t.Error("when to come back is not told")
	}
	if _, err := io.WriteString(client, "a@example.com\n"); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	b.gives(<-first, `{"added":1,"updated":0,"skipped":0,"failed":0,"errors":[]}`)
	b.isBook("ada", " <a@example.com> ")
}

func TestExport(t *testing.T) {
	b := newBooks(t)
	b.add("ada", "=Zoë", "zoe@example.com")
	b.add("bob", "his", "his@example.com")
	got := b.ada("GET", "/contact/export", "")
	if want := "\xEF\xBB\xBFName,Email,Mobile\r\n'=Zoë,zoe@example.com,\r\n"; got.status != http.StatusOK || got.body != want {
		t.Errorf("answer is %d %q, want %q", got.status, got.body, want)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": `attachment; filename="contacts.csv"`,
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "no-store",
	} {
		if h := got.header.Get(name); h != want {
			t.Errorf("%s is %q, want %q", name, h, want)
		}
	}
	b.gives(b.load("", "text/csv", got.body), `{"added":0,"updated":0,"skipped":1,"failed":0,"errors":[]}`)
}

// FuzzImport sends any file in any form: nothing panics, and nothing is our fault.
func FuzzImport(f *testing.F) {
	f.Add("", "text/csv; charset=latin1", "name,email\nZo\xEB,zoe@example.com\n")
	f.Add("charset=utf-16", fileForm, formPartText(`name="f"; filename="contacts"`, "email\nx@example.com")+fileEnd)
	f.Add("", fileForm, formPartText("name=charset", "utf-8")+formPartText(`name="f"; filename=""`, "BEGIN:VCARD\nEND:VCARD")+fileEnd)
	b := newBooksOn(f, &coretest.Model{})
	f.Fuzz(func(t *testing.T, query, contentType, body string) {
		b.t = t
		r := httptest.NewRequest("POST", base, strings.NewReader(body))
		r.URL = &url.URL{Path: "/contact/import", RawQuery: query}
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("X-Api-Key", goodKey)
		if got := b.send(r); got.status >= 500 {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
}
