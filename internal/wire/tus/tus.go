// Package tus is the door for resumable uploads: tus 1.0 (tus.io/protocols), and the
// IETF's "Resumable Uploads for HTTP" (draft-ietf-httpbis-resumable-upload), on one
// resource for each file.
//
// POST /files begins a file, which becomes a transfer of its own with a short link. So
// does PUT /files/{name}, for programs that know of no protocol, such as curl -T.
// A file that was begun through any other door is a resource here, too, for who may
// send it: with an API key, signed in at the site, or with the key of its transfer. The
// package owns what both protocols say about offsets, lengths and
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
	"github.com/ferry-server/ferry/internal/permit"
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

	linkHeader  = "Ferry-Link"         // where people get what was sent, once it is complete
	transferKey = "Ferry-Transfer-Key" // lets whoever has it fill a transfer, as at Ferry's own API
)

// extensions are those of tus that are there.
const extensions = "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration,concatenation"

// Config is what the door stands on.
type Config struct {
	People    *permit.People
	Desk      *transfer.Desk
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

// cors lets pages of any origin upload with keys of their own. Their cookies are never
// taken, as it says nothing of credentials.
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
	tus   bool           // else it speaks the draft, or nothing of either
	actor account.Actor  // the zero Actor is nobody
	key   account.Secret // of a transfer, as it came along
	file  upload.ID      // "" for /files itself
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
	rt := match(method, rest != "")
	if rt == nil {
		return fault.New(fault.Invalid, codeMethod, "the method is not allowed here")
	}
	if err := h.admit(req, rt); err != nil {
		return err
	}
	return rt.operate(h, req)
}

// admit finds out who asks, and whether the route is for them. Which files are theirs the
// core says.
func (h *Handler) admit(r *request, rt *route) error {
	secret := r.Header.Get("X-Api-Key")
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); secret == "" && ok && strings.EqualFold(scheme, "Bearer") {
		secret = strings.TrimSpace(token)
	}
	if secret != "" {
		if err := h.admitKey(r, account.Secret(secret)); err != nil {
			return err
		}
	}
	if rt.fills {
		r.key = account.Secret(r.Header.Get(transferKey))
		if secret == "" {
			if err := h.admitPerson(r); err != nil {
				return err
			}
		}
	}
	switch {
	case r.actor.Account != "" || r.key != "":
		return nil
	case rt.fills:
		return fault.New(fault.Unauthenticated, "key_missing", "an API key is needed, as X-Api-Key or as a bearer token, or the transfer's key, or to be signed in")
	}
	return fault.New(fault.Unauthenticated, "key_missing", "an API key is needed, as X-Api-Key or as a bearer token")
}

// admitKey finds whose API key comes along.
func (h *Handler) admitKey(r *request, secret account.Secret) error {
	ctx := r.Context()
	key, err := h.People.Accounts.Key(ctx, secret)
	if err == nil {
		err = h.People.Accounts.Count(ctx, key)
	}
	if err == nil {
		err = key.May(account.Send)
	}
	if err == nil {
		r.actor = key.Actor(nil)
	}
	return err
}

// admitPerson finds who is signed in, if somebody is. No page of another site acts for
// them, not even by HEAD: that stops whoever is sending the file.
func (h *Handler) admitPerson(r *request) error {
	login := wire.Login{Base: h.BaseURL()}
	token := login.Token(r.Request)
	if token == "" {
		return nil
	}
	who, err := h.People.Token(r.Context(), account.Secret(token))
	if fault.KindOf(err) == fault.Unauthenticated {
		return nil // a session that is over makes nobody of its holder, and keeps nothing else from them
	}
	if err != nil {
		return err
	}
	if !login.FromHere(r.Request) {
		return fault.New(fault.Forbidden, "foreign_page", "a page of another site made the request")
	}
	r.actor = who
	return nil
}

func fileUnknown() error { return fault.New(fault.NotFound, "file_unknown", "no such file") }

// own gives a file that the caller may send. It is asked first of all, as who asks the
// engine for a file stops whoever is sending it; from then on its owner's account stands
// for the caller.
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
	f, err := h.Desk.FillerFile(r.Context(), r.actor, r.key, file)
	if fault.Is(err, "file_unknown") {
		err = h.Misses.Count(r.Context(), fileUnknown())
	}
	return f, err
}

// look tells how far a file is.
func (h *Handler) look(r *request) error {
	f, err := h.own(r)
	if err != nil {
		return err
	}
	f, offset, err := h.Uploads.Offset(r.Context(), f.Home.Owner.Account, r.file)
	if err != nil {
		return err
	}
	// The request that brought the last byte may have ended before it could do this. A client
	// of tus that hears of its last byte says no more.
	if offset == f.Size && (made(f) || partial(f)) {
		if f, err = h.finish(r.Context(), f); err != nil {
			return err
		}
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
// is complete it is that door's to delete. With the key of its transfer alone, what people
// can get already stays.
func (h *Handler) terminate(r *request) error {
	f, err := h.own(r)
	if err != nil {
		return err
	}
	owner := f.Home.Owner
	ctx := context.WithoutCancel(r.Context())
	f, _, err = h.Uploads.Offset(ctx, owner.Account, r.file) // who still sends it is stopped
	if err != nil {
		return err
	}
	switch alone := made(f) || partial(f); {
	case alone && r.actor.Account == owner.Account:
		err = h.Shares.Delete(ctx, owner, f.Home.ID)
	case alone:
		err = h.Desk.Cancel(ctx, f.Home.ID, r.key)
	default:
		err = h.Uploads.Abandon(ctx, f)
	}
	if err != nil {
		return err
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}
