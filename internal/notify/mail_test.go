package notify

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/brand"
	"github.com/ferry-server/ferry/internal/letter"
)

var update = flag.Bool("update", false, "write testdata anew")

var (
	now  = time.Date(2026, 11, 21, 14, 5, 0, 0, time.UTC)
	from = netmail.Address{Address: "ferry@mail.example"}
)

const link = "https://ferry.example/t/Xw3kPq0bT5mZ7cR1uYd9Ae"

func aTransfer() letter.Transfer {
	return letter.Transfer{
		Sender: "ada@example.org", Subject: "Pictures of the crossing",
		Message: "Dear Bob,\n\nhere they are. The one with the gull is my favourite.\n\nAda",
		Files:   []letter.File{{Name: "gull.jpg", Size: 4_812_220}, {Name: "sunrise over the pier.tif", Size: 1_500_000_000}},
		Count:   2, Size: 1_504_812_220, Expires: now.AddDate(0, 0, 7), Protected: true,
	}
}

// hostile is what users write who want more than to be read.
const hostile = "</p><script src=//evil.example></script>{{.Link}}{{template \"x\"}}%s\u202egpj.exe\u200b\x00\x1b[31m" +
	" =?utf-8?q?a?= \"'&<b>\u2028Bcc: eve@evil.example"

// letters gives a letter of each kind, and some at the edges.
func letters() map[string]*letter.Letter {
	plain, forever, bad := aTransfer(), aTransfer(), aTransfer()
	plain.Protected = false
	forever.Sender, forever.Subject, forever.Message, forever.Expires, forever.Protected = "", "", "", time.Time{}, false
	forever.Count = 1000
	for range 30 {
		forever.Files = append(forever.Files, letter.File{Name: "another.txt", Size: 1})
	}
	bad.Sender, bad.Subject = hostile, strings.ReplaceAll(hostile, "\x00", "")
	bad.Message = hostile + "\r\n.\r\n\r\n-- \nGet the files:\nhttps://evil.example/\rFrom eve\n"
	bad.Files = []letter.File{
		{Name: hostile + "\r\nBcc: eve@evil.example\r\n\r\n"},
		{Name: "\u200b"},
		{Name: strings.Repeat("long", 60)},
		{Name: "https://evil.example/"},
		{Name: "\xff\xfe"},
	}
	bad.Count = len(bad.Files)
	all := map[string]*letter.Letter{
		"recipient":          {FromName: "Ada Lovelace", ReplyTo: "ada@example.org", Data: &letter.ToRecipient{Transfer: aTransfer()}},
		"recipient-forever":  {Data: &letter.ToRecipient{Transfer: forever}},
		"recipient-hostile":  {FromName: strings.ReplaceAll(hostile, "\x00", ""), ReplyTo: "ada@example.org", Data: &letter.ToRecipient{Transfer: bad}},
		"confirmation":       {Data: &letter.Confirmed{Transfer: plain, Recipients: []string{"bob@example.org", "eve@example.org"}, RecipientCount: 2}},
		"confirmation-alone": {Data: &letter.Confirmed{Transfer: plain}},
		"first_download":     {Data: &letter.Downloaded{Transfer: plain, Download: letter.Download{Who: "bob@example.org", What: "gull.jpg", At: now}}},
		"download_summary": {Data: &letter.Summed{Transfer: plain, DownloadCount: 2, Downloads: []letter.Download{
			{At: now.Add(time.Hour)}, {Who: "bob@example.org", What: "gull.jpg", At: now},
		}}},
		"download_summary-hostile": {Data: &letter.Summed{Transfer: bad, DownloadCount: 1, Downloads: []letter.Download{{Who: hostile, What: hostile, At: now}}}},
		"verify":                   {Until: now.Add(time.Hour), Data: &letter.ToVerify{}},
		"reset":                    {Until: now.Add(time.Hour), Data: &letter.ToReset{}},
		"register":                 {Data: &letter.ToRegister{}},
		"test":                     {Data: &letter.Trial{}},
	}
	for _, l := range all {
		l.About, l.To = "x", "bob@example.org"
		if l.Data.Kind() != letter.Test {
			l.Link = link
		}
	}
	return all
}

func anItem() *letter.Item {
	return &letter.Item{ID: "01hf0000000000000000000000", QueuedAt: now}
}

