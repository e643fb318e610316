package db

import (
	"context"
	"crypto/md5"
	"slices"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

const fileColumns = `f.key, f.id, f.name, f.local, f.size, f.chunk, f.upload, f.state, f.parts, f.loose, f.got, f.sum,
	f.small, f.suspect, f.created_at, f.completed_at, f.ident, f.planned, f.want_md5, f.received_at, f.downloads,
	f.damaged_at`

// fileDest gives where fileColumns go.
func fileDest(f *upload.File) []any {
	return []any{
		&f.Key, &f.ID, &f.Name, &f.Local, &f.Size, &f.Chunk, &f.Upload, &f.State, &f.Parts, &f.Loose, &f.Got, &f.Sum,
		intoBool(&f.Small), intoBool(&f.Suspect), intoTime(&f.CreatedAt), intoTime(&f.CompletedAt), &f.Ident, &f.Count,
		intoMD5(&f.WantMD5), intoTime(&f.ReceivedAt), &f.Downloads, intoTime(&f.DamagedAt),
	}
}

func fileUnknown() error { return fault.New(fault.NotFound, "file_unknown", "no such file") }

const selectFile = `select ` + fileColumns + `, ` + shareColumns + ` from files f join shares s on s.key = f.home where `

// File implements upload.Store.
func (d *DB) File(ctx context.Context, id upload.ID) (*upload.File, error) {
	return d.file(ctx, selectFile+`f.id = $1`, id)
}

// FileByKey implements transfer.DeskStore.
func (d *DB) FileByKey(ctx context.Context, key upload.Key) (*upload.File, error) {
	return d.file(ctx, selectFile+`f.key = $1`, key)
}

func (d *DB) file(ctx context.Context, sql string, arg any) (*upload.File, error) {
	f := upload.File{Home: &share.Share{}}
	err := d.find(ctx, fileUnknown(), func(row scan) error {
		return row(append(fileDest(&f), shareDest(f.Home)...)...)
	}, sql, arg)
	if err != nil {
		return nil, err
	}
	return &f, nil
}

const partColumns = `p.number, p.blob, p.off, p.len, p.crc, p.md5, p.received_at`

// partDest gives where partColumns go. They take null for a part that an outer
// join did not find: its number is then 0.
func partDest(p *upload.Part) []any {
	return []any{
		intoNumber(&p.Number), intoText(&p.Blob), intoNumber(&p.Offset), intoNumber(&p.Length), intoNumber(&p.CRC),
		intoMD5(&p.MD5), intoTime(&p.ReceivedAt),
	}
}

// besideRow is stored as the offset of a part that lies beside the file's row.
const besideRow = -1

// settle completes a part that was read: the file's own blob is stored as "", to
// keep the row small, and out of the index of loose blobs.
func settle(p *upload.Part, file upload.Key) {
	switch {
	case p.Blob != "":
	case p.Offset == besideRow:
		p.Segment = blob.Segment{Blob: blob.Row(string(file)), Length: p.Length}
	default:
		p.Blob = blob.ID(file)
	}
}

func intoMD5(to **[md5.Size]byte) into {
	return func(src any) error {
		*to = nil
		if src == nil {
			return nil
		}
		*to = new([md5.Size]byte)
		return intoBytes((*to)[:])(src)
	}
}

// The file, its home and the part of a number, in one: every part that comes in
// asks for them twice.
const selectFileAndPart = `
	select ` + fileColumns + `, ` + shareColumns + `, ` + partColumns + `
	from files f join shares s on s.key = f.home left join parts p on p.file = f.key and p.number = $2 where `

// scanFileAndPart reads a row of selectFileAndPart; the part is nil if there is none.
func scanFileAndPart(row scan) (*upload.File, *upload.Part, error) {
	f := upload.File{Home: &share.Share{}}
	var p upload.Part
	err := row(append(append(fileDest(&f), shareDest(f.Home)...), partDest(&p)...)...)
	if err != nil || p.Number == 0 {
		return &f, nil, err
	}
	settle(&p, f.Key)
	return &f, &p, nil
}

// FileAndPart implements upload.Store.
func (d *DB) FileAndPart(ctx context.Context, id upload.ID, number int) (f *upload.File, p *upload.Part, err error) {
	err = d.find(ctx, fileUnknown(), func(row scan) (err error) {
		f, p, err = scanFileAndPart(row)
		return err
	}, selectFileAndPart+byID, id, number)
	if err != nil {
		return nil, nil, err
	}
	return f, p, nil
}

// FilesOf implements upload.Store. The files have one Home in common.
func (d *DB) FilesOf(ctx context.Context, home *share.Share, after upload.Key, n int) (files []*upload.File, err error) {
	err = d.query(ctx, func(row scan) error {
		f := &upload.File{Home: home}
		files = append(files, f)
		return row(fileDest(f)...)
	}, `select `+fileColumns+` from files f where f.home = $1 and f.key > $2 and f.state <= 2 order by f.key limit $3 + 0`, home.Key, after, n)
	return files, err
}

const selectParts = `select ` + partColumns + ` from parts p where p.file = $1 and p.number > $2 order by p.number limit $3 + 0`

// Parts implements upload.Store.
func (d *DB) Parts(ctx context.Context, file upload.Key, after, n int) (parts []upload.Part, err error) {
	err = d.query(ctx, appendPart(&parts, file), selectParts, file, after, n)
	return parts, err
}

func appendPart(to *[]upload.Part, file upload.Key) func(scan) error {
	return func(row scan) error {
		var p upload.Part
		err := row(partDest(&p)...)
		settle(&p, file)
		*to = append(*to, p)
		return err
	}
}

// The two names of a file that lockFile finds it by.
const (
	byKey = `f.key = $1`
	byID  = `f.id = $1`
)

// lockFile loads a file that nobody else changes until the transaction ends, and
// its part of this number.
func lockFile(t tx, by string, name any, number int) (f *upload.File, p *upload.Part, err error) {
	if clause := t.lock(" for update"); clause != "" {
		// A statement sees what was committed when it began, also after it waited
		// for a lock: a part that was recorded meanwhile is seen by the next one.
		t.exec(`select f.key from files f where `+by+clause, name)
	}
	err = find(t, fileUnknown(), func(row scan) (err error) {
		f, p, err = scanFileAndPart(row)
		return err
	}, selectFileAndPart+by, name, number)
	return f, p, err
}

// PutPart implements upload.Store. It writes the part's row and the file's, and
// what lies beside it.
func (d *DB) PutPart(
	ctx context.Context, file upload.Key, number int, change func(f *upload.File, old *upload.Part) (*upload.NewPart, error),
) error {
	return d.write(ctx, func(t tx) error {
		f, old, err := lockFile(t, byKey, file, number)
		if err != nil {
			return err
		}
		small, was, held := f.Small, f.State, f.Held()
		p, err := change(f, old)
		if err != nil {
			return err
		}
		follow(t, f, was, held)
		updateCounters(t, f)
		upsertPart(t, f, &p.Part)
		switch {
		case p.Bytes != nil:
			t.exec(`
				insert into contents (file, bytes) values ($1, $2)
				on conflict (file) do update set bytes = excluded.bytes`, f.Key, p.Bytes)
		case small && !f.Small:
			t.exec(deleteContent, f.Key)
		}
		insertJobs(t, p.Jobs)
		return nil
	})
}

func updateCounters(t tx, f *upload.File) {
	t.exec(`
		update files set parts = $1, loose = $2, got = $3, sum = $4, small = $5, size = $6, state = $7, received_at = $8,
			completed_at = $9
		where key = $10`,
		f.Parts, f.Loose, f.Got, f.Sum, f.Small, f.Size, f.State, f.ReceivedAt, f.CompletedAt, f.Key)
}

// follow makes the home of a file what a change made of the file, which was in this
// state and held so much before.
func follow(t tx, f *upload.File, was upload.State, held int64) {
	if was == upload.Open && f.State == upload.Complete {
		t.exec(`update shares set open_files = open_files - 1 where key = $1 and open_files > 0`, f.Home.Key)
		f.Home.OpenFiles--
	}
	grow(t, f.Home, f.Held()-held)
}

const deleteContent = `delete from contents where file = $1`

// RowBytes implements upload.Store.
func (d *DB) RowBytes(ctx context.Context, key string) (b []byte, err error) {
	err = d.find(ctx, fault.New(fault.NotFound, "blob_missing", "nothing lies beside row %s", key), func(row scan) error {
		return row(&b)
	}, `select bytes from contents where file = $1`, key)
	return b, err
}

func upsertPart(t tx, f *upload.File, p *upload.Part) {
	own, off := p.Blob, p.Offset
	if _, row := own.RowKey(); row {
		own, off = "", besideRow
	} else if own == blob.ID(f.Key) {
		own = ""
	}
	t.exec(`
		insert into parts (file, number, blob, off, len, crc, md5, received_at) values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (file, number) do update set blob = excluded.blob, off = excluded.off, len = excluded.len,
			crc = excluded.crc, md5 = excluded.md5, received_at = excluded.received_at`,
		f.Key, p.Number, own, off, p.Length, p.CRC, md5Or(p.MD5), p.ReceivedAt)
}

// Complete implements upload.Store. It writes the file's row and the home's.
func (d *DB) Complete(ctx context.Context, id upload.ID, change settler) (f *upload.File, err error) {
	err = d.write(ctx, func(t tx) error {
		if f, _, err = lockFile(t, byID, id, 0); err != nil {
			return err
		}
		if f.State != upload.Open {
			_, _, err = change(f, func() ([]upload.Part, error) { return nil, nil }) // it may refuse the caller
			return err
		}
		return rework(t, f, change)
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Join implements upload.Store.
func (d *DB) Join(ctx context.Context, to upload.Key, from []upload.Key, change func(*upload.File, []*upload.File) error) (f *upload.File, err error) {
	err = d.write(ctx, func(t tx) error {
		locked := map[upload.Key]*upload.File{}
		for _, key := range slices.Sorted(slices.Values(append([]upload.Key{to}, from...))) { // in one order, whoever joins them
			one, _, err := lockFile(t, byKey, key, 0)
			if err != nil {
				return err
			}
			locked[key] = one
		}
		f = locked[to]
		others, held := make([]*upload.File, len(from)), make([]int64, len(from))
		parts := make([]int, len(from))
		for i, key := range from {
			others[i], held[i], parts[i] = locked[key], locked[key].Held(), locked[key].Parts
		}
		was, had := f.State, f.Held()
		if err := change(f, others); err != nil {
			return err
		}
		// What they give back first, so that there is room for it.
		base := 0
		for i, o := range others {
			t.exec(`update parts set file = $1, number = number + $2 where file = $3`, f.Key, base, o.Key)
			base += parts[i]
			updateCounters(t, o)
			t.exec(`update files set local = $1 where key = $2`, o.Local, o.Key)
			t.exec(`update shares set version = version + 1, files = files - 1 where key = $1`, o.Home.Key)
			grow(t, o.Home, o.Held()-held[i])
		}
		follow(t, f, was, had)
		updateCounters(t, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Suspect implements upload.Store.
func (d *DB) Suspect(ctx context.Context, file upload.Key) error {
	return d.write(ctx, func(t tx) error {
		t.must(fileUnknown(), `update files set suspect = 1 where key = $1`, file)
		return nil
	})
}

// Rework implements upload.Store.
func (d *DB) Rework(ctx context.Context, file upload.Key, change settler) error {
	return d.write(ctx, func(t tx) error {
		f, _, err := lockFile(t, byKey, file, 0)
		if err != nil {
			return err
		}
		return rework(t, f, change)
	})
}

// A settler is the change that Complete and Rework run.
type settler = func(f *upload.File, parts func() ([]upload.Part, error)) (drop []int, jobs []job.Job, err error)

// rework runs change on a locked file and saves what it did.
func rework(t tx, f *upload.File, change settler) error {
	small, was, held := f.Small, f.State, f.Held()
	drop, jobs, err := change(f, func() (all []upload.Part, err error) {
		err = t.query(appendPart(&all, f.Key), selectAllParts, f.Key)
		return all, err
	})
	if err != nil {
		return err
	}
	follow(t, f, was, held)
	t.exec(`
		update files set size = $1, state = $2, parts = $3, loose = $4, got = $5, sum = $6, suspect = $7, completed_at = $8,
			small = $9
		where key = $10`,
		f.Size, f.State, f.Parts, f.Loose, f.Got, f.Sum, f.Suspect, f.CompletedAt, f.Small, f.Key)
	for _, n := range drop {
		t.exec(`delete from parts where file = $1 and number = $2`, f.Key, n)
	}
	if small && !f.Small {
		t.exec(deleteContent, f.Key)
	}
	insertJobs(t, jobs)
	return nil
}

const selectAllParts = `select ` + partColumns + ` from parts p where p.file = $1 order by p.number`

func insertFiles(t tx, home share.Key, files []*upload.File) {
	for _, f := range files {
		t.exec(`
			insert into files (key, home, id, name, local, size, chunk, upload, state, parts, loose, got, sum, small, suspect,
				created_at, completed_at, ident, planned, want_md5)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
			f.Key, home, f.ID, f.Name, f.Local, f.Size, f.Chunk, f.Upload, f.State, f.Parts, f.Loose, f.Got, f.Sum, f.Small, f.Suspect,
			f.CreatedAt, f.CompletedAt, f.Ident, f.Count, md5Or(f.WantMD5))
	}
}

// md5Or gives the bytes of a sum, or null.
func md5Or(sum *[md5.Size]byte) any {
	if sum == nil {
		return nil
	}
	return sum[:]
}

// DeletedBlobs implements upload.Store.
func (d *DB) DeletedBlobs(ctx context.Context, file upload.Key) (blobs []blob.ID, err error) {
	err = d.query(ctx, func(row scan) error {
		var b blob.ID
		err := row(&b)
		blobs = append(blobs, b)
		return err
	}, `
		select key from files where key = $1 and state = 3
		union all select p.blob from parts p join files f on f.key = p.file and f.state = 3 where p.file = $1 and p.blob <> ''`, file)
	return blobs, err
}

// DropParts implements upload.Store.
func (d *DB) DropParts(ctx context.Context, file upload.Key) error {
	if _, err := d.thin(ctx, file); err != nil {
		return err
	}
	return d.write(ctx, func(t tx) error {
		t.exec(`delete from parts where file = $1`, file)
		t.exec(deleteContent, file)
		return nil
	})
}
