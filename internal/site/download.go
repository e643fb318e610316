package site

import (
	"bufio"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/deliver"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// A sharePage is the page of a share without its rows.
type sharePage struct {
	frame
	Sender   string // empty: nobody the visitor may know
	Message  string
	Count    string
	Size     string
	Until    string // empty: for ever
	Arriving string // set while it comes in
	UntilISO string
	Left     string
	Keeping  string
	Private  string      // whom the link is for
	Main     *mainButton // nil when there is nothing to download
	Files    int
	Closes   []struct{} // an element for each folder that the last file is in
	Pick     string     // where files that are chosen come as a zip; empty: nowhere
	Links    []linkRow
	Report   string // where one says that something is wrong with it
}

// A mainButton fetches all there is.
type mainButton struct{ URL, Label, Note string }

// A row is a file in the list.
type row struct {
	URL, Name, Ending, Size, View, Pick string

	Short  string     // the name in its folder
	Closes []struct{} // an element for each folder that ended before it
	Opens  []string   // the folders that begin with it, from the outside in
}

// rowsOf are some rows, what looking at a file is called, and choosing it, and whether
// folders are unfolded.
type rowsOf struct {
	Rows         []row
	View, Choose string
	Unfolded     bool
}

// unfoldedFiles is up to how many files a list begins with its folders unfolded.
const unfoldedFiles = 200

// pickField names the files that are chosen of a zip.
const pickField = "file"

// A linkRow is a link on a board. URL is empty where a browser must not follow it.
type linkRow struct{ URL, Title, Where string }

// rowStep is how many rows are made at once.
const rowStep = 500

// page answers with the page of a share. Rows are made and sent some at a time,
// so ten thousand files cost their names, not their HTML.
func (h *Handler) page(find find) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		v, err := find(r)
		if err != nil {
			return err
		}
		if h.isLocked(r, v) {
			return h.askPassword(w, r, v, nil)
		}
		sh := v.Share
		p, err := h.cfg.Parcels.Pack(ctx, sh)
		if err != nil {
			return err
		}
		var links []*board.Link
		if sh.Kind == share.Board {
			if links, err = h.cfg.Boards.Links(ctx, sh.Key); err != nil {
				return err
			}
		}
		h.seen(r, sh)
		h.welcome(w)
		h.nameGuest(w, r, v)
		asPage(w.Header())
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodHead {
			return nil
		}
		h.wait(w)
		if err := h.writePage(w, h.sharePage(r, v, p, links), p, v); err != nil {
			// Half a page must not look like a whole one.
			if ctx.Err() == nil {
				h.cfg.Log.WarnContext(ctx, "page broke off", "cause", err)
			}
			panic(http.ErrAbortHandler)
		}
		return nil
	}
}

func (h *Handler) writePage(w http.ResponseWriter, view *sharePage, p *archive.Parcel, v *visit) error {
	out := bufio.NewWriterSize(w, 32<<10)
	if err := h.pages.ExecuteTemplate(out, "share", view); err != nil {
		return err
	}
	rows := make([]row, 0, min(rowStep, len(p.Files)))
	var open []string // the folders that the row before is in
	for files := range slices.Chunk(byFolder(p.Files), rowStep) {
		rows = rows[:0]
		for _, f := range files {
			folders, short := splitName(f.Name)
			one := row{URL: fileURL(v.root, f), Name: f.Name, Short: short, Ending: ending(f.Name), Size: view.Words.Size(f.Size)}
			same := 0
			for same < min(len(open), len(folders)) && open[same] == folders[same] {
				same++
			}
			one.Closes, one.Opens = make([]struct{}, len(open)-same), folders[same:]
			open = folders
			if view.Pick != "" {
				one.Pick = string(f.ID)
			}
			if _, _, ok := h.kindOf(f.Name, f.Size); ok && v.shows() {
				one.View = v.root + "/view/" + url.PathEscape(string(f.ID))
			}
			rows = append(rows, one)
		}
		h.wait(w)
		if err := h.pages.ExecuteTemplate(out, "rows", rowsOf{rows, view.Words.View, view.Words.Choose, len(p.Files) <= unfoldedFiles}); err != nil {
			return err
		}
	}
	view.Closes = make([]struct{}, len(open))
	if err := h.pages.ExecuteTemplate(out, "rest", view); err != nil {
		return err
	}
	return out.Flush()
}

