package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// Bodies are read in one piece.
const (
	bodyLimit  = 4 << 20
	filesLimit = 16 << 20 // where files are announced
	bodyTime   = 20 * time.Second
)

// read reads a body of JSON into v. Invalid "json_malformed", "json_unknown_field" and
// "json_type".
func (c *call) read(v any, limit int64) error {
	if !wire.IsJSON(c.r.Header.Get("Content-Type")) {
		return fault.New(fault.Invalid, codeMediaType, "the body must be application/json")
	}
	text, err := wire.ReadBody(c.w, c.r, limit, bodyTime)
	if err != nil {
		return err
	}
	if _, err := wire.Parse(text); err != nil { // no key twice, and nothing too deep
		return fault.Wrap(fault.Invalid, "json_malformed", err, "%v", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return &fault.Error{
				Kind: fault.Invalid, Code: "json_type", Msg: t.Field + " has the wrong type", Err: err,
				Fields: []fault.Field{{Name: t.Field, Code: "json_type", Msg: "must not be a " + t.Value}},
			}
		}
		return fault.Wrap(fault.Invalid, "json_unknown_field", err, "%v", err)
	}
	return nil
}

// place reads what part of a list is asked for.
func (c *call) place() (cursor string, limit int, err error) {
	q := c.r.URL.Query()
	limit = 100
	if s := q.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > 1000 {
			return "", 0, invalid("limit", "limit_invalid", "must be between 1 and 1000")
		}
	}
	if cursor = q.Get("cursor"); len(cursor) > 512 {
		return "", 0, badCursor()
	}
	return cursor, limit, nil
}

func badCursor() error { return fault.New(fault.Invalid, "cursor_invalid", "not a place in this list") }

func (c *call) flag(name string) bool {
	b, _ := strconv.ParseBool(c.r.URL.Query().Get(name))
	return b
}

func invalid(field, code, message string) error {
	return &fault.Error{
		Kind: fault.Invalid, Code: code, Msg: field + " " + message,
		Fields: []fault.Field{{Name: field, Code: code, Msg: message}},
	}
}

// A moment is a time as the API writes it; a zero one is null.
type moment time.Time

func (m moment) MarshalJSON() ([]byte, error) {
	if time.Time(m).IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(time.Time(m).UTC().Format(time.RFC3339))
}

// A list is a page of one.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// more makes a page of what was read with one more than was asked for.
func more[T, B any](all []T, limit int, body func(T) B, place func(T) string) list[B] {
	out := list[B]{Items: make([]B, 0, min(len(all), limit))}
	for i, v := range all {
		if i == limit {
			out.Next = place(all[i-1])
			break
		}
		out.Items = append(out.Items, body(v))
	}
	return out
}

// answerFile answers with something that is ours and the same for everybody.
func (c *call) answerFile(mediaType, policy string, body []byte) (any, error) {
	head := c.w.Header()
	head.Set("Content-Type", mediaType)
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body)
	}
	return answered, nil
}

// UnmarshalJSON takes null as an empty text that was said.
func (o *optional) UnmarshalJSON(text []byte) error {
	o.set = true
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	return json.Unmarshal(text, &o.text)
}
