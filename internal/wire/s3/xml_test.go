package s3

import (
	"encoding/xml"
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/object"
	"github.com/ferry-server/ferry/internal/upload"
)

func TestParseComplete(t *testing.T) {
	const part = `<Part><PartNumber>1</PartNumber><ETag>"a"</ETag></Part>`
	for _, tt := range []struct {
		name string
		body string
		want string // code, or the parts
	}{
		{"one part", `<CompleteMultipartUpload>` + part + `</CompleteMultipartUpload>`, `[{1 "a" }]`},
		{"with S3's namespace and a declaration", `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + part + `</CompleteMultipartUpload>` + "\n<!-- end -->", `[{1 "a" }]`},
		{"quotes as entities", `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;a&#34;</ETag></Part></CompleteMultipartUpload>`, `[{1 "a" }]`},
		{"unknown elements are passed over", `<CompleteMultipartUpload><X/><Part><Y>1</Y><ETag>b</ETag><PartNumber> 7 </PartNumber></Part></CompleteMultipartUpload>`, `[{7 b }]`},
		{"nothing", ``, "malformed_xml"},
		{"no parts", `<CompleteMultipartUpload/>`, "malformed_xml"},
		{"another document", `<Delete>` + part + `</Delete>`, "malformed_xml"},
		{"a second document", `<CompleteMultipartUpload>` + part + `</CompleteMultipartUpload><x/>`, "malformed_xml"},
		{"text after it", `<CompleteMultipartUpload>` + part + `</CompleteMultipartUpload>x`, "malformed_xml"},
		{"no end", `<CompleteMultipartUpload>` + part, "malformed_xml"},
		{"a number that is none", `<CompleteMultipartUpload><Part><PartNumber>one</PartNumber></Part></CompleteMultipartUpload>`, "malformed_xml"},
		{"a number that is too large", `<CompleteMultipartUpload><Part><PartNumber>99999999999999999999</PartNumber></Part></CompleteMultipartUpload>`, "malformed_xml"},
		{"part 0", `<CompleteMultipartUpload><Part><PartNumber>0</PartNumber></Part></CompleteMultipartUpload>`, "part_number"},
		{"twice the same number", `<CompleteMultipartUpload>` + part + part + `</CompleteMultipartUpload>`, "part_order"},
		{"entities of its own", `<!DOCTYPE x [<!ENTITY a "aaaa">]><CompleteMultipartUpload>` + part + `</CompleteMultipartUpload>`, "malformed_xml"},
		{"an unknown entity", `<CompleteMultipartUpload><Part><ETag>&a;</ETag></Part></CompleteMultipartUpload>`, "malformed_xml"},
		{"too deep", `<CompleteMultipartUpload>` + strings.Repeat("<a>", 100_000), "malformed_xml"},
		{"another encoding", `<?xml version="1.0" encoding="UTF-16"?><CompleteMultipartUpload>` + part + `</CompleteMultipartUpload>`, "malformed_xml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := parseComplete(tt.body)
			got := fault.CodeOf(err)
			if err == nil {
				got = fmt.Sprint(req.Parts)
			}
			if got != tt.want {
				t.Errorf("%s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func FuzzParseComplete(f *testing.F) {
	f.Add(`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"a"</ETag></Part></CompleteMultipartUpload>`)
	f.Add(`<!DOCTYPE x [<!ENTITY a "aaaa">]><CompleteMultipartUpload/>`)
	f.Add(`<CompleteMultipartUpload><Part><Part>`)
	f.Fuzz(func(t *testing.T, body string) {
		req, err := parseComplete(body)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%v is not the client's", err)
			}
			return
		}
		last := 0
		for _, p := range req.Parts {
			if p.PartNumber <= last {
				t.Fatalf("numbers do not ascend: %v", req.Parts)
			}
			last = p.PartNumber
		}
		parts := []upload.Part{{Number: 1}, {Number: 3}, {Number: math.MaxInt}}
		if drop, err := req.choose(parts); err == nil && len(drop)+len(req.Parts) != len(parts) {
			t.Errorf("of %d parts %d are listed and %d dropped", len(parts), len(req.Parts), len(drop))
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add("/s3/ferry/01m802t649ptn57ryjdftzwsay/f0000000000000009f6f1062cc5fc81920261121100000")
	f.Add("/s3/ferry/a/b/c%2Fd%20e")
	f.Add("/s3//x")
	f.Add("/s3/ferry/..%2f%ff%00")
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		_, key := splitPath(u)
		n, err := parseName(key)
		if err != nil {
			return
		}
		if !utf8.ValidString(n.key) || strings.ContainsRune(n.key, 0) || len(n.key) > object.MaxKey {
			t.Errorf("key %q is let pass", n.key)
		}
		if !n.free() && (string(n.account)+"/"+string(n.file) != key || !id.IsKey(string(n.account))) {
			t.Errorf("%q became %+v", key, n)
		}
		if shown := shownName(key); shown == "" || strings.ContainsAny(shown, "/\x00\n") || utf8.RuneCountInString(shown) > maxName {
			t.Errorf("%q is shown as %q", key, shown)
		}
		if back, err := url.Parse(keyPath(key)); err != nil || back.Path != Prefix+"/"+Bucket+"/"+key {
			t.Errorf("the path of %q is %q", key, keyPath(key))
		}
	})
}

func FuzzListing(f *testing.F) {
	f.Add("prefix=a&delimiter=/&marker=a/b&max-keys=3&encoding-type=url")
	f.Add("list-type=2&continuation-token=YQ&start-after=b")
	f.Add("prefix=%F4%8F%BF%BF&delimiter=%F4%8F%BF%BF")
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		l, err := newListing(query)
		if err != nil {
			return
		}
		if l.from < l.prefix || l.most > maxPage {
			t.Errorf("%q: from %q, prefix %q, %d at most", raw, l.from, l.prefix, l.most)
		}
		// Whatever was listed last, the next answer begins after it.
		for _, key := range []string{l.prefix + "a", l.prefix + l.delimiter, l.prefix + "a" + l.delimiter + "b"} {
			last := key
			if g := l.group(key); g != "" {
				last = g
			}
			if next := l.past(last); last != "" && next <= last {
				t.Errorf("%q: after %q comes %q", raw, last, next)
			}
		}
	})
}

func TestSuccessor(t *testing.T) {
	for s, want := range map[string]string{
		"":                 "",
		"a":                "b",
		"a/":               "a0",
		"\u007f":           "\u0080",
		"\ud7ff":           "\ue000",
		"a\U0010FFFF":      "b",
		"\U0010FFFF":       "",
		"ü":                "ý",
		"a\uFFFF":          "a\U00010000",
		"photos/2026/nov.": "photos/2026/nov/",
	} {
		if got := successor(s); got != want || got != "" && got <= s {
			t.Errorf("successor(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestXMLOfAnyKey(t *testing.T) {
	for _, key := range []string{"a b", "<&>", "\x01", "]]>"} {
		b, err := xml.Marshal(createUploadBody{XMLNS: namespace, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		var back createUploadBody
		if err := xml.Unmarshal(b, &back); err != nil {
			t.Errorf("%q: %v in %s", key, err, b)
		}
	}
}
