package contact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/ferry-server/ferry/internal/fault"
)

// read parses a file and shows its entries, one a line.
func read(text, charset string) (string, error) {
	var out []string
	err := parse(File{strings.NewReader(text), charset}, func(e entry) error {
		line := fmt.Sprintf("%d %s<%s>%s", e.line, e.name, e.email, e.mobile)
		if e.err != nil {
			line = fmt.Sprintf("%d %s", e.err.Line, e.err.Code)
		}
		out = append(out, line)
		return nil
	})
	return strings.Join(out, "\n"), err
}

func TestFilesOfOtherPrograms(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
	}{
		{"plain", "name,email\nAlice,a@b.c\n", "2 Alice<a@b.c>"},
		{"no line break at the end, blank lines in between", "\n\nEmail\n\na@b.c", "5 <a@b.c>"},
		{"old line breaks", "name,email\rAlice,a@b.c\r\rBob,b@b.c\r", "2 Alice<a@b.c>\n4 Bob<b@b.c>"},
		{"semicolons", "Name;E-Mail;Mobile\r\n\"Miller; Alice\";a@b.c;+49 1\r\n", "2 Miller; Alice<a@b.c>+49 1"},
		{"tabs and empty columns", "Name\tNote\tE-Mail\n\t\ta@b.c\nBob, the\t,,\tb@b.c\n", "2 <a@b.c>\n3 Bob, the<b@b.c>"},
		{"a comma within a column's name", "\"name, full\";email\nx;a@b.c\n", "2 <a@b.c>"},
		{"short and long rows", "name,email\nx\ny,a@b.c,more,more\n", "2 x<>\n3 y<a@b.c>"},
		{"quotes over several lines", "name,email\n\"Alice\n\"\"B\"\"\n\nC\",a@b.c\nBob,b@b.c\n", "2 Alice \"B\" C<a@b.c>\n6 Bob<b@b.c>"},
		{"spaces around", " name , email \n Alice ,\u00a0 a@b.c \n", "2 Alice<a@b.c>"},
		{"the first of two columns with one name", "email,email\na@b.c,x@y.z\n", "2 <a@b.c>"},
		{"ours", "\xEF\xBB\xBFName,Email,Mobile\r\n'=1,'=a@b.c,'+1\r\n", "2 =1<=a@b.c>+1"},
		{
			"Outlook",
			`"Title","First Name","Middle Name","Last Name","Suffix","Company","Home Phone","Mobile Phone","E-mail Address","E-mail Type","E-mail Display Name","E-mail 2 Address"` + "\r\n" +
				`"Dr.","Alice","B.","Miller","","ACME","1","2","a@b.c","SMTP","Alice Miller (a@b.c)","a2@b.c"` + "\r\n" +
				`"","","","","","ACME","","","","","","info@b.c"` + "\r\n",
			"2 Alice B. Miller<a@b.c>2\n3 ACME<info@b.c>",
		},
		{
			"Google, until 2024",
			"Name,Given Name,Additional Name,Family Name,E-mail 1 - Type,E-mail 1 - Value,E-mail 2 - Type,E-mail 2 - Value,Phone 1 - Type,Phone 1 - Value,Phone 2 - Type,Phone 2 - Value,Organization 1 - Name\n" +
				"Alice B Miller,Alice,B,Miller,* Home,a@b.c ::: a1@b.c,Work,a2@b.c,Work,1,Mobile,2 ::: 3,ACME\n" +
				",,,,,,,,,4,,,Phone only\n",
			"2 Alice B Miller<a@b.c>2\n3 Phone only<>",
		},
		{
			"Google, now",
			"First Name,Middle Name,Last Name,Organization Name,Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value\n" +
				"Alice,,Miller,ACME,* myContacts,* ,a@b.c,Mobile,+1 2\n",
			"2 Alice Miller<a@b.c>+1 2",
		},
		{
			"Thunderbird",
			"First Name,Last Name,Display Name,Nickname,Primary Email,Secondary Email,Screen Name,Work Phone,Mobile Number\n" +
				"Alice,Miller,Al,,a@b.c,a2@b.c,,1,2\nBob,Baker,,,,b2@b.c,,,\n",
			"2 Al<a@b.c>2\n3 Bob Baker<b2@b.c>",
		},
		{
			"vCard 2.1 with quoted-printable, a picture and a card within",
			"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=\r\n=C3=B6rg;;;\r\n" +
				"PHOTO;ENCODING=BASE64;JPEG:/9j/4AAQ\r\n  SkZJRg==\r\nAAAA\r\n\r\n" +
				"AGENT:\r\nBEGIN:VCARD\r\nVERSION:2.1\r\nEMAIL:agent@b.c\r\nEND:VCARD\r\n" +
				"TEL;HOME:1\r\nTEL;CELL;VOICE:2\r\nEMAIL;INTERNET:a@b.c\r\nEMAIL;PREF;INTERNET:p@b.c\r\nEND:VCARD\r\n",
			"1 Jörg Müller<p@b.c>2",
		},
		{
			"vCard 2.1 folds before white space that stays",
			"BEGIN:VCARD\nVERSION:2.1\nFN:Alice\n Miller\nEMAIL:a@b.c\nEND:VCARD\n", "1 Alice Miller<a@b.c>",
		},
		{
			"vCard 2.1 in Latin-1, raw and quoted",
			"BEGIN:VCARD\nVERSION:2.1\nFN;CHARSET=ISO-8859-1:J\xf6rg \x80\nEMAIL:a@b.c\nEND:VCARD\n" +
				"BEGIN:VCARD\nVERSION:2.1\nFN;ENCODING=QUOTED-PRINTABLE;CHARSET=windows-1252:J=F6rg =80=\n\nEMAIL:a@b.c\nEND:VCARD\n",
			"1 Jörg €<a@b.c>\n6 Jörg €<a@b.c>",
		},
		{
			"vCard 3.0 with folds, escapes and groups",
			"BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Apple Inc.//iOS 17//EN\r\nN:Miller\\;x;Alice;;;\r\nFN:Ali\r\n ce\\, the\\n \\\\ of it\r\n" +
				"item1.EMAIL;type=INTERNET;type=HOME:h@b.c\r\nitem2.EMAIL;type=INTERNET;type=WORK;type=pref:w@b.c\r\n" +
				"TEL;type=HOME:1\r\nTEL;type=\"CELL,VOICE\":+1 (2)\r\nNOTE:a: b\r\nEND:VCARD\r\n",
			"1 Alice, the \\ of it<w@b.c>+1 (2)",
		},
		{
			"vCard 4.0 with preferences and addresses as links",
			"BEGIN:VCARD\nVERSION:4.0\nFN:Alice\nEMAIL;PREF=2:two@b.c\nEMAIL;PREF=1;X-A=\"a:b;c\":mailto:one@b.c\nEMAIL:three@b.c\n" +
				"TEL;VALUE=uri;TYPE=\"voice,cell\":tel:+1-2;ext=3\nEND:VCARD\n",
			"1 Alice<one@b.c>+1-2",
		},
		{
			"vCards without a name are called by what they have",
			"begin:vcard\nversion:3.0\nN:Miller;Alice\nemail:1@b.c\nend:vcard\n\nBEGIN:VCARD\nVERSION:3.0\nN:;;;;\nORG:ACME\\, Inc.;Sales\nEMAIL:2@b.c\nEND:VCARD\n" +
				"BEGIN:VCARD\nNICKNAME:Al\nEMAIL:3@b.c\nEND:VCARD",
			"1 Alice Miller<1@b.c>\n7 ACME, Inc.<2@b.c>\n13 Al<3@b.c>",
		},
		{
			"a card whose characters are wrong does not hinder the next",
			"BEGIN:VCARD\nVERSION:3.0\nFN:\xff\nEMAIL:1@b.c\nEND:VCARD\nBEGIN:VCARD\nVERSION:3.0\nNOTE:\xff\nFN:B\nEMAIL:2@b.c\nEND:VCARD\n",
			"1 text_invalid\n6 B<2@b.c>",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := read(tt.text, "")
			if err != nil || got != tt.want {
				t.Errorf("got\n%s\n%v\nwant\n%s", got, err, tt.want)
			}
			// As it may come over a network.
			var n int
			err = parse(File{iotest.OneByteReader(strings.NewReader(tt.text)), ""}, func(entry) error { n++; return nil })
			if err != nil || n != strings.Count(tt.want, "\n")+1 {
				t.Errorf("byte by byte: %d entries, %v", n, err)
			}
		})
	}
}

