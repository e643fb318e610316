package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// A HandlerFunc answers a request, or returns why it cannot; the door then finds
// the words.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// A Route is one line of a door's table.
type Route struct {
	Method string

	// Pattern is a path whose segments are literal or {name}. A name takes one
	// segment that is not empty; an empty literal takes the empty segment, as
	// in /v2/boards//links.
	Pattern string

	Handle HandlerFunc
	Public bool // may be called by nobody in particular; else the door asks who it is
	Head   bool // a GET route that answers HEAD too

	names []string
}

// A Router finds the route of a request. Unlike http.ServeMux it never answers
// by itself and never redirects, so a door can check and refuse in the order and
// the words of its API. It is safe for concurrent use.
//
// One slash at the end of a path is let pass; paths are not cleaned otherwise.
// Segments are cut from the path as it was sent and then decoded, so that %2F is
// part of a segment. A segment that is not UTF-8 or holds NUL matches nothing:
// no id has one, and no database takes it.
type Router struct {
	root   node
	routes []Route
}

// maxNames is how many names a pattern may have.
const maxNames = 8

// A node is a place in the tree of patterns: what was matched up to a slash.
type node struct {
	literal map[string]*node
	named   *node
	routes  []*Route
}

// NewRouter makes a router of a table. It panics when the table is wrong: a
// malformed pattern, or two routes for the same requests.
func NewRouter(table ...Route) *Router {
	rt := &Router{routes: slices.Clone(table)}
	for i := range rt.routes {
		rt.add(&rt.routes[i])
	}
	return rt
}

// Routes gives the table, for the tests that walk it. The caller must not
// change it.
func (rt *Router) Routes() []Route { return rt.routes }

// A Match is what a router knows of a request.
type Match struct {
	Route   *Route   // nil if no route takes the request
	Allowed []string // then: the methods that the path takes, sorted; none if nothing has this path
}

// Match finds the route of r. Where several patterns take the path and have the
// method, the one that is literal further to the left wins. On a match it sets
// r.Pattern and the path values.
func (rt *Router) Match(r *http.Request) Match {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), "/")
	if !ok {
		return Match{}
	}
	if len(path) > 1 { // "//" is not "/" with a slash at its end
		path = strings.TrimSuffix(path, "/")
	}
	s := search{method: r.Method}
	route := s.walk(&rt.root, path)
	if route == nil {
		slices.Sort(s.allowed)
		return Match{Allowed: slices.Compact(s.allowed)}
	}
	r.Pattern = route.Pattern
	for i, name := range route.names {
		r.SetPathValue(name, s.values[i])
	}
	return Match{Route: route}
}

// A search is one walk through the tree.
type search struct {
	method  string
	values  [maxNames]string
	named   int      // how many values are set
	allowed []string // methods of the patterns that took the path but not the method
}

// walk takes the next segment of path at n.
func (s *search) walk(n *node, path string) *Route {
	segment, rest, more := strings.Cut(path, "/")
	if strings.Contains(segment, "%") {
		var err error
		if segment, err = url.PathUnescape(segment); err != nil {
			return nil
		}
		if strings.Contains(segment, "\x00") || !utf8.ValidString(segment) {
			return nil
		}
	}
	if next := n.literal[segment]; next != nil {
		if route := s.enter(next, rest, more); route != nil {
			return route
		}
	}
	if n.named == nil || segment == "" {
		return nil
	}
	s.values[s.named] = segment
	s.named++
	route := s.enter(n.named, rest, more)
	s.named--
	return route
}

func (s *search) enter(n *node, rest string, more bool) *Route {
	if more {
		return s.walk(n, rest)
	}
	for _, route := range n.routes {
		if route.Method == s.method || (route.Head && s.method == http.MethodHead) {
			return route
		}
	}
	for _, route := range n.routes {
		s.allowed = append(s.allowed, route.Method)
		if route.Head {
			s.allowed = append(s.allowed, http.MethodHead)
		}
	}
	return nil
}

func (rt *Router) add(route *Route) {
	wrong := func(why string) {
		panic(fmt.Sprintf("wire: route %s %s: %s", route.Method, route.Pattern, why))
	}
	path, ok := strings.CutPrefix(route.Pattern, "/")
	switch {
	case !ok:
		wrong("the pattern does not begin with a slash")
	case path != "" && strings.HasSuffix(path, "/"):
		wrong("the pattern ends with a slash, which every path may")
	case route.Method == "" || route.Handle == nil:
		wrong("no method or no handler")
	case route.Head && route.Method != http.MethodGet:
		wrong("only GET answers HEAD")
	}
	n := &rt.root
	for segment := range strings.SplitSeq(path, "/") {
		name, isName := strings.CutPrefix(segment, "{")
		if !isName {
			n = n.child(segment)
			continue
		}
		name, closed := strings.CutSuffix(name, "}")
		if !closed || name == "" || slices.Contains(route.names, name) || len(route.names) == maxNames {
			wrong("name " + segment)
		}
		route.names = append(route.names, name)
		if n.named == nil {
			n.named = new(node)
		}
		n = n.named
	}
	for _, other := range n.routes {
		if other.Method == route.Method {
			wrong("takes the same requests as " + other.Pattern)
		}
	}
	n.routes = append(n.routes, route)
}

func (n *node) child(segment string) *node {
	if n.literal == nil {
		n.literal = make(map[string]*node)
	}
	if n.literal[segment] == nil {
		n.literal[segment] = new(node)
	}
	return n.literal[segment]
}
