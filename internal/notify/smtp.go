package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/ferry-server/ferry/internal/words"
)

// How the connection to the mail server is protected.
const (
	StartTLS = "starttls" // from the first command on; never without
	TLS      = "tls"      // from the first byte on
	Plain    = "none"
)

// SMTP is the server that takes our mail.
type SMTP struct {
	Host     string
	Port     int
	Security string // StartTLS, TLS or Plain
	User     string // empty: it asks nobody who they are
	Password string
	From     netmail.Address
	Hello    string         // our name; empty: the machine's
	Roots    *x509.CertPool // nil: the system's
}

const (
	// sendWithin bounds an attempt: letter.Busy must outlast it.
	sendWithin = time.Minute
	// answerWithin bounds each answer of the server.
	answerWithin = 30 * time.Second
)

// A refusal is the server's final no to one letter.
type refusal struct{ said string }

func (r *refusal) Error() string { return r.said }

// An unreachable server has no say in letters yet: nobody answers, or it does not
// take us for who we are, which is no letter's fault.
type unreachable struct{ error }

// send gives m to the server. A refusal is final, everything else may be different
// later. Without an error the server has taken the mail; with one it may have,
// when the answer was lost.
func (s *SMTP) send(ctx context.Context, m *mail.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	var conn net.Conn
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var err error
		if conn, err = new(net.Dialer).DialContext(ctx, "tcp", s.address()); err != nil || s.Security != TLS {
			return conn, err
		}
		encrypted := tls.Client(conn, s.tls())
		return encrypted, encrypted.HandshakeContext(ctx)
	}
	client, err := mail.NewClient(s.Host, s.options(dial)...)
	if err != nil {
		return unreachable{err}
	}
	// The library gives each answer its time; this bounds them together.
	stop := context.AfterFunc(ctx, func() {
		if conn != nil {
			_ = conn.SetDeadline(time.Unix(1, 0))
		}
	})
	defer stop()
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		said := err.Error()
		if answer, ok := errors.AsType[*textproto.Error](err); ok {
			said = strings.Replace(said, answer.Error(), fmt.Sprintf("%d %s", answer.Code, answer.Msg), 1)
		}
		return unreachable{errors.New(oneLine(said))}
	}
	err = client.SendWithSMTPClient(session, m)
	if m.IsDelivered() {
		_ = client.CloseWithSMTPClient(session) // it has taken the mail: what comes after does not matter
		return nil
	}
	return judge(err)
}

func (s *SMTP) tls() *tls.Config {
	return &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12, RootCAs: s.Roots}
}

func (s *SMTP) options(dial mail.DialContextFunc) []mail.Option {
	policy := mail.TLSMandatory
	if s.Security != StartTLS {
		policy = mail.NoTLS
	}
	options := []mail.Option{
		mail.WithPort(s.Port), mail.WithTimeout(answerWithin), mail.WithDialContextFunc(dial),
		mail.WithTLSConfig(s.tls()), mail.WithTLSPolicy(policy), mail.WithoutNoop(),
	}
	if s.Hello != "" {
		options = append(options, mail.WithHELO(s.Hello))
	}
	if s.User != "" {
		// PLAIN and LOGIN refuse to be used without TLS, but to this machine.
		options = append(options, mail.WithUsername(s.User), mail.WithPassword(s.Password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1,
				mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5))
	}
	return options
}

// judge tells a final no from what may be different later.
func judge(err error) error {
	failed, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		return err
	}
	said := answerOf(failed)
	code := failed.ErrorCode()
	switch {
	case code == 530 || code == 421: // "sign in first", "closing down": said of us or of itself, not of the letter
		return unreachable{errors.New(said)}
	case code >= 500:
		return &refusal{said}
	}
	return errors.New(said)
}

// answerOf gives what the server said, without what the library puts around it.
func answerOf(e *mail.SendError) string {
	said := e.Error()
	said, _, _ = strings.Cut(said, ", affected message ID: ")
	said, _, _ = strings.Cut(said, ", affected recipient(s): ")
	if code := strconv.Itoa(e.ErrorCode()); code != "0" {
		_, text, _ := strings.Cut(said, code+" ")
		if quoted, err := strconv.QuotedPrefix(text); err == nil { // as net/textproto prints it
			text, _ = strconv.Unquote(quoted)
		}
		said = code + " " + text
	}
	return oneLine(said)
}

func oneLine(s string) string {
	return strings.Join(strings.Fields(words.Shown(strings.ReplaceAll(s, "\n", " "))), " ")
}

func (s *SMTP) address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// String names the server, without the password.
func (s *SMTP) String() string {
	return fmt.Sprintf("%s (%s)", s.address(), s.Security)
}
