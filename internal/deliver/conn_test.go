package deliver

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
)

// handing runs h on a socket that files are handed to, as the server does.
func handing(t *testing.T, h http.HandlerFunc) (url string, c *http.Client) {
	s := httptest.NewUnstartedServer(h)
	s.Listener = Listener(s.Listener)
	s.Config.ConnContext = WithConn(nil)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, s.Client()
}

// stacks gives the goroutines that are in function, as text.
func stacks(function string) (all []string) {
	buf := make([]byte, 1<<20)
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, function) {
			all = append(all, g)
		}
	}
	return all
}

// A peer that takes nothing holds no buffer of net/http's, which would be 32 KiB.
func TestStalledPeerHoldsNoBuffer(t *testing.T) {
	store, content := big(t, 64<<20)
	url, client := handing(t, func(w http.ResponseWriter, r *http.Request) {
		_ = File(w, r, store, content, Item{})
	})
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var sending []string
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		sending = stacks("deliver.(*out).ReadFrom")
		if len(sending) == 1 && strings.Contains(sending[0], "[IO wait") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody waits for the peer: %q", sending)
		}
	}
	if strings.Contains(sending[0], "net/http.(*response).ReadFrom") {
		t.Errorf("it waits with net/http's buffer:\n%s", sending[0])
	}
	if !strings.Contains(sending[0], "net.sendFile") {
		t.Errorf("it is not the kernel that sends:\n%s", sending[0])
	}
}

// net/http knows of what went past it: the next request comes on the same connection.
func TestConnectionGoesOn(t *testing.T) {
	store, content := letters(t), textContent
	large, _ := big(t, 1<<20)
	url, client := handing(t, func(w http.ResponseWriter, r *http.Request) {
		var err error
		if r.URL.Path == "/large" {
			err = File(w, r, large, blob.Content{{Blob: "big", Length: 1 << 20}, {Blob: "a", Length: 26}}, Item{})
		} else {
			err = File(w, r, store, content, textItem)
		}
		if err != nil {
			t.Error(err)
		}
	})
	whole := strings.Repeat("\x00", 1<<20) + "abcdefghijklmnopqrstuvwxyz"
	for i, tt := range []struct{ path, rang, want string }{
		{"/", "", text},
		{"/", "bytes=5-9", text[5:10]},
		{"/", "bytes=40-", ""},
		{"/", "bytes=20-21,3-4", ""}, // in frames: TestRanges knows them
		{"/large", "", whole},
		{"/large", "bytes=1048570-1048580", whole[1048570:1048581]},
		{"/", "", text},
	} {
		var reused bool
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
		req, _ := http.NewRequestWithContext(ctx, "GET", url+tt.path, nil)
		req.Header.Set("Range", tt.rang)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		name := fmt.Sprint(tt.path, " ", tt.rang)
		switch {
		case err != nil || int64(len(got)) != res.ContentLength:
			t.Errorf("%s: %d bytes of %d: %v", name, len(got), res.ContentLength, err)
		case tt.want != "" && string(got) != tt.want:
			t.Errorf("%s: other bytes came", name)
		case i > 0 && !reused:
			t.Errorf("%s: the connection was closed before", name)
		}
	}
}
