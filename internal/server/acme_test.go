package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/testenv"
)

// A memStore is a CertStore for one test.
type memStore struct{ m sync.Map }

func (s *memStore) Get(_ context.Context, key string) ([]byte, error) {
	v, ok := s.m.Load(key)
	if !ok {
		return nil, fault.New(fault.NotFound, "", "no %s", key)
	}
	return v.([]byte), nil
}

func (s *memStore) Put(_ context.Context, key string, data []byte) error {
	s.m.Store(key, data)
	return nil
}

func (s *memStore) Delete(_ context.Context, key string) error {
	s.m.Delete(key)
	return nil
}

func TestChallengesSendBrowsersToTheBaseURL(t *testing.T) {
	h := NewACME(ACMEConfig{Store: &memStore{}, Domains: []string{"ferry.example"}, BaseURL: "https://ferry.example/"}).Challenges()
	for _, tt := range []struct {
		name, method, target string
		status               int
		location             string
	}{
		{"a page moves to TLS", "GET", "http://evil.example/t-4b%2FG?x=1", 302, "https://ferry.example/t-4b/G?x=1"},
		{"a path is never a host", "GET", "http://evil.example//evil.example/", 302, "https://ferry.example/evil.example/"},
		{"nor is a request without path", "HEAD", "http://evil.example", 302, "https://ferry.example/"},
		{"what was sent in the clear is refused", "POST", "http://ferry.example/v2/authorize", 400, ""},
		{"an unknown challenge is not there", "GET", "http://ferry.example/.well-known/acme-challenge/x", 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.target, nil))
			if w.Code != tt.status || w.Header().Get("Location") != tt.location {
				t.Errorf("%d to %q, want %d to %q", w.Code, w.Header().Get("Location"), tt.status, tt.location)
			}
		})
	}
}

// Pebble is the test server of the ACME authority Let's Encrypt.
func TestACMEAgainstPebble(t *testing.T) {
	for _, tt := range []struct {
		name   string
		http01 bool
	}{
		{"by tls-alpn-01 on the main listener", false},
		{"by http-01 on a second one", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const domain = "ferry.test"
			main, side := listen(t), listen(t)
			tlsPort, httpPort := port(main), port(side)
			if tt.http01 {
				tlsPort = testenv.FreePort(t) // nobody answers tls-alpn-01 there
			} else {
				httpPort = testenv.FreePort(t)
			}
			directory, client := startPebble(t, tlsPort, httpPort)

			store := &memStore{}
			a := NewACME(ACMEConfig{
				Domains: []string{domain}, Email: "admin@ferry.test", Directory: directory,
				BaseURL: "https://" + domain, Store: store, Client: client,
			})
			s := New(Config{Log: quiet()})
			s.Mount(door{name: "site"}, "/")
			serve(t, s, main, a.TLS(), Side{side, a.Challenges()})

			dialer := &tls.Dialer{Config: &tls.Config{ServerName: domain, InsecureSkipVerify: true}}
			dial, cancelDial := context.WithTimeout(context.Background(), time.Minute)
			defer cancelDial()
			conn, err := dialer.DialContext(dial, "tcp", main.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
			if err := leaf.VerifyHostname(domain); err != nil || !strings.Contains(leaf.Issuer.CommonName, "Pebble") {
				t.Errorf("certificate of %s: %v", leaf.Issuer, err)
			}
			if _, err := store.Get(context.Background(), domain); err != nil {
				t.Errorf("the store has no certificate: %v", err)
			}
			if conn, err := tls.Dial("tcp", main.Addr().String(), &tls.Config{ServerName: "other.test", InsecureSkipVerify: true}); err == nil {
				conn.Close()
				t.Error("a certificate was made for a domain that nobody named")
			}
		})
	}
}

func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// startPebble starts an authority that looks for every domain at 127.0.0.1, on
// these ports. It gives the URL of its directory and a client that trusts it.
func startPebble(t *testing.T, tlsPort, httpPort int) (directory string, client *http.Client) {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCert(t, cert, key, "localhost")
	api, management, dns := testenv.FreePort(t), testenv.FreePort(t), testenv.FreePort(t)

	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":           fmt.Sprintf("127.0.0.1:%d", api),
		"managementListenAddress": fmt.Sprintf("127.0.0.1:%d", management),
		"certificate":             cert, "privateKey": key,
		"httpPort": httpPort, "tlsPort": tlsPort,
		"profiles": map[string]any{"default": map[string]any{"description": "default", "validityPeriod": 7776000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	configFile := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(configFile, config, 0o600); err != nil {
		t.Fatal(err)
	}
	dnsAddr := fmt.Sprintf("127.0.0.1:%d", dns)
	runTool(t, nil, "pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-dnsserver", dnsAddr, "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "",
		"-management", fmt.Sprintf("127.0.0.1:%d", testenv.FreePort(t)))
	runTool(t, []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0"},
		"pebble", "-config", configFile, "-dnsserver", dnsAddr)

	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	client = &http.Client{Transport: transport}
	directory = fmt.Sprintf("https://localhost:%d/dir", api)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := client.Get(directory)
		if err == nil {
			resp.Body.Close()
			return directory, client
		}
		if time.Now().After(deadline) {
			t.Fatalf("pebble does not answer: %v", err)
		}
	}
}

// runTool starts a program of tools/bin until the test ends.
func runTool(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	path, err := filepath.Abs("../../tools/bin/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		path = testenv.Need(t, name)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), env...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, out.String())
		}
	})
}
