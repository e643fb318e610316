package wetransfer

import (
	"slices"
	"strings"
	"unicode"
)

// Code points that join others to an emoji, or change how one looks.
const (
	joiner     = '\u200D' // ZERO WIDTH JOINER
	emojiStyle = '\uFE0F' // VARIATION SELECTOR-16: the symbol before it is shown as an emoji
	keycap     = '\u20E3' // COMBINING ENCLOSING KEYCAP
)

// cleanName takes out of a file's name what WeTransfer took out (API docs, File
// names): control characters, the nine characters that file systems stumble
// over, and emoji. Nothing else changes, byte for byte, because clients look
// their local file up by the name that comes back: no normalization, no
// trimming. What is left may be empty. Cleaning a clean name changes nothing.
//
// The text that is kept is a stack: a code point that makes an emoji of what
// stands before it takes that off again. So no two code points become neighbours
// unseen, and one pass is enough whatever was taken out between them.
func cleanName(name string) string {
	if isPlain(name) {
		return name
	}
	kept := make([]rune, 0, len(name))
	inEmoji := false // the last code point belongs to an emoji
	joined := false  // and was a joiner, so that the next symbol belongs to it too
	for _, r := range name {
		if isControl(r) || strings.ContainsRune(`/?<>\:*|"`, r) {
			inEmoji = inEmoji || r == '*' // which may begin a keycap
			continue
		}
		wasJoined := joined
		joined = false
		switch {
		case isEmoji(r) || wasJoined && isStyled(r):
			kept = withoutBase(kept, r)
			inEmoji = true
		case inEmoji && (r == joiner || r == emojiStyle || r == keycap || isTag(r)):
			joined = r == joiner
		case r == emojiStyle && len(kept) > 0 && isStyled(kept[len(kept)-1]):
			kept = kept[:len(kept)-1]
			inEmoji = true
		case r == keycap && keycapLen(kept) > 0:
			kept = kept[:len(kept)-keycapLen(kept)]
			inEmoji = true
		case isStyled(r) && endsJoined(kept): // a sequence whose symbols lack their selectors
			kept = kept[:len(kept)-2]
			inEmoji = true
		default:
			kept = append(kept, r)
			inEmoji = false
		}
	}
	return string(kept)
}

// isPlain reports whether name is ASCII that needs no cleaning, as nearly all are.
func isPlain(name string) bool {
	for _, c := range []byte(name) {
		if c < ' ' || c >= 0x7F || strings.IndexByte(`/?<>\:*|"`, c) >= 0 {
			return false
		}
	}
	return true
}

// isControl reports whether r is a control character of ASCII or of Latin 1.
func isControl(r rune) bool { return r < ' ' || 0x7F <= r && r < 0xA0 }

// isTag reports whether r is one of those that spell the region of a flag.
func isTag(r rune) bool { return 0xE0020 <= r && r <= 0xE007F }

// isStyled reports whether r is a symbol that a selector, a skin tone or a
// joiner can make an emoji of, such as the sun of ☀️. Alone it is text and stays:
// © and ® are of this kind.
func isStyled(r rune) bool {
	return r > 0x7F && unicode.Is(unicode.S, r) || strings.ContainsRune("‼⁉ℹ〰", r)
}

// withoutBase takes off the symbol that the emoji r changes (a skin tone) or is
// joined to.
func withoutBase(kept []rune, r rune) []rune {
	if 0x1F3FB <= r && r <= 0x1F3FF && len(kept) > 0 && isStyled(kept[len(kept)-1]) {
		return kept[:len(kept)-1]
	}
	if endsJoined(kept) {
		return kept[:len(kept)-2]
	}
	return kept
}

func endsJoined(kept []rune) bool {
	n := len(kept)
	return n >= 2 && kept[n-1] == joiner && isStyled(kept[n-2])
}

// keycapLen says how many code points a keycap closes: a digit or #, and maybe a
// selector.
func keycapLen(kept []rune) int {
	n := len(kept)
	if n > 0 && kept[n-1] == emojiStyle {
		n--
	}
	if n > 0 && (kept[n-1] == '#' || '0' <= kept[n-1] && kept[n-1] <= '9') {
		return len(kept) - n + 1
	}
	return 0
}

// firstTwin gives the position of the first name that came before, or -1.
func firstTwin(names []string) int {
	seen := make(map[string]struct{}, len(names))
	return slices.IndexFunc(names, func(name string) bool {
		_, twin := seen[name]
		seen[name] = struct{}{}
		return twin
	})
}
