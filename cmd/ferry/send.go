package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/ferry-server/ferry/client"
)

// remote is the server that a command speaks to.
type remote struct {
	Server   string `help:"Address of the server; or FERRY_SERVER." placeholder:"URL"`
	Key      string `help:"API key; or FERRY_KEY, which others cannot see." placeholder:"KEY"`
	Parallel int    `help:"How many parts go at once." default:"4"`
	Rate     size   `help:"Bytes a second, at most; 0: no limit." default:"0" placeholder:"SIZE"`
	Quiet    bool   `short:"q" help:"Show no progress."`
	JSON     bool   `name:"json" help:"Print the result as JSON."`
}

// serverVariable and keyVariable are what clients take from the environment. They are no
// settings of the server.
const (
	serverVariable = "FERRY_SERVER"
	keyVariable    = "FERRY_KEY"
)

func (p *program) variable(name string) string {
	for _, pair := range slices.Backward(p.env) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// peoples marks commands whose files are their user's, with the modes that they want.
func (r *remote) peoples() {}

// fill takes from the environment what the command line does not say.
func (r *remote) fill(p *program) {
	r.Server = cmp.Or(r.Server, p.variable(serverVariable))
	r.Key = cmp.Or(r.Key, p.variable(keyVariable))
}

func (r *remote) dial(server string, show *meter) (*client.Client, error) {
	if server == "" {
		return nil, &usageError{[]string{"--server: is needed; or " + serverVariable}}
	}
	if r.Parallel < 1 || r.Parallel > 64 {
		return nil, &usageError{[]string{"--parallel: must be between 1 and 64"}}
	}
	c, err := client.New(server, r.Key)
	if err != nil {
		return nil, &usageError{[]string{"--server: " + err.Error()}}
	}
	c.UserAgent = "ferry/" + version()
	c.Parallel, c.Rate, c.Waiting = r.Parallel, int64(r.Rate), show.waiting
	return c, nil
}

type sendCommand struct {
	remote
	Files     []string `arg:"" name:"file" help:"Files and folders; - is standard input: it is sent as it comes, and a send that was killed cannot go on with it."`
	To        []string `help:"Write to this address; again for more." placeholder:"ADDRESS" sep:","`
	Title     string   `help:"What recipients see it as."`
	Message   string   `help:"A message to recipients."`
	Password  string   `help:"A password that is asked for."`
	Expires   string   `help:"How long it can be fetched: 12d, 2w, never. Else as your plan says." placeholder:"TIME"`
	Downloads int      `help:"How often it can be fetched; 0: no limit." default:"0"`
	Name      string   `help:"A name of your choice for the link."`
	Live      bool     `help:"Let people begin to fetch while it is sent; print the link at once. Standard input can be fetched when it has ended."`
	As        string   `help:"What standard input is called." default:"stdin"`
}

func (c *sendCommand) Run(ctx context.Context, p *program) error {
	show := newMeter(p.stderr, c.Quiet)
	defer show.end()
	c.fill(p)
	cl, err := c.dial(c.Server, show)
	if err != nil {
		return err
	}
	days, err := parseDays(c.Expires)
	if err != nil {
		return &usageError{[]string{"--expires: " + err.Error()}}
	}
	sources, err := c.sources(os.Stdin)
	if err != nil {
		return err
	}
	t := client.NewTransfer{
		Title: c.Title, Message: c.Message, To: c.To, Password: c.Password, Days: days, MaxDownloads: c.Downloads, Name: c.Name,
		Live: c.Live,
	}
	if streams(sources) { // nobody can go on with it: it is taken back
		var stop func()
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // who asks again does not wait
	}
	state, err := openSending(p, cl.Server(), c.Key, t, sources)
	if err != nil {
		return err
	}
	show.total(sources)
	made, told := false, c.Live && !c.JSON
	sent, err := cl.Upload(ctx, t, plain(sources), client.UploadOptions{
		IdempotencyKey: state.key, Progress: show.progress,
		Made: func(t *client.Transfer) {
			if made = true; told {
				_ = c.print(p.stdout, t)
			}
		},
	})
	if err != nil {
		if over(err) || !made && !client.Temporary(err) { // there is nothing to go on with
			state.forget()
		}
		return err
	}
	show.end()
	state.forget()
	if told {
		return nil
	}
	return c.print(p.stdout, sent)
}

// over tells whether the transfer that was begun is not there to be gone on with: the
// server knows it no more, or it is another's.
func over(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && (e.Status == http.StatusNotFound || e.Status == http.StatusGone || e.Status == http.StatusConflict)
}

func (c *sendCommand) print(out io.Writer, t *client.Transfer) error {
	if !c.JSON {
		_, err := fmt.Fprintln(out, t.Link)
		return err
	}
	return json.NewEncoder(out).Encode(map[string]any{
		"id": t.ID, "link": t.Link, "files": t.Files, "size": t.Size, "expires_at": t.ExpiresAt,
	})
}

// parseDays reads how long a transfer lives; nil: not said.
func parseDays(s string) (*int, error) {
	if s == "" {
		return nil, nil
	}
	if s == "never" {
		return new(-1), nil
	}
	unit := 1
	number, ok := strings.CutSuffix(s, "d")
	if !ok {
		if number, ok = strings.CutSuffix(s, "w"); ok {
			unit = 7
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 36500/unit {
		return nil, errors.New("must be days or weeks, such as 7d or 2w, or never")
	}
	return new(n * unit), nil
}

// A local is a file to send, and what it is known again by.
type local struct {
	client.Source
	seen string // path, size and time; nothing of standard input, which is never the same
}

// streams tells whether something comes from standard input.
func streams(all []local) bool {
	return slices.ContainsFunc(all, func(l local) bool { return l.Stream != nil })
}

func plain(all []local) (out []client.Source) {
	for _, l := range all {
		out = append(out, l.Source)
	}
	return out
}

// sources finds what to send.
func (c *sendCommand) sources(stdin io.Reader) (all []local, err error) {
	names := map[string]bool{}
	take := func(name string) error {
		if names[name] {
			return fmt.Errorf("two files would be called %s", name)
		}
		names[name] = true
		return nil
	}
	add := func(at, name string) error {
		s, err := client.FileSource(at, name)
		if err != nil {
			return err
		}
		if err := take(name); err != nil {
			return err
		}
		abs, err := filepath.Abs(at)
		if err != nil {
			return err
		}
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		all = append(all, local{s, fmt.Sprintf("%s\x00%s\x00%d\x00%d", abs, name, info.Size(), info.ModTime().UnixNano())})
		return nil
	}
	for _, arg := range c.Files {
		if arg == "-" {
			if err := take(c.As); err != nil {
				return nil, err
			}
			all = append(all, local{Source: client.Source{Name: c.As, Stream: stdin}})
			continue
		}
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		abs, err := filepath.Abs(arg) // of "." too
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			if err := add(arg, filepath.Base(abs)); err != nil {
				return nil, err
			}
			continue
		}
		err = filepath.WalkDir(arg, func(at string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if !d.Type().IsRegular() {
				return nil // links and devices of a folder are left out
			}
			rel, err := filepath.Rel(arg, at)
			if err != nil {
				return err
			}
			return add(at, path.Join(filepath.Base(abs), filepath.ToSlash(rel)))
		})
		if err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there are no files to send")
	}
	return all, nil
}

// A sending is one that the same command goes on with after it was killed: a file with a
// random key, named by what is sent where.
type sending struct {
	file, key string
}

func openSending(p *program, server, key string, t client.NewTransfer, sources []local) (*sending, error) {
	home := p.variable("XDG_STATE_HOME")
	if home == "" {
		if user := p.variable("HOME"); user != "" {
			home = filepath.Join(user, ".local", "state")
		}
	}
	s := &sending{key: rand.Text() + rand.Text()}
	if home == "" || streams(sources) {
		return s, nil // nowhere to remember it, or nothing to go on with
	}
	what, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s\x00%s\x00%s", server, key, what)
	for _, l := range sources {
		_, _ = fmt.Fprintf(sum, "\x00%s", l.seen)
	}
	folder := filepath.Join(home, "ferry", "sending")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	s.file = filepath.Join(folder, hex.EncodeToString(sum.Sum(nil)[:16]))
	if text, err := os.ReadFile(s.file); err == nil && len(text) == len(s.key) {
		s.key = string(text)
		return s, nil
	}
	return s, os.WriteFile(s.file, []byte(s.key), 0o600)
}

func (s *sending) forget() {
	if s.file != "" {
		_ = os.Remove(s.file)
	}
}
