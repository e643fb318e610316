package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every command that opens a database refuses one of a newer Ferry, by one line that
// says so: nobody knows what its rows mean.
func TestEveryCommandRefusesANewerSchema(t *testing.T) {
	dir := t.TempDir()
	data, kept := filepath.Join(dir, "data"), filepath.Join(dir, "kept")
	ferry := func(args ...string) (code int, stderr string) {
		var out, err bytes.Buffer
		code = run(context.Background(), args, nil, &out, &err)
		return code, err.String()
	}
	if code, stderr := ferry("key", "create", "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	if err := os.Mkdir(filepath.Join(data, blobsFolder), 0o700); err != nil { // as a server does
		t.Fatal(err)
	}
	if code, stderr := ferry("backup", "--data", data, kept); code != 0 {
		t.Fatal(stderr)
	}
	f, err := os.OpenFile(filepath.Join(data, databaseFile), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The number of the schema, in the file's header (SQLite docs, Database File Format: user version).
	if _, err := f.WriteAt([]byte{0, 0, 0x27, 0x0f}, 60); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	seen := 0
	var walk func(node *kong.Node)
	walk = func(node *kong.Node) {
		for _, child := range node.Children {
			walk(child)
		}
		name := strings.Fields(node.FullPath())[1:]
		if node.Type != kong.CommandNode || len(node.Children) > 0 || name[0] == "restore" {
			return
		}
		if !slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == "data" }) {
			return // it has no database
		}
		seen++
		args := append(name, "--data", data)
		for _, flag := range node.Flags {
			if flag.Required {
				args = append(args, "--"+flag.Name, someValue(flag.Value))
			}
		}
		for _, arg := range node.Positional {
			if arg.Required {
				args = append(args, someValue(arg))
			}
		}
		if name[0] == "serve" {
			args = append(args, "--listen", "127.0.0.1:0")
		}
		code, stderr := ferry(args...)
		if code == 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "the database has schema 9999, this ferry knows schemas up to") {
			t.Errorf("%q: exit status %d, %q", args, code, stderr)
		}
		if want := map[bool]int{true: exitNoVerify, false: exitFailure}[name[0] == "verify"]; code != want {
			t.Errorf("%q: exit status %d, want %d", args, code, want)
		}
	}
	walk(newParser((&collector{}).mappers()).Model.Node)
	if seen < 25 {
		t.Errorf("only %d commands", seen)
	}
}

// someValue gives a value that an argument may have.
func someValue(v *kong.Value) string {
	switch v.Name {
	case "password":
		return "a phrase that is long enough"
	case "n":
		return "5"
	}
	return "a@example.com"
}
