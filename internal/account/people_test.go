package account_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
)

// An office is a Service over a real database, with a person and their key.
type office struct {
	*account.Service
	t   *testing.T
	ctx context.Context
	now time.Time
	db  *db.DB
	ann *account.Account
	key account.Secret
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, ctx: context.Background(), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	var err error
	if o.db, err = db.Open(o.ctx, "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), db.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.db.Close() })
	o.Service = o.another()
	if o.ann, err = o.CreateUser(o.ctx, account.New{Email: "ann@example.org", Password: "correct horse", Name: "Ann"}); err != nil {
		t.Fatal(err)
	}
	if o.key, _, err = o.CreateKeyFor(o.ctx, o.ann.ID, account.NewKey{Name: "k"}); err != nil {
		t.Fatal(err)
	}
	return o
}

// another is the Service of another node.
func (o *office) another() *account.Service {
	now := func() time.Time { return o.now }
	return account.NewService(o.db, plain{}, id.NewSource(now), ring(o.t, "a"), now, 0)
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) again() *account.Account {
	o.t.Helper()
	a, err := o.ByID(o.ctx, o.ann.ID)
	o.must(err)
	return a
}

// The node that ends a key does not believe in it for another second, whoever had
// just shown it.
func TestAKeyIsDeadAtOnceWhereItWasEnded(t *testing.T) {
	for name, end := range map[string]func(o *office) error{
		"rotated":                        func(o *office) error { _, err := o.RotateKey(o.ctx, o.ann.ID, o.id()); return err },
		"deleted":                        func(o *office) error { return o.DeleteKey(o.ctx, o.ann.ID, o.id()) },
		"its owner has another password": func(o *office) error { return o.SetPassword(o.ctx, o.ann.ID, "battery staple", false) },
		"its owner is disabled":          func(o *office) error { return o.SetActive(o.ctx, o.ann.ID, false) },
		"its owner has another plan":     func(o *office) error { return o.SetPlan(o.ctx, o.ann.ID, "free", time.Time{}) },
		"its owner is erased":            func(o *office) error { return o.Erase(o.ctx, o.ann.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			if _, err := o.Key(o.ctx, o.key); err != nil {
				t.Fatal(err)
			}
			o.must(end(o))
			if _, err := o.Key(o.ctx, o.key); !fault.Is(err, "key_unknown") {
				t.Errorf("the next moment: %v", err)
			}
		})
	}
}

func (o *office) id() account.KeyID {
	o.t.Helper()
	keys, err := o.Keys(o.ctx, o.ann.ID, "", 10)
	o.must(err)
	return keys[0].ID
}

// A store that is slow between finding a key and saying so.
type slowStore struct {
	*db.DB
	meanwhile func()
}

func (s *slowStore) KeyByHash(ctx context.Context, h [32]byte) (*account.APIKey, error) {
	k, err := s.DB.KeyByHash(ctx, h)
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return k, err
}

func TestAKeyThatIsEndedWhileItIsLookedUpIsNotRemembered(t *testing.T) {
	o := newOffice(t)
	slow := &slowStore{DB: o.db}
	now := func() time.Time { return o.now }
	s := account.NewService(slow, plain{}, id.NewSource(now), ring(t, "a"), now, 0)
	k := o.id()
	slow.meanwhile = func() {
		slow.meanwhile = nil
		o.must(s.DeleteKey(o.ctx, "", k))
	}
	if _, err := s.Key(o.ctx, o.key); err != nil {
		t.Fatalf("it was in force when it was looked up: %v", err)
	}
	if _, err := s.Key(o.ctx, o.key); !fault.Is(err, "key_unknown") {
		t.Errorf("the next moment: %v", err)
	}
}

func TestARotatedKey(t *testing.T) {
	o := newOffice(t)
	before, err := o.Key(o.ctx, o.key)
	o.must(err)
	access, oldS3 := o.S3Credentials(before)
	fresh, err := o.RotateKey(o.ctx, "", before.ID)
	o.must(err)
	after, err := o.Key(o.ctx, fresh)
	o.must(err)
	if after.ID != before.ID || after.Room(nil) != before.Room(nil) {
		t.Error("what was made with it is lost")
	}
	if after.Epoch == before.Epoch {
		t.Error("tokens of before go on")
	}
	if _, secret, err := o.S3Key(o.ctx, access); err != nil || secret == oldS3 {
		t.Errorf("the S3 secret is still the old one, or none: %v", err)
	}
	if _, secret := o.S3Credentials(after); secret == oldS3 {
		t.Error("the S3 secret of before is given out again")
	}
}

func TestAKeyExpires(t *testing.T) {
	o := newOffice(t)
	key, k, err := o.CreateKeyFor(o.ctx, o.ann.ID, account.NewKey{ExpiresAt: o.now.Add(time.Minute)})
	o.must(err)
	access, _ := o.S3Credentials(k)
	o.now = o.now.Add(time.Minute - time.Millisecond)
	if _, err := o.Key(o.ctx, key); err != nil {
		t.Errorf("before its end: %v", err)
	}
	o.now = o.now.Add(time.Millisecond) // it was seen a moment ago
	if _, err := o.Key(o.ctx, key); !fault.Is(err, "key_unknown") {
		t.Errorf("at its end: %v", err)
	}
	if _, _, err := o.S3Key(o.ctx, access); !fault.Is(err, "key_unknown") {
		t.Errorf("at its end, for S3: %v", err)
	}
	if _, _, err := o.CreateKeyFor(o.ctx, o.ann.ID, account.NewKey{ExpiresAt: o.now, DailyLimit: -1, Scopes: 64, Name: strings.Repeat("x", 201)}); err != nil {
		if f, _ := errors.AsType[*fault.Error](err); len(f.Fields) != 4 {
			t.Errorf("all that is wrong is told at once: %v", f.Fields)
		}
	} else {
		t.Error("a key that is over from the start was made")
	}
}

func TestScopes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		names []string
		may   map[account.Scope]bool
	}{
		{"without any it may everything", nil, map[account.Scope]bool{account.Read: true, account.Send: true, account.Manage: true}},
		{"one to read", []string{"read"}, map[account.Scope]bool{account.Read: true, account.Send: false, account.Manage: false}},
		{"one to read and send", []string{"Read", "send"}, map[account.Scope]bool{account.Read: true, account.Send: true, account.Read | account.Send: true, account.Manage: false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			scopes, err := account.ParseScopes(tt.names)
			if err != nil {
				t.Fatal(err)
			}
			k := &account.APIKey{Scopes: scopes}
			for scope, want := range tt.may {
				if err := k.May(scope); (err == nil) != want || err != nil && fault.KindOf(err) != fault.Forbidden {
					t.Errorf("%v: %v", scope, err)
				}
			}
		})
	}
	if _, err := account.ParseScopes([]string{"write"}); !fault.Is(err, "scope_invalid") {
		t.Errorf("%v", err)
	}
	if s := (account.Read | account.Manage).String() + " " + account.Scope(0).String(); s != "read,manage all" {
		t.Error(s)
	}
}

