package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// writeCert writes a certificate for name and its key, in PEM.
func writeCert(t *testing.T, certFile, keyFile, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotAfter:     time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, certFile, "CERTIFICATE", cert)
	writePEM(t, keyFile, "PRIVATE KEY", der)
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCertFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCert(t, cert, key, "one.example")
	c := &certFiles{certFile: cert, keyFile: key, log: quiet()}
	shown := func() string {
		t.Helper()
		c.looked = time.Time{} // ten seconds have passed
		got, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Leaf.Subject.CommonName
	}
	if got := shown(); got != "one.example" {
		t.Errorf("at first: %s", got)
	}
	writeCert(t, cert, key, "renewed.example")
	if got := shown(); got != "renewed.example" {
		t.Errorf("after a renewal: %s", got)
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "renewed.example" {
		t.Errorf("with a broken file: %s", got)
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "renewed.example" {
		t.Errorf("without a file: %s", got)
	}
	if _, err := CertFiles(cert, key, quiet()); err == nil {
		t.Error("CertFiles without a file: no error")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCert(t, cert, key, "ferry.example")
	conf, err := CertFiles(cert, key, quiet())
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	serve(t, New(Config{Log: quiet()}), l, conf)
	for _, tt := range []struct {
		name    string
		version uint16
		ok      bool
	}{
		{"TLS 1.1 is refused", tls.VersionTLS11, false},
		{"TLS 1.2 is spoken", tls.VersionTLS12, true},
		{"TLS 1.3 is spoken", tls.VersionTLS13, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{
				InsecureSkipVerify: true, MinVersion: tt.version, MaxVersion: tt.version, NextProtos: []string{"h2"},
			})
			if (err == nil) != tt.ok {
				t.Fatalf("handshake: %v", err)
			}
			if err == nil {
				defer conn.Close()
				if p := conn.ConnectionState().NegotiatedProtocol; p != "h2" {
					t.Errorf("protocol %q, want h2", p)
				}
			}
		})
	}
}
