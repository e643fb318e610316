package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/brand"
	"github.com/ferry-server/ferry/internal/notify"
	"github.com/ferry-server/ferry/internal/site"
)

// Settings are the flags of `ferry serve`. Each is also an environment variable
// (FERRY_ and its name in capitals) and a key of the TOML file; the command line
// wins over the environment, the environment over the file. Other commands that
// have a flag of the same name take it from the same places.
//
// Tags: compat is the value with --compat, the documented limits of WeTransfer's
// API; offline keeps a setting from the command line. docs/configuration.md is
// made of these lines.
type settings struct {
	place
	network
	appearance
	mailing
	limits
	compatibility
	operation

	inForce []site.Setting // all of them, for administrators to read
}

// place is where an installation keeps what it keeps.
type place struct {
	Config       string         `placeholder:"FILE" help:"TOML file with settings." group:"Storage"`
	Data         string         `placeholder:"DIR" default:"ferry-data" help:"Directory of the database, the files and the secret. Made when it is not there." group:"Storage"`
	Database     databaseURL    `placeholder:"URL" help:"postgres://… for PostgreSQL. Without it, SQLite in the data directory." group:"Storage"`
	Blobs        blobsDir       `placeholder:"URL" help:"file:///DIR for the contents of files. Without it, a directory in the data directory." group:"Storage"`
	Secret       account.Secret `type:"secret" hidden:"" offline:"" help:"The installation's secret: at least 32 random bytes in hex or base64. Without it, the file secret in the data directory, made at the first start. Nodes that share a database share it." group:"Storage"`
	SecretFormer account.Secret `type:"secret" hidden:"" offline:"" help:"The secret before this one: what it signed stays good while you change it." group:"Storage"`
}

// network is how requests come in.
type network struct {
	Listen         address        `placeholder:"ADDR" default:"127.0.0.1:8080" help:"Address and port to listen on." group:"Network"`
	BaseURL        baseURL        `name:"base-url" placeholder:"URL" help:"Where people and programs reach this server, for links: scheme and host. Without it, made of the listen address." group:"Network"`
	TLSCert        string         `name:"tls-cert" placeholder:"FILE" help:"Certificate in PEM, with intermediates. Read again when it changes." group:"Network"`
	TLSKey         string         `name:"tls-key" placeholder:"FILE" help:"Key of the certificate, in PEM." group:"Network"`
	ACMEDomain     []domain       `name:"acme-domain" placeholder:"NAME" help:"Get certificates for these domains from an ACME authority. By naming one you agree to its terms." group:"Network"`
	ACMEEmail      string         `name:"acme-email" placeholder:"ADDRESS" help:"Where the authority writes to." group:"Network"`
	ACMEDirectory  directoryURL   `name:"acme-directory" placeholder:"URL" default:"https://acme-v02.api.letsencrypt.org/directory" help:"The authority." group:"Network"`
	ACMEHTTPListen address        `name:"acme-http-listen" placeholder:"ADDR" help:"A second, plain listener for the http-01 challenge, such as :80; sends browsers on to the base URL." group:"Network"`
	TrustedProxy   []netip.Prefix `placeholder:"CIDR" help:"Proxies that are believed about a client's address and scheme (X-Forwarded-For, X-Forwarded-Proto, Forwarded)." group:"Network"`
	WebhookAllow   []netip.Prefix `placeholder:"CIDR" help:"Networks that webhooks may call besides the public internet: your own services." group:"Network"`
	PrivateListen  address        `placeholder:"ADDR" help:"A listener for the operator alone: health and pprof. Loopback only." group:"Network"`
	MaxRequests    int            `placeholder:"N" default:"8192" help:"Requests that run at the same time; more are asked to come back." group:"Network"`
}

// appearance is how pages and letters look.
type appearance struct {
	SiteName  siteName     `placeholder:"NAME" default:"Ferry" help:"What this installation calls itself, in pages and letters." group:"Appearance"`
	SiteLogo  siteLogo     `placeholder:"FILE" help:"A PNG or SVG of at most 64 KiB that stands in the head of pages instead of the name." group:"Appearance"`
	SiteColor brand.Colour `placeholder:"#RRGGBB" default:"#17616f" help:"What buttons, links and the water are made of. It is made darker or lighter where it could not be read." group:"Appearance"`
}

func (a *appearance) look() brand.Look {
	return brand.Look{Name: string(a.SiteName), Logo: a.SiteLogo.Logo, Sea: a.SiteColor}
}

