package archive

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/martin-sucha/zipserve"
	"pgregory.net/rapid"

	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/testenv"
)

var modified = time.Date(2026, 11, 21, 12, 30, 45, 0, time.UTC)

// memory is a store whose blobs are strings. It can only be read.
type memory struct {
	blob.Store
	blobs map[blob.ID]string
}

func (m memory) Open(_ context.Context, id blob.ID) (blob.Reader, error) {
	s, ok := m.blobs[id]
	if !ok {
		return nil, fault.New(fault.NotFound, "blob_missing", "blob %s is missing", id)
	}
	return nopCloser{strings.NewReader(s)}, nil
}

// readSeekAt is a blob.Reader that need not be closed.
type readSeekAt interface {
	io.ReadSeeker
	io.ReaderAt
}

type nopCloser struct{ readSeekAt }

func (nopCloser) Close() error { return nil }

// zeros is a store whose blobs are endless and all zero.
type zeros struct{ blob.Store }

func (zeros) Open(context.Context, blob.ID) (blob.Reader, error) {
	return nopCloser{io.NewSectionReader(zeros{}, 0, 1<<62)}, nil
}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// add makes an entry of body, in up to three segments of two blobs.
func (m memory) add(name, body string) Entry {
	e := Entry{Name: name, Size: int64(len(body)), CRC32: crc32.ChecksumIEEE([]byte(body)), Modified: modified}
	a, b := blob.ID(fmt.Sprint(len(m.blobs))), blob.ID(fmt.Sprint(len(m.blobs)+1))
	cut := len(body) / 3
	m.blobs[a] = "xx" + body[:cut] + body[2*cut:]
	m.blobs[b] = body[cut : 2*cut]
	e.Content = e.Content.
		Append(blob.Segment{Blob: a, Offset: 2, Length: int64(cut)}).
		Append(blob.Segment{Blob: b, Length: int64(cut)}).
		Append(blob.Segment{Blob: a, Offset: 2 + int64(cut), Length: int64(len(body) - 2*cut)})
	return e
}

// sample is a store and entries of all kinds.
func sample() (memory, []Entry) {
	m := memory{blobs: map[blob.ID]string{}}
	return m, []Entry{
		m.add("first.txt", "hello, world\n"),
		m.add("empty", ""),
		m.add("Ünïcödé ✓.txt", strings.Repeat("0123456789", 10_000)),
		m.add("folder/in/folder.bin", "\x00\x01\x02\x03"),
		m.add("First.TXT", "the same name for Windows"),
		m.add("../../etc/passwd", "root"),
	}
}

var sampleNames = []string{"first.txt", "empty", "Ünïcödé ✓.txt", "folder/in/folder.bin", "First (2).TXT", "etc/passwd"}

func layout(t testing.TB, entries []Entry) *Zip {
	t.Helper()
	z, err := Layout(entries)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func read(t testing.TB, z *Zip, from blob.Store, off, n int64) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := z.WriteRange(t.Context(), &buf, from, off, n); err != nil {
		t.Fatal(err)
	}
	if int64(buf.Len()) != n {
		t.Fatalf("%d bytes from %d: got %d", n, off, buf.Len())
	}
	return buf.Bytes()
}

