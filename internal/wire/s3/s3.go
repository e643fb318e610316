// Package s3 is the embedded S3 door: the presigned URLs to which WeTransfer's
// clients put the parts of their files, and enough of Amazon's S3 for its SDKs
// to put, list, get and delete.
//
// There is one bucket, "ferry". Its key {account id}/{file id} is a file that was
// announced by any API, and takes that file's parts. Every other key is free: what
// is put there becomes a transfer of one file, with a short link, and the key
// stands for it until it is overwritten, deleted, or the transfer's life is over.
//
// The package owns S3's surface, words and statuses, and which key stands for
// which file. Signatures are left to package sigv4, bytes to upload on their way in
// and to deliver on their way out, lives and links to transfer and share. Start
// at routes, then Handler.serve.
//
// Facts about S3 are those of the Amazon S3 API Reference; comments name the page.
package s3

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/object"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/sigv4"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// Prefix is where the door stands.
const Prefix = "/s3"

// Bucket is the one bucket there is, and region where it says it lies: clients
// that ask want to hear one, and sign for any.
const (
	Bucket = "ferry"
	region = "us-east-1"
)

// Config is what the door stands on.
type Config struct {
	Accounts  *account.Service
	Uploads   *upload.Service
	Transfers *transfer.Service
	Shares    *share.Service
	Objects   Objects
	Blobs     blob.Store
	IDs       *id.Source
	Ring      *keyring.Ring
	Now       func() time.Time
	BaseURL   func() string // Ferry's public address, without a slash at the end
	URLLife   time.Duration // of URLs that Ferry presigns, at least; of others, at most; 0: an hour
	Log       *slog.Logger
}

// A Handler is the door. Make one with New; it is safe for concurrent use.
type Handler struct {
	Config
	presigner *Presigner
	verifier  sigv4.Verifier
	routes    []route
}

// New makes the door.
func New(c Config) *Handler {
	if c.URLLife == 0 {
		c.URLLife = time.Hour
	}
	return &Handler{
		Config:    c,
		presigner: NewPresigner(c.Ring, c.BaseURL, c.Now, c.URLLife),
		verifier:  sigv4.Verifier{MaxExpires: wholeLife(c.URLLife)},
		routes:    routes(),
	}
}

// cors lets pages of any origin put and get. "*" stands for every header but
// Authorization, which has to be named (Fetch standard).
var cors = wire.CORS{
	Methods: "GET, HEAD, PUT, POST, DELETE",
	Headers: "*, authorization",
	Expose:  "ETag, x-amz-request-id, " + linkHeader,
	MaxAge:  "3600",
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if cors.Answer(w, r) {
		return
	}
	err := h.serve(w, r)
	if err == nil {
		return
	}
	if f := answer(err); f.status >= 500 && f.status != http.StatusNotImplemented {
		h.Log.ErrorContext(r.Context(), "s3 request failed",
			"request", wire.RequestID(r.Context()), "method", r.Method, "code", f.code, "err", err)
	}
	h.Refuse(w, r, err)
}

// A request is what the door knows of one before an operation sees it.
type request struct {
	*http.Request
	query  url.Values
	name   name
	signed *sigv4.Signed
	who    caller
}

// serve looks at the path and method, then at the signature, then does the work.
// No byte of the body is read before the operation asks for it, so a client that
// waits for "100 Continue" is refused without having sent any.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.New(fault.Invalid, "uri_invalid", "the query cannot be parsed")
	}
	inBucket, key := splitPath(r.URL)
	at := atObject
	switch {
	case inBucket == "":
		at = atService
	case key == "":
		at = atBucket
	}
	rt, ok := h.match(at, r.Method, query)
	if !ok {
		return fault.New(fault.Invalid, "method", "the method is not allowed against this resource")
	}
	req := &request{Request: r, query: query}
	if req.signed, req.who, err = h.authenticate(r); err != nil {
		return err
	}
	switch {
	case rt == nil || hasUnbuiltHeader(r):
		return fault.New(fault.Invalid, "not_implemented", "this functionality is not implemented")
	case at != atService && inBucket != Bucket && r.Method != http.MethodPut:
		return bucketUnknown()
	case at == atObject && inBucket != Bucket:
		return bucketUnknown()
	case at == atBucket && inBucket != Bucket: // CreateBucket
		return fault.New(fault.Forbidden, "bucket_fixed", "there is one bucket, %q", Bucket)
	}
	if at == atObject {
		if req.name, err = parseName(key); err != nil {
			return err
		}
	}
	return rt.do(h, w, req)
}

func bucketUnknown() error {
	return fault.New(fault.NotFound, "bucket_unknown", "no such bucket")
}

// splitPath gives the bucket and the key of a path. To S3 a slash in a key is the
// same whether it was sent as such or as %2F.
func splitPath(u *url.URL) (bucket, key string) {
	path := strings.TrimPrefix(u.Path, Prefix)
	bucket, key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return bucket, key
}

// hasUnbuiltHeader finds headers that make a request mean more than this door does.
// Metadata of the user's own is let pass, and not kept.
func hasUnbuiltHeader(r *http.Request) bool {
	isWrite := r.Method == http.MethodPut || r.Method == http.MethodPost
	for name, values := range r.Header {
		switch {
		case strings.HasPrefix(name, "X-Amz-Copy-Source"),
			strings.HasPrefix(name, "X-Amz-Server-Side-Encryption"),
			strings.HasPrefix(name, "X-Amz-Object-Lock"),
			strings.HasPrefix(name, "X-Amz-Grant"),
			name == "X-Amz-Tagging",
			name == "X-Amz-Website-Redirect-Location",
			name == "X-Amz-Write-Offset-Bytes",
			isWrite && (name == "If-Match" || name == "If-None-Match"),
			name == "X-Amz-Acl" && !slices.Contains(ownerACLs, values[0]):
			return true
		}
	}
	return false
}

// ownerACLs are those that say what holds anyway.
var ownerACLs = []string{"private", "bucket-owner-full-control"}

// A name is what a key is: the file that was announced under it, or a free key.
type name struct {
	key     string
	account account.ID // of an announced file; "" for a free key
	file    upload.ID
}

func (n name) free() bool { return n.account == "" }

// parseName takes a key apart. Keys of two segments whose first has the form of an
// account id are those of announced files, whether or not there is such a file.
func parseName(key string) (name, error) {
	switch {
	case len(key) > object.MaxKey:
		return name{}, fault.New(fault.Invalid, "key_too_long", "a key has at most %d bytes", object.MaxKey)
	case !utf8.ValidString(key) || strings.ContainsRune(key, 0):
		return name{}, fault.New(fault.Invalid, "uri_invalid", "a key is UTF-8 without NUL")
	}
	owner, file, ok := strings.Cut(key, "/")
	if ok && id.IsKey(owner) && file != "" && !strings.Contains(file, "/") {
		return name{key: key, account: account.ID(owner), file: upload.ID(file)}, nil
	}
	return name{key: key}, nil
}
