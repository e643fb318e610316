package site_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestAskingForLetters(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	for _, tt := range []struct {
		name, path string
		form       url.Values
		header     string
		status     int
		says       string
	}{
		{"a known address", "/app/forgot", url.Values{"email": {"mara@example.org"}}, "", 200, "Look into your mail"},
		{"an unknown one", "/app/forgot", url.Values{"email": {"nobody@example.org"}}, "", 200, "Look into your mail"},
		{"none", "/app/forgot", url.Values{"email": {"mara"}}, "", 400, "This is not an e-mail address."},
		{"another site's form", "/app/forgot", url.Values{"email": {"mara@example.org"}}, "Sec-Fetch-Site: cross-site", 403, ""},
		{"a new account", "/app/sign-up", url.Values{"email": {"lars@example.org"}, "password": {"a phrase that is long"}, "terms": {"1"}}, "", 200, "Look into your mail"},
		{"an account that is there", "/app/sign-up", url.Values{"email": {"mara@example.org"}, "password": {"a phrase that is long"}, "terms": {"1"}}, "", 409, "There is an account with this address already."},
		{"a short password", "/app/sign-up", url.Values{"email": {"eve@example.org"}, "password": {"short"}, "terms": {"1"}}, "", 400, "Between 8 and 1024 characters"},
		{"without the terms", "/app/sign-up", url.Values{"email": {"eve@example.org"}, "password": {"a phrase that is long"}}, "", 400, "the terms have to be accepted"},
		{"a program", "/app/sign-up", url.Values{"email": {"eve@example.org"}, "password": {"a phrase that is long"}, "terms": {"1"}, "website": {"x"}}, "", 400, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			headers := []string{formHeader}
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			res := w.do(http.MethodPost, tt.path, tt.form.Encode(), headers...)
			if page := read(t, res); res.StatusCode != tt.status || !strings.Contains(page, tt.says) || strings.Contains(page, "a phrase that is long") {
				t.Errorf("%s: %s", res.Status, page)
			}
		})
	}
}

func TestLinkIsDrawn(t *testing.T) {
	w := newWorld(t)
	res := w.do(http.MethodGet, "/app/qr?to=/to/isles", "")
	if svg := read(t, res); res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(svg, "<svg ") || !strings.HasSuffix(svg, "/></svg>") {
		t.Errorf("%s: %s", res.Status, svg)
	}
	for _, to := range []string{"", "//evil.example", "https://evil.example", `/\evil.example`, "/" + strings.Repeat("x", 300)} {
		w.get("/app/qr?to="+url.QueryEscape(to), http.StatusNotFound)
	}
}
