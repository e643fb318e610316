package db

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/testenv"
)

var growth = flag.Int("growth", 200, "how many transfers TestGrowth compares with a thousand")

// never is the end of what does not end while it is looked at.
var never = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)

// fill adds n ready transfers of one file of an account, all alike but for their names, and
// gives the key of the one in the middle.
func (w world) fill(acc account.ID, n int, prefix string, expires time.Time) (middle share.Key) {
	w.t.Helper()
	t, files := w.draft(acc, 10)
	w.must(w.CreateTransfer(w.ctx, t, files))
	w.must(w.put(files[0], 1, 10, ""))
	_, err := w.complete(files[0], 1)
	w.must(err)
	w.setState(t.Key, share.Ready)
	w.exec(`update shares set track = $1, expires_at = $2 where key = $3`, prefix+"template", expires, t.Key)

	number, series := `substr('00000000000000000000' || n.i, -20)`, `with recursive n(i) as (select 1 union all select i + 1 from n where i < %d)`
	if _, ok := w.engine.(*sqlite); !ok {
		number, series = `right('00000000000000000000' || n.i, 20)`, `with n(i) as (select generate_series(1, %d))`
	}
	named := func(what string) string { return "'" + prefix + what + "' || " + number }
	for _, table := range []struct {
		name, of string
		is       map[string]string
	}{
		{"shares", "t.key = '" + string(t.Key) + "'", map[string]string{
			"key": named("0"), "id": named("s"), "code": named("c"), "track": named("t"),
		}},
		{"files", "t.home = '" + string(t.Key) + "'", map[string]string{"key": named("0"), "home": named("0"), "id": named("f")}},
		{"parts", "t.file = '" + string(files[0].Key) + "'", map[string]string{"file": named("0")}},
	} {
		columns := w.columns(table.name)
		var values []string
		for _, c := range columns {
			values = append(values, cmp.Or(table.is[c], "t."+c))
		}
		w.exec(fmt.Sprintf("insert into %s (%s) "+series+" select %s from %s t, n where %s",
			table.name, strings.Join(columns, ", "), n, strings.Join(values, ", "), table.name, table.of))
	}
	return share.Key(fmt.Sprintf("%s0%020d", prefix, n/2))
}

func (w world) columns(table string) (names []string) {
	w.t.Helper()
	sql := `select name from pragma_table_info($1)`
	if _, ok := w.engine.(*sqlite); !ok {
		sql = `select column_name::text from information_schema.columns where table_name = $1 and table_schema = current_schema()`
	}
	w.must(w.query(w.ctx, func(row scan) error {
		names = append(names, "")
		return row(&names[len(names)-1])
	}, sql, table))
	return names
}

func (w world) exec(sql string, args ...any) {
	w.t.Helper()
	w.must(w.write(w.ctx, func(t tx) error { t.exec(sql, args...); return nil }))
}

// median runs do n times and gives how long half of them took at most.
func median(n int, do func(i int)) time.Duration { return quantile(n, 0.5, do) }

func quantile(n int, q float64, do func(i int)) time.Duration {
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		do(i)
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[int(q*float64(n-1))]
}

