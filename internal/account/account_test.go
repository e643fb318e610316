package account_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
)

// A memory keeps accounts in maps.
type memory struct {
	account.Store // for what these tests do not ask
	accounts      map[account.ID]*account.Account
	keys          map[account.KeyID]*account.APIKey
	calls         map[string]int
	setup         [sha256.Size]byte
}

func (m *memory) CreateAccount(_ context.Context, a *account.Account) error {
	for _, b := range m.accounts {
		if b.Email == a.Email {
			return fault.New(fault.Conflict, "email_taken", "taken")
		}
	}
	m.accounts[a.ID] = a
	return nil
}

func (m *memory) EnsureAccount(_ context.Context, a *account.Account) error {
	if m.accounts[a.ID] == nil {
		m.accounts[a.ID] = a
	}
	return nil
}

func (m *memory) AccountByEmail(_ context.Context, email string) (*account.Account, error) {
	for _, a := range m.accounts {
		if a.Email == email {
			return a, nil
		}
	}
	return nil, fault.New(fault.NotFound, "account_unknown", "no such account")
}

func (m *memory) DefaultPlan(context.Context, bool) (string, error) { return "", nil }

func (m *memory) HasAdmin(context.Context) (bool, error) {
	for _, a := range m.accounts {
		if a.Admin {
			return true, nil
		}
	}
	return false, nil
}

func (m *memory) CreateKey(_ context.Context, k *account.APIKey) error {
	m.keys[k.ID] = k
	return nil
}

func (m *memory) KeyByHash(_ context.Context, h [sha256.Size]byte) (*account.APIKey, error) {
	for _, k := range m.keys {
		if k.Hash == h {
			return k, nil
		}
	}
	return nil, fault.New(fault.NotFound, "key_unknown", "no such key")
}

func (m *memory) KeyByID(_ context.Context, id account.KeyID) (*account.APIKey, error) {
	if k := m.keys[id]; k != nil {
		return k, nil
	}
	return nil, fault.New(fault.NotFound, "key_unknown", "no such key")
}

func (m *memory) CountCall(_ context.Context, id account.KeyID, day int64, limit int) error {
	k := fmt.Sprint(id, day)
	if m.calls[k] >= limit {
		return fault.New(fault.Throttled, "daily_limit", "used up")
	}
	m.calls[k]++
	return nil
}

func (m *memory) PutSetup(_ context.Context, h [sha256.Size]byte) error { m.setup = h; return nil }

func (m *memory) UseSetup(ctx context.Context, h [sha256.Size]byte, a *account.Account) error {
	if m.setup != h {
		return fault.New(fault.NotFound, "setup_unknown", "not good")
	}
	m.setup = [sha256.Size]byte{}
	return m.CreateAccount(ctx, a)
}

type plain struct{}

func (plain) Hash(_ context.Context, p account.Secret) (string, error) { return string(p), nil }
func (plain) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	return text == string(p), nil
}

