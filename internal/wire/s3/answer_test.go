package s3

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/sigv4"
)

func TestAnswerEveryKind(t *testing.T) {
	for _, k := range fault.Kinds() {
		f := answer(fault.New(k, "", "x"))
		if f.code == "" || f.status < 400 || f.message == "" {
			t.Errorf("kind %v is answered with %+v", k, f)
		}
		if (f.status == http.StatusInternalServerError) != (k == fault.Internal) {
			t.Errorf("kind %v is answered with %d", k, f.status)
		}
	}
}

// Names of errors that S3 or programs made for it know; a code of our own
// invention would be retried or misread.
func TestAnswer(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"an error nobody classified", errors.New("secret"), "500 InternalError"},
		{"the disk is full", fault.New(fault.Full, "disk_full", "x"), "507 InsufficientStorage"},
		{"the quota is used up", fault.New(fault.Full, "quota_exceeded", "x"), "403 QuotaExceeded"},
		{"a part is missing", fault.New(fault.Conflict, "part_missing", "x"), "400 InvalidPart"},
		{"the transfer expired", fault.New(fault.Gone, "transfer_expired", "x"), "404 NoSuchKey"},
		{"too many requests", fault.New(fault.Throttled, "daily_limit", "x"), "503 SlowDown"},
		{"overload", fault.New(fault.Unavailable, "overloaded", "x"), "503 SlowDown"},
		{"maintenance", fault.New(fault.Unavailable, "maintenance", "x"), "503 ServiceUnavailable"},
		{"nobody signed it", fault.New(fault.Unauthenticated, "", "x"), "403 AccessDenied"},
		{"a body that stands still", fault.New(fault.Timeout, "too_slow", "x"), "400 RequestTimeout"},
		{"a blob that a row promises is not there", fault.New(fault.NotFound, "blob_missing", "x"), "500 InternalError"},
		{"what the signature's check said of a body comes first", fault.Wrap(fault.Invalid, "incomplete_body",
			&sigv4.Error{Code: "XAmzContentSHA256Mismatch", Status: 400, Message: "x"}, "x"), "400 XAmzContentSHA256Mismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := answer(fmt.Errorf("somewhere: %w", tt.err))
			if got := fmt.Sprintf("%d %s", f.status, f.code); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if strings.Contains(f.message, "secret") {
				t.Errorf("the message tells the cause: %s", f.message)
			}
		})
	}
}

func TestRefuseFromOutside(t *testing.T) {
	h := &Handler{Config: Config{Log: slog.New(slog.NewTextHandler(t.Output(), nil))}}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("PUT", "/s3/ferry/a%01b?X-Amz-Signature=secret", nil)
	h.Refuse(w, r, fault.New(fault.Unavailable, "maintenance", "offline"))
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Error><Code>ServiceUnavailable</Code>` +
		"<Message>Please try again later.</Message><Resource>/ferry/a\uFFFDb</Resource><RequestId></RequestId></Error>"
	if w.Code != 503 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
