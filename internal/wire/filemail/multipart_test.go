package filemail

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ferry-server/ferry/internal/fault"
)

const formType = "multipart/form-data; boundary=b"

// readAll reads a form: its parts in one text, and what it ended with.
func readAll(m *multiform) (string, error) {
	var all strings.Builder
	for {
		part, err := m.next()
		if err == io.EOF {
			return all.String(), nil
		}
		if err != nil {
			return all.String(), err
		}
		text, err := io.ReadAll(m)
		fmt.Fprintf(&all, "[%s|%s|%t|%s]", part.name, part.filename, part.isFile, text)
		if err != nil {
			return all.String(), err
		}
	}
}

func formPartText(head, body string) string {
	return "--b\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + body + "\r\n"
}

func TestMultiform(t *testing.T) {
	field, file := formPartText(`name="x"`, "1"), formPartText(`name=f; filename="a b.txt"`, "bytes")
	const end = "--b--\r\n"
	for _, tt := range []struct{ name, text, want, code string }{
		{"a field and a file", field + file + end, "[x||false|1][f|a b.txt|true|bytes]", ""},
		{"no line behind the end", field + "--b--", "[x||false|1]", ""},
		{"something behind the end", field + "--b--\r\nbye", "[x||false|1]", ""},
		{"something before the beginning", "hello\r\n" + field + end, "[x||false|1]", ""},
		{"spaces behind a delimiter", strings.Replace(field, "--b\r\n", "--b \t\r\n", 1) + end, "[x||false|1]", ""},
		{"an empty part", formPartText("name=x", "") + end, "[x||false|]", ""},
		{"an empty part without a line", strings.TrimSuffix(formPartText("name=x", ""), "\r\n") + end, "[x||false|]", ""},
		{"an empty file", formPartText(`name=x; filename=""`, "") + end, "[x||true|]", ""},
		{"what is nearly a delimiter", formPartText("name=x", "\r\n-\r\n--\r\n--a\r--b\n--b--") + end, "[x||false|\r\n-\r\n--\r\n--a\r--b\n--b--]", ""},
		{"line ends at the end", formPartText("name=x", "1\r\n\r\n\r") + end, "[x||false|1\r\n\r\n\r]", ""},
		{"a name in UTF-8", formPartText(`name="é"; filename="ü.txt"`, "") + end, "[é|ü.txt|true|]", ""},
		{"a path of Windows", formPartText(`name=x; filename="C:\a\b.txt"`, "") + end, `[x|C:\a\b.txt|true|]`, ""},
		{"no parts", end, "", ""},
		{"a long header", formPartText(`name=x; filename="`+strings.Repeat("n", maxPartHeader)+`"`, "") + end, "", codeMalformed},
		{"a header that never ends", "--b\r\n" + strings.Repeat("X: y\r\n", 5000), "", codeMalformed},
		{"a long preamble", strings.Repeat("x", 2*maxPreamble) + field + end, "", codeMalformed},
		{"many parts", strings.Repeat(field, maxParts+1) + end, strings.Repeat("[x||false|1]", maxParts), codeMalformed},
		{"a delimiter that goes on", "--bx\r\n" + field + end, "", codeMalformed},
		{"a part of another kind", strings.Replace(field, "form-data", "attachment", 1) + end, "", codeMalformed},
		{"a part without a kind", "--b\r\nX: y\r\n\r\n1\r\n" + end, "", codeMalformed},
		{"a broken header", "--b\r\nX\r\n\r\n1\r\n" + end, "", codeMalformed},
		{"base64", strings.Replace(field, "\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1) + end, "", codeMalformed},
		{"cut in a part", field + file[:len(file)-4], "[x||false|1][f|a b.txt|true|byt", "incomplete_body"},
		{"cut in a delimiter", field + "--b-", "[x||false|1]", "incomplete_body"},
		{"cut before the end", field, "[x||false|1", "incomplete_body"},
		{"nothing", "", "", "incomplete_body"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for how, src := range map[string]io.Reader{
				"at once": strings.NewReader(tt.text), "by the byte": oneByte{strings.NewReader(tt.text)},
				"with its end": iotest.DataErrReader(strings.NewReader(tt.text)),
			} {
				m, err := newMultiform(src, formType)
				if err != nil {
					t.Fatal(err)
				}
				got, err := readAll(m)
				if !strings.HasPrefix(got, tt.want) || tt.code == "" && got != tt.want || fault.CodeOf(err) != tt.code {
					t.Errorf("%s: %.200q, %v; want %.200q, %q", how, got, err, tt.want, tt.code)
				}
			}
		})
	}
}

func TestMultiformBoundaries(t *testing.T) {
	for _, tt := range []struct {
		name, contentType string
		ok                bool
	}{
		{"quoted", `multipart/form-data; boundary="a b"`, true},
		{"70 characters", "multipart/form-data; boundary=" + strings.Repeat("b", 70), true},
		{"71 characters", "multipart/form-data; boundary=" + strings.Repeat("b", 71), false},
		{"none", "multipart/form-data", false},
		{"empty", `multipart/form-data; boundary=""`, false},
		{"broken", "multipart/form-data; boundary=a; boundary=b", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := newMultiform(nil, tt.contentType); (err == nil) != tt.ok {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// TestMultiformBrokenConnection: what the body says comes back as it is.
func TestMultiformBrokenConnection(t *testing.T) {
	slow := fault.New(fault.Timeout, "too_slow", "the body arrives too slowly")
	text := formPartText("name=f; filename=x", strings.Repeat("x", 100_000))
	for _, n := range []int{0, 3, 30, 70, 50_000} {
		m, err := newMultiform(io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(slow)), formType)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(m); err != slow {
			t.Errorf("after %d bytes the error is %v", n, err)
		}
	}
}

func FuzzMultiform(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--b--"), 3)
	f.Add([]byte("\r\n--b\r\n\r\n\r\n--b--"), 1)
	f.Add([]byte("&\n--b\r\n\r\n\r\n--b--"), 63)
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		whole, err := newMultiform(bytes.NewReader(text), formType)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := readAll(whole)
		pieces, _ := newMultiform(&stepped{bytes.NewReader(text), max(step%5000, 1)}, formType)
		got, err := readAll(pieces)
		if got != want || fault.CodeOf(err) != fault.CodeOf(wantErr) {
			t.Errorf("in pieces %q is read as %q, %v; at once as %q, %v", text, got, err, want, wantErr)
		}
		bare := bytes.Count(text, []byte("\n--b")) > bytes.Count(text, []byte("\r\n--b"))
		if wantErr != nil || bare { // which to the standard library is a delimiter
			return
		}
		// Where we take a form, and the standard library takes it, it is the same.
		std := multipart.NewReader(bytes.NewReader(text), "b")
		var all strings.Builder
		for {
			p, err := std.NextRawPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			body, err := io.ReadAll(p)
			if err != nil {
				return
			}
			all.Write(body)
			all.WriteString("\x00")
		}
		m, _ := newMultiform(bytes.NewReader(text), formType)
		var ours strings.Builder
		for {
			if _, err := m.next(); err != nil {
				break
			}
			body, _ := io.ReadAll(m)
			ours.Write(body)
			ours.WriteString("\x00")
		}
		if ours.String() != all.String() {
			t.Errorf("%q is read as %q, by the standard library as %q", text, ours.String(), all.String())
		}
	})
}

// FuzzMultiformContent: what a client writes into a form comes out of it.
func FuzzMultiformContent(f *testing.F) {
	f.Add([]byte("\r\n--"), []byte("\r\n--b"), 7, "a.txt")
	f.Fuzz(func(t *testing.T, first, second []byte, step int, filename string) {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for _, content := range [][]byte{first, second} {
			p, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="f"; filename="x"`}})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = p.Write(content)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		m, err := newMultiform(&stepped{bytes.NewReader(body.Bytes()), max(step%5000, 1)}, w.FormDataContentType())
		if err != nil {
			t.Fatal(err)
		}
		for _, content := range [][]byte{first, second} {
			if _, err := m.next(); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(m)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%q, %v; want %q", got, err, content)
			}
		}
		if _, err := m.next(); err != io.EOF {
			t.Errorf("it ends with %v", err)
		}
	})
}

// A stepped reader gives at most step bytes at a time.
type stepped struct {
	io.Reader
	step int
}

func (r *stepped) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(r.step, len(p))]) }

// BenchmarkMultipart compares with the standard library, and with no form at all.
func BenchmarkMultipart(b *testing.B) {
	const size = 64 << 20
	content := make([]byte, size)
	_, _ = rand.Read(content)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	p, _ := w.CreateFormFile("f", "filename")
	_, _ = p.Write(content)
	_ = w.Close()
	buf := make([]byte, 256<<10)
	drain := func(b *testing.B, r io.Reader) {
		n := 0
		for err := error(nil); err == nil; {
			var k int
			k, err = io.ReadFull(r, buf)
			n += k
		}
		if n < size {
			b.Fatalf("%d bytes", n)
		}
	}
	for name, open := range map[string]func() io.Reader{
		"raw": func() io.Reader { return bytes.NewReader(body.Bytes()) },
		"ours": func() io.Reader {
			m, _ := newMultiform(bytes.NewReader(body.Bytes()), w.FormDataContentType())
			_, _ = m.next()
			return m
		},
		"standard": func() io.Reader {
			part, _ := multipart.NewReader(bytes.NewReader(body.Bytes()), w.Boundary()).NextPart()
			return part
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				drain(b, open())
			}
		})
	}
}

// A long delimiter is found where bytes.Index finds it, also among its own beginnings.
func TestDelimiterIsFound(t *testing.T) {
	rnd := mathrand.New(mathrand.NewPCG(1, 2))
	for range 20_000 {
		boundary := make([]byte, 1+rnd.IntN(70))
		for i := range boundary {
			boundary[i] = "-ab"[rnd.IntN(3)]
		}
		m, err := newMultiform(nil, `multipart/form-data; boundary="`+string(boundary)+`"`)
		if err != nil {
			t.Fatal(err)
		}
		var text []byte
		for len(text) < 200 {
			k := rnd.IntN(len(m.delim))
			if rnd.IntN(8) == 0 {
				k = len(m.delim)
			}
			text = append(text, m.delim[:k]...)
			text = append(text, m.delim[rnd.IntN(len(m.delim)):]...)
		}
		if got, want := m.index(text), bytes.Index(text, m.delim); got != want {
			t.Fatalf("%q is found in %q at %d, want %d", m.delim, text, got, want)
		}
	}
}
