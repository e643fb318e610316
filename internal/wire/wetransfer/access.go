package wetransfer

import "github.com/ferry-server/ferry/internal/wire"

// Access lists the door's routes. What is not public takes a key and a token.
func Access() []wire.Access { return wire.AccessOf(new(Handler).routes(), "key and token") }
