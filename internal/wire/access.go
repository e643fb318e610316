package wire

// An Access says whom a route is for, in the words of its door. Each door lists its own
// from the table that it serves by, for the test that walks all routes of the server.
type Access struct {
	Method, Pattern string
	Who             string // "public" where nobody is asked who they are; else what one must come with
}

// Public is the Who of a route that everybody may call.
const Public = "public"

// AccessOf lists a router's table; who is what one must come with where it is not public.
func AccessOf(table []Route, who string) []Access {
	all := make([]Access, len(table))
	for i, rt := range table {
		all[i] = Access{rt.Method, rt.Pattern, who}
		if rt.Public {
			all[i].Who = Public
		}
	}
	return all
}
