// Package letter is what Ferry writes to people by mail: what each kind of letter
// has to tell, and what becomes of one in the outbox.
//
// It owns the data of letters, which addresses and headers one may have, and the
// rules of the outbox: once ever for each thing a letter is about, how long and
// how often sending is tried. It leaves the wording to package words, and making
// and sending mail to package notify. A package that has something to tell writes a
// job of the kind JobPrefix and a Kind, in the transaction of what happened, and
// gives the Letter when it is asked for it. Start at Letter, then Item.
package letter

import (
	"encoding/json"
	"fmt"
	"io"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// A Kind of letter.
type Kind string

// The kinds. Their names stand in the database.
const (
	Recipient     Kind = "recipient"        // somebody is sent files
	Confirmation  Kind = "confirmation"     // the sender: they are on their way
	FirstDownload Kind = "first_download"   // the sender: somebody has fetched them
	Summary       Kind = "download_summary" // the sender: who has fetched them
	Verify        Kind = "verify"           // is this your address?
	Reset         Kind = "reset"            // choose another password
	Register      Kind = "register"         // finish making your account
	Test          Kind = "test"             // the operator: mail works
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Recipient, Confirmation, FirstDownload, Summary, Verify, Reset, Register, Test}
}

// JobPrefix and a Kind make the kind of the job by which a letter is asked for;
// the job's ID is what the letter is about.
const JobPrefix = "letter."

// A Letter is what one person is told, once. It has one link at most.
type Letter struct {
	About    string    // what it is about, such as a recipient's key: with the kind, the reason why it is written once ever
	To       string    // one bare address
	ReplyTo  string    // one bare address, or empty
	FromName string    // the name shown beside our address, such as the sender's; or empty
	Locale   string    // the language it is to be in, such as "de-CH"; or empty
	Link     Link      // empty only for a Test
	Until    time.Time // when there is no point in sending it any more; zero: never
	Data     Data
}

// A Link leads its reader to what the letter is about. It is a secret: it prints,
// logs and encodes as dots; to write it into a letter, say string(l).
type Link string

func (Link) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, "•••") }
func (Link) MarshalText() ([]byte, error) { return []byte("•••"), nil }

// Data is what a letter of one kind tells.
type Data interface{ Kind() Kind }

// A Transfer is what letters say of one.
type Transfer struct {
	Sender    string // name or address; empty: nobody knows
	Subject   string
	Message   string
	Files     []File // the first of them will do
	Count     int    // how many there are
	Size      int64  // of all together
	Expires   time.Time
	Protected bool // by a password, which no letter tells
}

// A File of a transfer.
type File struct {
	Name string
	Size int64
}

// A Download is one that has been.
type Download struct {
	Who  string // a recipient's address; empty: somebody with the common link
	What string // a file's name; empty: all together
	At   time.Time
}

// What letters of each kind tell.
type (
	ToRecipient struct{ Transfer }
	Confirmed   struct {
		Transfer
		Recipients     []string // the first of them will do
		RecipientCount int
	}
	Downloaded struct {
		Transfer
		Download Download
	}
	Summed struct {
		Transfer
		Downloads     []Download // the latest first; the first of them will do
		DownloadCount int
	}
	ToVerify   struct{}
	ToReset    struct{}
	ToRegister struct{}
	Trial      struct{}
)

func (*ToRecipient) Kind() Kind { return Recipient }
func (*Confirmed) Kind() Kind   { return Confirmation }
func (*Downloaded) Kind() Kind  { return FirstDownload }
func (*Summed) Kind() Kind      { return Summary }
func (*ToVerify) Kind() Kind    { return Verify }
func (*ToReset) Kind() Kind     { return Reset }
func (*ToRegister) Kind() Kind  { return Register }
func (*Trial) Kind() Kind       { return Test }

// Shown is how many files, recipients or downloads a letter lists, MaxMessage how
// many bytes of a message it quotes: it is an invitation, not an archive.
const (
	Shown      = 20
	MaxMessage = 10_000
)

