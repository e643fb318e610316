package main

import (
	"encoding"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/site"
	"github.com/ferry-server/ferry/internal/words"
)

// inForce gives all settings as they are in force, in the order of their groups, and where
// each comes from. Secrets are dots.
func (s *sources) inForce(ctx *kong.Context, flags []*kong.Flag) (all []site.Setting) {
	for _, flag := range flags {
		if s.known[flag.Name] == nil || flag.Group == nil {
			continue // --help
		}
		one := site.Setting{Group: flag.Group.Title, Name: flag.Name, Value: settingText(ctx.FlagValue(flag))}
		_, inFile := s.file[flag.Name]
		switch _, given := onCommandLine(ctx, flag.Name); {
		case given:
			one.Source = site.FromCommandLine
		case s.env[variable(flag.Name)] != "":
			one.Source, one.Where = site.FromEnvironment, variable(flag.Name)
		case inFile && flag.Name != "config":
			one.Source, one.Where = site.FromFile, fmt.Sprintf("%s:%d", s.name, s.line(flag.Name))
		case flag.Tag.Has("compat") && s.compat(ctx):
			one.Source = site.FromPreset
		}
		all = append(all, one)
	}
	return all
}

// settingText writes a value for people to read.
func settingText(v any) string {
	switch v := v.(type) {
	case account.Secret:
		if v == "" {
			return ""
		}
		return "•••"
	case databaseURL:
		return urlText(string(v))
	case directoryURL:
		return urlText(string(v))
	case size:
		return words.Size(int64(v))
	case time.Duration:
		return durationText(v)
	case siteLogo:
		if v.Logo == nil {
			return ""
		}
		return v.Name
	case encoding.TextMarshaler, fmt.Stringer:
		return fmt.Sprint(v)
	}
	if list := reflect.ValueOf(v); list.Kind() == reflect.Slice {
		var texts []string
		for i := range list.Len() {
			texts = append(texts, settingText(list.Index(i).Interface()))
		}
		return strings.Join(texts, ", ")
	}
	return fmt.Sprint(v)
}

// urlText leaves out of a URL what may be secret: a password, which may stand in the
// query, too.
func urlText(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	u.RawQuery = ""
	return u.Redacted()
}

// durationText writes a time as parseDuration reads it, with days in front.
func durationText(d time.Duration) string {
	if d < day {
		return short(d)
	}
	if d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return fmt.Sprintf("%dd%s", d/day, short(d%day))
}

// short leaves out what is nothing at the end: 1h for 1h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
