package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/letter"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/session"
)

// A hasher stores passwords as they are, and counts what it is asked.
type hasher struct{ verified int }

func (*hasher) Hash(_ context.Context, p account.Secret) (string, error) { return string(p), nil }

func (h *hasher) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	h.verified++
	return text != "" && text == string(p), nil
}

const (
	email    = "ann@example.org"
	password = account.Secret("correct horse")
)

var here = netip.MustParseAddr("192.0.2.1")

// A world is a Service over a real database, with ann, who has an account.
type world struct {
	*session.Service
	t        *testing.T
	ctx      context.Context
	now      time.Time
	file     string // of the database
	db       *db.DB
	hasher   *hasher
	accounts *account.Service
	blocks   *block.Service
	config   session.Config
	ann      account.ID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), hasher: &hasher{}}
	var err error
	w.file = filepath.Join(t.TempDir(), "ferry.db")
	w.db, err = db.Open(w.ctx, "sqlite:"+w.file, db.Options{})
	w.must(err)
	t.Cleanup(func() { _ = w.db.Close() })
	now := func() time.Time { return w.now }
	ids := id.NewSource(now)
	ring := w.ring("a")
	w.accounts = account.NewService(w.db, w.hasher, ids, ring, now, 0)
	w.blocks = block.NewService(w.db, now)
	w.config = session.Config{
		Store: w.db, Accounts: w.accounts, Blocks: w.blocks, IDs: ids, Ring: ring, Now: now,
		Log: slog.New(slog.DiscardHandler), SignUp: true,
	}
	w.Service = session.NewService(w.config)
	a, err := w.accounts.CreateUser(w.ctx, account.New{Email: email, Password: password})
	w.must(err)
	w.ann = a.ID
	return w
}

func (w *world) ring(secrets ...string) *keyring.Ring {
	w.t.Helper()
	var all [][]byte
	for _, s := range secrets {
		all = append(all, []byte(strings.Repeat(s, keyring.MinSecret)))
	}
	r, err := keyring.New(all[0], all[1:]...)
	w.must(err)
	return r
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) fails(err error, kind fault.Kind, code string) {
	w.t.Helper()
	if fault.KindOf(err) != kind || !fault.Is(err, code) {
		w.t.Fatalf("got %v, want %v (%s)", err, kind, code)
	}
}

func (w *world) login(f session.Form) *session.Login {
	w.t.Helper()
	l, err := w.Login(w.ctx, email, password, session.Client{Address: here, Agent: "Browser/1"}, f)
	w.must(err)
	return l
}

func (w *world) dead(token account.Secret, why string) {
	w.t.Helper()
	if _, err := w.Find(w.ctx, token); fault.KindOf(err) != fault.Unauthenticated || !fault.Is(err, "login_token_invalid") {
		w.t.Errorf("%s: %v", why, err)
	}
}

// letter gives what the next letter says, which is then done; it must be of the kind.
func (w *world) letter(kind string) *session.Letter {
	w.t.Helper()
	jobs, err := w.db.Claim(w.ctx, w.now, 10)
	w.must(err)
	if len(jobs) != 1 || jobs[0].Kind != kind {
		w.t.Fatalf("letters %v, want one of %s", jobs, kind)
	}
	l, err := w.Letter(w.ctx, jobs[0].ID)
	w.must(err)
	w.must(w.db.Done(w.ctx, jobs[0]))
	return l
}

func (w *world) noLetter() {
	w.t.Helper()
	if jobs, err := w.db.Claim(w.ctx, w.now, 10); len(jobs) != 0 || err != nil {
		w.t.Fatalf("letters %v, %v; want none", jobs, err)
	}
}

