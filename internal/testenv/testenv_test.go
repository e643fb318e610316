package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A recorder is a test that only notes whether it was skipped or failed.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper()                        {}
func (r *recorder) Skipf(format string, a ...any)  { r.skipped = fmt.Sprintf(format, a...) }
func (r *recorder) Fatalf(format string, a ...any) { r.failed = fmt.Sprintf(format, a...) }

func TestNeed(t *testing.T) {
	const absent = "ferry-no-such-program"
	for _, tt := range []struct {
		name         string
		program      string
		check        string
		skips, fails bool
	}{
		{"a program that is there", "sh", "", false, false},
		{"a missing program skips the test", absent, "", true, false},
		{"a missing program fails the test in ./check", absent, "1", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("FERRY_CHECK", tt.check)
			var r recorder
			Need(&r, tt.program)
			if (r.skipped != "") != tt.skips || (r.failed != "") != tt.fails {
				t.Errorf("Need: skipped %q, failed %q", r.skipped, r.failed)
			}
			if said := r.skipped + r.failed; said != "" && !strings.Contains(said, absent) {
				t.Errorf("Need says %q, which does not name the program", said)
			}
		})
	}
}

func TestPostgresGivesEachTestADatabaseOfItsOwn(t *testing.T) {
	psql := Need(t, "psql")
	ask := func(dsn, sql string) string {
		t.Helper()
		out, err := exec.Command(psql, "-Atqc", sql, dsn).CombinedOutput()
		if err != nil {
			t.Fatalf("psql: %v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	survivor := Postgres(t)
	var gone string
	t.Run("first", func(t *testing.T) {
		gone = Postgres(t)
		ask(gone, "create table t (n int)")
	})
	if got := ask(survivor, "select count(*) from pg_tables where tablename = 't'"); got != "0" {
		t.Error("a table made in one database is seen in another")
	}
	if out, err := exec.Command(psql, "-Atqc", "select 1", gone).CombinedOutput(); err == nil {
		t.Errorf("the database of a test that has ended still answers: %s", out)
	}
}

// TestNothingSurvives kills a test process that has started a server, and looks
// whether the server and the directory go with it.
func TestNothingSurvives(t *testing.T) {
	if os.Getenv("TESTENV_VICTIM") != "" {
		Postgres(t)
		dir, _ := scratch()
		fmt.Printf("dir %s\n", dir.path)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if testing.Short() {
		t.Skip("starts another PostgreSQL")
	}
	Need(t, "initdb")
	cmd := exec.Command(os.Args[0], "-test.run=^TestNothingSurvives$")
	cmd.Env = append(os.Environ(), "TESTENV_VICTIM=1")
	out, _ := cmd.CombinedOutput()
	_, after, found := strings.Cut(string(out), "dir ")
	if !found {
		t.Fatalf("the victim did not start its server:\n%s", out)
	}
	dir, _, _ := strings.Cut(after, "\n")
	for range 200 {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%s is still there", dir)
}

func TestProcessEndsWithTheTest(t *testing.T) {
	p, err := startProcess(filepath.Join(t.TempDir(), "log"), Need(t, "sleep"), "60")
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{t: t, process: p}
	n.Kill()
	n.Kill() // a node that is down stays down
	if p.err == nil {
		t.Error("a killed process ended well")
	}
}

func TestFlagValue(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want string
		ok   bool
	}{
		{"absent", []string{"--data", "d"}, "", false},
		{"in two words", []string{"--database", "postgres://x"}, "postgres://x", true},
		{"in one word", []string{"--database=postgres://x"}, "postgres://x", true},
		{"without its value", []string{"--database"}, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := flagValue(tt.args, "--database"); got != tt.want || ok != tt.ok {
				t.Errorf("flagValue(%q) = %q, %t", tt.args, got, ok)
			}
		})
	}
}

func TestFreePortIsFree(t *testing.T) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", FreePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
