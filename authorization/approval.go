package authorization

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Approval is what the customer approved: the part of the final call that does not come from the
// first. Take it from a payment request with its method Approval, or fill it from the payload of a
// webhook that has both amount and session token.
//
// The amount that is finalized is this one. It can differ from the order's after the customer chose
// the shipping: compare it with what is owed before calling Finalize, and again before shipping.
type Approval struct {
	// Amount is in minor units. It can differ from the first request's after the customer chose the
	// shipping.
	Amount int64
	// Currency is the first request's; "" is not compared.
	Currency     string
	SessionToken klarna.Secret
}

// ErrNotApproved is the error of asking a payment request for an approval that it does not have.
var ErrNotApproved = errors.New("authorization: the payment request has no approval")

// Approval returns what the customer approved. The error is ErrNotApproved unless the payment
// request is COMPLETED and has an amount, a session token and, if any, a currency of the expected
// types. It names the members that are missing or have another type; Raw and Unknown have what
// came. A missing amount never becomes a payment of nothing.
func (p *PaymentRequest) Approval() (Approval, error) {
	switch {
	case p == nil:
		return Approval{}, ErrNotApproved
	case p.State != PaymentRequestStateCompleted:
		return Approval{}, fmt.Errorf("%w: state is %s", ErrNotApproved, redact.Show(p.State))
	}
	if err := operation.CheckApproval(p, p.misfits()); err != nil {
		return Approval{}, fmt.Errorf("%w: state is %s, and %w", ErrNotApproved, PaymentRequestStateCompleted, err)
	}
	return Approval{Amount: *p.Amount, Currency: p.Currency, SessionToken: p.SessionToken()}, nil
}

// misfits are the unknown members where an approval's may be.
func (p *PaymentRequest) misfits() []wire.Misfit {
	var list []wire.Misfit
	for name, value := range p.Unknown {
		list = append(list, wire.Misfit{Path: name, Found: wire.Kind(value.Bytes())})
	}
	for name, value := range p.StateContext.Unknown {
		list = append(list, wire.Misfit{Path: "state_context." + name, Found: wire.Kind(value.Bytes())})
	}
	return list
}

func (a *Approval) problems(first *AuthorizeParams) []klarna.ValidationError {
	var found problems
	if a.SessionToken.IsZero() {
		found.Add("Klarna-Network-Session-Token", "is required by the final authorize call")
	}
	if a.Currency != "" && !strings.EqualFold(a.Currency, first.Currency) {
		found.Add("currency", "is not the one that the customer approved")
	}
	return found.List
}

// final makes the final request. It depends on nothing but its arguments, so that every replica
// makes the same one.
func (r *AuthorizeParams) final(approval Approval) AuthorizeParams {
	final := *r
	final.StepUpConfig = nil
	if r.RequestPaymentTransaction == nil {
		return final
	}
	transaction := *r.RequestPaymentTransaction
	transaction.Amount = approval.Amount
	final.RequestPaymentTransaction = &transaction
	if d := r.SupplementaryPurchaseData; d != nil && len(d.LineItems) > 0 && LinesTotal(d.LineItems) != approval.Amount {
		data := *d
		data.LineItems = nil
		final.SupplementaryPurchaseData = &data
	}
	return final
}

// Format writes the amount, whatever the verb.
func (a Approval) Format(s fmt.State, _ rune) { redact.Format(s, a.describe()) }

// LogValue returns what Format writes.
func (a Approval) LogValue() slog.Value { return slog.StringValue(a.describe()) }

func (a *Approval) describe() string {
	return fmt.Sprintf("authorization.Approval{%d %s}", a.Amount, a.Currency)
}
