package klarnatest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/internal/fifo"
)

// Server is a stateful double of Klarna's server API. Its methods are safe for concurrent use.
type Server struct {
	// URL is the base URL, such as "http://127.0.0.1:41207", without the version "/v2".
	URL string
	// APIKey is the only key that the server accepts. It begins with "klarna_test_api_" and has
	// over 100 characters.
	APIKey string
	// PartnerAccountID is the first account that the key may act for, such as
	// "krn:partner:global:account:test:LWT2XJSE". [Server.AddAccount] adds others.
	PartnerAccountID string
	// ClientID is the only client id that the browser SDK may use. The server API never accepts it.
	ClientID string

	ctx       context.Context //nolint:containedctx // for deliveries, which no caller's context covers
	stop      context.CancelFunc
	http      *http.Server      // nil without a socket
	served    chan struct{}     // closed when the accept loop has ended
	transport http.RoundTripper // for webhooks, nil for the network
	parallel  int               // deliveries of one webhook at the same time
	authority *authority        // nil without TLS
	retention time.Duration     // 0 means unlimited
	acquiring bool
	latency   time.Duration
	logLimit  int          // 0 means unlimited
	handler   http.Handler // nil if there is none
	state     *stateFile   // nil if there is none

	// mu guards everything below. The package calls no outside code while it is held, because a
	// webhook receiver may call back.
	mu         stateMutex
	closed     bool
	clock      clock
	agenda     agenda
	timer      *time.Timer
	alarm      time.Time // the wall-clock time to which timer is set
	ticks      gate
	deliveries gate
	conns      gate
	quota      quota

	accounts        map[string]*account // by every name that an account has in a path
	partners        []*account          // in order of their addition
	first           *account
	kept            *savedAuthority // the authority that the state file kept for TLS
	instruction     string
	rules           []AuthorizeRule
	faults          []*scriptedFault
	faultRandom     *mathrand.Rand
	webhookFaults   []*scriptedWebhook
	webhookRandom   *mathrand.Rand
	arrivals        uint64 // number of requests so far
	requests        fifo.Queue[*loggedRequest]
	paymentRequests collection[*paymentRequest]
	transactions    collection[*transaction]
	captures        collection[*capture]
	refunds         collection[*refund]
	chargebacks     collection[*chargeback]
	tokens          map[string]*sessionToken
	customerTokens  map[string]*customerToken
	journal         journal
	remembered      map[idempotencyKey]*remembered
	signingKeys     collection[*signingKey]
	subscriptions   collection[*subscription]
	shipments       uint64 // number so far
	outbox          map[uint64]*shipment
	deliveryLog     fifo.Queue[Delivery]

	duplicateComplete bool
}

// Format writes the URL for every verb: other goroutines may use the server while a test prints it.
func (s *Server) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "klarnatest.Server{%s}", s.URL) }

// Option changes how a Server is built.
type Option func(*config)

type config struct {
	socket    bool
	running   bool
	start     time.Time
	transport http.RoundTripper
	parallel  int
	seed      int64
	addr      string
	tls       bool
	clientCAs *x509.CertPool
	rateLimit int
	retention time.Duration
	acquiring bool
	state     string
	logLimit  int
	latency   time.Duration
	handler   http.Handler
}

// WithoutSocket starts no listener: the server is reached only through [Server.Transport], and its
// URL is a name that cannot be resolved. It is for servers inside a testing/synctest bubble, where
// a goroutine that waits for the network would stop the bubble's time. [WithAddr] and [WithTLS]
// then have no effect.
func WithoutSocket() Option { return func(c *config) { c.socket = false } }

// WithRunningClock makes the server's clock run, as [Start] does. A server that is created inside a
// testing/synctest bubble follows the bubble's time.
func WithRunningClock() Option { return func(c *config) { c.running = true } }

// WithAddr sets the address to listen on, such as "127.0.0.1:8787". The default is a free port on
// loopback.
func WithAddr(addr string) Option { return func(c *config) { c.addr = addr } }

// WithTime sets the clock's first time. The default is the present second.
func WithTime(start time.Time) Option { return func(c *config) { c.start = start } }

// WithWebhookTransport delivers webhooks through transport instead of the network: to a receiver
// without a socket, or to one whose certificate only the test trusts.
func WithWebhookTransport(transport http.RoundTripper) Option {
	return func(c *config) { c.transport = transport }
}

// WithParallelDeliveries makes up to n deliveries of each webhook at the same time, so that a slow
// receiver keeps up with many events. The deliveries then arrive in any order, as Klarna's do. The
// default is one after the other.
func WithParallelDeliveries(n int) Option { return func(c *config) { c.parallel = n } }

// NewServer starts a server for a test. Its clock stands still until the test moves it with
// [Server.Advance]. The server is closed when the test ends. The test fails if something was
// scripted and never met.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := start(config{}, opts)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, unmet := range s.unmet() {
			t.Errorf("klarnatest: %s", unmet)
		}
	})
	return s
}

// Start starts a server for a program. Its clock runs. The caller closes the server. Start returns
// an error if it cannot listen or cannot read its state file.
func Start(opts ...Option) (*Server, error) {
	return start(config{running: true}, opts)
}

