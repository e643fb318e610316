package sigv4

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The query parameters of a presigned URL.
const (
	queryAlgorithm     = "X-Amz-Algorithm"
	queryCredential    = "X-Amz-Credential"
	queryDate          = "X-Amz-Date"
	queryExpires       = "X-Amz-Expires"
	querySignedHeaders = "X-Amz-SignedHeaders"
	querySignature     = "X-Amz-Signature"
)

// A Signer presigns URLs in the name of one access key. It may be used concurrently.
type Signer struct {
	AccessKey string
	Secret    Secret
	Region    string
}

// Presign returns target as a URL by which anyone may send that one method to it from now
// on until ttl (in whole seconds, at most seven days) has passed. Host, path and every
// parameter of target's query are signed; headers and body are the sender's own choice.
//
// The URL survives clients that parse, sort and encode its query again: each of its
// parameters appears once and has a value, and it is an error if target's do not.
func (s Signer) Presign(method string, target *url.URL, now time.Time, ttl time.Duration) (string, error) {
	seconds := int64(ttl / time.Second)
	if seconds < 1 || ttl > defaultMaxExpires {
		return "", fmt.Errorf("presign: life of %v is not between a second and seven days", ttl)
	}
	if s.AccessKey == "" || s.Secret == "" || s.Region == "" || target.Host == "" {
		return "", errors.New("presign: access key, secret, region or host is missing")
	}
	query, err := url.ParseQuery(target.RawQuery)
	if err != nil {
		return "", fmt.Errorf("presign: %w", err)
	}
	for name, values := range query {
		if len(values) != 1 || values[0] == "" || hasAmzPrefix(name) {
			return "", fmt.Errorf("presign: parameter %q is not given once, with a value", name)
		}
	}

	signer := newSigner(s.Secret, now.UTC(), s.Region)
	query[queryAlgorithm] = []string{algorithm}
	query[queryCredential] = []string{s.AccessKey + "/" + signer.scope}
	query[queryDate] = []string{signer.time}
	query[queryExpires] = []string{strconv.FormatInt(seconds, 10)}
	query[querySignedHeaders] = []string{"host"}

	host := clientHost(target)
	r := &http.Request{Method: method, URL: target, Host: host}
	canonical := canonicalQuery(query)
	signature := signer.request(canonicalRequest(r, canonical, []string{"host"}, UnsignedPayload))
	return target.Scheme + "://" + host + string(appendPath(nil, target)) +
		"?" + canonical + "&" + querySignature + "=" + signature, nil
}

// clientHost is the Host header that clients send for u: URL parsers put hosts in lower
// case, and HTTP libraries leave out the scheme's own port.
func clientHost(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// hasAmzPrefix reports whether a parameter or header is one of Amazon's own, which change
// what a request means and must therefore be signed.
func hasAmzPrefix(name string) bool {
	const prefix = "x-amz-"
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}
