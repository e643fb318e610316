// Package notice is what people are told by letter about transfers: who sent them
// files, that what they sent has arrived, and that it was fetched.
//
// It owns what each of these letters tells, to whom it goes and when there is
// nothing to say any more. It leaves to package transfer when a letter is called
// for, to package notify that each is written once and how it is sent, and to
// package words what it says. Start at Letters.
package notice

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/letter"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// A Page gives the address of a transfer's page: a recipient's own, or with nil the
// common one.
type Page func(t *transfer.Transfer, to *transfer.Recipient) string

// Letters gives the letters about transfers (notify.Source), and notes at their
// recipients what became of them (notify.Reporter).
type Letters struct {
	desk    *transfer.Desk
	uploads *upload.Service
	page    Page
	now     func() time.Time
}

// New makes Letters.
func New(d *transfer.Desk, u *upload.Service, page Page, now func() time.Time) *Letters {
	return &Letters{desk: d, uploads: u, page: page, now: now}
}

// Kinds are those that Letters has.
func Kinds() []letter.Kind {
	return []letter.Kind{letter.Recipient, letter.Confirmation, letter.FirstDownload, letter.Summary}
}

// Letter gives the letter of this kind about a recipient or a transfer, which a job
// named by its primary key. NotFound and Gone: there is nothing to say any more.
func (l *Letters) Letter(ctx context.Context, kind letter.Kind, about string) (*letter.Letter, error) {
	if kind == letter.Recipient {
		return l.toRecipient(ctx, about)
	}
	t, err := l.desk.ByKey(ctx, share.Key(about))
	if err != nil {
		return nil, err
	}
	if err := t.Visible(l.now()); err != nil {
		return nil, err
	}
	if t.Sender == "" {
		return nil, nobody()
	}
	out := &letter.Letter{About: about, To: t.Sender, Link: letter.Link(l.page(t, nil)), Until: until(t)}
	told, err := l.tell(ctx, t)
	if err != nil {
		return nil, err
	}
	switch kind {
	case letter.Confirmation:
		out.Data, err = l.confirmed(ctx, t, told)
	case letter.FirstDownload:
		out.Data, err = l.downloaded(ctx, t, told)
	case letter.Summary:
		out.Data, err = l.summed(ctx, t, told)
	default:
		return nil, fault.New(fault.NotFound, "letter_unknown", "there is no letter of this kind")
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func nobody() error { return fault.New(fault.Gone, "sender_unknown", "nobody is to be told") }

// until is when there is no point in a letter any more: when its link ends.
func until(t *transfer.Transfer) time.Time {
	if t.Permanent() {
		return time.Time{}
	}
	return t.ExpiresAt
}

func (l *Letters) toRecipient(ctx context.Context, about string) (*letter.Letter, error) {
	to, t, err := l.desk.Recipient(ctx, transfer.RecipientKey(about))
	if err != nil {
		return nil, err
	}
	if err := t.Visible(l.now()); err != nil {
		return nil, err
	}
	told, err := l.tell(ctx, t)
	if err != nil {
		return nil, err
	}
	if to.Note != "" { // what was written to them alone comes before what all are told
		told.Message = strings.TrimSpace(to.Note + "\n\n" + told.Message)
	}
	return &letter.Letter{
		About: about, To: to.Address, ReplyTo: t.Sender, FromName: t.Sender, Link: letter.Link(l.page(t, to)), Until: until(t),
		Data: &letter.ToRecipient{Transfer: told},
	}, nil
}

// tell gives what every letter says of a transfer.
func (l *Letters) tell(ctx context.Context, t *transfer.Transfer) (letter.Transfer, error) {
	told := letter.Transfer{
		Sender: t.Sender, Subject: t.Name, Message: t.Message, Count: t.Files - t.OpenFiles, Size: t.Size,
		Expires: until(t), Protected: t.Locked,
	}
	enough := errors.New("enough")
	err := l.uploads.Files(ctx, &t.Share, func(f *upload.File) error {
		if f.State == upload.Complete {
			told.Files = append(told.Files, letter.File{Name: f.Name, Size: f.Size})
		}
		if len(told.Files) == letter.Shown {
			return enough
		}
		return nil
	})
	if err != nil && err != enough {
		return told, err
	}
	return told, nil
}

func (l *Letters) confirmed(ctx context.Context, t *transfer.Transfer, told letter.Transfer) (letter.Data, error) {
	out := &letter.Confirmed{Transfer: told, RecipientCount: t.Recipients}
	to, err := l.desk.Recipients(ctx, t, letter.Shown)
	for _, r := range to {
		out.Recipients = append(out.Recipients, r.Address)
	}
	return out, err
}

func (l *Letters) downloaded(ctx context.Context, t *transfer.Transfer, told letter.Transfer) (letter.Data, error) {
	all, err := l.whole(ctx, t)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.New(fault.NotFound, "download_unknown", "nothing was fetched")
	}
	one, err := l.download(ctx, all[0])
	return &letter.Downloaded{Transfer: told, Download: one}, err
}

func (l *Letters) summed(ctx context.Context, t *transfer.Transfer, told letter.Transfer) (letter.Data, error) {
	all, err := l.whole(ctx, t)
	if err != nil {
		return nil, err
	}
	out := &letter.Summed{Transfer: told, DownloadCount: max(t.Downloads, len(all))}
	for _, r := range slices.Backward(all[max(0, len(all)-letter.Shown):]) {
		one, err := l.download(ctx, r)
		if err != nil {
			return nil, err
		}
		out.Downloads = append(out.Downloads, one)
	}
	return out, nil
}

// mostRecords bounds those that are looked at for a letter. Letters come after the
// first two downloads, so there are not many.
const mostRecords = 1000

// whole gives the downloads of all of something, the first ones first.
func (l *Letters) whole(ctx context.Context, t *transfer.Transfer) ([]*transfer.Record, error) {
	all, err := l.desk.Records(ctx, t, mostRecords)
	all = slices.DeleteFunc(all, func(r *transfer.Record) bool { return r.WholeAt.IsZero() })
	slices.SortStableFunc(all, func(a, b *transfer.Record) int {
		return cmp.Or(a.WholeAt.Compare(b.WholeAt), cmp.Compare(a.Key, b.Key))
	})
	return all, err
}

// download says who fetched what. A recipient or a file that is gone is not named.
func (l *Letters) download(ctx context.Context, r *transfer.Record) (d letter.Download, err error) {
	d.At = r.WholeAt
	file, to, err := l.desk.About().Find(ctx, r)
	if err != nil {
		return d, err
	}
	if to != nil {
		d.Who = to.Address
	}
	if file != nil {
		d.What = file.Name
	}
	return d, nil
}

// Delivered notes that a mail server has taken a recipient's letter.
func (l *Letters) Delivered(ctx context.Context, kind letter.Kind, about string) error {
	if kind != letter.Recipient {
		return nil
	}
	return l.desk.Delivered(ctx, transfer.RecipientKey(about), "")
}

// Undelivered notes that none will, and why.
func (l *Letters) Undelivered(ctx context.Context, kind letter.Kind, about, reason string) error {
	if kind != letter.Recipient {
		return nil
	}
	return l.desk.Delivered(ctx, transfer.RecipientKey(about), cmp.Or(reason, "not delivered"))
}
