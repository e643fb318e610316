package object

import (
	"testing"
	"time"
)

func TestTheLastWriterWins(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	old := Object{File: "a", WrittenAt: at}
	for _, tt := range []struct {
		name string
		new  Object
		want bool
	}{
		{"who comes later", Object{File: "b", WrittenAt: at.Add(time.Millisecond)}, true},
		{"who comes in the same millisecond", Object{File: "b", WrittenAt: at}, true},
		{"who completed earlier and says so again", Object{File: "b", WrittenAt: at.Add(-time.Millisecond)}, false},
		{"the same file again", Object{File: "a", WrittenAt: at}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := old.GivesWay(&tt.new); got != tt.want {
				t.Errorf("GivesWay = %v, want %v", got, tt.want)
			}
		})
	}
}
