package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// errChanged is what is wrong with a file that is not what was announced.
var errChanged = errors.New("the file changed while it was sent")

// A Source is a file to send.
type Source struct {
	Name string // as recipients see it, with slashes between folders
	Size int64  // bytes; of a Stream it is not known

	// Stream, if it is set, is content that can be read once, such as a pipe. It is sent
	// while it is read, in parts that are kept until they are acknowledged; its end is
	// io.EOF. Size, Open and Check are not used then. A Read that waits when the upload
	// fails is left behind until it returns.
	Stream io.Reader

	// Open opens the content, which has Size bytes. It is called for each part, by
	// several goroutines at once.
	Open func() (Content, error)
	// Check, if it is set, is asked before the transfer is opened for download whether
	// the content is still what was sent.
	Check func() error
}

// Content is an open file.
type Content interface {
	io.ReaderAt
	io.Closer
}

// FileSource makes a source of a regular file. A file that changes while it is sent ends
// the upload with an error.
func FileSource(path, name string) (Source, error) {
	was, err := os.Stat(path)
	if err != nil {
		return Source{}, err
	}
	if !was.Mode().IsRegular() {
		return Source{}, fmt.Errorf("%s is no regular file", path)
	}
	same := func(now os.FileInfo, err error) error {
		if err == nil && (now.Size() != was.Size() || !now.ModTime().Equal(was.ModTime())) {
			err = fmt.Errorf("%s: %w", path, errChanged)
		}
		return err
	}
	return Source{
		Name: name, Size: was.Size(),
		Open: func() (Content, error) {
			f, err := os.Open(path)
			if err != nil {
				return nil, err
			}
			if err := same(f.Stat()); err != nil {
				_ = f.Close()
				return nil, err
			}
			return f, nil
		},
		Check: func() error { return same(os.Stat(path)) },
	}, nil
}

// UploadOptions are how files are sent.
type UploadOptions struct {
	// IdempotencyKey makes the transfer one that can be gone on with: the same call with
	// the same key, also of another process, finds what has been sent. A random text of
	// 32 characters or more. Without it a new transfer is made each time.
	IdempotencyKey string
	// Made, if it is set, is told the transfer as soon as it exists, or was found again.
	Made func(*Transfer)
	// Progress, if it is set, is told of each step, one at a time.
	Progress func(Progress)
}

// Progress is how far a transfer is.
type Progress struct {
	Files int   // that are whole
	Done  int64 // bytes that have arrived: acknowledged by the server, or written here
	Name  string
}

// announceAtOnce is how many files one request announces.
const announceAtOnce = 1000

// Upload sends files as one transfer and opens it for download. Its Link is what people
// are given. If an error is returned after the transfer was made, it is returned, too.
//
// Bytes that the server has acknowledged are not sent again, neither after a cut
// connection nor by a later call with the same idempotency key. Where a source is a
// Stream nothing can be gone on with later: whatever fails, the reading of it too, takes
// the transfer back, so that nobody is given a part of it for the whole.
func (c *Client) Upload(ctx context.Context, t NewTransfer, files []Source, o UploadOptions) (*Transfer, error) {
	if len(files) == 0 {
		return nil, errors.New("there is nothing to send")
	}
	u := &uploading{c: c, sources: files, progress: o.Progress}
	news := make([]NewFile, len(files))
	for i, f := range files {
		news[i] = NewFile{Name: f.Name, Size: &f.Size, Ref: strconv.Itoa(i)}
		if f.Stream != nil {
			news[i].Size = nil
		}
	}
	made, err := c.CreateTransfer(ctx, o.IdempotencyKey, t, news[:min(len(news), announceAtOnce)])
	if err != nil {
		return nil, err
	}
	if o.Made != nil {
		o.Made(made)
	}
	if made.State == "ready" {
		return made, nil // a former call has been killed after its last step
	}
	u.key, u.files = made.Key, made.Uploads
	ready, err := u.fill(ctx, made, news)
	if err != nil {
		if u.streams() {
			u.takeBack(ctx, made)
		}
		return made, err
	}
	ready.Key = made.Key
	return ready, nil
}

// fill announces the files that the transfer was not made with, sends all, and opens it.
func (u *uploading) fill(ctx context.Context, made *Transfer, news []NewFile) (*Transfer, error) {
	c := u.c
	for len(u.files) < len(news) {
		more, err := c.AddFiles(ctx, made.ID, made.Key, news[len(u.files):min(len(news), len(u.files)+announceAtOnce)])
		if err != nil {
			return nil, err
		}
		if len(more) == 0 {
			return nil, errors.New("the server did not take all files")
		}
		u.files = append(u.files, more...)
	}
	if err := u.begin(); err != nil {
		return nil, err
	}
	if err := u.sendAll(ctx); err != nil {
		return nil, err
	}
	for _, f := range u.sources {
		if f.Check != nil && f.Stream == nil {
			if err := f.Check(); err != nil {
				return nil, err
			}
		}
	}
	return c.Finalize(ctx, made.ID, made.Key)
}

