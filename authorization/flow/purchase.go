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
	// ID is the caller's, the same for every repeat of Begin, and never another purchase's of any account: 1 to 255 bytes without
	// control characters. A customer who tries again after a decline is another purchase.
	ID string
	// PartnerAccountID is the account that an Acquiring Partner acts for; "" for a Partner with credentials of its own.
	PartnerAccountID string
	// Request is the first authorize call. References that it lacks become the ID. It asks for a payment and for no customer token,
	// which nobody would be handed. Give references of your own only if no two purchases share them: those that are the same in all else are
	// one to Klarna, which answers the second with the first one's answer, a decline too; the second of a payment ends in
	// StateUnknown.
	Request authorization.Request
	// SessionToken is the token that the Partner's front end sent, if any.
	SessionToken klarna.Secret
}

// Status is how a purchase stands.
type Status struct {
	ID               string
	PartnerAccountID string
	State            State
	// Amount is in minor units of Currency: what was begun, and once the customer has approved, what was approved.
	Amount   int64
	Currency string
	// PaymentRequestID is there once the customer was asked to step up, PaymentTransactionID once paid, and in StateUnknown where
	// Reason is OTHER_AMOUNT: the transaction that Klarna made is not over Amount.
	PaymentRequestID     string
	PaymentTransactionID string
	// Reason is Klarna's word for a purchase that ended without payment, where there is one: a result_reason, a state_reason or an error's
	// code; or, in capitals too, the Coordinator's. It is not for the customer's eyes.
	Reason string
	// PaymentRequestURL is where to send the customer. It is there only in StateAwaitingCustomer, and only from Begin and
	// HandleReturn. It is the customer's alone, and is printed by no verb.
	PaymentRequestURL string
	// BegunAt and UpdatedAt are in UTC.
	BegunAt   time.Time
	UpdatedAt time.Time
}

// Format writes id and state, whatever the verb.
func (s Status) Format(f fmt.State, _ rune) { redact.Format(f, s.describe()) }

// LogValue returns what Format writes.
func (s Status) LogValue() slog.Value { return slog.StringValue(s.describe()) }

func (s *Status) describe() string { return fmt.Sprintf("flow.Status{%s %s}", s.ID, s.State) }

// Format writes the id, whatever the verb: a purchase holds personal data.
func (p Purchase) Format(f fmt.State, _ rune) { redact.Format(f, p.describe()) }

// LogValue returns what Format writes.
func (p Purchase) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p *Purchase) describe() string { return fmt.Sprintf("flow.Purchase{%s}", p.ID) }

// ErrOtherPurchase is the error of beginning a purchase whose ID is another's: of another account, amount, currency or reference.
var ErrOtherPurchase = errors.New("flow: there is another purchase of this ID")

// ErrRejected is the error of a purchase that Klarna refused: it is in StateRejected, and the *klarna.Error, where this call met it, is in the chain.
var ErrRejected = errors.New("flow: Klarna refused the purchase")

// request returns the first authorize call, with the references it lacks.
func (p *Purchase) request() (authorization.Request, error) {
	r := p.Request
	switch {
	case !plainID(p.ID):
		return r, errors.New("flow: the purchase's ID must have 1 to 255 bytes of UTF-8 without control characters")
	case r.RequestPaymentTransaction == nil:
		return r, errors.New("flow: the purchase's Request must have a RequestPaymentTransaction")
	case r.RequestCustomerToken != nil:
		return r, errors.New("flow: the purchase's Request must not ask for a customer token; package authorization does")
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
