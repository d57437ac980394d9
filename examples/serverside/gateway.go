package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/presentation"
	"github.com/klarna-go/klarna-go/webhook"
)

// gateway is the Acquiring Partner: it takes payments for Partners and calls Klarna for them.
type gateway struct {
	presentations  *presentation.Client
	authorizations *authorization.Client
	mux            *http.ServeMux
	// failed is told of calls to Klarna that failed.
	failed func(error)

	mu        sync.Mutex
	payments  map[string]*payment // by id
	byRequest map[string]*payment // by payment_request_id
}

// payment is one purchase. A gateway with replicas keeps it in a database; what has to survive a crash is the first request and
// the session token that it was sent with: a repeat must be the very same call, and the final call takes its references from it.
type payment struct {
	mu               sync.Mutex // one settlement at a time
	id               string
	first            authorization.Request
	sessionToken     klarna.Secret
	unsure           bool // an authorize call may have been executed without our knowing
	status           status
	redirectURL      string
	paymentRequestID string
	transactionID    string
}

type status string

const (
	pending  status = "pending"
	approved status = "approved"
	declined status = "declined"
	canceled status = "canceled"
	expired  status = "expired"
)

// newGateway returns the gateway of a Partner account. Without a verifier it takes no webhooks.
func newGateway(client *klarna.Client, partnerAccountID string, verifier *webhook.Verifier, failed func(error)) (*gateway, error) {
	account := client.ForAccount(partnerAccountID)
	g := &gateway{
		presentations:  presentation.New(account),
		authorizations: authorization.New(account),
		mux:            http.NewServeMux(),
		failed:         failed,
		payments:       make(map[string]*payment),
		byRequest:      make(map[string]*payment),
	}
	g.mux.HandleFunc("POST /payment-methods", g.paymentMethods)
	g.mux.HandleFunc("POST /payments", g.createPayment)
	g.mux.HandleFunc("GET /payments/{id}", g.readPayment)
	g.mux.HandleFunc("DELETE /payments/{id}", g.cancelPayment)
	if verifier != nil {
		webhooks, err := webhook.NewHandler(verifier, g.receive)
		if err != nil {
			return nil, err
		}
		g.mux.Handle("POST /klarna/webhook", webhooks)
	}
	return g, nil
}

type methodsRequest struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Locale   string `json:"locale"`
}

type paymentMethod struct {
	Type string `json:"type"`
	// Klarna is Klarna's presentation, handed on as it came.
	Klarna json.RawMessage `json:"klarna,omitempty"`
}

// paymentMethods answers which payment methods to show. Without an answer from Klarna the others still are.
func (g *gateway) paymentMethods(w http.ResponseWriter, r *http.Request) {
	var in methodsRequest
	if !readJSON(w, r, &in) {
		return
	}
	methods := []paymentMethod{{Type: "CARD"}}
	p, err := g.presentations.Get(r.Context(), presentation.Params{
		Currency: in.Currency, Locale: in.Locale, Amount: in.Amount, Intents: []presentation.Intent{presentation.Pay},
	})
	switch {
	case err != nil:
		g.failed(err)
	case p.Instruction.Effective() != presentation.HideKlarna:
		methods = append(methods, paymentMethod{Type: "KLARNA", Klarna: json.RawMessage(p.Raw)})
	}
	writeJSON(w, map[string]any{"payment_methods": methods})
}

type paymentRequest struct {
	// Reference is the Partner's order number. It is what makes a repeated request the same payment.
	Reference       string     `json:"reference"`
	Amount          int64      `json:"amount"`
	Currency        string     `json:"currency"`
	PaymentOptionID string     `json:"payment_option_id"`
	ReturnURL       string     `json:"return_url"`
	SessionToken    string     `json:"klarna_network_session_token,omitempty"`
	Lines           []cartLine `json:"lines"`
}

