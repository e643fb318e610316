package filemail

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
)

// needsNames are the paths of routes that need what they are named for.
var needsNames = map[string]needs{
	"nothing": needsNothing, "key": needsKey, "transferkey": needsTransferKey,
	"caller": needsCaller, "user": needsUser, "token": needsToken,
}

func newGates(t testing.TB) *world {
	var table []route
	for name, n := range needsNames {
		table = append(table, post("/"+name, n, whoami), classic("/api/"+name, n, whoami))
	}
	return newWorld(t, table...)
}

// whom does r, and tells who was let in ("account/key"), or with which word nobody was.
func (w *world) whom(method, path string, headers ...string) string {
	w.t.Helper()
	got := w.do(method, path, "", headers...)
	if got.status != http.StatusOK {
		if got.status != http.StatusUnauthorized && got.status != http.StatusTooManyRequests {
			w.t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		return fmt.Sprint(got.at("responsestatus"))
	}
	who := got.at()
	if !strings.HasPrefix(path, classicPrefix) {
		who = got.at("data")
	}
	m := who.(map[string]any)
	return fmt.Sprintf("%s/%s", m["account"], m["key"])
}

// TestWhoIsLetIn is every role at every kind of route of 2.0.
func TestWhoIsLetIn(t *testing.T) {
	w := newGates(t)
	const noKey, badKey, badToken = "MissingApikey", "InvalidApikey", "InvalidOrExpiredLoginToken"
	key := []string{"X-Api-Key", goodKey}
	with := func(lists ...[]string) []string { return slices.Concat(lists...) }
	loginToken, stale, app := []string{"loginToken", goodToken}, []string{"logintoken", "stale"}, []string{"source", "desktop"}
	for _, tt := range []struct {
		name, query string
		headers     []string
		want        map[string]string // by what the route needs; "nothing" lets in everybody
	}{
		{"nobody", "", nil, map[string]string{
			"key": noKey, "transferkey": noKey, "caller": noKey, "user": noKey, "token": noKey,
		}},
		{"a key", "", key, map[string]string{
			"key": "ada/k1", "transferkey": "ada/k1", "caller": "ada/k1", "user": "ada/k1", "token": badToken,
		}},
		{"a key in the query", "?ApiKey=" + goodKey, nil, map[string]string{
			"key": "ada/k1", "transferkey": "ada/k1", "caller": "ada/k1", "user": "ada/k1", "token": badToken,
		}},
		{"the header's key comes first", "?apikey=wrong", key, map[string]string{
			"key": "ada/k1", "transferkey": "ada/k1", "caller": "ada/k1", "user": "ada/k1", "token": badToken,
		}},
		{"a wrong key", "", []string{"X-Api-Key", "wrong"}, map[string]string{
			"key": badKey, "transferkey": badKey, "caller": badKey, "user": badKey, "token": badKey,
		}},
		{"a wrong key beside a good token", "", with([]string{"X-Api-Key", "wrong"}, loginToken), map[string]string{
			"key": badKey, "transferkey": badKey, "caller": badKey, "user": badKey, "token": badKey,
		}},
		{"a key beyond all length", "", []string{"X-Api-Key", strings.Repeat("k", 2000)}, map[string]string{
			"key": badKey, "transferkey": badKey, "caller": badKey, "user": badKey, "token": badKey,
		}},
		{"a key whose owner has no API", "", []string{"X-Api-Key", barredKey}, map[string]string{
			"key": badKey, "transferkey": badKey, "caller": badKey, "user": badKey, "token": badKey,
		}},
		{"a key that is used up", "", []string{"X-Api-Key", spentKey}, map[string]string{
			"key": "ApiKeyQuotaExceeded", "transferkey": "ApiKeyQuotaExceeded", "caller": "ApiKeyQuotaExceeded",
			"user": "ApiKeyQuotaExceeded", "token": "ApiKeyQuotaExceeded",
		}},
		{"a token with a key acts as its own user", "", with(key, loginToken), map[string]string{
			"key": "ada/k1", "transferkey": "ada/k1", "caller": "bob/k1", "user": "bob/k1", "token": "bob/k1",
		}},
		{"a token needs no key", "", loginToken, map[string]string{
			"key": "/", "transferkey": "/", "caller": "bob/", "user": "bob/", "token": "bob/",
		}},
		{"a stale token never falls back to the key", "", with(key, stale), map[string]string{
			"key": "ada/k1", "transferkey": "ada/k1", "caller": badToken, "user": badToken, "token": badToken,
		}},
		{"a stale token alone", "", stale, map[string]string{
			"key": badToken, "transferkey": badToken, "caller": badToken, "user": badToken, "token": badToken,
		}},
		{"an own app may be nobody", "", app, map[string]string{
			"key": "/", "transferkey": "/", "caller": "/", "user": badToken, "token": badToken,
		}},
		{"an own app where somebody logged in", "", with(app, loginToken), map[string]string{
			"key": "/", "transferkey": "/", "caller": "bob/", "user": "bob/", "token": "bob/",
		}},
		{"an own app with a stale token", "", with(app, stale), map[string]string{
			"key": "/", "transferkey": "/", "caller": badToken, "user": badToken, "token": badToken,
		}},
		{"an own app with a wrong key", "", with(app, []string{"X-Api-Key", "wrong"}), map[string]string{
			"key": badKey, "transferkey": badKey, "caller": badKey, "user": badKey, "token": badKey,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			tt.want["nothing"] = "/"
			for needs, want := range tt.want {
				if got := w.whom("POST", "/"+needs+tt.query, tt.headers...); got != want {
					t.Errorf("where %s is needed: %s, want %s", needs, got, want)
				}
			}
		})
	}
}

// TestWhoIsLetInByClassic is the same for classic calls, where a key may be left out.
func TestWhoIsLetInByClassic(t *testing.T) {
	w := newGates(t)
	const badKey, badToken = "InvalidApikey", "InvalidOrExpiredLoginToken"
	for _, tt := range []struct {
		name, query string
		headers     []string
		want        map[string]string
	}{
		{"nobody", "", nil, map[string]string{"key": "/", "transferkey": "/", "caller": "/", "user": badToken, "token": badToken}},
		{"a key", "apikey=" + goodKey, nil, map[string]string{"key": "ada/k1", "transferkey": "ada/k1", "caller": "ada/k1", "user": "ada/k1", "token": badToken}},
		{"2.0's header for the key", "", []string{"X-Api-Key", goodKey}, map[string]string{"key": "ada/k1", "transferkey": "ada/k1", "caller": "ada/k1", "user": "ada/k1", "token": badToken}},
		{"a wrong key", "apikey=wrong", nil, map[string]string{"key": badKey, "transferkey": badKey, "caller": badKey, "user": badKey, "token": badKey}},
		{"a token", "logintoken=" + goodToken, nil, map[string]string{"key": "/", "transferkey": "/", "caller": "bob/", "user": "bob/", "token": "bob/"}},
		{"pyfilemail's cookies", "", []string{"Cookie", "apikey=" + goodKey + "; source=Desktop; logintoken=" + goodToken}, map[string]string{"key": "ada/k1", "transferkey": "ada/k1", "caller": "bob/k1", "user": "bob/k1", "token": "bob/k1"}},
		{"a stale cookie", "", []string{"Cookie", "logintoken=stale"}, map[string]string{"key": "/", "transferkey": "/", "caller": badToken, "user": badToken, "token": badToken}},
		{"a token beside a stale cookie", "logintoken=" + goodToken, []string{"Cookie", "logintoken=stale"}, map[string]string{"key": "/", "transferkey": "/", "caller": "bob/", "user": "bob/", "token": "bob/"}},
		{"an empty token is none", "logintoken=", nil, map[string]string{"key": "/", "transferkey": "/", "caller": "/", "user": badToken, "token": badToken}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			tt.want["nothing"] = "/"
			for needs, want := range tt.want {
				for _, method := range []string{"GET", "POST"} {
					if got := w.whom(method, "/api/"+needs+"?"+tt.query, tt.headers...); got != want {
						t.Errorf("%s where %s is needed: %s, want %s", method, needs, got, want)
					}
				}
			}
		})
	}
}

