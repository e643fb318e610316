package filemail

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	core "github.com/ferry-server/ferry/internal/upload"
)

// An operation changes a transfer, or its one file, by one of the APIs.
type operation struct {
	name string
	keys bool // by the transfer's key, not by who owns it
	do   func(s *sender, who string, b begun, file core.ID) reply
}

func operations() []operation {
	in20 := func(name, method, path string, keys bool, more ...any) operation {
		return operation{name, keys, func(s *sender, who string, b begun, file core.ID) reply {
			path := strings.NewReplacer("{transfer}", b.id, "{file}", string(file)).Replace(path)
			properties := more
			if keys {
				properties = append([]any{"transferkey", b.key}, more...)
			}
			return s.json(who, method, path, properties...)
		}}
	}
	classic := func(path string, keys bool, more ...string) operation {
		return operation{"classic " + path, keys, func(s *sender, who string, b begun, file core.ID) reply {
			id := []string{"transferid", b.id}
			if strings.HasPrefix(path, "transfer/file/") {
				id = []string{"fileid", string(file)}
			} else if keys {
				id = append(id, "transferkey", b.key)
			}
			return s.old(who, path, append(id, more...)...)
		}}
	}
	return []operation{
		in20("update", "PUT", "/transfer/{transfer}", false, "message", "new"),
		in20("delete", "DELETE", "/transfer/{transfer}", false),
		in20("forward", "POST", "/transfer/{transfer}/forward", true, "to", []string{"x@example.com"}),
		in20("share", "POST", "/transfer/{transfer}/share", false, "to", []string{"x@example.com"}),
		in20("cancel", "POST", "/transfer/{transfer}/cancel", true),
		in20("recover", "POST", "/transfer/{transfer}/recover", false),
		in20("complete", "POST", "/transfer/{transfer}/complete", false),
		in20("rename a file", "PUT", "/file/{file}", false, "filename", "b"),
		in20("delete a file", "DELETE", "/file/{file}", false),
		classic("transfer/update", false, "message", "new"),
		classic("transfer/delete", false),
		classic("transfer/forward", true, "to", "x@example.com"),
		classic("transfer/share", false, "to", "x@example.com"),
		classic("transfer/cancel", true),
		classic("transfer/file/rename", false, "filename", "b"),
		classic("transfer/file/delete", false),
	}
}

// TestWhoseItIs runs every operation on what is the caller's, another's, and nobody's.
// Bob calls: he owns some, and is the admin of Cid, whom Ada is not.
func TestWhoseItIs(t *testing.T) {
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			s := newSender(t)
			one := func(owner account.ID) (begun, core.ID) {
				b := s.of(owner)
				s.file(b, "hello")
				return b, s.files(b)[0].ID
			}
			b, file := one("bob")
			op.do(s, "bob", b, file).want(200, "OK")
			b, file = one("cid")
			op.do(s, "bob", b, file).want(200, "OK")

			b, file = one("ada")
			if op.keys {
				op.do(s, "bob", b, file).want(200, "OK") // the key is what counts
				b.key = s.of("ada").key
			}
			before := *s.stored(b)
			foreign := op.do(s, "bob", b, file)
			missing := op.do(s, "bob", begun{"nosuchtransferx", b.key}, "0123456789abcdef0123456789abcdef")
			missing.want(404, "NotFound")
			if strings.ReplaceAll(foreign.body, b.id, "nosuchtransferx") != missing.body || foreign.status != missing.status {
				t.Errorf("another's is answered with\n%d %s, none with\n%d %s", foreign.status, foreign.body, missing.status, missing.body)
			}
			if after := *s.stored(b); after != before || s.names(b) != "file3=hello" || !op.keys && s.to(b) != "" {
				t.Errorf("another's is now %+v %s, was %+v", after, s.names(b), before)
			}
			if !op.keys {
				got := op.do(s, "", b, file)
				if got.status != 401 || got.at("responsestatus") != "InvalidOrExpiredLoginToken" {
					t.Errorf("nobody is answered with %d %s", got.status, got.body)
				}
			}
		})
	}
}

