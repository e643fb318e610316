package filemail

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
)

const (
	transferKeys = "id trackid key url from subject message to recipients failedRecipients sentdate expiredate " +
		"extendedexpiredate days permanent maxdays alloweditingexpiredate status isexpired notify size numberoffiles " +
		"numberofdownloads passwordprotected blockdownloads infected occupiesstorage source compressedfileurl " +
		"compressedfilestatus compressedfileformat torrenturl torrentstatus fileserver fileserverurl fileserverurl_main " +
		"ftphost ftpcorppasswordrequired udpthreshold customlogourl footertext iconcolor iconletter containsmorefiles " +
		"customfields files downloads"
	fileKeys = "fileid filename filesize downloadurl downloads md5 previewurl smallpreview mediumpreview largepreview " +
		"hascustompreview hascustomthumbnail filetype filetypedescription category suspecteddamage"
	// nullHere is what is null of a transfer of Ada's for herself, and so is left out
	// of classic answers.
	nullHere     = "maxdays torrenturl torrentstatus ftphost udpthreshold customlogourl footertext iconcolor"
	nullHereFile = "md5 previewurl smallpreview mediumpreview largepreview filetypedescription category"
)

func sorted(names string) string {
	all := strings.Fields(names)
	slices.Sort(all)
	return strings.Join(all, " ")
}

func without(names, others string) string {
	drop := strings.Fields(others)
	return strings.Join(slices.DeleteFunc(strings.Fields(names), func(n string) bool { return slices.Contains(drop, n) }), " ")
}

// members gives the names of an object's members, sorted.
func members(v any) string {
	m, _ := v.(map[string]any)
	return strings.Join(slices.Sorted(maps.Keys(m)), " ")
}

func TestObjectsHaveAllTheirKeys(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{To: []string{"bob@acme.test"}, Source: "Web"}, "a.txt=hello")
	path := "/transfer/" + string(tr.ID)
	got := l.read("ada", "GET", path, "")
	got.want(200, "OK")
	if diff := cmp.Diff(sorted(transferKeys), members(got.at("data"))); diff != "" {
		t.Errorf("a transfer: %s", diff)
	}
	if diff := cmp.Diff(sorted(fileKeys), members(got.at("data", "files", 0))); diff != "" {
		t.Errorf("a file: %s", diff)
	}
	if got := members(got.at("data", "recipients", 0)); got != "delivered deliveryerror downloadlink email" {
		t.Errorf("a recipient: %s", got)
	}
	stranger := l.read("", "GET", path, "")
	if diff := cmp.Diff(sorted(transferKeys), members(stranger.at("data"))); diff != "" {
		t.Errorf("for nobody: %s", diff)
	}

	old := l.do("GET", "/api/transfer/get?apikey=key+of+ada&transferid="+string(tr.ID), "")
	old.want(200, "OK")
	if diff := cmp.Diff(sorted(without(transferKeys, nullHere)), members(old.at("transfer"))); diff != "" {
		t.Errorf("classic, a transfer: %s", diff)
	}
	if diff := cmp.Diff(sorted(without(fileKeys, nullHereFile)), members(old.at("transfer", "files", 0))); diff != "" {
		t.Errorf("classic, a file: %s", diff)
	}
	if got := members(old.at("transfer", "recipients", 0)); got != "delivered downloadlink email" {
		t.Errorf("classic, a recipient: %s", got)
	}
	if got := members(old.at()); got != "responsestatus transfer" {
		t.Errorf("classic, the whole: %s", got)
	}
}

