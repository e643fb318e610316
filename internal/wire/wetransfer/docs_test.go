package wetransfer

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/words"
)

// The page to which errors point explains what this door says, and has to have a
// word for all that is documented. The texts are found in the source, as no table
// has all of them.
func TestTheDocsExplainWhatIsSaid(t *testing.T) {
	source, err := os.ReadFile("messages.go")
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]bool{}
	for _, e := range words.English().Docs.Errors {
		for _, m := range e.Messages {
			explained[m] = true
		}
	}
	said := map[string]bool{
		"I'm a teapot": true, // which explains itself
	}
	blank := regexp.MustCompile(`%[sd]`)
	for _, m := range regexp.MustCompile(`http\.Status\w+, ("[^"]+"|`+"`[^`]+`"+`)`).FindAllStringSubmatch(string(source), -1) {
		text, err := strconv.Unquote(m[1])
		if err != nil {
			t.Fatal(err)
		}
		text = blank.ReplaceAllString(text, "…")
		field := strings.HasPrefix(text, `"`) // all texts about fields are explained as one
		if !field && !said[text] && !explained[text] {
			t.Errorf("%q is not explained", text)
		}
		said[text] = true
	}
	for text := range explained {
		if !said[text] {
			t.Errorf("%q is explained, but never said", text)
		}
	}
}
