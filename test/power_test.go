package test

import (
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

var cuts = flag.Int("cuts", 2, "how many power cuts of each kind TestPowerCut tries")

// TestPowerCut traces a server while clients send, and starts another on what a disk
// would hold if the power had failed at some moment: what was synced by then and no more
// (strict), or with some of the rest, by the sector (torn). What was acknowledged before
// the moment is there, and all of it can be finished.
func TestPowerCut(t *testing.T) {
	slow(t)
	testenv.Need(t, "strace")
	node := testenv.StartFerry(t)
	k := &killing{t: t, api: signIn(t, node), rnd: random(t), creating: true, small: true}
	root := node.Data // of the one that is traced
	base := filepath.Join(t.TempDir(), "data")
	if out, err := exec.Command("cp", "-a", node.Data, base).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	// Each step that was answered is followed by a request that is seen in the trace.
	var mu sync.Mutex
	var done []*mark
	text := strace(t, node, func() {
		for range 4 {
			k.workers.Go(func() {
				for range 40 {
					s, _ := k.next()
					if s == nil {
						continue
					}
					err := s.do()
					if err == nil {
						mu.Lock()
						id := len(done)
						done = append(done, s.mark)
						mu.Unlock()
						get(t, fmt.Sprintf("%s/healthz?step=%d.", node.URL, id))
					}
					// Nobody builds on it before it is in the trace.
					if !k.settle(s, err) {
						return
					}
				}
			})
		}
		k.workers.Wait()
	}, "-s", "40000000", "-e", "trace=openat,mkdirat,pwrite64,write,ftruncate,fsync,fdatasync,unlinkat,renameat,linkat,read")
	node.Kill()
	calls := parseTrace(text)
	slices.SortFunc(calls, func(a, b syscallMade) int { return cmp.Compare(a.ended, b.ended) })
	seen := map[int]int{} // the event after which a step had been acknowledged
	number := regexp.MustCompile(`GET /healthz\?step=(\d+)\.`)
	for _, c := range calls {
		if m := number.FindStringSubmatch(c.args[:min(len(c.args), 4096)]); c.is("read") && m != nil {
			id, _ := strconv.Atoi(m[1])
			seen[id] = c.ended
		}
	}
	if len(seen) < len(done)*9/10 || len(done) == 0 {
		t.Fatalf("%d of %d steps are in the trace", len(seen), len(done))
	}

	missed := 0
	for i := range 2 * *cuts {
		torn := i%2 == 1
		at := calls[len(calls)/10+k.rnd.IntN(len(calls)*9/10)].ended
		disk := &recorded{files: map[string]*recordedFile{}, rnd: k.rnd, root: root}
		disk.replay(calls, at)
		data := filepath.Join(t.TempDir(), "data")
		if out, err := exec.Command("cp", "-a", base, data).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := disk.write(data, torn); err != nil {
			t.Fatal(err)
		}
		// What is known of each sending at that moment.
		for _, s := range k.sendings {
			*s.made = lost
			s.sealed = lostOr(s.sealed)
			for f := range s.files {
				s.files[f].done = lostOr(s.files[f].done)
				for p := range s.files[f].parts {
					s.files[f].parts[p] = lostOr(s.files[f].parts[p])
				}
			}
		}
		acknowledged := 0
		for id, m := range done {
			if event, ok := seen[id]; ok && event < at {
				*m = acked
				acknowledged++
			}
		}
		node.Kill()
		node.Move(data)
		k.api.http.CloseIdleConnections()
		client.CloseIdleConnections()
		for _, s := range k.sendings {
			if *s.made != acked {
				continue
			}
			for range 1000 {
				steps := s.steps(nil)
				if len(steps) == 0 {
					break
				}
				// A part whose acknowledgement is not in the trace may be of a file that is complete.
				if err := steps[0].do(); err != nil && !strings.Contains(err.Error(), "<Code>NoSuchUpload</Code>") {
					t.Errorf("cut %d at event %d, torn %v: %v", i, at, torn, err)
					missed++
					break
				}
				*steps[0].mark = acked
			}
			s.check(t)
		}
		if t.Failed() {
			t.Fatalf("cut %d at event %d of %d, torn %v, %d steps acknowledged", i, at, len(calls), torn, acknowledged)
		}
	}
	t.Logf("%d strict and %d torn power cuts in %d system calls; %d steps; %d acknowledged ones lost", *cuts, *cuts, len(calls), len(done), missed)
}

// lostOr makes of anything that was ever asked for something that may have happened.
func lostOr(m mark) mark {
	if m == todo {
		return todo
	}
	return lost
}

// A recorded disk is what a trace says of one.
type recorded struct {
	root  string
	rnd   *rand.Rand
	files map[string]*recordedFile // by path below root
}

type recordedFile struct {
	dir     bool
	isNew   bool // made since the trace began
	made    int  // by this event
	linked  bool // its name is on stable storage
	removed bool
	changes []change // in the order in which they were made
}

// A change is a write, or the end of the file set anew.
type change struct {
	off    int64
	data   []byte // nil: the file was made this long
	event  int
	synced bool
}

var quoted = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

// replay takes over what was done before an event.
func (d *recorded) replay(calls []syscallMade, before int) {
	for _, c := range calls {
		if c.ended > before {
			return
		}
		if c.result < 0 || c.is("read") {
			continue
		}
		switch {
		case c.is("openat") && strings.Contains(c.args, "O_CREAT"), c.is("mkdirat"):
			if path, ok := d.below(unescape(quoted.FindStringSubmatch(c.args)[1])); ok {
				if f := d.files[path]; f == nil || f.removed {
					d.files[path] = &recordedFile{isNew: true, made: c.ended, dir: c.is("mkdirat")}
				}
			}
		case c.is("unlinkat"):
			if path, ok := d.below(unescape(quoted.FindStringSubmatch(c.args)[1])); ok {
				d.file(path).removed = true
			}
		default:
			_, path, _ := strings.Cut(c.args, "<")
			path, _, _ = strings.Cut(path, ">")
			path, ok := d.below(path)
			if !ok {
				continue
			}
			if c.is("fsync", "fdatasync") {
				d.sync(path, c.begun)
				continue
			}
			f := d.file(path)
			switch {
			case c.is("pwrite64"):
				data := []byte(unescape(quoted.FindStringSubmatch(c.args)[1]))
				off, _ := strconv.ParseInt(c.args[strings.LastIndexByte(c.args, ' ')+1:], 10, 64)
				f.changes = append(f.changes, change{off: off, data: data[:c.result], event: c.ended})
			case c.is("ftruncate"):
				size, _ := strconv.ParseInt(c.args[strings.LastIndexByte(c.args, ' ')+1:], 10, 64)
				f.changes = append(f.changes, change{off: size, event: c.ended})
			}
		}
	}
}

// sync has what was done to a file, or the names in a folder, before an event on stable
// storage.
func (d *recorded) sync(path string, before int) {
	if f := d.files[path]; f != nil {
		for i := range f.changes {
			f.changes[i].synced = f.changes[i].synced || f.changes[i].event < before
		}
	}
	for other, f := range d.files {
		if f.isNew && filepath.Dir(other) == path {
			f.linked = f.linked || f.made < before
		}
	}
}

func (d *recorded) below(path string) (string, bool) {
	rest, err := filepath.Rel(d.root, path)
	return rest, err == nil && !strings.HasPrefix(rest, "..")
}

func (d *recorded) file(path string) *recordedFile {
	f := d.files[path]
	if f == nil {
		f = &recordedFile{linked: true}
		d.files[path] = f
	}
	return f
}

// write makes the folder, which is as it was when the trace began, what the disk would
// hold: with what was synced, and where torn with some sectors of the rest.
func (d *recorded) write(folder string, torn bool) error {
	paths := make([]string, 0, len(d.files))
	for path := range d.files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	some := func() bool { return torn && d.rnd.IntN(2) == 0 }
	for _, path := range paths {
		f, to := d.files[path], filepath.Join(folder, path)
		if f.isNew && !f.linked && !some() || f.removed && some() {
			_ = os.Remove(to)
			continue
		}
		if f.dir {
			if err := os.MkdirAll(to, 0o700); err != nil {
				return err
			}
			continue
		}
		if strings.HasSuffix(path, "-shm") {
			continue // is made anew
		}
		if err := f.write(to, some); err != nil {
			return err
		}
	}
	return nil
}

const sector = 512

func (f *recordedFile) write(path string, some func() bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fs.FileMode(0o600))
	if err != nil {
		return err
	}
	defer file.Close()
	for _, c := range f.changes {
		switch {
		case c.data == nil:
			if c.synced || some() {
				if err := file.Truncate(c.off); err != nil {
					return err
				}
			}
		case c.synced:
			if _, err := file.WriteAt(c.data, c.off); err != nil {
				return err
			}
		default:
			for at := 0; at < len(c.data); {
				n := min(sector-int((c.off+int64(at))%sector), len(c.data)-at)
				if some() {
					if _, err := file.WriteAt(c.data[at:at+n], c.off+int64(at)); err != nil {
						return err
					}
				}
				at += n
			}
		}
	}
	return nil
}

// unescape reads a string as strace writes it.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out.WriteByte(s[i])
			continue
		}
		i++
		if at := strings.IndexByte(`ntrvfab`, s[i]); at >= 0 {
			out.WriteByte("\n\t\r\v\f\a\b"[at])
			continue
		}
		if s[i] < '0' || s[i] > '7' {
			out.WriteByte(s[i])
			continue
		}
		n := 0
		for j := 0; j < 3 && i < len(s) && s[i] >= '0' && s[i] <= '7'; j++ {
			n = n*8 + int(s[i]-'0')
			i++
		}
		i--
		out.WriteByte(byte(n))
	}
	return out.String()
}
