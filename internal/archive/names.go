package archive

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/ferry-server/ferry/internal/words"
)

const (
	maxPart    = 255 // bytes between slashes: what file systems take
	maxFolders = 768 // bytes before the last part: macOS takes 1024 in all, Linux 4096
	maxEnd     = 32  // bytes of an ending that is worth keeping

	nameless = "file"
)

// Names gives the names by which files go into an archive: as shown to people
// (words.Shown), in Unicode's composed form, and such that every system can
// unpack them side by side. Slashes divide folders. No name is absolute or leads
// out of the folder it is unpacked in; none has a part that is empty, longer
// than 255 bytes, a device of Windows, or with a character that Windows refuses;
// no two differ only in case, and none is also the folder of another. Names that
// are fit stay as they are, and what Names gives is fit: Names(Names(x)) is
// Names(x).
func Names(names []string) []string {
	fold := folder{cases.Fold()}
	out := make([]string, len(names))
	keys := make([]string, len(names))
	taken := make(map[string]bool, len(names))
	for i, name := range names {
		out[i] = fit(name)
		keys[i] = fold.key(out[i])
		for dir := range parents(keys[i]) {
			taken[dir] = true
		}
	}

	// Whoever comes first keeps its name, and a number goes only where no file
	// has that very name by itself.
	var again []int
	for i, key := range keys {
		n := len(taken)
		if taken[key] = true; len(taken) == n {
			again = append(again, i)
		}
	}
	next := map[string]int{} // of each series of numbers, or equal names would cost their square
	for _, i := range again {
		stem, end := room(out[i])
		series := fold.key(stem + end)
		for n := max(next[series], 2); ; n++ {
			name := stem + " (" + strconv.Itoa(n) + ")" + end
			if key := fold.key(name); !taken[key] {
				out[i], taken[key], next[series] = name, true, n+1
				break
			}
		}
	}
	return out
}

// fit makes one name fit, whatever the others are.
func fit(name string) string {
	if isFit(name) {
		return name
	}
	name = norm.NFC.String(words.Shown(name))
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		if part = fitPart(part); part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return nameless
	}
	// A path that is too long loses its outermost folders.
	first, size := len(parts)-1, 0
	for ; first > 0; first-- {
		if size += len(parts[first-1]) + 1; size > maxFolders {
			break
		}
	}
	return strings.Join(parts[first:], "/")
}

// isFit reports of most names that fit would change nothing, at a tenth of the
// price: a transfer may have ten thousand, and every range of its zip asks.
func isFit(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c < ' ' || c > '~' || c == '/' || plain(rune(c)) != rune(c) {
			return false
		}
	}
	return name != "" && len(name) <= maxPart && trim(name) == name && !isDevice(name)
}

// fitPart makes a file's or a folder's own name fit, or empty if nothing of it
// remains, as of "..".
func fitPart(part string) string {
	part = trim(strings.Map(plain, part))
	if isDevice(part) {
		part = "_" + part
	}
	if len(part) > maxPart {
		stem, end := split(part)
		part = trim(cut(stem, maxPart-len(end)) + end)
	}
	return part
}

// plain replaces what Windows refuses in a name.
func plain(r rune) rune {
	switch r {
	case '\\', ':', '*', '?', '"', '<', '>', '|':
		return '_'
	}
	return r
}

// trim takes from the end what Windows takes from it.
func trim(part string) string { return strings.TrimRight(part, ". ") }

// isDevice reports whether Windows takes part for a device, whatever ending it
// has (Microsoft, "Naming Files, Paths, and Namespaces").
func isDevice(part string) bool {
	base, _, _ := strings.Cut(part, ".")
	base = strings.TrimRight(base, " ")
	if len(base) > len("CONOUT$") {
		return false
	}
	base = strings.ToUpper(base)
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port, ok := strings.CutPrefix(base, "COM")
	if !ok {
		port, ok = strings.CutPrefix(base, "LPT")
	}
	return ok && utf8.RuneCountInString(port) == 1 && strings.Contains("0123456789¹²³", port)
}

// split divides a part into its stem and an ending such as ".jpg".
func split(part string) (stem, end string) {
	if i := strings.LastIndexByte(part, '.'); i > 0 && len(part)-i <= maxEnd {
		return part[:i], part[i:]
	}
	return part, ""
}

// room divides a whole name likewise, with room for a number between the two.
// How long the number is makes no difference, so that a series has one stem.
func room(name string) (stem, end string) {
	const number = len(" (2147483647)")
	dir := strings.LastIndexByte(name, '/') + 1
	stem, end = split(name[dir:])
	return name[:dir] + cut(stem, maxPart-number-len(end)), end
}

// cut shortens s to at most n bytes, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// parents gives the folders that a name lies in.
func parents(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range len(name) {
			if name[i] == '/' && !yield(name[:i]) {
				return
			}
		}
	}
}

// A folder of case gives names that differ only in case the same key.
type folder struct{ fold cases.Caser }

func (f folder) key(name string) string {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return norm.NFC.String(f.fold.String(name))
		}
	}
	return strings.ToLower(name)
}
