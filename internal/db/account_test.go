package db

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
)

func TestAccounts(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		a := &account.Account{
			ID: "a", Email: "ä@example.com", Password: "hash", Name: "Söhne", Quota: 1 << 40, CreatedAt: now,
		}
		w.must(w.CreateAccount(w.ctx, a))
		got, err := w.AccountByEmail(w.ctx, a.Email)
		w.must(err)
		if diff := cmp.Diff(a, got); diff != "" {
			t.Error(diff)
		}
		w.fails(w.CreateAccount(w.ctx, &account.Account{ID: "b", Email: a.Email}), fault.Conflict, "email_taken")
		w.must(w.EnsureAccount(w.ctx, &account.Account{ID: "no address 1"}))
		w.must(w.EnsureAccount(w.ctx, &account.Account{ID: "no address 2"}))
		w.must(w.EnsureAccount(w.ctx, &account.Account{ID: "a", Email: "other@example.com"}))
		if _, err := w.AccountByEmail(w.ctx, "other@example.com"); !fault.Is(err, "account_unknown") {
			t.Errorf("EnsureAccount changed an account that is there: %v", err)
		}
		if admin, err := w.HasAdmin(w.ctx); admin || err != nil {
			t.Errorf("HasAdmin: %v, %v", admin, err)
		}
		w.must(w.CreateAccount(w.ctx, &account.Account{ID: "admin", Email: "admin@example.com", Admin: true}))
		if admin, err := w.HasAdmin(w.ctx); !admin || err != nil {
			t.Errorf("HasAdmin: %v, %v", admin, err)
		}
	})
}

func TestKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		k := &account.APIKey{ID: "k", Account: w.acc, Name: "n", Hash: hashOf("secret"), DailyLimit: 5, Epoch: 2, CreatedAt: now}
		w.must(w.CreateKey(w.ctx, k))
		byHash, err := w.KeyByHash(w.ctx, k.Hash)
		w.must(err)
		byID, err := w.KeyByID(w.ctx, k.ID)
		w.must(err)
		if diff := cmp.Diff(k, byHash) + cmp.Diff(k, byID); diff != "" {
			t.Error(diff)
		}
		w.must(w.write(w.ctx, func(t tx) error {
			t.exec(`update api_keys set revoked_at = 1 where id = $1`, k.ID)
			return nil
		}))
		_, err = w.KeyByHash(w.ctx, k.Hash)
		w.fails(err, fault.NotFound, "key_unknown")
		_, err = w.KeyByID(w.ctx, k.ID)
		w.fails(err, fault.NotFound, "key_unknown")
	})
}

func TestAHundredCallsForTenPlaces(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		var counted atomic.Int64
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				switch err := w.CountCall(w.ctx, "k", 20000, 10); {
				case err == nil:
					counted.Add(1)
				case fault.KindOf(err) != fault.Throttled || !fault.Is(err, "daily_limit"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := counted.Load(); n != 10 {
			t.Errorf("%d calls were counted, want 10", n)
		}
		w.fails(w.CountCall(w.ctx, "k", 19999, 10), fault.Throttled, "daily_limit") // a clock that is late
		w.must(w.CountCall(w.ctx, "k", 20001, 10))
		w.must(w.CountCall(w.ctx, "other", 20000, 10))
		w.must(w.CountCall(w.ctx, "k", 20000, 10))
	})
}

func TestTheSetupLinkWorksOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		admin := func(id, email string) *account.Account {
			return &account.Account{ID: account.ID(id), Email: email, Admin: true}
		}
		w.must(w.CreateAccount(w.ctx, admin("0", "taken@example.com")))
		w.must(w.PutSetup(w.ctx, hashOf("first")))
		w.must(w.PutSetup(w.ctx, hashOf("second")))
		w.fails(w.UseSetup(w.ctx, hashOf("first"), admin("1", "1@example.com")), fault.NotFound, "setup_unknown")
		w.fails(w.UseSetup(w.ctx, hashOf("second"), admin("2", "taken@example.com")), fault.Conflict, "email_taken")
		var used atomic.Int64
		var wg sync.WaitGroup
		for range 10 { // a refusal has not spent it; ten at once spend it once
			wg.Go(func() {
				id := w.ids.Key()
				switch err := w.UseSetup(w.ctx, hashOf("second"), admin(id, id+"@example.com")); {
				case err == nil:
					used.Add(1)
				case !fault.Is(err, "setup_unknown"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if used.Load() != 1 {
			t.Errorf("the link worked %d times", used.Load())
		}
	})
}

func TestCerts(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		c := w.Certs()
		w.must(c.Put(w.ctx, "example.com+rsa", []byte{0, 1, 255}))
		w.must(c.Put(w.ctx, "example.com+rsa", []byte{0, 2, 255}))
		got, err := c.Get(w.ctx, "example.com+rsa")
		w.must(err)
		if string(got) != "\x00\x02\xff" {
			t.Errorf("got %v", got)
		}
		w.must(c.Delete(w.ctx, "example.com+rsa"))
		w.must(c.Delete(w.ctx, "example.com+rsa"))
		_, err = c.Get(w.ctx, "example.com+rsa")
		w.fails(err, fault.NotFound, "cert_unknown")
	})
}
