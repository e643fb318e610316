package archive

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

func TestNames(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		name  string
		names []string
		want  []string
	}{
		{"what is fit stays", []string{"a.txt", "Ünicode ✓.pdf", ".bashrc", "b/c/d"}, []string{"a.txt", "Ünicode ✓.pdf", ".bashrc", "b/c/d"}},
		{"equal names are numbered", []string{"a.txt", "a.txt", "a.txt"}, []string{"a.txt", "a (2).txt", "a (3).txt"}},
		{"names that differ in case are numbered", []string{"A.txt", "a.TXT", "straße", "STRASSE"}, []string{"A.txt", "a (2).TXT", "straße", "STRASSE (2)"}},
		{"a number leaves names alone that have it by themselves", []string{"a", "a", "a (2)"}, []string{"a", "a (3)", "a (2)"}},
		{"equal names in two folders differ", []string{"x/a", "y/a"}, []string{"x/a", "y/a"}},
		{"a file is not the folder of another", []string{"a", "A/b", "a/b/c"}, []string{"a (2)", "A/b (2)", "a/b/c"}},
		{"composed and decomposed are one name", []string{"\u00e9", "e\u0301"}, []string{"\u00e9", "\u00e9 (2)"}},
		{"no path leads out", []string{"../../etc/passwd", "/etc/shadow", "a/./b/../c", "c:\\d"}, []string{"etc/passwd", "etc/shadow", "a/b/c", "c__d"}},
		{"dots in disguise are no way out either", []string{".. /x", "...", "..\u200b/y"}, []string{"x", "file", "y"}},
		{"empty parts go", []string{"", "a//b", " / ", "c/"}, []string{"file", "a/b", "file (2)", "c"}},
		{
			"devices of Windows are none",
			[]string{"con", "Nul.txt", "COM1.tar.gz", "com¹", "LPT0 .x", "console", "COM10"},
			[]string{"_con", "_Nul.txt", "_COM1.tar.gz", "_com¹", "_LPT0 .x", "console", "COM10"},
		},
		{"what Windows refuses is replaced", []string{`a<b>c:d"e|f?g*h`}, []string{"a_b_c_d_e_f_g_h"}},
		{"Windows' trailing dots and spaces go", []string{"a. .", "a"}, []string{"a", "a (2)"}},
		{"marks that nobody sees go", []string{"cod\u202egpj.exe", "a\x00\nb"}, []string{"codgpj.exe", "ab"}},
		{"a long name keeps its ending", []string{long + ".jpeg"}, []string{long[:250] + ".jpeg"}},
		{
			"a long name is numbered within its length",
			[]string{long + ".jpeg", long + ".jpeg"},
			[]string{long[:250] + ".jpeg", long[:237] + " (2).jpeg"},
		},
		{"characters are not cut in two", []string{strings.Repeat("é", 200)}, []string{strings.Repeat("é", 127)}},
		{"an ending that is no ending is not kept", []string{"a." + long}, []string{("a." + long)[:255]}},
		{"a long path loses its outermost folders", []string{strings.Repeat("folder/", 500) + "a"}, []string{strings.Repeat("folder/", 109) + "a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, Names(tt.names)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Names whose cut stems are the same must not look for their numbers one by one
// from the beginning: that is the square of ten thousand.
func TestNamesOfOneSeries(t *testing.T) {
	names := make([]string, 20_000)
	for i := range names {
		names[i] = fmt.Sprintf("%s%04d.txt", strings.Repeat("x", 247), i/2)
	}
	got := Names(names)
	checkNames(t, got)
	last := strings.Repeat("x", 238) + " (10001).txt"
	if got[len(got)-1] != last {
		t.Errorf("the last name is %q", got[len(got)-1])
	}
}

func BenchmarkNames(b *testing.B) {
	for _, tt := range []struct{ name, format string }{
		{"plain", "DSC_%04d.jpeg"}, {"accents", "photo d'été %d.jpeg"}, {"equal", "photo.jpeg%.0d"},
	} {
		names := make([]string, 10_000)
		for i := range names {
			names[i] = fmt.Sprintf(tt.format, i)
		}
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Names(names)
			}
		})
	}
}

func FuzzNames(f *testing.F) {
	f.Add("a\na\nA\na (2)")
	f.Add("../x\n/x\nx/\nX//y")
	f.Add("CON\nnul.txt\n_con\n\u202e\n")
	f.Add(strings.Repeat("é", 200) + ".x\n" + strings.Repeat("e\u0301", 200) + ".x")
	f.Add(strings.Repeat("x", 254) + " .y\n" + strings.Repeat("x", 254) + ".y\n<\u0338\n\u1fef\u037e")
	f.Fuzz(func(t *testing.T, lines string) {
		names := strings.Split(lines, "\n")
		got := Names(names)
		if len(got) != len(names) {
			t.Fatalf("%d names became %d", len(names), len(got))
		}
		checkNames(t, got)
	})
}

// checkNames holds names to what Names promises.
func checkNames(t *testing.T, names []string) {
	t.Helper()
	if again := Names(names); !slices.Equal(names, again) {
		t.Errorf("not idempotent:\n%q\n%q", names, again)
	}
	seen, folders := map[string]bool{}, map[string]bool{}
	for _, name := range names {
		if key := strings.ToLower(name); seen[key] {
			t.Errorf("%q is there twice", name)
		} else {
			seen[key] = true
		}
		if !utf8.ValidString(name) || !norm.NFC.IsNormalString(name) || len(name) > maxFolders+maxPart {
			t.Errorf("%q: encoding or length", name)
		}
		if strings.ContainsAny(name, "\\:*?\"<>|\x00\n\u202e\u200b") {
			t.Errorf("%q has what it may not have", name)
		}
		for i, part := range strings.Split(name, "/") {
			if part == "" || len(part) > maxPart || strings.Trim(part, ". ") == "" || strings.HasSuffix(part, ".") || isDevice(part) {
				t.Errorf("%q: part %d", name, i)
			}
		}
		for dir := range parents(strings.ToLower(name)) {
			folders[dir] = true
		}
	}
	for dir := range folders {
		if seen[dir] {
			t.Errorf("%q is a file and a folder", dir)
		}
	}
}
