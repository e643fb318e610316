package blob

import "hash/crc32"

// CRC-32 (IEEE) is linear over GF(2), so the checksum of a whole is known from
// those of its parts: no byte is read again when a file is completed.

// CombineCRC gives the CRC-32 of A followed by B, from the CRC-32s of A and of B
// and the length of B.
func CombineCRC(a, b uint32, lenB int64) uint32 { return ShiftCRC(a, lenB) ^ b }

// ShiftCRC gives what a run of bytes with checksum crc contributes to the
// checksum of a whole in which n bytes follow it: the XOR of the contributions
// of all runs, in any order, is the CRC-32 of the whole. (Multiplication by
// x^(8n) modulo the polynomial; the method is Mark Adler's, zlib's
// crc32_combine.)
func ShiftCRC(crc uint32, n int64) uint32 {
	// power runs through x^8, x^16, x^32, …; bit k of n asks for x^(8·2^k).
	for power := uint32(1 << 23); n > 0; n >>= 1 {
		if n&1 != 0 {
			crc = mulmod(crc, power)
		}
		power = mulmod(power, power)
	}
	return crc
}

// mulmod multiplies two polynomials modulo the CRC's, in its reflected order of
// bits: the top bit is x^0.
func mulmod(a, b uint32) uint32 {
	var p uint32
	for m := uint32(1) << 31; m != 0; m >>= 1 {
		if a&m != 0 {
			p ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ crc32.IEEE
		} else {
			b >>= 1
		}
	}
	return p
}
