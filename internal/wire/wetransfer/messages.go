package wetransfer

import (
	"fmt"
	"net/http"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// Every word that the API says about a failure is in this file. The documented
// ones (WeTransfer API docs: Errors, Authorization, Transfer API, Board API) are
// kept to the letter. "Guess" marks what the documents leave open: a status or a
// text that may change when somebody remembers better.

// A form is how v2 wraps a text. In v1 every error is bare.
type form int

const (
	bare   form = iota // {"message": text}: the front door of the real API
	plain              // {"success": false, "message": text}
	linked             // plain, and the text ends with where to read more
)

// A saying is what is said about one failure. Without a text of its own it says
// what the fault says.
type saying struct {
	status int
	text   string
	form   form
}

// because makes the saying the answer to err.
func (s saying) because(err error) error { return &said{s, err} }

// with fills in the blanks of the text.
func (s saying) with(args ...any) saying {
	s.text = fmt.Sprintf(s.text, args...)
	return s
}

// said is a failure for which a call has words of its own.
type said struct {
	saying
	err error
}

func (s *said) Error() string { return s.err.Error() }
func (s *said) Unwrap() error { return s.err }

// What single calls say, whatever the core calls it.
var (
	sayInvalidKey = saying{http.StatusForbidden, "Forbidden: invalid API Key", linked}

	sayNoTransfer     = saying{http.StatusNotFound, "Couldn't find Transfer", linked}
	sayNoTransferFile = saying{http.StatusNotFound, "Invalid transfer or file id", linked}
	sayChunksMissing  = saying{http.StatusExpectationFailed, "Chunks %s are still missing", linked}
	sayExpected       = saying{http.StatusBadRequest, "Expected %d to be %d", bare}

	sayNoBoard      = saying{http.StatusNotFound, "This board does not exist", linked}
	sayNotMember    = saying{http.StatusForbidden, "You're not a member of this board (%s)", linked}
	sayNoBoardFile  = saying{http.StatusNotFound, "File not found", linked}
	sayNothingSent  = saying{http.StatusBadRequest, "expected at least 1 part", linked}
	sayUseEndpoint  = saying{http.StatusNotFound, "use correct endpoint", linked}
	sayForeignFile  = saying{http.StatusUnauthorized, "File is not in one of your boards", linked}  // guess: the text
	sayForeignV1    = saying{http.StatusUnauthorized, "File is not in one of your transfers", bare} // guess: the text
	sayNoMultipart  = saying{http.StatusBadRequest, "multipart upload id is missing", linked}       // guess: the text
	sayBadMultipart = saying{http.StatusBadRequest, "multipart upload id is invalid", linked}       // guess: all of it

	sayZeroChunk   = saying{http.StatusExpectationFailed, "Chunk numbers are 1-based", linked}
	sayNoSuchChunk = saying{http.StatusExpectationFailed, "Chunk numbers end at %d", linked} // guess: all of it
	sayNotAChunk   = saying{http.StatusBadRequest, `"part_number" must be a number`, linked} // guess: all of it

	// The web client's API (seen in iamleot/transferwee).
	sayNoAccess = saying{http.StatusForbidden, "No download access to this Transfer", bare}
)

// A row is one failure in both versions.
type row struct{ v1, v2 saying }

// both says the same in both versions.
func both(status int, text string, f form) row {
	return row{saying{status, text, f}, saying{status, text, f}}
}

// Codes of this door's own faults.
const (
	codeUnknownPath   = "unknown_path"
	codeMethod        = "method"
	codeNotAcceptable = "not_acceptable"
	codeContentType   = "content_type"
	codeTeapot        = "teapot"
	codeToken         = "token_invalid"
	codeField         = "field_invalid"
)

// byCode says what both versions have a word for. v1's first two texts are those
// of Amazon's API Gateway, which sends the first with 403.
var byCode = map[string]row{
	codeUnknownPath: {
		saying{http.StatusForbidden, "Missing Authentication Token", bare},
		saying{http.StatusNotFound, "Resource not found", bare},
	},
	codeMethod: {
		saying{http.StatusMethodNotAllowed, "Unsupported HTTP method", bare},
		saying{http.StatusMethodNotAllowed, "The HTTP method or resources may not be supported.", bare},
	},
	codeContentType: {
		saying{http.StatusUnsupportedMediaType, "Unsupported Media Type", bare},
		saying{http.StatusUnsupportedMediaType, "Unsupported Content-Type header. Please set Content-Type to 'application/json'.", bare},
	},
	wire.CodeEncoding: both(http.StatusUnsupportedMediaType, "Unsupported Media Type", bare),
	codeNotAcceptable: both(http.StatusNotAcceptable, "Not Acceptable", plain), // guess: the text, here and below
	codeTeapot:        both(http.StatusTeapot, "I'm a teapot", plain),
	wire.CodeTooLarge: both(http.StatusRequestEntityTooLarge, "Request Entity Too Large", plain),
	"file_incomplete": both(http.StatusExpectationFailed, "", linked), // guess: 417, as for missing chunks
}

// byKind says the rest, for every kind there is.
var byKind = map[fault.Kind]row{
	fault.Internal: both(http.StatusInternalServerError, "Internal Server Error", plain),
	fault.Invalid:  both(http.StatusBadRequest, "", linked),
	fault.Unauthenticated: { // documented for the key (v2: an absent one); guess: the same for tokens
		saying{http.StatusForbidden, "Forbidden", bare},
		saying{http.StatusUnauthorized, "Unauthorized", bare},
	},
	fault.Forbidden:   both(http.StatusForbidden, "Forbidden", plain),
	fault.NotFound:    both(http.StatusNotFound, "Not Found", plain),
	fault.Gone:        both(http.StatusGone, "Gone", plain),
	fault.Conflict:    both(http.StatusBadRequest, "", linked),
	fault.TooLarge:    both(http.StatusBadRequest, "", linked), // guess: of a transfer, all files together
	fault.Throttled:   both(http.StatusTooManyRequests, "Limit Exceeded Exception", bare),
	fault.Timeout:     both(http.StatusRequestTimeout, "Request Timeout", plain),
	fault.Full:        both(http.StatusInsufficientStorage, "Insufficient Storage", plain),
	fault.Unavailable: both(http.StatusServiceUnavailable, "Service Unavailable", plain),
}
