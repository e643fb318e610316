package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The wording is that of JSON.parse of Node 12 to 18.
func TestParseSpeaksAsNodeDid(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"the sample of WeTransfer's documents", `!`, "Unexpected token ! in JSON at position 0"},
		{"nothing", ``, "Unexpected end of JSON input"},
		{"only space", " \r\n\t", "Unexpected end of JSON input"},
		{"an open object", `{"a":1`, "Unexpected end of JSON input"},
		{"an open string", `{"a":"b`, "Unexpected end of JSON input"},
		{"an open escape", `"\`, "Unexpected end of JSON input"},
		{"an open code unit", `"\u00`, "Unexpected end of JSON input"},
		{"a word cut short", `tru`, "Unexpected end of JSON input"},
		{"a sign alone", `-`, "Unexpected end of JSON input"},
		{"a point at the end", `1.`, "Unexpected end of JSON input"},
		{"a word misspelt", `nulL`, "Unexpected token L in JSON at position 3"},
		{"a form instead of JSON", `name=x`, "Unexpected token a in JSON at position 1"},
		{"a key without quotes", `{name:1}`, "Unexpected token n in JSON at position 1"},
		{"a key in single quotes", `{'a':1}`, "Unexpected token ' in JSON at position 1"},
		{"a number for a key", `{1:2}`, "Unexpected number in JSON at position 1"},
		{"a comma too many in an object", `{"a":1,}`, "Unexpected token } in JSON at position 7"},
		{"a comma too many in an array", `[1,]`, "Unexpected token ] in JSON at position 3"},
		{"no comma before a string", `{"a":1 "b":2}`, "Unexpected string in JSON at position 7"},
		{"no comma before a number", `[1 2]`, "Unexpected number in JSON at position 3"},
		{"no colon", `{"a" 1}`, "Unexpected number in JSON at position 5"},
		{"no colon before a string", `{"a" "b"}`, "Unexpected string in JSON at position 5"},
		{"something behind the value", `{} x`, "Unexpected token x in JSON at position 3"},
		{"a number behind the value", `{}7`, "Unexpected number in JSON at position 2"},
		{"a string behind the value", `{}""`, "Unexpected string in JSON at position 2"},
		{"a leading zero", `01`, "Unexpected number in JSON at position 1"},
		{"a plus", `+1`, "Unexpected token + in JSON at position 0"},
		{"no digit before the point", `.5`, "Unexpected token . in JSON at position 0"},
		{"no digit in the exponent", `1e+}`, "Unexpected token } in JSON at position 3"},
		{"two signs", `--1`, "Unexpected number in JSON at position 1"},
		{"a line break in a string", "\"a\nb\"", "Unexpected token \n in JSON at position 2"},
		{"an unknown escape", `"\x"`, "Unexpected token x in JSON at position 2"},
		{"a digit escaped", `"\1"`, "Unexpected number in JSON at position 2"},
		{"a code unit of three digits", `"\u123"`, "Unexpected string in JSON at position 6"},
		{"NaN", `[NaN]`, "Unexpected token N in JSON at position 1"},
		{"a NUL outside of strings", "[\x00]", "Unexpected token \x00 in JSON at position 1"},
		{"a byte order mark", "\ufeff{}", "Unexpected token \ufeff in JSON at position 0"},
		{"positions count UTF-16 units", "[\"é報😀\" !]", "Unexpected token ! in JSON at position 8"},
		{"a character beyond U+FFFF is shown whole", "[😀]", "Unexpected token 😀 in JSON at position 1"},
		{"no-break space is no space", "[1,\u00a02]", "Unexpected token \u00a0 in JSON at position 3"},
	} {
		t.Run(tt.name, func(t *testing.T) { checkRefused(t, tt.text, tt.want) })
	}
}

func TestParseRefusesWhatReadersDisagreeOn(t *testing.T) {
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, tt := range []struct{ name, text, want string }{
		{"a key twice", `{"a":1,"b":{"a":2},"a":3}`, "Duplicate key in JSON at position 19"},
		{"a key twice, once escaped", `{"a":1,"\u0061":2}`, "Duplicate key in JSON at position 7"},
		{"33 levels", nest(33), "Nesting too deep in JSON at position 32"},
		{"a byte that is not UTF-8", "[\"é\xff\"]", "Malformed UTF-8 in JSON at position 3"},
		{"UTF-8 too long for its character", "\"\xc0\xaf\"", "Malformed UTF-8 in JSON at position 1"},
		{"a surrogate in UTF-8", "\"\xed\xa0\x80\"", "Malformed UTF-8 in JSON at position 1"},
		{"half a pair", `"a\ud83d"`, "Lone surrogate in JSON at position 2"},
		{"half a pair and a character", `"\ud83dx\ude00"`, "Lone surrogate in JSON at position 1"},
		{"two first halves", `"\ud83d\ud83d"`, "Lone surrogate in JSON at position 1"},
		{"a second half first", `"\ude00\ude00"`, "Lone surrogate in JSON at position 1"},
	} {
		t.Run(tt.name, func(t *testing.T) { checkRefused(t, tt.text, tt.want) })
	}
	checkTaken(t, nest(32))
}

