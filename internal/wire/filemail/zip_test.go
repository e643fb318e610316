package filemail

import (
	"testing"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/transfer"
)

func TestZipJobs(t *testing.T) {
	l := newLibrary(t)
	tr, open := l.send("ada", transfer.Form{}, "a=1", "b=2"), l.open("ada", transfer.Form{}, "a=1")
	done, begun := string(tr.ID), string(open.ID)
	for _, tt := range []struct {
		name, id string
		who      string
		status   int
		word     string
	}{
		{"by who sent it", done, "ada", 200, "OK"},
		{"by another", done, "bob", 404, "NotFound"},
		{"by nobody", done, "", 401, "InvalidOrExpiredLoginToken"},
		{"of what is not complete", begun, "ada", 409, "UploadNotComplete"},
		{"of what is not there", "x", "ada", 404, "NotFound"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			who := account.ID(tt.who)
			l.read(who, "POST", "/transfer/"+tt.id+"/zip", "{}").want(tt.status, tt.word)
			l.read(who, "GET", "/job/"+tt.id, "").want(tt.status, tt.word)
			l.read(who, "DELETE", "/job/"+tt.id, "").want(tt.status, tt.word)
		})
	}
	got := l.read("ada", "POST", "/transfer/"+done+"/zip", "{}")
	if keys := got.keys("data"); keys != "compressedfileformat compressedfileurl jobid status" ||
		got.at("data", "jobid") != done || got.at("data", "status") != "STATUS_COMPLETE" {
		t.Errorf("answer %s", got.body)
	}
	l.read("ada", "DELETE", "/job/"+done, "").want(200, "OK")
	job := l.read("ada", "GET", "/job/"+got.textAt("data", "jobid"), "")
	for _, r := range []reply{got, job} {
		zip := l.fetch("GET", r.textAt("data", "compressedfileurl"))
		if zip.status != 200 || zip.body[:2] != "PK" {
			t.Errorf("the zip: %d", zip.status)
		}
	}
}
