package upload_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// at does something once, before the nth call of this name.
func (w *world) at(call string, n int, do func()) {
	w.model.Hook = func(c string) error {
		if c != call {
			return nil
		}
		if n--; n == 0 {
			w.model.Hook = nil
			do()
		}
		return nil
	}
}

// end takes the file's home down.
func (w *world) end(f *upload.File) {
	w.t.Helper()
	_, err := w.model.Update(context.Background(), f.Home.Key, func(s *share.Share) ([]job.Job, error) {
		s.Delete(now())
		return nil, nil
	})
	if err != nil {
		w.t.Error(err)
	}
}

// A part that was recorded counts, whatever becomes of its file at that moment.
func TestARecordedPartIsAcknowledgedAsItsTransferEnds(t *testing.T) {
	data := pattern(2*chunk, 1)
	for name, end := range map[string]func(*world, *upload.File){
		"the transfer is deleted": func(w *world, f *upload.File) { w.end(f) },
		"the file is deleted": func(w *world, f *upload.File) {
			if err := w.model.Change(f.Key, func(f *upload.File) { f.State = upload.Deleted }); err != nil {
				w.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			f := w.counted(2, chunk, nil)
			for _, seed := range []byte{9, 1} { // the second one lies loose, so the file is completed by itself
				if err := w.put(f, 1, pattern(2*chunk, seed)[:chunk]); err != nil {
					t.Fatal(err)
				}
			}
			ended := false
			w.at("Complete", 1, func() { end(w, f); ended = true })
			if err := w.put(f, 2, data[chunk:]); err != nil {
				t.Errorf("a part that was recorded is refused: %v", err)
			}
			if !ended {
				t.Error("the file did not need to be completed")
			}
		})
	}
}

// Who sends into a file that is being removed is told that, and not of the holes that
// the removal leaves.
func TestSendersIntoWhatIsRemovedAreToldSo(t *testing.T) {
	ctx := context.Background()
	data := pattern(2*chunk, 1)
	remove := func(w *world, f *upload.File) {
		w.end(f)
		if err := w.model.Change(f.Key, func(f *upload.File) { f.State = upload.Deleted }); err != nil {
			w.t.Error(err)
		}
		if err := w.model.DropParts(ctx, f.Key); err != nil {
			w.t.Error(err)
		}
	}
	for _, tt := range []struct {
		name string
		call string // before which it is removed
		n    int
		done bool // the file was complete
		ask  func(*world, *upload.File) error
	}{
		{"bytes that follow", "Parts", 1, false, func(w *world, f *upload.File) error {
			_, err := w.append(f, chunk, data[chunk:])
			return err
		}},
		{"where the bytes end", "Parts", 1, false, func(w *world, f *upload.File) error {
			f, _, err := w.Offset(ctx, owner, f.ID)
			if err != nil {
				return err
			}
			return f.Accepts(now())
		}},
		{"a part of a complete file again", "File", 2, true, func(w *world, f *upload.File) error {
			_, err := w.Put(ctx, upload.Put{
				Account: owner, File: f.ID, Number: 2, Length: chunk, Body: bytes.NewReader(data[chunk:]), Again: true,
			})
			return err
		}},
		{"completing with a list of parts", "Complete", 1, false, func(w *world, f *upload.File) error {
			_, err := w.Complete(ctx, f.ID, upload.CompleteOptions{Choose: func(all []upload.Part) ([]upload.Part, error) {
				if len(all) == 0 {
					return nil, fault.New(fault.Conflict, "part_missing", "a part is not there as it is listed")
				}
				return nil, nil
			}})
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.file(2 * chunk)
			if err := w.put(f, 1, data[:chunk]); err != nil {
				t.Fatal(err)
			}
			if tt.done {
				if err := w.put(f, 2, data[chunk:]); err != nil {
					t.Fatal(err)
				}
				w.complete(f, data)
			}
			w.at(tt.call, tt.n, func() { remove(w, f) })
			if err := tt.ask(w, f); fault.KindOf(err) != fault.Gone {
				t.Errorf("%v", err)
			}
			if w.model.Hook != nil {
				t.Error("it was not removed meanwhile")
			}
		})
	}
}

// Strangers do not learn that there was something.
func TestStrangersAreNotToldThatAFileIsRemoved(t *testing.T) {
	w := newWorld(t)
	f := w.file(2 * chunk)
	w.at("File", 1, func() { w.end(f) })
	_, err := w.Put(context.Background(), upload.Put{Account: "stranger", File: f.ID, Number: 1, Length: 1, Body: bytes.NewReader([]byte("x"))})
	if fault.CodeOf(err) != "file_unknown" {
		t.Error(err)
	}
}
