package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Link is what a link opens.
type Link struct {
	Link          string     `json:"link"`
	Title         string     `json:"title"`
	Message       string     `json:"message"`
	From          string     `json:"from"`
	Locked        bool       `json:"locked"` // a password is needed: there are no files here yet
	Size          int64      `json:"size"`   // bytes of all files
	Files         []LinkFile `json:"files"`
	Next          string     `json:"next"`
	ZipURL        string     `json:"zip_url"`
	ZipSize       int64      `json:"zip_size"`
	ExpiresAt     *time.Time `json:"expires_at"`     // nil: never
	DownloadsLeft *int       `json:"downloads_left"` // nil: no limit

	c    *Client
	name string
	pass string
}

// A LinkFile is one file of a link. Its name has slashes between folders, and is as the
// server shows it: no two are alike, and none leads out of a folder.
type LinkFile struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Size  int64  `json:"size"`
	CRC32 string `json:"crc32"` // 8 hex digits; empty while it is coming in
	URL   string `json:"url"`

	// Arriving is set of a file that is coming in, and can be fetched all the same.
	Arriving bool `json:"arriving"`
}

// SplitLink gives the server's base URL and the name of a link as people are given it.
func SplitLink(link string) (server, name string, err error) {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", "", fmt.Errorf("%q is no link", link)
	}
	steps := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch n := len(steps); {
	case n >= 2 && slices.Contains([]string{"d", "t", "to"}, steps[n-2]):
	case n >= 1 && len(steps[n-1]) > 2 && slices.Contains([]string{"t-", "b-", "s-"}, steps[n-1][:2]):
		n--
		return u.Scheme + "://" + u.Host + prefixed(steps[:n]), steps[n], nil
	default:
		return "", "", fmt.Errorf("%q is no link of Ferry's", link)
	}
	n := len(steps)
	return u.Scheme + "://" + u.Host + prefixed(steps[:n-2]), steps[n-1], nil
}

func prefixed(steps []string) string {
	if len(steps) == 0 {
		return ""
	}
	return "/" + strings.Join(steps, "/")
}

// Open finds what a link opens, all its files. The name is the last part of the link; the
// password is empty where there is none. A wrong one is an Error with the code
// "password_wrong", a missing one with "password_required".
func (c *Client) Open(ctx context.Context, name, password string) (*Link, error) {
	at := root + "/links/" + url.PathEscape(name)
	l := &Link{c: c}
	if password != "" {
		var out struct{ Pass string }
		if err := c.do(ctx, call{method: "POST", path: at + "/unlock", in: map[string]string{"password": password}, out: &out}); err != nil {
			return nil, err
		}
		l.pass = out.Pass
	}
	l.name = name
	for cursor := ""; ; {
		page, err := l.page(ctx, cursor)
		if err != nil {
			return nil, err
		}
		if page.Locked {
			return nil, &Error{Status: http.StatusForbidden, Code: "password_required", Title: "a password is needed"}
		}
		all := append(l.Files, page.Files...)
		pass := l.pass
		*l = page
		l.c, l.name, l.pass, l.Files = c, name, pass, all
		if cursor = page.Next; cursor == "" {
			return l, nil
		}
	}
}

// page gives what the link shows from a place on.
func (l *Link) page(ctx context.Context, cursor string) (page Link, err error) {
	q := "?limit=1000"
	if cursor != "" {
		q += "&cursor=" + url.QueryEscape(cursor)
	}
	err = l.c.do(ctx, call{method: "GET", path: root + "/links/" + url.PathEscape(l.name) + q, header: l.header(), out: &page})
	return page, err
}

func (l *Link) header() http.Header {
	h := http.Header{}
	if l.pass != "" {
		h.Set("Ferry-Link-Pass", l.pass)
	}
	return h
}

// sumOf gives the CRC-32 of a file that was coming in when the link was opened, once all of
// it is there.
func (l *Link) sumOf(ctx context.Context, f *LinkFile) (string, error) {
	for cursor := ""; f.CRC32 == ""; {
		now, err := l.page(ctx, cursor)
		if err != nil {
			return "", err
		}
		if i := slices.IndexFunc(now.Files, func(g LinkFile) bool { return g.ID == f.ID }); i >= 0 {
			f.CRC32, now.Next = now.Files[i].CRC32, ""
		}
		if cursor = now.Next; cursor == "" && f.CRC32 == "" {
			if err := l.c.sleep(ctx, 500*time.Millisecond); err != nil {
				return "", err
			}
		}
	}
	return f.CRC32, nil
}

