package filemail

import (
	"context"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

func TestAnswerEveryKind(t *testing.T) {
	for _, k := range fault.Kinds() {
		s, known := byKind[k]
		if !known {
			t.Errorf("%s has no status", k)
		}
		ours := k == fault.Internal || k == fault.Unavailable // no 503 is listed
		if (statuses[s].http == 500) != ours {
			t.Errorf("%s is answered with %d %s", k, statuses[s].http, s)
		}
		got := newRefusal(fault.New(k, "", "what the caller is told"), false)
		if told := got.text == "what the caller is told"; told == (k == fault.Internal) {
			t.Errorf("%s is told as %q", k, got.text)
		}
	}
}

func TestRefusals(t *testing.T) {
	field := func(code string) fault.Field { return fault.Field{Name: "p", Code: code, Msg: "is wrong"} }
	two := &fault.Error{Kind: fault.Invalid, Fields: []fault.Field{
		{Name: "subject", Code: codeMissing, Msg: "is required"}, {Name: "to", Code: codeEmail, Msg: "entry 1 is not an e-mail address"},
	}}
	for _, tt := range []struct {
		name   string
		err    error
		upload bool
		status status
		http   int
		text   string
	}{
		{"what nobody classified tells nothing", errors.New("disk on fire"), false, unknownError, 500, statuses[unknownError].text},
		{"a code comes before a kind", fault.New(fault.Conflict, "part_missing", "parts are still missing"), false, uploadNotComplete, 409, "parts are still missing"},
		{"a code that has no word is its kind", fault.New(fault.Gone, "anything", "over"), false, transferExpired, 409, "over"},
		{"a call's own status comes first", fileIsDeleted.because(fault.New(fault.NotFound, "file_unknown", "no such file")), false, fileIsDeleted, 409, "no such file"},
		{"a call's own words, too", invalidParameter.saying("No files added to transfer", fault.New(fault.Conflict, "x", "y")), false, invalidParameter, 400, "No files added to transfer"},
		{"without words there are the status's", fault.New(fault.Throttled, "", ""), false, rateLimitExceeded, 429, statuses[rateLimitExceeded].text},
		{"one wrong property gives its status to the whole", &fault.Error{Kind: fault.Invalid, Fields: []fault.Field{field(codeEmail)}}, false, invalidEmail, 400, "p is wrong"},
		{"wrong properties of two kinds are parameters", two, false, invalidParameter, 400, "subject is required; to entry 1 is not an e-mail address"},
		{"a code that no table has is a parameter", &fault.Error{Kind: fault.Invalid, Fields: []fault.Field{field("anything")}}, false, invalidParameter, 400, "p is wrong"},
		{"a damaged body is sent again", fault.New(fault.Invalid, "digest_mismatch", "no"), true, invalidParameter, 406, "no"},
		{"but only by an upload", fault.New(fault.Invalid, "digest_mismatch", "no"), false, invalidParameter, 400, "no"},
		{"a busy node is asked again", fault.New(fault.Unavailable, "overloaded", "no"), true, allFileserversBusy, 449, "no"},
		{"a lost race is run again", fault.New(fault.Conflict, "overtaken", "no"), true, invalidDataState, 449, "no"},
		{"a wrong transfer is not asked again", fault.New(fault.NotFound, "transfer_unknown", "no"), true, notFound, 404, "no"},
		{"nor a wrong parameter", two, true, invalidParameter, 400, "subject is required; to entry 1 is not an e-mail address"},
		{"nor a full disk", fault.New(fault.Full, "disk_full", "no"), true, fileOperationError, 500, "no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := newRefusal(tt.err, tt.upload)
			if got.status != tt.status || got.http != tt.http || got.text != tt.text {
				t.Errorf("told as %s %d %q, want %s %d %q", got.status, got.http, got.text, tt.status, tt.http, tt.text)
			}
		})
	}
}

func TestInstead(t *testing.T) {
	err := fault.New(fault.NotFound, "x", "y")
	if got := invalidApikey.instead(err, fault.Gone); got != err {
		t.Errorf("another kind became %v", got)
	}
	if got := newRefusal(invalidApikey.instead(err, fault.NotFound), false).status; got != invalidApikey {
		t.Errorf("the kind became %s", got)
	}
	if got := invalidApikey.instead(nil, fault.Internal); got != nil {
		t.Errorf("no error became %v", got)
	}
}