func TestFormsOfTokens(t *testing.T) {
	w := newWorld(t)
	classic, opaque := w.login(session.Classic), w.login(session.Opaque)
	if c := string(classic.Tokens.Login); len(c) != 32 || strings.Trim(c, id.Hex) != "" || classic.Refresh != "" {
		t.Errorf("the classic form: %q, %q", c, string(classic.Refresh))
	}
	if len(opaque.Tokens.Login) != 43 || len(opaque.Refresh) != 43 || opaque.Tokens.Login == opaque.Refresh {
		t.Errorf("the opaque form: %q, %q", string(opaque.Tokens.Login), string(opaque.Refresh))
	}
	if d := opaque.LoginExpires.Sub(w.now); d != 7*24*time.Hour {
		t.Errorf("a login token lives %v", d)
	}
	if d := opaque.RefreshExpires.Sub(w.now); d != 90*24*time.Hour {
		t.Errorf("a refresh token lives %v", d)
	}
	for _, token := range []account.Secret{classic.Tokens.Login, opaque.Tokens.Login} {
		if a, err := w.Find(w.ctx, token); err != nil || a.ID != w.ann {
			t.Errorf("%v, %v", a, err)
		}
	}
	for name, token := range map[string]account.Secret{
		"none": "", "a refresh token": opaque.Refresh, "unknown": "x", "long": account.Secret(strings.Repeat("x", 1000)),
		"in other case": account.Secret(strings.ToUpper(string(classic.Tokens.Login))),
	} {
		w.dead(token, name)
	}
	w.now = w.now.Add(7*24*time.Hour - 1)
	if _, err := w.Find(w.ctx, classic.Tokens.Login); err != nil {
		t.Errorf("before its end: %v", err)
	}
	w.now = w.now.Add(time.Millisecond)
	w.dead(classic.Tokens.Login, "after its end")
}

func TestWhoMayLogIn(t *testing.T) {
	for _, tt := range []struct {
		name     string
		email    string
		password account.Secret
		before   func(w *world)
		code     string
	}{
		{"the right password", email, password, nil, ""},
		{"the address in other case", "Ann@Example.ORG", password, nil, ""},
		{"a wrong password", email, "correct hose", nil, "wrong_password"},
		{"no password", email, "", nil, "wrong_password"},
		{"an unknown address", "bob@example.org", password, nil, "wrong_password"},
		{"no address", "", password, nil, "wrong_password"},
		{"what is no address", "ann\x00@example.org", password, nil, "wrong_password"},
		{"disabled", email, password, func(w *world) { w.must(w.accounts.SetActive(w.ctx, w.ann, false)) }, "account_disabled"},
		{"disabled, with a wrong password", email, "x", func(w *world) { w.must(w.accounts.SetActive(w.ctx, w.ann, false)) }, "wrong_password"},
		{"a password that must be changed", email, "battery staple", func(w *world) {
			w.must(w.accounts.SetPassword(w.ctx, w.ann, "battery staple", true))
		}, "password_reset_required"},
		{"erased", email, password, func(w *world) { w.must(w.accounts.Erase(w.ctx, w.ann)) }, "wrong_password"},
		{"the installation's account", "", "", func(w *world) { _, _, err := w.accounts.CreateKey(w.ctx, "", "", 0); w.must(err) }, "wrong_password"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.before != nil {
				tt.before(w)
			}
			w.hasher.verified = 0
			_, err := w.Login(w.ctx, tt.email, tt.password, session.Client{Address: here}, session.Opaque)
			if fault.CodeOf(err) != tt.code || err != nil && fault.KindOf(err) != fault.Unauthenticated {
				t.Errorf("%v, want %q", err, tt.code)
			}
			if w.hasher.verified != 1 {
				t.Errorf("%d passwords were hashed: the clock tells who has an account", w.hasher.verified)
			}
		})
	}
}

