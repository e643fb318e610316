package sigv4

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A claim is what a request says of its own signature: well-formed, not yet believed.
type claim struct {
	presigned bool
	accessKey string
	at        time.Time
	region    string
	headers   []string // signed ones: lower case, sorted, each once, host among them
	signature string
	expires   time.Duration // of a presigned URL
}

// parse reads the claim from wherever r carries it.
func (v Verifier) parse(r *http.Request, query url.Values) (*claim, error) {
	authorization := r.Header["Authorization"]
	presigned := query.Has(queryAlgorithm) || query.Has(querySignature) || query.Has(queryCredential)
	switch {
	case presigned && len(authorization) > 0:
		return nil, bad("InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "+
			"Signature query string parameter or the Authorization header should be specified")
	case presigned:
		return parseQuery(query, cmp.Or(v.MaxExpires, defaultMaxExpires))
	case len(authorization) == 1:
		return parseHeader(authorization[0], r.Header)
	case len(authorization) > 1:
		return nil, badHeader("The authorization header that you provided is not valid: it is given twice.")
	}
	return nil, denied("Access Denied")
}

// parseQuery reads the claim of a presigned URL. All of its parameters are signed, so a
// parameter given twice is one whose meaning depends on who reads it.
func parseQuery(query url.Values, maxExpires time.Duration) (*claim, error) {
	for name, values := range query {
		if len(values) != 1 {
			return nil, badQuery(fmt.Sprintf("The query parameter %q is given twice", name))
		}
	}
	for _, name := range []string{
		queryAlgorithm, queryCredential, queryDate, queryExpires, querySignedHeaders, querySignature,
	} {
		if query.Get(name) == "" {
			return nil, badQuery("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, " +
				"X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	if query.Get(queryAlgorithm) != algorithm {
		return nil, badQuery(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`)
	}
	seconds, err := strconv.ParseUint(query.Get(queryExpires), 10, 32)
	if err != nil {
		return nil, badQuery("X-Amz-Expires should be a number of seconds")
	}
	c := &claim{presigned: true, signature: query.Get(querySignature), expires: time.Duration(seconds) * time.Second}
	if c.expires < time.Second || c.expires > maxExpires {
		return nil, badQuery(fmt.Sprintf("X-Amz-Expires must be at least 1 and at most %d seconds", maxExpires/time.Second))
	}
	var ok bool
	if c.at, ok = parseTime(query.Get(queryDate)); !ok {
		return nil, badQuery(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	if why := c.setCredential(query.Get(queryCredential)); why != "" {
		return nil, badQuery("Error parsing the X-Amz-Credential parameter; " + why)
	}
	if why := c.setHeaders(query.Get(querySignedHeaders)); why != "" {
		return nil, badQuery("Error parsing the X-Amz-SignedHeaders parameter; " + why)
	}
	return c, nil
}

// parseHeader reads the claim of an Authorization header:
//
//	AWS4-HMAC-SHA256 Credential=KEY/20060102/REGION/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=HEX
func parseHeader(authorization string, header http.Header) (*claim, error) {
	mechanism, fields, _ := strings.Cut(authorization, " ")
	if mechanism != algorithm {
		return nil, invalidRequest("The authorization mechanism you have provided is not supported. " +
			"Please use AWS4-HMAC-SHA256.")
	}
	given := make(map[string]string, 3)
	for field := range strings.SplitSeq(fields, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(field), "=")
		if _, twice := given[name]; !ok || twice || value == "" {
			return nil, badHeader("The authorization header is malformed.")
		}
		given[name] = value
	}
	if len(given) != 3 || given["Credential"] == "" || given["SignedHeaders"] == "" || given["Signature"] == "" {
		return nil, badHeader("The authorization header is malformed; it needs Credential, SignedHeaders and Signature.")
	}

	c := &claim{signature: given["Signature"]}
	var ok bool
	if c.at, ok = signingTime(header); !ok {
		return nil, denied("AWS authentication requires a valid Date or x-amz-date header")
	}
	if why := c.setCredential(given["Credential"]); why != "" {
		return nil, badHeader("The authorization header is malformed; " + why)
	}
	if why := c.setHeaders(given["SignedHeaders"]); why != "" {
		return nil, badHeader("The authorization header is malformed; " + why)
	}
	return c, nil
}

// signingTime returns the time in X-Amz-Date or, without one, in Date. Either is bound by the
// signature itself, since it is part of what is signed.
func signingTime(header http.Header) (time.Time, bool) {
	if values := header["X-Amz-Date"]; len(values) > 0 {
		at, ok := parseTime(values[0])
		return at, ok && len(values) == 1
	}
	date := header.Get("Date")
	if at, ok := parseTime(date); ok {
		return at, true
	}
	at, err := http.ParseTime(date)
	return at.UTC(), err == nil
}

// parseTime takes timeFormat exactly: time.Parse alone would also take fractions.
func parseTime(s string) (time.Time, bool) {
	at, err := time.Parse(timeFormat, s)
	return at, err == nil && len(s) == len(timeFormat)
}

// setCredential takes KEY/DAY/REGION/s3/aws4_request apart. It answers what is wrong, or nothing.
func (c *claim) setCredential(s string) (why string) {
	parts := strings.Split(s, "/")
	switch {
	case len(parts) != 5 || parts[0] == "" || parts[2] == "" || strings.ContainsFunc(s, notPrintable):
		return `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`
	case parts[1] != c.at.Format(dayFormat):
		return "the date of the Credential is not that of the request."
	case parts[3] != service:
		return `incorrect service. This endpoint belongs to "s3".`
	case parts[4] != terminator:
		return `incorrect terminal. This endpoint uses "aws4_request".`
	}
	c.accessKey, c.region = parts[0], parts[2]
	return ""
}

// setHeaders takes host;x-amz-date apart. It answers what is wrong, or nothing. Names that no
// header can have are refused so that a list can be read in one way only.
func (c *claim) setHeaders(s string) (why string) {
	c.headers = strings.Split(s, ";")
	for i, name := range c.headers {
		if name == "" || strings.ContainsFunc(name, notHeaderName) || i > 0 && name <= c.headers[i-1] {
			return "the signed headers must be in lower case, sorted, and each given once."
		}
	}
	if !slices.Contains(c.headers, "host") {
		return "the header host must be signed."
	}
	return ""
}

func notPrintable(r rune) bool { return r <= ' ' || r > '~' }

func notHeaderName(r rune) bool { return notPrintable(r) || r == ':' || 'A' <= r && r <= 'Z' }
