package tus

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// maxConcat is how long the list of uploads may be that a client wants to be one.
const maxConcat = 24 << 10

// concat makes one file of partial uploads that are complete (tus, Concatenation). They
// are no uploads of their own then. The same list again, from a client that missed the
// answer, is answered as before.
func (h *Handler) concat(r *request, list string) error {
	if r.Header.Get(uploadLength) != "" || r.Header.Get(uploadDefer) != "" {
		return fault.New(fault.Invalid, "header_invalid", "a file that is made of others is as long as they are")
	}
	ids, err := h.listed(list)
	if err != nil {
		return err
	}
	ctx := r.Context()
	parts := make([]*upload.File, len(ids))
	for i, id := range ids {
		f, err := h.find(r, id)
		if err == nil && !partial(f) {
			err = fileUnknown()
		}
		if err != nil {
			return err
		}
		parts[i] = f
	}
	if done, err := h.joined(r, ids, parts); done != nil || err != nil {
		return h.answerConcat(r, done, err)
	}
	f, err := h.begin(r, transfer.DraftFile{Ident: madeFinal, Local: "final;" + list, Size: upload.Unknown})
	if err != nil {
		return err
	}
	home := f.Home
	f, err = h.Uploads.Join(ctx, r.actor.Account, f.ID, ids, func(p *upload.File) error {
		if !partial(p) {
			return fileUnknown()
		}
		return nil
	})
	if err != nil {
		return errors.Join(err, h.Shares.Delete(context.WithoutCancel(ctx), home.Owner, home.ID))
	}
	for _, p := range parts { // nothing is left of them
		if err := h.Shares.Delete(context.WithoutCancel(ctx), p.Home.Owner, p.Home.ID); err != nil {
			return err
		}
	}
	return h.answerConcat(r, f, nil)
}

// joined finds what exactly these uploads, in this order, have become.
func (h *Handler) joined(r *request, ids []upload.ID, parts []*upload.File) (*upload.File, error) {
	if parts[0].State != upload.Deleted || parts[0].Local == "" {
		return nil, nil
	}
	f, err := h.Uploads.File(r.Context(), r.actor.Account, upload.ID(parts[0].Local))
	if fault.KindOf(err) == fault.NotFound || err == nil && f.State == upload.Deleted {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, _ := strings.CutPrefix(f.Local, "final;")
	if made, err := h.listed(list); err != nil || !slices.Equal(made, ids) {
		return nil, nil // another one, as Join will say
	}
	return f, nil
}

func (h *Handler) answerConcat(r *request, f *upload.File, err error) error {
	if err == nil {
		err = h.open(r.Context(), f)
	}
	if err != nil {
		return err
	}
	r.w.Header().Set("Location", h.BaseURL()+Prefix+"/"+string(f.ID))
	h.tell(r, f, f.Size)
	r.w.WriteHeader(http.StatusCreated)
	return nil
}

// listed reads the addresses of uploads, whole ones or paths.
func (h *Handler) listed(list string) (ids []upload.ID, err error) {
	if len(list) > maxConcat {
		return nil, fault.New(fault.Invalid, "header_invalid", "the header %s is too long", uploadConcat)
	}
	for address := range strings.FieldsSeq(list) {
		at := strings.LastIndex(address, Prefix+"/")
		if at < 0 || strings.ContainsAny(address[at+len(Prefix)+1:], "/?#") || len(address) == at+len(Prefix)+1 {
			return nil, fault.New(fault.Invalid, "header_invalid", "the header %s must list uploads of this server", uploadConcat)
		}
		ids = append(ids, upload.ID(address[at+len(Prefix)+1:]))
	}
	if len(ids) == 0 || len(ids) > upload.MaxJoined {
		return nil, fault.New(fault.Invalid, "header_invalid", "the header %s must list 1 to %d uploads", uploadConcat, upload.MaxJoined)
	}
	return ids, nil
}
