package archive

import (
	"encoding/binary"
	"math"
	"time"
)

// The records of a zip, from PKWARE's APPNOTE.TXT 6.3.10; the numbers in the
// comments are its sections. The extended timestamp is Info-ZIP's (extrafld.txt,
// "UT"). A field that is too small for its value holds all ones, and the value
// stands in a zip64 record; only then is there one, because some readers know
// none.

const (
	sigLocal     = 0x04034b50
	sigCentral   = 0x02014b50
	sigEnd       = 0x06054b50
	sigEnd64     = 0x06064b50
	sigLocator64 = 0x07064b50

	lenLocal   = 30
	lenCentral = 46

	extra64   = 0x0001
	extraTime = 0x5455
	lenTime   = 4 + 5 // tag and size; flags and seconds

	version20 = 20 // 4.4.3.2: the least there is
	version45 = 45 // zip64

	madeOnUnix = 3 << 8 // 4.4.2: the attributes are Unix's
	modeFile   = 0o100644 << 16
	flagUTF8   = 1 << 11
	stored     = 0

	max16 = math.MaxUint16
	max32 = math.MaxUint32
)

// A stamp is a time as a zip has it, twice: in MS-DOS's form, to two seconds and
// of no zone (ours is UTC), and in seconds since 1970.
type stamp struct {
	date, time uint16
	unix       int32 // 0 if it does not fit: after January 2038
}

func stampOf(t time.Time) stamp {
	t = t.UTC()
	switch y := t.Year(); { // what the MS-DOS form can hold
	case y < 1980:
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	case y > 2107:
		t = time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	}
	s := stamp{
		date: uint16(t.Day() | int(t.Month())<<5 | (t.Year()-1980)<<9),
		time: uint16(t.Second()/2 | t.Minute()<<5 | t.Hour()<<11),
	}
	if u := t.Unix(); u <= math.MaxInt32 {
		s.unix = int32(u)
	}
	return s
}

func (s stamp) len() int {
	if s.unix == 0 {
		return 0
	}
	return lenTime
}

func (s stamp) appendExtra(b []byte) []byte {
	if s.unix == 0 {
		return b
	}
	b = le16(b, extraTime, lenTime-4)
	b = append(b, 1) // only the time of modification
	return le32(b, uint32(s.unix))
}

// big reports whether n stands in a zip64 record instead of a field of 32 bits.
func big(n int64) bool { return n >= max32 }

// local64Len is the length of the zip64 extra of f's local header, which has
// both sizes or is not there (4.5.3).
func local64Len(f *file) int {
	if big(f.size) {
		return 4 + 16
	}
	return 0
}

// central64Len is that of its directory entry, which has only what is too big.
func central64Len(f *file) int {
	n := 0
	if big(f.size) {
		n += 16
	}
	if big(f.offset) {
		n += 8
	}
	if n > 0 {
		n += 4
	}
	return n
}

func localLen(f *file) int { return lenLocal + len(f.name) + local64Len(f) + f.time.len() }

// appendLocal appends f's local header (4.3.7).
func appendLocal(b []byte, f *file) []byte {
	extra := local64Len(f)
	b = le32(b, sigLocal)
	b = appendCommon(b, f, extra)
	b = append(b, f.name...)
	if extra > 0 {
		b = le16(b, extra64, uint16(extra-4))
		b = le64(b, uint64(f.size), uint64(f.size))
	}
	return f.time.appendExtra(b)
}

// appendCentral appends f's entry in the central directory (4.3.12).
func appendCentral(b []byte, f *file) []byte {
	extra := central64Len(f)
	b = le32(b, sigCentral)
	b = le16(b, madeOnUnix|version(extra))
	b = appendCommon(b, f, extra)
	b = le16(b, 0, 0, 0) // comment, disk, internal attributes
	b = le32(b, modeFile, field32(f.offset))
	b = append(b, f.name...)
	if extra > 0 {
		b = le16(b, extra64, uint16(extra-4))
		if big(f.size) {
			b = le64(b, uint64(f.size), uint64(f.size))
		}
		if big(f.offset) {
			b = le64(b, uint64(f.offset))
		}
	}
	return f.time.appendExtra(b)
}

// appendCommon appends what both headers of f have, in one order. The length of
// the zip64 extra tells which version a reader needs.
func appendCommon(b []byte, f *file, extra int) []byte {
	size := field32(f.size)
	b = le16(b, version(extra), flagUTF8, stored, f.time.time, f.time.date)
	b = le32(b, f.crc, size, size)
	return le16(b, uint16(len(f.name)), uint16(extra+f.time.len()))
}

func version(extra64 int) uint16 {
	if extra64 > 0 {
		return version45
	}
	return version20
}

// appendEnd appends what follows the directory of n files, which has size bytes
// and begins at offset (4.3.14 to 4.3.16).
func appendEnd(b []byte, n, size, offset int64) []byte {
	if n >= max16 || big(size) || big(offset) {
		b = le32(b, sigEnd64)
		b = le64(b, 56-12) // what follows here
		b = le16(b, madeOnUnix|version45, version45)
		b = le32(b, 0, 0) // disks
		b = le64(b, uint64(n), uint64(n), uint64(size), uint64(offset))
		b = le32(b, sigLocator64, 0)
		b = le64(b, uint64(offset+size)) // where sigEnd64 stands
		b = le32(b, 1)                   // disks in all
	}
	count := uint16(min(n, max16))
	b = le32(b, sigEnd)
	b = le16(b, 0, 0, count, count)
	b = le32(b, field32(size), field32(offset))
	return le16(b, 0) // no comment
}

func field32(n int64) uint32 { return uint32(min(n, max32)) }

func le16(b []byte, vs ...uint16) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func le32(b []byte, vs ...uint32) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func le64(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
