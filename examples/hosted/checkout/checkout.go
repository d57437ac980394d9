// Package checkout is an Acquiring Partner's hosted checkout: the page on which the customers of
// its Partners pay, and the server behind it. It is written to be copied; what it does not have is
// a database for its sessions, and other payment methods than Klarna.
//
//	Partner                  POST /sessions                     what is to be paid → where to send the customer
//	                         GET  /sessions/{session}           was it paid?
//	customer                 GET  /checkout/{session}           the page, with Klarna's browser SDK
//	Klarna's browser SDK     POST /checkout/{session}/initiate  the customer clicked Klarna's button
//	customer                 GET  /checkout/{session}/plain     the page without JavaScript
//	                         POST /checkout/{session}/pay       its buttons, and those of other payment methods
//	                         GET  /checkout/{session}/return    where Klarna sends the customer back to
//	                         GET  /checkout/{session}/waiting   while it is not known whether it was paid
//	                         GET  /checkout/{session}/status    the same for scripts
//	Klarna                   POST /klarna/webhook
//
// Whether a customer has paid is the word of the server's [flow.Coordinator]. What the browser
// says, by Klarna's redirect or the SDK's events, is a reason to ask it.
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

// Config is what a Checkout is made of.
type Config struct {
	// URL is where browsers reach it, such as "https://pay.example.com", without a slash at the end.
	URL string
	// Client has the Acquiring Partner's credentials.
	Client *klarna.Client
	// Coordinator is that of the purchases. Its Run is the caller's to start.
	Coordinator *flow.Coordinator
	// Verifier is that of Klarna's webhooks. Without one none are taken.
	Verifier *webhook.Verifier
	// PartnerAccountID is the account of the one Partner here, PartnerKey what it authenticates with.
	PartnerAccountID string
	PartnerKey       klarna.Secret
	// ClientID is the one for browsers. Like the account, it is in the page; the API key never is.
	ClientID string
	// SDK is the address of Klarna's browser SDK; KlarnaSDK where it is "".
	SDK string
	// Sources are where the SDK and what it needs come from, for the Content-Security-Policy;
	// KlarnaSources where there are none.
	Sources []string
	// Aside, if given, returns what else the page of a session shows.
	Aside func(session string) template.HTML
	// Logger is told of calls to Klarna that failed; slog.Default where it is nil.
	Logger *slog.Logger
}

// KlarnaSDK is Klarna's browser SDK.
const KlarnaSDK = "https://js.klarna.com/web-sdk/v2/klarna.mjs"

// KlarnaSources returns what the Content-Security-Policy allows for Klarna's browser SDK.
// js.klarna.com is known; where the SDK goes from there is not, so this is wide. Consult Klarna's
// own list before you go live, and narrow it.
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

	// No page of another site sends a form or a request in a customer's name.
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

	// Servers have no cookies that could be abused, and prove who they are.
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
			c.sorry(w, http.StatusNotFound, "This checkout is not there", "It may have ended. Please go back to the shop.")
			return
		}
		handle(w, r, s)
	}
}

// partner lets a Partner's servers in, and nobody else.
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

// patience is how long a customer is kept waiting for Klarna before being told to wait on a page.
// What is under way then is gone on with by the coordinator's recovery.
const patience = 5 * time.Second

func (c *Checkout) failed(ctx context.Context, what string, s *session, err error) {
	c.Logger.WarnContext(ctx, "checkout: "+what, "purchase", s.purchase(), "error", err)
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(into); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error_code": "BAD_REQUEST", "message": "The body is not the JSON that is expected here."})
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The status has left; a connection that breaks now is the reader's to notice.
	_ = json.NewEncoder(w).Encode(answer)
}
