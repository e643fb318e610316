package filemail

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanName(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain names stay", "kitty (1) [x]{y} #5 & co; 100%.tar.gz", "kitty (1) [x]{y} #5 & co; 100%.tar.gz"},
		{"folders are kept", "a/b/c.txt", "a/b/c.txt"},
		{"folders of Windows, too", `a\b\c.txt`, "a/b/c.txt"},
		{"a root", "/home/ada/c.txt", "home/ada/c.txt"},
		{"a drive", `C:\Users\ada\c.txt`, "Users/ada/c.txt"},
		{"a drive without a root", "c:c.txt", "c.txt"},
		{"a drive inside", "a/C:/b", "a/b"},
		{"drives behind each other", "C:D:..", ""},
		{"a share", `\\server\share\c.txt`, "server/share/c.txt"},
		{"a long path of Windows", `\\?\C:\a\c.txt`, "a/c.txt"},
		{"no way up", "../../etc/passwd", "etc/passwd"},
		{"no way up inside", "a/../b/./c", "a/b/c"},
		{"no way up behind a drive", `C:..\x`, "x"},
		{"no way up by what Windows leaves out", "a/.. /b/. ./...", "a/b"},
		{"no way up after cleaning", "a/.\x00./b", "a/b"},
		{"controls of ASCII and Latin 1", "a\x00b\x1fc\x7fd\u0080e\u009ff\ng", "abcdefg"},
		{"empty folders", "a//b///c/", "a/b/c"},
		{"dots and spaces at the ends stay", " .a. / b.", " .a. / b."},
		{"a colon further on stays", "12:30.txt", "12:30.txt"},
		{"no normalization, no showing", "e\u0301 \u202E \U0001F600", "e\u0301 \u202E \U0001F600"},
		{"a question mark alone is a name", "?", "?"},
		{"nothing may be left", "../..", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := cleanName(tt.in); got != tt.want {
				t.Errorf("cleanName(%+q) = %+q, want %+q", tt.in, got, tt.want)
			}
		})
	}
}

func TestBadName(t *testing.T) {
	long := strings.Repeat("n", 255)
	for _, tt := range []struct{ name, in, want string }{
		{"a name", "a", ""},
		{"255 characters each", long + "/" + long, ""},
		{"255 characters outside the BMP count twice", strings.Repeat("\U0001F600", 128), "must have at most 255 characters between slashes"},
		{"256 characters", "a/" + long + "n", "must have at most 255 characters between slashes"},
		{"64 folders", strings.Repeat("a/", 64) + "b", ""},
		{"65 folders", strings.Repeat("a/", 65) + "b", "has too many folders"},
		{"nothing", "", "must not be empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := badName(tt.in); got != tt.want {
				t.Errorf("badName = %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"a/b", `C:\a\..\b`, `\\?\C:\x`, "a:b:c:d", ". ./.. ", "?/?/../?", "\x00.\x01.", "C\x00:D::E"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if !utf8.ValidString(in) {
			t.Skip() // refused before
		}
		out := cleanName(in)
		if again := cleanName(out); again != out {
			t.Errorf("%+q is cleaned to %+q, and that to %+q", in, out, again)
		}
		if strings.ContainsAny(out, "\\\x00\n\r\u0085") {
			t.Errorf("%+q is cleaned to %+q", in, out)
		}
		if out == "" {
			return
		}
		for element := range strings.SplitSeq(out, "/") {
			if strings.Trim(element, ". ") == "" || hasDrive(element) {
				t.Errorf("%+q is cleaned to %+q, with an element %+q", in, out, element)
			}
		}
	})
}
