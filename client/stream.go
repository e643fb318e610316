package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// streamPart is how many bytes of a stream are sent at once: what is kept of it, so that
// they can be sent again.
const streamPart = 8 << 20

// forgetWithin is how long the server is asked to delete what came of a stream that broke.
const forgetWithin = 10 * time.Second

// stream sends the bytes of a source of unknown length, one part after the other, as a
// resumable upload (tus 1.0: creation-defer-length, checksum).
func (u *uploading) stream(ctx context.Context, i int) error {
	f, in := u.files[i], u.sources[i].Stream
	if f.Received > 0 || f.State == "complete" {
		return errors.New("a stream cannot be gone on with")
	}
	buf := make([]byte, streamPart)
	for at := int64(0); ; {
		n, err := io.ReadFull(in, buf)
		last := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !last {
			return fmt.Errorf("read it: %w", err)
		}
		if err := u.follow(ctx, f.ID, at, buf[:n], last); err != nil {
			return err
		}
		at += int64(n)
		u.streamed(i, int64(n), last)
		if last {
			return nil
		}
	}
}

// follow sends bytes that follow on the first at of a file. What was cut may have arrived, in
// part too, so the server is asked before they are sent again.
func (u *uploading) follow(ctx context.Context, file string, at int64, b []byte, last bool) error {
	q := call{path: "/files/" + url.PathEscape(file)}
	header := func(offset int64) http.Header {
		h := u.c.auth(u.key)
		h.Set("Tus-Resumable", "1.0.0")
		if last {
			h.Set("Upload-Length", strconv.FormatInt(at+int64(len(b)), 10))
		}
		if offset >= 0 {
			h.Set("Upload-Offset", strconv.FormatInt(offset, 10))
			h.Set("Content-Type", "application/offset+octet-stream")
		}
		return h
	}
	tried := false
	return u.c.again(ctx, u, func(ctx context.Context) error {
		rest := b
		if tried {
			offset, whole, err := u.c.offset(ctx, q.path, u.key)
			switch {
			case err != nil:
				return err
			case offset < at || offset > at+int64(len(b)):
				return fmt.Errorf("the server has %d bytes of it, and should have %d or more", offset, at)
			}
			if rest = b[offset-at:]; len(rest) == 0 && (!last || whole) {
				return nil
			}
		}
		tried = true
		patch := q
		patch.method, patch.header = http.MethodPatch, header(at+int64(len(b)-len(rest)))
		sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(rest))
		patch.header.Set("Upload-Checksum", "crc32 "+base64.StdEncoding.EncodeToString(sum))
		err := u.c.send(ctx, patch, io.NewSectionReader(bytes.NewReader(rest), 0, int64(len(rest))))
		if e, ok := errors.AsType[*Error](err); ok && (e.Status == http.StatusConflict || e.Status == http.StatusLocked) {
			// A request that was cut reached the server late: where it ended is asked for anew.
			return &Error{Status: http.StatusServiceUnavailable, Title: e.Title, Code: e.Code, Wait: e.Wait}
		}
		return err
	})
}

// offset asks how many bytes of a file there are, and whether that is all of it.
func (c *Client) offset(ctx context.Context, path, key string) (offset int64, whole bool, err error) {
	ctx, w := watch(ctx)
	defer w.stop()
	h := c.auth(key)
	h.Set("Tus-Resumable", "1.0.0")
	res, err := c.once(ctx, call{method: http.MethodHead, path: path, header: h})
	if err != nil {
		return 0, false, err
	}
	_ = res.Body.Close()
	offset, err = strconv.ParseInt(res.Header.Get("Upload-Offset"), 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("%s does not tell how far a file is: %w", c.server, err)
	}
	return offset, res.Header.Get("Upload-Length") == strconv.FormatInt(offset, 10), nil
}

// streamed counts acknowledged bytes of a stream.
func (u *uploading) streamed(i int, n int64, last bool) {
	u.acked.Add(1)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.Done += n
	if last {
		u.state.Files++
	}
	u.state.Name = u.sources[i].Name
	if u.progress != nil {
		u.progress(u.state)
	}
}

// streams sends the sources that are streams, one after the other. If one breaks, the
// transfer is deleted: nobody can go on with it.
func (u *uploading) streams(ctx context.Context, made *Transfer) error {
	for i, s := range u.sources {
		if s.Stream == nil {
			continue
		}
		if err := u.stream(ctx, i); err != nil {
			over, stop := context.WithTimeout(context.WithoutCancel(ctx), forgetWithin)
			defer stop()
			if gone := u.c.DeleteTransfer(over, made.ID, made.Key); gone != nil {
				err = errors.Join(err, fmt.Errorf("and it could not be deleted: %w", gone))
			}
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}
