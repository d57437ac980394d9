package checkout

import (
	"net/http"

	"github.com/klarna-go/klarna-go/authorization"
)

// comeBack is where Klarna sends the customer who has paid, was declined or left, and where the
// page goes when the SDK says that it is over. What the address says proves nothing, but it tells
// whom to ask to wait.
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

// waiting is shown until it is known whether the customer has paid. Without JavaScript it loads
// itself again.
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

// status is what the pages' scripts ask for.
func (c *Checkout) status(w http.ResponseWriter, r *http.Request, s *session) {
	writeJSON(w, http.StatusOK, map[string]Status{"status": c.glance(r.Context(), s).status})
}