// The set of keys changes its form on the way from few to many.
func TestParseFindsTheKeyThatComesTwice(t *testing.T) {
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"k%d":0,`, i)
		}
		return b.String()
	}
	for n := range 20 {
		checkTaken(t, "{"+keys(n)+`"k":1}`)
		for again := range n {
			checkRefused(t, fmt.Sprintf(`{%s"k%d":1}`, keys(n), again),
				fmt.Sprintf("Duplicate key in JSON at position %d", 1+len(keys(n))))
		}
	}
	checkTaken(t, "{"+keys(maxMembers-1)+`"k":1}`)
	checkRefused(t, "{"+keys(maxMembers)+`"k":1}`, fmt.Sprintf("Too many keys in JSON at position %d", 1+len(keys(maxMembers))))
}

func checkTaken(t *testing.T, text string) {
	t.Helper()
	if _, err := Parse([]byte(text)); err != nil {
		t.Errorf("%.40s…: %v", text, err)
	}
}

func checkRefused(t *testing.T, text, want string) {
	t.Helper()
	v, err := Parse([]byte(text))
	if _, ok := errors.AsType[*SyntaxError](err); !ok || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if v.Kind() != Absent {
		t.Errorf("a value beside the error: %s", v.Raw())
	}
}

// tree builds what encoding/json would, and checks the accessors against each
// other on the way.
func tree(t interface{ Fatalf(string, ...any) }, v Value) any {
	n := 0
	var built any
	switch v.Kind() {
	case Bool:
		return v.Bool()
	case Number:
		return json.Number(v.Num())
	case String:
		return v.Str()
	case Array:
		list := []any{}
		for e := range v.Elems() {
			list = append(list, tree(t, e))
			n++
		}
		built = list
	case Object:
		members := map[string]any{}
		for k, e := range v.Members() {
			members[k] = tree(t, e)
			if got, ok := v.Get(k); !ok || !bytes.Equal(got.Raw(), e.Raw()) {
				t.Fatalf("Get(%q) = %s, %v; Members give %s", k, got.Raw(), ok, e.Raw())
			}
			n++
		}
		built = members
	}
	if v.Len() != n {
		t.Fatalf("Len of %s is %d, want %d", v.Raw(), v.Len(), n)
	}
	return built
}

func stdTree(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("trailing data")
	}
	return v, nil
}

// FuzzParse holds Parse against encoding/json: both take a text and see the same
// in it, or both refuse it, or Parse says which rule of its own is broken.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`{"message":"hi","files":[{"name":"big.bin","size":13111521},{"name":"kitty.jpg","size":369785}]}`,
		` [ 1 , -0.5e+3 , true , false , null , "" , { } , [ ] , {"a" : {"b" : []}} ] `,
		`"\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00é報😀"`, `{"a\u0000":1,"a":2}`, `1e400`, `"\ud83d"`,
		`{"a":1,"a":2}`, "\"\xff\"", `[[[[`, `!`, ``, "\ufeff1", `"\u`, `{"":""}`, `-`, `0.`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := Parse(text)
		std, stdErr := stdTree(text)
		if err == nil {
			if stdErr != nil {
				t.Fatalf("Parse takes %q, encoding/json says %v", text, stdErr)
			}
			if got := tree(t, v); !reflect.DeepEqual(got, std) {
				t.Fatalf("%q\nis  %#v\nwas %#v", text, std, got)
			}
			return
		}
		e, ok := errors.AsType[*SyntaxError](err)
		if !ok || !utf8.ValidString(e.Error()) || e.Offset < 0 || e.Offset > len(text) {
			t.Fatalf("%q: %#v", text, err)
		}
		if stdErr == nil && e.Reason == "" {
			t.Fatalf("encoding/json takes %q, Parse says %v", text, err)
		}
	})
}

func TestParseReadsWhatJSONWrites(t *testing.T) {
	value := func(inner *rapid.Generator[any]) *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.Just(any(nil)), rapid.Bool().AsAny(), rapid.String().AsAny(),
			rapid.Map(rapid.Float64(), func(x float64) any { return x }),
			rapid.SliceOfN(inner, 0, 6).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 20).AsAny(),
		)
	}
	rapid.Check(t, func(t *rapid.T) {
		g := value(value(value(rapid.Int64().AsAny())))
		x := g.Draw(t, "value")
		text, err := json.Marshal(x)
		if rapid.Bool().Draw(t, "indented") {
			text, err = json.MarshalIndent(x, " ", "\t")
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		v, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want, _ := stdTree(text)
		if got := tree(t, v); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nis  %#v\nwas %#v", text, want, got)
		}
	})
}