func inUTF16(order binary.AppendByteOrder, s string) string {
	var out []byte
	for _, u := range utf16.Encode([]rune("\uFEFF" + s)) {
		out = order.AppendUint16(out, u)
	}
	return string(out)
}

func TestEncodings(t *testing.T) {
	const csv, card = "name,email\r\nZoë 😀,a@b.c\r\nB,b@b.c\r\n", "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Zoë 😀\r\nEMAIL:a@b.c\r\nEND:VCARD\r\n"
	const wantCSV, wantCard = "2 Zoë 😀<a@b.c>\n3 B<b@b.c>", "1 Zoë 😀<a@b.c>"
	for _, tt := range []struct{ name, text, charset, want string }{
		{"UTF-8", csv, "", wantCSV},
		{"UTF-8 with its mark", "\xEF\xBB\xBF" + csv, "", wantCSV},
		{"a mark counts for more than a declaration", "\xEF\xBB\xBF" + csv, "iso-8859-1", wantCSV},
		{"UTF-16, little end first", inUTF16(binary.LittleEndian, csv), "", wantCSV},
		{"UTF-16, big end first", inUTF16(binary.BigEndian, csv), "", wantCSV},
		{"UTF-16 declared, without a mark", inUTF16(binary.LittleEndian, csv)[2:], "UTF-16LE", wantCSV},
		{"UTF-16 declared, the other way", inUTF16(binary.BigEndian, csv)[2:], "utf-16", wantCSV},
		{"Latin-1 where it is declared", "name,email\nZo\xeb \x80,a@b.c\n", "ISO-8859-1", "2 Zoë €<a@b.c>"},
		{"a card with the mark of UTF-8", "\xEF\xBB\xBF" + card, "", wantCard},
		{"a card in UTF-16", inUTF16(binary.LittleEndian, card), "", wantCard},
		{"a card in Latin-1", "BEGIN:VCARD\nVERSION:3.0\nFN:Zo\xeb\nEMAIL:a@b.c\nEND:VCARD", "latin1", "1 Zoë<a@b.c>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := read(tt.text, tt.charset); err != nil || got != tt.want {
				t.Errorf("got\n%s\n%v\nwant\n%s", got, err, tt.want)
			}
		})
	}
	_, err := read(csv, "shift_jis")
	if !fault.Is(err, "charset_unknown") {
		t.Errorf("another encoding: %v", err)
	}
}

