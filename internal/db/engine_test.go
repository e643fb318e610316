package db

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/testenv"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// A script stands in for what can happen before a statement, commit or batch.
type script struct {
	mu     sync.Mutex
	before func(sql string) error
	seen   map[string]int // how often each statement was begun
}

func (s *script) do(before func(sql string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
	s.seen = map[string]int{}
}

func (s *script) hook(sql string) error {
	s.mu.Lock()
	before := s.before
	if s.seen == nil {
		s.seen = map[string]int{}
	}
	s.seen[sql]++
	s.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(sql)
}

func (s *script) count(sql string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[sql]
}

func onBothScripted(t *testing.T, test func(t *testing.T, w world, s *script)) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			url := "sqlite:" + filepath.Join(t.TempDir(), "ferry.db")
			if engine == "postgres" {
				url = testenv.Postgres(t)
			}
			s := new(script)
			test(t, openWorld(t, url, Options{before: s.hook}), s)
		})
	}
}

// tables gives every row of the database as text.
func (w world) tables() map[string][]string {
	w.t.Helper()
	rows := map[string][]string{}
	for _, table := range []string{
		"accounts", "api_keys", "key_calls", "shares", "files", "parts", "links", "jobs", "settings", "acme_cache",
		"objects", "contact_books", "contacts", "contact_groups", "contact_members", "outbox",
		"contents", "journal", "reports", "traffic", "blob_holds", "webhooks", "webhook_messages", "recipients", "downloads", "claims", "password_tries", "daily_transfers",
		"plans", "companies", "profiles", "sessions", "tokens", "tickets", "tries", "blocks",
	} {
		add := func(values []any) { rows[table] = append(rows[table], fmt.Sprint(values)) }
		switch e := w.engine.(type) {
		case *sqlite:
			r, err := e.readers.Query("select * from " + table)
			w.must(err)
			columns, err := r.Columns()
			w.must(err)
			for r.Next() {
				values := make([]any, len(columns))
				pointers := make([]any, len(columns))
				for i := range values {
					pointers[i] = &values[i]
				}
				w.must(r.Scan(pointers...))
				add(values)
			}
			w.must(r.Err())
		case *postgres:
			r, err := e.pool.Query(w.ctx, "select * from "+table)
			w.must(err)
			for r.Next() {
				values, err := r.Values()
				w.must(err)
				add(values)
			}
			w.must(r.Err())
		}
		slices.Sort(rows[table])
	}
	return rows
}