func TestTransferSaysWhatItIs(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{
		Message: "Here", To: []string{"bob@acme.test", "zoe@far.test"}, Days: new(14), Notify: true, Source: "Web",
	}, "folder/a.txt=hello", "b=")
	zoe := l.link(tr, "zoe@far.test")
	if err := l.desk.Delivered(t.Context(), zoe.Key, "no such mailbox"); err != nil {
		t.Fatal(err)
	}
	if err := l.desk.Delivered(t.Context(), l.link(tr, "bob@acme.test").Key, ""); err != nil {
		t.Fatal(err)
	}
	got := l.read("ada", "GET", "/transfer/"+string(tr.ID), "")
	begun := time.Date(2026, 11, 21, 14, 35, 18, 0, time.UTC)
	for name, want := range map[string]any{
		"id": string(tr.ID), "trackid": tr.Track, "key": string(l.desk.Key(tr)), "url": base + "/d/" + string(tr.ID),
		"from": "ada@ferry.test", "iconletter": "A", "subject": "Plans", "message": "Here", "failedRecipients": 1.0,
		"sentdate": float64(begun.UnixMilli()), "expiredate": float64(begun.AddDate(0, 0, 14).UnixMilli()),
		"extendedexpiredate": -1.0, "days": 14.0, "permanent": false, "alloweditingexpiredate": true,
		"status": "STATUS_COMPLETE", "isexpired": false, "notify": true, "size": 5.0, "numberoffiles": 2.0, "numberofdownloads": 0.0,
		"passwordprotected": false, "blockdownloads": false, "infected": false, "occupiesstorage": true, "source": "Web",
		"compressedfileformat": "zip", "fileserver": "ferry.test", "fileserverurl": base, "containsmorefiles": 0.0,
	} {
		if v := got.at("data", name); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	want := []any{
		map[string]any{"email": "bob@acme.test", "downloadlink": base + "/t/" + l.link(tr, "bob@acme.test").Track, "delivered": true, "deliveryerror": nil},
		map[string]any{"email": "zoe@far.test", "downloadlink": base + "/t/" + zoe.Track, "delivered": false, "deliveryerror": "no such mailbox"},
	}
	if diff := cmp.Diff(want, got.at("data", "recipients")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{"bob@acme.test", "zoe@far.test"}, got.at("data", "to")); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]any{"filename": "folder/a.txt", "filesize": 5.0, "filetype": "txt"} {
		if v := got.at("data", "files", 0, name); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	forever := l.send("ada", transfer.Form{Days: new(-1)}, "a=1")
	got = l.read("ada", "GET", "/transfer/"+string(forever.ID), "")
	if got.at("data", "expiredate") != -1.0 || got.at("data", "days") != -1.0 || got.at("data", "permanent") != true {
		t.Errorf("for ever: %s", got.body)
	}
}

func TestWhoSeesWhat(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{To: []string{"bob@acme.test", "zoe@far.test"}}, "a=1")
	for _, tt := range []struct {
		name, who string
		by        string // whose link; "": the id
		key, from bool
		to        []any // of to
		shown     int   // of recipients
		tracked   bool
	}{
		{"the sender", "ada", "", true, true, []any{"bob@acme.test", "zoe@far.test"}, 2, true},
		{"a recipient by the id", "bob", "", false, true, []any{"bob@acme.test"}, 0, false},
		{"whoever has a recipient's link", "", "zoe@far.test", false, true, []any{"zoe@far.test"}, 0, false},
		{"a stranger with the id", "", "", false, false, []any{}, 0, false},
		{"another account", "eve", "", false, false, []any{}, 0, false},
		{"the admin of a recipient: of their own people", "cleo", "", false, true, []any{"bob@acme.test"}, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := "/transfer/" + string(tr.ID)
			if tt.by != "" {
				path = "/transfer?trackid=" + l.link(tr, tt.by).Track
			}
			got := l.read(account.ID(tt.who), "GET", path, "")
			got.want(200, "OK")
			shown, _ := got.at("data", "recipients").([]any)
			if key, from := got.at("data", "key") != nil, got.at("data", "from") != nil; key != tt.key || from != tt.from {
				t.Errorf("key %v, from %v", key, from)
			}
			if diff := cmp.Diff(tt.to, got.at("data", "to")); diff != "" || len(shown) != tt.shown {
				t.Errorf("%s%d recipients", diff, len(shown))
			}
			if tracked := got.at("data", "numberofdownloads") != nil; tracked != tt.tracked {
				t.Errorf("tracked: %v", tracked)
			}
		})
	}
}

