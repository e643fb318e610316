package transfer

import "github.com/ferry-server/ferry/internal/account"

// A Reader is who looks at a transfer, as far as it matters for what is shown.
type Reader struct {
	Account account.ID // empty for nobody
	Address string     // the account's, if it is verified to be theirs; else empty
	Link    *Recipient // whose own link they came by; nil: the common one, or none

	// Members tells whether an account, and an address, is of the company that the
	// reader administers; nil for those who administer none.
	Members func(owner account.ID, address string) bool
}

// A View says which fields of a transfer its reader may see, beside those that
// belong to whoever holds a link: names, sizes, subject, message and dates.
type View struct {
	Sender     bool // the sender's address
	Key        bool // the transfer's key
	Recipients bool // whom it is for, and whether it reached them: see Shows
	Tracking   bool // who fetched what, and when, of those that Shows tells
	Open       bool // sees and fetches without the password
	Change     bool // may change, delete and recover it

	// Inside is set when of recipients and tracking only those of the reader's own
	// company are theirs to see.
	Inside bool
	reader Reader
}

// Shows tells whether this recipient, and what they fetched, may be shown.
func (v *View) Shows(to *Recipient) bool {
	return v.Recipients && (!v.Inside || v.reader.Members("", to.Address))
}

// ViewOf decides what a reader sees of a transfer with these recipients. Filemail
// API 2.0, Getting transfer details: a user does not get key, recipients and
// tracking of what another sent; an admin does not get them of what was neither
// sent nor received inside the organisation.
//
// Of what came from outside an admin gets less here than that may mean: what
// concerns their own people, and not the key, with which one can write.
func ViewOf(t *Transfer, recipients []*Recipient, r Reader) View {
	owns := r.Account != "" && r.Account == t.Owner.Account
	if owns || r.Members != nil && r.Members(t.Owner.Account, "") {
		return View{Sender: true, Key: true, Recipients: true, Tracking: true, Open: true, Change: true}
	}
	v := View{Sender: r.Link != nil && r.Link.Home == t.Key}
	for _, to := range recipients {
		if r.Address != "" && to.Address == r.Address {
			v.Sender = true
		}
		if r.Members != nil && r.Members("", to.Address) {
			v.Sender, v.Recipients, v.Tracking, v.Inside, v.reader = true, true, true, true, r
		}
	}
	return v
}
