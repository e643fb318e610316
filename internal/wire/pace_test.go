package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
)

// A fakeConn is a socket under a fake clock: what arrives when, and a deadline.
type fakeConn struct {
	every    time.Duration // between two arrivals
	size     int           // of each
	left     int           // arrivals until the end; negative: it stands still then
	stall    bool
	deadline time.Time
	sets     int
}

func (c *fakeConn) SetReadDeadline(t time.Time) error {
	c.deadline = t
	c.sets++
	return nil
}

func (c *fakeConn) Read(b []byte) (int, error) {
	until := time.Now().Add(c.every)
	if c.left == 0 && !c.stall {
		return 0, io.EOF
	}
	if c.left == 0 {
		until = time.Now().Add(24 * time.Hour)
	}
	if until.After(c.deadline) || !time.Now().Before(c.deadline) {
		time.Sleep(time.Until(c.deadline))
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(time.Until(until))
	c.left--
	return min(c.size, len(b)), nil
}

func TestPaced(t *testing.T) {
	for _, tt := range []struct {
		name    string
		conn    fakeConn
		between time.Duration // what the caller does between two reads
		slow    bool
		took    time.Duration // at most, when it is too slow
	}{
		{"a quick body", fakeConn{every: time.Millisecond, size: 256 << 10, left: 1000}, 0, false, 0},
		{"a body of two hours at 2 KiB a second", fakeConn{every: time.Second, size: 2 << 10, left: 7200}, 0, false, 0},
		{"a body at a third of a KiB a second", fakeConn{every: 3 * time.Second, size: 1 << 10, left: 1 << 20}, 0, true, 66 * time.Second},
		{"a body that never begins", fakeConn{stall: true}, 0, true, 66 * time.Second},
		{"a body that stops in the middle", fakeConn{every: time.Second, size: 1 << 20, left: 60, stall: true}, 0, true, 3 * time.Minute},
		{"pauses of fifty seconds between large pieces", fakeConn{every: 50 * time.Second, size: 64 << 10, left: 100}, 0, false, 0},
		{"the pauses are ours", fakeConn{every: time.Millisecond, size: 1 << 10, left: 500}, 50 * time.Second, false, 0},
		{"the pauses are ours and short", fakeConn{every: time.Millisecond, size: 16, left: 5000}, time.Second, false, 0},
		{"one pause of ours is longer than the window", fakeConn{every: time.Millisecond, size: 1 << 10, left: 3}, time.Hour, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := tt.conn
				p := &paced{body: &conn, conn: &conn}
				start, buf := time.Now(), make([]byte, 256<<10)
				reads := 0
				var err error
				for err == nil {
					_, err = p.Read(buf)
					reads++
					time.Sleep(tt.between)
				}
				if slow := fault.Is(err, CodeTooSlow); slow != tt.slow || !slow && err != io.EOF {
					t.Fatalf("the body ended with %v after %v", err, time.Since(start))
				}
				if tt.slow && fault.KindOf(err) != fault.Timeout {
					t.Errorf("kind %v, want Timeout", fault.KindOf(err))
				}
				if took := time.Since(start); tt.slow && took > tt.took {
					t.Errorf("it took %v to see that it is too slow, want at most %v", took, tt.took)
				}
				if most := int(time.Since(start)/paceStep) + 2; conn.sets > most {
					t.Errorf("the deadline was set %d times for %d reads, want at most %d", conn.sets, reads, most)
				}
				if !tt.slow && !conn.deadline.IsZero() {
					t.Error("the deadline stays after the end of the body")
				}
			})
		})
	}
}

func TestPacedOnASocket(t *testing.T) {
	ended := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := Paced(w, r).(*paced)
		buf := make([]byte, 4<<10)
		_, _ = p.Read(buf)
		// The minute is over sooner here.
		if err := p.set(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		_, err := p.Read(buf)
		ended <- err
		w.WriteHeader(http.StatusRequestTimeout)
	}))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; fault.KindOf(err) != fault.Timeout {
		t.Errorf("the body ended with %v, want a Timeout", err)
	}
	status := make([]byte, 12)
	if _, err := io.ReadFull(conn, status); err != nil || string(status) != "HTTP/1.1 408" {
		t.Errorf("answer %q, %v, want the 408", status, err)
	}
}

func TestPacedPassesOtherErrorsOn(t *testing.T) {
	lost := errors.New("lost")
	r := httptest.NewRequest(http.MethodPut, "/", brokenBody{lost})
	if _, err := Paced(httptest.NewRecorder(), r).Read(make([]byte, 1)); !errors.Is(err, lost) {
		t.Errorf("Read: %v, want %v", err, lost)
	}
}

func TestPacedOutEndsForWhoTakesNothing(t *testing.T) {
	ended := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := PacedOut(w).(*pacedOut)
		p.within = 20 * time.Millisecond // the minute is over sooner here
		var err error
		for err == nil {
			_, err = p.Write(make([]byte, 32<<10))
		}
		ended <- err
	}))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the answer ended with %v, want a deadline", err)
	}
}

func TestPacedOutWritesWhereThereAreNoDeadlines(t *testing.T) {
	rec := httptest.NewRecorder()
	if n, err := PacedOut(rec).Write([]byte("abc")); n != 3 || err != nil || rec.Body.String() != "abc" {
		t.Errorf("%d, %v: %q", n, err, rec.Body)
	}
}

type brokenBody struct{ err error }

func (e brokenBody) Read([]byte) (int, error) { return 0, e.err }

func TestOrigin(t *testing.T) {
	addr := netip.MustParseAddr("192.0.2.1")
	ctx := WithOrigin(context.Background(), Origin{RequestID: "r1", Addr: addr})
	if RequestID(ctx) != "r1" || ClientAddr(ctx) != addr {
		t.Errorf("RequestID %q, ClientAddr %v", RequestID(ctx), ClientAddr(ctx))
	}
	if RequestID(context.Background()) != "" || ClientAddr(context.Background()).IsValid() {
		t.Error("a context without origin has one")
	}
}
