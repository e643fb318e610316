// Package hook is webhooks: programs of an account are told what happens to its
// transfers.
//
// It owns who is told of what, how a message is signed (Standard Webhooks 1.0.0: the
// headers webhook-id, webhook-timestamp and webhook-signature), and how often it is
// tried. That something happened is noted by a job, in the transaction that made it
// happen; how bytes leave, and where they must not go, is package outgoing's. Start at
// Service.
package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
)

// An ID is a hook's public name. It begins with the time.
type ID string

// A Hook is where an account wants to be told.
type Hook struct {
	ID      ID
	Account account.ID
	URL     string
	Events  []share.Event // none: all
	Active  bool          // messages are sent

	// Generation counts the secrets it had. The one before is good until FormerUntil.
	Generation  int
	FormerUntil time.Time

	CreatedAt time.Time
}

// A Message is one event on its way to one hook. What is sent does not change from one
// attempt to the next.
type Message struct {
	Key      string // begins with the time
	ID       string // webhook-id, by which a receiver knows one that comes again
	Hook     ID
	Event    share.Event
	At       time.Time // when it was written
	Body     string
	Attempts int
	Status   int       // of the last answer; 0: there was none
	Problem  string    // what went wrong last; "": nothing
	NextAt   time.Time // zero: it is not tried again
	DoneAt   time.Time // zero: nobody has taken it
}

const (
	// MostHooks is how many an account may have.
	MostHooks = 10
	// formerLife is how long messages are signed by the former secret, too.
	formerLife = 24 * time.Hour
	// MessageLife is how long what became of a message can be seen.
	MessageLife = 14 * 24 * time.Hour

	maxURL = 2000
	label  = "webhook secret"
)

// pauses are those before each attempt after the first (Standard Webhooks, Deliverability).
var pauses = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// wants tells whether the hook is told of an event.
func (h *Hook) wants(e share.Event) bool {
	return h.Active && (len(h.Events) == 0 || slices.Contains(h.Events, e) || e == Ping)
}

// Ping is the event of a message that was asked for, to see whether it arrives.
const Ping share.Event = "ping"

// Secret gives what the receiver verifies signatures by. It is derived, so that a stolen
// database signs nothing.
func (h *Hook) Secret(ring *keyring.Ring) account.Secret {
	return account.Secret("whsec_" + base64.StdEncoding.EncodeToString(h.key(ring.Key(label), h.Generation)))
}

func (h *Hook) key(of []byte, generation int) []byte {
	mac := hmac.New(sha256.New, of)
	_, _ = fmt.Fprintf(mac, "%s\x00%d", h.ID, generation)
	return mac.Sum(nil)
}

// keys are those that messages are signed by now: also by the secret before this one,
// and while the installation's secret is being changed by those of the former.
func (h *Hook) keys(ring *keyring.Ring, now time.Time) (all [][]byte) {
	for _, k := range ring.Keys(label) {
		all = append(all, h.key(k, h.Generation))
		if h.Generation > 1 && now.Before(h.FormerUntil) {
			all = append(all, h.key(k, h.Generation-1))
		}
	}
	return all
}

// A Header is a name and its value.
type Header struct{ Name, Value string }

// sign gives the headers of a message.
func sign(keys [][]byte, id string, at time.Time, body string) []Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	var signatures []string
	for _, k := range keys {
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(id + "." + stamp + "." + body))
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return []Header{{"webhook-id", id}, {"webhook-timestamp", stamp}, {"webhook-signature", strings.Join(signatures, " ")}}
}

// check says what is wrong with what an owner wants of a hook.
func (h *Hook) check() error {
	var wrong []fault.Field
	u, err := url.Parse(h.URL)
	switch {
	case len(h.URL) > maxURL:
		wrong = append(wrong, fault.Field{Name: "url", Code: "too_long", Msg: "must have at most 2000 characters"})
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.User != nil, u.Fragment != "":
		wrong = append(wrong, fault.Field{Name: "url", Code: "invalid", Msg: "must be an address of a web server, without a name and password"})
	}
	for _, e := range h.Events {
		if !slices.Contains(share.Events(), e) {
			wrong = append(wrong, fault.Field{Name: "events", Code: "invalid", Msg: "must be of transfer.ready, transfer.downloaded, transfer.expired and transfer.deleted"})
			break
		}
	}
	return fault.Wrong(wrong)
}