// TestWrongTypes: each property of each call, as something that it is not.
func TestWrongTypes(t *testing.T) {
	s := newSender(t)
	b := s.ready("bob")
	file := string(s.files(b)[0].ID)
	for _, tt := range []struct{ method, path, body, word string }{
		{"PUT", "/transfer/" + b.id, `{"subject":5}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `{"subject":""}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `{"subject":"a\nb"}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `{"message":{}}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `{"days":"soon"}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `{"days":0}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `{"days":1.5}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `{"downloads":-1}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `{"notify":"perhaps"}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `{"password":[]}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `{"version":"x"}`, "InvalidParameter"},
		{"PUT", "/transfer/" + b.id, `[]`, "InvalidRequest"},
		{"POST", "/transfer/" + b.id + "/share", `{}`, "InputParameterMissing"},
		{"POST", "/transfer/" + b.id + "/share", `{"to":[]}`, "InputParameterMissing"},
		{"POST", "/transfer/" + b.id + "/share", `{"to":{}}`, "InvalidParameter"},
		{"POST", "/transfer/" + b.id + "/share", `{"to":["x"]}`, "InvalidEmail"},
		{"POST", "/transfer/" + b.id + "/share", `{"to":["x@example.com"],"message":5}`, "InvalidParameter"},
		{"POST", "/transfer/" + b.id + "/share", `{"to":["x@example.com"],"from":"x"}`, "InvalidEmail"},
		{"POST", "/transfer/" + b.id + "/forward", `{"to":["x@example.com"]}`, "InputParameterMissing"},
		{"POST", "/transfer/" + b.id + "/forward", `{"transferkey":"` + b.key + `"}`, "InputParameterMissing"},
		{"POST", "/transfer/" + b.id + "/forward", `{"transferkey":"` + b.key + `","to":["x"]}`, "InvalidEmail"},
		{"POST", "/transfer/" + b.id + "/forward", `{"transferkey":5,"to":["x@example.com"]}`, "InvalidParameter"},
		{"POST", "/transfer/" + b.id + "/cancel", `{}`, "InputParameterMissing"},
		{"POST", "/transfer/" + b.id + "/cancel", `{"transferkey":"short"}`, "InvalidParameter"},
		{"PUT", "/file/" + file, `{}`, "InputParameterMissing"},
		{"PUT", "/file/" + file, `{"filename":""}`, "InputParameterMissing"},
		{"PUT", "/file/" + file, `{"filename":5}`, "InvalidParameter"},
		{"PUT", "/file/" + file, `{"filename":"../.."}`, "InvalidParameter"},
		{"PUT", "/file/" + file, `{"filename":"` + strings.Repeat("x", 256) + `"}`, "InvalidParameter"},
	} {
		t.Run(tt.method+" "+tt.path+" "+tt.body, func(t *testing.T) {
			s.t = t
			s.do(tt.method, tt.path, tt.body, append(as("bob"), "Content-Type", "application/json")...).want(400, tt.word)
		})
	}
	for _, path := range []string{"update", "delete", "share", "forward", "cancel", "complete", "file/rename", "file/delete"} {
		s.old("bob", "transfer/"+path, "to", "x@example.com", "filename", "a").want(400, "InputParameterMissing")
	}
}

