// Command ferry is the one program of Ferry: the server, and what an operator
// asks of it.
//
// It owns the command line, the configuration (settings.go: one struct is all of
// it), the data directory with its secret and its lock, and the wiring of every
// other package (wiring.go). What the server does is in internal/…; how it
// behaves is shown by the sessions in testdata/script. Start at run, then serve.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/ferry-server/ferry/internal/fault"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// The exit codes that scripts may rely on.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2 // unknown command or flag, wrong setting

	// Of ferry verify, like cmp and grep.
	exitDamage   = 1 // something is wrong with what is stored
	exitNoVerify = 2 // it could not be looked at
)

// An exitError ends the program with a code of its own.
type exitError struct {
	code int
	error
}

func (e *exitError) Unwrap() error { return e.error }

// A program is what commands have of the world, besides their arguments.
type program struct {
	stdout, stderr io.Writer
	env            []string // what is no setting of ours
}

// run does what args say and gives the exit code. It ends early when ctx does.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	command, err := parse(args, env, stdout)
	if err == nil && command != nil {
		if _, ok := command.(interface{ peoples() }); !ok {
			// Whatever is made from here on (database, blobs, secret) is for us alone,
			// also in a data directory that others may enter.
			syscall.Umask(0o077)
		}
		err = command.Run(ctx, &program{stdout, stderr, env})
	}
	if err == nil {
		return exitOK
	}
	for line := range strings.SplitSeq(message(err), "\n") {
		_, _ = fmt.Fprintf(stderr, "ferry: %s\n", line)
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return exitFailure
}

// message is what an operator reads. A fault that names no cause is worded for
// them as it is for any caller, without its kind and code.
func message(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Msg == "" || f.Err != nil {
		return err.Error()
	}
	lines := []string{f.Msg}
	for _, field := range f.Fields {
		lines = append(lines, field.Name+": "+field.Msg)
	}
	return strings.Join(lines, "\n")
}

// A usageError is the caller's: the command line or the settings are wrong.
type usageError struct{ lines []string }

func (e *usageError) Error() string { return strings.Join(e.lines, "\n") }
