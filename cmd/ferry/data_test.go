package main

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// The commands of an operator may be the first to come, several at once.
func TestSecretIsMadeOnce(t *testing.T) {
	data, err := openData(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	var seen sync.Map
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			secret, err := data.secret(true)
			if err != nil {
				t.Error(err)
			}
			seen.Store(string(secret), true)
		})
	}
	all.Wait()
	n := 0
	seen.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d different secrets", n)
	}
	entries, err := os.ReadDir(string(data))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v; want the secret alone", entries, err)
	}
}

func TestLock(t *testing.T) {
	data := dataDir(t.TempDir())
	release, err := data.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.lock(); err == nil {
		t.Error("the directory was locked twice")
	}
	release()
	release, err = data.lock()
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	release()
}

func TestFormerSecretStaysGood(t *testing.T) {
	data := dataDir(t.TempDir())
	before, err := data.keys(&place{})
	if err != nil {
		t.Fatal(err)
	}
	former, err := data.secret(true)
	if err != nil {
		t.Fatal(err)
	}
	after, err := data.keys(&place{Secret: "another secret of thirty-two bytes", SecretFormer: former})
	if err != nil {
		t.Fatal(err)
	}
	keys := after.Keys("x")
	if len(keys) != 2 || string(keys[1]) != string(before.Key("x")) || string(keys[0]) == string(keys[1]) {
		t.Error("the former secret does not derive what it did")
	}
}
