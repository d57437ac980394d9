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

// Purchase is what a customer is about to pay.
type Purchase struct {
	// ID is the caller's, the same for every repeat of Begin: 1 to 255 bytes without control
	// characters.
	//
	// IDs are unique among all accounts: two merchants' purchases must not share one. Where
	// merchants choose their order numbers themselves, make the ID of the account and the number.
	// Begin refuses an ID that is another account's with ErrOtherPurchase.
	//
	// A customer who tries again after a decline is another purchase, with another ID.
	ID string
	// PartnerAccountID is the account that an Acquiring Partner acts for; "" for a Partner with
	// credentials of its own.
	PartnerAccountID string
	// Request is the first authorize call. It asks for a payment of at least 1, and for no customer
	// token, which nobody would be handed.
	//
	// References that it lacks become the ID. A payment_transaction_reference of your own is one
	// purchase's: Begin refuses one that another purchase of the account has, with
	// ErrOtherPurchase.
	//
	// A repeat may differ in the session token, klarna_network_data, interoperability_data,
	// supplementary_purchase_data.customer and the expiry in step_up_config; the first one counts.
	// Where it differs in anything else, Begin refuses it with ErrOtherPurchase.
	Request authorization.AuthorizeParams
	// SessionToken is the token that the Partner's front end sent, if any.
	SessionToken klarna.Secret
}

// Status is how a purchase stands.
type Status struct {
	ID               string
	PartnerAccountID string
	State            State
	// Amount is in minor units of Currency: what was begun, and once the customer has approved, what
	// was approved.
	Amount   int64
	Currency string
	// PaymentRequestID is there once the customer was asked to step up, PaymentTransactionID once
	// paid, and in StateUnknown where Reason is OTHER_AMOUNT: the transaction that Klarna made is not
	// over Amount.
	PaymentRequestID     string
	PaymentTransactionID string
	// Reason is Klarna's word for a purchase that ended without payment, where there is one: a
	// result_reason, a state_reason or an error's code; or, in capitals too, the Coordinator's. It is
	// not for the customer's eyes.
	Reason string
	// PaymentRequestURL is where to send the customer. It is there only in StateAwaitingCustomer, and
	// only from Begin and HandleReturn. It is the customer's alone, and is printed by no verb.
	PaymentRequestURL string
	// Amounts are there in StateAuthorized.
	Amounts Amounts
	// BegunAt and UpdatedAt are in UTC.
	BegunAt   time.Time
	UpdatedAt time.Time
}

// String returns the id and the state.
func (s Status) String() string { return fmt.Sprintf("flow.Status{%s %s}", s.ID, s.State) }

// GoString returns what String does.
func (s Status) GoString() string { return s.String() }

// Format writes what String returns, whatever the verb.
func (s Status) Format(f fmt.State, _ rune) { redact.Format(f, s.String()) }

// LogValue returns what String does.
func (s Status) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String returns the id: a purchase holds personal data.
func (p Purchase) String() string { return fmt.Sprintf("flow.Purchase{%s}", p.ID) }

// GoString returns what String does.
func (p Purchase) GoString() string { return p.String() }

// Format writes what String returns, whatever the verb.
func (p Purchase) Format(f fmt.State, _ rune) { redact.Format(f, p.String()) }

// LogValue returns what String does.
func (p Purchase) LogValue() slog.Value { return slog.StringValue(p.String()) }

// ErrOtherPurchase is the error of beginning a purchase whose ID, or whose reference, is another
// purchase's. The error names what differs.
var ErrOtherPurchase = errors.New("flow: there is another purchase of this ID or reference")

// ErrRejected is the error of a purchase that Klarna refused: it is in StateRejected. The error
// names the parameters that Klarna named. Where this call met the refusal, the *klarna.Error is in
// the chain.
var ErrRejected = errors.New("flow: Klarna refused the purchase")

// request returns the first authorize call, with the references it lacks.
func (p *Purchase) request() (authorization.AuthorizeParams, error) {
	r := p.Request
	switch {
	case !plainID(p.ID):
		return r, errors.New("flow: the purchase's ID must have 1 to 255 bytes of UTF-8 without control characters")
	case r.RequestPaymentTransaction == nil:
		return r, errors.New("flow: the purchase's Request must have a RequestPaymentTransaction")
	case r.RequestCustomerToken != nil:
		return r, errors.New("flow: the purchase's Request must not ask for a customer token; package authorization does")
	case r.RequestPaymentTransaction.Amount == 0:
		return r, errors.New("flow: the purchase's amount must be at least 1: Klarna has no approval of nothing")
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

func plainID(id string) bool {
	return id != "" && len(id) <= 255 && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}
