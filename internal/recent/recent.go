// Package recent remembers what was seen lately, in bounded memory: what is
// forgotten costs a second look, never a wrong answer.
//
// It owns how much is kept. When an entry ceases to be true is its user's matter.
package recent

// A Map holds the last entries put into it: at least Most of them, at most twice
// as many. The zero Map with Most set is ready for use. It is not safe for
// concurrent use.
type Map[K comparable, V any] struct {
	Most       int
	young, old map[K]V
}

// Put remembers v for k.
func (m *Map[K, V]) Put(k K, v V) {
	if len(m.young) >= m.Most {
		m.old, m.young = m.young, nil
	}
	if m.young == nil {
		m.young = make(map[K]V)
	}
	m.young[k] = v
}

// Get gives what is remembered for k.
func (m *Map[K, V]) Get(k K) (V, bool) {
	if v, ok := m.young[k]; ok {
		return v, true
	}
	v, ok := m.old[k]
	return v, ok
}

// Drop forgets k.
func (m *Map[K, V]) Drop(k K) {
	delete(m.young, k)
	delete(m.old, k)
}
