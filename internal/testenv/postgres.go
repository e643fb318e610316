package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// Postgres returns the DSN of a new, empty database, dropped when the test ends.
// The server, one for all tests of this process, is started by the first call. It
// does not sync: it survives kill -9, but says nothing of power cuts.
func Postgres(t testing.TB) (dsn string) {
	t.Helper()
	Need(t, "initdb", "pg_ctl", "createdb", "dropdb")
	server, err := postgres()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test%d", databases.Add(1))
	if err := server.run("createdb", name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A node under test may have been killed a moment ago and still be connected.
		if err := server.run("dropdb", "--force", name); err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("postgres://ferry@127.0.0.1:%d/%s?sslmode=disable", server.port, name)
}

var databases atomic.Int64

type postgresServer struct{ port int }

// run runs one of PostgreSQL's client programs against the server.
func (s postgresServer) run(program string, args ...string) error {
	path, err := find(program)
	if err != nil {
		return err
	}
	args = append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", "ferry"}, args...)
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

var postgres = sync.OnceValues(func() (s postgresServer, err error) {
	root, err := scratch()
	if err != nil {
		return s, err
	}
	dir := filepath.Join(root.path, "pg")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return s, err
	}
	if os.Getuid() == 0 {
		if err := giveToPostgres(dir); err != nil {
			return s, err
		}
	}
	if err := asPostgres("initdb", "-D", dir, "-U", "ferry", "--auth=trust", "-N", "-E", "UTF8", "--locale=C"); err != nil {
		return s, err
	}
	for range 3 { // somebody may take the port between our look and the server's
		if s.port, err = freePort(); err != nil {
			return s, err
		}
		options := fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=off", s.port, dir)
		err = asPostgres("pg_ctl", "-D", dir, "-w", "-l", filepath.Join(dir, "log"), "-o", options, "start")
		if err == nil {
			return s, nil
		}
	}
	log, _ := os.ReadFile(filepath.Join(dir, "log"))
	return s, fmt.Errorf("%w\n%s", err, log)
})

// giveToPostgres makes user postgres the owner of dir: PostgreSQL refuses to run as root.
func giveToPostgres(dir string) error {
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	return os.Chown(dir, uid, gid)
}

// asPostgres runs a program as user postgres when we are root, else as ourselves.
func asPostgres(program string, args ...string) error {
	path, err := find(program)
	if err != nil {
		return err
	}
	args = append([]string{path}, args...)
	if os.Getuid() == 0 {
		args = append([]string{"runuser", "-u", "postgres", "--"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = "/" // postgres may not look into ours
	// A file, not a pipe: the server would keep the pipe open, and we would wait for it.
	out, err := os.CreateTemp("", "ferry-pg-out-")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w\n%s", program, err, said)
	}
	return nil
}
