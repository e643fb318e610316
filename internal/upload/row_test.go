package upload_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/blob"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
)

// one makes a file that is planned with one part.
func (w *world) one(size int64) *upload.File {
	w.t.Helper()
	transfers := transfer.NewService(w.model, w.model, w.Service, w.ids, now, transfer.Limits{MaxFiles: 10, Keep: 1 << 40})
	key := w.ids.Key()
	_, files, err := transfers.Create(context.Background(), account.Actor{Owner: account.Owner{Account: owner}}, transfer.Draft{
		ID: share.ID("t" + key), Code: "t-" + key,
		Files: []transfer.DraftFile{{ID: upload.ID("f" + key), Name: "a.bin", Size: size, Chunk: 1 << 20}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files[0]
}

func (w *world) blobCount() (n int) {
	if err := w.blobs.Walk(context.Background(), func(blob.Info) error { n++; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestSmallFilesLieBesideTheirRow(t *testing.T) {
	for _, tt := range []struct {
		name  string
		size  int
		blobs int
	}{
		{"one byte", 1, 0},
		{"the largest", upload.SmallMost, 0},
		{"one byte over", upload.SmallMost + 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.one(int64(tt.size))
			data, other := pattern(tt.size, 1), pattern(tt.size, 2)
			for _, body := range [][]byte{other, other, data} { // other bytes replace it until completion
				if err := w.put(f, 1, body); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.Complete(t.Context(), f.ID, upload.CompleteOptions{}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(w.read(f), data) {
				t.Error("other bytes came out")
			}
			if err := w.put(f, 1, other); fault.CodeOf(err) != "file_complete" {
				t.Errorf("after completion: %v", err)
			}
			w.crash(1)
			if !bytes.Equal(w.read(f), data) {
				t.Error("other bytes came out after a power failure")
			}
			if tt.blobs == 0 && w.blobCount() != 0 {
				t.Errorf("%d blobs were made for a small file", w.blobCount())
			}
		})
	}
}

// The same small file by ways that do not fit beside a row, and back.
func TestSmallFileSentInOtherWays(t *testing.T) {
	w := newWorld(t)
	f := w.one(1000)
	data := pattern(1000, 1)
	unknown := func(body []byte) error {
		_, err := w.Put(t.Context(), upload.Put{Account: owner, File: f.ID, Number: 1, Length: -1, Body: bytes.NewReader(body)})
		return err
	}
	for _, put := range []func() error{
		func() error { return w.put(f, 1, pattern(1000, 2)) },
		func() error { return unknown(pattern(1000, 3)) },
		func() error { return w.put(f, 1, pattern(1000, 4)) },
		func() error { return w.put(f, 1, data[:600]) },
		func() error { return w.put(f, 2, data[600:]) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.model.RowBytes(t.Context(), string(f.Key)); fault.CodeOf(err) != "blob_missing" {
		t.Errorf("what was replaced still lies beside the row: %v", err)
	}
	if _, err := w.Complete(t.Context(), f.ID, upload.CompleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.read(f), data) {
		t.Error("other bytes came out")
	}
}

func TestSmallFileRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		put  upload.Put
		code string
	}{
		{"shorter than announced", upload.Put{Number: 1, Length: 1000, Body: bytes.NewReader(make([]byte, 999))}, "incomplete_body"},
		{"longer than announced", upload.Put{Number: 1, Length: 1000, Body: bytes.NewReader(make([]byte, 1001))}, "part_too_large"},
		{"damaged", upload.Put{Number: 1, Length: 1000, Body: bytes.NewReader(make([]byte, 1000)), WantMD5: make([]byte, 16)}, "digest_mismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.one(1000)
			tt.put.Account, tt.put.File = owner, f.ID
			if _, err := w.Put(t.Context(), tt.put); fault.CodeOf(err) != tt.code {
				t.Errorf("%v, want %s", err, tt.code)
			}
			if got, err := w.AllParts(t.Context(), f.Key); len(got) != 0 || err != nil {
				t.Errorf("parts that are there: %v, %v", got, err)
			}
		})
	}
}

// Parts that come beside one that is all of a small file, and lie loose, neither take
// its bytes away nor spoil what is counted.
func TestPartsBesideASmallFile(t *testing.T) {
	whole, half := pattern(1000, 1), pattern(1000, 2)
	for _, tt := range []struct {
		name string
		sent []sending
		want []byte
	}{
		{"it stays", []sending{{1, whole, true}, {2, half[500:], true}, {2, nil, true}}, whole},
		{"it is replaced by parts", []sending{{1, whole, true}, {2, half[500:], true}, {1, half[:500], true}}, half},
		{"twice", []sending{{2, half[500:], true}, {1, whole, true}, {2, half[500:], true}, {1, half[:500], true}, {1, whole, true}, {1, half[:500], true}}, half},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.file(1000)
			for _, s := range tt.sent {
				if err := w.send(f, s); err != nil {
					t.Fatal(err)
				}
			}
			w.complete(f, tt.want)
		})
	}
}
