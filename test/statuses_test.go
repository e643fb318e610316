package test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// A statusRow is a word of FilemailStatusEnum. It has one of three: a way to provoke
// it, what it waits for, or what the code lacks.
type statusRow struct {
	name string
	http int
	code int

	provoke func(p *place) told
	waits   string // for a capability: the door does not say the word yet
	lacks   string // what of a capability that is there is missing for it
}

// A told is what a server answered.
type told struct {
	node   *testenv.Node
	status int
	body   []byte
}

// A place is where statuses are provoked: a server with people of a company. Rows
// share it, and make whatever they spoil themselves.
type place struct {
	*testing.T
	node  *testenv.Node
	boss  *fm // the one admin of a company, on a plan without limits
	made  int
	email map[*fm]string // of whose key it is
}

const fmPassword = "a long-enough phrase"

func newPlace(t *testing.T, args ...string) *place {
	p := &place{T: t, node: testenv.StartFerry(t, args...), email: map[*fm]string{}}
	p.boss = p.person("--company", "Acme")
	return p
}

func (p *place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// address gives one that nobody has.
func (p *place) address() string {
	p.made++
	return fmt.Sprintf("person%d@example.org", p.made)
}

// person makes an account and gives a client with a key of it.
func (p *place) person(flags ...string) *fm {
	p.Helper()
	email := p.address()
	p.node.Ferry(append([]string{"user", "create", "--email", email, "--password", fmPassword}, flags...)...)
	return p.keyOf(email)
}

func (p *place) keyOf(email string, flags ...string) *fm {
	p.Helper()
	c := newFM(p.node.URL, p.node.Key(append([]string{"--user", email}, flags...)...))
	p.Cleanup(c.http.CloseIdleConnections)
	p.email[c] = email
	return c
}

// onPlan makes a plan with these limits, and a person who has it.
func (p *place) onPlan(flags ...string) *fm {
	p.Helper()
	p.made++
	name := fmt.Sprintf("plan%d", p.made)
	p.node.Ferry(append([]string{"plan", "set", name, "--name", name, "--api"}, flags...)...)
	return p.person("--plan", name)
}

// ask makes a call and takes what comes.
func (p *place) ask(c *fm, method, path string, request any, headers ...string) told {
	p.Helper()
	var body io.Reader
	switch r := request.(type) {
	case nil:
	case string:
		body = strings.NewReader(r)
	default:
		text, err := json.Marshal(r)
		p.must(err)
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(p.Context(), method, p.node.URL+path, body)
	p.must(err)
	if c.key != "" {
		req.Header.Set("X-Api-Key", c.key)
	}
	req.Header.Set("X-Api-Version", "2.0")
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Logintoken", c.token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return p.do(req)
}

func (p *place) do(req *http.Request) told {
	p.Helper()
	resp, err := http.DefaultClient.Do(req)
	p.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	p.must(err)
	return told{p.node, resp.StatusCode, text}
}

// get fetches a link without any credentials.
func (p *place) get(link string) told {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), "GET", link, nil)
	p.must(err)
	return p.do(req)
}

// guest is nobody: an app that has no key.
func (p *place) guest(request any) told {
	p.Helper()
	return p.ask(&fm{}, "POST", "/transfer/initialize", request, "Source", "web")
}

type object map[string]any

// send opens a transfer of one file that is there whole, but not completed.
func (p *place) send(c *fm, size int64, more object) (fmTransfer, chunked) {
	p.Helper()
	request := object{"subject": "s"}
	maps.Copy(request, more)
	tr, err := c.begin(request)
	p.must(err)
	f := chunked{content{"f.bin", size, 5}, max(size, 1)}
	p.must(c.putChunk(tr, f, 0))
	return tr, f
}

// sent is send and completes.
func (p *place) sent(c *fm, size int64, more object) (fmTransfer, fmDetails) {
	p.Helper()
	tr, _ := p.send(c, size, more)
	_, err := c.complete(tr)
	p.must(err)
	d, err := c.details(tr.TransferID)
	p.must(err)
	if len(d.Files) != 1 {
		p.Fatalf("%d files", len(d.Files))
	}
	return tr, d
}

func (p *place) complete(c *fm, tr fmTransfer) told {
	p.Helper()
	return p.ask(c, "PUT", "/transfer/complete", object{"transferid": tr.TransferID, "transferkey": tr.TransferKey})
}

