package letter

import (
	"fmt"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// An ID names an item of the outbox, and is the first half of its Message-ID.
type ID string

// A State of an item. Only the operator brings one back to Waiting.
type State int

const (
	Waiting State = iota + 1 // to be sent, or to be tried again
	Sent                     // a server has taken it
	Failed                   // no server took it; Cause says why
	Held                     // there was no server to give it to
)

var stateNames = [...]string{"", "waiting", "sent", "failed", "held"}

func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("state %d", int(s))
	}
	return stateNames[s]
}

// ParseState is the way back from State.String.
func ParseState(name string) (State, bool) {
	for i, n := range stateNames {
		if n == name && i > 0 {
			return State(i), true
		}
	}
	return 0, false
}

// An Item is a letter in the outbox. There is never more than one of the same Kind
// and About.
type Item struct {
	ID        ID
	Kind      Kind
	About     string
	To        string // empty once it is forgotten
	State     State
	Round     int    // how often the operator has had it tried anew
	Attempts  int    // of this round, the one that is going on included
	Cause     string // what went wrong last
	Sealed    []byte // the encoded Letter, for package notify to open; nil once it is forgotten
	CreatedAt time.Time
	QueuedAt  time.Time // when this round began
	BusyUntil time.Time // somebody may be sending it until then
	EndedAt   time.Time // when it was sent, failed or held; zero while it waits
	Until     time.Time // there is no point in sending it any more; zero: never
}

const (
	// Patience is how long sending is tried. It is what mail servers do
	// themselves (RFC 5321, 4.5.4.1: "at least 4-5 days" for those who have
	// nobody behind them), less, because people wait for what we write.
	Patience = 48 * time.Hour
	// Busy is how long an attempt keeps others away. It must outlast one.
	Busy = 2 * time.Minute
	// Kept is how long contents and address of a letter are kept after its end.
	Kept = 30 * 24 * time.Hour
)

// Begin notes that an attempt begins: Conflict "letter_ended", or "letter_busy"
// while another may be going on. A crash in it costs the time until BusyUntil.
func (i *Item) Begin(now time.Time) error {
	if i.State != Waiting {
		return fault.New(fault.Conflict, "letter_ended", "the letter is %s", i.State)
	}
	if now.Before(i.BusyUntil) {
		return busy()
	}
	i.Attempts++
	i.BusyUntil = now.Add(Busy)
	return nil
}

func busy() error {
	return fault.New(fault.Conflict, "letter_busy", "the letter is just being sent")
}

// End notes how the item ended: Sent, Failed or Held.
func (i *Item) End(now time.Time, s State, cause string) {
	i.State, i.Cause, i.BusyUntil, i.EndedAt = s, cause, time.Time{}, now
}

// Later notes an attempt that failed for now, and gives the pause before the next.
// When that would be too late, the item has failed, and the pause is 0.
func (i *Item) Later(now time.Time, cause string) (pause time.Duration) {
	i.BusyUntil, i.Cause = time.Time{}, cause
	pause = backoff(i.Attempts)
	next := now.Add(pause)
	if next.After(i.QueuedAt.Add(Patience)) || i.Late(next) {
		i.End(now, Failed, cause)
		return 0
	}
	return pause
}

// Late tells whether there is no point in sending it any more.
func (i *Item) Late(now time.Time) bool { return !i.Until.IsZero() && !now.Before(i.Until) }

// backoff is the pause after the n-th attempt: a minute, doubling up to four hours.
// In Patience there are about twenty.
func backoff(n int) time.Duration {
	return min(4*time.Hour, time.Minute<<min(max(n-1, 0), 8))
}

// Retry has the letter tried anew, for the operator: Conflict "letter_sent",
// "letter_busy", "letter_late", or Gone "letter_forgotten".
func (i *Item) Retry(now time.Time) error {
	switch {
	case i.State == Sent:
		return fault.New(fault.Conflict, "letter_sent", "the letter has been sent")
	case now.Before(i.BusyUntil):
		return busy()
	case i.Sealed == nil:
		return fault.New(fault.Gone, "letter_forgotten", "what the letter said has been forgotten")
	case i.Late(now):
		return fault.New(fault.Conflict, "letter_late", "what the letter is about is over")
	}
	i.State, i.Cause, i.Attempts = Waiting, "", 0
	i.Round++
	i.QueuedAt, i.EndedAt = now, time.Time{}
	return nil
}
