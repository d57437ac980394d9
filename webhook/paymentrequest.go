package webhook

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/strictjson"
)

// PaymentRequest is the payload of the payment.request events.
type PaymentRequest struct {
	PaymentRequestID        string `json:"payment_request_id"`
	PaymentRequestReference string `json:"payment_request_reference"`
	// State is SUBMITTED, IN_PROGRESS, COMPLETED, EXPIRED, CANCELED, DECLINED or another.
	State         string `json:"state"`
	PreviousState string `json:"previous_state"`
	StateReason   string `json:"state_reason"`
	// PaymentTransactionID is there where a transaction was made already.
	PaymentTransactionID string `json:"payment_transaction_id"`
	// Amount, in minor units, and Currency are what the customer approved. They are missing from some deliveries: nil and
	// "" then, and the payment request has to be read.
	Amount    *int64    `json:"amount"`
	Currency  string    `json:"currency"`
	ExpiresAt time.Time `json:"expires_at"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`

	// SessionToken is the customer's klarna_network_session_token, which the final authorize call needs. It is there when the payment
	// request is completed, wherever the delivery has it and whatever it calls it.
	SessionToken Secret `json:"-"`
	// KlarnaCustomer and Shipping are what the customer shared, as it came; nil where there is none.
	KlarnaCustomer RawJSON `json:"-"`
	Shipping       RawJSON `json:"-"`

	Unknown Fields `json:",embed"`
}

// PaymentRequest decodes the payload of a payment.request event. The error is ErrOtherEvent for an event of
// another type, and ErrNoEvent for a payload that cannot be read.
func (e *Event) PaymentRequest() (*PaymentRequest, error) {
	// Klarna's texts and the published integrations differ in where these stand, so both places are read; and in what
	// the token is called, so all names are, newest first.
	type wandering struct {
		SessionToken          Secret  `json:"klarna_network_session_token"`
		InteroperabilityToken Secret  `json:"interoperability_token"`
		PaymentToken          Secret  `json:"payment_token"`
		KlarnaCustomer        RawJSON `json:"klarna_customer"`
		Shipping              RawJSON `json:"shipping"`
	}
	type whole struct {
		PaymentRequest
		wandering
		StateContext RawJSON `json:"state_context"`
	}
	payload, misfits, err := decodePayload[whole](e, "payment.request.", "payment_request_id")
	if err != nil {
		return nil, err
	}
	top := payload.wandering
	context, _, err := strictjson.UnmarshalMembers[wandering](payload.StateContext)
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrNoEvent, err)
	}
	p := &payload.PaymentRequest
	p.Unknown = redact.Merge(p.Unknown, misfits)
	for _, token := range []Secret{
		top.SessionToken, context.SessionToken,
		top.InteroperabilityToken, context.InteroperabilityToken,
		top.PaymentToken, context.PaymentToken,
	} {
		if !token.IsZero() {
			p.SessionToken = token
			break
		}
	}
	p.KlarnaCustomer = firstJSON(top.KlarnaCustomer, context.KlarnaCustomer)
	p.Shipping = firstJSON(top.Shipping, context.Shipping)
	return p, nil
}

func firstJSON(candidates ...RawJSON) RawJSON {
	for _, c := range candidates {
		if len(c) > 0 && string(c) != "null" {
			return c
		}
	}
	return nil
}

// Format writes id and state, whatever the verb.
func (p PaymentRequest) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns what Format writes.
func (p PaymentRequest) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p *PaymentRequest) describe() string {
	return fmt.Sprintf("webhook.PaymentRequest{%s %s}", p.PaymentRequestID, p.State)
}
