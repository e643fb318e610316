package s3

import (
	"net/http"
	"net/url"
	"slices"
)

// A level is what a path names.
type level int

const (
	atService level = iota // all buckets
	atBucket               // one bucket
	atObject               // one key of a bucket
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
		{atService, http.MethodGet, "", (*Handler).listBuckets},

		{atBucket, http.MethodHead, "", (*Handler).headBucket},
		{atBucket, http.MethodGet, "location", (*Handler).bucketLocation},
		{atBucket, http.MethodGet, "", (*Handler).listObjects},
		{atBucket, http.MethodPut, "", (*Handler).createBucket},

		{atObject, http.MethodPut, "partNumber", (*Handler).uploadPart},
		{atObject, http.MethodPut, "", (*Handler).putObject},
		{atObject, http.MethodGet, "uploadId", (*Handler).listParts},
		{atObject, http.MethodGet, "", (*Handler).getObject},
		{atObject, http.MethodHead, "", (*Handler).getObject},
		{atObject, http.MethodPost, "uploads", (*Handler).createUpload},
		{atObject, http.MethodPost, "uploadId", (*Handler).completeUpload},
		{atObject, http.MethodDelete, "uploadId", (*Handler).abortUpload},
		{atObject, http.MethodDelete, "", (*Handler).deleteObject},
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
	isUnbuilt := l == atBucket && method == http.MethodGet && query.Has("uploads") ||
		l == atObject && (method == http.MethodGet || method == http.MethodHead) && query.Has("partNumber") ||
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
