package deliver

import (
	"mime"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/words"
)

func TestDisposition(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"plain", "a b.txt", `attachment; filename="a b.txt"; filename*=UTF-8''a%20b.txt`},
		{"beyond ASCII", "é€.txt", `attachment; filename="__.txt"; filename*=UTF-8''%C3%A9%E2%82%AC.txt`},
		{"quotes and percents", `a"b%20;c`, `attachment; filename="a_b_20;c"; filename*=UTF-8''a%22b%2520%3Bc`},
		{"folders", `x/y\z.txt`, `attachment; filename="z.txt"; filename*=UTF-8''z.txt`},
		{"line breaks", "a\r\nSet-Cookie: x", `attachment; filename="aSet-Cookie: x"; filename*=UTF-8''aSet-Cookie%3A%20x`},
		{"marks that turn the writing", "cod\u202egpj.exe", `attachment; filename="codgpj.exe"; filename*=UTF-8''codgpj.exe`},
		{"nothing", "", `attachment; filename="file"; filename*=UTF-8''file`},
		{"dots", "../..", `attachment; filename="file"; filename*=UTF-8''file`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Disposition(tt.file); got != tt.want {
				t.Errorf("%s", got)
			}
		})
	}
}

func FuzzDisposition(f *testing.F) {
	f.Add(`a "quoted"\ name;.txt`)
	f.Add("é\x00\xff%41")
	f.Add("a''b*=/c")
	f.Fuzz(func(t *testing.T, name string) {
		got := Disposition(name)
		if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q is no header", got)
		}
		kind, params, err := mime.ParseMediaType(got)
		if err != nil || kind != "attachment" || len(params) != 1 {
			t.Fatalf("%s: %s %v %v", got, kind, params, err)
		}
		shown := words.Shown(name)
		if last := shown[strings.LastIndexAny(shown, `/\`)+1:]; params["filename"] != last && strings.Trim(last, ". ") != "" {
			t.Errorf("%q is saved as %q", name, params["filename"])
		}
	})
}
