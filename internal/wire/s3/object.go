package s3

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/deliver"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/object"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// Objects keeps which free key stands for what.
type Objects interface {
	// Object finds what the key stands for: NotFound "object_unknown".
	Object(ctx context.Context, owner account.Owner, key string) (*object.Object, error)

	// PutObject makes o.Key stand for o, if nothing is there or what is there
	// gives way (object.Object.GivesWay). It returns what lost: what the key stood
	// for before, or o itself; nil if there was nothing, or o already. Decided
	// and saved in one transaction, so of two writers one loses.
	PutObject(ctx context.Context, o object.Object) (loser *object.Object, err error)

	// DropObject forgets the key and returns what it stood for, nil if nothing.
	DropObject(ctx context.Context, owner account.Owner, key string) (*object.Object, error)

	// ObjectsOf gives up to n objects of the owner in the order of their keys,
	// from the least that is not less than from, to the last that is less than
	// to ("" is no end). Those whose share is not Ready or ends at now or before
	// are left out.
	ObjectsOf(ctx context.Context, owner account.Owner, from, to string, now time.Time, n int) ([]object.Object, error)
}

// linkHeader carries the short link of what was put or is read, as metadata, so
// that S3 programs show it.
const linkHeader = "X-Amz-Meta-Ferry-Link"

// putObject takes a whole file in one request.
func (h *Handler) putObject(w http.ResponseWriter, r *request) error {
	if r.query.Has("uploadId") {
		return fault.New(fault.Invalid, "argument", "This operation does not accept uploadId without partNumber")
	}
	put := upload.Put{Number: 1}
	if err := r.body(w, &put); err != nil {
		return err
	}
	receive := h.putAnnounced
	if r.name.free() {
		receive = h.putFree
	}
	f, part, err := receive(r, put)
	if err != nil {
		return err
	}
	h.describe(w.Header(), r, f)
	writePart(w, r, part)
	return nil
}

// putAnnounced takes a file that was announced, as one part, and completes it.
func (h *Handler) putAnnounced(r *request, put upload.Put) (*upload.File, *upload.Part, error) {
	ctx := r.Context()
	f, err := h.announced(r)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case put.Length < 0:
		put.Length = f.Size // a shorter body would take the place of part 1 before it is refused
	case put.Length < f.Size:
		return nil, nil, fault.New(fault.Invalid, "incomplete_body", "the file was announced with %d bytes", f.Size)
	}
	part, err := h.putPart(ctx, f, put)
	if err != nil {
		return nil, nil, err
	}
	f, err = h.Uploads.Complete(ctx, f.ID, upload.CompleteOptions{Choose: func(all []upload.Part) ([]upload.Part, error) {
		// Parts of earlier attempts are not part of this one.
		if len(all) == 0 || all[0].Number != part.Number || all[0].Segment != part.Segment {
			return nil, fault.New(fault.Conflict, "overtaken", "the file was sent again meanwhile")
		}
		return all[1:], nil
	}})
	return f, part, err
}

// putFree makes a transfer of what is put to a free key. Where the length is told,
// room and quota are reserved for it before a byte comes.
func (h *Handler) putFree(r *request, put upload.Put) (*upload.File, *upload.Part, error) {
	ctx := r.Context()
	f, err := h.begin(r, put.Length)
	if err != nil {
		return nil, nil, err
	}
	part, err := h.putPart(ctx, f, put)
	if err != nil {
		h.takeDown(ctx, f.Home.Owner, f.Home.ID)
		return nil, nil, err
	}
	f, _, err = h.settle(r, f, upload.CompleteOptions{})
	return f, part, err
}

func (h *Handler) putPart(ctx context.Context, f *upload.File, put upload.Put) (*upload.Part, error) {
	put.Account, put.File, put.Upload = f.Home.Owner.Account, f.ID, f.Upload
	return h.Uploads.Put(ctx, put)
}

// body makes the request's body that of put, and reads none of it. Between the
// connection and the body loop of package upload stands only what has to be
// checked or decoded; for an unsigned payload that is nothing.
func (r *request) body(w http.ResponseWriter, put *upload.Put) error {
	if text := r.Header.Get("Content-Md5"); text != "" {
		sum, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(sum) != 16 {
			return fault.New(fault.Invalid, "digest_invalid", "Content-MD5 is not an MD5 in base64")
		}
		put.WantMD5 = sum
	}
	paced := struct {
		io.Reader
		io.Closer
	}{wire.Paced(w, r.Request), r.Body}
	put.Body = r.signed.Body(paced)
	put.Length = r.signed.DecodedLength
	// S3 programs compare the ETag with the MD5 of what they sent; who was given
	// a URL does not, and an MD5 costs more than all the rest.
	put.MD5 = !r.signed.Presigned
	return nil
}

