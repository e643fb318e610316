package account

import "context"

// Guests is the account of whatever is sent by those who have none. Nobody signs in
// to it and it has no keys, so nobody sees or changes what it has.
const Guests = ID("00000000000000000000000001")

// LetGuests makes the account of guests, or changes how many bytes it may keep; 0: no
// limit.
func (s *Service) LetGuests(ctx context.Context, storage int64) error {
	if err := s.store.EnsureAccount(ctx, &Account{ID: Guests, Quota: storage, CreatedAt: s.now()}); err != nil {
		return err
	}
	_, err := s.Update(ctx, Guests, func(a *Account, _ *Profile) error {
		a.Quota = storage
		return nil
	})
	return err
}

// SignUpPlan gives the id of the plan of those who make accounts for themselves, and
// so of guests.
func (s *Service) SignUpPlan(ctx context.Context) (string, error) {
	return s.store.DefaultPlan(ctx, true)
}
