package notify_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/letter"
	"github.com/ferry-server/ferry/internal/notify"
	"github.com/ferry-server/ferry/internal/testenv"
)

const token = "Xw3kPq0bT5mZ7cR1uYd9Ae"

var start = time.Date(2026, 11, 21, 14, 5, 0, 0, time.UTC)

// A source has letters to recipients, and notes what became of them.
type source struct {
	letters map[string]*letter.Letter

	mu    sync.Mutex // guards what follows
	fails int        // that many reports do not get through
	told  []string
}

func (s *source) Letter(_ context.Context, _ letter.Kind, about string) (*letter.Letter, error) {
	if l := s.letters[about]; l != nil {
		return l, nil
	}
	return nil, fault.New(fault.Gone, "transfer_expired", "it has expired")
}

func (s *source) tell(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails > 0 {
		s.fails--
		return errors.New("the report did not get through")
	}
	s.told = append(s.told, what)
	return nil
}

func (s *source) Delivered(_ context.Context, _ letter.Kind, about string) error {
	return s.tell(about + " delivered")
}

func (s *source) Undelivered(_ context.Context, _ letter.Kind, about, reason string) error {
	return s.tell(about + ": " + reason)
}

func toBob(about string) *letter.Letter {
	return &letter.Letter{
		About: about, To: "bob@example.org", Link: letter.Link("https://ferry.example/t/" + token),
		Data: &letter.ToRecipient{Transfer: letter.Transfer{Sender: "Ada", Subject: "Holiday", Count: 1, Size: 3}},
	}
}

// A world is a service over a real database, with a clock that the test sets.
type world struct {
	*notify.Service
	t      *testing.T
	clock  *clock
	dir    string
	db     *db.DB
	outbox *crashing
	source *source
	ring   *keyring.Ring
	runner *job.Runner
}

// A crashing outbox fails as if the program had died before what it is asked.
type crashing struct {
	*db.DB
	before func(call int64) bool // UpdateLetter, counted from 1
	calls  atomic.Int64
}

func (c *crashing) UpdateLetter(
	ctx context.Context, id letter.ID, change func(*letter.Item) ([]job.Job, error),
) (*letter.Item, error) {
	if n := c.calls.Add(1); c.before != nil && c.before(n) {
		return nil, errors.New("the power is gone")
	}
	return c.DB.UpdateLetter(ctx, id, change)
}

