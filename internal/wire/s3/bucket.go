package s3

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/object"
)

// maxPage is how much one answer lists ("ListObjectsV2": MaxKeys).
const maxPage = 1000

func (h *Handler) listBuckets(w http.ResponseWriter, r *request) error {
	writeXML(w, r.Request, http.StatusOK, listBucketsBody{
		XMLNS: namespace, Owner: owner{string(r.who.actor.Account)},
		// It has always been there; clients want some date.
		Buckets: []bucketBody{{Name: Bucket, CreationDate: time.Unix(0, 0).UTC().Format(timeFormat)}},
	})
	return nil
}

func (h *Handler) headBucket(w http.ResponseWriter, r *request) error {
	w.Header().Set("X-Amz-Bucket-Region", region)
	setRequestID(r.Context(), w.Header())
	w.WriteHeader(http.StatusOK)
	return nil
}

func (h *Handler) bucketLocation(w http.ResponseWriter, r *request) error {
	writeXML(w, r.Request, http.StatusOK, locationBody{XMLNS: namespace})
	return nil
}

func (h *Handler) createBucket(http.ResponseWriter, *request) error {
	return fault.New(fault.Conflict, "bucket_exists", "the bucket is there")
}

// A listing is what ListObjects, in either version, was asked for.
type listing struct {
	prefix, delimiter string
	from              string // the least key that may come
	most              int
	encode            func(string) string
	owners            bool
}

// listObjects lists the caller's free keys. Files that were announced are
// reached by their name and are listed by the API that announced them.
func (h *Handler) listObjects(w http.ResponseWriter, r *request) error {
	body := listBody{XMLNS: namespace, Name: Bucket, EncodingType: r.query.Get("encoding-type")}
	l, err := newListing(r.query)
	if err != nil {
		return err
	}
	second := r.query.Get("list-type") == "2"
	if second {
		body.ContinuationToken, body.StartAfter = r.query.Get("continuation-token"), l.encode(r.query.Get("start-after"))
	} else {
		marker := l.encode(r.query.Get("marker"))
		body.Marker = &marker
	}
	body.Prefix, body.Delimiter, body.MaxKeys = l.encode(l.prefix), l.encode(l.delimiter), l.most
	last, err := h.fill(r, l, &body)
	if err != nil {
		return err
	}
	if n := len(body.Contents) + len(body.CommonPrefixes); second {
		body.KeyCount = &n
	}
	if body.IsTruncated && second {
		body.NextContinuationToken = base64.RawURLEncoding.EncodeToString([]byte(last))
	} else if body.IsTruncated {
		body.NextMarker = l.encode(last)
	}
	writeXML(w, r.Request, http.StatusOK, body)
	return nil
}

func newListing(query url.Values) (*listing, error) {
	l := &listing{
		prefix: query.Get("prefix"), delimiter: query.Get("delimiter"), most: maxPage,
		owners: query.Get("fetch-owner") == "true",
	}
	after := query.Get("marker")
	if query.Get("list-type") == "2" {
		after = query.Get("start-after")
		if token := query.Get("continuation-token"); token != "" {
			raw, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil {
				return nil, fault.New(fault.Invalid, "argument", "The continuation token provided is incorrect")
			}
			after = string(raw)
		}
	}
	for _, text := range []string{l.prefix, l.delimiter, after} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > object.MaxKey {
			return nil, fault.New(fault.Invalid, "argument", "no key is like that")
		}
	}
	if strings.HasSuffix(l.delimiter, string(utf8.MaxRune)) { // nothing would come after such a group
		return nil, fault.New(fault.Invalid, "argument", "no key is delimited like that")
	}
	if text := query.Get("max-keys"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return nil, fault.New(fault.Invalid, "argument", "Argument max-keys must be an integer between 0 and 2147483647")
		}
		l.most = min(int(n), maxPage)
	}
	switch query.Get("encoding-type") {
	case "":
		l.encode = func(s string) string { return s }
	case "url":
		l.encode = encodeKey
	default:
		return nil, fault.New(fault.Invalid, "argument", "Invalid Encoding Method specified in Request")
	}
	l.from = max(l.prefix, l.past(after))
	return l, nil
}

// past gives the least key that may come after one that was the last of an answer:
// a key, or what a group of keys has in common.
func (l *listing) past(last string) string {
	switch {
	case last == "":
		return ""
	case l.group(last) == last:
		return successor(last)
	}
	return last + "\x01" // no key has NUL
}

// group gives what the key's group has in common, up to and with the delimiter;
// "" when the key stands for itself.
func (l *listing) group(key string) string {
	rest, ok := strings.CutPrefix(key, l.prefix)
	if !ok || l.delimiter == "" {
		return ""
	}
	i := strings.Index(rest, l.delimiter)
	if i < 0 {
		return ""
	}
	return key[:len(l.prefix)+i+len(l.delimiter)]
}

// fill lists into body, and gives the last key or group that it lists.
func (h *Handler) fill(r *request, l *listing, body *listBody) (last string, err error) {
	to := successor(l.prefix)
	for from := l.from; l.most > 0; from = l.past(last) {
		page, err := h.Objects.ObjectsOf(r.Context(), r.who.actor.Owner, from, to, h.Now(), maxPage)
		if err != nil {
			return "", err
		}
		for _, o := range page {
			group := l.group(o.Key)
			if group != "" && group == last {
				continue
			}
			if len(body.Contents)+len(body.CommonPrefixes) == l.most {
				body.IsTruncated = true
				return last, nil
			}
			if group != "" {
				last, body.CommonPrefixes = group, append(body.CommonPrefixes, prefixBody{l.encode(group)})
				continue
			}
			last, body.Contents = o.Key, append(body.Contents, l.content(o))
		}
		if len(page) < maxPage {
			break
		}
	}
	return last, nil
}

func (l *listing) content(o object.Object) contentBody {
	c := contentBody{
		Key: l.encode(o.Key), LastModified: o.WrittenAt.UTC().Format(timeFormat), ETag: o.ETag, Size: o.Size,
		StorageClass: "STANDARD",
	}
	if l.owners {
		c.Owner = &owner{string(o.Owner.Account)}
	}
	return c
}

// encodeKey is S3's encoding-type=url. Some clients decode "+", some do not.
func encodeKey(s string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(s))
}

// successor gives the least text that is greater than all that begin with s; ""
// when there is none. UTF-8 sorts as its code points do.
func successor(s string) string {
	for s != "" {
		c, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
		if c++; c == 0xD800 { // surrogates are no characters
			c = 0xE000
		}
		if c <= utf8.MaxRune {
			return s + string(c)
		}
	}
	return ""
}
