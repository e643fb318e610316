package server

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// A response knows what was answered, for the log and for panics. It must not
// stand in the way of sendfile: a wrapper that hides ReadFrom doubles the cost of
// a download. Flush, deadlines and the rest go through http.ResponseController,
// by Unwrap.
type response struct {
	http.ResponseWriter
	id     string
	copies bool // TLS or HTTP/2: there is no sendfile, so we choose the buffer
	status int  // 0 while nothing was sent
	bytes  int64
}

func newResponse(w http.ResponseWriter, r *http.Request, id string) *response {
	_, readsFrom := w.(io.ReaderFrom)
	return &response{ResponseWriter: w, id: id, copies: !readsFrom || r.TLS != nil}
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
	if w.copies {
		n, err = copyGrowing(w.ResponseWriter, src)
	} else {
		n, err = w.ResponseWriter.(io.ReaderFrom).ReadFrom(src)
	}
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
}

// Under TLS, copying by 256 KiB costs a seventh less than by io.Copy's 32 KiB.
// Slow clients do not notice, but a thousand of them would hold 256 MiB.
const (
	smallCopy = 32 << 10
	largeCopy = 256 << 10
	quick     = 20 * time.Millisecond // a large write that took longer has waited for the client
)

// copyGrowing copies src to dst, by large pieces as long as dst takes them at once.
func copyGrowing(dst io.Writer, src io.Reader) (n int64, err error) {
	pool := &smallBuffers
	buf := pool.Get().(*[]byte)
	defer func() { pool.Put(buf) }()
	for {
		got, readErr := src.Read(*buf)
		if got > 0 {
			start := time.Now()
			wrote, err := dst.Write((*buf)[:got])
			n += int64(wrote)
			if err != nil {
				return n, err
			}
			next := &smallBuffers
			// A small write that filled the buffer tells that more is to come.
			if got >= smallCopy && time.Since(start) < quick {
				next = &largeBuffers
			}
			if next != pool {
				pool.Put(buf)
				pool, buf = next, next.Get().(*[]byte)
			}
		}
		if readErr == io.EOF {
			return n, nil
		}
		if readErr != nil {
			return n, readErr
		}
	}
}

var (
	smallBuffers = sync.Pool{New: func() any { return newBuffer(smallCopy) }}
	largeBuffers = sync.Pool{New: func() any { return newBuffer(largeCopy) }}
)

func newBuffer(size int) *[]byte {
	b := make([]byte, size)
	return &b
}
