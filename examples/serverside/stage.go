package main

import (
	"context"
	"crypto/rand"
	"errors"
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
	customer  *customer
	paymentID string // the gateway's id of the payment
	servers   []*http.Server
	stop      context.CancelFunc
	recovery  sync.WaitGroup

	mu      sync.Mutex
	failure error // the first call to Klarna that failed
}

// serve starts a party's server on the loopback interface and returns its URL.
func (s *stage) serve(ctx context.Context, kept *state, party string, handler func(url string) (http.Handler, error)) (string, error) {
	address, err := kept.address(ctx, party)
	if err != nil {
		return "", err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	if err := kept.keepAddress(ctx, party, listener.Addr().String()); err != nil {
		return "", errors.Join(err, listener.Close())
	}
	url := "http://" + listener.Addr().String()
	h, err := handler(url)
	if err != nil {
		return "", errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	s.servers = append(s.servers, server)
	go func() {
		// Serve returns http.ErrServerClosed after close.
		_ = server.Serve(listener)
	}()
	return url, nil
}

// setUp starts the gateway and the merchant. Klarna must be running. If subscribe is not nil, it
// subscribes the gateway's webhook URL and returns Klarna's signing key.
func setUp(ctx context.Context, j *journal, kept *state, apiKey, account, baseURL string, subscribe func(url string) webhook.Key) (*stage, error) {
	s := &stage{paymentID: "pay-" + kept.order}
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
	client, err := klarna.NewClient(apiKey, options...)
	if err != nil {
		return nil, err
	}
	coordinator, err := flow.New(client, kept.purchases, kept.sealSecret)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	s.stop = stop
	s.recovery.Go(func() { coordinator.Run(running) })
	gatewayURL, err := s.serve(ctx, kept, gatewayParty, func(url string) (http.Handler, error) {
		var verifier *webhook.Verifier
		if subscribe != nil {
			key, err := kept.signingKey(func() webhook.Key { return subscribe(url + "/klarna/webhook") })
			if err != nil {
				return nil, err
			}
			if verifier, err = webhook.NewVerifier(key); err != nil {
				return nil, err
			}
		}
		var err error
		if s.gateway, err = newGateway(client, account, coordinator, verifier, s.failed); err != nil {
			return nil, err
		}
		mux := http.NewServeMux()
		mux.Handle("/", s.gateway.mux)
		mux.Handle("POST /klarna/webhook", j.tap().Webhooks(klarnaParty, gatewayParty, s.gateway.mux))
		return mux, nil
	})
	if err != nil {
		return s, err
	}
	merchantURL, err := s.serve(ctx, kept, merchantParty, func(url string) (http.Handler, error) {
		toGateway := &http.Client{Transport: j.tap().Transport(merchantParty, gatewayParty, new(http.Transport))}
		return newMerchant(url, gatewayURL, toGateway, kept.order).mux, nil
	})
	if err != nil {
		return s, err
	}
	s.customer = &customer{merchant: merchantURL, http: &http.Client{
		Transport:     j.tap().Transport(customerParty, merchantParty, new(http.Transport)),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return s, nil
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
	s.stop()
	s.recovery.Wait()
}
