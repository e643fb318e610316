package brand_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/brand"
)

// Whatever colour is chosen, what is written in it and on it can be read.
func TestEveryColourIsLegible(t *testing.T) {
	colour := func(s string) brand.Colour {
		c, err := brand.ParseColour(s)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const least = 4.5
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				look := brand.Look{Sea: brand.Colour{byte(r), byte(g), byte(b)}}
				for name, s := range map[string]struct {
					brand.Scheme
					grounds []string
					ink     string
				}{
					"light": {look.Light(), []string{"#fbfcfa", "#fff", "#eef4f3", "#dfe7e6"}, "#12262e"},
					"dark":  {look.Dark(), []string{"#0c171c", "#111f26", "#15262d", "#21343b"}, "#e6eeee"},
				} {
					pairs := [][2]brand.Colour{
						{s.Sea, s.OnSea}, {s.Deep, s.OnSea}, {colour(s.ink), s.Sky}, {colour(s.ink), s.SkyLow}, {s.Deep, s.Sky}, {s.Deep, s.SkyLow},
					}
					for _, ground := range s.grounds {
						pairs = append(pairs, [2]brand.Colour{s.Sea, colour(ground)}, [2]brand.Colour{s.Deep, colour(ground)})
					}
					for _, p := range pairs {
						if got := brand.Contrast(p[0], p[1]); got < least {
							t.Fatalf("%s, %s: %s on %s has a contrast of %.2f", look.Sea, name, p[0], p[1], got)
						}
					}
				}
			}
		}
	}
}

// The grounds are those of the pages.
func TestGroundsAreThoseOfPages(t *testing.T) {
	css, err := os.ReadFile("../site/assets/site.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark := brand.Default().Light(), brand.Default().Dark()
	short := func(c brand.Colour) string { return strings.Replace(c.String(), "#ffffff", "#fff", 1) }
	for _, s := range []brand.Scheme{light, dark} {
		for name, c := range map[string]brand.Colour{
			"sea": s.Sea, "sea-deep": s.Deep, "on-sea": s.OnSea, "sky": s.Sky, "sky-low": s.SkyLow, "far": s.Far, "near": s.Near, "ship": s.Ship,
		} {
			if want := "--" + name + ": " + short(c) + ";"; !strings.Contains(string(css), want) {
				t.Errorf("site.css does not say %s", want)
			}
		}
	}
	if brand.Default().CSS() != "" {
		t.Error("the colours of site.css are set once more")
	}
	for _, want := range []string{
		"--paper: #fbfcfa", "--card: #fff", "--tint: #eef4f3", "--line: #dfe7e6", "--ink: #12262e",
		"--paper: #0c171c", "--card: #111f26", "--tint: #15262d", "--line: #21343b", "--ink: #e6eeee",
	} {
		if !strings.Contains(string(css), want+";") {
			t.Errorf("site.css does not say %s", want)
		}
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"#17616F": "#17616f", "#fa0": "#ffaa00", "17616f": "", "#17616": "", "#17616g": "", "": "", "#+1616f": "", "red": "", "#1761_6": "",
	} {
		got, err := brand.ParseColour(in)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("colour %q is %s, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{" Acme ": "Acme", "": "", "  ": "", "a\nb": "", "a\u202eb": "", strings.Repeat("x", 41): "", "Reederei Müller": "Reederei Müller"} {
		got, err := brand.ParseName(in)
		if (err == nil) != (want != "") || got != want {
			t.Errorf("name %q is %q, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"\x89PNG\r\n\x1a\n…": "logo.png", "<svg xmlns='x'/>": "logo.svg", "\ufeff<?xml version='1.0'?>\n<svg/>": "logo.svg",
		"<html>": "", "GIF89a": "", "": "", "\xff<svg": "",
	} {
		got, err := brand.ParseLogo([]byte(in))
		if (err == nil) != (want != "") || err == nil && got.Name != want {
			t.Errorf("logo %q: %v, %v", in, got, err)
		}
	}
	if _, err := brand.ParseLogo(append([]byte("<svg>"), bytes.Repeat([]byte(" "), brand.MaxLogo)...)); err == nil {
		t.Error("a logo of any size is taken")
	}
}