// TestCodesExist: a row for a code that nobody gives is a misspelt one.
func TestCodesExist(t *testing.T) {
	said := map[string]bool{}
	literal := regexp.MustCompile(`"([a-z][a-z_]+)"`)
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || name == "wire/filemail/answer.go" {
			return err
		}
		text, err := fs.ReadFile(root, name)
		for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
			said[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	own := []string{
		codeMethod, codeVersion, codeContentType, codeMalformed, codeNoKey, codeKey, codeToken, codeMissing,
	}
	for code := range byCode {
		if !said[code] && !slices.Contains(own, code) {
			t.Errorf("nobody gives %q", code)
		}
	}
	for code := range uploadAgain {
		if !said[code] {
			t.Errorf("nobody gives %q", code)
		}
	}
}

func TestEnvelope(t *testing.T) {
	w := newWorld(
		t, post("/auth/logout", needsNothing, failing(nil)), post("/auth/login", needsNothing, whoami),
		post("/transfer/initialize", needsNothing, failing(&fault.Error{Kind: fault.Invalid, Fields: []fault.Field{
			{Name: "subject", Code: codeMissing, Msg: "is required"}, {Name: "days", Code: "x", Msg: "must be <a> number"},
		}})),
		post("/transfer/cancel", needsNothing, failing(errors.New("secret cause"))),
	)
	for _, tt := range []struct{ name, path, want string }{
		{"success without data", "/auth/logout", `{"responsestatus":"OK","errorid":null,"errormessage":null,"data":null,"errorcode":null}`},
		{"success with data", "/auth/login", `{"responsestatus":"OK","errorid":null,"errormessage":null,"data":{"account":"","key":""},"errorcode":null}`},
		{"all wrong properties at once", "/transfer/initialize", `{"validationerrors":[{"propertyName":"subject","errorCode":"InputParameterMissing","errorMessage":"is required"},` +
			`{"propertyName":"days","errorCode":"InvalidParameter","errorMessage":"must be <a> number"}],"responsestatus":"InvalidParameter","errorid":"REQUEST7ID",` +
			`"errormessage":"subject is required; days must be <a> number","data":null,"errorcode":1002}`},
		{"no cause is told", "/transfer/cancel", `{"validationerrors":null,"responsestatus":"UnknownError","errorid":"REQUEST7ID",` +
			`"errormessage":"` + statuses[unknownError].text + `","data":null,"errorcode":1001}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := w.do("POST", tt.path, "")
			if got.body != tt.want {
				t.Errorf("answer is\n%s, want\n%s", got.body, tt.want)
			}
			if ct := got.header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
				t.Errorf("Content-Type %q", ct)
			}
		})
	}
	if log := w.logged.String(); !strings.Contains(log, "secret cause") || strings.Count(log, "request="+requestID) != 2 {
		t.Errorf("the log is\n%s, want both errors with the request's id, and the cause", log)
	}
}

// TestErrorsAreOfTheSchema: FilemailErrorResponse forbids other properties.
func TestErrorsAreOfTheSchema(t *testing.T) {
	schemas := readSchema(t).Components.Schemas
	w := newWorld(t, post("/a", needsNothing, failing(invalidField("p", codeValue, "is wrong"))))
	got := w.do("POST", "/a", "")
	for name, part := range map[string]any{"FilemailErrorResponse": got.at(), "ValidationError": got.at("validationerrors", 0)} {
		for property := range part.(map[string]any) {
			if _, ok := schemas[name].Properties[property]; !ok {
				t.Errorf("%s has no property %s", name, property)
			}
		}
		if len(part.(map[string]any)) != len(schemas[name].Properties) {
			t.Errorf("%s has %d properties, want all %d", name, len(part.(map[string]any)), len(schemas[name].Properties))
		}
	}
}

// camelCase are the properties that are not spelt in lower case (docs.filemail.com,
// samples; the last two are classic's and a transfer's).
var camelCase = []string{
	"logintokenExpireDate", "twoFactorToken", "signInStatus", "failedRecipients", "startValue", "isGroup",
	"memberCount", "propertyName", "errorCode", "errorMessage", "sendInvoiceByEmail", "fileserverurl_main",
}

// TestSpelling looks at every property of every struct of this package.
func TestSpelling(t *testing.T) {
	names, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range names {
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			f, is := n.(*ast.Field)
			if !is || f.Tag == nil {
				return true
			}
			tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json")
			property, _, _ := strings.Cut(tag, ",")
			seen++
			if strings.HasSuffix(name, "_test.go") || property == strings.ToLower(property) && !strings.Contains(property, "_") || slices.Contains(camelCase, property) {
				return true
			}
			t.Errorf("%s: property %q is not spelt as in Filemail's samples", name, property)
			return true
		})
	}
	if seen < 10 {
		t.Errorf("only %d properties were looked at", seen)
	}
}

func TestRetryAfter(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"a used up day ends at midnight UTC", fault.New(fault.Throttled, "daily_limit", ""), "10"},
		{"a rate", fault.New(fault.Throttled, wire.CodeMisses, ""), "60"},
		{"a database that does not answer", fault.New(fault.Unavailable, "database_unavailable", ""), "30"},
		{"maintenance: the server knows better", fault.New(fault.Unavailable, "maintenance", ""), "120"},
		{"a bug does not pass", errors.New("x"), ""},
		{"nor does a conflict", fault.New(fault.Conflict, "x", ""), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			if fault.Is(tt.err, "maintenance") {
				rec.Header().Set("Retry-After", "120")
			}
			w.door.Refuse(rec, httptest.NewRequest("POST", base+"/transfer/initialize", nil), tt.err)
			if got := rec.Header().Get("Retry-After"); got != tt.want {
				t.Errorf("Retry-After is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefuseSpeaksTheAPIOfThePath(t *testing.T) {
	w := newWorld(t, route{method: "GET", pattern: "/api/file/get", stream: func(*call) error { return nil }})
	for _, tt := range []struct{ name, path, want string }{
		{"2.0", "/transfer/nowhere", `"errorid":`},
		{"an upload", "/savefile.ashx?transferid=x", `"errorid":`},
		{"classic", "/api/transfer/nowhere", `"method":"/api/transfer/nowhere"`},
		{"classic in XML", "/api/nowhere?format=XML", `<method>/api/nowhere</method>`},
		{"classic in JSONP", "/api/nowhere?callback=f", `/**/f({`},
		{"what is not escaped well is answered, too", "/api/nowhere?format=%", `"method":"/api/nowhere"`},
		{"a download lies under /api and has the envelope", "/api/file/get?filekey=x", `"errorid":`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", base+"/", nil)
			r.URL.Path, r.URL.RawQuery, _ = strings.Cut(tt.path, "?")
			rec := httptest.NewRecorder()
			w.door.Refuse(rec, r, fault.New(fault.Unavailable, "overloaded", "busy"))
			if !strings.Contains(rec.Body.String(), tt.want) {
				t.Errorf("answer is %s, want %s", rec.Body, tt.want)
			}
		})
	}
	if w.logged.Len() > 0 {
		t.Errorf("Refuse logs %s", w.logged)
	}
}

func TestNobodyIsLoggedWhoIsGone(t *testing.T) {
	w := newWorld(t, post("/a", needsNothing, failing(context.Canceled)))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.send(httptest.NewRequest("POST", base+"/a", nil).WithContext(ctx))
	if w.logged.Len() > 0 {
		t.Errorf("logged %s", w.logged)
	}
}

func TestUnauthorizedCarriesAChallenge(t *testing.T) {
	w := newWorld(t, post("/a", needsCaller, whoami))
	got := w.do("POST", "/a", "")
	got.want(http.StatusUnauthorized, "MissingApikey")
	if got.header.Get("WWW-Authenticate") == "" {
		t.Error("there is none")
	}
	var e json.RawMessage
	if json.Unmarshal([]byte(got.body), &e) != nil {
		t.Errorf("%s is no JSON", got.body)
	}
}
