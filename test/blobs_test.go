package test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// blobs gives what lies in the node's directory of contents: the size of each file by its path.
func blobs(t *testing.T, node *testenv.Node) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	err := filepath.WalkDir(filepath.Join(node.Data, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed since
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		found[path] = info.Size()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
