package transfer

import (
	"context"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/upload"
)

// An About finds what records are about, each thing once.
type About struct {
	desk       *Desk
	files      map[upload.Key]*upload.File
	recipients map[RecipientKey]*Recipient
}

// About begins to look at records.
func (d *Desk) About() *About {
	return &About{d, map[upload.Key]*upload.File{}, map[RecipientKey]*Recipient{}}
}

// Find gives the file that a record is of, nil for an archive, and the recipient by whose
// link it came, nil for the common one. What is known no more is nil, too.
func (a *About) Find(ctx context.Context, r *Record) (*upload.File, *Recipient, error) {
	var file *upload.File
	var to *Recipient
	var err error
	if r.OfFile() {
		file, err = once(a.files, r.Item, func() (*upload.File, error) {
			f, _, err := a.desk.File(ctx, r.Item)
			return f, err
		})
	}
	if err == nil && r.Recipient != "" {
		to, err = once(a.recipients, r.Recipient, func() (*Recipient, error) {
			to, _, err := a.desk.Recipient(ctx, r.Recipient)
			return to, err
		})
	}
	return file, to, err
}

// once finds what is not known yet. What is not there is the zero value.
func once[K comparable, V any](known map[K]V, key K, find func() (V, error)) (V, error) {
	if v, ok := known[key]; ok {
		return v, nil
	}
	v, err := find()
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return v, err
	}
	known[key] = v
	return v, nil
}
