package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// A multipart upload of an announced file is the file's own: it has been there
// since the file was announced. That of a free key is a transfer of one file that
// no key stands for yet. Its id names the file and, by a hash, the key, so that it
// is found again without a row of its own:
//
//	<file id>.<first 16 hex digits of the key's SHA-256>

func freeUploadID(f upload.ID, key string) string {
	sum := sha256.Sum256([]byte(key))
	return string(f) + "." + hex.EncodeToString(sum[:8])
}

// uploadID is what clients are told of the file's upload. A file of an API that
// has no such ids shows its own.
func uploadID(f *upload.File) string {
	if f.Upload == "" {
		return string(f.ID)
	}
	return f.Upload
}

// uploadOf finds the file whose upload the request names: NotFound
// "upload_unknown", also for what is over or the caller may not know of.
func (h *Handler) uploadOf(r *request) (*upload.File, error) {
	shown := r.query.Get("uploadId")
	owner, fid := r.name.account, r.name.file
	if r.name.free() {
		before, _, _ := strings.Cut(shown, ".")
		owner, fid = r.who.actor.Account, upload.ID(before)
		if shown != freeUploadID(fid, r.name.key) {
			return nil, uploadUnknown(nil)
		}
	}
	f, err := h.file(r, owner, fid)
	if err != nil {
		return nil, noUpload(err)
	}
	if shown != uploadID(f) || r.name.free() && f.Home.Owner != r.who.actor.Owner {
		return nil, uploadUnknown(nil)
	}
	if err := f.Home.Alive(h.Now()); err != nil {
		return nil, noUpload(err)
	}
	return f, nil
}

func uploadUnknown(cause error) error {
	return &fault.Error{Kind: fault.NotFound, Code: "upload_unknown", Msg: "no such upload", Err: cause}
}

// noUpload says of a file that is not there that its upload is not.
func noUpload(err error) error {
	if fault.KindOf(err) == fault.Gone || fault.Is(err, "file_unknown") || fault.Is(err, "transfer_unknown") {
		return uploadUnknown(err)
	}
	return err
}

// createUpload begins an upload of a free key, and gives the id of that which an
// announced file has.
func (h *Handler) createUpload(w http.ResponseWriter, r *request) error {
	var f *upload.File
	var err error
	if r.name.free() {
		f, err = h.begin(r, upload.Unknown)
	} else if f, err = h.announced(r); err == nil {
		err = f.Accepts(h.Now())
	}
	if err != nil {
		return err
	}
	if algorithm := r.Header.Get("X-Amz-Checksum-Algorithm"); algorithm != "" {
		w.Header().Set("X-Amz-Checksum-Algorithm", algorithm)
	}
	writeXML(w, r.Request, http.StatusOK, createUploadBody{
		XMLNS: namespace, Bucket: Bucket, Key: r.name.key, UploadID: uploadID(f),
	})
	return nil
}

// uploadPart takes one part. This is where all files of WeTransfer's clients come
// in, so for a URL of Ferry's own the rows are looked at once, in upload.Put.
func (h *Handler) uploadPart(w http.ResponseWriter, r *request) error {
	number, err := strconv.Atoi(r.query.Get("partNumber"))
	if err != nil {
		return fault.New(fault.Invalid, "part_number", "the part number is none")
	}
	if r.query.Get("uploadId") == "" {
		return fault.New(fault.Invalid, "argument", "This operation does not accept partNumber without uploadId")
	}
	put := upload.Put{Number: number}
	if err := r.body(w, &put); err != nil {
		return err
	}
	var part *upload.Part
	if r.who.isFerry() && !r.name.free() {
		put.Account, put.File, put.Upload = r.name.account, r.name.file, r.query.Get("uploadId")
		if put.Upload == string(put.File) { // see uploadID
			put.Upload = ""
		}
		part, err = h.Uploads.Put(r.Context(), put)
	} else {
		var f *upload.File
		if f, err = h.uploadOf(r); err == nil {
			part, err = h.putPart(r.Context(), f, put)
		}
	}
	if err != nil {
		return noUpload(err)
	}
	writePart(w, r, part)
	return nil
}

