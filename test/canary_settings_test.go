package test

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// TestCanariesInSettings: whatever is wrong with settings, and whatever cannot be reached
// by them, no secret among them is told.
func TestCanariesInSettings(t *testing.T) {
	t.Parallel()
	var c canaries
	// Letters alone, and digits alone: what readers of settings take for one word.
	p := c.note("the secret", strings.NewReplacer("2", "A", "3", "B", "4", "C", "5", "D", "6", "E", "7", "F").Replace(rand.Text()))
	number := c.note("the secret of digits", "92233720368547758079223372036854775807")
	for _, tt := range []struct {
		name string
		args []string
		env  string
		file string
	}{
		{name: "a short secret", env: "FERRY_SECRET=" + p},
		{name: "a short former secret", file: "secret-former = '" + p + "'"},
		{name: "a mail password without a server", env: "FERRY_SMTP_PASSWORD=" + p},
		{name: "a mail password on the command line", args: []string{"--smtp-password", p}},
		{name: "a mail password on the command line, joined", args: []string{"--smtp-password=" + p}},
		{name: "a misspelt variable", env: "FERRY_SMTP_PASWORD=" + p},
		{name: "a misspelt key", file: "smtp-pasword = '" + p + "'"},
		{name: "no quotes", file: "smtp-password = " + p},
		{name: "a number", file: "smtp-password = " + number},
		{name: "one quote", file: "smtp-password = '" + p},
		{name: "two values", file: "smtp-password = 'a' '" + p + "'"},
		{name: "twice", file: "smtp-password = 'a'\nsmtp-password = '" + p + "'"},
		{name: "a list", file: "secret = ['" + p + "']"},
		{name: "a table", file: "[smtp]\npassword = '" + p + "'"},
		{name: "another database", env: "FERRY_DATABASE=mysql://ann:" + p + "@127.0.0.1:1/x"},
		{name: "a database that is away", env: "FERRY_DATABASE=postgres://ann:" + p + "@127.0.0.1:1/x"},
		{name: "a database that is away, of the command line", args: []string{"--database", "postgres://ann:" + p + "@127.0.0.1:1/x"}},
		{name: "a database that is away, of the file", file: "database = 'postgres://127.0.0.1:1/x?user=ann&password=" + p + "'"},
		{name: "a broken URL of a database", env: "FERRY_DATABASE=postgres://ann:" + p + "%@127.0.0.1:1/x"},
		{name: "a broken port of a database", env: "FERRY_DATABASE=postgres://ann:" + p + "@127.0.0.1:one/x"},
		{name: "a wrong parameter of a database", env: "FERRY_DATABASE=postgres://ann:" + p + "@127.0.0.1:1/x?sslmode=perhaps"},
		{name: "a wrong parameter beside a password", env: "FERRY_DATABASE=postgres://127.0.0.1:1/x?sslmode=perhaps&password=" + p},
		{name: "a database in words", env: "FERRY_DATABASE=host=127.0.0.1 port=1 password=" + p},
	} {
		for _, command := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"key", "create"}} {
			dir := t.TempDir()
			args := append(append(command, "--data", filepath.Join(dir, "data")), tt.args...)
			if tt.file != "" {
				file := filepath.Join(dir, "ferry.toml")
				if err := os.WriteFile(file, []byte(tt.file+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--config", file)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			run := exec.CommandContext(ctx, testenv.FerryBinary(t), args...)
			run.Env = testenv.Environment()
			if tt.env != "" {
				run.Env = append(run.Env, tt.env)
			}
			out, err := run.CombinedOutput()
			cancel()
			if err == nil && command[0] == "serve" || len(out) == 0 {
				t.Errorf("%s: %v %s", tt.name, err, out)
			}
			c.check(t, map[string]string{"what ferry " + command[0] + " says of " + tt.name: string(out)})
		}
	}
}