func TestTriesAreCountedBeforeThePasswordIsCompared(t *testing.T) {
	w := newWorld(t)
	try := func(email string, p account.Secret, from string) error {
		_, err := w.Login(w.ctx, email, p, session.Client{Address: netip.MustParseAddr(from)}, session.Opaque)
		return err
	}
	for range 10 {
		w.fails(try(email, "wrong", "2001:db8::1"), fault.Unauthenticated, "wrong_password")
	}
	w.hasher.verified = 0
	w.fails(try(email, password, "2001:db8::1"), fault.Throttled, "too_many_tries")
	w.fails(try("ANN@example.org", password, "2001:db8::ffff:1"), fault.Throttled, "too_many_tries") // the same /64
	if _, err := w.ChangePassword(w.ctx, email, password, "battery staple", session.Client{Address: netip.MustParseAddr("2001:db8::2")}, session.Opaque); !fault.Is(err, "too_many_tries") {
		t.Errorf("by another way: %v", err)
	}
	if w.hasher.verified != 0 {
		t.Error("the password was compared nevertheless")
	}
	w.must(try(email, password, "2001:db8:0:1::1"))
	w.must(try(email, password, "192.0.2.1"))
	w.fails(try("bob@example.org", password, "2001:db8::1"), fault.Unauthenticated, "wrong_password")
	w.now = w.now.Add(15 * time.Minute)
	for range 30 { // what succeeds is no guess
		w.must(try(email, password, "2001:db8::1"))
	}
	for range 10 {
		w.fails(try(email, "wrong", "::ffff:192.0.2.1"), fault.Unauthenticated, "wrong_password")
	}
	w.fails(try(email, password, "192.0.2.1"), fault.Throttled, "too_many_tries")
}