func TestUpdate(t *testing.T) {
	s := newSender(t)
	b := s.ready("bob", "password", "open", "message", "old")
	update := func(more ...any) reply { return s.json("bob", "PUT", "/transfer/"+b.id, more...) }
	got := update("subject", "New", "message", "text", "days", "7", "downloads", 2, "notify", true)
	got.want(200, "OK")
	if data := got.at("data"); data != nil {
		t.Errorf("data %v", data)
	}
	tr := s.stored(b)
	if tr.Name != "New" || tr.Message != "text" || tr.Days != 7 || tr.MaxDownloads != 2 || !tr.Notify || tr.Password != "text of open" {
		t.Errorf("is now %+v", tr)
	}
	if want := tr.ReadyAt.AddDate(0, 0, 7); !tr.ExpiresAt.Equal(want) {
		t.Errorf("ends %v, want %v", tr.ExpiresAt, want)
	}
	update("subject", nil, "message", "", "password", "").want(200, "OK")
	if tr := s.stored(b); tr.Name != "New" || tr.Message != "" || tr.Password != "" || tr.Locked {
		t.Errorf("null leaves as it is and an empty text takes away: %+v", tr)
	}
	update("days", 91).want(409, "InvalidMembership")
	s.old("bob", "transfer/update", "transferid", b.id, "message", "classic", "subject", "", "days", "3").want(200, "OK")
	if tr := s.stored(b); tr.Name != "New" || tr.Message != "classic" || tr.Days != 3 {
		t.Errorf("after a classic update %+v", tr)
	}

	tag := update().header.Get("ETag")
	version := s.stored(b).Version
	if tag != `"`+strconv.FormatInt(version, 10)+`"` {
		t.Errorf("ETag %s of version %d", tag, version)
	}
	change := func(tag string) reply {
		return s.do("PUT", "/transfer/"+b.id, `{"message":"mine"}`, append(as("bob"), "Content-Type", "application/json", "If-Match", tag)...)
	}
	change(tag).want(200, "OK")
	update("message", "theirs").want(200, "OK")
	change(tag).want(409, "InvalidDataState")
	change(`"of another"`).want(409, "InvalidDataState")
	change("*").want(200, "OK")
	update("message", "again", "version", version).want(409, "InvalidDataState")
	update("message", "again", "version", s.stored(b).Version).want(200, "OK")

	s.clock = s.clock.Add(3 * 24 * time.Hour)
	update("message", "late").want(409, "TransferExpired")
}

// TestVersionIsRead: who may change a transfer learns from which version, others do
// not.
func TestVersionIsRead(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{}, "a=1")
	if tag := l.read("ada", "GET", "/transfer/"+string(tr.ID), "").header.Get("ETag"); tag != `"`+strconv.FormatInt(tr.Version, 10)+`"` {
		t.Errorf("ETag %s of version %d", tag, tr.Version)
	}
	if tag := l.read("bob", "GET", "/transfer/"+string(tr.ID), "").header.Get("ETag"); tag != "" {
		t.Errorf("a stranger has the ETag %s", tag)
	}
}

