package filemail

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	core "github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

// The objects of transfers (docs.filemail.com, Getting transfer details; what that
// page's stored copies lack is from recorded answers). All of their properties are
// in every answer of 2.0; what is null is left out of classic ones. There are no
// torrents, FTP, previews, own logos and scanners here: those properties say so.

// A transferObject is a Transfer.
type transferObject struct {
	ID      string  `json:"id"`
	TrackID *string `json:"trackid"`
	Key     *string `json:"key"` // for those who may change it
	URL     string  `json:"url"` // of the page for people

	From       *string           `json:"from"`
	Subject    string            `json:"subject"`
	Message    string            `json:"message"`
	To         []string          `json:"to"`
	Recipients []recipientObject `json:"recipients"`
	Failed     *int              `json:"failedRecipients"`

	Sent     int64 `json:"sentdate"`   // when it was begun, not completed: a recorded answer
	Expires  int64 `json:"expiredate"` // -1: never
	Extended int64 `json:"extendedexpiredate"`
	Days     int   `json:"days"`
	Forever  bool  `json:"permanent"`
	MaxDays  *int  `json:"maxdays"`
	MayEdit  bool  `json:"alloweditingexpiredate"`

	Status    string `json:"status"`
	IsExpired bool   `json:"isexpired"`
	Notify    bool   `json:"notify"`

	Size      int64 `json:"size"`
	Files     int   `json:"numberoffiles"`
	Downloads *int  `json:"numberofdownloads"`

	Protected bool    `json:"passwordprotected"`
	Blocked   bool    `json:"blockdownloads"` // never left out: shahar99s/link-fetchers wants it to be false
	Infected  bool    `json:"infected"`
	Stored    bool    `json:"occupiesstorage"`
	Source    *string `json:"source"`

	Zip           *string `json:"compressedfileurl"`
	ZipStatus     *string `json:"compressedfilestatus"`
	ZipFormat     *string `json:"compressedfileformat"`
	Torrent       *string `json:"torrenturl"`
	TorrentStatus *string `json:"torrentstatus"`

	Server      string  `json:"fileserver"`
	ServerURL   string  `json:"fileserverurl"`
	ServerMain  string  `json:"fileserverurl_main"`
	FTPHost     *string `json:"ftphost"`
	FTPPassword bool    `json:"ftpcorppasswordrequired"`
	UDPFrom     *int    `json:"udpthreshold"`

	Logo       *string `json:"customlogourl"`
	Footer     *string `json:"footertext"`
	IconColor  *string `json:"iconcolor"`
	IconLetter *string `json:"iconletter"`

	More   int           `json:"containsmorefiles"` // how many are not among files
	Fields []customField `json:"customfields"`
	List   []any         `json:"files"`     // empty in lists (recorded)
	Events []struct{}    `json:"downloads"` // always empty (recorded): files have theirs
}

type recipientObject struct {
	Email     string  `json:"email"`
	Link      string  `json:"downloadlink"`
	Delivered bool    `json:"delivered"`
	Problem   *string `json:"deliveryerror"`
}

// A fileObject is a File.
type fileObject struct {
	ID   string  `json:"fileid"`
	Name string  `json:"filename"`
	Size int64   `json:"filesize"`
	URL  *string `json:"downloadurl"` // where it can be had

	Downloads []downloadObject `json:"downloads"`
	MD5       *string          `json:"md5"`

	Preview    *string `json:"previewurl"`
	Small      *string `json:"smallpreview"`
	Medium     *string `json:"mediumpreview"`
	Large      *string `json:"largepreview"`
	OwnPreview bool    `json:"hascustompreview"`
	OwnThumb   bool    `json:"hascustomthumbnail"`

	Type        *string `json:"filetype"`
	Description *string `json:"filetypedescription"`
	Category    *string `json:"category"`
	Damaged     bool    `json:"suspecteddamage"`
}

// A downloadObject is one time that a file was fetched whole. What is in it is a
// guess: the page names the list and was cut there.
type downloadObject struct {
	Email   *string `json:"email"`
	IP      *string `json:"ip"` // its network, and forgotten after two weeks
	Country *string `json:"country"`
	Date    int64   `json:"date"`
	Agent   *string `json:"useragent"`
}

// never is a date that there is not (recorded).
const never = -1

