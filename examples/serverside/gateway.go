package main

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/presentation"
	"github.com/klarna-go/klarna-go/webhook"
)

// gateway is an Acquiring Partner's server. It takes payments for Partners and calls Klarna. The
// coordinator keeps the state of the payments in its store, which survives a crash of the gateway.
type gateway struct {
	presentations *presentation.Client
	coordinator   *flow.Coordinator
	account       string
	mux           *http.ServeMux
	// failed is called with the error of each call to Klarna that failed.
	failed func(error)
}

type status string

const (
	pending  status = "pending"
	approved status = "approved"
	declined status = "declined"
	canceled status = "canceled"
	expired  status = "expired"
	failed   status = "failed"
	// unclear means that the customer may have paid, and that a person has to find out. The
	// customer must not be asked to pay again.
	unclear status = "unclear"
)

// statuses maps states of purchases to the status that a Partner gets. Each other state is pending.
var statuses = map[flow.State]status{
	flow.StateAuthorized: approved,
	flow.StateDeclined:   declined,
	flow.StateCanceled:   canceled,
	flow.StateExpired:    expired,
	flow.StateRejected:   failed,
	flow.StateUnknown:    unclear,
}

// newGateway returns the gateway of a Partner account. Without a verifier it receives no webhooks.
func newGateway(client *klarna.Client, account string, coordinator *flow.Coordinator, verifier *webhook.Verifier, failed func(error)) (*gateway, error) {
	g := &gateway{
		presentations: presentation.New(client.ForAccount(account)),
		coordinator:   coordinator,
		account:       account,
		mux:           http.NewServeMux(),
		failed:        failed,
	}
	g.mux.HandleFunc("POST /payment-methods", g.paymentMethods)
	g.mux.HandleFunc("POST /payments", g.createPayment)
	g.mux.HandleFunc("GET /payments/{id}", g.readPayment)
	g.mux.HandleFunc("DELETE /payments/{id}", g.cancelPayment)
	if verifier != nil {
		webhooks, err := webhook.NewHandler(verifier, coordinator.HandleEvent)
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
	// Klarna is Klarna's presentation, unchanged.
	Klarna json.RawMessage `json:"klarna,omitempty"`
}

// paymentMethods returns the payment methods to show. If Klarna does not answer, it returns the
// other methods.
func (g *gateway) paymentMethods(w http.ResponseWriter, r *http.Request) {
	var in methodsRequest
	if !readJSON(w, r, &in) {
		return
	}
	methods := []paymentMethod{{Type: "CARD"}}
	p, err := g.presentations.GetPresentation(r.Context(), presentation.GetPresentationParams{
		Currency: in.Currency, Locale: in.Locale, Amount: in.Amount, Intents: []presentation.Intent{presentation.IntentPay},
	})
	switch {
	case err != nil:
		g.failed(err)
	case p.Instruction.Effective() != presentation.InstructionHideKlarna:
		methods = append(methods, paymentMethod{Type: "KLARNA", Klarna: p.Raw.Bytes()})
	}
	writeJSON(w, map[string]any{"payment_methods": methods})
}

type paymentRequest struct {
	// Reference is the Partner's order number. Requests with the same reference are for the same
	// payment.
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

// createPayment begins a payment. If it is called again with the same reference, after a time-out
// or a crash, it returns the same payment in its current state.
func (g *gateway) createPayment(w http.ResponseWriter, r *http.Request) {
	var in paymentRequest
	if !readJSON(w, r, &in) {
		return
	}
	p, err := g.coordinator.Begin(r.Context(), flow.Purchase{
		ID:               "pay-" + in.Reference,
		PartnerAccountID: g.account,
		SessionToken:     klarna.NewSecret(in.SessionToken),
		Request: authorization.AuthorizeParams{
			Currency: in.Currency,
			RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
				Amount: in.Amount, PaymentOptionID: in.PaymentOptionID,
			},
			StepUpConfig: &authorization.StepUpConfig{
				CustomerInteractionConfig: authorization.CustomerInteractionConfig{
					Method: authorization.InteractionMethodHandover, ReturnURL: in.ReturnURL,
				},
			},
			SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{
				PurchaseReference: in.Reference,
				LineItems:         lineItems(in.Lines),
			},
		},
	})
	if errors.Is(err, flow.ErrOtherPurchase) {
		http.Error(w, "this reference belongs to another payment", http.StatusConflict)
		return
	}
	g.answer(w, p, err)
}

func lineItems(lines []cartLine) []authorization.LineItem {
	var items []authorization.LineItem
	for _, l := range lines {
		items = append(items, authorization.LineItem{Name: l.Name, Quantity: l.Quantity, TotalAmount: l.Total})
	}
	return items
}

// readPayment returns the state of a payment. It reads it from Klarna, because the webhook may be
// late or lost.
func (g *gateway) readPayment(w http.ResponseWriter, r *http.Request) {
	p, err := g.coordinator.HandleReturn(r.Context(), r.PathValue("id"))
	g.answer(w, p, err)
}

// cancelPayment cancels a payment that the customer abandoned. If the customer has already paid,
// the payment stays approved.
func (g *gateway) cancelPayment(w http.ResponseWriter, r *http.Request) {
	p, err := g.coordinator.Cancel(r.Context(), r.PathValue("id"))
	g.answer(w, p, err)
}

// answer writes the state of a payment. If the call to Klarna failed, it writes an error without
// the reason.
func (g *gateway) answer(w http.ResponseWriter, p *flow.Status, err error) {
	if errors.Is(err, flow.ErrRejected) {
		g.failed(err)
		err = nil // the payment has ended, and a repeat would fail, too
	}
	switch {
	case errors.Is(err, flow.ErrNotFound):
		http.Error(w, "no such payment", http.StatusNotFound)
	case err != nil:
		g.failed(err)
		http.Error(w, "the payment could not be processed", http.StatusBadGateway)
	default:
		answer := paymentAnswer{ID: p.ID, Status: pending, RedirectURL: p.PaymentRequestURL, TransactionID: p.PaymentTransactionID}
		if s, ok := statuses[p.State]; ok {
			answer.Status = s
		}
		writeJSON(w, answer)
	}
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(into); err != nil {
		http.Error(w, "the body is not the expected JSON", http.StatusBadRequest)
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	// The status has been sent, so an error cannot be reported any more.
	_ = json.NewEncoder(w).Encode(answer)
}
