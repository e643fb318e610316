package filemail

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/permit"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/wire"
)

// plain is a Hasher for tests that must not take long.
type plain struct{}

func (plain) Hash(_ context.Context, p account.Secret) (string, error) { return string(p), nil }

func (plain) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	return text != "" && text == string(p), nil
}

const password = "correct horse"

// A town is a door over real people: Ada and Bob have accounts without a plan. The
// operator of tests is whoever calls its services.
type town struct {
	*world
	db        *db.DB
	policy    *permit.Senders
	companies *company.Service
	people    *permit.People
	blocks    *block.Service
	ids       *id.Source
	ring      *keyring.Ring
	now       time.Time
	from      string // the client's address
	ada, bob  *account.Account
}

func newTown(t testing.TB) *town {
	t.Helper()
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	w := &town{
		world: &world{t: t, logged: &bytes.Buffer{}}, db: d, from: "192.0.2.1",
		now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}
	now := func() time.Time { return w.now }
	w.ids = id.NewSource(now)
	w.ring, err = keyring.New(bytes.Repeat([]byte("s"), keyring.MinSecret))
	w.must(err)
	accounts := account.NewService(d, plain{}, w.ids, w.ring, now, 0)
	w.blocks = block.NewService(d, now)
	w.people = &permit.People{
		Accounts: accounts, Plans: plan.NewService(d), Days: 7,
		Sessions: session.NewService(session.Config{
			Store: d, Accounts: accounts, Blocks: w.blocks, IDs: w.ids, Ring: w.ring, Now: now,
			Log: slog.New(slog.DiscardHandler), SignUp: true,
		}),
	}
	w.companies = company.NewService(d, accounts, w.people.Plans, w.blocks, w.ids, now)
	w.people.Companies = w.companies
	w.policy = &permit.Senders{People: w.people, Blocks: w.blocks, Now: now}
	w.door = New(Config{
		Gate: w.people, Limits: w.people, People: w.people, Policy: w.policy, Contacts: contact.NewService(d, w.ids),
		Now: now, BaseURL: func() string { return base }, Log: slog.New(slog.NewTextHandler(w.logged, nil)),
	})
	w.ada, w.bob = w.person("ada@example.org"), w.person("bob@example.org")
	return w
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// person makes an account without a plan.
func (w *town) person(email string) *account.Account {
	w.t.Helper()
	a, err := w.people.Accounts.CreateUser(w.t.Context(), account.New{
		Email: email, Name: strings.ToUpper(email[:1]), Password: password, Plan: account.NoPlan,
	})
	w.must(err)
	return a
}

func (w *town) key(of *account.Account, scopes account.Scope) string {
	w.t.Helper()
	key, _, err := w.people.Accounts.CreateKeyFor(w.t.Context(), of.ID, account.NewKey{Scopes: scopes})
	w.must(err)
	return string(key)
}

func (w *town) login(email string) *session.Login {
	w.t.Helper()
	l, err := w.people.Sessions.Login(w.t.Context(), email, password, session.Client{Address: netip.MustParseAddr("198.51.100.7")}, session.Opaque)
	w.must(err)
	return l
}

func (w *town) token(of *account.Account) string {
	w.t.Helper()
	return string(w.login(of.Email).Login)
}

func (w *town) plan(of *account.Account, id string) {
	w.t.Helper()
	w.must(w.people.Accounts.SetPlan(w.t.Context(), of.ID, id, time.Time{}))
}

// call makes a call of 2.0; body is what becomes its JSON, or nil.
func (w *town) call(method, path string, body any, headers ...string) reply {
	w.t.Helper()
	text := ""
	if body != nil {
		b, err := json.Marshal(body)
		w.must(err)
		text = string(b)
		headers = append(headers, "Content-Type", "application/json")
	}
	r := httptest.NewRequest(method, base+path, strings.NewReader(text))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	r = r.WithContext(wire.WithOrigin(r.Context(), wire.Origin{RequestID: requestID, Addr: netip.MustParseAddr(w.from)}))
	rec := httptest.NewRecorder()
	w.door.ServeHTTP(rec, r)
	return reply{w.t, rec.Code, rec.Header(), rec.Body.String()}
}

// as makes a call of 2.0 with a login token.
func (w *town) as(of *account.Account, method, path string, body any) reply {
	w.t.Helper()
	return w.call(method, path, body, "logintoken", w.token(of))
}

// classic makes a classic call; values come in pairs.
func (w *town) classic(path string, values ...string) reply {
	w.t.Helper()
	q := url.Values{}
	for i := 0; i < len(values); i += 2 {
		q.Add(values[i], values[i+1])
	}
	return w.call("GET", path+"?"+q.Encode(), nil)
}

// m is a body.
type m map[string]any

func code(err error) string {
	if err == nil {
		return ""
	}
	return fault.KindOf(err).String() + " " + fault.CodeOf(err)
}

func ignore(_ any, err error) error { return err }

func longText(n int) string { return strings.Repeat("x", n) }
