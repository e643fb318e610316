package keyring

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func secret(c byte) []byte { return bytes.Repeat([]byte{c}, MinSecret) }

func TestFormerSecretStillOpens(t *testing.T) {
	before, _ := New(secret(1))
	after, err := New(secret(2), secret(1))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(before.Key("jwt"), after.Key("jwt")) {
		t.Error("a new secret derives the old key")
	}
	if !bytes.Equal(before.Key("jwt"), after.Keys("jwt")[1]) || before.Marks()[0] != after.Marks()[1] {
		t.Error("what the former secret closed cannot be opened")
	}
}

func TestLabelsAreApart(t *testing.T) {
	r, _ := New(secret(1))
	if bytes.Equal(r.Key("a"), r.Key("b")) {
		t.Error("two labels, one key")
	}
}

func TestShortSecretIsRefused(t *testing.T) {
	if _, err := New(secret(1)[:MinSecret-1]); err == nil {
		t.Error("a short secret passed")
	}
}

func TestRingDoesNotPrint(t *testing.T) {
	r, _ := New([]byte("canary-canary-canary-canary-canary"))
	if s := fmt.Sprintf("%v %+v %#v %s", r, r, r, r); strings.Contains(s, "canary") {
		t.Errorf("printed %s", s)
	}
}
