package filemail

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
)

// app is the mark of one of Filemail's own apps, which needs no key.
var app = []string{"source", "desktop"}

// fromApp makes a call of 2.0 without a key.
func (w *town) fromApp(path string, body any) reply {
	w.t.Helper()
	return w.call("POST", path, body, app...)
}

// has checks the keys of an object in the answer.
func (r reply) has(want string, path ...any) {
	r.t.Helper()
	if got := members(r.at(path...)); got != sorted(want) {
		r.t.Errorf("the keys are\n%s, want\n%s", got, sorted(want))
	}
}

// letter gives the token of the only letter that is called for, and forgets it.
func (w *town) letter() string {
	w.t.Helper()
	all, err := w.db.Claim(w.t.Context(), w.now, 10)
	w.must(err)
	if len(all) != 1 {
		w.t.Fatalf("%d letters are called for, want 1", len(all))
	}
	l, err := w.people.Sessions.Letter(w.t.Context(), all[0].ID)
	w.must(err)
	w.must(w.db.Done(w.t.Context(), all[0]))
	return string(l.Token)
}

const loginKeys = "logintoken logintokenExpireDate refreshtoken twoFactorToken signInStatus"

func TestLogin(t *testing.T) {
	w := newTown(t)
	key := w.key(w.ada, account.Read) // any key will do
	got := w.call("POST", "/auth/login", m{"email": "ada@example.org", "password": password, "source": "Desktop"}, "x-api-key", key)
	got.want(200, "OK")
	got.has(loginKeys, "data")
	if got.at("data", "signInStatus") != "Authorized" || got.at("data", "twoFactorToken") != nil {
		t.Errorf("answer is %s", got.body)
	}
	if at, want := got.at("data", "logintokenExpireDate"), float64(w.now.Add(7*24*time.Hour).UnixMilli()); at != want {
		t.Errorf("it expires at %v, want %v", at, want)
	}
	token, _ := got.at("data", "logintoken").(string)
	me := w.call("GET", "/user", nil, "logintoken", token)
	me.want(200, "OK")
	if me.at("data", "email") != "ada@example.org" {
		t.Errorf("the token is %s's", me.body)
	}
}

func TestLoginRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(w *town)
		body   any
		status int
		word   string
	}{
		{"a wrong password", nil, m{"email": "ada@example.org", "password": "x"}, 401, "WrongUsernamePassword"},
		{"an unknown address, in the same words", nil, m{"email": "eve@example.org", "password": "x"}, 401, "WrongUsernamePassword"},
		{"what is no address, in the same words", nil, m{"email": "eve", "password": "x"}, 401, "WrongUsernamePassword"},
		{"no password", nil, m{"email": "ada@example.org", "password": ""}, 400, "InputParameterMissing"},
		{"no address", nil, m{"password": password}, 400, "InputParameterMissing"},
		{"nothing", nil, nil, 400, "InputParameterMissing"},
		{"an address of another type", nil, m{"email": 5, "password": password}, 400, "InvalidParameter"},
		{"a password of another type", nil, m{"email": "ada@example.org", "password": []int{1}}, 400, "InvalidParameter"},
		{"a disabled account", func(w *town) {
			w.must(w.people.Accounts.SetActive(w.t.Context(), w.ada.ID, false))
		}, m{"email": "ada@example.org", "password": password}, 401, "AccessDenied"},
		{"a password that must be changed", func(w *town) {
			w.must(w.people.Accounts.SetPassword(w.t.Context(), w.ada.ID, password, true))
		}, m{"email": "ada@example.org", "password": password}, 401, "PasswordResetRequired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t)
			if tt.before != nil {
				tt.before(w)
			}
			w.fromApp("/auth/login", tt.body).want(tt.status, tt.word)
		})
	}
	t.Run("a program's try without a key or a mark", func(t *testing.T) {
		w := newTown(t)
		w.call("POST", "/auth/login", m{"email": "ada@example.org", "password": password}).want(401, "MissingApikey")
	})
	t.Run("too many tries, of both APIs together", func(t *testing.T) {
		w := newTown(t)
		for range 5 {
			w.fromApp("/auth/login", m{"email": "ada@example.org", "password": "x"}).want(401, "WrongUsernamePassword")
			w.classic("/api/authentication/login", "username", "ada@example.org", "password", "x").want(401, "WrongUsernamePassword")
		}
		got := w.fromApp("/auth/login", m{"email": "ada@example.org", "password": password})
		got.want(429, "RateLimitExceeded")
		if after := got.header.Get("Retry-After"); after != "900" {
			t.Errorf("Retry-After is %q", after)
		}
		w.from = "192.0.2.2"
		w.fromApp("/auth/login", m{"email": "ada@example.org", "password": password}).want(200, "OK")
	})
}

