package authorization

import (
	"context"
	"time"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// PaymentTransaction is an authorized payment.
type PaymentTransaction struct {
	PaymentTransactionID        string `json:"payment_transaction_id" wire:"show"`
	PaymentTransactionReference string `json:"payment_transaction_reference,omitzero"`
	// Amount is in minor units.
	Amount   int64                   `json:"amount"`
	Currency string                  `json:"currency,omitzero"`
	State    PaymentTransactionState `json:"state,omitzero" wire:"show"`
	// ExpiresAt is in UTC.
	ExpiresAt          time.Time `json:"expires_at,omitzero"`
	SettlementCurrency string    `json:"settlement_currency,omitzero"`
	// PaymentFunding says whether Klarna has the money.
	PaymentFunding *PaymentFunding `json:"payment_funding,omitzero"`
	// PaymentPricing is as it came: Klarna's documentation does not settle its members.
	PaymentPricing klarna.RawJSON `json:"payment_pricing,omitzero"`
	// PaymentCaptures are the captures of the transaction, the one of CaptureTimingNow among them.
	PaymentCaptures []PaymentCapture `json:"payment_captures,omitzero"`

	// Unknown are members that this version has no name for.
	klarna.Unknown `json:",embed"`
	// Raw is the body as it came; nil in a transaction that is part of another answer.
	Raw klarna.RawJSON `json:"-"`
}

// PaymentFunding says whether Klarna has the money of a payment transaction.
type PaymentFunding struct {
	Type  FundingType  `json:"type,omitzero" wire:"show"`
	State FundingState `json:"state,omitzero" wire:"show"`

	klarna.Unknown `json:",embed"`
}

// FundingType says whether Klarna guarantees the money. Unknown values are kept.
type FundingType string

// The types of funding.
const (
	FundingTypeGuaranteed    FundingType = "GUARANTEED"
	FundingTypeNonGuaranteed FundingType = "NON_GUARANTEED"
)

// FundingState says whether the money has come. Unknown values are kept.
type FundingState string

// The states of funding.
const (
	FundingStatePending FundingState = "PENDING"
	FundingStateFunded  FundingState = "FUNDED"
	FundingStateExpired FundingState = "EXPIRED"
)

// PaymentTransactionState is the state of a payment transaction. Unknown values are kept.
type PaymentTransactionState string

// The states of a payment transaction.
const (
	PaymentTransactionStateAuthorized PaymentTransactionState = "AUTHORIZED"
	// PaymentTransactionStateCompleted: nothing authorized is left.
	PaymentTransactionStateCompleted PaymentTransactionState = "COMPLETED"
	// PaymentTransactionStateExpired becomes PaymentTransactionStateClosed after 7 days unless it
	// is extended.
	PaymentTransactionStateExpired PaymentTransactionState = "EXPIRED"
	PaymentTransactionStateClosed  PaymentTransactionState = "CLOSED"
)

// GetTransaction reads a payment transaction (GET payment/transactions/{payment_transaction_id}).
// Errors are *klarna.Error.
func (c *Client) GetTransaction(ctx context.Context, paymentTransactionID string, options ...klarna.CallOption) (*PaymentTransaction, error) {
	return do[PaymentTransaction](ctx, c, klarna.Call{Operation: operation.TransactionRead, IDs: []string{paymentTransactionID}}, options)
}

// UpdateTransactionParams changes the members that it has.
type UpdateTransactionParams struct {
	PaymentTransactionReference string                     `json:"payment_transaction_reference,omitzero" wire:"show"`
	SupplementaryPurchaseData   *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`

	klarna.Unknown `json:",embed"`
}

// UpdateTransaction changes a payment transaction (PATCH
// payment/transactions/{payment_transaction_id}). Its idempotency key is random, because the same
// update may be meant twice: to repeat one after a crash, give klarna.WithIdempotencyKey. Errors
// are *klarna.Error.
func (c *Client) UpdateTransaction(ctx context.Context, paymentTransactionID string, params UpdateTransactionParams, options ...klarna.CallOption) (*PaymentTransaction, error) {
	call := klarna.Call{Operation: operation.TransactionUpdate, IDs: []string{paymentTransactionID}}
	call.Body = wire.From(&params, (*UpdateTransactionParams).encode)
	call.Validate = func() []klarna.ValidationError {
		var p problems
		p.optionalReference("payment_transaction_reference", params.PaymentTransactionReference)
		return p.List
	}
	return do[PaymentTransaction](ctx, c, call, options)
}

// VoidTransaction releases what is authorized and not captured (POST
// payment/transactions/{payment_transaction_id}/void). The idempotency key is derived from the
// transaction, so repeating it is safe. Errors are *klarna.Error.
func (c *Client) VoidTransaction(ctx context.Context, paymentTransactionID string, options ...klarna.CallOption) (*PaymentTransaction, error) {
	call := klarna.Call{Operation: operation.TransactionVoid, IDs: []string{paymentTransactionID}}
	call.Reference = paymentTransactionID
	return do[PaymentTransaction](ctx, c, call, options)
}

// ExtendTransactionParams make an authorization last longer, or larger.
type ExtendTransactionParams struct {
	ExtensionDays int `json:"extension_days,omitzero" wire:"show"`
	// Amount is in minor units.
	Amount                    *int64                     `json:"amount,omitzero"`
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`

	klarna.Unknown `json:",embed"`
}

// ExtendTransaction extends an authorization (POST
// payment/transactions/{payment_transaction_id}/authorize). Klarna gives an extension no reference
// of the caller's, so its idempotency key is random: to repeat one after a crash without extending
// twice, give klarna.WithIdempotencyKey. Errors are *klarna.Error.
func (c *Client) ExtendTransaction(ctx context.Context, paymentTransactionID string, params ExtendTransactionParams, options ...klarna.CallOption) (*PaymentTransaction, error) {
	call := klarna.Call{Operation: operation.TransactionExtend, IDs: []string{paymentTransactionID}}
	call.Body = wire.From(&params, (*ExtendTransactionParams).encode)
	call.Validate = func() []klarna.ValidationError {
		var p problems
		if params.ExtensionDays < 0 {
			p.Add("extension_days", "is negative")
		}
		if params.Amount != nil {
			p.Amount("amount", *params.Amount)
		}
		return p.List
	}
	return do[PaymentTransaction](ctx, c, call, options)
}

// answer is a place for the answer to a call.
type answer[T any] interface {
	*T
	decode(*wire.Reader) bool
	keep(klarna.RawJSON)
}

// do makes a call whose answer is a T that keeps its raw body.
func do[T any, P answer[T]](ctx context.Context, c *Client, call klarna.Call, options []klarna.CallOption) (*T, error) {
	value := new(T)
	raw, err := c.send(ctx, call, wire.Into(value, func(v *T, r *wire.Reader) bool { return P(v).decode(r) }), options)
	if err != nil {
		return nil, err
	}
	P(value).keep(raw)
	return value, nil
}

func (t *PaymentTransaction) keep(raw klarna.RawJSON) { t.Raw = raw }
