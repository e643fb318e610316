// Package ferry_test holds the rules of the architecture, as a test: which
// package may import which, what the core must not touch, what every package
// says of itself.
//
// A new package begins with a line in heights. The rules are written out at
// rules; ARCHITECTURE.md tells why they are there.
package ferry_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/ferry-server/ferry"

// heights gives every package its floor. A package imports only packages below
// it, never beside it. What is not under internal/ and not listed stands at top.
var heights = map[string]int{
	// Ground: imports nothing of ours.
	"client":           0,
	"web":              0,
	"internal/batch":   0,
	"internal/fault":   0,
	"internal/planted": 0,
	"internal/id":      0,
	"internal/keyring": 0,
	"internal/recent":  0,
	"internal/sigv4":   0,

	// Nouns and small tools.
	"internal/account": 1,
	"internal/blob":    1,
	"internal/block":   1,
	"internal/job":     1,
	"internal/journal": 1,
	"internal/letter":  1,
	"internal/brand":   1,
	"internal/plan":    1,
	"internal/traffic": 1,
	"internal/wire":    1,
	"internal/words":   1,

	"internal/company": 2,
	"internal/contact": 2,
	"internal/session": 2,
	"internal/share":   2, // what transfers and boards have in common

	// How bytes become a file; how files reach people; how others send to you.
	"internal/report":   3,
	"internal/upload":   3,
	"internal/object":   4, // what a key of the S3 door stands for
	"internal/audit":    4, // whether what was acknowledged is still there
	"internal/transfer": 4,
	"internal/board":    4,
	"internal/inbox":    5,
	"internal/hook":     5, // what programs are told about transfers
	"internal/notice":   5, // what is written about transfers
	"internal/permit":   5, // who may

	// Stores keep, workers carry out.
	"internal/db":          6,
	"internal/blob/disk":   6,
	"internal/blob/bucket": 6,
	"internal/archive":     6,
	"internal/backup":      6,
	"internal/deliver":     6,
	"internal/media":       6,
	"internal/notify":      6,
	"internal/outgoing":    6,
	"internal/password":    6,

	// Doors translate.
	"internal/wire/wetransfer": 7,
	"internal/wire/filemail":   7,
	"internal/wire/s3":         7,
	"internal/wire/tus":        7,
	"internal/wire/native":     7,
	"internal/site":            7,

	// Joins the doors; then the whole node under a simulated world.
	"internal/server": 8,
	"internal/sim":    9,

	"cmd/ferry": top,
}

const (
	top      = 10
	coreTop  = 5   // the core is what stands here or below, but for notCore
	maxLines = 700 // of a file that is neither test nor generated
)

// notCore stands low because it imports little, and yet knows HTTP or the web.
var notCore = []string{"client", "web", "internal/wire", "internal/sigv4"}

// worldly is what the core does without: it decides, and others touch the world.
var worldly = []string{"net", "net/http", "net/rpc", "net/smtp", "database/sql", "os", "syscall", "io/ioutil"}

// readsClock lists who may ask for the time instead of being given now, and why.
// A name that ends in a slash stands for all below it.
var readsClock = map[string]string{
	"client":           "keeps to a rate, which other people's programs set",
	"cmd/":             "wires time.Now into everything else",
	"internal/deliver": "sets deadlines of sockets, which the kernel counts by its own clock",
	"internal/server":  "times requests, and sets deadlines of sockets",
	"internal/wire":    "sets deadlines of sockets, which the kernel counts by its own clock",
	"test/":            "measures",
}

// A pkg is one directory of Go files.
type pkg struct {
	dir   string
	files []file
}

type file struct {
	name  string
	lines int
	ast   *ast.File
}

func (f file) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

// isExternalTest reports whether f belongs to a package that only sees exported
// names, and is therefore as free as any other stranger.
func (f file) isExternalTest() bool {
	return f.isTest() && strings.HasSuffix(f.ast.Name.Name, "_test")
}

// isSupport reports whether dir exists for tests alone: only test files, and other
// support, may import it, and it may import what it likes. Besides testenv these
// are packages named as the standard library names them: blobtest, like fstest.
func isSupport(dir string) bool {
	return dir == "internal/testenv" || dir != "test" && strings.HasSuffix(path.Base(dir), "test")
}

func isCore(dir string) bool {
	h, listed := heights[dir]
	return listed && h <= coreTop && !slices.Contains(notCore, dir)
}

