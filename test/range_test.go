package test

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// TestRange: what RFC 9110 says of ranges and conditions (sections 13 and 14), on
// the link of a file.
func TestRange(t *testing.T) {
	const size = 100_000
	c := signIn(t, testenv.StartFerry(t))
	s := mustSend(t, c, transferV2, content{"ranged.bin", size, 30})
	address := s.address(t, s.items[0])
	whole, head := fetchHead(t, address)
	if err := s.items[0].check(bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	tag := head.Get("ETag")
	if !isStrong(tag) || head.Get("Accept-Ranges") != "bytes" {
		t.Errorf("ETag %s, Accept-Ranges %q, want a strong one and bytes", tag, head.Get("Accept-Ranges"))
	}

	// A span is what a part of the answer should hold; all is the whole file.
	type span struct{ from, to int }
	all := []span{{0, size - 1}}
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	ranges := func(spec string) http.Header { return header("Range", "bytes="+spec) }
	var eight, nine []string
	var eightSpans []span
	for i := range 9 {
		nine = append(nine, fmt.Sprintf("%d-%d", i*1000, i*1000+9))
		if i < 8 {
			eight = append(eight, nine[i])
			eightSpans = append(eightSpans, span{i * 1000, i*1000 + 9})
		}
	}
	for _, tt := range []struct {
		name   string
		send   http.Header
		status []int
		spans  []span
	}{
		{"nothing asked", header(), []int{200}, all},
		{"the first byte", ranges("0-0"), []int{206}, []span{{0, 0}}},
		{"some from the middle", ranges("500-999"), []int{206}, []span{{500, 999}}},
		{"open to the end", ranges("99000-"), []int{206}, []span{{99000, 99999}}},
		{"open from the start", ranges("0-"), []int{206}, all},
		{"the last bytes", ranges("-10"), []int{206}, []span{{99990, 99999}}},
		{"more last bytes than there are", ranges("-200000"), []int{206}, all},
		{"more than there is", ranges("99990-200000"), []int{206}, []span{{99990, 99999}}},
		{"two", ranges("0-9,100-199"), []int{206}, []span{{0, 9}, {100, 199}}},
		{"two with spaces", ranges("0-9, -5"), []int{206}, []span{{0, 9}, {99995, 99999}}},
		{"two, one of them beyond the end", ranges("0-9,100000-"), []int{206}, []span{{0, 9}}},
		{"eight", ranges(strings.Join(eight, ",")), []int{206}, eightSpans},
		{"more than eight are the whole", ranges(strings.Join(nine, ",")), []int{200}, all},
		{"beyond the end", ranges("100000-"), []int{416}, nil},
		{"the last no bytes", ranges("-0"), []int{416}, nil},
		// Section 14.2: an invalid one may be ignored or rejected.
		{"backwards", ranges("9-5"), []int{200, 416}, all},
		{"letters", ranges("a-b"), []int{200, 416}, all},
		{"nothing", ranges(""), []int{200, 416}, all},
		{"huge", ranges("0-99999999999999999999999"), []int{200, 206, 416}, all},
		{"negative", ranges("-9223372036854775809"), []int{200, 206, 416}, all},
		{"another unit", header("Range", "lines=1-2"), []int{200}, all},

		{"If-Range with the tag", header("Range", "bytes=5-9", "If-Range", tag), []int{206}, []span{{5, 9}}},
		{"If-Range with another tag", header("Range", "bytes=5-9", "If-Range", `"other"`), []int{200}, all},
		{"If-Range with the tag, weak", header("Range", "bytes=5-9", "If-Range", "W/"+tag), []int{200}, all},
		{"If-Range with an old date", header("Range", "bytes=5-9", "If-Range", "Sat, 01 Jan 2000 00:00:00 GMT"), []int{200}, all},
		{"If-None-Match with the tag", header("If-None-Match", tag), []int{304}, nil},
		{"If-None-Match with another", header("If-None-Match", `"other"`), []int{200}, all},
		{"If-Match with another", header("If-Match", `"other"`), []int{412}, nil},
		{"If-Match with the tag", header("If-Match", tag, "Range", "bytes=5-9"), []int{206}, []span{{5, 9}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := request(t, "GET", address, tt.send)
			got, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(tt.status, resp.StatusCode) {
				t.Fatalf("%s, want %d", resp.Status, tt.status)
			}
			var want bytes.Buffer
			for _, s := range tt.spans {
				want.Write(whole[s.from : s.to+1])
			}
			switch {
			case resp.StatusCode == 416:
				if cr := resp.Header.Get("Content-Range"); cr != fmt.Sprintf("bytes */%d", size) {
					t.Errorf("Content-Range is %q", cr)
				}
			case resp.StatusCode == 206 && len(tt.spans) > 1:
				got = unframe(t, resp, got)
			case resp.StatusCode == 206:
				if cr, want := resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", tt.spans[0].from, tt.spans[0].to, size); cr != want {
					t.Errorf("Content-Range is %q, want %q", cr, want)
				}
			}
			if resp.StatusCode < 300 && !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%s with %d bytes that are not the %d asked for", resp.Status, len(got), want.Len())
			}
		})
	}

	t.Run("HEAD says what GET would", func(t *testing.T) {
		resp := request(t, "HEAD", address, nil)
		for _, name := range []string{"Content-Length", "Content-Type", "Content-Disposition", "ETag", "Accept-Ranges", "Last-Modified"} {
			if resp.Header.Get(name) != head.Get(name) {
				t.Errorf("%s of HEAD is %q, of GET %q", name, resp.Header.Get(name), head.Get(name))
			}
		}
	})
	t.Run("HEAD with a range says what GET would, or knows none", func(t *testing.T) {
		// Section 14.2 has ranges for GET alone; S3's HeadObject and net/http for both.
		resp := request(t, "HEAD", address, ranges("0-9"))
		got := fmt.Sprint(resp.StatusCode, " ", resp.ContentLength, " ", resp.Header.Get("Content-Range"))
		if got != fmt.Sprint("200 ", size, " ") && got != fmt.Sprint("206 10 bytes 0-9/", size) {
			t.Errorf("it says %s", got)
		}
	})
	t.Run("no program of the browser runs it", func(t *testing.T) {
		for name, want := range map[string]string{
			"X-Content-Type-Options":  "nosniff",
			"Content-Security-Policy": "sandbox",
			"Content-Disposition":     "attachment",
			"Content-Type":            "application/octet-stream",
		} {
			if !strings.Contains(head.Get(name), want) {
				t.Errorf("%s is %q, want %s", name, head.Get(name), want)
			}
		}
	})
}

// request makes a request, and closes its answer with the test.
func request(t *testing.T, method, address string, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := recipient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// unframe joins the bodies of a multipart/byteranges answer.
func unframe(t *testing.T, resp *http.Response, framed []byte) (joined []byte) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		t.Fatalf("Content-Type is %q: %v", resp.Header.Get("Content-Type"), err)
	}
	if resp.ContentLength != int64(len(framed)) {
		t.Errorf("Content-Length is %d, there are %d bytes", resp.ContentLength, len(framed))
	}
	for r := multipart.NewReader(bytes.NewReader(framed), params["boundary"]); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return joined
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		var from, to, size int
		if _, err := fmt.Sscanf(part.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &size); err != nil || to-from+1 != len(text) {
			t.Errorf("a part of %d bytes has Content-Range %q: %v", len(text), part.Header.Get("Content-Range"), err)
		}
		joined = append(joined, text...)
	}
}
