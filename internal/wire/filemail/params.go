package filemail

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// Bytes that a body may have, and how long it may take.
const (
	smallBody = 4 << 20
	largeBody = 16 << 20 // of calls that import lists
	bodyTime  = 20 * time.Second
)

// maxParams is how many parameters a query or a form may have.
const maxParams = 1000

// params are the parameters of a query or a form, by their lower-case names. None
// is empty.
type params map[string][]string

// parseParams reads what is URL-encoded. It cuts at & alone: to the original, an
// ASP.NET program, a semicolon is a character like others.
func parseParams(encoded string) (params, error) {
	if strings.Count(encoded, "&") >= maxParams {
		return nil, fault.New(fault.Invalid, codeMalformed, "there are too many parameters")
	}
	p := params{}
	for pair := range strings.SplitSeq(encoded, "&") {
		name, text, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			text, err = url.QueryUnescape(text)
		}
		if err != nil { // which has the text in it, and that may be a secret
			return nil, fault.New(fault.Invalid, codeMalformed, "a parameter is not URL-encoded")
		}
		p.add(name, text)
	}
	return p, nil
}

func (p params) add(name, text string) {
	if text != "" {
		name = lower(name)
		p[name] = append(p[name], text)
	}
}

func (p params) first(name string) string {
	if all := p[name]; len(all) > 0 {
		return all[0]
	}
	return ""
}

// bodyTypes are the media types of 2.0's bodies (docs.filemail.com, each operation),
// beside application/…+json.
var bodyTypes = map[string]bool{
	"application/json-patch+json": true, "application/json": true, "text/json": true,
}

func isBodyType(contentType string) bool {
	t := wire.MediaType(contentType)
	return bodyTypes[t] || strings.HasPrefix(t, "application/") && strings.HasSuffix(t, "+json")
}

// jsonInput reads a call of 2.0: properties of the body first, then of the query.
// A body that is empty may be of any type: logging out, clients post an empty form.
func jsonInput(w http.ResponseWriter, r *http.Request, query params, limit int64) (*input, error) {
	var properties map[string]wire.Value
	var err error
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if properties, err = readProperties(w, r, limit); err != nil {
			return nil, err
		}
	}
	return &input{find: func(name string) value {
		v := value{json: properties[name]}
		if texts := query[name]; v.isAbsent() && len(texts) > 0 {
			return value{texts: texts}
		}
		return v
	}}, nil
}

// readProperties reads a body of JSON: its properties by their lower-case names.
func readProperties(w http.ResponseWriter, r *http.Request, limit int64) (map[string]wire.Value, error) {
	text, err := wire.ReadBody(w, r, limit, bodyTime)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	if !isBodyType(r.Header.Get("Content-Type")) {
		return nil, fault.New(fault.Invalid, codeContentType, "the body must be application/json")
	}
	return parseProperties(text)
}

func parseProperties(text []byte) (map[string]wire.Value, error) {
	body, err := wire.Parse(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, codeMalformed, "the body is not JSON: %s", err)
	}
	switch body.Kind() {
	case wire.Null:
		return nil, nil
	case wire.Object:
	default:
		return nil, fault.New(fault.Invalid, codeMalformed, "the body must be a JSON object")
	}
	properties := map[string]wire.Value{}
	for name, v := range body.Members() {
		name = lower(name)
		if _, twice := properties[name]; twice {
			return nil, fault.New(fault.Invalid, codeMalformed, "the body has a property twice")
		}
		properties[name] = v
	}
	return properties, nil
}

// A classicInput looks for the values of a classic call where its clients put
// them, in this order: query, form, headers, cookies; what is not empty counts.
// (That each is possible is documented but for the cookies, which pyfilemail needs;
// the order is a guess.)
type classicInput struct {
	query, form params
	header      http.Header
	cookies     params
}

// readClassic reads the values of a classic call.
func readClassic(w http.ResponseWriter, r *http.Request, limit int64) (*classicInput, error) {
	in := &classicInput{header: r.Header, cookies: params{}}
	var err error
	if in.query, err = parseParams(r.URL.RawQuery); err != nil {
		return nil, err
	}
	if r.Method == http.MethodPost {
		if in.form, err = readForm(w, r, limit); err != nil {
			return nil, err
		}
	}
	for _, c := range r.Cookies() {
		in.cookies.add(c.Name, c.Value)
	}
	return in, nil
}

// readForm reads a form that is held in memory: there are no files in it.
func readForm(w http.ResponseWriter, r *http.Request, limit int64) (params, error) {
	text, err := wire.ReadBody(w, r, limit, bodyTime)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	switch wire.MediaType(r.Header.Get("Content-Type")) {
	case "application/x-www-form-urlencoded":
		return parseParams(string(text))
	case "multipart/form-data":
		return parseMultipart(text, r.Header.Get("Content-Type"))
	}
	return nil, fault.New(fault.Invalid, codeContentType, "the body must be a form")
}

// input gives in as handlers read it.
func (in *classicInput) input() *input {
	return &input{find: func(name string) value {
		texts, _ := in.get(name)
		return value{texts: texts}
	}}
}

// get finds a value by its lower-case name, and tells whether only a cookie has it.
func (in *classicInput) get(name string) (texts []string, byCookie bool) {
	for _, p := range []params{in.query, in.form} {
		if texts := p[name]; len(texts) > 0 {
			return texts, false
		}
	}
	if s := in.header.Get(name); s != "" {
		return []string{s}, false
	}
	texts = in.cookies[name]
	return texts, len(texts) > 0
}

// first is get for what is one text, or "".
func (in *classicInput) first(name string) (text string, byCookie bool) {
	texts, byCookie := in.get(name)
	if len(texts) == 0 {
		return "", false
	}
	return texts[0], byCookie
}
