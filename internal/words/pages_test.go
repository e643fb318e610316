package words

import (
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

func TestEveryKindHasItsWords(t *testing.T) {
	english := English()
	for _, c := range languages {
		p := c.pages()
		for _, k := range fault.Kinds() {
			if w := p.Problem(k, ""); w.Title == "" || w.Text == "" {
				t.Errorf("%s, %s: %+v", c.Lang, k, w)
			}
		}
		for code := range english.byCode {
			if w := p.byCode[code]; w.Title == "" || w.Text == "" {
				t.Errorf("%s, %s: %+v", c.Lang, code, w)
			}
		}
		for code := range english.Wrong {
			if p.Wrong[code] == "" {
				t.Errorf("%s, %s: nothing", c.Lang, code)
			}
		}
	}
	if p := english; p.Problem(fault.Gone, "transfer_expired") == p.Problem(fault.Gone, "") {
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

func TestPagesIn(t *testing.T) {
	for _, tt := range []struct {
		locales []string
		want    string
	}{
		{nil, "en"},
		{[]string{"de-CH"}, "de"},
		{[]string{"tlh", "NL_be", "en"}, "nl"},
		{[]string{"no"}, "nb"},
		{[]string{"nn-NO"}, "nb"},
		{[]string{"fr", "*", ""}, "en"},
	} {
		if got := PagesIn(tt.locales...).Lang; got != tt.want {
			t.Errorf("%q: %s, want %s", tt.locales, got, tt.want)
		}
	}
}

func TestSizesAndMomentsOfLanguages(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 5, 0, 0, time.UTC)
	for lang, want := range map[string][3]string{
		"en": {"1.5 GB", "1 March 2026, 09:05 UTC", "2 days left"},
		"de": {"1,5 GB", "1. März 2026, 09:05 UTC", "noch 2 Tage"},
		"nl": {"1,5 GB", "1 maart 2026, 09:05 UTC", "nog 2 dagen"},
		"es": {"1,5 GB", "1 de marzo de 2026, 09:05 UTC", "quedan 2 días"},
		"nb": {"1,5 GB", "1. mars 2026, 09:05 UTC", "2 dager igjen"},
	} {
		p := PagesIn(lang)
		if got := [3]string{p.Size(1_500_000_000), p.Moment(at), p.TimeLeft(48 * time.Hour)}; got != want {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
}
