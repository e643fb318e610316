package tus_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// plain is a Hasher that costs nothing.
type plain struct{}

func (plain) Hash(_ context.Context, p account.Secret) (string, error) { return string(p), nil }

func (plain) Verify(_ context.Context, text string, p account.Secret) (bool, error) {
	return text == string(p), nil
}

// handIn makes a transfer that another API would, and gives its key.
func (d *door) handIn(owner account.ID) (*transfer.Transfer, string) {
	d.Helper()
	tr, err := d.desk.HandIn(d.Context(), account.Owner{Account: owner},
		transfer.Form{ID: share.ID(d.ids.Text(id.Base62, 22))}, transfer.Rules{DefaultDays: 7, MaxDays: 7})
	d.must(err)
	return tr, string(d.desk.Key(tr))
}

// file announces one of ten bytes.
func (d *door) file(tr *transfer.Transfer, name string) string {
	d.Helper()
	f, err := d.desk.OpenFile(d.Context(), tr.ID, d.desk.Key(tr), transfer.FileForm{
		ID: upload.ID(d.ids.Text(id.Base62, 22)), Name: name, Size: 10,
	})
	d.must(err)
	return "/files/" + string(f.ID)
}

// signIn gives the cookie of somebody who is signed in at the site.
func (d *door) signIn(who account.ID) string {
	d.Helper()
	const password = "correct horse battery staple"
	email := string(who) + "@example.com"
	d.must(d.accounts.SetPassword(d.Context(), who, password, false))
	l, err := d.sessions.Login(d.Context(), email, password, session.Client{}, session.Browser)
	d.must(err)
	return wire.Login{Base: d.url}.Name() + "=" + string(l.Login)
}

// ten sends a file of ten bytes in two appends, with a look between them.
func (d *door) ten(at string, as header) {
	d.Helper()
	d.send("HEAD", at, as, nil).want(d, 200, "Upload-Offset", "0", "Upload-Length", "10")
	d.patch(at, 0, []byte("01234"), as...).want(d, 204, "Upload-Offset", "5")
	d.send("HEAD", at, as, nil).want(d, 200, "Upload-Offset", "5")
	d.patch(at, 5, []byte("56789"), as...).want(d, 204, "Upload-Offset", "10", "Upload-Complete", "?1")
}

// Who has the key of a transfer fills its files, and so does who is signed in as its
// owner. Nobody else learns that they are there.
func TestHoldersFill(t *testing.T) {
	d := newDoor(t)
	stranger, _ := d.person()
	tr, key := d.handIn(d.owner)
	_, othersKey := d.handIn(d.owner)
	holder := header{"X-Api-Key", "", "Ferry-Transfer-Key", key}
	person := header{"X-Api-Key", "", "Cookie", d.signIn(d.owner)}

	d.ten(d.file(tr, "a"), holder)
	d.ten(d.file(tr, "b"), person)
	d.ten(d.file(tr, "c"), header{"X-Api-Key", "", "Ferry-Transfer-Key", strings.ReplaceAll(key, "-", "")})
	d.ten(d.file(tr, "d"), append(header{"Cookie", wire.Login{Base: d.url}.Name() + "=over"}, holder...))

	at := d.file(tr, "e")
	d.patch(at, 0, []byte("01234"), holder...).want(t, 204, "Upload-Offset", "5")
	d.send("DELETE", at, holder, nil).want(t, 204)
	d.send("HEAD", at, person, nil).want(t, 200, "Upload-Offset", "0") // it is to be sent, as its API has announced it

	for name, as := range map[string]header{
		"another transfer's key": {"X-Api-Key", "", "Ferry-Transfer-Key", othersKey},
		"no key":                 {"X-Api-Key", "", "Ferry-Transfer-Key", "secret"},
		"another person":         {"X-Api-Key", "", "Cookie", d.signIn(stranger)},
	} {
		missing := d.patch("/files/nothing", 0, []byte("x"), as...).body
		for _, a := range []answer{d.patch(at, 0, []byte("01234"), as...), d.send("DELETE", at, as, nil)} {
			if a.want(t, 404); a.body != missing {
				t.Errorf("%s: %s, but for what is not there %s", name, a.body, missing)
			}
		}
		d.send("HEAD", at, as, nil).want(t, 404)
	}
	d.send("HEAD", at, header{"X-Api-Key", ""}, nil).want(t, 401)
	d.send("HEAD", at, header{"X-Api-Key", "", "Cookie", wire.Login{Base: d.url}.Name() + "=over"}, nil).want(t, 401)
	d.send("HEAD", at, append(header{}, "X-Api-Key", "wrong", "Ferry-Transfer-Key", key), nil).want(t, 401)

	// Neither makes transfers here.
	for _, as := range []header{holder, person} {
		d.send("POST", "/files", append(header{"Upload-Length", "5"}, as...), nil).want(t, 401)
		d.send("PUT", "/files/x", append(header{"Tus-Resumable", ""}, as...), strings.NewReader("x")).want(t, 401)
	}
}