func start(c config, opts []Option) (*Server, error) {
	c.socket, c.addr = true, "127.0.0.1:0"
	for _, opt := range opts {
		opt(&c)
	}
	s := newServer(c)
	if err := s.begin(c); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func newServer(c config) *Server {
	s := &Server{
		URL:              "https://klarnatest.invalid",
		APIKey:           "klarna_test_api_" + rand.Text() + rand.Text() + rand.Text() + rand.Text(),
		PartnerAccountID: newAccountID(),
		ClientID:         "klarna_test_client_" + rand.Text() + rand.Text(),
		transport:        c.transport,
		parallel:         max(c.parallel, 1),
		retention:        c.retention,
		acquiring:        c.acquiring,
		latency:          c.latency,
		logLimit:         c.logLimit,
		handler:          c.handler,
		quota:            quota{limit: c.rateLimit},
		clock:            newClock(c.running, c.start),
		faultRandom:      newRandom(c.seed, 1),
		webhookRandom:    newRandom(c.seed, 2),
		outbox:           map[uint64]*shipment{},
		paymentRequests:  newCollection[*paymentRequest](),
		transactions:     newCollection[*transaction](),
		signingKeys:      newCollection[*signingKey](),
		subscriptions:    newCollection[*subscription](),
		tokens:           map[string]*sessionToken{},
		remembered:       map[idempotencyKey]*remembered{},
		accounts:         map[string]*account{},
		captures:         newCollection[*capture](),
		refunds:          newCollection[*refund](),
		chargebacks:      newCollection[*chargeback](),
		customerTokens:   map[string]*customerToken{},
	}
	s.first = s.addAccount(s.PartnerAccountID)
	if !s.acquiring {
		s.accounts[""] = s.first
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// begin holds the mutex until all state is restored and the server knows its address. Before that,
// no overdue action runs and no request is answered.
func (s *Server) begin(c config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.state != "" {
		s.logLimit = cmp.Or(s.logLimit, stateLogs)
		if err := s.openState(c.state); err != nil {
			return err
		}
	}
	if c.socket {
		if err := s.listen(c); err != nil {
			return err
		}
	}
	for _, r := range s.paymentRequests.all() {
		r.customerURL = s.customerURL(r.id)
	}
	s.settle()
	return nil
}

func (s *Server) listen(c config) error {
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serveHTTP),
		ConnState:         s.countConn,
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       59 * time.Second, // as Klarna's
	}
	s.http.Protocols.SetHTTP1(true) // a fault can cut its connections
	scheme := "http"
	if c.tls {
		var err error
		if s.authority, err = newAuthority(s.kept, c.clientCAs); err != nil {
			return err
		}
		s.touch(s)
		if s.http.TLSConfig, err = s.authority.serverConfig(); err != nil {
			return err
		}
		scheme = "https"
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", c.addr)
	if err != nil {
		return fmt.Errorf("klarnatest: listen on %s: %w", c.addr, err)
	}
	s.URL = scheme + "://" + reachable(listener.Addr())
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if c.tls {
			_ = s.http.ServeTLS(listener, "", "")
		} else {
			_ = s.http.Serve(listener)
		}
	}()
	return nil
}

// reachable returns the address of a listener for a client on the same machine.
func reachable(addr net.Addr) string {
	at, err := netip.ParseAddrPort(addr.String())
	if err == nil && at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
	}
	return addr.String()
}

// countConn makes Close wait for the goroutine that net/http keeps for each connection.
func (s *Server) countConn(_ net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns.enter()
	case http.StateClosed, http.StateHijacked:
		s.conns.leave()
	}
}

// Close cuts every connection, gives up every webhook that was not delivered and waits until all
// goroutines of the server have ended. It may be called more than once, but not by a webhook
// receiver.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.disarm()
	s.mu.Unlock()

	s.stop()
	if s.served != nil {
		_ = s.http.Close()
		<-s.served
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait(&s.ticks)
	s.wait(&s.deliveries)
	s.wait(&s.conns)
	s.closeState()
}

// Shutdown stops accepting connections, waits for the requests that are running until ctx ends, and
// then closes the server as [Server.Close] does. It returns the context's error if ctx ended first.
func (s *Server) Shutdown(ctx context.Context) error {
	var err error
	if s.http != nil {
		err = s.http.Shutdown(ctx)
	}
	s.Close()
	return err
}

var errClosed = errors.New("klarnatest: server is closed")

// unmet lists what was scripted and never met.
func (s *Server) unmet() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, f := range s.faults {
		if f.owed() {
			list = append(list, fmt.Sprintf("scripted fault was never met: %s at %q, %d of %d times left",
				f.Kind, f.Operation, f.left, f.times))
		}
	}
	for _, r := range s.rules {
		list = append(list, strings.TrimSpace(fmt.Sprintf("scripted authorize answer was never used: %s %s", r.Result, r.Reason)))
	}
	for _, w := range s.webhookFaults {
		if w.owed() {
			list = append(list, fmt.Sprintf("scripted webhook fault was never met: %s at %q, %d of %d times left",
				w.Fault, w.EventType, w.left, w.times))
		}
	}
	return list
}
