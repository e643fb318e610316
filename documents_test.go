package ferry_test

import (
	"encoding/csv"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/asvs.csv says of each requirement of OWASP's ASVS 5.0, levels 1 and 2, by its
// number alone, which tests show it, or why none does.
func TestRequirementsNameTests(t *testing.T) {
	f, err := os.Open("docs/asvs.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+253 { // how many there are
		t.Errorf("%d requirements", len(rows)-1)
	}
	tests := map[string]bool{}
	name := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err = filepath.WalkDir(".", func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "node_modules" {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(at, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(at)
		for _, m := range name.FindAllSubmatch(text, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		number, status, shown, why := row[0], row[2], strings.Fields(row[3]), row[4]
		switch status {
		case "met":
		case "partly", "not met", "does not apply":
			if why == "" {
				t.Errorf("%s: no reason", number)
			}
		default:
			t.Errorf("%s: status %q", number, status)
		}
		if len(shown) == 0 && why == "" {
			t.Errorf("%s: neither test nor reason", number)
		}
		for _, s := range shown {
			if !tests[s] {
				t.Errorf("%s: there is no %s", number, s)
			}
		}
	}
}
