// Package client speaks Ferry's own API, /ferry/v1: it sends files and fetches them, in
// parallel parts, and goes on with what was cut off.
//
// Upload makes a transfer of files and fills it; Open shows what a link opens, and Save
// fetches it to a directory. Both may be killed at any moment and called again: what the
// server has acknowledged is not sent again, and what has arrived is not fetched again.
// What comes from a pipe is sent as it comes, and goes on over anything but that.
// Below them is one method for each call of the API (see api.go), whose contract every
// server tells at /ferry/v1/openapi.json. The package stands alone: it imports nothing
// of Ferry's.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Client calls one server. Its fields may be changed before its first call; after that
// it is safe for concurrent use.
type Client struct {
	// HTTP makes the requests. New gives one that keeps a connection for each part that
	// is under way.
	HTTP *http.Client
	// UserAgent is how the program names itself.
	UserAgent string
	// Parallel is how many parts are under way at the same time; 0: 4.
	Parallel int
	// Retries is how often a request is made again that failed for a reason which may
	// pass, while nothing else succeeds: a cut connection, a server that restarts, 429.
	// The waits between grow to 30 seconds. 0: 10; negative: never.
	Retries int
	// Rate limits the bytes of files in a second, both ways; 0: no limit.
	Rate int64
	// Waiting, if it is set, is told before each wait what has gone wrong and how long
	// the wait is. It may be called from several goroutines at once.
	Waiting func(err error, wait time.Duration)

	server string
	key    string
	sleep  func(context.Context, time.Duration) error
	pacer  pacer
}

// New makes a client of the server at a base URL, such as https://ferry.example.org. The
// key is an API key; it is empty for who only fetches, or sends as a guest.
func New(server, key string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%q is no base URL of a server, such as https://ferry.example.org", server)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// One HTTP/2 connection would carry all parts, and be slower than several are.
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	transport.MaxIdleConnsPerHost = 64
	transport.DisableCompression = true // ranges count the bytes of the file
	// A link with a limit of downloads knows its readers again by a cookie.
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &Client{
		HTTP: &http.Client{Transport: transport, Jar: jar}, UserAgent: "ferry-client/1",
		server: strings.TrimRight(u.String(), "/"), key: key, sleep: sleep,
	}, nil
}

// Server gives the base URL, without a slash at the end.
func (c *Client) Server() string { return c.server }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

func (c *Client) parallel() int {
	if c.Parallel <= 0 {
		return 4
	}
	return c.Parallel
}

// An Error is a server's refusal.
type Error struct {
	Status int     // of HTTP
	Code   string  // the rule that was broken, as the API's contract has it; may be empty
	Title  string  // for people
	Fields []Field // wrong inputs
	Wait   time.Duration
}

// A Field is one wrong input.
type Field struct{ Name, Code, Message string }

func (e *Error) Error() string {
	s := e.Title
	if s == "" {
		s = fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
	}
	for _, f := range e.Fields {
		if said := f.Name + " " + f.Message; said != s {
			s += "; " + said
		}
	}
	return s
}

// IsCode reports whether err is a server's refusal for breaking the rule code.
func IsCode(err error, code string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// Temporary reports whether err may be gone if the same is tried later: the network, a
// server that is down or has too much to do.
func Temporary(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		switch e.Status {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusTooEarly, http.StatusLocked, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	if errors.Is(err, errStalled) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return !errors.Is(u.Err, context.Canceled) && !permanent(u.Err)
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// A call is one request.
type call struct {
	method, path string // the path from the server's base URL
	header       http.Header
	in           any         // JSON, if it is set
	body         func() body // bytes of a file, if it is set; made anew for each try
	out          any         // JSON
}

// A body is sent with its length, so that a short file is seen here.
type body struct {
	io.Reader
	size int64
}

const mostJSON = 64 << 20

// once makes a request a single time. The caller closes the answer's body, which is
// there if there is no error.
func (c *Client) once(ctx context.Context, q call) (*http.Response, error) {
	var in io.Reader
	size := int64(0)
	if q.in != nil {
		text, err := json.Marshal(q.in)
		if err != nil {
			return nil, err
		}
		in, size = bytes.NewReader(text), int64(len(text))
	} else if q.body != nil {
		b := q.body()
		in, size = b.Reader, b.size
	}
	if size == 0 {
		in = http.NoBody
	}
	r, err := http.NewRequestWithContext(ctx, q.method, c.server+q.path, in)
	if err != nil {
		return nil, err
	}
	r.ContentLength = size
	if q.header != nil {
		r.Header = q.header.Clone()
	}
	r.Header.Set("User-Agent", c.UserAgent)
	if q.in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := c.HTTP.Do(r)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause // a stall says more than that the request was cancelled
		}
		return nil, err
	}
	if res.StatusCode >= 300 {
		defer func() { _ = res.Body.Close() }()
		return nil, refusal(res)
	}
	return res, nil
}

// refusal reads problem details (RFC 9457), or makes them of the status.
func refusal(res *http.Response) error {
	e := &Error{Status: res.StatusCode}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	var p struct {
		Title, Code string
		Fields      []Field
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") && json.Unmarshal(text, &p) == nil {
		e.Title, e.Code, e.Fields = p.Title, p.Code, p.Fields
	}
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n >= 0 {
		e.Wait = time.Duration(min(n, 3600)) * time.Second
	}
	return e
}

// do makes a request whose answer is JSON, and makes it again where that helps.
func (c *Client) do(ctx context.Context, q call) error {
	return c.again(ctx, nil, func(ctx context.Context) error { return c.doOnce(ctx, q) })
}

func (c *Client) doOnce(ctx context.Context, q call) error {
	ctx, w := watch(ctx)
	defer w.stop()
	res, err := c.once(ctx, q)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, mostJSON))
	if err != nil || q.out == nil {
		return err
	}
	if err := json.Unmarshal(text, q.out); err != nil {
		return fmt.Errorf("%s is not the address of a Ferry server: %w", c.server, err)
	}
	return nil
}

// A progress is shared by requests that do one thing together: where one of them gets
// on, none of them gives up.
type progress interface{ count() int64 }

// again does what may fail for reasons that pass.
func (c *Client) again(ctx context.Context, p progress, do func(context.Context) error) error {
	retries := c.Retries
	if retries == 0 {
		retries = 10
	}
	seen := int64(0)
	for try := 0; ; try++ {
		err := do(ctx)
		if err == nil || ctx.Err() != nil || !Temporary(err) {
			return err
		}
		if p != nil {
			if n := p.count(); n != seen {
				seen, try = n, 0
			}
		}
		if try >= retries {
			return err
		}
		wait := min(500*time.Millisecond<<min(try, 10), 30*time.Second)
		wait = wait/2 + rand.N(wait/2+1) // so that a restarted server does not meet all at once
		if e, ok := errors.AsType[*Error](err); ok && e.Wait > 0 {
			wait = e.Wait
		}
		if c.Waiting != nil {
			c.Waiting(err, wait)
		}
		if err := c.sleep(ctx, wait); err != nil {
			return err
		}
	}
}