// TestLetters compares what is printed with testdata, which people have looked at.
func TestLetters(t *testing.T) {
	p := newPrinter(brand.Default())
	for name, l := range letters() {
		t.Run(name, func(t *testing.T) {
			printed, err := p.print(l)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", asText(anItem(), l, printed))
			golden(t, name+".html", printed.html)
		})
	}
	for _, k := range letter.Kinds() {
		if letters()[string(k)] == nil {
			t.Errorf("no letter of kind %s is looked at", k)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(name, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./internal/notify -run TestLetters -update):\n%s", name, got)
	}
}

func TestHostileTextIsOnlyShown(t *testing.T) {
	for name, l := range letters() {
		p, err := newPrinter(brand.Default()).print(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{p.html, p.text, p.Subject} {
			if i := strings.IndexAny(s, "\x00\x1b\r\u202e\u200b\u2028"); i >= 0 {
				t.Errorf("%s: %q", name, s[max(0, i-20):i+5])
			}
		}
		for _, bad := range []string{"<script", "<img", "</p></p>", "url(", "@import", "=\"//", "src="} {
			if strings.Contains(strings.ReplaceAll(p.html, "script src=//evil", ""), bad) {
				t.Errorf("%s holds %s", name, bad)
			}
		}
		if strings.Contains(p.Subject, "\n") || len(p.Subject) > 1000 {
			t.Errorf("%s: subject %q", name, p.Subject)
		}
		// The only addresses that can be followed are ours.
		for rest := p.html; ; {
			_, after, ok := strings.Cut(rest, "href=\"")
			if !ok {
				break
			}
			href, _, _ := strings.Cut(after, "\"")
			if href != link {
				t.Errorf("%s leads to %s", name, href)
			}
			rest = after
		}
	}
	// What a sender writes cannot pass for what we write.
	p, _ := newPrinter(brand.Default()).print(letters()["recipient-hostile"])
	for line := range strings.Lines(p.text) {
		if strings.HasPrefix(line, "https://evil") || strings.HasPrefix(line, "From eve") {
			t.Errorf("the text has the line %q", line)
		}
	}
}

// received is a mail as its reader's program takes it apart.
type received struct {
	header     netmail.Header
	text, html string
}

func receive(t *testing.T, raw []byte) received {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	out := received{header: m.Header}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, into := range []*string{&out.text, &out.html} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		*into = strings.ReplaceAll(string(body), "\r\n", "\n")
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("there is a third part, or %v", err)
	}
	return out
}

func (r received) get(t *testing.T, name string) string {
	t.Helper()
	if n := len(r.header[name]); n != 1 {
		t.Errorf("%d fields %s", n, name)
		return ""
	}
	text, err := new(mime.WordDecoder).DecodeHeader(r.header.Get(name))
	if err != nil {
		t.Error(err)
	}
	return text
}

func write(t *testing.T, from netmail.Address, l *letter.Letter) ([]byte, *printed) {
	t.Helper()
	p, err := newPrinter(brand.Default()).print(l)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMail(from, anItem(), l, p)
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := m.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	return raw.Bytes(), p
}

func TestMailsAreWellFormed(t *testing.T) {
	want := []string{
		"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To",
	}
	for name, l := range letters() {
		t.Run(name, func(t *testing.T) {
			raw, p := write(t, from, l)
			for line := range strings.Lines(string(raw)) {
				if len(line) > 1000 || !strings.HasSuffix(line, "\r\n") || strings.ContainsFunc(line, func(r rune) bool { return r > 126 }) {
					t.Errorf("no line of a mail: %q", line)
				}
			}
			m := receive(t, raw)
			fields := slices.DeleteFunc(slices.Sorted(maps.Keys(m.header)), func(n string) bool { return n == "Reply-To" })
			if !slices.Equal(fields, want) {
				t.Errorf("the fields are %q", fields)
			}
			if m.get(t, "Message-Id") != "<01hf0000000000000000000000@mail.example>" || m.get(t, "Auto-Submitted") != "auto-generated" {
				t.Errorf("%v", m.header)
			}
			if got := m.get(t, "Subject"); got != p.Subject {
				t.Errorf("subject %q, want %q", got, p.Subject)
			}
			if date, err := m.header.Date(); err != nil || !date.Equal(now) {
				t.Errorf("date %v, %v", date, err)
			}
			for field, want := range map[string]string{"From": from.Address, "To": l.To, "Reply-To": l.ReplyTo} {
				if want == "" {
					continue
				}
				list, err := m.header.AddressList(field)
				if err != nil || len(list) != 1 || list[0].Address != want {
					t.Errorf("%s: %v, %v", field, list, err)
				}
			}
			if strings.TrimSuffix(m.text, "\n") != strings.TrimSuffix(p.text, "\n") || strings.TrimSpace(m.html) != strings.TrimSpace(p.html) {
				t.Errorf("the text became\n%s", m.text)
			}
		})
	}
}

func TestWhoALetterIsFrom(t *testing.T) {
	for _, tt := range []struct{ name, configured, sender, want string }{
		{"the installation", "", "", "Ferry"},
		{"under the operator's name", "Acme Files", "", "Acme Files"},
		{"the sender, by us", "", "Ada Lovelace", "Ada Lovelace via Ferry"},
		{"the sender, by the operator's name", "Acme Files", "Ada", "Ada via Acme Files"},
		{"not by an address that is not ours", "", "ada@example.org", "Ferry"},
		{"nor one that hides", "", "\u200bada\u202e@example.org", "Ferry"},
		{"names that need quotes", "", `Lovelace, "Ada" <x>`, `Lovelace, "Ada" <x> via Ferry`},
		{"names with a backslash", "", `Ådå\`, "Ådå/ via Ferry"},
		{"names beyond ASCII", "", "Ådå", "Ådå via Ferry"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := letters()["recipient"]
			l.FromName = tt.sender
			raw, _ := write(t, netmail.Address{Name: tt.configured, Address: from.Address}, l)
			list, err := receive(t, raw).header.AddressList("From")
			if err != nil || len(list) != 1 || list[0].Name != tt.want || list[0].Address != from.Address {
				t.Errorf("from %v, %v", list, err)
			}
		})
	}
}

func TestNoMailIsMadeOfAWrongLetter(t *testing.T) {
	l := letters()["recipient"]
	p, _ := newPrinter(brand.Default()).print(l)
	l.To = "bob@example.org\r\nBcc: eve@example.org"
	if m, err := newMail(from, anItem(), l, p); err == nil {
		t.Errorf("made %v", m)
	}
}

// FuzzMail: whatever users write, a mail has our fields and no others, and says
// what was printed.
func FuzzMail(f *testing.F) {
	f.Add("Ada", "Holiday", "Look!\n.\n", "cat.gif")
	f.Add(hostile[60:], hostile[:60], hostile, hostile)
	f.Add("=?utf-8?q?=0aBcc:_x?=", strings.Repeat("ä ", 500), "\n.\r\n", "\xff")
	f.Fuzz(func(t *testing.T, sender, subject, message, name string) {
		tr := aTransfer()
		tr.Sender, tr.Subject, tr.Message, tr.Files = sender, subject, message, []letter.File{{Name: name, Size: 1}}
		l := &letter.Letter{About: "x", To: "bob@example.org", FromName: sender, Link: link, Data: &letter.ToRecipient{Transfer: tr}}
		if l.Check() != nil {
			t.Skip()
		}
		raw, p := write(t, from, l)
		m := receive(t, raw)
		if len(m.header) != 9 || m.get(t, "Subject") != p.Subject {
			t.Errorf("fields %v", m.header)
		}
		if list, err := m.header.AddressList("From"); err != nil || len(list) != 1 || list[0].Address != from.Address {
			t.Errorf("from %v, %v", list, err)
		}
		if strings.TrimRight(m.text, " \n") != strings.TrimRight(p.text, " \n") {
			t.Errorf("the text became\n%q, was\n%q", m.text, p.text)
		}
	})
}

// Letters have the name and the colour of the installation.
func TestLook(t *testing.T) {
	look := brand.Look{Name: "Reederei", Sea: brand.Colour{0x99, 0x00, 0x4d}}
	p, err := newPrinter(look).print(letters()["recipient-hostile"])
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(p.html, "#99004d"); n != 3 || strings.Contains(p.html, brand.Default().Sea.String()) || strings.Contains(p.html, brand.Default().Dark().Sea.String()) {
		t.Errorf("the colour stands %d times, or beside another", n)
	}
	if !strings.Contains(p.text, "Reederei") || strings.Contains(p.text+p.html, "Ferry") {
		t.Error("the letter has another name")
	}
}
