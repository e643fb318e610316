package blob

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestContent(t *testing.T) {
	var c Content
	c = c.Append(Segment{"a", 0, 10}).Append(Segment{"a", 10, 5}).Append(Segment{"b", 3, 0})
	c = c.Append(Segment{"b", 3, 7}).Append(Segment{"a", 15, 1})
	want := Content{{"a", 0, 15}, {"b", 3, 7}, {"a", 15, 1}}
	if d := cmp.Diff(want, c); d != "" {
		t.Fatal(d)
	}
	if c.Size() != 23 {
		t.Errorf("size %d", c.Size())
	}
	for _, tt := range []struct {
		name   string
		off, n int64
		want   Content
	}{
		{"the whole", 0, 23, want},
		{"inside one segment", 2, 3, Content{{"a", 2, 3}}},
		{"across a border", 14, 3, Content{{"a", 14, 1}, {"b", 3, 2}}},
		{"the last byte", 22, 1, Content{{"a", 15, 1}}},
		{"nothing", 5, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, c.Slice(tt.off, tt.n)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestCombineCRC(t *testing.T) {
	data := make([]byte, 100_000)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(data)
	whole := crc32.ChecksumIEEE(data)
	for _, cut := range []int{0, 1, 7, 4096, 99_999, 100_000} {
		a, b := data[:cut], data[cut:]
		if got := CombineCRC(crc32.ChecksumIEEE(a), crc32.ChecksumIEEE(b), int64(len(b))); got != whole {
			t.Errorf("cut at %d: %08x, want %08x", cut, got, whole)
		}
	}
	var sum uint32 // contributions in any order
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(10) {
		part := data[i*10_000 : (i+1)*10_000]
		sum ^= ShiftCRC(crc32.ChecksumIEEE(part), int64(len(data)-(i+1)*10_000))
	}
	if sum != whole {
		t.Errorf("sum of contributions %08x, want %08x", sum, whole)
	}
}

func BenchmarkShiftCRC(b *testing.B) {
	for b.Loop() {
		ShiftCRC(0x12345678, 10<<30)
	}
}
