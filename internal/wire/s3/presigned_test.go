package s3_test

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/audit"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire/s3"
)

// The rules of WeTransfer's upload door: status 200, no body, no Content-Type, an
// ETag in quotes, whatever Content-Type the client sends.
func TestPresignedPartIsAnsweredAsWeTransfersClientsExpect(t *testing.T) {
	d := newDoor(t)
	f := d.announce(11, 5)
	for n, text := range map[int]string{1: "hello", 2: " worl", 3: "d"} {
		a := d.send("PUT", d.partURL(f, n), strings.NewReader(text), "Content-Type: application/x-www-form-urlencoded")
		if a.StatusCode != 200 || a.body != "" || a.Header.Values("Content-Type") != nil {
			t.Errorf("part %d: status %d, body %q, Content-Type %q", n, a.StatusCode, a.body, a.Header.Values("Content-Type"))
		}
		if etag := a.Header.Get("ETag"); !regexp.MustCompile(`^"[0-9a-f]{32}-1"$`).MatchString(etag) {
			t.Errorf("part %d: ETag %s", n, etag)
		}
		if a.Header.Get("Content-Length") != "0" {
			t.Errorf("part %d: Content-Length %q", n, a.Header.Get("Content-Length"))
		}
		if a.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), "ETag") {
			t.Errorf("part %d: no CORS: %v", n, a.Header)
		}
	}
	d.complete(f)
	if got := d.content(f); got != "hello world" {
		t.Errorf("content %q", got)
	}
	if a := d.send("PUT", d.partURL(f, 1), strings.NewReader("other")); a.code(t) != "404 NoSuchUpload" {
		t.Errorf("part after complete: %s", a.body)
	}
}

func TestPresignedPartIsRefusedInS3sWords(t *testing.T) {
	d := newDoor(t)
	f := d.announce(10, 5)
	other := d.announceFor(d.newKey(0), 10, 5)
	part := d.partURL(f, 1)
	whole, _ := d.presigner.Put(f)
	md5Of := func(s string) string {
		sum := md5.Sum([]byte(s))
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	unknown := *f
	unknown.ID = "0123456789abcdef0123456789abcdef20261121100000"
	otherUpload := *f
	otherUpload.Upload = "mp.other"
	chunked := io.MultiReader(strings.NewReader("hello, "), strings.NewReader("world"))
	for _, tt := range []struct {
		name    string
		method  string
		url     string
		body    io.Reader
		headers []string
		want    string
	}{
		{"a changed parameter breaks the signature", "PUT", with(t, part, func(q url.Values) { q.Set("partNumber", "2") }), strings.NewReader("hello"), nil, "403 SignatureDoesNotMatch"},
		{"another file breaks the signature", "PUT", strings.Replace(part, string(f.ID), string(other.ID), 1), strings.NewReader("hello"), nil, "403 SignatureDoesNotMatch"},
		{"another method breaks the signature", "GET", part, nil, nil, "403 SignatureDoesNotMatch"},
		{"no signature", "PUT", part[:strings.Index(part, "?")], strings.NewReader("hello"), nil, "403 AccessDenied"},
		{"an added parameter breaks the signature", "PUT", part + "&x=1", strings.NewReader("hello"), nil, "403 SignatureDoesNotMatch"},
		{"a parameter given twice", "PUT", part + "&partNumber=1", strings.NewReader("hello"), nil, "400 AuthorizationQueryParametersError"},
		{"an unsigned header of Amazon's", "PUT", part, strings.NewReader("hello"), []string{"X-Amz-Acl: private"}, "403 AccessDenied"},
		{"a method that no key has", "PATCH", part, strings.NewReader("hello"), nil, "405 MethodNotAllowed"},
		{"a POST without a sub-resource", "POST", whole, strings.NewReader("hello"), nil, "405 MethodNotAllowed"},
		{"part 0", "PUT", d.partURL(f, 0), strings.NewReader("hello"), nil, "400 InvalidArgument"},
		{"part 10001", "PUT", d.partURL(f, 10001), strings.NewReader("hello"), nil, "400 InvalidArgument"},
		{"a file nobody knows", "PUT", d.partURL(&unknown, 1), strings.NewReader("hello"), nil, "404 NoSuchUpload"},
		{"another upload id", "PUT", d.partURL(&otherUpload, 1), strings.NewReader("hello"), nil, "404 NoSuchUpload"},
		{"more bytes than the file has", "PUT", part, strings.NewReader("hello, world"), nil, "400 EntityTooLarge"},
		{"more bytes than the file has, not announced", "PUT", part, chunked, nil, "400 EntityTooLarge"},
		{"a Content-MD5 of other bytes", "PUT", part, strings.NewReader("hello"), []string{"Content-MD5: " + md5Of("other")}, "400 BadDigest"},
		{"a Content-MD5 that is none", "PUT", part, strings.NewReader("hello"), []string{"Content-MD5: hello"}, "400 InvalidDigest"},
		{"a bucket that is not there", "PUT", strings.Replace(part, "/s3/ferry/", "/s3/other/", 1), strings.NewReader("hello"), nil, "403 SignatureDoesNotMatch"},
		{"a whole file that is short", "PUT", whole, strings.NewReader("hello"), nil, "400 IncompleteBody"},
		{"a whole file that is long", "PUT", whole, strings.NewReader("hello, world"), nil, "400 EntityTooLarge"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := d.send(tt.method, tt.url, tt.body, tt.headers...)
			if got := a.code(t); got != tt.want {
				t.Errorf("%s, want %s: %s", got, tt.want, a.body)
			}
		})
	}
	parts, err := d.uploads.Parts(t.Context(), f.Key, 0, 10)
	if err != nil || len(parts) != 0 {
		t.Errorf("refused parts were kept: %v, %v", parts, err)
	}
}

