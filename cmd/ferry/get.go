package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferry-server/ferry/client"
)

type getCommand struct {
	remote
	Link     string   `arg:"" help:"The link, as you were given it."`
	Out      string   `short:"o" help:"A folder, a file for a single one, or - for standard output: several come as a zip." default:"." placeholder:"PATH"`
	Password string   `help:"The link's password."`
	File     []string `help:"Fetch this one; again for more. Else all." placeholder:"NAME" sep:"none"`
	Zip      bool     `help:"Fetch them as one zip, to standard output."`
	Force    bool     `help:"Replace files that are there already."`
}

func (c *getCommand) Run(ctx context.Context, p *program) error {
	show := newMeter(p.stderr, c.Quiet)
	defer show.end()
	c.fill(p)
	server, name, err := client.SplitLink(c.Link)
	if err != nil {
		return &usageError{[]string{err.Error()}}
	}
	cl, err := c.dial(server, show)
	if err != nil {
		return err
	}
	l, err := cl.Open(ctx, name, c.Password)
	if client.IsCode(err, "password_required") {
		return errors.New("the link has a password: give it by --password")
	}
	if err != nil {
		return err
	}
	files, err := c.choose(l)
	if err != nil {
		return err
	}
	switch {
	case c.Out == "-" && len(files) == 1 && !c.Zip:
		return l.WriteTo(ctx, p.stdout, files[0])
	case c.Zip, c.Out == "-":
		if len(c.File) == 0 {
			files = nil
		}
		return l.WriteZip(ctx, p.stdout, files...)
	}
	folder := c.Out
	if folder == "." {
		for i := range files {
			files[i].Name = seen(files[i].Name)
		}
	}
	if len(files) == 1 {
		if info, err := os.Stat(c.Out); err != nil || !info.IsDir() {
			folder = filepath.Dir(c.Out) // it is what the file is to be called
			files[0].Name = filepath.Base(c.Out)
		}
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	dir, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	for _, f := range files {
		show.size += f.Size
	}
	if err := l.Save(ctx, dir, files, client.SaveOptions{Overwrite: c.Force, Progress: show.progress}); err != nil {
		return err
	}
	show.end()
	return c.print(p, folder, files)
}

// seen makes a name one that its user sees when it is listed. Programs read hidden files
// of the folder in which they are started: nobody who sends a file may put one there.
func seen(name string) string {
	if strings.HasPrefix(name, ".") {
		return "_" + name
	}
	return name
}

// choose gives those that are wanted, by their whole name or its last part.
func (c *getCommand) choose(l *client.Link) (files []client.LinkFile, err error) {
	if len(c.File) == 0 {
		if len(l.Files) == 0 {
			return nil, errors.New("there are no files behind this link")
		}
		return l.Files, nil
	}
	for _, want := range c.File {
		i := slices.IndexFunc(l.Files, func(f client.LinkFile) bool { return f.Name == want })
		if i < 0 {
			i = slices.IndexFunc(l.Files, func(f client.LinkFile) bool { return path.Base(f.Name) == want })
		}
		if i < 0 {
			return nil, fmt.Errorf("there is no %s behind this link", want)
		}
		files = append(files, l.Files[i])
	}
	return files, nil
}

func (c *getCommand) print(p *program, folder string, files []client.LinkFile) error {
	if c.JSON {
		type saved struct {
			Path string `json:"path"`
			Size int64  `json:"size"`
		}
		all := []saved{}
		for _, f := range files {
			all = append(all, saved{filepath.Join(folder, filepath.FromSlash(f.Name)), f.Size})
		}
		return json.NewEncoder(p.stdout).Encode(map[string]any{"files": all})
	}
	for _, f := range files {
		if _, err := fmt.Fprintln(p.stdout, filepath.Join(folder, filepath.FromSlash(f.Name))); err != nil {
			return err
		}
	}
	return nil
}
