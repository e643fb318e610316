package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

const nginxConf = `worker_processes 2;
pid {data}/nginx.pid;
error_log {data}/error.log warn;
daemon off;
user root;
events { worker_connections 4096; }
http {
  access_log off;
  types { }
  default_type application/octet-stream;
  sendfile on; tcp_nopush on;
  client_max_body_size 0;
  client_body_buffer_size %s;
  client_body_temp_path {data}/tmp;
  server {
    listen 127.0.0.1:{port}%s;
    %s
    root {data}/www;
    location /f/ { dav_methods PUT DELETE; create_full_put_path on; }
  }
}
`

func nginx(name, buffer string, tls bool) peer {
	listen, certs := "", ""
	if tls {
		listen, certs = " ssl", "ssl_certificate {data}/cert.pem; ssl_certificate_key {data}/key.pem;"
	}
	return peer{
		name: name, tls: tls, ready: "/",
		files: map[string]string{"nginx.conf": fmt.Sprintf(nginxConf, buffer, listen, certs), "www/f/.keep": "", "tmp/.keep": ""},
		cmd:   []string{"/usr/sbin/nginx", "-p", "{data}", "-e", "{data}/error.log", "-c", "{data}/nginx.conf"},
	}
}

func ferry(tls bool) peer {
	p := peer{
		name: "ferry", tls: tls, ready: "/healthz",
		cmd: []string{"{bin}/ferry", "serve", "--listen", "127.0.0.1:{port}", "--data", "{data}/ferry", "--log-level", "warn"},
	}
	if tls {
		p.cmd = append(p.cmd, "--base-url", "https://127.0.0.1:{port}", "--tls-cert", "{data}/cert.pem", "--tls-key", "{data}/key.pem")
	}
	return p
}

// timed runs f and measures what it cost the server.
func timed(s *running, f func() (int64, error)) (cost, error) {
	settle()
	before, _ := s.rss()
	stop := s.watch()
	c0, t0 := s.cpu(), time.Now()
	n, err := f()
	out := cost{secs: time.Since(t0).Seconds(), bytes: n}
	time.Sleep(50 * time.Millisecond) // work that goes on after the answer is its cost too
	out.cpu = s.cpu() - c0
	out.rss, _ = stop()
	out.grown = max(0, out.rss-before)
	return out, err
}

// settle makes the beginning of each measurement the same: nothing is left to be
// written back.
func settle() { syscall.Sync() }

// wipe empties the big files of earlier rounds, so that many rounds fit on the
// disk; what the server knows of them stays.
func wipe(s *running) {
	_ = exec.Command("find", s.data, "-type", "f", "-size", "+3M", "-not", "-name", "*.db*", "-exec", "truncate", "-s", "0", "{}", "+").Run()
}

func (b *bench) note(peer, what string, c cost) {
	if b.verbose {
		fmt.Fprintf(os.Stderr, "%-9s %-6s %.3f CPU-s/GiB  %.2f GB/s  %d MiB\n", peer, what, c.perGiB(), c.gbs(), c.rss>>20)
	}
}

// open starts a server and gives a client for it, authorized where it is Ferry.
func (b *bench) open(p peer, conns int) (*running, *client, error) {
	s, err := start(p, b.bin, b.work)
	if err != nil {
		return nil, nil, err
	}
	c := newClient(s.base, conns, 256<<10)
	if p.name == "ferry" {
		err = c.authorize(s, b.bin)
	}
	if err != nil {
		s.stop()
	}
	return s, c, err
}

// together starts the peers, calls turn for each of them in every round, and
// stops them.
func (b *bench) together(conns int, peers []peer, turn func(s *running, c *client, round int) error) error {
	type opened struct {
		s *running
		c *client
	}
	var all []opened
	defer func() {
		for _, o := range all {
			o.c.close()
			o.s.stop()
			_ = os.RemoveAll(o.s.data)
		}
	}()
	for _, p := range peers {
		s, c, err := b.open(p, conns)
		if err != nil {
			return err
		}
		all = append(all, opened{s, c})
	}
	for round := range b.rounds {
		for i := range all {
			o := all[(i+round)%len(all)] // nobody is always first
			if err := turn(o.s, o.c, round); err != nil {
				return fmt.Errorf("%s: %w", o.s.peer.name, err)
			}
			wipe(o.s)
		}
	}
	return nil
}

