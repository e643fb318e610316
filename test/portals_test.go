package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// Somebody without an account sends to a company's portal; its people have it in their
// inbox, by that portal, and it is theirs to keep.
func TestPortal(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	portal := p.portal(p.boss)

	var tr fmTransfer
	guest := newFM(p.node.URL, "")
	told := p.guest(object{"subject": "for you", "portalid": portal.PortalID})
	var answer struct{ Data *fmTransfer }
	answer.Data = &tr
	if err := json.Unmarshal(told.body, &answer); err != nil || told.status != http.StatusOK {
		t.Fatalf("initialize: %d %s", told.status, told.body)
	}
	f := chunked{content{"plans/a.bin", 5, 5}, 5}
	p.must(guest.putChunk(tr, f, 0))
	if c := p.ask(&fm{}, "PUT", "/transfer/complete", object{"transferid": tr.TransferID, "transferkey": tr.TransferKey}, "Source", "web"); c.status != http.StatusOK {
		t.Fatalf("complete: %d %s", c.status, c.body)
	}

	type list struct {
		Transfers []struct {
			ID, Subject  string
			CustomFields []struct{ Label, Value string }
		}
	}
	in := func(query string) (l list) {
		t.Helper()
		p.must(p.boss.call("GET", "/transfer/inbox"+query, nil, &l))
		return l
	}
	for _, query := range []string{"", "?portalId=" + portal.PortalID} {
		l := in(query)
		if len(l.Transfers) != 1 || l.Transfers[0].ID != tr.TransferID || len(l.Transfers[0].CustomFields) != 1 ||
			l.Transfers[0].CustomFields[0].Value != portal.Name {
			t.Errorf("inbox%s: %+v", query, l)
		}
	}
	if l := in("?portalId=" + p.portal(p.boss).PortalID); len(l.Transfers) != 0 {
		t.Errorf("by another portal: %+v", l)
	}
	var sent list
	p.must(p.boss.call("GET", "/transfer/sent", nil, &sent))
	if len(sent.Transfers) != 0 {
		t.Errorf("it is listed as sent: %+v", sent)
	}
	if d, err := p.boss.details(tr.TransferID); err != nil || len(d.Files) != 1 || d.Files[0].FileName != "plans/a.bin" {
		t.Errorf("details: %+v, %v", d, err)
	}

	// Other people's portals are like none.
	other, _ := p.company()
	for _, path := range []string{"PUT /portal/" + portal.PortalID, "DELETE /portal/" + portal.PortalID, "GET /transfer/inbox?portalId=" + portal.PortalID} {
		var method, rest string
		_, _ = fmt.Sscan(path, &method, &rest)
		if a := p.ask(other, method, rest, object{"name": "mine"}); a.status != http.StatusNotFound {
			t.Errorf("another company's admin, %s: %d %s", path, a.status, a.body)
		}
	}
	member, _ := p.colleague(p.boss, nil)
	if a := p.ask(member, "GET", "/portal", nil); a.status != http.StatusUnauthorized {
		t.Errorf("who is no admin lists portals: %d %s", a.status, a.body)
	}

	for _, wrong := range []object{
		{"name": "", "to": []string{"a@example.org"}},
		{"name": "n", "to": []string{}},
		{"name": "n", "to": []string{"nobody"}},
		{"name": "a\r\nb", "to": []string{"a@example.org"}},
		{"name": portal.Name, "to": []string{"a@example.org"}},
	} {
		if a := p.ask(p.boss, "POST", "/portal", wrong); a.status != http.StatusBadRequest {
			t.Errorf("%v: %d %s", wrong, a.status, a.body)
		}
	}
	if a := p.guest(object{"subject": "s", "portalid": portal.PortalID, "to": []string{"victim@example.org"}}); a.status != http.StatusBadRequest {
		t.Errorf("to somebody else as well: %d %s", a.status, a.body)
	}
	if a := p.ask(p.boss, "PUT", "/portal/"+portal.PortalID, object{"text": "x", "version": portal.Version + 7}); a.status != http.StatusConflict {
		t.Errorf("a change of another version: %d %s", a.status, a.body)
	}

	p.must(p.boss.call("DELETE", "/portal/"+portal.PortalID, nil, nil))
	if a := p.guest(object{"subject": "s", "portalid": portal.PortalID}); a.status != http.StatusNotFound {
		t.Errorf("to a deleted portal: %d %s", a.status, a.body)
	}
	if a := p.ask(p.boss, "GET", "/transfer/inbox?portalId="+portal.PortalID, nil); a.status != http.StatusConflict {
		t.Errorf("the inbox by a deleted portal: %d %s", a.status, a.body)
	}
	if l := in("?ignoreDeletedPortals=true&portalId=" + portal.PortalID); len(l.Transfers) != 0 {
		t.Errorf("passed over: %+v", l)
	}
	if l := in(""); len(l.Transfers) != 1 {
		t.Errorf("what came in by it: %+v", l)
	}

	// What it may take is its receiver's to have, also while it comes in.
	small, _ := p.company()
	p.node.Ferry("plan", "set", "small", "--name", "small", "--api", "--company", "--transfer", "1MB")
	p.node.Ferry("user", "plan", p.email[small], "small")
	told = p.guest(object{"subject": "s", "portalid": p.portal(small).PortalID})
	if err := json.Unmarshal(told.body, &answer); err != nil || told.status != http.StatusOK {
		t.Fatalf("initialize: %d %s", told.status, told.body)
	}
	if a := p.chunk(tr, bytes.NewReader(make([]byte, 2*million)), nil); !bytes.Contains(a.body, []byte(`"FileSizeBlockRecipient"`)) {
		t.Errorf("more than its receiver may have: %d %s", a.status, a.body)
	}

	// Of several at once by one name, one is made.
	var made atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if p.ask(p.boss, "POST", "/portal", object{"name": "same", "to": []string{"a@example.org"}}).status == http.StatusOK {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("%d portals of one name", made.Load())
	}
}
