package tus

import (
	"strings"
	"testing"
)

func FuzzListed(f *testing.F) {
	for _, s := range []string{"/files/a /files/b", "https://x.y/files/a", "", "/files/", "/files/a/b", "/files/a?b", "files/a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		ids, err := (*Handler)(nil).listed(list)
		if err == nil && len(ids) == 0 {
			t.Error("nothing is no list")
		}
		for _, id := range ids {
			if id == "" || strings.ContainsAny(string(id), "/ ?#") {
				t.Errorf("%q of %q", id, list)
			}
		}
	})
}