func TestRefreshToken(t *testing.T) {
	w := newTown(t)
	l := w.login("ada@example.org")
	got := w.fromApp("/auth/refreshtoken", m{"refreshtoken": string(l.Refresh)})
	got.want(200, "OK")
	got.has(loginKeys, "data")
	if got.at("data", "refreshtoken") == string(l.Refresh) || got.at("data", "logintoken") == string(l.Login) {
		t.Error("a token is the old one")
	}
	w.fromApp("/auth/refreshtoken", m{"refreshtoken": string(l.Refresh)}).want(400, "RefreshTokenAlreadyUsed")
	w.fromApp("/auth/refreshtoken", m{"refreshtoken": got.at("data", "refreshtoken")}).want(400, "RefreshTokenExpired") // the family has ended
	w.fromApp("/auth/refreshtoken", m{"refreshtoken": "x"}).want(400, "RefreshTokenExpired")
	w.fromApp("/auth/refreshtoken", m{"refreshtoken": string(l.Login)}).want(400, "RefreshTokenExpired")
	w.fromApp("/auth/refreshtoken", m{}).want(400, "InputParameterMissing")
	w.fromApp("/auth/refreshtoken", m{"refreshtoken": true}).want(400, "InvalidParameter")
	l = w.login("ada@example.org")
	w.now = w.now.Add(91 * 24 * time.Hour)
	w.fromApp("/auth/refreshtoken", m{"refreshtoken": string(l.Refresh)}).want(400, "RefreshTokenExpired")
}

func TestLogout(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		body        any
		other       string // what becomes of another session
	}{
		{"one session", "", nil, "OK"},
		{"one session, with a flag that is off", "?all=false", nil, "OK"},
		{"all of them", "?all=true", nil, "InvalidOrExpiredLoginToken"},
		{"all of them, in the body", "", m{"logoutall": true}, "InvalidOrExpiredLoginToken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t)
			l, other := w.login("ada@example.org"), w.login("ada@example.org")
			got := w.call("POST", "/auth/logout"+tt.query, tt.body, "logintoken", string(l.Login))
			got.want(200, "OK")
			if got.at("data") != nil {
				t.Errorf("data is %v", got.at("data"))
			}
			w.call("GET", "/user", nil, "logintoken", string(l.Login)).want(401, "InvalidOrExpiredLoginToken")
			w.fromApp("/auth/refreshtoken", m{"refreshtoken": string(l.Refresh)}).want(400, "RefreshTokenExpired")
			if word := w.call("GET", "/user", nil, "logintoken", string(other.Login)).at("responsestatus"); word != tt.other {
				t.Errorf("the other session: %v, want %s", word, tt.other)
			}
			w.call("POST", "/auth/logout", nil, "logintoken", string(l.Login)).want(401, "InvalidOrExpiredLoginToken")
		})
	}
	t.Run("image-uploader posts an empty form", func(t *testing.T) {
		w := newTown(t)
		w.call("POST", "/auth/logout", nil, "loginToken", w.token(w.ada), "source", "desktop",
			"Content-Type", "application/x-www-form-urlencoded").want(200, "OK")
	})
	t.Run("a flag that is none", func(t *testing.T) {
		w := newTown(t)
		w.as(w.ada, "POST", "/auth/logout", m{"all": "perhaps"}).want(400, "InvalidParameter")
	})
	t.Run("a key is no login", func(t *testing.T) {
		w := newTown(t)
		w.call("POST", "/auth/logout", nil, "x-api-key", w.key(w.ada, 0)).want(401, "InvalidOrExpiredLoginToken")
	})
}

func TestRegister(t *testing.T) {
	w := newTown(t)
	sign := m{"email": "Cid@Example.org", "name": "Cid", "password": password, "acceptterms": true}
	got := w.fromApp("/auth/register", sign)
	got.want(200, "OK")
	w.fromApp("/auth/login", sign).want(401, "WrongUsernamePassword") // not yet
	token := w.letter()
	got = w.fromApp("/auth/register/confirm", m{"token": " " + strings.ToUpper(token)})
	got.want(200, "OK")
	got.has(loginKeys, "data")
	me := w.call("GET", "/user", nil, "logintoken", fmt.Sprint(got.at("data", "logintoken")))
	if me.at("data", "email") != "cid@example.org" || me.at("data", "membershipname") != "Free" || me.at("data", "emailverified") != true {
		t.Errorf("they are %s", me.body)
	}
	w.fromApp("/auth/register/confirm", m{"token": token}).want(409, "SessionPasswordNotFound")
	w.fromApp("/auth/login", sign).want(200, "OK")
}

func TestRegisterRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change m
		status int
		word   string
	}{
		{"the terms are not accepted", m{"acceptterms": nil}, 400, "SignupFormNotAccepted"},
		{"a field that people do not see", m{"website": "https://spam.example"}, 400, "SignupFormNotAccepted"},
		{"a weak password", m{"password": "password1"}, 400, "PasswordTooWeak"},
		{"a short password", m{"password": "short"}, 400, "PasswordTooWeak"},
		{"no password", m{"password": nil}, 400, "InputParameterMissing"},
		{"no address", m{"email": nil}, 400, "InputParameterMissing"},
		{"what is no address", m{"email": "cid"}, 400, "InvalidEmail"},
		{"a registered address", m{"email": "Ada@example.org"}, 409, "EmailAlreadyRegistered"},
		{"a blocked address", m{"email": "cid@blocked.example"}, 409, "Blocked"},
		{"a name of two lines", m{"name": "a\r\nb"}, 400, "InvalidParameter"},
		{"a name of another type", m{"name": 5}, 400, "InvalidParameter"},
		{"terms of another type", m{"acceptterms": "perhaps"}, 400, "InvalidParameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t)
			w.must(w.blocks.Add(t.Context(), "blocked.example", ""))
			sign := m{"email": "cid@example.org", "name": "Cid", "password": password, "acceptterms": true}
			maps.Copy(sign, tt.change)
			w.fromApp("/auth/register", sign).want(tt.status, tt.word)
		})
	}
	t.Run("the sign-up is over after an hour", func(t *testing.T) {
		w := newTown(t)
		w.fromApp("/auth/register", m{"email": "cid@example.org", "password": password, "acceptterms": true}).want(200, "OK")
		token := w.letter()
		w.now = w.now.Add(time.Hour)
		w.fromApp("/auth/register/confirm", m{"token": token}).want(409, "SessionPasswordNotFound")
	})
	t.Run("nobody goes through a list of addresses", func(t *testing.T) {
		w := newTown(t)
		for range 20 {
			w.fromApp("/auth/register", m{"email": "ada@example.org", "password": password, "acceptterms": true}).want(409, "EmailAlreadyRegistered")
		}
		w.fromApp("/auth/register", m{"email": "ada@example.org", "password": password, "acceptterms": true}).want(429, "RateLimitExceeded")
	})
	t.Run("no token", func(t *testing.T) {
		newTown(t).fromApp("/auth/register/confirm", m{"token": ""}).want(400, "InputParameterMissing")
	})
	t.Run("strangers may not", func(t *testing.T) {
		w := newTown(t)
		w.people.Sessions.SignUp = false
		w.fromApp("/auth/register", m{"email": "cid@example.org", "password": password, "acceptterms": true}).want(401, "AccessDenied")
	})
}

func TestForgottenPassword(t *testing.T) {
	w := newTown(t)
	key, token := w.key(w.ada, 0), w.token(w.ada)
	unknown := w.fromApp("/auth/password/forgot", m{"email": "eve@example.org"})
	known := w.fromApp("/auth/password/forgot", m{"email": "Ada@example.org"})
	known.want(200, "OK")
	if known.body != unknown.body {
		t.Errorf("known and unknown addresses get other answers: %s and %s", known.body, unknown.body)
	}
	letter := w.letter()
	w.fromApp("/auth/password/reset", m{"token": letter, "password": "password1"}).want(400, "PasswordTooWeak")
	w.fromApp("/auth/password/reset", m{"token": letter}).want(400, "InputParameterMissing")
	w.fromApp("/auth/password/reset", m{"token": "x", "password": "battery staple"}).want(404, "NotFound")
	w.fromApp("/auth/password/reset", m{"token": letter, "password": "battery staple"}).want(200, "OK")
	w.fromApp("/auth/password/reset", m{"token": letter, "password": "battery staple"}).want(404, "NotFound")
	w.fromApp("/auth/login", m{"email": "ada@example.org", "password": password}).want(401, "WrongUsernamePassword")
	w.fromApp("/auth/login", m{"email": "ada@example.org", "password": "battery staple"}).want(200, "OK")
	w.call("GET", "/user", nil, "x-api-key", key).want(401, "InvalidApikey")
	w.call("GET", "/user", nil, "logintoken", token).want(401, "InvalidOrExpiredLoginToken")
	w.fromApp("/auth/password/forgot", m{}).want(400, "InputParameterMissing")
	w.fromApp("/auth/password/forgot", m{"email": "x"}).want(400, "InvalidEmail")
	for range 3 {
		w.fromApp("/auth/password/forgot", m{"email": "ada@example.org"})
	}
	w.fromApp("/auth/password/forgot", m{"email": "ada@example.org"}).want(200, "OK")
	w.fromApp("/auth/password/forgot", m{"email": "ada@example.org"}).want(429, "RateLimitExceeded")
}

