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

// Approval is what the customer approved: the part of the final authorize call that does not come
// from the first request. [PaymentRequest.Approval] returns it. It can also be filled from the
// payload of a webhook that has an amount and a session token.
//
// [Client.Finalize] pays the amount of the approval. The amount differs from the first request's if
// the customer chose another shipping at Klarna. Compare it with the amount owed before you call
// Finalize, and again before you ship.
type Approval struct {
	// Amount is the amount that the customer approved, in minor units.
	Amount int64
	// Currency is the ISO 4217 code of the amount. Finalize compares it with the first request's,
	// unless it is "".
	Currency string
	// SessionToken is the session token of the completed payment request.
	SessionToken klarna.Secret
}

// ErrNotApproved reports that a payment request has no approval.
var ErrNotApproved = errors.New("authorization: the payment request has no approval")

// Approval returns what the customer approved. The error is [ErrNotApproved] if the payment request
// is not COMPLETED, if its amount or session token is missing, or if its amount, session token or
// currency has another type than expected. The error names the members; Raw and Unknown hold their
// values. A missing amount is an error and never an amount of 0.
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

// misfits returns the unknown members of the objects that hold the members of an approval.
func (p *PaymentRequest) misfits() []wire.Misfit {
	var list []wire.Misfit
	for name, value := range p.Unknown {
		list = append(list, wire.Misfit{Path: wire.Name(name), Found: wire.Kind(value.Bytes())})
	}
	for name, value := range p.StateContext.Unknown {
		list = append(list, wire.Misfit{Path: "state_context." + wire.Name(name), Found: wire.Kind(value.Bytes())})
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

// final returns the request of the final call. It depends only on its arguments, so that every
// replica makes the same request.
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

// Format writes the amount and the currency, for every verb.
func (a Approval) Format(s fmt.State, _ rune) { redact.Format(s, a.describe()) }

// LogValue returns the text that Format writes.
func (a Approval) LogValue() slog.Value { return slog.StringValue(a.describe()) }

func (a *Approval) describe() string {
	return fmt.Sprintf("authorization.Approval{%d %s}", a.Amount, a.Currency)
}
