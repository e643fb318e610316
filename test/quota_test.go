package test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// Of a hundred that come at once where there is room for ten, ten are let in, whichever
// API they speak, and the room of those that go is there again.
func TestQuota(t *testing.T) {
	onEngines(t, func(t *testing.T, node *testenv.Node) {
		node.Ferry("plan", "set", "ten", "--name", "ten", "--api", "--storage", "10MB")
		person := func(email string) string {
			node.Ferry("user", "create", "--email", email, "--password", "a long-enough phrase", "--plan", "ten")
			return node.Key("--user", email)
		}
		const many, room, size = 100, 10, 1_000_000

		t.Run("WeTransfer", func(t *testing.T) {
			c, err := authorize(node.URL, person("w@example.org"), "")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.http.CloseIdleConnections)
			var made []*sending
			var mu sync.Mutex
			statuses := map[int]int{}
			_ = atOnce(many, many, func(i int) error {
				s, err := transferV2.begin(c, content{fmt.Sprintf("%d.bin", i), size, uint64(i)})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made = append(made, s)
				} else {
					statuses[statusOf(err)]++
				}
				return nil
			})
			if len(made) != room || len(statuses) != 1 {
				t.Fatalf("%d were made; refused: %v", len(made), statuses)
			}
			for _, s := range made {
				if err := s.send(); err != nil {
					t.Fatal(err)
				}
				s.check(t)
			}
		})
		t.Run("Filemail", func(t *testing.T) {
			c := newFM(node.URL, person("f@example.org"))
			t.Cleanup(c.http.CloseIdleConnections)
			tr, err := c.begin(map[string]any{"subject": "ten"})
			if err != nil {
				t.Fatal(err)
			}
			var let, full atomic.Int64
			if err := atOnce(many, many, func(i int) error {
				f := chunked{content{fmt.Sprintf("%d.bin", i), size, uint64(i)}, size}
				status, a, err := c.post(tr, f.query(tr, 0), f.bytes(0, size))
				switch {
				case err != nil:
					return err
				case status == http.StatusOK:
					let.Add(1)
				case a.ResponseStatus == "StorageCapReached":
					full.Add(1)
				default:
					return fmt.Errorf("%d %s", status, a.ResponseStatus)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if let.Load() != room || full.Load() != many-room {
				t.Errorf("%d files were let in, %d refused", let.Load(), full.Load())
			}
			if _, err := c.complete(tr); err != nil { // those that were refused do not keep it from that
				t.Fatal(err)
			}
			if d, err := c.details(tr.TransferID); err != nil || len(d.Files) != room {
				t.Errorf("%d files, %v", len(d.Files), err)
			}
			if err := c.call("DELETE", "/transfer/"+tr.TransferID, nil, nil); err != nil {
				t.Fatal(err)
			}
		})
	})
}
