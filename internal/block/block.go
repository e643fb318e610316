// Package block is the operator's list of addresses and domains that may neither
// send, nor be sent to, nor sign up.
//
// It owns what an entry matches. Whoever takes an address in asks Check. Start
// at Service.
package block

import (
	"context"
	"net/mail"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// A Block is one entry: an address, or a domain with all below it.
type Block struct {
	Pattern   string // lower case
	Reason    string // for the operator alone
	CreatedAt time.Time
}

// Depth is how many names one address is looked up by.
const Depth = 8

// A Store keeps blocks.
type Store interface {
	// PutBlock adds the block, or changes the reason of one that is there.
	PutBlock(ctx context.Context, b Block) error
	// DropBlock removes: NotFound "block_unknown".
	DropBlock(ctx context.Context, pattern string) error
	// Blocks gives up to n whose patterns are greater than after, in their order.
	Blocks(ctx context.Context, after string, n int) ([]Block, error)
	// AnyBlocked tells whether one of the names, at most Depth, is a pattern.
	AnyBlocked(ctx context.Context, names []string) (bool, error)
}

// A Service knows who is blocked.
type Service struct {
	store Store
	now   func() time.Time
}

// NewService makes a Service.
func NewService(s Store, now func() time.Time) *Service { return &Service{s, now} }

// Add blocks an address, or a domain (with or without an @ before it): Invalid
// "block_invalid" for what is neither.
func (s *Service) Add(ctx context.Context, pattern, reason string) error {
	p, ok := normalize(pattern)
	if !ok || len(reason) > 500 {
		return fault.New(fault.Invalid, "block_invalid", "an entry is an address or a domain, with a reason of at most 500 characters")
	}
	return s.store.PutBlock(ctx, Block{Pattern: p, Reason: reason, CreatedAt: s.now()})
}

// Remove takes an entry off the list: NotFound "block_unknown".
func (s *Service) Remove(ctx context.Context, pattern string) error {
	p, _ := normalize(pattern)
	return s.store.DropBlock(ctx, p)
}

// List gives up to n entries after a pattern, in their order.
func (s *Service) List(ctx context.Context, after string, n int) ([]Block, error) {
	return s.store.Blocks(ctx, after, n)
}

// Check returns Forbidden "blocked" when one of the addresses is blocked, by
// itself or by its domain. What is no address is nobody's.
func (s *Service) Check(ctx context.Context, addresses ...string) error {
	for _, a := range addresses {
		blocked, err := s.store.AnyBlocked(ctx, names(a))
		if err != nil {
			return err
		}
		if blocked {
			return fault.New(fault.Forbidden, "blocked", "the address is blocked here")
		}
	}
	return nil
}

// names gives what the address can be blocked by: itself, its domain, and the
// uppermost domains above that, as far as Depth goes.
func names(address string) []string {
	address = strings.TrimRight(strings.ToLower(strings.TrimSpace(address)), ".")
	domain := address[strings.LastIndexByte(address, '@')+1:]
	all := []string{address, domain}
	labels := strings.Split(domain, ".")
	for i := max(1, len(labels)-Depth+2); i < len(labels); i++ {
		all = append(all, strings.Join(labels[i:], "."))
	}
	return all
}

// normalize gives the pattern as it is stored.
func normalize(pattern string) (string, bool) {
	p := strings.TrimRight(strings.ToLower(strings.TrimSpace(pattern)), ".")
	p = strings.TrimPrefix(p, "@")
	probe := p
	if !strings.Contains(p, "@") {
		probe = "somebody@" + p
	}
	a, err := mail.ParseAddress(probe)
	ok := err == nil && a.Address == probe && len(probe) <= 254 && strings.Contains(probe[strings.LastIndexByte(probe, '@'):], ".")
	return p, ok
}