func TestTheLesserLimitHolds(t *testing.T) {
	for _, tt := range []struct{ own, plan, want int }{{0, 0, 0}, {5, 0, 5}, {0, 7, 7}, {5, 7, 5}, {9, 7, 7}} {
		if got := (&account.APIKey{DailyLimit: tt.own, PlanLimit: tt.plan}).Calls(); got != tt.want {
			t.Errorf("%d of its own, %d by its plan: %d, want %d", tt.own, tt.plan, got, tt.want)
		}
	}
}

func TestPasswords(t *testing.T) {
	for _, tt := range []struct{ name, password, code string }{
		{"a sentence", "correct horse", ""},
		{"eight characters", "gl0ckner", ""},
		{"seven characters", "gl0ckne", "password_length"},
		{"eight characters that are more bytes", "grüßgott", ""},
		{"four characters that are eight bytes", "äöüß", "password_length"},
		{"more than anybody types", strings.Repeat("abc ", 257), "password_length"},
		{"one that everybody tries", "password123", "password_weak"},
		{"the same in other case", "PassWord123", "password_weak"},
		{"the address", "bob.miller@example.org", "password_weak"},
		{"its first part", "Bob.Miller", "password_weak"},
		{"one character", "aaaaaaaaaa", "password_weak"},
		{"two in turn", "abababababab", "password_weak"},
		{"three in turn", "abcabcabcabc", ""},
		{"a part of a known one", "ssword12", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad := account.CheckPassword("p", account.Secret(tt.password), "bob.miller@example.org")
			got := ""
			if len(bad) > 0 {
				got = bad[0].Code
			}
			if got != tt.code || len(bad) > 1 {
				t.Errorf("%v, want %q", bad, tt.code)
			}
		})
	}
}

func TestAProfile(t *testing.T) {
	o := newOffice(t)
	a, err := o.Update(o.ctx, o.ann.ID, func(a *account.Account, p *account.Profile) error {
		a.Name, p.Country, p.Days = "Ann Ä", "de", -1
		return nil
	})
	o.must(err)
	p, err := o.Profile(o.ctx, a.ID)
	o.must(err)
	if a.Name != "Ann Ä" || p.Country != "DE" || p.Days != -1 {
		t.Errorf("%+v, %+v", a, p)
	}
	if a.Epoch != 0 {
		t.Error("a change of the profile signed the person out")
	}
	_, err = o.Update(o.ctx, o.ann.ID, func(a *account.Account, p *account.Profile) error {
		*p = account.Profile{
			Country: "Germany", City: strings.Repeat("x", 201), Zip: strings.Repeat("x", 41), Subject: strings.Repeat("x", 201),
			Days: -2, Downloads: -1,
		}
		a.Name = "lost"
		return nil
	})
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil || f.Kind != fault.Invalid || len(f.Fields) != 6 {
		t.Fatalf("all that is wrong is told at once: %v", err)
	}
	if o.again().Name != "Ann Ä" {
		t.Error("half of a refused change was kept")
	}
}

