package checkout

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/presentation"
)

//go:embed assets
var files embed.FS

//go:embed pages
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"money": money}).ParseFS(pageFiles, "pages/*.html"))

// view is the data of a page.
type view struct {
	Title  string
	Notice string
	Status Status
	// Klarna is Klarna's row of the page without JavaScript.
	Klarna *klarnaRow

	// The rest is the same on each page of a session.
	Path     string
	Order    *Order
	Aside    template.HTML
	ClientID string
	Account  string
	SDK      string
}

// klarnaRow is Klarna's row of the page without JavaScript.
type klarnaRow struct {
	presentation.PaymentOption
	First, Only bool
}

// page shows the checkout with Klarna's browser SDK. It does not wait for Klarna, so the other
// payment methods are always shown.
func (c *Checkout) page(w http.ResponseWriter, r *http.Request, s *session) {
	now := c.glance(r.Context(), s)
	if c.moveOn(w, r, s, now) {
		return
	}
	v := view{Title: "Checkout", Notice: now.notice(), Status: now.status}
	c.render(w, http.StatusOK, "checkout.html", s, v)
}

// plain shows the checkout without JavaScript. The server requests the presentation, and redirects
// the customer to Klarna.
func (c *Checkout) plain(w http.ResponseWriter, r *http.Request, s *session) {
	now := c.glance(r.Context(), s)
	if c.moveOn(w, r, s, now) {
		return
	}
	c.showPlain(w, r, s, http.StatusOK, now.notice())
}

// notice returns the notice for the customer, or "".
func (now standing) notice() string {
	if now.purchase == nil {
		return ""
	}
	return notices[now.purchase.State]
}

// moveOn redirects a customer who cannot choose a payment method any more. It reports whether it
// answered the request.
func (c *Checkout) moveOn(w http.ResponseWriter, r *http.Request, s *session, now standing) bool {
	switch {
	case now.status == StatusPaid:
		http.Redirect(w, r, s.order.ReturnURL, http.StatusSeeOther)
	case now.purchase != nil && now.purchase.State == flow.StateFinalizing:
		http.Redirect(w, r, s.path()+"/waiting", http.StatusSeeOther)
	case now.status == StatusUnclear:
		c.render(w, http.StatusOK, "unclear.html", s, view{Title: "Please wait for us", Notice: now.notice()})
	default:
		return false
	}
	return true
}

func (c *Checkout) showPlain(w http.ResponseWriter, r *http.Request, s *session, status int, notice string) {
	v := view{Title: "Checkout", Notice: notice}
	p, err := c.presentations.GetPresentation(r.Context(), presentation.GetPresentationParams{
		Currency: s.order.Currency, Locale: s.order.Locale, Amount: s.order.Amount, Intents: []presentation.Intent{presentation.IntentPay},
	})
	switch {
	case err != nil:
		c.failed(r.Context(), "the presentation", s, err)
	case p.Instruction.Effective() != presentation.InstructionHideKlarna && p.PaymentOption.PaymentOptionID != "":
		v.Klarna = &klarnaRow{PaymentOption: p.PaymentOption}
		v.Klarna.Only = p.Instruction.Effective() == presentation.InstructionShowOnlyKlarna
		v.Klarna.First = v.Klarna.Only || p.Instruction.Effective() == presentation.InstructionPreselectKlarna
	}
	c.render(w, status, "plain.html", s, v)
}

func (c *Checkout) denied(w http.ResponseWriter, _ *http.Request) {
	c.sorry(w, http.StatusForbidden, "That did not work", "The request came from another site. Please go back to the shop.")
}

// sorry is a page of no session.
func (c *Checkout) sorry(w http.ResponseWriter, status int, title, sentence string) {
	w.Header().Set("Content-Security-Policy", policy(nil, nil))
	write(w, status, "sorry.html", view{Title: title, Notice: sentence})
}

func (c *Checkout) render(w http.ResponseWriter, status int, name string, s *session, v view) {
	v.Path, v.Order = s.path(), &s.order
	v.ClientID, v.Account, v.SDK = c.ClientID, c.PartnerAccountID, c.SDK
	if c.Aside != nil {
		v.Aside = c.Aside(s.id)
	}
	var scripts []string
	if name == "checkout.html" {
		scripts = c.Sources
	}
	w.Header().Set("Content-Security-Policy", policy(scripts, append([]string{origin(s.order.ReturnURL)}, c.Sources...)))
	write(w, status, name, v)
}

func write(w http.ResponseWriter, status int, name string, v view) {
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name, v); err != nil {
		panic(fmt.Sprintf("checkout: render %s: %v", name, err)) // the template does not match the structure
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// The status has been sent, so an error cannot be reported any more.
	_, _ = body.WriteTo(w)
}

// policy is a page's Content-Security-Policy. Nothing inline, nothing evaluated. sdk is what
// Klarna's SDK needs on a page that has it. forms are where forms may lead in the end: browsers
// hold every redirect after a form to form-action, those of the shop and of Klarna too.
func policy(sdk, forms []string) string {
	more := ""
	if len(sdk) > 0 {
		more = " " + strings.Join(sdk, " ")
	}
	directives := []string{
		"default-src 'none'", "script-src 'self'" + more, "connect-src 'self'" + more, "style-src 'self'" + more,
		"img-src 'self'" + more, "font-src 'self'" + more,
	}
	if more != "" {
		directives = append(directives, "frame-src"+more)
	}
	return strings.Join(append(directives,
		strings.TrimSpace("form-action 'self' "+strings.Join(forms, " ")), "base-uri 'none'", "frame-ancestors 'none'"), "; ")
}

// secured sets what holds for every answer.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		// The browser must not show an outdated page from its cache.
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		// Knowing the address is enough to pay, so it must not leak.
		h.Set("Referrer-Policy", "strict-origin")
		// Under same-origin Klarna's window would look closed to the page that opened it.
		h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// money writes minor units of a currency. Each of Klarna's currencies has two decimals.
func money(minor int64, currency string) string {
	sign := ""
	if minor < 0 {
		sign, minor = "−", -minor
	}
	symbol, ok := map[string]string{"EUR": "€", "GBP": "£", "USD": "$"}[currency]
	if !ok {
		return fmt.Sprintf("%s%d.%02d %s", sign, minor/100, minor%100, currency)
	}
	return fmt.Sprintf("%s%s%d.%02d", sign, symbol, minor/100, minor%100)
}
