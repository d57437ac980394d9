package authorization

import (
	"context"
	"time"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// PaymentRequest is a payment that the customer is asked to approve.
type PaymentRequest struct {
	// PaymentRequestID is Klarna's id of the payment request.
	PaymentRequestID string `json:"payment_request_id" wire:"show"`
	// PaymentRequestReference is the caller's reference of the payment request.
	PaymentRequestReference string `json:"payment_request_reference,omitzero"`
	// Amount is the amount that the customer approves, in minor units. It is nil if the answer has
	// none, as for a request for a customer token alone. It changes if the customer chooses another
	// shipping at Klarna.
	Amount *int64 `json:"amount,omitzero"`
	// Currency is the ISO 4217 code of the amount.
	Currency string `json:"currency,omitzero"`
	// State is the state of the payment request.
	State PaymentRequestState `json:"state" wire:"show"`
	// PreviousState is the state before State; "" if the answer has none.
	PreviousState PaymentRequestState `json:"previous_state,omitzero"`
	// StateReason is Klarna's reason for the state, such as PARTNER_CANCELED,
	// PAYMENT_REQUEST_SUBMITTED, PURCHASE_FLOW_ABORTED, TECHNICAL_ERROR or PAYMENT_DECLINED.
	StateReason string `json:"state_reason,omitzero"`
	// StateContext holds what belongs to the state, such as the URL for the customer.
	StateContext StateContext `json:"state_context,omitzero"`
	// ExpiresAt is the time at which the payment request expires, in UTC. Do not assume a default.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// CreatedAt is the time at which the payment request was created, in UTC.
	CreatedAt time.Time `json:"created_at,omitzero"`
	// UpdatedAt is the time of the last change, in UTC.
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// CanceledAt is the time at which the payment request was canceled, in UTC.
	CanceledAt time.Time `json:"canceled_at,omitzero"`
	// SupplementaryPurchaseData is Klarna's echo of the description of the purchase, unchanged.
	SupplementaryPurchaseData klarna.RawJSON `json:"supplementary_purchase_data,omitzero"`
	// CustomerInteractionConfig is Klarna's echo of the configuration, unchanged.
	CustomerInteractionConfig klarna.RawJSON `json:"customer_interaction_config,omitzero"`
	// PaymentOptionID is the id of the payment option, from the presentation.
	PaymentOptionID string `json:"payment_option_id,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
	// Raw is the body of the answer, unchanged; nil if the payment request is part of another
	// answer.
	Raw klarna.RawJSON `json:"-"`
}

// PaymentRequestState is the state of a payment request. Unknown values are kept.
type PaymentRequestState string

// The states of a payment request.
const (
	// PaymentRequestStateSubmitted means that the customer has not started, or has left Klarna and
	// can come back.
	PaymentRequestStateSubmitted PaymentRequestState = "SUBMITTED"
	// PaymentRequestStateInProgress means that the customer is at Klarna. The state returns to
	// [PaymentRequestStateSubmitted] when the customer leaves.
	PaymentRequestStateInProgress PaymentRequestState = "IN_PROGRESS"
	// PaymentRequestStateCompleted means that the customer has approved. Finalize the payment
	// within 60 minutes, or cancel it.
	PaymentRequestStateCompleted PaymentRequestState = "COMPLETED"
	// PaymentRequestStateExpired means that the customer did not approve in time.
	PaymentRequestStateExpired PaymentRequestState = "EXPIRED"
	// PaymentRequestStateCanceled means that the payment request was canceled.
	PaymentRequestStateCanceled PaymentRequestState = "CANCELED"
	// PaymentRequestStateDeclined means that the payment was declined.
	PaymentRequestStateDeclined PaymentRequestState = "DECLINED"
)

// transitions are the transitions that Klarna documents. A COMPLETED payment request can still be
// canceled.
var transitions = map[PaymentRequestState][]PaymentRequestState{
	PaymentRequestStateSubmitted:  {PaymentRequestStateInProgress, PaymentRequestStateExpired, PaymentRequestStateCanceled},
	PaymentRequestStateInProgress: {PaymentRequestStateSubmitted, PaymentRequestStateCompleted, PaymentRequestStateExpired, PaymentRequestStateCanceled, PaymentRequestStateDeclined},
	PaymentRequestStateCompleted:  {PaymentRequestStateCanceled},
	PaymentRequestStateExpired:    {},
	PaymentRequestStateCanceled:   {},
	PaymentRequestStateDeclined:   {},
}

// CanBecome reports whether a payment request in state s can be in state next later, after any
// number of transitions. It distinguishes a late event from a new one. A state that this version
// does not know can become any state, and any state can become it.
func (s PaymentRequestState) CanBecome(next PaymentRequestState) bool {
	if _, known := transitions[s]; !known {
		return true
	}
	if _, known := transitions[next]; !known {
		return true
	}
	reached := map[PaymentRequestState]bool{}
	for open := []PaymentRequestState{s}; len(open) > 0; {
		for _, to := range transitions[open[0]] {
			if !reached[to] {
				reached[to] = true
				open = append(open, to)
			}
		}
		open = open[1:]
	}
	return reached[next]
}

// Open reports whether the customer can still approve. It returns true for a state that this
// version does not know.
func (s PaymentRequestState) Open() bool {
	switch s {
	case PaymentRequestStateCompleted, PaymentRequestStateExpired, PaymentRequestStateCanceled, PaymentRequestStateDeclined:
		return false
	default:
		return true
	}
}

// StateContext holds the members of a payment request that belong to its state.
type StateContext struct {
	// CustomerInteraction says where to send the customer.
	CustomerInteraction CustomerInteraction `json:"customer_interaction,omitzero"`
	// KlarnaNetworkSessionToken is the session token of a completed payment request. Read it with
	// PaymentRequest.SessionToken, which also reads the older names.
	KlarnaNetworkSessionToken klarna.Secret `json:"klarna_network_session_token,omitzero"`
	// InteroperabilityToken is the session token under an older name.
	InteroperabilityToken klarna.Secret `json:"interoperability_token,omitzero"`
	// PaymentToken is the session token under another older name.
	PaymentToken klarna.Secret `json:"payment_token,omitzero"`
	// KlarnaCustomer is what the customer shared about themselves, unchanged.
	KlarnaCustomer klarna.RawJSON `json:"klarna_customer,omitzero"`
	// Shipping is the shipping that the customer chose, unchanged.
	Shipping klarna.RawJSON `json:"shipping,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// CustomerInteraction says where to send the customer.
type CustomerInteraction struct {
	// Method is the way in which the customer reaches Klarna.
	Method InteractionMethod `json:"method,omitzero" wire:"show"`
	// PaymentRequestID is Klarna's id of the payment request.
	PaymentRequestID string `json:"payment_request_id,omitzero" wire:"show"`
	// PaymentRequestURL is the address at which the customer approves the payment.
	PaymentRequestURL string `json:"payment_request_url,omitzero"`
	// QRCode is a code that the customer scans in a store; nil if the answer has none.
	QRCode *QRCodeImage `json:"qr_code,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// QRCodeImage is a code that the customer scans in a store.
type QRCodeImage struct {
	// ImageURL is the address of the image.
	ImageURL string `json:"image_url,omitzero"`
	// TargetURL is the address that the code contains.
	TargetURL string `json:"target_url,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// SessionToken returns the session token of a completed payment request, under any of Klarna's
// names for it. It returns the zero Secret if p is nil or has no token.
func (p *PaymentRequest) SessionToken() klarna.Secret {
	if p == nil {
		return klarna.Secret{}
	}
	return redact.FirstSecret(p.StateContext.KlarnaNetworkSessionToken, p.StateContext.InteroperabilityToken, p.StateContext.PaymentToken)
}

// GetPaymentRequest reads a payment request (GET payment/requests/{payment_request_id}). It is the
// fallback if no webhook arrives. The error is a [*klarna.Error]. It is
// [klarna.CodeResourceNotFound] if no payment request has the id.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) GetPaymentRequest(ctx context.Context, paymentRequestID string, options ...klarna.CallOption) (*PaymentRequest, error) {
	return do[PaymentRequest](ctx, c, klarna.Call{Operation: operation.PaymentRequestRead, IDs: []string{paymentRequestID}}, options)
}

// CancelPaymentRequest cancels a payment request (DELETE payment/requests/{payment_request_id}) and
// returns it in the state CANCELED. Cancel what the customer abandoned. Klarna cancels a payment
// request that is SUBMITTED or IN_PROGRESS. One part of its documentation says that it also cancels
// one that is COMPLETED and not finalized.
//
// The error is a [*klarna.Error]. It is [klarna.CodeResourceConflict] if the payment request is
// finalized or already canceled. If Klarna does not cancel one that is COMPLETED, it is
// [klarna.CodeResourceConflict] or [klarna.CodeOperationForbidden]. Read the state to find out
// which is the case.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) CancelPaymentRequest(ctx context.Context, paymentRequestID string, options ...klarna.CallOption) (*PaymentRequest, error) {
	return do[PaymentRequest](ctx, c, klarna.Call{Operation: operation.PaymentRequestCancel, IDs: []string{paymentRequestID}}, options)
}

// CreatePaymentRequest creates a payment request without an authorize call (POST payment/requests).
// The payment request is SUBMITTED. With a stored customer's token it can be COMPLETED immediately.
// The idempotency key is derived from the reference and the content, so a repeat of the same call
// within 24 hours returns the same payment request. The error is a [*klarna.Error].
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) CreatePaymentRequest(ctx context.Context, params CreatePaymentRequestParams, options ...klarna.CallOption) (*PaymentRequest, error) {
	return do[PaymentRequest](ctx, c, klarna.Call{
		Operation: operation.PaymentRequestCreate,
		Body:      wire.From(&params, (*CreatePaymentRequestParams).encode),
		Reference: params.PaymentRequestReference,
		Validate:  params.problems,
	}, options)
}

// UpdatePaymentRequest changes the members of a payment request that are set in params (PATCH
// payment/requests/{payment_request_id}). Klarna updates a payment request only while it is
// SUBMITTED.
//
// The idempotency key is random, because a caller can intend the same update twice. Use
// [klarna.WithIdempotencyKey] to repeat an update after a crash. The error is a [*klarna.Error]. It
// is [klarna.CodeResourceConflict] if the payment request is not SUBMITTED.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) UpdatePaymentRequest(ctx context.Context, paymentRequestID string, params UpdatePaymentRequestParams, options ...klarna.CallOption) (*PaymentRequest, error) {
	return do[PaymentRequest](ctx, c, klarna.Call{
		Operation: operation.PaymentRequestUpdate,
		IDs:       []string{paymentRequestID},
		Body:      wire.From(&params, (*UpdatePaymentRequestParams).encode),
		Validate:  params.problems,
	}, options)
}

func (p *PaymentRequest) setRaw(raw klarna.RawJSON) { p.Raw = raw }
