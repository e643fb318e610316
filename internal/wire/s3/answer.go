package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/sigv4"
	"github.com/ferry-server/ferry/internal/wire"
)

// A failure is what S3 says of one (Amazon S3 API Reference, Error Responses).
type failure struct {
	code    string
	status  int
	message string // "" where the fault's own says more
}

var (
	noSuchUpload = failure{
		"NoSuchUpload", http.StatusNotFound,
		"The specified upload does not exist. The upload ID may be invalid, or the upload may have been " +
			"aborted or completed.",
	}
	incompleteBody = failure{
		"IncompleteBody", http.StatusBadRequest,
		"You did not provide the number of bytes specified by the Content-Length HTTP header.",
	}
)

// byCode has the failures for which S3 has a word, byKind those for the rest.
var byCode = map[string]failure{
	"bucket_exists": {
		"BucketAlreadyOwnedByYou", http.StatusConflict,
		"Your previous request to create the named bucket succeeded and you already own it.",
	},
	"bucket_unknown": {"NoSuchBucket", http.StatusNotFound, "The specified bucket does not exist."},
	"method": {
		"MethodNotAllowed", http.StatusMethodNotAllowed,
		"The specified method is not allowed against this resource.",
	},
	"not_implemented": {
		"NotImplemented", http.StatusNotImplemented,
		"A header or parameter you provided implies functionality that is not implemented.",
	},
	"uri_invalid":  {"InvalidURI", http.StatusBadRequest, "Couldn't parse the specified URI."},
	"key_too_long": {"KeyTooLongError", http.StatusBadRequest, "Your key is too long."},
	"argument":     {"InvalidArgument", http.StatusBadRequest, ""},
	"part_number": {
		"InvalidArgument", http.StatusBadRequest,
		"Part number must be an integer between 1 and 10000, inclusive",
	},
	"malformed_xml": {
		"MalformedXML", http.StatusBadRequest,
		"The XML you provided was not well-formed or did not validate against our published " +
			"schema.",
	},
	"digest_invalid": {
		"InvalidDigest", http.StatusBadRequest,
		"The Content-MD5 you specified is not valid.",
	},
	"digest_mismatch": {
		"BadDigest", http.StatusBadRequest,
		"The Content-MD5 you specified did not match what we received.",
	},
	"incomplete_body":   incompleteBody,
	wire.CodeIncomplete: incompleteBody,
	"upload_unknown":    noSuchUpload,
	"file_complete":     noSuchUpload,
	"part_missing": {
		"InvalidPart", http.StatusBadRequest,
		"One or more of the specified parts could not be found. The part may not have been " +
			"uploaded, or the specified entity tag may not match the part's entity tag.",
	},
	"part_order": {
		"InvalidPartOrder", http.StatusBadRequest,
		"The list of parts was not in ascending order. Parts must be ordered by part number.",
	},
	"size_mismatch": {
		"InvalidRequest", http.StatusBadRequest,
		"The parts together do not have the size that was announced.",
	},
	"precondition": {
		"PreconditionFailed", http.StatusPreconditionFailed,
		"At least one of the pre-conditions you specified did not hold",
	},
	"range": {
		"InvalidRange", http.StatusRequestedRangeNotSatisfiable,
		"The requested range is not satisfiable",
	},
	"key_unknown": {
		"InvalidAccessKeyId", http.StatusForbidden,
		"The access key ID you provided does not exist in our records.",
	},
	"blob_missing":       byKind[fault.Internal], // ours to mend, though it is of kind NotFound
	"file_among_others":  {"AccessDenied", http.StatusForbidden, ""},
	"quota_exceeded":     {"QuotaExceeded", http.StatusForbidden, ""},
	"overloaded":         {"SlowDown", http.StatusServiceUnavailable, "Please reduce your request rate."},
	"transfer_too_large": {"EntityTooLarge", http.StatusBadRequest, ""},
}

var byKind = map[fault.Kind]failure{
	fault.Internal: {
		"InternalError", http.StatusInternalServerError,
		"We encountered an internal error. Please try again.",
	},
	fault.Invalid:         {"InvalidRequest", http.StatusBadRequest, ""},
	fault.Unauthenticated: {"AccessDenied", http.StatusForbidden, "Access Denied"},
	fault.Forbidden:       {"AccessDenied", http.StatusForbidden, "Access Denied"},
	fault.NotFound:        {"NoSuchKey", http.StatusNotFound, "The specified key does not exist."},
	fault.Gone:            {"NoSuchKey", http.StatusNotFound, "The specified key does not exist."},
	fault.Conflict: {
		"OperationAborted", http.StatusConflict,
		"A conflicting conditional operation is currently in progress against this resource. Try " +
			"again.",
	},
	fault.TooLarge: {
		"EntityTooLarge", http.StatusBadRequest,
		"Your proposed upload exceeds the maximum allowed object size.",
	},
	fault.Throttled: {"SlowDown", http.StatusServiceUnavailable, "Please reduce your request rate."},
	fault.Timeout: {
		"RequestTimeout", http.StatusBadRequest,
		"Your socket connection to the server was not read from or written to within the timeout " +
			"period.",
	},
	fault.Full: {
		"InsufficientStorage", http.StatusInsufficientStorage,
		"There is not enough room left to store the request.",
	},
	fault.Unavailable: {"ServiceUnavailable", http.StatusServiceUnavailable, "Please try again later."},
}

// answer finds the words for an error. What the signature's check said comes first:
// it may be the cause inside a fault about the body.
func answer(err error) failure {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return failure{e.Code, e.Status, e.Message}
	}
	f, ok := byCode[fault.CodeOf(err)]
	if !ok {
		f = byKind[fault.KindOf(err)]
	}
	if f.message == "" {
		if e, ok := errors.AsType[*fault.Error](err); ok {
			f.message = e.Msg
		}
	}
	return f
}

type errorBody struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Resource  string
	RequestID string `xml:"RequestId"`
}

// Refuse answers r with err as S3 would: XML, or nothing but the status to HEAD.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	f := answer(err)
	ctx := r.Context()
	if cors.Answer(w, r) { // Refuse is also called from outside, for any request
		return
	}
	for _, ofSuccess := range []string{"Etag", linkHeader, checksumHeader, "X-Amz-Checksum-Type"} {
		w.Header().Del(ofSuccess)
	}
	if r.Method == http.MethodHead {
		setRequestID(ctx, w.Header())
		w.WriteHeader(f.status)
		return
	}
	writeXML(w, r, f.status, errorBody{
		Code: f.code, Message: f.message,
		Resource:  "/" + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, Prefix), "/"),
		RequestID: wire.RequestID(ctx),
	})
}

// writeXML answers with v.
func writeXML(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := xml.Marshal(v)
	if err != nil {
		panic("s3: answer cannot be XML: " + err.Error())
	}
	body = append([]byte(`<?xml version="1.0" encoding="UTF-8"?>`+"\n"), body...)
	header := w.Header()
	header.Set("Content-Type", "application/xml")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	setRequestID(r.Context(), header)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nothing to tell it, nothing to undo
}

func setRequestID(ctx context.Context, header http.Header) {
	if id := wire.RequestID(ctx); id != "" {
		header.Set("X-Amz-Request-Id", id)
	}
}
