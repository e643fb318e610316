package site

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// A sendPage is the first page of somebody who may send. Its form works without
// script; with it, files go by Ferry's own API, in parts that can be resumed.
type sendPage struct {
	frame
	API           string
	Said          string // words of the script, as JSON
	Lives         []life
	MaxRecipients int
	Password      bool // may be set
	Letters       bool // are written to recipients: guests have no address to answer to
	Wrong         string
	Form          sendForm
}

// A life is how long a transfer may be kept.
type life struct {
	Days   int
	Text   string
	Chosen bool
}

// usualLives are offered as far as the sender's plan goes, in days.
var usualLives = []int{1, 3, 7, 14, 30, 90, 365}

// A sendForm is what the form says beside its files.
type sendForm struct {
	Subject, Message, To, Password, Days, Downloads, Name string
}

// actor is who the visitor acts as; the zero Actor is nobody.
func actor(me *account.Account) account.Actor {
	if me == nil {
		return account.Actor{}
	}
	return account.Actor{Owner: account.Owner{Account: me.ID}}
}

// sender tells as whom the visitor sends, and how much; "" and no error for one who
// may not.
func (h *Handler) sender(ctx context.Context, me *account.Account) (owner account.Owner, address string, r transfer.Rules, err error) {
	if h.cfg.Senders == nil {
		return
	}
	owner, address, err = h.cfg.Senders.Sender(ctx, actor(me), "")
	switch fault.KindOf(err) {
	case fault.Unauthenticated, fault.Conflict, fault.Forbidden:
		return account.Owner{}, "", transfer.Rules{}, nil
	}
	if err == nil {
		r, err = h.cfg.Senders.Rules(ctx, owner.Account)
	}
	return owner, address, r, err
}

// home is the first page: where one sends, or for who may not, what this is.
func (h *Handler) home(w http.ResponseWriter, r *http.Request) error {
	me, err := h.visitor(r)
	if err != nil {
		return err
	}
	owner, _, rules, err := h.sender(r.Context(), me)
	if err != nil {
		return err
	}
	h.welcome(w)
	if owner.Account == "" {
		return h.show(w, r, http.StatusOK, "home", basePage{h.frame(r, h.say(r).HomeTitle), h.cfg.BaseURL})
	}
	p, err := h.sendPage(r, me, rules)
	if err != nil {
		return err
	}
	return h.show(w, r, http.StatusOK, "send", p)
}

func (h *Handler) sendPage(r *http.Request, me *account.Account, rules transfer.Rules) (sendPage, error) {
	say := h.say(r)
	said, err := json.Marshal(say.Sending)
	if err != nil {
		return sendPage{}, err
	}
	p := sendPage{
		frame: h.frame(r, say.Sending.Title), API: "/ferry/v1", Said: string(said), MaxRecipients: rules.MaxRecipients,
		Password: !rules.NoPassword, Letters: me != nil,
	}
	p.Way, p.Scene = 0, true
	p.Lives = h.lives(r, rules, rules.DefaultDays)
	return p, nil
}

// lives are those that the sender may give a transfer, with the usual one chosen.
func (h *Handler) lives(r *http.Request, rules transfer.Rules, usual int) (all []life) {
	say := h.say(r)
	add := func(days int) { all = append(all, life{days, say.DaysCount(days), days == usual}) }
	for i, days := range usualLives {
		if rules.MaxDays != 0 && days > rules.MaxDays {
			break
		}
		if usual > 0 && usual < days && (i == 0 || usual > usualLives[i-1]) { // between two of them
			add(usual)
		}
		add(days)
	}
	if usual > 0 && (len(all) == 0 || all[len(all)-1].Days < usual) {
		add(usual)
	}
	if rules.Forever {
		all = append(all, life{transfer.Forever, say.Sending.Forever, usual == transfer.Forever})
	}
	return all
}

// What of a form stands before its files.
const (
	sendFields  = 64 << 10 // bytes of all of them
	maxFormFile = 1000     // a form of more files is a program's
)

// send takes the form with its files, as a browser without script sends it: one stream,
// of which each file goes to the disk as it comes. Nothing is resumed here.
func (h *Handler) send(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := h.fromHere(r); err != nil {
		return err
	}
	me, err := h.visitor(r)
	if err != nil {
		return err
	}
	owner, address, rules, err := h.sender(ctx, me)
	if err != nil {
		return err
	}
	if owner.Account == "" {
		return fault.New(fault.Unauthenticated, "login_required", "sign in first")
	}
	if wire.MediaType(r.Header.Get("Content-Type")) != "multipart/form-data" {
		return fault.New(fault.Invalid, codeFormType, "the body must be a form")
	}
	r.Body = io.NopCloser(wire.Paced(w, r))
	parts, err := r.MultipartReader()
	if err != nil {
		return malformed(err)
	}
	form, part, err := readSendForm(parts)
	if err != nil {
		return err
	}
	t, err := h.sendFiles(ctx, owner, address, rules, form, parts, part)
	if err == nil {
		return h.showSent(w, r, t)
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind == fault.Internal || f.Kind == fault.Timeout || fault.Is(err, "form_malformed") {
		return err
	}
	p, perr := h.sendPage(r, me, rules)
	if perr != nil {
		return perr
	}
	form.Password = ""
	p.Form, p.Wrong = form, strings.ReplaceAll(p.Words.Sending.Failed, "{why}", f.Msg)
	return h.show(w, r, statusOf(err), "send", p)
}

// malformed is why a form could not be read: it was too slow, or no form.
func malformed(cause error) error {
	if slow, ok := errors.AsType[*fault.Error](cause); ok {
		return slow
	}
	return fault.Wrap(fault.Invalid, "form_malformed", cause, "the form is malformed")
}

// readSendForm reads what stands before the files, and gives the first of them; nil
// when there is none.
func readSendForm(parts *multipart.Reader) (f sendForm, file *multipart.Part, err error) {
	fields := map[string]*string{
		"title": &f.Subject, "message": &f.Message, "to": &f.To, "password": &f.Password, "days": &f.Days, "max_downloads": &f.Downloads, "name": &f.Name,
	}
	for left := int64(sendFields); ; {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return f, nil, nil
		}
		if err != nil {
			return f, nil, malformed(err)
		}
		if isFile(p) {
			return f, p, nil
		}
		b, err := io.ReadAll(io.LimitReader(p, left+1))
		if err != nil {
			return f, nil, malformed(err)
		}
		if left -= int64(len(b)); left < 0 {
			return f, nil, fault.New(fault.TooLarge, "form_too_large", "the form is too large")
		}
		if field := fields[p.FormName()]; field != nil {
			*field = strings.ReplaceAll(string(b), "\r\n", "\n")
		}
	}
}

