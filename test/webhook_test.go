package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/ferry-server/ferry/internal/testenv"
)

// A receiver is a program that is told of events.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	secret []string // each must verify
	got    []hooked
	wrong  []error
}

type hooked struct {
	id   string
	Type string
	Data struct {
		Transfer struct{ ID, State, Title, Key string }
		Delivery *struct {
			Name, Recipient string
			Size            int64
		}
	}
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{status: http.StatusNoContent}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, s := range r.secret {
			wh, err := standardwebhooks.NewWebhook(s)
			if err == nil {
				err = wh.Verify(body, q.Header)
			}
			if err != nil {
				r.wrong = append(r.wrong, err)
			}
		}
		h := hooked{id: q.Header.Get("webhook-id")}
		if err := json.Unmarshal(body, &h); err != nil {
			r.wrong = append(r.wrong, err)
		}
		r.got = append(r.got, h)
		if r.status == http.StatusFound {
			w.Header().Set("Location", r.URL+"/elsewhere")
		}
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

// await gives the n messages that came.
func (r *receiver) await(t *testing.T, n int) []hooked {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r.mu.Lock()
		got, wrong := append([]hooked(nil), r.got...), r.wrong
		r.mu.Unlock()
		if len(wrong) > 0 {
			t.Fatalf("a message that cannot be believed: %v", wrong)
		}
		if len(got) >= n {
			return got
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d messages came, want %d: %+v", len(got), n, got)
		}
	}
}

type webhook struct{ ID, URL, Secret string }

func TestWebhooks(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t, "--webhook-allow", "127.0.0.0/8")
	n := newNative(t, node.URL, "X-Api-Key", node.Key())
	r := newReceiver(t)
	var hook, quiet webhook
	n.must("POST", "/webhooks", object{"url": r.URL + "/hook"}, &hook)
	n.must("POST", "/webhooks", object{"url": r.URL + "/deleted", "events": []string{"transfer.deleted"}}, &quiet)
	n.must("PATCH", "/webhooks/"+quiet.ID, object{"active": false}, nil)
	r.secret = []string{hook.Secret}
	n.must("POST", "/webhooks/"+hook.ID+"/ping", nil, nil)
	if got := r.await(t, 1)[0]; got.Type != "ping" {
		t.Errorf("%+v", got)
	}

	var tr nativeTransfer
	n.must("POST", "/transfers", object{"title": "Isles", "name": "isles", "files": []object{{"name": "a.txt", "size": 5}}}, &tr)
	n.must("PUT", "/files/"+tr.Uploads[0].ID+"/parts/1", []byte("hello"), nil)
	n.must("POST", "/transfers/"+tr.ID+"/finalize", nil, nil)
	n.must("POST", "/transfers/"+tr.ID+"/finalize", nil, nil) // again is no other event
	ready := r.await(t, 2)[1]
	if ready.Type != "transfer.ready" || ready.Data.Transfer.ID != tr.ID || ready.Data.Transfer.Title != "Isles" || ready.Data.Transfer.Key != "" {
		t.Errorf("%+v", ready)
	}
	for range 2 {
		res, err := http.Get(node.URL + "/ferry/v1/links/isles/files/" + tr.Uploads[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	for i, got := range r.await(t, 4)[2:] {
		if got.Type != "transfer.downloaded" || got.Data.Delivery == nil || got.Data.Delivery.Name != "a.txt" || got.Data.Delivery.Size != 5 {
			t.Errorf("download %d: %+v", i, got)
		}
	}

	// A new secret: for a day the former is as good.
	var rotated webhook
	n.must("POST", "/webhooks/"+hook.ID+"/secret", nil, &rotated)
	if rotated.Secret == hook.Secret || !strings.HasPrefix(rotated.Secret, "whsec_") {
		t.Errorf("the new secret: %q", rotated.Secret)
	}
	r.mu.Lock()
	r.secret = []string{hook.Secret, rotated.Secret}
	r.mu.Unlock()
	n.must("DELETE", "/transfers/"+tr.ID, nil, nil)
	if got := r.await(t, 5)[4]; got.Type != "transfer.deleted" || got.Data.Transfer.State != "deleted" {
		t.Errorf("%+v", got)
	}

	// What is not taken comes again, the same: a redirect is not followed. 410 ends it.
	r.mu.Lock()
	r.status = http.StatusFound
	r.mu.Unlock()
	n.must("POST", "/webhooks/"+hook.ID+"/ping", nil, nil)
	first := r.await(t, 6)[5]
	r.mu.Lock()
	r.status = http.StatusGone
	r.mu.Unlock()
	if again := r.await(t, 7)[6]; again.id != first.id || again.Type != "ping" {
		t.Errorf("again: %+v, first %+v", again, first)
	}
	eventually(t, func() error {
		var now struct{ Active bool }
		if n.must("GET", "/webhooks/"+hook.ID, nil, &now); now.Active {
			return fmt.Errorf("it is still active")
		}
		return nil
	})
	if a := n.call("POST", "/webhooks/"+hook.ID+"/ping", nil); a.code() != "webhook_inactive" {
		t.Errorf("a ping of what is switched off: %d %s", a.status, a.body)
	}
	var page struct {
		Items []struct {
			ID, Event string
			Status    int
			Attempts  int
			NextAt    *string `json:"next_at"`
			DoneAt    *string `json:"done_at"`
		}
		Next string
	}
	n.must("GET", "/webhooks/"+hook.ID+"/messages?limit=4", nil, &page)
	if m := page.Items[0]; len(page.Items) != 4 || page.Next == "" || m.Status != http.StatusGone || m.Attempts != 2 || m.NextAt != nil || m.DoneAt != nil {
		t.Errorf("what became of them: %+v", page)
	}
	n.must("GET", "/webhooks/"+hook.ID+"/messages?cursor="+page.Next, nil, &page)
	if len(page.Items) != 2 || page.Items[0].DoneAt == nil {
		t.Errorf("the rest: %+v", page)
	}

	// Others' are as unknown as none.
	node.Ferry("user", "create", "--email", "eve@example.org", "--password", "correct horse battery")
	eve := n.as("X-Api-Key", node.Key("--user", "eve@example.org"))
	for _, path := range []string{"", "/messages"} {
		if a := eve.call("GET", "/webhooks/"+hook.ID+path, nil); a.code() != "webhook_unknown" {
			t.Errorf("another's%s: %d %s", path, a.status, a.body)
		}
	}
	for _, a := range []nativeAnswer{
		eve.call("DELETE", "/webhooks/"+hook.ID, nil), eve.call("PATCH", "/webhooks/"+hook.ID, object{"active": true}),
		eve.call("POST", "/webhooks/"+hook.ID+"/secret", nil), eve.call("POST", "/webhooks/"+hook.ID+"/ping", nil),
	} {
		if a.code() != "webhook_unknown" {
			t.Errorf("another's: %d %s", a.status, a.body)
		}
	}
	n.must("DELETE", "/webhooks/"+hook.ID, nil, nil)
	if a := n.call("GET", "/webhooks/"+hook.ID, nil); a.status != http.StatusNotFound {
		t.Errorf("deleted: %d %s", a.status, a.body)
	}
	for i := range 10 {
		a := n.call("POST", "/webhooks", object{"url": r.URL})
		if want := map[bool]string{true: "too_many_webhooks"}[i == 9]; a.code() != want {
			t.Errorf("webhook %d: %d %s", i, a.status, a.body)
		}
	}
}

// Who names another receiver is not switched off by what the one before still answers.
func TestAWebhookThatMoves(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t, "--webhook-allow", "127.0.0.0/8")
	n := newNative(t, node.URL, "X-Api-Key", node.Key())
	r := newReceiver(t)
	var hook webhook
	moved := make(chan struct{})
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n.call("PATCH", "/webhooks/"+hook.ID, object{"url": r.URL})
		w.WriteHeader(http.StatusGone)
		close(moved)
	}))
	t.Cleanup(old.Close)
	n.must("POST", "/webhooks", object{"url": old.URL}, &hook)
	n.must("POST", "/webhooks/"+hook.ID+"/ping", nil, nil)
	<-moved
	if got := r.await(t, 1)[0]; got.Type != "ping" {
		t.Errorf("%+v", got)
	}
	var now struct{ Active bool }
	if n.must("GET", "/webhooks/"+hook.ID, nil, &now); !now.Active {
		t.Error("it was switched off")
	}
}

