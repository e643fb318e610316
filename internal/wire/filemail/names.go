package filemail

import (
	"strings"
	"unicode"
)

const (
	maxElement = 255 // characters of a file's or folder's name
	maxFolders = 64  // folders inside each other
)

// cleanName makes of a file's name, which may be a path of the sender's machine,
// one that stays inside a folder: folders are kept, joined by slashes; roots,
// drives, "." and ".." are taken out, and so are control characters and elements of
// nothing but dots and spaces, which Windows reads as "." or "..". Nothing else
// changes. What is left may be empty. Cleaning a clean name changes nothing.
func cleanName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return -1
		case r == '\\':
			return '/'
		}
		return r
	}, name)
	var kept []string
	for element := range strings.SplitSeq(name, "/") {
		for hasDrive(element) {
			element = element[2:]
		}
		if strings.Trim(element, ". ") == "" {
			continue
		}
		kept = append(kept, element)
	}
	for len(kept) > 1 && kept[0] == "?" { // of \\?\C:\…
		kept = kept[1:]
	}
	return strings.Join(kept, "/")
}

// hasDrive reports whether the element begins with a drive of Windows: "C:".
func hasDrive(element string) bool {
	return len(element) >= 2 && element[1] == ':' && 'a' <= element[0]|0x20 && element[0]|0x20 <= 'z'
}

// badName says why a clean name cannot be a file's, or "".
func badName(clean string) string {
	if clean == "" {
		return "must not be empty"
	}
	folders := -1
	for element := range strings.SplitSeq(clean, "/") {
		if folders++; folders > maxFolders {
			return "has too many folders"
		}
		if utf16Len(element) > maxElement {
			return "must have at most 255 characters between slashes"
		}
	}
	return ""
}
