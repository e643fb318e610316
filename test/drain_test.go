package test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// TestDrain: a node that is asked to end lets a running upload finish, answers
// it, takes no new connections meanwhile, and ends well. What it answered holds.
func TestDrain(t *testing.T) {
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	s := mustBegin(t, c, transferV2, content{"drained.bin", 2 * mib, 40})
	f := s.items[0]
	address, err := f.url(1)
	if err != nil {
		t.Fatal(err)
	}
	before := len(blobs(t, node))
	body, rest := io.Pipe()
	answer := make(chan error, 1)
	go func() {
		req, err := http.NewRequest("PUT", address, body)
		if err != nil {
			answer <- err
			return
		}
		req.ContentLength = f.size
		resp, err := c.http.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != 200 {
				err = &unexpected{"PUT", address, resp.StatusCode, ""}
			}
		}
		answer <- err
	}()
	if _, err := rest.Write(f.bytes(0, mib)); err != nil {
		t.Fatal(err)
	}
	for len(blobs(t, node)) == before { // until the server has some of it
		time.Sleep(time.Millisecond)
	}
	go func() {
		defer rest.Close()
		for listens(node) {
			time.Sleep(time.Millisecond)
		}
		_, _ = rest.Write(f.bytes(mib, mib))
	}()
	node.Stop() // fails unless the node ends, with status 0
	if err := <-answer; err != nil {
		t.Errorf("the upload that was running: %v", err)
	}
	node.Restart()
	if err := f.complete(); err != nil {
		t.Fatal(err)
	}
	if err := s.seal(); err != nil {
		t.Fatal(err)
	}
	s.check(t)
}

// listens reports whether the node takes connections.
func listens(node *testenv.Node) bool {
	u, err := url.Parse(node.URL)
	if err != nil {
		return false
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