// changes gives one of each change that a world with something in it can see.
func (w world) changes() map[string]func() error {
	w.must(w.PutSetup(w.ctx, hashOf("token")))
	w.must(w.Enqueue(w.ctx, job.Job{Kind: "a", ID: "1", RunAt: now}, job.Job{Kind: "a", ID: "2", RunAt: now}))
	deleted, _ := w.create(w.acc, 20)
	_, files := w.create(w.acc, 20, upload.Unknown, upload.Unknown)
	w.must(w.put(files[2], 1, 5, "loose"))
	b := w.createBoard(w.acc)
	gone, old := w.create(w.acc, 7)
	w.must(w.put(old[0], 1, 7, ""))
	forgotten := w.createBoard(w.acc, w.link())
	w.setState(forgotten.Key, share.Purged)
	draft, draftFiles := w.draft(w.acc, 1, 2, 3)
	items := []board.Item{w.item(nil, 1), w.link(), w.item(nil, 2)}
	sent, to := w.sending("a@x.y", "b@x.y")
	w.must(w.CreateSending(w.ctx, sent, to, 9))
	w.must(w.CountPasswordTry(w.ctx, sent.Key, "guesser", now, now.Add(-time.Hour), 10))
	ended, _ := w.sending()
	w.must(w.CreateSending(w.ctx, ended, nil, 0))
	w.setState(ended.Key, share.Deleted)
	another, others := w.sending("c@x.y")
	file := w.files(&sent.Share, 30)[0]
	file.Ident = "ident"
	_, removedFiles := w.create(w.acc, 9)
	w.must(w.put(removedFiles[0], 1, 9, ""))
	_, unmade := w.create(w.acc, 9)
	limited, lf := w.create(w.acc, 9)
	_, err := w.UpdateTransfer(w.ctx, limited.ID, func(t *transfer.Transfer) ([]job.Job, error) {
		t.MaxDownloads = 5
		return nil, nil
	})
	w.must(err)
	record := transfer.Record{Key: w.ids.Key(), Home: limited.Key, Item: lf[0].Key, Holder: "holder", At: now}
	claim := func(key string) func(int, []*transfer.Claim) (*transfer.Claim, error) {
		return func(int, []*transfer.Claim) (*transfer.Claim, error) {
			return &transfer.Claim{Key: key, At: now, Until: now.Add(time.Hour), Answers: []transfer.Answer{{Key: "a" + key, Spans: transfer.Spans{{Off: 0, N: 9}}}}}, nil
		}
	}
	_, err = w.ClaimDownload(w.ctx, limited.Key, "holder", lf[0].Key, claim("claim"))
	w.must(err)
	record.Claim = "claim"
	w.must(w.EndDownload(w.ctx, record, func(_ *transfer.Transfer, r *transfer.Record, _ *transfer.Claim) []job.Job {
		r.Bytes, r.Spans = 4, transfer.Spans{{Off: 0, N: 4}}
		return nil
	}))
	_, joinedFile := w.create(w.acc, upload.Unknown)
	_, joinedParts := w.create(w.acc, 9, 9)
	for _, f := range joinedParts {
		w.must(w.put(f, 1, 9, blob.ID("loose"+string(f.Key))))
	}
	changes := w.contactChanges()
	maps.Copy(changes, w.hookChanges())
	maps.Copy(changes, w.letterChanges())
	maps.Copy(changes, w.peopleChanges())
	maps.Copy(changes, map[string]func() error{
		"CreateTransfer": func() error { return w.CreateTransfer(w.ctx, draft, draftFiles) },
		"AddItems":       func() error { return w.AddItems(w.ctx, b.Key, items, boardLimits, now) },
		"PutPart":        func() error { return w.put(files[0], 1, 10, "") },
		"PutPart pays":   func() error { return w.put(files[1], 2, 10, "other") },
		"Complete":       func() error { _, err := w.complete(files[2], 1); return err },
		"Delete": func() error {
			_, err := w.Update(w.ctx, deleted.Key, func(s *share.Share) ([]job.Job, error) {
				s.Delete(now)
				return []job.Job{{Kind: share.JobPurge, ID: string(s.Key), RunAt: now}}, nil
			})
			return err
		},
		"UseSetup": func() error {
			return w.UseSetup(w.ctx, hashOf("token"), &account.Account{ID: "admin", Email: "admin@example.com", Admin: true})
		},
		"CountCall":     func() error { return w.CountCall(w.ctx, "k", 1, 10) },
		"Claim":         func() error { _, err := w.Claim(w.ctx, now, 2); return err },
		"DropFiles":     func() error { return w.DropFiles(w.ctx, gone.Key, []string{string(old[0].Key)}) },
		"CreateSending": func() error { return w.CreateSending(w.ctx, another, others, 9) },
		"AddFile": func() error {
			_, err := w.AddFile(w.ctx, sent.Key, file, func(*transfer.Transfer) error { return nil })
			return err
		},
		"UnmakeFile": func() error {
			return w.UnmakeFile(w.ctx, unmade[0].Key, []job.Job{{Kind: share.JobRemoveBlob, ID: "unmade", RunAt: now}})
		},
		"ChangeFile": func() error {
			_, err := w.ChangeFile(w.ctx, removedFiles[0].ID, func(f *upload.File) ([]job.Job, error) {
				f.State, f.Ident = upload.Deleted, ""
				return []job.Job{{Kind: upload.JobPurge, ID: string(f.Key), RunAt: now}}, nil
			})
			return err
		},
		"DispatchTransfer": func() error {
			_, err := w.DispatchTransfer(w.ctx, sent.ID, now, func(t *transfer.Transfer) ([]job.Job, error) {
				t.State, t.Notify = share.Ready, true
				return nil, nil
			})
			return err
		},
		"AddRecipients": func() error {
			_, more := w.sending("d@x.y", "e@x.y")
			for _, r := range more {
				r.Home = sent.Key
			}
			_, err := w.AddRecipients(w.ctx, sent.ID, more, 10, now, func(*transfer.Transfer) error { return nil })
			return err
		},
		"RecoverTransfer": func() error {
			_, err := w.RecoverTransfer(w.ctx, ended.ID, func(t *transfer.Transfer) ([]job.Job, error) {
				t.State = share.Open
				return nil, nil
			})
			return err
		},
		"NoteDelivery":       func() error { return w.NoteDelivery(w.ctx, to[0].Key, now, "gone") },
		"CountPasswordTry":   func() error { return w.CountPasswordTry(w.ctx, sent.Key, "guesser", now, now.Add(-time.Hour), 10) },
		"ForgivePasswordTry": func() error { return w.ForgivePasswordTry(w.ctx, sent.Key, "guesser") },
		"ClaimDownload": func() error {
			_, err := w.ClaimDownload(w.ctx, limited.Key, "another", "", claim("other"))
			return err
		},
		"EndDownload": func() error {
			return w.EndDownload(w.ctx, record, func(t *transfer.Transfer, r *transfer.Record, c *transfer.Claim) []job.Job {
				r.WholeAt, r.Spans = now, nil
				t.Downloads++
				t.Noticed++
				c.Used = true
				return []job.Job{{Kind: transfer.LetterFirstDownload, ID: string(t.Key), RunAt: now}}
			})
		},
		"Join": func() error {
			_, err := w.Join(w.ctx, joinedFile[0].Key, []upload.Key{joinedParts[1].Key, joinedParts[0].Key}, func(to *upload.File, from []*upload.File) error {
				to.Size, to.Got, to.Parts, to.Loose, to.State = 18, 18, 2, 2, upload.Complete
				for _, f := range from {
					f.State, f.Parts, f.Loose, f.Got, f.Local = upload.Deleted, 0, 0, 0, string(to.ID)
				}
				return nil
			})
			return err
		},
		"DropParts": func() error { return w.DropParts(w.ctx, removedFiles[0].Key) },
		"Forget":    func() error { _, err := w.Forget(w.ctx, now.Add(999*time.Hour), 10); return err },
	})
	return changes
}

