package authorization

import (
	"fmt"
	"log/slog"

	"github.com/klarna-go/klarna-go/internal/redact"
)

// These types hold tokens, personal data, or members that nobody knows yet, some of them deep inside. Printing them would leave
// that to the types inside, and log/slog's JSON handler would encode them whole. So each says itself what may be shown: ids,
// states and the caller's own references.

// Format writes the payment transaction's id and state, whatever the verb.
func (a Approved) Format(s fmt.State, _ rune) { redact.Format(s, a.describe()) }

// LogValue returns what Format writes.
func (a Approved) LogValue() slog.Value { return slog.StringValue(a.describe()) }

func (a Approved) describe() string {
	return fmt.Sprintf("authorization.Approved{%v}", a.PaymentTransaction)
}

// Format writes the payment request's id and state, whatever the verb.
func (r StepUpRequired) Format(s fmt.State, _ rune) { redact.Format(s, r.describe()) }

// LogValue returns what Format writes.
func (r StepUpRequired) LogValue() slog.Value { return slog.StringValue(r.describe()) }

func (r StepUpRequired) describe() string {
	return fmt.Sprintf("authorization.StepUpRequired{%v}", r.PaymentRequest)
}

// Format writes the type's name alone, whatever the verb.
func (TokenIssued) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.TokenIssued") }

// LogValue returns what Format writes.
func (TokenIssued) LogValue() slog.Value { return redact.LogPersonal("authorization.TokenIssued") }

// Format writes the result, whatever the verb.
func (r CustomerTokenResponse) Format(s fmt.State, _ rune) { redact.Format(s, r.describe()) }

// LogValue returns what Format writes.
func (r CustomerTokenResponse) LogValue() slog.Value { return slog.StringValue(r.describe()) }

func (r CustomerTokenResponse) describe() string {
	return fmt.Sprintf("authorization.CustomerTokenResponse{%s}", r.Result)
}

// Format writes the type's name alone, whatever the verb.
func (CustomerToken) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.CustomerToken") }

// LogValue returns what Format writes.
func (CustomerToken) LogValue() slog.Value { return redact.LogPersonal("authorization.CustomerToken") }

// Format writes the type's name alone, whatever the verb.
func (StateContext) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.StateContext") }

// LogValue returns what Format writes.
func (StateContext) LogValue() slog.Value { return redact.LogPersonal("authorization.StateContext") }

// Format writes method and payment request, whatever the verb: the URL is for the customer alone.
func (c CustomerInteraction) Format(s fmt.State, _ rune) { redact.Format(s, c.describe()) }

// LogValue returns what Format writes.
func (c CustomerInteraction) LogValue() slog.Value { return slog.StringValue(c.describe()) }

func (c CustomerInteraction) describe() string {
	return fmt.Sprintf("authorization.CustomerInteraction{%s %s}", c.Method, c.PaymentRequestID)
}

// Format writes the type's name alone, whatever the verb.
func (QRCodeImage) Format(s fmt.State, _ rune) { redact.Personal(s, "authorization.QRCodeImage") }

// LogValue returns what Format writes.
func (QRCodeImage) LogValue() slog.Value { return redact.LogPersonal("authorization.QRCodeImage") }

// Format writes the reference, whatever the verb.
func (u PaymentRequestUpdate) Format(s fmt.State, _ rune) { redact.Format(s, u.describe()) }

// LogValue returns what Format writes.
func (u PaymentRequestUpdate) LogValue() slog.Value { return slog.StringValue(u.describe()) }

func (u PaymentRequestUpdate) describe() string {
	return fmt.Sprintf("authorization.PaymentRequestUpdate{%s}", u.PaymentRequestReference)
}

// Format writes id and state, whatever the verb.
func (t PaymentTransaction) Format(s fmt.State, _ rune) { redact.Format(s, t.describe()) }

// LogValue returns what Format writes.
func (t PaymentTransaction) LogValue() slog.Value { return slog.StringValue(t.describe()) }

func (t PaymentTransaction) describe() string {
	return fmt.Sprintf("authorization.PaymentTransaction{%s %s}", t.PaymentTransactionID, t.State)
}

// Format writes the reference, whatever the verb.
func (u TransactionUpdate) Format(s fmt.State, _ rune) { redact.Format(s, u.describe()) }

// LogValue returns what Format writes.
func (u TransactionUpdate) LogValue() slog.Value { return slog.StringValue(u.describe()) }

func (u TransactionUpdate) describe() string {
	return fmt.Sprintf("authorization.TransactionUpdate{%s}", u.PaymentTransactionReference)
}

// Format writes the days, whatever the verb.
func (e Extension) Format(s fmt.State, _ rune) { redact.Format(s, e.describe()) }

// LogValue returns what Format writes.
func (e Extension) LogValue() slog.Value { return slog.StringValue(e.describe()) }

func (e Extension) describe() string {
	return fmt.Sprintf("authorization.Extension{%d days}", e.ExtensionDays)
}

// Format writes reference and amount, whatever the verb.
func (c CaptureRequest) Format(s fmt.State, _ rune) { redact.Format(s, c.describe()) }

// LogValue returns what Format writes.
func (c CaptureRequest) LogValue() slog.Value { return slog.StringValue(c.describe()) }

func (c CaptureRequest) describe() string {
	return fmt.Sprintf("authorization.CaptureRequest{%s %d}", c.PaymentCaptureReference, c.CaptureAmount)
}

// Format writes the id, whatever the verb.
func (p PaymentCapture) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns what Format writes.
func (p PaymentCapture) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p PaymentCapture) describe() string {
	return fmt.Sprintf("authorization.PaymentCapture{%s}", p.PaymentCaptureID)
}

// Format writes reference and amount, whatever the verb.
func (r TransactionRefund) Format(s fmt.State, _ rune) { redact.Format(s, r.describe()) }

// LogValue returns what Format writes.
func (r TransactionRefund) LogValue() slog.Value { return slog.StringValue(r.describe()) }

func (r TransactionRefund) describe() string {
	return fmt.Sprintf("authorization.TransactionRefund{%s %d}", r.RefundReference, r.RefundAmount)
}

// Format writes reference and amount, whatever the verb.
func (r CaptureRefund) Format(s fmt.State, _ rune) { redact.Format(s, r.describe()) }

// LogValue returns what Format writes.
func (r CaptureRefund) LogValue() slog.Value { return slog.StringValue(r.describe()) }

func (r CaptureRefund) describe() string {
	return fmt.Sprintf("authorization.CaptureRefund{%s %d}", r.PaymentRefundReference, r.RefundAmount)
}

// Format writes the id, whatever the verb.
func (p PaymentRefund) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns what Format writes.
func (p PaymentRefund) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p PaymentRefund) describe() string {
	return fmt.Sprintf("authorization.PaymentRefund{%s}", p.PaymentRefundID)
}

// Format writes the type's name alone, whatever the verb.
func (PaymentChargeback) Format(s fmt.State, _ rune) {
	redact.Personal(s, "authorization.PaymentChargeback")
}

// LogValue returns what Format writes.
func (PaymentChargeback) LogValue() slog.Value {
	return redact.LogPersonal("authorization.PaymentChargeback")
}