func TestForwardAndShare(t *testing.T) {
	s := newSender(t)
	group, err := s.contacts.AddGroup(t.Context(), "bob", "Builders")
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.contacts.Add(t.Context(), "bob", contact.Draft{Email: "builder@example.com"}, 0)
	if err == nil {
		err = s.contacts.AddToGroup(t.Context(), "bob", group.ID, c.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := s.ready("bob", "to", []string{"a@example.com"})
	s.json("", "POST", "/transfer/"+b.id+"/forward", "transferkey", b.key, "to", []string{"a@example.com", "b@example.com"}).want(200, "OK")
	s.old("", "transfer/forward", "transferid", b.id, "transferkey", b.key, "to", "c@example.com, d@example.com").want(200, "OK")
	s.old("", "transfer/forward", "transferid", b.id, "transferkey", b.key, "to", "Builders").want(400, "InvalidEmail") // nobody's group
	s.json("bob", "POST", "/transfer/"+b.id+"/share", "to", []string{"e@example.com"}, "message", "look").want(200, "OK")
	s.old("bob", "transfer/share", "transferid", b.id, "to", "builders", "from", "bob@example.com", "message", "").want(200, "OK")
	want := "a@example.com! b@example.com! builder@example.com! c@example.com! d@example.com! e@example.com!(look)"
	if to := s.to(b); to != want {
		t.Errorf("for %s, want %s", to, want)
	}
	if n := s.letters("letter.recipient"); n != 6 {
		t.Errorf("%d letters", n)
	}
	s.json("bob", "POST", "/transfer/"+b.id+"/share", "to", addresses(5)).want(409, "TooManyRecipients")
	s.json("bob", "POST", "/transfer/"+b.id+"/share", "to", []string{"eve@blocked.example"}).want(409, "Blocked")
	s.json("bob", "POST", "/transfer/"+b.id+"/forward", "transferkey", b.key, "to", []string{"eve@blocked.example"}).want(409, "Blocked")
	if to := s.to(b); to != want {
		t.Errorf("what was refused added somebody: %s", to)
	}

	s.guests = true
	g := s.begin("")
	s.json("", "POST", "/transfer/"+g.id+"/forward", "transferkey", g.key, "to", []string{"x@example.com"}).want(409, "FeatureAvailableForRegisteredUsers")
}

func TestCancelDeleteRecover(t *testing.T) {
	s := newSender(t)
	b := s.begin("bob")
	s.file(b, "hello")
	for range 2 { // again is fine
		s.json("", "POST", "/transfer/"+b.id+"/cancel", "transferkey", b.key).want(200, "OK")
	}
	s.complete(b).want(409, "InvalidTransferState")
	s.json("bob", "POST", "/transfer/"+b.id+"/recover").want(200, "OK")
	s.complete(b).want(200, "OK")
	s.old("", "transfer/cancel", "transferid", b.id, "transferkey", b.key).want(409, "InvalidTransferState")
	for range 2 {
		s.json("bob", "DELETE", "/transfer/"+b.id).want(200, "OK")
	}
	s.json("bob", "PUT", "/transfer/"+b.id, "message", "x").want(409, "InvalidTransferState")
	s.json("bob", "POST", "/transfer/"+b.id+"/recover").want(200, "OK")
	if tr := s.stored(b); tr.State != share.Ready {
		t.Errorf("recovered as %+v", tr)
	}
	s.old("bob", "transfer/delete", "transferid", b.id).want(200, "OK")
	shares := share.NewService(s.db, s.bytes, func() time.Time { return s.clock }, share.Limits{Keep: time.Hour, Memory: 24 * time.Hour}, s.door.cfg.Log)
	s.clock = s.clock.Add(25 * time.Hour)
	jobs, err := s.db.Claim(t.Context(), s.clock, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if do := shares.Handlers()[j.Kind]; do != nil {
			if err := do(t.Context(), j); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.json("bob", "POST", "/transfer/"+b.id+"/recover").want(409, "RecoveryNotPossible")
}

func TestForcedComplete(t *testing.T) {
	s := newSender(t)
	b := s.begin("bob", "to", []string{"x@example.com"})
	s.put(b, "thefilename=half&chunk=0&chunks=2&chunksize=2", "ab").want(200, "OK")
	force := func() reply { return s.json("bob", "POST", "/transfer/"+b.id+"/complete") }
	force().want(409, "UploadRecentlyUpdated")
	s.clock = s.clock.Add(recent)
	force().want(400, "InvalidParameter") // no file is whole
	s.file(b, "whole")
	got := force()
	got.want(200, "OK")
	if link := got.str("data", "downloadurl"); got.keys("data") != "downloadurl" || link != base+"/t/"+s.stored(b).Track {
		t.Errorf("answer %s", got.body)
	}
	if names := s.names(b); names != "half=† file1=whole" && names != "file1=whole" {
		t.Errorf("holds %s", names)
	}
	if to := s.to(b); to != "x@example.com!" {
		t.Errorf("written to %s", to)
	}
}

func TestFiles(t *testing.T) {
	s := newSender(t)
	b := s.begin("bob")
	s.put(b, "thefilename=a", "first").want(200, "OK")
	s.put(b, "thefilename=b", "second").want(200, "OK")
	all := s.files(b)
	s.json("bob", "PUT", "/file/"+string(all[0].ID), "filename", `C:\plans\..\new.txt`).want(200, "OK")
	s.old("bob", "transfer/file/rename", "fileid", string(all[1].ID), "filename", "other.txt").want(200, "OK")
	if names := s.names(b); names != "plans/new.txt=first other.txt=second" {
		t.Errorf("holds %s", names)
	}
	s.json("bob", "DELETE", "/file/"+string(all[0].ID)).want(200, "OK")
	s.json("bob", "DELETE", "/file/"+string(all[0].ID)).want(409, "FileIsDeleted")
	s.json("bob", "PUT", "/file/"+string(all[0].ID), "filename", "x").want(409, "FileIsDeleted")
	s.old("bob", "transfer/file/delete", "fileid", string(all[1].ID)).want(200, "OK")
	s.complete(b).want(400, "InvalidParameter")
	s.put(b, "thefilename=a", "anew").want(200, "OK") // its name is free again
	s.complete(b).want(200, "OK")
}