// A page of another site does nothing with somebody's cookie, nor does it read an answer.
func TestForeignPage(t *testing.T) {
	d := newDoor(t)
	tr, _ := d.handIn(d.owner)
	at := d.file(tr, "a")
	person := header{"X-Api-Key", "", "Cookie", d.signIn(d.owner)}
	for _, tt := range []struct {
		name string
		h    header
		ok   bool
	}{
		{"no page at all", nil, true},
		{"a page of ours", header{"Sec-Fetch-Site", "same-origin"}, true},
		{"a page of ours over plain HTTP", header{"Origin", d.url}, true},
		{"another site's", header{"Sec-Fetch-Site", "cross-site"}, false},
		{"a neighbour's", header{"Sec-Fetch-Site", "same-site"}, false},
		{"another site's over plain HTTP", header{"Origin", "http://evil.example"}, false},
		{"another site's that says tus", header{"Origin", "http://evil.example", "X-HTTP-Method-Override", "PATCH"}, false},
	} {
		for _, method := range []string{"HEAD", "PATCH", "POST"} {
			h := append(append(header{"Content-Type", appendType, "Upload-Offset", "0"}, person...), tt.h...)
			if method == "POST" {
				h = append(h, "X-HTTP-Method-Override", "PATCH")
			}
			a := d.send(method, at, h, nil)
			if ok := a.StatusCode < 300; ok != tt.ok || !ok && a.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %s: %d %s", tt.name, method, a.StatusCode, a.body)
			}
			if c := a.Header.Get("Access-Control-Allow-Credentials"); c != "" || a.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s, %s: credentials %q", tt.name, method, c)
			}
		}
	}
}

// What people can get already is not taken down by who has no more than its key.
func TestHolderDoesNotDelete(t *testing.T) {
	d := newDoor(t)
	begun := func(length string, body string) (string, header) {
		a := d.send("POST", "/files", header{"Upload-Length", length, "Content-Type", appendType}, strings.NewReader(body))
		a.want(t, 201)
		at := a.Header.Get("Location")
		f, err := d.uploads.File(t.Context(), d.owner, upload.ID(at[strings.LastIndexByte(at, '/')+1:]))
		d.must(err)
		tr, err := d.desk.ByKey(t.Context(), f.Home.Key)
		d.must(err)
		return at, header{"X-Api-Key", "", "Ferry-Transfer-Key", string(d.desk.Key(tr))}
	}
	at, holder := begun("5", "01234")
	d.send("DELETE", at, holder, nil).want(t, 409)
	d.holds(at, []byte("01234"))
	d.send("DELETE", at, nil, nil).want(t, 204)

	at, holder = begun("10", "01234")
	d.patch(at, 5, []byte("5678"), holder...).want(t, 204, "Upload-Offset", "9")
	d.send("DELETE", at, holder, nil).want(t, 204)
	d.send("HEAD", at, nil, nil).want(t, 410)

	at, holder = begun("10", "01234")
	d.now = d.now.Add(time.Minute)
	d.patch(at, 5, []byte("56789"), holder...).want(t, 204, "Upload-Complete", "?1")
	d.holds(at, []byte("0123456789"))
}
