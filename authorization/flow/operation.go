package flow

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/redact"
)

// OperationKind says what an operation does to a purchase's transaction. Unknown values are a newer
// version's.
type OperationKind string

// The kinds of operations.
const (
	OperationKindCapture   OperationKind = "CAPTURE"
	OperationKindRefund    OperationKind = "REFUND"
	OperationKindVoid      OperationKind = "VOID"
	OperationKindExtension OperationKind = "EXTENSION"
	OperationKindUpdate    OperationKind = "UPDATE"
)

// known reports whether this version can make an operation of kind k.
func (k OperationKind) known() bool {
	switch k {
	case OperationKindCapture, OperationKindRefund, OperationKindVoid, OperationKindExtension, OperationKindUpdate:
		return true
	default:
		return false
	}
}

// OperationState is how far an operation is.
type OperationState string

// The states of an operation.
const (
	// OperationStatePending: recorded; Klarna has not decided it yet. Recovery goes on with it.
	OperationStatePending OperationState = "PENDING"
	// OperationStateDone: executed, once.
	OperationStateDone OperationState = "DONE"
	// OperationStateRefused: not executed, and never will be. Operation.Reason says why.
	OperationStateRefused OperationState = "REFUSED"
	// OperationStateUnknown: it may have been executed, and what Klarna shows proves neither.
	// Operation.Evidence says what was seen. Recovery reads the transaction now and then; what
	// proves either settles it, and a person can, with [Coordinator.Settle].
	OperationStateUnknown OperationState = "UNKNOWN"
)

// Operation is what happens to a purchase's transaction after the approval.
type Operation struct {
	// ID is the caller's. The automatic capture of a purchase that was begun with CaptureTimingNow
	// has [AutomaticCaptureID]. One that was adopted has Klarna's id of it.
	ID   string
	Kind OperationKind
	// State is what to switch over.
	State OperationState
	// Amount is in minor units of Currency: what is captured or refunded, what an extension adds,
	// or what a void released.
	Amount   int64
	Currency string
	// Reference is the one at Klarna; "" for a void and an extension, which have none.
	Reference string
	// CaptureID is the id of the capture operation that a refund names.
	CaptureID string
	// PaymentCaptureID is Klarna's id of a capture that is done, and of the capture that a refund
	// gives back, where it is known.
	PaymentCaptureID string
	// PaymentRefundID is Klarna's id of a refund that is done, where the answer had one.
	PaymentRefundID string
	// Reason is Klarna's error code, or the Coordinator's word in capitals; "" for one that is
	// done. While an operation is pending it is the last answer that decided nothing.
	Reason string
	// Parameters are the parameters that Klarna refused, by their paths.
	Parameters string
	// Evidence is what was seen at Klarna of an operation that is unknown, in words.
	Evidence string
	// Outside reports that it was not made through this Coordinator but adopted.
	Outside bool
	// SettledBy is the actor who settled it with [Coordinator.Settle].
	SettledBy string
	// BegunAt and UpdatedAt are in UTC.
	BegunAt   time.Time
	UpdatedAt time.Time
}

// String returns the id, the kind and the state.
func (o Operation) String() string {
	return fmt.Sprintf("flow.Operation{%s %s %s}", o.ID, o.Kind, o.State)
}

// GoString returns what String does.
func (o Operation) GoString() string { return o.String() }

// Format writes what String returns, whatever the verb.
func (o Operation) Format(f fmt.State, _ rune) { redact.Format(f, o.String()) }

// LogValue returns what String does.
func (o Operation) LogValue() slog.Value { return slog.StringValue(o.String()) }

// AutomaticCaptureID is the id of the operation that stands for the automatic capture of a purchase
// that was begun with CaptureTimingNow. No caller's operation has it.
const AutomaticCaptureID = "authorize"

// CaptureParams captures a purchase's transaction, or a part of it.
type CaptureParams struct {
	// ID names the operation, for each repeat of it: 1 to 255 bytes without control characters,
	// unique among the purchase's operations. A second parcel is another operation, with another
	// ID.
	ID string
	// Amount is in minor units of the purchase's currency, at least 1.
	Amount int64
	// Reference is the payment_capture_reference. Where it is "", it is derived from the purchase's
	// ID and this one. No two captures of a purchase share one.
	Reference string
	// ReleaseRemaining releases what is then still authorized.
	ReleaseRemaining          bool
	SupplementaryCaptureData  *authorization.SupplementaryCaptureData
	SupplementaryPurchaseData *authorization.SupplementaryPurchaseData
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte.
	KlarnaNetworkData string
}