// An uploading is one call of Upload.
type uploading struct {
	c       *Client
	key     string
	sources []Source
	files   []File // as the server has them, in the order of sources

	acked    atomic.Int64 // requests that succeeded
	mu       sync.Mutex
	left     []int // parts, for each file
	state    Progress
	progress func(Progress)
}

func (u *uploading) count() int64 { return u.acked.Load() }

// A task is one part to send.
type task struct{ file, number int }

// begin counts what the server has already.
func (u *uploading) begin() error {
	u.left = make([]int, len(u.files))
	seen := map[string]bool{}
	for i, f := range u.files {
		if seen[f.ID] {
			return fmt.Errorf("two files have the same name: %s", f.Name)
		}
		seen[f.ID] = true
		u.state.Done += f.Received
		if f.State == "complete" {
			u.state.Files++
			continue
		}
		u.left[i] = missing(f)
	}
	u.report("")
	return nil
}

// sendAll sends files and streams at the same time, until one fails.
func (u *uploading) sendAll(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for i, s := range u.sources {
		if s.Stream == nil {
			continue
		}
		all.Go(func() {
			if err := u.stream(ctx, i); err != nil {
				cancel(fmt.Errorf("%s: %w", s.Name, err))
			}
		})
	}
	if err := u.send(ctx); err != nil {
		cancel(err)
	}
	all.Wait()
	return context.Cause(ctx)
}

// send sends what is missing of files. The server tells only so many gaps of one at
// once, so it is asked again until there are none.
func (u *uploading) send(ctx context.Context) error {
	for round := 0; ; round++ {
		var tasks []task
		for i, f := range u.files {
			if f.State == "complete" || u.sources[i].Stream != nil {
				continue
			}
			for _, gap := range f.Missing {
				for number := gap[0]; number <= gap[1]; number++ {
					tasks = append(tasks, task{i, number})
				}
			}
		}
		if err := u.all(ctx, tasks); err != nil {
			return err
		}
		again := false
		for i := range u.files {
			f := &u.files[i]
			if u.sources[i].Stream != nil {
				continue
			}
			if f.State != "complete" && len(f.Missing) >= 1000 {
				now, err := u.c.GetFile(ctx, f.ID, u.key)
				if err != nil {
					return err
				}
				*f, again = *now, true
				u.left[i] = missing(*now)
			} else {
				f.State = "complete"
			}
		}
		if !again {
			return nil
		}
	}
}

func missing(f File) (n int) {
	for _, gap := range f.Missing {
		n += gap[1] - gap[0] + 1
	}
	return n
}

// all does tasks, several at a time, until one fails. The goroutines end with it.
func (u *uploading) all(ctx context.Context, tasks []task) error {
	return inParallel(ctx, min(u.c.parallel(), len(tasks)), slices.Values(tasks), func(ctx context.Context, t task) error {
		name := u.sources[t.file].Name
		if err := u.sendPart(ctx, t.file, t.number); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

// sendPart sends one part. What was cut may have arrived, so the server is asked before
// the part is sent again.
func (u *uploading) sendPart(ctx context.Context, i, number int) error {
	f := u.files[i]
	start := int64(number-1) * f.PartSize
	size := min(f.PartSize, u.sources[i].Size-start)
	if f.PartSize == 0 {
		start, size = 0, u.sources[i].Size
	}
	tried := false
	err := u.c.again(ctx, u, func(ctx context.Context) error {
		if tried {
			var now File
			if err := u.c.doOnce(ctx, u.c.fileCall(f.ID, u.key, &now)); err != nil {
				return err
			}
			if !lacks(&now, number) {
				return nil
			}
		}
		tried = true
		content, err := u.sources[i].Open()
		if err != nil {
			return err
		}
		defer func() { _ = content.Close() }()
		return u.c.PutPart(ctx, u.key, f.ID, number, io.NewSectionReader(content, start, size))
	})
	if err == nil {
		u.mu.Lock()
		u.left[i]--
		whole := u.left[i] == 0
		u.mu.Unlock()
		u.arrived(i, size, whole)
	}
	return err
}

func lacks(f *File, number int) bool {
	if f.State == "complete" {
		return false
	}
	for _, gap := range f.Missing {
		if gap[0] <= number && number <= gap[1] {
			return true
		}
	}
	return len(f.Missing) >= 1000 && number > f.Missing[len(f.Missing)-1][1] // it was not told
}

// arrived counts acknowledged bytes, which may be the last ones of their file.
func (u *uploading) arrived(i int, n int64, whole bool) {
	u.acked.Add(1)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.Done += n
	if whole {
		u.state.Files++
	}
	u.state.Name = u.sources[i].Name
	if u.progress != nil {
		u.progress(u.state)
	}
}

func (u *uploading) report(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.Name = name
	if u.progress != nil {
		u.progress(u.state)
	}
}
