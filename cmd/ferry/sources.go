package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// sources gives kong the settings that the command line does not have: from the
// environment, then from the file, then from the preset.
type sources struct {
	env   map[string]string     // FERRY_… only
	known map[string]*kong.Flag // the settings, by name

	loaded  bool
	name    string // of the file; empty: there is none
	text    string
	file    map[string]any
	failure error // to read the file
}

// environment keeps our variables. An empty one is as good as none: compose files
// cannot leave one out. Kubernetes sets some for a service that is
// called ferry (FERRY_SERVICE_HOST, FERRY_PORT, FERRY_PORT_80_TCP): not settings.
func environment(env []string) map[string]string {
	ours := map[string]string{}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		if value != "" && strings.HasPrefix(name, "FERRY_") && !strings.HasPrefix(name, "FERRY_SERVICE_") &&
			name != "FERRY_PORT" && name != serverVariable && name != keyVariable && !strings.HasPrefix(name, "FERRY_PORT_") {
			ours[name] = value
		}
	}
	return ours
}

// settingsOf gives the flags of serve, which are the settings.
func settingsOf(app *kong.Application) map[string]*kong.Flag {
	known := map[string]*kong.Flag{}
	for _, node := range app.Children {
		if node.Name == "serve" {
			for _, flag := range node.Flags {
				known[flag.Name] = flag
			}
		}
	}
	return known
}

// variable gives the name of a setting in the environment.
func variable(setting string) string {
	return "FERRY_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// Validate is part of kong.Resolver; problems does its work, and names all.
func (*sources) Validate(*kong.Application) error { return nil }

// Resolve gives the value of a flag that is not on the command line.
func (s *sources) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if s.known[flag.Name] == nil {
		return nil, nil // an argument of one command, not a setting
	}
	if !s.loaded {
		s.loaded = true
		s.failure = s.load(ctx)
	}
	if value, ok := s.given(flag.Name); ok {
		return value, nil
	}
	if flag.Tag.Has("compat") && s.compat(ctx) {
		return flag.Tag.Get("compat"), nil
	}
	return nil, nil
}

// given gives a setting of the environment or the file.
func (s *sources) given(setting string) (string, bool) {
	if value, ok := s.env[variable(setting)]; ok {
		return value, true
	}
	value, ok := s.file[setting]
	if !ok || setting == "config" {
		return "", false
	}
	return text(value), true
}

// text writes a value of TOML as it would stand on the command line.
func text(value any) string {
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	var elements []string
	for _, v := range list {
		elements = append(elements, fmt.Sprint(v))
	}
	return strings.Join(elements, ",")
}

func (s *sources) compat(ctx *kong.Context) bool {
	if on, ok := onCommandLine(ctx, "compat"); ok {
		return on == true
	}
	value, _ := s.given("compat")
	on, _ := parseBool(value) // what is wrong with it is said where it is decoded
	return on
}

// load reads the file.
func (s *sources) load(ctx *kong.Context) error {
	s.name = s.env[variable("config")]
	if name, ok := onCommandLine(ctx, "config"); ok {
		s.name = name.(string)
	}
	if s.name == "" {
		return nil
	}
	data, err := os.ReadFile(s.name)
	if err != nil {
		return err
	}
	s.text = string(data)
	if _, err := toml.Decode(s.text, &s.file); err != nil {
		// The decoder's own words are not said: they quote the file, and what it could
		// not read is perhaps a password without quotes.
		line := 1
		if at, ok := errors.AsType[toml.ParseError](err); ok {
			line = at.Position.Line
		}
		return fmt.Errorf("%s:%d: is no TOML: a text stands in quotes, and each key once", s.name, line)
	}
	return nil
}

// problems names what stands where a setting should and is none (a misspelt limit
// that nobody notices is no limit), and what stands in the wrong place.
func (s *sources) problems(ctx *kong.Context) (problems []problem) {
	if s.failure != nil {
		problems = append(problems, problem{"config", s.failure.Error()})
	}
	variables := map[string]bool{}
	for setting, flag := range s.known {
		variables[variable(setting)] = true
		if _, given := onCommandLine(ctx, setting); given && flag.Tag.Has("offline") {
			problems = append(problems, problem{
				setting,
				"does not belong on the command line, which every user of the machine can read: use " + variable(setting) + " or the file",
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		if !variables[name] {
			problems = append(problems, problem{name, "is no setting"})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.file)) {
		if s.known[key] == nil || key == "config" {
			problems = append(problems, problem{key, "is no setting"})
		}
	}
	return problems
}

// from tells where a setting was taken from, to put behind its name.
func (s *sources) from(ctx *kong.Context, setting string) string {
	if _, ok := onCommandLine(ctx, setting); ok {
		return ""
	}
	if _, ok := s.env[variable(setting)]; ok {
		return " (" + variable(setting) + ")"
	}
	if _, ok := s.file[setting]; ok {
		return fmt.Sprintf(" (%s:%d)", s.name, s.line(setting))
	}
	return ""
}

// line finds the line of a key. The decoder does not tell; as settings are in no
// table, a key stands at the beginning of its line.
func (s *sources) line(key string) int {
	n := 0
	for line := range strings.Lines(s.text) {
		n++
		line = strings.TrimLeft(line, " \t[")
		if rest, ok := strings.CutPrefix(strings.TrimLeft(line, `"'`), key); ok && strings.IndexAny(rest, `"' =.]`) == 0 {
			return n
		}
	}
	return 1
}

// onCommandLine gives the value of a flag that stands there.
func onCommandLine(ctx *kong.Context, name string) (any, bool) {
	for _, p := range ctx.Path {
		if p.Flag != nil && !p.Resolved && p.Flag.Name == name {
			return ctx.FlagValue(p.Flag), true
		}
	}
	return nil, false
}
