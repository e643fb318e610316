package site_test

import (
	"html"
	"net/http"
	"regexp"
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

// Another language has the same page, with all that was asked for.
func TestAnotherLanguageOfThePage(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	mara := w.signIn("mara@example.org")
	w.sendAs(mara, "Isles", "isles", sent{"a.txt", "hello"})
	in := func(page string) string {
		t.Helper()
		m := regexp.MustCompile(`<a href="([^"]+)" lang="de"`).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("no German: %s", page)
		}
		return html.UnescapeString(m[1])
	}
	report := in(w.get("/app/report?link=/to/isles&ferry-language=es", http.StatusOK))
	if german := w.get("/app/report"+report, http.StatusOK); !strings.Contains(german, "Einen Link melden") || !strings.Contains(german, `value="/to/isles"`) {
		t.Errorf("%s: %s", report, german)
	}
	refused := in(read(t, w.post("/app/report", "link=/to/isles&kind=other")))
	w.get("/app/report"+refused, http.StatusOK)
	if found := in(w.get("/app/contacts?search=%22%3Cb%3E%26", http.StatusOK, mara)); found != "?ferry-language=de&search=%22%3Cb%3E%26" {
		t.Errorf("a search: %s", found)
	}
}
