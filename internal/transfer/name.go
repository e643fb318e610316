package transfer

import (
	"context"
	"regexp"
	"strings"
)

// NamePrefix is what the sender's own name of a link goes behind, in its code and in
// its address: no other code begins so.
const NamePrefix = "to/"

// linkName is what such a name may be: what can be told on the telephone.
var linkName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,62}[a-z0-9]$`)

func (w *wrong) linkName(name string) {
	if name != "" && !linkName.MatchString(name) {
		w.add("name", "name_invalid", "must be 3 to 64 of a-z, 0-9 and -, with a letter or digit at both ends")
	}
}

func linkCode(name string) string {
	if name == "" {
		return ""
	}
	return NamePrefix + name
}

// LinkName is the sender's own name for the link; "" where it has none.
func (t *Transfer) LinkName() string {
	name, ok := strings.CutPrefix(t.Code, NamePrefix)
	if !ok {
		return ""
	}
	return name
}

// ByName finds the transfer whose link its sender has named so, like ByTrack.
func (d *Desk) ByName(ctx context.Context, name string) (*Transfer, error) {
	return d.ByCode(ctx, NamePrefix+name)
}
