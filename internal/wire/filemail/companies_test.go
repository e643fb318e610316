package filemail

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
)

// The keys of the sample on www.filemail.com/apidoc/Company.aspx.
const companyKeys = "id name domain website contactperson contactphone contactemail streetaddress postaddress postnumber " +
	"country color1 color2 customconfirmationpage customemailtemplate textonuploadpage defaultreceiveremail " +
	"defaultreceiveremaillist invoicereferenceperson invoiceemail sendInvoiceByEmail numberofuserlicences expiredate"

const companyKeys2 = companyKeys + " ownpeopleonly numberofusers version"

// An office is a town with a company: Eve manages it, Fay is one of its people. Ada
// manages another.
type office struct {
	*town
	acme     *company.Company
	eve, fay *account.Account
}

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{town: newTown(t)}
	join := func(name, email string) *account.Account {
		a, err := o.companies.CreateMember(t.Context(), name, account.New{Email: email, Password: password, Plan: account.NoPlan})
		o.must(err)
		return a
	}
	o.eve, o.fay = join("ACME", "eve@acme.example"), join("ACME", "fay@acme.example")
	o.ada = join("Other", "ann@other.example")
	var err error
	o.acme, err = o.companies.Get(t.Context(), o.eve.Company)
	o.must(err)
	return o
}

func (o *office) operator(change func(*company.Company)) {
	o.t.Helper()
	_, err := o.companies.Update(o.t.Context(), o.acme.ID, company.Operator, func(c *company.Company) error {
		change(c)
		return nil
	})
	o.must(err)
}

func TestGetCompany(t *testing.T) {
	o := newOffice(t)
	until := o.now.Add(time.Hour).Truncate(time.Second)
	o.operator(func(c *company.Company) { c.Licences, c.PaidUntil, c.Domain = 5, until, "acme.example" })
	got := o.as(o.fay, "GET", "/company", nil)
	got.want(200, "OK")
	got.has(companyKeys2, "data")
	classic := o.classic("/api/company/get", "logintoken", o.token(o.fay))
	classic.want(200, "OK")
	classic.has("responsestatus company")
	classic.has(companyKeys, "company")
	if info := o.classic("/api/getcompanyinfo", "logintoken", o.token(o.fay)); info.body != classic.body {
		t.Errorf("the old name gives %s", info.body)
	}
	for name, want := range map[string][2]any{
		"id": {string(o.acme.ID), string(o.acme.ID)}, "name": {"ACME", "ACME"}, "domain": {"acme.example", "acme.example"},
		"numberofuserlicences": {5.0, 5.0}, "expiredate": {float64(until.UnixMilli()), float64(until.Unix())},
		"numberofusers": {2.0, nil}, "sendInvoiceByEmail": {false, false},
	} {
		if a, b := got.at("data", name), classic.at("company", name); a != want[0] || b != want[1] {
			t.Errorf("%s is %v and %v, want %v", name, a, b, want)
		}
	}
	o.operator(func(c *company.Company) { c.Licences, c.PaidUntil = 0, time.Time{} })
	for _, v := range []any{o.as(o.eve, "GET", "/company", nil).at("data", "expiredate"), o.classic("/api/company/get", "logintoken", o.token(o.fay)).at("company", "expiredate")} {
		if v != -1.0 {
			t.Errorf("what does not end ends %v", v)
		}
	}
	if n := o.as(o.eve, "GET", "/company", nil).at("data", "numberofuserlicences"); n != 9999.0 {
		t.Errorf("licences without a limit are %v", n)
	}
	o.as(o.bob, "GET", "/company", nil).want(404, "NotFound")
	o.classic("/api/company/get").want(401, "InvalidOrExpiredLoginToken")
}

