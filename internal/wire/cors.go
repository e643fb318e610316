package wire

import "net/http"

// CORS lets pages of any origin use a door. It never allows credentials: the
// doors that use it take keys and tokens from headers, not from cookies, so a
// foreign page gains nothing that its own keys do not give it.
//
// The fields are header values, lists joined by commas; an empty one is not sent.
type CORS struct {
	Methods string // "GET, POST, PUT"
	Headers string // what a page may send: "x-api-key, authorization, content-type"
	Expose  string // what a page may read beyond the simple headers: "ETag"
	MaxAge  string // seconds for which a browser may keep the answer to OPTIONS: "600"
}

// Answer sets the headers for r, and answers it when it is an OPTIONS request.
// It reports whether it did, so that the caller is done with r.
func (c CORS) Answer(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	if r.Method != http.MethodOptions {
		setIfAny(h, "Access-Control-Expose-Headers", c.Expose)
		return false
	}
	setIfAny(h, "Access-Control-Allow-Methods", c.Methods)
	setIfAny(h, "Access-Control-Allow-Headers", c.Headers)
	setIfAny(h, "Access-Control-Max-Age", c.MaxAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}

func setIfAny(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}
