package flow

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/klarna"
)

// Purchase describes what a customer is about to pay. It is the argument of [Coordinator.Begin].
type Purchase struct {
	// ID identifies the purchase. It is chosen by the caller and the same for every repeat of
	// Begin: 1 to 255 bytes of UTF-8 without control characters.
	//
	// IDs are unique among all accounts. If merchants choose their order numbers themselves, build
	// the ID from the account and the number. Begin returns ErrOtherPurchase if the ID belongs to a
	// purchase of another account.
	//
	// If a customer tries again after a decline, that is another purchase with another ID.
	ID string
	// PartnerAccountID is the account that an Acquiring Partner acts for. It is "" for a Partner
	// with its own credentials.
	PartnerAccountID string
	// Request is the first authorize call. Its amount is at least 1. It must not request a customer
	// token, because the Coordinator has no way to return one.
	//
	// If a reference is missing, the ID becomes the reference. A payment_transaction_reference
	// belongs to one purchase of an account: Begin returns ErrOtherPurchase if another purchase has
	// it.
	//
	// A repeated Begin may differ in the session token, klarna_network_data, interoperability_data,
	// supplementary_purchase_data.customer and the expiry in step_up_config; the first values
	// count. If anything else differs, Begin returns ErrOtherPurchase.
	Request authorization.AuthorizeParams
	// SessionToken is the token from the Partner's front end. It is optional.
	SessionToken klarna.Secret
}

// Status is the state of a purchase and its data.
type Status struct {
	ID               string
	PartnerAccountID string
	State            State
	// Amount is in minor units of Currency. It is the amount that was begun, and after the
	// customer's approval the approved amount.
	Amount   int64
	Currency string
	// PaymentRequestID is set once Klarna has asked for a step-up. PaymentTransactionID is set in
	// StateAuthorized. It is also set in StateUnknown if Reason is OTHER_AMOUNT: it is then a
	// transaction at Klarna that does not have the amount Amount.
	PaymentRequestID     string
	PaymentTransactionID string
	// Reason says why a purchase ended without payment. It is Klarna's result_reason, state_reason
	// or error code, or a code of the Coordinator. Both are in capitals. Do not show it to the
	// customer.
	Reason string
	// PaymentRequestURL is where to redirect the customer. It is set only in StateAwaitingCustomer
	// and only by Begin and HandleReturn. It is for this customer alone, so no formatting verb
	// prints it.
	PaymentRequestURL string
	// Amounts is set in StateAuthorized.
	Amounts Amounts
	// BegunAt and UpdatedAt are in UTC.
	BegunAt   time.Time
	UpdatedAt time.Time
}

// String returns the ID and the state.
func (s Status) String() string { return fmt.Sprintf("flow.Status{%s %s}", s.ID, s.State) }

// GoString returns the result of String.
func (s Status) GoString() string { return s.String() }

// Format writes the result of String for every verb.
func (s Status) Format(f fmt.State, _ rune) { redact.Format(f, s.String()) }

// LogValue returns the result of String.
func (s Status) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String returns only the ID, because a purchase holds personal data.
func (p Purchase) String() string { return fmt.Sprintf("flow.Purchase{%s}", p.ID) }

// GoString returns the result of String.
func (p Purchase) GoString() string { return p.String() }

// Format writes the result of String for every verb.
func (p Purchase) Format(f fmt.State, _ rune) { redact.Format(f, p.String()) }

// LogValue returns the result of String.
func (p Purchase) LogValue() slog.Value { return slog.StringValue(p.String()) }

// ErrOtherPurchase reports that another purchase has the ID or the reference. The error text says
// what differs.
var ErrOtherPurchase = errors.New("flow: another purchase has this ID or reference")

// ErrRejected reports that Klarna refused the purchase, which is in [StateRejected]. The error text
// has the parameters that Klarna named. If this call received the refusal, the error wraps the
// [*klarna.Error].
var ErrRejected = errors.New("flow: Klarna refused the purchase")

// ErrInvalidPurchase reports that a parameter of a purchase is missing or invalid, or that local
// validation refused its request. The error then wraps the [*klarna.Error]. Nothing was recorded or
// sent, so the ID can be used again.
var ErrInvalidPurchase = errors.New("flow: the purchase is invalid")

// request returns the first authorize call with the missing references filled in.
func (p *Purchase) request() (authorization.AuthorizeParams, error) {
	r := p.Request
	switch {
	case !validID(p.ID):
		return r, fmt.Errorf("%w: its ID must have 1 to 255 bytes of UTF-8 without control characters", ErrInvalidPurchase)
	case r.RequestPaymentTransaction == nil:
		return r, fmt.Errorf("%w: its Request must have a RequestPaymentTransaction", ErrInvalidPurchase)
	case r.RequestCustomerToken != nil:
		return r, fmt.Errorf("%w: its Request must not request a customer token: use package authorization for one", ErrInvalidPurchase)
	case r.RequestPaymentTransaction.Amount < 1:
		return r, fmt.Errorf("%w: its amount must be at least 1", ErrInvalidPurchase)
	}
	transaction := *r.RequestPaymentTransaction
	if transaction.PaymentTransactionReference == "" {
		transaction.PaymentTransactionReference = p.ID
	}
	r.RequestPaymentTransaction = &transaction
	if r.StepUpConfig != nil {
		config := *r.StepUpConfig
		if config.PaymentRequestReference == "" {
			config.PaymentRequestReference = p.ID
		}
		r.StepUpConfig = &config
	}
	return r, nil
}

func validID(id string) bool {
	return id != "" && len(id) <= 255 && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}
