package transfer

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/letter"
	"github.com/ferry-server/ferry/internal/share"
)

// Kinds of letters, which are jobs that others carry out. Each is written in the
// same transaction as what it tells.
const (
	LetterRecipient     = letter.JobPrefix + string(letter.Recipient)     // ID: the recipient's key
	LetterConfirmation  = letter.JobPrefix + string(letter.Confirmation)  // ID: the transfer's key, as for those below
	LetterFirstDownload = letter.JobPrefix + string(letter.FirstDownload) // to the sender, who asked for notices
	LetterSummary       = letter.JobPrefix + string(letter.Summary)       // after the second download; the last one
)

// A Sending is what the sender of a transfer said about it, and what became of it.
type Sending struct {
	Track     string // names the common link; empty where an API has no such link
	Sender    string // an address, "" where nobody said
	Password  string // a Hasher's text; set where the share is Locked
	Notify    bool   // letters to the sender about downloads
	Confirm   bool   // a letter to the sender when it is complete
	Days      int    // of life from its completion; -1: for ever; 0: not said
	Source    string // by which program, as it says
	Announced int64  // bytes that were said to come: for information

	Recipients  int // how many it has
	Undelivered int // of them, those that a letter did not reach
	Downloads   int // files and archives that were fetched whole
	Claimed     int // of MaxDownloads
	Noticed     int // letters about downloads that were called for
}

// TrackLen is the length of the id in a link: 131 bits.
const TrackLen = 22

// Forever is the number of days of a transfer that does not end.
const Forever = -1

// end gives the moment at which a transfer ends that lives so many days from then.
func end(from time.Time, days int) time.Time {
	if days == Forever {
		return share.Never
	}
	return from.AddDate(0, 0, days)
}

// A RecipientKey is a recipient's primary key.
type RecipientKey string

// A Recipient is one whom a transfer is for. Each has a link of their own, and is
// written to once.
type Recipient struct {
	Key         RecipientKey
	Home        share.Key
	Address     string // as account.NormalizeEmail gives it
	Track       string // names their own link
	Note        string // a message for them alone
	SentAt      time.Time
	DeliveredAt time.Time // zero: not known to be
	Problem     string    // why the letter could not be delivered, in the mail server's words
	Downloads   int
}

// Delivered tells whether the letter has reached the recipient's mail server.
func (r *Recipient) Delivered() bool { return !r.DeliveredAt.IsZero() }

// Rules are what the sender may do: the limits of a plan, and of guests.
type Rules struct {
	MaxSize       int64 // bytes of a transfer; 0: no limit
	MaxRecipients int
	Daily         int // transfers a day (UTC), whatever becomes of them; 0: no limit
	MaxDays       int // 0: no limit
	DefaultDays   int // where nobody said
	Forever       bool
	NoPassword    bool
}

// Bounds on texts, in characters.
const (
	maxSubject = 200 // Filemail API 2.0, Initialize
	maxMessage = 20_000
	maxSource  = 100
	maxSecret  = 1024
	maxAddress = 1000 // addresses that are looked at in one call
)

// wrong collects what is wrong with several inputs, to tell all of it at once.
type wrong []fault.Field

func (w *wrong) add(name, code, format string, args ...any) {
	*w = append(*w, fault.Field{Name: name, Code: code, Msg: fmt.Sprintf(format, args...)})
}

func (w wrong) err() error {
	if len(w) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Code: w[0].Code, Msg: w[0].Name + " " + w[0].Msg, Fields: w}
}

func (w *wrong) text(name, s string, most int) {
	if utf8.RuneCountInString(s) > most {
		w.add(name, "too_long", "must have at most %d characters", most)
	}
	if strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
		w.add(name, "text_invalid", "must be UTF-8 without NUL")
	}
}

// address gives it as it is stored; empty stays so.
func (w *wrong) address(name, s string) string {
	if s == "" {
		return ""
	}
	a, err := account.NormalizeEmail(s)
	if err != nil {
		w.add(name, "email_invalid", "%q is not an e-mail address", cut(s, 100))
	}
	return a
}

