// Package shop is the shop of a merchant, who is a Partner: a cart and an order page. It sends its
// customers to an Acquiring Partner's hosted checkout, and does not call Klarna.
package shop

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"

	"github.com/klarna-go/klarna-go/klarna"
)

// Config is the configuration of a [Shop].
type Config struct {
	// URL is the address of the shop for browsers, CheckoutURL that of the Acquiring Partner's
	// checkout. Both have no final slash.
	URL         string
	CheckoutURL string
	// Key authenticates the shop at the checkout.
	Key klarna.Secret
	// Transport makes the calls to the checkout.
	Transport http.RoundTripper
	// Aside, if not nil, returns additional content for the page of an order.
	Aside func(reference string) template.HTML
	// Logger logs calls that failed. The default is [slog.Default].
	Logger *slog.Logger
}

// Shop is the shop's server.
type Shop struct {
	Config
	http    *http.Client
	handler http.Handler

	mu       sync.Mutex
	sessions map[string]string // the checkout's session by order
	oldest   []string
}

// New returns the shop.
func New(config Config) *Shop {
	s := &Shop{Config: config, http: &http.Client{Transport: config.Transport}, sessions: map[string]string{}}
	if s.Logger == nil {
		s.Logger = slog.Default()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.cart)
	mux.HandleFunc("POST /pay", s.pay)
	mux.HandleFunc("GET /orders/{reference}", s.order)
	mux.Handle("GET /assets/", http.FileServerFS(files))
	s.handler = s.secured(http.NewCrossOriginProtection().Handler(mux))
	return s
}

// ServeHTTP answers customers.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// line is a line of the cart, with the JSON form that the checkout accepts.
type line struct {
	Name        string `json:"name"`
	Quantity    int64  `json:"quantity"`
	TotalAmount int64  `json:"total_amount"` // minor units, tax included
	Image       string `json:"-"`
	About       string `json:"-"`
}

const currency = "EUR"

// lines is the only cart of this shop.
var lines = []line{
	{Name: "Stoneware espresso cup", Quantity: 4, TotalAmount: 56_00, Image: "cup.svg", About: "Ember glaze, 80 ml"},
	{Name: "Hand grinder", Quantity: 1, TotalAmount: 64_00, Image: "grinder.svg", About: "Steel burrs, walnut knob"},
	{Name: "Spring discount", Quantity: 1, TotalAmount: -6_00, Image: "discount.svg", About: "5 % off, until Sunday"},
	{Name: "Shipping", Quantity: 1, TotalAmount: 4_00, Image: "shipping.svg", About: "2 to 4 days"},
}

func total() int64 {
	var sum int64
	for _, l := range lines {
		sum += l.TotalAmount
	}
	return sum
}

func (s *Shop) cart(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusOK, "cart.html", view{Title: "Your cart"})
}

// checkoutSession is an answer of the checkout.
type checkoutSession struct {
	ID          string `json:"session_id"`
	CheckoutURL string `json:"checkout_url"`
	Status      string `json:"status"`
	Amount      int64  `json:"amount"`
	Method      string `json:"method"`
}

// pay creates an order from the cart and redirects the customer to the checkout.
func (s *Shop) pay(w http.ResponseWriter, r *http.Request) {
	reference := "KK-" + rand.Text()[:10]
	var session checkoutSession
	err := s.ask(r.Context(), http.MethodPost, "/sessions", map[string]any{
		"reference": reference, "amount": total(), "currency": currency, "locale": "en-DE", "line_items": lines,
		"return_url": s.URL + "/orders/" + reference, "cancel_url": s.URL + "/",
	}, &session)
	if err != nil {
		s.sorry(r.Context(), w, err)
		return
	}
	s.remember(reference, session.ID)
	http.Redirect(w, r, session.CheckoutURL, http.StatusSeeOther)
}

// order shows an order. The checkout redirects customers who have paid here, but everyone can open
// the page, so it reads from the checkout's server whether the order is paid.
func (s *Shop) order(w http.ResponseWriter, r *http.Request) {
	reference := r.PathValue("reference")
	s.mu.Lock()
	id, ok := s.sessions[reference]
	s.mu.Unlock()
	if !ok {
		s.render(w, http.StatusNotFound, "message.html", view{Title: "This order does not exist", Message: "Perhaps the address is not complete."})
		return
	}
	var session checkoutSession
	if err := s.ask(r.Context(), http.MethodGet, "/sessions/"+url.PathEscape(id), nil, &session); err != nil {
		s.sorry(r.Context(), w, err)
		return
	}
	v := view{Title: "Your order is not paid yet", Reference: reference, Checkout: session.CheckoutURL}
	if session.Status == "PAID" {
		v = view{Title: "Thank you for your order", Reference: reference, Paid: session.Amount, Method: session.Method, More: session.Amount - total()}
	}
	if s.Aside != nil {
		v.Aside = s.Aside(reference)
	}
	s.render(w, http.StatusOK, "order.html", v)
}

// mostOrders bounds the memory. In production, keep orders in a database.
const mostOrders = 10_000

func (s *Shop) remember(reference, session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.oldest) == mostOrders {
		delete(s.sessions, s.oldest[0])
		s.oldest = s.oldest[1:]
	}
	s.sessions[reference] = session
	s.oldest = append(s.oldest, reference)
}

// ask calls the Acquiring Partner.
func (s *Shop) ask(ctx context.Context, method, path string, question, answer any) error {
	var body io.Reader
	if question != nil {
		encoded, err := json.Marshal(question)
		if err != nil {
			return err
		}
		body = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.CheckoutURL+path, body)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.Key.Reveal())
	r.Header.Set("Content-Type", "application/json")
	response, err := s.http.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return fmt.Errorf("the checkout answered %s", response.Status)
	}
	return json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(answer)
}

func (s *Shop) sorry(ctx context.Context, w http.ResponseWriter, err error) {
	s.Logger.WarnContext(ctx, "shop: a call to the checkout failed", "error", err)
	s.render(w, http.StatusBadGateway, "message.html", view{Title: "We cannot reach the checkout", Message: "Please try again in a moment."})
}

//go:embed assets
var files embed.FS

//go:embed pages
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"money": money}).ParseFS(pageFiles, "pages/*.html"))

// view is the data of a page.
type view struct {
	Title     string
	Message   string
	Lines     []line
	Total     int64
	Reference string
	Checkout  string // where an order that is not paid can be
	Paid      int64
	Method    string
	More      int64 // what the customer added at Klarna by choosing other shipping
	Aside     template.HTML
}

func (s *Shop) render(w http.ResponseWriter, status int, name string, v view) {
	v.Lines, v.Total = lines, total()
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name, v); err != nil {
		panic(fmt.Sprintf("shop: render %s: %v", name, err)) // the template does not match the structure
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// The status has been sent, so an error cannot be reported any more.
	_, _ = body.WriteTo(w)
}

// secured sets the security headers of each answer. Browsers also apply form-action to the redirect
// after a form, so it contains the checkout.
func (s *Shop) secured(next http.Handler) http.Handler {
	policy := "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self' " + s.CheckoutURL +
		"; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "strict-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
		next.ServeHTTP(w, r)
	})
}

func money(minor int64) string {
	sign := ""
	if minor < 0 {
		sign, minor = "−", -minor
	}
	return fmt.Sprintf("%s€%d.%02d", sign, minor/100, minor%100)
}
