package site

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/report"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// Where people say that something is wrong with what a link opens, and where that is read.
const (
	reportPath  = "/app/report"
	ReportsPath = AdminPath + "/reports"
)

func (h *Handler) reportRoutes() []wire.Route {
	return []wire.Route{
		get(reportPath, func(w http.ResponseWriter, r *http.Request) error {
			return h.showReport(w, r, r.URL.Query().Get("link"), nil)
		}),
		post(reportPath, h.takeReport),
		h.administering(http.MethodGet, ReportsPath, func(w http.ResponseWriter, r *http.Request, _ *account.Account) error {
			return h.showReports(w, r, nil)
		}),
		h.administering(http.MethodPost, ReportsPath, h.decideReport),
	}
}

// visitOf finds what the page at a path of ours opens.
func (h *Handler) visitOf(r *http.Request, path string) (*visit, error) {
	at := r.Clone(r.Context())
	at.Method, at.URL = http.MethodGet, &url.URL{Path: path}
	for _, s := range h.linkShapes() {
		if wire.NewRouter(get(s.root+s.page, nobody)).Match(at).Route != nil {
			return s.find(at)
		}
	}
	return nil, share.NotFound()
}

type reportPage struct {
	frame
	Link  string // the path of the page
	Of    string // the title of what is reported
	Kinds []kindChoice
	Text  string
	From  string
	Done  bool
	Wrong string
}

type kindChoice struct {
	Kind   report.Kind
	Name   string
	Chosen bool
}

// showReport shows the form, with what was sent by it and why that was not taken.
func (h *Handler) showReport(w http.ResponseWriter, r *http.Request, link string, wrong error) error {
	v, err := h.visitOf(r, link)
	if err != nil {
		return err
	}
	say := h.say(r)
	p := reportPage{frame: h.frame(r, say.Report.Title), Link: link, Of: h.titleFor(r, v)}
	p.query = url.Values{"link": {link}} // also where it came by the form
	var status int
	status, p.Wrong = h.refusal(r, wrong)
	if wrong != nil {
		p.Text, p.From = r.PostForm.Get("text"), r.PostForm.Get("from")
	}
	for _, k := range report.Kinds() {
		p.Kinds = append(p.Kinds, kindChoice{k, say.Report.Kinds[string(k)], wrong != nil && r.PostForm.Get("kind") == string(k)})
	}
	return h.show(w, r, status, "report", p)
}

// titleFor is what the visitor may know of what they report: of what is locked, nothing.
func (h *Handler) titleFor(r *http.Request, v *visit) string {
	if h.isLocked(r, v) {
		return ""
	}
	return h.say(r).TitleOf(v.Name)
}

func (h *Handler) takeReport(w http.ResponseWriter, r *http.Request) error {
	if err := h.fromHere(r); err != nil {
		return err
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	r.PostForm = form
	v, err := h.visitOf(r, form.Get("link"))
	if err != nil {
		return err
	}
	err = h.cfg.Reports.Add(r.Context(), &report.Report{
		Home: v.Key, Path: v.page(), Title: h.say(r).TitleOf(v.Name), Kind: report.Kind(form.Get("kind")), Text: form.Get("text"), From: form.Get("from"),
	})
	if shownInPlace(err) {
		return h.showReport(w, r, form.Get("link"), err)
	}
	if err != nil {
		return err
	}
	h.cfg.Log.InfoContext(r.Context(), "a link was reported", "share", string(v.Key))
	return h.show(w, r, http.StatusOK, "report", reportPage{frame: h.frame(r, h.say(r).Report.Title), Done: true})
}

type reportsPage struct {
	adminFrame
	Reports []reportRow
	Next    string
	Wrong   string
}

type reportRow struct {
	Key, At, ISO, Path, Title, Kind, Text, From string
	State                                       string // empty: it waits
	Block, Dismiss                              bool   // what can be decided
}

func (h *Handler) showReports(w http.ResponseWriter, r *http.Request, wrong error) error {
	ctx, say := r.Context(), h.say(r)
	p := reportsPage{adminFrame: h.adminFrame(r)}
	reports, err := h.cfg.Reports.List(ctx, r.URL.Query().Get("before"), pageOfMine+1)
	if err != nil {
		return err
	}
	for i, one := range reports {
		if i == pageOfMine {
			p.Next = "?before=" + url.QueryEscape(reports[i-1].Key)
			break
		}
		p.Reports = append(p.Reports, reportRow{
			Key: one.Key, At: say.Moment(one.At), ISO: one.At.UTC().Format(time.RFC3339), Path: one.Path, Title: words.Shown(one.Title),
			Kind: say.Report.Kinds[string(one.Kind)], Text: strings.TrimSpace(words.ShownLines(one.Text)), From: words.Shown(one.From),
			State: map[report.Outcome]string{report.Blocked: say.Mine.States["transfer_blocked"], report.Dismissed: say.Report.Dismissed}[one.Outcome],
			Block: one.Outcome != report.Blocked, Dismiss: one.Outcome != report.Dismissed,
		})
	}
	var status int
	status, p.Wrong = h.refusal(r, wrong)
	return h.show(w, r, status, "reports", p)
}

func (h *Handler) decideReport(w http.ResponseWriter, r *http.Request, me *account.Account) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	outcome, act := report.Outcome(form.Get("do")), map[string]string{"blocked": "report.block", "dismissed": "report.dismiss"}[form.Get("do")]
	if act == "" {
		return fault.New(fault.Invalid, "form_malformed", "the form is malformed")
	}
	err = h.administer(r.Context(), me, act, form.Get("report"), func() error {
		return h.cfg.Reports.Decide(r.Context(), form.Get("report"), outcome)
	})
	return h.changed(w, err, ReportsPath, func() error { return h.showReports(w, r, err) })
}