func TestWhatIsNotThereForTheReader(t *testing.T) {
	l := newLibrary(t)
	draft := l.open("ada", transfer.Form{}, "a=1")
	expired := l.send("ada", transfer.Form{Days: new(1)}, "a=1")
	deleted := l.send("ada", transfer.Form{}, "a=1")
	cancelled := l.open("ada", transfer.Form{}, "a=1")
	blocked := l.send("ada", transfer.Form{}, "a=1")
	if err := errors.Join(
		l.desk.Delete(t.Context(), transfer.Asker{Account: "ada"}, deleted.ID),
		l.desk.Cancel(t.Context(), cancelled.ID, l.desk.Key(cancelled)), l.desk.Block(t.Context(), blocked.ID, true),
	); err != nil {
		t.Fatal(err)
	}
	l.clock = l.clock.AddDate(0, 0, 2)
	for _, tt := range []struct {
		name   string
		id     share.ID
		status int
		word   string // for others
		own    string // what its sender reads; "": nothing
	}{
		{"an id that nothing has", "zzzzzzzzzzzzzzz", 404, "NotFound", ""},
		{"one that is not complete", draft.ID, 404, "NotFound", "STATUS_UPLOADING"},
		{"one that is over", expired.ID, 409, "TransferExpired", "STATUS_EXPIRED"},
		{"one that was deleted", deleted.ID, 409, "InvalidTransferState", "STATUS_DELETED"},
		{"one that was cancelled", cancelled.ID, 409, "InvalidTransferState", "STATUS_CANCELLED"},
		{"one that was blocked", blocked.ID, 409, "Blocked", "STATUS_COMPLETE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			find := `{"url":"https://www.filemail.com/d/` + string(tt.id) + `"}`
			for _, got := range []reply{
				l.read("bob", "GET", "/transfer/"+string(tt.id), ""), l.read("", "POST", "/transfer/find", find),
				l.read("", "GET", "/downloadpage/transfer?id="+string(tt.id), ""), l.do("GET", "/api/transfer/get?transferid="+string(tt.id), ""),
				l.do("GET", "/transfer/get?transferid="+string(tt.id), ""),
			} {
				if got.want(tt.status, tt.word); got.at("data") != nil {
					t.Errorf("data of an error: %s", got.body)
				}
			}
			own := l.read("ada", "GET", "/transfer/"+string(tt.id), "")
			if tt.own == "" {
				own.want(404, "NotFound")
			} else if own.at("data", "status") != tt.own || own.at("data", "files", 0, "downloadurl") != nil || own.at("data", "compressedfileurl") != nil {
				t.Errorf("its sender reads %s", own.body)
			}
		})
	}
}