// path gives where the bytes of a file are, from the server's base URL.
func (l *Link) path(f *LinkFile) (string, error) {
	at, ok := strings.CutPrefix(f.URL, l.c.server)
	if !ok {
		u, err := url.Parse(f.URL) // the server has another name for itself than we have
		if err != nil {
			return "", err
		}
		at = u.RequestURI()
	}
	return at, nil
}

// SaveOptions are how files are fetched.
type SaveOptions struct {
	// Overwrite replaces files that are there already. Without it they are an error, but
	// for those that have the very bytes: they are done.
	Overwrite bool
	// Progress, if it is set, is told of each step, one at a time.
	Progress func(Progress)
}

// pieceSize is how much one request fetches: as much is fetched again, at most, of each
// request that was under way when the program was killed.
const pieceSize = 8 << 20

// partName is what a file is called until it is whole, and noteName where it is kept what
// has arrived.
const (
	partName = ".ferry-part"
	noteName = ".ferry-note"
)

// A note is what has arrived of a file, for a call that comes later.
type note struct {
	Size  int64
	CRC32 string
	ETag  string
	Have  []int // pieces, from 0
}

// Save fetches files of the link to a directory, with their folders. It does not leave
// it, whatever the files are called. A call after one that was killed goes on with what
// is there; each file is compared with its CRC-32 before it gets its name.
func (l *Link) Save(ctx context.Context, dir *os.Root, files []LinkFile, o SaveOptions) error {
	s := &saving{l: l, dir: dir, o: o}
	var work []piece
	for i := range files {
		t := &target{LinkFile: files[i], s: s}
		if err := t.prepare(); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		s.state.Done += t.arrived()
		if t.done {
			s.state.Files++
			continue
		}
		defer t.close()
		for n := range t.pieces() {
			if !slices.Contains(t.note.Have, n) {
				work = append(work, piece{t, n})
			}
		}
	}
	s.report("")
	// The first is fetched alone: with it the server learns who we are, so that all others
	// count as the same download.
	first := min(len(work), 1)
	for _, some := range [][]piece{work[:first], work[first:]} {
		if len(some) == 0 {
			continue
		}
		err := inParallel(ctx, min(l.c.parallel(), len(some)), slices.Values(some), func(ctx context.Context, p piece) error {
			if err := p.fetch(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A saving is one call of Save.
type saving struct {
	l   *Link
	dir *os.Root
	o   SaveOptions

	moved atomic.Int64 // requests that brought something
	mu    sync.Mutex
	state Progress
}

func (s *saving) count() int64 { return s.moved.Load() }

func (s *saving) report(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Name = name
	if s.o.Progress != nil {
		s.o.Progress(s.state)
	}
}

// A target is a file that is fetched.
type target struct {
	LinkFile
	s    *saving
	file *os.File
	done bool

	mu   sync.Mutex
	note note
}

type piece struct {
	*target
	n int
}

func (t *target) pieces() int { return max(1, int((t.Size+pieceSize-1)/pieceSize)) }

func (t *target) length(n int) int64 { return min(pieceSize, t.Size-int64(n)*pieceSize) }

func (t *target) arrived() (n int64) {
	if t.done {
		return t.Size
	}
	for _, p := range t.note.Have {
		n += t.length(p)
	}
	return n
}

// prepare opens the file that bytes go to, and finds what has arrived of it.
func (t *target) prepare() error {
	if !fs.ValidPath(t.Name) || t.Name == "." {
		return errors.New("is no name that a file can have here")
	}
	if was, err := t.s.dir.Lstat(t.Name); err == nil && !t.s.o.Overwrite {
		if was.Mode().IsRegular() && was.Size() == t.Size {
			if sum, err := t.sum(t.Name); err == nil && sum == t.CRC32 {
				t.done = true
				return nil
			}
		}
		return errors.New("is there already, and is another file")
	}
	if dir := path.Dir(t.Name); dir != "." {
		if err := t.s.dir.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	t.note = note{Size: t.Size, CRC32: t.CRC32}
	if text, err := t.s.dir.ReadFile(t.Name + noteName); err == nil {
		var was note
		if json.Unmarshal(text, &was) == nil && was.Size == t.Size && (was.CRC32 == t.CRC32 || was.CRC32 == "" || t.CRC32 == "") &&
			!slices.ContainsFunc(was.Have, func(n int) bool { return n < 0 || n >= t.pieces() }) {
			slices.Sort(was.Have)
			was.Have = slices.Compact(was.Have)
			t.note = was
		}
	}
	flags := os.O_RDWR | os.O_CREATE
	if len(t.note.Have) == 0 {
		flags |= os.O_TRUNC
	}
	f, err := t.s.dir.OpenFile(t.Name+partName, flags, 0o666)
	if err != nil {
		return err
	}
	if now, err := f.Stat(); err != nil || !now.Mode().IsRegular() {
		_ = f.Close()
		return errors.New("cannot be written here")
	} else if now.Size() < t.arrived() {
		t.note.Have = nil // somebody has taken it away
	}
	t.file = f
	return nil
}

func (t *target) close() { _ = t.file.Close() }

func (t *target) sum(name string) (string, error) {
	f, err := t.s.dir.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := crc32.NewIEEE()
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%08x", sum.Sum32()), nil
}

// fetch brings one piece. What was cut goes on where it was.
func (p piece) fetch(ctx context.Context) error {
	got := int64(0)
	err := p.s.l.c.again(ctx, p.s, func(ctx context.Context) error { return p.fetchRest(ctx, &got) })
	if err != nil {
		return err
	}
	return p.keep(ctx, p.n)
}

func (p piece) fetchRest(ctx context.Context, got *int64) error {
	c, from, length := p.s.l.c, int64(p.n)*pieceSize, p.length(p.n)
	if *got == length && length > 0 {
		return nil
	}
	ctx, w := watch(ctx)
	defer w.stop()
	at, err := p.s.l.path(&p.LinkFile)
	if err != nil {
		return err
	}
	h := p.s.l.header()
	ranged := from+*got > 0 || length < p.Size
	p.mu.Lock()
	tag := p.note.ETag
	p.mu.Unlock()
	if ranged {
		h.Set("Range", fmt.Sprintf("bytes=%d-%d", from+*got, from+length-1))
		if tag != "" {
			h.Set("If-Range", tag)
		}
	}
	res, err := c.once(ctx, call{method: "GET", path: at, header: h})
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if now := res.Header.Get("ETag"); tag != "" && now != tag || ranged && res.StatusCode != http.StatusPartialContent {
		return errors.New("has changed on the server: start anew")
	} else if tag == "" {
		p.mu.Lock()
		p.note.ETag = now
		p.mu.Unlock()
	}
	n, err := io.CopyBuffer(&writer{p.file, from + *got}, &paced{io.LimitReader(res.Body, length-*got), ctx, c, w}, make([]byte, 256<<10))
	*got += n
	if n > 0 {
		p.s.moved.Add(1)
	}
	p.s.mu.Lock()
	p.s.state.Done += n
	p.s.mu.Unlock()
	p.s.report(p.Name)
	if err == nil && *got < length {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// A writer writes at its place in a file. It has no other method of the file: io.Copy
// would use its ReadFrom, which writes elsewhere.
type writer struct {
	file *os.File
	at   int64
}

func (w *writer) Write(b []byte) (int, error) {
	n, err := w.file.WriteAt(b, w.at)
	w.at += int64(n)
	return n, err
}

// keep notes a piece once it is on the disk, and gives the file its name once all are.
func (t *target) keep(ctx context.Context, n int) error {
	if t.pieces() > 1 { // what is one piece is fetched anew as a whole
		if err := t.file.Sync(); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note.Have = append(t.note.Have, n)
	if len(t.note.Have) < t.pieces() {
		text, err := json.Marshal(t.note)
		if err != nil {
			return err
		}
		return t.write(text)
	}
	want, err := t.s.l.sumOf(ctx, &t.LinkFile)
	if err != nil {
		return err
	}
	if sum, err := t.sum(t.Name + partName); err != nil {
		return err
	} else if sum != want {
		t.note.Have = nil
		_ = t.s.dir.Remove(t.Name + noteName)
		return errors.New("the bytes that arrived are not those that were sent: start anew")
	}
	if err := t.file.Sync(); err != nil {
		return err
	}
	if _, err := t.s.dir.Lstat(t.Name); err == nil && !t.s.o.Overwrite {
		return errors.New("is there already, and is another file")
	}
	if err := t.s.dir.Rename(t.Name+partName, t.Name); err != nil {
		return err
	}
	if err := t.s.dir.Remove(t.Name + noteName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	t.s.mu.Lock()
	t.s.state.Files++
	t.s.mu.Unlock()
	t.s.report(t.Name)
	return nil
}

// write puts the note in place of the one before, whole.
func (t *target) write(text []byte) error {
	fresh := t.Name + noteName + ".new"
	if err := t.s.dir.WriteFile(fresh, text, 0o666); err != nil {
		return err
	}
	return t.s.dir.Rename(fresh, t.Name+noteName)
}

// WriteTo fetches one file to a writer, from its first byte to its last. What is cut goes
// on where it was; a file is compared with its CRC-32 at its end.
func (l *Link) WriteTo(ctx context.Context, out io.Writer, f LinkFile) error {
	at, err := l.path(&f)
	if err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	got, err := l.stream(ctx, io.MultiWriter(out, sum), at)
	if err == nil {
		_, err = l.sumOf(ctx, &f)
	}
	if err == nil && (got != f.Size || fmt.Sprintf("%08x", sum.Sum32()) != f.CRC32) {
		err = errors.New("the bytes that arrived are not those that were sent")
	}
	return err
}

// WriteZip fetches files as one zip to a writer: those that are given, or all.
func (l *Link) WriteZip(ctx context.Context, out io.Writer, files ...LinkFile) error {
	if l.ZipURL == "" {
		return errors.New("there is no zip while files are coming in")
	}
	at, err := l.path(&LinkFile{URL: l.ZipURL})
	if err != nil {
		return err
	}
	q := url.Values{}
	for _, f := range files {
		q.Add("file", f.ID)
	}
	if len(files) > 0 {
		at += "?" + q.Encode()
	}
	got, err := l.stream(ctx, out, at)
	if err == nil && len(files) == 0 && got != l.ZipSize {
		err = errors.New("the bytes that arrived are not those that were promised")
	}
	return err
}

// A counter is what gets on while bytes come in.
type counter struct{ n int64 }

func (c *counter) count() int64 { return c.n }

func (l *Link) stream(ctx context.Context, out io.Writer, at string) (int64, error) {
	got, tag, whole := &counter{}, "", int64(-1)
	broken := &brokenWriter{Writer: out}
	err := l.c.again(ctx, got, func(ctx context.Context) error {
		if got.n == whole {
			return nil
		}
		ctx, w := watch(ctx)
		defer w.stop()
		h := l.header()
		if got.n > 0 {
			h.Set("Range", fmt.Sprintf("bytes=%d-", got.n))
			h.Set("If-Range", tag)
		}
		res, err := l.c.once(ctx, call{method: "GET", path: at, header: h})
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		switch {
		case got.n == 0:
			tag, whole = res.Header.Get("ETag"), res.ContentLength
		case res.StatusCode != http.StatusPartialContent:
			return errors.New("it has changed on the server: start anew")
		}
		n, err := io.CopyBuffer(broken, &paced{res.Body, ctx, l.c, w}, make([]byte, 256<<10))
		got.n += n
		if broken.err != nil {
			return &brokenPipe{broken.err}
		}
		if err == nil && whole >= 0 && got.n < whole {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	return got.n, err
}

// A brokenWriter remembers that its reader has gone: trying again would not help.
type brokenWriter struct {
	io.Writer
	err error
}

func (b *brokenWriter) Write(p []byte) (int, error) {
	n, err := b.Writer.Write(p)
	if err != nil {
		b.err = err
	}
	return n, err
}

type brokenPipe struct{ cause error }

func (b *brokenPipe) Error() string { return b.cause.Error() }
