package client

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// root is where the API stands on its server.
const root = "/ferry/v1"

// Me is who asks, and what they may.
type Me struct {
	Account *string `json:"account"` // nil for a guest
	Email   string  `json:"email"`
	Name    string  `json:"name"`
	Admin   bool    `json:"admin"`
	Used    int64   `json:"used"`  // bytes
	Quota   int64   `json:"quota"` // bytes; 0: no limit
	MaySend bool    `json:"may_send"`
	Limits  struct {
		MaxSize       int64 `json:"max_size"` // bytes of a transfer; 0: no limit
		MaxFiles      int   `json:"max_files"`
		MaxRecipients int   `json:"max_recipients"`
		DefaultDays   int   `json:"default_days"`
		MaxDays       int   `json:"max_days"` // 0: no limit
		Forever       bool  `json:"forever"`
		Password      bool  `json:"password"`
	} `json:"limits"`
}

// A NewTransfer is what a transfer is made of, but for its files.
type NewTransfer struct {
	Title        string   `json:"title,omitempty"`
	Message      string   `json:"message,omitempty"`
	From         string   `json:"from,omitempty"` // the sender's address; empty: the account's own
	To           []string `json:"to,omitempty"`   // each is written to once, with a link of their own
	Password     string   `json:"password,omitempty"`
	Days         *int     `json:"days,omitempty"`          // it lives from the end of its upload; -1: for ever; nil: as the plan says
	MaxDownloads int      `json:"max_downloads,omitempty"` // 0: no limit
	Name         string   `json:"name,omitempty"`          // of the link, as the sender wants it
	Notify       bool     `json:"notify,omitempty"`        // letters to the sender about downloads
	Confirm      bool     `json:"confirm,omitempty"`       // a letter to the sender once it is complete
	Live         bool     `json:"live,omitempty"`          // people may fetch files while they come in
}

// A NewFile announces a file.
type NewFile struct {
	Name string `json:"name"` // with slashes between folders
	Size *int64 `json:"size"` // bytes; nil: not known yet
	Ref  string `json:"ref,omitempty"`
}

// A Transfer is files on their way to people.
type Transfer struct {
	ID           string     `json:"id"`
	State        string     `json:"state"` // open, ready, expired, deleted, cancelled, blocked or purged
	Title        string     `json:"title"`
	Message      string     `json:"message"`
	From         string     `json:"from"`
	Link         string     `json:"link"` // what people are given
	Name         string     `json:"name"`
	Locked       bool       `json:"locked"` // a password is needed
	Notify       bool       `json:"notify"`
	Live         bool       `json:"live"`
	Days         int        `json:"days"`
	MaxDownloads int        `json:"max_downloads"`
	Downloads    int        `json:"downloads"`
	Size         int64      `json:"size"`  // bytes of all files
	Files        int        `json:"files"` // how many
	OpenFiles    int        `json:"open_files"`
	Recipients   int        `json:"recipients"`
	CreatedAt    time.Time  `json:"created_at"`
	ReadyAt      *time.Time `json:"ready_at"`   // nil until it is complete
	ExpiresAt    *time.Time `json:"expires_at"` // nil: never
	Version      int64      `json:"version"`
	// Key lets whoever has it fill and finalize the transfer. The call that makes the
	// transfer tells it.
	Key     string `json:"key,omitempty"`
	Uploads []File `json:"uploads,omitempty"` // of the call that makes the transfer
}

// A File is one of a transfer, and what is missing of it.
type File struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Ref      string   `json:"ref,omitempty"`
	Size     *int64   `json:"size"`     // bytes; nil: not known yet
	State    string   `json:"state"`    // open, complete or deleted
	Received int64    `json:"received"` // bytes that are acknowledged
	PartSize int64    `json:"part_size"`
	Parts    int      `json:"parts"`
	Missing  [][2]int `json:"missing"` // ranges of part numbers, from 1, both ends included; 1000 at most
	CRC32    string   `json:"crc32,omitempty"`
}

// Me tells who the key belongs to.
func (c *Client) Me(ctx context.Context) (*Me, error) {
	out := &Me{}
	return out, c.do(ctx, call{method: "GET", path: root + "/me", header: c.auth(""), out: out})
}

func (c *Client) auth(transferKey string) http.Header {
	h := http.Header{}
	if c.key != "" {
		h.Set("X-Api-Key", c.key)
	}
	if transferKey != "" {
		h.Set("Ferry-Transfer-Key", transferKey)
	}
	return h
}

// CreateTransfer makes a transfer, or finds what the same call with the same idempotency
// key has made before; as a guest, such a key needs 32 characters. Without one it is not
// tried again when it fails.
func (c *Client) CreateTransfer(ctx context.Context, idempotencyKey string, t NewTransfer, files []NewFile) (*Transfer, error) {
	in := struct {
		NewTransfer
		Files []NewFile `json:"files,omitempty"`
	}{t, files}
	out, q := &Transfer{}, call{method: "POST", path: root + "/transfers", header: c.auth("")}
	q.in, q.out = in, out
	if idempotencyKey == "" {
		return out, c.doOnce(ctx, q)
	}
	q.header.Set("Idempotency-Key", idempotencyKey)
	return out, c.do(ctx, q)
}

// AddFiles announces more files. One whose name is there already is that file.
func (c *Client) AddFiles(ctx context.Context, transfer, key string, files []NewFile) ([]File, error) {
	var out struct{ Items []File }
	err := c.do(ctx, call{
		method: "POST", path: root + "/transfers/" + url.PathEscape(transfer) + "/files", header: c.auth(key), out: &out,
		in: map[string]any{"files": files},
	})
	return out.Items, err
}