// What another API made is not reached by its id alone; who sent it sees it.
func TestTransfersOfOtherAPIs(t *testing.T) {
	l := newLibrary(t)
	plain := transfer.NewService(l.db, l.db, l.uploads, l.ids, func() time.Time { return l.clock }, transfer.Limits{MaxFiles: 5, Keep: time.Hour})
	tr, _, err := plain.Create(t.Context(), account.Actor{Owner: account.Owner{Account: "ada", Room: "r"}}, transfer.Draft{
		ID: "32a6ef6003f1429be0cf1674dd", Code: "t-Ab12Cd34Ef", Hash: "828b5e", Name: "From WeTransfer",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Finalize(t.Context(), account.Actor{Owner: account.Owner{Account: "ada", Room: "r"}}, tr.ID); err != nil {
		t.Fatal(err)
	}
	l.read("bob", "GET", "/transfer/"+string(tr.ID), "").want(404, "NotFound")
	got := l.read("ada", "GET", "/transfer/sent", "")
	if got.textAt("data", "transfers", 0, "url") != base+"/t-Ab12Cd34Ef" || got.at("data", "transfers", 0, "trackid") != nil {
		t.Error(got.body)
	}
}

func TestPasswords(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{Password: "sesame", To: []string{"bob@acme.test"}}, "a=1")
	path := "/transfer/" + string(tr.ID)
	page := "/downloadpage/transfer?id=" + string(tr.ID)
	find := func(password string) string {
		return fmt.Sprintf(`{"url":"%s/d/%s","password":%q}`, base, tr.ID, password)
	}
	for _, got := range []reply{
		l.read("bob", "GET", path, ""), l.read("", "GET", page, ""), l.read("", "POST", "/transfer/find", find("")),
		l.read("bob", "GET", path+"?password=wrong", ""), l.read("", "POST", "/transfer/find", find("wrong")),
		l.do("GET", "/api/transfer/get?transferid="+string(tr.ID), ""),
	} {
		got.want(409, "PasswordRequired")
	}
	for _, got := range []reply{
		l.read("bob", "GET", path+"?password=sesame", ""), l.read("ada", "GET", path, ""), l.read("", "POST", "/transfer/find", find("sesame")),
	} {
		got.want(200, "OK")
		l.fetch("GET", got.textAt("data", "files", 0, "downloadurl")).wantBytes(t, 200, "1")
		l.fetch("GET", got.textAt("data", "compressedfileurl")).wantStatus(t, 200)
	}
	if got := l.read("bob", "GET", "/transfer/inbox", ""); got.at("data", "transfers", 0, "passwordprotected") != true || got.at("data", "transfers", 0, "compressedfileurl") != nil {
		t.Errorf("the inbox leads round the password: %s", got.body)
	}

	// Another password: what was given before is worth nothing.
	file := l.read("ada", "GET", path, "").textAt("data", "files", 0, "downloadurl")
	token := l.read("", "GET", page+"&password=sesame", "").textAt("data", "filestoken")
	other := account.Secret("other")
	if _, err := l.desk.Update(t.Context(), transfer.Asker{Account: "ada"}, tr.ID, transfer.Change{Password: &other}, transfer.Rules{}); err != nil {
		t.Fatal(err)
	}
	l.fetch("GET", file).want(409, "PasswordRequired")
	l.read("", "GET", "/downloadpage/files?id="+string(tr.ID)+"&filesToken="+token, "").want(409, "PasswordRequired")

	for range 9 {
		l.read("eve", "GET", path+"?password=guess", "")
	}
	l.read("eve", "GET", path+"?password=other", "").want(429, "RateLimitExceeded")
	l.do("GET", "/api/transfer/get?password=other&transferid="+string(tr.ID), "").want(429, "RateLimitExceeded")
}

func TestSentAndReceived(t *testing.T) {
	l := newLibrary(t)
	first := l.send("ada", transfer.Form{Subject: "First", To: []string{"bob@acme.test"}}, "a=1")
	second := l.send("ada", transfer.Form{Subject: "Second", Message: "needle", To: []string{"bob@acme.test", "dora@acme.test"}}, "a=1")
	l.open("ada", transfer.Form{Subject: "Draft"}, "a=1")
	third := l.send("bob", transfer.Form{Subject: "Third", To: []string{"dora@acme.test"}}, "a=1")
	short := l.send("ada", transfer.Form{Subject: "Short", Days: new(1), To: []string{"bob@acme.test"}}, "a=1")
	_ = short
	l.clock = l.clock.AddDate(0, 0, 2)
	since := fmt.Sprint(second.CreatedAt.Add(-time.Second / 2).UnixMilli())
	for _, tt := range []struct{ name, who, path, want string }{
		{"what I sent, the latest first", "ada", "/transfer/sent", "Second First"},
		{"with what is over", "ada", "/transfer/sent?getexpired=true", "Short Second First"},
		{"a page of it", "ada", "/transfer/sent?limit=1&skip=1", "First"},
		{"found by a word in the message", "ada", "/transfer/sent?search=NEEDLE", "Second"},
		{"found by a recipient", "ada", "/transfer/sent?search=dora@", "Second"},
		{"of all users for who is no admin", "ada", "/transfer/sent?getforallusers=true", "Second First"},
		{"of all users for an admin", "cleo", "/transfer/sent?getForAllUsers=True", "Third"},
		{"nothing of others", "eve", "/transfer/sent", ""},
		{"what I received", "bob", "/transfer/inbox", "Second First"},
		{"by its other name", "bob", "/transfer/received", "Second First"},
		{"after a moment", "bob", "/transfer/inbox?from=" + since, "Second"},
		{"all that my people received", "cleo", "/transfer/inbox?getForAllUsers=true", "Third Second Second First"},
		{"but not unless I ask", "cleo", "/transfer/inbox", ""},
		{"who has not shown an address has no inbox", "eve", "/transfer/inbox", ""},
		{"a portal that is not there may be passed over", "bob", "/transfer/inbox?portalId=p&ignoreDeletedPortals=true", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := l.read(account.ID(tt.who), "GET", tt.path, "")
			got.want(200, "OK")
			if s := subjects(got.at("data", "transfers")); s != tt.want {
				t.Errorf("%q, want %q", s, tt.want)
			}
		})
	}
	got := l.read("bob", "GET", "/transfer/inbox", "")
	if diff := cmp.Diff(sorted(transferKeys), members(got.at("data", "transfers", 0))); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]any{
		"trackid": l.link(second, "bob@acme.test").Track, "url": base + "/t/" + l.link(second, "bob@acme.test").Track,
		"key": nil, "from": "ada@ferry.test", "containsmorefiles": 1.0,
	} {
		if v := got.at("data", "transfers", 0, name); v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if diff := cmp.Diff([]any{}, got.at("data", "transfers", 0, "files")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{"bob@acme.test"}, got.at("data", "transfers", 0, "to")); diff != "" {
		t.Errorf("a recipient learns of others: %s", diff)
	}
	_, _ = first, third
	team := l.read("cleo", "GET", "/transfer/inbox?getForAllUsers=true", "")
	if team.textAt("data", "transfers", 1, "trackid") != second.Track {
		t.Errorf("an admin is given a colleague's own link: %s", team.body)
	}
	l.read("bob", "GET", "/transfer/inbox?portalId=p", "").want(404, "NotFound")
	l.read("", "GET", "/transfer/inbox", "").want(401, "InvalidOrExpiredLoginToken")

	// Classic: with a token, and from counts seconds as well.
	seconds := fmt.Sprint(second.CreatedAt.Unix() - 1)
	for path, want := range map[string]string{
		"/api/transfer/sent/get?logintoken=key+of+ada":                         "Second First",
		"/api/transfer/received/get?logintoken=key+of+bob&from=" + seconds:     "Second",
		"/api/transfer/received/get?logintoken=key+of+bob&from=" + since:       "Second",
		"/transfer/sent/get?apikey=key+of+ada":                                 "Second First",
		"/transfer/received/get?apikey=key+of+bob":                             "Second First",
		"/api/transfer/sent/get?logintoken=key+of+cleo&getall=1&getexpired=no": "",
	} {
		got := l.do("GET", path, "")
		if strings.Contains(path, "=no") {
			got.want(400, "InvalidParameter")
		} else if s := subjects(got.at("transfers")); got.status != 200 || s != want {
			t.Errorf("%s: %d %q, want %q", path, got.status, s, want)
		}
	}
	l.do("GET", "/api/transfer/sent/get?apikey=key+of+ada", "").want(401, "InvalidOrExpiredLoginToken")
}

