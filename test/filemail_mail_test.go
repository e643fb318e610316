package test

import (
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// Recipients are written to once each, however often a transfer is completed, and by the
// link of their letter it is known who fetched what.
func TestFilemailLetters(t *testing.T) {
	t.Parallel()
	pit := testenv.StartMailpit(t, testenv.MailPlain, "", "")
	node := testenv.StartFerry(t, "--smtp-host", fmt.Sprintf("127.0.0.1:%d", pit.Port), "--smtp-tls", "none",
		"--mail-from", "ferry@mail.example")
	c := filemail(t, node, "sender@example.org")
	tr, err := c.begin(map[string]any{"to": []string{"one@example.net", "two@example.net"}, "subject": "Holiday", "notify": true, "confirmation": true})
	if err != nil {
		t.Fatal(err)
	}
	first, second := chunked{content{"a.bin", 6_000_000, 7}, 5_000_000}, chunked{content{"later.txt", 12, 8}, 12}
	if err := atOnce(2, 2, func(i int) error { return c.putChunk(tr, first, i) }); err != nil {
		t.Fatal(err)
	}
	complete := func() {
		t.Helper()
		if err := atOnce(4, 4, func(int) error { _, err := c.complete(tr); return err }); err != nil {
			t.Fatal(err)
		}
	}
	complete()
	pit.Await(3) // two recipients, and the sender
	if err := c.putChunk(tr, second, 0); err != nil {
		t.Fatal(err)
	}
	complete()

	// to gives the letters to an address.
	to := func(address string) (letters []testenv.Mail) {
		for _, m := range pit.Mails() {
			if slices.ContainsFunc(m.To, func(a mail.Address) bool { return a.Address == address }) {
				letters = append(letters, m)
			}
		}
		return letters
	}
	link := regexp.MustCompile(node.URL + `/t/[0-9A-Za-z]+`)
	linkTo := func(address string) string {
		t.Helper()
		letters := to(address)
		if len(letters) != 1 {
			t.Fatalf("%d letters to %s", len(letters), address)
		}
		found := link.FindString(letters[0].Text)
		if found == "" {
			t.Fatalf("no link in the letter to %s:\n%s", address, letters[0].Raw)
		}
		return found
	}
	one, two := linkTo("one@example.net"), linkTo("two@example.net")
	if one == two {
		t.Error("two recipients have one link")
	}

	// By the page behind the link, as a browser does.
	page := func(link string) (status int, text string) {
		t.Helper()
		resp, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	status, text := page(one)
	if status != http.StatusOK || !strings.Contains(text, "a.bin") || !strings.Contains(text, "later.txt") {
		t.Fatalf("the page of a recipient: %d\n%s", status, text)
	}
	href := regexp.MustCompile(`href="([^"]*later\.txt[^"]*)"`).FindStringSubmatch(text)
	if href == nil {
		t.Fatalf("no link to the file in\n%s", text)
	}
	at := href[1]
	if strings.HasPrefix(at, "/") {
		at = node.URL + at
	}
	if err := c.fetch(strings.ReplaceAll(at, "&amp;", "&"), second.content); err != nil {
		t.Fatal(err)
	}
	var d fmDetails
	for range 200 { // noted once the last byte has gone out
		if d, err = c.details(tr.TransferID); err != nil {
			t.Fatal(err)
		}
		if d.NumberOfDownloads > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	by := map[string][]string{}
	for _, f := range d.Files {
		for _, e := range f.Downloads {
			by[f.FileName] = append(by[f.FileName], e.Email)
		}
	}
	if len(by) != 1 || !slices.Equal(by["later.txt"], []string{"one@example.net"}) {
		t.Errorf("downloads: %v", by)
	}
	pit.Await(4) // the sender asked for that

	if err := c.call("POST", "/transfer/"+tr.TransferID+"/forward",
		map[string]any{"to": []string{"three@example.net", "one@example.net"}, "transferkey": tr.TransferKey}, nil); err != nil {
		t.Fatal(err)
	}
	pit.Await(5)
	linkTo("three@example.net")
	if err := c.call("DELETE", "/transfer/"+tr.TransferID, nil, nil); err != nil {
		t.Fatal(err)
	}
	if status, text := page(one); status != http.StatusGone {
		t.Errorf("the link of a deleted transfer: %d\n%s", status, text)
	}
	node.Stop() // what is in the outbox would go out by now
	counts := map[string]int{}
	for _, m := range pit.Mails() {
		counts[m.To[0].Address]++
	}
	want := map[string]int{"one@example.net": 1, "two@example.net": 1, "three@example.net": 1, "sender@example.org": 2}
	if fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("letters: %v, want %v", counts, want)
	}
}
