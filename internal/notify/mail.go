package notify

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	netmail "net/mail"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/ferry-server/ferry/internal/brand"
	"github.com/ferry-server/ferry/internal/letter"
)

//go:embed templates
var templates embed.FS

// A printer makes texts and HTML of letters.
type printer struct {
	text *texttemplate.Template
	html *htmltemplate.Template
	look brand.Look
}

func newPrinter(look brand.Look) *printer {
	return &printer{
		texttemplate.Must(texttemplate.ParseFS(templates, "templates/letter.txt")),
		htmltemplate.Must(htmltemplate.ParseFS(templates, "templates/letter.html")),
		look,
	}
}

// A printed letter is ready for an envelope.
type printed struct {
	*view
	text, html string
}

func (p *printer) print(l *letter.Letter) (*printed, error) {
	v := viewOf(l, p.look)
	out := &printed{view: v}
	var text, html bytes.Buffer
	if err := p.text.Execute(&text, v); err != nil {
		return nil, err
	}
	if err := p.html.Execute(&html, v); err != nil {
		return nil, err
	}
	out.text, out.html = text.String(), html.String()
	return out, nil
}

// newMail is the one place where a mail is made. The identity stays the same when
// it is sent once more, so that whoever gets both can tell.
func newMail(from netmail.Address, i *letter.Item, l *letter.Letter, p *printed) (*mail.Msg, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	to, err := netmail.ParseAddress(l.To)
	if err != nil {
		return nil, err
	}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if from.Name == "" {
		from.Name = p.Site
	}
	// In a name, an address that is not where the letter comes from looks like a
	// forgery, to people and to filters.
	if name := line(l.FromName); name != "" && !strings.Contains(name, "@") {
		from.Name = p.Words.Via(name, from.Name)
	}
	// RFC 2047, section 5: no encoded name holds a backslash. net/mail writes one.
	from.Name = strings.ReplaceAll(from.Name, `\`, "/")
	m.FromMailAddress(&from)
	m.ToMailAddress(to)
	if l.ReplyTo != "" {
		reply, err := netmail.ParseAddress(l.ReplyTo)
		if err != nil {
			return nil, err
		}
		m.ReplyToMailAddress(reply)
	}
	m.Subject(p.Subject)
	m.SetDateWithValue(i.QueuedAt)
	m.SetMessageIDWithValue(messageID(i, from))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's vacation answers it
	m.SetGenHeader("Content-Language", p.Words.Lang)
	m.SetBodyString(mail.TypeTextPlain, p.text)
	m.AddAlternativeString(mail.TypeTextHTML, p.html)
	return m, nil
}

func messageID(i *letter.Item, from netmail.Address) string {
	_, host, _ := strings.Cut(from.Address, "@")
	return fmt.Sprintf("%s@%s", i.ID, host)
}

// asText is the letter as an operator reads it.
func asText(i *letter.Item, l *letter.Letter, p *printed) string {
	var s strings.Builder
	fmt.Fprintf(&s, "To: %s\n", l.To)
	if l.ReplyTo != "" {
		fmt.Fprintf(&s, "Reply-To: %s\n", l.ReplyTo)
	}
	fmt.Fprintf(&s, "Subject: %s\nDate: %s\n\n%s", p.Subject, i.QueuedAt.UTC().Format(time.RFC1123Z), p.text)
	return s.String()
}
