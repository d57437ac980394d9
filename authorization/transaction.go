package authorization

import (
	"context"
	"net/http"
	"time"

	"github.com/klarna-go/klarna-go/klarna"
)

// PaymentTransaction is an authorized payment.
type PaymentTransaction struct {
	PaymentTransactionID        string `json:"payment_transaction_id"`
	PaymentTransactionReference string `json:"payment_transaction_reference,omitzero"`
	// Amount is in minor units.
	Amount   int64            `json:"amount"`
	Currency string           `json:"currency,omitzero"`
	State    TransactionState `json:"state,omitzero"`
	// ExpiresAt is in UTC.
	ExpiresAt          time.Time `json:"expires_at,omitzero"`
	SettlementCurrency string    `json:"settlement_currency,omitzero"`
	// PaymentFunding, PaymentPricing and PaymentCaptures are as they came: Klarna's texts do not settle their shape.
	PaymentFunding  klarna.RawJSON `json:"payment_funding,omitzero"`
	PaymentPricing  klarna.RawJSON `json:"payment_pricing,omitzero"`
	PaymentCaptures klarna.RawJSON `json:"payment_captures,omitzero"`

	// Unknown are members that this version has no name for.
	Unknown klarna.Fields `json:",embed"`
	// Raw is the body as it came; nil in a transaction that is part of another answer.
	Raw klarna.RawJSON `json:"-"`
}

// TransactionState is the state of a payment transaction. Unknown values are kept.
type TransactionState string

// The states of a payment transaction.
const (
	TransactionAuthorized TransactionState = "AUTHORIZED"
	// TransactionCompleted: nothing authorized is left.
	TransactionCompleted TransactionState = "COMPLETED"
	// TransactionExpired becomes TransactionClosed after 7 days unless it is extended.
	TransactionExpired TransactionState = "EXPIRED"
	TransactionClosed  TransactionState = "CLOSED"
)

// ReadTransaction reads a payment transaction (GET payment/transactions/{payment_transaction_id}). Errors are *klarna.Error.
func (c *Client) ReadTransaction(ctx context.Context, paymentTransactionID string, options ...klarna.CallOption) (*PaymentTransaction, error) {
	return do[PaymentTransaction](ctx, c, transactionCall("read", http.MethodGet, "", paymentTransactionID), options)
}

// TransactionUpdate changes the members that it has.
type TransactionUpdate struct {
	PaymentTransactionReference string                     `json:"payment_transaction_reference,omitzero"`
	SupplementaryPurchaseData   *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`

	Unknown klarna.Fields `json:",embed"`
}

// UpdateTransaction changes a payment transaction (PATCH payment/transactions/{payment_transaction_id}). Its idempotency key is random,
// because the same update may be meant twice: to repeat one after a crash, give klarna.WithIdempotencyKey. Errors are
// *klarna.Error.
func (c *Client) UpdateTransaction(ctx context.Context, paymentTransactionID string, update TransactionUpdate, options ...klarna.CallOption) (*PaymentTransaction, error) {
	call := transactionCall("update", http.MethodPatch, "", paymentTransactionID)
	call.Body = &update
	call.Validate = func() []klarna.ValidationError {
		var p problems
		p.optionalReference("payment_transaction_reference", update.PaymentTransactionReference)
		return p
	}
	return do[PaymentTransaction](ctx, c, call, options)
}

// VoidTransaction releases what is authorized and not captured (POST payment/transactions/{payment_transaction_id}/void). The
// idempotency key is derived from the transaction, so repeating it is safe. Errors are *klarna.Error.
func (c *Client) VoidTransaction(ctx context.Context, paymentTransactionID string, options ...klarna.CallOption) (*PaymentTransaction, error) {
	call := transactionCall("void", http.MethodPost, "/void", paymentTransactionID)
	call.Reference = paymentTransactionID
	return do[PaymentTransaction](ctx, c, call, options)
}

// Extension makes an authorization last longer, or larger.
type Extension struct {
	ExtensionDays int `json:"extension_days,omitzero"`
	// Amount is in minor units.
	Amount                    *int64                     `json:"amount,omitzero"`
	SupplementaryPurchaseData *SupplementaryPurchaseData `json:"supplementary_purchase_data,omitzero"`

	Unknown klarna.Fields `json:",embed"`
}

// ExtendTransaction extends an authorization (POST payment/transactions/{payment_transaction_id}/authorize). Klarna gives an extension
// no reference of the caller's, so its idempotency key is random: to repeat one after a crash without extending twice, give
// klarna.WithIdempotencyKey. Errors are *klarna.Error.
func (c *Client) ExtendTransaction(ctx context.Context, paymentTransactionID string, extension Extension, options ...klarna.CallOption) (*PaymentTransaction, error) {
	call := transactionCall("extend", http.MethodPost, "/authorize", paymentTransactionID)
	call.Body = &extension
	call.Validate = func() []klarna.ValidationError {
		var p problems
		if extension.ExtensionDays < 0 {
			p.add("extension_days", "is negative")
		}
		if extension.Amount != nil {
			p.amount("amount", *extension.Amount)
		}
		return p
	}
	return do[PaymentTransaction](ctx, c, call, options)
}

func transactionCall(name, method, action, id string) klarna.Call {
	return klarna.Call{
		Operation: "authorization.transaction." + name,
		Method:    method,
		Route:     "payment/transactions/{payment_transaction_id}" + action,
		IDs:       []string{id},
		// Klarna's texts do not settle what changes answer beside their status. A read without a body has told nothing.
		BodyOptional: method != http.MethodGet,
	}
}

// do makes a call whose answer is a T that keeps its raw body.
func do[T any, P interface {
	*T
	keep(klarna.RawJSON)
}](ctx context.Context, c *Client, call klarna.Call, options []klarna.CallOption) (*T, error) {
	answer := new(T)
	raw, err := c.klarna.Do(ctx, call, answer, options...)
	if err != nil {
		return nil, err
	}
	P(answer).keep(raw)
	return answer, nil
}

func (t *PaymentTransaction) keep(raw klarna.RawJSON) { t.Raw = raw }
