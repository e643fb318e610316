package sigv4

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// encode percent-encodes s as SigV4 wants it: everything but RFC 3986's unreserved characters,
// with upper-case digits. (url.QueryEscape writes a space as '+', url.PathEscape leaves some
// characters alone that S3 encodes.)
func encode(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r > '~' || !unreserved(byte(r)) }) {
		return s
	}
	dst := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		dst = appendByte(dst, s[i])
	}
	return string(dst)
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func appendByte(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	if unreserved(c) {
		return append(dst, c)
	}
	return append(dst, '%', digits[c>>4], digits[c&15])
}

// appendPath appends the canonical path: each segment decoded and encoded again, once.
// Nothing is cleaned, because "//" and "." are legal in the keys of S3. A slash that was
// sent as %2F stays so: signers sign the path they send.
func appendPath(dst []byte, u *url.URL) []byte {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '/':
			dst = append(dst, c)
		case c == '%' && i+2 < len(path): // EscapedPath has no bad escapes
			dst = appendByte(dst, unhex(path[i+1])<<4|unhex(path[i+2]))
			i += 2
		default:
			dst = appendByte(dst, c)
		}
	}
	return dst
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}

// canonicalQuery is the query with names and values decoded, encoded again and then sorted, so it
// does not matter how a client's library wrote them down. The signature itself is left out.
func canonicalQuery(query url.Values) string {
	type pair struct{ name, value string }
	pairs := make([]pair, 0, len(query))
	for name, values := range query {
		if name == querySignature {
			continue
		}
		for _, value := range values {
			pairs = append(pairs, pair{encode(name), encode(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	dst := make([]byte, 0, 512)
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(append(dst, p.name...), '='), p.value...)
	}
	return string(dst)
}

// canonicalRequest is what is signed: the request as client and server both can write it
// ("Create a signed AWS API request", step 1). The query is given in canonical form.
func canonicalRequest(r *http.Request, query string, signedHeaders []string, payload string) []byte {
	dst := make([]byte, 0, 1024)
	dst = append(append(dst, r.Method...), '\n')
	dst = append(appendPath(dst, r.URL), '\n')
	dst = append(append(dst, query...), '\n')
	for _, name := range signedHeaders {
		dst = append(append(dst, name...), ':')
		for i, value := range headerValues(r, name) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, trimSpaces(value)...)
		}
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	for i, name := range signedHeaders {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, name...)
	}
	return append(append(dst, '\n'), payload...)
}

// headerValues returns the values of a header, also of those that net/http takes out of the
// header map. A signed header that is missing counts as empty, and so fails by its signature.
func headerValues(r *http.Request, name string) []string {
	if name == "host" {
		return []string{r.Host}
	}
	if values, ok := r.Header[http.CanonicalHeaderKey(name)]; ok {
		return values
	}
	switch name {
	case "content-length":
		return []string{strconv.FormatInt(r.ContentLength, 10)}
	case "transfer-encoding":
		return r.TransferEncoding
	case "expect": // HTTP allows one value only
		return []string{"100-continue"}
	}
	return nil
}

// trimSpaces removes spaces at the ends and joins runs of them.
func trimSpaces(s string) string {
	s = strings.TrimSpace(s)
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}
