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
// plan misses nothing that has a number.
func (s *Service) Missing(ctx context.Context, f *File, n int) (gaps [][2]int, err error) {
	planned := f.Planned()
	if f.State != Open || planned == 0 || f.Parts == 0 && planned > 0 {
		if f.State == Open && planned > 0 {
			gaps = [][2]int{{1, planned}}
		}
		return gaps, nil
	}
	next, after := 1, 0
	for len(gaps) < n {
		step, err := s.store.Parts(ctx, f.Key, after, 1000)
		if err != nil {
			return nil, err
		}
		for _, p := range step {
			if p.Number > next && len(gaps) < n {
				gaps = append(gaps, [2]int{next, min(p.Number-1, planned)})
			}
			next, after = p.Number+1, p.Number
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
