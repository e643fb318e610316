package filemail

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// fromJSON reads properties of a body, which is {"v": text}.
func fromJSON(t *testing.T, text string) *input {
	t.Helper()
	p, err := parseProperties([]byte(`{"v":` + text + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return &input{find: func(name string) value { return value{json: p[name]} }}
}

func fromTexts(texts ...string) *input {
	p := params{}
	for _, s := range texts {
		p.add("v", s)
	}
	return &input{find: func(name string) value { return value{texts: p[name]} }}
}

// complaint is what an input has to say of v.
func complaint(in *input) string {
	if len(in.bad) == 0 {
		return ""
	}
	return in.bad[0].Code + " " + in.bad[0].Msg
}

func show[T any](p *T) string {
	if p == nil {
		return "none"
	}
	return fmt.Sprint(*p)
}

func TestNumbers(t *testing.T) {
	const between = codeValue + " must be between 0 and 2147483647"
	for _, tt := range []struct{ name, json, text, want, complaint string }{
		{"a number", `5`, "5", "5", ""},
		{"a number as text, as image-uploader keeps its settings", `"5"`, "5", "5", ""},
		{"a whole number with a fraction of zero", `5.0`, "5.0", "5", ""},
		{"absent", `null`, "", "none", ""},
		{"an empty text is absent", `""`, "", "none", ""},
		{"the largest", `2147483647`, "2147483647", "2147483647", ""},
		{"one more", `2147483648`, "2147483648", "none", between},
		{"2^63", `9223372036854775808`, "9223372036854775808", "none", between},
		{"beyond all measure", `1e400`, "1e400", "none", between},
		{"negative", `-1`, "-1", "none", between},
		{"-2^63", `-9223372036854775808`, "-9223372036854775808", "none", between},
		{"a fraction", `1.5`, "1.5", "none", codeValue + " must be a whole number"},
		{"NaN", `"NaN"`, "NaN", "none", codeValue + " must be a number"},
		{"infinity", `"Infinity"`, "Infinity", "none", codeValue + " must be a number"},
		{"hexadecimal", `"0x10"`, "0x10", "none", codeValue + " must be a number"},
		{"a plus sign", `"+5"`, "+5", "none", codeValue + " must be a number"},
		{"two signs", `"--5"`, "--5", "none", codeValue + " must be a number"},
		{"a sign alone", `"-"`, "-", "none", codeValue + " must be a number"},
		{"digits of another script", `"５"`, "５", "none", codeValue + " must be a number"},
		{"a boolean", `true`, "true", "none", codeValue + " must be a number"},
		{"an array", `[1]`, "[1]", "none", codeValue + " must be a number"},
		{"an object", `{}`, "{}", "none", codeValue + " must be a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for form, in := range map[string]*input{"JSON": fromJSON(t, tt.json), "text": fromTexts(tt.text)} {
				if got := show(in.number("v", 0, math.MaxInt32)); got != tt.want || complaint(in) != tt.complaint {
					t.Errorf("%s: %s, %q; want %s, %q", form, got, complaint(in), tt.want, tt.complaint)
				}
			}
		})
	}
	if got := show(fromJSON(t, `-1`).number("v", -1, 30)); got != "-1" {
		t.Errorf("days of -1, which never end, are %s", got)
	}
}

func TestFlags(t *testing.T) {
	const wrong = codeValue + " must be true or false"
	for _, tt := range []struct{ name, json, text, want, complaint string }{
		{"true", `true`, "true", "true", ""},
		{"false", `false`, "false", "false", ""},
		{"Python's", `"True"`, "True", "true", ""},
		{"1", `1`, "1", "true", ""},
		{"0", `"0"`, "0", "false", ""},
		{"absent", `null`, "", "none", ""},
		{"two", `2`, "2", "none", wrong},
		{"a word", `"yes"`, "yes", "none", wrong},
		{"an array", `[true]`, "[true]", "none", wrong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for form, in := range map[string]*input{"JSON": fromJSON(t, tt.json), "text": fromTexts(tt.text)} {
				if got := show(in.flag("v")); got != tt.want || complaint(in) != tt.complaint {
					t.Errorf("%s: %s, %q; want %s, %q", form, got, complaint(in), tt.want, tt.complaint)
				}
			}
		})
	}
	if fromTexts("").is("v") || !fromTexts("true").is("v") {
		t.Error("an absent flag is not false, or a true one not true")
	}
}

