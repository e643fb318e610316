package filemail

import (
	"fmt"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
)

// The keys of the sample on www.filemail.com/apidoc/User.aspx.
const userKeys = "maxdownloads maxdays maxtransfersize membershipname defaultnotify defaultdays defaultconfirmation " +
	"defaultdownloads name email country newsletter created companyname companyid companyadmin forcepasswordonincoming"

const userKeys2 = userKeys + " userid emailverified active canreceivefiles city zip address mobilephone defaultsubject signature forcepasswordchange"

func TestGetUser(t *testing.T) {
	w := newTown(t)
	got := w.as(w.ada, "GET", "/user", nil)
	got.want(200, "OK")
	got.has(userKeys2, "data")
	for name, want := range map[string]any{
		"maxdownloads": 9999.0, "maxdays": 36500.0, "maxtransfersize": float64(1 << 50), "membershipname": "No limits",
		"defaultdays": 7.0, "name": "A", "email": "ada@example.org", "created": float64(w.now.UnixMilli()), "companyid": nil,
		"companyadmin": false, "canreceivefiles": true, "emailverified": true, "active": true, "userid": string(w.ada.ID),
	} {
		if v := got.at("data", name); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	w.call("GET", "/user", nil, "x-api-key", w.key(w.bob, account.Read)).want(200, "OK")
	w.call("GET", "/user", nil, app...).want(401, "InvalidOrExpiredLoginToken")
	w.call("GET", "/user", nil).want(401, "MissingApikey")

	got = w.call("GET", "/user/get", nil, "x-api-key", w.key(w.bob, account.Read)) // as DroneHub asks
	got.want(200, "OK")
	if got.at("user", "email") != "bob@example.org" {
		t.Errorf("they are %s", got.body)
	}

	w.plan(w.ada, "free")
	got = w.classic("/api/user/get", "logintoken", w.token(w.ada))
	got.want(200, "OK")
	got.has("responsestatus user")
	got.has(without(userKeys, "companyname companyid"), "user") // null is left out
	for name, want := range map[string]any{
		"maxdownloads": 50.0, "maxdays": 7.0, "maxtransfersize": float64(5 << 30), "membershipname": "Free",
	} {
		if v := got.at("user", name); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	w.must(ignore(w.companies.CreateMember(t.Context(), "ACME", account.New{Email: "cid@example.org", Password: password})))
	cid, err := w.people.Accounts.ByEmail(t.Context(), "cid@example.org")
	w.must(err)
	got = w.classic("/api/user/get", "logintoken", w.token(cid))
	got.has(userKeys, "user")
	if got.at("user", "companyname") != "ACME" || got.at("user", "companyadmin") != true {
		t.Errorf("they are %s", got.body)
	}
}

func TestAnonymousUser(t *testing.T) {
	w := newTown(t)
	got := w.classic("/api/user/get")
	got.want(200, "OK")
	got.has("maxdownloads maxdays maxtransfersize membershipname", "user")
	if got.at("user", "maxtransfersize") != 0.0 {
		t.Errorf("without a login one may send %s", got.body)
	}
	w.policy.Guests = true
	got = w.classic("/api/user/get")
	got.want(200, "OK")
	for name, want := range map[string]any{"maxdownloads": 9999.0, "maxdays": 7.0, "maxtransfersize": float64(5 << 30), "membershipname": "Guest"} {
		if v := got.at("user", name); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	w.classic("/api/user/get", "logintoken", "0123456789abcdef0123456789abcdef").want(401, "InvalidOrExpiredLoginToken")
	w.classic("/api/user/get", "apikey", "x").want(401, "InvalidApikey")
}

func TestUpdateUser(t *testing.T) {
	change := m{
		"name": "Ada L", "country": "gb", "city": "London", "zip": "SW1", "address": "St James's\nSquare", "mobilephone": "+44",
		"newsletter": "true", "defaultnotify": true, "defaultconfirmation": 1, "defaultdownloads": "3", "defaultdays": 5,
		"defaultsubject": "files", "signature": "bye\nbye", "canreceivefiles": false,
	}
	shown := m{
		"name": "Ada L", "country": "GB", "city": "London", "zip": "SW1", "address": "St James's\nSquare", "mobilephone": "+44",
		"newsletter": true, "defaultnotify": true, "defaultconfirmation": true, "defaultdownloads": 3.0, "defaultdays": 5.0,
		"defaultsubject": "files", "signature": "bye\nbye", "canreceivefiles": false,
	}
	check := func(t *testing.T, w *town, want m) {
		t.Helper()
		got := w.as(w.ada, "GET", "/user", nil)
		for name, v := range want {
			if now := got.at("data", name); now != v {
				t.Errorf("%s is %v, want %v", name, now, v)
			}
		}
	}
	t.Run("2.0", func(t *testing.T) {
		w := newTown(t)
		got := w.as(w.ada, "PUT", "/user", change)
		got.want(200, "OK")
		got.has(userKeys2, "data")
		check(t, w, shown)
		w.as(w.ada, "PUT", "/user", m{"city": "", "defaultnotify": false, "name": nil}).want(200, "OK")
		shown := m{"city": "", "defaultnotify": false, "name": "Ada L", "zip": "SW1"}
		check(t, w, shown)
		if got := w.as(w.bob, "GET", "/user", nil); got.at("data", "name") != "B" {
			t.Errorf("another is %s", got.body)
		}
	})
	t.Run("classic", func(t *testing.T) {
		w := newTown(t)
		values := []string{"logintoken", w.token(w.ada)}
		for name, v := range change {
			values = append(values, name, fmt.Sprint(v))
		}
		got := w.classic("/api/user/update", values...)
		got.want(200, "OK")
		got.has("responsestatus")
		check(t, w, shown)
		w.classic("/api/user/update", "logintoken", w.token(w.ada), "city", "").want(200, "OK")
		check(t, w, m{"city": "London"}) // what is empty is absent
	})
	for _, tt := range []struct {
		name   string
		body   m
		word   string
		fields string
	}{
		{"a country that is none", m{"country": "Norway"}, "InvalidParameter", "country"},
		{"a name of two lines", m{"name": "a\nb"}, "InvalidParameter", "name"},
		{"a subject of two lines", m{"defaultsubject": "a\nb"}, "InvalidParameter", "defaultsubject"},
		{"fewer days than none", m{"defaultdays": -2}, "InvalidParameter", "defaultdays"},
		{"too many days", m{"defaultdays": 40000}, "InvalidParameter", "defaultdays"},
		{"half a download", m{"defaultdownloads": 1.5}, "InvalidParameter", "defaultdownloads"},
		{"types that are others", m{
			"name": 5, "city": true, "newsletter": "perhaps", "defaultdays": "a", "signature": []string{}, "canreceivefiles": m{},
		}, "InvalidParameter", "signature city newsletter canreceivefiles defaultdays name"},
		{"too much of a text", m{"mobilephone": longText(41)}, "InvalidParameter", "mobilephone"},
		{"the password has a call of its own", m{"password": "battery staple"}, "InvalidParameter", "password"},
		{"another address without the password", m{"email": "ada@example.com"}, "InputParameterMissing", "currentpassword"},
		{"what is no address", m{"email": "ada"}, "InvalidEmail", "email"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t)
			before := w.as(w.ada, "GET", "/user", nil).body
			got := w.as(w.ada, "PUT", "/user", tt.body)
			got.want(400, tt.word)
			fields := ""
			list, _ := got.at("validationerrors").([]any)
			for i := range list {
				fields += fmt.Sprint(got.at("validationerrors", i, "propertyName"), " ")
			}
			if sorted(fields) != sorted(tt.fields) {
				t.Errorf("wrong are %s, want %s", fields, tt.fields)
			}
			if after := w.as(w.ada, "GET", "/user", nil).body; after != before {
				t.Errorf("she became %s", after)
			}
		})
	}
	t.Run("with a key to send", func(t *testing.T) {
		w := newTown(t)
		w.call("PUT", "/user", m{"name": "x"}, "x-api-key", w.key(w.ada, account.Send)).want(401, "AuthorizationFailure")
		w.call("PUT", "/user", m{"name": "x"}, "x-api-key", w.key(w.ada, account.Manage)).want(200, "OK")
	})
}

func TestChangeOfAddress(t *testing.T) {
	for _, classic := range []bool{false, true} {
		w := newTown(t)
		ask := func(email, present string) reply {
			if classic {
				return w.classic("/api/user/update", "logintoken", w.token(w.ada), "email", email, "currentpassword", present)
			}
			return w.as(w.ada, "PUT", "/user", m{"email": email, "currentpassword": present})
		}
		ask("ada@example.org", "").want(200, "OK") // it is hers
		ask("ada@example.com", "x").want(401, "WrongUsernamePassword")
		ask("bob@example.org", password).want(409, "EmailAlreadyRegistered")
		w.must(w.blocks.Add(t.Context(), "blocked.example", ""))
		ask("ada@blocked.example", password).want(409, "Blocked")
		ask("Ada@Example.com", password).want(200, "OK")
		if got := w.as(w.ada, "GET", "/user", nil); got.at("data", "email") != "ada@example.org" {
			t.Errorf("an address counts before it is confirmed: %s", got.body)
		}
		w.fromApp("/auth/verifyemail", m{"token": w.letter()}).want(200, "OK")
		w.fromApp("/auth/login", m{"email": "ada@example.com", "password": password}).want(200, "OK")
	}
}

func TestClassicChangeOfPassword(t *testing.T) {
	w := newTown(t)
	token := w.token(w.ada)
	w.classic("/api/user/update", "logintoken", token, "password", "battery staple").want(400, "InputParameterMissing")
	w.classic("/api/user/update", "logintoken", token, "password", "password1", "currentpassword", password).want(400, "PasswordTooWeak")
	w.classic("/api/user/update", "logintoken", token, "password", "battery staple", "currentpassword", "x").want(401, "WrongUsernamePassword")
	got := w.classic("/api/user/update", "logintoken", token, "password", "battery staple", "currentpassword", password, "email", "ada@example.com", "name", "Ada L")
	got.want(200, "OK")
	got.has("responsestatus logintoken")
	w.classic("/api/user/get", "logintoken", token).want(401, "InvalidOrExpiredLoginToken")
	w.fromApp("/auth/verifyemail", m{"token": w.letter()}).want(200, "OK") // the letter was called for after the password
	me := w.classic("/api/user/get", "logintoken", fmt.Sprint(got.at("logintoken")))
	if me.at("user", "name") != "Ada L" || me.at("user", "email") != "ada@example.com" {
		t.Errorf("she is %s", me.body)
	}
}

const keyKeys = "apikeyid name scopes dailylimit created expiredate"

func TestKeys(t *testing.T) {
	w := newTown(t)
	end := w.now.Add(time.Hour).UnixMilli()
	got := w.as(w.ada, "POST", "/user/apikey", m{"name": "backup", "scopes": []string{"read", "SEND"}, "dailylimit": 10, "expiredate": end})
	got.want(200, "OK")
	got.has(keyKeys+" apikey", "data")
	key, which := fmt.Sprint(got.at("data", "apikey")), fmt.Sprint(got.at("data", "apikeyid"))
	w.call("GET", "/user", nil, "x-api-key", key).want(200, "OK")
	w.call("PUT", "/user", m{}, "x-api-key", key).want(401, "AuthorizationFailure")

	w.as(w.ada, "POST", "/user/apikey", m{"name": "second"}).want(200, "OK")
	list := w.as(w.ada, "GET", "/user/apikey?limit=1", nil)
	list.has(keyKeys, "data", "apikeys", 0)
	for name, want := range map[string]any{"name": "backup", "dailylimit": 10.0, "expiredate": float64(end), "created": float64(w.now.UnixMilli())} {
		if v := list.at("data", "apikeys", 0, name); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if s := fmt.Sprint(list.at("data", "apikeys", 0, "scopes")); s != "[read send]" {
		t.Errorf("scopes are %s", s)
	}
	next := fmt.Sprint(list.at("data", "next"))
	list = w.as(w.ada, "GET", "/user/apikey?after="+next, nil)
	second := list.at("data", "apikeys", 0).(map[string]any)
	if s := fmt.Sprintf("%v %v %v %v", second["name"], second["scopes"], second["expiredate"], list.at("data", "next")); s != "second [read send manage] -1 <nil>" {
		t.Errorf("the second is %s", s)
	}

	for _, path := range []string{which, "nothing", missing} {
		w.as(w.bob, "POST", "/user/apikey/"+path+"/rotate", nil).want(404, "NotFound")
		w.as(w.bob, "DELETE", "/user/apikey/"+path, nil).want(404, "NotFound")
	}
	got = w.as(w.ada, "POST", "/user/apikey/"+which+"/rotate", nil)
	got.want(200, "OK")
	got.has("apikeyid apikey", "data")
	w.call("GET", "/user", nil, "x-api-key", key).want(401, "InvalidApikey")
	key = fmt.Sprint(got.at("data", "apikey"))
	w.call("GET", "/user", nil, "x-api-key", key).want(200, "OK")
	w.call("DELETE", "/user/apikey/"+which, nil, "x-api-key", w.key(w.ada, account.Send)).want(401, "AuthorizationFailure")
	w.call("DELETE", "/user/apikey/"+which, nil, "x-api-key", w.key(w.ada, account.Manage)).want(200, "OK")
	w.call("GET", "/user", nil, "x-api-key", key).want(401, "InvalidApikey")
	w.as(w.ada, "DELETE", "/user/apikey/"+which, nil).want(404, "NotFound")
}

func TestKeysRefused(t *testing.T) {
	w := newTown(t)
	for _, tt := range []struct {
		name  string
		body  m
		field string
	}{
		{"a scope that is none", m{"scopes": []string{"everything"}}, "scopes"},
		{"scopes of another type", m{"scopes": 7}, "scopes"},
		{"an end in the past", m{"expiredate": w.now.UnixMilli()}, "expiredate"},
		{"an end of another type", m{"expiredate": "soon"}, "expiredate"},
		{"fewer calls than none", m{"dailylimit": -1}, "dailylimit"},
		{"a long name", m{"name": longText(201)}, "name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			got := w.as(w.ada, "POST", "/user/apikey", tt.body)
			got.want(400, "InvalidParameter")
			if f := got.at("validationerrors", 0, "propertyName"); f != tt.field {
				t.Errorf("wrong is %v, want %s", f, tt.field)
			}
		})
	}
	w.t = t
	w.call("POST", "/user/apikey", m{}, "x-api-key", w.key(w.ada, 0)).want(401, "InvalidOrExpiredLoginToken") // a key makes no keys
	w.as(w.ada, "GET", "/user/apikey?after=x", nil).want(400, "InvalidParameter")
	w.plan(w.ada, "free")
	w.as(w.ada, "POST", "/user/apikey", m{}).want(409, "InvalidMembership")
}
