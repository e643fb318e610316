package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/keyring"
	"github.com/ferry-server/ferry/internal/server"
)

// A node is an installation's services, wired. The zero node has none.
type node struct {
	certs server.CertStore            // for ACME
	ready func(context.Context) error // for /readyz
	setup func(context.Context) (url string, err error)
	work  func(context.Context) // background jobs, until the context ends
	close func() error
	doors []mounted
}

type mounted struct {
	door     server.Door
	prefixes []string
}

// openNode opens the stores of an installation and wires all services and doors.
// All doors live on one origin: WeTransfer's at /v1, /v2, /api/v4 and, for the
// versionless calls that it answers with 403, /authorize, /transfers and /boards;
// the S3 door at /s3; the site at / and so at everything else.
func openNode(context.Context, *settings, dataDir, *keyring.Ring, string, *slog.Logger) (*node, error) {
	return &node{}, nil
}

// withAccounts opens what the commands of an operator need, which may run beside
// a server, and calls do.
func withAccounts(_ context.Context, p *place, _ func(*account.Service) error) error {
	data, err := openData(p.Data)
	if err != nil {
		return err
	}
	if _, err := data.keys(p); err != nil {
		return err
	}
	return errors.New("the database is not wired yet")
}
