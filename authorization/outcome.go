package authorization

import (
	"bytes"
	"fmt"
	"log/slog"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/strictjson"
	"github.com/klarna-go/klarna-go/klarna"
)

// Authorization is Klarna's answer to an authorize call.
type Authorization struct {
	// Outcome is one of Approved, StepUpRequired, Declined, TokenIssued and UnknownResult: switch over its type.
	Outcome Outcome `json:"-"`
	// CustomerToken is the answer to RequestCustomerToken; nil where there is none.
	CustomerToken *CustomerTokenResponse `json:"-"`
	// Raw is the answer's body as it came.
	Raw klarna.RawJSON `json:"-"`
}

// Outcome is what became of an authorize call. What an outcome does not have cannot be read from it.
type Outcome interface{ outcome() }

// Approved is an authorized payment.
type Approved struct {
	// PaymentTransaction is never nil and has an id.
	PaymentTransaction *PaymentTransaction
}

// StepUpRequired asks for the customer's approval at Klarna.
type StepUpRequired struct {
	// PaymentRequest is never nil and has an id.
	PaymentRequest *PaymentRequest
	// URL is where to send the customer. It is "" only where Klarna gave none, as a code to scan may do.
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

// UnknownResult is a result that this version does not know. Treat it as undecided: neither paid nor declined.
type UnknownResult struct{ Result, Reason string }

func (Approved) outcome()       {}
func (StepUpRequired) outcome() {}
func (Declined) outcome()       {}
func (TokenIssued) outcome()    {}
func (UnknownResult) outcome()  {}

// The results of an authorize call.
const (
	resultApproved       = "APPROVED"
	resultStepUpRequired = "STEP_UP_REQUIRED"
	resultDeclined       = "DECLINED"
)

// CustomerTokenResponse is the answer to RequestCustomerToken.
type CustomerTokenResponse struct {
	Result        string        `json:"result"`
	ResultReason  string        `json:"result_reason,omitzero"`
	CustomerToken CustomerToken `json:"customer_token,omitzero"`

	Unknown klarna.Fields `json:",embed"`
}

// CustomerToken is a token for later payments of a customer. Klarna's texts show it as a string, which is then Token,
// and as an object, which then fills the other fields; Secret reads both.
type CustomerToken struct {
	// Token is encoded as a member, for nothing of the value to be lost: as a string there would be no room for the others.
	Token                  klarna.Secret `json:"customer_token,omitzero"`
	CustomerTokenID        klarna.Secret `json:"customer_token_id,omitzero"`
	CustomerTokenReference string        `json:"customer_token_reference,omitzero"`

	Unknown klarna.Fields `json:",embed"`
}

// Secret returns what to send as the customer's token with klarna.WithCustomerToken.
func (t CustomerToken) Secret() klarna.Secret {
	if !t.Token.IsZero() {
		return t.Token
	}
	return t.CustomerTokenID
}

// UnmarshalJSON reads either form.
func (t *CustomerToken) UnmarshalJSON(text []byte) error {
	*t = CustomerToken{}
	return strictjson.Read(bytes.Clone(text), t.readJSON)
}

// UnmarshalJSON reads the answer and decides its outcome. An answer whose parts contradict its result is an error, so
// that nobody takes it for a payment or for a refusal.
func (a *Authorization) UnmarshalJSON(text []byte) error {
	return strictjson.Read(bytes.Clone(text), answer{a}.ReadJSON)
}

// decide makes the authorization of the parts of an answer, or says why they make none.
func (a *Authorization) decide(parts *answerParts) (wrong string) {
	*a = Authorization{CustomerToken: parts.token}
	var (
		result, reason, lacking string
		approved                Outcome
	)
	switch payment, token := parts.payment, parts.token; {
	case payment != nil:
		result, reason = payment.result, payment.reason
		lacking = "payment_transaction"
		if payment.transaction != nil && payment.transaction.PaymentTransactionID != "" {
			approved = Approved{payment.transaction}
		}
	case token != nil:
		result, reason = token.Result, token.ResultReason
		lacking = "customer_token"
		if !token.CustomerToken.Secret().IsZero() {
			approved = TokenIssued{token.CustomerToken}
		}
	default:
		return "the answer has neither a payment_transaction_response nor a customer_token_response"
	}
	switch result {
	case resultApproved:
		if approved == nil {
			return "the result is APPROVED and there is no " + lacking
		}
		a.Outcome = approved
	case resultStepUpRequired:
		if parts.request == nil || parts.request.PaymentRequestID == "" {
			return "the result is STEP_UP_REQUIRED and there is no payment_request"
		}
		interaction := parts.request.StateContext.CustomerInteraction
		a.Outcome = StepUpRequired{PaymentRequest: parts.request, URL: interaction.PaymentRequestURL, QRCode: interaction.QRCode}
	case resultDeclined:
		a.Outcome = Declined{Reason: reason}
	case "":
		return "the answer has no result"
	default:
		a.Outcome = UnknownResult{Result: result, Reason: reason}
	}
	return ""
}

// Format writes the kind of the outcome, whatever the verb.
func (a Authorization) Format(s fmt.State, _ rune) { redact.Format(s, a.describe()) }

// LogValue returns what Format writes.
func (a Authorization) LogValue() slog.Value { return slog.StringValue(a.describe()) }

func (a *Authorization) describe() string {
	return fmt.Sprintf("authorization.Authorization{%T}", a.Outcome)
}
