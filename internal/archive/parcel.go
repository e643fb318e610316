package archive

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/words"
)

// A Parcel is what can be had of a share now: its files that are complete, and
// all of them as a zip; of a live one also those that are coming in, and no zip. Nobody
// changes one.
type Parcel struct {
	Name  string // of the zip: the share's title, or its day
	Files []Item
	Size  int64 // of the files together

	zip    *Zip
	damage error // why it is not given: a file in it is damaged, or comes in

	of      share.Key
	version [3]int64 // of the share, by its row: see versionOf
}

// An Item is a file as people see it.
type Item struct {
	ID   upload.ID
	Name string // as shown to people; never empty
	Size int64

	CRC32    uint32 // 0 of what is coming in
	Arriving bool   // it can be fetched, and is coming in

	damaged bool
}

// ZipSize gives the length of the zip.
func (p *Parcel) ZipSize() int64 { return p.zip.Size() }

// Zip gives the zip, or Internal "content_damaged" when a file in it is damaged: the
// others can be had one by one.
func (p *Parcel) Zip() (*Zip, error) { return p.zip, p.damage }

// Chosen gives a zip of the files with these ids, in the order of all of them, under the
// names that they have in the zip of all; without any it is that. NotFound "file_unknown",
// and as Zip.
func (p *Parcel) Chosen(ids []string) (*Zip, error) {
	if len(ids) == 0 {
		return p.Zip()
	}
	if len(p.zip.files) != len(p.Files) {
		return nil, p.damage
	}
	wanted := make(map[upload.ID]bool, len(ids))
	for _, i := range ids {
		wanted[upload.ID(i)] = true
	}
	files := make([]file, 0, len(wanted))
	for i, f := range p.Files {
		if !wanted[f.ID] {
			continue
		}
		if f.damaged {
			return nil, p.damage
		}
		files = append(files, p.zip.files[i])
	}
	if len(files) != len(wanted) {
		return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	return arrange(files)
}

// versionOf gives what changes whenever a file of the share is added, becomes
// complete, gets another name, is found damaged or is deleted: of a share at one version, files only
// come, and open ones only go.
func versionOf(sh *share.Share) [3]int64 {
	return [3]int64{sh.Version, int64(sh.Files), int64(sh.OpenFiles)}
}

// A Packer makes parcels, and keeps those that were asked for last: a zip that is
// fetched in a thousand ranges is laid out once. What it gives was checked against
// the row of the share, so it needs no word from other nodes. It is safe for
// concurrent use.
type Packer struct {
	uploads  *upload.Service
	nameless string // what a file is called whose name shows nothing
	site     string // this installation, in the name of a zip whose share has none

	mu      sync.Mutex
	parcels []*Parcel // the one used last stands last
	files   int       // of all of them
}

// NewPacker makes a Packer.
func NewPacker(u *upload.Service, nameless, site string) *Packer {
	return &Packer{uploads: u, nameless: nameless, site: site}
}

// Pack gives what can be had of the share.
func (k *Packer) Pack(ctx context.Context, sh *share.Share) (*Parcel, error) {
	if p := k.find(sh); p != nil {
		return p, nil
	}
	p := &Parcel{Name: k.nameOf(sh), of: sh.Key, version: versionOf(sh), Files: make([]Item, 0, sh.Files)}
	entries := make([]Entry, 0, sh.Files)
	err := k.uploads.Files(ctx, sh, func(f *upload.File) error {
		if f.Live() {
			p.Files = append(p.Files, Item{ID: f.ID, Name: k.shown(f), Size: f.Size, Arriving: true})
			p.Size += f.Size
			return nil
		}
		if f.State != upload.Complete {
			return nil
		}
		content, err := k.uploads.Content(ctx, f)
		if fault.Is(err, "content_damaged") {
			// Laid out for its length alone: nobody is given the zip.
			p.damage, err = err, nil
			content = blob.Content{}.Append(blob.Segment{Blob: f.Blob(), Length: f.Size})
		}
		if err != nil {
			return err
		}
		name := k.shown(f)
		p.Files = append(p.Files, Item{ID: f.ID, Name: name, Size: f.Size, CRC32: f.Sum, damaged: !f.DamagedAt.IsZero()})
		p.Size += f.Size
		entries = append(entries, Entry{
			Name: name, Size: f.Size, CRC32: f.Sum, Modified: f.CompletedAt, Content: content,
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if p.zip, err = Layout(entries); err != nil {
		return nil, err
	}
	if sh.State == share.Open && sh.Live {
		p.damage = fault.New(fault.NotFound, "archive_incomplete", "there is no archive before all files are there")
	}
	k.keep(p)
	return p, nil
}

// shown gives the name of a file as people see it.
func (k *Packer) shown(f *upload.File) string {
	if name := words.Shown(f.Name); name != "" {
		return name
	}
	return k.nameless
}

// nameOf names the zip of a share after its title, or after its day.
func (k *Packer) nameOf(sh *share.Share) string {
	name := strings.NewReplacer("/", "-", `\`, "-").Replace(words.Shown(sh.Name))
	if strings.Trim(name, ". ") == "" {
		name = k.site + " " + sh.ReadyAt.UTC().Format(time.DateOnly)
	}
	return name + ".zip"
}

// What a Packer keeps is bounded: some 6 MB. A larger parcel is not kept.
const (
	keptFiles   = 20_000
	keptParcels = 64
)

func (k *Packer) find(sh *share.Share) *Parcel {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.parcels, func(p *Parcel) bool { return p.of == sh.Key })
	if i < 0 {
		return nil
	}
	p := k.parcels[i]
	k.parcels = slices.Delete(k.parcels, i, i+1)
	if p.version != versionOf(sh) {
		k.files -= len(p.Files)
		return nil
	}
	k.parcels = append(k.parcels, p)
	return p
}

func (k *Packer) keep(p *Parcel) {
	if len(p.Files) > keptFiles {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.parcels = slices.DeleteFunc(k.parcels, func(old *Parcel) bool {
		if old.of == p.of {
			k.files -= len(old.Files)
		}
		return old.of == p.of
	})
	k.parcels = append(k.parcels, p)
	k.files += len(p.Files)
	for k.files > keptFiles || len(k.parcels) > keptParcels {
		k.files -= len(k.parcels[0].Files)
		k.parcels = slices.Delete(k.parcels, 0, 1)
	}
}
