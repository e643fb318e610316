package test

import (
	"fmt"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// A letter goes from the command of an operator through the outbox of a running
// server to a real mail server, with STARTTLS, a checked certificate and a password.
func TestMailArrives(t *testing.T) {
	pit := testenv.StartMailpit(t, testenv.MailStartTLS, "ferry", "pass;word=1")
	t.Setenv("SSL_CERT_FILE", pit.CertFile)
	t.Setenv("FERRY_SMTP_PASSWORD", "pass;word=1")
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			before := len(pit.Mails())
			args := []string{
				"--smtp-host", fmt.Sprintf("127.0.0.1:%d", pit.Port), "--smtp-user", "ferry",
				"--mail-from", "Acme Files <ferry@mail.example>", "--base-url", "http://ferry.example",
			}
			if engine == "postgres" {
				args = append(args, "--database", testenv.Postgres(t))
			}
			n := testenv.StartFerry(t, args...)
			id := n.Ferry("mail", "test", "ada@example.org")
			m := pit.Await(before + 1)[0]
			if m.From != (mail.Address{Name: "Acme Files", Address: "ferry@mail.example"}) || m.To[0].Address != "ada@example.org" {
				t.Errorf("from %v to %v", m.From, m.To)
			}
			raw := string(m.Raw)
			if !strings.Contains(raw, "\r\nMessage-ID: <"+id+"@mail.example>\r\n") || !strings.Contains(raw, "\r\nAuto-Submitted: auto-generated\r\n") {
				t.Errorf("the headers are\n%s", raw)
			}
			listed := ""
			for range 100 { // the mail may be read before our note that it was sent
				if listed = n.Ferry("mail", "list", "--state", "sent"); strings.Contains(listed, id) {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			if !strings.Contains(listed, id) || !strings.Contains(listed, "ada@example.org") {
				t.Errorf("sent: %s", listed)
			}

			// Killed and started again, it sends nothing twice.
			n.Kill()
			n.Restart()
			time.Sleep(200 * time.Millisecond)
			n.Stop()
			if got := len(pit.Mails()); got != before+1 {
				t.Errorf("%d mails", got-before)
			}
			if strings.Contains(n.Log(), os.Getenv("FERRY_SMTP_PASSWORD")) {
				t.Error("the password is in the log")
			}
		})
	}
}