func subjects(list any) string {
	all, _ := list.([]any)
	var names []string
	for _, t := range all {
		names = append(names, t.(map[string]any)["subject"].(string))
	}
	return strings.Join(names, " ")
}

func TestFilesOfAnAnswer(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{}, "a=1", "b=2", "c=3")
	path := "/transfer/" + string(tr.ID)
	for query, want := range map[string]struct {
		files int
		more  float64
	}{"": {3, 0}, "?fileslimit=-1": {3, 0}, "?filesLimit=2": {2, 1}, "?fileslimit=0": {0, 3}, "?fileslimit=9": {3, 0}} {
		got := l.read("ada", "GET", path+query, "")
		files, _ := got.at("data", "files").([]any)
		if len(files) != want.files || got.at("data", "containsmorefiles") != want.more {
			t.Errorf("%q: %d files, %v more", query, len(files), got.at("data", "containsmorefiles"))
		}
	}
	got := l.read("ada", "GET", path+"?fprops=FileName,downloadurl,whatever", "")
	if m := members(got.at("data", "files", 0)); m != "downloadurl filename" {
		t.Errorf("fprops: %s", m)
	}
	if got := l.read("ada", "GET", path+"?fprops=whatever", ""); members(got.at("data", "files", 0)) != sorted(fileKeys) {
		t.Errorf("fprops without a property: %s", got.body)
	}
}