// The names of states. Only the first was seen in an answer, and two more in a
// client; the others are guesses.
const (
	stateComplete  = "STATUS_COMPLETE"
	stateDeleted   = "STATUS_DELETED"
	stateCancelled = "STATUS_CANCELLED"
	stateCreated   = "STATUS_CREATED"
	stateUploading = "STATUS_UPLOADING"
	stateExpired   = "STATUS_EXPIRED"
)

func stateOf(t *transfer.Transfer, now time.Time) string {
	switch code := fault.CodeOf(t.Alive(now)); {
	case t.Cancelled:
		return stateCancelled
	case t.State >= share.Deleted:
		return stateDeleted
	case code == "transfer_expired":
		return stateExpired
	case t.State == share.Ready:
		return stateComplete
	case t.Files > 0:
		return stateUploading
	}
	return stateCreated
}

// A seen is a transfer as one reader has it before them.
type seen struct {
	*transfer.Transfer
	recipients []*transfer.Recipient
	view       transfer.View
	to         *transfer.Recipient // who of the recipients reads, nil for nobody of them
	open       bool                // the reader may have the files
	pass       account.Secret      // that goes with them; "" where there is no password
	inside     bool                // the reader is one whom the sender's company lets in
	portal     string              // by which it came in, "" for none
}

// downloadable reports whether there are links to bytes.
func (s *seen) downloadable(now time.Time) bool { return s.open && s.Visible(now) == nil }

// transferObject makes the object of a transfer, without its files.
func (h *Handler) transferObject(s *seen) *transferObject {
	now, base := h.cfg.Now(), h.cfg.BaseURL()
	o := &transferObject{
		ID: string(s.ID), URL: h.pageURL(s.Transfer, s.to), Subject: s.Name, Message: s.Message,
		To: []string{}, Recipients: []recipientObject{},
		Sent: s.CreatedAt.UnixMilli(), Expires: s.ExpiresAt.UnixMilli(), Extended: never, Days: lifeOf(s.Transfer),
		Forever: s.Permanent(), MayEdit: s.view.Change,
		Status: stateOf(s.Transfer, now), IsExpired: fault.Is(s.Alive(now), "transfer_expired"), Notify: s.Notify,
		Size: s.Size, Files: s.Share.Files, Protected: s.Locked,
		Blocked: s.Blocked || s.MaxDownloads > 0 && s.Claimed >= s.MaxDownloads,
		Stored:  s.State < share.Purged, Source: text(s.Source),
		Server: hostOf(base), ServerURL: base, ServerMain: base,
		More: s.Share.Files, Fields: []customField{}, List: []any{}, Events: []struct{}{},
	}
	if s.Permanent() {
		o.Expires = never
	}
	if s.to != nil {
		o.TrackID = text(s.to.Track)
	} else {
		o.TrackID = text(s.Track)
	}
	if s.view.Key {
		o.Key = new(string(h.cfg.Desk.Key(s.Transfer)))
	}
	if s.view.Sender && s.Sender != "" {
		o.From = &s.Sender
		first, _ := utf8.DecodeRuneInString(s.Sender)
		o.IconLetter = new(strings.ToUpper(string(first)))
	}
	if s.view.Tracking && !s.view.Inside {
		o.Downloads = &s.Downloads
	}
	if s.portal != "" && s.view.Sender {
		o.Fields = append(o.Fields, portalField(s.portal))
	}
	h.addRecipients(o, s)
	if s.downloadable(now) && s.Share.Files > s.OpenFiles {
		key := s.newTicket(allFiles, string(s.Transfer.Key))
		o.Zip, o.ZipStatus, o.ZipFormat = new(h.fileURL(key)), new(stateComplete), new("zip")
	}
	return o
}

func (h *Handler) addRecipients(o *transferObject, s *seen) {
	failed := 0
	for _, r := range s.recipients {
		switch {
		case s.view.Shows(r):
			o.Recipients = append(o.Recipients, recipientObject{
				r.Address, h.cfg.BaseURL() + trackPath + r.Track, r.Delivered(), text(r.Problem),
			})
			if r.Problem != "" {
				failed++
			}
		case s.to == nil || r.Key != s.to.Key:
			continue
		}
		o.To = append(o.To, r.Address) // who reads it knows their own
	}
	if s.view.Recipients {
		o.Failed = &failed
	}
}

// text is null for the empty text.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Host
}

// lifeOf gives how many days a transfer lives: as its sender said, or as it was made.
func lifeOf(t *transfer.Transfer) int {
	if t.Days != 0 || t.Permanent() {
		return t.Days
	}
	from := t.ReadyAt
	if from.IsZero() {
		from = t.CreatedAt
	}
	return int((t.ExpiresAt.Sub(from) + 12*time.Hour) / (24 * time.Hour))
}

