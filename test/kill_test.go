package test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

var kills = flag.Int("kills", 20, "how often TestKill kills the server")

// TestKill kills the server while eight workers send files by all dialects, and
// starts it again on the same data, many times. Whatever was answered holds: a
// part that was acknowledged is never sent again, and yet every file completes
// and comes back byte for byte. Nothing half-made is seen in between.
func TestKill(t *testing.T) {
	slow(t)
	onEngines(t, func(t *testing.T, node *testenv.Node) {
		n := *kills
		if strings.HasSuffix(t.Name(), "postgres") && !*long {
			n = min(n, 6)
		}
		k := &killing{t: t, api: signIn(t, node), rnd: random(t), creating: true}
		t.Cleanup(k.workers.Wait)
		for range n {
			k.round(node)
		}
		k.creating = false
		k.begin()
		k.workers.Wait()
		k.look()
		for _, s := range k.sendings {
			s.check(t)
		}
		t.Logf("%d kills, %d sendings, %d answers", n, len(k.sendings), k.answers)
	})
}

// A mark is what a client knows of something it asked for.
type mark int

const (
	todo   mark = iota // never asked, or refused
	flying             // asked, no answer yet
	lost               // asked, and the server died: it may have happened or not
	acked              // answered: it holds for ever
)

// A tracked sending is one with what is known of it.
type tracked struct {
	*sending
	made   *mark
	files  []trackedFile
	sealed mark
}

type trackedFile struct {
	*item
	parts []mark
	done  mark
}

// A killing is the workers, what they know, and when the server is to die.
type killing struct {
	t       *testing.T
	api     *wt
	workers sync.WaitGroup

	mu       sync.Mutex // guards the rest
	rnd      *rand.Rand
	creating bool
	small    bool // no file is larger than 100 kB
	killed   bool
	troubled bool        // system calls fail: see TestFaults
	refused  map[int]int // how often each status was answered meanwhile
	flight   int         // steps that were begun and not answered
	answers  int
	killAt   int           // answers
	reached  chan struct{} // closed once there were so many
	sendings []*tracked
}

// round lets the workers work until so many answers more have come, kills the
// server somewhere in the next milliseconds, starts it again and looks around.
func (k *killing) round(node *testenv.Node) {
	k.t.Helper()
	k.killAt = k.answers + k.rnd.IntN(60)
	reached := make(chan struct{})
	k.reached = reached
	pause := time.Duration(k.rnd.IntN(20_000)) * time.Microsecond
	k.begin()
	select {
	case <-reached:
	case <-time.After(time.Minute):
		k.t.Fatal("the workers get no answers")
	}
	time.Sleep(pause)
	k.mu.Lock()
	k.killed = true
	k.mu.Unlock()
	node.Kill()
	k.workers.Wait()
	k.api.http.CloseIdleConnections()
	client.CloseIdleConnections()
	if k.t.Failed() {
		k.t.FailNow()
	}
	began := time.Now()
	node.Restart()
	k.t.Logf("up again after %v", time.Since(began).Round(time.Millisecond))
	k.killed = false
	k.look()
}

func (k *killing) begin() {
	for range 8 {
		k.workers.Go(k.work)
	}
}

// work does one step after the other until the server was killed or all is done.
func (k *killing) work() {
	for {
		s, wait := k.next()
		if s == nil && !wait {
			return
		}
		if s == nil {
			time.Sleep(time.Millisecond)
			continue
		}
		err := s.do()
		if !k.settle(s, err) {
			return
		}
	}
}

// A step is one thing to ask for, and where to note what became of it.
type step struct {
	mark *mark
	do   func() error
}

// next chooses a step and marks it as begun. Without one, others may still make
// some: then it says to wait.
func (k *killing) next() (s *step, wait bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.killed || k.t.Failed() {
		return nil, false
	}
	var steps []step
	open := 0
	for _, sent := range k.sendings {
		before := len(steps)
		if steps = sent.steps(steps); len(steps) > before {
			open++
		}
	}
	if k.creating && open < 6 {
		d, files := dialects[k.rnd.IntN(len(dialects))], k.choose()
		made := new(mark)
		steps = append(steps, step{made, func() error { return k.create(d, files, made) }})
	}
	if len(steps) == 0 {
		return nil, k.flight > 0
	}
	chosen := steps[k.rnd.IntN(len(steps))]
	*chosen.mark = flying
	k.flight++
	return &chosen, false
}

