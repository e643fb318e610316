package upload

import (
	"context"

	"github.com/ferry-server/ferry/internal/share"
)

// FilesAfter gives up to n files of the share after the given key, for listings.
func (s *Service) FilesAfter(ctx context.Context, home *share.Share, after Key, n int) ([]*File, error) {
	return s.store.FilesOf(ctx, home, after, n)
}

// Missing gives the planned parts of an open file that are not acknowledged, as ranges
// of numbers with both ends in them, in order and at most n of them. A file without a
// plan misses nothing that has a number. A part that is still growing (see Append) is
// missing: whoever sends it by its number sends it whole.
func (s *Service) Missing(ctx context.Context, f *File, n int) (gaps [][2]int, err error) {
	planned := f.Planned()
	switch {
	case f.State != Open || planned == 0:
		return nil, nil
	case f.Parts == 0:
		return [][2]int{{1, planned}}, nil
	}
	next, after := 1, 0
	for len(gaps) < n {
		step, err := s.store.Parts(ctx, f.Key, after, 1000)
		if err != nil {
			return nil, err
		}
		for _, p := range step {
			after = p.Number
			if least, _ := f.lengths(p.Number); p.Length < least {
				continue // it grows at its end, and is not whole
			}
			if p.Number > next && len(gaps) < n {
				gaps = append(gaps, [2]int{next, min(p.Number-1, planned)})
			}
			next = p.Number + 1
		}
		if len(step) < 1000 {
			break
		}
	}
	if next <= planned && len(gaps) < n {
		gaps = append(gaps, [2]int{next, planned})
	}
	return gaps, nil
}