type paymentAnswer struct {
	ID            string `json:"payment_id"`
	Status        status `json:"status"`
	RedirectURL   string `json:"redirect_url,omitempty"`
	TransactionID string `json:"payment_transaction_id,omitempty"`
}

// createPayment authorizes a payment. Asked twice for one reference, it answers with the same payment.
func (g *gateway) createPayment(w http.ResponseWriter, r *http.Request) {
	var in paymentRequest
	if !readJSON(w, r, &in) {
		return
	}
	p := g.payment(in)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first.RequestPaymentTransaction.Amount != in.Amount || p.first.Currency != in.Currency {
		http.Error(w, "this reference is another payment's", http.StatusConflict)
		return
	}
	if err := g.authorize(r.Context(), p); err != nil {
		g.fail(w, err)
		return
	}
	writeJSON(w, p.answer())
}

func (g *gateway) authorize(ctx context.Context, p *payment) error {
	if p.status != "" {
		return nil
	}
	answer, err := g.authorizations.Authorize(ctx, p.first, klarna.WithSessionToken(p.sessionToken))
	if err != nil {
		p.unsure = p.unsure || klarna.OutcomeOf(err) == klarna.OutcomeUnknown
		if !p.unsure {
			// Nothing came of it, so the Partner may correct it and use its reference again.
			g.mu.Lock()
			delete(g.payments, p.id)
			g.mu.Unlock()
		}
		return err
	}
	return g.record(p, answer)
}

// payment returns the payment of a reference, new if need be. All references of the calls to Klarna come from the
// Partner's, so that a repeat after a crash makes the same calls.
func (g *gateway) payment(in paymentRequest) *payment {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := "pay-" + in.Reference
	p, ok := g.payments[id]
	if !ok {
		p = &payment{id: id, sessionToken: klarna.NewSecret(in.SessionToken), first: authorization.Request{
			Currency: in.Currency,
			RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
				Amount:                      in.Amount,
				PaymentTransactionReference: id,
				PaymentOptionID:             in.PaymentOptionID,
			},
			StepUpConfig: &authorization.StepUpConfig{
				PaymentRequestReference: id,
				CustomerInteractionConfig: authorization.CustomerInteractionConfig{
					Method:    authorization.Handover,
					ReturnURL: in.ReturnURL,
				},
			},
			SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{
				PurchaseReference: in.Reference,
				LineItems:         lineItems(in.Lines),
			},
		}}
		g.payments[id] = p
	}
	return p
}

func lineItems(lines []cartLine) []authorization.LineItem {
	var items []authorization.LineItem
	for _, l := range lines {
		items = append(items, authorization.LineItem{Name: l.Name, Quantity: l.Quantity, TotalAmount: l.Total})
	}
	return items
}

// record takes the outcome of an authorize call, first or final.
func (g *gateway) record(p *payment, answer *authorization.Authorization) error {
	switch outcome := answer.Outcome.(type) {
	case authorization.Approved:
		p.status = approved
		p.transactionID = outcome.PaymentTransaction.PaymentTransactionID
	case authorization.StepUpRequired:
		p.status = pending
		p.redirectURL = outcome.URL
		p.paymentRequestID = outcome.PaymentRequest.PaymentRequestID
		g.mu.Lock()
		g.byRequest[p.paymentRequestID] = p
		g.mu.Unlock()
	case authorization.Declined:
		p.status = declined
	default:
		return fmt.Errorf("an authorize call had an outcome that this gateway does not know: %T", outcome)
	}
	return nil
}

