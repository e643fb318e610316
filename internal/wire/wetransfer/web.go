package wetransfer

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// The two calls by which programs download, as WeTransfer's own pages do. Nobody
// documented them: they are as iamleot/transferwee, orgrimarr/node-wetransfert
// and bunnykek/WeTransferTool use them. There is no key; who knows the id and
// the hash of a link may have what is behind it, as in a browser.

type downloadBody struct {
	ID                  share.ID       `json:"id"`
	State               string         `json:"state"`
	TransferType        int            `json:"transfer_type"`
	ShortenedURL        string         `json:"shortened_url"`
	ExpiresAt           string         `json:"expires_at"`
	PasswordProtected   bool           `json:"password_protected"`
	UploadedAt          string         `json:"uploaded_at"`
	ExpiryInSeconds     int64          `json:"expiry_in_seconds"`
	Size                int64          `json:"size"`
	DeletedAt           *string        `json:"deleted_at"`
	RecipientID         *string        `json:"recipient_id"`
	DisplayName         string         `json:"display_name"`
	SecurityHash        string         `json:"security_hash"`
	Description         string         `json:"description"`
	RecommendedFilename string         `json:"recommended_filename"`
	Items               []downloadItem `json:"items"`
}

type downloadItem struct {
	ID                upload.ID `json:"id"`
	Name              string    `json:"name"`
	Retries           int       `json:"retries"`
	Size              int64     `json:"size"`
	ItemType          string    `json:"item_type"`
	Previewable       bool      `json:"previewable"`
	ContentIdentifier string    `json:"content_identifier"`
}

type linkAnswer struct {
	DirectLink string `json:"direct_link"`
}

// A parcel is a share whose link the caller knows, and the files in it that are
// complete.
type parcel struct {
	*share.Share
	files []*upload.File
}

// title names the parcel for people.
func (p parcel) title() string {
	switch {
	case p.Name != "":
		return p.Name
	case len(p.files) == 1:
		return p.files[0].Name
	}
	return "transfer"
}

// fileName is what a download of the whole is to be called: its last path segment.
func (p parcel) fileName() string {
	if len(p.files) == 1 {
		return p.files[0].Name
	}
	name := cleanName(p.title())
	if name == "" || name == "." || name == ".." {
		name = "transfer"
	}
	return name + ".zip"
}

func (h *Handler) prepareDownload(w http.ResponseWriter, r *http.Request) error {
	p, _, err := h.parcel(w, r)
	if err != nil {
		return err
	}
	out := downloadBody{
		ID: p.ID, State: "downloadable", TransferType: 4, ShortenedURL: h.shortLink(p.Share),
		ExpiresAt: p.ExpiresAt.UTC().Format(time.RFC3339), UploadedAt: p.ReadyAt.UTC().Format(time.RFC3339),
		ExpiryInSeconds: int64(p.ExpiresAt.Sub(h.cfg.Now()) / time.Second),
		DisplayName:     p.title(), SecurityHash: p.Hash, Description: p.Message,
		RecommendedFilename: p.fileName(), Items: make([]downloadItem, len(p.files)),
	}
	for i, f := range p.files {
		out.Size += f.Size
		out.Items[i] = downloadItem{ID: f.ID, Name: f.Name, Size: f.Size, ItemType: "file", ContentIdentifier: "file"}
	}
	wire.WriteJSON(w, http.StatusOK, out)
	return nil
}

// download gives the address of the bytes, which the site serves: of one file as
// it is, of several as a zip.
func (h *Handler) download(w http.ResponseWriter, r *http.Request) error {
	p, body, err := h.parcel(w, r)
	if err != nil {
		return err
	}
	if intent, _ := body.Get("intent"); intent.Str() == "single_file" {
		if p.files, err = p.chosen(body); err != nil {
			return err
		}
	}
	link := h.cfg.BaseURL() + "/downloads/" + url.PathEscape(string(p.ID)) + "/" + p.Hash
	switch len(p.files) {
	case 0:
		return noAccess("there is nothing to download yet")
	case 1:
		link += "/file/" + url.PathEscape(string(p.files[0].ID)) + "/"
	default:
		link += "/zip/"
	}
	wire.WriteJSON(w, http.StatusOK, linkAnswer{link + url.PathEscape(p.fileName())})
	return nil
}

// chosen gives the one file that the caller asks for.
func (p parcel) chosen(body wire.Value) ([]*upload.File, error) {
	v, _ := body.Get("file_ids")
	in := field{"file_ids", v}
	if err := in.array(); err != nil {
		return nil, err
	}
	if in.Len() != 1 {
		return nil, in.wrong("must contain 1 items")
	}
	for wanted := range in.Elems() {
		for _, f := range p.files {
			if string(f.ID) == wanted.Str() {
				return []*upload.File{f}, nil
			}
		}
	}
	return nil, noAccess("no such file")
}

// parcel finds what the caller has the link of. A wrong hash, an unknown id and a
// recipient that nobody is are told the same, and count as links that lead nowhere.
func (h *Handler) parcel(w http.ResponseWriter, r *http.Request) (parcel, wire.Value, error) {
	body, err := h.body(w, r, smallBody)
	if err != nil {
		return parcel{}, body, err
	}
	ctx := r.Context()
	s, err := h.cfg.Shares.ByID(ctx, share.ID(r.PathValue("transfer")))
	if s != nil && !opens(body, s) {
		err = share.NotFound() // not even that it is over
	}
	if err = h.cfg.Misses.Count(ctx, err); err != nil {
		return parcel{}, body, instead(err, sayNoAccess, fault.NotFound)
	}
	if s.Locked { // by another API; its page asks for the password
		return parcel{}, body, noAccess("a password is needed: please open the link in a browser")
	}
	p := parcel{Share: s}
	err = h.cfg.Uploads.Files(ctx, s, func(f *upload.File) error {
		if f.State == upload.Complete {
			p.files = append(p.files, f)
		}
		return nil
	})
	if err != nil {
		return parcel{}, body, err
	}
	return p, body, h.cfg.Shares.Seen(ctx, s)
}

// opens reports whether the caller knows the hash of s. Nobody has been sent a link
// with a recipient in it.
func opens(body wire.Value, s *share.Share) bool {
	hash, _ := body.Get("security_hash")
	recipient, _ := body.Get("recipient_id")
	return recipient.Str() == "" && s.Hash != "" && subtle.ConstantTimeCompare([]byte(hash.Str()), []byte(s.Hash)) == 1
}

func noAccess(why string) error {
	return sayNoAccess.because(fault.New(fault.Forbidden, "no_access", "%s", why))
}