// addresses gives each of them once, in their order.
func (w *wrong) addresses(name string, all []string) (out []string) {
	if len(all) > maxAddress {
		w.add(name, "too_many", "must be at most %d addresses", maxAddress)
		return nil
	}
	seen := map[string]bool{}
	for _, s := range all {
		if s == "" {
			w.add(name, "email_invalid", "must not hold an empty address")
			continue
		}
		if a := w.address(name, s); !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	return out
}

func (w *wrong) days(n int) {
	if n != Forever && (n < 1 || n > 36500) {
		w.add("days", "days_invalid", "must be a number of days, or -1 for no end")
	}
}

func (w *wrong) downloads(n int) {
	if n < 0 || n > 1_000_000_000 {
		w.add("downloads", "downloads_invalid", "must be a number of downloads, or 0 for no limit")
	}
}

func (w *wrong) password(p account.Secret) {
	if len(p) > maxSecret {
		w.add("password", "password_length", "must have at most %d characters", maxSecret)
	}
}

// cut shortens a text to n bytes, between characters.
func cut(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// allow refuses what the rules do not give this sender.
func (r *Rules) allow(days int, password bool) error {
	switch {
	case days == Forever && !r.Forever:
		return fault.New(fault.Forbidden, "feature_not_allowed", "a transfer without end is not part of the plan")
	case r.MaxDays > 0 && days > r.MaxDays:
		return fault.New(fault.Forbidden, "feature_not_allowed", "a transfer may live %d days at most", r.MaxDays)
	case password && r.NoPassword:
		return fault.New(fault.Forbidden, "feature_not_allowed", "a password is not part of the plan")
	}
	return nil
}

func tooManyRecipients(most int) error {
	return fault.New(fault.Conflict, "too_many_recipients", "a transfer has at most %d recipients", most)
}

// Complete opens t for download, or says that all files which came later are there
// too. It gives the letter to the sender, who gets one.
func (t *Transfer) Complete(now time.Time) ([]job.Job, error) {
	if err := t.Alive(now); err != nil {
		return nil, err
	}
	if t.Files == 0 {
		return nil, fault.New(fault.Invalid, "no_files", "no files added to transfer")
	}
	if err := t.filled(); err != nil {
		return nil, err
	}
	if t.State == share.Ready {
		return nil, nil
	}
	if err := t.Finalize(now); err != nil {
		return nil, err
	}
	if t.Days != 0 {
		// Not from its creation: what took days to upload would be over sooner.
		t.ExpiresAt = end(now, t.Days)
	}
	if !t.Confirm || t.Sender == "" {
		return nil, nil
	}
	return []job.Job{{Kind: LetterConfirmation, ID: string(t.Key), RunAt: now}}, nil
}

// Cancel takes t down before it is complete.
func (t *Transfer) Cancel(now time.Time) error {
	if t.Cancelled {
		return nil
	}
	if err := t.Alive(now); err != nil {
		return err
	}
	if t.State != share.Open {
		return fault.New(fault.Conflict, "transfer_closed", "the transfer is complete already")
	}
	t.Cancelled = true
	t.Delete(now)
	return nil
}

// Recover brings t back after its end, with as many days as it was given.
func (t *Transfer) Recover(now time.Time, l DeskLimits) error {
	if t.Alive(now) == nil || t.Blocked {
		return nil
	}
	if t.Purging || t.State == share.Purged {
		return fault.New(fault.Conflict, "recovery_not_possible", "its files are being removed, or are removed already")
	}
	t.Cancelled = false
	if t.ReadyAt.IsZero() {
		t.State, t.ExpiresAt = share.Open, now.Add(l.Quiet)
		return nil
	}
	t.State = share.Ready
	if t.Days == 0 {
		t.ExpiresAt = now.Add(l.Keep)
		return nil
	}
	if t.ExpiresAt = end(t.ReadyAt, t.Days); !t.ExpiresAt.After(now) {
		t.ExpiresAt = end(now, t.Days)
	}
	return nil
}
