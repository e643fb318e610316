package db

import (
	"errors"
	"testing"
)

func TestAskers(t *testing.T) {
	var a askers
	a.start(1)
	refused := errors.New("refused")
	if err := a.do(func() error { return refused }); err != refused {
		t.Errorf("%v", err)
	}
	func() {
		defer func() {
			if v := recover(); v != "a bug" {
				t.Errorf("whoever asks sees %v", v)
			}
		}()
		_ = a.do(func() error { panic("a bug") })
	}()
	if err := a.do(func() error { return nil }); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	a.close()
	a.close()
	if err := a.do(func() error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
}
