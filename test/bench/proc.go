package main

// Starting a server and reading what it costs from /proc.

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A peer is a server to be measured.
type peer struct {
	name  string
	files map[string]string // written into {data} before the start
	cmd   []string          // {bin}, {data} and {port} are filled in
	ready string            // path polled until any HTTP answer
	tls   bool              // with {data}/cert.pem and key.pem, made here
}

// A running server and what is known of it.
type running struct {
	peer    peer
	pid     int
	cmd     *exec.Cmd
	data    string
	base    string
	startMS float64
	done    chan struct{}
}

func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func start(p peer, bin, work string) (*running, error) {
	data, err := os.MkdirTemp(work, p.name+"-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(data, 0o777); err != nil { // nginx's workers go in too
		return nil, err
	}
	return startIn(p, bin, data)
}

// startIn starts the server on a data directory that is there.
func startIn(p peer, bin, data string) (*running, error) {
	port := freePort()
	rep := strings.NewReplacer("{bin}", bin, "{data}", data, "{port}", strconv.Itoa(port))
	for name, text := range p.files {
		f := filepath.Join(data, name)
		_ = os.MkdirAll(filepath.Dir(f), 0o777)
		if err := os.WriteFile(f, []byte(rep.Replace(text)), 0o666); err != nil {
			return nil, err
		}
	}
	scheme := "http"
	if p.tls {
		scheme = "https"
		if err := makeCert(data); err != nil {
			return nil, err
		}
	}
	args := make([]string, len(p.cmd))
	for i, a := range p.cmd {
		args[i] = rep.Replace(a)
	}
	c := exec.Command(args[0], args[1:]...)
	c.Dir = data
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	log, err := os.Create(filepath.Join(data, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	t0 := time.Now()
	if err := c.Start(); err != nil {
		return nil, err
	}
	s := &running{peer: p, pid: c.Process.Pid, cmd: c, data: data, base: fmt.Sprintf("%s://127.0.0.1:%d", scheme, port), done: make(chan struct{})}
	go func() { _ = c.Wait(); close(s.done) }()
	cl := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: anyCert}}
	for {
		select {
		case <-s.done:
			text, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("%s ended at its start: %s", p.name, text)
		default:
		}
		r, err := cl.Get(s.base + p.ready)
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode < 500 {
				break
			}
		}
		if time.Since(t0) > time.Minute {
			s.stop()
			return nil, fmt.Errorf("%s is not ready after a minute", p.name)
		}
		time.Sleep(time.Millisecond)
	}
	s.startMS = float64(time.Since(t0).Microseconds()) / 1000
	return s, nil
}

func makeCert(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	kb, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kb}), 0o644)
}

func (s *running) stop() {
	syscall.Kill(-s.pid, syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(3 * time.Second):
		syscall.Kill(-s.pid, syscall.SIGKILL)
		<-s.done
	}
}

// tree lists pid and all its living descendants.
func (s *running) tree() []int {
	kids := map[int][]int{}
	ents, _ := os.ReadDir("/proc")
	for _, e := range ents {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := statFields(id); f != nil {
			pp, _ := strconv.Atoi(f[1])
			kids[pp] = append(kids[pp], id)
		}
	}
	out := []int{s.pid}
	for i := 0; i < len(out); i++ {
		out = append(out, kids[out[i]]...)
	}
	return out
}

// statFields: the fields of /proc/PID/stat after the name; [0] is the state.
func statFields(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return nil
	}
	return strings.Fields(string(b[i+1:]))
}

// cpu: seconds of processor time of the server's whole tree. The scheduler's
// nanosecond counters of the living threads are used where the kernel has them
// (the servers measured keep their threads); else the 10 ms clock ticks.
func (s *running) cpu() float64 {
	var ns int64
	for _, pid := range s.tree() {
		ents, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			continue
		}
		for _, e := range ents {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, e.Name()))
			if err != nil {
				return s.cpuTicks()
			}
			v, _ := strconv.ParseInt(strings.Fields(string(b))[0], 10, 64)
			ns += v
		}
	}
	return float64(ns) / 1e9
}

// cpuTicks: the same from /proc/PID/stat, ended children included.
func (s *running) cpuTicks() float64 {
	var t int64
	for _, pid := range s.tree() {
		f := statFields(pid)
		if len(f) < 15 {
			continue
		}
		for _, k := range []int{11, 12, 13, 14} {
			v, _ := strconv.ParseInt(f[k], 10, 64)
			t += v
		}
	}
	return float64(t) / 100
}

func rssOf(pid int) (rss, anon int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return
	}
	for _, l := range strings.Split(string(b), "\n") {
		f := strings.Fields(l)
		if len(f) < 2 {
			continue
		}
		v, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			rss = v << 10
		case "RssAnon:":
			anon = v << 10
		}
	}
	return
}

func (s *running) rss() (rss, anon int64) {
	for _, p := range s.tree() {
		r, a := rssOf(p)
		rss += r
		anon += a
	}
	return
}

// watch samples the tree's memory until the returned function is called, which
// gives the peaks.
func (s *running) watch() func() (int64, int64) {
	var mu sync.Mutex
	var pr, pa int64
	pids := s.tree()
	stop := make(chan struct{})
	fin := make(chan struct{})
	look := func() {
		var r, a int64
		for _, p := range pids {
			x, y := rssOf(p)
			r += x
			a += y
		}
		mu.Lock()
		pr, pa = max(pr, r), max(pa, a)
		mu.Unlock()
	}
	go func() {
		defer close(fin)
		t := time.NewTicker(25 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-stop:
				look()
				return
			case <-t.C:
				look()
			}
		}
	}()
	return func() (int64, int64) {
		close(stop)
		<-fin
		return pr, pa
	}
}