func TestErrorIsS3sXML(t *testing.T) {
	d := newDoor(t)
	f := d.announce(10, 5)
	part := d.partURL(f, 1)
	d.clock.move(time.Hour + time.Second)
	a := d.send("PUT", part, strings.NewReader("hello"))
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<Error><Code>AccessDenied</Code><Message>Request has expired</Message><Resource>/ferry/` + key(f) +
		`</Resource><RequestId>REQUEST1</RequestId></Error>`
	if a.StatusCode != 403 || a.body != want {
		t.Errorf("status %d\n got %s\nwant %s", a.StatusCode, a.body, want)
	}
	if ct := a.Header.Get("Content-Type"); ct != "application/xml" {
		t.Errorf("Content-Type %q", ct)
	}
	if a := d.send("HEAD", part, nil); a.StatusCode != 403 || a.body != "" {
		t.Errorf("HEAD: %d %q", a.StatusCode, a.body)
	}
}

// Ruby's HTTP library parses the query and writes it again, sorted.
func TestPresignedURLSurvivesSorting(t *testing.T) {
	d := newDoor(t)
	f := d.announce(5, 5)
	a := d.send("PUT", with(t, d.partURL(f, 1), func(url.Values) {}), strings.NewReader("hello"))
	if a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
}

// Signatures know no fractions of a second; that is not the client's loss.
func TestPresignedURLIsGoodForItsWholeLife(t *testing.T) {
	for _, tt := range []struct {
		name string
		life time.Duration
		late time.Duration // what the signature cannot give
	}{
		{"a second", time.Second, 0},
		{"a second and a half", 1500 * time.Millisecond, 0},
		{"an hour", time.Hour, 0},
		{"seven days, than which S3 knows no longer life", 7 * 24 * time.Hour, 999 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDoor(t)
			f := d.announce(5, 5)
			start := time.Now().Truncate(time.Second).Add(999 * time.Millisecond)
			now := start
			config := d.handler.Config
			config.URLLife, config.Now = tt.life, func() time.Time { return now }
			d.handler = s3.New(config)
			part, until := s3.NewPresigner(config.Ring, config.BaseURL, config.Now, tt.life).Part(f, 1)
			if least, most := start.Add(tt.life-tt.late), start.Add(tt.life+2*time.Second); until.Before(least) || until.After(most) {
				t.Errorf("said to end after %v", until.Sub(start))
			}
			for _, now = range []time.Time{start, start.Add(tt.life - tt.late), until} {
				if a := d.send("PUT", part, strings.NewReader("hello")); a.StatusCode != 200 {
					t.Errorf("after %v: %s", now.Sub(start), a.body)
				}
			}
			now = until.Add(time.Millisecond)
			if a := d.send("PUT", part, strings.NewReader("hello")); a.code(t) != "403 AccessDenied" {
				t.Errorf("after its end: %s", a.body)
			}
		})
	}
}

func TestPresignedPartMayDiffer(t *testing.T) {
	d := newDoor(t)
	f := d.announce(12, 5)
	sum := md5.Sum([]byte("hello"))
	a := d.send("PUT", d.partURL(f, 1), strings.NewReader("hello"), "Content-MD5: "+base64.StdEncoding.EncodeToString(sum[:]))
	if want := fmt.Sprintf(`"%x"`, sum); a.Header.Get("ETag") != want {
		t.Errorf("with Content-MD5 the ETag is %s, want the MD5 %s", a.Header.Get("ETag"), want)
	}
	// Without a length, and longer than the plan has it: old clients cut their own way.
	a = d.send("PUT", d.partURL(f, 2), io.MultiReader(strings.NewReader(", wo"), strings.NewReader("rld")))
	if a.StatusCode != 200 {
		t.Fatalf("part without a length: %d %s", a.StatusCode, a.body)
	}
	a = d.send("PUT", d.partURL(f, 3), http.NoBody)
	if a.StatusCode != 200 {
		t.Fatalf("empty part: %d %s", a.StatusCode, a.body)
	}
	d.complete(f)
	if got := d.content(f); got != "hello, world" {
		t.Errorf("content %q", got)
	}
}

func TestPresignedPutOfAWholeFileCompletesIt(t *testing.T) {
	d := newDoor(t)
	f := d.announce(11, 5)
	d.send("PUT", d.partURL(f, 2), strings.NewReader("stale")) // an earlier attempt by parts
	whole, _ := d.presigner.Put(f)
	a := d.send("PUT", whole, strings.NewReader("hello world"))
	if a.StatusCode != 200 || a.body != "" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if got := d.content(f); got != "hello world" {
		t.Errorf("content %q", got)
	}
	get, _ := d.presigner.Get(f)
	if b := d.send("GET", get, nil, "Range: bytes=6-"); b.StatusCode != 206 || b.body != "world" || b.Header.Get("ETag") != a.Header.Get("ETag") {
		t.Errorf("range: %d %q, ETag %s, was %s", b.StatusCode, b.body, b.Header.Get("ETag"), a.Header.Get("ETag"))
	}
	if b := d.send("GET", get, nil, "Range: bytes=99-"); b.code(t) != "416 InvalidRange" {
		t.Errorf("range beyond: %s", b.body)
	}
	if b := d.send("GET", get, nil, `If-Match: "other"`); b.code(t) != "412 PreconditionFailed" {
		t.Errorf("If-Match: %s", b.body)
	}
	if b := d.send("GET", get, nil, "If-None-Match: "+a.Header.Get("ETag")); b.StatusCode != 304 {
		t.Errorf("If-None-Match: %d", b.StatusCode)
	}
	if b := d.send("PUT", whole, strings.NewReader("HELLO WORLD")); b.code(t) != "404 NoSuchUpload" {
		t.Errorf("PUT after complete: %s", b.body)
	}
}

func TestDamagedObjectIsNotRead(t *testing.T) {
	d := newDoor(t)
	f := d.announce(5, 5)
	whole, _ := d.presigner.Put(f)
	d.send("PUT", whole, strings.NewReader("hello"))
	if err := d.db.SaveOutcome(d.Context(), &audit.Outcome{At: d.clock.now(), Damaged: []upload.Key{f.Key}}); err != nil {
		t.Fatal(err)
	}
	get, _ := d.presigner.Get(f)
	if a := d.send("GET", get, nil); a.code(t) != "500 InternalError" {
		t.Errorf("%s", a.body)
	}
	if a := d.send("GET", get, nil, "Range: bytes=1-2"); a.code(t) != "500 InternalError" {
		t.Errorf("a range: %s", a.body)
	}
}

func TestUnfinishedFileIsNotRead(t *testing.T) {
	d := newDoor(t)
	f := d.announce(5, 5)
	get, _ := d.presigner.Get(f)
	if a := d.send("GET", get, nil); a.code(t) != "404 NoSuchKey" {
		t.Errorf("%s", a.body)
	}
	d.clock.move(7*24*time.Hour - time.Minute)
	get, part := first(d.presigner.Get(f)), d.partURL(f, 1)
	d.clock.move(2 * time.Minute)
	if a := d.send("GET", get, nil); a.code(t) != "404 NoSuchKey" {
		t.Errorf("GET of an expired file: %s", a.body)
	}
	if a := d.send("PUT", part, strings.NewReader("hello")); a.code(t) != "404 NoSuchUpload" {
		t.Errorf("PUT to an expired file: %s", a.body)
	}
}

func first(u string, _ time.Time) string { return u }

// raw sends bytes over a connection of its own and gives what can be read then.
func (d *door) raw(text string) (net.Conn, *bufio.Reader) {
	d.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		d.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

func (d *door) put(target string, headers ...string) string {
	u, err := url.Parse(target)
	if err != nil {
		d.Fatal(err)
	}
	return "PUT " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
}

func TestExpect100Continue(t *testing.T) {
	d := newDoor(t)
	f := d.announce(5, 5)
	conn, r := d.raw(d.put(d.partURL(f, 1), "Content-Length: 5", "Expect: 100-continue"))
	if line, _ := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("first line %q", line)
	}
	_, _ = io.WriteString(conn, "hello")
	_, _ = r.ReadString('\n')
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	d.complete(f)
	// Refused without having been asked for the body.
	_, r = d.raw(d.put(d.partURL(f, 1), "Content-Length: 5", "Expect: 100-continue"))
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != 404 {
		t.Errorf("after complete: %v, %v", resp, err)
	}
}

func TestBodyThatBreaksOffIsNoPart(t *testing.T) {
	d := newDoor(t)
	f := d.announce(10, 10)
	conn, r := d.raw(d.put(d.partURL(f, 1), "Content-Length: 10") + "hello")
	_ = conn.(*net.TCPConn).CloseWrite()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	if got := (answer{resp, string(text)}).code(t); got != "400 IncompleteBody" {
		t.Errorf("%s", text)
	}
	if parts, _ := d.uploads.Parts(t.Context(), f.Key, 0, 10); len(parts) != 0 {
		t.Errorf("half a body became a part: %v", parts)
	}
}

func TestPreflight(t *testing.T) {
	d := newDoor(t)
	a := d.send("OPTIONS", d.partURL(d.announce(5, 5), 1), nil, "Origin: https://example.org", "Access-Control-Request-Method: PUT")
	h := a.Header
	if a.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "PUT") ||
		!strings.Contains(h.Get("Access-Control-Allow-Headers"), "*") || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", a.StatusCode, h)
	}
}
