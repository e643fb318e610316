package sigv4

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Lookup returns the secret of an access key, or an empty one if there is no such key.
// Its errors are returned by Verify, wrapped.
type Lookup func(ctx context.Context, accessKey string) (Secret, error)

// A Verifier decides whether requests are signed. Its zero value has the limits of S3.
type Verifier struct {
	MaxExpires time.Duration // longest X-Amz-Expires accepted; 0 is seven days
	Skew       time.Duration // how far a client's clock may be off; 0 is 15 minutes
}

// Signed is a request whose signature is right.
type Signed struct {
	AccessKey string
	Region    string // as the client named it; any is accepted
	Presigned bool   // by its URL, else by its Authorization header

	// Payload is what was signed in place of the body: one of the constants below,
	// or the body's SHA-256 in hex.
	Payload string
	// DecodedLength is how many bytes Body will give, or -1 if the client did not
	// announce it. It is part of what was signed only if Payload is a streaming one.
	DecodedLength int64

	signer    *signer // a pointer also so that printing a Signed does not print its key
	signature string
	sums      []*checksum // what the body must add up to
	trailer   *checksum   // the one of sums whose value comes after the body, or nil
}

// Verify checks the signature of r as of now. It must see r as it came: path, query, host
// and headers unchanged. The body is not touched; read it through Body.
//
// A refusal is an *Error. A key nobody has costs the same work as a wrong signature.
func (v Verifier) Verify(r *http.Request, lookup Lookup, now time.Time) (*Signed, error) {
	query, err := url.ParseQuery(r.URL.RawQuery) // strict, where r.URL.Query drops what it cannot read
	if err != nil {
		return nil, bad("InvalidURI", "Couldn't parse the specified URI.")
	}
	c, err := v.parse(r, query)
	if err != nil {
		return nil, err
	}
	if err := v.checkTime(c, now); err != nil {
		return nil, err
	}
	for name := range r.Header {
		if hasAmzPrefix(name) && !slices.Contains(c.headers, strings.ToLower(name)) {
			return nil, denied("There were headers present in the request which were not signed")
		}
	}
	signed := &Signed{AccessKey: c.accessKey, Region: c.region, Presigned: c.presigned, signature: c.signature}
	if err := signed.readPayload(r, query); err != nil {
		return nil, err
	}

	secret, err := lookup(r.Context(), c.accessKey)
	if err != nil {
		return nil, fmt.Errorf("look up access key: %w", err)
	}
	signed.signer = newSigner(secret, c.at, c.region)
	want := signed.signer.request(canonicalRequest(r, canonicalQuery(query), c.headers, signed.Payload))
	match := equal(want, c.signature)
	switch {
	case secret == "": // only now, after the work; and whatever was signed with an empty secret
		return nil, forbidden("InvalidAccessKeyId", "The access key ID you provided does not exist in our records.")
	case !match:
		return nil, signatureMismatch()
	}
	return signed, nil
}

// checkTime refuses what is signed for another time than now.
func (v Verifier) checkTime(c *claim, now time.Time) error {
	skew := cmp.Or(v.Skew, defaultSkew)
	age := now.Sub(c.at)
	switch {
	case c.presigned && age < -skew:
		return denied("Request is not yet valid")
	case c.presigned && age > c.expires:
		return denied("Request has expired")
	case !c.presigned && (age < -skew || age > skew):
		return forbidden("RequestTimeTooSkewed",
			"The difference between the request time and the server's time is too large.")
	}
	return nil
}
