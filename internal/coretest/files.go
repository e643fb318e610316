package coretest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// File is upload.Store's.
func (m *Model) File(ctx context.Context, id upload.ID) (*upload.File, error) {
	f, _, err := m.FileAndPart(ctx, id, 0)
	return f, err
}

// FileAndPart is upload.Store's.
func (m *Model) FileAndPart(_ context.Context, id upload.ID, number int) (*upload.File, *upload.Part, error) {
	if err := m.enter("File"); err != nil {
		return nil, nil, err
	}
	defer m.mu.Unlock()
	for k, f := range m.files {
		if f.ID == id {
			return m.file(k), m.part(k, number), nil
		}
	}
	return nil, nil, fault.New(fault.NotFound, "file_unknown", "no such file")
}

func (m *Model) part(file upload.Key, number int) *upload.Part {
	if p, ok := m.parts[file][number]; ok {
		return &p
	}
	return nil
}

// FilesOf is upload.Store's.
func (m *Model) FilesOf(_ context.Context, home *share.Share, after upload.Key, n int) ([]*upload.File, error) {
	if err := m.enter("FilesOf"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var out []*upload.File
	for _, f := range m.filesOf(home.Key) {
		if f.Key > after && len(out) < n {
			out = append(out, m.file(f.Key))
		}
	}
	return out, nil
}

// Parts is upload.Store's.
func (m *Model) Parts(_ context.Context, file upload.Key, after, n int) ([]upload.Part, error) {
	if err := m.enter("Parts"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	all := slices.DeleteFunc(m.sortedParts(file), func(p upload.Part) bool { return p.Number <= after })
	return all[:min(n, len(all))], nil
}

// PutPart is upload.Store's.
func (m *Model) PutPart(_ context.Context, file upload.Key, number int, change func(*upload.File, *upload.Part) (*upload.NewPart, error)) error {
	if err := m.enter("PutPart"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.files[file] == nil {
		return fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	f := m.file(file)
	was, held := f.State, f.Held()
	n, err := change(f, m.part(file, number))
	if err != nil {
		return err
	}
	home := m.shares[f.Home.Key]
	if err := m.grow(home, f.Held()-held); err != nil {
		return err
	}
	if was == upload.Open && f.State == upload.Complete {
		home.OpenFiles--
	}
	f.Home = home
	m.files[file] = f
	m.parts[file][number] = n.Part
	if n.Bytes != nil || !f.Small {
		m.bytes[string(file)] = slices.Clone(n.Bytes)
	}
	m.enqueue(n.Jobs)
	return nil
}

// RowBytes is upload.Store's.
func (m *Model) RowBytes(_ context.Context, key string) ([]byte, error) {
	if err := m.enter("RowBytes"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	b := m.bytes[key]
	if b == nil {
		return nil, fault.New(fault.NotFound, "blob_missing", "nothing lies beside row %s", key)
	}
	return slices.Clone(b), nil
}

type completion = func(*upload.File, func() ([]upload.Part, error)) ([]int, []job.Job, error)

// Complete is upload.Store's.
func (m *Model) Complete(ctx context.Context, id upload.ID, change completion) (*upload.File, error) {
	f, err := m.File(ctx, id)
	if err != nil {
		return nil, err
	}
	return m.change("Complete", f.Key, change)
}

// Rework is upload.Store's.
func (m *Model) Rework(_ context.Context, file upload.Key, change completion) error {
	_, err := m.change("Rework", file, change)
	return err
}

func (m *Model) change(call string, file upload.Key, change completion) (*upload.File, error) {
	if err := m.enter(call); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if m.files[file] == nil {
		return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	f := m.file(file)
	was, held := f.State, f.Held()
	drop, jobs, err := change(f, func() ([]upload.Part, error) { return m.sortedParts(file), nil })
	if err != nil {
		return nil, err
	}
	home := m.shares[f.Home.Key]
	if err := m.grow(home, f.Held()-held); err != nil {
		return nil, err
	}
	f.Home = home
	m.files[file] = f
	for _, n := range drop {
		delete(m.parts[file], n)
	}
	if was == upload.Open && f.State == upload.Complete {
		home.OpenFiles--
	}
	m.enqueue(jobs)
	return m.file(file), nil
}

// Join is upload.Store's.
func (m *Model) Join(_ context.Context, to upload.Key, from []upload.Key, change func(*upload.File, []*upload.File) error) (*upload.File, error) {
	if err := m.enter("Join"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for _, k := range append([]upload.Key{to}, from...) {
		if m.files[k] == nil {
			return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
		}
	}
	f := m.file(to)
	var others []*upload.File
	var held []int64
	for _, k := range from {
		others = append(others, m.file(k))
		held = append(held, others[len(others)-1].Held())
	}
	had := f.Held()
	if err := change(f, others); err != nil {
		return nil, err
	}
	base := 0
	for i, o := range others {
		parts := m.sortedParts(o.Key)
		for _, p := range parts {
			p.Number += base
			m.parts[to][p.Number] = p
		}
		base += len(parts)
		m.parts[o.Key] = map[int]upload.Part{}
		home := m.shares[o.Home.Key]
		home.Files--
		home.Version++
		if err := m.grow(home, o.Held()-held[i]); err != nil {
			return nil, err
		}
		o.Home = home
		m.files[o.Key] = o
	}
	home := m.shares[f.Home.Key]
	if err := m.grow(home, f.Held()-had); err != nil {
		return nil, err
	}
	home.OpenFiles--
	f.Home = home
	m.files[to] = f
	return m.file(to), nil
}

// Suspect is upload.Store's.
func (m *Model) Suspect(_ context.Context, file upload.Key) error {
	if err := m.enter("Suspect"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	f := m.files[file]
	if f == nil { // it was forgotten meanwhile
		return fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	f.Suspect = true
	return nil
}

// DeletedBlobs is upload.Store's.
func (m *Model) DeletedBlobs(_ context.Context, file upload.Key) ([]blob.ID, error) {
	if err := m.enter("DeletedBlobs"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	f := m.files[file]
	if f == nil || f.State != upload.Deleted {
		return nil, nil
	}
	return m.blobsOf(f), nil
}

// DropParts is upload.Store's.
func (m *Model) DropParts(_ context.Context, file upload.Key) error {
	if err := m.enter("DropParts"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.files[file] != nil { // else its share went meanwhile, and all of this with it
		m.parts[file] = map[int]upload.Part{}
	}
	delete(m.bytes, string(file))
	return nil
}

// Enqueue is job.Queue's.
func (m *Model) Enqueue(_ context.Context, jobs ...job.Job) error {
	if err := m.enter("Enqueue"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.enqueue(jobs)
	return nil
}

// Claim is job.Queue's.
func (m *Model) Claim(_ context.Context, now time.Time, n int) ([]job.Job, error) {
	if err := m.enter("Claim"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var due []*modelJob
	for _, j := range m.jobs {
		if !j.RunAt.IsZero() && !j.RunAt.After(now) && !j.leased.After(now) {
			due = append(due, j)
		}
	}
	slices.SortFunc(due, func(a, b *modelJob) int {
		if c := a.RunAt.Compare(b.RunAt); c != 0 {
			return c
		}
		return strings.Compare(a.Kind+" "+a.ID, b.Kind+" "+b.ID)
	})
	var out []job.Job
	for _, j := range due[:min(n, len(due))] {
		j.leased = now.Add(job.Lease)
		j.Attempts++
		j.Leased = j.leased
		out = append(out, j.Job)
	}
	return out, nil
}

// Done is job.Queue's.
func (m *Model) Done(_ context.Context, j job.Job) error {
	if err := m.enter("Done"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if k := [2]string{j.Kind, j.ID}; m.jobs[k] != nil && m.jobs[k].Attempts >= j.Attempts {
		delete(m.jobs, k)
	}
	return nil
}

// Retry is job.Queue's.
func (m *Model) Retry(_ context.Context, j job.Job, _ error) error {
	if err := m.enter("Retry"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if k := [2]string{j.Kind, j.ID}; m.jobs[k] != nil && m.jobs[k].leased.Equal(j.Leased) {
		m.jobs[k] = &modelJob{Job: j}
	}
	return nil
}

// Next is job.Queue's.
func (m *Model) Next(context.Context) (time.Time, error) {
	if err := m.enter("Next"); err != nil {
		return time.Time{}, err
	}
	defer m.mu.Unlock()
	var next time.Time
	for _, j := range m.jobs {
		at := j.RunAt
		if j.leased.After(at) {
			at = j.leased
		}
		if !j.RunAt.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

// The contracts that a Model keeps.
var (
	_ share.Store  = (*Model)(nil)
	_ upload.Store = (*Model)(nil)
	_ job.Queue    = (*Model)(nil)
)

// The following ask no hook: they are for whoever checks, past the engine.

// A Stored is a share with what it holds of its account's quota, and its files, of
// any state.
type Stored struct {
	share.Share
	Held  int64
	Files []upload.File
}

// Shares gives every share, in the order of their keys.
func (m *Model) Shares() (all []Stored) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range slices.Sorted(maps.Keys(m.shares)) {
		s := Stored{Share: *m.shares[k], Held: m.held[k]}
		for _, f := range m.filesOf(k) {
			s.Files = append(s.Files, *m.file(f.Key))
		}
		all = append(all, s)
	}
	return all
}

// Look gives a file as it is stored, nil if there is none, with its parts.
func (m *Model) Look(is func(*upload.File) bool) (*upload.File, []upload.Part) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, f := range m.files {
		if is(f) {
			return m.file(k), m.sortedParts(k)
		}
	}
	return nil, nil
}

// Change changes a file by force, past all rules.
func (m *Model) Change(file upload.Key, change func(*upload.File)) error {
	if err := m.enter("Change"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	change(m.files[file])
	return nil
}