func TestChangePassword(t *testing.T) {
	change := m{"currentpassword": password, "password": "battery staple"}
	t.Run("signed in", func(t *testing.T) {
		w := newTown(t)
		old := w.token(w.ada)
		got := w.call("POST", "/auth/password/change", change, "logintoken", old)
		got.want(200, "OK")
		got.has(loginKeys, "data")
		w.call("GET", "/user", nil, "logintoken", old).want(401, "InvalidOrExpiredLoginToken")
		w.call("GET", "/user", nil, "logintoken", fmt.Sprint(got.at("data", "logintoken"))).want(200, "OK")
	})
	t.Run("one that must be changed, without a login", func(t *testing.T) {
		w := newTown(t)
		w.must(w.people.Accounts.SetPassword(t.Context(), w.ada.ID, password, true))
		with := maps.Clone(change)
		with["email"] = "ada@example.org"
		w.fromApp("/auth/password/change", with).want(200, "OK")
		w.fromApp("/auth/login", m{"email": "ada@example.org", "password": "battery staple"}).want(200, "OK")
	})
	for _, tt := range []struct {
		name   string
		body   m
		status int
		word   string
	}{
		{"a wrong present one", m{"currentpassword": "x", "password": "battery staple"}, 401, "WrongUsernamePassword"},
		{"no present one", m{"password": "battery staple"}, 400, "InputParameterMissing"},
		{"no new one", m{"currentpassword": password}, 400, "InputParameterMissing"},
		{"the same", m{"currentpassword": password, "password": password}, 400, "PasswordTooWeak"},
		{"a weak one", m{"currentpassword": password, "password": "qwertyuiop"}, 400, "PasswordTooWeak"},
		{"another's address says nothing", m{"email": "bob@example.org", "currentpassword": "x", "password": "battery staple"}, 401, "WrongUsernamePassword"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t)
			w.as(w.ada, "POST", "/auth/password/change", tt.body).want(tt.status, tt.word)
			w.fromApp("/auth/login", m{"email": "ada@example.org", "password": password}).want(200, "OK")
		})
	}
	t.Run("nobody must say whose", func(t *testing.T) {
		newTown(t).fromApp("/auth/password/change", change).want(400, "InputParameterMissing")
	})
}

func TestVerifyEmail(t *testing.T) {
	w := newTown(t)
	_, err := w.people.Accounts.Update(t.Context(), w.ada.ID, func(a *account.Account, _ *account.Profile) error {
		a.Verified = false
		return nil
	})
	w.must(err)
	w.as(w.ada, "POST", "/auth/verifyemail", nil).want(200, "OK")
	token := w.letter()
	w.fromApp("/auth/verifyemail", m{"token": token}).want(200, "OK")
	if got := w.as(w.ada, "GET", "/user", nil); got.at("data", "emailverified") != true {
		t.Errorf("she is %s", got.body)
	}
	w.fromApp("/auth/verifyemail", m{"token": token}).want(404, "NotFound")
	w.fromApp("/auth/verifyemail", nil).want(400, "InputParameterMissing")
	w.as(w.ada, "POST", "/auth/verifyemail", nil).want(200, "OK") // nothing to do
	w.fromApp("/auth/verifyemail", m{"token": 7}).want(400, "InvalidParameter")
}

func TestSecretsOfPeopleAreNotLogged(t *testing.T) {
	w := newTown(t)
	l := w.login("ada@example.org")
	w.fromApp("/auth/login", m{"email": "ada@example.org", "password": "canary-1"})
	w.fromApp("/auth/refreshtoken", m{"refreshtoken": "canary-2"})
	w.fromApp("/auth/register", m{"email": "ada@example.org", "password": "canary-3", "acceptterms": true})
	w.fromApp("/auth/register/confirm", m{"token": "canary-4"})
	w.call("POST", "/auth/password/change", m{"currentpassword": "canary-5", "password": "canary-6"}, "logintoken", string(l.Login))
	w.classic("/api/authentication/login", "username", "canary-7", "password", "canary-8")
	if text := w.logged.String(); strings.Contains(text, "canary") || strings.Contains(text, string(l.Login)) || !strings.Contains(text, "refused") {
		t.Errorf("the log is\n%s", text)
	}
	if b, _ := json.Marshal(l); strings.Contains(string(b), string(l.Login)) {
		t.Error("a login encodes its token")
	}
}
