package contact_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/fault"
)

// A row of nothing but separators is a cell a byte, and takes a hundred times its bytes in
// memory: a row has only so many, and is only so long.
func TestRowsAreOnlySoWide(t *testing.T) {
	w := newWorld(t)
	const wide = 8 << 20
	for name, text := range map[string]string{
		"a row":                     "email\n" + strings.Repeat(",", wide),
		"the names of the columns":  "email" + strings.Repeat(",", wide) + "\n",
		"cells of several lines":    "email\n" + strings.Repeat("\"\n\",", wide/4),
		"between other separators":  "email;name\n" + strings.Repeat(";", wide),
		"a cell":                    "email\n\"" + strings.Repeat("x", wide) + "\",\n",
		"a cell of several lines":   "email\n\"" + strings.Repeat("x\n", wide/2) + "\",\n",
		"after a row that is right": "email\na@example.com\n" + strings.Repeat(",", wide),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := w.load(text, 0)
		runtime.ReadMemStats(&after)
		w.fails(err, fault.Invalid, "contacts_parse")
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 32 {
			t.Errorf("%s: %d MiB for %d", name, took, len(text)>>20)
		}
	}
	// As wide as any program writes them, and commas that are text.
	cells := strings.Repeat(",", contact.MaxColumns-2)
	report, err := w.load("email,name"+cells+"\na@example.com,A"+cells+"\n\"b@example.com\",\""+strings.Repeat("\"\",", 60)+"\"\n", 0)
	w.must(err)
	if report.Added != 2 {
		t.Errorf("what is as wide as may be: %+v", report)
	}
}