// GetTransfer looks at a transfer. Its key is needed by who has no API key of its owner.
func (c *Client) GetTransfer(ctx context.Context, transfer, key string) (*Transfer, error) {
	out := &Transfer{}
	return out, c.do(ctx, call{method: "GET", path: root + "/transfers/" + url.PathEscape(transfer), header: c.auth(key), out: out})
}

// GetFile looks at a file.
func (c *Client) GetFile(ctx context.Context, file, key string) (*File, error) {
	out := &File{}
	return out, c.do(ctx, c.fileCall(file, key, out))
}

func (c *Client) fileCall(file, key string, out *File) call {
	return call{method: "GET", path: root + "/files/" + url.PathEscape(file), header: c.auth(key), out: out}
}

// Finalize opens a transfer for download, once all files are there.
func (c *Client) Finalize(ctx context.Context, transfer, key string) (*Transfer, error) {
	out := &Transfer{}
	return out, c.do(ctx, call{
		method: "POST", path: root + "/transfers/" + url.PathEscape(transfer) + "/finalize", header: c.auth(key), out: out,
	})
}

// DeleteTransfer takes a transfer down. Its key is enough while it is not complete.
func (c *Client) DeleteTransfer(ctx context.Context, transfer, key string) error {
	return c.do(ctx, call{method: "DELETE", path: root + "/transfers/" + url.PathEscape(transfer), header: c.auth(key)})
}

// PutPart sends a part of a file, with its CRC-32. When it returns nil, the part is on
// the server's stable storage. The part is read twice. A failure that may pass is not
// tried again here: who asks GetFile first does not send twice what has arrived.
func (c *Client) PutPart(ctx context.Context, key, file string, number int, part *io.SectionReader) error {
	sum := crc32.NewIEEE()
	if n, err := io.Copy(sum, part); err != nil || n != part.Size() {
		return shortFile(err)
	}
	h := c.auth(key)
	h.Set("Ferry-CRC32", fmt.Sprintf("%08x", sum.Sum32()))
	return c.send(ctx, call{
		method: "PUT", path: root + "/files/" + url.PathEscape(file) + "/parts/" + strconv.Itoa(number), header: h,
	}, part)
}

// resumable is the version of tus that Append speaks.
const resumable = "1.0.0"

func (c *Client) appendHeader(key string) http.Header {
	h := c.auth(key)
	h.Set("Tus-Resumable", resumable)
	return h
}

// Append sends bytes that follow on those a file has, with their CRC-32: the way for a
// file that was announced without its size. That becomes known with the last ones, and
// completes the file: size is -1 before. When it returns nil, the part is on the server's
// stable storage. The part is read twice. A failure that may pass is not tried again
// here: who asks Offset first does not send twice what has arrived.
func (c *Client) Append(ctx context.Context, key, file string, offset int64, part *io.SectionReader, size int64) error {
	sum := crc32.NewIEEE()
	if n, err := io.Copy(sum, part); err != nil || n != part.Size() {
		return shortFile(err)
	}
	h := c.appendHeader(key)
	h.Set("Content-Type", "application/offset+octet-stream")
	h.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	h.Set("Upload-Checksum", "crc32 "+base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	if size >= 0 {
		h.Set("Upload-Length", strconv.FormatInt(size, 10))
	}
	return c.send(ctx, call{method: "PATCH", path: appendPath(file), header: h}, part)
}

// Offset asks how many bytes of a file have arrived that nothing is missing before, and
// whether it is complete. An Append that is under way is ended by it.
func (c *Client) Offset(ctx context.Context, key, file string) (offset int64, complete bool, err error) {
	err = c.again(ctx, nil, func(ctx context.Context) error {
		offset, complete, err = c.offsetOnce(ctx, key, file)
		return err
	})
	return offset, complete, err
}

func (c *Client) offsetOnce(ctx context.Context, key, file string) (offset int64, complete bool, err error) {
	ctx, w := watch(ctx)
	defer w.stop()
	res, err := c.once(ctx, call{method: "HEAD", path: appendPath(file), header: c.appendHeader(key)})
	if err != nil {
		return 0, false, err
	}
	_ = res.Body.Close()
	offset, err = strconv.ParseInt(res.Header.Get("Upload-Offset"), 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("%s is not the address of a Ferry server: %w", c.server, err)
	}
	return offset, res.Header.Get("Upload-Complete") == "?1", nil
}

func appendPath(file string) string { return "/files/" + url.PathEscape(file) }

func shortFile(err error) error {
	if err == nil || err == io.EOF {
		err = errChanged
	}
	return err
}

// send makes one request with bytes of a file as its body.
func (c *Client) send(ctx context.Context, q call, part *io.SectionReader) error {
	ctx, w := watch(ctx)
	defer w.stop()
	var read atomic.Pointer[error] // what went wrong here, and not on the way
	q.body = func() body {
		_, _ = part.Seek(0, io.SeekStart)
		return body{&paced{failing{part, &read}, ctx, c, w}, part.Size()}
	}
	if q.header.Get("Content-Type") == "" {
		q.header.Set("Content-Type", "application/octet-stream")
	}
	res, err := c.once(ctx, q)
	if err != nil {
		if here := read.Load(); here != nil {
			return *here
		}
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)) // so that the connection is used again
	_ = res.Body.Close()
	return nil
}

// failing keeps the error of reading a file.
type failing struct {
	io.Reader
	err *atomic.Pointer[error]
}

func (f failing) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b)
	if err != nil && err != io.EOF {
		f.err.Store(&err)
	}
	return n, err
}
