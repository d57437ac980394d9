package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/webhook"
)

// stage is the running merchant, gateway and customer.
type stage struct {
	gateway   *gateway
	merchant  *merchant
	customer  *customer
	paymentID string // the gateway's, of the one order
	listeners []net.Listener
	servers   []*http.Server
	stop      context.CancelFunc
	recovery  sync.WaitGroup

	mu      sync.Mutex
	failure error // the first call to Klarna that failed
}

// listen opens a party's port on the loopback interface and returns its URL. A caller waits there
// until the party serves.
func (s *stage) listen(ctx context.Context, kept *state, party string) (net.Listener, string, error) {
	address, err := kept.address(ctx, party)
	if err != nil {
		return nil, "", err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, "", err
	}
	s.listeners = append(s.listeners, listener)
	return listener, "http://" + listener.Addr().String(), kept.keepAddress(ctx, party, listener.Addr().String())
}

func (s *stage) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	s.servers = append(s.servers, server)
	go func() {
		// Serve returns http.ErrServerClosed after close.
		_ = server.Serve(listener)
	}()
}

// now is the coordinator's clock.
var now = time.Now

// setUp starts gateway and merchant around a Klarna that runs already. subscribe, if given, gets
// the gateway's webhook URL and returns the key that Klarna signs with.
func setUp(
	ctx context.Context, j *journal, kept *state, apiKey, account, baseURL string, subscribe func(url string) webhook.Key,
) (*stage, error) {
	s := &stage{paymentID: "pay-" + kept.order, stop: func() {}}
	atGateway, gatewayURL, err := s.listen(ctx, kept, gatewayParty)
	if err != nil {
		return s, err
	}
	atMerchant, merchantURL, err := s.listen(ctx, kept, merchantParty)
	if err != nil {
		return s, err
	}
	options := []klarna.Option{
		klarna.WithLogger(slog.New(slog.DiscardHandler)), // the journal shows each call
		klarna.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return j.tap().Transport(gatewayParty, klarnaParty, next)
		}),
		klarna.WithIntegrationMetadata(klarna.IntegrationMetadata{
			Integrator: klarna.Integrator{Name: "KLARNA_GO_EXAMPLE", SessionReference: rand.Text()},
		}),
	}
	if baseURL != "" {
		options = append(options, klarna.WithBaseURL(baseURL))
	}
	var verifier *webhook.Verifier
	if subscribe != nil {
		// If a kept connection breaks, net/http repeats a call that has an idempotency key, and the
		// journal would not show it.
		options = append(options, klarna.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}))
		key, err := kept.signingKey(func() webhook.Key { return subscribe(gatewayURL + "/klarna/webhook") })
		if err != nil {
			return s, err
		}
		if verifier, err = webhook.NewVerifier(key); err != nil {
			return s, err
		}
	}
	client, err := klarna.NewClient(apiKey, options...)
	if err != nil {
		return s, err
	}
	toMerchant := &http.Client{Transport: j.tap().Transport(gatewayParty, merchantParty, new(http.Transport))}
	coordinator, err := flow.New(client, kept.purchases, kept.sealSecret,
		flow.WithReport(reportTo(notifyAt(toMerchant, merchantURL+"/notifications"))), flow.WithClock(now))
	if err != nil {
		return s, err
	}
	if s.gateway, err = newGateway(client, account, coordinator, verifier, s.failed); err != nil {
		return s, err
	}
	gatewayMux := http.NewServeMux()
	gatewayMux.Handle("/", s.gateway.mux)
	gatewayMux.Handle("POST /klarna/webhook", j.tap().Webhooks(klarnaParty, gatewayParty, s.gateway.mux))
	toGateway := &http.Client{Transport: j.tap().Transport(merchantParty, gatewayParty, new(http.Transport))}
	if kept.resumed {
		toGateway.Transport = waiting{j, toGateway.Transport}
	}
	s.merchant = newMerchant(merchantURL, gatewayURL, toGateway, kept.order, kept.notifications, kept.keepNotification)
	s.customer = &customer{merchant: merchantURL, http: &http.Client{
		Transport:     j.tap().Transport(customerParty, merchantParty, new(http.Transport)),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	s.serve(atMerchant, s.merchant.mux)
	s.serve(atGateway, gatewayMux)
	running, stop := context.WithCancel(ctx)
	s.stop = stop
	s.recovery.Go(func() { coordinator.Run(running) })
	return s, nil
}

// waiting explains a call that takes long because an earlier run was killed.
type waiting struct {
	journal *journal
	next    http.RoundTripper
}

func (w waiting) RoundTrip(r *http.Request) (*http.Response, error) {
	explain := time.AfterFunc(2*time.Second, func() {
		w.journal.say("Waiting, for up to 20 seconds, until the lease of the killed run ends.")
	})
	defer explain.Stop()
	return w.next.RoundTrip(r)
}

// fulfill has the merchant ship the order, and waits until the merchant knows each result.
func (s *stage) fulfill(ctx context.Context) error {
	if err := s.merchant.fulfill(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for len(s.merchant.operations()) < 4 {
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of 4 operations have a result: %w", len(s.merchant.operations()), ctx.Err())
		}
	}
	return nil
}

func (s *stage) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
}

// cause returns the first error of a call to Klarna, if there was one, and otherwise err. The error
// that reaches the customer says less.
func (s *stage) cause(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.failure != nil {
		return s.failure
	}
	return err
}

func (s *stage) close() {
	for _, server := range s.servers {
		_ = server.Close() // the program ends
	}
	for _, listener := range s.listeners {
		_ = listener.Close() // of a party that does not serve yet
	}
	s.stop()
	s.recovery.Wait()
}
