package sim

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// A sched releases one goroutine at a time. Whatever the engine asks of the world
// (a call of the file system or the database, the next bytes of a body, the way back
// of an answer) parks the goroutine that asks; when all are parked, or wait for one
// that is, chance takes the next. Between two parks nothing else runs, so the order
// of everything follows from the seed.
//
// Goroutines that were woken by the released one (by batch, or by a channel that was
// closed) run beside it, but only to their own next park: the engine parks whoever
// waited before they touch anything that is shared. They alone must say who they are.
type sched struct {
	rand  *rand.Rand
	trace trace
	steps int

	released *task // nil while the sched itself is at work

	mu    sync.Mutex // goroutines park at the same moment
	tasks []*task
	byGo  map[int64]*task
	names map[string]int
}

// A task is a goroutine that is released by the sched, or several that follow one
// another: a job runs in a goroutine of its own while its worker waits.
type task struct {
	name   string
	order  int // among all tasks
	wake   chan struct{}
	at     string
	parked bool
	idle   bool      // has nothing to do, so it is seldom taken
	node   *node     // whose power it lives on; nil: it goes on when a node loses it
	asked  time.Time // when its request was made
	done   bool
}

func newSched(r *rand.Rand) *sched {
	return &sched{rand: r, trace: newTrace(), byGo: map[int64]*task{}, names: map[string]int{}}
}

// start runs f as a task. The first thing it does is to park.
func (s *sched) start(name string, n *node, f func(*task)) {
	s.mu.Lock()
	s.names[name]++
	t := &task{name: fmt.Sprintf("%s.%d", name, s.names[name]), order: len(s.tasks), wake: make(chan struct{}), node: n}
	s.tasks = append(s.tasks, t)
	s.mu.Unlock()
	go func() {
		defer s.as(t)()
		s.hold(t, "begin")
		f(t)
		s.mu.Lock()
		t.done = true
		s.mu.Unlock()
	}()
}

// as makes the calling goroutine one of the task's, until the returned func is called.
func (s *sched) as(t *task) func() {
	id := goroutine()
	s.mu.Lock()
	before := s.byGo[id]
	s.byGo[id] = t
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if before == nil {
			delete(s.byGo, id)
		} else {
			s.byGo[id] = before
		}
	}
}

// park holds the caller, which is the released one, until it is released again, and
// gives its task: nil for the sched itself, which is never held.
func (s *sched) park(at string) *task {
	if t := s.released; t != nil {
		s.hold(t, at)
		return t
	}
	return nil
}

// parkWoken is park for a goroutine that was woken by the released one.
func (s *sched) parkWoken(at string) {
	s.mu.Lock()
	t := s.byGo[goroutine()]
	s.mu.Unlock()
	if t != nil {
		s.hold(t, at)
	}
}

func (s *sched) hold(t *task, at string) {
	s.mu.Lock()
	if t.parked {
		panic("sim: " + t.name + " is at " + t.at + " and at " + at)
	}
	t.at, t.parked = at, true
	s.mu.Unlock()
	<-t.wake
}

// goroutine gives the number of the caller's goroutine. It is slow.
func goroutine() int64 {
	var buf [40]byte
	text := buf[:runtime.Stack(buf[:], false)]
	digits, _, _ := strings.Cut(strings.TrimPrefix(string(text), "goroutine "), " ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		panic("sim: no number of a goroutine in " + string(text))
	}
	return n
}

// waiting gives those that can be released, in their order.
func (s *sched) waiting(is func(*task) bool) (parked []*task, unfinished int) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks = slices.DeleteFunc(s.tasks, func(t *task) bool { return t.done })
	for _, t := range s.tasks {
		if is(t) {
			unfinished++
			if t.parked {
				parked = append(parked, t)
			}
		}
	}
	slices.SortFunc(parked, func(a, b *task) int { return cmp.Compare(a.order, b.order) })
	return parked, unfinished
}

// idleShare is how many times more often a task is taken that has something to do.
const idleShare = 8

// next releases one of the tasks that chance takes, and waits until it is held again.
// It is false when none of them is left; an error when they wait for something that
// nobody does.
func (s *sched) next(is func(*task) bool) (bool, error) {
	var parked []*task
	for tries := 0; ; tries++ {
		var unfinished int
		parked, unfinished = s.waiting(is)
		if len(parked) > 0 {
			break
		}
		if unfinished == 0 {
			return false, nil
		}
		if tries == 100 {
			return false, fmt.Errorf("%d goroutines wait for something that nobody does", unfinished)
		}
		time.Sleep(100 * time.Millisecond) // perhaps for the time
	}
	if busy := slices.DeleteFunc(slices.Clone(parked), func(t *task) bool { return t.idle }); len(busy) > 0 &&
		len(busy) < len(parked) && s.rand.IntN(idleShare) > 0 {
		parked = busy
	}
	t := parked[s.rand.IntN(len(parked))]
	s.steps++
	s.trace.add(strconv.Itoa(s.steps), t.name, t.at)
	t.parked, s.released = false, t
	t.wake <- struct{}{}
	synctest.Wait()
	s.released = nil
	return true, nil
}

// A trace is what happened. Only its hash is kept, unless somebody wants to read it.
type trace struct {
	hash interface {
		Write([]byte) (int, error)
		Sum64() uint64
	}
	keep bool
	text []string
}

func newTrace() trace { return trace{hash: fnv.New64a()} }

func (t *trace) add(words ...string) {
	for _, w := range words {
		_, _ = t.hash.Write([]byte(w)) // a hash never fails
		_, _ = t.hash.Write([]byte{' '})
	}
	if t.keep {
		t.text = append(t.text, strings.Join(words, " "))
	}
}

// allIdle tells whether all tasks wait for something to do.
func (s *sched) allIdle() bool {
	for _, t := range s.tasks {
		if !t.idle && !t.done {
			return false
		}
	}
	return true
}
