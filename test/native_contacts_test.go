package test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

type nativeContact struct {
	ID, Name, Email, Mobile string
	Groups                  []struct{ ID, Name string }
}

type nativeContacts struct {
	Items []nativeContact
	Next  string
}

func (p nativeContacts) emails() string {
	all := ""
	for _, one := range p.Items {
		all += one.Email + " "
	}
	return strings.TrimSpace(all)
}

// An address book by Ferry's own API: the same that the other doors have.
func TestNativeContacts(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	node.Ferry("user", "create", "--email", "ada@example.org", "--password", "correct horse battery")
	key := node.Key("--user", "ada@example.org")
	n := newNative(t, node.URL, "X-Api-Key", key)

	var bob, cleo nativeContact
	n.must("POST", "/contacts", object{"name": " Bob ", "email": "Bob@Example.org", "mobile": "1"}, &bob)
	n.must("POST", "/contacts", object{"email": "cleo@example.org"}, &cleo)
	if bob.Name != "Bob" || bob.Email != "bob@example.org" {
		t.Errorf("made: %+v", bob)
	}
	n.must("PATCH", "/contacts/"+cleo.ID, object{"name": "Cleo"}, &cleo)
	if cleo.Name != "Cleo" || cleo.Email != "cleo@example.org" {
		t.Errorf("changed: %+v", cleo)
	}
	var page nativeContacts
	if n.must("GET", "/contacts?limit=1", nil, &page); page.emails() != "bob@example.org" || page.Next == "" {
		t.Fatalf("the first page: %+v", page)
	}
	next := page.Next
	page = nativeContacts{}
	if n.must("GET", "/contacts?limit=1&cursor="+next, nil, &page); page.emails() != "cleo@example.org" || page.Next != "" {
		t.Errorf("the second page: %+v", page)
	}

	// Groups.
	var friends struct {
		ID, Name string
		Members  int
	}
	n.must("POST", "/contact-groups", object{"name": "Freinds"}, &friends)
	n.must("PATCH", "/contact-groups/"+friends.ID, object{"name": "Friends"}, &friends)
	for range 2 { // again is fine
		n.must("PUT", "/contact-groups/"+friends.ID+"/contacts/"+bob.ID, nil, nil)
	}
	n.must("PUT", "/contact-groups/"+friends.ID+"/contacts/"+cleo.ID, nil, nil)
	n.must("DELETE", "/contact-groups/"+friends.ID+"/contacts/"+cleo.ID, nil, nil)
	if n.must("GET", "/contact-groups/"+friends.ID, nil, &friends); friends.Name != "Friends" || friends.Members != 1 {
		t.Errorf("the group: %+v", friends)
	}
	page = nativeContacts{}
	if n.must("GET", "/contact-groups/"+friends.ID+"/contacts", nil, &page); page.emails() != "bob@example.org" {
		t.Errorf("its members: %+v", page)
	}
	if n.must("GET", "/contacts/"+bob.ID, nil, &bob); len(bob.Groups) != 1 || bob.Groups[0].Name != "Friends" {
		t.Errorf("with his groups: %+v", bob)
	}
	var groups struct{ Items []struct{ ID, Name string } }
	if n.must("GET", "/contact-groups", nil, &groups); len(groups.Items) != 1 || groups.Items[0].ID != friends.ID {
		t.Errorf("groups: %+v", groups)
	}
	var found struct {
		Items []struct {
			Name, Email string
			IsGroup     bool `json:"is_group"`
			Members     int
		}
	}
	if n.must("GET", "/contacts/search?term=EXAMPLE&exclude=cleo@example.org", nil, &found); len(found.Items) != 1 || found.Items[0].Email != "bob@example.org" {
		t.Errorf("found: %+v", found)
	}
	if n.must("GET", "/contacts/search?term=frien", nil, &found); len(found.Items) != 1 || !found.Items[0].IsGroup || found.Items[0].Members != 1 {
		t.Errorf("found the group: %+v", found)
	}

	// Files.
	var report struct {
		Added, Updated, Skipped, Failed int
		Errors                          []struct {
			Line          int
			Code, Message string
		}
	}
	file := "email;name\r\nbob@example.org;Robert\r\ndan@example.org;Dan\r\nnobody;X\r\n"
	a := n.call("POST", "/contacts/import", []byte(file), "Content-Type", "text/csv; charset=utf-8")
	if a.status != http.StatusOK {
		t.Fatalf("import: %d %s", a.status, a.body)
	}
	n.must("POST", "/contacts/import", []byte(file), &report, "Content-Type", "text/csv")
	if report.Added != 0 || report.Skipped != 2 || report.Failed != 1 || report.Errors[0].Line != 4 || report.Errors[0].Code != "email_invalid" {
		t.Errorf("imported again: %+v", report)
	}
	out := n.call("GET", "/contacts/export", nil)
	if !bytes.Contains(out.body, []byte("Robert,bob@example.org,1\r\n")) || !strings.HasPrefix(out.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("exported: %d %v %s", out.status, out.header, out.body)
	}
	fm := newFM(node.URL, key)
	if _, all, err := fm.try("GET", "/contact", nil); err != nil || !bytes.Contains(all.Data, []byte(`"Robert"`)) {
		t.Errorf("by the other door: %s %v", all.Data, err)
	}

	n.must("DELETE", "/contacts/"+bob.ID, nil, nil)
	n.must("DELETE", "/contact-groups/"+friends.ID, nil, nil)

	const missing = "00000000000000000000000000"
	for _, tt := range []struct {
		name, method, path string
		body               any
		status             int
		code               string
	}{
		{"an address twice", "POST", "/contacts", object{"email": "CLEO@example.org"}, 409, "contact_duplicate"},
		{"no address", "POST", "/contacts", object{"name": "Nobody"}, 400, "email_invalid"},
		{"two lines of name", "PATCH", "/contacts/" + cleo.ID, object{"name": "a\nb"}, 400, "name_invalid"},
		{"an unknown field", "POST", "/contacts", object{"mail": "x@example.org"}, 400, "json_unknown_field"},
		{"who is deleted", "GET", "/contacts/" + bob.ID, nil, 404, "contact_unknown"},
		{"who never was", "GET", "/contacts/" + missing, nil, 404, "contact_unknown"},
		{"no id", "DELETE", "/contacts/x", nil, 404, "contact_unknown"},
		{"a place in no list", "GET", "/contacts?cursor=x", nil, 400, "cursor_invalid"},
		{"a place in no list of groups", "GET", "/contact-groups?cursor=x", nil, 400, "cursor_invalid"},
		{"nothing to look for", "GET", "/contacts/search", nil, 400, "term_required"},
		{"too much to look for", "GET", "/contacts/search?term=" + strings.Repeat("x", 1001), nil, 400, "too_long"},
		{"a group that is an address", "POST", "/contact-groups", object{"name": "x@example.org"}, 400, "name_invalid"},
		{"a group that is deleted", "GET", "/contact-groups/" + friends.ID + "/contacts", nil, 404, "contact_group_unknown"},
		{"into no group", "PUT", "/contact-groups/" + missing + "/contacts/" + cleo.ID, nil, 404, "contact_group_unknown"},
		{"a file of nothing", "POST", "/contacts/import", []byte("\x00"), 400, "contacts_parse"},
	} {
		if a := n.call(tt.method, tt.path, tt.body); a.status != tt.status || a.code() != tt.code {
			t.Errorf("%s: %d %s, want %d %s", tt.name, a.status, a.body, tt.status, tt.code)
		}
	}
}

