package flow

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// AmountChange describes that the customer approved another amount than was begun. It is the
// argument of an [AmountPolicy].
type AmountChange struct {
	Status Status
	// Begun and Approved are in minor units of the purchase's currency.
	Begun, Approved int64
	// PaymentRequest is what the customer approved, as read from Klarna. StateContext.Shipping has
	// the shipping option that the customer chose.
	PaymentRequest *authorization.PaymentRequest
}

// Format writes the ID and the amounts for every verb, because the payment request holds personal
// data.
func (a AmountChange) Format(s fmt.State, _ rune) { redact.Format(s, a.describe()) }

// LogValue returns the text that Format writes.
func (a AmountChange) LogValue() slog.Value { return slog.StringValue(a.describe()) }

func (a *AmountChange) describe() string {
	return fmt.Sprintf("flow.AmountChange{%s %d to %d}", a.Status.ID, a.Begun, a.Approved)
}

// AmountPolicy decides whether a purchase is finalized with another amount than was begun. If it
// returns false, the payment request is canceled and the purchase ends in [StateCanceled]. If it
// returns an error, it is called again later. It may be called more than once; the first recorded
// answer counts.
type AmountPolicy func(ctx context.Context, change AmountChange) (accept bool, err error)

// AcceptShipping is the default [AmountPolicy]. It accepts a higher amount if the customer chose a
// shipping option on Klarna's page. A change of the address alone is not a choice of an option.
// AcceptShipping refuses every other amount, including every lower one.
func AcceptShipping(_ context.Context, change AmountChange) (bool, error) {
	chosen := change.PaymentRequest.StateContext.Shipping
	return change.Approved >= change.Begun && choseShipping(chosen.Bytes()), nil
}

// choseShipping reports whether a shipping, or one of a list of them, names an option by its
// reference, type or carrier.
func choseShipping(shipping []byte) bool {
	shipping = bytes.TrimSpace(shipping)
	if len(shipping) > 0 && shipping[0] == '[' {
		var list []klarna.RawJSON
		if wire.DecodeAny(shipping, &list) != nil {
			return false
		}
		return slices.ContainsFunc(list, func(one klarna.RawJSON) bool {
			text := bytes.TrimSpace(one.Bytes())
			return len(text) > 0 && text[0] == '{' && choseShipping(text)
		})
	}
	var chosen map[string]klarna.RawJSON
	if wire.DecodeAny(shipping, &chosen) != nil {
		return false
	}
	if names(chosen["shipping_reference"]) {
		return true
	}
	var option map[string]klarna.RawJSON
	if wire.DecodeAny(chosen["shipping_option"].Bytes(), &option) != nil {
		return false
	}
	return names(option["shipping_type"]) || names(option["shipping_carrier"]) || names(option["shipping_reference"])
}

// names reports whether a value is a string that is not blank.
func names(value klarna.RawJSON) bool {
	var text string
	return wire.DecodeAny(value.Bytes(), &text) == nil && strings.TrimSpace(text) != ""
}
