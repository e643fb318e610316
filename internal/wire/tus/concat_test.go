package tus_test

import (
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferry-server/ferry/internal/job"
	"github.com/ferry-server/ferry/internal/share"
	"github.com/ferry-server/ferry/internal/upload"
)

// part sends a partial upload whole, in some appends.
func (d *door) part(data []byte, appends int) string {
	d.Helper()
	a := d.send("POST", "/files", header{"Upload-Length", strconv.Itoa(len(data)), "Upload-Concat", "partial"}, nil)
	a.want(d, 201, "Ferry-Link", "", "Upload-Concat", "partial")
	at := a.Header.Get("Location")
	for i := range appends {
		if len(data) == 0 {
			break // it is complete
		}
		from, to := len(data)*i/appends, len(data)*(i+1)/appends
		d.patch(at, from, data[from:to]).want(d, 204, "Upload-Offset", strconv.Itoa(to), "Ferry-Link", "")
	}
	return at
}

func (d *door) concat(list string, more ...string) answer {
	d.Helper()
	return d.send("POST", "/files", append(header{"Upload-Concat", "final;" + list}, more...), nil)
}

// Partial uploads become one file, in the order that is asked for, and no byte is copied.
func TestConcatenation(t *testing.T) {
	d := newDoor(t)
	data := pattern(5_000_003)
	cuts := []int{0, 2_000_000, 2_000_000, 2_000_001, len(data)} // one of them is empty
	var parts []string
	for i := range len(cuts) - 1 {
		parts = append(parts, d.part(data[cuts[i]:cuts[i+1]], 1+i%2*2))
	}
	used := func() int64 {
		a, err := d.accounts.ByID(t.Context(), d.owner)
		d.must(err)
		return a.Used
	}
	before := used()
	list := parts[0] + " " + strings.TrimPrefix(parts[1], d.url) + " " + parts[2] + " " + parts[3]
	a := d.concat(list, "Upload-Metadata", "filename Zm91cg==")
	a.want(t, 201, "Upload-Concat", "final;"+list, "Upload-Offset", "5000003", "Upload-Length", "5000003")
	at := a.Header.Get("Location")
	if f := d.holds(at, data); f.Name != "four" {
		t.Errorf("its name is %q", f.Name)
	}
	if now := used(); now != before || now != int64(len(data)) {
		t.Errorf("the account pays %d, then %d", before, now)
	}
	d.send("HEAD", at, nil, nil).want(t, 200, "Upload-Concat", "final;"+list, "Upload-Offset", "5000003")
	d.patch(at, 5_000_003, []byte("x")).want(t, 403)
	for _, p := range parts {
		d.send("HEAD", p, nil, nil).want(t, 404)
	}
	d.concat(list).want(t, 201, "Location", at) // who missed the answer has it again
	d.concat(parts[0]).want(t, 409)
	d.concat(parts[1]+" "+parts[0]+" "+parts[2]+" "+parts[3]).want(t, 409)
	other := d.part(data[:10], 1)
	d.concat(other+" "+parts[0]).want(t, 409)
	// Whatever is swept of what the parts were before, the bytes stay.
	for _, p := range parts {
		f, err := d.uploads.File(t.Context(), d.owner, upload.ID(p[strings.LastIndexByte(p, '/')+1:]))
		d.must(err)
		d.must(d.uploads.Purge(t.Context(), job.Job{Kind: upload.JobPurge, ID: string(f.Key)}))
		d.sweep(job.Job{Kind: share.JobPurge, ID: string(f.Home.Key)})
	}
	d.now = d.now.Add(100 * time.Hour)
	d.sweep(job.Job{Kind: share.JobOrphans})
	d.now = d.now.Add(-100 * time.Hour)
	d.holds(at, data)
	d.send("DELETE", at, nil, nil).want(t, 204)
	if now := used(); now != 10 {
		t.Errorf("the account pays %d at the end", now)
	}
}

// sweep does a job until it is done.
func (d *door) sweep(j job.Job) {
	d.Helper()
	s := share.NewService(d.db, d.blobs, func() time.Time { return d.now }, share.Limits{Orphan: time.Hour}, slog.New(slog.DiscardHandler))
	for {
		err := s.Handlers()[j.Kind](d.Context(), j)
		if !job.IsAgain(err) || err.Error() != job.Again(0).Error() {
			if !job.IsAgain(err) {
				d.must(err)
			}
			return
		}
	}
}

func TestConcatenationRefused(t *testing.T) {
	d := newDoor(t)
	one := d.part([]byte("one"), 1)
	open := d.send("POST", "/files", header{"Upload-Length", "9", "Upload-Concat", "partial"}, nil).Header.Get("Location")
	whole := d.send("POST", "/files", header{"Upload-Length", "3"}, nil).Header.Get("Location")
	d.patch(whole, 0, []byte("abc")).want(t, 204)
	for name, tt := range map[string]struct {
		list   string
		more   header
		status int
	}{
		"none":                   {"", nil, 400},
		"another address":        {"https://example.org/x", nil, 400},
		"a path below":           {one + "/x", nil, 400},
		"one that is not there":  {d.url + "/files/nothing", nil, 404},
		"one that is not done":   {one + " " + open, nil, 409},
		"one that is no part":    {one + " " + whole, nil, 404},
		"one twice":              {one + " " + one, nil, 400},
		"a length":               {one, header{"Upload-Length", "3"}, 400},
		"another's":              {one, header{"X-Api-Key", d.stranger()}, 404},
		"more than can be":       {strings.Repeat(one+" ", 1001), nil, 400},
		"a list that is no list": {strings.Repeat("x", 25<<10), nil, 400},
	} {
		if a := d.concat(tt.list, tt.more...); a.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d: %s", name, a.StatusCode, tt.status, a.body)
		}
	}
	d.concat(one).want(t, 201) // nothing of that has harmed it
}

func (d *door) stranger() string {
	_, key := d.person()
	return key
}

// Of many who put the same uploads together, one does, and the others are told what it made
// or that they cannot.
func TestConcatenationAtOnce(t *testing.T) {
	d := newDoor(t)
	data := pattern(3000)
	list := d.part(data[:1000], 1) + " " + d.part(data[1000:], 1)
	var all sync.WaitGroup
	var mu sync.Mutex
	made := map[string]bool{}
	for range 8 {
		all.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), "POST", d.url+"/files", nil)
			if err != nil {
				t.Error(err)
				return
			}
			for k, v := range map[string]string{"X-Api-Key": d.key, "Tus-Resumable": "1.0.0", "Upload-Concat": "final;" + list} {
				req.Header.Set(k, v)
			}
			res, err := d.client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			switch res.StatusCode {
			case 201:
				made[res.Header.Get("Location")] = true
			case 409:
			default:
				t.Error(res.Status)
			}
		})
	}
	all.Wait()
	if len(made) != 1 {
		t.Fatalf("%d files: %v", len(made), made)
	}
	for at := range made {
		d.holds(at, data)
	}
}
