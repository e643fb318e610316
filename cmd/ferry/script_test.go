package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ferry": main})
}

// The scripts are what Ferry does, told as sessions that run. Besides the
// commands of testscript they have:
//
//	ferry ARGS… [&]                     the program; in the background it is asked to end with the script
//	waitfor FILE NAME                   wait for a ready file; NAME becomes its host:port
//	http STATUS METHOD URL [FILE] [HEADER: VALUE]…
//	                                    one request, no redirects followed; the body of the answer goes
//	                                    to stdout, its status line and headers to stderr
//	jsonenv FILE NAME KEY…              NAME becomes a value of a JSON file, or of stdout
//	envfile NAME FILE                   NAME becomes the text of a file
//	locationenv NAME                    NAME becomes the Location of the last answer
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"waitfor": waitfor,
			"http":    httpRequest,
			"jsonenv": jsonenv,
			"envfile": envfile,

			"locationenv": locationenv,
		},
		RequireExplicitExec: false,
	})
}

func waitfor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE NAME")
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil {
			_, addr, _ := strings.Cut(strings.TrimSpace(string(text)), "://")
			ts.Setenv(args[1], addr)
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v", err)
		}
	}
}

var header = regexp.MustCompile(`^[A-Za-z0-9-]+: `)

func httpRequest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: http STATUS METHOD URL [FILE] [HEADER: VALUE]…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	req, err := http.NewRequest(args[1], args[2], nil)
	ts.Check(err)
	for _, arg := range args[3:] {
		if header.MatchString(arg) {
			name, value, _ := strings.Cut(arg, ": ")
			req.Header.Set(name, value)
			continue
		}
		body := []byte(ts.ReadFile(arg))
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		if filepath.Ext(arg) == ".json" && req.Header.Get("Content-Type") == "" {
			req.Header.Set("Content-Type", "application/json")
		}
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	ts.Check(err)
	defer resp.Body.Close()
	_, _ = fmt.Fprintf(ts.Stderr(), "%s %s\n", resp.Proto, resp.Status)
	ts.Check(resp.Header.Write(ts.Stderr()))
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
	if resp.StatusCode != want {
		ts.Fatalf("%s %s: status %d, want %d: %s", args[1], args[2], resp.StatusCode, want, body)
	}
}

func jsonenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: jsonenv FILE NAME KEY…")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &v))
	for _, key := range args[2:] {
		switch at := v.(type) {
		case map[string]any:
			v = at[key]
		case []any:
			i, err := strconv.Atoi(key)
			ts.Check(err)
			if i >= len(at) {
				ts.Fatalf("there is no element %d of %d", i, len(at))
			}
			v = at[i]
		default:
			v = nil
		}
	}
	switch v := v.(type) {
	case nil:
		ts.Fatalf("%s: there is no %s", args[0], strings.Join(args[2:], "."))
	case float64:
		ts.Setenv(args[1], strconv.FormatFloat(v, 'f', -1, 64))
	default:
		ts.Setenv(args[1], fmt.Sprint(v))
	}
}

func envfile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: envfile NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

var location = regexp.MustCompile(`(?m)^Location: (\S+)`)

func locationenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: locationenv NAME")
	}
	found := location.FindStringSubmatch(ts.ReadFile("stderr"))
	if found == nil {
		ts.Fatalf("the last answer has no Location")
	}
	ts.Setenv(args[0], found[1])
}
