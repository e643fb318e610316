package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	netmail "net/mail"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A Mailpit is a mail server that keeps what it is given.
type Mailpit struct {
	Port     int    // of SMTP, on 127.0.0.1
	CertFile string // what to trust, if it speaks TLS

	t   testing.TB
	api string
}

// How a Mailpit is spoken to.
const (
	MailPlain    = "--smtp-auth-allow-insecure"
	MailStartTLS = "--smtp-require-starttls"
	MailTLS      = "--smtp-require-tls"
)

// StartMailpit starts a mail server that ends with the test. With a user it asks
// everybody who they are.
func StartMailpit(t testing.TB, security, user, password string) *Mailpit {
	t.Helper()
	path := Tool(t, "mailpit")
	dir := t.TempDir()
	web := FreePort(t)
	m := &Mailpit{Port: FreePort(t), t: t, api: fmt.Sprintf("http://127.0.0.1:%d/api/v1/", web)}
	args := []string{
		"--smtp", fmt.Sprintf("127.0.0.1:%d", m.Port), "--listen", fmt.Sprintf("127.0.0.1:%d", web),
		"--database", filepath.Join(dir, "mailpit.db"), "--disable-version-check", "--smtp-disable-rdns",
		"--smtp-strict-rfc-headers",
	}
	if user != "" {
		file := filepath.Join(dir, "users")
		if err := os.WriteFile(file, fmt.Appendf(nil, "%s:%s\n", user, password), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--smtp-auth-file", file)
	}
	if security != MailPlain || user != "" {
		args = append(args, security)
	}
	if security != MailPlain {
		m.CertFile = filepath.Join(dir, "cert.pem")
		key := filepath.Join(dir, "key.pem")
		if err := WriteCert(m.CertFile, key); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--smtp-tls-cert", m.CertFile, "--smtp-tls-key", key)
	}
	log := filepath.Join(dir, "log")
	p, err := startProcess(log, path, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("log of mailpit:\n%s", text)
		}
	})
	for deadline := time.Now().Add(startWithin); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", m.Port))
		if err == nil {
			_ = conn.Close()
			if resp, err := http.Get(m.api + "info"); err == nil {
				_ = resp.Body.Close()
				return m
			}
		}
		select {
		case <-p.done:
			t.Fatalf("mailpit ended: %v", p.err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("mailpit does not answer: %v", err)
		}
	}
}

// Tool gives the path of a program that tools/go.mod builds; where it was not built,
// of one that is installed.
func Tool(t testing.TB, name string) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "tools", "bin", name)
	if _, err := os.Stat(path); err != nil {
		path = Need(t, name)
	}
	return path
}

// A Mail is one that a Mailpit was given.
type Mail struct {
	ID, Subject, Text, HTML string
	From                    netmail.Address
	To, ReplyTo             []netmail.Address
	Raw                     []byte `json:"-"`
}

// Mails gives the mails there are, the latest first.
func (m *Mailpit) Mails() []Mail {
	m.t.Helper()
	var list struct {
		Messages []struct{ ID string }
	}
	m.get("messages", func(text []byte) error { return json.Unmarshal(text, &list) })
	mails := make([]Mail, len(list.Messages))
	for i, found := range list.Messages {
		mail := &mails[i]
		m.get("message/"+found.ID, func(text []byte) error { return json.Unmarshal(text, mail) })
		m.get("message/"+found.ID+"/raw", func(text []byte) error {
			mail.Raw = text
			return nil
		})
	}
	return mails
}

// Await waits until there are n mails.
func (m *Mailpit) Await(n int) []Mail {
	m.t.Helper()
	for deadline := time.Now().Add(startWithin); ; time.Sleep(20 * time.Millisecond) {
		mails := m.Mails()
		if len(mails) >= n {
			return mails
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%d mails arrived, not %d", len(mails), n)
		}
	}
}

func (m *Mailpit) get(path string, use func([]byte) error) {
	m.t.Helper()
	resp, err := http.Get(m.api + path)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode == http.StatusOK {
		err = use(text)
	} else if err == nil {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	if err != nil {
		m.t.Fatalf("mailpit: %v", err)
	}
}

// WriteCert makes a certificate for 127.0.0.1 that is its own authority.
func WriteCert(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}
