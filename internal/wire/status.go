package wire

import (
	"net/http"

	"github.com/ferry-server/ferry/internal/fault"
)

// Status gives the status of a fault's kind where an API has no word of its own for it:
// in the doors that are Ferry's, and in protocols that leave it to HTTP.
func Status(k fault.Kind) int { return statuses[k] }

var statuses = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Gone:            http.StatusGone,
	fault.Conflict:        http.StatusConflict,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Throttled:       http.StatusTooManyRequests,
	fault.Timeout:         http.StatusRequestTimeout,
	fault.Full:            http.StatusInsufficientStorage,
	fault.Unavailable:     http.StatusServiceUnavailable,
}