// writePart answers that the part is safe.
func writePart(w http.ResponseWriter, r *request, part *upload.Part) {
	header := w.Header()
	header["Etag"] = []string{part.ETag()}
	setRequestID(r.Context(), header)
	if !r.who.isFerry() {
		header.Set(checksumHeader, checksum(part.CRC))
	}
	w.WriteHeader(http.StatusOK)
}

// checksumHeader is the one of S3's checksums that Ferry knows of every part.
const checksumHeader = "X-Amz-Checksum-Crc32"

func checksum(crc uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}

// begin makes a transfer of one file for a free key. Size may be upload.Unknown;
// the file's parts are loose then, and its quota is reserved part by part.
func (h *Handler) begin(r *request, size int64) (*upload.File, error) {
	if r.who.isFerry() {
		return nil, fault.New(fault.Forbidden, "free_key", "this key signs URLs of files only")
	}
	fid := h.publicID()
	d := transfer.Draft{
		ID: share.ID(h.publicID()), Code: "t-" + h.IDs.Text(id.Base62, 10), Hash: h.IDs.Text(id.Hex, 6), Sealed: true,
		Files: []transfer.DraftFile{{
			ID: upload.ID(fid), Name: shownName(r.name.key), Size: size, Chunk: max(size, 0),
			Upload: freeUploadID(upload.ID(fid), r.name.key),
		}},
	}
	_, files, err := h.Transfers.Create(r.Context(), r.who.actor, d)
	if err != nil {
		return nil, err
	}
	return files[0], nil
}

// publicID has the shape of WeTransfer's ids: 32 hex digits, then the time. So the
// links of the transfer look like those of any other.
func (h *Handler) publicID() string {
	return h.IDs.Text(id.Hex, 32) + h.Now().UTC().Format("20060102150405")
}

// maxName is the longest name of a file, in characters.
const maxName = 255

// shownName is what a file is called whose key this is: the last segment, as it may
// be shown.
func shownName(key string) string {
	last := strings.TrimRight(key, "/")
	last = words.Shown(last[strings.LastIndexByte(last, '/')+1:])
	if r := []rune(last); len(r) > maxName {
		last = string(r[:maxName])
	}
	if strings.Trim(last, ". ") == "" {
		return "file"
	}
	return last
}

// settle completes the file of a free key, opens its transfer, and makes the key
// stand for it. What it stood for before is taken down. Doing it again is harmless.
func (h *Handler) settle(r *request, f *upload.File, o upload.CompleteOptions) (*upload.File, string, error) {
	ctx := context.WithoutCancel(r.Context()) // begun is done
	f, err := h.Uploads.Complete(ctx, f.ID, o)
	if err != nil {
		return nil, "", err
	}
	owner := f.Home.Owner
	t, err := h.Transfers.Finalize(ctx, account.Actor{Owner: owner, Key: r.who.actor.Key}, f.Home.ID)
	if err != nil {
		return nil, "", err
	}
	f.Home = &t.Share
	etag, err := h.etag(ctx, f)
	if err != nil {
		return nil, "", err
	}
	loser, err := h.Objects.PutObject(ctx, object.Object{
		Owner: owner, Key: r.name.key, Share: f.Home.ID, File: f.ID, Size: f.Size, ETag: etag,
		WrittenAt: f.CompletedAt.Truncate(time.Millisecond),
	})
	if err != nil {
		return nil, "", err
	}
	if loser != nil {
		h.takeDown(ctx, loser.Owner, loser.Share)
	}
	return f, etag, nil
}

// takeDown ends a transfer that no key stands for any more. If that fails it ends
// by its own time, so whoever is answered need not know.
func (h *Handler) takeDown(ctx context.Context, o account.Owner, sid share.ID) {
	if err := h.Shares.Delete(context.WithoutCancel(ctx), o, sid); err != nil {
		h.Log.WarnContext(ctx, "transfer without a key not taken down", "transfer", sid, "err", err)
	}
}

// etag gives the entity tag of a complete file: that of its only part, which is
// its MD5 where that was asked for, or one over the parts.
func (h *Handler) etag(ctx context.Context, f *upload.File) (string, error) {
	if f.Parts != 1 {
		return f.ETag(), nil
	}
	parts, err := h.Uploads.Parts(ctx, f.Key, 0, 1)
	if err != nil || len(parts) == 0 {
		return f.ETag(), err
	}
	return parts[0].ETag(), nil
}

// announced finds the file of the request's name: NotFound "file_unknown", also
// for what the caller may not know of.
func (h *Handler) announced(r *request) (*upload.File, error) {
	return h.file(r, r.name.account, r.name.file)
}