func height(dir string) int {
	if h, listed := heights[dir]; listed {
		return h
	}
	return top
}

// rules are what every package is held to. Each returns its complaints.
var rules = []func(pkg) []string{
	isListed, importsDownward, coreIsPure, supportIsForTests,
	hasComment, filesAreShort, clockIsGiven, hasNoInit,
}

// isListed: a package under internal has a height.
func isListed(p pkg) []string {
	_, listed := heights[p.dir]
	if listed || isSupport(p.dir) || !strings.HasPrefix(p.dir, "internal/") {
		return nil
	}
	return []string{p.dir + ": has no height in layers_test.go: where does it belong?"}
}

// importsDownward: a package imports only what is below it. Its own test files
// are held to the same, but may import test support; external tests are free.
func importsDownward(p pkg) (complaints []string) {
	if isSupport(p.dir) {
		return nil
	}
	for _, f := range p.files {
		if f.isExternalTest() {
			continue
		}
		for _, imported := range f.imports() {
			ours, ok := strings.CutPrefix(imported, module+"/")
			if !ok || isSupport(ours) {
				continue
			}
			if height(ours) >= height(p.dir) {
				complaints = append(complaints, fmt.Sprintf("%s/%s: imports %s, which is not below it (%d, %d)",
					p.dir, f.name, ours, height(ours), height(p.dir)))
			}
		}
	}
	return complaints
}

// coreIsPure: a package of the core imports no HTTP, no SQL, no files, no module
// of others, and of ours only the core.
func coreIsPure(p pkg) (complaints []string) {
	if !isCore(p.dir) {
		return nil
	}
	for _, f := range p.files {
		if f.isTest() {
			continue
		}
		for _, imported := range f.imports() {
			ours, isOurs := strings.CutPrefix(imported, module+"/")
			first, _, _ := strings.Cut(imported, "/")
			switch {
			case isOurs && isCore(ours):
			case isOurs, strings.Contains(first, "."), isWorldly(imported):
				complaints = append(complaints, fmt.Sprintf("%s/%s: imports %s, but belongs to the core",
					p.dir, f.name, imported))
			}
		}
	}
	return complaints
}

func isWorldly(imported string) bool {
	return slices.ContainsFunc(worldly, func(w string) bool {
		// net/url, net/mail and net/netip only parse; everything else goes with its parent.
		return imported == w || w != "net" && strings.HasPrefix(imported, w+"/")
	})
}

// supportIsForTests: what exists for tests is not linked into the program.
func supportIsForTests(p pkg) (complaints []string) {
	if isSupport(p.dir) {
		return nil
	}
	for _, f := range p.files {
		if f.isTest() {
			continue
		}
		for _, imported := range f.imports() {
			if ours, ok := strings.CutPrefix(imported, module+"/"); ok && isSupport(ours) {
				complaints = append(complaints, fmt.Sprintf("%s/%s: imports %s, which is for tests only",
					p.dir, f.name, ours))
			}
		}
	}
	return complaints
}

// hasComment: a package says what it owns, what it leaves to others, and where to
// start reading. That takes two lines at least. Packages of tests alone are excused.
func hasComment(p pkg) []string {
	excused, longest := true, 0
	for _, f := range p.files {
		if !f.isTest() {
			excused = false
			longest = max(longest, len(strings.Split(strings.TrimSpace(f.ast.Doc.Text()), "\n")))
		}
	}
	if excused || longest >= 2 {
		return nil
	}
	return []string{p.dir + ": its package comment has fewer than two lines"}
}

// filesAreShort: a file that nobody can hold in the head is two files.
func filesAreShort(p pkg) (complaints []string) {
	for _, f := range p.files {
		if f.lines > maxLines && !f.isTest() && !ast.IsGenerated(f.ast) {
			complaints = append(complaints, fmt.Sprintf("%s/%s: has %d lines, more than %d", p.dir, f.name, f.lines, maxLines))
		}
	}
	return complaints
}

