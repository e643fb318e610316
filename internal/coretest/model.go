// Package coretest is a model of the database, in memory: every store that the
// core asks for, as simply as can be, so that it is right by looking at it.
//
// It owns what the tests of the core and the simulation of a whole node stand
// on. Each call asks a hook first, which may fail it or hold it. What the real
// stores do is tested in package db, against the same contracts.
package coretest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// A Model keeps everything in maps under one lock. The zero Model is empty and
// ready.
type Model struct {
	// Hook, if set, is called at the beginning of every call with its name; the
	// call fails with what it returns. It may block.
	Hook func(call string) error
	// Quota is what each account may keep; 0: no limit.
	Quota int64

	mu     sync.Mutex
	shares map[share.Key]*share.Share
	held   map[share.Key]int64 // of the account's quota
	used   map[account.ID]int64
	files  map[upload.Key]*upload.File
	parts  map[upload.Key]map[int]upload.Part
	bytes  map[string][]byte // beside the rows of small files
	links  map[share.Key][]*board.Link
	jobs   map[[2]string]*modelJob
	books  map[account.ID]*book
	desk
}

type modelJob struct {
	job.Job
	leased time.Time
}

func (m *Model) enter(call string) error {
	if m.Hook != nil {
		if err := m.Hook(call); err != nil {
			return err
		}
	}
	m.mu.Lock()
	if m.shares == nil {
		m.shares, m.held = map[share.Key]*share.Share{}, map[share.Key]int64{}
		m.used = map[account.ID]int64{}
		m.files, m.parts = map[upload.Key]*upload.File{}, map[upload.Key]map[int]upload.Part{}
		m.bytes = map[string][]byte{}
		m.links, m.jobs = map[share.Key][]*board.Link{}, map[[2]string]*modelJob{}
		m.desk = newDesk()
	}
	return nil
}

// Used tells how much of its quota an account has reserved.
func (m *Model) Used(id account.ID) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used[id]
}

func (m *Model) reserve(sh *share.Share, n int64) error {
	if m.Quota > 0 && m.used[sh.Owner.Account]+n > m.Quota {
		return fault.New(fault.Full, "quota_exceeded", "the storage of this account is used up")
	}
	m.used[sh.Owner.Account] += n
	m.held[sh.Key] += n
	return nil
}

// release gives back what a share held.
func (m *Model) release(sh *share.Share) {
	m.used[sh.Owner.Account] -= m.held[sh.Key]
	m.held[sh.Key] = 0
}

// grow makes a share n bytes larger; its account pays. One that has ended takes nothing.
func (m *Model) grow(sh *share.Share, n int64) error {
	if n != 0 && sh.State > share.Ready {
		return fault.New(fault.Gone, "transfer_expired", "it has expired")
	}
	if n > 0 && sh.MaxSize > 0 && sh.Size+n > sh.MaxSize {
		return sh.TooLarge()
	}
	if err := m.reserve(sh, n); err != nil {
		return err
	}
	sh.Size += n
	return nil
}

// file gives a copy with its home as it is now.
func (m *Model) file(k upload.Key) *upload.File {
	f := *m.files[k]
	home := *m.shares[f.Home.Key]
	f.Home = &home
	return &f
}

func (m *Model) enqueue(jobs []job.Job) {
	for _, j := range jobs {
		k := [2]string{j.Kind, j.ID}
		if m.jobs[k] == nil {
			m.jobs[k] = &modelJob{Job: j}
		}
	}
}

func (m *Model) add(sh *share.Share, files []*upload.File, links []*board.Link) error {
	for _, old := range m.shares {
		if old.ID == sh.ID || sh.Code != "" && old.Code == sh.Code {
			return fault.New(fault.Conflict, "id_taken", "the id is in use")
		}
	}
	if err := m.reserve(sh, sh.Size); err != nil {
		return err
	}
	c := *sh
	m.shares[sh.Key] = &c
	m.addItems(&c, files, links)
	return nil
}

