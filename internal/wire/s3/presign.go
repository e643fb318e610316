package s3

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/sigv4"
	"github.com/ferry-server/ferry/internal/upload"
)

// A Presigner makes URLs of this door that carry their own permission. It is safe
// for concurrent use.
type Presigner struct {
	signer sigv4.Signer
	base   func() string
	now    func() time.Time
	life   time.Duration
}

// NewPresigner makes a Presigner of URLs below base, Ferry's public address, that
// are good for life, at most seven days, and up to two seconds longer.
func NewPresigner(ring *keyring.Ring, base func() string, now func() time.Time, life time.Duration) *Presigner {
	access, secret := ownCredential(ring)
	signer := sigv4.Signer{AccessKey: access, Secret: secret, Region: region}
	return &Presigner{signer: signer, base: base, now: now, life: wholeLife(life)}
}

// longestLife is that of any presigned URL (Amazon S3 API Reference, Authenticating
// Requests: Using Query Parameters).
const longestLife = 7 * 24 * time.Hour

// wholeLife is the life in a signature whose URL is to be good for at least d. Both
// it and the moment of signing are whole seconds, and the moment is cut to the last
// one. Only a URL of seven days is good for up to a second less.
func wholeLife(d time.Duration) time.Duration {
	up := (d + time.Second - 1).Truncate(time.Second)
	return min(up+time.Second, longestLife)
}

// Part gives the URL to which part n of the file is put, and when it ends.
func (p *Presigner) Part(f *upload.File, n int) (string, time.Time) {
	return p.url(http.MethodPut, f, url.Values{
		"partNumber": {strconv.Itoa(n)},
		"uploadId":   {uploadID(f)},
	})
}

// Put gives the URL to which the whole file is put at once, Get that from which
// it is read once it is complete, and when they end.
func (p *Presigner) Put(f *upload.File) (string, time.Time) { return p.url(http.MethodPut, f, nil) }

// Get: see Put.
func (p *Presigner) Get(f *upload.File) (string, time.Time) { return p.url(http.MethodGet, f, nil) }

func (p *Presigner) url(method string, f *upload.File, query url.Values) (string, time.Time) {
	now := p.now().Truncate(time.Second) // signatures know no fractions
	target, err := url.Parse(p.base() + keyPath(string(f.Home.Owner.Account)+"/"+string(f.ID)))
	if err == nil {
		target.RawQuery = query.Encode()
		var signed string
		if signed, err = p.signer.Presign(method, target, now, p.life); err == nil {
			return signed, now.Add(p.life)
		}
	}
	// Only for an address or a life that the program's settings do not let pass.
	panic(fmt.Sprintf("s3: presign: %v", err))
}

// keyPath is the path of a key of the bucket.
func keyPath(key string) string {
	return (&url.URL{Path: Prefix + "/" + Bucket + "/" + key}).EscapedPath()
}
