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
	// Result is one of Approved, StepUpRequired, Declined, TokenIssued and Undecided. Switch over
	// its type.
	Result Result `json:"-"`
	// CustomerToken is the answer to RequestCustomerToken; nil if Klarna's answer has none.
	CustomerToken *CustomerTokenResponse `json:"-"`
	// Raw is the body of the answer, unchanged.
	Raw klarna.RawJSON `json:"-"`
}

// Result is the result of an authorize call: an [Approved], a [StepUpRequired], a [Declined], a
// [TokenIssued] or an [Undecided].
type Result interface{ result() }

// Approved is the result of an authorized payment.
type Approved struct {
	// PaymentTransaction is the payment. It is not nil and has an id.
	PaymentTransaction *PaymentTransaction
}

// StepUpRequired is the result if the customer has to approve the payment at Klarna.
type StepUpRequired struct {
	// PaymentRequest is the payment to approve. It is not nil and has an id.
	PaymentRequest *PaymentRequest
	// URL is the address to send the customer to. It can be "" if QRCode is set.
	URL string
	// QRCode is a code that the customer scans in a store; nil if the answer has none.
	QRCode *QRCodeImage
}

// Declined is the result of a declined payment. Offer the customer another payment method.
type Declined struct {
	// Reason is Klarna's result_reason; "" if the answer has none. Do not show it to the customer.
	Reason string
}

// TokenIssued is the result of a request for a customer token without a payment.
type TokenIssued struct {
	// CustomerToken is the token.
	CustomerToken CustomerToken
}

// Undecided is a result that this version does not know, such as PENDING. The payment is neither
// approved nor declined. Repeat the call; the repeat has the same idempotency key.
type Undecided struct {
	// Result is Klarna's result.
	Result string
	// Reason is Klarna's result_reason; "" if the answer has none.
	Reason string
}

func (Approved) result()       {}
func (StepUpRequired) result() {}
func (Declined) result()       {}
func (TokenIssued) result()    {}
func (Undecided) result()      {}

// resultName is Klarna's name of a result of an authorize call.
type resultName string

const (
	resultApproved       resultName = "APPROVED"
	resultStepUpRequired resultName = "STEP_UP_REQUIRED"
	resultDeclined       resultName = "DECLINED"
)

// is ignores case, as package operation does when it checks the members that a result requires.
func (r resultName) is(known resultName) bool { return strings.EqualFold(string(r), string(known)) }

// CustomerTokenResponse is the answer to a [RequestCustomerToken].
type CustomerTokenResponse struct {
	// Result is APPROVED, DECLINED or another result.
	Result string `json:"result" wire:"show"`
	// ResultReason is Klarna's reason for the result; "" if the answer has none.
	ResultReason string `json:"result_reason,omitzero"`
	// CustomerToken is the token; zero if the answer has none.
	CustomerToken CustomerToken `json:"customer_token,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// CustomerToken is a token for later payments of a customer. Klarna's documentation shows it both
// as a string and as an object. A string is decoded into Token, an object into the other fields.
// [CustomerToken.Secret] returns the token of either form.
type CustomerToken struct {
	// Token is the token of the string form. It is encoded as a member of an object, so that the
	// encoding keeps the other fields too.
	Token klarna.Secret `json:"customer_token,omitzero"`
	// CustomerTokenID is the token of the object form.
	CustomerTokenID klarna.Secret `json:"customer_token_id,omitzero"`
	// CustomerTokenReference is the caller's reference of the token.
	CustomerTokenReference string `json:"customer_token_reference,omitzero"`

	// Unknown holds members that this version has no field for.
	klarna.Unknown `json:",embed"`
}

// Secret returns the token to pass to [klarna.WithCustomerToken].
func (t CustomerToken) Secret() klarna.Secret {
	if !t.Token.IsZero() {
		return t.Token
	}
	return t.CustomerTokenID
}

// decode reads a string or an object.
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

// result returns the result of the answer. Package klarna has checked the members that decide it.
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

// Format writes the type of the result, for every verb.
func (a Authorization) Format(s fmt.State, _ rune) { redact.Format(s, a.String()) }

// LogValue returns the text that Format writes.
func (a Authorization) LogValue() slog.Value { return slog.StringValue(a.String()) }

// String returns the type of the result and, for [Undecided], Klarna's result.
func (a Authorization) String() string {
	kind := fmt.Sprintf("%T", a.Result)
	if u, ok := a.Result.(Undecided); ok {
		return redact.Describe("authorization.Authorization", kind, redact.Show(u.Result))
	}
	return redact.Describe("authorization.Authorization", kind)
}

// Format writes the payment transaction's id and state, for every verb.
func (a Approved) Format(s fmt.State, _ rune) { redact.Format(s, a.String()) }

// LogValue returns the text that Format writes.
func (a Approved) LogValue() slog.Value { return slog.StringValue(a.String()) }

// String returns the payment transaction's id and state.
func (a Approved) String() string {
	return fmt.Sprintf("authorization.Approved{%v}", a.PaymentTransaction)
}

// Format writes the payment request's id and state, for every verb.
func (r StepUpRequired) Format(s fmt.State, _ rune) { redact.Format(s, r.String()) }

// LogValue returns the text that Format writes.
func (r StepUpRequired) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String returns the payment request's id and state, without the URL, which only the customer may
// see.
func (r StepUpRequired) String() string {
	return fmt.Sprintf("authorization.StepUpRequired{%v}", r.PaymentRequest)
}

// Format writes the type's name alone, for every verb.
func (t TokenIssued) Format(s fmt.State, _ rune) { redact.Format(s, t.String()) }

// LogValue returns the text that Format writes.
func (t TokenIssued) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String returns the type's name alone.
func (TokenIssued) String() string { return redact.Describe("authorization.TokenIssued") }
