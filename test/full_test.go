package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// TestFullDisk: on a disk that is full, parts and new transfers are refused with
// 507, what was acknowledged is there and can be fetched, and once there is room
// again the same upload goes on.
func TestFullDisk(t *testing.T) {
	slow(t)
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"refused before it is full", nil},
		{"to the last byte", []string{"--min-free", "0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testenv.FerryBinary(t) // built elsewhere
			small := smallDisk(t, "200m")
			t.Setenv("TMPDIR", small)
			ballast := filepath.Join(small, "ballast")
			if err := os.WriteFile(ballast, make([]byte, 50*mib), 0o600); err != nil {
				t.Fatal(err)
			}
			node := testenv.StartFerry(t, tt.args...)
			c := signIn(t, node)
			old := mustSend(t, c, transferV2, content{"before.bin", 10 * mib, 90})
			s := mustBegin(t, c, transferV2, content{"full.bin", 180 * mib, 91})
			f := s.items[0]

			var missing []int
			for part := 1; part <= f.parts; part++ {
				if err := f.put(part, f.planned(5*mib, part)); err != nil {
					if statusOf(err) != 507 || !strings.Contains(err.Error(), "<Error><Code>") {
						t.Errorf("part %d: %v, want 507 in XML", part, err)
					}
					missing = append(missing, part)
				}
			}
			if len(missing) == 0 || len(missing) == f.parts {
				t.Fatalf("%d of %d parts were refused", len(missing), f.parts)
			}
			if _, err := transferV2.begin(c, content{"new.bin", mib, 92}); tt.args == nil && statusOf(err) != 507 {
				t.Errorf("a new transfer: %v, want 507", err)
			}
			old.check(t)
			if err := f.complete(); statusOf(err) != 417 && statusOf(err) != 507 {
				t.Errorf("complete: %v, want 417 or 507", err)
			}

			// Room for all of it, and the acknowledged parts are not sent again.
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("mount", "-o", "remount,size=400m", small).CombinedOutput(); err != nil {
				t.Fatalf("remount: %v\n%s", err, out)
			}
			for _, part := range missing {
				if err := f.put(part, f.planned(5*mib, part)); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.complete(); err != nil {
				t.Fatal(err)
			}
			if err := s.seal(); err != nil {
				t.Fatal(err)
			}
			s.check(t)
		})
	}
}

// smallDisk gives a directory on a disk of that size, in memory. Only root can
// make one.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ferry-small-") // not t.TempDir, which would be there already when TMPDIR changes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no small disk: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})
	return dir
}