func (h *Handler) file(r *request, owner account.ID, fid upload.ID) (*upload.File, error) {
	f, err := h.Uploads.File(r.Context(), owner, fid)
	if err != nil {
		return nil, err
	}
	if !r.who.mayUse(f.Home.Owner) {
		return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	return f, nil
}

// find finds the complete file that is to be read, and its entity tag.
func (h *Handler) find(r *request) (f *upload.File, etag string, err error) {
	ctx := r.Context()
	if r.name.free() {
		o, err := h.Objects.Object(ctx, r.who.actor.Owner, r.name.key)
		if err != nil {
			return nil, "", err
		}
		f, err = h.file(r, o.Owner.Account, o.File)
		if err != nil {
			return nil, "", err
		}
		return f, o.ETag, f.Home.Alive(h.Now())
	}
	if f, err = h.announced(r); err != nil {
		return nil, "", err
	}
	if err := f.Home.Alive(h.Now()); err != nil {
		return nil, "", err
	}
	etag, err = h.etag(ctx, f)
	return f, etag, err
}

// getObject answers GET and HEAD. The owner reads a file as soon as it is
// complete; others have to wait for the transfer.
func (h *Handler) getObject(w http.ResponseWriter, r *request) error {
	f, etag, err := h.find(r)
	if err != nil {
		return err
	}
	content, err := h.Uploads.Content(r.Context(), f)
	if err != nil {
		return err
	}
	header := w.Header()
	h.describe(header, r, f)
	setRequestID(r.Context(), header)
	if r.Header.Get("Range") == "" && strings.EqualFold(r.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") {
		header.Set(checksumHeader, checksum(f.Sum))
		header.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	return deliver.File(refusing{w, r.Request, h}, r.Request, h.Blobs, content, deliver.Item{
		Name: f.Name, ETag: etag, Modified: f.CompletedAt,
		Sent: func(s deliver.Sent) {
			if s.Err != nil {
				h.Log.ErrorContext(r.Context(), "s3 download broke off",
					"request", wire.RequestID(r.Context()), "file", f.ID, "err", s.Err)
			}
		},
	})
}

// describe tells the owner, and not the holder of one URL, by which link the file is
// reached.
func (h *Handler) describe(header http.Header, r *request, f *upload.File) {
	if !r.who.isFerry() && f.Home.Code != "" && f.Home.State == share.Ready {
		header.Set(linkHeader, h.BaseURL()+"/"+f.Home.Code)
	}
}

// refusing puts S3's words where package deliver, which decides about conditions
// and ranges, has none. It keeps ReadFrom, the way to sendfile.
type refusing struct {
	http.ResponseWriter
	r *http.Request
	h *Handler
}

// Unwrap is for http.ResponseController.
func (w refusing) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ReadFrom implements io.ReaderFrom.
func (w refusing) ReadFrom(src io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, src) }

// WriteHeader implements http.ResponseWriter.
func (w refusing) WriteHeader(status int) {
	switch status {
	case http.StatusPreconditionFailed:
		w.h.Refuse(w.ResponseWriter, w.r, fault.New(fault.Conflict, "precondition", "the condition does not hold"))
	case http.StatusRequestedRangeNotSatisfiable:
		w.h.Refuse(w.ResponseWriter, w.r, fault.New(fault.Invalid, "range", "the range lies outside"))
	default:
		w.ResponseWriter.WriteHeader(status)
	}
}

// deleteObject takes down what a free key stands for. A file that was announced
// goes with its transfer if it is the only one there; else AccessDenied, as for an
// object that is locked: what its recipients were told is in the transfer, or on
// the board, is not changed by this door. What is not there is gone already
// ("DeleteObject").
func (h *Handler) deleteObject(w http.ResponseWriter, r *request) error {
	var err error
	if r.name.free() {
		err = h.forget(r)
	} else {
		var f *upload.File
		if f, err = h.announced(r); err == nil {
			err = h.takeDownWith(r, f)
		}
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	noContent(w, r)
	return nil
}

// forget takes down the transfer of a free key, then forgets the key: the other way
// round, a failure in between would leave a link to what its owner was told is gone.
func (h *Handler) forget(r *request) error {
	ctx := context.WithoutCancel(r.Context()) // begun is done
	o, err := h.Objects.Object(ctx, r.who.actor.Owner, r.name.key)
	if err != nil {
		return err
	}
	if err := h.Shares.Delete(ctx, o.Owner, o.Share); err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	dropped, err := h.Objects.DropObject(ctx, r.who.actor.Owner, r.name.key)
	if err != nil {
		return err
	}
	if dropped != nil && dropped.Share != o.Share { // the key was written to meanwhile
		return h.Shares.Delete(ctx, dropped.Owner, dropped.Share)
	}
	return nil
}

// takeDownWith takes down the transfer whose only file f is.
func (h *Handler) takeDownWith(r *request, f *upload.File) error {
	if f.Home.Kind != share.Transfer || f.Home.Files != 1 {
		return fault.New(fault.Forbidden, "file_among_others",
			"The file belongs to a transfer of several files, or to a board, and cannot be deleted by itself.")
	}
	return h.Shares.Delete(context.WithoutCancel(r.Context()), f.Home.Owner, f.Home.ID)
}

func noContent(w http.ResponseWriter, r *request) {
	setRequestID(r.Context(), w.Header())
	w.WriteHeader(http.StatusNoContent)
}
