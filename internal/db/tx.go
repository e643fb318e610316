package db

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/fault"
)

// An engine is SQLite or PostgreSQL.
type engine interface {
	// query runs one statement that only reads, outside of any transaction, and
	// gives each of its rows to each, which must not use the database itself.
	query(ctx context.Context, each func(scan) error, sql string, args []any) error

	// write runs change in a transaction that is isolated from every other as
	// far as their locks meet (see tx.lock), and returns once it is on stable
	// storage, or rolled back, for change's error or one of the engine. It may
	// run change more than once, and on another goroutine.
	write(ctx context.Context, change func(tx) error) error

	// snapshot: see DB.Snapshot.
	snapshot(ctx context.Context, dir string, each func(Promise) error) (Snapshot, error)

	broken() <-chan struct{}
	close() error
}

// A tx is a transaction. Once something failed in it, everything later fails the
// same way, and so does the transaction: only what is asked must be checked.
type tx interface {
	// query runs one statement, and gives each of its rows to each, which must
	// not use the transaction itself.
	query(each func(scan) error, sql string, args ...any) error

	// exec runs a statement, no matter how many rows it touches. On PostgreSQL
	// it waits for company: the next query or the end sends all at once.
	exec(sql string, args ...any)

	// must is exec for a conditional change: when it touches no row, the
	// transaction fails with refusal.
	must(refusal error, sql string, args ...any)

	// noting is exec that calls touched, at the latest when the transaction ends, if the
	// statement has touched a row.
	noting(touched func(), sql string, args ...any)

	// lock gives what to put behind a select whose rows the transaction then
	// decides on: clause on PostgreSQL, nothing on SQLite, which has one writer
	// at a time. Rows are locked in this order, so that nobody waits in a
	// circle: file, share, company, account, plan.
	lock(clause string) string
}

// A scan copies the columns of a row, like (*sql.Rows).Scan.
type scan func(dest ...any) error

// find is t.query for a row that must be there: missing is the error when it is not.
func find(t tx, missing error, each func(scan) error, sql string, args ...any) error {
	found := false
	err := t.query(func(row scan) error {
		found = true
		return each(row)
	}, sql, args...)
	if err == nil && !found {
		return missing
	}
	return err
}

// errTaken is what a violated uniqueness means; each method has its word for it.
var errTaken = errors.New("a unique value is taken")

// taken gives refusal when err is a violated uniqueness, else err.
func taken(err, refusal error) error {
	if errors.Is(err, errTaken) {
		return refusal
	}
	return err
}

func diskFull(err error) error {
	return fault.Wrap(fault.Full, "disk_full", err, "there is no room left")
}

func unavailable(err error) error {
	return fault.Wrap(fault.Unavailable, "database_unavailable", err, "the database does not answer")
}

// clean makes args into what both drivers know, in place: text (refused when
// PostgreSQL could not keep it: SQLite must not be laxer), integers and bytes.
func clean(args []any) error {
	for i, a := range args {
		switch a := a.(type) {
		case nil, int, int64, uint32, []byte:
		case bool:
			args[i] = 0
			if a {
				args[i] = 1
			}
		case time.Time:
			args[i] = millis(a)
		case time.Duration:
			args[i] = a.Milliseconds()
		default:
			v := reflect.ValueOf(a)
			if v.Kind() != reflect.String { // string, share.Key, …
				if !v.CanInt() { // share.State, …
					return fmt.Errorf("a %T cannot be stored", a)
				}
				args[i] = v.Int()
				continue
			}
			s := v.String()
			if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
				return fault.New(fault.Invalid, "text_invalid", "text must be UTF-8 without NUL")
			}
			args[i] = s
		}
	}
	return nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// into is a destination for a scan whose Go type is not that of the column. Both
// drivers know it as a sql.Scanner.
type into func(src any) error

func (f into) Scan(src any) error { return f(src) }

func intoTime(t *time.Time) into {
	return func(src any) error {
		ms, _ := src.(int64) // null is none, like 0
		*t = time.Time{}
		if ms != 0 {
			*t = time.UnixMilli(ms).UTC()
		}
		return nil
	}
}

func intoDuration(d *time.Duration) into {
	return func(src any) error {
		ms, _ := src.(int64)
		*d = time.Duration(ms) * time.Millisecond
		return nil
	}
}

func intoBool(b *bool) into {
	return func(src any) error {
		n, _ := src.(int64)
		*b = n != 0
		return nil
	}
}

// intoText takes null for "".
func intoText[T ~string](s *T) into {
	return func(src any) error {
		text, _ := src.(string)
		*s = T(text)
		return nil
	}
}

// intoNumber takes null for 0.
func intoNumber[T ~int | ~int64 | ~uint32](n *T) into {
	return func(src any) error {
		i, _ := src.(int64)
		*n = T(i)
		return nil
	}
}

// intoBytes copies exactly len(dst) bytes.
func intoBytes(dst []byte) into {
	return func(src any) error {
		b, _ := src.([]byte)
		if len(b) != len(dst) {
			return fmt.Errorf("a value of %d bytes where %d belong", len(b), len(dst))
		}
		copy(dst, b)
		return nil
	}
}