// A book is its owner's, and a key does with it what it was made for.
func TestNativeContactsOfOthers(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	for _, who := range []string{"ada", "bob"} {
		node.Ferry("user", "create", "--email", who+"@example.org", "--password", "correct horse battery")
	}
	ada := newNative(t, node.URL, "X-Api-Key", node.Key("--user", "ada@example.org"))
	bob, nobody := ada.as("X-Api-Key", node.Key("--user", "bob@example.org")), ada.as()
	reader := ada.as("X-Api-Key", node.Key("--user", "ada@example.org", "--scope", "read"))
	var one nativeContact
	var group struct{ ID string }
	ada.must("POST", "/contacts", object{"email": "cleo@example.org"}, &one)
	ada.must("POST", "/contact-groups", object{"name": "Friends"}, &group)
	bob.must("POST", "/contacts", object{"email": "his@example.org"}, nil) // he has a book of his own

	const missing = "00000000000000000000000000"
	for _, tt := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/contacts/CONTACT", nil},
		{"PATCH", "/contacts/CONTACT", object{"name": "mine"}},
		{"DELETE", "/contacts/CONTACT", nil},
		{"GET", "/contact-groups/GROUP", nil},
		{"PATCH", "/contact-groups/GROUP", object{"name": "mine"}},
		{"DELETE", "/contact-groups/GROUP", nil},
		{"GET", "/contact-groups/GROUP/contacts", nil},
		{"PUT", "/contact-groups/GROUP/contacts/CONTACT", nil},
		{"DELETE", "/contact-groups/GROUP/contacts/CONTACT", nil},
	} {
		path := func(contact, group string) string {
			return strings.NewReplacer("CONTACT", contact, "GROUP", group).Replace(tt.path)
		}
		foreign, none := bob.call(tt.method, path(one.ID, group.ID), tt.body), bob.call(tt.method, path(missing, missing), tt.body)
		if foreign.status != http.StatusNotFound || none.status != foreign.status || !bytes.Equal(foreign.body, none.body) {
			t.Errorf("%s %s: %d %s, and %d %s", tt.method, tt.path, foreign.status, foreign.body, none.status, none.body)
		}
		if a := nobody.call(tt.method, path(one.ID, group.ID), tt.body); a.status != http.StatusUnauthorized {
			t.Errorf("nobody, %s %s: %d", tt.method, tt.path, a.status)
		}
		want := "scope_missing"
		if tt.method == "GET" {
			want = ""
		}
		if a := reader.call(tt.method, path(one.ID, group.ID), tt.body); a.code() != want {
			t.Errorf("a key to read, %s %s: %d %s", tt.method, tt.path, a.status, a.body)
		}
	}
	var page nativeContacts
	if bob.must("GET", "/contacts", nil, &page); page.emails() != "his@example.org" {
		t.Errorf("bob lists %v", page)
	}
	if a := reader.call("POST", "/contacts/import", []byte("email\nx@example.org\n")); a.code() != "scope_missing" {
		t.Errorf("a key to read imports: %d %s", a.status, a.body)
	}
	if a := bob.call("GET", "/contacts/export", nil); bytes.Contains(a.body, []byte("cleo")) {
		t.Errorf("bob exports %s", a.body)
	}
	if a := fmt.Sprint(ada.call("GET", "/contact-groups/"+group.ID, nil).status); a != "200" {
		t.Errorf("ada's group: %s", a)
	}
}
