package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ferry-server/ferry/client"
	"github.com/ferry-server/ferry/internal/words"
)

// A meter shows on a terminal how far a transfer is: what has really arrived. Elsewhere
// it says nothing but what has to be waited for.
type meter struct {
	out      io.Writer
	terminal bool
	quiet    bool
	size     int64
	open     bool // size is not all: there is more that nobody knows the size of

	mu    sync.Mutex
	began time.Time
	first int64 // that had arrived before we began
	shown time.Time
	wide  int // of the line that stands there
}

func newMeter(out io.Writer, quiet bool) *meter {
	m := &meter{out: out, quiet: quiet}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		m.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return m
}

func (m *meter) total(sources []local) {
	for _, s := range sources {
		m.size += s.Size
		m.open = m.open || s.Stream != nil
	}
}

// barWide is how many characters the bar has.
const barWide = 24

func (m *meter) progress(p client.Progress) {
	if m.quiet || !m.terminal {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.began.IsZero() {
		m.began, m.first = now, p.Done
	}
	if now.Sub(m.shown) < 100*time.Millisecond && (m.open || p.Done < m.size) {
		return
	}
	m.shown = now
	part := 1.0
	if m.size > 0 {
		part = float64(p.Done) / float64(m.size)
	}
	full := min(barWide, int(part*barWide))
	line := fmt.Sprintf("[%s%s] %3d %%  %s of %s", strings.Repeat("=", full), strings.Repeat(" ", barWide-full),
		min(100, int(part*100)), words.Size(p.Done), words.Size(m.size))
	if m.open {
		line = words.Size(p.Done)
	}
	if since := now.Sub(m.began).Seconds(); since > 1 && p.Done > m.first {
		speed := float64(p.Done-m.first) / since
		if m.open {
			m.line(line + fmt.Sprintf("  %s/s", words.Size(int64(speed))))
			return
		}
		left := time.Duration(float64(m.size-p.Done) / speed * float64(time.Second))
		line += fmt.Sprintf("  %s/s  %s left", words.Size(int64(speed)), left.Round(time.Second))
	}
	m.line(line)
}

// line puts text in place of the line that stands there. The caller holds mu.
func (m *meter) line(text string) {
	_, _ = fmt.Fprintf(m.out, "\r%s%s", text, strings.Repeat(" ", max(0, m.wide-len(text))))
	m.wide = len(text)
}

func (m *meter) waiting(err error, wait time.Duration) {
	if m.quiet {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	text := fmt.Sprintf("%v; again in %s", err, wait.Round(100*time.Millisecond))
	if m.terminal {
		m.line(text)
		return
	}
	_, _ = fmt.Fprintf(m.out, "ferry: %s\n", text)
}

// end leaves the line as it is.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wide > 0 {
		_, _ = fmt.Fprintln(m.out)
		m.wide = 0
	}
}