// chunk sends bytes of the whole of a file.
func (p *place) chunk(tr fmTransfer, body io.Reader, more url.Values) told {
	p.Helper()
	q := url.Values{"transferid": {tr.TransferID}, "transferkey": {tr.TransferKey}, "thefilename": {"f"}}
	maps.Copy(q, more)
	req, err := http.NewRequestWithContext(p.Context(), "POST", p.node.URL+"/savefile.ashx?"+q.Encode(), body)
	p.must(err)
	req.Header.Set("Content-Type", "application/octet-stream")
	return p.do(req)
}

// fmLogin is what a login gives.
type fmLogin struct{ LoginToken, RefreshToken string }

func (p *place) login(c *fm, email, password string) (l fmLogin) {
	p.Helper()
	p.must(c.call("POST", "/auth/login", object{"email": email, "password": password}, &l))
	return l
}

// colleague has the boss add somebody to the company, who is signed in.
func (p *place) colleague(boss *fm, more object) (c *fm, id string) {
	p.Helper()
	email := p.address()
	request := object{"email": email, "password": fmPassword, "name": "n"}
	maps.Copy(request, more)
	var made struct{ UserID string }
	p.must(boss.call("POST", "/company/user", request, &made))
	c = newFM(p.node.URL, boss.key)
	c.token = p.login(boss, email, fmPassword).LoginToken
	p.email[c] = email
	return c, made.UserID
}

func (p *place) idOf(c *fm) string {
	p.Helper()
	var me struct{ UserID string }
	p.must(c.call("GET", "/user", nil, &me))
	return me.UserID
}

// sql changes the database behind the server's back. It stands for time that goes by,
// and for damage.
func (p *place) sql(text string, args ...any) {
	p.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.node.Data, "ferry.db")+"?_pragma=busy_timeout(10000)")
	p.must(err)
	defer db.Close()
	_, err = db.Exec(text, args...)
	p.must(err)
}

// company makes a company with an admin of its own.
func (p *place) company(flags ...string) (boss *fm, name string) {
	p.Helper()
	p.made++
	name = fmt.Sprintf("Company %d", p.made)
	p.node.Ferry(append([]string{"company", "create", name}, flags...)...)
	return p.person("--company", name), name
}

// fmPortal is what a call about a portal gives.
type fmPortal struct {
	PortalID, Name, Text string
	To                   []string
	Version              int64
}

// portal makes one of the company whose admin boss is, for them.
func (p *place) portal(boss *fm) (made fmPortal) {
	p.Helper()
	p.made++
	p.must(boss.call("POST", "/portal", object{"name": fmt.Sprintf("Portal %d", p.made), "to": []string{p.email[boss]}}, &made))
	return made
}

// elsewhere gives a place of its own, for a server that is set up in another way or
// is to be damaged.
func (p *place) elsewhere(args ...string) *place {
	p.Helper()
	return newPlace(p.T, args...)
}

const million = 1_000_000

