package upload_test

import (
	"context"
	"fmt"
	"testing"
)

// What is missing is what has to be sent by its number: also a part that somebody began
// to append, and left.
func TestMissing(t *testing.T) {
	data := pattern(5*chunk, 1)
	w := newWorld(t)
	f := w.counted(5, chunk, nil)
	part := func(n int) {
		t.Helper()
		if err := w.put(f, n, data[(n-1)*chunk:n*chunk]); err != nil {
			t.Fatal(err)
		}
	}
	missing := func(n int, want string) {
		t.Helper()
		gaps, err := w.Missing(context.Background(), w.state(f), n)
		if err != nil || fmt.Sprint(gaps) != want {
			t.Errorf("missing %v, %v, want %s", gaps, err, want)
		}
	}
	missing(9, "[[1 5]]")
	part(4)
	missing(9, "[[1 3] [5 5]]")
	missing(1, "[[1 3]]")
	if _, err := w.append(f, 0, data[:chunk+300]); err != nil {
		t.Fatal(err)
	}
	missing(9, "[[2 3] [5 5]]")
	for _, n := range []int{2, 3} {
		part(n)
	}
	missing(9, "[[5 5]]")
	part(5)
	missing(9, "[]")
	w.complete(f, data)
}
