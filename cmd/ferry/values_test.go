package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       size // -1: refused
	}{
		{"bytes need no unit", "2147483648", 2147483648},
		{"or have one", "17B", 17},
		{"GB are decimal", "2GB", 2_000_000_000},
		{"GiB are binary", "2GiB", 2 << 30},
		{"case does not matter", "64mib", 64 << 20},
		{"nothing is a size", "0", 0},
		{"the largest fits", "9223372036854775807", math.MaxInt64},
		{"one more does not", "9223372036854775808", -1},
		{"nor with a unit", "8192PiB", -1},
		{"a unit alone is none", "GB", -1},
		{"empty is none", "", -1},
		{"a fraction is none", "1.5GB", -1},
		{"a negative number is none", "-1", -1},
		{"a bit is no byte", "8Gbit", -1},
		{"space does not belong", "2 GB", -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseSize(tt.text)
			if (err != nil) != (tt.want < 0) || err == nil && got != tt.want {
				t.Errorf("parseSize(%q) = %d, %v", tt.text, got, err)
			}
		})
	}
}

func TestParseDuration(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       time.Duration // -1: refused
	}{
		{"days", "7d", 7 * day},
		{"days and hours", "1d12h", 36 * time.Hour},
		{"as Go has it", "1h30m", 90 * time.Minute},
		{"nothing", "0", 0},
		{"a number needs a unit", "7", -1},
		{"d alone is none", "d", -1},
		{"empty is none", "", -1},
		{"negative is none", "-1h", -1},
		{"nor in the middle", "1d-1h", -1},
		{"too long for the clock", "106752d", -1},
		{"too long together", "106751d24h", -1},
		{"days come first", "12h1d", -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseDuration(tt.text)
			if (err != nil) != (tt.want < 0) || err == nil && got != tt.want {
				t.Errorf("parseDuration(%q) = %v, %v", tt.text, got, err)
			}
		})
	}
}

// as makes a parse function one that gives texts.
func as[T any](parse func(string) (T, error)) func(string) (string, error) {
	return func(s string) (string, error) {
		v, err := parse(s)
		return fmt.Sprint(v), err
	}
}

func TestParseNames(t *testing.T) {
	const refused = "refused"
	for _, tt := range []struct {
		name  string
		parse func(string) (string, error)
		text  string
		want  string
	}{
		{"a name is one line", as(parseSiteName), " Acme ", "Acme"},
		{"and not a page", as(parseSiteName), strings.Repeat("x", 41), refused},
		{"a logo is a file that is there", as(parseLogo), "no/such/file", refused},
		{"and a picture", as(parseLogo), "values_test.go", refused},
		{"a base URL is an origin", as(parseBaseURL), "https://Ferry.Example:8443/", "https://ferry.example:8443"},
		{"without a path", as(parseBaseURL), "https://ferry.example/x", refused},
		{"without a password", as(parseBaseURL), "https://a:b@ferry.example", refused},
		{"without a query", as(parseBaseURL), "https://ferry.example?x", refused},
		{"of the web", as(parseBaseURL), "ftp://ferry.example", refused},
		{"with a scheme", as(parseBaseURL), "ferry.example", refused},
		{"with a host", as(parseBaseURL), "https://:80", refused},
		{"an address may leave the host out", as(parseAddress), ":8080", ":8080"},
		{"may be IPv6", as(parseAddress), "[::1]:80", "[::1]:80"},
		{"may be localhost", as(parseAddress), "localhost:80", "localhost:80"},
		{"is no other name", as(parseAddress), "ferry.example:80", refused},
		{"has a port", as(parseAddress), "127.0.0.1", refused},
		{"that exists", as(parseAddress), "127.0.0.1:65536", refused},
		{"in numbers", as(parseAddress), "127.0.0.1:http", refused},
		{"a database is PostgreSQL", as(parseDatabase), "postgres://ferry@db/ferry", "postgres://ferry@db/ferry"},
		{"by its other name, too", as(parseDatabase), "postgresql://ferry@db/ferry", "postgresql://ferry@db/ferry"},
		{"by a socket", as(parseDatabase), "postgres:///ferry?host=/run/pg", "postgres:///ferry?host=/run/pg"},
		{"nothing else", as(parseDatabase), "mysql://db/ferry", refused},
		{"blobs are in a directory", as(parseBlobs), "file:///srv/ferry/", "/srv/ferry"},
		{"that is absolute", as(parseBlobs), "file://srv/ferry", refused},
		{"of this machine", as(parseBlobs), "file://host/srv", refused},
		{"a domain is lower case", as(parseDomain), "Ferry.Example.", "ferry.example"},
		{"is more than a word", as(parseDomain), "localhost", refused},
		{"is no address", as(parseDomain), "127.0.0.1", refused},
		{"is no pattern", as(parseDomain), "*.ferry.example", refused},
		{"has no empty label", as(parseDomain), "ferry..example", refused},
		{"a network is masked", as(parsePrefix), "10.1.2.3/8", "10.0.0.0/8"},
		{"an address is a network", as(parsePrefix), "192.0.2.1", "192.0.2.1/32"},
		{"of IPv6, too", as(parsePrefix), "2001:db8::1", "2001:db8::1/128"},
		{"a mapped one is IPv4", as(parsePrefix), "::ffff:192.0.2.1", "192.0.2.1/32"},
		{"a name is no network", as(parsePrefix), "proxy", refused},
		{"networks are separated by commas", as(list(parsePrefix)), "10.0.0.0/8, 192.0.2.1", "[10.0.0.0/8 192.0.2.1/32]"},
		{"all of them must be right", as(list(parsePrefix)), "10.0.0.0/8,", refused},
		{"an ACME directory has TLS", as(parseDirectory), "http://ca.example/dir", refused},
		{"a log is text or json", as(parseLogFormat), "xml", refused},
		{"its level is a word", as(parseLogLevel), "warn", "WARN"},
		{"that is known", as(parseLogLevel), "loud", refused},
		{"a count is whole", as(parseCount), "1.5", refused},
		{"and not negative", as(parseCount), "-1", refused},
		{"yes is not true", as(parseBool), "yes", refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.parse(tt.text)
			if (err != nil) != (tt.want == refused) || err == nil && got != tt.want {
				t.Errorf("%q gives %q, %v; want %q", tt.text, got, err, tt.want)
			}
		})
	}
}

