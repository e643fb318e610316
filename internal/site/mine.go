package site

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// MinePath is the list of what somebody has sent.
const MinePath = "/app/transfers"

func (h *Handler) mineRoutes() []wire.Route {
	return []wire.Route{
		h.personal(http.MethodGet, MinePath, h.listMine),
		h.personal(http.MethodGet, MinePath+"/{transfer}", h.showMine),
		h.personal(http.MethodPost, MinePath+"/{transfer}", h.changeMine),
	}
}

// How many transfers or lines one page shows, and how many downloads.
const (
	pageOfMine    = 50
	recordsOfMine = 200
)

type minePage struct {
	frame
	Search string
	Ended  bool
	Items  []mine
	Next   string // the query of the page that comes next; empty at the end
}

// A mine is one transfer as its sender sees it.
type mine struct {
	URL, Name, State, Note string
	Live                   bool // people can get it, or it is on its way
}

func (h *Handler) listMine(w http.ResponseWriter, r *http.Request, me *account.Account) error {
	q := r.URL.Query()
	p := minePage{frame: h.frame(r, h.say(r).Mine.Title), Search: q.Get("search"), Ended: q.Get("ended") != ""}
	found, err := h.cfg.Desk.Sent(r.Context(), []account.ID{me.ID}, transfer.Query{
		After: q.Get("after"), Limit: pageOfMine, Search: p.Search, Ended: p.Ended, Unfinished: true,
	})
	if err != nil {
		return err
	}
	for _, t := range found.Items {
		p.Items = append(p.Items, h.mine(r, t))
	}
	if found.Next != "" {
		q.Set("after", found.Next)
		p.Next = "?" + q.Encode()
	}
	return h.show(w, r, http.StatusOK, "mine", p)
}

func (h *Handler) mine(r *http.Request, t *transfer.Transfer) mine {
	say := h.say(r)
	m := mine{URL: MinePath + "/" + url.PathEscape(string(t.ID)), Name: say.TitleOf(t.Name)}
	m.Note = say.FilesCount(t.Files) + " · " + say.Size(t.Size)
	m.State, m.Live = h.stateOf(r, t)
	return m
}

// stateOf tells how a transfer is. The clock decides, not only its row.
func (h *Handler) stateOf(r *http.Request, t *transfer.Transfer) (text string, live bool) {
	say, now := h.say(r), h.cfg.Now()
	if code := fault.CodeOf(t.Alive(now)); code != "" {
		return say.Mine.States[code], false
	}
	switch {
	case t.State == share.Open:
		return say.Mine.States["open"], true
	case t.Permanent():
		return say.Forever, true
	}
	return say.TimeLeft(t.ExpiresAt.Sub(now)), true
}

type myTransferPage struct {
	frame
	mine
	Link        string
	Message     string
	Facts       []string
	Open        bool // not complete yet
	Recoverable bool
	Locked      bool
	Lives       []life
	Files       []mineFile
	MoreFiles   bool // than are shown; so for the others
	Recipients  []mineRecipient
	MoreTo      bool
	Running     []running
	Deliveries  []mineDelivery
	MoreWent    bool
	Wrong       string
}

// A mineFile is a file. Of one that is still coming in it is told how much has arrived.
type mineFile struct {
	Name, Size, Arrived string
	Got, Of             int64 // bytes; Of is 0 where the size is not known
}

// running is a download that goes on.
type running struct {
	What, Who, Note string
	Sent, Of        int64 // bytes
}

type mineRecipient struct{ Address, Link, Note string }

type mineDelivery struct{ At, ISO, What, Who string }

func (h *Handler) showMine(w http.ResponseWriter, r *http.Request, me *account.Account) error {
	return h.showMyTransfer(w, r, me, nil)
}

// showMyTransfer shows a transfer to its sender, with why a change of it failed.
func (h *Handler) showMyTransfer(w http.ResponseWriter, r *http.Request, me *account.Account, wrong error) error {
	ctx, say := r.Context(), h.say(r)
	t, err := h.cfg.Desk.Get(ctx, transfer.Asker{Account: me.ID}, share.ID(r.PathValue("transfer")))
	if err = h.cfg.Misses.Count(ctx, err); err != nil {
		return err
	}
	p := myTransferPage{frame: h.frame(r, say.TitleOf(t.Name)), mine: h.mine(r, t), Message: strings.TrimSpace(words.ShownLines(t.Message)), Locked: t.Locked}
	p.Link = h.linkOf(t)
	p.Open = t.State == share.Open
	p.Recoverable = !p.Live && t.State != share.Purged
	p.Facts = []string{p.Note, p.State}
	if t.MaxDownloads > 0 {
		p.Facts = append(p.Facts, say.Mine.DownloadsOf(t.Downloads, t.MaxDownloads))
	} else {
		p.Facts = append(p.Facts, say.Mine.Downloads(t.Downloads))
	}
	if _, _, rules, err := h.sender(ctx, me); err == nil {
		p.Lives = h.lives(r, rules, t.Days)
	}
	if err := h.fillMine(r, t, &p); err != nil {
		return err
	}
	var status int
	status, p.Wrong = h.refusal(r, wrong)
	return h.show(w, r, status, "my-transfer", p)
}

