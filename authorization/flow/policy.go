package flow

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/redact"
)

// AmountChange is a customer's approval of another amount than was begun.
type AmountChange struct {
	Status Status
	// Begun and Approved are in minor units of the purchase's currency.
	Begun, Approved int64
	// PaymentRequest is what the customer approved, as read from Klarna. StateContext.Shipping has the shipping that was chosen.
	PaymentRequest *authorization.PaymentRequest
}

// Format writes id and amounts, whatever the verb: the payment request holds personal data.
func (a AmountChange) Format(s fmt.State, _ rune) { redact.Format(s, a.describe()) }

// LogValue returns what Format writes.
func (a AmountChange) LogValue() slog.Value { return slog.StringValue(a.describe()) }

func (a *AmountChange) describe() string {
	return fmt.Sprintf("flow.AmountChange{%s %d to %d}", a.Status.ID, a.Begun, a.Approved)
}

// AmountPolicy decides whether a purchase is finalized with another amount than was begun. If not, the payment request is canceled and the
// purchase ends in StateCanceled. An error puts the question off. It may be asked more than once; the first answer that is recorded counts.
type AmountPolicy func(ctx context.Context, change AmountChange) (accept bool, err error)

// AcceptShipping accepts another amount where the customer chose the shipping at Klarna, and refuses it otherwise.
func AcceptShipping(_ context.Context, change AmountChange) (bool, error) {
	chosen := bytes.TrimSpace(change.PaymentRequest.StateContext.Shipping.Bytes())
	return !slices.Contains([]string{"", "null", "{}", "[]"}, string(chosen)), nil
}
