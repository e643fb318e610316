package db_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

func TestListsOfTransfers(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		alice, bob := d.alice, d.account(0)
		subjects := func(all []*transfer.Transfer) string {
			var out []string
			for _, t := range all {
				out = append(out, t.Name)
			}
			return strings.Join(out, " ")
		}
		sent := func(q transfer.Query, from ...account.ID) string {
			t.Helper()
			if q.Limit == 0 {
				q.Limit = 100
			}
			p, err := d.Sent(d.ctx, from, q)
			d.must(err)
			return subjects(p.Items)
		}
		inbox := func(q transfer.Query, to ...string) string {
			t.Helper()
			if q.Limit == 0 {
				q.Limit = 100
			}
			p, err := d.Inbox(d.ctx, to, q)
			d.must(err)
			var all []*transfer.Transfer
			for _, r := range p.Items {
				all = append(all, r.Transfer)
			}
			return subjects(all)
		}
		is := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		d.ready(transfer.Form{Subject: "one", Message: "Straße", Sender: "alice@x.y", To: []string{"carol@x.y", "dave@x.y"}, Days: ptr(1)}, 5)
		d.pass(time.Minute)
		two := d.handIn(transfer.Form{Subject: "two", To: []string{"carol@x.y"}})
		d.alice = bob
		d.pass(time.Minute)
		_, _ = d.ready(transfer.Form{Subject: "three", To: []string{"carol@x.y"}}, 5)
		d.alice = alice
		d.pass(time.Minute)
		// One that WeTransfer's API made is in the list of its account, whichever room it was made in.
		w, files, err := d.plain.Create(d.ctx, account.Actor{Owner: account.Owner{Account: alice, Room: "room"}}, transfer.Draft{
			ID: "w_t", Code: "t-wt", Name: "four", Sealed: true, Files: []transfer.DraftFile{{ID: "wtfile", Name: "a", Size: 5, Chunk: 5}},
		})
		d.must(err)
		d.must(d.put(files[0], 1, []byte("12345")))
		_, err = d.plain.CompleteFile(d.ctx, account.Actor{Owner: w.Owner}, "w_t", "wtfile")
		d.must(err)
		_, err = d.plain.Finalize(d.ctx, account.Actor{Owner: w.Owner}, "w_t")
		d.must(err)

		is("sent", sent(transfer.Query{}, alice), "four one")
		is("sent, with what is not complete", sent(transfer.Query{Unfinished: true}, alice), "four two one")
		is("another's", sent(transfer.Query{}, bob), "three")
		is("of a company", sent(transfer.Query{}, alice, bob), "four three one")
		is("of a company, one by one", sent(transfer.Query{Limit: 1, Skip: 1}, alice, bob), "three")
		is("by its subject", sent(transfer.Query{Search: "ONE"}, alice, bob), "one")
		is("by its message, in other letters", sent(transfer.Query{Search: "straSSe"}, alice), "")
		is("by its message", sent(transfer.Query{Search: "STRAße"}, alice), "one")
		is("by its sender", sent(transfer.Query{Search: "alice@"}, alice, bob), "one")
		is("by a recipient", sent(transfer.Query{Search: "DAVE"}, alice, bob), "one")
		is("by its id", sent(transfer.Query{Search: "w_t"}, alice, bob), "four")
		is("what no pattern means", sent(transfer.Query{Search: "%"}, alice, bob), "")

		is("inbox", inbox(transfer.Query{}, "carol@x.y"), "three one")
		is("inbox of two", inbox(transfer.Query{}, "carol@x.y", "dave@x.y"), "three one one")
		is("nobody's inbox", inbox(transfer.Query{}, "", "x@x.y"), "")
		d.pass(time.Hour)
		d.send(two, "late", 5)
		_, err = d.Complete(d.ctx, two.ID, d.Key(two))
		d.must(err)
		is("what arrived last is first, though begun before", inbox(transfer.Query{}, "carol@x.y"), "two three one")
		is("since an hour", inbox(transfer.Query{Since: d.now().Add(-time.Hour)}, "carol@x.y"), "two")
		var pages []string
		for q := (transfer.Query{Limit: 1}); ; {
			p, err := d.Inbox(d.ctx, []string{"carol@x.y"}, q)
			d.must(err)
			pages = append(pages, p.Items[0].Transfer.Name)
			if q.After = p.Next; q.After == "" {
				break
			}
		}
		is("page by page", strings.Join(pages, " "), "two three one")

		d.must(d.Block(d.ctx, two.ID, true))
		is("what is blocked", inbox(transfer.Query{}, "carol@x.y")+"/"+sent(transfer.Query{}, alice), "three one/four one")
		d.must(d.Block(d.ctx, two.ID, false))
		d.pass(day)
		is("what has expired", inbox(transfer.Query{}, "carol@x.y")+"/"+sent(transfer.Query{}, alice), "two three/four two")
		d.must(d.Delete(d.ctx, transfer.Asker{Account: alice}, two.ID))
		is("with what has ended", inbox(transfer.Query{Ended: true}, "carol@x.y")+"/"+sent(transfer.Query{Ended: true}, alice), "two three one/four two one")
		for _, after := range []string{"x", "5.x", strings.Repeat("x", 27)} {
			_, err := d.Sent(d.ctx, []account.ID{alice}, transfer.Query{After: after, Limit: 1})
			d.fails(err, "cursor_invalid")
			_, err = d.Inbox(d.ctx, []string{"carol@x.y"}, transfer.Query{After: after, Limit: 1})
			d.fails(err, "cursor_invalid")
		}
	})
}

func TestALongList(t *testing.T) {
	onBothDesks(t, func(t *testing.T, d *desk) {
		var want []string
		for i := range 250 {
			tr := &transfer.Transfer{Share: share.Share{
				Key: share.Key(d.ids.Key()), ID: share.ID(fmt.Sprint("t", i)), Kind: share.Transfer, Owner: account.Owner{Account: d.alice},
				State: share.Ready, Name: fmt.Sprint(i), ReadyAt: d.now(), CreatedAt: d.now(), ExpiresAt: d.now().Add(day),
			}}
			d.must(d.db.CreateTransfer(d.ctx, tr, []*upload.File{}))
			want = append(want, tr.Name)
		}
		slices.Reverse(want)
		var got []string
		for q := (transfer.Query{Limit: 60}); ; {
			p, err := d.Sent(d.ctx, []account.ID{d.alice}, q)
			d.must(err)
			for _, t := range p.Items {
				got = append(got, t.Name)
			}
			if q.After = p.Next; q.After == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d of %d, or in another order", len(got), len(want))
		}
		p, err := d.Sent(d.ctx, []account.ID{d.alice}, transfer.Query{Limit: 1000, Search: "24"})
		d.must(err)
		if len(p.Items) != 13 || p.Next != "" {
			t.Errorf("%d were found, and then %q", len(p.Items), p.Next)
		}
	})
}
