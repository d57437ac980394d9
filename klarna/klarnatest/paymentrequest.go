package klarnatest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	stateSubmitted  = "SUBMITTED"
	stateInProgress = "IN_PROGRESS"
	stateCompleted  = "COMPLETED"
	stateExpired    = "EXPIRED"
	stateCanceled   = "CANCELED"
	stateDeclined   = "DECLINED"

	reasonDeclined = "CUSTOMER_DECLINED"
)

// nextStates maps a state to those that may follow it. A state that is missing is final.
var nextStates = map[string][]string{
	"":              {stateSubmitted, stateCompleted}, // COMPLETED with a stored customer's token
	stateSubmitted:  {stateInProgress, stateExpired, stateCanceled},
	stateInProgress: {stateSubmitted, stateCompleted, stateExpired, stateCanceled, stateDeclined},
	stateCompleted:  {stateCanceled}, // until it is finalized
}

// draft is the part of a payment request that the caller sets.
type draft struct {
	reference   string
	transaction string      // payment_transaction_reference of the authorize call that created it
	tokenOnly   bool        // no payment is asked for
	token       *tokenOrder // nil if no customer token is asked for
	currency    string
	amount      int64
	optionID    string
	purchase    purchase
	interaction interaction
	expiresAt   time.Time
}

type paymentRequest struct {
	*account
	id            string
	draft         draft
	state         string
	previous      string
	reason        string
	token         string         // after completion
	customerToken *customerToken // after completion, if one was asked for
	finalized     bool
	transaction   string // an id, after finalization, unless only a customer token was asked for
	createdAt     time.Time
	updatedAt     time.Time
	canceledAt    time.Time
	customerURL   string
	shipping      *ShippingOption // what the customer chose, nil for the cart's shipping
}

// check returns the reason why r may not change to state, or nil if it may.
func (r *paymentRequest) check(state string) error {
	switch {
	case !slices.Contains(nextStates[r.state], state):
		return fmt.Errorf("payment request is %s and cannot become %s", r.state, state)
	case r.finalized:
		return fmt.Errorf("payment request was finalized and cannot become %s", state)
	}
	return nil
}

// move changes the state of r to one that check allows.
func (s *Server) move(r *paymentRequest, state, reason string) {
	now := s.clock.now()
	r.previous, r.state, r.reason, r.updatedAt = r.state, state, reason, now
	s.touch(r)
	if state == stateCanceled {
		r.canceledAt = now
		if t := s.tokens[r.token]; t != nil {
			t.revoked = true
			s.touch(t)
		}
		s.note(journalEntry{kind: entryCanceled, account: r.account.id, request: r.id})
	}
	if len(nextStates[state]) == 0 {
		s.forgetPaymentRequestLater(r)
	}
	s.emit(r.account, "payment.request.state-change."+eventName(state), r.event())
}

// complete records the customer's approval. It creates a session token and, if one was asked for, a
// customer token.
func (s *Server) complete(r *paymentRequest) {
	r.token = s.issueToken(sessionToken{account: r.account, currency: r.draft.currency, amount: r.draft.amount, request: r}).value
	if r.draft.token != nil {
		r.customerToken = s.issueCustomerToken(r.account, *r.draft.token)
	}
	s.note(journalEntry{kind: entryApproved, account: r.account.id, request: r.id, amount: r.draft.amount, currency: r.draft.currency})
	s.move(r, stateCompleted, "")
}

// openPaymentRequest creates a payment request without a state. The caller moves it to its first
// state.
func (s *Server) openPaymentRequest(partner *account, d draft) *paymentRequest {
	r := &paymentRequest{
		account:   partner,
		id:        paymentRequestPrefix + uuid.NewString(),
		draft:     d,
		createdAt: s.clock.now(),
	}
	r.customerURL = s.customerURL(r.id)
	s.paymentRequests.add(r.id, r)
	s.note(journalEntry{kind: entryRequested, account: partner.id, request: r.id, reference: d.transaction})
	return r
}

// customerURL returns the URL to which the customer of a payment request is sent. It depends on the
// server's address, which a restart may change.
func (s *Server) customerURL(id string) string {
	return s.URL + customerPath + strings.TrimPrefix(id, paymentRequestPrefix)
}

