// Command fuzz runs every fuzz target of Ferry for the same time and says how often each was
// executed. From the root of the repository:
//
//	go run ./test/fuzz                            # five seconds each, some minutes together
//	go run ./test/fuzz -each 1m -targets S3,XML   # those whose package or name holds one of the words
//	go run ./test/fuzz -keep 8                    # and keep what was found beside the targets
//
// The corpus of a target is what its function adds and what lies in testdata/fuzz beside it; plain
// go test runs both. With -keep, inputs that reached new code are copied there from Go's cache, of
// all sizes up to 2 KiB, up to that many for each target. The exit status is 1 if a target failed; the
// input that did it then lies in testdata/fuzz, and go test says how to run it again.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// largestKept bounds an input that -keep copies, in bytes of its file.
const largestKept = 2 << 10

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// A target is one fuzz function.
type target struct {
	pkg  string // the import path
	dir  string // where the package lies
	name string
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	flags.SetOutput(stderr)
	each := flags.Duration("each", 5*time.Second, "how long each target runs")
	words := flags.String("targets", "", "only targets whose package or name holds one of these words, separated by commas")
	keep := flags.Int("keep", 0, "copy up to so many found inputs of each target into testdata/fuzz")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	targets, cache, err := list(strings.Split(*words, ","))
	if err != nil {
		fmt.Fprintln(stderr, "fuzz:", err)
		return 2
	}

	bins, err := os.MkdirTemp("", "ferry-fuzz-")
	if err != nil {
		fmt.Fprintln(stderr, "fuzz:", err)
		return 2
	}
	defer os.RemoveAll(bins)

	var total int64
	var took time.Duration
	failed := 0
	bin := ""
	for i, t := range targets {
		if i == 0 || t.pkg != targets[i-1].pkg {
			if bin, err = build(t.pkg, bins); err != nil {
				fmt.Fprintln(stderr, "fuzz:", err)
				return 2
			}
		}
		execs, elapsed, output, err := t.fuzz(bin, filepath.Join(cache, "fuzz", t.pkg), *each)
		total += execs
		took += elapsed
		fmt.Fprintf(stdout, "%-60s %10d executions %8.0f/s\n", t, execs, float64(execs)/max(elapsed.Seconds(), 1))
		if err != nil {
			failed++
			fmt.Fprintf(stdout, "%s: %v\n%s\n", t, err, output)
			continue
		}
		if err := t.keep(filepath.Join(cache, "fuzz"), *keep); err != nil {
			fmt.Fprintln(stderr, "fuzz:", err)
			return 2
		}
	}
	fmt.Fprintf(stdout, "\n%d targets, %d executions in %s: %.0f a minute; %d failed\n",
		len(targets), total, took.Round(time.Second), float64(total)/max(took.Minutes(), 1.0/60), failed)
	if failed > 0 || len(targets) == 0 {
		return 1
	}
	return 0
}

func (t target) String() string { return path(t.pkg) + "." + t.name }

// path shortens an import path of Ferry to where it lies in the repository.
func path(pkg string) string {
	_, short, ok := strings.Cut(pkg, "/internal/")
	if !ok {
		return filepath.Base(pkg)
	}
	return short
}

// list finds the fuzz targets that hold one of the words, and Go's cache.
func list(words []string) (targets []target, cache string, err error) {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return nil, "", fmt.Errorf("go env: %w", err)
	}
	cache = strings.TrimSpace(string(out))

	out, err = exec.Command("go", "list", "-f",
		`{{.ImportPath}} {{.Dir}} {{join .TestGoFiles ","}},{{join .XTestGoFiles ","}}`, "./...").Output()
	if err != nil {
		return nil, "", fmt.Errorf("go list: %w", err)
	}
	declared := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)
	for line := range strings.Lines(string(out)) {
		pkg, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		dir, files, _ := strings.Cut(rest, " ")
		for file := range strings.SplitSeq(files, ",") {
			if file == "" {
				continue
			}
			source, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				return nil, "", err
			}
			for _, m := range declared.FindAllSubmatch(source, -1) {
				t := target{pkg: pkg, dir: dir, name: string(m[1])}
				if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t.String(), w) }) {
					targets = append(targets, t)
				}
			}
		}
	}
	return targets, cache, nil
}

// counted are the packages whose branches tell what input is new: Ferry's, and those that
// it has read outside bytes. go test -fuzz counts those of all packages, and after each
// execution looks at every counter: with a database linked in, that takes a hundred times
// as long as what is tested.
var counted = []string{
	"github.com/ferry-server/ferry/...", "encoding/...", "mime/...", "net/mail", "net/netip", "net/textproto", "net/url", "path", "strconv", "unicode/utf8",
}

// build makes the test program of a package as go test -fuzz does, but for what is counted.
func build(pkg, dir string) (bin string, err error) {
	bin = filepath.Join(dir, strings.ReplaceAll(pkg, "/", "-"))
	args := []string{"test", "-c", "-o", bin}
	for _, p := range counted {
		args = append(args, "-gcflags="+p+"=-d=libfuzzer")
	}
	output, err := exec.Command("go", append(args, pkg)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go test -c %s: %w\n%s", pkg, err, output)
	}
	return bin, nil
}

// progress is how a test program reports while it fuzzes.
var progress = regexp.MustCompile(`^fuzz: elapsed: (\S+), execs: (\d+) `)

// fuzz has the test program of its package run t for that long. It returns how often t was
// executed and in what time, and what the program said.
func (t target) fuzz(bin, cache string, each time.Duration) (execs int64, elapsed time.Duration, output []byte, err error) {
	cmd := exec.Command(bin, "-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.fuzztime="+each.String(), "-test.fuzzcachedir="+cache,
		"-test.fuzzminimizetime=10x") // the default spends a minute on making one new input smaller
	cmd.Dir = t.dir
	output, err = cmd.CombinedOutput()
	lines := bufio.NewScanner(bytes.NewReader(output))
	for lines.Scan() {
		if m := progress.FindStringSubmatch(lines.Text()); m != nil {
			elapsed, _ = time.ParseDuration(m[1])
			execs, _ = strconv.ParseInt(m[2], 10, 64)
		}
	}
	if err != nil && bytes.Contains(output, []byte("context deadline exceeded")) && !bytes.Contains(output, []byte("Failing input")) {
		err = nil // the time was over in the middle of an execution (golang.org/issue/56238)
	}
	return execs, elapsed, output, err
}

// keep copies up to n of the inputs that were found for t from Go's cache to the corpus in the
// repository.
func (t target) keep(cache string, n int) error {
	if n == 0 {
		return nil
	}
	type input struct {
		name    string
		content []byte
	}
	var found []input
	from := filepath.Join(cache, t.pkg, t.name)
	entries, err := os.ReadDir(from)
	if os.IsNotExist(err) {
		return nil // nothing was found beyond what the function adds
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if len(content) <= largestKept {
			found = append(found, input{e.Name(), content})
		}
	}
	slices.SortFunc(found, func(a, b input) int {
		return cmp.Or(cmp.Compare(len(a.content), len(b.content)), strings.Compare(a.name, b.name))
	})
	to := filepath.Join(t.dir, "testdata", "fuzz", t.name)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	kept, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	// Evenly over the sizes: the smallest alone are the empty and the one-letter inputs.
	room := min(n-len(kept), len(found))
	for i := range max(room, 0) {
		in := found[i*len(found)/room]
		if err := os.WriteFile(filepath.Join(to, in.name), in.content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