func (b *bench) record(m series, s *running, what string, c cost) {
	b.note(s.peer.name, what, c)
	m.add(s.peer.name+" "+what+" cpu", c.perGiB())
	m.add(s.peer.name+" "+what+" gbs", c.gbs())
	m.add(s.peer.name+" "+what+" grown", float64(c.grown)/(1<<20))
}

// single: one file over one connection, up as one part and down again.
func (b *bench) single() error {
	m := series{}
	err := b.together(1, []peer{nginx("nginx", "16k", false), nginx("nginx-1m", "1m", false), ferry(false)}, func(s *running, c *client, round int) error {
		return b.upDown(m, s, c, uint64(round))
	})
	m.ratio("U1", "PUT of one part, CPU-s/GiB against nginx", "ferry up cpu", "nginx up cpu", 1.1, 0.9)
	m.ratio("U1", "the same, GB/s", "ferry up gbs", "nginx up gbs", 0.8, 1.0)
	m.ratio("–", "the same, CPU-s/GiB against nginx with a 1 MiB buffer", "ferry up cpu", "nginx-1m up cpu", 0, 0)
	m.ratio("D1", "download, CPU-s/GiB against nginx", "ferry down cpu", "nginx down cpu", 1.3, 1.0)
	m.ratio("D1", "the same, GB/s", "ferry down gbs", "nginx down gbs", 0.85, 1.0)
	m.ratio("D1", "from its page, of a file that came by tus, CPU-s/GiB", "ferry tus down cpu", "nginx down cpu", 1.3, 1.0)
	m.ratio("D1", "the same, GB/s", "ferry tus down gbs", "nginx down gbs", 0.85, 1.0)
	m.ratio("D1", "from its page, of a file that the first page sent, CPU-s/GiB", "ferry site down cpu", "nginx down cpu", 1.3, 1.0)
	m.ratio("D1", "the same, GB/s", "ferry site down gbs", "nginx down gbs", 0.85, 1.0)
	m.absolute("M1", "memory added by one transfer, MiB", "ferry up grown", 24, 8)
	return err
}

func (b *bench) upDown(m series, s *running, c *client, seed uint64) error {
	u := fmt.Sprintf("%s/f/%d", c.base, seed)
	var t wtTransfer
	var err error
	if s.peer.name == "ferry" {
		if t, err = c.create(1, b.size); err != nil {
			return err
		}
		if u, err = c.partURL(t, 0, 1); err != nil {
			return err
		}
	}
	up, err := timed(s, func() (int64, error) { return b.size, c.put(u, seed, 0, b.size) })
	if err != nil {
		return err
	}
	b.record(m, s, "up", up)
	if s.peer.name == "ferry" {
		// Not part by part, as the plan would have it: its one part is the file.
		if err := c.complete(t, 0); err != nil {
			return err
		}
		if err := c.finalize(&t); err != nil {
			return err
		}
		if u, err = c.link(t, 0); err != nil {
			return err
		}
	}
	if err := b.down(m, s, c, "down", u, seed); err != nil || s.peer.name != "ferry" {
		return err
	}
	link, err := c.sendTus(b.size, b.size, seed)
	if err != nil {
		return err
	}
	if err := b.downFrom(m, s, c, "tus down", link, seed); err != nil {
		return err
	}
	if link, err = c.sendSite(b.size, seed); err != nil {
		return err
	}
	return b.downFrom(m, s, c, "site down", link, seed)
}

