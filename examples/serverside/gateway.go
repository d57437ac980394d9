package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/presentation"
	"github.com/klarna-go/klarna-go/webhook"
)

// gateway is the Acquiring Partner: it takes payments for Partners and calls Klarna for them. The
// coordinator keeps the payments, also when the gateway crashes.
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
	// unclear: money may have moved, and a person looks into it. The customer must not be asked to
	// pay again.
	unclear status = "unclear"
	// done and refused are statuses of operations.
	done    status = "done"
	refused status = "refused"
)

// statuses are a payment's, as the Partner sees them. A purchase in another state is pending.
var statuses = map[flow.State]status{
	flow.StateAuthorized: approved,
	flow.StateDeclined:   declined,
	flow.StateCanceled:   canceled,
	flow.StateExpired:    expired,
	flow.StateRejected:   failed,
	flow.StateUnknown:    unclear,
}

// operationStatuses are an operation's, as the Partner sees them. Any other state is pending.
var operationStatuses = map[flow.OperationState]status{
	flow.OperationStateDone:    done,
	flow.OperationStateRefused: refused,
	flow.OperationStateUnknown: unclear,
}

// newGateway returns the gateway of a Partner account. Without a verifier it takes no webhooks.
func newGateway(
	client *klarna.Client, account string, coordinator *flow.Coordinator, verifier *webhook.Verifier, failed func(error),
) (*gateway, error) {
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
	g.mux.HandleFunc("POST /payments/{id}/captures", g.capture)
	g.mux.HandleFunc("POST /payments/{id}/refunds", g.refund)
	g.mux.HandleFunc("POST /payments/{id}/voids", g.void)
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
	// Reference is the Partner's order number. It makes a repeated request the same payment.
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

// answer writes how a payment stands. If Klarna could not be asked, it says so and not why.
func (g *gateway) answer(w http.ResponseWriter, p *flow.Status, err error) {
	if errors.Is(err, flow.ErrRejected) {
		g.failed(err)
		err = nil // it is how the payment ended, and a repeat does not change it
	}
	switch {
	case errors.Is(err, flow.ErrNotFound):
		http.Error(w, "no such payment", http.StatusNotFound)
	case errors.Is(err, flow.ErrInvalidPurchase):
		g.failed(err)
		http.Error(w, "the payment is invalid", http.StatusBadRequest)
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

type operationRequest struct {
	// ID is the Partner's, of a parcel or a return. It makes a repeated request the same operation.
	ID     string     `json:"operation_id"`
	Amount int64      `json:"amount,omitempty"`
	Lines  []cartLine `json:"lines,omitempty"`
	// Capture is the ID of the capture that a refund gives back.
	Capture string `json:"capture_id,omitempty"`
}

type operationAnswer struct {
	ID     string             `json:"operation_id"`
	Kind   flow.OperationKind `json:"kind"`
	Amount int64              `json:"amount"`
	Status status             `json:"status"`
	// Reason is Klarna's code where the operation is refused.
	Reason string `json:"reason,omitempty"`
}

// capture takes the money for a parcel that is shipped.
func (g *gateway) capture(w http.ResponseWriter, r *http.Request) {
	var in operationRequest
	if !readJSON(w, r, &in) {
		return
	}
	o, err := g.coordinator.Capture(r.Context(), r.PathValue("id"), flow.CaptureParams{
		ID: in.ID, Amount: in.Amount,
		SupplementaryCaptureData: &authorization.SupplementaryCaptureData{LineItems: lineItems(in.Lines)},
	})
	g.answerOperation(w, o, err)
}

// refund gives back the money of a capture, or a part of it.
func (g *gateway) refund(w http.ResponseWriter, r *http.Request) {
	var in operationRequest
	if !readJSON(w, r, &in) {
		return
	}
	o, err := g.coordinator.Refund(r.Context(), r.PathValue("id"), flow.RefundParams{
		ID: in.ID, CaptureID: in.Capture, Amount: in.Amount,
	})
	g.answerOperation(w, o, err)
}

// void releases what is authorized and not captured.
func (g *gateway) void(w http.ResponseWriter, r *http.Request) {
	var in operationRequest
	if !readJSON(w, r, &in) {
		return
	}
	o, err := g.coordinator.Void(r.Context(), r.PathValue("id"), flow.VoidParams{ID: in.ID})
	g.answerOperation(w, o, err)
}

// answerOperation writes how an operation stands. One that is recorded is answered also if the call
// to Klarna failed: it is pending, recovery repeats the call, and a notification has the result.
func (g *gateway) answerOperation(w http.ResponseWriter, o *flow.Operation, err error) {
	if err != nil {
		g.failed(err)
	}
	switch {
	case o != nil:
		writeJSON(w, operationOf(o))
	case errors.Is(err, flow.ErrNotFound):
		http.Error(w, "no such payment", http.StatusNotFound)
	case errors.Is(err, flow.ErrInvalidOperation):
		http.Error(w, "the operation is invalid", http.StatusBadRequest)
	case errors.Is(err, flow.ErrOtherOperation), errors.Is(err, flow.ErrImpossible):
		http.Error(w, "the payment does not allow this operation", http.StatusConflict)
	default:
		http.Error(w, "the operation could not be recorded; repeat it", http.StatusBadGateway)
	}
}

func operationOf(o *flow.Operation) *operationAnswer {
	answer := &operationAnswer{ID: o.ID, Kind: o.Kind, Amount: o.Amount, Status: pending, Reason: o.Reason}
	if s, ok := operationStatuses[o.State]; ok {
		answer.Status = s
	}
	return answer
}

// notification informs the Partner of the result of a payment, or of one of its operations.
type notification struct {
	// ID is the same each time that this notification is sent.
	ID        string           `json:"notification_id"`
	PaymentID string           `json:"payment_id"`
	Status    status           `json:"status,omitempty"`
	Operation *operationAnswer `json:"operation,omitempty"`
}

// reportTo returns the coordinator's report: it passes results on with notify. If that fails, the
// coordinator repeats the report.
func reportTo(notify func(context.Context, notification) error) func(context.Context, flow.Transition) error {
	return func(ctx context.Context, t flow.Transition) error {
		n := notification{ID: t.ID, PaymentID: t.Status.ID, Status: statuses[t.To]}
		if t.Operation != nil {
			n.Operation = operationOf(t.Operation)
		}
		if n.Status == "" && n.Operation == nil {
			return nil // the payment has no result yet
		}
		return notify(ctx, n)
	}
}

// notifyAt returns a function that posts notifications to a Partner's URL.
func notifyAt(client *http.Client, url string) func(context.Context, notification) error {
	return func(ctx context.Context, n notification) error {
		body, err := json.Marshal(n)
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusNoContent {
			return fmt.Errorf("the Partner answered %s", response.Status)
		}
		return nil
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
