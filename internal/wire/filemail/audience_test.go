package filemail

import (
	"slices"
	"testing"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/permit"
)

func TestAudience(t *testing.T) {
	w := newTown(t)
	a := &permit.Audience{People: w.people}
	c, err := w.companies.Create(t.Context(), "Acme", "", "", 0)
	w.must(err)
	join := func(who *account.Account, admin bool) {
		_, err := w.people.Accounts.Update(t.Context(), who.ID, func(of *account.Account, _ *account.Profile) error {
			of.Company, of.CompanyAdmin = c.ID, admin
			return nil
		})
		w.must(err)
	}
	cleo, dora := w.person("cleo@example.org"), w.person("dora@example.org")
	join(cleo, true)
	join(dora, false)
	_, err = w.people.Accounts.Update(t.Context(), dora.ID, func(of *account.Account, _ *account.Profile) error {
		of.Verified = false
		return nil
	})
	w.must(err)

	for _, tt := range []struct {
		name    string
		who     account.ID
		address string
		team    int // accounts
	}{
		{"a user", w.ada.ID, "ada@example.org", 0},
		{"one whose address is not verified", dora.ID, "", 0},
		{"an admin", cleo.ID, "cleo@example.org", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := a.Reader(t.Context(), tt.who)
			if err != nil || r.Address != tt.address || (r.Team != nil) != (tt.team > 0) {
				t.Fatalf("%+v, %v", r, err)
			}
			if r.Team != nil && (len(r.Team.Accounts) != tt.team || !slices.Equal(r.Team.Addresses, []string{"cleo@example.org"})) {
				t.Errorf("the team is %+v", r.Team)
			}
		})
	}
	if _, err := a.Reader(t.Context(), "nobody"); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("an account that went away: %v", err)
	}

	admits := func(sender, who account.ID) string {
		own, err := a.Admits(t.Context(), sender, who)
		if own {
			return "own" + fault.CodeOf(err)
		}
		return fault.CodeOf(err)
	}
	for _, closed := range []bool{false, true} {
		_, err = w.companies.Update(t.Context(), c.ID, company.Operator, func(c *company.Company) error {
			c.OwnPeopleOnly = closed
			return nil
		})
		w.must(err)
		for _, tt := range []struct {
			name             string
			sender, who      account.ID
			open, closedCode string
		}{
			{"nobody", cleo.ID, "", "", "own_people_sign_in"},
			{"a stranger", cleo.ID, w.ada.ID, "", "own_people_only"},
			{"one of the people", cleo.ID, dora.ID, "own", "own"},
			{"of a sender without a company", w.ada.ID, "", "", ""},
			{"of a sender who is gone", "gone", w.ada.ID, "", ""},
		} {
			want := tt.open
			if closed {
				want = tt.closedCode
			}
			if got := admits(tt.sender, tt.who); got != want {
				t.Errorf("%s, closed %v: %q, want %q", tt.name, closed, got, want)
			}
		}
	}
}
