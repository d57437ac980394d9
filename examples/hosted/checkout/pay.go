package checkout

import (
	"context"
	"errors"
	"net/http"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

// initiate handles a click on Klarna's button, which Klarna's browser SDK reports. The request
// comes from a browser, so the amount and everything else that matters are taken from the session.
func (c *Checkout) initiate(w http.ResponseWriter, r *http.Request, s *session) {
	var in struct {
		SessionToken    string `json:"klarnaNetworkSessionToken"`
		PaymentOptionID string `json:"paymentOptionId"`
	}
	if !readJSON(w, r, &in) {
		return
	}
	next := c.begin(r.Context(), s, in.PaymentOptionID, klarna.NewSecret(in.SessionToken))
	switch {
	case next.atKlarna != "":
		writeJSON(w, http.StatusOK, map[string]string{"paymentRequestUrl": next.atKlarna})
	case next.here != "":
		writeJSON(w, http.StatusOK, map[string]string{"returnUrl": c.URL + next.here})
	default:
		// An error rejects the SDK's promise, and the page shows the message.
		writeJSON(w, next.status, map[string]string{"error_code": next.code, "message": next.message})
	}
}

// pay handles the form of the pages: Klarna without JavaScript, and the other payment methods.
func (c *Checkout) pay(w http.ResponseWriter, r *http.Request, s *session) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	var next next
	switch r.PostFormValue("method") {
	case "klarna":
		next = c.begin(r.Context(), s, r.PostFormValue("payment_option_id"), klarna.Secret{})
	case "card":
		next = c.payOtherwise(r.Context(), s)
	default:
		c.sorry(w, http.StatusBadRequest, "That did not work", "Please go back and choose how to pay.")
		return
	}
	switch {
	case next.atKlarna != "":
		http.Redirect(w, r, next.atKlarna, http.StatusSeeOther)
	case next.here != "":
		http.Redirect(w, r, next.here, http.StatusSeeOther)
	default:
		c.showPlain(w, r, s, next.status, next.message)
	}
}

// next is where a customer goes after choosing a payment method: to Klarna, to a page of the
// checkout, or nowhere.
type next struct {
	atKlarna, here string
	status         int
	code, message  string
}

func nowhere(status int, code, message string) next {
	return next{status: status, code: code, message: message}
}

// begin begins or continues a payment with Klarna. A repeated click, a reload and a second tab
// continue the same purchase. After a purchase has ended without payment, begin starts another one,
// because Klarna answers a repeat of the same one with the same answer.
func (c *Checkout) begin(ctx context.Context, s *session, paymentOptionID string, token klarna.Secret) next {
	done, err := s.acquire(ctx)
	if err != nil {
		return unavailable
	}
	defer done()
	if s.otherwise.Load() {
		return next{here: s.path() + "/return"}
	}
	repeated, err := c.prepareAttempt(ctx, s)
	if err != nil {
		c.failed(ctx, "the state of a purchase", s, err)
		return unavailable
	}
	purchase, err := c.beginPurchase(ctx, s, paymentOptionID, token)
	if repeated && err == nil && (purchase.State == flow.StateExpired || purchase.State == flow.StateCanceled) {
		// The earlier purchase has ended in the meantime, so the customer needs another one.
		s.attempt.Add(1)
		purchase, err = c.beginPurchase(ctx, s, paymentOptionID, token)
	}
	switch {
	case errors.Is(err, flow.ErrRejected):
		c.failed(ctx, "Klarna refused a purchase", s, err)
	case err != nil:
		// The call may have reached Klarna, or Klarna has not decided. Another click repeats the
		// same call, and recovery continues the purchase in the meantime.
		c.failed(ctx, "begin a purchase", s, err)
		return unavailable
	}
	switch purchase.State {
	case flow.StateAwaitingCustomer:
		return next{atKlarna: purchase.PaymentRequestURL}
	case flow.StateAuthorized, flow.StateFinalizing:
		return next{here: s.path() + "/return"}
	case flow.StateDeclined, flow.StateRejected, flow.StateCanceled, flow.StateExpired:
		return nowhere(http.StatusPaymentRequired, string(purchase.State), notices[purchase.State])
	case flow.StateUnknown:
		return nowhere(http.StatusConflict, string(purchase.State), notices[purchase.State])
	default:
		return unavailable
	}
}

