// Package app runs the hosted journey: a shop, an Acquiring Partner's checkout and Klarna. The
// pages show the calls of the journey, too.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/examples/hosted/checkout"
	"github.com/klarna-go/klarna-go/examples/hosted/journey"
	"github.com/klarna-go/klarna-go/examples/hosted/shop"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// Config is the configuration of an [App].
type Config struct {
	// Addr is the shop's address, such as "127.0.0.1:8080".
	Addr string
	// CheckoutAddr is the address of the checkout. By default it has the next port after Addr's, or
	// a free port if Addr's is 0.
	CheckoutAddr string
	// TestHost holds the credentials of Klarna's test host. If it is nil, the built-in Klarna is
	// used.
	TestHost *Credentials
	// Logger logs errors. The default is [slog.Default].
	Logger *slog.Logger
}

// Credentials are the credentials of Klarna's test host.
type Credentials struct {
	APIKey           klarna.Secret
	PartnerAccountID string
	ClientID         string
	// BaseURL, if not "", replaces Klarna's test host.
	BaseURL string
}

// App is the running program.
type App struct {
	// URL is the URL of the shop, which is the one to open.
	URL string
	// CheckoutURL is the URL of the checkout.
	CheckoutURL string
	// Klarna is the built-in Klarna. It is nil with Klarna's test host.
	Klarna *klarnatest.Server
	// Coordinator is the coordinator of the checkout.
	Coordinator *flow.Coordinator

	journeys *journey.Journeys
	servers  []*http.Server
	serving  sync.WaitGroup
	recovery sync.WaitGroup
	stop     context.CancelFunc
}

// Start starts the program. The caller ends it with Shutdown.
func Start(ctx context.Context, config Config) (*App, error) {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	a := &App{stop: func() {}}
	shopListener, checkoutListener, err := listen(ctx, config)
	if err != nil {
		return nil, err
	}
	a.URL, a.CheckoutURL = webAddress(shopListener.Addr()), webAddress(checkoutListener.Addr())
	shopHandler, checkoutHandler, err := a.parties(ctx, config)
	if err != nil {
		a.close()
		return nil, errors.Join(err, shopListener.Close(), checkoutListener.Close())
	}
	a.serve(config.Logger, shopListener, shopHandler)
	a.serve(config.Logger, checkoutListener, checkoutHandler)
	return a, nil
}

// parties makes the handlers of shop and checkout.
func (a *App) parties(ctx context.Context, config Config) (shopHandler, checkoutHandler http.Handler, err error) {
	credentials, sdk, sources := config.TestHost, checkout.KlarnaSDK, checkout.KlarnaSources()
	var verifier *webhook.Verifier
	if credentials == nil {
		if a.Klarna, err = klarnatest.Start(); err != nil {
			return nil, nil, err
		}
		credentials = &Credentials{klarna.NewSecret(a.Klarna.APIKey), a.Klarna.PartnerAccountID, a.Klarna.ClientID, a.Klarna.URL}
		sdk, sources = a.Klarna.URL+"/web-sdk/v2/klarna.mjs", []string{a.Klarna.URL}
		key := a.Klarna.Subscribe(a.CheckoutURL+"/klarna/webhook", "payment.request.*")
		if verifier, err = webhook.NewVerifier(webhook.Key{ID: key.ID, Secret: webhook.NewSecret(key.Secret)}); err != nil {
			return nil, nil, err
		}
	}
	a.journeys = journey.New(sdk, a.Klarna != nil)
	client, err := a.client(credentials, config.Logger)
	if err != nil {
		return nil, nil, err
	}
	options := []flow.Option{flow.WithLogger(config.Logger), flow.WithReport(paidAfterAll(config.Logger))}
	if a.Klarna != nil {
		options = append(options, flow.WithClock(a.Klarna.Now)) // one clock for both
	}
	a.Coordinator, err = flow.New(client, flow.NewMemoryStore(), klarna.NewSecret(rand.Text()+rand.Text()), options...)
	if err != nil {
		return nil, nil, err
	}
	partnerKey := klarna.NewSecret(rand.Text())
	pay, err := checkout.New(checkout.Config{
		URL:              a.CheckoutURL,
		Client:           client,
		Coordinator:      a.Coordinator,
		Verifier:         verifier,
		PartnerAccountID: credentials.PartnerAccountID,
		PartnerKey:       partnerKey,
		ClientID:         credentials.ClientID,
		SDK:              journey.SDK,
		Sources:          sources,
		Aside:            func(session string) template.HTML { return a.journeys.Aside(session, true) },
		Logger:           config.Logger,
	})
	if err != nil {
		return nil, nil, err
	}
	store := shop.New(shop.Config{
		URL:         a.URL,
		CheckoutURL: a.CheckoutURL,
		Key:         partnerKey,
		Transport:   a.journeys.Transport(journey.Partner, journey.Acquirer, new(http.Transport)),
		Aside:       func(reference string) template.HTML { return a.journeys.Aside(reference, false) },
		Logger:      config.Logger,
	})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	a.recovery.Go(func() { a.Coordinator.Run(running) })

	checkoutMux := http.NewServeMux()
	checkoutMux.Handle("/", pay)
	checkoutMux.Handle("/checkout/", a.journeys.Browsers(journey.Acquirer, pay))
	checkoutMux.Handle("/klarna/webhook", a.journeys.Webhooks(pay))
	checkoutMux.Handle("/journey/", a.journeys.Handler())
	shopMux := http.NewServeMux()
	shopMux.Handle("/", store)
	shopMux.Handle("/pay", a.journeys.Browsers(journey.Partner, store))
	shopMux.Handle("/orders/", a.journeys.Browsers(journey.Partner, store))
	shopMux.Handle("/journey/", a.journeys.Handler())
	return shopMux, checkoutMux, nil
}

