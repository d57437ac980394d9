package webhook

import (
	"fmt"
	"maps"
	"time"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/redact"
)

// PaymentRequest is the payload of the payment.request events.
//
// Some deliveries have the customer's data at the top level, others in the state context. The
// session token has three names. The methods [PaymentRequest.SessionToken],
// [PaymentRequest.Customer] and [PaymentRequest.ChosenShipping] read all of these places.
type PaymentRequest struct {
	PaymentRequestID        string              `json:"payment_request_id,omitzero" wire:"show"`
	PaymentRequestReference string              `json:"payment_request_reference,omitzero"`
	State                   PaymentRequestState `json:"state,omitzero" wire:"show"`
	PreviousState           PaymentRequestState `json:"previous_state,omitzero"`
	StateReason             string              `json:"state_reason,omitzero"`
	// PaymentTransactionID is set if a payment transaction already exists.
	PaymentTransactionID string `json:"payment_transaction_id,omitzero"`
	// Amount, in minor units, and Currency are what the customer approved. If a delivery has none,
	// they are nil and "": read the payment request instead.
	Amount   *int64 `json:"amount,omitzero"`
	Currency string `json:"currency,omitzero"`
	// ExpiresAt and the other times are in UTC.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`

	KlarnaNetworkSessionToken Secret  `json:"klarna_network_session_token,omitzero"`
	InteroperabilityToken     Secret  `json:"interoperability_token,omitzero"`
	PaymentToken              Secret  `json:"payment_token,omitzero"`
	KlarnaCustomer            RawJSON `json:"klarna_customer,omitzero"`
	Shipping                  RawJSON `json:"shipping,omitzero"`

	StateContext StateContext `json:"state_context,omitzero"`

	Unknown `json:",embed"`
}

// StateContext is the part of a payment request that depends on its state.
type StateContext struct {
	KlarnaNetworkSessionToken Secret  `json:"klarna_network_session_token,omitzero"`
	InteroperabilityToken     Secret  `json:"interoperability_token,omitzero"`
	PaymentToken              Secret  `json:"payment_token,omitzero"`
	KlarnaCustomer            RawJSON `json:"klarna_customer,omitzero"`
	Shipping                  RawJSON `json:"shipping,omitzero"`

	Unknown `json:",embed"`
}

// PaymentRequestState is the state of a payment request. Unknown values are kept.
type PaymentRequestState string

// The states of a payment request.
const (
	PaymentRequestStateSubmitted  PaymentRequestState = "SUBMITTED"
	PaymentRequestStateInProgress PaymentRequestState = "IN_PROGRESS"
	PaymentRequestStateCompleted  PaymentRequestState = "COMPLETED"
	PaymentRequestStateExpired    PaymentRequestState = "EXPIRED"
	PaymentRequestStateCanceled   PaymentRequestState = "CANCELED"
	PaymentRequestStateDeclined   PaymentRequestState = "DECLINED"
)

// SessionToken returns the customer's session token, which the final authorize call needs. The
// token is set once the payment request is completed. SessionToken reads each of its names, at the
// top level and in the state context, and returns the zero [Secret] if the token is missing.
func (p *PaymentRequest) SessionToken() Secret {
	if p == nil {
		return Secret{}
	}
	return redact.FirstSecret(
		p.KlarnaNetworkSessionToken, p.StateContext.KlarnaNetworkSessionToken,
		p.InteroperabilityToken, p.StateContext.InteroperabilityToken,
		p.PaymentToken, p.StateContext.PaymentToken)
}

// Customer returns the data that the customer shared, as it came. It reads the top level and the
// state context, and returns the zero [RawJSON] if both have none.
func (p *PaymentRequest) Customer() RawJSON {
	if p == nil {
		return RawJSON{}
	}
	return redact.FirstJSON(p.KlarnaCustomer, p.StateContext.KlarnaCustomer)
}

// ChosenShipping returns the shipping that the customer chose, as it came. It reads the top level
// and the state context, and returns the zero [RawJSON] if both have none.
func (p *PaymentRequest) ChosenShipping() RawJSON {
	if p == nil {
		return RawJSON{}
	}
	return redact.FirstJSON(p.Shipping, p.StateContext.Shipping)
}

// PaymentRequest decodes the payload of a payment.request event. The error is [ErrOtherEvent] if
// the event has another type, and [ErrNoEvent] if the payload cannot be decoded.
func (e *Event) PaymentRequest() (*PaymentRequest, error) {
	if e == nil || e.request == nil || e.repeated {
		return decodePayload(e, operation.RequestEvents, (*PaymentRequest).decode)
	}
	if err := operation.CheckEvent(operation.RequestEvents, e.request, e.misfits); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrNoEvent, err)
	}
	p := *e.request
	p.Unknown = maps.Clone(p.Unknown)
	p.StateContext.Unknown = maps.Clone(p.StateContext.Unknown)
	return &p, nil
}