// RefundParams refunds what was captured, or a part of it.
type RefundParams struct {
	// ID names the operation, as CaptureParams.ID does.
	ID string
	// Amount is in minor units of the purchase's currency, at least 1.
	Amount int64
	// CaptureID is the id of the capture operation that is refunded. PaymentCaptureID is Klarna's
	// id of a capture, for one that is no operation here. Where both are "", the transaction is
	// refunded.
	CaptureID        string
	PaymentCaptureID string
	// Reference is the refund_reference or payment_refund_reference. Where it is "", it is derived
	// from the purchase's ID and this one, so that two equal refunds are two. No two refunds of a
	// purchase share one.
	Reference               string
	SupplementaryRefundData *authorization.SupplementaryRefundData
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte.
	KlarnaNetworkData string
}

// VoidParams releases what is authorized and not captured.
type VoidParams struct {
	// ID names the operation, as CaptureParams.ID does.
	ID string
}

// ExtendParams makes an authorization last longer, or larger.
type ExtendParams struct {
	// ID names the operation, as CaptureParams.ID does.
	ID string
	// Days is how many days longer; 0 leaves them to Klarna.
	Days int
	// Amount is Klarna's amount of an extension, in minor units; 0 changes no amount.
	Amount                    int64
	SupplementaryPurchaseData *authorization.SupplementaryPurchaseData
}

// UpdateTransactionParams changes the members that it has.
type UpdateTransactionParams struct {
	// ID names the operation, as CaptureParams.ID does.
	ID string
	// Reference is the new payment_transaction_reference; "" keeps the one that is there.
	Reference                 string
	SupplementaryPurchaseData *authorization.SupplementaryPurchaseData
}

// The parameters print their IDs alone: they hold personal data.

// String returns the id.
func (p CaptureParams) String() string { return "flow.CaptureParams{" + p.ID + "}" }

// GoString returns what String does.
func (p CaptureParams) GoString() string { return p.String() }

// Format writes what String returns, whatever the verb.
func (p CaptureParams) Format(f fmt.State, _ rune) { redact.Format(f, p.String()) }

// LogValue returns what String does.
func (p CaptureParams) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String returns the id.
func (p RefundParams) String() string { return "flow.RefundParams{" + p.ID + "}" }

// GoString returns what String does.
func (p RefundParams) GoString() string { return p.String() }

// Format writes what String returns, whatever the verb.
func (p RefundParams) Format(f fmt.State, _ rune) { redact.Format(f, p.String()) }

// LogValue returns what String does.
func (p RefundParams) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String returns the id.
func (p ExtendParams) String() string { return "flow.ExtendParams{" + p.ID + "}" }

// GoString returns what String does.
func (p ExtendParams) GoString() string { return p.String() }

// Format writes what String returns, whatever the verb.
func (p ExtendParams) Format(f fmt.State, _ rune) { redact.Format(f, p.String()) }

// LogValue returns what String does.
func (p ExtendParams) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String returns the id.
func (p UpdateTransactionParams) String() string { return "flow.UpdateTransactionParams{" + p.ID + "}" }

// GoString returns what String does.
func (p UpdateTransactionParams) GoString() string { return p.String() }

// Format writes what String returns, whatever the verb.
func (p UpdateTransactionParams) Format(f fmt.State, _ rune) { redact.Format(f, p.String()) }

// LogValue returns what String does.
func (p UpdateTransactionParams) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Amounts are what the record knows of a purchase's money, in minor units of its currency.
type Amounts struct {
	// Authorized is what the customer approved, extensions included.
	Authorized int64
	// Captured, Refunded and Voided add up the operations that are done.
	Captured int64
	Refunded int64
	// Voided was released by a void, or by a capture that released the rest.
	Voided int64
	// Lapsed was authorized and neither captured nor voided when the authorization ended.
	Lapsed int64
	// Remaining is what can still be captured.
	Remaining int64
	// Exact reports that nothing is in doubt: no operation is pending or unknown, and no difference
	// from Klarna's transaction is known.
	Exact bool
}

// The errors of operations.
var (
	// ErrOtherOperation is the error of an operation whose id, or whose reference, is another
	// operation's of the purchase. The error names what differs. Nothing was sent.
	ErrOtherOperation = errors.New("flow: there is another operation of this ID or reference")
	// ErrImpossible is the error of an operation that cannot succeed: it is beyond what is
	// authorized or captured, nothing is left to void, or the purchase has no transaction. Nothing
	// was recorded and nothing was sent, so the ID may be used for another.
	ErrImpossible = errors.New("flow: the operation is impossible")
	// ErrInvalidOperation is the error of parameters that lack something or that local validation
	// refuses. Nothing was recorded. The *klarna.Error is in the chain where there is one.
	ErrInvalidOperation = errors.New("flow: the operation is invalid")
)
