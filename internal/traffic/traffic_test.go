package traffic_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferry-server/ferry/internal/traffic"
)

// kept is a store that may fail.
type kept struct {
	mu    sync.Mutex
	days  map[traffic.Date]traffic.Day
	fails error
}

func (k *kept) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fails = err
}

func (k *kept) AddTraffic(_ context.Context, d traffic.Day) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fails == nil {
		was := k.days[d.Day]
		k.days[d.Day] = traffic.Day{Day: d.Day, In: was.In + d.In, Out: was.Out + d.Out, Stored: d.Stored}
	}
	return k.fails
}

func (k *kept) Traffic(_ context.Context, from traffic.Date) (all []traffic.Day, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for d := from; d < from+100; d++ {
		if day, ok := k.days[d]; ok {
			all = append(all, day)
		}
	}
	return all, k.fails
}

func (k *kept) Stored(context.Context) (int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return 7, k.fails
}

// What is counted is written down once a minute and at the end, on the day on which that
// is, and is not lost while the store fails.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{days: map[traffic.Date]traffic.Day{}}
		m := traffic.NewMeter(k, time.Now, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { m.Run(ctx); close(ended) }()
		synctest.Wait()
		began := traffic.DateOf(time.Now())
		m.In(5)
		time.Sleep(time.Minute)
		synctest.Wait()
		k.fail(errors.New("disk"))
		m.Out(11)
		time.Sleep(time.Minute)
		synctest.Wait()
		if days, _ := m.Since(ctx, 1); len(days) != 0 {
			t.Errorf("a store that fails tells %v", days)
		}
		k.fail(nil)
		days, err := m.Since(ctx, 2)
		if err != nil || fmt.Sprint(days) != fmt.Sprintf("[{%d 0 0 0} {%d 5 11 7}]", began-1, began) {
			t.Errorf("%v, %v", days, err)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		m.In(100)
		stop()
		<-ended
		if got := fmt.Sprint(k.days); got != fmt.Sprintf("map[%d:{%d 5 11 7} %d:{%d 100 0 7}]", began, began, began+1, began+1) {
			t.Error(got)
		}
	})
}
