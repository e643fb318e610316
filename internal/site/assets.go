package site

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/brand"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

func parsePages() *template.Template {
	return template.Must(template.ParseFS(pageFiles, "pages/*.html"))
}

// assets are the files that pages load.
type assets struct {
	files  map[string][]byte
	packed map[string][]byte // by gzip, those that are smaller so
	logo   string            // the name of the operator's, if there is one
	hash   string            // of all of them; part of their addresses, so that they can be kept for ever
}

// assetTypes are the media types of assets, by their endings.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".png": "image/png",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
}

func loadAssets(look brand.Look) *assets {
	a := &assets{files: map[string][]byte{}, packed: map[string][]byte{}}
	sum := sha256.New()
	names, err := fs.Glob(assetFiles, "assets/*")
	if err != nil {
		panic(err) // of the pattern
	}
	for _, name := range names { // sorted
		b, err := assetFiles.ReadFile(name)
		if err != nil || assetTypes[path.Ext(name)] == "" {
			panic(fmt.Sprintf("site: asset %s: no type, or %v", name, err))
		}
		if name == "assets/site.css" {
			b = append(b, look.CSS()...)
		}
		a.files[path.Base(name)] = b
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
	}
	if look.Logo != nil {
		a.logo = look.Logo.Name
		a.files[a.logo] = look.Logo.Bytes
		fmt.Fprintf(sum, "%s %d\n%s", a.logo, len(look.Logo.Bytes), look.Logo.Bytes)
	}
	for name, b := range a.files {
		if packed := pack(b); len(packed) < len(b) {
			a.packed[name] = packed
		}
	}
	a.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	return a
}

func pack(b []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(b)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		panic(err) // of the level
	}
	return out.Bytes()
}

// takesGzip tells whether who asks takes an answer that is packed (RFC 9110, 12.5.3).
func takesGzip(header http.Header) bool {
	takes := false
	for coding := range strings.SplitSeq(strings.Join(header.Values("Accept-Encoding"), ","), ",") {
		coding, quality, _ := strings.Cut(coding, ";")
		name := strings.ToLower(strings.TrimSpace(coding))
		if name != "gzip" && name != "x-gzip" && name != "*" {
			continue
		}
		q, weighed := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(quality), " ", ""), "q=")
		refused := weighed && strings.Trim(q, "0.") == ""
		if name != "*" {
			return !refused
		}
		takes = !refused
	}
	return takes
}

// root is the address that the names of assets go behind.
func (a *assets) root() string { return "/assets/" + a.hash + "/" }

func (a *assets) serve(w http.ResponseWriter, r *http.Request, name, cache string) error {
	b, ok := a.files[name]
	if !ok {
		return errUnknownPath
	}
	secure(w.Header())
	if name == a.logo {
		w.Header().Set("Content-Security-Policy", dataPolicy) // an SVG can hold script
	}
	w.Header().Set("Content-Type", assetTypes[path.Ext(name)])
	w.Header().Set("Cache-Control", cache)
	tag := a.hash
	if packed := a.packed[name]; packed != nil {
		w.Header().Set("Vary", "Accept-Encoding")
		if takesGzip(r.Header) {
			w.Header().Set("Content-Encoding", "gzip")
			b, tag = packed, tag+"-gzip" // other bytes: another strong tag
		}
	}
	w.Header().Set("Etag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}
