package site_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sendForm makes the body of the form as a browser without script sends it.
func sendForm(t *testing.T, fields [][2]string, files ...sent) (body, header string) {
	t.Helper()
	var buf bytes.Buffer
	m := multipart.NewWriter(&buf)
	for _, f := range fields {
		if err := m.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range files {
		p, err := m.CreateFormFile("file", f.name)
		if err == nil {
			_, err = io.WriteString(p, f.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String(), "Content-Type: " + m.FormDataContentType()
}

var sentLink = regexp.MustCompile(`<p class="link"><a href="([^"]+)"`)

func TestSendsWithoutScript(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	cookie := w.signIn("mara@example.org")
	if page := w.get("/", http.StatusOK, cookie); !strings.Contains(page, `enctype="multipart/form-data"`) || !strings.Contains(page, `<option value="7" selected>7 days</option>`) {
		t.Errorf("the first page does not send: %s", page)
	}
	big := strings.Repeat("0123456789abcdef", 10_000)
	body, header := sendForm(t, [][2]string{{"title", "Isles"}, {"message", "Here\r\nthey are"}, {"days", "3"}, {"name", "isles"}, {"unknown", "x"}},
		sent{"a.txt", "hello"}, sent{"", ""}, sent{"big.bin", big}, sent{"empty", ""})
	res := w.do(http.MethodPost, "/", body, header, cookie)
	page := read(t, res)
	m := sentLink.FindStringSubmatch(page)
	if res.StatusCode != http.StatusOK || m == nil || m[1] != w.server.URL+"/to/isles" {
		t.Fatalf("%s: %s", res.Status, page)
	}
	shown := w.get("/to/isles", http.StatusOK)
	for _, want := range []string{"Isles", "Here\nthey are", "3 files"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the link's page lacks %q", want)
		}
	}
	for _, f := range []sent{{"a.txt", "hello"}, {"big.bin", big}, {"empty", ""}} {
		link := regexp.MustCompile(`/to/isles/file/[^"]+/` + regexp.QuoteMeta(f.name)).FindString(shown)
		if got := w.get(link, http.StatusOK); got != f.content {
			t.Errorf("%s came back as %d bytes, want %d", f.name, len(got), len(f.content))
		}
	}
}

func TestFormIsRefused(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	cookie := w.signIn("mara@example.org")
	some := sent{"a.txt", "hello"}
	for _, tt := range []struct {
		name    string
		fields  [][2]string
		files   []sent
		headers []string
		status  int
		says    string
	}{
		{"nobody", nil, []sent{some}, nil, 401, ""},
		{"another site's page", nil, []sent{some}, []string{cookie, "Sec-Fetch-Site: cross-site"}, 403, ""},
		{"no file", [][2]string{{"title", "kept title"}}, nil, []string{cookie}, 400, "kept title"},
		{"an empty choice", nil, []sent{{"", ""}}, []string{cookie}, 400, "no file was chosen"},
		{"days are no number", [][2]string{{"days", "soon"}}, []sent{some}, []string{cookie}, 400, "days must be a number"},
		{"a wrong address", [][2]string{{"to", "mara"}}, []sent{some}, []string{cookie}, 400, "is not an e-mail address"},
		{"a wrong name", [][2]string{{"name", "../x"}}, []sent{some}, []string{cookie}, 400, ""},
		{"a name of a folder above", nil, []sent{{"..", "x"}}, []string{cookie}, 400, ""},
		{"fields without end", [][2]string{{"message", strings.Repeat("x", 70_000)}}, []sent{some}, []string{cookie}, 413, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body, header := sendForm(t, tt.fields, tt.files...)
			res := w.do(http.MethodPost, "/", body, append(tt.headers, header)...)
			if page := read(t, res); res.StatusCode != tt.status || !strings.Contains(page, tt.says) {
				t.Errorf("%s: %s", res.Status, page)
			}
		})
	}
	if res := w.do(http.MethodPost, "/", "a=b", formHeader, cookie); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form of another type: %s", res.Status)
	}
}

// A form that is cut leaves nothing that could be downloaded, whole as it may look.
func TestCutFormSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	cookie := w.signIn("mara@example.org")
	body, header := sendForm(t, [][2]string{{"name", "cut"}}, sent{"a.txt", "hello"}, sent{"b.bin", strings.Repeat("x", 300_000)})
	for i, cut := range []int{len(body) - 100_000, len(body) - 5, strings.Index(body, "hello") + 2, 10} {
		name := fmt.Sprintf("cut%d", i)
		res := w.do(http.MethodPost, "/", strings.Replace(body, "cut", name, 1)[:cut], header, cookie)
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("cut after %d bytes: %s", cut, res.Status)
		}
		if res := w.do(http.MethodGet, "/to/"+name, ""); res.StatusCode == http.StatusOK {
			t.Errorf("cut after %d bytes, it can be downloaded", cut)
		}
	}
}

func TestHomeOffersDaysOfThePlan(t *testing.T) {
	w := newWorld(t)
	w.person("mara@example.org")
	page := w.get("/", http.StatusOK, w.signIn("mara@example.org"))
	if n := strings.Count(page, " selected>"); n != 1 {
		t.Errorf("%d lives are chosen", n)
	}
	w.wait(time.Hour)
	if page := w.get("/", http.StatusOK); strings.Contains(page, `id="send"`) {
		t.Error("nobody may send")
	}
}