// Check refuses a letter that cannot become a mail: Invalid "letter_invalid",
// with Fields. No line break gets any further than this into what becomes a header.
func (l *Letter) Check() error {
	var bad []fault.Field
	wrong := func(name, code, msg string) { bad = append(bad, fault.Field{Name: name, Code: code, Msg: msg}) }
	if !isAddress(l.To) {
		wrong("to", "email_invalid", "not an e-mail address")
	}
	if l.ReplyTo != "" && !isAddress(l.ReplyTo) {
		wrong("replyto", "email_invalid", "not an e-mail address")
	}
	if strings.ContainsAny(l.FromName, "\r\n\x00") {
		wrong("from", "line_break", "must be one line")
	}
	if s := subject(l.Data); strings.ContainsAny(s, "\r\n\x00") {
		wrong("subject", "line_break", "must be one line")
	}
	if l.About == "" || l.Data == nil {
		wrong("about", "required", "must say what the letter is about")
	} else if l.Data.Kind() != Test || l.Link != "" {
		u, err := url.Parse(string(l.Link))
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsAny(string(l.Link), " \r\n\t") {
			wrong("link", "link_invalid", "must be an address of the web")
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Code: "letter_invalid", Msg: bad[0].Name + " " + bad[0].Msg, Fields: bad}
}

// isAddress takes one bare address and nothing around it.
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254 && !strings.ContainsAny(s, "\r\n\x00 ")
}

func subject(d Data) string {
	if t := TransferOf(d); t != nil {
		return t.Subject
	}
	return ""
}

// TransferOf gives the transfer that d tells of; nil when it tells of none.
func TransferOf(d Data) *Transfer {
	switch d := d.(type) {
	case *ToRecipient:
		return &d.Transfer
	case *Confirmed:
		return &d.Transfer
	case *Downloaded:
		return &d.Transfer
	case *Summed:
		return &d.Transfer
	}
	return nil
}

// kept is a Letter as it is encoded.
type kept struct {
	Kind     Kind
	About    string
	To       string
	ReplyTo  string `json:",omitempty"`
	FromName string `json:",omitempty"`
	Locale   string `json:",omitempty"`
	Link     string
	Until    time.Time
	Data     json.RawMessage
}

// Encode gives the letter, link and all, as JSON. What no letter shows is left out.
func (l *Letter) Encode() ([]byte, error) {
	data, err := json.Marshal(short(l.Data))
	if err != nil {
		return nil, err
	}
	return json.Marshal(kept{
		l.Data.Kind(), l.About, l.To, l.ReplyTo, l.FromName, l.Locale, string(l.Link), l.Until, data,
	})
}

// short gives d without what no letter shows.
func short(d Data) Data {
	switch old := d.(type) {
	case *ToRecipient:
		return &ToRecipient{old.short()}
	case *Confirmed:
		d := *old
		d.Transfer, d.Recipients = old.short(), first(old.Recipients)
		return &d
	case *Downloaded:
		return &Downloaded{old.short(), old.Download}
	case *Summed:
		d := *old
		d.Transfer, d.Downloads = old.short(), first(old.Downloads)
		return &d
	}
	return d
}

func (t *Transfer) short() Transfer {
	c := *t
	c.Files = first(t.Files)
	if len(t.Message) > MaxMessage {
		c.Message = strings.ToValidUTF8(t.Message[:MaxMessage], "") + " …"
	}
	return c
}

func first[T any](all []T) []T { return all[:min(len(all), Shown)] }

func newData(k Kind) Data {
	switch k {
	case Recipient:
		return &ToRecipient{}
	case Confirmation:
		return &Confirmed{}
	case FirstDownload:
		return &Downloaded{}
	case Summary:
		return &Summed{}
	case Verify:
		return &ToVerify{}
	case Reset:
		return &ToReset{}
	case Register:
		return &ToRegister{}
	case Test:
		return &Trial{}
	}
	return nil
}

// Decode is the way back from Encode.
func Decode(text []byte) (*Letter, error) {
	var k kept
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, err
	}
	data := newData(k.Kind)
	if data == nil {
		return nil, fmt.Errorf("a letter of unknown kind %q", k.Kind)
	}
	if err := json.Unmarshal(k.Data, data); err != nil {
		return nil, err
	}
	return &Letter{k.About, k.To, k.ReplyTo, k.FromName, k.Locale, Link(k.Link), k.Until, data}, nil
}
