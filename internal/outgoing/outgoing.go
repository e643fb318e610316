// Package outgoing is how Ferry calls other people's servers at addresses that users
// have given it: webhooks.
//
// It owns where such a call must not go. The address is looked at when the connection is
// made, after every lookup of its name, so that no name leads into the network that the
// server stands in; nothing is followed elsewhere. What is said is package hook's.
package outgoing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"code.dny.dev/ssrf"

	"github.com/ferry-server/ferry/internal/hook"
)

const (
	within    = 5 * time.Second // for all of a call
	mostBytes = 64 << 10        // of an answer
)

// A Poster posts JSON. It keeps no connections: they would be others' to hold open.
type Poster struct{ client *http.Client }

// New makes a Poster that calls public addresses, and those of the given networks.
func New(allowed []netip.Prefix) *Poster {
	var v4, v6 []netip.Prefix
	for _, p := range allowed {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	guard := ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	dialer := &net.Dialer{Timeout: within, Control: guard.Safe}
	return &Poster{&http.Client{
		Timeout: within,
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, DisableKeepAlives: true, TLSHandshakeTimeout: within,
			MaxResponseHeaderBytes: mostBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Post sends a body, and gives the status of the answer. An error says what went wrong to
// who gave the address, and nothing of the network that the server stands in.
func (p *Poster) Post(ctx context.Context, url string, header []hook.Header, body string) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, errors.New("it is no address of a web server")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Ferry")
	for _, h := range header {
		r.Header.Set(h.Name, h.Value)
	}
	res, err := p.client.Do(r)
	if err != nil {
		return 0, told(err)
	}
	defer func() { _ = res.Body.Close() }()
	// Read, so that a receiver which answers before it has read all is not cut off.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, mostBytes))
	return res.StatusCode, nil
}

func told(err error) error {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork), errors.As(err, &dns):
		// The same for both: which names there are inside is nobody's business.
		return errors.New("it has no public address")
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("it did not answer within %v", within)
	}
	return errors.New("no connection could be made")
}
