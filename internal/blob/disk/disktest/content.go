package disktest

import "math/rand/v2"

const (
	pageSize   = 4096
	sectorSize = 512 // what a disk writes whole or not at all
)

// content is the bytes of a file. A page is never changed once it is there, but
// replaced, so that copies of a content share them.
type content struct {
	size  int64
	pages map[int64][]byte // by number; one that is missing is zeros
}

func (c *content) clone() content {
	pages := make(map[int64][]byte, len(c.pages))
	for n, p := range c.pages {
		pages[n] = p
	}
	return content{c.size, pages}
}

// only gives the content with no pages but these.
func (c *content) only(numbers map[int64]bool) content {
	some := content{c.size, make(map[int64][]byte, len(numbers))}
	for n := range numbers {
		some.pages[n] = c.pages[n]
	}
	return some
}

func (c *content) readAt(p []byte, off int64) int {
	if off >= c.size {
		return 0
	}
	p = p[:min(int64(len(p)), c.size-off)]
	clear(p)
	for done := 0; done < len(p); {
		at := off + int64(done)
		n := min(len(p)-done, int(pageSize-at%pageSize))
		if page := c.pages[at/pageSize]; page != nil {
			copy(p[done:done+n], page[at%pageSize:])
		}
		done += n
	}
	return len(p)
}

// writeAt tells which pages it replaced.
func (c *content) writeAt(p []byte, off int64) (replaced []int64) {
	for len(p) > 0 {
		number := off / pageSize
		page := make([]byte, pageSize)
		copy(page, c.pages[number])
		n := copy(page[off%pageSize:], p)
		c.pages[number] = page
		replaced = append(replaced, number)
		p, off = p[n:], off+int64(n)
		c.size = max(c.size, off)
	}
	return replaced
}

// survivor is what a power failure leaves of c, if kept is what was synced of it:
// of every sector the old or the new, and no size without what lies before it,
// though perhaps as zeros.
func (c *content) survivor(kept content, r *rand.Rand) content {
	left := kept.clone()
	if c.size > kept.size {
		left.size += r.Int64N(c.size - kept.size + 1)
	}
	for number := range (c.size + pageSize - 1) / pageSize { // in order: chance must repeat
		fresh, old := c.pages[number], kept.pages[number]
		if fresh == nil || (old != nil && &fresh[0] == &old[0]) {
			continue
		}
		page := make([]byte, pageSize)
		copy(page, old)
		for s := 0; s < pageSize; s += sectorSize {
			if r.IntN(2) == 0 {
				copy(page[s:s+sectorSize], fresh[s:])
			}
		}
		left.pages[number] = page
	}
	// Beyond its end a file holds nothing, also when it grows again.
	if tail := left.pages[left.size/pageSize]; tail != nil {
		page := make([]byte, pageSize)
		copy(page, tail[:left.size%pageSize])
		left.pages[left.size/pageSize] = page
	}
	for number := range left.pages {
		if number*pageSize >= left.size {
			delete(left.pages, number)
		}
	}
	return left
}
