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
	// PaymentTransactionID is Klarna's id of the transaction.
	PaymentTransactionID string `json:"payment_transaction_id" wire:"show"`
	// PaymentTransactionReference is the caller's reference of the transaction.
	PaymentTransactionReference string `json:"payment_transaction_reference,omitzero"`
	// Amount is the authorized amount, in minor units.
	Amount int64 `json:"amount"`
	// Currency is the ISO 4217 code of the amount.
	Currency string `json:"currency,omitzero"`
	// State is the state of the transaction.
	State PaymentTransactionState `json:"state,omitzero" wire:"show"`
	// ExpiresAt is the time at which the authorization expires, in UTC.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// SettlementCurrency is the ISO 4217 code of the currency that Klarna settles in.
	SettlementCurrency string `json:"settlement_currency,omitzero"`
	// PaymentFunding is the state of the funding; nil if the answer has none.
	PaymentFunding *PaymentFunding `json:"payment_funding,omitzero"`
	// PaymentPricing is unchanged JSON, because Klarna's documentation does not list its members.
	PaymentPricing klarna.RawJSON `json:"payment_pricing,omitzero"`
	// PaymentCaptures are the captures of the transaction, including the one that CaptureTimingNow
	// makes.
	PaymentCaptures []PaymentCapture `json:"payment_captures,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
	// Raw is the body of the answer, unchanged. It is zero if the transaction is part of another
	// answer.
	Raw klarna.RawJSON `json:"-"`
}

// PaymentFunding is the state of the funding of a payment transaction. Klarna's documentation lists
// the values of its members and does not explain them.
type PaymentFunding struct {
	// Type says whether the funding is guaranteed.
	Type FundingType `json:"type,omitzero" wire:"show"`
	// State is the state of the funding.
	State FundingState `json:"state,omitzero" wire:"show"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// FundingType says whether the funding is guaranteed. Unknown values are kept.
type FundingType string

// The types of funding.
const (
	FundingTypeGuaranteed    FundingType = "GUARANTEED"
	FundingTypeNonGuaranteed FundingType = "NON_GUARANTEED"
)

// FundingState is the state of the funding of a payment transaction. Unknown values are kept.
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
	// PaymentTransactionStateAuthorized means that an amount is authorized and can be captured.
	PaymentTransactionStateAuthorized PaymentTransactionState = "AUTHORIZED"
	// PaymentTransactionStateCompleted means that no authorized amount is left.
	PaymentTransactionStateCompleted PaymentTransactionState = "COMPLETED"
	// PaymentTransactionStateExpired means that the authorization has expired. Without an extension
	// the state becomes [PaymentTransactionStateClosed] after 7 days, or
	// [PaymentTransactionStateCompleted] if a part was captured.
	PaymentTransactionStateExpired PaymentTransactionState = "EXPIRED"
	// PaymentTransactionStateClosed means that the authorization expired and was not extended.
	PaymentTransactionStateClosed PaymentTransactionState = "CLOSED"
)

// GetTransaction reads a payment transaction (GET payment/transactions/{payment_transaction_id}).
// The error is a [*klarna.Error]. It is [klarna.CodeResourceNotFound] if no transaction has the id.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) GetTransaction(ctx context.Context, paymentTransactionID string, options ...klarna.CallOption) (*PaymentTransaction, error) {
	return do[PaymentTransaction](ctx, c, klarna.Call{Operation: operation.TransactionRead, IDs: []string{paymentTransactionID}}, options)
}

// UpdateTransactionParams are the input of [Client.UpdateTransaction]. Fields that are empty or nil
// are not sent and change nothing.
type UpdateTransactionParams struct {
	// PaymentTransactionReference is the caller's new reference, at most 255 characters.
	PaymentTransactionReference string `json:"payment_transaction_reference,omitzero" wire:"show"`
	// SupplementaryPurchaseData is the new description of the purchase.
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// UpdateTransaction changes a payment transaction (PATCH
// payment/transactions/{payment_transaction_id}). Its idempotency key is random, because a
// caller can intend the same update twice. Errors are [*klarna.Error].
//
// To repeat it safely, store the whole request with a key of its own before the first call, and
// pass the key with [klarna.WithIdempotencyKey]. Or store what [Client.PrepareUpdateTransaction]
// returns.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) UpdateTransaction(ctx context.Context, paymentTransactionID string, params UpdateTransactionParams, options ...klarna.CallOption) (*PaymentTransaction, error) {
	return do[PaymentTransaction](ctx, c, updateTransactionCall(paymentTransactionID, &params), options)
}

// VoidTransaction releases what is authorized and not captured (POST
// payment/transactions/{payment_transaction_id}/void). The idempotency key is derived from the
// transaction. Errors are [*klarna.Error].
//
// To repeat it safely, make the same call within 24 hours; after that read the transaction's state
// first.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) VoidTransaction(ctx context.Context, paymentTransactionID string, options ...klarna.CallOption) (*PaymentTransaction, error) {
	call := klarna.Call{Operation: operation.TransactionVoid, IDs: []string{paymentTransactionID}}
	call.Reference = paymentTransactionID
	return do[PaymentTransaction](ctx, c, call, options)
}

// ExtendTransactionParams are the input of [Client.ExtendTransaction]. Fields that are zero are not
// sent.
type ExtendTransactionParams struct {
	// ExtensionDays is the number of days by which the authorization is extended.
	ExtensionDays int `json:"extension_days,omitzero" wire:"show"`
	// Amount is in minor units. Klarna's documentation does not say whether it is added to the
	// authorized amount or replaces it.
	Amount *int64 `json:"amount,omitzero"`
	// SupplementaryPurchaseData describes the purchase.
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// ExtendTransaction extends an authorization (POST
// payment/transactions/{payment_transaction_id}/authorize). Klarna gives an extension no reference
// of the caller's, so its idempotency key is random. Errors are [*klarna.Error].
//
// To repeat it safely, store the whole request with a key of its own before the first call, and
// pass the key with [klarna.WithIdempotencyKey]. Or store what [Client.PrepareExtendTransaction]
// returns. A repeat with another key extends twice.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) ExtendTransaction(ctx context.Context, paymentTransactionID string, params ExtendTransactionParams, options ...klarna.CallOption) (*PaymentTransaction, error) {
	return do[PaymentTransaction](ctx, c, extendCall(paymentTransactionID, &params), options)
}

// answer is a pointer to a type that an answer is decoded into.
type answer[T any] interface {
	*T
	decode(*wire.Reader) bool
	setRaw(klarna.RawJSON)
}

// do makes a call and decodes its answer into a T, which keeps the raw body.
func do[T any, P answer[T]](ctx context.Context, c *Client, call klarna.Call, options []klarna.CallOption) (*T, error) {
	value := new(T)
	raw, err := c.send(ctx, call, wire.Into(value, func(v *T, r *wire.Reader) bool { return P(v).decode(r) }), options)
	if err != nil {
		return nil, err
	}
	P(value).setRaw(raw)
	return value, nil
}

func (t *PaymentTransaction) setRaw(raw klarna.RawJSON) { t.Raw = raw }
