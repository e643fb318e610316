package filemail

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	core "github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// A sender is the door over the real core, a database and a disk. Ada calls with a
// key, Bob with a token; whoever comes by Filemail's own app is nobody.
type sender struct {
	*world
	*fixedPolicy
	db       *db.DB
	desk     *transfer.Desk
	uploads  *core.Service
	contacts *contact.Service
	bytes    blob.Store
	clock    time.Time
	n        int // files that were sent under names of their own
}

// guests is the account of those who have none.
const guests = account.ID("guests")

// A fixedPolicy lets those of accounts send a lot, and guests little, if at all.
type fixedPolicy struct {
	rules  transfer.Rules
	guests bool // may send
}

func (p *fixedPolicy) Sender(_ context.Context, who account.Actor, claimed string) (account.Owner, string, error) {
	switch {
	case who.Account != "":
		return who.Owner, string(who.Account) + "@example.com", nil
	case p.guests:
		return account.Owner{Account: guests}, "", nil
	case claimed == "ada@example.com":
		return account.Owner{}, "", fault.New(fault.Unauthenticated, "login_required", "please login")
	}
	return account.Owner{}, "", fault.New(fault.Unauthenticated, "registration_required", "please register first")
}

func (p *fixedPolicy) Rules(_ context.Context, who account.ID) (transfer.Rules, error) {
	if who == guests {
		return transfer.Rules{MaxSize: 100, MaxDays: 7, DefaultDays: 7, NoPassword: true}, nil
	}
	return p.rules, nil
}

func (p *fixedPolicy) Check(_ context.Context, addresses ...string) error {
	if slices.Contains(addresses, "eve@blocked.example") {
		return fault.New(fault.Forbidden, "blocked", "the address is blocked here")
	}
	return nil
}

// Asker: Bob is the admin of Cid.
func (p *fixedPolicy) Asker(_ context.Context, who account.Actor) (transfer.Asker, error) {
	return transfer.Asker{
		Account: who.Account,
		Over:    func(a account.ID) bool { return who.Account == "bob" && a == "cid" },
	}, nil
}

// plainText is a Hasher for tests that must not take long.
type plainText struct{}

func (plainText) Hash(_ context.Context, p account.Secret) (string, error) {
	return "text of " + string(p), nil
}

func (plainText) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	return text == "text of "+string(p), nil
}

const quiet, recent = 7 * 24 * time.Hour, 5 * time.Minute