func (h *Handler) fillMine(r *http.Request, t *transfer.Transfer, p *myTransferPage) error {
	ctx, say := r.Context(), h.say(r)
	files, err := h.cfg.Uploads.FilesAfter(ctx, &t.Share, "", pageOfMine+1)
	if err != nil {
		return err
	}
	for i, f := range files {
		if p.MoreFiles = i == pageOfMine; p.MoreFiles {
			break
		}
		if f.State == upload.Deleted {
			continue
		}
		row := mineFile{Name: say.NameOf(f.Name)}
		if f.Size != upload.Unknown {
			row.Size = say.Size(f.Size)
		}
		if f.State == upload.Open {
			row.Arrived, row.Got = say.Size(f.Got), f.Got
			if f.Size != upload.Unknown {
				row.Of = f.Size
			}
		}
		p.Files = append(p.Files, row)
	}
	recipients, err := h.cfg.Desk.RecipientsAfter(ctx, t, "", pageOfMine+1)
	if err != nil {
		return err
	}
	for i, to := range recipients {
		if p.MoreTo = i == pageOfMine; p.MoreTo {
			break
		}
		row := mineRecipient{Address: to.Address, Link: h.cfg.BaseURL + PagePath(t, to), Note: say.Mine.Downloads(to.Downloads)}
		if to.Problem != "" {
			row.Note = say.Mine.Undelivered
		}
		p.Recipients = append(p.Recipients, row)
	}
	about := h.cfg.Desk.About()
	for _, now := range h.cfg.Desk.Running(t, pageOfMine) {
		what, who, err := h.aboutDownload(ctx, say, about, &now.Record)
		if err != nil {
			return err
		}
		p.Running = append(p.Running, running{What: what, Who: who, Note: say.Account.UsedOf(say.Size(now.Sent), say.Size(now.Bytes)), Sent: now.Sent, Of: now.Bytes})
	}
	records, err := h.cfg.Desk.RecordsAfter(ctx, t, "", recordsOfMine+1)
	if err != nil {
		return err
	}
	for i, rec := range records {
		if p.MoreWent = i == recordsOfMine; p.MoreWent {
			break
		}
		if rec.WholeAt.IsZero() {
			continue // not delivered: it was cut, or goes on
		}
		row := mineDelivery{At: say.Moment(rec.WholeAt), ISO: rec.WholeAt.UTC().Format(time.RFC3339)}
		if row.What, row.Who, err = h.aboutDownload(ctx, say, about, rec); err != nil {
			return err
		}
		p.Deliveries = append(p.Deliveries, row)
	}
	return nil
}

// aboutDownload tells what a download is of, "" where that is known no more, and whose,
// "" where it came by the common link.
func (h *Handler) aboutDownload(ctx context.Context, say *words.Pages, about *transfer.About, rec *transfer.Record) (what, who string, err error) {
	file, to, err := about.Find(ctx, rec)
	if err != nil {
		return "", "", err
	}
	switch {
	case file != nil:
		what = say.NameOf(file.Name)
	case rec.OfFile():
	case rec.Item != "":
		what = say.Mine.Some
	default:
		what = say.Mine.Everything
	}
	if to != nil {
		who = to.Address
	}
	return what, who, nil
}

// linkOf is what people are given.
func (h *Handler) linkOf(t *transfer.Transfer) string {
	if t.Code != "" {
		return h.cfg.BaseURL + "/" + t.Code // a short one, or the sender's own name for it
	}
	return h.cfg.BaseURL + PagePath(t, nil)
}

// changeMine does what one of the forms of the page asks for.
func (h *Handler) changeMine(w http.ResponseWriter, r *http.Request, me *account.Account) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	ctx, who, tid := r.Context(), transfer.Asker{Account: me.ID}, share.ID(r.PathValue("transfer"))
	_, _, rules, err := h.sender(ctx, me)
	if err != nil {
		return err
	}
	switch form.Get("do") {
	case "extend":
		var days int
		if days, err = strconv.Atoi(form.Get("days")); err != nil {
			return fault.Wrap(fault.Invalid, "form_malformed", err, "the form is malformed")
		}
		_, err = h.cfg.Desk.Update(ctx, who, tid, transfer.Change{Days: &days}, rules)
	case "send":
		to := splitAddresses(form.Get("to"))
		if err = h.cfg.Senders.Check(ctx, to...); err == nil {
			_, err = h.cfg.Desk.Share(ctx, who, tid, to, form.Get("message"), rules)
		}
	case "password":
		password := account.Secret(form.Get("password"))
		_, err = h.cfg.Desk.Update(ctx, who, tid, transfer.Change{Password: &password}, rules)
	case "delete":
		err = h.cfg.Desk.Delete(ctx, who, tid)
	case "recover":
		_, err = h.cfg.Desk.Recover(ctx, who, tid)
	default:
		return fault.New(fault.Invalid, "form_malformed", "the form is malformed")
	}
	if !shownInPlace(err) {
		err = h.cfg.Misses.Count(ctx, err)
	}
	return h.changed(w, err, MinePath+"/"+url.PathEscape(string(tid)), func() error { return h.showMyTransfer(w, r, me, err) })
}

// changed ends the request of a form: it leads to the page that shows what has changed.
// What its sender can mend is shown in place.
func (h *Handler) changed(w http.ResponseWriter, err error, path string, inPlace func() error) error {
	switch {
	case shownInPlace(err):
		return inPlace()
	case err != nil:
		return err
	}
	h.leadTo(w, path)
	return nil
}

// refusal gives the status of a page that shows why what a form asked for was not done, and
// the words for it; of one that shows no such thing without an error.
func (h *Handler) refusal(r *http.Request, wrong error) (status int, text string) {
	if wrong == nil {
		return http.StatusOK, ""
	}
	return statusOf(wrong), h.why(r, wrong)
}

// shownInPlace tells whether the sender of a form can mend what is wrong.
func shownInPlace(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.Forbidden, fault.TooLarge, fault.Throttled, fault.Gone:
		return err != nil
	}
	return false
}
