package contact

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
)

// What bounds a file of contacts.
const (
	MaxFile    = 16 << 20 // bytes
	MaxRows    = 100_000
	MaxColumns = 1000 // of CSV
)

// mostErrors is how many of its errors a Report names.
const mostErrors = 100

// A File is contacts as another program exports them: CSV or vCards, which is told
// by its first bytes.
type File struct {
	Body io.Reader
	// Charset is the encoding that whoever sends the file declares: UTF-8, also
	// when empty, UTF-16, or Latin-1, which is taken for Windows-1252. A mark at the
	// beginning of the file counts for more, and so does what a vCard says of a value.
	Charset string
}

// A Report tells what an import did with each row or card of a file.
type Report struct {
	Added   int
	Updated int
	Skipped int // without an address, or nothing new
	Failed  int
	Errors  []LineError // the first of those that failed
}

// A LineError is why a row, or the card that begins on this line, cannot be a
// contact.
type LineError struct {
	Line int
	Code string // as in a fault
	Msg  string
}

// An entry is a row or card. A person who has several addresses comes with the one
// they prefer, or the first: a contact has one.
type entry struct {
	line                int
	name, email, mobile string
	err                 *LineError
}

// Import puts the contacts of a file into a book that holds at most limit of them
// (see Add), all at once or none. A contact whose address is there gets the name
// and mobile number of the file, where the file has them. A row that cannot be a
// contact is reported and does not hinder the others.
//
// An account has one import at a time, because each holds a whole file in memory:
// Throttled "import_running".
//
// Invalid "contacts_parse", with the line, for a file that is neither CSV with a
// column of addresses, and with at most MaxColumns, nor vCards; Invalid "charset_unknown"; TooLarge
// "import_too_large" for more than MaxFile bytes or MaxRows rows; Conflict
// "contacts_limit". An error of the body comes as it is.
func (s *Service) Import(ctx context.Context, owner account.ID, f File, limit int) (*Report, error) {
	if !s.beginImport(owner) {
		return nil, fault.New(fault.Throttled, "import_running", "an import into this address book is running")
	}
	defer s.endImport(owner)
	report := &Report{}
	var all []*Contact
	byEmail := map[string]*Contact{}
	rows := 0
	err := parse(f, func(e entry) error {
		if rows++; rows > MaxRows {
			return fault.New(fault.TooLarge, "import_too_large", "a file of contacts has at most %d rows", MaxRows)
		}
		if e.err == nil && e.email == "" {
			report.Skipped++
			return nil
		}
		c, bad := e.contact()
		if bad != nil {
			report.fail(*bad)
			return nil
		}
		if there := byEmail[c.Email]; there != nil {
			absorb(there, c)
			report.Skipped++
			return nil
		}
		c.ID, c.Owner = ID(s.ids.Key()), owner
		byEmail[c.Email] = c
		all = append(all, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	report.Added, report.Updated, err = s.store.MergeContacts(ctx, owner, all, most(limit), absorb)
	if err != nil {
		return nil, err
	}
	report.Skipped += len(all) - report.Added - report.Updated
	return report, nil
}

// beginImport tells whether the account may begin an import. Only this node knows:
// it is this node's memory that is spared.
func (s *Service) beginImport(owner account.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.importing[owner] {
		return false
	}
	s.importing[owner] = true
	return true
}

func (s *Service) endImport(owner account.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.importing, owner)
}

func (r *Report) fail(e LineError) {
	if r.Failed++; r.Failed <= mostErrors {
		r.Errors = append(r.Errors, e)
	}
}

// contact makes a contact of an entry that has an address, or says why not.
func (e entry) contact() (*Contact, *LineError) {
	if e.err != nil {
		return nil, e.err
	}
	for _, bad := range []*fault.Field{badName(&e.name), badEmail(&e.email), badMobile(&e.mobile)} {
		if bad != nil {
			return nil, &LineError{e.line, bad.Code, bad.Name + " " + bad.Msg}
		}
	}
	// Cloned, because they are parts of whole rows, which would be kept with them.
	return &Contact{
		Name: strings.Clone(e.name), Email: strings.Clone(e.email), Mobile: strings.Clone(e.mobile),
	}, nil
}

// absorb gives there what c has, and tells whether that changed it.
func absorb(there, c *Contact) bool {
	name, mobile := there.Name, there.Mobile
	if c.Name != "" {
		there.Name = c.Name
	}
	if c.Mobile != "" {
		there.Mobile = c.Mobile
	}
	return name != there.Name || mobile != there.Mobile
}

// parse gives each row or card of the file to each, and stops at its error.
func parse(f File, each func(entry) error) error {
	declared, known := encodingOf(f.Charset)
	if !known {
		return fault.New(fault.Invalid, "charset_unknown", "a file of contacts is UTF-8, UTF-16 or ISO-8859-1")
	}
	in := bufio.NewReaderSize(&limited{r: f.Body}, mostHeader)
	is := encodingAt(in, declared)
	if is >= inUTF16LE {
		in, is = bufio.NewReaderSize(newDecoder(in, is), mostHeader), inUTF8
	}
	var err error
	if isVCard(in) {
		err = parseVCards(in, is, each)
	} else {
		err = parseCSV(bufio.NewReaderSize(newDecoder(in, is), mostHeader), each)
	}
	if bad, ok := errors.AsType[*notText](err); ok {
		return unreadable(bad.line, "it is not text of the file's encoding")
	}
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		return unreadable(bad.StartLine, "its quotes are not closed or stand where they may not")
	}
	return err
}

// unreadable is the answer for a file that does not parse.
func unreadable(line int, why string) error {
	return fault.New(fault.Invalid, "contacts_parse", "line %d of the file: %s", line, why)
}

// Export writes the whole book as CSV that Import reads, and that programs show
// without running it: UTF-8 with a mark, lest they take it for something else.
func (s *Service) Export(ctx context.Context, owner account.ID, w io.Writer) error {
	if _, err := io.WriteString(w, "\xEF\xBB\xBF"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write([]string{"Name", "Email", "Mobile"}); err != nil {
		return err
	}
	err := s.each(ctx, owner, func(c *Contact) error {
		return out.Write([]string{guard(c.Name), guard(c.Email), guard(c.Mobile)})
	})
	if err != nil {
		return fmt.Errorf("export contacts: %w", err)
	}
	out.Flush()
	return out.Error()
}