func TestUpdateCompany(t *testing.T) {
	change := m{
		"website": "https://acme.example", "contactperson": "Eve", "contactphone": "+47", "contactemail": "eve@acme.example",
		"streetaddress": "Street 1", "postaddress": "Oslo", "postnumber": "0150", "country": "Norway", "color1": "#1a2b3c",
		"color2": "#ffffff", "customconfirmationpage": "https://acme.example/thanks", "customemailtemplate": "Hi %ReceiverEmail%\nbye",
		"textonuploadpage": "Send us", "defaultreceiveremail": "in@acme.example", "defaultreceiveremaillist": "a@acme.example, b@acme.example",
		"invoicereferenceperson": "Ref", "invoiceemail": "pay@acme.example", "sendInvoiceByEmail": true, "name": "ACME AS",
	}
	for _, classic := range []bool{false, true} {
		o := newOffice(t)
		ask := func(of *account.Account, change m) reply {
			if !classic {
				return o.as(of, "PUT", "/company", change)
			}
			values := []string{"logintoken", o.token(of)}
			for name, v := range change {
				values = append(values, name, fmt.Sprint(v))
			}
			return o.classic("/api/company/update", values...)
		}
		got := ask(o.eve, change)
		got.want(200, "OK")
		if !classic {
			got.has(companyKeys2, "data")
		} else {
			got.has("responsestatus")
		}
		now := o.as(o.fay, "GET", "/company", nil)
		for name, want := range change {
			if v := now.at("data", name); v != want {
				t.Errorf("%s is %v, want %v", name, v, want)
			}
		}
		// The whole object may be sent back.
		whole := now.at("data").(map[string]any)
		if classic {
			whole = o.classic("/api/company/get", "logintoken", o.token(o.eve)).at("company").(map[string]any)
		}
		ask(o.eve, whole).want(200, "OK")

		for _, tt := range []struct {
			name   string
			who    *account.Account
			change m
			status int
			word   string
		}{
			{"one of its people", o.fay, m{"name": "x"}, 401, "AccessDenied"},
			{"somebody without a company", o.bob, m{"name": "x"}, 404, "NotFound"},
			{"the operator's licences", o.eve, m{"numberofuserlicences": 5}, 401, "AccessDenied"},
			{"the operator's paid time", o.eve, m{"expiredate": 5}, 401, "AccessDenied"},
			{"the operator's domain", o.eve, m{"domain": "other.example"}, 401, "AccessDenied"},
			{"a domain that is none", o.eve, m{"domain": "x y"}, 400, "InvalidParameter"},
			{"a name that is taken", o.eve, m{"name": "Other"}, 400, "InvalidParameter"},
			{"a name of two lines", o.eve, m{"name": "a\nb"}, 400, "InvalidParameter"},
			{"what is no address", o.eve, m{"contactemail": "x"}, 400, "InvalidEmail"},
			{"what is no color", o.eve, m{"color1": "red"}, 400, "InvalidParameter"},
			{"a script for a website", o.eve, m{"website": "javascript:alert(1)"}, 400, "InvalidParameter"},
			{"a flag that is none", o.eve, m{"sendInvoiceByEmail": "perhaps"}, 400, "InvalidParameter"},
			{"licences that are no number", o.eve, m{"numberofuserlicences": "many"}, 400, "InvalidParameter"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				o.t = t
				before := o.as(o.eve, "GET", "/company", nil).body
				ask(tt.who, tt.change).want(tt.status, tt.word)
				if after := o.as(o.eve, "GET", "/company", nil).body; after != before {
					t.Errorf("it became %s", after)
				}
			})
		}
	}
}

func TestCompanyChangedMeanwhile(t *testing.T) {
	o := newOffice(t)
	version := o.as(o.eve, "GET", "/company", nil).at("data", "version")
	o.as(o.eve, "PUT", "/company", m{"country": "Norway", "ownpeopleonly": true, "version": version}).want(200, "OK")
	o.as(o.eve, "PUT", "/company", m{"country": "Sweden", "version": version}).want(409, "InvalidDataState")
	got := o.as(o.eve, "GET", "/company", nil)
	if got.at("data", "country") != "Norway" || got.at("data", "ownpeopleonly") != true {
		t.Errorf("it is %s", got.body)
	}
	o.as(o.eve, "PUT", "/company", m{"name": ""}).want(400, "InputParameterMissing")
	o.as(o.eve, "PUT", "/company", m{"country": ""}).want(200, "OK")
}

