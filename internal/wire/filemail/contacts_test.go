package filemail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

// Books are address books behind the door: Ada calls with a key, Bob with a token.
type books struct {
	*world
	service *contact.Service
	limit   int
	names   map[string]string // of ids, by which the tests speak of them
}

func newBooks(t testing.TB) *books {
	t.Helper()
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return newBooksOn(t, d)
}

func newBooksOn(t testing.TB, store contact.Store) *books {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 21, 23, 59, 50, 0, time.UTC) }
	b := &books{
		world:   &world{t: t, gate: &fakeGate{}, logged: &bytes.Buffer{}},
		service: contact.NewService(store, id.NewSource(now)), names: map[string]string{},
	}
	b.door = New(Config{
		Gate: b.gate, Limits: b, Contacts: b.service, BaseURL: func() string { return base }, Now: now,
		Log: slog.New(slog.NewTextHandler(b.logged, nil)),
	})
	return b
}

// Contacts implements Limits.
func (b *books) Contacts(_ context.Context, who account.ID) (int, error) {
	if b.limit < 0 || who == "" {
		return 0, errors.New("the plans are gone")
	}
	return b.limit, nil
}

const missing = "01k000000000000000000000zz" // an id that nothing has

func (b *books) add(owner account.ID, name, email string) contact.ID {
	b.t.Helper()
	c, err := b.service.Add(b.t.Context(), owner, contact.Draft{Name: name, Email: email}, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	b.names[string(c.ID)] = name
	return c.ID
}

func (b *books) group(owner account.ID, name string, members ...contact.ID) contact.GroupID {
	b.t.Helper()
	g, err := b.service.AddGroup(b.t.Context(), owner, name)
	for _, c := range members {
		err = errors.Join(err, b.service.AddToGroup(b.t.Context(), owner, g.ID, c))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.names[string(g.ID)] = name
	return g.ID
}

// ada makes a call of 2.0 with Ada's key.
func (b *books) ada(method, path, body string) reply {
	b.t.Helper()
	headers := []string{"X-Api-Key", goodKey}
	if body != "" {
		headers = append(headers, "Content-Type", "application/json")
	}
	return b.do(method, path, body, headers...)
}

// bob makes a classic call with Bob's token; values come in pairs.
func (b *books) bob(path string, values ...string) reply {
	b.t.Helper()
	q := url.Values{"logintoken": {goodToken}}
	for i := 0; i < len(values); i += 2 {
		q.Add(values[i], values[i+1])
	}
	return b.do("GET", path+"?"+q.Encode(), "")
}

var anyID = regexp.MustCompile(`[0-9a-hjkmnp-tv-z]{26}`)

// named puts names in place of ids: those of the things, or "new".
func (b *books) named(s string) string {
	return anyID.ReplaceAllStringFunc(s, func(id string) string {
		if name, known := b.names[id]; known {
			return "<" + name + ">"
		}
		return "<new>"
	})
}

// gives checks a whole answer of 2.0 by its data, which is JSON.
func (b *books) gives(got reply, data string) {
	b.t.Helper()
	want := `{"responsestatus":"OK","errorid":null,"errormessage":null,"data":` + data + `,"errorcode":null}`
	if body := b.named(got.body); got.status != 200 || body != want {
		b.t.Errorf("answer is %d\n%s, want\n%s", got.status, body, want)
	}
}

// givesClassic checks a whole classic answer by what stands beside the status.
func (b *books) givesClassic(got reply, members string) {
	b.t.Helper()
	want := `{"responsestatus":"OK"` + members + `}`
	if body := b.named(got.body); got.status != 200 || body != want {
		b.t.Errorf("answer is %d\n%s, want\n%s", got.status, body, want)
	}
}

// told checks a refusal and its message.
func (r reply) told(status int, word, message string) {
	r.t.Helper()
	r.want(status, word)
	if got := r.at("errormessage"); got != message {
		r.t.Errorf("the message is %q, want %q", got, message)
	}
}

func (b *books) book(owner account.ID) string {
	b.t.Helper()
	all, err := b.service.List(b.t.Context(), owner, "", 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	var lines []string
	for _, c := range all {
		line := fmt.Sprintf("%s <%s> %s", c.Name, c.Email, c.Mobile)
		for _, g := range c.Groups {
			line += "[" + g.Name + "]"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func (b *books) isBook(owner account.ID, want string) {
	b.t.Helper()
	if got := b.book(owner); got != want {
		b.t.Errorf("the book of %s is %s, want %s", owner, got, want)
	}
}

func TestContactsAreKept(t *testing.T) {
	b := newBooks(t)
	b.gives(b.ada("GET", "/contact", ""), `{"contacts":[],"next":null}`)
	got := b.ada("POST", "/contact", `{"Name":" Zoë  B ","email":"Zoe@Example.com","mobile":"+49 1"}`)
	b.gives(got, `{"contactid":"<new>","name":"Zoë B","email":"zoe@example.com","mobile":"+49 1"}`)
	zoe := got.at("data", "contactid").(string)
	b.names[zoe] = "zoe"
	b.gives(b.ada("POST", "/contact", `{"email":"x@example.com"}`), `{"contactid":"<new>","name":"","email":"x@example.com","mobile":""}`)

	b.gives(b.ada("PUT", "/contact/"+zoe, `{"name":"Zoë","mobile":null}`), `null`)
	b.isBook("ada", "Zoë <zoe@example.com> +49 1;  <x@example.com> ")
	b.gives(b.ada("PUT", "/contact/"+zoe, `{"mobile":"","name":"","email":"z@example.com"}`), `null`)
	b.isBook("ada", " <z@example.com> ;  <x@example.com> ")
	b.gives(b.ada("PUT", "/contact/"+zoe, ``), `null`)
	b.gives(b.ada("GET", "/contact", ""), `{"contacts":[`+
		`{"contactid":"<zoe>","name":"","email":"z@example.com","mobile":"","groups":[]},`+
		`{"contactid":"<new>","name":"","email":"x@example.com","mobile":"","groups":[]}],"next":null}`)

	b.gives(b.ada("DELETE", "/contact/"+zoe, ""), `null`)
	b.isBook("ada", " <x@example.com> ")
}

func TestGroupsAreKept(t *testing.T) {
	b := newBooks(t)
	b.gives(b.ada("GET", "/contact/group", ""), `{"groups":[]}`)
	got := b.ada("POST", "/contact/group", `{"name":"friends"}`)
	b.gives(got, `{"contactgroupid":"<new>","name":"friends","memberCount":0}`)
	g := got.at("data", "contactgroupid").(string)
	b.names[g] = "friends"
	zoe, max := string(b.add("ada", "zoe", "zoe@example.com")), string(b.add("ada", "max", "max@example.com"))

	b.gives(b.ada("POST", "/contact/group/"+g+"/contact", `{"contactid":"`+zoe+`"}`), `null`)
	b.gives(b.ada("POST", "/contact/group/"+g+"/contact", `{"contactid":"`+max+`"}`), `null`)
	b.gives(b.ada("POST", "/contact/group/"+g+"/contact", `{"contactid":"`+max+`"}`), `null`)
	b.gives(b.ada("GET", "/contact/group", ""), `{"groups":[{"contactgroupid":"<friends>","name":"friends","memberCount":2}]}`)
	b.gives(b.ada("GET", "/contact/group/"+g+"/contact?limit=1", ""),
		`{"contacts":[{"contactid":"<zoe>","name":"zoe","email":"zoe@example.com","mobile":""}],"next":"<zoe>"}`)
	b.gives(b.ada("GET", "/contact?limit=1", ""), `{"contacts":[{"contactid":"<zoe>","name":"zoe","email":"zoe@example.com","mobile":"",`+
		`"groups":[{"contactgroupid":"<friends>","name":"friends"}]}],"next":"<zoe>"}`)

	b.gives(b.ada("DELETE", "/contact/group/"+g+"/contact/"+zoe, ""), `null`)
	b.gives(b.ada("DELETE", "/contact/group/"+g+"/contact/"+zoe, ""), `null`)
	b.gives(b.ada("PUT", "/contact/group/"+g, `{"name":"enemies"}`), `null`)
	b.isBook("ada", "zoe <zoe@example.com> ; max <max@example.com> [enemies]")
	b.gives(b.ada("DELETE", "/contact/group/"+g, ""), `null`)
	b.isBook("ada", "zoe <zoe@example.com> ; max <max@example.com> ")
}

func TestContactsOfTheClassicAPI(t *testing.T) {
	b := newBooks(t)
	b.givesClassic(b.bob("/api/contacts/get"), `,"contacts":[]`)
	b.givesClassic(b.bob("/api/contacts/group/get"), `,"groups":[]`)
	got := b.bob("/api/contacts/add", "name", "Zoë", "email", "Zoe@Example.com", "mobile", "1")
	b.givesClassic(got, `,"contact":{"contactid":"<new>","name":"Zoë","email":"zoe@example.com"}`)
	zoe := got.at("contact", "contactid").(string)
	b.names[zoe] = "zoe"
	got = b.bob("/api/contacts/group/add", "name", "friends")
	b.givesClassic(got, `,"groups":[{"contactgroupid":"<new>","name":"friends","contactgroupname":"friends"}],`+
		`"group":{"contactgroupid":"<new>","name":"friends","contactgroupname":"friends"}`)
	g := got.at("group", "contactgroupid").(string)
	b.names[g] = "friends"

	b.givesClassic(b.bob("/api/contacts/addtogroup", "contactid", zoe, "contactgroupid", g), "")
	b.givesClassic(b.bob("/api/contacts/get"), `,"contacts":[{"contactid":"<zoe>","name":"Zoë","email":"zoe@example.com",`+
		`"groups":[{"contactgroupid":"<friends>","name":"friends","contactgroupname":"friends"}]}]`)
	b.givesClassic(b.bob("/api/contacts/group/get"), `,"groups":[{"contactgroupid":"<friends>","name":"friends","contactgroupname":"friends"}]`)
	// What is empty was left out: clients send it for what they do not know.
	b.givesClassic(b.bob("/api/contacts/update", "contactid", zoe, "name", "", "email", "z@example.com"), "")
	b.givesClassic(b.bob("/api/contacts/group/update", "contactgroupid", g, "name", "enemies"), "")
	b.isBook("bob", "Zoë <z@example.com> 1[enemies]")
	b.givesClassic(b.bob("/api/contacts/removefromgroup", "contactid", zoe, "contactgroupid", g), "")
	b.givesClassic(b.bob("/api/contacts/group/delete", "contactgroupid", g), "")
	b.isBook("bob", "Zoë <z@example.com> 1")
	b.givesClassic(b.bob("/api/contacts/delete", "contactid", zoe), "")
	b.isBook("bob", "")
}

// TestContactsOfOthers: what belongs to another account is missing, to the byte.
func TestContactsOfOthers(t *testing.T) {
	b := newBooks(t)
	hers, his := string(b.add("ada", "hers", "hers@example.com")), string(b.add("bob", "his", "his@example.com"))
	herGroup, hisGroup := string(b.group("ada", "hers")), string(b.group("bob", "his"))
	before := b.book("ada") + b.book("bob")

	for _, id := range []string{his, missing, "x"} {
		for _, got := range []reply{
			b.ada("PUT", "/contact/"+id, `{"name":"mine"}`),
			b.ada("DELETE", "/contact/"+id, ""),
			b.ada("POST", "/contact/group/"+herGroup+"/contact", `{"contactid":"`+id+`"}`),
			b.ada("DELETE", "/contact/group/"+herGroup+"/contact/"+id, ""),
		} {
			got.told(404, "NotFound", "contact not found")
		}
	}
	for _, id := range []string{hisGroup, missing, "x"} {
		for _, got := range []reply{
			b.ada("PUT", "/contact/group/"+id, `{"name":"mine"}`),
			b.ada("DELETE", "/contact/group/"+id, ""),
			b.ada("GET", "/contact/group/"+id+"/contact", ""),
			b.ada("POST", "/contact/group/"+id+"/contact", `{"contactid":"`+hers+`"}`),
			b.ada("DELETE", "/contact/group/"+id+"/contact/"+hers, ""),
		} {
			got.told(404, "NotFound", "contact group not found")
		}
	}
	for _, id := range []string{hers, missing, "x", strings.Repeat("x", 64)} {
		for _, got := range []reply{
			b.bob("/api/contacts/update", "contactid", id, "name", "mine"),
			b.bob("/api/contacts/delete", "contactid", id),
			b.bob("/api/contacts/addtogroup", "contactid", id, "contactgroupid", hisGroup),
			b.bob("/api/contacts/removefromgroup", "contactid", id, "contactgroupid", hisGroup),
		} {
			got.told(400, "InvalidParameter", "Contact not found")
			if code := got.at("errorcode"); code != 1002.0 {
				t.Errorf("the code is %v", code)
			}
		}
	}
	for _, id := range []string{herGroup, missing, "x"} {
		for _, got := range []reply{
			b.bob("/api/contacts/group/update", "contactgroupid", id, "name", "mine"),
			b.bob("/api/contacts/group/delete", "contactgroupid", id),
			b.bob("/api/contacts/addtogroup", "contactid", his, "contactgroupid", id),
			b.bob("/api/contacts/removefromgroup", "contactid", his, "contactgroupid", id),
		} {
			got.told(400, "InvalidParameter", "Contact group not found")
		}
	}
	// A place in another's list tells nothing of it.
	b.gives(b.ada("GET", "/contact?after="+missing[:2]+strings.Repeat("0", 24), ""),
		`{"contacts":[{"contactid":"<hers>","name":"hers","email":"hers@example.com","mobile":"","groups":[]}],"next":null}`)
	b.gives(b.ada("POST", "/contact/search", `{"term":"hi"}`), `{"contacts":[]}`)
	if after := b.book("ada") + b.book("bob"); after != before {
		t.Errorf("the books were %s, are %s", before, after)
	}
}

// TestContactsAsWhom: a key acts as its owner, a token beside it as its own user, and
// the classic calls want a token.
func TestContactsAsWhom(t *testing.T) {
	b := newBooks(t)
	b.add("ada", "hers", "hers@example.com")
	b.add("bob", "his", "his@example.com")
	if got := b.do("GET", "/contact", "", "X-Api-Key", goodKey, "Logintoken", goodToken); got.at("data", "contacts", 0, "name") != "his" {
		t.Errorf("a token beside a key: %s", got.body)
	}
	if got := b.ada("GET", "/contact", ""); got.at("data", "contacts", 0, "name") != "hers" {
		t.Errorf("a key: %s", got.body)
	}
	for _, rt := range b.door.routes() {
		if !strings.Contains(rt.pattern, "/contact") {
			continue
		}
		path := strings.NewReplacer("{contact}", missing, "{group}", missing).Replace(rt.pattern)
		if rt.classic {
			b.do("POST", path, "").want(401, "InvalidOrExpiredLoginToken")
			b.do("GET", path+"?apikey="+goodKey, "").want(401, "InvalidOrExpiredLoginToken")
			b.do("GET", path+"?logintoken=stale", "").want(401, "InvalidOrExpiredLoginToken")
			continue
		}
		b.do(rt.method, path, "").want(401, "MissingApikey")
		b.do(rt.method, path, "", "X-Api-Key", "wrong").want(401, "InvalidApikey")
		b.do(rt.method, path, "", "Source", "desktop").want(401, "InvalidOrExpiredLoginToken")
		b.do(rt.method, path, "", "X-Api-Key", goodKey, "Logintoken", "stale").want(401, "InvalidOrExpiredLoginToken")
		b.do(rt.method, path, "", "X-Api-Key", goodKey, "X-Api-Version", "3").want(400, "InvalidRequest")
	}
}

func TestWrongPropertiesOfContacts(t *testing.T) {
	b := newBooks(t)
	one := string(b.add("ada", "one", "one@example.com"))
	b.add("ada", "two", "two@example.com")
	g := string(b.group("ada", "friends"))
	b.group("ada", "family")
	long := strings.Repeat("x", 1001)
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		want                     string // what is wrong: property:word, or the word of the whole
	}{
		{"no term", "POST", "/contact/search", `{}`, 400, "term:InputParameterMissing"},
		{"an empty term", "POST", "/contact/search", `{"term":""}`, 400, "term:InputParameterMissing"},
		{"a term that is a number", "POST", "/contact/search", `{"term":1}`, 400, "term:InvalidParameter"},
		{"all that is wrong with a search", "POST", "/contact/search", `{"term":[],"exclude":[1],"limit":"x"}`, 400, "term:InvalidParameter exclude:InvalidParameter limit:InvalidParameter"},
		{"a limit below nothing", "POST", "/contact/search", `{"term":"x","limit":-1}`, 400, "limit:InvalidParameter"},
		{"a limit of more than 32 bits", "POST", "/contact/search", `{"term":"x","limit":2147483648}`, 400, "limit:InvalidParameter"},
		{"a limit that is not whole", "POST", "/contact/search", `{"term":"x","limit":1.5}`, 400, "limit:InvalidParameter"},
		{"an exclude that is an object", "POST", "/contact/search", `{"term":"x","exclude":{}}`, 400, "exclude:InvalidParameter"},

		{"no address", "POST", "/contact", `{"name":"x"}`, 400, "email:InputParameterMissing"},
		{"no body", "POST", "/contact", ``, 400, "email:InputParameterMissing"},
		{"no address at all", "POST", "/contact", `{"email":"x"}`, 400, "email:InvalidEmail"},
		{"all of another type", "POST", "/contact", `{"name":1,"email":true,"mobile":{}}`, 400, "name:InvalidParameter email:InvalidParameter mobile:InvalidParameter"},
		{"a name of two lines", "POST", "/contact", `{"name":"a\nb","email":"x@example.com"}`, 400, "name:InvalidParameter"},
		{"a name that is too long to keep", "POST", "/contact", `{"name":"` + long[:201] + `","email":"x@example.com"}`, 400, "name:InvalidParameter"},
		{"a name that is too long to read", "POST", "/contact", `{"name":"` + long + `","email":"x@example.com"}`, 400, "name:InvalidParameter"},
		{"an address that is there", "POST", "/contact", `{"email":"ONE@example.com"}`, 409, "ContactDuplicate"},
		{"a body that is no object", "POST", "/contact", `[]`, 400, "InvalidRequest"},

		{"an address is not taken away", "PUT", "/contact/" + one, `{"email":""}`, 400, "email:InvalidEmail"},
		{"a wrong address", "PUT", "/contact/" + one, `{"email":"x@"}`, 400, "email:InvalidEmail"},
		{"changes of another type", "PUT", "/contact/" + one, `{"name":[],"email":1,"mobile":false}`, 400, "name:InvalidParameter email:InvalidParameter mobile:InvalidParameter"},
		{"an address of another contact", "PUT", "/contact/" + one, `{"email":"two@example.com"}`, 409, "ContactDuplicate"},

		{"a page without length", "GET", "/contact?limit=0", ``, 400, "limit:InvalidParameter"},
		{"a page that is too long", "GET", "/contact?limit=1001", ``, 400, "limit:InvalidParameter"},
		{"a page behind nothing", "GET", "/contact?limit=x&after=1", ``, 400, "limit:InvalidParameter after:InvalidParameter"},
		{"a page of a group behind nothing", "GET", "/contact/group/" + g + "/contact?after=1", ``, 400, "after:InvalidParameter"},

		{"a group without a name", "POST", "/contact/group", `{}`, 400, "name:InputParameterMissing"},
		{"a group's name of another type", "POST", "/contact/group", `{"name":1}`, 400, "name:InvalidParameter"},
		{"a group that is called like an address", "POST", "/contact/group", `{"name":"a@b.example"}`, 400, "name:InvalidParameter"},
		{"a group that is there", "POST", "/contact/group", `{"name":"FRIENDS"}`, 409, "ContactDuplicate"},
		{"a new name of another type", "PUT", "/contact/group/" + g, `{"name":{}}`, 400, "name:InvalidParameter"},
		{"no new name", "PUT", "/contact/group/" + g, `{"name":null}`, 400, "name:InputParameterMissing"},
		{"a new name that another has", "PUT", "/contact/group/" + g, `{"name":"Family"}`, 409, "ContactDuplicate"},
		{"no member", "POST", "/contact/group/" + g + "/contact", `{}`, 400, "contactid:InputParameterMissing"},
		{"a member that is a number", "POST", "/contact/group/" + g + "/contact", `{"contactid":1}`, 400, "contactid:InvalidParameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			got := b.ada(tt.method, tt.path, tt.body)
			var words []string
			fields, _ := got.at("validationerrors").([]any)
			for i := range fields {
				words = append(words, fmt.Sprint(got.at("validationerrors", i, "propertyName"), ":", got.at("validationerrors", i, "errorCode")))
			}
			if words == nil {
				words = []string{fmt.Sprint(got.at("responsestatus"))}
			}
			if said := strings.Join(words, " "); got.status != tt.status || said != tt.want {
				t.Errorf("%d %s, want %d %s", got.status, said, tt.status, tt.want)
			}
		})
	}
	b.t = t
	b.isBook("ada", "one <one@example.com> ; two <two@example.com> ")
}

func TestWrongParametersOfClassicContacts(t *testing.T) {
	b := newBooks(t)
	one := string(b.add("bob", "one", "one@example.com"))
	b.add("bob", "two", "two@example.com")
	g := string(b.group("bob", "friends"))
	for _, tt := range []struct {
		name, path string
		values     []string
		status     int
		word       string
		code       float64
	}{
		{"a bad address", "add", []string{"name", "x", "email", "x"}, 400, "InvalidEmail", 1004},
		{"a bad new address", "update", []string{"contactid", one, "email", "x"}, 400, "InvalidEmail", 1004},
		{"no address", "add", []string{"name", "x"}, 400, "InputParameterMissing", 1003},
		{"an address that is there", "add", []string{"email", "one@example.com"}, 409, "ContactDuplicate", 6008},
		{"a new address that is there", "update", []string{"contactid", one, "email", "two@example.com"}, 409, "ContactDuplicate", 6008},
		{"no contact to change", "update", []string{"name", "x"}, 400, "InputParameterMissing", 1003},
		{"no contact to delete", "delete", nil, 400, "InputParameterMissing", 1003},
		{"no group", "addtogroup", []string{"contactid", one}, 400, "InputParameterMissing", 1003},
		{"no contact", "removefromgroup", []string{"contactgroupid", g}, 400, "InputParameterMissing", 1003},
		{"an id beyond all length", "delete", []string{"contactid", strings.Repeat("x", 65)}, 400, "InvalidParameter", 1002},
		{"a group without a name", "group/add", nil, 400, "InputParameterMissing", 1003},
		{"a group that is there", "group/add", []string{"name", "Friends"}, 409, "ContactDuplicate", 6008},
		{"no new name", "group/update", []string{"contactgroupid", g}, 400, "InputParameterMissing", 1003},
		{"no group to delete", "group/delete", nil, 400, "InputParameterMissing", 1003},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			got := b.bob("/api/contacts/"+tt.path, tt.values...)
			got.want(tt.status, tt.word)
			if code := got.at("errorcode"); code != tt.code {
				t.Errorf("the code is %v, want %v", code, tt.code)
			}
		})
	}
	b.t = t
	b.isBook("bob", "one <one@example.com> ; two <two@example.com> ")
}

func TestContactSearch(t *testing.T) {
	b := newBooks(t)
	zoe := b.add("ada", "Zoë", "z@friends.example")
	b.add("ada", "anna", "a@example.com")
	b.add("ada", "Anna", "aa@example.com")
	b.group("ada", "Friends", zoe)
	anna := `{"name":"anna","email":"a@example.com","isGroup":false,"memberCount":0}`
	anna2 := `{"name":"Anna","email":"aa@example.com","isGroup":false,"memberCount":0}`
	friends := `{"name":"Friends","email":"","isGroup":true,"memberCount":1}`
	zoeBody := `{"name":"Zoë","email":"z@friends.example","isGroup":false,"memberCount":0}`
	for _, tt := range []struct{ name, body, want string }{
		{"in any case, by name and then address", `{"term":"ANN"}`, anna + "," + anna2},
		{"groups by their names, contacts by their addresses", `{"term":"friends","exclude":null,"limit":null}`, friends + "," + zoeBody},
		{"cut after it was sorted", `{"term":"e","limit":1}`, anna},
		{"no limit", `{"term":"ann","limit":0}`, anna + "," + anna2},
		{"without an address", `{"term":"ann","exclude":["A@EXAMPLE.com"]}`, anna2},
		{"without a group", `{"term":"friends","exclude":["friends","nobody"]}`, zoeBody},
		{"nothing", `{"term":"nothing"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			b.gives(b.ada("POST", "/contact/search", tt.body), `{"contacts":[`+tt.want+`]}`)
		})
	}
}

func TestPagesOfContacts(t *testing.T) {
	b := newBooks(t)
	for i := range 5 {
		b.add("ada", fmt.Sprint(i), fmt.Sprintf("%d@example.com", i))
	}
	for _, limit := range []string{"1", "2", "4", "5", "6"} {
		var all []string
		after := ""
		for range 6 {
			got := b.ada("GET", "/contact?limit="+limit+"&after="+after, "")
			for i := range got.at("data", "contacts").([]any) {
				all = append(all, got.at("data", "contacts", i, "name").(string))
			}
			next, more := got.at("data", "next").(string)
			if !more {
				break
			}
			after = next
		}
		if strings.Join(all, "") != "01234" {
			t.Errorf("in pages of %s they are %q", limit, all)
		}
	}
}

func TestABookIsFull(t *testing.T) {
	b := newBooks(t)
	b.limit = 1
	b.ada("POST", "/contact", `{"email":"1@example.com"}`).want(200, "OK")
	b.ada("POST", "/contact", `{"email":"2@example.com"}`).told(409, "ContactsLimitReached", "the address book is full: it holds 1 contacts")
	b.do("POST", "/contact/import", "email\n3@example.com\n", "X-Api-Key", goodKey).want(409, "ContactsLimitReached")
	b.bob("/api/contacts/add", "email", "1@example.com").want(200, "OK")
	b.bob("/api/contacts/add", "email", "2@example.com").want(409, "ContactsLimitReached")
	b.limit = 0
	b.ada("POST", "/contact", `{"email":"2@example.com"}`).want(200, "OK")
	for i := range contact.MaxGroups {
		b.group("ada", fmt.Sprint("g", i))
	}
	b.ada("POST", "/contact/group", `{"name":"one more"}`).want(409, "ContactsLimitReached")
	if got := b.ada("GET", "/contact/group", ""); len(got.at("data", "groups").([]any)) != contact.MaxGroups {
		t.Error("not all groups are listed")
	}

	b.limit = -1
	b.ada("POST", "/contact", `{"email":"3@example.com"}`).want(500, "UnknownError")
	b.do("POST", "/contact/import", "email\n3@example.com\n", "X-Api-Key", goodKey).want(500, "UnknownError")
}

// TestClassicBookInEveryFormat: a list is written as any other answer, a piece at a
// time.
func TestClassicBookInEveryFormat(t *testing.T) {
	b := newBooks(t)
	zoe := b.add("bob", "<zoe> &", "zoe@example.com")
	b.names[string(zoe)] = "zoe"
	b.add("bob", "max", "max@example.com")
	b.names[string(b.group("bob", "g", zoe))] = "g"
	for _, tt := range []struct {
		name, contentType, want string
		values                  []string
	}{
		{"JSON", "application/json; charset=utf-8", `{"responsestatus":"OK","contacts":[` +
			`{"contactid":"<zoe>","name":"<zoe> &","email":"zoe@example.com","groups":[{"contactgroupid":"<g>","name":"g","contactgroupname":"g"}]},` +
			`{"contactid":"<max>","name":"max","email":"max@example.com","groups":[]}]}`, nil},
		{"JSONP", "text/javascript; charset=utf-8", `/**/f({"responsestatus":"OK","contacts":[` +
			`{"contactid":"<zoe>","name":"\u003czoe\u003e \u0026","email":"zoe@example.com","groups":[{"contactgroupid":"<g>","name":"g","contactgroupname":"g"}]},` +
			`{"contactid":"<max>","name":"max","email":"max@example.com","groups":[]}]});`, []string{"callback", "f"}},
		{"XML", "application/xml; charset=utf-8", `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<response><responsestatus>OK</responsestatus><contacts>` +
			`<contact><contactid><zoe></contactid><name>&lt;zoe&gt; &amp;</name><email>zoe@example.com</email>` +
			`<groups><group><contactgroupid><g></contactgroupid><name>g</name><contactgroupname>g</contactgroupname></group></groups></contact>` +
			`<contact><contactid><max></contactid><name>max</name><email>max@example.com</email><groups></groups></contact>` +
			`</contacts></response>`, []string{"format", "xml"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			got := b.bob("/api/contacts/get", tt.values...)
			if body := b.named(got.body); got.status != 200 || body != tt.want {
				t.Errorf("answer is %d\n%s, want\n%s", got.status, body, tt.want)
			}
			for name, want := range map[string]string{
				"Content-Type": tt.contentType, "X-Content-Type-Options": "nosniff",
				"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "no-store",
			} {
				if h := got.header.Get(name); h != want {
					t.Errorf("%s is %q, want %q", name, h, want)
				}
			}
		})
	}
}

func TestClassicBookIsWhole(t *testing.T) {
	b := newBooksOn(t, &coretest.Model{})
	for i := range maxListed + 1 {
		b.add("bob", "x", fmt.Sprintf("%d@example.com", i))
	}
	got := b.bob("/api/contacts/get")
	if all := got.at("contacts").([]any); len(all) != maxListed+1 {
		t.Errorf("%d contacts", len(all))
	}
	if last := got.at("contacts", maxListed, "email"); last != fmt.Sprintf("%d@example.com", maxListed) {
		t.Errorf("the last is %v", last)
	}
}

// TestLongAnswersThatFail: what fails early is refused in the API's words; later the
// connection is cut, so that nobody takes a part of a book for the whole.
func TestLongAnswersThatFail(t *testing.T) {
	reads := 0
	failAt := 0
	m := &coretest.Model{Hook: func(call string) error {
		if call != "Contacts" {
			return nil
		}
		if reads++; reads == failAt {
			return fault.New(fault.Unavailable, "", "the database does not answer")
		}
		return nil
	}}
	b := newBooksOn(t, m)
	for _, owner := range []account.ID{"ada", "bob"} {
		for i := range maxListed + 1 {
			b.add(owner, strings.Repeat("x", 100), fmt.Sprintf("%d@example.com", i))
		}
	}
	for name, call := range map[string]func() reply{
		"the export":       func() reply { return b.ada("GET", "/contact/export", "") },
		"the classic list": func() reply { return b.bob("/api/contacts/get") },
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			reads, failAt = 0, 1
			got := call()
			got.want(500, "ServiceInterruption")
			if h := got.header.Get("Content-Disposition"); h != "" {
				t.Errorf("a refusal is to be saved as %s", h)
			}
			reads, failAt = 0, 2
			b.logged.Reset()
			defer func() {
				if v := recover(); v != http.ErrAbortHandler {
					t.Errorf("it ended with %v, want the connection cut", v)
				}
				if !strings.Contains(b.logged.String(), "request failed") {
					t.Errorf("the log is %s", b.logged)
				}
			}()
			got = call()
			t.Errorf("answer %d of %d bytes", got.status, len(got.body))
		})
	}
}