func TestFilesThatDoNotParse(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		line       int
	}{
		{"nothing", "", 1},
		{"blank lines", "\r\n\r\n", 1},
		{"no column of addresses", "name,phone\nAlice,1\n", 1},
		{"no names of columns", "\n\nalice@example.com\nbob@example.com\n", 3},
		{"Latin-1 that nobody declared", "name,email\nA,a@b.c\nZo\xeb,b@b.c\n", 3},
		{"a quote in the middle", "name,email\nA,a@b.c\nx\"y\",b@b.c\n", 3},
		{"a quote that does not end", "name,email\nA,a@b.c\n\"B,b@b.c\n\n", 3},
		{"a picture", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", 1},
		{"half a character of UTF-16", "\xFF\xFEm\x00a\x00i\x00l\x00\n\x00b", 2},
		{"half a pair of UTF-16", "\xFF\xFEa\x00\x3d\xd8", 1},
		{"a pair that is none", "\xFF\xFE\x3d\xd8\n\x00", 1},
		{"a card that does not end", "BEGIN:VCARD\nVERSION:3.0\nFN:A\n", 3},
		{"a card of the future", "BEGIN:VCARD\nVERSION:5.0\nEND:VCARD\n", 2},
		{"something behind the cards", "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\nFN:A\n", 4},
		{"an end too many", "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\nEND:VCARD\n", 4},
		{"a line that says nothing", "BEGIN:VCARD\nVERSION:3.0\nhello\nEND:VCARD\n", 3},
		{"base 64 without folds is for pictures only", "BEGIN:VCARD\nVERSION:2.1\nPHOTO;BASE64:AA\nAA\nFN:A\nAA\nEND:VCARD\n", 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := read(tt.text, "")
			if !fault.Is(err, "contacts_parse") || fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), fmt.Sprintf("line %d of", tt.line)) {
				t.Errorf("got %v, want one with line %d", err, tt.line)
			}
		})
	}
}

