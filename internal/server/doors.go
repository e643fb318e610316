package server

import (
	"errors"
	"net/http"
	"strings"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// doors is the table of prefixes. The zero value is empty.
type doors struct {
	byPrefix map[string]Door
	stems    map[string]Door // prefixes that end with a hyphen
	deepest  int             // segments of the longest prefix
	fallback Door
}

func (d *doors) add(prefix string, door Door) error {
	if prefix == "/" {
		if d.fallback != nil {
			return errors.New("is taken")
		}
		d.fallback = door
		return nil
	}
	if !strings.HasPrefix(prefix, "/") || strings.HasSuffix(prefix, "/") || strings.Contains(prefix, "//") {
		return errors.New("must begin with a slash and hold no empty segment")
	}
	table := &d.byPrefix
	if strings.HasSuffix(prefix, "-") {
		if strings.Count(prefix, "/") != 1 {
			return errors.New("a hyphen may end a first segment only")
		}
		table = &d.stems
	}
	if *table == nil {
		*table = map[string]Door{}
	}
	if (*table)[prefix] != nil {
		return errors.New("is taken")
	}
	(*table)[prefix] = door
	d.deepest = max(d.deepest, strings.Count(prefix, "/"))
	return nil
}

// find gives the door of a decoded path, and the prefix that it was found by. It
// looks at the first segments only, however many there are.
func (d *doors) find(path string) (prefix string, door Door) {
	first := len(path)
	for end, n := 0, 0; n < d.deepest && end < len(path); n++ {
		if path[end] != '/' {
			break // "*" of OPTIONS
		}
		next := strings.IndexByte(path[end+1:], '/')
		if next < 0 {
			end = len(path)
		} else {
			end += 1 + next
		}
		if n == 0 {
			first = end
		}
		if found := d.byPrefix[path[:end]]; found != nil {
			prefix, door = path[:end], found
		}
	}
	if door != nil {
		return prefix, door
	}
	for stem, found := range d.stems {
		if strings.HasPrefix(path[:first], stem) {
			return stem, found
		}
	}
	if d.fallback != nil {
		return "/", d.fallback
	}
	return "", unknown{}
}

// unknown is the door of a server without a site.
type unknown struct{}

func (u unknown) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.Refuse(w, r, fault.New(fault.NotFound, CodeUnknownPath, "there is nothing at this address"))
}

func (unknown) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	var status int
	switch fault.KindOf(err) {
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Unavailable:
		status = http.StatusServiceUnavailable
	default: // the server itself refuses with nothing else
		status = http.StatusInternalServerError
	}
	wire.WriteJSON(w, status, struct {
		Message string `json:"message"`
	}{http.StatusText(status)})
}