// Paths of pages for people; package site has them.
const (
	pagePath  = "/d/"
	trackPath = "/t/"
)

// pageURL is the address of a transfer's page: the reader's own, or the common one.
func (h *Handler) pageURL(t *transfer.Transfer, to *transfer.Recipient) string {
	switch base := h.cfg.BaseURL(); {
	case to != nil:
		return base + trackPath + to.Track
	case t.Track == "" && t.Code != "":
		return base + "/" + t.Code // it was made by WeTransfer's API
	default:
		return base + pagePath + string(t.ID)
	}
}

// addFiles fills the object with the first most files, or all if that is negative,
// and of each only the properties that are named, or all.
func (h *Handler) addFiles(ctx context.Context, o *transferObject, s *seen, most int, properties []string) error {
	if most == 0 {
		return nil
	}
	fetched, err := h.fetched(ctx, s)
	if err != nil {
		return err
	}
	enough := errors.New("enough")
	err = h.cfg.Uploads.Files(ctx, &s.Share, func(f *core.File) error {
		if f.State == core.Deleted {
			return nil
		}
		if len(o.List) == most {
			return enough
		}
		o.List = append(o.List, only(h.fileObject(s, f, fetched[f.Key]), properties))
		return nil
	})
	if err != nil && err != enough {
		return err
	}
	o.More = max(0, s.Share.Files-len(o.List))
	return nil
}

func (h *Handler) fileObject(s *seen, f *core.File, fetched []downloadObject) *fileObject {
	o := &fileObject{ID: string(f.ID), Name: f.Name, Size: max(f.Size, 0), Downloads: fetched}
	if f.Size == core.Unknown {
		o.Size = f.Got // so far
	}
	if o.Downloads == nil {
		o.Downloads = []downloadObject{}
	}
	if f.State == core.Complete {
		if f.WantMD5 != nil { // which was checked
			o.MD5 = new(hex.EncodeToString(f.WantMD5[:]))
		}
		if s.downloadable(h.cfg.Now()) {
			o.URL = new(h.fileURL(s.newTicket(oneFile, string(f.Key))))
		}
	}
	if ending := strings.TrimPrefix(path.Ext(words.Shown(f.Name)), "."); len(ending) <= 10 {
		o.Type = text(strings.ToLower(ending))
	}
	return o
}

// fileURL is where the bytes are that a ticket opens. It always carries a query:
// clients go on with & (recorded).
func (h *Handler) fileURL(t ticket) string {
	return h.cfg.BaseURL() + filePath + "?filekey=" + t.seal(h.cfg.Ring)
}

// mostRecords bounds the downloads that one answer tells of.
const mostRecords = 1000

// fetched gives the downloads that the reader may know of, by file.
func (h *Handler) fetched(ctx context.Context, s *seen) (map[core.Key][]downloadObject, error) {
	if !s.view.Tracking || s.Downloads == 0 {
		return nil, nil
	}
	records, err := h.cfg.Desk.Records(ctx, s.Transfer, mostRecords)
	if err != nil {
		return nil, err
	}
	by := make(map[transfer.RecipientKey]*transfer.Recipient, len(s.recipients))
	for _, r := range s.recipients {
		by[r.Key] = r
	}
	all := map[core.Key][]downloadObject{}
	for _, r := range records {
		who := by[r.Recipient]
		if r.WholeAt.IsZero() || !r.OfFile() || s.view.Inside && (who == nil || !s.view.Shows(who)) {
			continue
		}
		d := downloadObject{IP: text(r.Address), Date: r.WholeAt.UnixMilli(), Agent: text(r.Agent)}
		if who != nil {
			d.Email = &who.Address
		}
		all[r.Item] = append(all[r.Item], d)
	}
	return all, nil
}

// only leaves the named properties of an object: Filemail's web app asks for those
// that it shows (fprops). Names that there are not are passed over; with none left,
// all stay.
func only(o *fileObject, properties []string) any {
	if len(properties) == 0 {
		return o
	}
	v, err := wire.Parse(marshal(o))
	if err != nil {
		return o
	}
	kept := make(map[string]json.RawMessage, len(properties))
	for name, member := range v.Members() {
		if slices.ContainsFunc(properties, func(p string) bool { return lower(p) == name }) {
			kept[name] = member.Raw()
		}
	}
	if len(kept) == 0 {
		return o
	}
	return kept
}