// Whatever fails, a change is there whole or not at all, and nobody is told that
// it succeeded when it did not.
func TestAChangeIsAllOrNothing(t *testing.T) {
	onBothScripted(t, func(t *testing.T, w world, s *script) {
		boom := errors.New("boom")
		changes := w.changes()
		for _, name := range slices.Sorted(maps.Keys(changes)) {
			for k := int64(1); ; k++ {
				s.do(nil)
				before := w.tables()
				var n atomic.Int64
				s.do(func(string) error {
					if n.Add(1) == k {
						return boom
					}
					return nil
				})
				err := changes[name]()
				s.do(nil)
				after := w.tables()
				if err == nil {
					if n.Load() >= k {
						t.Fatalf("%s succeeded although its step %d failed", name, k)
					}
					if cmp.Equal(before, after) {
						t.Fatalf("%s succeeded and changed nothing", name)
					}
					break
				}
				if !errors.Is(err, boom) {
					t.Fatalf("%s, when step %d failed: %v", name, k, err)
				}
				if diff := cmp.Diff(before, after); diff != "" {
					t.Fatalf("%s left something when step %d failed: %s", name, k, diff)
				}
			}
		}
	})
}

func TestARequestThatGaveUpIsNotBegun(t *testing.T) {
	onBothScripted(t, func(t *testing.T, w world, s *script) {
		ctx, cancel := context.WithCancel(w.ctx)
		cancel()
		tr, files := w.draft(w.acc, 1)
		if err := w.CreateTransfer(ctx, tr, files); !errors.Is(err, context.Canceled) {
			t.Errorf("write: %v", err)
		}
		if _, err := w.Transfer(ctx, tr.ID); !errors.Is(err, context.Canceled) {
			t.Errorf("read: %v", err)
		}
	})
}
