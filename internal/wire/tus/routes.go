package tus

import "github.com/ferry-server/ferry/internal/wire"

// A route is one thing that the door does.
type route struct {
	method  string
	of      string // the pattern after the prefix
	fills   bool   // a file that is there: also for who is signed in, and who has the key of its transfer
	operate func(*Handler, *request) error
}

// routes is the whole surface. All of it takes an API key that is to send, and what fills a
// file others too.
func routes() []route {
	return []route{
		{"POST", "", false, (*Handler).create},
		{"HEAD", "/{file}", true, (*Handler).look},
		{"PATCH", "/{file}", true, (*Handler).append},
		{"DELETE", "/{file}", true, (*Handler).terminate},
		{"PUT", "/{file}", false, (*Handler).create}, // the path is the file's name, as curl -T makes it
	}
}

// match finds what a request means; nil is nothing.
func match(method string, file bool) *route {
	for _, rt := range routes() {
		if rt.method == method && (rt.of != "") == file {
			return &rt
		}
	}
	return nil
}

// Access lists the door's routes.
func Access() []wire.Access {
	var all []wire.Access
	for _, rt := range routes() {
		who := "key, to send"
		if rt.fills {
			who = "owner or transfer key, to send"
		}
		all = append(all, wire.Access{Method: rt.method, Pattern: Prefix + rt.of, Who: who})
	}
	return all
}