func ring(t *testing.T, secrets ...string) *keyring.Ring {
	t.Helper()
	var all [][]byte
	for _, s := range secrets {
		all = append(all, []byte(strings.Repeat(s, 32)))
	}
	r, err := keyring.New(all[0], all[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newService(t *testing.T, m *memory, now func() time.Time, secrets ...string) *account.Service {
	if m.accounts == nil {
		m.accounts, m.keys, m.calls = map[account.ID]*account.Account{}, map[account.KeyID]*account.APIKey{}, map[string]int{}
	}
	return account.NewService(m, plain{}, id.NewSource(now), ring(t, secrets...), now, 0)
}

func TestCreateUser(t *testing.T) {
	for _, tt := range []struct {
		name, email, password, code string
	}{
		{"a good one", "Ann@Example.org", "longenough", ""},
		{"the same in other case", "ann@example.ORG", "longenough", "email_taken"},
		{"no address", "ann", "longenough", "email_invalid"},
		{"a name before the address", "Ann <a@example.org>", "longenough", "email_invalid"},
		{"a line break", "a@example.org\r\nBcc: b@example.org", "longenough", "email_invalid"},
		{"a short password", "bob@example.org", "short", "password_length"},
	} {
		m := &memory{}
		s := newService(t, m, time.Now, "a")
		if tt.code == "email_taken" {
			_, _ = s.CreateUser(context.Background(), account.New{Email: "ann@example.org", Password: "longenough"})
		}
		t.Run(tt.name, func(t *testing.T) {
			a, err := s.CreateUser(context.Background(), account.New{Email: tt.email, Password: account.Secret(tt.password)})
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("error %v, want %q", err, tt.code)
			}
			if err == nil && a.Email != "ann@example.org" {
				t.Errorf("address %q", a.Email)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	m, ctx := &memory{}, context.Background()
	now := time.Date(2026, 11, 21, 23, 59, 0, 0, time.UTC)
	s := newService(t, m, func() time.Time { return now }, "a")
	secret, made, err := s.CreateKey(ctx, "", "test", 2)
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.Key(ctx, secret)
	if err != nil || k.ID != made.ID || k.Account != account.Installation {
		t.Fatalf("%v, %v", k, err)
	}
	for _, bad := range []account.Secret{"", "x", secret + "x", account.Secret(strings.Repeat("x", 1000))} {
		if _, err := s.Key(ctx, bad); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("a wrong key: %v", err)
		}
	}
	for i, want := range []string{"", "", "daily_limit"} {
		if err := s.Count(ctx, k); fault.CodeOf(err) != want {
			t.Errorf("call %d: %v", i+1, err)
		}
	}
	now = now.Add(time.Minute) // midnight, UTC
	if err := s.Count(ctx, k); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

func TestRooms(t *testing.T) {
	a, b := "a", "b"
	k := &account.APIKey{ID: "k"}
	other := &account.APIKey{ID: "l"}
	empty := ""
	rooms := map[account.Room]string{}
	for name, r := range map[string]account.Room{
		"none": k.Room(nil), "empty": k.Room(&empty), "a": k.Room(&a), "b": k.Room(&b), "a of another key": other.Room(&a),
	} {
		if was, taken := rooms[r]; taken {
			t.Errorf("%q and %q are one room", name, was)
		}
		rooms[r] = name
	}
	if again := "a"; k.Room(&a) != k.Room(&again) {
		t.Error("the same identifier is another room")
	}
}

func TestS3Credentials(t *testing.T) {
	m, ctx := &memory{}, context.Background()
	s := newService(t, m, time.Now, "a")
	_, k, err := s.CreateKey(ctx, "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	access, secret := s.S3Credentials(k)
	rotated := newService(t, m, time.Now, "b", "a")
	for name, svc := range map[string]*account.Service{"as made": s, "after the secret was changed": rotated} {
		got, sec, err := svc.S3Key(ctx, access)
		if err != nil || got.ID != k.ID || sec != secret {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "FERRY1", access + "X", "AKIA" + access[4:], strings.Repeat("F", len(access))} {
		if _, _, err := s.S3Key(ctx, bad); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("access id %q: %v", bad, err)
		}
	}
	if _, _, err := newService(t, m, time.Now, "c").S3Key(ctx, access); err == nil {
		t.Error("credentials outlive their secret")
	}
}

func TestSetupWorksOnce(t *testing.T) {
	m, ctx := &memory{}, context.Background()
	s := newService(t, m, time.Now, "a")
	first, _ := s.SetupToken(ctx)
	token, err := s.SetupToken(ctx)
	if err != nil || token == "" {
		t.Fatal(err)
	}
	n := account.New{Email: "a@example.org", Password: "longenough"}
	if _, _, err := s.UseSetup(ctx, first, n); fault.CodeOf(err) != "setup_unknown" {
		t.Errorf("an older link: %v", err)
	}
	a, key, err := s.UseSetup(ctx, token, n)
	if err != nil || !a.Admin {
		t.Fatalf("%v, %v", a, err)
	}
	if k, err := s.Key(ctx, key); err != nil || k.Account != a.ID {
		t.Errorf("its key: %v, %v", k, err)
	}
	if _, _, err := s.UseSetup(ctx, token, account.New{Email: "b@example.org", Password: "longenough"}); fault.CodeOf(err) != "setup_unknown" {
		t.Errorf("a second time: %v", err)
	}
	if again, err := s.SetupToken(ctx); again != "" || err != nil {
		t.Error("a set-up link although there is an admin")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	v := struct{ S account.Secret }{"canary"}
	j, _ := json.Marshal(v)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v, "s", v.S)
	if s := fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v.S, v.S, v.S) + string(j) + log.String(); strings.Contains(s, "canary") || strings.Contains(s, "63616e") {
		t.Errorf("printed: %s", s)
	}
}

func TestAKeyIsLookedUpOnceASecond(t *testing.T) {
	m, ctx := &memory{}, context.Background()
	now := time.Unix(1_700_000_000, 0)
	s := newService(t, m, func() time.Time { return now }, "a")
	secret, k, _ := s.CreateKey(ctx, "", "", 0)
	if _, err := s.Key(ctx, secret); err != nil {
		t.Fatal(err)
	}
	delete(m.keys, k.ID) // by another node
	if _, err := s.Key(ctx, secret); err != nil {
		t.Errorf("within the second: %v", err)
	}
	now = now.Add(time.Second)
	if _, err := s.Key(ctx, secret); fault.CodeOf(err) != "key_unknown" {
		t.Errorf("after a second: %v", err)
	}
}