func (s *Server) newPaymentRequest(partner *account, d draft) *paymentRequest {
	r := s.openPaymentRequest(partner, d)
	s.move(r, stateSubmitted, "")
	s.scheduleExpiry(r)
	return r
}

func (s *Server) scheduleExpiry(r *paymentRequest) {
	id := r.id
	s.schedule(r.draft.expiresAt, func() {
		// The payment request may be forgotten, or an update may have changed its expiry.
		if r := s.paymentRequests.byID[id]; r != nil && r.check(stateExpired) == nil && !r.draft.expiresAt.After(s.clock.now()) {
			s.move(r, stateExpired, "")
		}
	})
}

// changeDraft sets in d the members that o has: all of them for a new payment request, some for an
// update.
func changeDraft(d draft, o object, now time.Time) draft {
	if o.has("currency") {
		d.currency = o.currency("currency")
	}
	if o.has("amount") {
		d.amount, d.tokenOnly = o.amount("amount"), false
	}
	if o.has("payment_request_reference") {
		d.reference = o.text("payment_request_reference", 255)
	}
	if o.has("payment_option_id") {
		d.optionID = o.text("payment_option_id", 255)
	}
	if o.has("request_customer_token") {
		d.token = readTokenOrder(o)
	}
	interactionChanged := o.has("customer_interaction_config")
	if interactionChanged || d.interaction.method == "" {
		d.interaction = readInteraction(o, false)
	}
	if interactionChanged || o.has("payment_request_expires_at") || d.expiresAt.IsZero() {
		d.expiresAt = readExpiry(o, now)
	}
	// The existing line items are checked again, because they may not sum to the new amount.
	data := o
	if !o.has("supplementary_purchase_data") && d.purchase.raw != nil {
		data.members = maps.Clone(o.members)
		data.members["supplementary_purchase_data"] = d.purchase.raw
	}
	var sums []int64
	if !o.wrong("amount") && !d.tokenOnly {
		sums = append(sums, d.amount)
	}
	d.purchase = readPurchase(data, sums...)
	checkNetworkData(o)
	for _, name := range []string{"request_payment_transaction", "step_up_config"} {
		if o.has(name) {
			o.found.add(name, "belongs to authorize, not to a payment request")
		}
	}
	return d
}

func (s *Server) createPaymentRequest(c *call) answer {
	var found problems
	o := readObject(c.body, &found)
	o.need("currency")
	if !o.has("request_customer_token") {
		o.need("amount")
	}
	d := changeDraft(draft{tokenOnly: true}, o, s.clock.now())
	customer, refused := s.storedCustomer(c, &found)
	switch {
	case len(found) > 0:
		return invalid(found...)
	case refused != nil:
		return *refused
	case customer == nil:
		return reply(http.StatusCreated, s.newPaymentRequest(c.partner, d).body())
	}
	r := s.openPaymentRequest(c.partner, d)
	s.complete(r)
	return reply(http.StatusCreated, r.body())
}

func (s *Server) readPaymentRequest(c *call) answer {
	r, ok := own(c, s.paymentRequests)
	if !ok {
		return notFound("payment request")
	}
	return reply(http.StatusOK, r.body())
}

func (s *Server) updatePaymentRequest(c *call) answer {
	r, ok := own(c, s.paymentRequests)
	if !ok {
		return notFound("payment request")
	}
	if r.state != stateSubmitted {
		return conflict("a payment request can be changed only while SUBMITTED, it is " + r.state)
	}
	now := s.clock.now()
	var found problems
	d := changeDraft(r.draft, readObject(c.body, &found), now)
	if len(found) > 0 {
		return invalid(found...)
	}
	r.draft, r.updatedAt = d, now
	s.touch(r)
	s.scheduleExpiry(r)
	s.emit(r.account, "payment.request.updated", r.event())
	return reply(http.StatusOK, r.body())
}

func (s *Server) cancelPaymentRequest(c *call) answer {
	r, ok := own(c, s.paymentRequests)
	if !ok {
		return notFound("payment request")
	}
	if err := r.check(stateCanceled); err != nil {
		return conflict(err.Error())
	}
	s.move(r, stateCanceled, "PARTNER_CANCELED")
	return reply(http.StatusOK, r.body())
}

// eventName returns the last part of an event type for a state: "in-progress" for IN_PROGRESS.
func eventName(state string) string {
	return strings.ReplaceAll(strings.ToLower(state), "_", "-")
}