// choose makes up files: many small ones, some of several parts.
func (k *killing) choose() (files []content) {
	for i := range 1 + k.rnd.IntN(4) {
		size := 1 + k.rnd.Int64N(100_000)
		if k.rnd.IntN(4) == 0 && !k.small {
			size = 1 + k.rnd.Int64N(16*mib)
		}
		files = append(files, content{fmt.Sprintf("file %d.bin", i), size, k.rnd.Uint64N(1 << 20)})
	}
	return files
}

func (k *killing) create(d dialect, files []content, made *mark) error {
	s, err := d.begin(k.api, files...)
	if err != nil {
		return err
	}
	sent := &tracked{sending: s, made: made}
	for _, f := range s.items {
		sent.files = append(sent.files, trackedFile{item: f, parts: make([]mark, f.parts)})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sendings = append(k.sendings, sent)
	return nil
}

// steps adds what may be asked for next: parts that were not acknowledged,
// completion of files that are whole, the end.
func (s *tracked) steps(steps []step) []step {
	done := 0
	for i := range s.files {
		f := &s.files[i]
		whole := true
		for j := range f.parts {
			whole = whole && f.parts[j] == acked
			if m := &f.parts[j]; *m == todo || *m == lost {
				steps = append(steps, step{m, func() error { return f.put(j+1, f.planned(s.dialect.chunk, j+1)) }})
			}
		}
		if whole && (f.done == todo || f.done == lost) {
			steps = append(steps, step{&f.done, f.complete})
		}
		if f.done == acked {
			done++
		}
	}
	if s.seal != nil && done == len(s.files) && (s.sealed == todo || s.sealed == lost) {
		steps = append(steps, step{&s.sealed, s.seal})
	}
	return steps
}

// settle notes what became of a step. Only a server that was killed may leave it
// without an answer.
func (k *killing) settle(s *step, err error) (goOn bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.flight--
	switch {
	case err == nil:
		*s.mark = acked
		k.answers++
	case (k.killed || k.troubled) && statusOf(err) == 0:
		*s.mark = lost
	case k.troubled && slices.Contains([]int{500, 503, 507}, statusOf(err)):
		*s.mark = lost // nobody knows what became of it
		k.refused[statusOf(err)]++
	default:
		k.t.Error(err)
	}
	if k.reached != nil && (k.answers >= k.killAt || k.t.Failed()) {
		close(k.reached)
		k.reached = nil
	}
	return err == nil
}

// look sees of every sending what was acknowledged, and nothing that was not.
func (k *killing) look() {
	k.t.Helper()
	var ready []func() // downloads that must be right
	for _, s := range k.sendings {
		if s.seal != nil {
			if k.lookAtTransfer(s) {
				ready = append(ready, func() { s.check(k.t) })
			}
			continue
		}
		shown := k.lookAtPage(s.link)
		for i := range s.files {
			f := &s.files[i]
			url, ok := shown[f.name]
			if ok && f.done == todo || !ok && f.done == acked {
				k.t.Errorf("%s %s shows %s: %t, but its completion is %d", s.dialect.name, s.link, f.name, ok, f.done)
			}
			if ok {
				ready = append(ready, func() { f.checkAt(k.t, url) })
			}
		}
	}
	if len(ready) > 0 {
		ready[k.rnd.IntN(len(ready))]() // all of them at the end
	}
	if k.t.Failed() {
		k.t.FailNow()
	}
}

// lookAtTransfer reports whether a v2 transfer is finalized, and fails when it
// cannot be, or must be.
func (k *killing) lookAtTransfer(s *tracked) bool {
	k.t.Helper()
	var answer struct {
		State string
		URL   *string
	}
	if err := k.api.call("GET", "/v2/transfers/"+s.id, 200, nil, &answer); err != nil {
		k.t.Fatal(err)
	}
	final := answer.State != "uploading"
	if final != (answer.URL != nil) {
		k.t.Errorf("transfer %s is %s, its url %v", s.id, answer.State, answer.URL)
	}
	if final && s.sealed == todo || !final && s.sealed == acked {
		k.t.Errorf("transfer %s is %s, but its finalizing is %d", s.id, answer.State, s.sealed)
	}
	if final {
		s.link = *answer.URL
	}
	return final
}

// lookAtPage gives what the page of a board or a v1 transfer offers. Without a
// file, there may be no page.
func (k *killing) lookAtPage(link string) map[string]string {
	k.t.Helper()
	resp, err := client.Get(link)
	if err != nil {
		k.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil
	}
	return offered(k.t, link)
}
