package deliver

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSpans is how many ranges an answer may have. Who wants more gets the whole.
const maxSpans = 8

// choose decides the status of the answer to r and which spans of an item of
// size bytes it carries, in the order of RFC 9110, section 13.2.2.
func choose(r *http.Request, it Item, size int64) (status int, spans []Span) {
	h := r.Header
	if list := h.Get("If-Match"); list != "" {
		if !listed(list, it.ETag, false) {
			return http.StatusPreconditionFailed, nil
		}
	} else if t, ok := date(h.Get("If-Unmodified-Since")); ok && hasTime(it.Modified) {
		if it.Modified.Truncate(time.Second).After(t) {
			return http.StatusPreconditionFailed, nil
		}
	}
	if list := h.Get("If-None-Match"); list != "" {
		if listed(list, it.ETag, true) {
			return http.StatusNotModified, nil
		}
	} else if t, ok := date(h.Get("If-Modified-Since")); ok && hasTime(it.Modified) {
		if !it.Modified.Truncate(time.Second).After(t) {
			return http.StatusNotModified, nil
		}
	}
	if want := h.Get("Range"); want != "" && ifRange(h.Get("If-Range"), it) {
		spans, ok := parseRange(want, size)
		if !ok {
			return http.StatusRequestedRangeNotSatisfiable, nil
		}
		if len(spans) > 0 {
			return http.StatusPartialContent, spans
		}
	}
	return http.StatusOK, []Span{{0, size}}
}

// ifRange reports whether a Range may be answered with one: the client has the
// beginning of the same bytes.
func ifRange(condition string, it Item) bool {
	if condition == "" {
		return true
	}
	if tag, _, ok := cutTag(condition); ok {
		return tag == it.ETag
	}
	t, ok := date(condition)
	return ok && hasTime(it.Modified) && t.Unix() == it.Modified.Unix()
}

// listed reports whether a list of entity tags has tag, which is a strong one, or
// is "*". The weak comparison takes W/"x" for "x".
func listed(list, tag string, weak bool) bool {
	for {
		list = strings.TrimLeft(list, ", \t")
		if strings.HasPrefix(list, "*") {
			return true
		}
		t, rest, ok := cutTag(list)
		if !ok {
			return false
		}
		if weak {
			t = strings.TrimPrefix(t, "W/")
		}
		if t == tag {
			return true
		}
		list = rest
	}
}

// cutTag takes the entity tag from the beginning of s.
func cutTag(s string) (tag, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	quoted := strings.TrimPrefix(s, "W/")
	if !strings.HasPrefix(quoted, `"`) {
		return "", "", false
	}
	end := strings.IndexFunc(quoted[1:], func(r rune) bool { return r == '"' || r <= ' ' || r == 0x7f })
	if end < 0 || quoted[1+end] != '"' {
		return "", "", false
	}
	n := len(s) - len(quoted) + 1 + end + 1
	return s[:n], s[n:], true
}

func date(s string) (time.Time, bool) {
	t, err := http.ParseTime(s)
	return t, err == nil
}

// parseRange reads a Range for an item of size bytes. No spans mean the whole
// item: because the unit is not ours (RFC 9110, section 14.2), because there are
// too many spans or they are larger together than the item, or because the item
// is empty, which some clients ask for by ranges too. It is not ok if it is no
// range, or if nothing of it lies in the item.
func parseRange(s string, size int64) (spans []Span, ok bool) {
	unit, list, _ := strings.Cut(s, "=")
	if !strings.EqualFold(unit, "bytes") {
		return nil, true
	}
	var outside bool
	var sum int64
	for spec := range strings.SplitSeq(list, ",") {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		first, last, hasDash := strings.Cut(spec, "-")
		if !hasDash {
			return nil, false
		}
		var span Span
		switch from, to := number(first), number(last); {
		case first == "" && to >= 0: // the last so many
			n := min(to, size)
			span = Span{size - n, n}
		case last == "" && from >= 0:
			span = Span{from, max(size-from, 0)}
		case from >= 0 && from <= to:
			span = Span{from, max(min(to, size-1)-from+1, 0)}
		default:
			return nil, false
		}
		if span.N == 0 {
			outside = true
			continue
		}
		if spans = append(spans, span); len(spans) > maxSpans {
			return nil, true
		}
		sum += span.N
	}
	if sum > size {
		return nil, true
	}
	return spans, len(spans) > 0 || !outside || size == 0
}

// number reads digits, however many, and gives -1 if there is anything else.
func number(s string) int64 {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
	}
	if s == "" {
		return -1
	}
	n, _ := strconv.ParseInt(s, 10, 64) // out of range: the largest there is
	return n
}
