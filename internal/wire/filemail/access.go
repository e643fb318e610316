package filemail

import "github.com/ferry-server/ferry/internal/wire"

// Access lists the door's routes; a classic call stands there once for each method.
func Access() []wire.Access {
	var all []wire.Access
	for _, rt := range new(Handler).routes() {
		who := [...]string{wire.Public, "key", "transfer key", "caller", "user", "token"}[rt.needs]
		if rt.needs != needsNothing && rt.asks() != 0 {
			who += ", to " + rt.asks().String()
		}
		methods := []string{rt.method}
		if rt.method == "" {
			methods = []string{"GET", "POST"}
		}
		for _, m := range methods {
			all = append(all, wire.Access{Method: m, Pattern: rt.pattern, Who: who})
		}
	}
	return all
}
