package password

import (
	"context"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/account"
)

func TestPasswordRoundTrip(t *testing.T) {
	h, ctx := New(2), context.Background()
	text, err := h.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("text %q", text)
	}
	again, _ := h.Hash(ctx, "correct horse")
	if again == text {
		t.Error("the same password gives the same text: no salt")
	}
	for _, tt := range []struct {
		name, text, password string
		want                 bool
	}{
		{"the right one", text, "correct horse", true},
		{"a wrong one", text, "correct horsf", false},
		{"an empty one", text, "", false},
		{"nobody's text", "", "correct horse", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := h.Verify(ctx, tt.text, account.Secret(tt.password))
			if err != nil || got != tt.want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestDamagedTextIsAnError(t *testing.T) {
	h, ctx := New(1), context.Background()
	for _, text := range []string{
		"x", "$argon2id$", "$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
		"$argon2id$v=19$m=999999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + strings.Repeat("A", 43),
		"$argon2id$v=19$m=8,t=2,p=0$AAAAAAAAAAAAAAAAAAAAAA$" + strings.Repeat("A", 43),
	} {
		if ok, err := h.Verify(ctx, text, "x"); ok || err == nil {
			t.Errorf("Verify(%q) = %v, %v", text, ok, err)
		}
	}
}

func TestWaitingForASlotEndsWithTheContext(t *testing.T) {
	h := New(1)
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Hash(ctx, "x"); err == nil {
		t.Error("waited for nothing and succeeded")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := parse(s); err == nil && (c.m > maxMemory || c.t > maxTime || c.p == 0) {
			t.Errorf("accepted a cost of %+v", c)
		}
	})
}