// down fetches a file twice.
func (b *bench) down(m series, s *running, c *client, what, u string, seed uint64) error {
	for range 2 {
		down, err := timed(s, func() (int64, error) {
			_, err := c.get(u, seed, 0, b.size, true)
			return b.size, err
		})
		if err != nil {
			return err
		}
		b.record(m, s, what, down)
	}
	return nil
}

// downFrom fetches the file that a page has, twice.
func (b *bench) downFrom(m series, s *running, c *client, what, link string, seed uint64) error {
	u, err := c.fileOn(link)
	if err != nil {
		return err
	}
	return b.down(m, s, c, what, u, seed)
}

// others: a file by Filemail's chunks, raw and in forms, and by tus, one after the other
// over one connection, against our own PUT of one part.
func (b *bench) others() error {
	m := series{}
	err := b.together(1, []peer{ferry(false)}, func(s *running, c *client, round int) error {
		seed := uint64(round)
		ways := []struct {
			name string
			send func() error
		}{
			{"put", func() error {
				t, err := c.create(1, b.size)
				if err != nil {
					return err
				}
				u, err := c.partURL(t, 0, 1)
				if err != nil {
					return err
				}
				return c.put(u, seed, 0, b.size)
			}},
			{"chunks", func() error { return c.sendChunks(b.size, 5_000_000, seed, false) }},
			{"large chunks", func() error { return c.sendChunks(b.size, 50_000_000, seed, false) }},
			{"forms", func() error { return c.sendChunks(b.size, 5_000_000, seed, true) }},
			{"tus", func() error { _, err := c.sendTus(b.size, b.size, seed); return err }},
			{"tus pieces", func() error { _, err := c.sendTus(b.size, 5_000_000, seed); return err }},
			{"site", func() error { _, err := c.sendSite(b.size, seed); return err }},
		}
		for i := range ways {
			w := ways[(i+round)%len(ways)]
			cost, err := timed(s, func() (int64, error) { return b.size, w.send() })
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			b.record(m, s, w.name, cost)
			wipe(s)
		}
		return nil
	})
	m.ratio("U5", "Filemail chunks of 5 MB, CPU-s/GiB against our own PUT", "ferry chunks cpu", "ferry put cpu", 1.3, 1.1)
	m.ratio("U5", "the same, chunks of 50 MB", "ferry large chunks cpu", "ferry put cpu", 1.3, 1.1)
	m.ratio("U5", "the same, chunks of 5 MB in multipart forms", "ferry forms cpu", "ferry put cpu", 1.3, 1.1)
	m.ratio("U5", "tus, one PATCH", "ferry tus cpu", "ferry put cpu", 1.3, 1.1)
	m.ratio("U5", "tus, a PATCH for each 5 MB", "ferry tus pieces cpu", "ferry put cpu", 1.3, 1.1)
	m.ratio("U5", "as the first page sends", "ferry site cpu", "ferry put cpu", 1.3, 1.1)
	return err
}

// four: one file over four connections by all of WeTransfer's calls, and back in
// four ranges; nginx has four files instead.
func (b *bench) four() error {
	m := series{}
	err := b.together(4, []peer{nginx("nginx", "16k", false), ferry(false)}, func(s *running, c *client, round int) error {
		seed, quarter := uint64(round*10), b.size/4
		var urls [4]string
		up, err := timed(s, func() (int64, error) {
			if s.peer.name == "ferry" {
				t, err := c.send(1, b.size, seed, 4)
				if err != nil {
					return 0, err
				}
				u, err := c.link(t, 0)
				urls = [4]string{u, u, u, u}
				return b.size, err
			}
			return b.size, each(4, 4, func(i int) error {
				urls[i] = fmt.Sprintf("%s/f/%d-%d", c.base, round, i)
				return c.put(urls[i], seed+uint64(i), 0, quarter)
			})
		})
		if err != nil {
			return err
		}
		b.record(m, s, "up", up)
		for range 2 {
			down, err := timed(s, func() (int64, error) {
				return b.size, each(4, 4, func(i int) error {
					if s.peer.name == "ferry" {
						_, err := c.get(urls[i], seed, int64(i)*quarter, int64(i+1)*quarter, false)
						return err
					}
					_, err := c.get(urls[i], seed+uint64(i), 0, quarter, true)
					return err
				})
			})
			if err != nil {
				return err
			}
			b.record(m, s, "down", down)
		}
		return nil
	})
	m.ratio("U3", "a file over 4 connections by WeTransfer's calls, CPU-s/GiB against nginx with four files", "ferry up cpu", "nginx up cpu", 1.3, 1.0)
	m.ratio("D2", "four ranges of one file, CPU-s/GiB against nginx with four files", "ferry down cpu", "nginx down cpu", 1.3, 1.0)
	return err
}

