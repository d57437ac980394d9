package flow_test

import (
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy passes connections to a PostgreSQL server and can silence them: a silent connection stays
// open, but nothing passes in either direction.
type proxy struct {
	port     int
	silences atomic.Int64

	mu    sync.Mutex
	links map[*link]bool
}

// link is one connection through the proxy.
type link struct {
	near, far net.Conn
	silent    atomic.Bool
}

// startProxy starts a proxy that ends with the test.
func startProxy(t *testing.T, port int) *proxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{port: listener.Addr().(*net.TCPAddr).Port, links: map[*link]bool{}}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		for l := range p.links {
			l.close()
		}
		p.mu.Unlock()
		running.Wait()
	})
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
			if err != nil {
				_ = near.Close()
				continue
			}
			l := &link{near: near, far: far}
			p.mu.Lock()
			p.links[l] = true
			p.mu.Unlock()
			running.Go(func() { p.pass(l, near, far) })
			running.Go(func() { p.pass(l, far, near) })
		}
	})
	return p
}

// pass copies from one end to the other until the connection is silent, and then discards what it
// reads. The connection ends when the near end closes, whose program may have been killed.
func (p *proxy) pass(l *link, from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !l.silent.Load() {
			_, writeErr := to.Write(buffer[:n])
			if err == nil {
				err = writeErr
			}
		}
		if err != nil && (err != io.EOF || from == l.near || !l.silent.Load()) {
			l.close()
			p.mu.Lock()
			delete(p.links, l)
			p.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

func (l *link) close() {
	_ = l.near.Close()
	_ = l.far.Close()
}

// silenceOne silences a connection, if one is not silent yet.
func (p *proxy) silenceOne() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var open []*link
	for l := range p.links {
		if !l.silent.Load() {
			open = append(open, l)
		}
	}
	if len(open) > 0 {
		open[rand.IntN(len(open))].silent.Store(true)
		p.silences.Add(1)
	}
}
