package board_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/blob/disk/disktest"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/coretest"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/upload"
)

// Sizes that together pass what a number can hold must not come out as a small
// sum, or as a negative one, for which no quota is asked.
func TestSizesDoNotOverflow(t *testing.T) {
	ctx := context.Background()
	blobs, err := disk.Open(disktest.New(1, nil), "/blobs", disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	model, ids := &coretest.Model{}, id.NewSource(time.Now)
	uploads := upload.NewService(model, blobs, ids, time.Now, upload.Limits{})
	boards := board.NewService(model, model, uploads, ids, time.Now, board.Limits{MaxFiles: 10_000})
	alice := account.Actor{Owner: account.Owner{Account: "alice"}}
	const huge = 1 << 53 // the largest number a door lets pass
	_, _, err = boards.Create(ctx, alice, board.Draft{
		ID: "b1", Keep: time.Hour, Items: slices.Repeat([]board.DraftItem{{ID: "f", Size: huge}}, 1025),
	})
	if fault.CodeOf(err) != "transfer_too_large" {
		t.Errorf("create: %v", err)
	}
	if _, _, err = boards.Create(ctx, alice, board.Draft{ID: "b2", Keep: time.Hour}); err != nil {
		t.Fatal(err)
	}
	_, err = boards.Add(ctx, alice, "b2", slices.Repeat([]board.DraftItem{{ID: "f", Size: huge}}, 2048))
	if fault.CodeOf(err) != "transfer_too_large" {
		t.Errorf("add: %v", err)
	}
	if used := model.Used("alice"); used != 0 {
		t.Errorf("%d bytes are reserved", used)
	}
}
