package server

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// What is taken in of a body that its door has not read to the end.
const (
	// restAnswered is what net/http takes by itself, so that the connection can go on.
	restAnswered = 256 << 10

	// restRefused is more than the largest part that known clients send (wetransfeR's
	// last one has up to 20,000,000 bytes). Most clients listen only when they have sent
	// everything: to them, an answer and the end of the connection in between is no
	// answer at all (WeTransfer's JavaScript SDK then fails with a TypeError of its own).
	restRefused = 32 << 20

	restTime = 20 * time.Second // for all of it
)

// A body knows whether anything of it may still come.
type body struct {
	io.ReadCloser
	begun atomic.Bool // somebody has read of it, so that who waited for a 100 has got it
	over  atomic.Bool // its end was read, or an error, after which there is nothing
}

func (b *body) Read(p []byte) (int, error) {
	if !b.begun.Load() {
		b.begun.Store(true)
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.over.Store(true)
	}
	return n, err
}

// watch has w know what is read of r's body.
func (w *response) watch(r *http.Request, restTime time.Duration) {
	if r.Body == nil || r.Body == http.NoBody {
		w.body.over.Store(true)
		return
	}
	w.body.ReadCloser = r.Body
	w.announced, w.expects, w.restTime = r.ContentLength, r.Header.Get("Expect") != "", restTime
	r.Body = &w.body
}

// settle takes in the rest of the body, before the answer goes out. net/http would do so
// too, but wait for ever for a client that announces a body and sends nothing. What does
// not come in time ends the connection, after the answer. So a door reads what it wants
// of a body before it begins to answer.
func (w *response) settle() {
	if w.body.over.Load() {
		return
	}
	conn := http.NewResponseController(w.ResponseWriter)
	if conn.SetReadDeadline(time.Now().Add(w.restTime)) != nil {
		return // a recorder in a test
	}
	most := int64(restAnswered)
	if w.status >= http.StatusBadRequest {
		most = restRefused
	}
	if w.expects && !w.body.begun.Load() || w.announced > most { // it has sent nothing, or sends more than anybody would wait for
		return
	}
	// One byte more, to see the end of one that has just so much. With its end net/http takes
	// the deadline away, as it watches the connection from then on.
	_, _ = io.CopyN(io.Discard, &w.body, most+1)
}
