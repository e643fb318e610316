package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/audit"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/blob/disk"
	"github.com/ferry-server/ferry/internal/block"
	"github.com/ferry-server/ferry/internal/board"
	"github.com/ferry-server/ferry/internal/company"
	"github.com/ferry-server/ferry/internal/contact"
	"github.com/ferry-server/ferry/internal/db"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/hook"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/inbox"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/journal"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/letter"
	"github.com/ferry-server/ferry/internal/media"
	"github.com/ferry-server/ferry/internal/notice"
	"github.com/ferry-server/ferry/internal/notify"
	"github.com/ferry-server/ferry/internal/outgoing"
	"github.com/ferry-server/ferry/internal/password"
	"github.com/ferry-server/ferry/internal/permit"
	"github.com/ferry-server/ferry/internal/plan"
	"github.com/ferry-server/ferry/internal/report"
	"github.com/ferry-server/ferry/internal/server"
	"github.com/ferry-server/ferry/internal/session"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/site"
	"github.com/ferry-server/ferry/internal/traffic"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/wire/filemail"
	"github.com/ferry-server/ferry/internal/wire/native"
	"github.com/ferry-server/ferry/internal/wire/s3"
	"github.com/ferry-server/ferry/internal/wire/tus"
	"github.com/ferry-server/ferry/internal/wire/wetransfer"
	"github.com/ferry-server/ferry/internal/words"
)

const (
	// memory is how long a share that has ended is answered with 410.
	memory = 90 * day
	// maxUnknown is the most that a file of unknown size may have where the
	// operator sets no limit.
	maxUnknown = 1 << 50
	// quiet is how long an unfinished transfer lives in which no file was begun.
	quiet = 7 * day
	// recent is how young the last bytes of an upload are that nobody else completes.
	recent = 5 * time.Minute
	// jobsAtOnce is how many jobs run at the same time.
	jobsAtOnce = 4
	// passwordsAtOnce bounds the memory of signing in: each takes 19 MiB.
	passwordsAtOnce = 2
)

// A node is an installation's services, wired.
type node struct {
	certs server.CertStore            // for ACME
	ready func(context.Context) error // for /readyz
	setup func(context.Context) (url string, err error)
	work  func(context.Context) // background jobs, until the context ends
	sent  func(bytes int64)     // is told what went out
	fatal <-chan struct{}       // closed when the program must end and recover at its next start
	close func() error
	doors []mounted
}

type mounted struct {
	door     server.Door
	prefixes []string
}