func newWorld(t *testing.T, smtp *notify.SMTP) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{t: start}, dir: t.TempDir(), source: &source{letters: map[string]*letter.Letter{}}}
	var err error
	if w.db, err = db.Open(t.Context(), "", db.Options{Dir: w.dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	w.outbox = &crashing{DB: w.db}
	w.ring = ring(t, 1)
	w.use(smtp)
	return w
}

func ring(t *testing.T, secrets ...byte) *keyring.Ring {
	t.Helper()
	var all [][]byte
	for _, s := range secrets {
		all = append(all, bytes.Repeat([]byte{s}, keyring.MinSecret))
	}
	r, err := keyring.New(all[0], all[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// use starts the service anew, with this mail server.
func (w *world) use(smtp *notify.SMTP) {
	w.Service = notify.New(notify.Config{
		Outbox: w.outbox, SMTP: smtp, IDs: id.NewSource(w.clock.now), Ring: w.ring, Now: w.clock.now,
		Log:     slog.New(slog.DiscardHandler),
		Sources: map[letter.Kind]notify.Source{letter.Recipient: w.source},
	})
	w.runner = job.NewRunner(w.db, w.Handlers(), w.clock.now, slog.New(slog.DiscardHandler))
}

// ask has the letter about something written, as a change of the core does.
func (w *world) ask(abouts ...string) {
	w.t.Helper()
	for _, about := range abouts {
		if err := w.db.Enqueue(w.t.Context(), job.Job{Kind: "letter.recipient", ID: about, RunAt: w.clock.now()}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// send asks for a letter to Bob, and works until nothing is due at the moment.
func (w *world) send(abouts ...string) {
	w.t.Helper()
	for _, about := range abouts {
		w.source.letters[about] = toBob(about)
	}
	w.ask(abouts...)
	w.work()
}

func (w *world) work() {
	w.t.Helper()
	for {
		n, err := w.runner.Step(w.t.Context(), 4)
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// live works on until nothing is due for this long.
func (w *world) live(long time.Duration) {
	w.t.Helper()
	for end := w.clock.now().Add(long); ; w.work() {
		next, err := w.db.Next(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if next.IsZero() || next.After(end) {
			w.clock.set(end)
			return
		}
		if next.After(w.clock.now()) {
			w.clock.set(next)
		}
	}
}

// only gives the one letter there is.
func (w *world) only() *letter.Item {
	w.t.Helper()
	items, err := w.List(w.t.Context(), 0, "", 10)
	if err != nil || len(items) != 1 {
		w.t.Fatalf("%d letters, %v", len(items), err)
	}
	return items[0]
}

func (w *world) wants(state letter.State, cause string) {
	w.t.Helper()
	if i := w.only(); i.State != state || i.Cause != cause {
		w.t.Errorf("the letter is %s: %q; want %s: %q", i.State, i.Cause, state, cause)
	}
}

func (w *world) wantsTold(want ...string) {
	w.t.Helper()
	if got := strings.Join(w.source.told, "; "); got != strings.Join(want, "; ") {
		w.t.Errorf("the source was told %q, want %q", got, want)
	}
}

func plain(port int) *notify.SMTP {
	return &notify.SMTP{
		Host: "127.0.0.1", Port: port, Security: notify.Plain,
		From: netmail.Address{Name: "Ferry", Address: "ferry@mail.example"}, Hello: "ferry.example",
	}
}

func TestALetterIsSentOnce(t *testing.T) {
	s := newSink(t, nil)
	w := newWorld(t, plain(s.port()))
	w.send("r1")
	w.send("r1") // the transfer is completed once more
	w.live(72 * time.Hour)
	w.send("r1")
	w.wants(letter.Sent, "")
	w.wantsTold("r1 delivered")
	if got := s.received(); len(got) != 1 || !strings.Contains(got[0], token) {
		t.Errorf("%d mails arrived: %q", len(got), got)
	}
	if s.count("MAIL") != 1 || s.count("RCPT") != 1 || s.count("QUIT") != 1 {
		t.Errorf("commands: %v", s.seen)
	}
}

func TestEachRecipientGetsTheirOwn(t *testing.T) {
	s := newSink(t, nil)
	w := newWorld(t, plain(s.port()))
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprint("r", i))
	}
	w.send(all...)
	w.live(time.Hour)
	seen := map[string]bool{}
	for _, identity := range s.identities() {
		seen[identity] = true
	}
	if len(seen) != 20 || len(s.received()) != 20 || s.count("RCPT") != 20 {
		t.Errorf("%d mails, %d of them different, to %d people", len(s.received()), len(seen), s.count("RCPT"))
	}
}

// What a server says decides whether it is asked again.
func TestAnswersOfTheServer(t *testing.T) {
	const no = "550 5.1.1 no such user here"
	for _, tt := range []struct {
		name   string
		answer func(string, int) string
		state  letter.State // after a moment
		cause  string       // part of it
		after  letter.State // after two days
		mails  int          // taken
	}{
		{"no such user", always("RCPT", no), letter.Failed, no, letter.Failed, 0},
		{"no, in several lines", always("RCPT", "550-5.1.1 no\r\n550 5.1.1 never"), letter.Failed, "550 5.1.1 no 5.1.1 never", letter.Failed, 0},
		{"not for this sender", always("MAIL", "553 5.7.1 not you"), letter.Failed, "553 5.7.1 not you", letter.Failed, 0},
		{"no to the contents", once("end of DATA", "554 5.6.0 spam"), letter.Failed, "554 5.6.0 spam", letter.Failed, 1},
		{"no to DATA", always("DATA", "554 5.5.1 no valid recipients"), letter.Failed, "554 5.5.1", letter.Failed, 0},
		{"greylisted", once("RCPT", "450 4.7.1 come back"), letter.Waiting, "450 4.7.1 come back", letter.Sent, 1},
		{"too busy for the contents", once("end of DATA", "451 4.3.0 later"), letter.Waiting, "451 4.3.0 later", letter.Sent, 2},
		{"always busy", always("RCPT", "451 4.3.0 later"), letter.Waiting, "451 4.3.0 later", letter.Failed, 0},
		{"closing down", once("MAIL", "421 4.3.2 closing down"), letter.Waiting, "421 4.3.2", letter.Sent, 1},
		{"a firm no to us is not one to the letter", once("connect", "554 5.7.1 no service for you"), letter.Waiting, "554 5.7.1", letter.Sent, 1},
		{"whoever has not signed in", once("MAIL", "530 5.7.0 sign in first"), letter.Waiting, "530 5.7.0", letter.Sent, 1},
		{"dies at the greeting", once("connect", drop), letter.Waiting, "EOF", letter.Sent, 1},
		{"dies at the recipient", once("RCPT", drop), letter.Waiting, "EOF", letter.Sent, 1},
		{"dies in the middle of the mail", once("in the middle of DATA", drop), letter.Waiting, "", letter.Sent, 1},
		{"dies after it has taken the mail", once("end of DATA", drop), letter.Waiting, "EOF", letter.Sent, 2},
		{"dies after it has said so", always("RSET", drop), letter.Sent, "", letter.Sent, 1},
		{"does not say good-bye", always("QUIT", drop), letter.Sent, "", letter.Sent, 1},
		{"talks nonsense", once("connect", "HTTP/1.1 400 Bad Request"), letter.Waiting, "", letter.Sent, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSink(t, tt.answer)
			w := newWorld(t, plain(s.port()))
			w.send("r1")
			if i := w.only(); i.State != tt.state || !strings.Contains(i.Cause, tt.cause) || (i.Cause == "") != (tt.state == letter.Sent) {
				t.Errorf("after a moment it is %s: %q", i.State, i.Cause)
			}
			if i := w.only(); strings.ContainsAny(i.Cause, "\r\n") || strings.Contains(i.Cause, "bob@") {
				t.Errorf("the cause is %q", i.Cause)
			}
			w.live(49 * time.Hour)
			if i := w.only(); i.State != tt.after {
				t.Errorf("after two days it is %s: %q", i.State, i.Cause)
			}
			identities := s.identities()
			if len(identities) != tt.mails {
				t.Errorf("%d mails were taken, want %d", len(identities), tt.mails)
			}
			for _, one := range identities {
				if one != "<"+string(w.only().ID)+"@mail.example>" {
					t.Errorf("Message-ID %s", one)
				}
			}
			if tt.after == letter.Sent {
				w.wantsTold("r1 delivered")
			} else {
				w.wantsTold("r1: " + w.only().Cause)
			}
			// And that was that.
			tries := s.count("connect")
			w.live(72 * time.Hour)
			if s.count("connect") != tries {
				t.Error("it was tried again")
			}
		})
	}
}

// When the program dies between the server's yes and our note of it, the mail goes
// out again: at least once, and with the same identity, so that it can be told.
func TestACrashAfterSending(t *testing.T) {
	s := newSink(t, nil)
	w := newWorld(t, plain(s.port()))
	w.outbox.before = func(call int64) bool { return call == 2 } // 1 begins the attempt, 2 notes how it went
	w.send("r1")
	if i := w.only(); i.State != letter.Waiting || len(s.received()) != 1 {
		t.Fatalf("after the crash it is %s, %d mails", i.State, len(s.received()))
	}
	w.wantsTold()
	w.live(time.Minute)
	if n := len(s.received()); n != 1 {
		t.Errorf("%d mails while the attempt may be going on", n)
	}
	w.live(time.Hour)
	w.wants(letter.Sent, "")
	w.wantsTold("r1 delivered")
	if ids := s.identities(); len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("Message-IDs %q", ids)
	}
}

func TestAReportThatDidNotGetThroughIsRepeated(t *testing.T) {
	s := newSink(t, nil)
	w := newWorld(t, plain(s.port()))
	w.source.fails = 3
	w.send("r1")
	w.live(time.Hour)
	w.wantsTold("r1 delivered")
	if n := len(s.received()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestWithoutAServerLettersAreHeld(t *testing.T) {
	w := newWorld(t, nil)
	w.send("r1")
	w.live(72 * time.Hour)
	w.wants(letter.Held, "no mail server is configured")
	w.wantsTold()
	i, text, err := w.Text(t.Context(), w.only().ID)
	if err != nil || i.To != "bob@example.org" || !strings.Contains(text, "https://ferry.example/t/"+token) || !strings.Contains(text, "Ada sent you 1 file") {
		t.Errorf("%v, %v:\n%s", i, err, text)
	}

	// Later there is one, and the operator has the letter tried.
	s := newSink(t, nil)
	w.use(plain(s.port()))
	w.live(time.Hour)
	if n := len(s.received()); n != 0 {
		t.Errorf("%d letters were sent that nobody asked for", n)
	}
	if err := w.Retry(t.Context(), w.only().ID); err != nil {
		t.Fatal(err)
	}
	w.work()
	w.wants(letter.Sent, "")
	w.wantsTold("r1 delivered")
	if err := w.Retry(t.Context(), w.only().ID); !fault.Is(err, "letter_sent") {
		t.Errorf("once more: %v", err)
	}
	if _, err := w.List(t.Context(), letter.Sent, "", 1); err != nil {
		t.Error(err)
	}
}

func TestTheOperatorCanHaveAWaitingLetterTriedNow(t *testing.T) {
	s := newSink(t, always("RCPT", "450 later"))
	w := newWorld(t, plain(s.port()))
	w.send("r1")
	w.live(12 * time.Hour)
	s.set(nil)
	if err := w.Retry(t.Context(), w.only().ID); err != nil {
		t.Fatal(err)
	}
	w.work()
	w.wants(letter.Sent, "")
	w.live(72 * time.Hour) // the job of the round before comes to nothing
	if n := len(s.received()); n != 1 {
		t.Errorf("%d mails", n)
	}
	w.wantsTold("r1 delivered")
}

func TestLettersThatWouldComeTooLate(t *testing.T) {
	s := newSink(t, always("RCPT", "450 4.7.1 later"))
	w := newWorld(t, plain(s.port()))
	l := toBob("r1")
	l.Until = start.Add(time.Hour)
	w.source.letters["r1"] = l
	w.ask("r1")
	w.live(72 * time.Hour)
	w.wants(letter.Failed, "450 4.7.1 later")
	tries := s.count("connect")
	if tries < 3 || tries > 8 {
		t.Errorf("%d attempts in an hour", tries)
	}

	l = toBob("r2")
	l.Until = w.clock.now()
	w.source.letters["r2"] = l
	w.ask("r2")
	w.work()
	if s.count("connect") != tries {
		t.Error("a letter was sent that was too late from the beginning")
	}
}

func TestNothingIsWrittenAboutWhatIsNoMore(t *testing.T) {
	w := newWorld(t, nil)
	w.ask("gone")
	w.live(time.Hour)
	if items, err := w.List(t.Context(), 0, "", 10); len(items) != 0 || err != nil {
		t.Errorf("%v, %v", items, err)
	}
	if next, _ := w.db.Next(t.Context()); !next.IsZero() {
		t.Error("the job is still there")
	}
}

func TestALetterThatCannotBeWritten(t *testing.T) {
	w := newWorld(t, nil)
	l := toBob("r1")
	l.To = "bob@example.org\r\nBcc: eve@example.org"
	w.source.letters["r1"] = l
	w.ask("r1")
	w.live(72 * time.Hour)
	w.wantsTold("r1: to not an e-mail address")
	if _, err := w.Put(t.Context(), l); !fault.Is(err, "letter_invalid") {
		t.Error(err)
	}
	// A source that gives another letter than it was asked for is a mistake of ours.
	w.source.letters["r2"] = toBob("r3")
	w.ask("r2")
	w.live(72 * time.Hour)
	if items, _ := w.List(t.Context(), 0, "", 10); len(items) != 0 {
		t.Errorf("%v", items)
	}
}

// A link may be a token whose hash is all that the database may hold.
func TestLinksAreSealed(t *testing.T) {
	w := newWorld(t, nil)
	w.send("r1")
	for _, name := range []string{"ferry.db", "ferry.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte(token)) {
			t.Errorf("the link lies open in %s", name)
		}
	}
	id := w.only().ID
	w.ring = ring(t, 2, 1) // the secret was changed, and the one before is known
	w.use(nil)
	if _, text, err := w.Text(t.Context(), id); err != nil || !strings.Contains(text, token) {
		t.Errorf("with the secret before: %v", err)
	}
	w.ring = ring(t, 2)
	s := newSink(t, nil)
	w.use(plain(s.port()))
	if _, _, err := w.Text(t.Context(), id); err == nil {
		t.Error("it was opened with another secret")
	}
	if err := w.Retry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.work()
	if i := w.only(); i.State != letter.Failed || !strings.Contains(i.Cause, "another secret") || s.count("connect") != 0 {
		t.Errorf("it is %s: %s", i.State, i.Cause)
	}
}

func TestWhatEndedLongAgoIsForgotten(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.db.Enqueue(t.Context(), w.Jobs()...); err != nil {
		t.Fatal(err)
	}
	w.send("r1")
	w.live(letter.Kept - time.Hour)
	if _, _, err := w.Text(t.Context(), w.only().ID); err != nil {
		t.Errorf("too early: %v", err)
	}
	w.live(3 * time.Hour)
	if _, _, err := w.Text(t.Context(), w.only().ID); !fault.Is(err, "letter_forgotten") {
		t.Errorf("got %v", err)
	}
	if err := w.Retry(t.Context(), w.only().ID); !fault.Is(err, "letter_forgotten") {
		t.Errorf("tried anew: %v", err)
	}
	w.send("r1") // still once ever
	if i := w.only(); i.State != letter.Held || i.To != "" {
		t.Errorf("%+v", i)
	}
}

func TestAServerOutOfReachIsLeftAlone(t *testing.T) {
	s := newSink(t, always("connect", drop))
	w := newWorld(t, plain(s.port()))
	var all []string
	for i := range 40 {
		all = append(all, fmt.Sprint("r", i))
	}
	w.send(all...)
	w.live(time.Hour)
	if n := s.count("connect"); n < 5 || n > 60 {
		t.Errorf("40 letters knocked %d times in an hour", n)
	}
	s.set(nil)
	w.live(4 * time.Hour)
	if n := len(s.received()); n != 40 {
		t.Errorf("%d of 40 letters arrived when it was back", n)
	}
}

func TestConnectionsAreNotDowngraded(t *testing.T) {
	cert, pool := certificate(t)
	for _, tt := range []struct {
		name  string
		offer *tls.Config
		trust *x509.CertPool
		sent  bool
	}{
		{"STARTTLS with a certificate that is trusted", cert, pool, true},
		{"no STARTTLS", nil, pool, false},
		{"a certificate that nobody knows", cert, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSink(t, nil)
			s.tls, s.auth = tt.offer, true
			server := plain(s.port())
			server.Security, server.Roots, server.User, server.Password = notify.StartTLS, tt.trust, "ferry", "hunter2"
			w := newWorld(t, server)
			w.send("r1")
			if got := w.only(); (got.State == letter.Sent) != tt.sent {
				t.Errorf("it is %s: %s", got.State, got.Cause)
			}
			if !tt.sent && s.count("MAIL")+s.count("AUTH") > 0 {
				t.Errorf("commands: %v", s.seen)
			}
			if strings.Contains(w.only().Cause+fmt.Sprint(server), "hunter2") {
				t.Error("the password is shown")
			}
		})
	}
}

// A password goes to nobody but this machine without TLS, whatever is configured.
func TestPasswordsAreNotSentInTheClear(t *testing.T) {
	s := newSink(t, nil)
	s.auth = true
	server := plain(s.port())
	server.Host, server.User, server.Password = "127.0.0.2", "ferry", "hunter2"
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("127.0.0.2 is this machine on Linux")
	}
	w := newWorld(t, server)
	w.send("r1")
	if w.only().State != letter.Waiting || s.count("AUTH") != 0 {
		t.Errorf("%v; commands: %v", w.only(), s.seen)
	}
}

func TestASendingThatIsUnderWayIsFinished(t *testing.T) {
	s := newSink(t, nil)
	w := newWorld(t, plain(s.port()))
	ctx, stop := context.WithCancel(t.Context())
	s.set(func(verb string, _ int) string {
		if verb == "end of DATA" { // the program is asked to end just then
			stop()
			time.Sleep(50 * time.Millisecond)
		}
		return ""
	})
	w.source.letters["r1"] = toBob("r1")
	w.ask("r1")
	for range 2 { // written, then sent
		_, _ = w.runner.Step(ctx, 1)
	}
	w.wants(letter.Sent, "")
	if n := len(s.received()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestAServerThatHangsDoesNotKeepTheProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the grace that mails have")
	}
	t.Parallel()
	s := newSink(t, nil)
	w := newWorld(t, plain(s.port()))
	ctx, stop := context.WithCancel(t.Context())
	s.set(func(verb string, _ int) string {
		if verb == "RCPT" {
			stop()
			return hang
		}
		return ""
	})
	w.source.letters["r1"] = toBob("r1")
	w.ask("r1")
	began := time.Now()
	for range 2 {
		_, _ = w.runner.Step(ctx, 1)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if i := w.only(); i.State != letter.Waiting || i.Cause == "" {
		t.Errorf("it is %s: %q", i.State, i.Cause)
	}
}

func TestARealServer(t *testing.T) {
	const user, password = "ferry", "pass;word=1"
	for _, tt := range []struct {
		name, security, ours string
		user, password       string
		sent                 bool
	}{
		{"in the clear", testenv.MailPlain, notify.Plain, "", "", true},
		{"STARTTLS and a password", testenv.MailStartTLS, notify.StartTLS, user, password, true},
		{"TLS and a password", testenv.MailTLS, notify.TLS, user, password, true},
		{"a wrong password", testenv.MailStartTLS, notify.StartTLS, user, "wrong", false},
		{"TLS where STARTTLS is spoken", testenv.MailStartTLS, notify.TLS, user, password, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pit := testenv.StartMailpit(t, tt.security, tt.user, password)
			server := plain(pit.Port)
			server.Security, server.User, server.Password = tt.ours, tt.user, tt.password
			if pit.CertFile != "" {
				text, err := os.ReadFile(pit.CertFile)
				if err != nil {
					t.Fatal(err)
				}
				server.Roots = x509.NewCertPool()
				server.Roots.AppendCertsFromPEM(text)
			}
			w := newWorld(t, server)
			l := toBob("r1")
			l.To, l.ReplyTo, l.FromName = "jörg@example.org", "ada@example.org", "Ådå Lovelace"
			data := l.Data.(*letter.ToRecipient)
			data.Subject, data.Message = "Ferien — 休暇", "one\n.\n..\nfour"
			w.source.letters["r1"] = l
			w.ask("r1")
			w.work()
			if !tt.sent {
				if i := w.only(); i.State != letter.Waiting || i.Cause == "" || strings.Contains(i.Cause, tt.password) {
					t.Errorf("it is %s: %s", i.State, i.Cause)
				}
				if n := len(pit.Mails()); n != 0 {
					t.Errorf("%d mails arrived", n)
				}
				return
			}
			w.wants(letter.Sent, "")
			mails := pit.Await(1)
			m := mails[0]
			if len(mails) != 1 || m.Subject != "Ada sent you 1 file: Ferien — 休暇" ||
				m.From != (netmail.Address{Name: "Ådå Lovelace via Ferry", Address: "ferry@mail.example"}) ||
				len(m.To) != 1 || m.To[0].Address != "jörg@example.org" ||
				len(m.ReplyTo) != 1 || m.ReplyTo[0].Address != "ada@example.org" {
				t.Errorf("%d mails: %+v", len(mails), m)
			}
			if !strings.Contains(m.Text, "> one\r\n> .\r\n> ..\r\n> four") || !strings.Contains(m.HTML, `href="https://ferry.example/t/`+token) {
				t.Errorf("the text arrived as %q", m.Text)
			}
		})
	}
}

func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	if err := testenv.WriteCert(certFile, keyFile); err != nil {
		t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{Certificates: []tls.Certificate{cert}}, pool
}
