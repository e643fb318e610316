package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// The manual page and the completions are made of the command line itself, so they
// cannot tell of another.

type manCommand struct{}

func (*manCommand) Run(_ context.Context, p *program) error {
	model := commandLine()
	out := &strings.Builder{}
	out.WriteString(".TH FERRY 1\n.SH NAME\nferry \\- send large files to people from your own server\n.SH SYNOPSIS\n.B ferry\n.I command\n[flags]\n.SH COMMANDS\n")
	for _, c := range leaves(model.Node) {
		fmt.Fprintf(out, ".SS %s\n%s\n", roff(c.usage), roff(c.node.Help))
		for _, a := range c.node.Positional {
			if a.Help != "" {
				fmt.Fprintf(out, ".TP\n.I %s\n%s\n", roff(a.Name), roff(a.Help))
			}
		}
		for _, f := range c.flags() {
			fmt.Fprintf(out, ".TP\n.B %s\n%s\n", roff(f.String()), roff(helpWithDefault(f.Value)))
		}
	}
	fmt.Fprintf(out, ".SH ENVIRONMENT\n.TP\n.B %s\nServer of send.\n.TP\n.B %s\nAPI key of send and get.\n", serverVariable, keyVariable)
	out.WriteString(".P\nEach flag of serve is a variable, too: FERRY_ and its name in capitals.\n")
	_, err := io.WriteString(p.stdout, out.String())
	return err
}

// roff makes text that is taken as it is.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (c *completionCommand) Run(_ context.Context, p *program) error {
	model := commandLine()
	write := map[string]func(io.Writer, []leaf){"bash": bash, "zsh": zsh, "fish": fish}[c.Shell]
	out := &strings.Builder{}
	write(out, leaves(model.Node))
	_, err := io.WriteString(p.stdout, out.String())
	return err
}

func commandLine() *kong.Application { return newParser((&collector{}).mappers()).Model }

// A leaf is a command with no others below it.
type leaf struct {
	node  *kong.Node
	words []string // by which it is called
	usage string
}

func leaves(n *kong.Node, above ...string) (all []leaf) {
	for _, child := range n.Children {
		if child.Hidden {
			continue
		}
		words := append(append([]string(nil), above...), child.Name)
		if len(child.Children) > 0 {
			all = append(all, leaves(child, words...)...)
			continue
		}
		usage := "ferry " + strings.Join(words, " ")
		for _, a := range child.Positional {
			usage += " " + a.Summary()
		}
		all = append(all, leaf{child, words, usage})
	}
	return all
}

func (l leaf) flags() (all []*kong.Flag) {
	for _, f := range l.node.Flags {
		if !f.Hidden {
			all = append(all, f)
		}
	}
	return all
}

func (l leaf) options() string {
	var all []string
	for _, f := range l.flags() {
		all = append(all, "--"+f.Name)
	}
	return strings.Join(all, " ")
}

// bash completes commands and flags; files, where neither fits.
func bash(w io.Writer, all []leaf) {
	fmt.Fprint(w, "_ferry() {\n  local word=${COMP_WORDS[COMP_CWORD]} line=\"${COMP_WORDS[*]:1:COMP_CWORD-1} \" words=\n  case $line in\n")
	for _, l := range all {
		fmt.Fprintf(w, "  %q*) words=%q ;;\n", strings.Join(l.words, " ")+" ", l.options())
	}
	next := map[string][]string{}
	var order []string
	for _, l := range all {
		for i, word := range l.words {
			above := strings.Join(l.words[:i], " ")
			if next[above] == nil {
				order = append(order, above)
			}
			if known := next[above]; len(known) == 0 || known[len(known)-1] != word {
				next[above] = append(next[above], word)
			}
		}
	}
	for _, above := range order {
		fmt.Fprintf(w, "  %q) words=%q ;;\n", strings.TrimLeft(above+" ", " ")+map[bool]string{true: " "}[above == ""], strings.Join(next[above], " "))
	}
	fmt.Fprint(w, "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -o default -o bashdefault -F _ferry ferry\n")
}

// zsh has bash's by its own means.
func zsh(w io.Writer, all []leaf) {
	fmt.Fprint(w, "#compdef ferry\nautoload -U +X bashcompinit && bashcompinit\n")
	bash(w, all)
}

func fish(w io.Writer, all []leaf) {
	quote := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'" }
	seen := map[string]bool{}
	for _, l := range all {
		condition := "__fish_use_subcommand"
		for i, word := range l.words {
			if key := strings.Join(l.words[:i+1], " "); !seen[key] {
				seen[key] = true
				help := ""
				if i == len(l.words)-1 {
					help = " -d " + quote(l.node.Help)
				}
				fmt.Fprintf(w, "complete -c ferry -n %s -a %s%s\n", quote(condition), word, help)
			}
			if i == 0 {
				condition = ""
			} else {
				condition += "; and "
			}
			condition += "__fish_seen_subcommand_from " + word
		}
		for _, f := range l.flags() {
			fmt.Fprintf(w, "complete -c ferry -n %s -l %s -d %s\n", quote(condition), f.Name, quote(f.Help))
		}
	}
}
