package wire

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// MediaType gives the type of a Content-Type header in lower case, without its
// parameters: "application/json" for "Application/JSON; charset=utf-8".
func MediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// IsJSON reports whether a Content-Type header says application/json, with
// whatever parameters.
func IsJSON(contentType string) bool {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(t), "application/json")
}

// Accepts reports whether a client whose Accept headers these are takes an
// answer of mediaType, which is given in lower case. No header, or one without
// any range, takes everything. As RFC 9110 (12.5.1) has it, the most specific
// range that covers the type decides, and q=0 is a no; parameters other than q
// are not looked at. A range that is not well formed is as if it were not there.
func Accepts(accept []string, mediaType string) bool {
	major, _, _ := strings.Cut(mediaType, "/")
	given, best, takes := false, 0, false
	for _, header := range accept {
		for element := range quotedFields(header, ',') {
			given = given || element != ""
			name, ok, wanted := mediaRange(element)
			if !ok {
				continue
			}
			specific := 0
			switch name {
			case mediaType:
				specific = 3
			case major + "/*":
				specific = 2
			case "*/*":
				specific = 1
			}
			switch {
			case specific == 0 || specific < best:
			case specific > best:
				best, takes = specific, wanted
			default:
				takes = takes || wanted
			}
		}
	}
	return !given || takes
}

// mediaRange reads one element of an Accept header.
func mediaRange(element string) (name string, ok, wanted bool) {
	first, wanted := true, true
	for part := range quotedFields(element, ';') {
		if first {
			name, first = strings.ToLower(part), false
			major, minor, _ := strings.Cut(name, "/")
			if !isToken(major) || !isToken(minor) || (major == "*" && minor != "*") {
				return "", false, false
			}
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		if !strings.EqualFold(key, "q") {
			continue
		}
		q, err := strconv.ParseFloat(value, 64)
		if err != nil || strings.Trim(value, "0123456789.") != "" || q > 1 {
			return "", false, false
		}
		wanted = q > 0
	}
	return name, true, wanted
}

// quotedFields splits a header at sep where it is not inside a quoted string,
// and trims the fields.
func quotedFields(header string, sep byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(header); i++ {
			switch c := header[i]; {
			case c == '"':
				quoted = !quoted
			case c == '\\' && quoted:
				i++
			case c == sep && !quoted:
				if !yield(strings.TrimSpace(header[start:i])) {
					return
				}
				start = i + 1
			}
		}
		yield(strings.TrimSpace(header[start:]))
	}
}

// isToken reports whether s is a token of RFC 9110 (5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !isDigit(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// Languages gives the languages of Accept-Language headers, those that are liked best
// first (RFC 9110, 12.5.4), without those that are not wanted; at most 20.
func Languages(accept []string) []string {
	type liked struct {
		tag string
		q   float64
	}
	var all []liked
	for _, header := range accept {
		for element := range quotedFields(header, ',') {
			tag, params, _ := strings.Cut(element, ";")
			l := liked{strings.TrimSpace(tag), 1}
			if key, value, ok := strings.Cut(strings.TrimSpace(params), "="); ok && strings.EqualFold(key, "q") {
				l.q, _ = strconv.ParseFloat(value, 64) // none: not wanted
			}
			if isToken(l.tag) && l.q > 0 && len(all) < 20 {
				all = append(all, l)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b liked) int { return cmp.Compare(b.q, a.q) })
	var tags []string
	for _, l := range all {
		tags = append(tags, l.tag)
	}
	return tags
}
