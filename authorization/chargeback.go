package authorization

import (
	"context"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/klarna"
)

// PaymentChargeback is a chargeback. Klarna's documentation does not settle its members: see
// Unknown and Raw.
type PaymentChargeback struct {
	PaymentChargebackID  string `json:"payment_chargeback_id,omitzero" wire:"show"`
	PaymentTransactionID string `json:"payment_transaction_id,omitzero"`

	klarna.Unknown `json:",embed"`
	// Raw is the body as it came.
	Raw klarna.RawJSON `json:"-"`
}

// GetChargeback reads a chargeback (GET payment/chargebacks/{payment_chargeback_id}). Errors are
// *klarna.Error.
func (c *Client) GetChargeback(ctx context.Context, paymentChargebackID string, options ...klarna.CallOption) (*PaymentChargeback, error) {
	return do[PaymentChargeback](ctx, c, klarna.Call{Operation: operation.ChargebackRead, IDs: []string{paymentChargebackID}}, options)
}

func (p *PaymentChargeback) keep(raw klarna.RawJSON) { p.Raw = raw }
