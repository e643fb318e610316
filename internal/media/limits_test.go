package media

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/fault"
)

// A program has the document and nothing else, little of everything, and is heard only so
// long.
func TestLimits(t *testing.T) {
	t.Setenv("FERRY_SECRET", "canary")
	v := &Viewer{slots: make(chan struct{}, 1)}
	doc := func(w io.Writer) error { _, err := io.WriteString(w, "document"); return err }
	run := func(script string) (string, error) {
		out, err := v.run(t.Context(), doc, 200, "/bin/sh", "-c", script)
		return string(out), err
	}
	got, err := run("ulimit -v; ulimit -t; ulimit -f; ulimit -c; cat /dev/stdin; echo; env; pwd")
	if err != nil || !strings.HasPrefix(got, "786432\n15\n2048\n0\ndocument\n") || strings.Contains(got, "canary") || !strings.HasSuffix(got, "\n/\n") {
		t.Errorf("%q, %v", got, err)
	}
	_, noProc := os.Stat("/proc/self/stat")
	if _, err := exec.LookPath("renice"); err == nil && noProc == nil { // 18th of /proc/self/stat (proc(5)): 20 and the niceness
		if got, err := run(`cut -d " " -f 18 /proc/self/stat`); err != nil || strings.TrimSpace(got) < "30" {
			t.Errorf("its priority is %s, %v", got, err)
		}
	}
	for name, script := range map[string]string{
		"says too much":  "head -c 1000 /dev/zero",
		"fails":          "echo ok; exit 3",
		"takes too much": "head -c 900000000 /dev/zero | tail -c 899999999", // tail keeps it all
	} {
		if got, err := run(script); fault.CodeOf(err) != "document_unreadable" {
			t.Errorf("what %s: %.40q, %v", name, got, err)
		}
	}
}
