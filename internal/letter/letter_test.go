package letter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/fault"
)

var now = time.Date(2026, 11, 28, 14, 5, 0, 0, time.UTC)

const secret = "https://ferry.example/t/0123456789"

func toRecipient() *Letter {
	return &Letter{
		About: "r1", To: "bob@example.org", ReplyTo: "ada@example.org", FromName: "Ada", Locale: "de-CH",
		Link: secret, Until: now,
		Data: &ToRecipient{Transfer{
			Sender: "Ada", Subject: "Holiday", Message: "Look!", Files: []File{{"cat.gif", 3}}, Count: 1, Size: 3,
			Expires: now, Protected: true,
		}},
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Letter)
		field  string // the one that is wrong; empty: none
	}{
		{"a letter that is right", func(*Letter) {}, ""},
		{"without an address to answer to", func(l *Letter) { l.ReplyTo = "" }, ""},
		{"an address beyond ASCII", func(l *Letter) { l.To = "jörg@exämple.org" }, ""},
		{"no address", func(l *Letter) { l.To = "" }, "to"},
		{"an address with a name", func(l *Letter) { l.To = "Bob <bob@example.org>" }, "to"},
		{"two addresses", func(l *Letter) { l.To = "bob@example.org, eve@example.org" }, "to"},
		{"a header behind the address", func(l *Letter) { l.To = "bob@example.org\r\nBcc: eve@example.org" }, "to"},
		{"a quoted line break in the address", func(l *Letter) { l.To = "\"bob\r\n\"@example.org" }, "to"},
		{"an endless address", func(l *Letter) { l.To = strings.Repeat("a", 250) + "@example.org" }, "to"},
		{"a header behind the address to answer to", func(l *Letter) { l.ReplyTo = "a@b.example\nBcc: eve@example.org" }, "replyto"},
		{"a header behind the name", func(l *Letter) { l.FromName = "Ada\r\nBcc: eve@example.org" }, "from"},
		{"a header behind the subject", func(l *Letter) { l.Data.(*ToRecipient).Subject = "Hi\nBcc: eve@example.org" }, "subject"},
		{"a message of several lines", func(l *Letter) { l.Data.(*ToRecipient).Message = "a\r\nb" }, ""},
		{"about nothing", func(l *Letter) { l.About = "" }, "about"},
		{"without data", func(l *Letter) { l.Data = nil }, "about"},
		{"without a link", func(l *Letter) { l.Link = "" }, "link"},
		{"a link that runs", func(l *Letter) { l.Link = "javascript:alert(1)" }, "link"},
		{"a link to nowhere", func(l *Letter) { l.Link = "https:///t" }, "link"},
		{"a link of two lines", func(l *Letter) { l.Link = "https://a.example/\r\nb" }, "link"},
		{"a trial needs no link", func(l *Letter) { l.Data, l.Link = &Trial{}, "" }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := toRecipient()
			tt.change(l)
			err := l.Check()
			if tt.field == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			f, _ := err.(*fault.Error)
			if !fault.Is(err, "letter_invalid") || len(f.Fields) != 1 || f.Fields[0].Name != tt.field {
				t.Errorf("got %#v, want %s to be wrong", err, tt.field)
			}
		})
	}
}

func TestALetterComesBackAsItWas(t *testing.T) {
	common := toRecipient().Data.(*ToRecipient).Transfer
	for _, d := range []Data{
		&ToRecipient{common},
		&Confirmed{common, []string{"bob@example.org"}, 1},
		&Downloaded{common, Download{"bob@example.org", "cat.gif", now}},
		&Summed{common, []Download{{"", "", now}}, 2},
		&ToVerify{}, &ToReset{}, &ToRegister{}, &Trial{},
	} {
		l := toRecipient()
		l.Data = d
		text, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(l, got); diff != "" || got.Link != secret {
			t.Errorf("%s: %s", d.Kind(), diff)
		}
	}
	for _, k := range Kinds() {
		if d := newData(k); d == nil || d.Kind() != k {
			t.Errorf("the data of a letter of kind %s: %#v", k, d)
		}
	}
	for _, wrong := range []string{"", "{}", `{"Kind":"postcard","Data":{}}`, `{"Kind":"recipient","Data":3}`} {
		if l, err := Decode([]byte(wrong)); err == nil {
			t.Errorf("%q is a letter: %v", wrong, l)
		}
	}
}

func FuzzDecode(f *testing.F) {
	text, _ := toRecipient().Encode()
	f.Add(text)
	f.Add([]byte(`{"Kind":"download_summary","Data":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Decode(text)
		if err != nil {
			return
		}
		again, err := l.Encode()
		if err != nil {
			t.Skip(err) // a time that no calendar has
		}
		back, err := Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		last, _ := back.Encode()
		if !bytes.Equal(again, last) {
			t.Errorf("%s became %s", again, last)
		}
	})
}

func TestWhatNoLetterShowsIsNotKept(t *testing.T) {
	l := toRecipient()
	many := Transfer{Message: strings.Repeat("ä", MaxMessage), Files: make([]File, 1000), Count: 1000}
	l.Data = &Confirmed{many, make([]string, 1000), 1000}
	text, _ := l.Encode()
	got, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	d := got.Data.(*Confirmed)
	if len(d.Files) != Shown || d.Count != 1000 || len(d.Recipients) != Shown || len(d.Message) > MaxMessage+10 {
		t.Errorf("%d of %d files, %d recipients, a message of %d bytes", len(d.Files), d.Count, len(d.Recipients), len(d.Message))
	}
	if len(many.Files) != 1000 || len(l.Data.(*Confirmed).Files) != 1000 {
		t.Error("encoding changed the letter")
	}
}

func TestLinksAreNotPrinted(t *testing.T) {
	l := toRecipient()
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "letter", l, "link", l.Link)
	text, _ := json.Marshal(l)
	for _, s := range []string{fmt.Sprint(l), fmt.Sprintf("%+v %#v %s", l, l.Link, l.Link), log.String(), string(text)} {
		if strings.Contains(s, "0123456789") {
			t.Errorf("a link in %s", s)
		}
	}
}
