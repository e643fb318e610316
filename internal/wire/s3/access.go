package s3

import (
	"github.com/ferry-server/ferry/internal/wire"
)

// Access lists the door's routes. All of them take a signature.
func Access() []wire.Access {
	var all []wire.Access
	for _, rt := range routes() {
		a := wire.Access{
			Method: rt.method, Pattern: Prefix + [...]string{"", "/{bucket}", "/{bucket}/{key}"}[rt.level],
			Who: "signature, to " + scopeOf(rt.method).String(),
		}
		if rt.query != "" {
			a.Pattern += "?" + rt.query
		}
		all = append(all, a)
	}
	return all
}
