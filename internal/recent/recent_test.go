package recent

import "testing"

func TestTheLastOnesAreRemembered(t *testing.T) {
	m := Map[int, int]{Most: 10}
	for i := range 1000 {
		m.Put(i, -i)
		if n := len(m.young) + len(m.old); n > 20 {
			t.Fatalf("%d entries are kept", n)
		}
	}
	for i := 990; i < 1000; i++ {
		if v, ok := m.Get(i); !ok || v != -i {
			t.Errorf("entry %d is %d, %v", i, v, ok)
		}
	}
	if _, ok := m.Get(900); ok {
		t.Error("an old entry is still there")
	}
	m.Put(995, 1)
	if v, _ := m.Get(995); v != 1 {
		t.Errorf("an entry put again is %d", v)
	}
	m.Drop(995)
	if _, ok := m.Get(995); ok {
		t.Error("a dropped entry is still there")
	}
}