// readerAt reads an archive by its ranges.
type readerAt struct {
	t    testing.TB
	z    *Zip
	from blob.Store
}

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, read(r.t, r.z, r.from, off, min(int64(len(p)), r.z.Size()-off)))
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func TestArchiveByStandardLibrary(t *testing.T) {
	m, entries := sample()
	z := layout(t, entries)
	zr, err := zip.NewReader(readerAt{t, z, m}, z.Size())
	if err != nil {
		t.Fatal(err)
	}
	if len(zr.File) != len(entries) {
		t.Fatalf("%d files", len(zr.File))
	}
	for i, f := range zr.File {
		if f.Name != sampleNames[i] || f.NonUTF8 || f.Flags&8 != 0 || f.Method != zip.Store || f.Mode() != 0o644 {
			t.Errorf("file %d: %+v", i, f.FileHeader)
		}
		if !f.Modified.Equal(modified) {
			t.Errorf("%s: modified %v", f.Name, f.Modified)
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(rc) // checks the CRC
		if err != nil || int64(len(body)) != entries[i].Size {
			t.Errorf("%s: %d bytes, %v", f.Name, len(body), err)
		}
	}
}

// The programs by which people unpack must find no fault, not even a warning.
func TestArchiveByOtherPrograms(t *testing.T) {
	m, entries := sample()
	many := make([]Entry, 70_000) // more than the old format counts
	for i := range many {
		many[i] = m.add(fmt.Sprintf("%d.txt", i), "")
	}
	for _, a := range []struct {
		name    string
		entries []Entry
	}{{"sample", entries}, {"empty", nil}, {"many", many}} {
		z := layout(t, a.entries)
		path := filepath.Join(t.TempDir(), "a.zip")
		if err := os.WriteFile(path, read(t, z, m, 0, z.Size()), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			program string
			args    []string
		}{
			{"python3", []string{"-c", "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; assert len(z.namelist()) == int(sys.argv[2])"}},
			{"unzip", []string{"-tqq"}},
			{"7z", []string{"t", "-bd"}},
		} {
			t.Run(a.name+" by "+tt.program, func(t *testing.T) {
				program := testenv.Need(t, tt.program)
				args := append(tt.args, path)
				if tt.program == "python3" {
					args = append(args, fmt.Sprint(len(a.entries)))
				}
				out, err := exec.Command(program, args...).CombinedOutput()
				if tt.program == "unzip" && len(a.entries) == 0 {
					return // it calls any archive without files corrupt
				}
				if err != nil || strings.Contains(strings.ToLower(string(out)), "warning") {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// Another implementation of the same idea must say the same of every file.
func TestArchiveLikeZipserve(t *testing.T) {
	m, entries := sample()
	z := layout(t, entries)
	ours, err := zip.NewReader(readerAt{t, z, m}, z.Size())
	if err != nil {
		t.Fatal(err)
	}
	var template zipserve.Template
	for i, e := range entries {
		template.Entries = append(template.Entries, &zipserve.FileHeader{
			Name: sampleNames[i], Modified: e.Modified, CRC32: e.CRC32,
			CompressedSize64: uint64(e.Size), UncompressedSize64: uint64(e.Size),
			Content: bytes.NewReader(make([]byte, e.Size)),
		})
	}
	other, err := zipserve.NewArchive(&template)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := zip.NewReader(other, other.Size())
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range ours.File {
		b := theirs.File[i]
		if a.Name != b.Name || a.CRC32 != b.CRC32 || a.Method != b.Method || !a.Modified.Equal(b.Modified) ||
			a.UncompressedSize64 != b.UncompressedSize64 || a.CompressedSize64 != b.CompressedSize64 {
			t.Errorf("ours %+v\ntheirs %+v", a.FileHeader, b.FileHeader)
		}
	}
}

func TestAnyRangeIsASliceOfTheWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := memory{blobs: map[blob.ID]string{}}
		var entries []Entry
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 200), 0, 12).Draw(rt, "sizes") {
			entries = append(entries, m.add(rapid.String().Draw(rt, "name"), strings.Repeat("b", n)))
		}
		z := layout(t, entries)
		whole := read(t, z, m, 0, z.Size())
		for range 20 {
			off := rapid.Int64Range(0, z.Size()).Draw(rt, "off")
			n := rapid.Int64Range(0, z.Size()-off).Draw(rt, "n")
			if got := read(t, z, m, off, n); !bytes.Equal(got, whole[off:off+n]) {
				rt.Fatalf("%d bytes from %d differ", n, off)
			}
		}
	})
}

func TestRangesOutsideAreRefused(t *testing.T) {
	m, entries := sample()
	z := layout(t, entries)
	for _, r := range [][2]int64{{-1, 1}, {0, -1}, {0, z.Size() + 1}, {z.Size(), 1}, {z.Size() + 1, 0}, {1, 1<<63 - 1}} {
		var buf bytes.Buffer
		if err := z.WriteRange(t.Context(), &buf, m, r[0], r[1]); err == nil || buf.Len() > 0 {
			t.Errorf("range %v: %v, %d bytes", r, err, buf.Len())
		}
	}
}

func TestLayoutRefusesWrongSizes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		entries []Entry
	}{
		{"content is shorter than said", []Entry{{Size: 2, Content: blob.Content{{Blob: "a", Length: 1}}}}},
		{"content is longer than said", []Entry{{Size: 0, Content: blob.Content{{Blob: "a", Length: 1}}}}},
		{"a size below zero", []Entry{{Size: -1, Content: blob.Content{{Blob: "a", Length: -1}}}}},
		{"more than can be counted", []Entry{huge(1 << 61), huge(1 << 61), huge(1 << 61)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Layout(tt.entries); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestMissingBlobIsAFault(t *testing.T) {
	m, entries := sample()
	z := layout(t, entries)
	clear(m.blobs)
	err := z.WriteRange(t.Context(), io.Discard, m, 0, z.Size())
	if !fault.Is(err, "blob_missing") {
		t.Errorf("error %v", err)
	}
}

// A writer that fails stops the archive at once, wherever it is.
func TestWriterFailure(t *testing.T) {
	m, entries := sample()
	z := layout(t, entries)
	for off := int64(0); off < z.Size(); off += 50 {
		w := &brittle{left: off}
		if err := z.WriteRange(t.Context(), w, m, 0, z.Size()); !errors.Is(err, errBroken) {
			t.Fatalf("after %d bytes: %v", off, err)
		}
	}
}

var errBroken = errors.New("broken")

type brittle struct{ left int64 }

func (b *brittle) Write(p []byte) (int, error) {
	n := min(b.left, int64(len(p)))
	b.left -= n
	if n < int64(len(p)) {
		return int(n), errBroken
	}
	return int(n), nil
}

func TestETag(t *testing.T) {
	_, entries := sample()
	first := layout(t, entries).ETag()
	if len(first) != 34 || first[0] != '"' || first[33] != '"' {
		t.Errorf("ETag %s is not strong and quoted", first)
	}
	if again := layout(t, entries).ETag(); again != first {
		t.Errorf("the same entries give %s, then %s", first, again)
	}
	for _, tt := range []struct {
		name   string
		change func([]Entry)
		same   bool
	}{
		{"another name", func(e []Entry) { e[0].Name = "second.txt" }, false},
		{"another name that shows the same", func(e []Entry) { e[0].Name = "first.\u200btxt" }, true},
		{"another order", func(e []Entry) { e[0], e[1] = e[1], e[0] }, false},
		{"other bytes", func(e []Entry) { e[0].CRC32++ }, false},
		{"another size", func(e []Entry) { e[3].Size, e[3].Content = 2, e[3].Content.Slice(0, 2) }, false},
		{"another time", func(e []Entry) { e[0].Modified = modified.Add(time.Second) }, false},
		{"the same time elsewhere", func(e []Entry) { e[0].Modified = modified.In(time.FixedZone("", 3600)) }, true},
		{"another blob with the same bytes", func(e []Entry) { e[0].Content = blob.Content{{Blob: "z", Length: e[0].Size}} }, true},
		{"a file fewer", func(e []Entry) { e[5] = Entry{} }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changed := slices.Clone(entries)
			tt.change(changed)
			if got := layout(t, changed).ETag(); (got == first) != tt.same {
				t.Errorf("ETag %s, before %s", got, first)
			}
		})
	}
}

// The bytes of an archive are a promise: a download that was interrupted goes on
// with another release of Ferry. Who changes them raises layoutVersion.
func TestLayoutIsPinned(t *testing.T) {
	m, entries := sample()
	z := layout(t, append(entries, huge(5<<30)))
	sum := crc32.ChecksumIEEE(read(t, layout(t, entries), m, 0, layout(t, entries).Size()))
	got := fmt.Sprintf("%08x %s %d", sum, z.ETag(), z.Size())
	const want = `7d9ec377 "226c098ff2a4ad28ff4dc3071d0a91eb" 5368810122`
	if got != want {
		t.Errorf("the layout is %s, and was %s", got, want)
	}
}

// huge is an entry of n zero bytes, whose CRC is not right.
func huge(n int64) Entry {
	return Entry{Name: "huge", Size: n, Modified: modified, Content: blob.Content{{Blob: "zeros", Length: n}}}
}

func TestZip64OnlyWhereNeeded(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		name                string
		entries             []Entry
		local, central, end bool // of the last entry, of it, of the archive
	}{
		{"one byte below", []Entry{huge(max32 - 1)}, false, false, true}, // the directory is beyond
		{"a size of all ones", []Entry{huge(max32)}, true, true, true},
		{"far beyond", []Entry{huge(100 * gib)}, true, true, true},
		{"small, at an offset beyond", []Entry{huge(5 * gib), huge(1)}, false, true, true},
		{"all below", []Entry{huge(2 * gib), huge(gib)}, false, false, false},
		{"65,534 files", make([]Entry, 65_534), false, false, false},
		{"65,535 files, the number of all ones", make([]Entry, 65_535), false, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := layout(t, tt.entries)
			last := &z.files[len(z.files)-1]
			header := read(t, z, zeros{}, last.offset, int64(localLen(last)))
			if got := binary.LittleEndian.Uint16(header[4:]) == version45; got != tt.local {
				t.Errorf("zip64 in the local header: %v", got)
			}
			if got := central64Len(last) > 0; got != tt.central {
				t.Errorf("zip64 in the directory: %v", got)
			}
			tail := read(t, z, zeros{}, z.Size()-42, 20)
			if got := binary.LittleEndian.Uint32(tail) == sigLocator64; got != tt.end {
				t.Errorf("zip64 at the end: %v", got)
			}

			var r io.ReaderAt = readerAt{t, z, zeros{}}
			if z.Size() < 64<<20 {
				r = bytes.NewReader(read(t, z, zeros{}, 0, z.Size()))
			}
			zr, err := zip.NewReader(r, z.Size())
			if err != nil {
				t.Fatal(err)
			}
			f := zr.File[len(zr.File)-1]
			off, err := f.DataOffset()
			if err != nil || off != last.body() || f.UncompressedSize64 != uint64(last.size) || len(zr.File) != len(tt.entries) {
				t.Errorf("read back: %d files, %d bytes at %d, %v; laid out at %d", len(zr.File), f.UncompressedSize64, off, err, last.body())
			}
			rc, err := f.OpenRaw()
			if err == nil && last.size > 0 {
				_, err = io.ReadFull(rc, make([]byte, min(last.size, 100)))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// Programs read a file of more than 4 GiB, all of it, when there is one.
func TestZip64ByOtherPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("sparse files of 4 GiB are read through")
	}
	const n = max32 + 10
	e := huge(n)
	e.CRC32 = blob.ShiftCRC(0xffffffff, n) ^ 0xffffffff // of zeros
	after := Entry{
		Name: "after", Size: 1, CRC32: crc32.ChecksumIEEE([]byte{0}), Modified: modified,
		Content: blob.Content{{Blob: "zeros", Length: 1}},
	}
	z := layout(t, []Entry{e, after})
	path := filepath.Join(t.TempDir(), "huge.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	first := &z.files[0]
	head := read(t, z, zeros{}, 0, first.body())
	tail := read(t, z, zeros{}, first.end(), z.Size()-first.end())
	_, err1 := f.WriteAt(head, 0)
	_, err2 := f.WriteAt(tail, first.end())
	if err := cmp.Or(err1, err2); err != nil {
		t.Fatal(err)
	}
	for program, args := range map[string][]string{
		"python3": {"-c", "import sys, zipfile; assert zipfile.ZipFile(sys.argv[1]).testzip() is None", path},
		"unzip":   {"-tqq", path, "after"}, // it needs 40 s for the whole
		"7z":      {"t", "-bd", path},
	} {
		t.Run(program, func(t *testing.T) {
			if out, err := exec.Command(testenv.Need(t, program), args...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		name       string
		time, want time.Time
	}{
		{"an odd second", modified, modified},
		{"no time at all", time.Time{}, time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"before zip", time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"after 2038, to two seconds", time.Date(2050, 5, 6, 7, 8, 9, 0, time.UTC), time.Date(2050, 5, 6, 7, 8, 8, 0, time.UTC)},
		{"after zip", time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := layout(t, []Entry{{Name: "a", Modified: tt.time}})
			zr, err := zip.NewReader(readerAt{t, z, memory{}}, z.Size())
			if err != nil {
				t.Fatal(err)
			}
			if got := zr.File[0].Modified; !got.Equal(tt.want) {
				t.Errorf("modified %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTenThousandFiles(t *testing.T) {
	m := memory{blobs: map[blob.ID]string{}}
	entries := make([]Entry, 10_000)
	for i := range entries {
		entries[i] = m.add("photo.jpeg", fmt.Sprint(rand.Uint64()))
	}
	z := layout(t, entries)
	whole := read(t, z, m, 0, z.Size())
	zr, err := zip.NewReader(bytes.NewReader(whole), z.Size())
	if err != nil {
		t.Fatal(err)
	}
	if last := zr.File[9999].Name; last != "photo (10000).jpeg" {
		t.Errorf("last name %q", last)
	}
	if got := read(t, z, m, z.dir+500_000, 100_000); !bytes.Equal(got, whole[z.dir+500_000:][:100_000]) {
		t.Error("a range of the directory differs")
	}
}

func BenchmarkLayout(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			entries := make([]Entry, n)
			for i := range entries {
				entries[i] = huge(100_000)
				entries[i].Name = fmt.Sprintf("DSC_%05d.jpeg", i)
			}
			b.ReportAllocs()
			for b.Loop() {
				layout(b, entries)
			}
		})
	}
}