func newSender(t testing.TB) *sender {
	t.Helper()
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "ferry.db"), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	s := &sender{
		world: &world{t: t, gate: &fakeGate{}, logged: &bytes.Buffer{}}, db: d,
		fixedPolicy: &fixedPolicy{rules: transfer.Rules{MaxSize: 1 << 20, MaxRecipients: 10, MaxDays: 90, DefaultDays: 30, Forever: true}},
		clock:       time.Date(2026, 11, 21, 14, 35, 17, 0, time.UTC),
	}
	now := func() time.Time { return s.clock }
	for _, who := range []account.ID{"ada", "bob", "cid", guests} {
		if err := d.EnsureAccount(t.Context(), &account.Account{ID: who, CreatedAt: s.clock}); err != nil {
			t.Fatal(err)
		}
	}
	files, err := disk.Open(disk.OS(), t.TempDir(), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.New([]byte(strings.Repeat("k", keyring.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	ids := id.NewSource(now)
	s.bytes = blob.WithRows(files, d)
	s.uploads = core.NewService(d, s.bytes, ids, now, core.Limits{MaxFile: 1 << 30})
	s.desk = transfer.NewDesk(d, s.uploads, plainText{}, ring, ids, now, transfer.DeskLimits{
		MaxFiles: 5, Quiet: quiet, Keep: 24 * time.Hour, Recent: recent,
	})
	s.contacts = contact.NewService(d, ids)
	s.door = New(Config{
		Gate: s.gate, Policy: s, Desk: s.desk, Uploads: s.uploads, Contacts: s.contacts, Misses: wire.NewMisses(now), IDs: ids,
		Now: now, BaseURL: func() string { return base }, Log: slog.New(slog.NewTextHandler(s.logged, nil)),
	})
	return s
}

// as gives the headers of a caller.
func as(who string) []string {
	switch who {
	case "ada":
		return []string{"X-Api-Key", goodKey}
	case "bob":
		return []string{"X-Api-Key", goodKey, "Logintoken", goodToken}
	}
	return []string{"Source", "desktop"} // nobody
}

// json makes a call of 2.0; properties come in pairs.
func (s *sender) json(who, method, path string, properties ...any) reply {
	s.t.Helper()
	body := ""
	if len(properties) > 0 {
		m := map[string]any{}
		for i := 0; i < len(properties); i += 2 {
			m[properties[i].(string)] = properties[i+1]
		}
		text, err := json.Marshal(m)
		if err != nil {
			s.t.Fatal(err)
		}
		body = string(text)
	}
	return s.do(method, path, body, append(as(who), "Content-Type", "application/json-patch+json")...)
}

// old makes a classic call; parameters come in pairs, and go into the query.
func (s *sender) old(who, path string, parameters ...string) reply {
	s.t.Helper()
	q := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	switch who {
	case "bob":
		q.Set("logintoken", goodToken)
	case "ada":
		q.Set("apikey", goodKey)
	}
	return s.do("GET", "/api/"+path+"?"+q.Encode(), "")
}

// A begun is a transfer that was made by the API.
type begun struct{ id, key string }

func (s *sender) begin(who string, properties ...any) begun {
	s.t.Helper()
	got := s.json(who, "POST", "/transfer/initialize", append([]any{"subject", "Plans"}, properties...)...)
	if got.status != 200 {
		s.t.Fatalf("initialize: %d %s", got.status, got.body)
	}
	return begun{got.str("data", "transferid"), got.str("data", "transferkey")}
}

// of makes a transfer that somebody else has.
func (s *sender) of(owner account.ID) begun {
	s.t.Helper()
	t, err := s.desk.HandIn(s.t.Context(), account.Owner{Account: owner}, transfer.Form{
		ID: share.ID(s.door.cfg.IDs.Text(transferLetters, transferIDLen)), Subject: "Theirs",
	}, s.rules)
	if err != nil {
		s.t.Fatal(err)
	}
	return begun{string(t.ID), string(s.desk.Key(t))}
}

// put sends a body to the upload URL.
func (s *sender) put(b begun, parameters, body string) reply {
	s.t.Helper()
	r := httptest.NewRequest("POST", base+uploadPath, strings.NewReader(body))
	r.URL.RawQuery = "transferid=" + b.id + "&transferkey=" + b.key + "&" + parameters
	r.Header.Set("Content-Type", "application/octet-stream")
	return s.send(r)
}

// file sends a whole file under a name of its own.
func (s *sender) file(b begun, body string) {
	s.t.Helper()
	s.n++
	s.put(b, "thefilename=file"+strconv.Itoa(s.n), body).want(200, "OK")
}

func (s *sender) complete(b begun) reply {
	s.t.Helper()
	return s.json("ada", "PUT", "/transfer/complete", "transferid", b.id, "transferkey", b.key)
}

// ready makes a transfer of one file that can be fetched.
func (s *sender) ready(who string, properties ...any) begun {
	s.t.Helper()
	b := s.begin(who, properties...)
	s.file(b, "hello")
	s.complete(b).want(200, "OK")
	return b
}

func (s *sender) stored(b begun) *transfer.Transfer {
	s.t.Helper()
	t, err := s.db.Transfer(s.t.Context(), share.ID(b.id))
	if err != nil {
		s.t.Fatal(err)
	}
	return t
}

// files gives those of a transfer.
func (s *sender) files(b begun) (all []*core.File) {
	s.t.Helper()
	err := s.uploads.Files(s.t.Context(), &s.stored(b).Share, func(f *core.File) error {
		all = append(all, f)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// names gives the names of a transfer's files and their content, in their order.
func (s *sender) names(b begun) string {
	s.t.Helper()
	var all []string
	for _, f := range s.files(b) {
		text := f.Name + "="
		if f.State == core.Complete {
			text += s.content(f)
		} else {
			text += map[core.State]string{core.Open: "…", core.Deleted: "†"}[f.State]
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func (s *sender) content(f *core.File) string {
	s.t.Helper()
	content, err := s.uploads.Content(s.t.Context(), f)
	if err != nil {
		s.t.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := blob.Copy(s.t.Context(), &buf, s.bytes, content, 0, f.Size); err != nil {
		s.t.Fatal(err)
	}
	return buf.String()
}

// to gives whom a transfer is for, with a mark at those who were written to.
func (s *sender) to(b begun) string {
	s.t.Helper()
	all, err := s.db.Recipients(s.t.Context(), s.stored(b).Key, "", 100)
	if err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, r := range all {
		name := r.Address
		if !r.SentAt.IsZero() {
			name += "!"
		}
		if r.Note != "" {
			name += "(" + r.Note + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func (r reply) str(path ...any) string {
	r.t.Helper()
	s, ok := r.at(path...).(string)
	if !ok {
		r.t.Fatalf("answer %d %s has no text at %v", r.status, r.body, path)
	}
	return s
}

// keys gives the names of an object's members, in the order of the alphabet.
func (r reply) keys(path ...any) string {
	r.t.Helper()
	m, _ := r.at(path...).(map[string]any)
	return strings.Join(slices.Sorted(maps.Keys(m)), " ")
}

// letters takes all jobs that are due from the queue, and counts those of a kind.
func (s *sender) letters(kind string) (n int) {
	s.t.Helper()
	jobs, err := s.db.Claim(s.t.Context(), s.clock, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, j := range jobs {
		if j.Kind == kind {
			n++
		}
	}
	return n
}

func secret(s string) account.Secret { return account.Secret(s) }

// uploadOf is a request that brings a file of five bytes.
func uploadOf(b begun, body io.Reader) *http.Request {
	r := httptest.NewRequest("POST", base+uploadPath+"?thefilename=a&transferid="+b.id+"&transferkey="+b.key, body)
	r.ContentLength = 5
	return r
}