func (m *Model) addItems(home *share.Share, files []*upload.File, links []*board.Link) {
	for _, f := range files {
		c := *f
		c.Home = home
		m.files[f.Key], m.parts[f.Key] = &c, map[int]upload.Part{}
	}
	m.links[home.Key] = append(m.links[home.Key], links...)
}

// CreateTransfer is transfer.Store's.
func (m *Model) CreateTransfer(_ context.Context, t *transfer.Transfer, files []*upload.File) error {
	if err := m.enter("CreateTransfer"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	return m.add(&t.Share, files, nil)
}

// CreateBoard is board.Store's.
func (m *Model) CreateBoard(_ context.Context, b *board.Board, items []board.Item) error {
	if err := m.enter("CreateBoard"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	files, links := split(items)
	return m.add(&b.Share, files, links)
}

// AddItems is board.Store's.
func (m *Model) AddItems(_ context.Context, key share.Key, items []board.Item, l board.Limits, now time.Time) error {
	if err := m.enter("AddItems"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	sh := m.shares[key]
	if sh == nil {
		return share.NotFound()
	}
	if err := sh.Alive(now); err != nil {
		return err
	}
	files, links := split(items)
	var size int64
	for _, f := range files {
		size += max(f.Size, 0)
	}
	if sh.Files+len(files) > l.MaxFiles {
		return fault.New(fault.Invalid, "too_many_files", "too many files")
	}
	if l.MaxSize > 0 && sh.Size+size > l.MaxSize {
		return fault.New(fault.TooLarge, "transfer_too_large", "too large")
	}
	if err := m.reserve(sh, size); err != nil {
		return err
	}
	sh.Files, sh.OpenFiles, sh.Size = sh.Files+len(files), sh.OpenFiles+len(files), sh.Size+size
	m.addItems(sh, files, links)
	return nil
}

func split(items []board.Item) (files []*upload.File, links []*board.Link) {
	for _, i := range items {
		if i.File != nil {
			files = append(files, i.File)
		} else {
			links = append(links, i.Link)
		}
	}
	return files, links
}

// Board is board.Store's.
func (m *Model) Board(_ context.Context, id share.ID) (*board.Board, error) {
	sh, err := m.find("Board", func(s *share.Share) bool { return s.ID == id && s.Kind == share.Board })
	if err != nil {
		return nil, err
	}
	return &board.Board{Share: *sh}, nil
}

// Links is board.Store's.
func (m *Model) Links(_ context.Context, key share.Key) ([]*board.Link, error) {
	if err := m.enter("Links"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return slices.Clone(m.links[key]), nil
}

func (m *Model) find(call string, is func(*share.Share) bool) (*share.Share, error) {
	if err := m.enter(call); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for _, sh := range m.shares {
		if is(sh) {
			c := *sh
			return &c, nil
		}
	}
	return nil, share.NotFound()
}

// ByID is share.Store's.
func (m *Model) ByID(_ context.Context, id share.ID) (*share.Share, error) {
	return m.find("ByID", func(s *share.Share) bool { return s.ID == id })
}

// ByCode is share.Store's.
func (m *Model) ByCode(_ context.Context, code string) (*share.Share, error) {
	return m.find("ByCode", func(s *share.Share) bool { return s.Code == code })
}

// Update is share.Store's.
func (m *Model) Update(_ context.Context, key share.Key, change func(*share.Share) ([]job.Job, error)) (*share.Share, error) {
	if err := m.enter("Update"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	sh := m.shares[key]
	if sh == nil {
		return nil, share.NotFound()
	}
	c := *sh
	jobs, err := change(&c)
	if err != nil {
		return nil, err
	}
	if c != *sh {
		c.Version++
	}
	*sh = c
	if c.State >= share.Expired {
		m.release(sh)
	}
	m.enqueue(jobs)
	return &c, nil
}

// Due is share.Store's.
func (m *Model) Due(_ context.Context, now time.Time, n int) ([]share.Key, error) {
	if err := m.enter("Due"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var due []*share.Share
	for _, sh := range m.shares {
		if sh.State < share.Expired && !sh.ExpiresAt.After(now) {
			due = append(due, sh)
		}
	}
	slices.SortFunc(due, func(a, b *share.Share) int {
		return cmp.Or(a.ExpiresAt.Compare(b.ExpiresAt), cmp.Compare(a.Key, b.Key))
	})
	var keys []share.Key
	for _, sh := range due[:min(n, len(due))] {
		keys = append(keys, sh.Key)
	}
	return keys, nil
}

// LiveOf is share.Store's.
func (m *Model) LiveOf(_ context.Context, owner account.ID, n int) ([]share.Key, error) {
	if err := m.enter("LiveOf"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var keys []share.Key
	for _, sh := range m.shares {
		if sh.Owner.Account == owner && sh.State < share.Expired {
			keys = append(keys, sh.Key)
		}
	}
	slices.Sort(keys)
	return keys[:min(n, len(keys))], nil
}

// Blobs is share.Store's.
func (m *Model) Blobs(_ context.Context, key share.Key, n int) ([]share.FileBlobs, error) {
	if err := m.enter("Blobs"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var out []share.FileBlobs
	for _, f := range m.filesOf(key) {
		if len(out) == n {
			break
		}
		out = append(out, share.FileBlobs{File: string(f.Key), Blobs: m.blobsOf(f)})
	}
	return out, nil
}

func (m *Model) blobsOf(f *upload.File) []blob.ID {
	blobs := []blob.ID{blob.ID(f.Key)}
	for _, p := range m.sortedParts(f.Key) {
		if _, row := p.Blob.RowKey(); !row && p.Blob != blob.ID(f.Key) {
			blobs = append(blobs, p.Blob)
		}
	}
	return blobs
}

// DropFiles is share.Store's.
func (m *Model) DropFiles(_ context.Context, _ share.Key, files []string) error {
	if err := m.enter("DropFiles"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for _, f := range files {
		delete(m.files, upload.Key(f))
		delete(m.parts, upload.Key(f))
		delete(m.bytes, f)
	}
	return nil
}

// Forget is share.Store's.
func (m *Model) Forget(_ context.Context, before time.Time, n int) (int, error) {
	if err := m.enter("Forget"); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	gone := 0
	for _, k := range slices.Sorted(maps.Keys(m.shares)) {
		if sh := m.shares[k]; gone < n && sh.State == share.Purged && sh.ExpiresAt.Before(before) {
			delete(m.shares, k)
			delete(m.held, k)
			delete(m.sendings, k)
			maps.DeleteFunc(m.recipients, func(_ transfer.RecipientKey, r *transfer.Recipient) bool { return r.Home == k })
			maps.DeleteFunc(m.records, func(_ string, r *transfer.Record) bool { return r.Home == k })
			maps.DeleteFunc(m.claims, func(_ string, c *modelClaim) bool { return c.holder.home == k })
			gone++
		}
	}
	return gone, nil
}

// Promised is share.Store's.
func (m *Model) Promised(_ context.Context, ids []blob.ID) (map[blob.ID]bool, error) {
	if err := m.enter("Promised"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	all := map[blob.ID]bool{}
	for k, parts := range m.parts {
		all[blob.ID(k)] = m.files[k].State != upload.Deleted
		for _, p := range parts {
			all[p.Blob] = true
		}
	}
	out := map[blob.ID]bool{}
	for _, b := range ids {
		out[b] = all[b]
	}
	return out, nil
}

func (m *Model) filesOf(home share.Key) []*upload.File {
	var out []*upload.File
	for _, f := range m.files {
		if f.Home.Key == home {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *upload.File) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return out
}

func (m *Model) sortedParts(file upload.Key) []upload.Part {
	var out []upload.Part
	for _, p := range m.parts[file] {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b upload.Part) int { return a.Number - b.Number })
	return out
}
