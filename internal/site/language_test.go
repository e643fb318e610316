package site_test

import (
	"net/http"
	"strings"
	"testing"
)

// A visitor is spoken to in the language of their browser, until they choose another.
func TestLanguages(t *testing.T) {
	w := newWorld(t)
	tr, _ := w.transfer("", "", sent{"a.jpg", "12345"})
	for _, tt := range []struct {
		name, query, header, want string
	}{
		{"the browser's", "", "Accept-Language: de-CH,de;q=0.9,en;q=0.5", "Dateien für Sie"},
		{"the one it likes best", "", "Accept-Language: en;q=0.5, nl;q=0.8, fr", "Bestanden voor u"},
		{"none that there is", "", "Accept-Language: fr, *", "Files for you"},
		{"one that it does not want", "", "Accept-Language: de;q=0", "Files for you"},
		{"a choice", "?ferry-language=es", "Accept-Language: de", "Archivos para usted"},
		{"a choice of before", "", "Cookie: ferry-language=nb", "Filer til deg"},
		{"a choice that there is not", "?ferry-language=%3Cb%3E", "Accept-Language: de", "Dateien für Sie"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := w.do(http.MethodGet, downloads(tr)+tt.query, "", tt.header)
			if page := read(t, res); !strings.Contains(page, "<h1 dir=\"auto\">"+tt.want+"</h1>") {
				t.Errorf("the page does not say %q", tt.want)
			}
			kept := ""
			for _, c := range res.Cookies() {
				if c.Name == "ferry-language" {
					kept = c.Value
				}
			}
			if want := strings.HasSuffix(tt.query, "=es"); want != (kept == "es") {
				t.Errorf("kept %q", kept)
			}
		})
	}
}
