package filemail

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/share"
)

var (
	idShape         = regexp.MustCompile(`^[a-z]{15}$`)
	keyShape        = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	classicKeyShape = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// form sends a file as pyfilemail does: the field has the file's name, the part's own
// name is the word "filename", and what else there is stands in the query.
func (s *sender) form(b begun, path, name, body string) reply {
	s.t.Helper()
	var text bytes.Buffer
	m := multipart.NewWriter(&text)
	part, err := m.CreateFormFile(name, "filename")
	if err != nil {
		s.t.Fatal(err)
	}
	_, _ = part.Write([]byte(body))
	_ = m.Close()
	r := httptest.NewRequest("POST", base+path, &text)
	r.URL.RawQuery = "transferid=" + b.id + "&transferkey=" + b.key + "&thefilename=" + url.QueryEscape(name)
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Cookie", "apikey=of-somebody; logintoken=expired; source=Desktop")
	return s.send(r)
}

// TestSending sends a transfer, each step by either API: what one began the other
// goes on with.
func TestSending(t *testing.T) {
	for steps := range 8 {
		first, second, third := steps&1 > 0, steps&2 > 0, steps&4 > 0
		t.Run(fmt.Sprintf("classic initialize %v, upload %v, complete %v", first, second, third), func(t *testing.T) {
			s := newSender(t)
			var b begun
			if first {
				got := s.old("ada", "transfer/initialize", "subject", "Plans", "to", "bob@example.com, cid@example.com", "notify", "True", "from", "me@example.com")
				if got.keys() != "responsestatus transferid transferkey transferurl" || got.at("responsestatus") != "OK" {
					t.Fatalf("answer %s", got.body)
				}
				b = begun{got.str("transferid"), got.str("transferkey")}
				if !classicKeyShape.MatchString(b.key) || got.str("transferurl") != base+"/savefile.ashx" {
					t.Errorf("answer %s", got.body)
				}
			} else {
				got := s.json("ada", "POST", "/transfer/initialize", "subject", "Plans", "to", []string{"bob@example.com", "Cid@Example.com"}, "notify", true)
				if got.keys("data") != "transferid transferkey transferurl" {
					t.Fatalf("answer %s", got.body)
				}
				b = begun{got.str("data", "transferid"), got.str("data", "transferkey")}
				if !keyShape.MatchString(b.key) || got.str("data", "transferurl") != base+"/savefile.ashx" {
					t.Errorf("answer %s", got.body)
				}
			}
			if !idShape.MatchString(b.id) {
				t.Errorf("id %s", b.id)
			}
			if second {
				got := s.form(b, "/api/file/add", "/home/ada/plan.txt", "hello")
				if got.status != 200 || got.body != `{"responsestatus":"OK"}` {
					t.Fatalf("answer %d %s", got.status, got.body)
				}
			} else {
				s.form(b, "/savefile.ashx", "/home/ada/plan.txt", "hello").want(200, "OK")
			}
			if to := s.to(b); to != "bob@example.com cid@example.com" {
				t.Errorf("before it is complete %s", to)
			}
			link := ""
			if third {
				got := s.old("", "transfer/complete", "transferid", b.id, "transferkey", b.key, "keep_transfer_key", "True")
				if got.keys() != "downloadurl responsestatus" {
					t.Fatalf("answer %s", got.body)
				}
				link = got.str("downloadurl")
			} else {
				got := s.complete(b)
				if got.keys("data") != "downloadurl" {
					t.Fatalf("answer %s", got.body)
				}
				link = got.str("data", "downloadurl")
			}
			tr := s.stored(b)
			if link != base+"/t/"+tr.Track || tr.State != share.Ready || !tr.Notify || tr.Owner.Account != "ada" || tr.Sender != "ada@example.com" {
				t.Errorf("link %s of %+v", link, tr)
			}
			if to := s.to(b); to != "bob@example.com! cid@example.com!" {
				t.Errorf("written to %s", to)
			}
			if names := s.names(b); names != "home/ada/plan.txt=hello" {
				t.Errorf("files %s", names)
			}
		})
	}
}

func TestInitialize(t *testing.T) {
	s := newSender(t)
	group, err := s.contacts.AddGroup(t.Context(), "ada", "Builders")
	if err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"x@example.com", "y@example.com"} {
		c, err := s.contacts.Add(t.Context(), "ada", contact.Draft{Email: email}, 0)
		if err == nil {
			err = s.contacts.AddToGroup(t.Context(), "ada", group.ID, c.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("x", 201)
	for _, tt := range []struct {
		name, who string
		body      string
		status    int
		word      string
	}{
		{"a subject is enough", "ada", `{"subject":"a"}`, 200, "OK"},
		{"everything", "ada", `{"to":["x@example.com"],"subject":"a","message":"b","password":"c","confirmation":true,"notify":true,"days":5,"transfersize":9,"sourcedetails":"d","from":"z@example.com","downloads":3}`, 200, "OK"},
		{"nulls are what is not there", "ada", `{"to":null,"subject":"a","message":null,"password":null,"confirmation":null,"notify":null,"days":null,"transfersize":null,"from":null}`, 200, "OK"},
		{"texts for numbers and booleans, as image-uploader sends", "ada", `{"subject":"a","days":"5","notify":"true","confirmation":"false"}`, 200, "OK"},
		{"no end", "ada", `{"subject":"a","days":-1}`, 200, "OK"},
		{"a group", "ada", `{"subject":"a","to":["builders","z@example.com"]}`, 200, "OK"},
		{"another's group", "bob", `{"subject":"a","to":["builders"]}`, 400, "InvalidEmail"},
		{"no subject", "ada", `{}`, 400, "InputParameterMissing"},
		{"an empty subject", "ada", `{"subject":""}`, 400, "InputParameterMissing"},
		{"a long subject", "ada", `{"subject":"` + long + `"}`, 400, "InvalidParameter"},
		{"a subject of two lines", "ada", `{"subject":"a\r\nBcc: x@example.com"}`, 400, "InvalidParameter"},
		{"no address", "ada", `{"subject":"a","to":["not an address"]}`, 400, "InvalidEmail"},
		{"an address that is two lines", "ada", `{"subject":"a","to":["x@example.com\r\nBcc: y@example.com"]}`, 400, "InvalidParameter"},
		{"no days at all", "ada", `{"subject":"a","days":0}`, 400, "InvalidParameter"},
		{"more days than the plan has", "ada", `{"subject":"a","days":91}`, 409, "InvalidMembership"},
		{"more bytes than the plan has", "ada", `{"subject":"a","transfersize":1048577}`, 409, "FileSizeBlockSender"},
		{"more recipients than the plan has", "ada", `{"subject":"a","to":"` + addresses(11) + `"}`, 409, "TooManyRecipients"},
		{"to somebody who is blocked", "ada", `{"subject":"a","to":["eve@blocked.example"]}`, 409, "Blocked"},
		{"from somebody who is blocked", "ada", `{"subject":"a","from":"eve@blocked.example"}`, 409, "Blocked"},
		{"not JSON", "ada", `{`, 400, "InvalidRequest"},
		{"to: wrong type", "ada", `{"subject":"a","to":5}`, 400, "InvalidParameter"},
		{"to: wrong type of entry", "ada", `{"subject":"a","to":[5]}`, 400, "InvalidParameter"},
		{"subject: wrong type", "ada", `{"subject":5}`, 400, "InvalidParameter"},
		{"message: wrong type", "ada", `{"subject":"a","message":[]}`, 400, "InvalidParameter"},
		{"password: wrong type", "ada", `{"subject":"a","password":{}}`, 400, "InvalidParameter"},
		{"confirmation: wrong type", "ada", `{"subject":"a","confirmation":5}`, 400, "InvalidParameter"},
		{"notify: wrong type", "ada", `{"subject":"a","notify":"perhaps"}`, 400, "InvalidParameter"},
		{"days: wrong type", "ada", `{"subject":"a","days":true}`, 400, "InvalidParameter"},
		{"days: beyond any number", "ada", `{"subject":"a","days":1e300}`, 400, "InvalidParameter"},
		{"transfersize: wrong type", "ada", `{"subject":"a","transfersize":"many"}`, 400, "InvalidParameter"},
		{"from: wrong type", "ada", `{"subject":"a","from":["x@example.com"]}`, 400, "InvalidParameter"},
		{"from: no address", "ada", `{"subject":"a","from":"me"}`, 400, "InvalidEmail"},
		{"downloads: less than none", "ada", `{"subject":"a","downloads":-1}`, 400, "InvalidParameter"},
		{"source: wrong type", "ada", `{"subject":"a","source":{}}`, 400, "InvalidParameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.t = t
			got := s.do("POST", "/transfer/initialize", tt.body, append(as(tt.who), "Content-Type", "application/json")...)
			got.want(tt.status, tt.word)
			if tt.name == "a group" {
				if to := s.to(begun{id: got.str("data", "transferid")}); to != "x@example.com y@example.com z@example.com" {
					t.Errorf("for %s", to)
				}
			}
		})
	}
}

// TestInitializeTellsAllAtOnce: what the door sees of itself, what an address book
// says, and the rules of the core.
func TestInitializeTellsAllAtOnce(t *testing.T) {
	s := newSender(t)
	got := s.json("ada", "POST", "/transfer/initialize", "subject", "", "days", 0, "to", []string{"nobody at all"}, "password", 5)
	got.want(400, "InvalidParameter")
	var names []string
	all, _ := got.at("validationerrors").([]any)
	for i := range all {
		names = append(names, got.str("validationerrors", i, "propertyName")+" "+got.str("validationerrors", i, "errorCode"))
	}
	slices.Sort(names)
	const want = "days InvalidParameter, password InvalidParameter, subject InputParameterMissing, to InvalidEmail"
	if names := strings.Join(names, ", "); names != want {
		t.Errorf("wrong are %s; want %s", names, want)
	}
}

func addresses(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("somebody%d@example.com", i)
	}
	return strings.Join(all, ",")
}

func TestInitializeKeepsWhatIsSaid(t *testing.T) {
	s := newSender(t)
	b := s.begin("bob", "message", "line\nline", "password", "open", "confirmation", true, "notify", "True", "days", 5, "downloads", 3, "transfersize", 9)
	got := s.stored(b)
	if got.Name != "Plans" || got.Message != "line\nline" || got.Password != "text of open" || !got.Locked || !got.Confirm || !got.Notify ||
		got.Days != 5 || got.MaxDownloads != 3 || got.Announced != 9 || got.Owner.Account != "bob" || got.MaxSize != s.rules.MaxSize {
		t.Errorf("kept %+v", got)
	}
	if days := s.stored(s.begin("ada")).Days; days != 30 {
		t.Errorf("%d days where nobody said", days)
	}
	got = s.stored(begun{id: s.do("POST", "/transfer/initialize", `{"subject":"a"}`, "X-Api-Key", goodKey, "X-Api-Source", "WebApp", "Content-Type", "text/json").str("data", "transferid")})
	if got.Source != "WebApp" {
		t.Errorf("source %q", got.Source)
	}
	got = s.stored(begun{id: s.old("ada", "transfer/initialize", "source", "Outlook", "to", "BUILDERS@example.com").str("transferid")})
	if got.Source != "Outlook" || got.Name != "" {
		t.Errorf("kept %+v", got)
	}
}

func TestGuests(t *testing.T) {
	s := newSender(t)
	start := func(more string) reply {
		return s.do("POST", "/transfer/initialize", `{"subject":"a"`+more+`}`, append(as(""), "Content-Type", "application/json")...)
	}
	start("").want(401, "RegistrationRequired")
	start(`,"from":"ada@example.com"`).want(401, "UserAccountExistsLoginRequired")
	s.do("POST", "/transfer/initialize", `{"subject":"a"}`, "Content-Type", "application/json").want(401, "MissingApikey")

	s.guests = true
	got := start(`,"from":"me@example.com","notify":true,"confirmation":true`)
	got.want(200, "OK")
	b := begun{got.str("data", "transferid"), got.str("data", "transferkey")}
	if tr := s.stored(b); tr.Owner.Account != guests || tr.Sender != "" || tr.Source != "desktop" {
		t.Errorf("a guest's transfer is %+v", tr)
	}
	s.file(b, "hello")
	s.put(b, "thefilename=b", strings.Repeat("x", 101)).want(409, "FileSizeBlockSender")
	start(`,"to":["x@example.com"]`).want(409, "FeatureAvailableForRegisteredUsers")
	start(`,"password":"x"`).want(409, "FeatureAvailableForRegisteredUsers")
	start(`,"days":8`).want(409, "FeatureAvailableForRegisteredUsers")
	start(`,"to":["builders"]`).want(400, "InvalidEmail")
	start(`,"from":"eve@blocked.example"`).want(409, "Blocked")
	s.old("", "transfer/initialize", "subject", "a").want(200, "OK")
}

// TestNobodyGoesThroughAddresses: whether an address has an account is told a guest,
// but not for a list of them.
func TestNobodyGoesThroughAddresses(t *testing.T) {
	s := newSender(t)
	last := reply{}
	for range 61 {
		last = s.json("", "POST", "/transfer/initialize", "subject", "a", "from", "ada@example.com")
	}
	last.t = t
	last.want(429, "RateLimitExceeded")
	s.json("ada", "POST", "/transfer/initialize", "subject", "a").want(200, "OK")
}

func TestComplete(t *testing.T) {
	s := newSender(t)
	b := s.begin("ada", "to", []string{"x@example.com"})
	want := `{"responsestatus":"InvalidParameter","errorcode":1002,"errorname":"InvalidParameter","errormessage":"No files added to transfer","method":"/api/transfer/complete"}`
	if got := s.old("", "transfer/complete", "transferid", b.id, "transferkey", b.key); got.body != want || got.status != 400 {
		t.Errorf("without files %d\n%s, recorded is\n%s", got.status, got.body, want)
	}
	got := s.complete(b)
	got.want(400, "InvalidParameter")
	if m := got.at("errormessage"); m != "No files added to transfer" {
		t.Errorf("without files: %v", m)
	}
	s.put(b, "thefilename=a&chunk=0&chunks=2&chunksize=3", "abc").want(200, "OK")
	s.complete(b).want(409, "UploadNotComplete")
	s.put(b, "thefilename=a&chunk=1&chunks=2&chunksize=3", "d").want(200, "OK")
	first := s.complete(b).str("data", "downloadurl")
	if to := s.to(b); to != "x@example.com!" {
		t.Errorf("written to %s", to)
	}
	s.file(b, "more") // after completion
	if second := s.complete(b).str("data", "downloadurl"); second != first {
		t.Errorf("link %s, then %s", first, second)
	}
	if n := s.letters("letter.recipient"); n != 1 {
		t.Errorf("%d letters to one recipient", n)
	}
	if names := s.names(b); names != "a=abcd file1=more" {
		t.Errorf("files %s", names)
	}

	other := s.begin("ada")
	for _, tt := range []struct {
		name   string
		body   string
		status int
		word   string
	}{
		{"an id that nothing has", `{"transferid":"nosuchtransferx","transferkey":"` + b.key + `"}`, 404, "NotFound"},
		{"another's key", `{"transferid":"` + b.id + `","transferkey":"` + other.key + `"}`, 404, "NotFound"},
		{"a key without dashes", `{"transferid":"` + b.id + `","transferkey":"` + strings.ReplaceAll(b.key, "-", "") + `"}`, 200, "OK"},
		{"a key in capitals", `{"transferid":"` + b.id + `","transferkey":"` + strings.ToUpper(b.key) + `"}`, 200, "OK"},
		{"no id", `{"transferkey":"` + b.key + `"}`, 400, "InputParameterMissing"},
		{"no key", `{"transferid":"` + b.id + `"}`, 400, "InputParameterMissing"},
		{"an id of another type", `{"transferid":5,"transferkey":"` + b.key + `"}`, 400, "InvalidParameter"},
		{"a key that is none", `{"transferid":"` + b.id + `","transferkey":"x"}`, 400, "InvalidParameter"},
		{"a key of another type", `{"transferid":"` + b.id + `","transferkey":true}`, 400, "InvalidParameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.t = t
			s.do("PUT", "/transfer/complete", tt.body, append(as("ada"), "Content-Type", "application/json")...).want(tt.status, tt.word)
		})
	}
}

func TestTransfersADay(t *testing.T) {
	s := newSender(t)
	s.rules.Daily = 2
	s.begin("ada")
	s.old("ada", "transfer/initialize", "subject", "Plans").want(200, "OK")
	got := s.json("ada", "POST", "/transfer/initialize", "subject", "Plans")
	got.want(409, "FreeLimitReached")
	if after := got.header.Get("Retry-After"); after != "33883" { // it is 14:35:17
		t.Errorf("Retry-After: %q", after)
	}
	s.old("ada", "transfer/initialize", "subject", "Plans").want(409, "FreeLimitReached")
	s.begin("bob")
	s.clock = s.clock.Add(33883 * time.Second)
	s.begin("ada")
}
