package db

import (
	"fmt"
	"testing"

	"github.com/ferry-server/ferry/internal/traffic"
)

func TestTraffic(t *testing.T) {
	onBoth(t, func(t *testing.T, w world) {
		w.must(w.AddTraffic(w.ctx, traffic.Day{Day: 20001, In: 1, Out: 2, Stored: 3}))
		w.must(w.AddTraffic(w.ctx, traffic.Day{Day: 20000, In: 1 << 60, Stored: 7}))
		w.must(w.AddTraffic(w.ctx, traffic.Day{Day: 20001, In: 10, Out: 20, Stored: 30}))
		for from, want := range map[traffic.Date]string{
			0: "[{20000 1152921504606846976 0 7} {20001 11 22 30}]", 20001: "[{20001 11 22 30}]", 20002: "[]",
		} {
			if days, err := w.Traffic(w.ctx, from); err != nil || fmt.Sprint(days) != want {
				t.Errorf("from %d: %v, %v", from, days, err)
			}
		}
		if n, err := w.Stored(w.ctx); err != nil || n != 0 {
			t.Errorf("%d is stored, %v", n, err)
		}
	})
}
