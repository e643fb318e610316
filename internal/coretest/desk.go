package coretest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// A desk is what transfers have beside what all shares have.
type desk struct {
	sendings   map[share.Key]*transfer.Sending
	recipients map[transfer.RecipientKey]*transfer.Recipient
	records    map[string]*transfer.Record
	claims     map[string]*modelClaim
	tries      map[holder]*modelTries
	days       map[accountDay]int
}

type holder struct {
	home share.Key
	who  string
}

type accountDay struct {
	account account.ID
	day     int64
}

type modelClaim struct {
	transfer.Claim
	holder holder
}

type modelTries struct {
	n     int
	since time.Time
}

func newDesk() desk {
	return desk{
		sendings: map[share.Key]*transfer.Sending{}, recipients: map[transfer.RecipientKey]*transfer.Recipient{},
		records: map[string]*transfer.Record{}, claims: map[string]*modelClaim{}, tries: map[holder]*modelTries{},
		days: map[accountDay]int{},
	}
}

// transfer gives a copy.
func (m *Model) transfer(sh *share.Share) *transfer.Transfer {
	t := &transfer.Transfer{Share: *sh}
	if s := m.sendings[sh.Key]; s != nil {
		t.Sending = *s
	}
	return t
}

func (m *Model) findTransfer(is func(*share.Share) bool) *share.Share {
	for _, sh := range m.shares {
		if sh.Kind == share.Transfer && is(sh) {
			return sh
		}
	}
	return nil
}

func (m *Model) lookUp(call string, is func(*share.Share) bool) (*transfer.Transfer, error) {
	if err := m.enter(call); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	sh := m.findTransfer(is)
	if sh == nil {
		return nil, share.NotFound()
	}
	return m.transfer(sh), nil
}

