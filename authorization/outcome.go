package authorization

import (
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

// UnmarshalJSON reads either form. Its shape is the least settled of an answer, and must not cost the payment beside it: a
// member that does not fit is kept in Unknown, and what is neither string nor object is no token.
func (t *CustomerToken) UnmarshalJSON(text []byte) error {
	*t = CustomerToken{}
	if len(text) > 0 && text[0] == '"' {
		return strictjson.Unmarshal(text, &t.Token)
	}
	type plain CustomerToken
	p, misfits, err := strictjson.UnmarshalMembers[plain](text)
	if err != nil {
		return err
	}
	*t = CustomerToken(p)
	t.Unknown = redact.Merge(t.Unknown, misfits)
	return nil
}

// UnmarshalJSON reads the answer and decides its outcome. An answer whose parts contradict its result is an error, so
// that nobody takes it for a payment or for a refusal.
func (a *Authorization) UnmarshalJSON(text []byte) error {
	var wire struct {
		PaymentTransactionResponse *struct {
			Result             string              `json:"result"`
			ResultReason       string              `json:"result_reason"`
			PaymentTransaction *PaymentTransaction `json:"payment_transaction"`
		} `json:"payment_transaction_response"`
		PaymentRequest        *PaymentRequest        `json:"payment_request"`
		CustomerTokenResponse *CustomerTokenResponse `json:"customer_token_response"`
	}
	if err := strictjson.Unmarshal(text, &wire); err != nil {
		return err
	}
	*a = Authorization{CustomerToken: wire.CustomerTokenResponse}
	var (
		result, reason, lacking string
		approved                Outcome
	)
	switch payment, token := wire.PaymentTransactionResponse, wire.CustomerTokenResponse; {
	case payment != nil:
		result, reason = payment.Result, payment.ResultReason
		lacking = "payment_transaction"
		if payment.PaymentTransaction != nil && payment.PaymentTransaction.PaymentTransactionID != "" {
			approved = Approved{payment.PaymentTransaction}
		}
	case token != nil:
		result, reason = token.Result, token.ResultReason
		lacking = "customer_token"
		if !token.CustomerToken.Secret().IsZero() {
			approved = TokenIssued{token.CustomerToken}
		}
	default:
		return strictjson.Invalid("the answer has neither a payment_transaction_response nor a customer_token_response")
	}
	switch result {
	case resultApproved:
		if approved == nil {
			return strictjson.Invalid("the result is APPROVED and there is no " + lacking)
		}
		a.Outcome = approved
	case resultStepUpRequired:
		if wire.PaymentRequest == nil || wire.PaymentRequest.PaymentRequestID == "" {
			return strictjson.Invalid("the result is STEP_UP_REQUIRED and there is no payment_request")
		}
		interaction := wire.PaymentRequest.StateContext.CustomerInteraction
		a.Outcome = StepUpRequired{PaymentRequest: wire.PaymentRequest, URL: interaction.PaymentRequestURL, QRCode: interaction.QRCode}
	case resultDeclined:
		a.Outcome = Declined{Reason: reason}
	case "":
		return strictjson.Invalid("the answer has no result")
	default:
		a.Outcome = UnknownResult{Result: result, Reason: reason}
	}
	return nil
}

// Format writes the kind of the outcome, whatever the verb.
func (a Authorization) Format(s fmt.State, _ rune) { redact.Format(s, a.describe()) }

// LogValue returns what Format writes.
func (a Authorization) LogValue() slog.Value { return slog.StringValue(a.describe()) }

func (a *Authorization) describe() string {
	return fmt.Sprintf("authorization.Authorization{%T}", a.Outcome)
}