func TestTexts(t *testing.T) {
	for _, tt := range []struct{ name, json, want, complaint string }{
		{"a text", `"a\nb"`, "a\nb", ""},
		{"absent", `null`, "", ""},
		{"empty", `""`, "", ""},
		{"as long as may be, in the original's characters", `"😀😀"`, "😀😀", ""},
		{"one more", `"😀😀a"`, "", codeValue + " must have at most 4 characters"},
		{"NUL", `"\u0000"`, "", codeValue + " must not contain null characters"},
		{"a number", `5`, "", codeValue + " must be a string"},
		{"a boolean", `true`, "", codeValue + " must be a string"},
		{"an array", `["a"]`, "", codeValue + " must be a string"},
		{"an object", `{}`, "", codeValue + " must be a string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := fromJSON(t, tt.json)
			if got := in.text("v", 4); got != tt.want || complaint(in) != tt.complaint {
				t.Errorf("%q, %q; want %q, %q", got, complaint(in), tt.want, tt.complaint)
			}
		})
	}
	in := fromTexts("a\xff")
	if got := in.text("v", 4); got != "" || complaint(in) != codeValue+" must be UTF-8" {
		t.Errorf("what is not UTF-8 is read as %q, %q", got, complaint(in))
	}
	for _, s := range []string{"a\nb", "a\rBcc: x"} {
		in := fromTexts(s)
		if got := in.line("v", 40); got != "" || complaint(in) != codeValue+" must be one line" {
			t.Errorf("%q as one line is read as %q, %q", s, got, complaint(in))
		}
	}
	if got := fmt.Sprint(fromTexts("canary").secret("v")); got != "•••" {
		t.Errorf("a secret prints as %s", got)
	}
}

func TestMoments(t *testing.T) {
	for _, tt := range []struct {
		name, json string
		loose      bool
		want       time.Time
		complaint  string
	}{
		{"milliseconds", `1694163645047`, false, time.UnixMilli(1694163645047), ""},
		{"milliseconds where both come", `1694163645047`, true, time.UnixMilli(1694163645047), ""},
		{"seconds where both come", `1694163645`, true, time.Unix(1694163645, 0), ""},
		{"seconds are milliseconds in 2.0", `1694163645`, false, time.UnixMilli(1694163645), ""},
		{"absent", `null`, false, time.Time{}, ""},
		{"after the year 9999", `253402300800000`, false, time.Time{}, codeValue + " must be between 0 and 253402300799999"},
		{"a date", `"2026-11-21"`, false, time.Time{}, codeValue + " must be a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := fromJSON(t, tt.json)
			read := in.moment
			if tt.loose {
				read = in.looseMoment
			}
			if got := read("v"); !got.Equal(tt.want) || complaint(in) != tt.complaint {
				t.Errorf("%s, %q; want %s, %q", got, complaint(in), tt.want, tt.complaint)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		name      string
		in        *input
		want      string
		complaint string
	}{
		{"an array", fromJSON(t, `["a@x.example","B@x.example"]`), "a@x.example b@x.example", ""},
		{"a comma list in JSON", fromJSON(t, `"a@x.example, b@x.example"`), "a@x.example b@x.example", ""},
		{"pyfilemail's comma list", fromTexts("a@x.example, b@x.example"), "a@x.example b@x.example", ""},
		{"a parameter given twice", fromTexts("a@x.example", "b@x.example"), "a@x.example b@x.example", ""},
		{"empty entries are none", fromTexts("a@x.example,, ,b@x.example,"), "a@x.example b@x.example", ""},
		{"as many as may be", fromTexts("a@x.example,b@x.example,c@x.example"), "a@x.example b@x.example c@x.example", ""},
		{"one more", fromTexts("a@x.example,b@x.example,c@x.example,d@x.example"), "", codeValue + " must have at most 3 entries"},
		{"no address", fromJSON(t, `["a@x.example","b"]`), "", codeEmail + " entry 2 is not an e-mail address"},
		{"another header of a letter", fromJSON(t, `["a@x.example\r\nBcc: b@x.example"]`), "", codeValue + " entry 1 must be one line of at most 254 characters"},
		{"a number among them", fromJSON(t, `["a@x.example",1]`), "", codeValue + " must be an array of strings"},
		{"an object", fromJSON(t, `{}`), "", codeValue + " must be an array of strings"},
		{"a number", fromJSON(t, `1`), "", codeValue + " must be an array of strings"},
		{"absent", fromJSON(t, `null`), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(tt.in.emails("v", 3), " ")
			if complaint(tt.in) == "" && got != tt.want || complaint(tt.in) != tt.complaint {
				t.Errorf("%q, %q; want %q, %q", got, complaint(tt.in), tt.want, tt.complaint)
			}
		})
	}
	in := fromTexts(" A@x.example ")
	if got := in.email("v"); got != "a@x.example" {
		t.Errorf("one address is read as %q, %s", got, complaint(in))
	}
	in = fromTexts("a@x.example, b@x.example")
	if got := in.email("v"); got != "" || complaint(in) != codeEmail+" is not an e-mail address" {
		t.Errorf("two addresses for one are read as %q, %s", got, complaint(in))
	}
}

func TestUUIDs(t *testing.T) {
	const want = "0123456789abcdef0123456789abcdef"
	for _, tt := range []struct{ name, text, want string }{
		{"32 digits", "0123456789ABCDEF0123456789abcdef", want},
		{"with dashes", "01234567-89AB-cdef-0123-456789abcdef", want},
		{"dashes elsewhere", "0123-456789ab-cdef-0123-456789abcdef", ""},
		{"a digit too few", want[1:], ""},
		{"no digits", strings.Repeat("g", 32), ""},
		{"absent", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := fromTexts(tt.text)
			if got := in.uuid("v"); got != tt.want || (complaint(in) == "") != (tt.want != "" || tt.text == "") {
				t.Errorf("%q, %q; want %q", got, complaint(in), tt.want)
			}
		})
	}
}

