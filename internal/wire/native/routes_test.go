package native

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/fault"
)

// The contract names every call that there is, and whom it is for.
func TestRoutesAreTheContract(t *testing.T) {
	var doc openAPI
	if err := json.Unmarshal(contract, &doc); err != nil {
		t.Fatal(err)
	}
	of := map[audience]string{owners: "key session", holders: "key session transferKey", guests: "key session anybody", everybody: "anybody"}
	h := &Handler{}
	for _, rt := range h.routes() {
		if strings.HasPrefix(rt.pattern, "/openapi.json") || strings.HasPrefix(rt.pattern, "/docs") {
			continue // what tells of it
		}
		o, ok := doc.Paths[rt.pattern][strings.ToLower(rt.method)]
		if !ok {
			t.Errorf("%s %s is not in the contract", rt.method, rt.pattern)
			continue
		}
		delete(doc.Paths[rt.pattern], strings.ToLower(rt.method))
		var said []string
		for _, s := range o.Security {
			name := "anybody"
			for name = range s {
			}
			said = append(said, name)
		}
		want := of[rt.who]
		if rt.pattern == "/sessions/current" || rt.pattern == "/sessions/others" {
			want = "session"
		}
		if got := strings.Join(said, " "); got != want {
			t.Errorf("%s %s is for %s, the contract says %s", rt.method, rt.pattern, want, got)
		}
		if rt.who != everybody && rt.who != guests && rt.scope == 0 && rt.pattern != "/sessions/current" {
			t.Errorf("%s %s asks no scope of a key", rt.method, rt.pattern)
		}
	}
	for path, rest := range doc.Paths {
		for method := range rest {
			t.Errorf("%s %s is in the contract, and not there", method, path)
		}
	}
}

func TestEveryKindHasAStatus(t *testing.T) {
	for _, k := range fault.Kinds() {
		if status := statusOf(fault.New(k, "", "x")); (status == 500) != (k == fault.Internal) || status < 400 {
			t.Errorf("%s is answered with %d", k, status)
		}
	}
}

func TestPartSize(t *testing.T) {
	for _, tt := range []struct{ size, want int64 }{
		{0, leastPart},
		{1, leastPart},
		{leastPart * 10_000, leastPart},
		{leastPart*10_000 + 1, 2 * leastPart},
		{maxInt, 1 << 40},
	} {
		if got := partSize(tt.size); got != tt.want || (max(tt.size, 1)-1)/got >= 10_000 {
			t.Errorf("%d bytes in parts of %d, want %d", tt.size, got, tt.want)
		}
	}
}