// openNode opens the stores of an installation and wires all services and doors.
func openNode(ctx context.Context, s *settings, data dataDir, ring *keyring.Ring, base string, log *slog.Logger) (_ *node, err error) {
	database, err := openDatabase(ctx, &s.place, data)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, database.Close())
		}
	}()
	folder, err := openBlobs(&s.place, data)
	if err != nil {
		return nil, err
	}
	files := blob.WithHold(folder, func(ctx context.Context) (bool, error) { return database.Held(ctx, time.Now()) })
	blobs := blob.WithRows(files, database)

	now, ids := time.Now, id.NewSource(time.Now)
	baseURL := func() string { return base }
	maxFile := int64(s.MaxTransferSize)
	if maxFile == 0 {
		maxFile = maxUnknown
	}
	passwords := password.New(passwordsAtOnce) // one for all, as it bounds their memory
	accounts := newAccounts(database, passwords, ring, ids, int64(s.Quota))
	shares := share.NewService(database, blobs, now, share.Limits{
		Keep: s.PurgeAfter, Memory: memory, Orphan: s.orphan(),
	}, log)
	scrub := audit.NewService(database, files, now, audit.Limits{
		Orphan: s.orphan(), Interval: s.ScrubInterval, Rate: int64(s.ScrubRate),
	}, log)
	uploads := upload.NewService(database, blobs, ids, now, upload.Limits{MaxFile: maxFile, MinFree: int64(s.MinFree)})
	transfers := transfer.NewService(database, database, uploads, ids, now, transfer.Limits{
		MaxSize: int64(s.MaxTransferSize), MaxFiles: s.MaxFiles, Keep: time.Duration(s.TransferDays) * day,
	})
	boards := board.NewService(database, database, uploads, ids, now, board.Limits{
		MaxSize: int64(s.MaxTransferSize), MaxFiles: s.MaxFiles,
	})
	desk := transfer.NewDesk(database, uploads, passwords, ring, ids, now, transfer.DeskLimits{
		MaxFiles: s.MaxFiles, Quiet: quiet, Keep: s.PurgeAfter, Recent: recent,
	})
	if s.Database != "" {
		if desk.Node, err = data.node(); err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
	}
	plans, blocks := plan.NewService(database), block.NewService(database, now)
	sessions := session.NewService(session.Config{
		Store: database, Accounts: accounts, Blocks: blocks, IDs: ids, Ring: ring, Now: now, Log: log,
		SignUp: s.SignUp,
	})
	sources := map[letter.Kind]notify.Source{}
	tickets := session.Letters{Sessions: sessions, Page: func(k session.Kind, token account.Secret) letter.Link {
		return letter.Link(base + site.TicketPath(k, token))
	}}
	for _, kind := range tickets.Kinds() {
		sources[kind] = tickets
	}
	told := notice.New(desk, uploads, func(t *transfer.Transfer, to *transfer.Recipient) string {
		return base + site.PagePath(t, to)
	}, now)
	for _, kind := range notice.Kinds() {
		sources[kind] = told
	}
	letters := notify.New(notify.Config{
		Outbox: database, Sources: sources, SMTP: s.mailServer(base), IDs: ids, Ring: ring, Look: s.look(), Now: now, Log: log,
	})
	if s.SMTPHost == "" {
		log.InfoContext(ctx, "letters are held, because there is no mail server: set smtp-host, or see ferry mail")
	}
	hooks := hook.New(hook.Config{
		Store: database, Desk: desk, Poster: outgoing.New(s.WebhookAllow), Ring: ring, IDs: ids, Now: now, Log: log,
	})
	handlers := shares.Handlers()
	maps.Copy(handlers, hooks.Handlers())
	maps.Copy(handlers, sessions.Handlers())
	maps.Copy(handlers, letters.Handlers())
	maps.Copy(handlers, desk.Handlers())
	maps.Copy(handlers, scrub.Handlers())
	for kind, handle := range handlers {
		handlers[kind] = waitForBackup(handle)
	}
	runner := job.NewRunner(database, handlers, now, log)
	database.OnJobs(runner.Soon)
	if err := database.Enqueue(ctx, slices.Concat(shares.Jobs(), sessions.Jobs(), letters.Jobs(), desk.Jobs(), scrub.Jobs())...); err != nil {
		return nil, err
	}

	meter := traffic.NewMeter(database, now, log)
	uploads.Counted = meter.In
	misses := wire.NewMisses(now) // one for all: an id that names nothing is a miss at any door
	presigner := s3.NewPresigner(ring, baseURL, now, s.URLLife)
	wt := wetransfer.New(wetransfer.Config{
		Accounts: accounts, Transfers: transfers, Boards: boards, Shares: shares, Uploads: uploads,
		Misses: misses, Ring: ring, IDs: ids, Now: now, BaseURL: baseURL, DocsURL: base + "/docs", Log: log,
		PresignPart: presigner.Part, TokenLife: s.TokenLife,
		TransferKeep: time.Duration(s.TransferDays) * day, BoardKeep: time.Duration(s.BoardDays) * day,
		MaxFiles: s.MaxFiles, LenientV1: s.V1LenientContentType,
	})
	objects := s3.New(s3.Config{
		Accounts: accounts, Uploads: uploads, Transfers: transfers, Shares: shares, Objects: database, Blobs: blobs,
		IDs: ids, Ring: ring, Now: now, BaseURL: baseURL, URLLife: s.URLLife, Log: log,
	})
	parcels := archive.NewPacker(uploads, words.English().Nameless, string(s.SiteName))
	callers := &permit.People{
		Accounts: accounts, Sessions: sessions, Plans: plans, Days: s.TransferDays,
		Companies: company.NewService(database, accounts, plans, blocks, ids, now),
	}
	resumable := tus.New(tus.Config{
		People: callers, Desk: desk, Uploads: uploads, Transfers: transfers, Shares: shares, Misses: misses, IDs: ids, Now: now,
		BaseURL: baseURL, MaxSize: int64(s.MaxTransferSize), Log: log,
	})
	if s.AnonymousSending {
		if err := accounts.LetGuests(ctx, int64(s.AnonymousStorage)); err != nil {
			return nil, err
		}
	}
	audience := &permit.Audience{People: callers}
	senders := &permit.Senders{
		People: callers, Blocks: blocks, Guests: s.AnonymousSending, MaxSize: int64(s.MaxTransferSize), Now: now,
	}
	book := contact.NewService(database, ids) // of all doors: an account has one import at a time
	pages := site.New(site.Config{
		Contacts: book,
		Look:     s.look(),
		Shares:   shares, Uploads: uploads, Boards: boards, Accounts: accounts, Sessions: sessions, Senders: senders, Blobs: blobs, Parcels: parcels, Desk: desk,
		Viewer: media.Find(), Journal: journal.NewService(database, ids, now), Traffic: meter, Reports: report.NewService(database, shares, ids, now), Settings: s.inForce, Dead: database, Admits: audience.AdmitsNobody, IDs: ids, Misses: misses, Now: now, BaseURL: base, Log: log,
	})
	own := native.New(native.Config{
		Hooks: hooks, Contacts: book, Senders: senders, Admits: audience.AdmitsNobody, Desk: desk, Uploads: uploads, Parcels: parcels, Blobs: blobs,
		Misses: misses, IDs: ids, Ring: ring, Now: now, BaseURL: baseURL, Log: log, MaxFiles: s.MaxFiles, Page: site.PagePath,
	})
	hooks.Describe = own.Describe
	fm := filemail.New(filemail.Config{
		Gate: callers, Limits: callers, People: callers, Policy: senders,
		Readers: audience, Desk: desk, Uploads: uploads, Contacts: book,
		Portals: inbox.NewService(database, callers.Companies, ids, now), Misses: misses, IDs: ids,
		Blobs: blobs, Parcels: parcels, Ring: ring, SkipReg: !s.IgnoreSkipreg,
		Now: now, BaseURL: baseURL, Log: log,
	})
	return &node{
		certs: database.Certs(),
		ready: database.Ping,
		setup: func(ctx context.Context) (string, error) {
			token, err := accounts.SetupToken(ctx)
			if token == "" || err != nil {
				return "", err
			}
			return base + "/setup/" + string(token), nil
		},
		work: func(ctx context.Context) {
			var both sync.WaitGroup
			both.Go(func() { meter.Run(ctx) })
			runner.Run(ctx, jobsAtOnce)
			both.Wait()
		},
		sent:  meter.Out,
		fatal: database.Broken(),
		close: database.Close,
		doors: []mounted{
			{wt, wetransfer.Prefixes()},
			{fm, filemail.Prefixes()},
			{objects, []string{s3.Prefix}},
			{resumable, []string{tus.Prefix}},
			{own, []string{native.Prefix}},
			{pages, []string{"/"}},
		},
	}, nil
}