// clockIsGiven: time arrives as now, so that tests run weeks in milliseconds.
// Naming time.Now to hand it on is wiring; calling it is not.
func clockIsGiven(p pkg) (complaints []string) {
	if isSupport(p.dir) || mayReadClock(p.dir) {
		return nil
	}
	for _, f := range p.files {
		name := f.nameOf("time")
		if f.isTest() || name == "" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
					on, isName := sel.X.(*ast.Ident)
					if isName && on.Name == name && slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
						complaints = append(complaints, fmt.Sprintf("%s/%s: calls time.%s; let now arrive as a function",
							p.dir, f.name, sel.Sel.Name))
					}
				}
			}
			return true
		})
	}
	return complaints
}

func mayReadClock(dir string) bool {
	for allowed := range readsClock {
		if dir == allowed || strings.HasSuffix(allowed, "/") && strings.HasPrefix(dir, allowed) {
			return true
		}
	}
	return false
}

// hasNoInit: nothing happens behind main's back.
func hasNoInit(p pkg) (complaints []string) {
	for _, f := range p.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" && !f.isTest() {
				complaints = append(complaints, fmt.Sprintf("%s/%s: has an init function", p.dir, f.name))
			}
		}
	}
	return complaints
}

func (f file) imports() (paths []string) {
	for _, spec := range f.ast.Imports {
		p, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
		paths = append(paths, p)
	}
	return paths
}

// nameOf returns the name under which f imports a package of the standard
// library, and "" when it does not.
func (f file) nameOf(imported string) string {
	for _, spec := range f.ast.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p == imported {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return path.Base(imported)
		}
	}
	return ""
}

// complaints returns what the sources under fsys do against the rules. It parses
// them itself: Go's test cache notices that a file which a test has read was
// changed, and would not notice what `go list` has read.
func complaints(fsys fs.FS) ([]string, error) {
	byDir := map[string]*pkg{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name != "." && isElsewhere(fsys, name) {
				return fs.SkipDir
			}
			return nil
		case path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if byDir[dir] == nil {
			byDir[dir] = &pkg{dir: dir}
		}
		byDir[dir].files = append(byDir[dir].files, file{path.Base(name), strings.Count(string(text), "\n"), tree})
		return nil
	})
	var all []string
	for _, p := range byDir {
		for _, rule := range rules {
			all = append(all, rule(*p)...)
		}
	}
	slices.Sort(all)
	return all, err
}

