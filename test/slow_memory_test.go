package test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// A thousand slow uploads, and a thousand slow downloads, take little memory each, and all of
// them finish although the server is told to keep to 256 MiB.
func TestSlowTransfersTakeLittle(t *testing.T) {
	if !*long {
		t.Skip("half a minute: -args -long")
	}
	const many = 1000
	const most = 100 << 10 // bytes of memory for each; docs/performance.md has the goals
	files(t, 2*many+500)
	t.Setenv("GOMEMLIMIT", "256MiB")
	node := testenv.StartFerry(t)
	n := newNative(t, node.URL, "X-Api-Key", node.Key())
	part := make([]byte, 256<<10)
	announced := make([]object, many)
	for i := range announced {
		announced[i] = object{"name": fmt.Sprint(i), "size": len(part)}
	}
	var tr nativeTransfer
	n.must("POST", "/transfers", object{"name": "slow", "files": announced}, &tr)

	before := memory(t, node, "VmRSS")
	bodies := make([]*io.PipeWriter, many)
	ended := make(chan error, many)
	for i := range bodies {
		var body *io.PipeReader
		body, bodies[i] = io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, node.URL+"/ferry/v1/files/"+tr.Uploads[i].ID+"/parts/1", body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(len(part))
		r.Header = n.header.Clone()
		go func() {
			res, err := (&http.Transport{}).RoundTrip(r)
			if err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				if _ = res.Body.Close(); res.StatusCode != http.StatusOK {
					err = fmt.Errorf("%s", res.Status)
				}
			}
			ended <- err
		}()
	}
	write := func(from, to int) {
		t.Helper()
		if err := atOnce(64, many, func(i int) error {
			_, err := bodies[i].Write(part[from:to])
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	write(0, 16<<10)
	write(16<<10, 100<<10)
	each := (memory(t, node, "VmRSS") - before) / many
	t.Logf("a slow upload takes %d KiB", each>>10)
	if each > most {
		t.Errorf("more than %d KiB", most>>10)
	}
	write(100<<10, len(part))
	for range many {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}

	// The kernel must not take all of an answer at once, so clients have small windows.
	node.Stop()
	node.Restart()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
	}}
	large := make([]byte, 4<<20)
	var one nativeTransfer
	n.must("POST", "/transfers", object{"name": "large", "files": []object{{"name": "a", "size": len(large)}}}, &one)
	for at, number := int64(0), 1; at < int64(len(large)); number++ {
		end := min(at+one.Uploads[0].PartSize, int64(len(large)))
		n.must("PUT", fmt.Sprintf("/files/%s/parts/%d", one.Uploads[0].ID, number), large[at:end], nil)
		at = end
	}
	n.must("POST", "/transfers/"+one.ID+"/finalize", nil, nil)
	for range 20 { // what any server has after its first answers is not a download's
		if a := n.call("GET", "/links/large/files/"+one.Uploads[0].ID, nil); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	before = memory(t, node, "VmRSS")
	answers := make([]*http.Response, many)
	if err := atOnce(64, many, func(i int) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, node.URL+"/ferry/v1/links/large/files/"+one.Uploads[0].ID, nil)
		if err != nil {
			return err
		}
		if answers[i], err = (&http.Transport{ReadBufferSize: 4 << 10, DialContext: dialer.DialContext}).RoundTrip(r); err != nil {
			return err
		}
		_, err = io.CopyN(io.Discard, answers[i].Body, 16<<10)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	each = (memory(t, node, "VmRSS") - before) / many
	t.Logf("a slow download takes %d KiB", each>>10)
	if each > most {
		t.Errorf("more than %d KiB", most>>10)
	}
	if err := atOnce(many, many, func(i int) error {
		got, err := io.Copy(io.Discard, answers[i].Body)
		if err == nil && got != int64(len(large))-16<<10 {
			err = fmt.Errorf("%d bytes came", got)
		}
		_ = answers[i].Body.Close()
		return err
	}); err != nil {
		t.Error(err)
	}
}
