package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ferry-server/ferry/internal/testenv"
)

// TestBackup makes backups while clients send and take down, restores the last one
// elsewhere, and goes on there: whatever was acknowledged before the backup began comes
// back byte for byte, and uploads that were in progress are finished.
func TestBackup(t *testing.T) {
	slow(t)
	t.Run("sqlite", func(t *testing.T) { backUp(t, nil, nil) })
	t.Run("postgres", func(t *testing.T) {
		if !*long {
			t.Skip("of PostgreSQL, package db tests what differs; with -long all is done again")
		}
		backUp(t, []string{"--database", testenv.Postgres(t)}, []string{"--database", testenv.Postgres(t)})
	})
}

// backUp is TestBackup on an engine: database names it, restored the one to restore to.
func backUp(t *testing.T, database, restored []string) {
	node := testenv.StartFerry(t, database...)
	c := signIn(t, node)
	access, secret := s3Credentials(t, node, c.key)
	s3c := awsClient(node, access, secret)

	// Of every kind: beside rows, in place, and in a blob of its own.
	var before []*sending
	send := func(n uint64) *sending {
		d := dialects[n%3]
		return mustSend(t, c, d, content{"small", 1000, n}, content{"large", d.chunk + 1000, n + 1})
	}
	for n := range uint64(3) {
		before = append(before, send(10*n))
	}
	going := mustBegin(t, c, transferV2, content{"going", 3*transferV2.chunk - 5, 77}, content{"again", 50_000, 78})
	f, again := going.items[0], going.items[1]
	must(t, f.put(3, f.planned(transferV2.chunk, 3))) // sparse: the parts before it are missing
	must(t, f.put(1, f.planned(transferV2.chunk, 1)))
	must(t, again.put(1, make([]byte, 50_000)))

	dir := filepath.Join(t.TempDir(), "backup")
	out, code := ferry(t, append([]string{"backup", dir, "--data", node.Data}, database...)...)
	if code != 0 {
		t.Fatalf("ferry backup: exit status %d\n%s", code, out)
	}
	before = append(before, send(40)) // what the second backup finds new
	must(t, again.put(1, again.bytes(0, 50_000)))

	// Clients that go on meanwhile.
	var stop atomic.Bool
	var sent atomic.Int64
	busy := make(chan struct{})
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for n := 0; !stop.Load(); n++ {
				s, err := transferV2.begin(c, content{fmt.Sprint("busy ", w), int64(20_000 * (1 + n%4)), uint64(1000*w + n)})
				if err == nil {
					err = s.send()
				}
				if err != nil {
					t.Error(err)
					return
				}
				if sent.Add(1) == 20 {
					close(busy)
				}
				if n%2 == 0 {
					continue
				}
				// WeTransfer's API has no call to take a transfer down, S3 has.
				url, err := s.items[0].url(1)
				if err != nil {
					t.Error(err)
					return
				}
				_, key, _ := strings.Cut(url, "/s3/ferry/")
				key, _, _ = strings.Cut(key, "?")
				if _, err := s3c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	select {
	case <-busy:
	case <-time.After(time.Minute):
		t.Error("nobody sends")
	}
	rnd := random(t)
	for range 5 { // backups that are killed leave the one before, and are in nobody's way
		cmd := exec.Command(testenv.FerryBinary(t), append([]string{"backup", dir, "--data", node.Data}, database...)...)
		cmd.Env = testenv.Environment()
		must(t, cmd.Start())
		time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond)
		_ = cmd.Process.Kill() // it may be over
		_ = cmd.Wait()
	}
	out, code = ferry(t, append([]string{"backup", dir, "--data", node.Data}, database...)...)
	t.Logf("%d transfers were sent meanwhile, half of them were taken down", sent.Load())
	if v, code := verify(t, node.Data, database...); code != 0 {
		t.Errorf("ferry verify, while clients go on: exit status %d, %+v", code, v)
	}
	stop.Store(true)
	workers.Wait()
	if code != 0 {
		t.Fatalf("ferry backup, again: exit status %d\n%s", code, out)
	}
	t.Log(out)

	node.Stop()
	data := filepath.Join(filepath.Dir(node.Data), "restored")
	out, code = ferry(t, append([]string{"restore", dir, "--data", data}, restored...)...)
	if code != 0 || !strings.Contains(out, "all is right") {
		t.Fatalf("ferry restore: exit status %d\n%s", code, out)
	}
	t.Log(out)
	if left, err := filepath.Glob(filepath.Join(dir, "rows-*")); err != nil || len(left) != 1 {
		t.Errorf("the backup has the rows %v, %v", left, err)
	}
	if info, err := os.Stat(filepath.Join(data, "secret")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret: %v, %v", info, err)
	}
	if _, code = ferry(t, append([]string{"restore", dir, "--data", data}, restored...)...); code != 1 {
		t.Errorf("restored over what is there: exit status %d", code)
	}

	node.Move(data, restored...)
	for _, s := range before {
		s.check(t)
	}
	must(t, f.put(2, f.planned(transferV2.chunk, 2)))
	must(t, f.complete())
	must(t, again.complete())
	must(t, going.seal())
	going.check(t)
	if v, code := verify(t, data, restored...); code != 0 {
		t.Errorf("ferry verify: exit status %d, %+v", code, v)
	}
}
