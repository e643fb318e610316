package site_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/ferry-server/ferry/internal/site"
)

// A site is a door: an http.Handler that a server mounts at "/". This one has no
// services behind it, which is enough for what needs none.
func Example() {
	h := site.New(site.Config{Now: time.Now, BaseURL: "https://ferry.example"})
	for _, path := range []string{"/", "/robots.txt", "/nothing"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, w.Code)
	}
	// Output:
	// / 200
	// /robots.txt 200
	// /nothing 404
}
