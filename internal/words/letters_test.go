package words

import (
	"reflect"
	"testing"
)

// Every language says everything: a text that was forgotten would be an empty line
// in somebody's mail, and a function a panic.
func TestLettersAreComplete(t *testing.T) {
	for language, letters := range catalogues() {
		l := letters()
		if l.Lang != language {
			t.Errorf("the letters for %s are in %s", language, l.Lang)
		}
		complete(t, language, reflect.ValueOf(l).Elem())
	}
}

func complete(t *testing.T, path string, v reflect.Value) {
	for i := range v.NumField() {
		name := path + "." + v.Type().Field(i).Name
		switch f := v.Field(i); f.Kind() {
		case reflect.String, reflect.Func:
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
