package words

import (
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

func TestEveryKindHasItsWords(t *testing.T) {
	p := English()
	for _, k := range fault.Kinds() {
		if w := p.Problem(k, ""); w.Title == "" || w.Text == "" {
			t.Errorf("%s: %+v", k, w)
		}
	}
	if p.Problem(fault.Gone, "transfer_expired") == p.Problem(fault.Gone, "") {
		t.Error("a code that has words of its own is told by its kind")
	}
}

func TestErrorsAreExplained(t *testing.T) {
	d := English().Docs
	for _, e := range append(d.Errors, d.UploadErrors...) {
		if e.Status == "" || len(e.Messages) == 0 || e.Text == "" {
			t.Errorf("%+v", e)
		}
	}
}

func TestTimeLeft(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		left time.Duration
		want string
	}{
		{7 * day, "7 days left"},
		{3*day - time.Second, "2 days left"},
		{2*day - time.Second, "47 hours left"},
		{90 * time.Minute, "1 hour left"},
		{time.Hour - 1, "59 minutes left"},
		{time.Minute, "1 minute left"},
		{time.Second, "less than a minute left"},
		{-time.Second, "less than a minute left"},
	} {
		if got := English().TimeLeft(tt.left); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.left, got, tt.want)
		}
	}
}

func TestCounts(t *testing.T) {
	p := English()
	for n, want := range []string{"0 files", "1 file", "2 files"} {
		if got := p.FilesCount(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if got, want := p.Moment(time.Date(2026, 11, 28, 14, 5, 0, 0, time.UTC)), "28 November 2026, 14:05 UTC"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