func TestEverythingWrongIsTold(t *testing.T) {
	p, err := parseProperties([]byte(`{"Days":"NaN","notify":2,"to":["x"],"from":null}`))
	if err != nil {
		t.Fatal(err)
	}
	in := &input{find: func(name string) value { return value{json: p[name]} }}
	in.require("subject", "from")
	in.number("days", -1, 30)
	in.flag("notify")
	in.emails("to", 5)
	in.text("days", 9)
	f, _ := in.err().(*fault.Error)
	var got []string
	for _, field := range f.Fields {
		got = append(got, field.Name+" "+field.Code)
	}
	want := []string{
		"subject " + codeMissing, "from " + codeMissing, "days " + codeValue, "notify " + codeValue, "to " + codeEmail,
	}
	if !slices.Equal(got, want) || f.Kind != fault.Invalid {
		t.Errorf("%s %q, want %q", f.Kind, got, want)
	}
}

func TestBodies(t *testing.T) {
	echo := func(c *call) (any, error) {
		return struct {
			Subject string `json:"subject"`
		}{c.in.text("subject", 200)}, c.in.err()
	}
	w := newWorld(
		t, post("/a", needsNothing, echo), route{method: "PUT", pattern: "/a", call: echo},
		route{method: "GET", pattern: "/a", call: echo}, route{method: "POST", pattern: "/large", large: true, call: echo},
	)
	const jsonType = "application/json"
	big := `{"subject":"s","x":"` + strings.Repeat("x", smallBody) + `"}`
	for _, tt := range []struct {
		name, method, path, contentType, body string
		want                                  string // the subject, or the status that refuses
	}{
		{"JSON", "POST", "/a", jsonType, `{"subject":"s"}`, "s"},
		{"with a charset", "POST", "/a", "Application/JSON; charset=utf-8", `{"subject":"s"}`, "s"},
		{"JSON patch, as in the samples", "POST", "/a", "application/json-patch+json", `{"subject":"s"}`, "s"},
		{"text/json", "PUT", "/a", "text/json", `{"subject":"s"}`, "s"},
		{"a type ending in +json", "POST", "/a", "application/vnd.x+json", `{"subject":"s"}`, "s"},
		{"names in any case", "POST", "/a", jsonType, `{"SUBJECT":"s"}`, "s"},
		{"unknown properties", "POST", "/a", jsonType, `{"subject":"s","logintoken":"x","apikey":{"a":[]}}`, "s"},
		{"null", "POST", "/a", jsonType, `null`, ""},
		{"no body", "POST", "/a", "", ``, ""},
		{"an empty form, as image-uploader logs out", "POST", "/a", "application/x-www-form-urlencoded", ``, ""},
		{"the query is read, too", "POST", "/a?Subject=q", jsonType, `{}`, "q"},
		{"after the body", "POST", "/a?subject=q", jsonType, `{"subject":"s"}`, "s"},
		{"a query with + and %", "GET", "/a?subject=a+b%26c;d", "", ``, "a b&c;d"},
		{"the body of a GET is nothing", "GET", "/a", jsonType, `{"subject":"s"}`, ""},
		{"a form", "POST", "/a", "application/x-www-form-urlencoded", `subject=s`, "InvalidRequest"},
		{"no type", "POST", "/a", "", `{"subject":"s"}`, "InvalidRequest"},
		{"text", "POST", "/a", "text/plain", `{"subject":"s"}`, "InvalidRequest"},
		{"an array", "POST", "/a", jsonType, `[]`, "InvalidRequest"},
		{"a string", "POST", "/a", jsonType, `"subject"`, "InvalidRequest"},
		{"cut short", "POST", "/a", jsonType, `{"subject":`, "InvalidRequest"},
		{"more behind", "POST", "/a", jsonType, `{"subject":"s"}{}`, "InvalidRequest"},
		{"a property twice", "POST", "/a", jsonType, `{"subject":"s","subject":"s"}`, "InvalidRequest"},
		{"a property twice in another case", "POST", "/a", jsonType, `{"subject":"s","Subject":"t"}`, "InvalidRequest"},
		{"but the Kelvin sign is another letter", "POST", "/a", jsonType, `{"subject":"s","k":1,"\u212a":2}`, "s"},
		{"depth 32", "POST", "/a", jsonType, `{"subject":"s","x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, "s"},
		{"depth 33", "POST", "/a", jsonType, `{"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, "InvalidRequest"},
		{"not UTF-8", "POST", "/a", jsonType, "{\"subject\":\"\xff\"}", "InvalidRequest"},
		{"too much", "POST", "/a", jsonType, big, "InvalidRequest"},
		{"but not for a list that is imported", "POST", "/large", jsonType, big, "s"},
		{"a query that is not escaped well", "GET", "/a?subject=%zz", "", ``, "InvalidRequest"},
		{"a thousand parameters", "GET", "/a?" + strings.Repeat("a&", 1000), "", ``, "InvalidRequest"},
		{"a wrong type of property", "POST", "/a", jsonType, `{"subject":1}`, "InvalidParameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []string
			if tt.contentType != "" {
				headers = []string{"Content-Type", tt.contentType}
			}
			got := w.do(tt.method, tt.path, tt.body, headers...)
			if strings.HasPrefix(tt.want, "Invalid") {
				got.want(http.StatusBadRequest, tt.want)
				return
			}
			if got.want(200, "OK"); got.at("data", "subject") != tt.want {
				t.Errorf("subject is %v, want %q", got.at("data", "subject"), tt.want)
			}
		})
	}
}

// TestClassicValues has the look-up order, and each place alone.
func TestClassicValues(t *testing.T) {
	w := newWorld(t, classic("/api/a", needsNothing, func(c *call) (any, error) {
		return struct {
			To []string `json:"to"`
		}{c.in.list("to", 10)}, c.in.err()
	}))
	const urlencoded = "application/x-www-form-urlencoded"
	const multi = "--b\r\nContent-Disposition: form-data; name=\"To\"\r\n\r\nm\r\n--b--\r\n"
	for _, tt := range []struct {
		name, method, path, contentType, body, header, cookie, want string
	}{
		{"a query", "GET", "/api/a?to=q", "", "", "", "", "[q]"},
		{"names in any case", "GET", "/api/a?TO=q", "", "", "", "", "[q]"},
		{"a query of a POST without body, as pyfilemail did in 2014", "POST", "/api/a?to=q", "", "", "", "", "[q]"},
		{"a form", "POST", "/api/a", urlencoded, "to=f", "", "", "[f]"},
		{"a form of many parts", "POST", "/api/a", `multipart/form-data; boundary="b"`, multi, "", "", "[m]"},
		{"a header", "GET", "/api/a", "", "", "h", "", "[h]"},
		{"a cookie", "GET", "/api/a", "", "", "", "c", "[c]"},
		{"the query comes first", "POST", "/api/a?to=q", urlencoded, "to=f", "h", "c", "[q]"},
		{"then the form", "POST", "/api/a?to=", urlencoded, "to=f", "h", "c", "[f]"},
		{"then headers", "POST", "/api/a?to=", urlencoded, "to=&to=", "h", "c", "[h]"},
		{"then cookies", "POST", "/api/a?to=", urlencoded, "to=", "", "c", "[c]"},
		{"a list in one place", "POST", "/api/a?to=a,b&to=c", urlencoded, "to=f", "", "", "[a b c]"},
		{"nothing", "GET", "/api/a?to=", "", "", "", "", "[]"},
		{"JSON is no form", "POST", "/api/a", "application/json", `{"to":"x"}`, "", "", "InvalidRequest"},
		{"a broken form", "POST", "/api/a", "multipart/form-data; boundary=b", "--c--", "", "", "InvalidRequest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []string
			for name, v := range map[string]string{"Content-Type": tt.contentType, "To": tt.header} {
				if v != "" {
					headers = append(headers, name, v)
				}
			}
			if tt.cookie != "" {
				headers = append(headers, "Cookie", "to="+tt.cookie)
			}
			got := w.do(tt.method, tt.path, tt.body, headers...)
			if strings.HasPrefix(tt.want, "Invalid") {
				got.want(http.StatusBadRequest, tt.want)
				return
			}
			list, _ := got.at("to").([]any)
			if got.want(200, "OK"); fmt.Sprint(list) != tt.want {
				t.Errorf("to is %v, want %s", list, tt.want)
			}
		})
	}
}