func TestRefresh(t *testing.T) {
	w := newWorld(t)
	first := w.login(session.Opaque)
	second, err := w.Refresh(w.ctx, first.Refresh)
	w.must(err)
	if second.Account.ID != w.ann || second.Refresh == first.Refresh || second.Tokens.Login == first.Tokens.Login {
		t.Error("not both tokens are new")
	}
	for _, token := range []account.Secret{first.Tokens.Login, second.Tokens.Login} {
		if _, err := w.Find(w.ctx, token); err != nil {
			t.Error(err)
		}
	}
	other := w.login(session.Opaque)
	_, err = w.Refresh(w.ctx, first.Refresh)
	w.fails(err, fault.Invalid, "refresh_used")
	w.dead(second.Tokens.Login, "of a session that somebody has stolen")
	_, err = w.Refresh(w.ctx, second.Refresh)
	w.fails(err, fault.Invalid, "refresh_expired")
	if _, err := w.Find(w.ctx, other.Tokens.Login); err != nil {
		t.Errorf("another session: %v", err)
	}
	for name, token := range map[string]account.Secret{
		"none": "", "a login token": other.Tokens.Login, "unknown": "x", "long": account.Secret(strings.Repeat("x", 1000)),
	} {
		if _, err := w.Refresh(w.ctx, token); fault.KindOf(err) != fault.Invalid || !fault.Is(err, "refresh_expired") {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.now = w.now.Add(90 * 24 * time.Hour)
	_, err = w.Refresh(w.ctx, other.Refresh)
	w.fails(err, fault.Invalid, "refresh_expired")
}

func TestLogout(t *testing.T) {
	w := newWorld(t)
	one, two, three := w.login(session.Opaque), w.login(session.Opaque), w.login(session.Classic)
	w.must(w.Logout(w.ctx, one.Tokens.Login, false))
	w.dead(one.Tokens.Login, "logged out")
	_, err := w.Refresh(w.ctx, one.Refresh)
	w.fails(err, fault.Invalid, "refresh_expired")
	w.fails(w.Logout(w.ctx, one.Tokens.Login, false), fault.Unauthenticated, "login_token_invalid")
	w.must(w.Logout(w.ctx, two.Tokens.Login, true))
	w.dead(two.Tokens.Login, "logged out everywhere")
	w.dead(three.Tokens.Login, "logged out everywhere")
}

// Whatever ends an account's epoch ends every token at once.
func TestWhatEndsSessions(t *testing.T) {
	for name, end := range map[string]func(w *world) error{
		"another password": func(w *world) error { return w.accounts.SetPassword(w.ctx, w.ann, "battery staple", false) },
		"disabled":         func(w *world) error { return w.accounts.SetActive(w.ctx, w.ann, false) },
		"disabled and enabled": func(w *world) error {
			return errors.Join(w.accounts.SetActive(w.ctx, w.ann, false), w.accounts.SetActive(w.ctx, w.ann, true))
		},
		"erased": func(w *world) error { return w.accounts.Erase(w.ctx, w.ann) },
		"changed by the person": func(w *world) error {
			_, err := w.ChangePassword(w.ctx, email, password, "battery staple", session.Client{Address: here}, session.Opaque)
			return err
		},
		"reset by a letter": func(w *world) error {
			w.must(w.Forgot(w.ctx, email, here))
			return w.ResetPassword(w.ctx, w.letter(session.JobLetterReset).Token, "battery staple")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			l := w.login(session.Opaque)
			key, _, err := w.accounts.CreateKeyFor(w.ctx, w.ann, account.NewKey{})
			w.must(err)
			_, err = w.accounts.Key(w.ctx, key)
			w.must(err)
			w.must(end(w))
			w.dead(l.Tokens.Login, "its login token")
			_, err = w.Refresh(w.ctx, l.Refresh)
			w.fails(err, fault.Invalid, "refresh_expired")
			if _, err := w.accounts.Key(w.ctx, key); !fault.Is(err, "key_unknown") {
				t.Errorf("its API key, the next moment: %v", err)
			}
		})
	}
}

func TestChangePassword(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name          string
		old, password account.Secret
		code          string
	}{
		{"a wrong old one", "correct hose", "battery staple", "wrong_password"},
		{"a weak one", password, "password123", "password_weak"},
		{"a short one", password, "short", "password_length"},
		{"the same", password, password, "password_weak"},
		{"the address", password, account.Secret(email), "password_weak"},
	} {
		if _, err := w.ChangePassword(w.ctx, email, tt.old, tt.password, session.Client{Address: here}, session.Opaque); fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	w.must(w.accounts.SetPassword(w.ctx, w.ann, "given by hand", true))
	l, err := w.ChangePassword(w.ctx, email, "given by hand", "battery staple", session.Client{Address: here}, session.Classic)
	w.must(err)
	if a, err := w.Find(w.ctx, l.Tokens.Login); err != nil || a.MustChange {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := w.Login(w.ctx, email, "battery staple", session.Client{Address: here}, session.Opaque); err != nil {
		t.Error(err)
	}
	w.must(w.accounts.SetActive(w.ctx, w.ann, false))
	_, err = w.ChangePassword(w.ctx, email, "battery staple", "another one", session.Client{Address: here}, session.Opaque)
	w.fails(err, fault.Unauthenticated, "account_disabled")
}

func TestForgottenPasswords(t *testing.T) {
	w := newWorld(t)
	for _, address := range []string{"nobody@example.org", email} {
		w.must(w.Forgot(w.ctx, address, here))
	}
	l := w.letter(session.JobLetterReset)
	if l.Kind != session.Reset || l.Email != email || !l.ExpiresAt.Equal(w.now.Add(time.Hour)) || len(l.Token) != 32 {
		t.Errorf("%+v", l)
	}
	w.fails(w.ResetPassword(w.ctx, "x", "battery staple"), fault.NotFound, "ticket_unknown")
	w.fails(w.ResetPassword(w.ctx, l.Token, "password"), fault.Invalid, "password_weak") // and the token is still good
	_, err := w.VerifyEmail(w.ctx, l.Token)
	w.fails(err, fault.NotFound, "ticket_unknown") // of another kind
	w.must(w.Forgot(w.ctx, email, here))
	second := w.letter(session.JobLetterReset)
	w.must(w.ResetPassword(w.ctx, " "+account.Secret(strings.ToUpper(string(l.Token)))+"\n", "battery staple")) // as people paste it
	w.fails(w.ResetPassword(w.ctx, l.Token, "another one"), fault.NotFound, "ticket_unknown")
	w.fails(w.ResetPassword(w.ctx, second.Token, "another one"), fault.NotFound, "ticket_unknown") // the first has changed the epoch
	if _, err := w.Login(w.ctx, email, "battery staple", session.Client{Address: here}, session.Opaque); err != nil {
		t.Error(err)
	}
	w.must(w.Forgot(w.ctx, email, here))
	late := w.letter(session.JobLetterReset)
	w.now = w.now.Add(time.Hour)
	w.fails(w.ResetPassword(w.ctx, late.Token, "another one"), fault.NotFound, "ticket_unknown")

	w.fails(w.Forgot(w.ctx, "no address", here), fault.Invalid, "email_invalid")
	w.must(w.accounts.SetActive(w.ctx, w.ann, false))
	w.must(w.Forgot(w.ctx, email, here))
	w.noLetter()
}

// Nobody is sent letters without end, and the answer to a letter too many tells
// nothing of who has an account.
func TestLettersAreCounted(t *testing.T) {
	w := newWorld(t)
	for _, address := range []string{email, "nobody@example.org"} {
		for i := range 5 {
			w.must(w.Forgot(w.ctx, address, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})))
		}
		w.fails(w.Forgot(w.ctx, address, netip.AddrFrom4([4]byte{10, 0, 0, 9})), fault.Throttled, "too_many_tries")
	}
	for i := range 20 {
		w.must(w.Forgot(w.ctx, fmt.Sprintf("n%d@example.org", i), here))
	}
	w.fails(w.Forgot(w.ctx, "n20@example.org", here), fault.Throttled, "too_many_tries")
	// Who goes through a list of addresses to learn which have an account, neither.
	w.fails(w.Register(w.ctx, session.SignUp{Email: email, Password: password, Terms: true}, here), fault.Throttled, "too_many_tries")
	w.now = w.now.Add(time.Hour)
	w.must(w.Forgot(w.ctx, email, here))
}

