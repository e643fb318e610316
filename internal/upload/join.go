package upload

import (
	"context"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
)

// MaxJoined is how many files may become one.
const MaxJoined = 1000

// Join makes an open file without parts of others, which are complete and of the same
// account: their parts become its parts, in this order, and it is complete. No byte is
// read or written. The others are deleted, and remember in Local what they became. May is
// asked of each, in the transaction. Faults: NotFound "file_unknown", Conflict
// "file_incomplete", "file_joined" for one that is in another file already, Invalid
// "files_repeated", TooLarge "part_too_large".
func (s *Service) Join(ctx context.Context, who account.ID, to ID, from []ID, may func(*File) error) (*File, error) {
	if len(from) == 0 || len(from) > MaxJoined {
		return nil, fault.New(fault.Invalid, "too_many_files", "a file can be made of 1 to %d others", MaxJoined)
	}
	target, err := s.File(ctx, who, to)
	if err != nil {
		return nil, err
	}
	keys, seen := make([]Key, len(from)), map[ID]bool{}
	for i, id := range from {
		f, err := s.File(ctx, who, id)
		if err != nil {
			return nil, err
		}
		if seen[id] {
			return nil, fault.New(fault.Invalid, "files_repeated", "a file can be in another once")
		}
		seen[id], keys[i] = true, f.Key
	}
	return s.store.Join(context.WithoutCancel(ctx), target.Key, keys, func(to *File, from []*File) error {
		now := s.now()
		if err := to.Accepts(now); err != nil {
			return err
		}
		if to.Parts > 0 || to.Chunk > 0 || to.Count > 0 {
			return fault.New(fault.Conflict, "file_plan", "the file has parts of its own")
		}
		most := s.most(to)
		to.Size, to.Sum = 0, 0
		for _, f := range from {
			if err := may(f); err != nil {
				return err
			}
			switch {
			case f.State == Deleted:
				return fault.New(fault.Conflict, "file_joined", "the file is in another already")
			case f.State != Complete:
				return fault.New(fault.Conflict, "file_incomplete", "the file has not been uploaded")
			case f.Loose != f.Parts, f.Small, !f.DamagedAt.IsZero():
				return fault.New(fault.Conflict, "file_plan", "the file cannot be a part of another")
			}
			to.Sum = blob.CombineCRC(to.Sum, f.Sum, f.Size)
			if f.Size > most-to.Size {
				return tooLarge(most)
			}
			to.Size += f.Size
			to.Parts += f.Parts
			to.ReceivedAt = f.ReceivedAt
			f.State, f.Parts, f.Loose, f.Got, f.Local = Deleted, 0, 0, 0, string(to.ID)
		}
		to.Loose, to.Got = to.Parts, to.Size
		to.State, to.CompletedAt = Complete, now
		return nil
	})
}
