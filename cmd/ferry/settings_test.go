package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// parseServe parses `ferry serve` with args and env.
func parseServe(t *testing.T, args, env []string) (*settings, error) {
	t.Helper()
	c, err := parse(append([]string{"serve"}, args...), env, io.Discard)
	if err != nil {
		return nil, err
	}
	return &c.(*serveCommand).settings, nil
}

func TestCompatSetsTheDocumentedLimits(t *testing.T) {
	type documented struct {
		size              size
		transfer, board   int
		url, token        time.Duration
		daily, dailyOfKey int
	}
	file := filepath.Join(t.TempDir(), "ferry.toml")
	if err := os.WriteFile(file, []byte("compat = true\ntransfer-days = 14\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	generous := documented{0, 7, 90, time.Hour, 365 * day, 0, 0}
	wetransfer := documented{2147483648, 7, 90, time.Hour, 365 * day, 1000, 1000}
	change := func(d documented, f func(*documented)) documented { f(&d); return d }
	for _, tt := range []struct {
		name      string
		args, env []string
		want      documented
	}{
		{"without it they are generous", nil, nil, generous},
		{"by flag", []string{"--compat"}, nil, wetransfer},
		{"by variable", nil, []string{"FERRY_COMPAT=true"}, wetransfer},
		{"not by a false variable", nil, []string{"FERRY_COMPAT=false"}, generous},
		{"the flag wins over the variable", []string{"--compat=false"}, []string{"FERRY_COMPAT=true"}, generous},
		{
			"what is given wins over the preset", nil,
			[]string{"FERRY_COMPAT=1", "FERRY_DAILY_LIMIT=5"},
			change(wetransfer, func(d *documented) { d.daily, d.dailyOfKey = 5, 5 }),
		},
		{
			"also in the file", nil,
			[]string{"FERRY_CONFIG=" + file},
			change(wetransfer, func(d *documented) { d.transfer = 14 }),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parseServe(t, tt.args, tt.env)
			if err != nil {
				t.Fatal(err)
			}
			key, err := parse(append([]string{"key", "create"}, tt.args...), tt.env, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			got := documented{
				s.MaxTransferSize, s.TransferDays, s.BoardDays, s.URLLife, s.TokenLife,
				s.DailyLimit, key.(*keyCreateCommand).DailyLimit,
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestArgumentsAreNotSettings(t *testing.T) {
	_, err := parse([]string{"user", "create", "--email", "a@b.example"}, []string{"FERRY_PASSWORD=secret"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "--password") {
		t.Errorf("a password was taken from the environment: %v", err)
	}
}

func TestSecretComesFromEnvironmentOrFile(t *testing.T) {
	const secret = "00112233445566778899aabbccddeeff102132435465768798a9babcbdcedfe0"
	file := filepath.Join(t.TempDir(), "ferry.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "secret = %q\n", secret), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, env := range []string{"FERRY_SECRET=" + secret, "FERRY_CONFIG=" + file} {
		s, err := parseServe(t, nil, []string{env})
		if err != nil || len(s.Secret) != 32 {
			t.Errorf("%s: a secret of %d bytes, %v", env, len(s.Secret), err)
		}
	}
}

func TestBaseURLFor(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		addr string
		want string
	}{
		{"the real port", nil, "127.0.0.1:1234", "http://127.0.0.1:1234"},
		{"all addresses are none", nil, "0.0.0.0:8080", "http://localhost:8080"},
		{"also in IPv6", nil, "[::]:80", "http://localhost"},
		{"IPv6 has brackets", nil, "[::1]:80", "http://[::1]"},
		{"with a port, too", nil, "[::1]:81", "http://[::1]:81"},
		{"TLS is https", []string{"--tls-cert=c", "--tls-key=k"}, "192.0.2.1:443", "https://192.0.2.1"},
		{"a domain is known by its name", []string{"--acme-domain=ferry.example"}, "0.0.0.0:443", "https://ferry.example"},
		{"what was set", []string{"--base-url=https://x.example"}, "127.0.0.1:1234", "https://x.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parseServe(t, tt.args, nil)
			if err != nil {
				t.Fatal(err)
			}
			addr, err := net.ResolveTCPAddr("tcp", tt.addr)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.baseURLFor(addr); got != tt.want {
				t.Errorf("base URL %s, want %s", got, tt.want)
			}
		})
	}
}

// The documentation of the settings is made of the settings.
func TestConfigurationIsDocumented(t *testing.T) {
	const name = "../../docs/configuration.md"
	want := configurationPage()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale: go test ./cmd/ferry -run TestConfigurationIsDocumented -update", name)
	}
}

func configurationPage() string {
	var page strings.Builder
	page.WriteString(`# Configuration

Ferry needs none. Every setting is a flag of ` + "`ferry serve`" + `, an environment variable and a key of one TOML file; the
flag wins over the variable, the variable over the file. The file is named by ` + "`--config`" + ` or ` + "`FERRY_CONFIG`" + `, and its
keys stand in no table:

` + "```toml" + `
listen = "0.0.0.0:8080"
base-url = "https://ferry.example.com"
trusted-proxy = ["10.0.0.0/8"]
max-transfer-size = "50GB"
` + "```" + `

Sizes are bytes or have a unit (2GB is decimal, 64MiB binary), times have one (90s, 1h30m, 7d), lists are separated by
commas. A wrong value and an unknown name are refused at start. The other commands take ` + "`data`, `database`" + ` and the
like from the same places.

<!-- Made from cmd/ferry/settings.go: go test ./cmd/ferry -run TestConfigurationIsDocumented -update -->
`)
	group := ""
	for _, f := range serveFlags() {
		if f.Group.Key != group {
			group = f.Group.Key
			fmt.Fprintf(&page, "\n## %s\n\n| flag | variable | default | with `--compat` | what it does |\n|---|---|---|---|---|\n", group)
		}
		name := "`--" + f.Name + "`"
		if f.Tag.Has("offline") {
			name = "none; key `" + f.Name + "`"
		}
		fmt.Fprintf(&page, "| %s | `%s` | %s | %s | %s |\n", name, variable(f.Name), code(f.Default), code(f.Tag.Get("compat")), f.OrigHelp)
	}
	return page.String()
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func serveFlags() (flags []*kong.Flag) {
	for _, node := range newParser((&collector{}).mappers()).Model.Children {
		if node.Name == "serve" {
			for _, f := range node.Flags {
				if f.Name != "help" {
					flags = append(flags, f)
				}
			}
		}
	}
	return flags
}

// Administrators read all settings, where each comes from, and no secret.
func TestSettingsInForce(t *testing.T) {
	file, secret := filepath.Join(t.TempDir(), "ferry.toml"), ""
	for i := range 32 {
		secret += fmt.Sprintf("%02x", i)
	}
	if err := os.WriteFile(file, []byte("\ntransfer-days = 14\ntrusted-proxy = [\"10.0.0.0/8\", \"192.0.2.1\"]\nsecret = \""+secret+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := parseServe(t, []string{"--config", file, "--compat", "--max-files", "7", "--purge-after=1d12h"},
		[]string{"FERRY_DATABASE=postgres://ferry:canary@db.example/ferry?password=canary", "FERRY_URL_LIFE=90m", "FERRY_ACME_DIRECTORY=https://ferry:canary@acme.example/dir?key=canary"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, one := range s.inForce {
		got[one.Name] = fmt.Sprintf("%s, %d %s", one.Value, one.Source, one.Where)
		if one.Group == "" || strings.Contains(one.Value, "canary") || strings.Contains(one.Value, secret) {
			t.Errorf("%+v", one)
		}
	}
	for name, want := range map[string]string{
		"max-files":         "7, 4 ",
		"purge-after":       "1d12h, 4 ",
		"compat":            "true, 4 ",
		"url-life":          "1h30m, 3 FERRY_URL_LIFE",
		"database":          "postgres://ferry:xxxxx@db.example/ferry, 3 FERRY_DATABASE",
		"acme-directory":    "https://ferry:xxxxx@acme.example/dir, 3 FERRY_ACME_DIRECTORY",
		"transfer-days":     "14, 2 " + file + ":2",
		"trusted-proxy":     "10.0.0.0/8, 192.0.2.1/32, 2 " + file + ":3",
		"secret":            "•••, 2 " + file + ":4",
		"max-transfer-size": "2.1 GB, 1 ",
		"board-days":        "90, 1 ",
		"site-color":        "#17616f, 0 ",
		"site-name":         "Ferry, 0 ",
		"log-level":         "INFO, 0 ",
		"smtp-password":     ", 0 ",
		"drain-timeout":     "30s, 0 ",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	c, _ := parse([]string{"serve"}, nil, io.Discard)
	if n := len(c.(*serveCommand).inForce); n != len(got) || n < 40 {
		t.Errorf("%d settings, and %d", n, len(got))
	}
}