func TestSigningUp(t *testing.T) {
	w := newWorld(t)
	w.must(w.blocks.Add(w.ctx, "spam.example", ""))
	good := session.SignUp{Email: "Bob@example.org", Name: "Bob", Password: "battery staple", Terms: true}
	with := func(change func(*session.SignUp)) session.SignUp { u := good; change(&u); return u }
	for _, tt := range []struct {
		name string
		u    session.SignUp
		code string
	}{
		{"without the terms", with(func(u *session.SignUp) { u.Terms = false }), "sign_up_form"},
		{"with the trap filled", with(func(u *session.SignUp) { u.Trap = "x" }), "sign_up_form"},
		{"a taken address", with(func(u *session.SignUp) { u.Email = "ANN@example.org" }), "email_taken"},
		{"a blocked one", with(func(u *session.SignUp) { u.Email = "x@spam.example" }), "blocked"},
		{"no address", with(func(u *session.SignUp) { u.Email = "x" }), "email_invalid"},
		{"a weak password", with(func(u *session.SignUp) { u.Password = "12345678" }), "password_weak"},
		{"the address as password", with(func(u *session.SignUp) { u.Password = "bob@example.org" }), "password_weak"},
	} {
		if err := w.Register(w.ctx, tt.u, here); fault.CodeOf(err) != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	w.noLetter()
	w.must(w.Register(w.ctx, good, here))
	l := w.letter(session.JobLetterRegister)
	if l.Email != "bob@example.org" || l.Name != "Bob" || l.Kind != session.Register {
		t.Errorf("%+v", l)
	}
	if _, err := w.accounts.ByEmail(w.ctx, "bob@example.org"); !fault.Is(err, "account_unknown") {
		t.Errorf("there is an account before the letter is answered: %v", err)
	}
	w.must(w.Register(w.ctx, good, here)) // twice, to be sure
	again := w.letter(session.JobLetterRegister)
	in, err := w.ConfirmRegistration(w.ctx, l.Token, session.Client{}, session.Opaque)
	w.must(err)
	if a, err := w.Find(w.ctx, in.Tokens.Login); err != nil || a.Email != "bob@example.org" || !a.Verified || a.Name != "Bob" || a.Plan != "free" || a.Company != "" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := w.Login(w.ctx, "bob@example.org", "battery staple", session.Client{Address: here}, session.Opaque); err != nil {
		t.Error(err)
	}
	_, err = w.ConfirmRegistration(w.ctx, l.Token, session.Client{}, session.Opaque)
	w.fails(err, fault.Conflict, "session_password_gone")
	_, err = w.ConfirmRegistration(w.ctx, again.Token, session.Client{}, session.Opaque)
	w.fails(err, fault.Conflict, "email_taken")
	_, err = w.ConfirmRegistration(w.ctx, "x", session.Client{}, session.Opaque)
	w.fails(err, fault.Conflict, "session_password_gone")

	w.must(w.Register(w.ctx, with(func(u *session.SignUp) { u.Email = "late@example.org" }), here))
	late := w.letter(session.JobLetterRegister)
	w.must(w.Register(w.ctx, with(func(u *session.SignUp) { u.Email = "soon@soon.example" }), here))
	soon := w.letter(session.JobLetterRegister)
	w.must(w.blocks.Add(w.ctx, "soon.example", ""))
	_, err = w.ConfirmRegistration(w.ctx, soon.Token, session.Client{}, session.Opaque)
	w.fails(err, fault.Forbidden, "blocked")
	w.now = w.now.Add(time.Hour)
	_, err = w.ConfirmRegistration(w.ctx, late.Token, session.Client{}, session.Opaque)
	w.fails(err, fault.Conflict, "session_password_gone")

	closed := w.config
	closed.SignUp = false
	w.fails(session.NewService(closed).Register(w.ctx, good, here), fault.Forbidden, "sign_up_closed")
}

func TestWhoSignsUpJoinsTheCompanyOfTheirDomain(t *testing.T) {
	w := newWorld(t)
	companies := company.NewService(w.db, w.accounts, plan.NewService(w.db), w.blocks, w.config.IDs, w.config.Now)
	c, err := companies.Create(w.ctx, "Acme", "acme.example", "business", 1)
	w.must(err)
	for i, want := range []string{"", "licences_used"} {
		w.must(w.Register(w.ctx, session.SignUp{Email: fmt.Sprintf("p%d@acme.example", i), Password: password, Terms: true}, here))
		in, err := w.ConfirmRegistration(w.ctx, w.letter(session.JobLetterRegister).Token, session.Client{}, session.Opaque)
		if fault.CodeOf(err) != want {
			t.Fatalf("person %d: %v", i, err)
		}
		if err == nil && (in.Account.Company != c.ID || in.Account.CompanyAdmin || in.Account.Plan != "business") {
			t.Errorf("%+v", in.Account)
		}
	}
}

func TestVerifyingAnAddress(t *testing.T) {
	w := newWorld(t)
	w.must(w.SendVerification(w.ctx, w.ann, here))
	w.noLetter() // the operator has vouched for it
	_, err := w.accounts.Update(w.ctx, w.ann, func(a *account.Account, _ *account.Profile) error { a.Verified = false; return nil })
	w.must(err)
	w.must(w.SendVerification(w.ctx, w.ann, here))
	l := w.letter(session.JobLetterVerify)
	a, err := w.VerifyEmail(w.ctx, l.Token)
	w.must(err)
	if !a.Verified || a.Email != email || a.Epoch != 0 {
		t.Errorf("%+v", a)
	}
	_, err = w.VerifyEmail(w.ctx, l.Token)
	w.fails(err, fault.NotFound, "ticket_unknown")
}

func TestAnotherAddress(t *testing.T) {
	w := newWorld(t)
	_, err := w.accounts.CreateUser(w.ctx, account.New{Email: "bob@example.org", Password: password})
	w.must(err)
	w.must(w.blocks.Add(w.ctx, "spam.example", ""))
	for address, want := range map[string]string{
		"BOB@example.org": "email_taken", "x": "email_invalid", "ann@spam.example": "blocked",
	} {
		if err := w.ChangeEmail(w.ctx, w.ann, password, address, here); fault.CodeOf(err) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	w.fails(w.ChangeEmail(w.ctx, w.ann, "wrong", "new@example.org", here), fault.Unauthenticated, "wrong_password")
	w.must(w.ChangeEmail(w.ctx, w.ann, password, "New@example.org", here))
	l := w.letter(session.JobLetterVerify)
	if l.Email != "new@example.org" {
		t.Errorf("the letter goes to %s", l.Email)
	}
	if a, err := w.accounts.ByID(w.ctx, w.ann); err != nil || a.Email != email {
		t.Errorf("before the letter is answered: %+v, %v", a, err)
	}
	in := w.login(session.Opaque)
	if a, err := w.VerifyEmail(w.ctx, l.Token); err != nil || a.Email != "new@example.org" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := w.Find(w.ctx, in.Tokens.Login); err != nil {
		t.Errorf("it signed the person out: %v", err)
	}

	// A thief asks for another address; the owner, warned, changes the password.
	w.must(w.ChangeEmail(w.ctx, w.ann, password, "thief@example.org", here))
	thief := w.letter(session.JobLetterVerify)
	w.must(w.accounts.SetPassword(w.ctx, w.ann, "battery staple", false))
	_, err = w.VerifyEmail(w.ctx, thief.Token)
	w.fails(err, fault.NotFound, "ticket_unknown")

	// Two ask for one address: the first who answers has it.
	w.must(w.ChangeEmail(w.ctx, w.ann, "battery staple", "one@example.org", here))
	mine := w.letter(session.JobLetterVerify)
	_, err = w.accounts.CreateUser(w.ctx, account.New{Email: "one@example.org", Password: password})
	w.must(err)
	_, err = w.VerifyEmail(w.ctx, mine.Token)
	w.fails(err, fault.Conflict, "email_taken")
}

// A letter may be written after the installation's secret was changed, and answered
// after it was written.
func TestALetterOutlivesAChangeOfTheSecret(t *testing.T) {
	w := newWorld(t)
	w.must(w.Forgot(w.ctx, email, here))
	rotated := w.config
	rotated.Ring = w.ring("b", "a")
	w.Service = session.NewService(rotated)
	l := w.letter(session.JobLetterReset)
	w.must(w.ResetPassword(w.ctx, l.Token, "battery staple"))

	w.must(w.Forgot(w.ctx, email, here))
	jobs, err := w.db.Claim(w.ctx, w.now, 1)
	w.must(err)
	rotated.Ring = w.ring("c")
	_, err = session.NewService(rotated).Letter(w.ctx, jobs[0].ID)
	w.fails(err, fault.NotFound, "ticket_unknown")
}

// What a letter was for may be done or over before it is written.
func TestALetterWithoutATicketIsNotWritten(t *testing.T) {
	w := newWorld(t)
	w.must(w.Forgot(w.ctx, email, here))
	jobs, err := w.db.Claim(w.ctx, w.now, 1)
	w.must(err)
	w.now = w.now.Add(time.Hour)
	_, err = w.Letter(w.ctx, jobs[0].ID)
	w.fails(err, fault.NotFound, "ticket_unknown")
}

func TestNoTokenIsStoredOrPrinted(t *testing.T) {
	w := newWorld(t)
	in := w.login(session.Opaque)
	w.must(w.Forgot(w.ctx, email, here))
	l := w.letter(session.JobLetterReset)
	w.must(w.db.Close()) // which empties its log into the file
	stored, err := os.ReadFile(w.file)
	w.must(err)
	if !bytes.Contains(stored, []byte(email)) {
		t.Fatal("this is not the database")
	}
	for name, secret := range map[string]account.Secret{"login": in.Tokens.Login, "refresh": in.Refresh, "ticket": l.Token} {
		if bytes.Contains(stored, []byte(secret)) {
			t.Errorf("the %s token is in the database", name)
		}
		if s := fmt.Sprintf("%v %+v", in, l); strings.Contains(s, string(secret)) {
			t.Errorf("the %s token is printed: %s", name, s)
		}
	}
}

func TestTheSweepComesBack(t *testing.T) {
	w := newWorld(t)
	sweep := w.Handlers()[session.JobSweep]
	for range 101 {
		w.login(session.Opaque)
	}
	w.now = w.now.Add(91 * 24 * time.Hour)
	runs := 0
	for again := error(nil); ; runs++ {
		again = sweep(w.ctx, job.Job{})
		if !job.IsAgain(again) {
			t.Fatalf("it does not come back: %v", again)
		}
		if again.Error() == job.Again(time.Hour).Error() {
			break
		}
	}
	if runs == 0 {
		t.Error("202 tokens in one step")
	}
	w.must(w.db.Close())
	if err := sweep(w.ctx, job.Job{}); !job.IsAgain(err) {
		t.Errorf("after a failure: %v", err)
	}
	if jobs := w.Jobs(); len(jobs) != 1 || jobs[0].Kind != session.JobSweep {
		t.Errorf("%v", jobs)
	}
}

// TestLetters: each kind of job gets the letter of its ticket, and no other.
func TestLetters(t *testing.T) {
	w := newWorld(t)
	letters := session.Letters{Sessions: w.Service, Page: func(k session.Kind, token account.Secret) letter.Link {
		return letter.Link(fmt.Sprintf("https://ferry.test/%d/%s", k, string(token)))
	}}
	w.must(w.Register(w.ctx, session.SignUp{Email: "new@example.org", Password: password, Terms: true}, here))
	w.must(w.Forgot(w.ctx, email, here))
	w.must(w.ChangeEmail(w.ctx, w.ann, password, "ann@example.com", here))
	jobs, err := w.db.Claim(w.ctx, w.now, 10)
	w.must(err)
	to := map[letter.Kind]string{letter.Register: "new@example.org", letter.Reset: email, letter.Verify: "ann@example.com"}
	for _, j := range jobs {
		of := letter.Kind(strings.TrimPrefix(j.Kind, letter.JobPrefix))
		for _, kind := range letters.Kinds() {
			l, err := letters.Letter(w.ctx, kind, j.ID)
			if kind != of {
				w.fails(err, fault.NotFound, "ticket_unknown")
				continue
			}
			w.must(err)
			w.must(l.Check())
			ticket, err := w.Letter(w.ctx, j.ID)
			w.must(err)
			if l.To != to[kind] || l.About != j.ID || l.Data.Kind() != kind || !l.Until.Equal(ticket.ExpiresAt) ||
				!strings.HasSuffix(string(l.Link), "/"+string(ticket.Token)) {
				t.Errorf("the letter %s is %+v", kind, l)
			}
			delete(to, kind)
		}
	}
	if len(to) > 0 {
		t.Errorf("no letter goes to %v", to)
	}
	w.now = w.now.Add(time.Hour)
	for _, j := range jobs {
		if j.Kind == session.JobLetterReset {
			_, err := letters.Letter(w.ctx, letter.Reset, j.ID)
			w.fails(err, fault.NotFound, "ticket_unknown")
		}
	}
}
