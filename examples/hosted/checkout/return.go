package checkout

import (
	"net/http"

	"github.com/klarna-go/klarna-go/authorization"
)

// comeBack handles the return of a customer who has paid, was declined or left, by Klarna's
// redirect or after an event of the SDK. The parameters of the URL prove nothing. They only decide
// whether the customer waits for the result.
func (c *Checkout) comeBack(w http.ResponseWriter, r *http.Request, s *session) {
	now := c.stand(r.Context(), s)
	hopes := authorization.ParseReturn(r.URL.Query()).State == authorization.PaymentRequestStateCompleted
	switch {
	case now.status == StatusPaid:
		http.Redirect(w, r, s.order.ReturnURL, http.StatusSeeOther)
	case now.status == StatusWaiting, now.unasked, now.status == StatusOpen && hopes:
		http.Redirect(w, r, s.path()+"/waiting", http.StatusSeeOther)
	default:
		http.Redirect(w, r, s.path(), http.StatusSeeOther)
	}
}

// waiting shows a page until it is known whether the customer has paid. Without JavaScript, the
// page reloads itself.
func (c *Checkout) waiting(w http.ResponseWriter, r *http.Request, s *session) {
	switch now := c.glance(r.Context(), s); now.status {
	case StatusPaid:
		http.Redirect(w, r, s.order.ReturnURL, http.StatusSeeOther)
	case StatusWaiting, StatusOpen:
		c.render(w, http.StatusOK, "waiting.html", s, view{Title: "Your payment is being confirmed", Status: now.status})
	default:
		http.Redirect(w, r, s.path(), http.StatusSeeOther)
	}
}

// status returns the status of the session to the scripts of the pages.
func (c *Checkout) status(w http.ResponseWriter, r *http.Request, s *session) {
	writeJSON(w, http.StatusOK, map[string]Status{"status": c.glance(r.Context(), s).status})
}