// mailing is how letters leave. Without a server they are held, for the operator
// to read: ferry mail.
type mailing struct {
	SMTPHost     mailHost       `name:"smtp-host" placeholder:"HOST:PORT" help:"Mail server that takes this server's letters. Without it, letters are held: see ferry mail." group:"Mail"`
	SMTPTLS      mailSecurity   `name:"smtp-tls" placeholder:"starttls|tls|none" default:"starttls" help:"How the connection to it is protected. It is never downgraded." group:"Mail"`
	SMTPUser     string         `name:"smtp-user" placeholder:"NAME" help:"Name to sign in with there." group:"Mail"`
	SMTPPassword account.Secret `name:"smtp-password" hidden:"" offline:"" help:"Password to sign in with there." group:"Mail"`
	MailFrom     mailFrom       `placeholder:"ADDRESS" help:"Address that letters come from, such as \"Ferry <ferry@example.com>\". Answers of mail servers go there." group:"Mail"`
}

// limits are what senders may do.
type limits struct {
	MaxTransferSize size          `placeholder:"SIZE" default:"0" compat:"2GiB" help:"Bytes of a transfer, all files together. 0: no limit." group:"Limits"`
	MaxFiles        int           `placeholder:"N" default:"10000" help:"Files of a transfer." group:"Limits"`
	TransferDays    int           `placeholder:"N" default:"7" compat:"7" help:"Days that a transfer lives." group:"Limits"`
	BoardDays       int           `placeholder:"N" default:"90" compat:"90" help:"Days that a board lives after it was last seen." group:"Limits"`
	PurgeAfter      time.Duration `placeholder:"TIME" default:"1d" help:"How long the bytes of what has expired are kept." group:"Limits"`
	urlLimits
	TokenLife time.Duration `placeholder:"TIME" default:"365d" compat:"365d" help:"How long a token of authorize is good." group:"Limits"`
	accountLimits
	keyLimits
	guestLimits
	MinFree size `placeholder:"SIZE" default:"64MiB" help:"Room that uploads leave on the disk, so that the database and deleting go on." group:"Limits"`
}

// urlLimits tell how long an upload that was begun may take: what has no row by then
// gets none.
type urlLimits struct {
	URLLife time.Duration `name:"url-life" placeholder:"TIME" default:"1h" compat:"1h" help:"How long an upload URL is good; at most 7d." group:"Limits"`
}

// orphan is at which age bytes that no row promises are swept.
func (l *urlLimits) orphan() time.Duration { return l.URLLife + 2*time.Hour }

// accountLimits are what a new account gets.
type accountLimits struct {
	Quota size `placeholder:"SIZE" default:"0" help:"Bytes that a new account may keep. 0: no limit." group:"Limits"`
}

// keyLimits are what a new API key gets.
type keyLimits struct {
	DailyLimit int `placeholder:"N" default:"0" compat:"1000" help:"Calls a day of a new API key. 0: no limit." group:"Limits"`
}

// guestLimits are what those may do who have no account.
type guestLimits struct {
	SignUp           bool `help:"Let strangers make accounts for themselves, on the plan of those who sign up. They confirm their address by a letter." group:"Limits"`
	AnonymousSending bool `help:"Let whoever has no account send by Filemail's API: links only, no letters, within the plan of those who sign up." group:"Limits"`
	AnonymousStorage size `placeholder:"SIZE" default:"10GB" help:"Bytes that all of them together may keep. 0: no limit." group:"Limits"`
}

// preset switches the presets on.
type preset struct {
	Compat bool `help:"Set the limits that WeTransfer documents, where no other value is given." group:"Compatibility"`
}

// compatibility is how true to the APIs' habits to be.
type compatibility struct {
	preset
	V1LenientContentType bool `name:"v1-lenient-content-type" help:"Take JSON without a Content-Type on /v1, as the R client sends it." group:"Compatibility"`
	IgnoreSkipreg        bool `name:"ignore-skipreg" help:"Count a download also where Filemail's parameter skipreg asks not to." group:"Compatibility"`
}

