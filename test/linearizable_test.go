package test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ferry-server/ferry/internal/testenv"
)

var histories = flag.Int("histories", 48, "how many histories TestLinearizable records")

// A linOp is what a client asks for: part n with these bytes, or one of the others.
type linOp struct {
	do   string
	n    int
	data string
}

// A linAnswer is what it learns: "ok", "no", "gone", or "?" where nobody knows.
type linAnswer struct{ is, data string }

// A linState is a transfer of one file with two parts, which clients cut as they like.
type linState struct {
	state string
	parts [2]string
}

const linSize = 8

// whole tells whether the parts are the file, as upload's covers has it.
func (s linState) whole() bool { return s.parts[0] != "" && len(s.parts[0]+s.parts[1]) == linSize }

// next gives the states that may follow an operation with this answer. One whose
// outcome is not known happened, or did not.
func (s linState) next(op linOp, a linAnswer) (all []any) {
	if a.is == "?" {
		all = append(all, s)
	}
	may := func(is string, to linState) {
		if a.is == is || a.is == "?" {
			all = append(all, to)
		}
	}
	switch {
	case op.do == "delete":
		deleted := s
		deleted.state = "deleted"
		may("ok", deleted)
		if s.state == "deleted" {
			may("gone", s)
		}
	case op.do == "get" && (s.state == "ready" || s.state == "complete"):
		if a.data == s.parts[0]+s.parts[1] {
			may("ok", s)
		}
		if s.state == "complete" { // not everybody may see it yet
			may("gone", s)
		}
	case s.state == "deleted" || op.do == "get":
		may("gone", s)
	case op.do == "part" && s.state == "open":
		put := s
		put.parts[op.n-1] = op.data
		may("ok", put)
	case op.do == "complete" && s.state == "open" && s.whole():
		complete := s
		complete.state = "complete"
		may("ok", complete)
	case op.do == "complete" && s.state == "complete":
		may("ok", s)
	case op.do == "complete" && s.state == "ready":
		may("ok", s) // again is fine
	case op.do == "finalize" && (s.state == "complete" || s.state == "ready"):
		ready := s
		ready.state = "ready"
		may("ok", ready)
	case op.do == "part":
		may("gone", s) // its upload is over
	default:
		may("no", s)
	}
	return all
}

var transferModel = (&porcupine.NondeterministicModel{
	Init:  func() []any { return []any{linState{state: "open"}} },
	Step:  func(s, op, a any) []any { return s.(linState).next(op.(linOp), a.(linAnswer)) },
	Equal: func(a, b any) bool { return a == b },
}).ToModel()

// quotaModel is how many of linRoom are taken.
const linRoom = 10

var quotaModel = porcupine.Model{
	Init: func() any { return 0 },
	Step: func(s, op, a any) (bool, any) {
		n := s.(int)
		switch is := a.(linAnswer).is; {
		case op.(linOp).do == "delete":
			return is == "ok", n - 1
		case is == "ok":
			return n < linRoom, n + 1
		}
		return n == linRoom, n
	},
}

// A recorder notes what clients ask for, and when.
type recorder struct {
	began time.Time
	mu    sync.Mutex
	ops   []porcupine.Operation
}

func (r *recorder) do(client int, op linOp, ask func() linAnswer) linAnswer {
	call := time.Since(r.began).Nanoseconds()
	a := ask()
	end := time.Since(r.began).Nanoseconds()
	if a.is == "?" {
		end = math.MaxInt64 // it may still happen
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, porcupine.Operation{ClientId: client, Input: op, Call: call, Output: a, Return: end})
	return a
}

func (r *recorder) text() (s string) {
	for _, o := range r.ops {
		s += fmt.Sprintf("%2d %9d–%9d %+v: %+v\n", o.ClientId, o.Call, min(o.Return, 1e15), o.Input, o.Output)
	}
	return s
}