// isElsewhere reports whether dir is no part of this module, as the go command sees it.
func isElsewhere(fsys fs.FS, dir string) bool {
	base := path.Base(dir)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules" {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

func TestLayers(t *testing.T) {
	all, err := complaints(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		t.Error(c)
	}
}

func TestRules(t *testing.T) {
	const doc = "// Package p owns a thing.\n// It leaves the rest to others.\n"
	ours := func(pkg string) string { return strconv.Quote(module + "/" + pkg) }
	for _, tt := range []struct {
		name   string
		file   string
		source string
		want   string // a part of the only complaint; empty if there is none
	}{
		{"a package may import what is below it", "internal/transfer/a.go", doc + "package p; import _ " + ours("internal/upload"), ""},
		{"nothing is imported from above", "internal/upload/a.go", doc + "package p; import _ " + ours("internal/transfer"), "not below it (4, 3)"},
		{"nothing is imported sideways", "internal/wire/s3/a.go", doc + "package p; import _ " + ours("internal/site"), "not below it (7, 7)"},
		{"a door stands above the package it is named after", "internal/wire/a.go", doc + "package p; import _ " + ours("internal/wire/s3"), "not below it (7, 1)"},
		{"the command may import everything", "cmd/ferry/a.go", doc + "package main; import _ " + ours("internal/server"), ""},
		{"the command is imported by nobody", "internal/server/a.go", doc + "package p; import _ " + ours("cmd/ferry"), "not below it (10, 8)"},
		{"the client imports nothing of ours", "client/a.go", doc + "package p; import _ " + ours("internal/fault"), "not below it"},
		{"a package outside internal needs no line", "bench/a.go", doc + "package main; import _ " + ours("client"), ""},
		{"a package under internal needs one", "internal/utils/a.go", doc + "package p", "has no height"},
		{"a package's own tests import downward too", "internal/upload/a_test.go", "package p; import _ " + ours("internal/db"), "not below it"},
		{"external tests are free", "internal/upload/a_test.go", "package p_test; import _ " + ours("internal/db"), ""},
		{"tests use test support", "internal/upload/a_test.go", "package p; import _ " + ours("internal/testenv"), ""},
		{"a contract test is test support", "internal/blob/a_test.go", "package p; import _ " + ours("internal/blob/blobtest"), ""},
		{"test support imports what it likes", "internal/blob/blobtest/a.go", doc + "package p; import _ " + ours("internal/blob"), ""},
		{"the program does not use test support", "cmd/ferry/a.go", doc + "package main; import _ " + ours("internal/testenv"), "for tests only"},
		{"the core knows no HTTP", "internal/account/a.go", doc + `package p; import _ "net/http"`, "belongs to the core"},
		{"nor what is below HTTP", "internal/account/a.go", doc + `package p; import _ "net/http/cookiejar"`, "belongs to the core"},
		{"nor HTTP by way of ours", "internal/upload/a.go", doc + "package p; import _ " + ours("internal/wire"), "belongs to the core"},
		{"the core knows no SQL", "internal/inbox/a.go", doc + `package p; import _ "database/sql/driver"`, "belongs to the core"},
		{"the core knows no files", "internal/blob/a.go", doc + `package p; import _ "os"`, "belongs to the core"},
		{"the core knows no sockets", "internal/job/a.go", doc + `package p; import _ "net"`, "belongs to the core"},
		{"the core may parse a URL", "internal/board/a.go", doc + `package p; import _ "net/url"`, ""},
		{"the core uses no module of others", "internal/plan/a.go", doc + `package p; import _ "golang.org/x/text"`, "belongs to the core"},
		{"a test of the core may use files", "internal/blob/a_test.go", `package p; import _ "os"`, ""},
		{"a shared tool of the doors knows HTTP", "internal/wire/a.go", doc + `package p; import _ "net/http"`, ""},
		{"a store knows SQL", "internal/db/a.go", doc + `package p; import _ "database/sql"`, ""},
		{"a package has a comment", "internal/fault/a.go", "package p", "fewer than two lines"},
		{"one line is not a comment", "cmd/ferry/a.go", "// Command ferry is Ferry.\npackage main", "fewer than two lines"},
		{"a long file is two files", "internal/db/a.go", doc + "package p" + strings.Repeat("\n", maxLines+1), "more than 700"},
		{"a generated file may be long", "internal/db/a.go", "// Code generated by hand. DO NOT EDIT.\n" + doc + "package p" + strings.Repeat("\n", maxLines), ""},
		{"a test may be long", "internal/db/a_test.go", "package p" + strings.Repeat("\n", maxLines), ""},
		{"nobody asks for the time", "internal/db/a.go", doc + `package p; import "time"; var now = time.Now()`, "calls time.Now"},
		{"not by another name", "internal/db/a.go", doc + `package p; import t "time"; func f(x t.Time) { t.Since(x) }`, "calls time.Since"},
		{"time.Now may be handed on", "internal/db/a.go", doc + `package p; import "time"; func f() func() time.Time { return time.Now }`, ""},
		{"the command asks for the time", "cmd/ferry/a.go", doc + `package main; import "time"; func f() { time.Now() }`, ""},
		{"a door is not the tools it shares", "internal/wire/s3/a.go", doc + `package p; import "time"; func f() { time.Now() }`, "calls time.Now"},
		{"a test asks for the time", "internal/db/a_test.go", `package p; import "time"; var now = time.Now()`, ""},
		{"there is no init", "internal/db/a.go", doc + "package p; func init() {}", "init function"},
		{"a method may be called init", "internal/db/a.go", doc + "package p; type T int; func (T) init() {}", ""},
		{"testdata is no package", "internal/db/testdata/a.go", "package p; func init() {}", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := complaints(fstest.MapFS{tt.file: {Data: []byte(tt.source + "\n")}})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("complaints: %q, want none", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("complaints: %q, want one with %q", got, tt.want)
			}
		})
	}
}

func TestOtherModulesAreNotHeldToTheRules(t *testing.T) {
	got, err := complaints(fstest.MapFS{
		"tools/go.mod": {Data: []byte("module tools\n")},
		"tools/a.go":   {Data: []byte("package tools; func init() {}\n")},
	})
	if err != nil || len(got) > 0 {
		t.Errorf("complaints: %q, %v, want none", got, err)
	}
}

func TestSourceThatDoesNotParseIsAnError(t *testing.T) {
	if _, err := complaints(fstest.MapFS{"a.go": {Data: []byte("package")}}); err == nil {
		t.Error("complaints: no error")
	}
}
