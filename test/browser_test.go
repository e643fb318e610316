package test

import (
	"archive/zip"
	"os"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// What clients/browser.js saw.
type browsing struct {
	Steps, Errors []string
	Faults        []string // serious ones by axe, page by page
	Twice         []string // parts that were sent again after they were acknowledged
	Zip           string   // where the archive of everything is
	Some          string   // and that of two files
}

// TestBrowser sends and receives with a real Chromium. SHOTS names a folder for
// pictures of every page.
func TestBrowser(t *testing.T) {
	slow(t)
	testenv.Need(t, "chromium")
	node := testenv.StartFerry(t)
	const email, password = "mara@example.org", "a phrase that is long enough"
	node.Ferry("user", "create", "--email", email, "--password", password, "--admin")
	var b browsing
	driveFor(t, node, "browser.js", &b, "FERRY_EMAIL="+email, "FERRY_PASSWORD="+password, "SHOTS="+os.Getenv("SHOTS"))
	for _, e := range b.Errors {
		t.Errorf("it does not hold that %s", e)
	}
	for _, f := range b.Faults {
		t.Errorf("axe: %s", f)
	}
	for _, p := range b.Twice {
		t.Errorf("sent again although it was acknowledged: %s", p)
	}
	if len(b.Steps) < 10 {
		t.Errorf("only %d things were looked at", len(b.Steps))
	}
	z, err := zip.OpenReader(b.Zip)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close(); _ = os.Remove(b.Zip) }()
	some, err := zip.OpenReader(b.Some)
	if err != nil {
		t.Fatal(err)
	}
	if in := some.File; len(in) != 2 || in[0].Name != "notes.txt" || in[1].Name != "tree/b/two.bin" {
		t.Errorf("what was chosen: %v", in)
	}
	_, _ = some.Close(), os.Remove(b.Some)
	names := map[string]bool{}
	for _, f := range z.File {
		names[f.Name] = true
	}
	for _, want := range []string{"film.bin", "notes.txt", "nothing.txt", "tree/a/one.bin", "tree/b/two.bin"} {
		if !names[want] {
			t.Errorf("the archive lacks %s: %v", want, names)
		}
	}
}