// answerOf says what a status means to the model.
func answerOf(status int, body []byte, err error) linAnswer {
	switch {
	case status == http.StatusInsufficientStorage:
		return linAnswer{is: "no"}
	case err != nil:
		return linAnswer{is: "?"}
	case status >= 500:
		return linAnswer{is: "failed", data: string(body)} // which no model allows
	case status < 300:
		return linAnswer{is: "ok", data: string(body)}
	case status == http.StatusNotFound || status == http.StatusGone:
		return linAnswer{is: "gone"}
	}
	return linAnswer{is: "no"}
}

// A linClient asks for things of one transfer.
type linClient struct {
	*wt
	sign *s3.PresignClient
	s    *sending
	key  *string // of its file in the bucket
	up   *string // its upload there
}

func (c *linClient) ask(op linOp, cut time.Duration) linAnswer {
	ctx, cancel := context.Background(), func() {}
	method, to, body := "", "", []byte(nil)
	switch op.do {
	case "part":
		signed, err := c.sign.PresignUploadPart(ctx, &s3.UploadPartInput{
			Bucket: aws.String(bucket), Key: c.key, PartNumber: aws.Int32(int32(op.n)), UploadId: c.up,
		})
		if err != nil {
			return linAnswer{is: err.Error()}
		}
		method, to, body = "PUT", signed.URL, []byte(op.data)
		if cut > 0 {
			ctx, cancel = context.WithTimeout(ctx, cut)
		}
	case "get":
		signed, err := c.sign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: c.key})
		if err != nil {
			return linAnswer{is: err.Error()}
		}
		method, to = "GET", signed.URL
	case "delete":
		method, to = "DELETE", c.base+"/ferry/v1/transfers/"+c.s.id
	case "complete", "finalize":
		path := "/v2/transfers/" + c.s.id
		var in io.Reader
		if op.do == "complete" {
			path, in = path+"/files/"+c.s.items[0].id+"/upload-complete", bytes.NewReader([]byte(`{"part_numbers":1}`))
		} else {
			path += "/finalize"
		}
		status, _, err := c.try("PUT", path, in)
		return answerOf(status, nil, err)
	}
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return linAnswer{is: err.Error()}
	}
	if op.do == "delete" {
		req.Header.Set("X-Api-Key", c.wt.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answerOf(0, nil, err)
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if op.do != "get" {
		text = nil
	}
	return answerOf(resp.StatusCode, text, err)
}

// linPlan gives what one client does: mostly what leads to the end, in about its order.
func linPlan(rnd *rand.Rand) (ops []linOp) {
	part := func() linOp {
		n := 1 + rnd.IntN(2)
		data := fmt.Sprintf("%d%03d", n, rnd.IntN(1000))
		if n == 1 && rnd.IntN(12) == 0 {
			data += data // all of the file, which lies beside its row
		}
		return linOp{"part", n, data}
	}
	for range 5 {
		switch k := rnd.IntN(20); {
		case k < 9-len(ops):
			ops = append(ops, part())
		case k < 12:
			ops = append(ops, linOp{do: "complete"})
		case k < 15:
			ops = append(ops, linOp{do: "finalize"})
		case k < 19:
			ops = append(ops, linOp{do: "get"})
		default:
			ops = append(ops, linOp{do: "delete"})
		}
	}
	return ops
}

// linCheck tells whether a history can have happened one after the other.
func linCheck(m porcupine.Model, ops []porcupine.Operation) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(m, ops, 30*time.Second)
}

