package s3

import (
	"net/http"
	"net/url"
	"slices"
)

// A level is what a path names.
type level int

const (
	service level = iota // all buckets
	bucket               // one bucket
	object               // one key of a bucket
)

// A route is one operation of S3: the method on the level, and the parameter that
// tells it from others there, if any.
type route struct {
	level  level
	method string
	query  string
	do     func(*Handler, http.ResponseWriter, *request) error
}

// routes is the whole surface, the more particular first (Amazon S3 API
// Reference, Actions). All of it asks for a signature.
func routes() []route {
	return []route{
		{service, http.MethodGet, "", (*Handler).listBuckets},

		{bucket, http.MethodHead, "", (*Handler).headBucket},
		{bucket, http.MethodGet, "location", (*Handler).bucketLocation},
		{bucket, http.MethodGet, "", (*Handler).listObjects},
		{bucket, http.MethodPut, "", (*Handler).createBucket},

		{object, http.MethodPut, "partNumber", (*Handler).uploadPart},
		{object, http.MethodPut, "", (*Handler).putObject},
		{object, http.MethodGet, "uploadId", (*Handler).listParts},
		{object, http.MethodGet, "", (*Handler).getObject},
		{object, http.MethodHead, "", (*Handler).getObject},
		{object, http.MethodPost, "uploads", (*Handler).createUpload},
		{object, http.MethodPost, "uploadId", (*Handler).completeUpload},
		{object, http.MethodDelete, "uploadId", (*Handler).abortUpload},
		{object, http.MethodDelete, "", (*Handler).deleteObject},
	}
}

// unbuilt are the parameters that make a request mean something that this door
// does not do. Passing over them would do something else than was asked.
var unbuilt = []string{
	"accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering",
	"inventory", "legal-hold", "lifecycle", "logging", "metrics", "notification", "object-lock",
	"ownershipControls", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment", "restore",
	"retention", "select", "tagging", "torrent", "versioning", "versionId", "versions", "website",
}

// match finds the route of a request. Ok is false when nothing at this level has
// the method; a nil route that is ok is one that is not built.
func (h *Handler) match(l level, method string, query url.Values) (found *route, ok bool) {
	isUnbuilt := l == bucket && method == http.MethodGet && query.Has("uploads") ||
		l == object && (method == http.MethodGet || method == http.MethodHead) && query.Has("partNumber") ||
		slices.ContainsFunc(unbuilt, query.Has)
	if isUnbuilt {
		return nil, true
	}
	for i, rt := range h.routes {
		if rt.level == l && rt.method == method && (rt.query == "" || query.Has(rt.query)) {
			return &h.routes[i], true
		}
	}
	return nil, false
}