// mostFolders is how many folders deep a list is. A name of nothing but folders has more
// than a hundred, and ten thousand of those make a page that stops a browser.
const mostFolders = 10

// splitName gives the folders of a shown name, from the outside in, and the rest. What is
// deeper than a list goes is one folder with a long name.
func splitName(name string) (folders []string, short string) {
	i := strings.LastIndexByte(name, '/')
	if i <= 0 || i == len(name)-1 {
		return nil, name
	}
	folders = strings.FieldsFunc(name[:i], func(r rune) bool { return r == '/' })
	if len(folders) > mostFolders {
		folders = append(folders[:mostFolders-1], strings.Join(folders[mostFolders-1:], "/"))
	}
	return folders, name[i+1:]
}

// byFolder gives files in the order of a tree, those of a folder before the folders in it,
// where there are folders.
func byFolder(files []archive.Item) []archive.Item {
	type leaf struct {
		archive.Item
		in []string
	}
	leaves, folders := make([]leaf, len(files)), false
	for i, f := range files {
		in, _ := splitName(f.Name)
		leaves[i], folders = leaf{f, in}, folders || len(in) > 0
	}
	if !folders {
		return files
	}
	slices.SortStableFunc(leaves, func(a, b leaf) int { return slices.Compare(a.in, b.in) })
	sorted := make([]archive.Item, len(leaves))
	for i, l := range leaves {
		sorted[i] = l.Item
	}
	return sorted
}

func (h *Handler) sharePage(r *http.Request, v *visit, p *archive.Parcel, links []*board.Link) *sharePage {
	sh, root, say := v.Share, v.root, h.say(r)
	now := h.cfg.Now()
	title := words.Shown(sh.Name)
	if strings.TrimSpace(title) == "" {
		title = say.FilesForYou
	}
	page := &sharePage{
		frame:   h.frame(r, title),
		Sender:  shownSender(v.sender),
		Message: strings.TrimSpace(words.ShownLines(sh.Message)),
		Count:   say.FilesCount(len(p.Files)),
		Size:    say.Size(p.Size),
		Files:   len(p.Files),
		Private: say.PrivateLink,
		Report:  reportPath + "?link=" + url.QueryEscape(v.page()),
	}
	if page.Way = 2; sh.State == share.Open {
		page.Arriving = say.Arriving
	} else if !sh.Permanent() {
		page.Way = way(sh, now)
		page.Until, page.UntilISO = say.Moment(sh.ExpiresAt), sh.ExpiresAt.UTC().Format(time.RFC3339)
		page.Left = say.TimeLeft(sh.ExpiresAt.Sub(now))
	}
	if v.to != nil {
		page.Private = say.OwnLink
	}
	if sh.Idle > 0 {
		page.Keeping = say.BoardKeeping
	}
	switch {
	case len(p.Files) == 0:
	case len(p.Files) == 1:
		f := p.Files[0]
		page.Main = &mainButton{fileURL(root, f), say.DownloadOne, say.Size(f.Size)}
	case page.Arriving == "":
		page.Main = &mainButton{
			URL:   root + "/zip/" + url.PathEscape(p.Name),
			Label: say.DownloadAll,
			Note:  say.AsZip + ", " + say.Size(p.ZipSize()),
		}
		if sh.MaxDownloads == 0 { // else each choice is a download of its own
			page.Pick = page.Main.URL
		}
	}
	for _, l := range links {
		page.Links = append(page.Links, showLink(l))
	}
	if len(links) > 0 {
		page.Count += ", " + say.LinksCount(len(links))
	}
	return page
}

// way gives how much of the share's life is over, in tenths.
func way(sh *share.Share, now time.Time) int {
	whole := sh.ExpiresAt.Sub(sh.ReadyAt)
	if whole <= 0 {
		return 10
	}
	return int(max(0, min(10, 10*now.Sub(sh.ReadyAt)/whole)))
}

// showLink makes a link of the addresses that lead to the web, and text of all
// others.
func showLink(l *board.Link) linkRow {
	row := linkRow{Title: words.Shown(l.Title)}
	where := words.Shown(l.URL)
	u, err := url.Parse(l.URL)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil {
		row.URL, where = u.String(), words.Shown(u.Host)
	}
	if strings.TrimSpace(row.Title) == "" {
		row.Title = words.Shown(l.URL)
	}
	if row.Title != words.Shown(l.URL) {
		row.Where = where // else the title says where it leads
	}
	return row
}

