package site_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"
)

// Assets come packed to who takes that, under another tag than the bytes as they are.
func TestPackedAssets(t *testing.T) {
	w := newWorld(t)
	path := w.site.AssetRoot() + "site.css"
	ask := func(header ...string) (*http.Response, []byte) {
		t.Helper()
		res := w.do(http.MethodGet, path, "", header...)
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: Vary is %q", header, res.Header.Get("Vary"))
		}
		return res, b
	}
	plain, want := ask("Accept-Encoding: identity")
	for _, tt := range []struct {
		accepts string
		packed  bool
	}{
		{"gzip", true},
		{"gzip, deflate, br, zstd", true},
		{"br;q=1.0, GZIP;q=0.5", true},
		{"*", true},
		{"br", false},
		{"gzip;q=0", false},
		{"gzip; q=0.000", false},
		{"*, gzip;q=0", false},
		{"*;q=0", false},
		{"gzipped", false},
		{"", false},
	} {
		res, b := ask("Accept-Encoding: " + tt.accepts)
		if got := res.Header.Get("Content-Encoding") == "gzip"; got != tt.packed {
			t.Errorf("%q: packed is %t", tt.accepts, got)
			continue
		}
		if tt.packed {
			if res.Header.Get("Etag") == plain.Header.Get("Etag") || len(b) > len(want)/2 {
				t.Errorf("%q: tag %s, %d bytes of %d", tt.accepts, res.Header.Get("Etag"), len(b), len(want))
			}
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(b, want) || res.Header.Get("Content-Type") != "text/css; charset=utf-8" {
			t.Errorf("%q: other bytes, or as %s", tt.accepts, res.Header.Get("Content-Type"))
		}
		if again, _ := ask("Accept-Encoding: "+tt.accepts, "If-None-Match: "+res.Header.Get("Etag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%q: what is known is sent again: %s", tt.accepts, again.Status)
		}
	}
}
