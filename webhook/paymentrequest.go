package webhook

import (
	"fmt"
	"log/slog"
	"maps"
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
	// KlarnaCustomer and Shipping are what the customer shared, as it came, parts of the event's Payload; nil where there is none.
	KlarnaCustomer RawJSON `json:"-"`
	Shipping       RawJSON `json:"-"`

	Unknown Fields `json:",embed"`
}

// PaymentRequest decodes the payload of a payment.request event. The error is ErrOtherEvent for an event of
// another type, and ErrNoEvent for a payload that cannot be read.
func (e *Event) PaymentRequest() (*PaymentRequest, error) {
	if err := e.isOf(paymentRequests); err != nil {
		return nil, err
	}
	if e.request != nil {
		p := *e.request
		p.Unknown = maps.Clone(p.Unknown)
		return &p, nil
	}
	p := new(PaymentRequest)
	if err := strictjson.Read(e.Payload, p.readJSON); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrNoEvent, err)
	}
	return p, nil
}

const (
	paymentRequests  = "payment.request."
	paymentRequestID = "payment_request_id"
)

func (p *PaymentRequest) readJSON(r *strictjson.Reader) (fits bool) {
	var top, context wandering
	if !r.Members(func(name []byte) bool {
		if string(name) == "state_context" {
			return r.Members(func(name []byte) bool { return context.read(r, name) || r.Skip() }) || r.Skip()
		}
		// The id must fit. Another member of an unexpected shape must cost no other, so it is as unknown as one of a new name.
		return p.read(r, name) || string(name) != paymentRequestID && (top.read(r, name) || r.Keep(&p.Unknown, name))
	}) {
		return false
	}
	for _, token := range [...]Secret{
		top.sessionToken, context.sessionToken,
		top.interoperabilityToken, context.interoperabilityToken,
		top.paymentToken, context.paymentToken,
	} {
		if !token.IsZero() {
			p.SessionToken = token
			break
		}
	}
	p.KlarnaCustomer = firstJSON(top.klarnaCustomer, context.klarnaCustomer)
	p.Shipping = firstJSON(top.shipping, context.shipping)
	return true
}

// read reads the member of that name.
func (p *PaymentRequest) read(r *strictjson.Reader, name []byte) (fits bool) {
	switch string(name) {
	case paymentRequestID:
		return strictjson.Text(r, &p.PaymentRequestID)
	case "payment_request_reference":
		return strictjson.Text(r, &p.PaymentRequestReference)
	case "state":
		return strictjson.Text(r, &p.State)
	case "previous_state":
		return strictjson.Text(r, &p.PreviousState)
	case "state_reason":
		return strictjson.Text(r, &p.StateReason)
	case "payment_transaction_id":
		return strictjson.Text(r, &p.PaymentTransactionID)
	case "amount":
		return strictjson.New(r, &p.Amount, r.Int)
	case "currency":
		return strictjson.Text(r, &p.Currency)
	case "expires_at":
		return r.Time(&p.ExpiresAt)
	case "created_at":
		return r.Time(&p.CreatedAt)
	case "updated_at":
		return r.Time(&p.UpdatedAt)
	default:
		return false
	}
}

// wandering are the members whose place Klarna's texts and the published integrations do not agree on, so both places are read; nor on the
// name of the token, so all of its names are, newest first.
type wandering struct {
	sessionToken          Secret
	interoperabilityToken Secret
	paymentToken          Secret
	klarnaCustomer        RawJSON
	shipping              RawJSON
}

func (w *wandering) read(r *strictjson.Reader, name []byte) (fits bool) {
	switch string(name) {
	case "klarna_network_session_token":
		return r.Secret(&w.sessionToken)
	case "interoperability_token":
		return r.Secret(&w.interoperabilityToken)
	case "payment_token":
		return r.Secret(&w.paymentToken)
	case "klarna_customer":
		return r.Raw(&w.klarnaCustomer)
	case "shipping":
		return r.Raw(&w.shipping)
	default:
		return false
	}
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
