package transfer

import (
	"slices"
	"testing"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/share"
)

// What a view shows, in one line: add a letter for each field, and the recipients.
func shown(v View, to []*Recipient) string {
	s := ""
	for _, f := range []struct {
		on   bool
		name string
	}{{v.Sender, "sender "}, {v.Key, "key "}, {v.Tracking, "tracking "}, {v.Open, "open "}, {v.Change, "change "}} {
		if f.on {
			s += f.name
		}
	}
	for _, r := range to {
		if v.Shows(r) {
			s += r.Address + " "
		}
	}
	return s
}

func TestWhoSeesWhat(t *testing.T) {
	tr := &Transfer{Share: share.Share{Key: "t", Owner: account.Owner{Account: "alice", Room: "room"}}}
	to := []*Recipient{{Home: "t", Address: "bob@in"}, {Home: "t", Address: "carol@out"}}
	members := func(owner account.ID, address string) bool {
		return slices.Contains([]account.ID{"bob", "boss"}, owner) || address == "bob@in"
	}
	const all = "sender key tracking open change bob@in carol@out "
	for _, tt := range []struct {
		name   string
		reader Reader
		want   string
	}{
		{"the sender, in whatever room", Reader{Account: "alice"}, all},
		{"nobody", Reader{}, ""},
		{"somebody with an account", Reader{Account: "mallory", Address: "mallory@x"}, ""},
		{"who came by the own link", Reader{Link: to[0]}, "sender "},
		{"who came by a link of another transfer", Reader{Link: &Recipient{Home: "other"}}, ""},
		{"a recipient who is signed in", Reader{Account: "carol", Address: "carol@out"}, "sender "},
		{"an account whose address is not verified", Reader{Account: "carol"}, ""},
		{"an admin of the recipients' company", Reader{Account: "boss", Members: members}, "sender tracking bob@in "},
		{"an admin of the sender's company", Reader{Account: "head", Members: func(o account.ID, _ string) bool { return o == "alice" }}, all},
		{"an admin of neither", Reader{Account: "chief", Members: func(account.ID, string) bool { return false }}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := shown(ViewOf(tr, to, tt.reader), to); got != tt.want {
				t.Errorf("sees %q, want %q", got, tt.want)
			}
		})
	}
	nobodys := &Transfer{Share: share.Share{Key: "t"}}
	if got := shown(ViewOf(nobodys, nil, Reader{}), nil); got != "" {
		t.Errorf("a transfer without owner shows nobody %q", got)
	}
}