// listParts lists what has arrived of an upload.
func (h *Handler) listParts(w http.ResponseWriter, r *request) error {
	f, err := h.uploadOf(r)
	if err != nil {
		return err
	}
	if err := f.Accepts(h.Now()); err != nil {
		return noUpload(err)
	}
	after, err := r.number("part-number-marker", 0)
	if err != nil {
		return err
	}
	most, err := r.number("max-parts", maxPage)
	if err != nil {
		return err
	}
	most = min(most, maxPage)
	parts, err := h.Uploads.Parts(r.Context(), f.Key, after, most+1)
	if err != nil {
		return err
	}
	who := owner{string(f.Home.Owner.Account)}
	body := listPartsBody{
		XMLNS: namespace, Bucket: Bucket, Key: r.name.key, UploadID: uploadID(f), Initiator: who, Owner: who,
		StorageClass: "STANDARD", PartNumberMarker: after, NextPartNumberMarker: after, MaxParts: most,
	}
	if body.IsTruncated = len(parts) > most; body.IsTruncated {
		parts = parts[:most]
	}
	for _, p := range parts {
		body.NextPartNumberMarker = p.Number
		body.Part = append(body.Part, partBody{
			PartNumber: p.Number, LastModified: p.ReceivedAt.UTC().Format(timeFormat), ETag: p.ETag(), Size: p.Length,
			ChecksumCRC32: checksum(p.CRC),
		})
	}
	writeXML(w, r.Request, http.StatusOK, body)
	return nil
}

// number reads a parameter that is a number if it is there.
func (r *request) number(name string, otherwise int) (int, error) {
	text := r.query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fault.New(fault.Invalid, "argument", "Argument %s must be an integer between 0 and 2147483647", name)
	}
	return int(n), nil
}

// completeUpload makes the file of the parts that the client lists, and no others.
// Doing it again is answered again, for as long as the file is there.
func (h *Handler) completeUpload(w http.ResponseWriter, r *request) error {
	r.Request.Body = r.signed.Body(r.Request.Body)
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "aws-chunked") {
		r.Header.Del("Content-Encoding") // it is decoded
	}
	text, err := wire.ReadBody(w, r.Request, maxXML, 20*time.Second)
	if err != nil {
		return err
	}
	req, err := parseComplete(string(text))
	if err != nil {
		return err
	}
	f, err := h.uploadOf(r)
	if err != nil {
		return err
	}
	f, etag, err := h.finish(r, f, upload.CompleteOptions{Choose: req.choose})
	if err != nil {
		return noUpload(err)
	}
	h.describe(w.Header(), r, f)
	writeXML(w, r.Request, http.StatusOK, completeBody{
		XMLNS: namespace, Location: h.BaseURL() + keyPath(r.name.key), Bucket: Bucket, Key: r.name.key, ETag: etag,
	})
	return nil
}

func (h *Handler) finish(r *request, f *upload.File, o upload.CompleteOptions) (*upload.File, string, error) {
	if r.name.free() {
		return h.settle(r, f, o)
	}
	ctx := context.WithoutCancel(r.Context())
	f, err := h.Uploads.Complete(ctx, f.ID, o)
	if err != nil {
		return nil, "", err
	}
	etag, err := h.etag(ctx, f)
	return f, etag, err
}

// choose keeps the parts that the client lists as they are there, and gives the
// others. It implements upload.CompleteOptions.Choose.
func (c *completeRequest) choose(all []upload.Part) (drop []upload.Part, err error) {
	rest := c.Parts
	for _, p := range all {
		if len(rest) == 0 || p.Number < rest[0].PartNumber {
			drop = append(drop, p)
			continue
		}
		if p.Number > rest[0].PartNumber || !rest[0].is(&p) {
			break // with rest not at its end
		}
		rest = rest[1:]
	}
	if len(rest) > 0 {
		return nil, fault.New(fault.Conflict, "part_missing", "part %d is not there as it is listed", rest[0].PartNumber)
	}
	return drop, nil
}

// is tells whether the client means the part that is there. Some clients leave the
// quotes off.
func (c chosenPart) is(p *upload.Part) bool {
	return strings.Trim(c.ETag, `"`) == strings.Trim(p.ETag(), `"`) &&
		(c.ChecksumCRC32 == "" || c.ChecksumCRC32 == checksum(p.CRC))
}

// abortUpload forgets all that has arrived of an upload. That of a free key is over
// then. That of an announced file is the file's own and begins anew, under the same
// id: what else is in the transfer, and the URLs its sender was given, stay as they
// are.
func (h *Handler) abortUpload(w http.ResponseWriter, r *request) error {
	f, err := h.uploadOf(r)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context()) // begun is done
	if err := h.Uploads.Abandon(ctx, f); err != nil {
		return noUpload(err)
	}
	if r.name.free() {
		if err := h.Shares.Delete(ctx, f.Home.Owner, f.Home.ID); err != nil {
			return err
		}
	}
	noContent(w, r)
	return nil
}
