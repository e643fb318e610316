//go:build simbugs

package sim

import (
	"testing"

	"github.com/ferry-server/ferry/internal/planted"
)

// TestPlanted: each planted bug is found within 1,000 seeds.
func TestPlanted(t *testing.T) {
	for _, tt := range []struct {
		name string
		bug  *bool
	}{
		{"answer before sync", &planted.AnswerBeforeSync},
		{"folder not synced", &planted.FolderNotSynced},
		{"duplicate part accepted as new", &planted.DuplicateIsNew},
		{"row before bytes", &planted.RowBeforeBytes},
		{"job run twice", &planted.JobRunTwice},
	} {
		t.Run(tt.name, func(t *testing.T) {
			*tt.bug = true
			defer func() { *tt.bug = false }()
			for seed := range uint64(1000) {
				if r := run(t, seed+1, false); len(r.wrong) > 0 {
					t.Logf("found by seed %d: %s", seed+1, r.wrong[0])
					return
				}
			}
			t.Error("not found within 1,000 seeds")
		})
	}
}