func isFile(p *multipart.Part) bool { return p.FormName() == "file" }

// number reads one that may be left out.
func number(name, s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fault.New(fault.Invalid, name+"_invalid", "%s must be a number", name)
	}
	return n, nil
}

// splitAddresses takes them as people write them.
func splitAddresses(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(",; \t\n", c) })
}

// sendFiles makes the transfer of the form. What came of one that is cut is taken down.
func (h *Handler) sendFiles(
	ctx context.Context, owner account.Owner, address string, rules transfer.Rules, form sendForm, parts *multipart.Reader, part *multipart.Part,
) (_ *transfer.Transfer, err error) {
	f := transfer.Form{
		ID: share.ID(h.cfg.IDs.Text(id.Base62, transfer.TrackLen)), Sender: address, Subject: form.Subject, Message: form.Message,
		Password: account.Secret(form.Password), To: splitAddresses(form.To), LinkName: form.Name, Source: "ferry site",
	}
	if f.MaxDownloads, err = number("downloads", form.Downloads); err != nil {
		return nil, err
	}
	if form.Days != "" {
		days, err := number("days", form.Days)
		if err != nil {
			return nil, err
		}
		f.Days = &days
	}
	for part != nil && part.FileName() == "" { // a field of files that was left empty
		if part, err = nextFile(parts); err != nil {
			return nil, err
		}
	}
	if part == nil {
		return nil, fault.New(fault.Invalid, "no_files", "no file was chosen")
	}
	if owner.Account == account.Guests && len(f.To) > 0 {
		return nil, fault.New(fault.Forbidden, "guest_letters", "sign in to have letters written")
	}
	if err := f.Check(); err != nil {
		return nil, err
	}
	if err := h.cfg.Senders.Check(ctx, append(f.To, address)...); err != nil {
		return nil, err
	}
	t, err := h.cfg.Desk.HandIn(ctx, owner, f, rules)
	if fault.Is(err, "id_taken") {
		return nil, fault.Wrap(fault.Conflict, "name_taken", err, "the name of the link is taken")
	}
	if err != nil {
		return nil, err
	}
	key := h.cfg.Desk.Key(t)
	defer func() {
		if err != nil {
			err = errors.Join(err, h.cfg.Desk.Cancel(context.WithoutCancel(ctx), t.ID, key))
		}
	}()
	for n := 0; part != nil; n++ {
		if n == maxFormFile {
			return nil, fault.New(fault.Invalid, "too_many_files", "a form has at most %d files", maxFormFile)
		}
		if part.FileName() != "" {
			if err := h.sendFile(ctx, t, key, part); err != nil {
				return nil, err
			}
		}
		if part, err = nextFile(parts); err != nil {
			return nil, err
		}
	}
	return h.cfg.Desk.Complete(ctx, t.ID, key)
}

func nextFile(parts *multipart.Reader) (*multipart.Part, error) {
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, malformed(err)
		}
		if isFile(p) {
			return p, nil
		}
	}
}

// sendFile takes a file of the form, whose length nobody has said.
func (h *Handler) sendFile(ctx context.Context, t *transfer.Transfer, key account.Secret, part *multipart.Part) error {
	f, err := h.cfg.Desk.OpenFile(ctx, t.ID, key, transfer.FileForm{
		ID: upload.ID(h.cfg.IDs.Text(id.Base62, transfer.TrackLen)), Name: part.FileName(), Size: upload.Unknown,
	})
	if err != nil {
		return err
	}
	body := &formFile{part: part}
	// The one part of such a file completes it. Cut, it leaves nothing.
	_, err = h.cfg.Uploads.Put(ctx, upload.Put{Account: t.Owner.Account, File: f.ID, Upload: f.Upload, Number: 1, Length: -1, Body: body})
	if body.err != nil {
		return malformed(body.err)
	}
	return err
}

// A formFile remembers why its body ended before its end.
type formFile struct {
	part *multipart.Part
	err  error
}

func (f *formFile) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

type sentPage struct {
	frame
	Link string
}

func (h *Handler) showSent(w http.ResponseWriter, r *http.Request, t *transfer.Transfer) error {
	p := sentPage{frame: h.frame(r, h.say(r).Sending.Across), Link: h.linkOf(t)}
	p.Way, p.Scene = 10, true
	return h.show(w, r, http.StatusOK, "sent", p)
}
