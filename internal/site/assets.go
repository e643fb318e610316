package site

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
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
	files map[string][]byte
	logo  string // the name of the operator's, if there is one
	hash  string // of all of them; part of their addresses, so that they can be kept for ever
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
	a := &assets{files: map[string][]byte{}}
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
	a.hash = hex.EncodeToString(sum.Sum(nil))[:12]
	return a
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
	w.Header().Set("Etag", `"`+a.hash+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}