func TestTheEndOfAnAccount(t *testing.T) {
	o := newOffice(t)
	o.must(o.SetActive(o.ctx, o.ann.ID, false))
	o.must(o.SetActive(o.ctx, o.ann.ID, false))
	if a := o.again(); a.State != account.Disabled || a.Epoch != 1 {
		t.Errorf("%+v", a)
	}
	if _, _, err := o.CreateKeyFor(o.ctx, o.ann.ID, account.NewKey{}); !fault.Is(err, "no_api_access") {
		t.Errorf("a key of a disabled account: %v", err)
	}
	o.must(o.SetActive(o.ctx, o.ann.ID, true))
	if _, err := o.Key(o.ctx, o.key); !fault.Is(err, "key_unknown") {
		t.Errorf("its key came back: %v", err)
	}
	o.must(o.Erase(o.ctx, o.ann.ID))
	if _, err := o.ByEmail(o.ctx, "ann@example.org"); !fault.Is(err, "account_unknown") {
		t.Errorf("it is still there: %v", err)
	}
	if err := o.Erase(o.ctx, o.ann.ID); !fault.Is(err, "account_unknown") {
		t.Errorf("twice: %v", err)
	}
	if _, err := o.CreateUser(o.ctx, account.New{Email: "Ann@example.org", Password: "correct horse"}); err != nil {
		t.Errorf("its address is not free: %v", err)
	}
	if _, _, err := o.CreateKey(o.ctx, "", "", 0); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"erased":   o.Erase(o.ctx, account.Installation),
		"disabled": o.SetActive(o.ctx, account.Installation, false),
		"signed":   o.SetPassword(o.ctx, account.Installation, "correct horse", false),
	} {
		if !fault.Is(err, "installation_account") {
			t.Errorf("the installation's account was %s: %v", name, err)
		}
	}
}

func TestExpired(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name  string
		until time.Time
		grace time.Duration
		want  bool
	}{
		{"nothing to pay", time.Time{}, 0, false},
		{"paid", now.Add(1), 0, false},
		{"to the moment", now, 0, true},
		{"in the grace", now.Add(-time.Hour), time.Hour + 1, false},
		{"after the grace", now.Add(-time.Hour), time.Hour, true},
	} {
		if got := (&account.Account{PaidUntil: tt.until}).Expired(now, tt.grace); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestPlansOfNewAccounts(t *testing.T) {
	o := newOffice(t)
	if o.ann.Plan != "enterprise" || !o.ann.Verified {
		t.Errorf("%+v", o.ann)
	}
	a, err := o.CreateUser(o.ctx, account.New{Email: "b@example.org", Password: "correct horse", Plan: "pro"})
	o.must(err)
	b, err := o.CreateUser(o.ctx, account.New{Email: "c@example.org", Password: "correct horse", Plan: account.NoPlan})
	o.must(err)
	if a.Plan != "pro" || b.Plan != "" {
		t.Errorf("%q, %q", a.Plan, b.Plan)
	}
	if _, err := o.CreateUser(o.ctx, account.New{Email: "d@example.org", Password: "correct horse", Plan: "none such"}); !fault.Is(err, "plan_unknown") {
		t.Errorf("%v", err)
	}
	if err := o.SetPlan(o.ctx, a.ID, "none such", time.Time{}); !fault.Is(err, "plan_unknown") {
		t.Errorf("%v", err)
	}
	some, err := o.List(o.ctx, "", 2)
	o.must(err)
	rest, err := o.List(o.ctx, some[1].ID, 2)
	o.must(err)
	if len(some) != 2 || len(rest) != 1 || rest[0].ID != b.ID {
		t.Errorf("%v, %v", some, rest)
	}
}

func TestDomains(t *testing.T) {
	for domain, good := range map[string]bool{
		"Example.ORG": true, "a.b.example": true, "example": false, "": false, "a..b": false, ".org": false, "example.org.": false,
		"ex ample.org": false, "a@b.example": false, "[1.2.3.4]": false, "example.org\n": false,
	} {
		d, err := account.NormalizeDomain(domain)
		if (err == nil) != good || good && d != strings.ToLower(domain) {
			t.Errorf("%q: %q, %v", domain, d, err)
		}
	}
}

func FuzzNormalizeDomain(f *testing.F) {
	for _, seed := range []string{"example.org", "a.b.c", "ä.example", "x@y.z", "[::1]", "a b.c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := account.NormalizeDomain(s)
		if err != nil {
			return
		}
		if again, err := account.NormalizeDomain(d); err != nil || again != d {
			t.Errorf("%q becomes %q, then %q, %v", s, d, again, err)
		}
		if email, err := account.NormalizeEmail("a@" + d); err != nil || account.Domain(email) != d {
			t.Errorf("no address ends in %q: %q, %v", d, email, err)
		}
	})
}
