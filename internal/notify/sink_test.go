package notify_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"
)

// A sink is a mail server that does what a test tells it to.
type sink struct {
	t    *testing.T
	l    net.Listener
	tls  *tls.Config // if it offers STARTTLS
	auth bool        // if it offers AUTH

	mu     sync.Mutex
	answer func(verb string, n int) string // to the n-th command of that name; empty: yes
	seen   map[string]int                  // commands, and "connect"
	mails  []string                        // what came with DATA to its end
	conns  sync.WaitGroup
}

// Answers that are none.
const (
	drop = "drop" // the connection
	hang = "hang" // until the client has had enough
)

func newSink(t *testing.T, answer func(verb string, n int) string) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{t: t, l: l, answer: answer, seen: map[string]int{}}
	t.Cleanup(func() {
		_ = l.Close()
		s.conns.Wait()
	})
	s.conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Go(func() { s.serve(conn) })
		}
	})
	return s
}

func (s *sink) port() int { return s.l.Addr().(*net.TCPAddr).Port }

func (s *sink) set(answer func(verb string, n int) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *sink) count(verb string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[verb]
}

func (s *sink) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mails...)
}

func (s *sink) ask(verb, usual string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[verb]++
	if s.answer != nil {
		if a := s.answer(verb, s.seen[verb]); a != "" {
			return a
		}
	}
	return usual
}

func (s *sink) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	// say answers a command; false ends the connection.
	say := func(verb, usual string) (ok, yes bool) {
		a := s.ask(verb, usual)
		switch a {
		case drop:
			return false, false
		case hang:
			_, _ = in.ReadByte()
			return false, false
		}
		_, err := fmt.Fprintf(conn, "%s\r\n", a)
		return err == nil, a == usual
	}
	ok, _ := say("connect", "220 sink ESMTP")
	for ok {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		var yes bool
		switch verb {
		case "EHLO":
			hello := "250-sink\r\n250-8BITMIME\r\n"
			if s.tls != nil {
				hello += "250-STARTTLS\r\n"
			}
			if s.auth {
				hello += "250-AUTH PLAIN\r\n"
			}
			ok, _ = say(verb, hello+"250 SIZE 100000")
		case "STARTTLS":
			if ok, yes = say(verb, "220 go on"); yes {
				conn = tls.Server(conn, s.tls)
				in = bufio.NewReader(conn)
			}
		case "AUTH":
			ok, _ = say(verb, "235 welcome")
		case "DATA":
			if ok, yes = say(verb, "354 go on"); !yes {
				continue
			}
			var mail strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if s.count("in the middle of DATA") == 0 {
					if s.ask("in the middle of DATA", "") == drop {
						return
					}
				}
				if line == ".\r\n" {
					break
				}
				mail.WriteString(strings.TrimPrefix(line, "."))
			}
			s.mu.Lock()
			s.mails = append(s.mails, mail.String())
			s.mu.Unlock()
			ok, _ = say("end of DATA", "250 2.0.0 taken")
		case "QUIT":
			_, _ = say(verb, "221 bye")
			return
		default: // MAIL, RCPT, RSET, NOOP
			ok, _ = say(verb, "250 ok")
		}
	}
}

// identities gives the Message-IDs of what was received.
func (s *sink) identities() (all []string) {
	for _, raw := range s.received() {
		m, err := netmail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			s.t.Error(err)
			continue
		}
		all = append(all, m.Header.Get("Message-Id"))
	}
	return all
}

// always gives one answer to one command.
func always(verb, answer string) func(string, int) string {
	return func(v string, _ int) string {
		if v == verb {
			return answer
		}
		return ""
	}
}

// once gives one answer to the first of one command.
func once(verb, answer string) func(string, int) string {
	return func(v string, n int) string {
		if v == verb && n == 1 {
			return answer
		}
		return ""
	}
}

// A clock is set by the test.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}