func FuzzProperties(f *testing.F) {
	for _, s := range []string{`{"subject":"s","to":["a@b.c"],"days":"-1","notify":1}`, `{"to":"a,b"}`, `{"days":1e400}`, `null`, `{"key":"0-0"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parseProperties(text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		checkInput(t, &input{find: func(name string) value { return value{json: p[name]} }}, p)
	})
}

func FuzzParams(f *testing.F) {
	for _, s := range []string{"subject=s&to=a@b.c,d&days=-1&notify=True", "a=%zz", "a;b=c&=d&&", "to=%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseParams(text)
		if err != nil {
			return
		}
		for name, texts := range p {
			if len(texts) == 0 || slices.Contains(texts, "") || name != lower(name) {
				t.Errorf("%q: parameter %q is %q", text, name, texts)
			}
		}
		checkInput(t, &input{find: func(name string) value { return value{texts: p[name]} }}, p)
	})
}

// checkInput reads every property in every way: what is read keeps to its limits.
func checkInput[V any](t *testing.T, in *input, names map[string]V) {
	for name := range names {
		if s := in.line(name, 20); utf16Len(s) > 20 || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\r\n") {
			t.Errorf("%q is a line", s)
		}
		if n := in.number(name, -1, 30); n != nil && (*n < -1 || *n > 30) {
			t.Errorf("%d is a number from -1 to 30", *n)
		}
		if m := in.looseMoment(name); !m.IsZero() && (m.Year() < 1970 || m.Year() > 9999) {
			t.Errorf("%s is a moment", m)
		}
		all := in.emails(name, 3)
		if len(all) > 3 {
			t.Errorf("%d addresses, at most 3", len(all))
		}
		for _, s := range all {
			if again, err := account.NormalizeEmail(s); err != nil || again != s {
				t.Errorf("%q is an address", s)
			}
		}
		if id := in.uuid(name); id != "" && (len(id) != 32 || !isHex(id)) {
			t.Errorf("%q is a uuid", id)
		}
		in.flag(name)
	}
	_ = in.err()
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1", "-1", "9223372036854775808", "1e-1", "--1", "-", "NaN", "-0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseNumber(s)
		if err == nil && (n < -wire.MaxInt || n > wire.MaxInt) {
			t.Errorf("parseNumber(%q) = %d", s, n)
		}
	})
}
