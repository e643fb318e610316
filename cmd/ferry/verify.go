package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/ferry-server/ferry/internal/audit"
	"github.com/ferry-server/ferry/internal/words"
)

type verifyCommand struct {
	place
	urlLimits
	JSON bool `name:"json" help:"Print the report as JSON."`
}

// Run checks everything that is stored, beside a server or without one.
func (c *verifyCommand) Run(ctx context.Context, p *program) error {
	damaged, err := verify(ctx, &c.place, &c.urlLimits, newVerifyReport(p.stdout, c.JSON))
	switch {
	case err != nil:
		return &exitError{exitNoVerify, err}
	case damaged:
		return &exitError{exitDamage, errors.New("damage was found")}
	}
	return nil
}

// verify checks an installation, and tells whether something is wrong with it.
func verify(ctx context.Context, p *place, l *urlLimits, out verifyReport) (damaged bool, err error) {
	data := dataDir(p.Data)
	if err := p.mustBeThere(data); err != nil { // an empty database would be found in good order
		return false, err
	}
	database, err := openDatabase(ctx, p, data)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	blobs, err := openBlobs(p, data)
	if err != nil {
		return false, err
	}
	s := audit.NewService(database, blobs, time.Now, audit.Limits{Orphan: l.orphan()}, slog.New(slog.DiscardHandler))
	report, err := s.Verify(ctx, out.finding)
	if err != nil {
		return false, err
	}
	return report.Findings > 0, out.end(report)
}

// A verifyReport prints what is found while it is found.
type verifyReport struct {
	finding func(audit.Finding) error
	end     func(*audit.Report) error
}

func newVerifyReport(w io.Writer, asJSON bool) verifyReport {
	if asJSON {
		return jsonReport(w)
	}
	return verifyReport{
		func(f audit.Finding) error {
			_, err := fmt.Fprintln(w, describe(f))
			return err
		},
		func(r *audit.Report) error { return summarize(w, r) },
	}
}

// describe says in a line what is wrong.
func describe(f audit.Finding) string {
	var b strings.Builder
	b.WriteString(f.Kind)
	b.WriteString(":")
	if f.File != "" {
		fmt.Fprintf(&b, " file %s %q of %s", f.ID, words.Shown(f.Name), f.Share)
	}
	if f.Part > 0 {
		fmt.Fprintf(&b, ", part %d", f.Part)
	}
	if f.Blob != "" {
		fmt.Fprintf(&b, " (blob %s)", f.Blob)
	}
	return b.String() + ": " + f.Detail
}

func summarize(w io.Writer, r *audit.Report) error {
	lines := []string{fmt.Sprintf("checked %d files in %d parts, %s; %d blobs", r.Files, r.Parts, words.Size(r.Bytes), r.Blobs)}
	if r.Young > 0 {
		lines = append(lines, fmt.Sprintf("%d blobs have no row and are young: parts that are just being sent, or broke off; they are swept", r.Young))
	}
	if r.Leaving > 0 {
		lines = append(lines, fmt.Sprintf("%d blobs are about to be removed", r.Leaving))
	}
	if r.Marked > 0 {
		lines = append(lines, fmt.Sprintf("%d files are now marked as damaged: nobody is given them", r.Marked))
	}
	if r.Unmarked > 0 {
		lines = append(lines, fmt.Sprintf("%d files that were marked as damaged are right again, and given out", r.Unmarked))
	}
	if r.Findings == 0 {
		lines = append(lines, "all is right")
	} else {
		lines = append(lines, fmt.Sprintf("%d things are wrong, %d files are damaged", r.Findings, r.Damaged))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// jsonReport prints one JSON object: its findings as they come, then the counts.
func jsonReport(w io.Writer) verifyReport {
	between := `{"findings":[`
	return verifyReport{
		func(f audit.Finding) error {
			line, err := json.Marshal(struct {
				Kind   string `json:"kind"`
				Key    string `json:"key,omitempty"`
				File   string `json:"file,omitempty"`
				Name   string `json:"name,omitempty"`
				Share  string `json:"share,omitempty"`
				Part   int    `json:"part,omitempty"`
				Blob   string `json:"blob,omitempty"`
				Detail string `json:"detail"`
			}{f.Kind, string(f.File), string(f.ID), f.Name, f.Share, f.Part, string(f.Blob), f.Detail})
			if err == nil {
				_, err = fmt.Fprintf(w, "%s\n%s", between, line)
			}
			between = ","
			return err
		},
		func(r *audit.Report) error {
			counts, err := json.Marshal(struct {
				Files    int64 `json:"files"`
				Parts    int64 `json:"parts"`
				Bytes    int64 `json:"bytes"`
				Blobs    int64 `json:"blobs"`
				Young    int64 `json:"young_blobs"`
				Leaving  int64 `json:"leaving_blobs"`
				Hashed   int64 `json:"hashed"`
				Marked   int64 `json:"marked"`
				Unmarked int64 `json:"unmarked"`
				Damaged  int64 `json:"damaged_files"`
				Wrong    int64 `json:"wrong"`
			}{r.Files, r.Parts, r.Bytes, r.Blobs, r.Young, r.Leaving, r.Hashed, r.Marked, r.Unmarked, r.Damaged, r.Findings})
			if err == nil {
				if between != "," {
					_, err = io.WriteString(w, between)
				}
			}
			if err == nil {
				_, err = fmt.Fprintf(w, "\n],%s\n", counts[1:])
			}
			return err
		},
	}
}