var statusRows = []statusRow{
	{name: "OK", http: 200, provoke: func(p *place) told { return p.ask(p.boss, "GET", "/user", nil) }},
	{name: "UnknownError", http: 500, code: 1001, provoke: func(p *place) told {
		p = p.elsewhere()
		p.sql("drop table contacts")
		return p.ask(p.boss, "GET", "/contact", nil)
	}},
	{name: "InvalidParameter", http: 400, code: 1002, provoke: func(p *place) told {
		return p.ask(p.boss, "POST", "/transfer/initialize", object{"subject": "s", "days": "many"})
	}},
	{name: "InputParameterMissing", http: 400, code: 1003, provoke: func(p *place) told {
		return p.ask(p.boss, "POST", "/transfer/initialize", object{})
	}},
	{name: "InvalidEmail", http: 400, code: 1004, provoke: func(p *place) told {
		return p.ask(p.boss, "POST", "/contact", object{"email": "nobody", "name": "n"})
	}},
	{name: "NotFound", http: 404, code: 1005, provoke: func(p *place) told {
		return p.ask(p.boss, "GET", "/transfer/nothinghasthis", nil)
	}},
	{name: "CantRemoveLastCorpAdmin", http: 409, code: 1006, provoke: func(p *place) told {
		boss, _ := p.company()
		return p.ask(boss, "PUT", "/company/user/"+p.idOf(boss), object{"admin": false})
	}},
	{name: "CantRemoveYourself", http: 409, code: 1007, provoke: func(p *place) told {
		return p.ask(p.boss, "DELETE", "/company/user/"+p.idOf(p.boss), nil)
	}},
	{name: "CantRemoveAdminRoleForYourself", http: 409, code: 1008, provoke: func(p *place) told {
		boss, _ := p.company()
		p.colleague(boss, object{"admin": true})
		return p.ask(boss, "PUT", "/company/user/"+p.idOf(boss), object{"admin": false})
	}},
	{name: "ServiceInterruption", http: 500, code: 1009, provoke: func(p *place) told {
		// What the server refuses before a door sees it, it tells the log of at this level only.
		p = p.elsewhere("--maintenance", "--log-level", "debug")
		return p.ask(p.boss, "GET", "/user", nil)
	}},
	{name: "ImageThumbTooExpensive", http: 409, code: 1010, waits: "media"},
	{name: "MissingApikey", http: 401, code: 1011, provoke: func(p *place) told { return p.ask(&fm{}, "GET", "/user", nil) }},
	{name: "InvalidApikey", http: 401, code: 1012, provoke: func(p *place) told {
		c := p.person()
		id, _, _ := strings.Cut(p.node.Ferry("key", "list", "--user", p.email[c]), "\t")
		p.node.Ferry("key", "delete", id)
		return p.ask(c, "GET", "/user", nil)
	}},
	{name: "ApiKeyQuotaExceeded", http: 429, code: 1013, provoke: func(p *place) told {
		c := p.keyOf(p.email[p.boss], "--daily-limit", "1")
		p.must(c.call("GET", "/user", nil, nil))
		return p.ask(c, "GET", "/user", nil)
	}},
	{name: "RateLimitExceeded", http: 429, code: 1014, provoke: func(p *place) told {
		c := p.person()
		try := object{"email": p.email[c], "password": "not the phrase"}
		for range 10 {
			if a := p.ask(c, "POST", "/auth/login", try); a.status != 401 {
				p.Fatalf("too early: %d %s", a.status, a.body)
			}
		}
		return p.ask(c, "POST", "/auth/login", try)
	}},
	{name: "WrongUsernamePassword", http: 401, code: 2001, provoke: func(p *place) told {
		return p.ask(p.boss, "POST", "/auth/login", object{"email": p.email[p.boss], "password": "not the phrase"})
	}},
	{name: "PasswordTooWeak", http: 400, code: 2002, provoke: func(p *place) told {
		return p.ask(p.boss, "POST", "/company/user", object{"email": p.address(), "password": "password"})
	}},
	{name: "InvalidOrExpiredLoginToken", http: 401, code: 2003, provoke: func(p *place) told {
		c := *p.boss
		c.token = p.login(p.boss, p.email[p.boss], fmPassword).LoginToken
		p.must(c.call("POST", "/auth/logout", object{}, nil))
		return p.ask(&c, "GET", "/user", nil)
	}},
	{name: "AccountExpired", http: 409, code: 2004, provoke: func(p *place) told {
		c := p.onPlan()
		// Paid time that went by.
		p.sql("update accounts set paid_until = ? where email = ?", time.Now().Add(-time.Hour).UnixMilli(), p.email[c])
		return p.ask(c, "POST", "/transfer/initialize", object{"subject": "s"})
	}},
	{name: "CaptchaRequiredForNextLogin", http: 401, code: 2005, waits: "captcha"},
	{name: "LDAPUnableToCreateUser", http: 401, code: 2006, waits: "LDAP"},
	{name: "LDAPWrongUsernamePassword", http: 401, code: 2007, waits: "LDAP"},
	{name: "AccessDenied", http: 401, code: 2008, provoke: func(p *place) told {
		c, _ := p.colleague(p.boss, nil)
		return p.ask(c, "GET", "/company/user", nil)
	}},
	{name: "CorpAuthenticationRequired", http: 401, code: 2009, provoke: func(p *place) told {
		_, d := p.inside()
		return p.ask(&fm{}, "GET", "/transfer?trackid="+d.TrackID, nil, "Source", "web")
	}},
	{name: "InvalidRequest", http: 400, code: 2010, provoke: func(p *place) told {
		return p.ask(p.boss, "POST", "/transfer/initialize", "{")
	}},
	{name: "UseSsoLink", http: 401, code: 2011, waits: "SSO"},
	{name: "SsoSessionExpired", http: 401, code: 2012, waits: "SSO"},
	{name: "SsoCompanyDoesNotUseAdLogin", http: 409, code: 2013, waits: "SSO"},
	{name: "SsoGroupIdNotSupported", http: 401, code: 2014, waits: "SSO"},
	{name: "SsoSignatureInvalid", http: 401, code: 2015, waits: "SSO"},
	{name: "TwoFactorTokenNotFound", http: 401, code: 2016, waits: "two-factor"},
	{name: "TwoFactorUserNotFound", http: 401, code: 2017, waits: "two-factor"},
	{name: "TwoFactorPinNotValid", http: 401, code: 2018, waits: "two-factor"},
	{name: "PasswordResetRequired", http: 401, code: 2019, provoke: func(p *place) told {
		c := p.person()
		p.node.Ferry("user", "password", "--password", "another long phrase", "--must-change", p.email[c])
		return p.ask(p.boss, "POST", "/auth/login", object{"email": p.email[c], "password": "another long phrase"})
	}},
	{name: "SsoUserDisabled", http: 401, code: 2020, waits: "SSO"},
	{name: "SsoLoginGeneralError", http: 401, code: 2021, waits: "SSO"},
	{name: "SsoMissingAuthCode", http: 400, code: 2022, waits: "SSO"},
	{name: "RefreshTokenExpired", http: 400, code: 2040, provoke: func(p *place) told {
		c := *p.boss
		l := p.login(p.boss, p.email[p.boss], fmPassword)
		c.token = l.LoginToken
		p.must(c.call("POST", "/auth/logout", object{}, nil)) // its end, before three months are over
		return p.ask(p.boss, "POST", "/auth/refreshtoken", object{"refreshtoken": l.RefreshToken})
	}},
	{name: "RefreshTokenAlreadyUsed", http: 400, code: 2041, provoke: func(p *place) told {
		l := p.login(p.boss, p.email[p.boss], fmPassword)
		p.must(p.boss.call("POST", "/auth/refreshtoken", object{"refreshtoken": l.RefreshToken}, nil))
		return p.ask(p.boss, "POST", "/auth/refreshtoken", object{"refreshtoken": l.RefreshToken})
	}},
	{name: "SsoResetPasswordBlocked", http: 409, code: 2042, waits: "SSO"},
	{name: "AuthorizationFailure", http: 401, code: 2043, provoke: func(p *place) told {
		return p.ask(p.keyOf(p.email[p.boss], "--scope", "read"), "POST", "/transfer/initialize", object{"subject": "s"})
	}},
	{name: "CorpAuthorizationFailed", http: 401, code: 2044, provoke: func(p *place) told {
		_, d := p.inside()
		return p.ask(p.person(), "GET", "/transfer?trackid="+d.TrackID, nil)
	}},
	{name: "BusinessAccountExistsRegistrationRequired", http: 409, code: 3001, provoke: func(p *place) told {
		p = p.elsewhere("--anonymous-sending")
		p.company("--domain", "claimed.example")
		return p.guest(object{"subject": "s", "from": "somebody@claimed.example"})
	}},
	{name: "UserAccountExistsLoginRequired", http: 401, code: 3002, provoke: func(p *place) told {
		return p.guest(object{"subject": "s", "from": p.email[p.boss]})
	}},
	{name: "Blocked", http: 409, code: 3003, provoke: func(p *place) told {
		p.node.Ferry("block", "add", "blocked.example")
		return p.ask(p.boss, "POST", "/transfer/initialize", object{"subject": "s", "to": []string{"a@blocked.example"}})
	}},
	{name: "AllFileserversBusy", http: 500, code: 3004, provoke: func(p *place) told {
		p = p.elsewhere("--min-free", "1000TB")
		return p.ask(p.boss, "POST", "/transfer/initialize", object{"subject": "s"})
	}},
	{name: "FreeLimitReached", http: 409, code: 3005, provoke: func(p *place) told {
		c := p.onPlan("--daily", "1")
		// Once more than the plan has, as midnight may lie between.
		for range 2 {
			if a := p.ask(c, "POST", "/transfer/initialize", object{"subject": "s"}); a.status != http.StatusOK {
				return a
			}
		}
		return p.ask(c, "POST", "/transfer/initialize", object{"subject": "s"})
	}},
	{name: "AccountExpiredAndOutOfTransferCredits", http: 409, code: 3006, waits: "billing"},
	{name: "EmailNotVerified", http: 409, code: 3007, provoke: func(p *place) told {
		c, _ := p.colleague(p.boss, nil) // of no domain that the company has
		return p.ask(c, "POST", "/transfer/initialize", object{"subject": "s"})
	}},
	{name: "FeatureAvailableForRegisteredUsers", http: 409, code: 3008, provoke: func(p *place) told {
		p = p.elsewhere("--anonymous-sending")
		return p.guest(object{"subject": "s", "password": "secret"})
	}},
	{name: "FileSizeBlockSender", http: 409, code: 3009, provoke: func(p *place) told {
		c := p.onPlan("--transfer", "1MB")
		return p.ask(c, "POST", "/transfer/initialize", object{"subject": "s", "transfersize": 2 * million})
	}},
	{name: "FileSizeBlockRecipient", http: 409, code: 3010, provoke: func(p *place) told {
		boss, _ := p.company()
		p.node.Ferry("plan", "set", "portal", "--name", "portal", "--api", "--company", "--transfer", "1MB")
		p.node.Ferry("user", "plan", p.email[boss], "portal")
		return p.guest(object{"subject": "s", "portalid": p.portal(boss).PortalID, "transfersize": 2 * million})
	}},
	{name: "TooManyRecipients", http: 409, code: 3011, provoke: func(p *place) told {
		c := p.onPlan("--recipients", "1")
		return p.ask(c, "POST", "/transfer/initialize", object{"subject": "s", "to": []string{"a@example.net", "b@example.net"}})
	}},
	{name: "InvalidTransferState", http: 409, code: 3012, provoke: func(p *place) told {
		tr, _ := p.send(p.boss, 5, nil)
		p.must(p.boss.call("POST", "/transfer/"+tr.TransferID+"/cancel", object{"transferkey": tr.TransferKey}, nil))
		return p.complete(p.boss, tr)
	}},
	{name: "TransferExpired", http: 409, code: 4001, provoke: func(p *place) told {
		_, d := p.sent(p.boss, 5, object{"days": 1})
		// The least that a transfer lives is a day.
		p.sql("update shares set expires_at = ? where id = ?", time.Now().Add(-time.Minute).UnixMilli(), d.ID)
		return p.get(d.Files[0].DownloadURL)
	}},
	{name: "PasswordRequired", http: 409, code: 4002, provoke: func(p *place) told {
		_, d := p.sent(p.boss, 5, object{"password": "secret"})
		return p.ask(p.person(), "GET", "/transfer/"+d.ID, nil)
	}},
	{name: "UploadNotComplete", http: 409, code: 4003, provoke: func(p *place) told {
		tr, err := p.boss.begin(object{"subject": "s"})
		p.must(err)
		p.must(p.boss.putChunk(tr, chunked{content{"f", 2 * million, 5}, million}, 0))
		return p.complete(p.boss, tr)
	}},
	{name: "FileIsDeleted", http: 409, code: 4004, provoke: func(p *place) told {
		_, d := p.sent(p.boss, 5, nil)
		p.must(p.boss.call("DELETE", "/file/"+d.Files[0].FileID, nil, nil))
		return p.get(d.Files[0].DownloadURL)
	}},
	{name: "UploadRecentlyUpdated", http: 409, code: 4005, provoke: func(p *place) told {
		tr, err := p.boss.begin(object{"subject": "s"})
		p.must(err)
		p.must(p.boss.putChunk(tr, chunked{content{"f", 2 * million, 5}, million}, 0))
		return p.ask(p.boss, "POST", "/transfer/"+tr.TransferID+"/complete", nil)
	}},
	{name: "FileIsInfected", http: 409, code: 4006, waits: "virus scan"},
	{name: "SubscriptionNotFound", http: 409, code: 5001, waits: "billing"},
	{name: "EmailAlreadyRegistered", http: 409, code: 5002, provoke: func(p *place) told {
		return p.ask(p.boss, "POST", "/company/user", object{"email": p.email[p.boss], "password": fmPassword})
	}},
	{name: "SignupFormNotAccepted", http: 400, code: 5003, provoke: func(p *place) told {
		p = p.elsewhere("--sign-up")
		return p.ask(p.boss, "POST", "/auth/register", object{"email": p.address(), "password": fmPassword, "name": "n", "acceptterms": false})
	}},
	{name: "SessionPasswordNotFound", http: 409, code: 5004, provoke: func(p *place) told {
		p = p.elsewhere("--sign-up")
		email := p.address()
		p.must(p.boss.call("POST", "/auth/register", object{"email": email, "password": fmPassword, "name": "n", "acceptterms": true}, nil))
		confirm := object{"token": p.letterToken(email)}
		p.must(p.boss.call("POST", "/auth/register/confirm", confirm, nil)) // its end, before the hour is over
		return p.ask(p.boss, "POST", "/auth/register/confirm", confirm)
	}},
	{name: "SessionCustRefNotFound", http: 409, code: 5005, waits: "billing"},
	{name: "AllUserLicencesesInUse", http: 409, code: 5006, provoke: func(p *place) told {
		boss, _ := p.company("--licences", "1")
		return p.ask(boss, "POST", "/company/user", object{"email": p.address(), "password": fmPassword})
	}},
	{name: "RegistrationRequired", http: 401, code: 5007, provoke: func(p *place) told {
		return p.guest(object{"subject": "s", "from": "nobody@example.net"})
	}},
	{name: "PaymentMethodNotAccepted", http: 409, code: 5008, waits: "billing"},
	{name: "SubscriptionCancellationFailed", http: 409, code: 5009, waits: "billing"},
	{name: "InvalidSubscriptionState", http: 409, code: 5010, waits: "billing"},
	{name: "PaymentFailed", http: 409, code: 5011, waits: "billing"},
	{name: "ReceiptVerificationError", http: 400, code: 5012, waits: "receipts"},
	{name: "ReceiptAlreadyUsedForActivation", http: 409, code: 5013, waits: "receipts"},
	{name: "SubscriptionNotPaid", http: 409, code: 5014, waits: "billing"},
	{name: "SubscriptionAlreadyActivated", http: 409, code: 5015, waits: "billing"},
	{name: "SubscriptionPurchaseAckFailed", http: 500, code: 5016, waits: "receipts"},
	{name: "InvoiceFailure", http: 500, code: 5017, waits: "billing"},
	{name: "InvalidDowngrade", http: 409, code: 5018, waits: "billing"},
	{name: "InvalidDataState", http: 409, code: 6001, provoke: func(p *place) told {
		var of struct{ Version int64 }
		p.must(p.boss.call("GET", "/company", nil, &of))
		p.must(p.boss.call("PUT", "/company", object{"version": of.Version, "website": "https://first.example"}, nil))
		return p.ask(p.boss, "PUT", "/company", object{"version": of.Version, "website": "https://second.example"})
	}},
	{name: "InvalidMembership", http: 409, code: 6002, provoke: func(p *place) told {
		c := p.onPlan("--days", "3")
		return p.ask(c, "POST", "/transfer/initialize", object{"subject": "s", "days": 4})
	}},
	{name: "ContactsLimitReached", http: 409, code: 6003, provoke: func(p *place) told {
		c := p.onPlan("--contacts", "1")
		p.must(c.call("POST", "/contact", object{"email": "a@example.net", "name": "a"}, nil))
		return p.ask(c, "POST", "/contact", object{"email": "b@example.net", "name": "b"})
	}},
	{name: "StorageCapReached", http: 409, code: 6004, provoke: func(p *place) told {
		c := p.onPlan("--storage", "1MB")
		tr, err := c.begin(object{"subject": "s"})
		p.must(err)
		return p.chunk(tr, bytes.NewReader(make([]byte, 2*million)), nil)
	}},
	{name: "ContactsFileParseError", http: 400, code: 6005, provoke: func(p *place) told {
		return p.ask(p.boss, "POST", "/contact/import", "name,email\n\"open,a@example.net\n", "Content-Type", "text/csv")
	}},
	{name: "RecoveryNotPossible", http: 409, code: 6006, provoke: func(p *place) told {
		p = p.elsewhere("--purge-after", "1ms")
		tr, _ := p.sent(p.boss, 2*million, nil)
		before := len(blobs(p.T, p.node))
		p.must(p.boss.call("DELETE", "/transfer/"+tr.TransferID, nil, nil))
		for range 500 { // until the bytes are gone
			if len(blobs(p.T, p.node)) < before {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		return p.ask(p.boss, "POST", "/transfer/"+tr.TransferID+"/recover", nil)
	}},
	{name: "ImageFileError", http: 400, code: 6007, waits: "media"},
	{name: "ContactDuplicate", http: 409, code: 6008, provoke: func(p *place) told {
		p.must(p.boss.call("POST", "/contact", object{"email": "twice@example.net", "name": "a"}, nil))
		return p.ask(p.boss, "POST", "/contact", object{"email": "twice@example.net", "name": "b"})
	}},
	{name: "ChunkDownloadError", http: 500, code: 6009, provoke: func(p *place) told {
		p = p.elsewhere()
		_, d := p.sent(p.boss, 2*million, nil)
		for path := range blobs(p.T, p.node) {
			p.must(os.Remove(path))
		}
		return p.get(d.Files[0].DownloadURL)
	}},
	// Of a file that is not what its sender says; 500 where the disk is to blame.
	{name: "FileOperationError", http: 409, code: 6010, provoke: func(p *place) told {
		tr, err := p.boss.begin(object{"subject": "s"})
		p.must(err)
		for i := range 2 {
			q := url.Values{"chunks": {"2"}, "chunksize": {"1000000"}, "chunk": {strconv.Itoa(i)}, "md5": {"AAAAAAAAAAAAAAAAAAAAAA=="}}
			if a := p.chunk(tr, bytes.NewReader(make([]byte, million)), q); a.status != 200 {
				p.Fatalf("chunk %d: %d %s", i, a.status, a.body)
			}
		}
		return p.complete(p.boss, tr)
	}},
	{name: "IncomingPageBlockedInOverdue", http: 409, code: 6011, provoke: func(p *place) told {
		boss, name := p.company()
		portal := p.portal(boss)
		p.node.Ferry("company", "paid", name, "2020-01-31")
		return p.guest(object{"subject": "s", "portalid": portal.PortalID})
	}},
	{name: "NotAVideo", http: 400, code: 6012, waits: "media"},
	{name: "OperationCancelled", http: 409, code: 6013, provoke: func(p *place) told {
		tr, err := p.boss.begin(object{"subject": "s"})
		p.must(err)
		r, w := io.Pipe()
		go func() {
			_, err := w.Write(make([]byte, million))
			if err == nil {
				err = awaitFile(p.boss, tr.TransferID)
			}
			if err == nil {
				err = p.boss.call("POST", "/transfer/"+tr.TransferID+"/cancel", object{"transferkey": tr.TransferKey}, nil)
			}
			w.CloseWithError(err) // nil: the end of the body
		}()
		return p.chunk(tr, r, nil)
	}},
	{name: "FileRequestRecipientLimitTrial", http: 409, code: 7001, waits: "file requests"},
	{name: "FileRequestRecipientLimitBasic", http: 409, code: 7002, waits: "file requests"},
	{name: "FileRequestShareLimitTrial", http: 409, code: 7003, waits: "file requests"},
	{name: "FileRequestShareLimitBasic", http: 409, code: 7004, waits: "file requests"},
	{name: "FileRequestBlock", http: 409, code: 7005, waits: "file requests"},
	{name: "FileRequestShareLimitTimeframe", http: 429, code: 7006, waits: "file requests"},
}

// letterToken reads the token in the letter to an address, as an operator without a
// mail server would.
func (p *place) letterToken(email string) string {
	p.Helper()
	for range 300 { // jobs are looked for every few seconds
		for line := range strings.Lines(p.node.Ferry("mail", "list")) {
			if !strings.Contains(line, email) {
				continue
			}
			text := p.node.Ferry("mail", "show", strings.Fields(line)[0])
			if _, after, found := strings.Cut(text, "/account/register/"); found {
				return strings.Fields(after)[0]
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	p.Fatalf("no letter to %s", email)
	return ""
}

// awaitFile waits until the first bytes of a file have made it known.
func awaitFile(c *fm, id string) error {
	for range 500 {
		d, err := c.details(id)
		if err != nil || d.NumberOfFiles > 0 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("no file in %s", id)
}

// inside gives a transfer of a company that lets only its own people in.
func (p *place) inside() (fmTransfer, fmDetails) {
	p.Helper()
	boss, _ := p.company()
	p.must(boss.call("PUT", "/company", object{"ownpeopleonly": true}, nil))
	return p.sent(boss, 5, nil)
}

// TestStatuses goes through all words of FilemailStatusEnum. What can be brought about
// is, through the real program, and its whole error object is looked at; of the rest
// the row says what is missing.
func TestStatuses(t *testing.T) {
	slow(t)
	enum, properties := fmSchema(t)
	answered := answeredStatuses(t)
	var names []string
	for _, r := range statusRows {
		names = append(names, r.name)
	}
	if len(enum) != 97 || !slices.Equal(names, enum) {
		t.Fatalf("the rows are\n%q, want\n%q", names, enum)
	}
	shared := newPlace(t)
	reached, waiting, lacking := 0, 0, 0
	for _, r := range statusRows {
		switch {
		case (r.waits != "" || r.lacks != "") && answered[r.name]:
			t.Errorf("%s waits (%s%s), but the door answers it: provoke it", r.name, r.waits, r.lacks)
		case r.waits != "":
			waiting++
		case r.lacks != "":
			lacking++
		case r.provoke == nil:
			t.Errorf("%s: nothing brings it about, and nothing says why", r.name)
		default:
			t.Run(r.name, func(t *testing.T) {
				p := *shared
				p.T = t
				a := r.provoke(&p)
				shared.made = p.made // names stay apart
				if r.check(t, a, properties); !t.Failed() {
					reached++
				}
			})
		}
	}
	t.Logf("%d of %d statuses reached; %d wait for a capability, %d lack something", reached, len(enum), waiting, lacking)
}

// check compares an answer with the row.
func (r statusRow) check(t *testing.T, a told, properties []string) {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(a.body, &all); err != nil {
		t.Fatalf("%d %.300q: %v", a.status, a.body, err)
	}
	if a.status != r.http || all["responsestatus"] != r.name {
		t.Fatalf("%d %s, want %d %s", a.status, a.body, r.http, r.name)
	}
	keys := slices.Sorted(maps.Keys(all))
	if r.name == "OK" {
		want := slices.DeleteFunc(slices.Clone(properties), func(p string) bool { return p == "validationerrors" })
		if all["errorcode"] != nil || all["errorid"] != nil || all["errormessage"] != nil || !slices.Equal(keys, want) {
			t.Errorf("a success tells of an error: %s", a.body)
		}
		return
	}
	if !slices.Equal(keys, properties) {
		t.Errorf("properties are %q, want %q", keys, properties)
	}
	if all["errorcode"] != float64(r.code) {
		t.Errorf("errorcode is %v, want %d", all["errorcode"], r.code)
	}
	if text, _ := all["errormessage"].(string); text == "" {
		t.Errorf("no errormessage: %s", a.body)
	}
	id, _ := all["errorid"].(string)
	for range 100 { // the log may come after the answer
		if id == "" || strings.Contains(a.node.Log(), id) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if id == "" || !strings.Contains(a.node.Log(), id) {
		t.Errorf("errorid %q is not in the log", id)
	}
}

const fmDoor = "../internal/wire/filemail"

// fmSchema reads the error schema as Filemail publishes it.
func fmSchema(t *testing.T) (enum, properties []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(fmDoor, "testdata/error-response.openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Components struct {
			Schemas map[string]struct {
				Enum       []string
				Properties map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	all := s.Components.Schemas
	return all["FilemailStatusEnum"].Enum, slices.Sorted(maps.Keys(all["FilemailErrorResponse"].Properties))
}

// answeredStatuses finds the words that the door's code gives to some failure: those
// whose constants are used outside of the table that names them, and of what is said
// about when to come back.
func answeredStatuses(t *testing.T) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(fmDoor, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	words, used := map[string]string{}, map[string]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		table := filepath.Base(path) == "status.go"
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				return n.Name.Name != "retryAfter"
			case *ast.Ident:
				used[n.Name] = used[n.Name] || !table
			case *ast.KeyValueExpr:
				key, _ := n.Key.(*ast.Ident)
				entry, _ := n.Value.(*ast.CompositeLit)
				if !table || key == nil || entry == nil || len(entry.Elts) == 0 {
					break
				}
				if word, is := entry.Elts[0].(*ast.BasicLit); is {
					words[key.Name], _ = strconv.Unquote(word.Value)
				}
			}
			return true
		})
	}
	if len(words) != 97 {
		t.Fatalf("%d words in the door's table", len(words))
	}
	answered := map[string]bool{}
	for name, word := range words {
		answered[word] = used[name]
	}
	return answered
}
