package answers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Swap gives the first two calls of each pair the answer of the other call.
type Swap[A any] struct {
	mu    sync.Mutex
	pairs map[string]*pair[A]
}

type pair[A any] struct {
	arrived []A
	both    chan struct{}
}

// Answer returns the answer to a call of a pair. The first two calls wait for each other and get
// each other's answer. Every later call gets its own.
func (s *Swap[A]) Answer(ctx context.Context, name string, own A) A {
	s.mu.Lock()
	if s.pairs == nil {
		s.pairs = make(map[string]*pair[A])
	}
	p := s.pairs[name]
	if p == nil {
		p = &pair[A]{both: make(chan struct{})}
		s.pairs[name] = p
	}
	place := len(p.arrived)
	if place < 2 {
		p.arrived = append(p.arrived, own)
	}
	if place == 1 {
		close(p.both)
	}
	s.mu.Unlock()
	if place >= 2 {
		return own
	}
	select {
	case <-p.both:
		return p.arrived[1-place]
	case <-ctx.Done():
		return own
	}
}

// ServeHTTP2 serves HTTP/2 until the test ends, over TLS if secure. It returns the URL and a
// function that creates a transport.
func ServeHTTP2(t testing.TB, secure bool, handler http.Handler) (url string, transport func() *http.Transport) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetHTTP2(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	roots := x509.NewCertPool()
	if secure {
		server.EnableHTTP2 = true
		server.StartTLS()
		roots.AddCert(server.Certificate())
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.URL, func() *http.Transport {
		transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
		transport.Protocols.SetHTTP2(secure)
		transport.Protocols.SetUnencryptedHTTP2(!secure)
		t.Cleanup(transport.CloseIdleConnections)
		return transport
	}
}