// TestForeignPages: the login cookie of a browser is nobody else's to use.
func TestForeignPages(t *testing.T) {
	w := newGates(t)
	cookie := []string{"Cookie", "logintoken=" + goodToken}
	for _, tt := range []struct {
		name, query string
		headers     []string
		want        string
	}{
		{"a program", "", cookie, "bob/"},
		{"our own page", "", append([]string{"Sec-Fetch-Site", "same-origin", "Origin", base}, cookie...), "bob/"},
		{"the address bar", "", append([]string{"Sec-Fetch-Site", "none"}, cookie...), "bob/"},
		{"another site's page", "", append([]string{"Sec-Fetch-Site", "cross-site"}, cookie...), "AccessDenied"},
		{"another host of the same site", "", append([]string{"Sec-Fetch-Site", "same-site"}, cookie...), "AccessDenied"},
		{"what no browser says", "", append([]string{"Sec-Fetch-Site", "x"}, cookie...), "AccessDenied"},
		{"an old browser from another origin", "", append([]string{"Origin", "https://evil.example"}, cookie...), "AccessDenied"},
		{"an old browser from nowhere", "", append([]string{"Origin", "null"}, cookie...), "AccessDenied"},
		{"an old browser from here", "", append([]string{"Origin", "https://FERRY.test"}, cookie...), "bob/"},
		{"another site's page as a script", "?callback=f", append([]string{"Sec-Fetch-Site", "cross-site"}, cookie...), ""},
		{"another site's page with a token of its own", "?logintoken=" + goodToken, append([]string{"Sec-Fetch-Site", "cross-site"}, cookie...), "bob/"},
		{"another site's page with nothing", "", []string{"Sec-Fetch-Site", "cross-site"}, "InvalidOrExpiredLoginToken"},
		{"another site's page with the key as a cookie", "", []string{"Sec-Fetch-Site", "cross-site", "Cookie", "apikey=" + goodKey}, "AccessDenied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			if strings.Contains(tt.query, "callback") {
				got := w.do("GET", "/api/token"+tt.query, "", tt.headers...)
				if strings.Contains(got.body, "bob") || !strings.Contains(got.body, "AccessDenied") {
					t.Errorf("answer is %s", got.body)
				}
				return
			}
			if got := w.whom("GET", "/api/token"+tt.query, tt.headers...); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	t.Run("no value is read from the cookies of such a request", func(t *testing.T) {
		w := newWorld(t, classic("/api/a", needsNothing, func(c *call) (any, error) {
			if c.in.has("transferid") {
				t.Error("one was")
			}
			return nil, nil
		}))
		w.do("GET", "/api/a", "", "Sec-Fetch-Site", "cross-site", "Cookie", "transferid=x")
	})
	t.Run("2.0 takes nothing from cookies", func(t *testing.T) {
		w.t = t
		if got := w.whom("POST", "/user", append([]string{"Cookie", "apikey=" + goodKey}, cookie...)...); got != "MissingApikey" {
			t.Errorf("%s was let in", got)
		}
	})
}

func TestOwnApps(t *testing.T) {
	for _, tt := range []struct {
		name, header, value string
		want                bool
	}{
		{"image-uploader", "source", "desktop", true},
		{"the web app", "Source", "Web", true},
		{"the web app's other mark", "x-api-source", "WebApp", true},
		{"the app that checks its token", "filemaillogintokencheck", "true", true},
		{"any other source", "source", "me", false},
		{"an empty mark", "x-api-source", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			h.Set(tt.header, tt.value)
			if got := isOwnApp(h); got != tt.want {
				t.Errorf("isOwnApp = %t", got)
			}
		})
	}
}

