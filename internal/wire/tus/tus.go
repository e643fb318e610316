// Package tus is the door for resumable uploads: tus 1.0 (tus.io/protocols), and the
// IETF's "Resumable Uploads for HTTP" (draft-ietf-httpbis-resumable-upload), on one
// resource for each file.
//
// POST /files begins a file, which becomes a transfer of its own with a short link. So
// does PUT /files/{name}, for programs that know of no protocol, such as curl -T.
// A file that was begun through any other door is a resource here, too, for who may
// send it. The package owns what both protocols say about offsets, lengths and
// checksums, and their statuses. Where bytes go is left to package upload, lives and
// links to transfer and share. Start at Handler.serve.
package tus

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// Prefix is where the door stands.
const Prefix = "/files"

// Headers of both protocols, and ours.
const (
	resumable = "Tus-Resumable"
	version   = "1.0.0"

	uploadOffset     = "Upload-Offset"
	uploadLength     = "Upload-Length"
	uploadDefer      = "Upload-Defer-Length"
	uploadMetadata   = "Upload-Metadata"
	uploadChecksum   = "Upload-Checksum"
	uploadExpires    = "Upload-Expires"
	uploadConcat     = "Upload-Concat"
	uploadComplete   = "Upload-Complete"
	uploadIncomplete = "Upload-Incomplete" // of the draft's first versions, the other way round
	uploadLimit      = "Upload-Limit"
	interopVersion   = "Upload-Draft-Interop-Version"

	linkHeader = "Ferry-Link" // where people get what was sent, once it is complete
)

// extensions are those of tus that are there.
const extensions = "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration,concatenation"

// Config is what the door stands on.
type Config struct {
	Accounts  *account.Service
	Uploads   *upload.Service
	Transfers *transfer.Service
	Shares    *share.Service
	Misses    *wire.Misses
	IDs       *id.Source
	Now       func() time.Time
	BaseURL   func() string // Ferry's public address, without a slash at the end
	MaxSize   int64         // bytes of a file; 0: no limit
	Log       *slog.Logger
}

// A Handler is the door. Make one with New; it is safe for concurrent use.
type Handler struct{ Config }

// New makes the door.
func New(c Config) *Handler { return &Handler{c} }

// cors lets pages of any origin upload with keys of their own.
var cors = wire.CORS{
	Methods: "POST, PUT, HEAD, PATCH, DELETE, OPTIONS",
	Headers: "*, authorization",
	Expose: "Location, " + strings.Join([]string{
		resumable, "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm", uploadOffset, uploadLength, uploadDefer,
		uploadMetadata, uploadExpires, uploadConcat, uploadComplete, uploadLimit, interopVersion, linkHeader,
	}, ", "),
	MaxAge: "3600",
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		h.describe(w.Header())
	}
	if cors.Answer(w, r) {
		return
	}
	if err := h.serve(w, r); err != nil {
		h.Refuse(w, r, err)
	}
}

// describe says what the door can do.
func (h *Handler) describe(header http.Header) {
	header.Set(resumable, version)
	header.Set("Tus-Version", version)
	header.Set("Tus-Extension", extensions)
	header.Set("Tus-Checksum-Algorithm", algorithmNames())
	header.Set("Accept-Patch", appendType+", "+partialType)
	header.Set(uploadLimit, h.limit())
	if h.MaxSize > 0 {
		header.Set("Tus-Max-Size", decimal(h.MaxSize))
	}
}

// limit says how large files may be, as the draft has it.
func (h *Handler) limit() string {
	if h.MaxSize > 0 {
		return "min-size=0, max-size=" + decimal(h.MaxSize)
	}
	return "min-size=0"
}

// A request is what the door knows of one.
type request struct {
	*http.Request
	w     http.ResponseWriter
	tus   bool // else it speaks the draft, or nothing of either
	actor account.Actor
	file  upload.ID // "" for /files itself
}

// serve finds out who asks and for what. A client that cannot send PATCH or DELETE says
// in a header what its POST means (tus, X-HTTP-Method-Override).
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	req := &request{Request: r, w: w, tus: r.Header.Get(resumable) != ""}
	if req.tus {
		w.Header().Set(resumable, version)
		if r.Header.Get(resumable) != version {
			w.Header().Set("Tus-Version", version)
			return fault.New(fault.Invalid, codeVersion, "this server speaks tus %s", version)
		}
	}
	method := r.Method
	if m := r.Header.Get("X-HTTP-Method-Override"); m != "" && method == http.MethodPost {
		method = strings.ToUpper(m)
	}
	rest := strings.Trim(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	if strings.Contains(rest, "/") {
		return fileUnknown()
	}
	req.file = upload.ID(rest)
	do := match(method, rest != "")
	if do == nil {
		return fault.New(fault.Invalid, codeMethod, "the method is not allowed here")
	}
	var err error
	if req.actor, err = h.authenticate(r); err != nil {
		return err
	}
	return do(h, req)
}

