package upload

import (
	"context"

	"github.com/ferry-server/ferry/internal/fault"
)

// room refuses bytes that would eat into the room kept for the database.
func (s *Service) room(ctx context.Context, n int64) error {
	space, err := s.blobs.Space(ctx)
	if err != nil || space.Free < 0 {
		return err
	}
	if space.Free-n < s.limits.MinFree {
		return fault.New(fault.Full, "disk_full", "there is no room left")
	}
	return nil
}

// Room refuses when new transfers must not begin: they are turned away earlier
// than parts, at twice the floor.
func (s *Service) Room(ctx context.Context) error { return s.room(ctx, s.limits.MinFree) }
