package notify

import (
	"strings"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/brand"
	"github.com/ferry-server/ferry/internal/letter"
	"github.com/ferry-server/ferry/internal/words"
)

// A view is what a letter of any kind shows, top to bottom. Every string of a user
// in it is Shown; the templates escape.
type view struct {
	Words     *words.Letters
	Site      string
	Light     brand.Scheme
	Dark      brand.Scheme
	Subject   string // of the mail
	Title     string
	Lead      []string
	QuoteHead string
	Quote     []string // the sender's message, line by line
	List      *list
	Button    string
	Link      string
	Small     []string // small print
	Foot      string
}

// A list has a heading, up to letter.Shown rows, and what is left out.
type list struct {
	Heading string
	Rows    []row
	More    string
}

type row struct{ Name, Note string }

// viewOf lays a letter out in its language.
func viewOf(l *letter.Letter, look brand.Look) *view {
	w := words.LettersIn(l.Locale)
	v := &view{Words: w, Site: look.Name, Light: look.Light(), Dark: look.Dark(), Link: string(l.Link), Foot: w.SentBy(look.Name)}
	switch d := l.Data.(type) {
	case *letter.ToRecipient:
		v.toRecipient(d)
	case *letter.Confirmed:
		v.confirmed(d)
	case *letter.Downloaded:
		v.downloaded(d)
	case *letter.Summed:
		v.summed(d)
	case *letter.ToVerify:
		v.ask(&w.Verify, l)
	case *letter.ToReset:
		v.ask(&w.Reset, l)
	case *letter.ToRegister:
		v.ask(&w.Register, l)
	case *letter.Trial:
		v.Title, v.Lead = w.TestTitle, []string{w.TestText}
	}
	if v.Subject == "" {
		v.Subject = v.Title
	}
	return v
}

func (v *view) toRecipient(d *letter.ToRecipient) {
	w := v.Words
	sender := v.sender(&d.Transfer)
	v.Title = w.SentYou(sender, d.Count)
	v.subject(&d.Transfer)
	v.quote(&d.Transfer)
	v.Lead = []string{w.Total(d.Count, words.Size(d.Size)) + ". " + v.until(&d.Transfer)}
	if d.Protected {
		v.Lead = append(v.Lead, w.Protected)
	}
	v.files(&d.Transfer)
	v.Button = w.Get
	v.Small = []string{w.YourLink, w.WhyYouAtAll}
	if sender != w.Somebody {
		v.Small[1] = w.WhyYou(sender)
	}
}

func (v *view) confirmed(d *letter.Confirmed) {
	w := v.Words
	v.Title = w.Confirmed(d.Count)
	v.subject(&d.Transfer)
	v.Lead = []string{
		w.ConfirmedText(d.RecipientCount),
		w.Total(d.Count, words.Size(d.Size)) + ". " + v.until(&d.Transfer),
	}
	if d.RecipientCount > 0 {
		v.list(w.Recipients, d.RecipientCount, len(d.Recipients), func(i int) row { return row{Name: words.Shown(d.Recipients[i])} })
	} else {
		v.files(&d.Transfer)
	}
	v.Button = w.Look
	v.Small = []string{w.SenderLink, w.WhyYouSender}
}

func (v *view) downloaded(d *letter.Downloaded) {
	w := v.Words
	v.Title = w.Downloaded(v.what(&d.Transfer))
	v.Lead = []string{w.DownloadedBy(v.who(&d.Download), v.which(&d.Download), w.Moment(d.Download.At))}
	v.Button = w.Look
	v.Small = []string{w.WhyYouSender}
}

func (v *view) summed(d *letter.Summed) {
	w := v.Words
	v.Title = w.Summed(v.what(&d.Transfer))
	v.Lead = []string{w.SummedText(d.DownloadCount), w.SummedLast}
	v.list(w.Downloads, d.DownloadCount, len(d.Downloads), func(i int) row {
		one := &d.Downloads[i]
		return row{v.who(one), w.DownloadOf(v.which(one), w.Moment(one.At))}
	})
	v.Button = w.Look
	v.Small = []string{w.WhyYouSender}
}

func (v *view) ask(a *words.Asking, l *letter.Letter) {
	v.Title, v.Lead, v.Button = a.Title, []string{a.Text}, a.Button
	if !l.Until.IsZero() {
		v.Small = append(v.Small, a.GoodUntil(v.Words.Moment(l.Until)))
	}
	v.Small = append(v.Small, a.NotYou)
}

// The longest a user's string may be where it stands in a sentence or a header.
const longest = 80

// line makes one short line of a user's string. In a header, text that looks like an
// encoded word (RFC 2047) would be decoded by the reader's program, and so bring back
// what Shown takes out; and of several spaces one is lost where it is folded.
func line(s string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(words.Shown(s), "=?", "= ?")), " ")
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:longest-1])) + "…"
}

func (v *view) sender(t *letter.Transfer) string {
	if s := line(t.Sender); s != "" {
		return s
	}
	return v.Words.Somebody
}

// subject puts the sender's own subject behind the title, in the mail's subject.
func (v *view) subject(t *letter.Transfer) {
	v.Subject = v.Title
	if s := line(t.Subject); s != "" {
		v.Subject = v.Words.Subject(v.Title, s)
	}
}

// what names a transfer for its sender.
func (v *view) what(t *letter.Transfer) string {
	if s := line(t.Subject); s != "" {
		return s
	}
	return v.Words.FilesCount(t.Count)
}

func (v *view) until(t *letter.Transfer) string {
	if t.Expires.IsZero() {
		return v.Words.Forever
	}
	return v.Words.Until(v.Words.Moment(t.Expires))
}

func (v *view) quote(t *letter.Transfer) {
	text := strings.TrimSpace(words.ShownLines(t.Message))
	if text == "" {
		return
	}
	v.QuoteHead = v.Words.MessageOf(v.sender(t))
	v.Quote = strings.Split(text, "\n")
}

func (v *view) files(t *letter.Transfer) {
	v.list(v.Words.Files, t.Count, len(t.Files), func(i int) row {
		name := words.Shown(t.Files[i].Name)
		if strings.TrimSpace(name) == "" {
			name = v.Words.Nameless
		}
		return row{name, words.Size(t.Files[i].Size)}
	})
}

// list shows the first of n things, of which have are at hand.
func (v *view) list(heading string, n, have int, at func(i int) row) {
	shown := min(have, letter.Shown)
	if shown == 0 {
		return
	}
	v.List = &list{Heading: heading}
	for i := range shown {
		v.List.Rows = append(v.List.Rows, at(i))
	}
	if n > shown {
		v.List.More = v.Words.More(n - shown)
	}
}

func (v *view) who(d *letter.Download) string {
	if s := line(d.Who); s != "" {
		return s
	}
	return v.Words.ByLink
}

func (v *view) which(d *letter.Download) string {
	if s := line(d.What); s != "" {
		return s
	}
	return v.Words.Everything
}
