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
	hash  string // of all of them; part of their addresses, so that they can be kept for ever
}

// assetTypes are the media types of assets, by their endings.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
}

func loadAssets() *assets {
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
		a.files[path.Base(name)] = b
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
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
	w.Header().Set("Content-Type", assetTypes[path.Ext(name)])
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("Etag", `"`+a.hash+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}
