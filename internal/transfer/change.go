package transfer

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// An Asker is who wants to change what belongs to an account: the account itself,
// or who administers it.
type Asker struct {
	Account account.ID
	Over    func(account.ID) bool // tells whose admin they are; nil: nobody's
}

func (a Asker) owns(s *share.Share) bool {
	return a.Account != "" && a.Account == s.Owner.Account || a.Over != nil && a.Over(s.Owner.Account)
}

// Get finds the asker's transfer in any state, to be shown to them: NotFound
// "transfer_unknown" for another's as for one that is not there.
func (d *Desk) Get(ctx context.Context, who Asker, tid share.ID) (*Transfer, error) {
	t, err := d.store.Transfer(ctx, tid)
	if err != nil {
		return nil, err
	}
	if !who.owns(&t.Share) {
		return nil, share.NotFound()
	}
	return t, nil
}

// update changes the asker's transfer.
func (d *Desk) update(ctx context.Context, who Asker, tid share.ID, change func(*Transfer) ([]job.Job, error)) (*Transfer, error) {
	return d.store.UpdateTransfer(ctx, tid, func(t *Transfer) ([]job.Job, error) {
		if !who.owns(&t.Share) {
			return nil, share.NotFound()
		}
		return change(t)
	})
}

// Cancel takes a transfer down that is not complete yet, for who holds its key.
// Cancelling again is fine. Conflict "transfer_closed" for one that is complete.
func (d *Desk) Cancel(ctx context.Context, tid share.ID, key account.Secret) error {
	t, err := d.withKey(ctx, tid, key)
	if err != nil {
		return err
	}
	_, err = d.store.UpdateTransfer(ctx, t.ID, func(t *Transfer) ([]job.Job, error) {
		if err := t.Cancel(d.now()); err != nil {
			return nil, err
		}
		return d.purge(t), nil
	})
	return err
}

// purge calls for the removal of the bytes when there is no way back any more.
func (d *Desk) purge(t *Transfer) []job.Job {
	return []job.Job{{Kind: share.JobPurge, ID: string(t.Key), RunAt: d.now().Add(d.limits.Keep)}}
}

// Delete takes the asker's transfer down. Deleting what is down already is fine.
func (d *Desk) Delete(ctx context.Context, who Asker, tid share.ID) error {
	_, err := d.update(ctx, who, tid, func(t *Transfer) ([]job.Job, error) {
		if t.State >= share.Expired {
			return nil, nil
		}
		t.Delete(d.now())
		return d.purge(t), nil
	})
	return err
}

// Recover brings the asker's transfer back that was deleted, was cancelled or has
// expired. One that lives stays as it is. Conflict "recovery_not_possible" once its
// bytes are being removed; Full "quota_exceeded".
func (d *Desk) Recover(ctx context.Context, who Asker, tid share.ID) (*Transfer, error) {
	return d.store.RecoverTransfer(ctx, tid, func(t *Transfer) ([]job.Job, error) {
		if !who.owns(&t.Share) {
			return nil, share.NotFound()
		}
		return nil, t.Recover(d.now(), d.limits)
	})
}

// A Change is what an Update changes; nil stays as it is.
type Change struct {
	Subject      *string
	Message      *string
	Days         *int
	MaxDownloads *int
	Notify       *bool
	Password     *account.Secret // empty: none from now on

	// Version, if not nil, is that of the transfer which the change was made from.
	Version *int64
}

// Update changes the asker's transfer. Faults: Invalid with Fields, Forbidden
// "feature_not_allowed", Conflict "version_stale", Gone when its life is over.
func (d *Desk) Update(ctx context.Context, who Asker, tid share.ID, c Change, r Rules) (*Transfer, error) {
	var w wrong
	days, password, text := 0, account.Secret(""), ""
	if c.Subject != nil {
		w.text("subject", *c.Subject, maxSubject)
	}
	if c.Message != nil {
		w.text("message", *c.Message, maxMessage)
	}
	if c.Days != nil {
		days = *c.Days
		w.days(days)
	}
	if c.MaxDownloads != nil {
		w.downloads(*c.MaxDownloads)
	}
	if c.Password != nil {
		password = *c.Password
		w.password(password)
	}
	if err := w.err(); err != nil {
		return nil, err
	}
	if err := r.allow(days, password != ""); err != nil {
		return nil, err
	}
	if _, err := d.Get(ctx, who, tid); err != nil {
		return nil, err // before the work of hashing
	}
	text, err := d.passwordText(ctx, password)
	if err != nil {
		return nil, err
	}
	now := d.now()
	return d.update(ctx, who, tid, func(t *Transfer) ([]job.Job, error) {
		if err := t.Alive(now); err != nil {
			return nil, err
		}
		if c.Version != nil && *c.Version != t.Version {
			return nil, fault.New(fault.Conflict, "version_stale", "it was changed by somebody else meanwhile")
		}
		set(&t.Name, c.Subject)
		set(&t.Message, c.Message)
		set(&t.MaxDownloads, c.MaxDownloads)
		set(&t.Notify, c.Notify)
		if c.Password != nil {
			t.Password, t.Locked = text, text != ""
		}
		if c.Days != nil {
			t.Days = days
			if t.State == share.Ready {
				t.ExpiresAt = end(t.ReadyAt, days)
			}
			if !t.ExpiresAt.After(now) {
				var w wrong
				w.add("days", "days_invalid", "would be over already")
				return nil, w.err()
			}
		}
		return nil, nil
	})
}

func set[T any](field, to *T) {
	if to != nil {
		*field = *to
	}
}