func TestFindByThePage(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{To: []string{"zoe@far.test"}}, "a=1")
	zoe := l.link(tr, "zoe@far.test")
	for _, page := range []string{
		"https://www.filemail.com/d/" + string(tr.ID), base + "/d/" + string(tr.ID) + "?x=y#z", "acme.filemail.com/d/" + string(tr.ID) + "/",
		base + "/t/" + tr.Track, base + "/t/" + zoe.Track, "https://fil.email/" + zoe.Track,
	} {
		got := l.read("", "POST", "/transfer/find", fmt.Sprintf(`{"url":%q}`, page))
		got.want(200, "OK")
		if got.at("data", "id") != string(tr.ID) || got.at("data", "files", 0, "filename") != "a" {
			t.Errorf("%s: %s", page, got.body)
		}
	}
	for page, word := range map[string]string{
		"": "InputParameterMissing", "https://ferry.test/": "InvalidParameter", "https://ferry.test/x/y": "InvalidParameter", "%": "InvalidParameter",
	} {
		l.read("", "POST", "/transfer/find", fmt.Sprintf(`{"url":%q}`, page)).want(400, word)
	}
}

func TestPageOfTheWebApp(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{To: []string{"zoe@far.test"}}, "a=1", "b=2")
	zoe := l.link(tr, "zoe@far.test")
	for _, id := range []string{string(tr.ID), tr.Track, zoe.Track} {
		got := l.read("", "GET", "/downloadpage/transfer?id="+id, "")
		got.want(200, "OK")
		if diff := cmp.Diff(sorted(transferKeys+" filestoken"), members(got.at("data"))); diff != "" {
			t.Error(diff)
		}
		token := got.textAt("data", "filestoken")
		files := l.read("", "GET", "/downloadpage/files?id="+id+"&filesToken="+token, "")
		files.want(200, "OK")
		if files.at("data", "files", 1, "filename") != "b" {
			t.Error(files.body)
		}
		l.fetch("GET", files.textAt("data", "files", 1, "downloadurl")).wantBytes(t, 200, "2")
		l.fetch("GET", base+filePath+"?filekey="+token).want(404, "NotFound") // it opens no bytes
	}
	file := l.read("", "GET", "/transfer/"+string(tr.ID), "").textAt("data", "files", 0, "downloadurl")
	_, key, _ := strings.Cut(file, "filekey=")
	for _, token := range []string{key, "x", "%20"} {
		l.read("", "GET", "/downloadpage/files?id=x&filesToken="+token, "").want(404, "NotFound")
	}
	l.read("", "GET", "/downloadpage/files?id=x", "").want(400, "InputParameterMissing")
	l.read("", "GET", "/downloadpage/transfer", "").want(400, "InputParameterMissing")
}

