package filemail

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/transfer"
)

// A ticket is what a file key says: which bytes it opens, by whose link, and that
// whoever was given it had shown the password. Filemail's are 50 to 75 url-safe
// characters (many public links); ours are 74, always the same for the same ticket,
// and not to be read by their holders. They are good as long as the transfer and
// its password are.
type ticket struct {
	kind   ticketKind
	inside bool     // was given to one of the sender's company
	item   [16]byte // primary key of the file, or of the transfer
	to     [16]byte // primary key of the recipient; zero: by the common link
	pass   [passMark]byte
}

type ticketKind byte

const (
	oneFile  ticketKind = 1
	allFiles ticketKind = 2 // as a zip
	fileList ticketKind = 3 // the list of files, for Filemail's web app: a filestoken
)

const (
	// passMark is how much of a pass a ticket holds: enough to tell one from
	// another, as nobody can make a ticket.
	passMark    = 6
	ticketBytes = 1 + 16 + 16 + passMark
	insideBit   = 0x80

	fileKeyMAC = "filemail filekey mac"
	fileKeyEnc = "filemail filekey"
)

// newTicket makes a ticket for a reader who may have the item.
func (s *seen) newTicket(kind ticketKind, item string) ticket {
	t := ticket{kind: kind, inside: s.inside, pass: markOf(s.pass)}
	t.item, _ = id.Bytes(item) // a primary key
	if s.to != nil {
		t.to, _ = id.Bytes(string(s.to.Key))
	}
	return t
}

// markOf gives what a ticket holds of a pass, which is hexadecimal; zeros for none.
func markOf(pass account.Secret) (m [passMark]byte) {
	if len(pass) >= hex.EncodedLen(passMark) {
		_, _ = hex.Decode(m[:], []byte(pass[:hex.EncodedLen(passMark)]))
	}
	return m
}

// recipient gives whose link it is, "" for the common one.
func (t *ticket) recipient() transfer.RecipientKey {
	if t.to == [16]byte{} {
		return ""
	}
	return transfer.RecipientKey(id.OfBytes(t.to))
}

func (t *ticket) itemKey() string { return id.OfBytes(t.item) }

// seal makes a file key: the ticket's MAC, then the ticket encrypted with the MAC
// as its nonce (the construction of SIV, RFC 5297), so that equal tickets are equal.
func (t *ticket) seal(ring *keyring.Ring) string {
	plain := make([]byte, 0, ticketBytes)
	first := byte(t.kind)
	if t.inside {
		first |= insideBit
	}
	plain = append(plain, first)
	plain = append(plain, t.item[:]...)
	plain = append(plain, t.to[:]...)
	plain = append(plain, t.pass[:]...)
	tag := ticketMAC(ring.Key(fileKeyMAC), plain)
	sealed := append(tag, make([]byte, ticketBytes)...)
	crypt(ring.Key(fileKeyEnc), tag, sealed[len(tag):], plain)
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// openTicket reads a file key of this kind.
func openTicket(ring *keyring.Ring, key string) (t ticket, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || len(sealed) != aes.BlockSize+ticketBytes {
		return t, false
	}
	tag, plain := sealed[:aes.BlockSize], make([]byte, ticketBytes)
	macs := ring.Keys(fileKeyMAC)
	for i, enc := range ring.Keys(fileKeyEnc) {
		crypt(enc, tag, plain, sealed[aes.BlockSize:])
		if !hmac.Equal(tag, ticketMAC(macs[i], plain)) {
			continue
		}
		t.kind, t.inside = ticketKind(plain[0]&^insideBit), plain[0]&insideBit != 0
		copy(t.item[:], plain[1:])
		copy(t.to[:], plain[17:])
		copy(t.pass[:], plain[33:])
		return t, true
	}
	return t, false
}

func ticketMAC(key, plain []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(plain)
	return m.Sum(nil)[:aes.BlockSize]
}

func crypt(key, nonce, to, from []byte) {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("filemail: " + err.Error()) // of a key of 32 bytes
	}
	cipher.NewCTR(block, nonce).XORKeyStream(to, from)
}
