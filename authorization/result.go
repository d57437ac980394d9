package authorization

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
	"github.com/klarna-go/klarna-go/klarna"
)

// Authorization is Klarna's answer to an authorize call.
type Authorization struct {
	// Result is one of Approved, StepUpRequired, Declined, TokenIssued and Undecided: switch over
	// its type.
	Result Result `json:"-"`
	// CustomerToken is the answer to RequestCustomerToken; nil where there is none.
	CustomerToken *CustomerTokenResponse `json:"-"`
	// Raw is the answer's body as it came.
	Raw klarna.RawJSON `json:"-"`
}

// Result is what Klarna decided about an authorize call. What a result does not have cannot be read
// from it.
type Result interface{ result() }

// Approved is an authorized payment.
type Approved struct {
	// PaymentTransaction is never nil and has an id.
	PaymentTransaction *PaymentTransaction
}

// StepUpRequired asks for the customer's approval at Klarna.
type StepUpRequired struct {
	// PaymentRequest is never nil and has an id.
	PaymentRequest *PaymentRequest
	// URL is where to send the customer. It is "" only where Klarna gave none, as a code to scan may
	// do.
	URL string
	// QRCode is for a store; nil where there is none.
	QRCode *QRCodeImage
}

// Declined is no payment: invite the customer to choose another method.
type Declined struct {
	// Reason is Klarna's result_reason, if it gave one. It is not for the customer's eyes.
	Reason string
}

// TokenIssued is the customer token of a request without a payment.
type TokenIssued struct{ CustomerToken CustomerToken }

// Undecided is a result that this version does not know, such as PENDING. The payment is
// undecided: neither paid nor declined. Repeat the call, which has the same idempotency key.
type Undecided struct{ Result, Reason string }

func (Approved) result()       {}
func (StepUpRequired) result() {}
func (Declined) result()       {}
func (TokenIssued) result()    {}
func (Undecided) result()      {}

// resultName is a result of an authorize call, in Klarna's words.
type resultName string

const (
	resultApproved       resultName = "APPROVED"
	resultStepUpRequired resultName = "STEP_UP_REQUIRED"
	resultDeclined       resultName = "DECLINED"
)

// is compares as package operation does, which has checked what the result asks for.
func (r resultName) is(known resultName) bool { return strings.EqualFold(string(r), string(known)) }

// CustomerTokenResponse is the answer to RequestCustomerToken.
type CustomerTokenResponse struct {
	Result        string        `json:"result" wire:"show"`
	ResultReason  string        `json:"result_reason,omitzero"`
	CustomerToken CustomerToken `json:"customer_token,omitzero"`

	klarna.Unknown `json:",embed"`
}

// CustomerToken is a token for later payments of a customer. Klarna's documentation shows it as a
// string, which is then Token, and as an object, which then fills the other fields; Secret reads
// both.
type CustomerToken struct {
	// Token is encoded as a member, for nothing of the value to be lost: as a string there would be
	// no room for the others.
	Token                  klarna.Secret `json:"customer_token,omitzero"`
	CustomerTokenID        klarna.Secret `json:"customer_token_id,omitzero"`
	CustomerTokenReference string        `json:"customer_token_reference,omitzero"`

	klarna.Unknown `json:",embed"`
}

// Secret returns what to send as the customer's token with klarna.WithCustomerToken.
func (t CustomerToken) Secret() klarna.Secret {
	if !t.Token.IsZero() {
		return t.Token
	}
	return t.CustomerTokenID
}

// decode reads either form.
func (t *CustomerToken) decode(r *wire.Reader) bool {
	if r.IsString() {
		return wire.ReadSecret(&t.Token, r)
	}
	return wire.ReadObject(t, r, &t.Unknown, (*CustomerToken).member)
}

// authorizeAnswer is the answer to an authorize call.
type authorizeAnswer struct {
	Payment       *transactionResponse   `json:"payment_transaction_response,omitzero"`
	Request       *PaymentRequest        `json:"payment_request,omitzero"`
	CustomerToken *CustomerTokenResponse `json:"customer_token_response,omitzero"`

	klarna.Unknown `json:",embed"`
}

type transactionResponse struct {
	Result      resultName          `json:"result"`
	Reason      string              `json:"result_reason,omitzero"`
	Transaction *PaymentTransaction `json:"payment_transaction,omitzero"`

	klarna.Unknown `json:",embed"`
}

// result is what the answer means. Package klarna has made sure that what decides it is there.
func (a *authorizeAnswer) result(tokenOnly bool) Result {
	var response transactionResponse
	if a.Payment != nil {
		response = *a.Payment
	}
	if t := a.CustomerToken; tokenOnly && t != nil && t.Result != "" {
		response.Result, response.Reason = resultName(t.Result), t.ResultReason
	}
	switch {
	case response.Result.is(resultApproved):
		if tokenOnly {
			return TokenIssued{a.CustomerToken.CustomerToken}
		}
		return Approved{response.Transaction}
	case response.Result.is(resultStepUpRequired):
		interaction := a.Request.StateContext.CustomerInteraction
		return StepUpRequired{PaymentRequest: a.Request, URL: interaction.PaymentRequestURL, QRCode: interaction.QRCode}
	case response.Result.is(resultDeclined):
		return Declined{Reason: response.Reason}
	default:
		return Undecided{Result: string(response.Result), Reason: response.Reason}
	}
}

// Format writes the kind of the result, whatever the verb.
func (a Authorization) Format(s fmt.State, _ rune) { redact.Format(s, a.String()) }

// LogValue returns what Format writes.
func (a Authorization) LogValue() slog.Value { return slog.StringValue(a.String()) }

// String returns the kind of the result, and a result that is not known.
func (a Authorization) String() string {
	kind := fmt.Sprintf("%T", a.Result)
	if u, ok := a.Result.(Undecided); ok {
		return redact.Describe("authorization.Authorization", kind, redact.Show(u.Result))
	}
	return redact.Describe("authorization.Authorization", kind)
}

// Format writes the payment transaction's id and state, whatever the verb.
func (a Approved) Format(s fmt.State, _ rune) { redact.Format(s, a.String()) }

// LogValue returns what Format writes.
func (a Approved) LogValue() slog.Value { return slog.StringValue(a.String()) }

// String returns the payment transaction's id and state.
func (a Approved) String() string {
	return fmt.Sprintf("authorization.Approved{%v}", a.PaymentTransaction)
}

// Format writes the payment request's id and state, whatever the verb.
func (r StepUpRequired) Format(s fmt.State, _ rune) { redact.Format(s, r.String()) }

// LogValue returns what Format writes.
func (r StepUpRequired) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String returns the payment request's id and state: the URL is for the customer alone.
func (r StepUpRequired) String() string {
	return fmt.Sprintf("authorization.StepUpRequired{%v}", r.PaymentRequest)
}

// Format writes the type's name alone, whatever the verb.
func (t TokenIssued) Format(s fmt.State, _ rune) { redact.Format(s, t.String()) }

// LogValue returns what Format writes.
func (t TokenIssued) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String returns the type's name alone.
func (TokenIssued) String() string { return redact.Describe("authorization.TokenIssued") }
