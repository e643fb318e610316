package test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A canary is a secret that is looked for where it must not be: in the log, in answers to
// whoever was not told it, and in what failures say.
type canary struct {
	name  string
	value string
	knows []string // whose answers may hold it
}

// canaries are all secrets of a server, and all that it has said to anybody.
type canaries struct {
	mu   sync.Mutex
	all  []canary
	said []saying
	from int // addresses that requests came from
}

// A saying is an answer, head and body.
type saying struct {
	who, call string
	query     string // of the address that it answers
	status    int
	text      string
}

// make chooses a secret of a form that passwords may have. The letters in the middle are
// looked for: escaping does not change them.
func (c *canaries) make(name string, knows ...string) string {
	core := rand.Text()
	c.note(name, core, knows...)
	return "é\"'<&%+ " + core + " €"
}

// note adds a secret that the server has made, and gives it back.
func (c *canaries) note(name, value string, knows ...string) string {
	if len(value) < 8 {
		panic(fmt.Sprintf("%s is %q: too short to look for", name, value))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, canary{name: name, value: value, knows: knows})
	return value
}

// client gives the client of somebody whose answers are kept. Each request comes from an
// address of its own, as tries and misses are counted by address.
func (c *canaries) client(who string) *http.Client {
	return &http.Client{
		Transport:     listening{c, who},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type listening struct {
	c   *canaries
	who string
}

func (l listening) RoundTrip(r *http.Request) (*http.Response, error) {
	l.c.mu.Lock()
	l.c.from++
	n := l.c.from
	l.c.mu.Unlock()
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", n/250, n%250))
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var text []byte
	if res.Header.Get("Content-Type") == "text/event-stream" {
		text = make([]byte, 4096) // what comes first: it does not end
		n, _ := res.Body.Read(text)
		text = text[:n]
	} else if text, err = io.ReadAll(res.Body); err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(text))
	var whole strings.Builder
	_ = res.Header.Write(&whole)
	_, _ = whole.Write(text)
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	l.c.said = append(l.c.said, saying{l.who, r.Method + " " + r.URL.Path, r.URL.RawQuery, res.StatusCode, whole.String()})
	return res, nil
}

// forms are the ways in which a secret may be written.
func (k canary) forms() (all []string) {
	raw := [][]byte{[]byte(k.value)}
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if b, err := decode(strings.TrimPrefix(k.value, "whsec_")); err == nil && len(b) >= 12 {
			raw = append(raw, b)
		}
	}
	for _, b := range raw {
		all = append(all, string(b), hex.EncodeToString(b))
		// In base64 it looks in three ways, by what stands before it.
		for before := range 3 {
			text := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), b...))
			text = text[(before*8+5)/6:] // what the bytes before have a share in
			text = text[:len(text)-1]    // and what those after would
			all = append(all, text, strings.NewReplacer("+", "-", "/", "_").Replace(text))
		}
	}
	inJSON, _ := json.Marshal(k.value) // of a string
	all = append(all, url.QueryEscape(k.value), url.PathEscape(k.value), html.EscapeString(k.value), strings.Trim(string(inJSON), `"`))
	for i, text := range all {
		all[i] = strings.ToLower(text)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A search finds all secrets in one pass over a text.
type search struct {
	begins [1 << 16]bool
	by     map[uint64][]sought // the first eight bytes
}

type sought struct {
	of   *canary
	text string
}

func newSearch(all []canary) *search {
	s := &search{by: map[uint64][]sought{}}
	for i := range all {
		for _, text := range all[i].forms() {
			s.begins[binary.BigEndian.Uint16([]byte(text))] = true
			first := binary.BigEndian.Uint64([]byte(text))
			s.by[first] = append(s.by[first], sought{&all[i], text})
		}
	}
	return s
}

// in gives the secrets that are in a text, with what stands around them.
func (s *search) in(text string) map[*canary]string {
	text = strings.ToLower(text)
	var found map[*canary]string
	for i := 0; i+8 <= len(text); i++ {
		if !s.begins[uint16(text[i])<<8|uint16(text[i+1])] {
			continue
		}
		for _, k := range s.by[binary.BigEndian.Uint64([]byte(text[i:i+8]))] {
			if strings.HasPrefix(text[i:], k.text) {
				if found == nil {
					found = map[*canary]string{}
				}
				found[k.of] = text[max(0, i-200):min(len(text), i+200)]
			}
		}
	}
	return found
}

// check looks for all secrets in the texts, which may hold none, and in the answers,
// which may hold what who got them knows; those that tell of a failure may not even that.
func (c *canaries) check(t *testing.T, texts map[string]string) {
	t.Helper()
	s := newSearch(c.all)
	for name, text := range texts {
		for k, around := range s.in(text) {
			t.Errorf("%s holds %s:\n%s", name, k.name, around)
		}
	}
	for _, a := range c.said {
		for k, around := range s.in(a.text) {
			// A page has its own address in its links, and so has the way to the sign-in.
			isPage := a.status == http.StatusSeeOther || strings.Contains(a.text, "Content-Type: text/html")
			_, wrote := s.in(a.query)[k]
			switch {
			case isPage && wrote:
			case a.status >= 400 || !slices.Contains(k.knows, a.who):
				t.Errorf("%s was answered to %s with %d, which holds %s:\n%s", a.call, a.who, a.status, k.name, around)
			}
		}
	}
}

// The search finds what a careless server might write.
func TestCanariesAreFound(t *testing.T) {
	c := &canaries{}
	raw := []byte("\xfb\xff\xbe0123456789abcde")
	password, key := c.make("a password"), c.note("a key", base64.StdEncoding.EncodeToString(raw))
	for name, text := range map[string]string{
		"plain":              "the password " + password + " is wrong",
		"upper case":         "THE PASSWORD " + strings.ToUpper(password),
		"quoted":             fmt.Sprintf("msg=%q", password),
		"JSON":               fmt.Sprintf(`{"key":%q}`, key),
		"a query":            "/login?" + url.Values{"password": {password}}.Encode(),
		"a key in a query":   "/login?" + url.Values{"key": {key}}.Encode(),
		"a page":             html.EscapeString(password),
		"hex":                "00" + fmt.Sprintf("%X", key) + "00",
		"its bytes, in hex":  hex.EncodeToString(raw),
		"Basic":              base64.StdEncoding.EncodeToString([]byte("ann:" + password + "!")),
		"base64, moved by 1": base64.StdEncoding.EncodeToString([]byte("a" + password)),
		"base64, moved by 2": base64.RawURLEncoding.EncodeToString([]byte("ab" + password)),
	} {
		if len(newSearch(c.all).in(text)) != 1 {
			t.Errorf("%s: not found in %s", name, text)
		}
	}
	if found := newSearch(c.all).in("the password is wrong"); len(found) > 0 {
		t.Errorf("found in nothing: %v", found)
	}
}
