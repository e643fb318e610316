package wetransfer

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// Lengths of all parts of a file but the last (WeTransfer API docs). v1's clients
// know theirs without being told, and the Ruby SDK that of boards.
const (
	transferChunk = 5 << 20
	boardChunk    = 6 << 20
)

// partNumber reads the number of a part in a path.
func partNumber(text string) (int, error) {
	wrong := fault.New(fault.Invalid, "part_number", "the part number is not one")
	digits, negative := strings.CutPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, sayNotAChunk.because(wrong)
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		n = math.MaxInt // more digits than any file has parts
	}
	if negative || n == 0 {
		return 0, sayZeroChunk.because(wrong)
	}
	return n, nil
}

// checkPart refuses numbers above those that the client was told.
func checkPart(f *upload.File, n int) error {
	if last := upload.PlannedParts(f.Size, f.Chunk); n > last {
		return sayNoSuchChunk.with(last).because(fault.New(fault.Invalid, "part_number", "no such part"))
	}
	return nil
}

// checkMultipart refuses an upload id that is not the file's.
func checkMultipart(f *upload.File, uploadID string) error {
	if f.Upload != uploadID {
		return sayBadMultipart.because(fault.New(fault.Invalid, "upload_unknown", "no such upload"))
	}
	return nil
}

// noMultipart answers where the path ends before the upload id.
func (h *Handler) noMultipart(http.ResponseWriter, *http.Request, account.Actor, wire.Value) error {
	return sayNoMultipart.because(fault.New(fault.Invalid, "upload_missing", "no upload id"))
}
