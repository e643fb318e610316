package native

import "github.com/ferry-server/ferry/internal/wire"

// Access lists the door's routes.
func Access() []wire.Access {
	var all []wire.Access
	for _, rt := range new(Handler).routes() {
		who := map[audience]string{owners: "owner", holders: "owner or transfer key", guests: "owner or guest", everybody: wire.Public}[rt.who]
		if rt.scope != 0 {
			who += ", to " + rt.scope.String()
		}
		all = append(all, wire.Access{Method: rt.method, Pattern: Prefix + rt.pattern, Who: who})
	}
	return all
}
