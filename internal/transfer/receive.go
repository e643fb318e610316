package transfer

import (
	"context"
	"errors"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// A lane is where the requests meet that bring the same file. Many may bring it at
// once; who takes a file back is alone in it. Desk.mu guards it. It is no RWMutex,
// because its holders wait for the store: a simulation must see who waits for them.
type lane struct {
	bringing int
	taking   chan struct{} // closed when the file was taken back; nil: nobody does
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
	if err := d.enter(ctx, name); err != nil {
		return nil, err
	}
	inside := true
	defer func() {
		if inside { // it panics
			d.exit(name, false)
		}
	}()
	f, err := d.receive(ctx, tid, key, form, p)
	inside = false
	if !d.exit(name, f != nil && f.Count == 1 && refusedBody(err)) {
		return f, err
	}
	defer d.tookBack(name)
	return f, errors.Join(err, d.store.UnmakeFile(context.WithoutCancel(ctx), f.Key, []job.Job{
		{Kind: share.JobRemoveBlob, ID: string(f.Key), RunAt: d.now()},
	}))
}

func (d *Desk) receive(
	ctx context.Context, tid share.ID, key account.Secret, form FileForm, p upload.Put,
) (*upload.File, error) {
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

// enter waits until nobody takes the file back.
func (d *Desk) enter(ctx context.Context, name string) error {
	for {
		d.mu.Lock()
		l := d.lanes[name]
		if l == nil {
			l = new(lane)
			d.lanes[name] = l
		}
		taking := l.taking
		if taking == nil {
			l.bringing++
		}
		d.mu.Unlock()
		if taking == nil {
			return nil
		}
		select {
		case <-taking:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// exit is how who brought a file leaves. They take it back if they want to and nobody
// else brings it: then tookBack must be called.
func (d *Desk) exit(name string, takeBack bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[name]
	l.bringing--
	switch {
	case l.bringing > 0:
		return false
	case takeBack:
		l.taking = make(chan struct{})
		return true
	}
	delete(d.lanes, name)
	return false
}

func (d *Desk) tookBack(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.lanes[name].taking)
	delete(d.lanes, name)
}
