package sim

import (
	"bytes"
	"context"
	"hash/crc32"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// check compares all that is stored with what the clients know. Nothing is under way.
func (w *world) check() {
	known := map[share.ID]*sent{}
	for _, x := range w.book.all {
		known[x.id] = x
	}
	used := map[account.ID]int64{}
	for _, s := range w.model.Shares() {
		sh, held := s.Share, s.Held
		used[sh.Owner.Account] += held
		x := known[sh.ID]
		delete(known, sh.ID)
		if x == nil || x.create.tries == 0 || x.owner != sh.Owner.Account {
			w.bad("there is a transfer %s that nobody sent", sh.ID)
			continue
		}
		w.checkState(x, &sh)
		if sh.State <= share.Ready && held != sh.Size || sh.State > share.Ready && held != 0 {
			w.bad("%s has %d bytes, is %v, and holds %d of the quota", x.name(), sh.Size, sh.State, held)
		}
		if !sh.Purging {
			w.checkCounters(x, &sh, s.Files)
		}
	}
	for _, who := range accounts {
		if got := w.model.Used(who); got != used[who] {
			w.bad("%s has used %d of the quota, and all shares hold %d", who, got, used[who])
		}
	}
	for _, x := range w.book.all { // in order: what is wrong is told in the trace
		if known[x.id] != nil && x.create.acked > 0 && !w.old {
			w.bad("%s was made, and is not there", x.name())
		}
	}
	w.checkFiles()
}

func (w *world) checkState(x *sent, sh *share.Share) {
	now := time.Now()
	opened := x.finalize.tries + x.force.tries
	switch {
	case sh.State == share.Ready && opened == 0:
		w.bad("%s is ready, and nobody has finalized it", x.name())
	case sh.State == share.Open && x.finalize.acked+x.force.acked > 0:
		w.bad("%s was finalized, and is open", x.name())
	case sh.State == share.Deleted && !x.ended():
		w.bad("%s is deleted, and nobody wanted that", x.name())
	case sh.State == share.Expired && now.Before(sh.ExpiresAt):
		w.bad("%s has expired before its end", x.name())
	case sh.State <= share.Ready && x.remove.acked+x.cancel.acked > 0 && x.recover.tries == 0:
		w.bad("%s was deleted, and is %v", x.name(), sh.State)
	}
}

// checkCounters compares what is counted with what is there.
func (w *world) checkCounters(x *sent, sh *share.Share, files []upload.File) {
	var all, open int
	var size int64
	for _, f := range files {
		size += f.Held()
		if f.State != upload.Deleted {
			all++
		}
		if f.State == upload.Open {
			open++
		}
	}
	if sh.Files != all || sh.OpenFiles != open || sh.Size != size {
		w.bad("%s counts %d files, %d of them open, and %d bytes; there are %d, %d, and %d",
			x.name(), sh.Files, sh.OpenFiles, sh.Size, all, open, size)
	}
	if t, err := w.model.TransferByKey(context.Background(), sh.Key); err == nil && x.desk != nil &&
		t.MaxDownloads > 0 && t.Claimed > t.MaxDownloads {
		w.bad("%s has promised %d downloads of %d", x.name(), t.Claimed, t.MaxDownloads)
	}
}

// checkFiles compares files, their parts and bytes.
func (w *world) checkFiles() {
	for _, x := range w.book.all {
		for _, f := range x.files {
			s, parts := w.model.Look(func(s *upload.File) bool { return s.State != upload.Deleted && f.is(s) })
			if s == nil {
				if !f.deleted() && f.anyAcked() && w.remembers(x) {
					w.bad("%s has acknowledged parts, and is not there", f.name())
				}
				continue
			}
			if s.Home.Purging {
				continue
			}
			w.checkFile(f, s, parts)
		}
	}
}

// remembers tells whether the bytes of a transfer must still be there.
func (w *world) remembers(x *sent) bool {
	home := w.home(x)
	return home != nil && !home.Purging
}

// deleted tells that somebody has tried to delete it: one of that name that is there
// may have been begun since.
func (f *file) deleted() bool { return f.remove.tries+f.x.force.tries > 0 }

func (f *file) anyAcked() bool {
	for i := range f.cuts {
		if f.acked(i) {
			return true
		}
	}
	return false
}

func (w *world) checkFile(f *file, s *upload.File, parts []upload.Part) {
	var got int64
	var loose int
	var whole uint32
	there := map[int]bool{}
	for _, p := range parts {
		there[p.Number] = true
		got += p.Length
		lies := "in place"
		if p.Blob != s.Blob() {
			loose++
			lies = "loose"
		}
		whole = blob.CombineCRC(whole, p.CRC, p.Length)
		var out bytes.Buffer
		_, err := blob.Copy(context.Background(), &out, w.node.blobs, blob.Content{p.Segment}, 0, p.Length)
		switch {
		case err != nil:
			w.bad("part %d of %s, %s, is promised, and cannot be read: %v", p.Number, f.name(), lies, err)
		case crc32.ChecksumIEEE(out.Bytes()) != p.CRC:
			w.bad("part %d of %s, %s, is not what its row says", p.Number, f.name(), lies)
		default:
			w.book.compare(f, []upload.Part{p}, out.Bytes())
		}
	}
	for i := range f.cuts {
		if f.acked(i) && !there[i+1] && !f.deleted() {
			w.bad("part %d of %s was acknowledged, and is not there", i+1, f.name())
		}
	}
	if s.Parts != len(parts) || s.Got != got || s.Loose != loose {
		w.bad("%s counts %d parts, %d of them loose, and %d bytes; there are %d, %d, and %d",
			f.name(), s.Parts, s.Loose, s.Got, len(parts), loose, got)
	}
	if s.State != upload.Complete {
		if f.complete.acked > 0 {
			w.bad("%s was completed, and is not complete", f.name())
		}
		return
	}
	if s.Size != got || s.Sum != whole || !f.unknown && got != f.length() {
		w.bad("%s is complete with %d bytes and the sum %08x; its %d parts have %d and %08x",
			f.name(), s.Size, s.Sum, len(parts), got, whole)
	}
	if f.x.desk == nil && f.complete.tries == 0 {
		w.bad("%s is complete, and nobody has completed it", f.name())
	}
}

// checkOrphans looks for blobs that no row promises, when all are old enough.
func (w *world) checkOrphans() {
	ctx := context.Background()
	var all []blob.ID
	err := w.node.disk.Walk(ctx, func(i blob.Info) error {
		all = append(all, i.ID)
		return nil
	})
	if err != nil {
		w.bad("the blobs cannot be listed: %v", err)
	}
	promised, err := w.model.Promised(ctx, all)
	if err != nil {
		w.bad("nobody knows which blobs are promised: %v", err)
	}
	for _, b := range all {
		if !promised[b] {
			w.bad("blob %s is an orphan, and the sweep has not removed it", b)
		}
	}
	for _, s := range w.model.Shares() {
		lives := s.State <= share.Ready && !s.Permanent()
		if lives || s.State > share.Ready && (s.State != share.Purged || len(s.Files) > 0) {
			w.bad("transfer %s should have gone, and is %v", s.ID, s.State)
		}
	}
}
