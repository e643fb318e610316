package wetransfer

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanName(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain names stay", "kitty (1) [x]{y} #5 & co; 100%.tar.gz", "kitty (1) [x]{y} #5 & co; 100%.tar.gz"},
		{"the documents' emoji", "the-weather-is-\u2600\uFE0F.jpg", "the-weather-is-.jpg"},
		{"the documents' special characters", `the-weather-is-:\.jpg`, "the-weather-is-.jpg"},
		{"all nine", `a/b?c<d>e\f:g*h|i"j`, "abcdefghij"},
		{"controls of ASCII and Latin 1", "a\x00b\x1fc\x7fd\u0080e\u009ff", "abcdef"},
		{"spaces and dots at the ends stay", " .a. ", " .a. "},
		{"no normalization", "e\u0301 \u00e9 \uFB01", "e\u0301 \u00e9 \uFB01"},
		{"digits, # and signs are no emoji", "1#2©®™→§", "1#2©®™→§"},
		{"a symbol without selector is text", "a☀b❤c✈", "a☀b❤c✈"},
		{"a plain emoji", "japan.\U0001F622jpg", "japan.jpg"},
		{"a flag", "\U0001F1EF\U0001F1F5japan", "japan"},
		{"a flag of tags", "\U0001F3F4\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007Fen", "en"},
		{"a skin tone", "a\U0001F44D\U0001F3FDb", "ab"},
		{"a skin tone on a symbol", "a\u261D\U0001F3FBb", "ab"},
		{"a family", "a\U0001F468\u200D\U0001F469\u200D\U0001F467b", "ab"},
		{"a joined symbol with selector", "a\U0001F3F3\uFE0F\u200D\U0001F308b", "ab"},
		{"a joined symbol without", "a\u26F9\U0001F3FB\u200D\u2642b", "ab"},
		{"symbols that are only joined", "a\u2764\u200D\U0001F525b\u26D3\u200D\u2642c", "abc"},
		{"a keycap", "a1\uFE0F\u20E3b#\uFE0F\u20E3c2\u20E3d*\uFE0F\u20E3e", "abcde"},
		{"a copyright sign as emoji", "a©\uFE0Fb", "ab"},
		{"joiners of scripts stay", "\u0915\u094D\u200D\u0937 \u0646\u0645\u06CC\u200C\u062F", "\u0915\u094D\u200D\u0937 \u0646\u0645\u06CC\u200C\u062F"},
		{"a selector on a letter stays", "a\uFE0Fb", "a\uFE0Fb"},
		{"what becomes neighbours is seen", "1\U0001F622\u20E3 2:\u20E3 ☀?\uFE0F", "1  "},
		{"nothing may be left", "\U0001F600:*", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := cleanName(tt.in); got != tt.want {
				t.Errorf("cleanName(%+q) = %+q, want %+q", tt.in, got, tt.want)
			}
		})
	}
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"a.txt", "☀\uFE0F", "1\uFE0F\u20E3", "\u2764\u200D\U0001F525", "\U0001F44D\U0001F3FD", "a:b\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if !utf8.ValidString(in) {
			t.Skip() // the JSON lexer lets none in
		}
		out := cleanName(in)
		if again := cleanName(out); again != out {
			t.Errorf("%+q is cleaned to %+q, and that to %+q", in, out, again)
		}
		if strings.ContainsAny(out, "/?<>\\:*|\"\x00\n\u0085") {
			t.Errorf("%+q is cleaned to %+q", in, out)
		}
		rest := []rune(in)
		for _, r := range out { // nothing is added, nothing changes its place
			for len(rest) > 0 && rest[0] != r {
				rest = rest[1:]
			}
			if len(rest) == 0 {
				t.Fatalf("%+q is cleaned to %+q, which is no part of it", in, out)
			}
			rest = rest[1:]
		}
	})
}

func TestFirstTwin(t *testing.T) {
	for _, tt := range []struct {
		name  string
		names string
		want  int
	}{
		{"none", "a b c", -1},
		{"case counts", "polish.txt Polish.txt", -1},
		{"the second is told", "a b a b", 2},
		{"neighbours", "a a", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := firstTwin(strings.Fields(tt.names)); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
