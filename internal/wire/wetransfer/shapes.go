package wetransfer

import (
	"time"

	"github.com/ferry-server/ferry/internal/id"
)

// Ids, codes and hashes in the shapes of WeTransfer's. Clients take ids for
// opaque, but some that read its links check them: 46 of [a-z0-9] in
// /downloads/{id}/{hash}, 12 characters of [A-Za-z0-9-] in a short link, 6 hex
// digits for the hash (iamleot/transferwee, orgrimarr/node-wetransfert).

const stamp = "20060102150405" // the time at the end of every id, UTC

// transferID names a v2 transfer or a file of one: 32 hex digits and the time.
func transferID(ids *id.Source, now time.Time) string {
	return ids.Text(id.Hex, 32) + now.UTC().Format(stamp)
}

// boardID names a board, a v1 transfer or an item of either: "s", 16 characters
// and the time.
func boardID(ids *id.Source, now time.Time) string {
	return "s" + ids.Text(id.Lower, 16) + now.UTC().Format(stamp)
}

// Prefixes of short codes.
const (
	transferCode = "t-"
	boardCode    = "b-"
	v1Code       = "s-"
)

// shortCode is the whole path of a short link.
func shortCode(ids *id.Source, prefix string) string { return prefix + ids.Text(id.Base62, 10) }

// securityHash goes with a transfer's id in long links. It is too short to be a
// secret: the id is.
func securityHash(ids *id.Source) string { return ids.Text(id.Hex, 6) }

// uploadID is a multipart upload's. It goes unescaped into the next URL.
func uploadID(ids *id.Source) string { return "mp." + ids.Text(id.Base62, 22) }
