package fault

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestErrorReaders(t *testing.T) {
	cause := errors.New("pq: secret table")
	err := fmt.Errorf("complete file 7: %w", Wrap(Conflict, "part_missing", cause, "%d parts are missing", 2))
	if KindOf(err) != Conflict || CodeOf(err) != "part_missing" || !Is(err, "part_missing") {
		t.Errorf("kind %v, code %q", KindOf(err), CodeOf(err))
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost for the log")
	}
	e, _ := errors.AsType[*Error](err)
	if e.Msg != "2 parts are missing" || strings.Contains(e.Msg, "secret") {
		t.Errorf("the caller would read %q", e.Msg)
	}
}

func TestUnclassifiedIsInternal(t *testing.T) {
	for _, err := range []error{nil, errors.New("x"), fmt.Errorf("y: %w", errors.New("x"))} {
		if KindOf(err) != Internal || CodeOf(err) != "" {
			t.Errorf("KindOf(%v) = %v", err, KindOf(err))
		}
	}
	if Wrap(Full, "disk", nil, "x") != nil {
		t.Error("Wrap made an error out of nil")
	}
}

func TestEveryKindHasAName(t *testing.T) {
	for _, k := range Kinds() {
		if k.String() == "" || strings.HasPrefix(k.String(), "kind ") {
			t.Errorf("kind %d has no name", k)
		}
	}
}
