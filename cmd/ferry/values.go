package main

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/brand"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/notify"
)

// The types of settings. Each is made by one parse function, whose error says
// what is wrong in words that follow the setting's name.
type (
	size         int64  // bytes
	address      string // host:port to listen on; empty: do not
	baseURL      string // scheme://host[:port]
	databaseURL  string // empty: SQLite
	blobsDir     string // empty: the one in the data directory
	directoryURL string // of an ACME authority
	domain       string // lower case
	logFormat    string // text or json
	mailHost     string // host:port; empty: none
	mailFrom     string // as net/mail reads it
	mailSecurity string // of package notify
	date         struct{ time.Time }
	siteName     string
	siteLogo     struct{ *brand.Logo } // nil: none
)

const day = 24 * time.Hour

// parseSize reads a number of bytes: 1000, 2GB, 64MiB.
func parseSize(s string) (size, error) {
	number := strings.TrimRight(s, "BKMGTPikmgtpb")
	unit, ok := map[string]int64{
		"": 1, "b": 1,
		"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "pb": 1e15,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "pib": 1 << 50,
	}[strings.ToLower(s[len(number):])]
	n, err := strconv.ParseUint(number, 10, 63)
	switch {
	case errors.Is(err, strconv.ErrRange) || (err == nil && ok && int64(n) > math.MaxInt64/unit):
		return 0, fmt.Errorf("%q is too large", s)
	case err != nil || !ok:
		return 0, fmt.Errorf("%q is no size such as 2147483648, 2GB or 64MiB", s)
	}
	return size(int64(n) * unit), nil
}

// parseDuration reads a time as Go writes it, with days in front if need be.
func parseDuration(s string) (time.Duration, error) {
	days, rest, hasDays := strings.Cut(s, "d")
	if !hasDays {
		days, rest = "0", s
	}
	n, err := strconv.ParseUint(days, 10, 31)
	if err != nil || n > uint64(math.MaxInt64/day) {
		return 0, notDuration(s)
	}
	var d time.Duration
	if rest != "" || !hasDays {
		if d, err = time.ParseDuration(rest); err != nil || d < 0 {
			return 0, notDuration(s)
		}
	}
	if d > math.MaxInt64-time.Duration(n)*day {
		return 0, fmt.Errorf("%q is too long", s)
	}
	return time.Duration(n)*day + d, nil
}

func notDuration(s string) error { return fmt.Errorf("%q is no time such as 90s, 1h30m or 7d", s) }

// parseDate reads a day, which begins at midnight, UTC.
func parseDate(s string) (date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return date{}, fmt.Errorf("%q is no day such as 2030-12-31", s)
	}
	return date{t}, nil
}

// parseCount reads a number of things.
func parseCount(s string) (int, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no whole number from 0 to %d", s, math.MaxInt32)
	}
	return int(n), nil
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}

// parseAddress reads where to listen. Names are not taken, but for localhost:
// what they mean is known only at run time.
func parseAddress(s string) (address, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%q is no address such as 127.0.0.1:8080 or :8080", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q has no port from 0 to 65535", s)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return "", fmt.Errorf("%q has no IP address before its port", s)
	}
	return address(s), nil
}

func (a address) isLoopback() bool {
	host, _, _ := net.SplitHostPort(string(a))
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// parseBaseURL reads an origin. The doors live at fixed paths of it.
func parseBaseURL(s string) (baseURL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return "", fmt.Errorf("%q is no URL such as https://ferry.example.com", s)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return "", fmt.Errorf("%q must be scheme and host only: Ferry has the whole origin", s)
	}
	return baseURL(u.Scheme + "://" + strings.ToLower(u.Host)), nil
}

// The reasons do not repeat a URL that may have a password in it.

func parseDatabase(s string) (databaseURL, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "" && u.Query().Get("host") == "" {
		return "", errors.New("is no URL such as postgres://user:password@host/name; for SQLite, leave it out")
	}
	return databaseURL(s), nil
}

