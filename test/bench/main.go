// Command bench measures Ferry beside nginx on one machine, and says for each
// goal what the ratio is.
//
//	go run ./test/bench                       # all goals, a few minutes
//	go run ./test/bench -only U1,D1 -rounds 12
//
// It owns the scenarios behind docs/performance.md. Every figure is a ratio
// inside one run: the peers take turns, round by round, and medians are compared,
// so that a machine that is slow today is slow for both. What is looked at first
// is the server's processor time for each GiB, which is steadier than the clock.
// Nothing here passes or fails.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var b bench
	only := flag.String("only", "", "comma list of goals, such as U1,D1 (default all)")
	mib := flag.Int64("mib", 256, "size of the big file, MiB")
	gib := flag.Int64("gib", 10, "size of the huge file that is completed, GiB (U4)")
	flag.IntVar(&b.rounds, "rounds", 6, "how often each peer has its turn")
	flag.Float64Var(&b.smallSecs, "smallsecs", 4, "seconds a round of small transfers takes")
	flag.StringVar(&b.work, "work", "", "folder for the servers' data, on a fast local disk (default: a temporary one)")
	flag.BoolVar(&b.verbose, "v", false, "print every measurement")
	flag.Parse()
	b.size, b.huge = *mib<<20, *gib<<30

	if b.work == "" {
		dir, err := os.MkdirTemp("", "ferry-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		b.work = dir
	}
	if err := os.Chmod(b.work, 0o755); err != nil { // nginx's workers go in too
		return err
	}
	b.bin = filepath.Join(b.work, "bin")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.bin+"/ferry", "./cmd/ferry")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build ferry: %w", err)
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("%s, %d cores, load %s, %d rounds, big file %d MiB\n\n", runtime.Version(), runtime.NumCPU(), strings.TrimSpace(string(load)), b.rounds, *mib)
	fmt.Println("| goal | what | Ferry | beside | ratio | must | aim | |\n| --- | --- | --- | --- | --- | --- | --- | --- |")

	want := strings.Split(*only, ",")
	for _, s := range []struct {
		goals   []string
		measure func(*bench) error
	}{
		{[]string{"T1", "M1"}, (*bench).starts},
		{[]string{"U1", "D1"}, (*bench).single},
		{[]string{"U3", "D2"}, (*bench).four},
		{[]string{"U4"}, (*bench).completes},
		{[]string{"U5"}, (*bench).others},
		{[]string{"D4"}, (*bench).encrypted},
		{[]string{"Z1", "Z2"}, (*bench).zips},
		{[]string{"S1", "S2"}, (*bench).small},
	} {
		if *only != "" && !slices.ContainsFunc(s.goals, func(g string) bool { return slices.Contains(want, g) }) {
			continue
		}
		if err := s.measure(&b); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(s.goals, ", "), err)
		}
	}
	return nil
}

// A bench is one run.
type bench struct {
	bin, work  string
	size, huge int64
	rounds     int
	smallSecs  float64
	verbose    bool
}

// A cost is what one measurement took of the server.
type cost struct {
	cpu, secs  float64
	bytes      int64
	rss, grown int64 // memory at its peak, and above what it was before
}

func (c cost) perGiB() float64 { return c.cpu / (float64(c.bytes) / (1 << 30)) }
func (c cost) gbs() float64    { return float64(c.bytes) / 1e9 / c.secs }

// A series is what was measured, by name.
type series map[string][]float64

func (s series) add(name string, v float64) { s[name] = append(s[name], v) }

func (s series) median(name string) float64 {
	v := slices.Sorted(slices.Values(s[name]))
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (s series) show(name string) string {
	v := s[name]
	if len(v) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3g (%.3g–%.3g)", s.median(name), slices.Min(v), slices.Max(v))
}

// ratio prints a row: the median of a over that of b against the goal. For most
// figures less is better; where more is, must is above aim's other side.
func (s series) ratio(goal, what, a, b string, must, aim float64) {
	row(goal, what, s.show(a), s.show(b), s.median(a)/s.median(b), must, aim)
}

// absolute prints a row whose goal is the figure itself.
func (s series) absolute(goal, what, a string, must, aim float64) {
	row(goal, what, s.show(a), "–", s.median(a), must, aim)
}

func row(goal, what, mine, other string, ratio, must, aim float64) {
	if must == 0 { // told for comparison: nobody set a goal
		fmt.Printf("| %s | %s | %s | %s | **%.2f** | – | – | |\n", goal, what, mine, other, ratio)
		return
	}
	verdict := "missed"
	reaches := func(bound float64) bool {
		if aim > must { // more is better
			return ratio >= bound
		}
		return ratio <= bound
	}
	switch {
	case reaches(aim):
		verdict = "aim"
	case reaches(must):
		verdict = "must"
	}
	fmt.Printf("| %s | %s | %s | %s | **%.2f** | %g | %g | %s |\n", goal, what, mine, other, ratio, must, aim, verdict)
}
