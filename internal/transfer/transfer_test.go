package transfer

import (
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/share"
)

func TestFinalizeTellsHowManyFilesAreOpen(t *testing.T) {
	now := time.Date(2026, 11, 21, 14, 35, 17, 0, time.UTC)
	for _, tt := range []struct {
		name string
		open int
		want string
	}{
		{"one", 1, "conflict (file_incomplete): 1 file has not been uploaded"},
		{"several", 2, "conflict (file_incomplete): 2 files have not been uploaded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := Transfer{Share: share.Share{State: share.Open, OpenFiles: tt.open, ExpiresAt: now.Add(time.Hour)}}
			if err := tr.Finalize(now); err == nil || err.Error() != tt.want || tr.State != share.Open {
				t.Errorf("%v in state %v, want %q", err, tr.State, tt.want)
			}
		})
	}
}