// TestGrowth prints what common requests cost with many transfers against a thousand, on
// both databases, and how long the server takes to start. Nothing is judged by the clock
// here: docs/performance.md has the figures of a million.
func TestGrowth(t *testing.T) {
	small, times := min(1000, *growth), min(5, 1+*growth/1000)
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dir := t.TempDir()
			open := func(name string) world {
				if engine == "postgres" {
					return openWorld(t, testenv.Postgres(t), Options{})
				}
				return openWorld(t, "sqlite:"+filepath.Join(dir, name), Options{})
			}
			before, after := newGrown(open("small.db"), small), newGrown(open("ferry.db"), *growth)
			for _, what := range []struct {
				name string
				runs int
				do   func(g *grown) func(i int)
			}{
				{"create", 300, (*grown).create},
				{"open", 500, (*grown).open},
				{"first page", 200, (*grown).first},
				{"middle page", 200, (*grown).inTheMiddle},
				{"sweep with nothing due", 200, (*grown).nothingDue},
			} {
				var a, b []time.Duration
				for range times { // in turns, so that the machine is the same
					a = append(a, median(what.runs/5, what.do(before)))
					b = append(b, median(what.runs/5, what.do(after)))
				}
				slices.Sort(a)
				slices.Sort(b)
				t.Logf("%-22s %9v of %d, %9v of %d: %.2f", what.name, a[times/2], small, b[times/2], *growth, float64(b[times/2])/float64(a[times/2]))
			}
			each := min(1000, *growth)
			a, b := before.expire(each), after.expire(each)
			t.Logf("%-22s %9v of %d, %9v of %d: %.2f", "to expire one", a/time.Duration(each), small, b/time.Duration(each), *growth, float64(b)/float64(a))
			after.sweepBeside(t, min(10_000, *growth))
		})
	}
	t.Run("start", func(t *testing.T) {
		node := testenv.StartFerry(t)
		node.Stop()
		d, err := Open(t.Context(), "sqlite:"+filepath.Join(node.Data, "ferry.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		w := world{DB: d, t: t, ids: id.NewSource(time.Now), ctx: t.Context()}
		w.acc = w.account(0)
		w.fill(w.acc, *growth, "", never)
		w.must(w.Close())
		var times []time.Duration
		for range 5 {
			began := time.Now()
			node.Restart()
			times = append(times, time.Since(began))
			node.Kill()
		}
		slices.Sort(times)
		t.Logf("start with %d transfers: %v in the middle of five (%v to %v)", *growth, times[2], times[0], times[4])
	})
}

// A grown world has many transfers of one account.
type grown struct {
	world
	n      int
	middle share.Key
	more   int // prefixes that were given out
}

func newGrown(w world, n int) *grown {
	g := &grown{world: w, n: n, middle: w.fill(w.acc, n, "", never)}
	if _, ok := w.engine.(*sqlite); !ok {
		// Autovacuum does so within minutes.
		w.must(w.query(w.ctx, func(scan) error { return nil }, `analyze`))
	}
	return g
}

func (g *grown) create() func(int) {
	return func(int) { g.world.create(g.acc, 10) }
}

func (g *grown) open() func(int) {
	return func(i int) {
		t, _, err := g.TransferByTrack(g.ctx, fmt.Sprintf("t%020d", 1+(i*7919)%g.n))
		g.must(err)
		files, err := g.FilesOf(g.ctx, &t.Share, "", 100)
		if g.must(err); len(files) != 1 {
			g.t.Fatalf("%d files", len(files))
		}
	}
}

func (g *grown) page(before share.Key) {
	all, err := g.SentPage(g.ctx, g.acc, before, 50)
	if g.must(err); len(all) != 50 {
		g.t.Fatalf("%d transfers on a page", len(all))
	}
}

func (g *grown) first() func(int) { return func(int) { g.page("") } }

func (g *grown) inTheMiddle() func(int) { return func(int) { g.page(g.middle) } }

func (g *grown) nothingDue() func(int) {
	return func(int) {
		due, err := g.Due(g.ctx, now, 100)
		if g.must(err); len(due) != 0 {
			g.t.Fatalf("%d are due", len(due))
		}
	}
}

// sweep ends all that is due, as the server's job does.
func (g *grown) sweep() {
	s := share.NewService(g.DB, nil, func() time.Time { return now }, share.Limits{Keep: time.Hour}, slog.New(slog.DiscardHandler))
	for {
		if err := s.Handlers()[share.JobExpire](g.ctx, job.Job{}); err.Error() != job.Again(0).Error() {
			return
		}
	}
}

// expire gives how long it takes to end n transfers.
func (g *grown) expire(n int) time.Duration {
	g.more++
	g.fill(g.account(0), n, fmt.Sprint("e", g.more), now.Add(-time.Hour))
	began := time.Now()
	g.sweep()
	return time.Since(began)
}

// sweepBeside prints how slow the slowest of others' requests are while n transfers are
// swept, and without.
func (g *grown) sweepBeside(t *testing.T, n int) {
	open := g.open()
	alone := quantile(min(2000, g.n), 0.99, open)
	g.more++
	g.fill(g.account(0), n, fmt.Sprint("e", g.more), now.Add(-time.Hour))
	ctx, swept := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		defer swept()
		g.sweep()
	})
	var times []time.Duration
	for i := 0; ctx.Err() == nil; i++ {
		began := time.Now()
		open(i)
		times = append(times, time.Since(began))
	}
	done.Wait()
	slices.Sort(times)
	beside := times[len(times)*99/100]
	t.Logf("p99 of opening         %9v alone, %9v while %d are swept: %.2f", alone, beside, n, float64(beside)/float64(alone))
}
