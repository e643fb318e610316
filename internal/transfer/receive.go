package transfer

import (
	"context"
	"errors"
	"sync"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// A lane is where the requests meet that bring the same file. Each holds it for
// reading; who takes a file back holds it alone.
type lane struct {
	sync.RWMutex
	n int // requests
}

// Receive takes a part into the file that it is for: OpenFile, and upload.Service.Put
// with what p leaves open. The file is nil where OpenFile failed.
//
// A file whose whole body was refused for what it is (too large, of another length or
// MD5 than was said) is taken back, as if it had never been begun: its sender was told,
// and may complete the transfer without it. One whose connection broke stays, so that
// no transfer is completed without what somebody believes to have sent. So does one
// that another request of this process brings at the same time. One on another node
// finds that the file is not there any more, and is told so.
func (d *Desk) Receive(
	ctx context.Context, tid share.ID, key account.Secret, form FileForm, p upload.Put,
) (*upload.File, error) {
	name := string(tid) + "\x00" + form.ident()
	l := d.enter(name)
	defer d.exit(name)
	f, err := d.receive(ctx, l, tid, key, form, p)
	if f == nil || f.Count != 1 || !refusedBody(err) || !l.TryLock() {
		return f, err
	}
	defer l.Unlock()
	return f, errors.Join(err, d.store.UnmakeFile(context.WithoutCancel(ctx), f.Key, []job.Job{
		{Kind: share.JobRemoveBlob, ID: string(f.Key), RunAt: d.now()},
	}))
}

func (d *Desk) receive(
	ctx context.Context, l *lane, tid share.ID, key account.Secret, form FileForm, p upload.Put,
) (*upload.File, error) {
	l.RLock()
	defer l.RUnlock()
	f, err := d.OpenFile(ctx, tid, key, form)
	if err != nil {
		return nil, err
	}
	p.Account, p.File, p.Upload = f.Home.Owner.Account, f.ID, f.Upload
	_, err = d.upload.Put(ctx, p)
	return f, err
}

// refusedBody tells that a body was turned down for what it is, whenever it came.
func refusedBody(err error) bool {
	switch fault.CodeOf(err) {
	case "digest_mismatch", "chunk_length", "quota_exceeded":
		return true
	}
	return fault.KindOf(err) == fault.TooLarge
}

func (d *Desk) enter(name string) *lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[name]
	if l == nil {
		l = new(lane)
		d.lanes[name] = l
	}
	l.n++
	return l
}

func (d *Desk) exit(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[name]
	if l.n--; l.n == 0 {
		delete(d.lanes, name)
	}
}