// A line of any length is read past in the memory of one buffer.
func TestLongLinesAreNotKept(t *testing.T) {
	picture := strings.Repeat(strings.Repeat("A", 75)+"\r\n ", 100_000)
	text := "BEGIN:VCARD\r\nVERSION:3.0\r\nPHOTO;ENCODING=b:" + picture + "\r\nFN:A\r\nEMAIL:a@b.c\r\nEND:VCARD\r\n"
	got, err := read(text, "")
	if err != nil || got != "1 A<a@b.c>" {
		t.Errorf("got %s, %v", got, err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = read(text, "")
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}

// checkEntries holds whatever a file may be to what its readers promise.
func checkEntries(t *testing.T, data []byte, charset string) {
	n := 0
	stop := errors.New("stop")
	err := parse(File{bytes.NewReader(data), charset}, func(e entry) error {
		if e.line < 1 || e.line > bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte("\r"))+1 {
			t.Errorf("an entry on line %d", e.line)
		}
		if e.err == nil && e.email != "" {
			if c, bad := e.contact(); bad == nil {
				again := *c
				if badName(&again.Name) != nil || badEmail(&again.Email) != nil || badMobile(&again.Mobile) != nil || again.Name != c.Name || again.Email != c.Email || again.Mobile != c.Mobile {
					t.Errorf("%+v is not in the form that is kept", c)
				}
				if guarded := guard(c.Name); unguard(guarded) != c.Name || guarded != "" && strings.IndexByte("=+-@", guarded[0]) >= 0 {
					t.Errorf("%q is written as %q", c.Name, guarded)
				}
			}
		}
		if n++; n == 1000 {
			return stop
		}
		return nil
	})
	if err != nil && err != stop && !fault.Is(err, "contacts_parse") && !fault.Is(err, "charset_unknown") && !fault.Is(err, "import_too_large") {
		t.Errorf("a file gives %v", err)
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"name,email\nAlice,a@b.c\n", "Name;E-Mail\r\"x;y\";'=a@b.c", "E-mail 1 - Value,Phone 1 - Type,Phone 1 - Value\na ::: b,Mobile,1\n",
		"\xFF\xFEe\x00m\x00a\x00i\x00l\x00\n\x00", "\xFE\xFF\x00m\x00a\x00i\x00l\xd8\x3d", "mail\tname\n\t\"", "email10,email#,phone9value",
	} {
		f.Add([]byte(s), "")
		f.Add([]byte(s), "latin1")
	}
	f.Fuzz(checkEntries)
}

func FuzzVCard(f *testing.F) {
	for _, s := range []string{
		"VERSION:2.1\nFN;ENCODING=QUOTED-PRINTABLE:=C3=\n=BC=\nEMAIL:a@b.c\n", "VERSION:3.0\nitem1.EMAIL;TYPE=PREF,\"x:y\":a\n @b.c\nN:a\\;b;c\\",
		"VERSION:4.0\nTEL;TYPE=cell;VALUE=uri:tel:+1;ext=2\nEMAIL;PREF=1:mailto:a@b.c\n", "PHOTO;B:AA\nAA\n\nBEGIN:VCARD\nEND:VCARD\nORG:;\n", "\t\n \n=\n:",
	} {
		f.Add([]byte("BEGIN:VCARD\n"+s+"\nEND:VCARD\n"), "")
		f.Add([]byte("begin:vcard\r\n"+s), "windows-1252")
	}
	f.Fuzz(checkEntries)
}