func TestCompanyUsers(t *testing.T) {
	o := newOffice(t)
	got := o.as(o.eve, "GET", "/company/user?limit=1", nil)
	got.want(200, "OK")
	got.has(userKeys2, "data", "users", 0)
	next := got.at("data", "next")
	if got.at("data", "users", 0, "email") != "eve@acme.example" || next != string(o.eve.ID) {
		t.Errorf("the first are %s", got.body)
	}
	got = o.as(o.eve, "GET", fmt.Sprint("/company/user?after=", next), nil)
	if got.at("data", "users", 0, "email") != "fay@acme.example" || got.at("data", "next") != nil || len(got.at("data", "users").([]any)) != 1 {
		t.Errorf("the others are %s", got.body)
	}
	got = o.classic("/api/company/user/getall", "logintoken", o.token(o.eve))
	got.want(200, "OK")
	got.has("responsestatus users")
	got.has(userKeys, "users", 1)
	if len(got.at("users").([]any)) != 2 {
		t.Errorf("they are %s", got.body)
	}
	for who, want := range map[*account.Account]string{o.fay: "401 AccessDenied", o.bob: "404 NotFound"} {
		for _, got := range []reply{
			o.as(who, "GET", "/company/user", nil), o.as(who, "POST", "/company/user", m{"email": "x@acme.example", "password": password}),
			o.as(who, "PUT", "/company/user/"+string(o.fay.ID), m{"admin": true}), o.as(who, "DELETE", "/company/user/"+string(o.eve.ID), nil),
			o.classic("/api/company/user/getall", "logintoken", o.token(who)),
			o.classic("/api/company/user/add", "logintoken", o.token(who), "email", "x@acme.example", "password", password),
			o.classic("/api/company/user/update", "logintoken", o.token(who), "useremail", "fay@acme.example", "admin", "true"),
		} {
			if told := fmt.Sprint(got.status, " ", got.at("responsestatus")); told != want {
				t.Errorf("%s: %s, want %s", who.Email, told, want)
			}
		}
	}
	o.call("GET", "/company/user", nil, "x-api-key", o.key(o.eve, account.Read|account.Send)).want(401, "AuthorizationFailure")
	o.call("GET", "/company/user", nil, "x-api-key", o.key(o.eve, account.Manage)).want(200, "OK")
	o.as(o.eve, "GET", "/company/user?after=x", nil).want(400, "InvalidParameter")
	o.plan(o.eve, "free")
	o.as(o.eve, "GET", "/company/user", nil).want(409, "InvalidMembership")
	o.classic("/api/company/user/getall", "logintoken", o.token(o.eve)).want(409, "InvalidMembership")
}

func TestAddUser(t *testing.T) {
	for _, classic := range []bool{false, true} {
		o := newOffice(t)
		ask := func(change m) reply {
			user := m{"email": "gil@acme.example", "name": "Gil", "password": password}
			maps.Copy(user, change)
			if !classic {
				return o.as(o.eve, "POST", "/company/user", user)
			}
			values := []string{"logintoken", o.token(o.eve)}
			for name, v := range user {
				if v != nil {
					values = append(values, name, fmt.Sprint(v))
				}
			}
			return o.classic("/api/company/user/add", values...)
		}
		o.must(o.blocks.Add(t.Context(), "blocked.example", ""))
		for _, tt := range []struct {
			name   string
			change m
			status int
			word   string
		}{
			{"no address", m{"email": nil}, 400, "InputParameterMissing"},
			{"no password", m{"password": nil}, 400, "InputParameterMissing"},
			{"what is no address", m{"email": "gil"}, 400, "InvalidEmail"},
			{"a taken address", m{"email": "bob@example.org"}, 409, "EmailAlreadyRegistered"},
			{"a blocked address", m{"email": "gil@blocked.example"}, 409, "Blocked"},
			{"a weak password", m{"password": "password1"}, 400, "PasswordTooWeak"},
			{"a flag that is none", m{"admin": "perhaps"}, 400, "InvalidParameter"},
			{"another flag that is none", m{"canreceivefiles": "perhaps"}, 400, "InvalidParameter"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				o.t = t
				ask(tt.change).want(tt.status, tt.word)
			})
		}
		o.t = t
		got := ask(m{"canreceivefiles": false, "admin": true})
		got.want(200, "OK")
		if classic {
			got.has("responsestatus")
		} else {
			got.has(userKeys2, "data")
		}
		gil, err := o.people.Accounts.ByEmail(t.Context(), "gil@acme.example")
		o.must(err)
		me := o.as(gil, "GET", "/user", nil)
		if me.at("data", "companyadmin") != true || me.at("data", "canreceivefiles") != false || me.at("data", "companyname") != "ACME" {
			t.Errorf("he is %s", me.body)
		}
		o.operator(func(c *company.Company) { c.Licences = 3 })
		ask(m{"email": "hal@acme.example"}).want(409, "AllUserLicencesesInUse")
	}
}

