package journal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/journal"
)

// kept is a store that may fail.
type kept struct {
	all   []journal.Entry
	fails error
}

func (k *kept) AddEntry(_ context.Context, e journal.Entry) error {
	k.all = append(k.all, e)
	return k.fails
}

func (k *kept) EndEntry(ctx context.Context, key, outcome string) error {
	for i := range k.all {
		if k.all[i].Key == key {
			k.all[i].Outcome = outcome
		}
	}
	return errors.Join(ctx.Err(), k.fails)
}

func (k *kept) Entries(context.Context, string, int) ([]journal.Entry, error) { return k.all, k.fails }

func TestDo(t *testing.T) {
	broken := errors.New("disk")
	for _, tt := range []struct {
		name    string
		act     error
		outcome string
	}{
		{"what was done", nil, journal.Done},
		{"what was refused", fault.New(fault.Conflict, "own_account", "no"), "own_account"},
		{"what broke", broken, journal.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := &kept{}
			ctx, stop := context.WithCancel(t.Context())
			err := journal.NewService(k, id.NewSource(time.Now), time.Now).Do(ctx, "me", "user.disable", "you", func() error {
				if len(k.all) != 1 || k.all[0].Outcome != journal.Begun {
					t.Errorf("it is done before it is written down: %v", k.all)
				}
				stop() // the client is gone
				return tt.act
			})
			if !errors.Is(err, tt.act) || k.all[0].Outcome != tt.outcome || k.all[0].By != "me" || k.all[0].About != "you" {
				t.Errorf("%v, %v", err, k.all)
			}
		})
	}
	k := &kept{fails: broken}
	err := journal.NewService(k, id.NewSource(time.Now), time.Now).Do(t.Context(), "me", "user.disable", "you", func() error {
		t.Error("it is done, though it could not be written down")
		return nil
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}
