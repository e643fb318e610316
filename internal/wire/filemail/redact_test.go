package filemail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/server"
	"github.com/ferry-server/ferry/internal/wire/filemail"
)

// lenient takes every secret and logs what it can of it, as a careless
// implementation might.
type lenient struct{ log *slog.Logger }

func (g lenient) Key(_ context.Context, key account.Secret, _ account.Scope) (account.Actor, error) {
	g.log.Info("key", "key", key, "text", fmt.Sprint(key))
	return account.Actor{Owner: account.Owner{Account: "ada"}}, nil
}

func (g lenient) Token(_ context.Context, token account.Secret) (account.Actor, error) {
	g.log.Info("token", "token", token, "text", fmt.Sprintf("%s %q %v", token, token, token))
	return account.Actor{Owner: account.Owner{Account: "bob"}}, nil
}

// TestNoSecretsInLogs: Filemail's clients send keys, tokens, passwords and keys of
// transfers in queries, forms, headers and cookies. However a request ends, none of
// them is in the log of the whole server at its most talkative, and each end is.
func TestNoSecretsInLogs(t *testing.T) {
	const canary = "CaNaRy"
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	door := filemail.New(filemail.Config{
		Gate: lenient{log}, Now: time.Now, BaseURL: func() string { return "http://ferry.test" }, Log: log,
	})
	ends := map[string]func(string) error{
		"well":     func(string) error { return nil },
		"refused":  func(string) error { return fault.New(fault.Conflict, "transfer_closed", "not now") },
		"failed":   func(string) error { return errors.New("the store is gone") },
		"panicked": func(string) error { panic("a bug") },
	}
	var table []filemail.TestRoute
	for name, do := range ends {
		table = append(
			table, filemail.TestRoute{Pattern: "/transfer/" + name, Do: do},
			filemail.TestRoute{Pattern: "/api/transfer/" + name, Do: do, Classic: true},
			filemail.TestRoute{Pattern: "/savefile.ashx/" + name, Do: do, Upload: true},
		)
	}
	door.MountForTest(table...)
	srv := server.New(server.Config{Log: log})
	srv.Mount(door, filemail.Prefixes()...)
	node := httptest.NewServer(srv)
	defer node.Close()

	secrets := url.Values{}
	for _, name := range []string{"apikey", "logintoken", "password", "transferkey", "transferid", "filekey", "refreshtoken"} {
		secrets.Set(name, canary+name)
	}
	send := func(method, path, contentType, body string) {
		t.Helper()
		logged.Reset()
		r, err := http.NewRequest(method, node.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		for _, name := range []string{"X-Api-Key", "Logintoken", "Password", "Transferkey"} {
			r.Header.Set(name, canary+name)
		}
		r.Header.Set("Cookie", "logintoken="+canary+"cookie; apikey="+canary)
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, got.Body)
		_ = got.Body.Close()
		text := logged.String()
		if strings.Contains(strings.ToLower(text), strings.ToLower(canary)) {
			t.Errorf("%s %s: the log is\n%s", method, path, text)
		}
		if got.StatusCode >= 400 && !strings.Contains(text, "request refused") && !strings.Contains(text, "request failed") && !strings.Contains(text, "panic") {
			t.Errorf("%s %s: %d is not in the log:\n%s", method, path, got.StatusCode, text)
		}
	}
	const form, jsonType = "application/x-www-form-urlencoded", "application/json"
	properties := fmt.Sprintf(`{"password":"%spw","logintoken":"%s","transferkey":"%s"`, canary, canary, canary)
	for name := range ends {
		send("POST", "/transfer/"+name+"?"+secrets.Encode(), jsonType, properties+"}")
		send("POST", "/transfer/"+name, jsonType, properties+`,"days":"`+canary+`"}`)
		send("POST", "/transfer/"+name, jsonType, properties)
		send("GET", "/api/transfer/"+name+"?"+secrets.Encode(), form, "")
		send("POST", "/api/transfer/"+name, form, secrets.Encode())
		send("POST", "/api/transfer/"+name, form, secrets.Encode()+"&x=%"+canary)
		send("POST", "/savefile.ashx/"+name+"?thefilename=a&transferid=x&transferkey="+strings.Repeat("0", 32)+"&"+secrets.Encode(), "", "abc")
		send("POST", "/savefile.ashx/"+name+"?"+secrets.Encode(), "", "abc")
	}
	send("POST", "/transfer/nowhere/"+canary+"?"+secrets.Encode(), jsonType, "")
	send("PUT", "/transfer/well?"+secrets.Encode(), jsonType, "")
	send("POST", "/transfer/well?password="+canary+"%", jsonType, "")
}