func TestValueOfAnotherKindIsEmpty(t *testing.T) {
	v, err := Parse([]byte(` {"n":1,"s":"x\u0000y","t":true,"z":null,"a":[1]} `))
	if err != nil {
		t.Fatal(err)
	}
	if string(v.Raw()) != `{"n":1,"s":"x\u0000y","t":true,"z":null,"a":[1]}` {
		t.Errorf("Raw = %q", v.Raw())
	}
	for key, want := range map[string]struct {
		kind Kind
		num  string
		str  string
		bool bool
		len  int
	}{
		"n": {kind: Number, num: "1"}, "s": {kind: String, str: "x\x00y"}, "t": {kind: Bool, bool: true},
		"z": {kind: Null}, "a": {kind: Array, len: 1}, "missing": {kind: Absent},
	} {
		m, ok := v.Get(key)
		if ok != (want.kind != Absent) || m.Kind() != want.kind || m.Num() != want.num || m.Str() != want.str ||
			m.Bool() != want.bool || m.Len() != want.len {
			t.Errorf("%s: %v, kind %d, %q, %q, %v, %d", key, ok, m.Kind(), m.Num(), m.Str(), m.Bool(), m.Len())
		}
		if _, ok := m.Get("x"); ok {
			t.Errorf("%s has a member", key)
		}
	}
}

func manyFiles(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"message":"My very first transfer!","files":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"holiday/IMG_%05d.jpg","size":%d}`, i, 369785+i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// readFiles is what a door does with the body of a create call.
func readFiles(tb testing.TB, text []byte) (names []string) {
	v, err := Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	files, _ := v.Get("files")
	names = make([]string, 0, files.Len())
	for f := range files.Elems() {
		name, _ := f.Get("name")
		size, _ := f.Get("size")
		if _, err := size.Int(); err != nil {
			tb.Fatal(err)
		}
		names = append(names, name.Str())
	}
	return names
}

// A tree of these bodies would cost many times their size.
func TestParseKeepsNothing(t *testing.T) {
	for _, text := range []string{
		"[" + strings.Repeat("0,", 1<<19) + "0]",
		"[" + strings.Repeat("[],", 1<<19) + "0]",
		"[" + strings.Repeat(`{"a":0},`, 1<<17) + "0]",
	} {
		if n := testing.AllocsPerRun(1, func() {
			if _, err := Parse([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}); n > 4 {
			t.Errorf("%.10s…: %v allocations", text, n)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, bench := range []struct {
		name string
		text []byte
	}{
		{"10,000 files", manyFiles(10_000)},
		{"one name of 16 MiB", []byte(`{"files":[{"name":"` + strings.Repeat("x", 16<<20) + `","size":1}]}`)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.text)))
			b.ReportAllocs()
			for b.Loop() {
				readFiles(b, bench.text)
			}
		})
		b.Run(bench.name+" by encoding/json", func(b *testing.B) {
			b.SetBytes(int64(len(bench.text)))
			b.ReportAllocs()
			for b.Loop() {
				var body struct {
					Message string
					Files   []struct {
						Name string
						Size int64
					}
				}
				if err := json.Unmarshal(bench.text, &body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	keys := []byte("{" + strings.TrimSuffix(strings.Repeat(`"%d":0,`, maxMembers), ",") + "}")
	args := make([]any, maxMembers)
	for i := range args {
		args[i] = i
	}
	keys = fmt.Appendf(nil, string(keys), args...)
	b.Run("10,000 keys of one object", func(b *testing.B) {
		b.SetBytes(int64(len(keys)))
		for b.Loop() {
			if _, err := Parse(keys); err != nil {
				b.Fatal(err)
			}
		}
	})
}