func TestChangeUserOfCompany(t *testing.T) {
	for _, classic := range []bool{false, true} {
		o := newOffice(t)
		ask := func(who, user *account.Account, change m) reply {
			if !classic {
				return o.as(who, "PUT", "/company/user/"+string(user.ID), change)
			}
			values := []string{"logintoken", o.token(who), "useremail", user.Email}
			for name, v := range change {
				values = append(values, name, fmt.Sprint(v))
			}
			return o.classic("/api/company/user/update", values...)
		}
		for _, tt := range []struct {
			name   string
			user   *account.Account
			change m
			status int
			word   string
		}{
			{"one of another company", o.ada, m{"name": "x"}, 404, "NotFound"},
			{"one of no company", o.bob, m{"name": "x"}, 404, "NotFound"},
			{"one that is not there", &account.Account{ID: missing, Email: "zoe@acme.example"}, m{"name": "x"}, 404, "NotFound"},
			{"what is no address", o.fay, m{"email": "x"}, 400, "InvalidEmail"},
			{"a taken address", o.fay, m{"email": "bob@example.org"}, 409, "EmailAlreadyRegistered"},
			{"a weak password", o.fay, m{"password": "password1"}, 400, "PasswordTooWeak"},
			{"a flag that is none", o.fay, m{"admin": "perhaps"}, 400, "InvalidParameter"},
			{"a country that is none", o.fay, m{"country": "Norway"}, 400, "InvalidParameter"},
			{"the last admin's role", o.eve, m{"admin": false}, 409, "CantRemoveLastCorpAdmin"},
			{"oneself", o.eve, m{"active": false}, 409, "CantRemoveYourself"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				o.t = t
				ask(o.eve, tt.user, tt.change).want(tt.status, tt.word)
			})
		}
		o.t = t
		old := o.token(o.fay)
		got := ask(o.eve, o.fay, m{"name": "Fay F", "admin": true, "city": "Oslo", "canreceivefiles": false, "password": "battery staple"})
		got.want(200, "OK")
		if !classic {
			got.has(userKeys2, "data")
			if got.at("data", "city") != "Oslo" || got.at("data", "name") != "Fay F" || got.at("data", "companyadmin") != true {
				t.Errorf("she is %s", got.body)
			}
		}
		o.call("GET", "/user", nil, "logintoken", old).want(401, "InvalidOrExpiredLoginToken")
		o.fromApp("/auth/login", m{"email": "fay@acme.example", "password": "battery staple"}).want(200, "OK")
		ask(o.eve, o.eve, m{"admin": false}).want(409, "CantRemoveAdminRoleForYourself")
		ask(o.eve, o.fay, m{"active": false}).want(200, "OK")
		o.fromApp("/auth/login", m{"email": "fay@acme.example", "password": "battery staple"}).want(401, "AccessDenied")
		ask(o.eve, o.fay, m{"active": true, "email": "Fay.F@acme.example"}).want(200, "OK")
		o.fromApp("/auth/login", m{"email": "fay.f@acme.example", "password": "battery staple"}).want(200, "OK")
	}
	o := newOffice(t)
	o.classic("/api/company/user/update", "logintoken", o.token(o.eve), "name", "x").want(400, "InputParameterMissing")
}

