package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// aheadPair gives both ends of a connection, ours one that has just read a lot.
func aheadPair(t *testing.T) (ours *aheadConn, theirs *net.TCPConn) {
	t.Helper()
	plain := listen(t)
	defer plain.Close()
	client, err := net.Dial("tcp", plain.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	conn, err := readAhead(plain).Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ours = conn.(*aheadConn)
	ours.got = aheadFrom
	return ours, client.(*net.TCPConn)
}

func write(t *testing.T, c net.Conn, n int) {
	t.Helper()
	if _, err := c.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

// arrived is what the kernel has for us.
func arrived(t *testing.T, c *aheadConn) (n int) {
	t.Helper()
	err := c.raw.Control(func(fd uintptr) {
		n, _, _ = syscall.Recvfrom(int(fd), make([]byte, aheadSize), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	if err != nil {
		t.Fatal(err)
	}
	return max(n, 0)
}

func until(what func() bool) {
	for !what() {
		time.Sleep(time.Millisecond)
	}
}

func TestReadAhead(t *testing.T) {
	ours, theirs := aheadPair(t)
	write(t, theirs, 100)
	until(func() bool { return arrived(t, ours) == 100 })
	buf := make([]byte, 30)
	for _, want := range []int{30, 30, 30, 10} {
		if n, err := ours.Read(buf); n != want || err != nil {
			t.Fatalf("Read: %d, %v, want %d", n, err, want)
		}
		if want == 30 && arrived(t, ours) != 0 {
			t.Error("a part was left to the kernel")
		}
	}
	if lent := aheadMost - ours.buffers.free.Load(); lent != 0 {
		t.Errorf("%d buffers are lent when all is read", lent)
	}
}

func TestCloseGivesTheBufferBack(t *testing.T) {
	ours, theirs := aheadPair(t)
	write(t, theirs, 100)
	if n, err := ours.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatalf("Read: %d, %v", n, err)
	}
	ours.Close()
	if lent := aheadMost - ours.buffers.free.Load(); lent != 0 {
		t.Errorf("%d buffers are lent after Close", lent)
	}
	if n, err := ours.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %d, %v", n, err)
	}
}

// A tlsServer answers with the length and the CRC-32 of each body, as it found them.
func tlsServer(t *testing.T, serveHTTP http.HandlerFunc) (addr string, conf *tls.Config) {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCert(t, cert, key, "ferry.example")
	ours, err := CertFiles(cert, key, quiet())
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Log: quiet()})
	s.Mount(door{serve: serveHTTP}, "/")
	l := listen(t)
	serve(t, s, l, ours)
	return l.Addr().String(), &tls.Config{InsecureSkipVerify: true}
}

func sumBody(w http.ResponseWriter, r *http.Request) {
	sum := crc32.NewIEEE()
	n, err := io.CopyBuffer(sum, struct{ io.Reader }{r.Body}, make([]byte, 256<<10))
	_, _ = fmt.Fprintf(w, "%d %08x %v", n, sum.Sum32(), err)
}

func summed(body []byte) string {
	return fmt.Sprintf("%d %08x <nil>", len(body), crc32.ChecksumIEEE(body))
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func TestUploadsOverTLS(t *testing.T) {
	addr, conf := tlsServer(t, sumBody)
	for _, http2 := range []bool{false, true} {
		tr := &http.Transport{TLSClientConfig: conf.Clone(), ForceAttemptHTTP2: http2, WriteBufferSize: 1 << 20}
		defer tr.CloseIdleConnections()
		for _, size := range []int{0, 1, aheadFrom, markSize, aheadSize, fastReads*fastRead + 1, 8<<20 - 1, 8<<20 + markSize, 3} {
			t.Run(fmt.Sprintf("http2=%v, %d bytes", http2, size), func(t *testing.T) {
				body := random(size)
				req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, "https://"+addr, bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := tr.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if got, _ := io.ReadAll(resp.Body); string(got) != summed(body) {
					t.Errorf("%q, want %q", got, summed(body))
				}
				if (resp.ProtoMajor == 2) != http2 {
					t.Errorf("answered by %s", resp.Proto)
				}
			})
		}
	}
}

// Each byte of the end is sent only when the one before it has been read.
func TestFastUploadTurnsSlow(t *testing.T) {
	const fast, slow = 16 << 20, 100
	read := make(chan int)
	addr, conf := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		buf, sum := make([]byte, 256<<10), 0
		for {
			n, err := r.Body.Read(buf)
			if sum += n; sum >= fast && n > 0 {
				read <- sum
			}
			if err != nil {
				_, _ = fmt.Fprint(w, sum, err)
				return
			}
		}
	})
	conn, err := tls.Dial("tcp", addr, conf)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", fast+slow)
	write(t, conn, fast)
	for i := range slow {
		if got := <-read; got != fast+i {
			t.Fatalf("%d bytes were read, want %d", got, fast+i)
		}
		write(t, conn, 1)
	}
	<-read
	if got := answer(t, bufio.NewReader(conn)); got != strconv.Itoa(fast+slow)+" EOF" {
		t.Errorf("%q", got)
	}
}

func answer(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestPipelinedOverTLS(t *testing.T) {
	addr, conf := tlsServer(t, sumBody)
	conn, err := tls.Dial("tcp", addr, conf)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	bodies := [][]byte{random(6 << 20), random(3), random(markSize), random(5<<20 + 1), nil}
	var all bytes.Buffer
	for _, body := range bodies {
		fmt.Fprintf(&all, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	sent := make(chan error, 1)
	go func() { _, err := conn.Write(all.Bytes()); sent <- err }()
	answers := bufio.NewReader(conn)
	for i, body := range bodies {
		if got := answer(t, answers); got != summed(body) {
			t.Errorf("answer %d: %q, want %q", i, got, summed(body))
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// What the handler leaves of a body is net/http's to take in, up to 256 KiB.
func TestAbandonedBodyOverTLS(t *testing.T) {
	const taken, left = 8 << 20, 200 << 10
	addr, conf := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.CopyN(io.Discard, r.Body, taken)
		_, _ = fmt.Fprint(w, n, err)
	})
	conn, err := tls.Dial("tcp", addr, conf)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for i := range 3 {
		_, _ = fmt.Fprintf(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", taken+left)
		write(t, conn, taken+left)
		if got := answer(t, answers); got != strconv.Itoa(taken)+" <nil>" {
			t.Errorf("answer %d: %q", i, got)
		}
	}
}

func TestUploadCutOverTLS(t *testing.T) {
	ended := make(chan error)
	addr, conf := tlsServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	})
	for _, tt := range []struct {
		name string
		cut  func(*tls.Conn)
	}{
		{"by a reset", func(c *tls.Conn) { _ = c.NetConn().(*net.TCPConn).SetLinger(0); c.NetConn().Close() }},
		{"by an end without a word", func(c *tls.Conn) { c.NetConn().Close() }},
		{"by TLS's own end", func(c *tls.Conn) { c.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", addr, conf)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = fmt.Fprintf(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 64<<20)
			write(t, conn, 8<<20)
			tt.cut(conn)
			if err := <-ended; err == nil || strings.Contains(err.Error(), "timeout") {
				t.Errorf("the body ended with %v", err)
			}
		})
	}
}
