// Package fault is what goes wrong in Ferry, as one value with three readers:
// a program reads Kind and Code, the sender of the request reads Msg, and the
// operator reads Err in the log.
//
// It owns the closed list of kinds. It leaves the words and statuses of each
// API to that API's door, which keeps one table from codes and kinds to its own
// answers. Start at Error.
package fault

import (
	"errors"
	"fmt"
)

// A Kind says whose turn it is after a failure. The list is closed: every door
// has an answer for each of them, and a test that walks Kinds.
type Kind uint8

const (
	Internal        Kind = iota // nobody classified it: ours to fix, tells the caller nothing
	Invalid                     // the request is wrong and stays wrong
	Unauthenticated             // who is asking is missing, unknown or expired
	Forbidden                   // who is asking may not do this
	NotFound                    // not there, or not for this caller to know of
	Gone                        // was there; its life is over
	Conflict                    // right in itself, but not in the present state
	TooLarge                    // more bytes than a limit allows
	Throttled                   // too many requests; later they are welcome
	Timeout                     // the client did not send what it announced in time
	Full                        // no room: the disk, or a quota of storage
	Unavailable                 // not now: maintenance, overload, a store that does not answer
	kinds                       // how many there are
)

var kindNames = [kinds]string{
	"internal", "invalid", "unauthenticated", "forbidden", "not found", "gone", "conflict",
	"too large", "throttled", "timeout", "full", "unavailable",
}

func (k Kind) String() string {
	if k >= kinds {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return kindNames[k]
}

// Kinds lists every kind, for the tests of the doors.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// An Error is one failure. The zero Kind is Internal.
type Error struct {
	Kind   Kind
	Code   string  // the rule that was broken, such as "part_missing"; stable
	Msg    string  // for the caller: lower case, no full stop, no secrets
	Fields []Field // what was wrong with which input, if Kind is Invalid
	Err    error   // the cause: for the log, never for the caller
}

// A Field says what is wrong with one input.
type Field struct {
	Name string // as the caller spelt its place, such as "files.name"
	Code string // the rule, such as "required" or "too_long"
	Msg  string
}

// New makes a fault whose message is for the caller.
func New(kind Kind, code, format string, args ...any) error {
	return &Error{Kind: kind, Code: code, Msg: fmt.Sprintf(format, args...)}
}

// Wrap classifies cause, which the caller never sees. A nil cause gives nil.
func Wrap(kind Kind, code string, cause error, format string, args ...any) error {
	if cause == nil {
		return nil
	}
	return &Error{Kind: kind, Code: code, Msg: fmt.Sprintf(format, args...), Err: cause}
}

// Wrong makes one fault of all that is wrong with a request's inputs; nil when
// nothing is. Its code is that of the first.
func Wrong(bad []Field) error {
	if len(bad) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Code: bad[0].Code, Msg: bad[0].Name + " " + bad[0].Msg, Fields: bad}
}

func (e *Error) Error() string {
	s := e.Kind.String()
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	if e.Msg != "" {
		s += ": " + e.Msg
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the kind of the outermost fault in err's chain; Internal when
// there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// CodeOf gives the code of the outermost fault in err's chain, or "".
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// Is reports whether the outermost fault in err's chain has this code.
func Is(err error, code string) bool { return code != "" && CodeOf(err) == code }