// receive takes Klarna's webhooks. An error makes Klarna deliver again.
func (g *gateway) receive(ctx context.Context, event *webhook.Event) error {
	if !strings.HasPrefix(string(event.Metadata.EventType), "payment.request.") {
		return nil
	}
	delivered, err := event.PaymentRequest()
	if err != nil {
		return err
	}
	if authorization.State(delivered.State).Open() {
		return nil // the customer is still busy
	}
	p := g.find(g.byRequest, delivered.PaymentRequestID)
	if p == nil {
		// It may have overtaken the answer to the authorize call that made it.
		return errors.New("the payment request is not known yet")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if event.Metadata.EventType == webhook.PaymentRequestCompleted && delivered.Amount != nil && !delivered.SessionToken.IsZero() {
		return g.finalize(ctx, p, authorization.Approval{
			Amount: *delivered.Amount, Currency: delivered.Currency, SessionToken: delivered.SessionToken,
		})
	}
	return g.settle(ctx, p)
}

// settle asks Klarna how far the customer is and draws the consequence. It is the way for whatever the webhook did not
// say, and for a webhook that never came.
func (g *gateway) settle(ctx context.Context, p *payment) error {
	if p.status != pending {
		return nil
	}
	read, err := g.authorizations.ReadPaymentRequest(ctx, p.paymentRequestID)
	if err != nil {
		return err
	}
	switch read.State {
	case authorization.StateCompleted:
		approval, err := read.Approval()
		if err != nil {
			return err
		}
		return g.finalize(ctx, p, approval)
	case authorization.StateDeclined:
		p.status = declined
	case authorization.StateCanceled:
		p.status = canceled
	case authorization.StateExpired:
		p.status = expired
	}
	return nil
}

// finalize makes the transaction. Webhook, return and poll may all come here, in any order and more than once: the same
// first request and the same approval are one call to Klarna.
func (g *gateway) finalize(ctx context.Context, p *payment, approval authorization.Approval) error {
	if p.status != pending {
		return nil
	}
	if approval.Amount != p.first.RequestPaymentTransaction.Amount {
		// This gateway offers no choice at Klarna that could change it.
		return g.cancel(ctx, p)
	}
	answer, err := g.authorizations.Finalize(ctx, p.first, approval)
	if err != nil {
		return err
	}
	return g.record(p, answer)
}

// readPayment answers how a payment stands. It does not wait for the webhook, which may be late or lost.
func (g *gateway) readPayment(w http.ResponseWriter, r *http.Request) {
	g.onPayment(w, r, func(p *payment) error { return g.settle(r.Context(), p) })
}

// cancelPayment gives up what the customer abandoned.
func (g *gateway) cancelPayment(w http.ResponseWriter, r *http.Request) {
	g.onPayment(w, r, func(p *payment) error { return g.cancel(r.Context(), p) })
}

func (g *gateway) cancel(ctx context.Context, p *payment) error {
	if p.status != pending {
		return nil
	}
	if _, err := g.authorizations.CancelPaymentRequest(ctx, p.paymentRequestID); err != nil {
		return err
	}
	p.status = canceled
	return nil
}

func (g *gateway) onPayment(w http.ResponseWriter, r *http.Request, act func(*payment) error) {
	p := g.find(g.payments, r.PathValue("id"))
	if p == nil {
		http.Error(w, "no such payment", http.StatusNotFound)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := act(p); err != nil {
		g.fail(w, err)
		return
	}
	writeJSON(w, p.answer())
}

func (g *gateway) find(index map[string]*payment, id string) *payment {
	g.mu.Lock()
	defer g.mu.Unlock()
	return index[id]
}

func (p *payment) answer() paymentAnswer {
	return paymentAnswer{ID: p.id, Status: p.status, RedirectURL: p.redirectURL, TransactionID: p.transactionID}
}

// fail tells a Partner that Klarna could not be asked, and nothing of why.
func (g *gateway) fail(w http.ResponseWriter, err error) {
	g.failed(err)
	http.Error(w, "the payment could not be processed", http.StatusBadGateway)
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(into); err != nil {
		http.Error(w, "the body is not the JSON that is expected here", http.StatusBadRequest)
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	// The status has left; a connection that breaks now is the reader's to notice.
	_ = json.NewEncoder(w).Encode(answer)
}