// authenticate finds whose key comes along.
func (h *Handler) authenticate(r *http.Request) (account.Actor, error) {
	secret := r.Header.Get("X-Api-Key")
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); secret == "" && ok && strings.EqualFold(scheme, "Bearer") {
		secret = strings.TrimSpace(token)
	}
	if secret == "" {
		return account.Actor{}, fault.New(fault.Unauthenticated, "key_missing", "an API key is needed, as X-Api-Key or as a bearer token")
	}
	ctx := r.Context()
	key, err := h.Accounts.Key(ctx, account.Secret(secret))
	if err == nil {
		err = h.Accounts.Count(ctx, key)
	}
	if err == nil {
		err = key.May(account.Send)
	}
	if err != nil {
		return account.Actor{}, err
	}
	return key.Actor(nil), nil
}

func fileUnknown() error { return fault.New(fault.NotFound, "file_unknown", "no such file") }

// own gives a file that the caller may send: what the key itself made, and what
// belongs to its account at large. It is asked first of all, as who asks the engine for
// a file stops whoever is sending it.
func (h *Handler) own(r *request) (*upload.File, error) {
	f, err := h.find(r, r.file)
	if err == nil && f.State == upload.Deleted {
		err = h.Misses.Count(r.Context(), fileUnknown())
	}
	if err != nil {
		return nil, err
	}
	return f, f.Home.Alive(h.Now())
}

// find is own for a file in any state.
func (h *Handler) find(r *request, file upload.ID) (*upload.File, error) {
	f, err := h.Uploads.File(r.Context(), r.actor.Account, file)
	if err == nil {
		if o := f.Home.Owner; o.Room != "" && o.Room != r.actor.Room {
			err = fileUnknown()
		}
	}
	if fault.Is(err, "file_unknown") {
		err = h.Misses.Count(r.Context(), fileUnknown())
	}
	return f, err
}

// look tells how far a file is.
func (h *Handler) look(r *request) error {
	if _, err := h.own(r); err != nil {
		return err
	}
	f, offset, err := h.Uploads.Offset(r.Context(), r.actor.Account, r.file)
	if err != nil {
		return err
	}
	if err := h.open(r, f); err != nil {
		return err
	}
	h.tell(r, f, offset)
	if r.tus {
		r.w.WriteHeader(http.StatusOK)
		return nil
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

// tell says in the answer's header how far a file is, in both protocols' words.
func (h *Handler) tell(r *request, f *upload.File, offset int64) {
	header := r.w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set(uploadOffset, decimal(offset))
	header.Set(uploadComplete, boolean(f.State == upload.Complete))
	header.Set(uploadLimit, h.limit())
	if f.Size != upload.Unknown {
		header.Set(uploadLength, decimal(f.Size))
	} else if r.tus {
		header.Set(uploadDefer, "1")
	}
	if f.State == upload.Open && !f.Home.Permanent() {
		header.Set(uploadExpires, f.Home.ExpiresAt.UTC().Format(http.TimeFormat))
	}
	if made(f) {
		header.Set(linkHeader, h.BaseURL()+"/"+f.Home.Code)
	}
	if r.tus && f.Name != "" {
		header.Set(uploadMetadata, metadata(f.Name))
	}
	switch {
	case partial(f):
		header.Set(uploadConcat, "partial")
	case f.Ident == madeFinal:
		header.Set(uploadConcat, f.Local)
	}
	if v := r.Header.Get(interopVersion); v != "" {
		header.Set(interopVersion, interop(v))
	}
}

// By these a file that this door made is known to it: madeHere, or one that is to be a part
// of another, or one that was put together of such.
const (
	madeHere    = "tus"
	madePartial = "tus-partial"
	madeFinal   = "tus-final"
)

func made(f *upload.File) bool { return f.Ident == madeHere || f.Ident == madeFinal }

func partial(f *upload.File) bool { return f.Ident == madePartial }

// terminate takes a file back. One of another door's loses what was sent of it; when it
// is complete it is that door's to delete.
func (h *Handler) terminate(r *request) error {
	if _, err := h.own(r); err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context())
	f, _, err := h.Uploads.Offset(ctx, r.actor.Account, r.file) // who still sends it is stopped
	if err != nil {
		return err
	}
	if made(f) || partial(f) {
		err = h.Shares.Delete(ctx, f.Home.Owner, f.Home.ID)
	} else {
		err = h.Uploads.Abandon(ctx, f)
	}
	if err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}
