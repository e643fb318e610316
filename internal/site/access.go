package site

import "github.com/ferry-server/ferry/internal/wire"

// Access lists the site's routes, with that of the short links.
func Access() []wire.Access {
	h := new(Handler)
	return wire.AccessOf(append(h.routes(), get("/{code}", h.shortLink)), "session")
}
