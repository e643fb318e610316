package letter

import (
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

func TestSendingIsTriedForTwoDays(t *testing.T) {
	i := &Item{State: Waiting, QueuedAt: now}
	at, attempts := now, 0
	for i.State == Waiting {
		if err := i.Begin(at); err != nil {
			t.Fatal(err)
		}
		attempts++
		pause := i.Later(at, "not now")
		if i.State == Waiting && (pause < time.Minute || pause > 4*time.Hour) {
			t.Errorf("a pause of %v after attempt %d", pause, attempts)
		}
		at = at.Add(pause)
	}
	if took := at.Sub(now); took < 40*time.Hour || took > 48*time.Hour || attempts < 15 || attempts > 25 {
		t.Errorf("%d attempts in %v", attempts, took)
	}
	if i.State != Failed || i.Cause != "not now" || !i.EndedAt.Equal(at) || i.Attempts != attempts {
		t.Errorf("it ended as %+v", i)
	}
}

func TestALetterIsNotSentWhenItIsTooLate(t *testing.T) {
	i := &Item{State: Waiting, QueuedAt: now, Until: now.Add(time.Hour)}
	at := now
	for i.State == Waiting {
		if i.Late(at) {
			t.Fatalf("it still waits at %v", at)
		}
		_ = i.Begin(at)
		at = at.Add(i.Later(at, "not now"))
	}
	if i.Late(now.Add(time.Hour-1)) || !i.Late(now.Add(time.Hour)) || (&Item{}).Late(now) {
		t.Error("late at the wrong time")
	}
}

func TestOnlyOneAttemptAtATime(t *testing.T) {
	i := &Item{State: Waiting, QueuedAt: now}
	if err := i.Begin(now); err != nil {
		t.Fatal(err)
	}
	if err := i.Begin(now.Add(Busy - 1)); !fault.Is(err, "letter_busy") {
		t.Errorf("a second beside it: %v", err)
	}
	if err := i.Begin(now.Add(Busy)); err != nil || i.Attempts != 2 {
		t.Errorf("after one that died: %v, attempt %d", err, i.Attempts)
	}
	i.End(now, Sent, "")
	if err := i.Begin(now.Add(24 * time.Hour)); !fault.Is(err, "letter_ended") {
		t.Errorf("after it was sent: %v", err)
	}
}

func TestRetry(t *testing.T) {
	for _, tt := range []struct {
		name string
		item Item
		code string // empty: it is tried
	}{
		{"failed", Item{State: Failed, Sealed: []byte{1}}, ""},
		{"held", Item{State: Held, Sealed: []byte{1}}, ""},
		{"waiting for its next attempt", Item{State: Waiting, Sealed: []byte{1}}, ""},
		{"just being sent", Item{State: Waiting, Sealed: []byte{1}, BusyUntil: now.Add(1)}, "letter_busy"},
		{"sent", Item{State: Sent, Sealed: []byte{1}}, "letter_sent"},
		{"forgotten", Item{State: Failed}, "letter_forgotten"},
		{"too late", Item{State: Held, Sealed: []byte{1}, Until: now}, "letter_late"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := tt.item
			i.Attempts, i.EndedAt = 7, now
			err := i.Retry(now)
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("got %v, want %q", err, tt.code)
			}
			if err == nil && (i.State != Waiting || i.Round != 1 || i.Attempts != 0 || !i.QueuedAt.Equal(now) || !i.EndedAt.IsZero()) {
				t.Errorf("it became %+v", i)
			}
		})
	}
}

func TestStatesHaveNames(t *testing.T) {
	for s := Waiting; s <= Held; s++ {
		if got, ok := ParseState(s.String()); !ok || got != s {
			t.Errorf("%s is read as %s", s, got)
		}
	}
	for _, wrong := range []string{"", "lost", "state 0"} {
		if s, ok := ParseState(wrong); ok {
			t.Errorf("%q is state %s", wrong, s)
		}
	}
	if State(9).String() != "state 9" || State(-1).String() != "state -1" {
		t.Error("a state that is none")
	}
}
