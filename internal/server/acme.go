package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/ferry-server/ferry/internal/fault"
)

// A CertStore keeps certificates, keys and challenges. All nodes of an
// installation share it, so any of them answers the authority.
type CertStore interface {
	// Get gives the data of a key, or a fault of kind NotFound.
	Get(ctx context.Context, key string) ([]byte, error)
	// Put stores data under a key, whatever was there.
	Put(ctx context.Context, key string, data []byte) error
	// Delete removes a key. One that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// ACME gets certificates from an authority (RFC 8555) and renews them. It proves
// the domains by tls-alpn-01 on the TLS listener, and by http-01 where Challenges
// is served on port 80.
type ACME struct {
	manager *autocert.Manager
	baseURL string
}

// ACMEConfig is what an ACME is told.
type ACMEConfig struct {
	Domains   []string     // for which certificates are asked, and no others
	Email     string       // to which the authority writes; may be empty
	Directory string       // URL of the authority; Let's Encrypt when empty
	BaseURL   string       // where Challenges sends a browser
	Store     CertStore    // must outlive the process: authorities count
	Client    *http.Client // towards the authority; the default one when nil
}

// NewACME makes an ACME. The first handshake for a domain fetches its certificate.
// By making one you agree to the authority's terms of service.
func NewACME(cfg ACMEConfig) *ACME {
	return &ACME{
		manager: &autocert.Manager{
			Prompt:     autocert.AcceptTOS,
			Cache:      certCache{cfg.Store},
			HostPolicy: autocert.HostWhitelist(cfg.Domains...),
			Email:      cfg.Email,
			Client:     &acme.Client{DirectoryURL: cfg.Directory, HTTPClient: cfg.Client, UserAgent: "ferry"},
		},
		baseURL: strings.TrimSuffix(cfg.BaseURL, "/"),
	}
}

// TLS gives the configuration of the main listener.
func (a *ACME) TLS() *tls.Config {
	conf := a.manager.TLSConfig()
	conf.MinVersion = tls.VersionTLS12
	return conf
}

// Challenges answers http-01, and sends everything else that only reads to the
// base URL; never to the Host of the request, which anybody may write.
func (a *ACME) Challenges() http.Handler {
	challenges := a.manager.HTTPHandler(http.HandlerFunc(a.toBase))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// autocert compares the whole Host with the domains, which have no port.
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			r.Host = host
		}
		challenges.ServeHTTP(w, r)
	})
}

func (a *ACME) toBase(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "use "+a.baseURL, http.StatusBadRequest) // it was sent in the clear: too late
		return
	}
	to := url.URL{Path: "/" + strings.TrimLeft(r.URL.Path, "/"), RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", a.baseURL+to.RequestURI())
	w.WriteHeader(http.StatusFound)
}

// A certCache translates a CertStore for autocert.
type certCache struct{ CertStore }

func (c certCache) Get(ctx context.Context, key string) ([]byte, error) {
	data, err := c.CertStore.Get(ctx, key)
	if fault.KindOf(err) == fault.NotFound {
		return nil, autocert.ErrCacheMiss
	}
	return data, err
}