func TestParseSecret(t *testing.T) {
	const inHex = "00112233445566778899aabbccddeeff102132435465768798a9babcbdcedfe0"
	for _, tt := range []struct {
		name, text string
		bytes      int // 0: refused
	}{
		{"hex", inHex, 32},
		{"with the newline of a file", inHex + "\n", 32},
		{"base64", "ABEiM0RVZneImaq7zN3u/xAhMkNUZXaHmKm6vL3O3+A=", 32},
		{"base64 of URLs, without padding", "ABEiM0RVZneImaq7zN3u_xAhMkNUZXaHmKm6vL3O3-A", 32},
		{"too short", inHex[:62], 46}, // as base64 it is long enough
		{"far too short", inHex[:40], 0},
		{"a sentence", "correct horse battery staple, correct horse battery staple", 0},
		{"always the same", strings.Repeat("ab", 32), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseSecret(tt.text)
			if len(got) != tt.bytes || (err == nil) != (tt.bytes > 0) {
				t.Errorf("%d bytes, %v; want %d", len(got), err, tt.bytes)
			}
			if err != nil && strings.Contains(err.Error(), tt.text) {
				t.Errorf("the error repeats the secret: %v", err)
			}
		})
	}
}

func FuzzValues(f *testing.F) {
	for _, seed := range []string{"2GB", "64MiB", "7d", "1d12h", "https://a.example", "[::1]:80", "10.0.0.0/8", "postgres://a/b", "file:///x", "a.example", "00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := parseSize(s); err == nil && n < 0 {
			t.Errorf("size %q is %d", s, n)
		}
		if d, err := parseDuration(s); err == nil && d < 0 {
			t.Errorf("duration %q is %v", s, d)
		}
		// What was taken once is taken again as it came out, and stays the same.
		for name, parse := range map[string]func(string) (string, error){
			"base-url": as(parseBaseURL), "listen": as(parseAddress), "domain": as(parseDomain), "proxy": as(parsePrefix),
		} {
			once, err := parse(s)
			if err != nil {
				continue
			}
			if twice, err := parse(once); err != nil || twice != once {
				t.Errorf("%s %q: %q, then %q, %v", name, s, once, twice, err)
			}
		}
	})
}
