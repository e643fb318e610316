package wire

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestCORS(t *testing.T) {
	c := CORS{Methods: "GET, POST, PUT", Headers: "x-api-key, authorization, content-type", Expose: "ETag", MaxAge: "600"}
	for _, tt := range []struct {
		method string
		done   bool
		want   map[string]string
	}{
		{http.MethodOptions, true, map[string]string{
			"Access-Control-Allow-Origin":   "*",
			"Access-Control-Allow-Methods":  "GET, POST, PUT",
			"Access-Control-Allow-Headers":  "x-api-key, authorization, content-type",
			"Access-Control-Max-Age":        "600",
			"Access-Control-Expose-Headers": "",
		}},
		{http.MethodPost, false, map[string]string{
			"Access-Control-Allow-Origin":   "*",
			"Access-Control-Expose-Headers": "ETag",
			"Access-Control-Allow-Methods":  "",
		}},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(tt.method, "/v2/transfers", nil)
		r.Header.Set("Origin", "https://example.org")
		if done := c.Answer(w, r); done != tt.done || (done && w.Code != http.StatusNoContent) {
			t.Errorf("%s: done %v, status %d", tt.method, done, w.Code)
		}
		for name, want := range tt.want {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", tt.method, name, got, want)
			}
		}
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: credentials are allowed", tt.method)
		}
	}
}
