//go:build simbugs

package sim

import (
	"regexp"
	"testing"

	"github.com/ferry-server/ferry/internal/planted"
)

// TestPlanted: each planted bug is found within 1,000 seeds, by what is wrong because of it.
func TestPlanted(t *testing.T) {
	const lost = `is promised, and cannot be read|is not what its row says`
	for _, tt := range []struct {
		name  string
		bug   *bool
		finds []string // each of which some seed has to say
	}{
		{"answer before sync", &planted.AnswerBeforeSync, []string{lost}},
		{"folder not synced", &planted.FolderNotSynced, []string{`blob \w+ is missing`}},
		{"duplicate part accepted as new", &planted.DuplicateIsNew, []string{`counts \d+ parts`}},
		{"row before bytes", &planted.RowBeforeBytes, []string{`in place, (` + lost + `)`, `loose, (` + lost + `)`}},
		{"job run twice", &planted.JobRunTwice, []string{`is done again`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			*tt.bug = true
			defer func() { *tt.bug = false }()
			for _, want := range tt.finds {
				find(t, regexp.MustCompile(want))
			}
		})
	}
}

// find looks for a seed that says what is wrong in these words.
func find(t *testing.T, words *regexp.Regexp) {
	t.Helper()
	for seed := range uint64(1000) {
		for _, wrong := range run(t, seed+1, false).wrong {
			if words.MatchString(wrong) {
				t.Logf("found by seed %d: %s", seed+1, wrong)
				return
			}
		}
	}
	t.Errorf("no seed of 1,000 says %q", words)
}
