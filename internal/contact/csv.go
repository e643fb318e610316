package contact

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// A file of contacts as programs write it: one line with the names of the columns,
// then one record a person. The columns are those of Outlook, Google Contacts (old
// and new), Thunderbird, our own, and plain "name" and "email".

// mostHeader is how long the line with the names of the columns may be.
const mostHeader = 64 << 10

// parseCSV gives each record to each.
func parseCSV(in *bufio.Reader, each func(entry) error) error {
	peeked, err := in.Peek(mostHeader)
	if len(peeked) == 0 && err != nil && err != io.EOF {
		return err
	}
	header := firstLine(string(peeked))
	if header == "" {
		return unreadable(1, "the file is empty")
	}
	comma := separator(header)
	r := csv.NewReader(&narrow{in: in, comma: byte(comma), line: 1})
	r.FieldsPerRecord = -1 // short and long records are met with what they have
	r.Comma = comma
	r.TrimLeadingSpace = r.Comma != '\t'
	r.ReuseRecord = true
	names, err := r.Read()
	if err != nil {
		return err
	}
	cols := columnsOf(names)
	if len(cols.email) == 0 {
		line, _ := r.FieldPos(0)
		return unreadable(line, "it must name the columns, one of them email")
	}
	for {
		record, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		if err := each(cols.entry(line, record)); err != nil {
			return err
		}
	}
}

// mostRecord is how many bytes a record has, at most: it is held in memory several times.
const mostRecord = 1 << 20

// A narrow reader ends at a record of more than mostRecord bytes or MaxColumns cells. A
// cell takes a hundred bytes and more of memory, and of what there is to read only one.
type narrow struct {
	in     io.Reader
	comma  byte
	line   int // that the next byte is on
	length int // of the record
	cells  int // of it, after the first
	quoted bool
	wide   error
}

func (n *narrow) Read(p []byte) (int, error) {
	if n.wide != nil {
		return 0, n.wide
	}
	k, err := n.in.Read(p)
	for i, b := range p[:k] {
		n.length++
		switch {
		case b == '"': // twice where it is text: that is none
			n.quoted = !n.quoted
		case b == '\n':
			if n.line++; !n.quoted {
				n.length, n.cells = 0, 0
			}
		case b == n.comma && !n.quoted:
			n.cells++
		}
		switch {
		case n.cells >= MaxColumns:
			n.wide = unreadable(n.line, fmt.Sprintf("it has more than %d columns", MaxColumns))
		case n.length > mostRecord:
			n.wide = unreadable(n.line, "it is too long")
		default:
			continue
		}
		return i, n.wide
	}
	return k, err
}

// firstLine gives the first line with something on it, up to the line break that
// stands in no quotes.
func firstLine(s string) string {
	s = strings.TrimLeft(s, "\n")
	quoted := false
	for i := range len(s) {
		switch s[i] {
		case '"':
			quoted = !quoted
		case '\n':
			if !quoted {
				return s[:i]
			}
		}
	}
	return s
}

// separator finds what stands between columns: that of which the line has most,
// outside of quotes.
func separator(line string) rune {
	count := map[rune]int{}
	quoted := false
	for _, r := range line {
		if r == '"' {
			quoted = !quoted
		}
		if !quoted {
			count[r]++
		}
	}
	best := ','
	for _, r := range ";\t" {
		if count[r] > count[best] {
			best = r
		}
	}
	return best
}

// columns tells which columns hold what; the first that holds something counts.
type columns struct {
	email, name       []int
	first, mid, last  []int
	company           []int
	mobile            []int
	phone, phoneLabel map[int]int // Google: phone 1 … 9, by number
}

func columnsOf(names []string) columns {
	c := columns{phone: map[int]int{}, phoneLabel: map[int]int{}}
	emails := map[int]int{} // by rank
	for i, name := range names {
		name = letters(unguard(name))
		number := 1
		if at := strings.IndexAny(name, "123456789"); at > 0 {
			number = int(name[at] - '0')
			name = name[:at] + "#" + name[at+1:]
		}
		switch name {
		case "email", "mail", "emailaddress", "primaryemail", "email#value", "email#address", "email#":
			if _, ok := emails[number]; !ok {
				emails[number] = i
			}
		case "secondaryemail":
			emails[2] = i
		case "name", "fullname", "displayname":
			c.name = append(c.name, i)
		case "firstname", "givenname":
			c.first = append(c.first, i)
		case "middlename", "additionalname":
			c.mid = append(c.mid, i)
		case "lastname", "familyname", "surname":
			c.last = append(c.last, i)
		case "company", "organization", "organizationname", "organization#name":
			c.company = append(c.company, i)
		case "mobile", "mobilephone", "mobilenumber", "cell", "cellphone", "cellphonenumber":
			c.mobile = append(c.mobile, i)
		case "phone#value":
			c.phone[number] = i
		case "phone#type", "phone#label":
			c.phoneLabel[number] = i
		}
	}
	for n := 1; n <= 9; n++ {
		if i, ok := emails[n]; ok {
			c.email = append(c.email, i)
		}
	}
	return c
}

// letters leaves the letters and digits of a column's name, in lower case: it is
// "E-mail 1 - Value" here and "Email1Value" there.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789", r) {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

func (c columns) entry(line int, record []string) entry {
	e := entry{line: line, email: oneOf(first(record, c.email)), name: first(record, c.name), mobile: first(record, c.mobile)}
	if e.name == "" {
		e.name = oneLine(first(record, c.first) + " " + first(record, c.mid) + " " + first(record, c.last))
	}
	if e.name == "" {
		e.name = first(record, c.company)
	}
	for n := 1; n <= 9 && e.mobile == ""; n++ {
		if i, ok := c.phone[n]; ok && strings.Contains(letters(cell(record, c.phoneLabel, n)), "mobile") {
			e.mobile = oneOf(first(record, []int{i}))
		}
	}
	return e
}

func cell(record []string, at map[int]int, n int) string {
	if i, ok := at[n]; ok && i < len(record) {
		return record[i]
	}
	return ""
}

// oneOf gives the first of several values of one kind, which Google writes into one
// cell as "a ::: b".
func oneOf(cell string) string {
	value, _, _ := strings.Cut(cell, " ::: ")
	return value
}

// first gives the first of these cells with something in it.
func first(record []string, at []int) string {
	for _, i := range at {
		if i < len(record) {
			if value := unguard(oneLine(record[i])); value != "" {
				return value
			}
		}
	}
	return ""
}

// A cell that begins with one of these is a formula to a program that shows the
// file. Behind a quote mark it is text, so we write one, and take it away again.
const formula = "=+-@"

func guard(s string) string {
	if bare := strings.TrimLeft(s, "'"); bare != "" && strings.IndexByte(formula, bare[0]) >= 0 {
		return "'" + s
	}
	return s
}

func unguard(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && guard(rest) != rest {
		return rest
	}
	return s
}