// operation is how the process behaves.
type operation struct {
	ReadyFile     string        `placeholder:"FILE" help:"Write the base URL to this file once requests are accepted; removed at the end." group:"Operation"`
	DrainTimeout  time.Duration `placeholder:"TIME" default:"30s" help:"How long running requests may go on after SIGTERM." group:"Operation"`
	Maintenance   bool          `help:"Refuse everything but /healthz." group:"Operation"`
	ScrubInterval time.Duration `placeholder:"TIME" default:"7d" help:"How often all stored content is read again and compared with its checksums. 0: never." group:"Operation"`
	ScrubRate     size          `placeholder:"SIZE" default:"20MB" help:"Bytes that are read a second for it." group:"Operation"`
	LogFormat     logFormat     `placeholder:"text|json" default:"text" help:"Form of the log, which goes to standard error." group:"Operation"`
	LogLevel      slog.Level    `placeholder:"LEVEL" default:"info" help:"Least level of the log: debug, info, warn or error." group:"Operation"`
}

// A reporter takes what is wrong with a setting.
type reporter func(setting, format string, args ...any)

func (p *place) check(wrong reporter) {
	if p.Data == "" {
		wrong("data", "must name a directory")
	}
}

// check looks at what no value tells alone.
func (s *settings) check(wrong reporter) {
	s.place.check(wrong)
	if (s.TLSCert == "") != (s.TLSKey == "") {
		wrong("tls-cert", "needs tls-key, and the other way round")
	}
	if s.TLSCert != "" && len(s.ACMEDomain) > 0 {
		wrong("acme-domain", "cannot be used together with tls-cert")
	}
	if len(s.ACMEDomain) == 0 {
		if s.ACMEEmail != "" {
			wrong("acme-email", "has no effect without acme-domain")
		}
		if s.ACMEHTTPListen != "" {
			wrong("acme-http-listen", "has no effect without acme-domain")
		}
	}
	if s.usesTLS() && strings.HasPrefix(string(s.BaseURL), "http://") {
		wrong("base-url", "is http://, but the listener speaks TLS")
	}
	s.mailing.check(wrong)
	if s.PrivateListen != "" && !s.PrivateListen.isLoopback() {
		wrong("private-listen", "must be a loopback address, such as 127.0.0.1:6060: it asks nobody who they are")
	}
	for name, n := range map[string]int{
		"max-files": s.MaxFiles, "max-requests": s.MaxRequests, "transfer-days": s.TransferDays, "board-days": s.BoardDays,
	} {
		if n < 1 {
			wrong(name, "must be at least 1")
		}
	}
	if s.ScrubRate < 64<<10 || s.ScrubRate > 1e9 {
		wrong("scrub-rate", "must be between 64KiB and 1GB")
	}
	const longestURL = 7 * day // AWS, "Authenticating Requests: Using Query Parameters", X-Amz-Expires
	if s.URLLife < time.Second || s.URLLife > longestURL {
		wrong("url-life", "must be between 1s and 7d")
	}
	if s.TokenLife < time.Minute {
		wrong("token-life", "must be at least 1m")
	}
}

func (m *mailing) check(wrong reporter) {
	if m.SMTPHost == "" {
		for name, given := range map[string]bool{
			"smtp-user": m.SMTPUser != "", "smtp-password": m.SMTPPassword != "", "mail-from": m.MailFrom != "",
		} {
			if given {
				wrong(name, "has no effect without smtp-host")
			}
		}
		return
	}
	if m.MailFrom == "" {
		wrong("mail-from", "must be given with smtp-host")
	}
	if (m.SMTPUser == "") != (m.SMTPPassword == "") {
		wrong("smtp-user", "needs smtp-password, and the other way round")
	}
	if m.SMTPUser != "" && m.SMTPTLS == notify.Plain && !m.SMTPHost.isLoopback() {
		wrong("smtp-tls", "none would send the password through the network for all to read")
	}
}

func (s *network) usesTLS() bool { return s.TLSCert != "" || len(s.ACMEDomain) > 0 }

// baseURLFor gives the base URL of a server that listens at addr.
func (s *network) baseURLFor(addr net.Addr) string {
	if s.BaseURL != "" {
		return string(s.BaseURL)
	}
	host, port, _ := net.SplitHostPort(addr.String())
	if ip, err := netip.ParseAddr(host); err != nil || ip.IsUnspecified() {
		host = "localhost"
	}
	scheme, usual := "http", "80"
	if s.usesTLS() {
		scheme, usual = "https", "443"
	}
	if len(s.ACMEDomain) > 0 {
		host = string(s.ACMEDomain[0])
	}
	switch {
	case port != usual:
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return fmt.Sprintf("%s://%s", scheme, host)
}