// No webhook leads into the network that the server stands in, whatever its name says.
func TestWebhooksStayOutside(t *testing.T) {
	t.Parallel()
	node := testenv.StartFerry(t)
	n := newNative(t, node.URL, "X-Api-Key", node.Key())
	r := newReceiver(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), ":")
	tried := 0
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "2130706433", "0x7f.1", "169.254.169.254", "10.0.0.1", "[fd00::1]", "[64:ff9b::7f00:1]",
	} {
		var hook webhook
		if a := n.call("POST", "/webhooks", object{"url": "http://" + host + ":" + port}); a.status == http.StatusCreated {
			if err := json.Unmarshal(a.body, &hook); err != nil {
				t.Fatal(err)
			}
		} else {
			continue
		}
		n.must("POST", "/webhooks/"+hook.ID+"/ping", nil, nil)
		eventually(t, func() error {
			var page struct {
				Items []struct {
					Attempts int
					Problem  string
				}
			}
			n.must("GET", "/webhooks/"+hook.ID+"/messages", nil, &page)
			if m := page.Items[0]; m.Attempts == 0 {
				return fmt.Errorf("%s: not tried", host)
			} else if m.Problem != "it has no public address" {
				t.Errorf("%s: %q", host, m.Problem)
			}
			return nil
		})
		n.must("DELETE", "/webhooks/"+hook.ID, nil, nil)
		tried++
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) > 0 || tried < 10 {
		t.Errorf("%d messages came, %d addresses were tried", len(r.got), tried)
	}
	for _, bad := range []object{
		{"url": "ftp://example.org"}, {"url": "example.org"}, {"url": "http://a:b@example.org"}, {"url": "https://example.org", "events": []string{"everything"}}, {},
	} {
		if a := n.call("POST", "/webhooks", bad); a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest {
			t.Errorf("%v: %d %s", bad, a.status, a.body)
		}
	}
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
