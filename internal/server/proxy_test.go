package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestOrigin(t *testing.T) {
	s := New(Config{Log: quiet(), TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48"),
	}})
	for _, tt := range []struct {
		name    string
		peer    string
		headers http.Header
		want    string
		https   bool
	}{
		{"without a proxy the peer is the client", "192.0.2.1:99", nil, "192.0.2.1", false},
		{"a stranger is not believed", "192.0.2.1:99", http.Header{
			"X-Forwarded-For": {"198.51.100.7"}, "Forwarded": {"for=198.51.100.7"}, "X-Forwarded-Proto": {"https"},
		}, "192.0.2.1", false},
		{"a trusted proxy is", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"198.51.100.7"}}, "198.51.100.7", false},
		{"what the client wrote stands left of it", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"1.1.1.1, 198.51.100.7"}}, "198.51.100.7", false},
		{"several lines are one list", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"1.1.1.1", "198.51.100.7"}}, "198.51.100.7", false},
		{"trusted proxies in a row are passed over", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"1.1.1.1, 198.51.100.7, 10.0.0.3,10.0.0.2"}}, "198.51.100.7", false},
		{"a trusted client is a client", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"10.0.0.9, 10.0.0.2"}}, "10.0.0.9", false},
		{"nonsense hides what stands left of it", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"1.1.1.1, evil, 10.0.0.2"}}, "10.0.0.2", false},
		{"nothing but nonsense leaves the peer", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"1.1.1.1, evil"}}, "10.0.0.1", false},
		{"an empty header leaves the peer", "10.0.0.1:99", http.Header{"X-Forwarded-For": {""}}, "10.0.0.1", false},
		{"an address may have a port", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"198.51.100.7:1234"}}, "198.51.100.7", false},
		{"IPv6 comes bare", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"2001:db8::7"}}, "2001:db8::7", false},
		{"and in brackets", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"[2001:db8::7]:99"}}, "2001:db8::7", false},
		{"a mapped address is IPv4", "[::ffff:10.0.0.1]:99", http.Header{"X-Forwarded-For": {"::ffff:198.51.100.7"}}, "198.51.100.7", false},
		{"a zone is dropped", "[fe80::1%eth0]:99", nil, "fe80::1", false},
		{"Forwarded is understood", "[2001:db8:1::5]:99", http.Header{"Forwarded": {`for=1.1.1.1;proto=http, For="[2001:db8::7]:4711";Proto=https;by=10.0.0.1`}}, "2001:db8::7", true},
		{"an obfuscated name is nobody", "10.0.0.1:99", http.Header{"Forwarded": {"for=_hidden"}}, "10.0.0.1", false},
		{"both headers may agree", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"198.51.100.7"}, "Forwarded": {"for=198.51.100.7"}}, "198.51.100.7", false},
		{"of two that do not, the client may have written either", "10.0.0.1:99", http.Header{"X-Forwarded-For": {"198.51.100.7"}, "Forwarded": {"for=1.1.1.1"}}, "10.0.0.1", false},
		{"the proxy says that it was TLS", "10.0.0.1:99", http.Header{"X-Forwarded-Proto": {"https"}}, "10.0.0.1", true},
		{"the last one to say so counts", "10.0.0.1:99", http.Header{"X-Forwarded-Proto": {"https, http"}}, "10.0.0.1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header = tt.peer, tt.headers
			if got := s.origin(r); got.Addr.String() != tt.want || got.https != tt.https {
				t.Errorf("client %v, https %v; want %v, %v", got.Addr, got.https, tt.want, tt.https)
			}
		})
	}
}

// Whatever a client writes, a trusted proxy's own line at the end decides.
func FuzzOrigin(f *testing.F) {
	f.Add("1.1.1.1, evil", "for=1.1.1.1")
	f.Add("[::1", `for="[::1`)
	f.Add(",,,", ";;==\"")
	s := New(Config{Log: quiet(), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	f.Fuzz(func(t *testing.T, x, forwarded string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "10.0.0.1:99"
		r.Header = http.Header{"X-Forwarded-For": {x, "198.51.100.7"}}
		if got := s.origin(r).Addr.String(); got != "198.51.100.7" {
			t.Errorf("X-Forwarded-For %q makes the client %s", x, got)
		}
		r.Header = http.Header{"Forwarded": {forwarded, "for=198.51.100.7"}}
		if got := s.origin(r).Addr.String(); got != "198.51.100.7" {
			t.Errorf("Forwarded %q makes the client %s", forwarded, got)
		}
	})
}