// completes: the time to complete a huge file against that of a small one. The
// two calls alternate, so each huge one has a small one beside it.
func (b *bench) completes() error {
	m := series{}
	rounds := b.rounds
	b.rounds = 1
	defer func() { b.rounds = rounds }()
	err := b.together(4, []peer{ferry(false)}, func(s *running, c *client, _ int) error {
		for range 3 {
			huge, err := c.create(1, b.huge)
			if err != nil {
				return err
			}
			if err := c.sendParts(huge, 0, 1, 4); err != nil {
				return err
			}
			settle()
			one := func(name string, t wtTransfer) error {
				t0 := time.Now()
				err := c.complete(t, 0)
				m.add(name, float64(time.Since(t0).Microseconds())/1000)
				return err
			}
			var small []wtTransfer
			for range 20 {
				t, err := c.create(1, 10<<10)
				if err == nil {
					err = c.sendParts(t, 0, 1, 1)
				}
				if err != nil {
					return err
				}
				small = append(small, t)
			}
			for i, t := range small {
				if i == 10 {
					if err := one("huge", huge); err != nil {
						return err
					}
				}
				if err := one("small", t); err != nil {
					return err
				}
			}
			wipe(s)
		}
		return nil
	})
	m.ratio("U4", fmt.Sprintf("completing %d GiB against 10 kB, ms", b.huge>>30), "huge", "small", 3, 1.5)
	return err
}

// encrypted: the same as single, over TLS.
func (b *bench) encrypted() error {
	m := series{}
	err := b.together(1, []peer{nginx("nginx-1m", "1m", true), ferry(true)}, func(s *running, c *client, round int) error {
		return b.upDown(m, s, c, uint64(round))
	})
	m.ratio("D4", "upload over TLS, CPU-s/GiB against nginx-1m with TLS", "ferry up cpu", "nginx-1m up cpu", 1.3, 1.1)
	m.ratio("D4", "download over TLS, the same", "ferry down cpu", "nginx-1m down cpu", 1.1, 0.8)
	return err
}

// zips: archives of two big and of a thousand small files.
func (b *bench) zips() error {
	m := series{}
	var bigZip, bigFile, manyZip string
	many := int64(1000 * 100 << 10)
	err := b.together(4, []peer{nginx("nginx", "16k", false), ferry(false)}, func(s *running, c *client, round int) error {
		if s.peer.name == "nginx" {
			u := fmt.Sprintf("%s/f/z%d", c.base, round)
			if err := c.put(u, 1, 0, many); err != nil {
				return err
			}
			for range 2 {
				down, err := timed(s, func() (int64, error) { _, err := c.get(u, 1, 0, many, true); return many, err })
				if err != nil {
					return err
				}
				b.record(m, s, "many", down)
			}
			return nil
		}
		big, err := c.send(2, b.size, 1, 4)
		if err != nil {
			return err
		}
		small, err := c.send(1000, 100<<10, 1, 4)
		if err != nil {
			return err
		}
		for to, l := range map[*string]struct {
			t    wtTransfer
			file int
		}{&bigZip: {big, -1}, &bigFile: {big, 0}, &manyZip: {small, -1}} {
			if *to, err = c.link(l.t, l.file); err != nil {
				return err
			}
		}
		for range 2 {
			for what, u := range map[string]string{"bigzip": bigZip, "bigfile": bigFile, "many": manyZip} {
				var first time.Duration
				down, err := timed(s, func() (n int64, err error) { n, first, err = c.drain(u); return n, err })
				if err != nil {
					return err
				}
				b.record(m, s, what, down)
				m.add(what+" first", float64(first.Microseconds())/1000)
			}
		}
		for range 8 {
			_, first, err := c.drain(manyZip)
			if err != nil {
				return err
			}
			m.add("many first", float64(first.Microseconds())/1000)
		}
		return nil
	})
	m.ratio("Z1", "zip of 2 big files, CPU-s/GiB against the download of one", "ferry bigzip cpu", "ferry bigfile cpu", 1.7, 1.3)
	m.ratio("Z1", "zip of 1,000 × 100 kB, CPU-s/GiB against nginx's download", "ferry many cpu", "nginx many cpu", 3, 2)
	m.absolute("Z2", "first byte of the zip of 1,000 files, ms", "many first", 20, 5)
	return err
}

