package klarnatest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a stateful double of Klarna's server API. Its methods are safe for concurrent use.
type Server struct {
	// URL is the base URL, such as "http://127.0.0.1:41207", without the version "/v2".
	URL string
	// APIKey is the only key the server accepts, over 100 characters that begin with "klarna_test_api_".
	APIKey string
	// PartnerAccountID is the only account the key may act for, such as "krn:partner:global:account:test:LWT2XJSE".
	PartnerAccountID string
	// ClientID is the only client id that the browser SDK may use. The server API never accepts it.
	ClientID string

	ctx      context.Context //nolint:containedctx // ends deliveries, which no caller's context covers
	stop     context.CancelFunc
	http     *http.Server  // nil without a socket
	served   chan struct{} // closed when the accept loop has ended
	webhooks *http.Client

	// mu guards everything below. Nothing outside the package is called while it is held: a webhook receiver calls back.
	mu         sync.Mutex
	closed     bool
	clock      clock
	agenda     agenda
	timer      *time.Timer
	ticks      gate
	deliveries gate
	conns      gate

	instruction     string
	rules           []AuthorizeRule
	faults          []*scriptedFault
	webhookFaults   []scriptedWebhook
	requests        []Request
	paymentRequests collection[*paymentRequest]
	transactions    collection[*transaction]
	tokens          map[string]*sessionToken
	remembered      map[idempotencyKey]*remembered
	signingKeys     collection[*signingKey]
	subscriptions   collection[*subscription]
	deliveryLog     []Delivery

	duplicateComplete bool
}

// Format writes the URL, whatever the verb: a server is in use by several goroutines while a test prints it.
func (s *Server) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "klarnatest.Server{%s}", s.URL) }

// Option changes how a Server is built.
type Option func(*config)

type config struct {
	socket    bool
	running   bool
	start     time.Time
	transport http.RoundTripper
}

// WithoutSocket starts no listener: only [Server.Transport] reaches the server, whose URL then is a name that no resolver
// knows. It is for servers made inside a testing/synctest bubble, where a goroutine that waits for the network would stop
// the bubble's time.
func WithoutSocket() Option { return func(c *config) { c.socket = false } }

// WithRunningClock lets the server's clock run by itself, as [Start] does. Inside a testing/synctest bubble, where the
// server must then be made too, it runs with the bubble's time.
func WithRunningClock() Option { return func(c *config) { c.running = true } }

// WithTime sets the clock's first time. The default is the present second.
func WithTime(start time.Time) Option { return func(c *config) { c.start = start } }

// WithWebhookTransport delivers webhooks through transport instead of the network: to a receiver without a socket, or to
// one whose certificate only the test trusts.
func WithWebhookTransport(transport http.RoundTripper) Option {
	return func(c *config) { c.transport = transport }
}

// NewServer starts a server for a test. Its clock stands still until the test moves it with [Server.Advance]. The server
// is closed when the test ends, and whatever was scripted and never met then fails the test.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s, err := start(config{socket: true}, opts)
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

// Start starts a server for a program. Its clock runs by itself. The caller closes the server.
func Start(opts ...Option) (*Server, error) {
	return start(config{socket: true, running: true}, opts)
}

func start(c config, opts []Option) (*Server, error) {
	for _, opt := range opts {
		opt(&c)
	}
	if c.transport == nil {
		// A kept connection is a goroutine that outlives the delivery; and no proxy of the environment sees a webhook.
		c.transport = &http.Transport{DisableKeepAlives: true}
	}
	s := &Server{
		URL:              "https://klarnatest.invalid",
		APIKey:           "klarna_test_api_" + rand.Text() + rand.Text() + rand.Text() + rand.Text(),
		PartnerAccountID: "krn:partner:global:account:test:" + rand.Text()[:8],
		ClientID:         "klarna_test_client_" + rand.Text() + rand.Text(),
		webhooks: &http.Client{
			Transport:     c.transport,
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		clock:           newClock(c.running, c.start),
		paymentRequests: newCollection[*paymentRequest](),
		transactions:    newCollection[*transaction](),
		signingKeys:     newCollection[*signingKey](),
		subscriptions:   newCollection[*subscription](),
		tokens:          map[string]*sessionToken{},
		remembered:      map[idempotencyKey]*remembered{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if c.socket {
		if err := s.listen(); err != nil {
			s.stop()
			return nil, err
		}
	}
	return s, nil
}

func (s *Server) listen() error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("klarnatest: listen on loopback: %w", err)
	}
	s.URL = "http://" + listener.Addr().String()
	s.served = make(chan struct{})
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serveHTTP),
		ConnState:         s.countConn,
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       59 * time.Second, // Klarna's own
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(listener)
	}()
	return nil
}

// countConn lets Close wait for the goroutine that net/http keeps for each connection.
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

// Close cuts every connection, gives up every webhook that was not delivered and waits until all goroutines of the server
// have ended. It may be called more than once, but not from a webhook receiver.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.disarm()
	s.mu.Unlock()

	s.stop()
	if s.http != nil {
		_ = s.http.Close()
		<-s.served
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait(&s.ticks)
	s.wait(&s.deliveries)
	s.wait(&s.conns)
}

var errClosed = errors.New("klarnatest: server is closed")

// unmet lists what was scripted and never happened.
func (s *Server) unmet() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, f := range s.faults {
		list = append(list, fmt.Sprintf("scripted fault was never met: %s at %q, %d of %d times left",
			f.Kind, f.Operation, f.left, f.times()))
	}
	for _, r := range s.rules {
		list = append(list, strings.TrimSpace(fmt.Sprintf("scripted authorize answer was never asked for: %s %s", r.Result, r.Reason)))
	}
	for _, w := range s.webhookFaults {
		list = append(list, fmt.Sprintf("scripted webhook fault was never met: %s at %q", w.fault, w.pattern))
	}
	return list
}
