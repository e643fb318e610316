package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/ferry-server/ferry/internal/wire"
)

// An origin is where a request comes from, and whether its client spoke TLS.
type origin struct {
	wire.Origin
	https bool
}

// origin believes the peer of the connection and, when that is a trusted proxy,
// what the proxy says. A proxy appends to what it was sent, so the header is read
// from its end, and no further than the first address that is not trusted: what
// is left of that was written by the client.
//
// A proxy writes one of Forwarded (RFC 7239) and X-Forwarded-For, and passes the
// other on as the client sent it. When both are there and name different clients,
// neither is believed.
func (s *Server) origin(r *http.Request) origin {
	peer := peerAddr(r.RemoteAddr)
	from := origin{wire.Origin{Addr: peer, Draining: s.ending}, r.TLS != nil}
	if !s.trusts(peer) {
		return from
	}
	x, hasX := s.lastUntrusted(fields(r.Header["X-Forwarded-For"], bareAddr))
	f, hasF := s.lastUntrusted(fields(r.Header["Forwarded"], forwardedFor))
	switch {
	case hasX && hasF && x != f:
	case hasX:
		from.Addr = x
	case hasF:
		from.Addr = f
	}
	schemes := fields(r.Header["X-Forwarded-Proto"], func(s string) (string, bool) { return s, true })
	if len(schemes) == 0 {
		schemes = fields(r.Header["Forwarded"], func(s string) (string, bool) { return parameter(s, "proto"), true })
	}
	if len(schemes) > 0 && strings.EqualFold(schemes[len(schemes)-1], "https") {
		from.https = true
	}
	return from
}

func (s *Server) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(s.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// lastUntrusted gives the last address that is no trusted proxy; the first one
// when all are.
func (s *Server) lastUntrusted(hops []netip.Addr) (addr netip.Addr, ok bool) {
	for _, hop := range slices.Backward(hops) {
		if addr, ok = hop, true; !s.trusts(hop) {
			break
		}
	}
	return addr, ok
}

// fields gives the elements of a list header that may be given several times,
// from the last one that is not well formed on.
func fields[T any](lines []string, parse func(string) (T, bool)) (out []T) {
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			v, ok := parse(strings.TrimSpace(element))
			if !ok {
				out = out[:0]
				continue
			}
			out = append(out, v)
		}
	}
	return out
}

// bareAddr reads an address with or without a port, as proxies write it to
// X-Forwarded-For.
func bareAddr(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr()), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return plain(addr), err == nil
}

// forwardedFor reads the for= of one element of Forwarded. An obfuscated name
// ("unknown", "_hidden") is nobody that we could tell from others.
func forwardedFor(element string) (netip.Addr, bool) {
	return bareAddr(parameter(element, "for"))
}

// parameter gives one value of an element of Forwarded, without its quotes.
func parameter(element, name string) string {
	for pair := range strings.SplitSeq(element, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(key, name) {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

func peerAddr(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{} // a test without a connection
	}
	return plain(ap.Addr())
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
