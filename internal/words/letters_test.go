package words

import (
	"reflect"
	"testing"
)

// Every language says everything: a text that was forgotten would be an empty line
// in somebody's mail or page, and a function a panic.
func TestCataloguesAreComplete(t *testing.T) {
	for _, c := range languages {
		l, p := c.letters(), c.pages()
		if l.Lang != c.Lang || p.Lang != c.Lang {
			t.Errorf("the words for %s are in %s and %s", c.Lang, l.Lang, p.Lang)
		}
		complete(t, c.Lang+" letters", reflect.ValueOf(l).Elem())
		complete(t, c.Lang+" pages", reflect.ValueOf(p).Elem())
	}
}

func complete(t *testing.T, path string, v reflect.Value) {
	for i := range v.NumField() {
		name := path + "." + v.Type().Field(i).Name
		if !v.Type().Field(i).IsExported() {
			continue
		}
		switch f := v.Field(i); f.Kind() {
		case reflect.String, reflect.Func, reflect.Slice, reflect.Map:
			if f.IsZero() {
				t.Errorf("%s is missing", name)
			}
		case reflect.Struct:
			complete(t, name, f)
		default:
			t.Errorf("%s is a %v", name, f.Kind())
		}
	}
}

func TestLettersIn(t *testing.T) {
	for _, locale := range []string{"", "en", "EN_us", "en-GB", "tlh", "-", "en-x-\x00"} {
		if got := LettersIn(locale).Lang; got != "en" {
			t.Errorf("for %q in %s", locale, got)
		}
	}
}