// Forward adds recipients to a transfer for who holds its key; those it has are
// not written to again. It gives how many were new.
func (d *Desk) Forward(ctx context.Context, tid share.ID, key account.Secret, to []string, r Rules) (int, error) {
	t, err := d.WithKey(ctx, tid, key)
	if err != nil {
		return 0, err
	}
	return d.add(ctx, t, to, "", r)
}

// Share is Forward for the asker's transfer, with a message for the new ones.
func (d *Desk) Share(ctx context.Context, who Asker, tid share.ID, to []string, note string, r Rules) (int, error) {
	t, err := d.Get(ctx, who, tid)
	if err != nil {
		return 0, err
	}
	return d.add(ctx, t, to, note, r)
}

func (d *Desk) add(ctx context.Context, t *Transfer, to []string, note string, r Rules) (int, error) {
	var w wrong
	addresses := w.addresses("to", to)
	if len(to) == 0 {
		w.add("to", "required", "must name a recipient")
	}
	w.text("message", note, maxMessage)
	if err := w.err(); err != nil {
		return 0, err
	}
	if len(addresses) > r.MaxRecipients {
		return 0, tooManyRecipients(r.MaxRecipients)
	}
	now := d.now()
	return d.store.AddRecipients(ctx, t.ID, d.recipients(t.Key, addresses, note), r.MaxRecipients, now, func(t *Transfer) error {
		return t.Alive(now)
	})
}

// ForceComplete completes the asker's transfer without its key, and without the
// files that are not whole: those are deleted. Conflict "upload_recent" while bytes
// are coming in.
func (d *Desk) ForceComplete(ctx context.Context, who Asker, tid share.ID) (*Transfer, error) {
	t, err := d.Get(ctx, who, tid)
	if err != nil {
		return nil, err
	}
	if err := t.Alive(d.now()); err != nil {
		return nil, err
	}
	if err := d.upload.Settle(ctx, &t.Share); err != nil && !fault.Is(err, "file_digest") {
		return nil, err
	}
	var open []upload.ID
	err = d.upload.Files(ctx, &t.Share, func(f *upload.File) error {
		if f.State == upload.Open {
			open = append(open, f.ID)
		}
		return d.quiet(f)
	})
	if err != nil {
		return nil, err
	}
	if len(open) == t.Files {
		return nil, fault.New(fault.Invalid, "no_files", "no file of the transfer is whole")
	}
	for _, f := range open {
		_, err := d.store.ChangeFile(ctx, f, func(f *upload.File) ([]job.Job, error) {
			if f.State != upload.Open {
				return nil, nil
			}
			if err := d.quiet(f); err != nil {
				return nil, err
			}
			return d.deleteFile(f), nil
		})
		if err != nil {
			return nil, err
		}
	}
	return d.complete(ctx, t)
}

// quiet refuses a file that is just coming in.
func (d *Desk) quiet(f *upload.File) error {
	last := f.CreatedAt
	if f.ReceivedAt.After(last) {
		last = f.ReceivedAt
	}
	if f.State == upload.Open && d.now().Sub(last) < d.limits.Recent {
		return fault.New(fault.Conflict, "upload_recent", "a file is still being uploaded")
	}
	return nil
}

// Block takes a transfer out of everybody's sight, or gives it back. Whether the
// caller may, the caller knows: this is for the operators of the installation.
func (d *Desk) Block(ctx context.Context, tid share.ID, blocked bool) error {
	_, err := d.store.UpdateTransfer(ctx, tid, func(t *Transfer) ([]job.Job, error) {
		t.Blocked = blocked
		return nil, nil
	})
	return err
}

// changeFile changes a file of the asker's.
func (d *Desk) changeFile(ctx context.Context, who Asker, fid upload.ID, change func(*upload.File) ([]job.Job, error)) (*upload.File, error) {
	return d.store.ChangeFile(ctx, fid, func(f *upload.File) ([]job.Job, error) {
		if !who.owns(f.Home) || f.Home.Kind != share.Transfer {
			return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
		}
		if err := f.Home.Alive(d.now()); err != nil {
			return nil, err
		}
		if f.State == upload.Deleted {
			return nil, f.Accepts(d.now()) // says so
		}
		return change(f)
	})
}

// RenameFile gives a file of the asker's another name, which a door has cleaned.
// Invalid "name_invalid", Gone "file_deleted".
func (d *Desk) RenameFile(ctx context.Context, who Asker, fid upload.ID, name string) (*upload.File, error) {
	if !validName(name) {
		return nil, fault.New(fault.Invalid, "name_invalid", "not a name for a file")
	}
	return d.changeFile(ctx, who, fid, func(f *upload.File) ([]job.Job, error) {
		f.Name = name
		return nil, nil
	})
}

// validName tells whether each part of a path can be the name of a file or folder.
func validName(name string) bool {
	if len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.Trim(part, ". ") == "" || utf8.RuneCountInString(part) > 255 {
			return false
		}
	}
	return true
}

// DeleteFile takes a file of the asker's out of its transfer. Its bytes are removed
// by a job. Gone "file_deleted" for one that is out already.
func (d *Desk) DeleteFile(ctx context.Context, who Asker, fid upload.ID) error {
	_, err := d.changeFile(ctx, who, fid, func(f *upload.File) ([]job.Job, error) { return d.deleteFile(f), nil })
	return err
}

func (d *Desk) deleteFile(f *upload.File) []job.Job {
	f.State, f.Ident = upload.Deleted, ""
	return []job.Job{{Kind: upload.JobPurge, ID: string(f.Key), RunAt: d.now()}}
}
