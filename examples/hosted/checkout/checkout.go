// Package checkout is the hosted checkout of an Acquiring Partner: the page on which the customers
// of its Partners pay, and its server. It is meant to be copied. It keeps its sessions in memory,
// and has no real payment method other than Klarna.
//
//	Partner       POST /sessions                     create a session for an order
//	              GET  /sessions/{session}           read whether the order was paid
//	customer      GET  /checkout/{session}           the page, with Klarna's browser SDK
//	browser SDK   POST /checkout/{session}/initiate  the customer clicked Klarna's button
//	customer      GET  /checkout/{session}/plain     the page without JavaScript
//	              POST /checkout/{session}/pay       the buttons of the pages
//	              GET  /checkout/{session}/return    where Klarna sends the customer
//	              GET  /checkout/{session}/waiting   while the result is not known
//	              GET  /checkout/{session}/status    the same for scripts
//	Klarna        POST /klarna/webhook
//
// Only the server's [flow.Coordinator] decides whether a customer has paid. When Klarna's redirect
// or an event of the SDK arrives, the checkout reads the state from it.
package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/presentation"
	"github.com/klarna-go/klarna-go/webhook"
)

// Config is the configuration of a [Checkout].
type Config struct {
	// URL is the address for browsers, such as "https://pay.example.com", without a final slash.
	URL string
	// Client has the Acquiring Partner's credentials.
	Client *klarna.Client
	// Coordinator processes the purchases. The caller calls its Run.
	Coordinator *flow.Coordinator
	// Verifier verifies Klarna's webhooks. If it is nil, no webhooks are received.
	Verifier *webhook.Verifier
	// PartnerAccountID is the account of the only Partner. The Partner authenticates with
	// PartnerKey.
	PartnerAccountID string
	PartnerKey       klarna.Secret
	// ClientID is the client id for browsers. The page contains it and the account, never the API
	// key.
	ClientID string
	// SDK is the address of Klarna's browser SDK. The default is [KlarnaSDK].
	SDK string
	// Sources are the sources of the SDK for the Content-Security-Policy. The default is
	// [KlarnaSources].
	Sources []string
	// Aside, if not nil, returns additional content for the page of a session.
	Aside func(session string) template.HTML
	// Logger logs calls to Klarna that failed. The default is [slog.Default].
	Logger *slog.Logger
}

// KlarnaSDK is Klarna's browser SDK.
const KlarnaSDK = "https://js.klarna.com/web-sdk/v2/klarna.mjs"

// KlarnaSources returns the sources that the Content-Security-Policy allows for Klarna's browser
// SDK. Only js.klarna.com is known, so the list is broad. Narrow it with Klarna's own list before
// you go live.
func KlarnaSources() []string { return []string{"https://js.klarna.com", "https://*.klarna.com"} }

// Checkout is the server of a hosted checkout.
type Checkout struct {
	Config
	presentations *presentation.Client
	sessions      *sessions
	handler       http.Handler
}

// New returns the checkout.
func New(config Config) (*Checkout, error) {
	if config.Client == nil || config.Coordinator == nil || config.PartnerKey.IsZero() {
		return nil, errors.New("checkout: a Checkout needs a Client, a Coordinator and a PartnerKey")
	}
	c := &Checkout{Config: config, sessions: newSessions()}
	c.presentations = presentation.New(c.Client.ForAccount(c.PartnerAccountID))
	if c.SDK == "" {
		c.SDK = KlarnaSDK
	}
	if len(c.Sources) == 0 {
		c.Sources = KlarnaSources()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}

	// Requests that a page of another site makes in a customer's browser are refused.
	browsers := http.NewServeMux()
	browsers.HandleFunc("GET /checkout/{session}", c.with(c.page))
	browsers.HandleFunc("POST /checkout/{session}/initiate", c.with(c.initiate))
	browsers.HandleFunc("GET /checkout/{session}/plain", c.with(c.plain))
	browsers.HandleFunc("POST /checkout/{session}/pay", c.with(c.pay))
	browsers.HandleFunc("GET /checkout/{session}/return", c.with(c.comeBack))
	browsers.HandleFunc("GET /checkout/{session}/waiting", c.with(c.waiting))
	browsers.HandleFunc("GET /checkout/{session}/status", c.with(c.status))
	browsers.Handle("GET /assets/", http.FileServerFS(files))
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(c.denied))

	// Requests of servers have no cookies to abuse, and are authenticated.
	servers := http.NewServeMux()
	servers.Handle("/", protection.Handler(browsers))
	servers.HandleFunc("POST /sessions", c.partner(c.createSession))
	servers.HandleFunc("GET /sessions/{session}", c.partner(c.readSession))
	if c.Verifier != nil {
		webhooks, err := webhook.NewHandler(c.Verifier, c.Coordinator.HandleEvent, webhook.WithLogger(c.Logger))
		if err != nil {
			return nil, err
		}
		servers.Handle("POST /klarna/webhook", webhooks)
	}
	c.handler = secured(servers)
	return c, nil
}

// ServeHTTP answers customers, their browsers, the Partner and Klarna.
func (c *Checkout) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// with finds the session of a request.
func (c *Checkout) with(handle func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, ok := c.sessions.find(r.PathValue("session"))
		if !ok {
			c.sorry(w, http.StatusNotFound, "This checkout does not exist", "It may have ended. Please go back to the shop.")
			return
		}
		handle(w, r, s)
	}
}

// partner accepts only requests with the Partner's key.
func (c *Checkout) partner(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !c.PartnerKey.Equal(klarna.NewSecret(key)) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "the key is missing or not valid", http.StatusUnauthorized)
			return
		}
		handle(w, r)
	}
}

// patience is the longest time that a request waits for Klarna before the customer sees a page to
// wait on. The coordinator's recovery then continues the purchase.
const patience = 5 * time.Second

func (c *Checkout) failed(ctx context.Context, what string, s *session, err error) {
	c.Logger.WarnContext(ctx, "checkout: "+what, "purchase", s.purchase(), "error", err)
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(into); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error_code": "BAD_REQUEST", "message": "The body is not the expected JSON."})
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The status has been sent, so an error cannot be reported any more.
	_ = json.NewEncoder(w).Encode(answer)
}
