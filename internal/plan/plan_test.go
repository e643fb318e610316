package plan_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/plan"
)

func newService(t *testing.T) *plan.Service {
	t.Helper()
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return plan.NewService(d)
}

func TestTheShippedPlans(t *testing.T) {
	s, ctx := newService(t), context.Background()
	all, err := s.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var ids []plan.ID
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	want := []plan.ID{"free", "basic", "personal", "pro", "trial", "business", "enterprise"}
	if len(ids) != len(want) {
		t.Fatalf("%v, want %v", ids, want)
	}
	for i := range want {
		if ids[i] != want[i] {
			t.Fatalf("%v, want %v: the smallest first", ids, want)
		}
	}
	for _, p := range all {
		// Filemail docs, Getting started: Personal, Pro, Business and Enterprise have
		// API access. A trial shows all there is.
		if api := p.ID != "free" && p.ID != "basic"; p.API != api {
			t.Errorf("%s: API access %v, want %v", p.ID, p.API, api)
		}
		if p.ForNew != (p.ID == "enterprise") || p.ForSignUp != (p.ID == "free") {
			t.Errorf("%s is the plan of new accounts %v, of those who sign up %v", p.ID, p.ForNew, p.ForSignUp)
		}
	}
}

func TestNoPlanIsNoLimit(t *testing.T) {
	p, err := newService(t).Get(context.Background(), "")
	if err != nil || !p.API || !p.Company || !p.Permanent || p.TransferBytes != 0 || p.Storage != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWhatNoPlanCanBe(t *testing.T) {
	s, ctx := newService(t), context.Background()
	for _, tt := range []struct {
		name   string
		id     plan.ID
		change func(*plan.Plan)
		code   string
		fields int
	}{
		{"a word", "gold-2", func(*plan.Plan) {}, "", 0},
		{"no id", "", func(*plan.Plan) {}, "plan_id", 0},
		{"an id with a space", "my plan", func(*plan.Plan) {}, "plan_id", 0},
		{"the word for no plan", "none", func(*plan.Plan) {}, "plan_id", 0},
		{"all that is wrong is told at once", "x", func(p *plan.Plan) { p.Days, p.Storage = -1, -1 }, "limit_negative", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := s.Update(ctx, tt.id, tt.change)
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("%v, want %q", err, tt.code)
			}
			if err == nil && p.Name != "gold-2" {
				t.Errorf("without a name it is called %q", p.Name)
			}
			if f, ok := errors.AsType[*fault.Error](err); ok && len(f.Fields) != tt.fields {
				t.Errorf("%d fields: %v", len(f.Fields), f.Fields)
			}
		})
	}
	if _, err := s.Get(ctx, "x"); !fault.Is(err, "plan_unknown") {
		t.Errorf("a refused plan was kept: %v", err)
	}
	if err := s.Delete(ctx, "gold-2"); err != nil {
		t.Error(err)
	}
	if err := s.Delete(ctx, "free"); !fault.Is(err, "plan_in_use") {
		t.Errorf("the plan of those who sign up: %v", err)
	}
	if err := s.SetDefault(ctx, "pro", plan.SignUp); err != nil {
		t.Error(err)
	}
	if err := s.Delete(ctx, "free"); err != nil {
		t.Error(err)
	}
}
