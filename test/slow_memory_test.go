package test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
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
	const mostUp, mostDown = 100 << 10, 50 << 10 // bytes of memory for each; docs/performance.md has the goals
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
	if each > mostUp {
		t.Errorf("more than %d KiB", mostUp>>10)
	}
	write(100<<10, len(part))
	for range many {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}

	node.Stop()
	node.Restart()
	link := n.sendLarge()
	before = memory(t, node, "VmRSS")
	answers := openSlowly(t, link, many, 64)
	each = (memory(t, node, "VmRSS") - before) / many
	t.Logf("a slow download takes %d KiB", each>>10)
	if each > mostDown {
		t.Errorf("more than %d KiB", mostDown>>10)
	}
	if err := atOnce(many, many, func(i int) error {
		got, err := io.Copy(io.Discard, answers[i].Body)
		if err == nil && got != largeSize-tasted {
			err = fmt.Errorf("%d bytes came", got)
		}
		_ = answers[i].Body.Close()
		return err
	}); err != nil {
		t.Error(err)
	}
}

const (
	largeSize = 4 << 20  // of the file of sendLarge, more than the kernel takes at once
	tasted    = 16 << 10 // what openSlowly takes of each answer
)

// sendLarge sends a file and gives the address of its bytes. They have been fetched some
// times: what any server has after its first answers is not a download's.
func (n *native) sendLarge() (url string) {
	n.Helper()
	large := make([]byte, largeSize)
	var one nativeTransfer
	n.must("POST", "/transfers", object{"name": "large", "files": []object{{"name": "a", "size": len(large)}}}, &one)
	for at, number := int64(0), 1; at < int64(len(large)); number++ {
		end := min(at+one.Uploads[0].PartSize, int64(len(large)))
		n.must("PUT", fmt.Sprintf("/files/%s/parts/%d", one.Uploads[0].ID, number), large[at:end], nil)
		at = end
	}
	n.must("POST", "/transfers/"+one.ID+"/finalize", nil, nil)
	path := "/links/large/files/" + one.Uploads[0].ID
	for range 20 {
		if a := n.call("GET", path, nil); a.status != http.StatusOK {
			n.Fatalf("%d %s", a.status, a.body)
		}
	}
	return n.url + path
}

// openSlowly begins many downloads, so many of them together, each on a connection of its own, that take no more than
// their beginnings. The kernel must not take all of an answer at once, so their windows are
// small.
func openSlowly(t *testing.T, url string, many, together int) []*http.Response {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
	}}
	answers := make([]*http.Response, many)
	if err := atOnce(together, many, func(i int) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if answers[i], err = (&http.Transport{ReadBufferSize: 4 << 10, DialContext: dialer.DialContext}).RoundTrip(r); err != nil {
			return err
		}
		_, err = io.CopyN(io.Discard, answers[i].Body, tasted)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return answers
}

// A download that waits for its peer has small stacks: 8 KiB for its own goroutine, and 2 or
// 4 for the one that net/http has beside it. Few begin at once: the runtime counts the
// stacks of threads too, and has many of those when many are at the disk.
func TestSlowDownloadsHaveSmallStacks(t *testing.T) {
	const many = 200
	const most = 14 << 10
	files(t, 2*many+500)
	node := testenv.StartFerry(t, "--private-listen", "127.0.0.1:0")
	private := regexp.MustCompile(`private listener.* address=(\S+)`).FindStringSubmatch(node.Log())
	if private == nil {
		t.Fatal("the log does not tell of the private listener")
	}
	link := newNative(t, node.URL, "X-Api-Key", node.Key()).sendLarge()
	before := stacks(t, private[1])
	for _, a := range openSlowly(t, link, many, 4) {
		defer a.Body.Close()
	}
	each := (stacks(t, private[1]) - before) / many
	t.Logf("each holds %d bytes of stacks", each)
	if each > most {
		t.Errorf("more than %d", most)
	}
}

// stacks tells how many bytes of memory a node has for the stacks of its goroutines, after
// a collection: it frees those of goroutines that are no more.
func stacks(t *testing.T, private string) int {
	t.Helper()
	res, err := http.Get("http://" + private + "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	m := regexp.MustCompile(`(?m)^# Stack = (\d+)`).FindSubmatch(text)
	if m == nil {
		t.Fatal("the profile does not tell of stacks")
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}
