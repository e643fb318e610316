package native

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// A stream looks at its transfer so often, whichever node the change came to, and says
// something at least so often, so that nothing on the way takes it for dead.
const (
	look      = time.Second
	heartbeat = 15 * time.Second
)

// streamsOf is how many streams one transfer may have at a node.
const streamsOf = 16

// streams counts those that are open.
type streams struct {
	mu sync.Mutex
	of map[share.Key]int
}

func newStreams() *streams { return &streams{of: map[share.Key]int{}} }

func (s *streams) enter(k share.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[k] >= streamsOf {
		return false
	}
	s.of[k]++
	return true
}

func (s *streams) leave(k share.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[k]--; s.of[k] == 0 {
		delete(s.of, k)
	}
}

type progressBody struct {
	Transfer  share.ID `json:"transfer"`
	State     string   `json:"state"`
	Size      int64    `json:"size"`
	Received  int64    `json:"received"`
	OpenFiles int      `json:"open_files"`
	Downloads int      `json:"downloads"`
}

// events tells what happens to a transfer until it ends, or the client goes.
func (h *Handler) events(c *call) (any, error) {
	t, err := h.holder(c)
	if err != nil {
		return nil, err
	}
	if !h.streams.enter(t.Key) {
		return nil, fault.New(fault.Throttled, "too_many_streams", "the transfer is watched by %d others", streamsOf)
	}
	defer h.streams.leave(t.Key)
	head := c.w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("X-Accel-Buffering", "no") // nginx
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return answered, nil
	}
	out, flush := wire.PacedOut(c.w), http.NewResponseController(c.w)
	say := func(event string, v any) error {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "event: %s\ndata: %s\n\n", event, text); err != nil {
			return err
		}
		return flush.Flush()
	}
	// What is looked at is as much as there are files.
	pace := look * time.Duration(1+t.Files/1000)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	var said progressBody
	quiet, state := time.Duration(0), ""
	for {
		now, err := h.progress(c, t)
		if err != nil {
			return answered, nil // the client asks again, and is told then
		}
		if s := h.state(t); s != state {
			state = s
			if err := say("transfer", h.body(t)); err != nil {
				return answered, nil
			}
		}
		if now != said {
			said, quiet = now, 0
			if err := say("progress", now); err != nil {
				return answered, nil
			}
		}
		if t.Alive(h.Now()) != nil {
			return answered, nil
		}
		if quiet += pace; quiet >= heartbeat {
			quiet = 0
			if _, err := out.Write([]byte(": still here\n\n")); err != nil || flush.Flush() != nil {
				return answered, nil
			}
		}
		select {
		case <-c.ctx().Done():
			return answered, nil
		case <-wire.Draining(c.ctx()):
			return answered, nil // the client asks the next server: this one waits for it
		case <-tick.C:
		}
		if t, err = h.still(c, t.ID); err != nil {
			return answered, nil
		}
	}
}

// still is holder for a call that goes on: whoever is signed out meanwhile, or loses the
// key, is told no more.
func (h *Handler) still(c *call, tid share.ID) (*transfer.Transfer, error) {
	if c.by != nil {
		who, err := c.by()
		if err != nil && (c.key == "" || fault.KindOf(err) != fault.Unauthenticated) {
			return nil, err
		}
		c.who = who // nobody, where the transfer's key has to do
	}
	return h.Desk.Holder(c.ctx(), c.asker(), c.key, tid)
}

// progress sums what is acknowledged of a transfer that is being filled.
func (h *Handler) progress(c *call, t *transfer.Transfer) (progressBody, error) {
	p := progressBody{t.ID, h.state(t), t.Size, t.Size, t.OpenFiles, t.Downloads}
	if t.OpenFiles == 0 {
		return p, nil
	}
	p.Received = 0
	return p, h.Uploads.Files(c.ctx(), &t.Share, func(f *upload.File) error {
		if f.State != upload.Deleted {
			p.Received += f.Got
		}
		return nil
	})
}