func TestCompress(t *testing.T) {
	l := newLibrary(t)
	tr, open := l.send("ada", transfer.Form{}, "a=1"), l.open("ada", transfer.Form{}, "a=1")
	key := url.QueryEscape(string(l.desk.Key(tr)))
	for _, tt := range []struct {
		name, query string
		status      int
		word        string
	}{
		{"by who sent it", "logintoken=key+of+ada&transferid=" + string(tr.ID), 200, "OK"},
		{"by its key", "transferkey=" + key + "&transferid=" + string(tr.ID), 200, "OK"},
		{"by another", "logintoken=key+of+bob&transferid=" + string(tr.ID), 404, "NotFound"},
		{"by another key", "transferkey=" + key + "&transferid=" + string(open.ID), 404, "NotFound"},
		{"by nobody", "transferid=" + string(tr.ID), 401, "InvalidOrExpiredLoginToken"},
		{"what is not complete", "logintoken=key+of+ada&transferid=" + string(open.ID), 409, "UploadNotComplete"},
		{"what is not said", "logintoken=key+of+ada", 400, "InputParameterMissing"},
		{"a key that is none", "transferkey=1&transferid=x", 400, "InvalidParameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/api/transfer/compress?", "/api/transfer/zip?"} {
				l.do("GET", path+tt.query, "").want(tt.status, tt.word)
			}
		})
	}
}

func TestWrongTypesOfReading(t *testing.T) {
	l := newLibrary(t)
	for path, fields := range map[string][]string{
		"/transfer/sent":      {"limit=x", "limit=0", "limit=1.5", "skip=-1", "skip=10001", "getexpired=maybe", "getforallusers=2", "search=%00", "search=%ff"},
		"/transfer/inbox":     {"from=yesterday", "from=-1", "limit=9999999999", "getForAllUsers=x", "ignoreDeletedPortals=x", "portalId=a%0ab"},
		"/transfer/x":         {"fileslimit=-2", "fileslimit=x", "password=%00", "fprops=a%0db"},
		"/transfer":           {"", "trackid=%0a", "trackid=" + strings.Repeat("x", 65)},
		"/downloadpage/files": {"filesToken=%00&id=1", "filesToken=1&id=%0a"},
	} {
		for _, q := range fields {
			if got := l.read("ada", "GET", path+"?"+q, ""); got.status != 400 {
				t.Errorf("%s?%s: %d %s", path, q, got.status, got.body)
			}
		}
	}
	for _, body := range []string{`{"url":1}`, `{"url":["x"]}`, `{"url":"a\nb"}`, `{"url":"https://x.test/d/y","password":{}}`, `[]`, `{"url":true}`} {
		if got := l.read("ada", "POST", "/transfer/find", body); got.status != 400 {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

func TestIDsAreNotGuessed(t *testing.T) {
	l := newLibrary(t)
	tr := l.send("ada", transfer.Form{}, "a=1")
	for i := range 70 {
		l.read("eve", "GET", fmt.Sprintf("/transfer/guess%d", i), "")
	}
	l.read("eve", "GET", "/transfer/another", "").want(429, "RateLimitExceeded")
	l.read("", "POST", "/transfer/find", `{"url":"https://x.test/d/guess"}`).want(429, "RateLimitExceeded")
	l.read("eve", "GET", "/transfer/"+string(tr.ID), "").want(200, "OK")
}

func TestForTheCompanysPeopleAlone(t *testing.T) {
	l := newLibrary(t)
	l.closed = "bob"
	tr := l.send("bob", transfer.Form{To: []string{"ada@ferry.test", "dora@acme.test"}}, "a=1")
	path := "/transfer/" + string(tr.ID)
	l.read("", "GET", path, "").want(401, "CorpAuthenticationRequired")
	l.read("ada", "GET", path, "").want(401, "CorpAuthorizationFailed")
	if got := l.read("ada", "GET", "/transfer/inbox", ""); got.status != 200 || got.at("data", "transfers", 0, "compressedfileurl") != nil {
		t.Errorf("%s", got.body)
	}
	for _, who := range []account.ID{"bob", "dora"} {
		got := l.read(who, "GET", path, "")
		l.fetch("GET", got.textAt("data", "files", 0, "downloadurl")).wantBytes(t, 200, "1")
	}
	l.closed = ""
	file := l.read("ada", "GET", path, "").textAt("data", "files", 0, "downloadurl")
	l.closed = "bob"
	l.fetch("GET", file).want(401, "CorpAuthenticationRequired")
}
