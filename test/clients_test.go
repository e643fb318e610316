// Package test looks at a real Ferry node from outside, and knows nothing of what is
// inside: it kills it, cuts its lines, fills its disk, traces its system calls,
// lies to it, and runs programs of other people, as they are, against it. What was
// acknowledged must come back, byte for byte, by the links that were given.
//
// How the packages keep their promises is tested beside them. Start at dialect in
// wt_test.go, the client that most tests use; flags are in content_test.go and
// kill_test.go.
package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/testenv"
)

// What a driver under clients/ says it sent.
type (
	sentFile struct {
		Name   string
		Size   int64
		SHA256 string
	}
	sent struct {
		ID, URL string
		Files   []sentFile
		Links   []json.RawMessage
	}
	report struct{ Transfer, Board sent }
)

func TestOfficialSDKv2(t *testing.T) {
	node := testenv.StartFerry(t)
	r := drive(t, node, "wt_v2.js")

	t.Run("a transfer comes back by its page", func(t *testing.T) { checkPage(t, r.Transfer) })
	t.Run("a transfer comes back by the web client's API", func(t *testing.T) { checkV4(t, r.Transfer) })
	t.Run("a board comes back by its page", func(t *testing.T) { checkPage(t, r.Board) })
	t.Run("a board keeps its link", func(t *testing.T) { checkLinks(t, r.Board) })
}

func TestOfficialSDKv1(t *testing.T) {
	node := testenv.StartFerry(t)
	r := drive(t, node, "wt_v1.js")

	t.Run("a transfer comes back by its page", func(t *testing.T) { checkPage(t, r.Transfer) })
	t.Run("a transfer keeps its link", func(t *testing.T) { checkLinks(t, r.Transfer) })
}

func TestTusClient(t *testing.T) {
	slow(t)
	var all []sent
	driveFor(t, testenv.StartFerry(t), "tus.js", &all)
	if len(all) != 3 {
		t.Fatalf("%d uploads", len(all))
	}
	for _, s := range all {
		checkPage(t, s)
	}
}

// Uppy in a browser, on a page of another origin.
func TestUppy(t *testing.T) {
	slow(t)
	testenv.Need(t, "chromium")
	var all []sent
	driveFor(t, testenv.StartFerry(t), "uppy.js", &all)
	if len(all) != 3 {
		t.Fatalf("%d uploads", len(all))
	}
	for _, s := range all {
		checkPage(t, s)
	}
}

// curl -T uploads by one line, and prints the link.
func TestCurl(t *testing.T) {
	node := testenv.StartFerry(t)
	curl := testenv.Need(t, "curl")
	c := content{"from curl.bin", 6*mib + 7, 70}
	path := t.TempDir() + "/" + c.name
	if err := os.WriteFile(path, c.bytes(0, c.size), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-T", path, node.URL + "/files/"}, {"-T", "-", node.URL + "/files/from%20curl.bin"}} {
		cmd := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "--fail", "-H", "X-Api-Key: " + node.Key()}, args...)...)
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = in
		out, err := cmd.CombinedOutput()
		_ = in.Close()
		if err != nil {
			t.Fatalf("curl: %v\n%s", err, out)
		}
		link := strings.TrimSpace(string(out))
		if got := download(t, link, c.name); !bytes.Equal(got, c.bytes(0, c.size)) {
			t.Errorf("%s gives %d other bytes", link, len(got))
		}
	}
}

// drive runs a driver under clients/ against node, and returns what it sent.
func drive(t *testing.T, node *testenv.Node, script string) (r report) {
	t.Helper()
	driveFor(t, node, script, &r)
	return r
}

func driveFor(t *testing.T, node *testenv.Node, script string, report any, env ...string) {
	t.Helper()
	nodejs := testenv.Need(t, "node")
	if _, err := os.Stat("clients/node_modules"); err != nil {
		testenv.Missing(t, "test/clients/node_modules", "npm ci --prefix test/clients")
	}
	cmd := exec.CommandContext(t.Context(), nodejs, script)
	cmd.Dir = "clients"
	// A clean environment: axios obeys http_proxy.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "FERRY_URL=" + node.URL, "FERRY_KEY=" + node.Key()}
	cmd.Env = append(cmd.Env, env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, stderr.String(), out)
	}
	if err := json.Unmarshal(out, report); err != nil {
		t.Fatalf("%s printed %q: %v", script, out, err)
	}
}

// checkPage fetches every file of s through the page behind its short link.
func checkPage(t *testing.T, s sent) {
	t.Helper()
	if len(s.Files) == 0 {
		t.Fatal("nothing was sent")
	}
	for _, f := range s.Files {
		check(t, f, download(t, s.URL, f.Name))
	}
}