func TestAPIVersion(t *testing.T) {
	w := newGates(t)
	w.do("POST", "/nothing", "", "x-api-version", "2.0").want(200, "OK")
	w.do("POST", "/nothing", "").want(200, "OK")
	w.do("POST", "/nothing", "", "x-api-version", "3.0").want(400, "InvalidRequest")
	w.do("POST", "/api/nothing", "", "x-api-version", "3.0").want(200, "OK")
	if slices.Contains(w.gate.calls, "key") {
		t.Error("somebody was asked for in vain")
	}
}

func TestLoginCookie(t *testing.T) {
	for _, tt := range []struct {
		name, base string
		token      account.Secret
		want       string
	}{
		{"with TLS", "https://ferry.test", "secret", "logintoken=secret; Path=/api/; Expires=Sat, 28 Nov 2026 00:00:00 GMT; HttpOnly; Secure; SameSite=Strict"},
		{"without", "http://ferry.test", "secret", "logintoken=secret; Path=/api/; Expires=Sat, 28 Nov 2026 00:00:00 GMT; HttpOnly; SameSite=Strict"},
		{"taken back", "https://ferry.test", "", "logintoken=; Path=/api/; Max-Age=0; HttpOnly; Secure; SameSite=Strict"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := New(Config{BaseURL: func() string { return tt.base }})
			rec := httptest.NewRecorder()
			c := &call{w: rec, r: httptest.NewRequest("POST", base+"/api/authentication/login", nil)}
			h.setLoginCookie(c, tt.token, time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
			if got := rec.Header().Get("Set-Cookie"); got != tt.want {
				t.Errorf("cookie is %q, want %q", got, tt.want)
			}
			c.r.Header.Set("Sec-Fetch-Site", "cross-site")
			h.setLoginCookie(c, tt.token, time.Time{})
			if n := len(rec.Header().Values("Set-Cookie")); n != 1 {
				t.Error("a page of another site can log somebody in")
			}
		})
	}
}