// small: whole WeTransfer cycles of 10 kB, eight at once, everything synced,
// against nginx's PUTs, which sync nothing.
func (b *bench) small() error {
	m := series{}
	err := b.together(8, []peer{nginx("nginx", "16k", false), ferry(false)}, func(s *running, c *client, round int) error {
		var mu sync.Mutex
		var latency []float64
		end := time.Now().Add(time.Duration(b.smallSecs * float64(time.Second)))
		t0, requests := time.Now(), 0
		err := each(1<<30, 8, func(i int) error {
			if time.Now().After(end) {
				return errEnough
			}
			t := time.Now()
			n := 1
			var err error
			if s.peer.name == "ferry" {
				n = 5
				_, err = c.send(1, 10<<10, uint64(i), 1)
			} else {
				err = c.put(fmt.Sprintf("%s/f/s%d-%d", c.base, round, i), uint64(i), 0, 10<<10)
			}
			mu.Lock()
			defer mu.Unlock()
			latency = append(latency, float64(time.Since(t).Microseconds())/1000)
			requests += n
			return err
		})
		if err != nil && err != errEnough {
			return err
		}
		slices.Sort(latency)
		m.add(s.peer.name+" requests", float64(requests)/time.Since(t0).Seconds())
		m.add(s.peer.name+" p99", latency[len(latency)*99/100])
		return nil
	})
	m.ratio("S1", "10 kB cycles, 8 at once, all synced: requests a second against nginx's PUTs", "ferry requests", "nginx requests", 0.4, 0.7)
	m.absolute("S2", "p99 of such a cycle, ms", "ferry p99", 80, 25)
	return err
}

var errEnough = fmt.Errorf("enough")

// starts: the time to the first answer, and memory when idle.
func (b *bench) starts() error {
	m := series{}
	for range max(b.rounds, 5) {
		s, err := start(ferry(false), b.bin, b.work)
		if err != nil {
			return err
		}
		m.add("start", s.startMS)
		time.Sleep(500 * time.Millisecond)
		rss, _ := s.rss()
		m.add("idle", float64(rss)/(1<<20))
		s.stop()
		if s, err = startIn(ferry(false), b.bin, s.data); err != nil {
			return err
		}
		m.add("again", s.startMS)
		s.stop()
		_ = os.RemoveAll(s.data)
	}
	m.absolute("T1", "start to the first answer on an empty directory, ms", "start", 150, 50)
	m.absolute("T1", "the same on the second start", "again", 150, 50)
	m.absolute("M1", "memory when idle, MiB", "idle", 40, 25)
	if info, err := os.Stat(filepath.Join(b.bin, "ferry")); err == nil {
		m.add("binary", float64(info.Size())/(1<<20))
	}
	m.absolute("T2", "stripped binary, MiB", "binary", 45, 30)
	return nil
}
