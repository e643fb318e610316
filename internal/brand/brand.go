// Package brand is how an installation looks: its name, its logo, and colours that are
// made of the one its operator chooses.
//
// It owns that text stays legible whatever that colour is: what is written in it, on it
// and around it has a contrast of 4.5 or more (WCAG 2.2, 1.4.3), in light and dark. Where
// colours stand in a page or a letter is left to those. Start at Look.
package brand

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Look is how an installation presents itself.
type Look struct {
	Name string
	Logo *Logo  // nil: the name stands in its place
	Sea  Colour // what buttons, links and the water are made of
}

// Default is that of an installation whose operator chose nothing.
func Default() Look { return Look{Name: "Ferry", Sea: lightDefault.Sea} }

// ParseName reads what an installation calls itself.
func ParseName(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" || utf8.RuneCountInString(s) > 40 || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", errors.New("must have between 1 and 40 characters, all of them printable")
	}
	return s, nil
}

// A Logo is a small picture, as files hold it.
type Logo struct {
	Name  string // under which pages load it, such as logo.svg
	Bytes []byte
}

// MaxLogo is how many bytes a logo has, at most: it is part of the first page.
const MaxLogo = 64 << 10

// ParseLogo takes a PNG or an SVG.
func ParseLogo(b []byte) (*Logo, error) {
	switch {
	case len(b) > MaxLogo:
		return nil, fmt.Errorf("has %d bytes; at most %d are taken", len(b), MaxLogo)
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return &Logo{"logo.png", b}, nil
	case utf8.Valid(b) && bytes.HasPrefix(bytes.TrimLeft(b, "\ufeff \t\r\n"), []byte("<")) && bytes.Contains(b, []byte("<svg")):
		return &Logo{"logo.svg", b}, nil
	}
	return nil, errors.New("is neither a PNG nor an SVG")
}

// A Colour is red, green and blue, as sRGB has them.
type Colour [3]byte

// ParseColour reads #rrggbb or #rgb.
func ParseColour(s string) (Colour, error) {
	digits, ok := strings.CutPrefix(s, "#")
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	n, err := strconv.ParseUint(digits, 16, 24)
	if !ok || len(digits) != 6 || err != nil {
		return Colour{}, fmt.Errorf("%q is no colour such as #17616f", s)
	}
	return Colour{byte(n >> 16), byte(n >> 8), byte(n)}, nil
}

// String gives #rrggbb.
func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

// luminance is the relative luminance of WCAG 2.2.
func (c Colour) luminance() float64 {
	var sum float64
	for i, weight := range [3]float64{0.2126, 0.7152, 0.0722} {
		v := float64(c[i]) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

// Contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func Contrast(a, b Colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// mix gives c with a share of another, from 0 to 1.
func mix(c, other Colour, share float64) (out Colour) {
	for i := range out {
		out[i] = byte(math.Round(float64(c[i])*(1-share) + float64(other[i])*share))
	}
	return out
}

// legible moves c towards an end of the scale until it can be read on each ground.
func legible(c, end Colour, grounds ...Colour) Colour {
	const enough, steps = 4.5, 64
	for i := range steps {
		step := mix(c, end, float64(i)/steps)
		fits := true
		for _, g := range grounds {
			fits = fits && Contrast(step, g) >= enough
		}
		if fits {
			return step
		}
	}
	return end
}

// A Scheme is a set of colours of pages, in light or in dark.
type Scheme struct {
	Sea, Deep, OnSea       Colour // text, links and buttons; where one points; what is written on them
	Sky, SkyLow, Far, Near Colour // the crossing, from the top down
	Ship                   Colour
}

var (
	black, white = Colour{}, Colour{255, 255, 255}

	// The grounds of site.css and of letters on which colours are written.
	lightGrounds = []Colour{{0xfb, 0xfc, 0xfa}, {0xff, 0xff, 0xff}, {0xee, 0xf4, 0xf3}, {0xdf, 0xe7, 0xe6}}
	darkGrounds  = []Colour{{0x0c, 0x17, 0x1c}, {0x11, 0x1f, 0x26}, {0x15, 0x26, 0x2d}, {0x21, 0x34, 0x3b}}
	onLight      = Colour{0x06, 0x19, 0x1e}
)

// The colours of site.css, where the operator chose none, were chosen one by one.
var (
	lightDefault = Scheme{
		Sea: Colour{0x17, 0x61, 0x6f}, Deep: Colour{0x0f, 0x4a, 0x56}, OnSea: white, Sky: Colour{0xe4, 0xee, 0xec}, SkyLow: Colour{0xd3, 0xe4, 0xe4},
		Far: Colour{0xa8, 0xcb, 0xce}, Near: Colour{0x6e, 0xa5, 0xad}, Ship: Colour{0x1b, 0x45, 0x52},
	}
	darkDefault = Scheme{
		Sea: Colour{0x86, 0xc8, 0xcf}, Deep: Colour{0xa5, 0xda, 0xde}, OnSea: onLight, Sky: Colour{0x0e, 0x1d, 0x24}, SkyLow: Colour{0x14, 0x30, 0x39},
		Far: Colour{0x1d, 0x49, 0x53}, Near: Colour{0x16, 0x36, 0x3f}, Ship: Colour{0x9f, 0xc6, 0xca},
	}
)

func (l Look) isDefault() bool { return l.Sea == lightDefault.Sea }

// Light gives the colours of light pages.
func (l Look) Light() Scheme {
	if l.isDefault() {
		return lightDefault
	}
	paper := lightGrounds[0]
	sea := legible(l.Sea, black, lightGrounds...)
	return Scheme{
		Sea: sea, Deep: mix(sea, black, 0.25), OnSea: white,
		Sky: mix(sea, paper, 0.9), SkyLow: mix(sea, paper, 0.82), Far: mix(sea, paper, 0.62), Near: mix(sea, paper, 0.38),
		Ship: mix(sea, black, 0.3),
	}
}

// Dark gives the colours of dark pages.
func (l Look) Dark() Scheme {
	if l.isDefault() {
		return darkDefault
	}
	paper := darkGrounds[0]
	sea := legible(l.Sea, white, append(darkGrounds, onLight)...)
	return Scheme{
		Sea: sea, Deep: mix(sea, white, 0.3), OnSea: onLight,
		Sky: mix(sea, paper, 0.95), SkyLow: mix(sea, paper, 0.84), Far: mix(sea, paper, 0.68), Near: mix(sea, paper, 0.8),
		Ship: mix(sea, white, 0.15),
	}
}

// CSS gives rules that set the custom properties of site.css; none for the colour that
// stands there.
func (l Look) CSS() string {
	if l.isDefault() {
		return ""
	}
	return ":root {" + l.Light().properties() + "}\n@media (prefers-color-scheme: dark) { :root {" + l.Dark().properties() + "} }\n"
}

func (s Scheme) properties() string {
	return fmt.Sprintf(" --sea: %s; --sea-deep: %s; --on-sea: %s; --sky: %s; --sky-low: %s; --far: %s; --near: %s; --ship: %s; ",
		s.Sea, s.Deep, s.OnSea, s.Sky, s.SkyLow, s.Far, s.Near, s.Ship)
}
