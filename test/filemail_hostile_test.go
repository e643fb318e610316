package test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// What no honest client sends to Filemail's API is refused in its words, costs little
// memory, and leaves nothing half done.
func TestFilemailHostile(t *testing.T) {
	p := newPlace(t)
	boss := p.boss
	mine := func() string { // all that the account has, as it is told
		var all string
		for _, path := range []string{"/transfer/sent?getexpired=true", "/contact", "/contact/group", "/company", "/portal"} {
			a := p.ask(boss, "GET", path, nil)
			if a.status != http.StatusOK {
				t.Fatalf("%s: %d %s", path, a.status, a.body)
			}
			all += string(a.body)
		}
		return all
	}
	before, low := mine(), memory(t, p.node, "VmHWM")

	deep := strings.Repeat("[", 100_000)
	wide := `{"subject":"s"` + strings.Repeat(`,"a":1`, 100_000) + `}`
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf(`"p%d":%d`, i, i)
	}
	million := `{"subject":"s","to":["` + strings.Repeat(`a@example.org","`, 1_000_000) + `b@example.org"]}`
	utf16 := "\xff\xfe" + strings.Join(strings.Split(`{"subject":"s"}`, ""), "\x00") + "\x00"
	type header = [2]string
	for _, tt := range []struct {
		name, method, path, body string
		header                   []header
		status                   int
		word                     string
	}{
		{"deep JSON", "POST", "/transfer/initialize", `{"subject":` + deep, nil, 400, "InvalidRequest"},
		{"deep and whole", "POST", "/transfer/initialize", `{"subject":` + deep + strings.Repeat("]", 100_000) + "}", nil, 400, "InvalidRequest"},
		{"one name a hundred thousand times", "POST", "/transfer/initialize", wide, nil, 400, "InvalidRequest"},
		{"a list of a million recipients", "POST", "/transfer/initialize", million, nil, 0, ""},
		{"too many recipients for a call", "POST", "/transfer/initialize", `{"subject":"s","to":["` + strings.Repeat(`a@example.org","`, 2000) + `b@example.org"]}`, nil, 400, "InvalidParameter"},
		{"2^63", "POST", "/transfer/initialize", `{"subject":"s","transfersize":9223372036854775808}`, nil, 400, "InvalidParameter"},
		{"2^63 as text", "POST", "/transfer/initialize", `{"subject":"s","transfersize":"9223372036854775808"}`, nil, 400, "InvalidParameter"},
		{"below nought", "POST", "/transfer/initialize", `{"subject":"s","transfersize":-1}`, nil, 400, "InvalidParameter"},
		{"1e400", "POST", "/transfer/initialize", `{"subject":"s","days":1e400}`, nil, 400, "InvalidParameter"},
		{"1e999999999", "POST", "/transfer/initialize", `{"subject":"s","days":1e999999999}`, nil, 400, "InvalidParameter"},
		{"NaN", "POST", "/transfer/initialize", `{"subject":"s","days":NaN}`, nil, 400, "InvalidRequest"},
		{"NaN as text", "POST", "/transfer/initialize", `{"subject":"s","days":"NaN"}`, nil, 400, "InvalidParameter"},
		{"UTF-16", "POST", "/transfer/initialize", utf16, nil, 400, "InvalidRequest"},
		{"what is no UTF-8", "POST", "/transfer/initialize", "{\"subject\":\"\xe9t\xe9\"}", nil, 400, "InvalidRequest"},
		{"UTF-16, as said", "POST", "/transfer/initialize", utf16, []header{{"Content-Type", "application/json; charset=utf-16"}}, 400, "InvalidRequest"},
		{"XML", "POST", "/transfer/initialize", `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><a>&b;</a>`, []header{{"Content-Type", "application/xml"}}, 400, "InvalidRequest"},
		{"a header of 1 MB", "POST", "/transfer/initialize", `{"subject":"s"}`, []header{{"X-Long", strings.Repeat("a", 1<<20)}}, 431, ""},
		{"a query of 1 MB", "GET", "/transfer/inbox?search=" + strings.Repeat("a", 1<<20), "", nil, 431, ""},
		{"NUL", "POST", "/transfer/initialize", `{"subject":"a\u0000b"}`, nil, 400, "InvalidParameter"},
		{"half a pair of UTF-16", "POST", "/transfer/initialize", `{"subject":"a\ud800b"}`, nil, 400, "InvalidRequest"},
		{"lines in a subject", "POST", "/transfer/initialize", `{"subject":"a\r\nBcc: x@example.org"}`, nil, 400, "InvalidParameter"},
		{"a hundred thousand fields", "POST", "/contact", "{" + strings.Join(names, ",") + "}", nil, 400, ""},
		{"a form of a hundred thousand fields", "POST", "/api/contacts/add", strings.Repeat("a=b&", 100_000) + "email=x@example.org", []header{{"Content-Type", "application/x-www-form-urlencoded"}}, 0, ""},
		{"a multipart body of many parts", "POST", "/contact/import", multiparts(20_000), []header{{"Content-Type", "multipart/form-data; boundary=x"}}, 0, ""},
		{"CSV that is none", "POST", "/contact/import", "email,name\n\"a@example.org", []header{{"Content-Type", "text/csv"}}, 400, "ContactsFileParseError"},
		{"vCard that is none", "POST", "/contact/import", "BEGIN:VCARD\r\n" + strings.Repeat("X", 100_000), []header{{"Content-Type", "text/vcard"}}, 400, "ContactsFileParseError"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, p.node.URL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Api-Key", boss.key)
			req.Header.Set("X-Api-Version", "2.0")
			req.Header.Set("Content-Type", "application/json")
			for _, h := range tt.header {
				req.Header.Set(h[0], h[1])
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				if len(tt.body) > 4<<20 {
					return // the answer came before the body was sent, and may have been lost with the connection
				}
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if tt.status == 0 && (resp.StatusCode < 400 || resp.StatusCode >= 500) || tt.status != 0 && resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d: %.300s", resp.StatusCode, tt.status, text)
			}
			if tt.word != "" && !bytes.Contains(text, []byte(`"responsestatus":"`+tt.word+`"`)) {
				t.Errorf("no %s in %.300s", tt.word, text)
			}
		})
	}
	if after := mine(); after != before {
		t.Errorf("something was done.\nbefore: %.2000s\nafter: %.2000s", before, after)
	}

	// An address book of 100,000 rows, in and refused, while others write.
	var rows strings.Builder
	rows.WriteString("email,name\n")
	for i := range 100_000 {
		fmt.Fprintf(&rows, "person%d@example.net,Person %d\n", i, i)
	}
	stop := make(chan struct{})
	var slowest time.Duration
	var others sync.WaitGroup
	writer := p.person()
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			began := time.Now()
			if _, err := writer.begin(map[string]any{"subject": "meanwhile"}); err != nil {
				t.Error(err)
				return
			}
			slowest = max(slowest, time.Since(began))
		}
	})
	imported := func(text string) told {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", p.node.URL+"/contact/import", strings.NewReader(text))
		p.must(err)
		req.Header.Set("X-Api-Key", boss.key)
		req.Header.Set("X-Api-Version", "2.0")
		req.Header.Set("Content-Type", "text/csv")
		return p.do(req)
	}
	began := time.Now()
	a := imported(rows.String())
	took := time.Since(began)
	close(stop)
	others.Wait()
	t.Logf("100,000 rows: %d %.200s in %v; others waited %v at most; memory %d MiB, before %d MiB",
		a.status, a.body, took, slowest, memory(t, p.node, "VmHWM")>>20, low>>20)
	if a.status != http.StatusOK {
		t.Errorf("100,000 rows: %d %.300s", a.status, a.body)
	}
	if grown := memory(t, p.node, "VmHWM") - low; grown > 192<<20 {
		t.Errorf("the server grew by %d MiB", grown>>20)
	}
}

// multiparts is a form of so many parts, each without a name.
func multiparts(n int) string {
	return strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", n) + "--x--\r\n"
}