// CreateSending is transfer.DeskStore's.
func (m *Model) CreateSending(_ context.Context, t *transfer.Transfer, to []*transfer.Recipient, daily int) error {
	if err := m.enter("CreateSending"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	today := accountDay{t.Owner.Account, t.CreatedAt.Unix() / (24 * 60 * 60)}
	if daily > 0 && m.days[today] >= daily {
		return fault.New(fault.Throttled, "transfers_a_day", "%d transfers a day may be sent, and today's are used up", daily)
	}
	if err := m.add(&t.Share, nil, nil); err != nil {
		return err
	}
	m.days[today]++
	s := t.Sending
	m.sendings[t.Key] = &s
	for _, r := range to {
		c := *r
		m.recipients[r.Key] = &c
	}
	return nil
}

// Transfer is transfer.Store's.
func (m *Model) Transfer(_ context.Context, id share.ID) (*transfer.Transfer, error) {
	return m.lookUp("Transfer", func(s *share.Share) bool { return s.ID == id })
}

// TransferByKey is transfer.DeskStore's.
func (m *Model) TransferByKey(_ context.Context, key share.Key) (*transfer.Transfer, error) {
	return m.lookUp("Transfer", func(s *share.Share) bool { return s.Key == key })
}

// TransferByCode is transfer.DeskStore's.
func (m *Model) TransferByCode(_ context.Context, code string) (*transfer.Transfer, error) {
	return m.lookUp("Transfer", func(s *share.Share) bool { return code != "" && s.Code == code })
}

// TransferByTrack is transfer.DeskStore's.
func (m *Model) TransferByTrack(_ context.Context, track string) (*transfer.Transfer, *transfer.Recipient, error) {
	if err := m.enter("Transfer"); err != nil {
		return nil, nil, err
	}
	defer m.mu.Unlock()
	for _, r := range m.recipients {
		if r.Track == track && m.shares[r.Home] != nil {
			c := *r
			return m.transfer(m.shares[r.Home]), &c, nil
		}
	}
	for key, s := range m.sendings {
		if s.Track == track && track != "" && m.shares[key] != nil {
			return m.transfer(m.shares[key]), nil, nil
		}
	}
	return nil, nil, share.NotFound()
}

// UpdateTransfer is transfer.Store's.
func (m *Model) UpdateTransfer(_ context.Context, id share.ID, change func(*transfer.Transfer) ([]job.Job, error)) (*transfer.Transfer, error) {
	return m.changeTransfer("UpdateTransfer", id, change, func(*transfer.Transfer) {})
}

// DispatchTransfer is transfer.DeskStore's.
func (m *Model) DispatchTransfer(
	_ context.Context, id share.ID, now time.Time, change func(*transfer.Transfer) ([]job.Job, error),
) (*transfer.Transfer, error) {
	return m.changeTransfer("DispatchTransfer", id, change, func(t *transfer.Transfer) { m.dispatch(t, now) })
}

func (m *Model) changeTransfer(
	call string, id share.ID, change func(*transfer.Transfer) ([]job.Job, error), then func(*transfer.Transfer),
) (*transfer.Transfer, error) {
	if err := m.enter(call); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	sh := m.findTransfer(func(s *share.Share) bool { return s.ID == id })
	if sh == nil {
		return nil, share.NotFound()
	}
	t := m.transfer(sh)
	jobs, err := change(t)
	if err != nil {
		return nil, err
	}
	if t.State < sh.State {
		return nil, fault.New(fault.Internal, "state_backwards", "a share was to go from %v back to %v", sh.State, t.State)
	}
	m.saveTransfer(sh, t)
	if t.State > share.Ready {
		m.release(sh)
	}
	m.enqueue(jobs)
	then(t)
	return t, nil
}

// saveTransfer saves a transfer over what is stored of it.
func (m *Model) saveTransfer(sh *share.Share, t *transfer.Transfer) {
	if t.Share != *sh {
		t.Version++
	}
	*sh = t.Share
	if s := m.sendings[sh.Key]; s != nil {
		*s = t.Sending
	}
}

// dispatch calls for a letter to every recipient of a ready transfer that got none.
func (m *Model) dispatch(t *transfer.Transfer, now time.Time) {
	if t.State != share.Ready {
		return
	}
	for _, r := range m.recipientsOf(t.Key) {
		if r.SentAt.IsZero() {
			r.SentAt = now
			m.enqueue([]job.Job{{Kind: transfer.LetterRecipient, ID: string(r.Key), RunAt: now}})
		}
	}
}

// recipientsOf gives the stored ones, not copies, in the order of their addresses.
func (m *Model) recipientsOf(home share.Key) (all []*transfer.Recipient) {
	for _, r := range m.recipients {
		if r.Home == home {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *transfer.Recipient) int { return cmp.Compare(a.Address, b.Address) })
	return all
}

// RecoverTransfer is transfer.DeskStore's.
func (m *Model) RecoverTransfer(
	_ context.Context, id share.ID, change func(*transfer.Transfer) ([]job.Job, error),
) (*transfer.Transfer, error) {
	if err := m.enter("RecoverTransfer"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	sh := m.findTransfer(func(s *share.Share) bool { return s.ID == id })
	if sh == nil {
		return nil, share.NotFound()
	}
	was, t := sh.State, m.transfer(sh)
	jobs, err := change(t)
	if err != nil {
		return nil, err
	}
	if was > share.Ready && t.State <= share.Ready {
		if err := m.reserve(sh, sh.Size); err != nil {
			return nil, err
		}
		delete(m.jobs, [2]string{share.JobPurge, string(sh.Key)})
	}
	m.saveTransfer(sh, t)
	m.enqueue(jobs)
	return t, nil
}

// FileNamed is transfer.DeskStore's.
func (m *Model) FileNamed(_ context.Context, id share.ID, ident string) (*upload.File, error) {
	if err := m.enter("FileNamed"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for k, f := range m.files {
		if ident != "" && f.Ident == ident && m.shares[f.Home.Key].ID == id {
			return m.file(k), nil
		}
	}
	return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
}

// FileByKey is transfer.DeskStore's.
func (m *Model) FileByKey(_ context.Context, key upload.Key) (*upload.File, error) {
	if err := m.enter("File"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if m.files[key] == nil {
		return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
	}
	return m.file(key), nil
}

// AddFile is transfer.DeskStore's.
func (m *Model) AddFile(_ context.Context, home share.Key, f *upload.File, change func(*transfer.Transfer) error) (*upload.File, error) {
	if err := m.enter("AddFile"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	sh := m.shares[home]
	if sh == nil {
		return nil, share.NotFound()
	}
	for _, there := range m.filesOf(home) {
		if f.Ident != "" && there.Ident == f.Ident {
			return m.file(there.Key), nil
		}
	}
	t := m.transfer(sh)
	if err := change(t); err != nil {
		return nil, err
	}
	if err := m.grow(sh, f.Held()); err != nil {
		return nil, err
	}
	sh.ExpiresAt = t.ExpiresAt
	sh.Files++
	sh.OpenFiles++
	m.addItems(sh, []*upload.File{f}, nil)
	return m.file(f.Key), nil
}

// UnmakeFile is transfer.DeskStore's.
func (m *Model) UnmakeFile(_ context.Context, key upload.Key, jobs []job.Job) error {
	if err := m.enter("UnmakeFile"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	f := m.files[key]
	if f == nil || f.State != upload.Open || f.Parts > 0 {
		return nil
	}
	sh := m.shares[f.Home.Key]
	if sh.State > share.Ready {
		return nil
	}
	if err := m.grow(sh, -f.Held()); err != nil {
		return err
	}
	delete(m.files, key)
	delete(m.parts, key)
	sh.Version++
	sh.Files--
	sh.OpenFiles--
	m.enqueue(jobs)
	return nil
}

// ChangeFile is transfer.DeskStore's.
func (m *Model) ChangeFile(_ context.Context, id upload.ID, change func(*upload.File) ([]job.Job, error)) (*upload.File, error) {
	if err := m.enter("ChangeFile"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for k, stored := range m.files {
		if stored.ID != id {
			continue
		}
		f := m.file(k)
		jobs, err := change(f)
		if err != nil {
			return nil, err
		}
		if f.Name == stored.Name && f.State == stored.State {
			return f, nil
		}
		home := m.shares[stored.Home.Key]
		if err := m.grow(home, f.Held()-stored.Held()); err != nil {
			return nil, err
		}
		if f.State == upload.Deleted && stored.State != upload.Deleted {
			home.Files--
			if stored.State == upload.Open {
				home.OpenFiles--
			}
		}
		home.Version++
		stored.Name, stored.State, stored.Ident = f.Name, f.State, f.Ident
		m.enqueue(jobs)
		return m.file(k), nil
	}
	return nil, fault.New(fault.NotFound, "file_unknown", "no such file")
}

// AddRecipients is transfer.DeskStore's.
func (m *Model) AddRecipients(
	_ context.Context, id share.ID, to []*transfer.Recipient, most int, now time.Time, may func(*transfer.Transfer) error,
) (int, error) {
	if err := m.enter("AddRecipients"); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	sh := m.findTransfer(func(s *share.Share) bool { return s.ID == id })
	if sh == nil {
		return 0, share.NotFound()
	}
	t := m.transfer(sh)
	if err := may(t); err != nil {
		return 0, err
	}
	known := map[string]bool{}
	for _, r := range m.recipientsOf(t.Key) {
		known[r.Address] = true
	}
	fresh := slices.DeleteFunc(slices.Clone(to), func(r *transfer.Recipient) bool { return known[r.Address] })
	if len(fresh) > 0 && t.Recipients+len(fresh) > most {
		return 0, fault.New(fault.Conflict, "too_many_recipients", "a transfer has at most %d recipients", most)
	}
	for _, r := range fresh {
		c := *r
		m.recipients[r.Key] = &c
	}
	if s := m.sendings[t.Key]; s != nil {
		s.Recipients += len(fresh)
	}
	if len(fresh) > 0 {
		m.dispatch(t, now)
	}
	return len(fresh), nil
}

// Recipients is transfer.DeskStore's.
func (m *Model) Recipients(_ context.Context, home share.Key, after string, n int) (all []*transfer.Recipient, err error) {
	if err := m.enter("Recipients"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for _, r := range m.recipientsOf(home) {
		if r.Address > after && len(all) < n {
			c := *r
			all = append(all, &c)
		}
	}
	return all, nil
}

// RecipientsOf is transfer.DeskStore's.
func (m *Model) RecipientsOf(_ context.Context, homes []share.Key) (all []*transfer.Recipient, err error) {
	if err := m.enter("Recipients"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for _, home := range homes {
		for _, r := range m.recipientsOf(home) {
			c := *r
			all = append(all, &c)
		}
	}
	return all, nil
}

func recipientUnknown() error {
	return fault.New(fault.NotFound, "recipient_unknown", "no such recipient")
}

// Recipient is transfer.DeskStore's.
func (m *Model) Recipient(_ context.Context, key transfer.RecipientKey) (*transfer.Recipient, error) {
	if err := m.enter("Recipient"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	r := m.recipients[key]
	if r == nil {
		return nil, recipientUnknown()
	}
	c := *r
	return &c, nil
}

// NoteDelivery is transfer.DeskStore's.
func (m *Model) NoteDelivery(_ context.Context, key transfer.RecipientKey, at time.Time, problem string) error {
	if err := m.enter("NoteDelivery"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	r := m.recipients[key]
	if r == nil {
		return recipientUnknown()
	}
	undelivered := func() int {
		if r.Problem != "" {
			return 1
		}
		return 0
	}
	before := undelivered()
	r.Problem, r.DeliveredAt = problem, time.Time{}
	if problem == "" {
		r.DeliveredAt = at
	}
	if s := m.sendings[r.Home]; s != nil {
		s.Undelivered += undelivered() - before
	}
	return nil
}

// CountPasswordTry is transfer.DeskStore's.
func (m *Model) CountPasswordTry(_ context.Context, home share.Key, who string, now, since time.Time, most int) error {
	if err := m.enter("CountPasswordTry"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	k := holder{home, who}
	t := m.tries[k]
	if t == nil || !t.since.After(since) {
		t = &modelTries{since: now}
		m.tries[k] = t
	}
	if t.n >= most {
		return fault.New(fault.Throttled, "too_many_tries", "too many passwords were tried")
	}
	t.n++
	return nil
}

// ForgivePasswordTry is transfer.DeskStore's.
func (m *Model) ForgivePasswordTry(_ context.Context, home share.Key, who string) error {
	if err := m.enter("ForgivePasswordTry"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if t := m.tries[holder{home, who}]; t != nil && t.n > 0 {
		t.n--
	}
	return nil
}

// ClaimDownload is transfer.DeskStore's.
func (m *Model) ClaimDownload(
	_ context.Context, home share.Key, who string, item upload.Key, choose func(left int, all []*transfer.Claim) (*transfer.Claim, error),
) (bool, error) {
	if err := m.enter("ClaimDownload"); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	sh := m.shares[home]
	if sh == nil {
		return false, share.NotFound()
	}
	if sh.MaxDownloads == 0 {
		return false, nil
	}
	var all []*transfer.Claim
	for _, key := range slices.Backward(slices.Sorted(maps.Keys(m.claims))) {
		if old := m.claims[key]; old.holder == (holder{home, who}) {
			c := old.Claim
			c.Answers = slices.Clone(c.Answers)
			c.Done, c.Begun = m.fetched(home, who, item, key, true), m.fetched(home, who, item, key, false)
			all = append(all, &c)
		}
	}
	c, err := choose(sh.MaxDownloads-m.sendings[home].Claimed, all)
	if err != nil || c == nil {
		return true, err
	}
	if !slices.Contains(all, c) {
		m.sendings[home].Claimed++
	}
	m.claims[c.Key] = &modelClaim{*c, holder{home, who}}
	return true, nil
}

// fetched tells whether the holder has fetched all of the item under the claim, or some.
func (m *Model) fetched(home share.Key, who string, item upload.Key, claim string, whole bool) bool {
	for _, r := range m.records {
		if r.Home == home && r.Holder == who && r.Item == item && r.Claim == claim && whole != r.WholeAt.IsZero() {
			return true
		}
	}
	return false
}

// EndDownload is transfer.DeskStore's.
func (m *Model) EndDownload(
	_ context.Context, r transfer.Record, change func(*transfer.Transfer, *transfer.Record, *transfer.Claim) []job.Job,
) error {
	if err := m.enter("EndDownload"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	sh := m.shares[r.Home]
	if sh == nil {
		return share.NotFound()
	}
	rec, known := r, false
	for _, old := range m.records {
		if old.Home == r.Home && old.Item == r.Item && old.Holder == r.Holder && old.Claim == r.Claim && old.Holder != "" && old.WholeAt.IsZero() {
			rec, known = *old, true
		}
	}
	c := m.claims[r.Claim]
	var claim *transfer.Claim
	if c != nil {
		claim = &c.Claim
	}
	t, had := m.transfer(sh), rec.Bytes
	jobs := change(t, &rec, claim)
	s := m.sendings[sh.Key]
	if claim != nil && claim.Gone {
		delete(m.claims, r.Claim)
		s.Claimed = max(0, s.Claimed-1)
	}
	whole := !rec.WholeAt.IsZero()
	if known || whole || rec.Bytes > had {
		m.records[rec.Key] = &rec
	}
	if f := m.files[rec.Item]; whole && f != nil {
		f.Downloads++
	}
	if to := m.recipients[rec.Recipient]; whole && to != nil {
		to.Downloads++
	}
	if s != nil {
		s.Downloads, s.Noticed = t.Downloads, t.Noticed
	}
	m.enqueue(jobs)
	return nil
}

// DownloadRecords is transfer.DeskStore's.
func (m *Model) DownloadRecords(_ context.Context, home share.Key, after string, n int) (all []*transfer.Record, err error) {
	if err := m.enter("DownloadRecords"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		if r := m.records[key]; r.Home == home && key > after && len(all) < n {
			c := *r
			all = append(all, &c)
		}
	}
	return all, nil
}

// SweepDownloads is transfer.DeskStore's; it does all at once.
func (m *Model) SweepDownloads(_ context.Context, tries, records, claims time.Time, _ int, expire func(*transfer.Claim)) (bool, error) {
	if err := m.enter("SweepDownloads"); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	maps.DeleteFunc(m.tries, func(_ holder, t *modelTries) bool { return !t.since.After(tries) })
	for _, r := range m.records {
		if !r.At.After(records) {
			r.Holder, r.Address = "", ""
		}
	}
	maps.DeleteFunc(m.claims, func(_ string, c *modelClaim) bool {
		if c.Until.After(claims) {
			return false
		}
		expire(&c.Claim)
		if s := m.sendings[c.holder.home]; c.Gone && !c.Used && s != nil {
			s.Claimed = max(0, s.Claimed-1)
		}
		return c.Gone
	})
	return false, nil
}

// SweepDays is transfer.DeskStore's; it does all at once.
func (m *Model) SweepDays(_ context.Context, before time.Time, _ int) (bool, error) {
	if err := m.enter("SweepDays"); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	maps.DeleteFunc(m.days, func(d accountDay, _ int) bool { return d.day < before.Unix()/(24*60*60) })
	return false, nil
}

// SentPage is transfer.DeskStore's.
func (m *Model) SentPage(_ context.Context, who account.ID, before share.Key, n int) (all []*transfer.Transfer, err error) {
	if err := m.enter("SentPage"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for _, key := range slices.Backward(slices.Sorted(maps.Keys(m.shares))) {
		if sh := m.shares[key]; sh.Owner.Account == who && (before == "" || key < before) && len(all) < n {
			all = append(all, m.transfer(sh))
		}
	}
	return all, nil
}

// InboxPage is transfer.DeskStore's.
func (m *Model) InboxPage(_ context.Context, address string, before transfer.Place, n int) ([]transfer.Received, error) {
	if err := m.enter("InboxPage"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	latest := func(at, other time.Time, key, than transfer.RecipientKey) int {
		return cmp.Or(other.Compare(at), strings.Compare(string(than), string(key)))
	}
	var all []transfer.Received
	for _, r := range m.recipients {
		sh := m.shares[r.Home]
		if sh == nil || r.Address != address || r.SentAt.IsZero() {
			continue
		}
		if before.Key != "" && latest(r.SentAt, before.At, r.Key, before.Key) <= 0 {
			continue
		}
		c := *r
		all = append(all, transfer.Received{Transfer: m.transfer(sh), Recipient: &c})
	}
	slices.SortFunc(all, func(a, b transfer.Received) int {
		return latest(a.Recipient.SentAt, b.Recipient.SentAt, a.Recipient.Key, b.Recipient.Key)
	})
	return all[:min(n, len(all))], nil
}

var _ transfer.DeskStore = (*Model)(nil)
