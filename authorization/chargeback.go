package authorization

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/klarna"
)

// PaymentChargeback is a chargeback of a payment transaction. Klarna's documentation does not list
// its members; Unknown and Raw hold the others.
type PaymentChargeback struct {
	// PaymentChargebackID is Klarna's id of the chargeback.
	PaymentChargebackID string `json:"payment_chargeback_id,omitzero" wire:"show"`
	// PaymentTransactionID is Klarna's id of the transaction that is charged back.
	PaymentTransactionID string `json:"payment_transaction_id,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
	// Raw is the body of the answer, unchanged.
	Raw klarna.RawJSON `json:"-"`
}

// GetChargeback reads a chargeback (GET payment/chargebacks/{payment_chargeback_id}). The error is
// a [*klarna.Error]. It is [klarna.CodeResourceNotFound] if no chargeback has the id.
//
// Klarna's documentation: https://docs.klarna.com/payments/
func (c *Client) GetChargeback(ctx context.Context, paymentChargebackID string, options ...klarna.CallOption) (*PaymentChargeback, error) {
	return do[PaymentChargeback](ctx, c, klarna.Call{Operation: operation.ChargebackRead, IDs: []string{paymentChargebackID}}, options)
}

func (p *PaymentChargeback) setRaw(raw klarna.RawJSON) { p.Raw = raw }
