package authorization

import (
	"context"
	"net/http"

	"github.com/klarna-go/klarna-go/klarna"
)

// PaymentChargeback is a chargeback. Klarna's texts do not settle its members: see Unknown and Raw.
type PaymentChargeback struct {
	Unknown klarna.Fields `json:",embed"`
	// Raw is the body as it came.
	Raw klarna.RawJSON `json:"-"`
}

// ReadChargeback reads a chargeback (GET payment/chargebacks/{payment_chargeback_id}). Errors are *klarna.Error.
func (c *Client) ReadChargeback(ctx context.Context, paymentChargebackID string, options ...klarna.CallOption) (*PaymentChargeback, error) {
	return do[PaymentChargeback](ctx, c, klarna.Call{
		Operation: "authorization.chargeback.read",
		Method:    http.MethodGet,
		Route:     "payment/chargebacks/{payment_chargeback_id}",
		IDs:       []string{paymentChargebackID},
	}, options)
}

func (p *PaymentChargeback) keep(raw klarna.RawJSON) { p.Raw = raw }