// waitForBackup makes a job that finds blobs held one that comes back, and not one that
// failed.
func waitForBackup(handle job.Handler) job.Handler {
	return func(ctx context.Context, j job.Job) error {
		err := handle(ctx, j)
		if fault.Is(err, blob.CodeHeld) {
			return job.Again(time.Minute)
		}
		return err
	}
}

// blobsAt gives the folder of the contents of files.
func (p *place) blobsAt(data dataDir) (folder string, err error) {
	if folder = string(p.Blobs); folder == "" {
		folder = data.file(blobsFolder)
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return "", fmt.Errorf("blobs: %w", err)
	}
	return folder, nil
}

func openBlobs(p *place, data dataDir) (*disk.Store, error) {
	folder, err := p.blobsAt(data)
	if err != nil {
		return nil, err
	}
	files, err := disk.Open(disk.OS(), folder, disk.Options{})
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	return files, nil
}

// url gives where the database is.
func (p *place) url(data dataDir) string {
	if p.Database != "" {
		return string(p.Database)
	}
	return "sqlite:" + data.file(databaseFile)
}

func openDatabase(ctx context.Context, p *place, data dataDir) (*db.DB, error) {
	database, err := db.Open(ctx, p.url(data), db.Options{})
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return database, nil
}

func newAccounts(database *db.DB, h account.Hasher, ring *keyring.Ring, ids *id.Source, quota int64) *account.Service {
	return account.NewService(database, h, ids, ring, time.Now, quota)
}

// people is what the commands of an operator are about.
type people struct {
	accounts  *account.Service
	companies *company.Service
	plans     *plan.Service
	blocks    *block.Service
}

// mailServer gives the server that takes our mail; nil when there is none.
func (m *mailing) mailServer(base string) *notify.SMTP {
	if m.SMTPHost == "" {
		return nil
	}
	host, port := m.SMTPHost.split()
	from, _ := mail.ParseAddress(string(m.MailFrom)) // checked
	return &notify.SMTP{
		Host: host, Port: port, Security: string(m.SMTPTLS), User: m.SMTPUser, Password: string(m.SMTPPassword),
		From: *from, Hello: helloName(base),
	}
}

// helloName is how the server of this base URL names itself to others (RFC 5321,
// 4.1.3: an address stands in brackets).
func helloName(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	ip, err := netip.ParseAddr(u.Hostname())
	switch {
	case err != nil:
		return u.Hostname()
	case ip.Is4():
		return "[" + ip.String() + "]"
	}
	return "[IPv6:" + ip.String() + "]"
}

// A store is what the commands of an operator work on, which may run beside a server.
type store struct {
	*db.DB
	ring *keyring.Ring
	ids  *id.Source
}

// withStore opens the store of an installation and calls do.
func withStore(ctx context.Context, p *place, do func(*store) error) (err error) {
	data, err := openData(p.Data)
	if err != nil {
		return err
	}
	ring, err := data.keys(p)
	if err != nil {
		return err
	}
	database, err := openDatabase(ctx, p, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	return do(&store{database, ring, id.NewSource(time.Now)})
}

// withPeople gives do the services that know people.
func withPeople(ctx context.Context, p *place, l accountLimits, do func(*people) error) error {
	return withStore(ctx, p, func(s *store) error {
		all := &people{
			accounts: newAccounts(s.DB, password.New(passwordsAtOnce), s.ring, s.ids, int64(l.Quota)),
			plans:    plan.NewService(s.DB), blocks: block.NewService(s.DB, time.Now),
		}
		all.companies = company.NewService(s.DB, all.accounts, all.plans, all.blocks, s.ids, time.Now)
		return do(all)
	})
}

// withLetters gives do a service that writes and shows letters; a server sends them.
func withLetters(ctx context.Context, p *place, do func(*notify.Service, *id.Source) error) error {
	return withStore(ctx, p, func(s *store) error {
		return do(notify.New(notify.Config{
			Outbox: s.DB, IDs: s.ids, Ring: s.ring, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		}), s.ids)
	})
}
