package authorization

import (
	"context"
	"time"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// PaymentRequest is what the customer is asked to approve.
type PaymentRequest struct {
	PaymentRequestID        string `json:"payment_request_id" wire:"show"`
	PaymentRequestReference string `json:"payment_request_reference,omitzero"`
	// Amount is what the customer approves, in minor units; nil where the answer has none, as of a
	// request for a customer token alone. It can change when the customer chooses the shipping.
	Amount        *int64              `json:"amount,omitzero"`
	Currency      string              `json:"currency,omitzero"`
	State         PaymentRequestState `json:"state" wire:"show"`
	PreviousState PaymentRequestState `json:"previous_state,omitzero"`
	// StateReason is PARTNER_CANCELED, PURCHASE_FLOW_ABORTED, TECHNICAL_ERROR or another.
	StateReason  string       `json:"state_reason,omitzero"`
	StateContext StateContext `json:"state_context,omitzero"`
	// ExpiresAt and the other times are in UTC. Trust it rather than a default life.
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	CreatedAt  time.Time `json:"created_at,omitzero"`
	UpdatedAt  time.Time `json:"updated_at,omitzero"`
	CanceledAt time.Time `json:"canceled_at,omitzero"`
	// SupplementaryPurchaseData and CustomerInteractionConfig are Klarna's echo of what was sent, as
	// it came.
	SupplementaryPurchaseData klarna.RawJSON `json:"supplementary_purchase_data,omitzero"`
	CustomerInteractionConfig klarna.RawJSON `json:"customer_interaction_config,omitzero"`
	PaymentOptionID           string         `json:"payment_option_id,omitzero"`

	// Unknown are members that this version has no name for.
	klarna.Unknown `json:",embed"`
	// Raw is the body as it came; nil in a payment request that is part of another answer.
	Raw klarna.RawJSON `json:"-"`
}

// PaymentRequestState is the state of a payment request. Unknown values are kept.
type PaymentRequestState string

// The states of a payment request.
const (
	PaymentRequestStateSubmitted PaymentRequestState = "SUBMITTED"
	// PaymentRequestStateInProgress: the customer is at Klarna. It goes back to
	// PaymentRequestStateSubmitted when the customer leaves and may come back.
	PaymentRequestStateInProgress PaymentRequestState = "IN_PROGRESS"
	// PaymentRequestStateCompleted: the customer has approved. Finalize within 60 minutes, or
	// cancel.
	PaymentRequestStateCompleted PaymentRequestState = "COMPLETED"
	PaymentRequestStateExpired   PaymentRequestState = "EXPIRED"
	PaymentRequestStateCanceled  PaymentRequestState = "CANCELED"
	PaymentRequestStateDeclined  PaymentRequestState = "DECLINED"
)

// transitions are the ways from state to state, as Klarna documents them. From COMPLETED the caller
// can still cancel.
var transitions = map[PaymentRequestState][]PaymentRequestState{
	PaymentRequestStateSubmitted:  {PaymentRequestStateInProgress, PaymentRequestStateExpired, PaymentRequestStateCanceled},
	PaymentRequestStateInProgress: {PaymentRequestStateSubmitted, PaymentRequestStateCompleted, PaymentRequestStateExpired, PaymentRequestStateCanceled, PaymentRequestStateDeclined},
	PaymentRequestStateCompleted:  {PaymentRequestStateCanceled},
	PaymentRequestStateExpired:    {},
	PaymentRequestStateCanceled:   {},
	PaymentRequestStateDeclined:   {},
}

// CanBecome reports whether a payment request in state s may be seen in state next later, after any
// number of steps. It is how to tell a late event from news. A state that this version does not
// know may become any, and any may become it.
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

// Open reports whether the customer can still approve. A state that this version does not know is
// taken as open.
func (s PaymentRequestState) Open() bool {
	switch s {
	case PaymentRequestStateCompleted, PaymentRequestStateExpired, PaymentRequestStateCanceled, PaymentRequestStateDeclined:
		return false
	default:
		return true
	}
}

// StateContext is what belongs to the state.
type StateContext struct {
	CustomerInteraction CustomerInteraction `json:"customer_interaction,omitzero"`
	// KlarnaNetworkSessionToken is there once the payment request is completed; the two others are its
	// older names. The method SessionToken of PaymentRequest reads whichever came.
	KlarnaNetworkSessionToken klarna.Secret `json:"klarna_network_session_token,omitzero"`
	InteroperabilityToken     klarna.Secret `json:"interoperability_token,omitzero"`
	PaymentToken              klarna.Secret `json:"payment_token,omitzero"`
	// KlarnaCustomer and Shipping are what the customer shared, as it came.
	KlarnaCustomer klarna.RawJSON `json:"klarna_customer,omitzero"`
	Shipping       klarna.RawJSON `json:"shipping,omitzero"`

	klarna.Unknown `json:",embed"`
}

// CustomerInteraction is how the customer gets to Klarna.
type CustomerInteraction struct {
	Method            InteractionMethod `json:"method,omitzero" wire:"show"`
	PaymentRequestID  string            `json:"payment_request_id,omitzero" wire:"show"`
	PaymentRequestURL string            `json:"payment_request_url,omitzero"`
	// QRCode is for a store.
	QRCode *QRCodeImage `json:"qr_code,omitzero"`

	klarna.Unknown `json:",embed"`
}

// QRCodeImage is a code to scan in a store.
type QRCodeImage struct {
	ImageURL  string `json:"image_url,omitzero"`
	TargetURL string `json:"target_url,omitzero"`

	klarna.Unknown `json:",embed"`
}

// SessionToken returns the customer's session token, whichever of its names Klarna used; zero where
// there is none. It may be called on nil.
func (p *PaymentRequest) SessionToken() klarna.Secret {
	if p == nil {
		return klarna.Secret{}
	}
	return redact.FirstSecret(p.StateContext.KlarnaNetworkSessionToken, p.StateContext.InteroperabilityToken, p.StateContext.PaymentToken)
}

// GetPaymentRequest reads a payment request (GET payment/requests/{payment_request_id}): the
// fallback where no webhook came. Errors are *klarna.Error, with CodeResourceNotFound where there
// is none of that id.
func (c *Client) GetPaymentRequest(ctx context.Context, paymentRequestID string, options ...klarna.CallOption) (*PaymentRequest, error) {
	return do[PaymentRequest](ctx, c, klarna.Call{Operation: operation.PaymentRequestRead, IDs: []string{paymentRequestID}}, options)
}

// CancelPaymentRequest cancels what the customer abandoned (DELETE
// payment/requests/{payment_request_id}): from SUBMITTED or IN_PROGRESS, and from COMPLETED until
// it is finalized. It returns the payment request, now CANCELED. Errors are *klarna.Error, with
// CodeResourceConflict where it is too late, or canceled already: read the state to know which.
func (c *Client) CancelPaymentRequest(ctx context.Context, paymentRequestID string, options ...klarna.CallOption) (*PaymentRequest, error) {
	return do[PaymentRequest](ctx, c, klarna.Call{Operation: operation.PaymentRequestCancel, IDs: []string{paymentRequestID}}, options)
}

// CreatePaymentRequest creates a payment request apart from an authorize call (POST
// payment/requests). It starts as SUBMITTED, or as COMPLETED at once with a stored customer's
// token. The idempotency key is derived from the reference and the content. Errors are
// *klarna.Error.
func (c *Client) CreatePaymentRequest(ctx context.Context, params CreatePaymentRequestParams, options ...klarna.CallOption) (*PaymentRequest, error) {
	return do[PaymentRequest](ctx, c, klarna.Call{
		Operation: operation.PaymentRequestCreate,
		Body:      wire.From(&params, (*CreatePaymentRequestParams).encode),
		Reference: params.PaymentRequestReference,
		Validate:  params.problems,
	}, options)
}

// UpdatePaymentRequest changes what params name and nothing else (PATCH
// payment/requests/{payment_request_id}), only while the payment request is SUBMITTED. Its
// idempotency key is random, because the same update may be meant twice: to repeat one after a
// crash, give klarna.WithIdempotencyKey. Errors are *klarna.Error, with CodeResourceConflict in
// another state.
func (c *Client) UpdatePaymentRequest(ctx context.Context, paymentRequestID string, params UpdatePaymentRequestParams, options ...klarna.CallOption) (*PaymentRequest, error) {
	return do[PaymentRequest](ctx, c, klarna.Call{
		Operation: operation.PaymentRequestUpdate,
		IDs:       []string{paymentRequestID},
		Body:      wire.From(&params, (*UpdatePaymentRequestParams).encode),
		Validate:  params.problems,
	}, options)
}

func (p *PaymentRequest) keep(raw klarna.RawJSON) { p.Raw = raw }
