package wire

import (
	"strings"
	"testing"
)

func TestIsJSON(t *testing.T) {
	for header, want := range map[string]bool{
		"application/json":                   true,
		"application/json; charset=utf-8":    true,
		"Application/JSON;charset=UTF-8":     true,
		" application/json ; a=\"b;c\"":      true,
		"application/json;":                  true,
		"":                                   false,
		"application/jsonp":                  false,
		"application/json-patch+json":        false,
		"text/plain; x=application/json":     false,
		"application/json, application/json": false,
		"application/x-www-form-urlencoded":  false,
	} {
		if got := IsJSON(header); got != want {
			t.Errorf("IsJSON(%q) = %v", header, got)
		}
		if got := MediaType(header) == "application/json"; got != want {
			t.Errorf("MediaType(%q) = %q", header, MediaType(header))
		}
	}
}

func TestAccepts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		accept []string
		want   bool
	}{
		{"no header", nil, true},
		{"an empty header", []string{""}, true},
		{"a header of commas", []string{" , ,"}, true},
		{"anything", []string{"*/*"}, true},
		{"the type", []string{"application/json"}, true},
		{"the type in capitals", []string{"Application/JSON"}, true},
		{"the type with a parameter", []string{"application/json; charset=utf-8"}, true},
		{"every subtype", []string{"application/*"}, true},
		{"the list of axios", []string{"application/json, text/plain, */*"}, true},
		{"the list of Java, whose lone star means nothing", []string{"text/html, *; q=.2, */*; q=.2"}, true},
		{"a second header", []string{"text/html", "application/json"}, true},
		{"another type", []string{"text/html"}, false},
		{"another type's subtypes", []string{"text/*, image/png"}, false},
		{"the type with q of nought", []string{"application/json;q=0"}, false},
		{"the type with more noughts", []string{"application/json; Q=0.000"}, false},
		{"anything but the type", []string{"*/*, application/json;q=0"}, false},
		{"anything but its family", []string{"application/*;q=0, */*"}, false},
		{"the type, else nothing", []string{"application/json;q=0.1, */*;q=0"}, true},
		{"a little of it", []string{"application/json;q=0.001"}, true},
		{"the type hidden in a quoted parameter", []string{`text/html;a="x, application/json"`}, false},
		{"a malformed range beside a good one", []string{"json, application/json"}, true},
		{"a malformed q beside a good range", []string{"application/json;q=x, */*"}, true},
		{"only malformed ranges", []string{"json"}, false},
		{"a q above one", []string{"application/json;q=2"}, false},
		{"a star before a type", []string{"*/json"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Accepts(tt.accept, "application/json"); got != tt.want {
				t.Errorf("Accepts(%q) = %v", tt.accept, got)
			}
		})
	}
}

// What a client adds that means nothing to us must not take away what it had.
func FuzzAccepts(f *testing.F) {
	for _, s := range []string{"", "*/*", "text/html;q=0.5", "application/json;q=0", `a/b;c="d,e\"f"`, `"`, ";;=,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if !Accepts([]string{accept, "application/json"}, "application/json") {
			t.Errorf("application/json is refused beside %q", accept)
		}
		if Accepts([]string{"text/html", accept}, "application/json") !=
			Accepts([]string{accept, "text/html"}, "application/json") {
			t.Errorf("the order of headers matters for %q", accept)
		}
		MediaType(accept)
	})
}

func TestLanguages(t *testing.T) {
	for _, tt := range []struct {
		accept []string
		want   string
	}{
		{nil, ""},
		{[]string{"de-CH, en;q=0.5 , fr;q=0.8"}, "de-CH fr en"},
		{[]string{"en;q=0.1", "nl"}, "nl en"},
		{[]string{"de;q=0, en;q=x, ;q=1, a b"}, ""},
		{[]string{strings.Repeat("de,", 1000)}, strings.Repeat(" de", 20)[1:]},
	} {
		if got := strings.Join(Languages(tt.accept), " "); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.accept, got, tt.want)
		}
	}
}