// file answers with the bytes of one file.
func (h *Handler) file(find find) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := find(r)
		if err != nil {
			return err
		}
		f, err := h.fileOf(r, v)
		if err != nil {
			return err
		}
		it := deliver.Item{Name: f.Name, ETag: f.ETag(), Modified: f.CompletedAt, Type: h.viewed(r, v, f)}
		if f.Live() {
			return h.deliver(w, r, v, f, h.cfg.Uploads.Live(f), it)
		}
		content, err := h.cfg.Uploads.Content(r.Context(), f)
		if err != nil {
			return err
		}
		return h.deliver(w, r, v, f, deliver.Content(content), it)
	}
}

// fileOf finds the file of the path in what is visited: a link opens one share.
func (h *Handler) fileOf(r *http.Request, v *visit) (*upload.File, error) {
	f, err := h.cfg.Uploads.File(r.Context(), v.Owner.Account, upload.ID(r.PathValue("file")))
	if err != nil {
		return nil, err
	}
	if f.Home.Key != v.Key {
		return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	if v.t != nil && f.State != upload.Complete && !f.Live() {
		return nil, f.Accepts(h.cfg.Now()) // says that it was deleted
	}
	return f, nil
}

// zip answers with all files of a share as one.
func (h *Handler) zip(find find) wire.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := find(r)
		if err != nil {
			return err
		}
		p, err := h.cfg.Parcels.Pack(r.Context(), v.Share)
		if err != nil {
			return err
		}
		zip, err := p.Chosen(r.URL.Query()[pickField])
		if err != nil {
			return err
		}
		it := deliver.Item{Name: p.Name, ETag: zip.ETag(), Type: "application/zip"}
		return h.deliver(w, r, v, nil, zip, it)
	}
}

// deliver sends bytes of what is visited, past the desk if that watches it. File is
// nil for the zip.
func (h *Handler) deliver(w http.ResponseWriter, r *http.Request, v *visit, file *upload.File, src deliver.Source, it deliver.Item) error {
	h.seen(r, v.Share)
	broke := func(err error) {
		h.cfg.Log.ErrorContext(r.Context(), "download broke off", "share", string(v.Key), "cause", err)
	}
	if v.t != nil {
		f := h.fetch(r, v)
		f.File, f.Untracked = file, it.Type != "" && file != nil // it is looked at
		if file == nil && r.URL.Query().Has(pickField) {
			f.Chosen = it.ETag
		}
		return lost(deliver.Counted(w, r, h.cfg.Desk, f, h.cfg.Blobs, src, it, broke))
	}
	it.Sent = func(s deliver.Sent) {
		if s.Err != nil {
			broke(s.Err)
		}
	}
	return lost(deliver.Stream(w, r, h.cfg.Blobs, src, it))
}

// lost makes a fault of ours of a blob that is missing behind a row: the link is
// good, and nobody shall believe that it leads nowhere.
func lost(err error) error {
	if fault.Is(err, "blob_missing") {
		return fault.Wrap(fault.Internal, "content_lost", err, "")
	}
	return err
}

// seen keeps a board alive that people look at. A page is not refused because it
// could not be noted.
func (h *Handler) seen(r *http.Request, sh *share.Share) {
	if r.Method == http.MethodHead {
		return
	}
	if err := h.cfg.Shares.Seen(r.Context(), sh); err != nil && r.Context().Err() == nil {
		h.cfg.Log.WarnContext(r.Context(), "visit not noted", "share", sh.Key, "cause", err)
	}
}

// fileURL is the address of a file. Its name is only for people, and for programs
// that save under what comes last.
func fileURL(root string, f archive.Item) string {
	return root + "/file/" + url.PathEscape(string(f.ID)) + "/" + url.PathEscape(lastName(f.Name))
}

// lastName gives the part of a shown name that a file is saved under. Browsers
// take "." and ".." out of an address, so it is neither.
func lastName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if strings.Trim(name, ". ") == "" {
		return "file"
	}
	return name
}

// shownSender makes a sender's address fit for the page.
func shownSender(s string) string { return strings.TrimSpace(words.Shown(s)) }

// ending gives what the list shows as the kind of a file: the ending of its name,
// if that is one, in at most four letters.
func ending(name string) string {
	e := strings.TrimPrefix(path.Ext(name), ".")
	if e == "" || len(e) > 4 || e == strings.TrimPrefix(name, ".") {
		return "file"
	}
	return e
}