// paidAfterAll returns a function that logs a rare case: a purchase is paid after it had ended
// without payment. The customer may have paid in another way by then. In production, void such a
// payment.
func paidAfterAll(logger *slog.Logger) func(context.Context, flow.Transition) error {
	return func(ctx context.Context, t flow.Transition) error {
		if t.From.Final() && t.To == flow.StateAuthorized {
			logger.ErrorContext(ctx, "paid after it had ended; void it if the order was paid otherwise",
				"purchase", t.Status.ID, "payment_transaction_id", t.Status.PaymentTransactionID)
		}
		return nil
	}
}

func (a *App) client(credentials *Credentials, logger *slog.Logger) (*klarna.Client, error) {
	options := []klarna.Option{
		klarna.WithLogger(logger),
		klarna.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
			return a.journeys.Transport(journey.Acquirer, journey.Klarna, next)
		}),
		klarna.WithIntegrationMetadata(klarna.IntegrationMetadata{
			Integrator: klarna.Integrator{Name: "KLARNA_GO_EXAMPLE", SessionReference: rand.Text()},
		}),
	}
	if credentials.BaseURL != "" {
		options = append(options, klarna.WithBaseURL(credentials.BaseURL))
	}
	return klarna.NewClient(credentials.APIKey.Reveal(), options...)
}

func listen(ctx context.Context, config Config) (shopListener, checkoutListener net.Listener, err error) {
	second := config.CheckoutAddr
	if second == "" {
		if second, err = portAfter(config.Addr); err != nil {
			return nil, nil, err
		}
	}
	if shopListener, err = new(net.ListenConfig).Listen(ctx, "tcp", config.Addr); err != nil {
		return nil, nil, err
	}
	if checkoutListener, err = new(net.ListenConfig).Listen(ctx, "tcp", second); err != nil {
		return nil, nil, errors.Join(err, shopListener.Close())
	}
	return shopListener, checkoutListener, nil
}

// portAfter returns the address with the next port, or addr itself if its port is 0.
func portAfter(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 {
		return "", fmt.Errorf("the port of %q is not a number", addr)
	}
	if n > 0 {
		n++
	}
	return net.JoinHostPort(host, strconv.Itoa(n)), nil
}

// webAddress returns the URL of a listener for a browser on the same machine.
func webAddress(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return "http://127.0.0.1:" + strconv.Itoa(tcp.Port)
	}
	return "http://" + addr.String()
}

func (a *App) serve(logger *slog.Logger, listener net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute, // a call to Klarna may take one
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	a.servers = append(a.servers, server)
	a.serving.Go(func() {
		// Serve returns http.ErrServerClosed after Shutdown.
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the server has ended", "error", err)
		}
	})
}

// Shutdown stops the program. It accepts no new requests, waits for those in progress, and then
// stops the recovery. When ctx ends, it closes the remaining connections.
func (a *App) Shutdown(ctx context.Context) error {
	a.journeys.Close() // the streams do not end otherwise
	errs := make([]error, len(a.servers))
	var ending sync.WaitGroup
	for i, server := range a.servers {
		ending.Go(func() {
			if err := server.Shutdown(ctx); err != nil {
				errs[i] = errors.Join(err, server.Close())
			}
		})
	}
	ending.Wait()
	a.close()
	return errors.Join(errs...)
}

func (a *App) close() {
	a.stop()
	a.serving.Wait()
	a.recovery.Wait()
	if a.Klarna != nil {
		a.Klarna.Close()
	}
}
