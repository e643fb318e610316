package server

import (
	"io"
	"net/http"
	"time"
)

// A response knows what was answered, for the log and for panics. It must not
// stand in the way of sendfile: a wrapper that hides ReadFrom doubles the cost of
// a download. Flush, deadlines and the rest go through http.ResponseController,
// by Unwrap.
type response struct {
	http.ResponseWriter
	id     string
	status int // 0 while nothing was sent
	bytes  int64

	body      body
	announced int64 // length of the body, -1 for one that is not told
	expects   bool  // its sender waits to be told to go on
	restTime  time.Duration
}

func newResponse(w http.ResponseWriter, id string) *response {
	return &response{ResponseWriter: w, id: id}
}

func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	w.begin(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

func (w *response) FlushError() error {
	w.begin(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *response) ReadFrom(src io.Reader) (n int64, err error) {
	w.begin(http.StatusOK)
	n, err = io.Copy(w.ResponseWriter, src) // which looks for a ReadFrom again
	w.bytes += n
	return n, err
}

// begin notes the status, unless it is of an interim answer or was noted before.
func (w *response) begin(status int) {
	if w.status != 0 || (status < 200 && status != http.StatusSwitchingProtocols) {
		return
	}
	w.status = status
	if status >= 500 {
		w.Header().Set("X-Request-Id", w.id) // so that a complaint finds its line in the log
	}
	w.settle()
}