// TestLinearizable records what 24 clients ask for at once and are told, six of them of
// one transfer, and looks whether it can have happened in some order, one after the other.
func TestLinearizable(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	rnd := random(t)
	c := filemail(t, node, "sender@example.org")
	api, err := authorize(node.URL, c.key, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.http.CloseIdleConnections)
	access, secret := s3Credentials(t, node, c.key)
	sign := s3.NewPresignClient(awsClient(node, access, secret))

	const together, clients = 4, 6
	seeds := make([]uint64, *histories)
	for i := range seeds {
		seeds[i] = rnd.Uint64()
	}
	var mu sync.Mutex
	answers := map[string]int{}
	var recorded [][]porcupine.Operation
	err = atOnce(together, len(seeds), func(i int) error {
		s, err := transferV2.begin(api, content{"a.bin", linSize, 1})
		if err != nil {
			return err
		}
		shown, err := s.items[0].url(1)
		if err != nil {
			return err
		}
		u, err := url.Parse(shown)
		if err != nil {
			return err
		}
		key := strings.TrimPrefix(u.Path, "/s3/"+bucket+"/")
		lc := &linClient{api, sign, s, &key, aws.String(u.Query().Get("uploadId"))}
		r := &recorder{began: time.Now()}
		var wg sync.WaitGroup
		for k := range clients {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(seeds[i], uint64(k)))
				for _, op := range linPlan(rnd) {
					cut := time.Duration(0)
					if rnd.IntN(8) == 0 {
						cut = time.Duration(1+rnd.IntN(15)) * time.Millisecond
					}
					a := r.do(k, op, func() linAnswer { return lc.ask(op, cut) })
					mu.Lock()
					answers[op.do+" "+a.is]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if got := linCheck(transferModel, r.ops); got != porcupine.Ok {
			return fmt.Errorf("history %d: %s\n%s", i, got, r.text())
		}
		mu.Lock()
		defer mu.Unlock()
		recorded = append(recorded, r.ops)
		return nil
	})
	t.Log(answers)
	if err != nil {
		t.Fatal(err)
	}
	for _, must := range []string{"part ok", "complete ok", "finalize ok", "get ok", "delete ok", "part gone", "get gone"} {
		if answers[must] == 0 {
			t.Errorf("no history has %q", must)
		}
	}
	changed := 0
	for _, ops := range recorded {
		for i, o := range ops {
			if a := o.Output.(linAnswer); o.Input.(linOp).do == "get" && a.is == "ok" {
				ops[i].Output = linAnswer{"ok", a.data[:linSize-1] + "x"}
				changed++
				if linCheck(transferModel, ops) != porcupine.Illegal {
					t.Error("other bytes than were sent pass for right")
				}
				break
			}
		}
	}
	t.Logf("%d histories, of which %d were spoilt and found", len(recorded), changed)
}

// TestQuotaIsLinearizable: 24 clients make transfers and delete them, where there is room
// for ten.
func TestQuotaIsLinearizable(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	node.Ferry("plan", "set", "ten", "--name", "ten", "--api", "--storage", "10MB")
	node.Ferry("user", "create", "--email", "q@example.org", "--password", "a long-enough phrase", "--plan", "ten")
	c, err := authorize(node.URL, node.Key("--user", "q@example.org"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	r := &recorder{began: time.Now()}
	count := map[string]int{}
	lc := &linClient{wt: c}
	if err := atOnce(24, 24, func(k int) error {
		for range 6 {
			var s *sending
			var err error
			a := r.do(k, linOp{do: "create"}, func() linAnswer {
				s, err = transferV2.begin(c, content{"a.bin", 1_000_000, 1})
				if err != nil {
					return answerOf(statusOf(err), nil, nil)
				}
				return linAnswer{is: "ok"}
			})
			if s == nil && a.is != "no" {
				return err
			}
			if s != nil {
				one := &linClient{wt: lc.wt, s: s}
				r.do(k, linOp{do: "delete"}, func() linAnswer { return one.ask(linOp{do: "delete"}, 0) })
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, o := range r.ops {
		count[o.Input.(linOp).do+" "+o.Output.(linAnswer).is]++
	}
	t.Log(count)
	if got := linCheck(quotaModel, r.ops); got != porcupine.Ok {
		t.Errorf("%s\n%s", got, r.text())
	}
	if count["create no"] == 0 {
		t.Error("there was always room")
	}
	for i, o := range r.ops {
		if o.Input.(linOp).do == "create" && o.Output.(linAnswer).is == "no" {
			r.ops[i].Call, r.ops[i].Return = -2, -1 // before anything was made
			break
		}
	}
	if linCheck(quotaModel, r.ops) == porcupine.Ok {
		t.Error("a refusal while all was free passes for right")
	}
}