func TestRemoveUser(t *testing.T) {
	o := newOffice(t)
	for user, want := range map[account.ID]string{
		o.ada.ID: "404 NotFound", o.bob.ID: "404 NotFound", missing: "404 NotFound", "nonsense": "404 NotFound",
		o.eve.ID: "409 CantRemoveYourself",
	} {
		got := o.as(o.eve, "DELETE", "/company/user/"+string(user), nil)
		if told := fmt.Sprint(got.status, " ", got.at("responsestatus")); told != want {
			t.Errorf("%s: %s, want %s", user, told, want)
		}
	}
	token := o.token(o.fay)
	o.as(o.eve, "DELETE", "/company/user/"+string(o.fay.ID), nil).want(200, "OK")
	o.as(o.eve, "DELETE", "/company/user/"+string(o.fay.ID), nil).want(404, "NotFound")
	o.call("GET", "/user", nil, "logintoken", token).want(401, "InvalidOrExpiredLoginToken")
}

func TestClassicLogin(t *testing.T) {
	w := newTown(t)
	got := w.classic("/api/authentication/login", "username", "ada@example.org", "password", password, "source", "Desktop", "apikey", w.key(w.ada, account.Read))
	got.want(200, "OK")
	got.has("responsestatus logintoken")
	token := fmt.Sprint(got.at("logintoken"))
	if len(token) != 32 || !isHex(token) {
		t.Errorf("the token %q is not of 32 hex digits", token)
	}
	cookie := got.header.Get("Set-Cookie")
	if want := "logintoken=" + token + "; Path=/api/; Expires=Sat, 28 Nov 2026 12:00:00 GMT; HttpOnly; Secure; SameSite=Strict"; cookie != want {
		t.Errorf("the cookie is %q, want %q", cookie, want)
	}
	// pyfilemail has its token in the cookie alone.
	me := w.call("GET", "/api/user/get", nil, "Cookie", "logintoken="+token)
	if me.want(200, "OK"); me.at("user", "email") != "ada@example.org" {
		t.Errorf("they are %s", me.body)
	}
	w.call("GET", "/user", nil, "logintoken", token).want(200, "OK") // 2.0 takes it as well
	got = w.call("GET", "/api/authentication/logout", nil, "Cookie", "logintoken="+token)
	got.want(200, "OK")
	got.has("responsestatus logintoken")
	if cookie := got.header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "logintoken=; Path=/api/; Max-Age=0") {
		t.Errorf("the cookie is %q", cookie)
	}
	w.call("GET", "/api/user/get", nil, "Cookie", "logintoken="+token).want(401, "InvalidOrExpiredLoginToken")
	w.classic("/api/authentication/logout").want(401, "InvalidOrExpiredLoginToken")

	for _, tt := range []struct {
		name   string
		values []string
		status int
		word   string
	}{
		{"a wrong password", []string{"username", "ada@example.org", "password", "x"}, 401, "WrongUsernamePassword"},
		{"no password", []string{"username", "ada@example.org"}, 400, "InputParameterMissing"},
		{"nobody", []string{"password", password}, 400, "InputParameterMissing"},
		{"a wrong key", []string{"username", "ada@example.org", "password", password, "apikey", "x"}, 401, "InvalidApikey"},
	} {
		got := w.classic("/api/authentication/login", tt.values...)
		if got.want(tt.status, tt.word); got.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie is set", tt.name)
		}
	}
	xml := w.classic("/api/authentication/login", "username", "ada@example.org", "password", password, "format", "xml")
	if xml.status != 200 || !strings.Contains(xml.body, "<response><responsestatus>OK</responsestatus><logintoken>") {
		t.Errorf("as XML: %d %s", xml.status, xml.body)
	}
}
