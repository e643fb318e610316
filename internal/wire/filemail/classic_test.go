package filemail

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// A listing has all that answers have: lists, nulls, hostile texts.
type listing struct {
	Transfers []listed `json:"transfers"`
	Nothing   *string  `json:"nothing"`
}

type listed struct {
	ID         string   `json:"id"`
	Size       int64    `json:"size"`
	Notify     bool     `json:"notify"`
	Password   *string  `json:"password"`
	To         []string `json:"to"`
	Extensions []string `json:"extensions"`
}

func TestClassicFormats(t *testing.T) {
	list := func(*call) (any, error) {
		return listing{Transfers: []listed{
			{ID: "a", Size: 5, Notify: true, To: []string{"x@y.example"}, Extensions: []string{"é"}},
			{ID: "</id>&\u2028\x01", To: []string{}},
		}}, nil
	}
	w := newWorld(
		t, classic("/api/list", needsNothing, list), classic("/api/nothing", needsNothing, failing(nil)),
		classic("/api/refused", needsNothing, failing(invalidParameter.saying("No files added to transfer", fault.New(fault.Conflict, "x", "")))),
	)
	for _, tt := range []struct {
		name, path, body string
		status           int
		contentType      string
		want             string
	}{
		{
			"JSON without nulls", "/api/list", "", 200, "application/json; charset=utf-8",
			`{"responsestatus":"OK","transfers":[{"id":"a","size":5,"notify":true,"to":["x@y.example"],"extensions":["é"]},{"id":"</id>&\u2028\u0001","size":0,"notify":false,"to":[]}]}`,
		},
		{
			"XML", "/api/list?format=XML", "", 200, "application/xml; charset=utf-8",
			xml.Header + `<response><responsestatus>OK</responsestatus><transfers>` +
				`<transfer><id>a</id><size>5</size><notify>true</notify><to><email>x@y.example</email></to><extensions><item>é</item></extensions></transfer>` +
				"<transfer><id>&lt;/id&gt;&amp;\u2028\uFFFD</id><size>0</size><notify>false</notify><to></to></transfer></transfers></response>",
		},
		{
			"JSONP", "/api/nothing?format=json&callback=jQuery17_$x", "", 200, "text/javascript; charset=utf-8",
			`/**/jQuery17_$x({"responsestatus":"OK"});`,
		},
		{
			"JSONP is safe inside a page", "/api/list?callback=f", "", 200, "text/javascript; charset=utf-8",
			`/**/f({"responsestatus":"OK","transfers":[{"id":"a","size":5,"notify":true,"to":["x@y.example"],"extensions":["é"]},{"id":"\u003c/id\u003e\u0026\u2028\u0001","size":0,"notify":false,"to":[]}]});`,
		},
		{"nothing to say", "/api/nothing", "", 200, "application/json; charset=utf-8", `{"responsestatus":"OK"}`},
		{
			"an error", "/api/refused", "", 400, "application/json; charset=utf-8",
			`{"responsestatus":"InvalidParameter","errorcode":1002,"errorname":"InvalidParameter","errormessage":"No files added to transfer","method":"/api/refused"}`,
		},
		{
			"an error in XML, as the form asks", "/api/refused", "format=xml", 400, "application/xml; charset=utf-8",
			xml.Header + `<response><responsestatus>InvalidParameter</responsestatus><errorcode>1002</errorcode><errorname>InvalidParameter</errorname>` +
				`<errormessage>No files added to transfer</errormessage><method>/api/refused</method></response>`,
		},
		{
			"an error in JSONP, which no browser would run with an error's status", "/api/refused?callback=f", "", 200, "text/javascript; charset=utf-8",
			`/**/f({"responsestatus":"InvalidParameter","errorcode":1002,"errorname":"InvalidParameter","errormessage":"No files added to transfer","method":"/api/refused"});`,
		},
		{
			"an unknown format", "/api/list?format=yaml", "", 400, "application/json; charset=utf-8",
			`{"responsestatus":"InvalidParameter","errorcode":1002,"errorname":"InvalidParameter","errormessage":"format must be json or xml","method":"/api/list"}`,
		},
		{
			"a callback that is code", "/api/list?callback=alert(1)", "", 400, "application/json; charset=utf-8",
			`{"responsestatus":"InvalidParameter","errorcode":1002,"errorname":"InvalidParameter","errormessage":"callback must be a name of at most 64 letters, digits, _ and $","method":"/api/list"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := w.do("POST", tt.path, tt.body, "Content-Type", "application/x-www-form-urlencoded")
			if got.status != tt.status || got.body != tt.want {
				t.Errorf("answer is %d\n%s, want %d\n%s", got.status, got.body, tt.status, tt.want)
			}
			if ct := got.header.Get("Content-Type"); ct != tt.contentType {
				t.Errorf("Content-Type %q, want %q", ct, tt.contentType)
			}
			if got.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("a browser may guess the type")
			}
		})
	}
}

func TestIsIdentifier(t *testing.T) {
	for _, tt := range []struct {
		name, callback string
		want           bool
	}{
		{"a name", "cb", true},
		{"digits behind", "jQuery123_456", true},
		{"a dollar", "$", true},
		{"64 characters", strings.Repeat("a", 64), true},
		{"65 characters", strings.Repeat("a", 65), false},
		{"a digit in front", "1a", false},
		{"a path", "a.b", false},
		{"a call", "a()", false},
		{"an index", "a[0]", false},
		{"a letter of another script", "é", false},
		{"a line separator", "a\u2028", false},
		{"a space", "a b", false},
		{"nothing", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := isIdentifier(tt.callback); got != tt.want {
				t.Errorf("isIdentifier(%q) = %t", tt.callback, got)
			}
		})
	}
}

func FuzzClassicForms(f *testing.F) {
	f.Add(`{"a":null,"b":[1,{"c":"</b>\u2028"}],"d":{"e":1e9}}`, "cb")
	f.Add(`{}`, "alert(1)//")
	f.Fuzz(func(t *testing.T, text, callback string) {
		v, err := wire.Parse([]byte(text))
		if err != nil || v.Kind() != wire.Object {
			t.Skip()
		}
		w := newWorld(t, classic("/api/x", needsNothing, func(*call) (any, error) {
			return fuzzed{Text: v.Num() + text, List: []string{text, callback}}, nil
		}))
		got := w.do("GET", "/api/x", "")
		got.want(200, "OK")
		got = w.do("GET", "/api/x?format=xml", "")
		if err := xml.Unmarshal([]byte(got.body), new(struct{})); err != nil {
			t.Errorf("%q is no XML: %v", got.body, err)
		}
		as, err := formOf("", callback)
		if err == nil && as.callback != "" && !isIdentifier(as.callback) {
			t.Errorf("%q became a callback", callback)
		}
	})
}

type fuzzed struct {
	Text string   `json:"text"`
	List []string `json:"files"`
}