var unavailable = nowhere(http.StatusServiceUnavailable, "UNAVAILABLE", notices[flow.StateBegun])

// prepareAttempt starts another attempt if the current one has ended without payment. It reports
// whether the current attempt was begun before.
func (c *Checkout) prepareAttempt(ctx context.Context, s *session) (begun bool, err error) {
	purchase, err := c.Coordinator.GetStatus(ctx, s.purchase())
	switch {
	case errors.Is(err, flow.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case statuses[purchase.State] == StatusUnpaid:
		s.attempt.Add(1)
		return false, nil
	}
	return true, nil
}

func (c *Checkout) beginPurchase(ctx context.Context, s *session, paymentOptionID string, token klarna.Secret) (*flow.Status, error) {
	// The state in the URL decides which page a customer who has not paid sees.
	returnURL, err := authorization.ReturnURL(c.URL+s.path()+"/return", authorization.PlaceholderState)
	if err != nil {
		return nil, err
	}
	return c.Coordinator.Begin(ctx, flow.Purchase{
		ID:               s.purchase(),
		PartnerAccountID: c.PartnerAccountID,
		SessionToken:     token,
		Request: authorization.AuthorizeParams{
			Currency: s.order.Currency,
			RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
				Amount: s.order.Amount, PaymentOptionID: paymentOptionID,
			},
			StepUpConfig: &authorization.StepUpConfig{
				CustomerInteractionConfig: authorization.CustomerInteractionConfig{
					Method: authorization.InteractionMethodHandover, ReturnURL: returnURL,
				},
			},
			SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{
				PurchaseReference: s.order.Reference, LineItems: s.order.klarnaLines(),
			},
			KlarnaNetworkData: s.order.KlarnaNetworkData,
		},
	})
}

// payOtherwise is a placeholder for the other payment methods. Each of them must first cancel the
// payment with Klarna, and continue only if the coordinator reports that it is canceled. Otherwise
// the customer could pay twice.
func (c *Checkout) payOtherwise(ctx context.Context, s *session) next {
	done, err := s.acquire(ctx)
	if err != nil {
		return unavailable
	}
	defer done()
	purchase, err := c.Coordinator.Cancel(ctx, s.purchase())
	switch {
	case errors.Is(err, flow.ErrNotFound):
		s.otherwise.Store(true)
	case err != nil:
		c.failed(ctx, "cancel a purchase", s, err)
		return stillOpen
	case statuses[purchase.State] == StatusUnpaid:
		s.otherwise.Store(true) // here a card would be charged
	case statuses[purchase.State] != StatusPaid:
		return stillOpen
	}
	return next{here: s.path() + "/return"}
}

var stillOpen = nowhere(http.StatusConflict, "STILL_OPEN",
	"Your payment with Klarna has not ended yet. Please try again in a moment, so that you do not pay twice.")

// notices are what customers read about a payment that was not made, or not yet. Klarna's own
// reasons are not for customers.
var notices = map[flow.State]string{
	flow.StateBegun:            "Klarna has not confirmed your payment yet. Please try again in a moment: you will not pay twice.",
	flow.StateAwaitingCustomer: "You have not paid yet. Your order is kept: continue with Klarna, or choose another way to pay.",
	flow.StateCanceling:        "Your payment with Klarna is being canceled. Please choose how to pay.",
	flow.StateDeclined:         "Klarna did not approve this payment, and no money was taken. Please choose another way to pay.",
	flow.StateCanceled:         "Your payment with Klarna was canceled, and no money was taken. Please choose how to pay.",
	flow.StateExpired:          "The time to pay with Klarna ran out, and no money was taken. Please choose how to pay.",
	flow.StateRejected:         "This order cannot be paid with Klarna, and no money was taken. Please choose another way to pay.",
	flow.StateUnknown: "We do not know yet whether your payment with Klarna was made. Please do not pay again: we will find out " +
		"and contact you.",
}
