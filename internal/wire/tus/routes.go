package tus

import "github.com/ferry-server/ferry/internal/wire"

// A route is one thing that the door does.
type route struct {
	method  string
	of      string // the pattern after the prefix
	operate func(*Handler, *request) error
}

// routes is the whole surface. All of it takes an API key that is to send.
func routes() []route {
	return []route{
		{"POST", "", (*Handler).create},
		{"HEAD", "/{file}", (*Handler).look},
		{"PATCH", "/{file}", (*Handler).append},
		{"DELETE", "/{file}", (*Handler).terminate},
		{"PUT", "/{file}", (*Handler).create}, // the path is the file's name, as curl -T makes it
	}
}

// match finds what a request means; nil is nothing.
func match(method string, file bool) func(*Handler, *request) error {
	for _, rt := range routes() {
		if rt.method == method && (rt.of != "") == file {
			return rt.operate
		}
	}
	return nil
}

// Access lists the door's routes.
func Access() []wire.Access {
	var all []wire.Access
	for _, rt := range routes() {
		all = append(all, wire.Access{Method: rt.method, Pattern: Prefix + rt.of, Who: "key, to send"})
	}
	return all
}
