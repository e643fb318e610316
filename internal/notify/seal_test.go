package notify

import (
	"bytes"
	"testing"

	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/letter"
)

func TestASealIsBoundToItsItem(t *testing.T) {
	ring, err := keyring.New(bytes.Repeat([]byte{1}, keyring.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	i := &letter.Item{ID: "a"}
	if i.Sealed, err = seal(ring, i, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if text, err := unseal(ring, i); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := unseal(ring, &letter.Item{ID: "b", Sealed: i.Sealed}); err == nil {
		t.Errorf("in another's place it says %q", text)
	}
	for _, broken := range [][]byte{nil, {1}, i.Sealed[1:]} {
		if text, err := unseal(ring, &letter.Item{ID: "a", Sealed: broken}); err == nil {
			t.Errorf("broken, it says %q", text)
		}
	}
}