func parseBlobs(s string) (blobsDir, error) {
	u, err := url.Parse(s)
	switch {
	case err == nil && u.Scheme == "s3":
		return "", errors.New("is an S3 store, which is not built yet: use a directory, file:///DIR")
	case err != nil || u.Scheme != "file" || u.Host != "" || !filepath.IsAbs(u.Path):
		return "", errors.New("is no URL such as file:///srv/ferry/blobs")
	}
	return blobsDir(filepath.Clean(u.Path)), nil
}

func parseDirectory(s string) (directoryURL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%q is no https:// URL", s)
	}
	return directoryURL(s), nil
}

func parseDomain(s string) (domain, error) {
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	wrong := len(name) > 253 || !strings.Contains(name, ".")
	for label := range strings.SplitSeq(name, ".") {
		wrong = wrong || label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
	}
	if _, err := netip.ParseAddr(name); wrong || err == nil {
		return "", fmt.Errorf("%q is no domain such as ferry.example.com", s)
	}
	return domain(name), nil
}

// parsePrefix reads a network, or an address as the network of itself.
func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is no network such as 10.0.0.0/8", s)
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// parseSecret reads at least keyring.MinSecret bytes in hex or base64, and gives
// the bytes. The error never repeats them.
func parseSecret(s string) (account.Secret, error) {
	s = strings.TrimSpace(s)
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) < keyring.MinSecret {
		standard := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(s)
		raw, err = base64.RawStdEncoding.DecodeString(standard)
	}
	if err != nil || len(raw) < keyring.MinSecret {
		return "", fmt.Errorf("must be at least %d random bytes in hex or base64, as `openssl rand -hex 32` makes them", keyring.MinSecret)
	}
	different := map[byte]bool{}
	for _, b := range raw {
		different[b] = true
	}
	if len(different) < keyring.MinSecret/3 {
		return "", errors.New("is not random")
	}
	return account.Secret(raw), nil
}

func parseMailHost(s string) (mailHost, error) {
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || n == 0 || host == "" || strings.ContainsAny(host, " /@") {
		return "", fmt.Errorf("%q is no host and port such as mail.example.com:587", s)
	}
	return mailHost(s), nil
}

func (h mailHost) split() (host string, port int) {
	host, text, _ := net.SplitHostPort(string(h))
	port, _ = strconv.Atoi(text)
	return host, port
}

// isLoopback knows the names of this machine for which the mail client, too, takes
// a connection in the clear to be safe.
func (h mailHost) isLoopback() bool {
	host, _ := h.split()
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

func parseMailSecurity(s string) (mailSecurity, error) {
	if s != notify.StartTLS && s != notify.TLS && s != notify.Plain {
		return "", fmt.Errorf("%q is none of starttls, tls, none", s)
	}
	return mailSecurity(s), nil
}

func parseMailFrom(s string) (mailFrom, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || strings.ContainsAny(s, "\r\n\x00") {
		return "", fmt.Errorf("%q is no address such as ferry@example.com or Ferry <ferry@example.com>", s)
	}
	return mailFrom(a.String()), nil
}

func parseSiteName(s string) (siteName, error) {
	name, err := brand.ParseName(s)
	return siteName(name), err
}

// parseLogo reads the file of this name.
func parseLogo(name string) (siteLogo, error) {
	f, err := os.Open(name)
	if err != nil {
		return siteLogo{}, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, brand.MaxLogo+1))
	if err != nil {
		return siteLogo{}, err
	}
	logo, err := brand.ParseLogo(b)
	return siteLogo{logo}, err
}

func parseLogFormat(s string) (logFormat, error) {
	if s != "text" && s != "json" {
		return "", fmt.Errorf("%q is neither text nor json", s)
	}
	return logFormat(s), nil
}

func parseLogLevel(s string) (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s)); err != nil {
		return 0, fmt.Errorf("%q is none of debug, info, warn, error", s)
	}
	return level, nil
}