// checkV4 fetches every file of s through the calls of WeTransfer's own page.
func checkV4(t *testing.T, s sent) {
	t.Helper()
	for _, f := range s.Files {
		check(t, f, downloadV4(t, s.URL, f.Name))
	}
}

// checkLinks asks for the link that every driver sends, in the API's answer and on the page.
func checkLinks(t *testing.T, s sent) {
	t.Helper()
	if len(s.Links) != 1 || !strings.Contains(string(s.Links[0]), "https://example.org/") {
		t.Errorf("the API answered the link with %s", s.Links)
	}
	if _, page := openPage(t, s.URL); !strings.Contains(page, `href="https://example.org/"`) {
		t.Error("the page does not show the link")
	}
}

func check(t *testing.T, f sentFile, got []byte) {
	t.Helper()
	sum := sha256.Sum256(got)
	if int64(len(got)) != f.Size || hex.EncodeToString(sum[:]) != f.SHA256 {
		t.Errorf("%s: sent %d bytes (%s), got %d (%x)", f.Name, f.Size, f.SHA256, len(got), sum)
	}
}

var client = &http.Client{
	Timeout: time.Minute,
	// Redirects are part of what is tested.
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// follow returns where a short link points to: 302 and an address on a page.
func follow(t *testing.T, shortURL string) *url.URL {
	t.Helper()
	resp, err := client.Get(shortURL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	to, err := resp.Location()
	if resp.StatusCode != http.StatusFound || err != nil {
		t.Fatalf("GET %s: %s, Location: %v, want 302 to a page", shortURL, resp.Status, err)
	}
	return to
}

func openPage(t *testing.T, shortURL string) (at *url.URL, page string) {
	t.Helper()
	at = follow(t, shortURL)
	return at, string(get(t, at.String()))
}

var (
	anchors   = regexp.MustCompile(`<a\s[^>]*>`)
	hrefs     = regexp.MustCompile(`\shref="([^"]*)"`)
	dataFiles = regexp.MustCompile(`\sdata-file="([^"]*)"`)
)

// download fetches a file as a recipient does: by the short link, and on the page
// by the link of that file (<a href=… data-file="name">).
func download(t *testing.T, shortURL, name string) []byte {
	t.Helper()
	at, page := openPage(t, shortURL)
	for _, anchor := range anchors.FindAllString(page, -1) {
		file, href := dataFiles.FindStringSubmatch(anchor), hrefs.FindStringSubmatch(anchor)
		if file == nil || href == nil || html.UnescapeString(file[1]) != name {
			continue
		}
		to, err := at.Parse(html.UnescapeString(href[1]))
		if err != nil {
			t.Fatal(err)
		}
		return get(t, to.String())
	}
	t.Fatalf("the page at %s has no link to %s:\n%s", at, name, page)
	return nil
}

var downloadPath = regexp.MustCompile(`^/downloads/([a-z0-9]{46})/([a-z0-9]+)$`)

// downloadV4 fetches a file as the scripts do that mimic WeTransfer's page: by the
// short link, then prepare-download and download of its API v4 (seen in
// orgrimarr/node-wetransfert and iamleot/transferwee).
func downloadV4(t *testing.T, shortURL, name string) []byte {
	t.Helper()
	at := follow(t, shortURL)
	m := downloadPath.FindStringSubmatch(at.Path)
	if m == nil {
		t.Fatalf("%s points to %s, want /downloads/{id}/{hash}", shortURL, at)
	}
	api := at.ResolveReference(&url.URL{Path: "/api/v4/transfers/" + m[1]}).String()

	var prepared struct {
		Items []struct{ ID, Name string }
	}
	post(t, api+"/prepare-download", map[string]any{"security_hash": m[2]}, &prepared)
	for _, item := range prepared.Items {
		if item.Name != name {
			continue
		}
		var answer struct {
			DirectLink string `json:"direct_link"`
		}
		post(t, api+"/download", map[string]any{
			"security_hash": m[2], "intent": "single_file", "file_ids": []string{item.ID},
		}, &answer)
		return get(t, answer.DirectLink)
	}
	t.Fatalf("prepare-download lists %v, without %s", prepared.Items, name)
	return nil
}

func get(t *testing.T, address string) []byte {
	t.Helper()
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return body(t, resp)
}

func post(t *testing.T, address string, request, answer any) {
	t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Post(address, "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body(t, resp), answer); err != nil {
		t.Fatalf("POST %s: %v", address, err)
	}
}

// body reads the answer of a request that must succeed.
func body(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s\n%s", resp.Request.Method, resp.Request.URL, resp.Status, content)
	}
	return content
}
