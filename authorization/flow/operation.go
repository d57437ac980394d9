package flow

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/internal/redact"
)

// OperationKind is what an operation does to a purchase's transaction. Newer versions may add
// values.
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

// OperationState is the state of an operation.
type OperationState string

// The states of an operation.
const (
	// OperationStatePending: the operation is recorded, and Klarna has not decided it yet. Recovery
	// repeats the call.
	OperationStatePending OperationState = "PENDING"
	// OperationStateDone: the operation was executed once.
	OperationStateDone OperationState = "DONE"
	// OperationStateRefused: the operation was not executed and will not be. Operation.Reason says
	// why.
	OperationStateRefused OperationState = "REFUSED"
	// OperationStateUnknown: the operation may have been executed, and Klarna's transaction proves
	// neither. Operation.Evidence says what the transaction shows. Recovery reads the transaction
	// again from time to time and settles the operation once the transaction proves its result. A
	// person can settle it with [Coordinator.Settle].
	OperationStateUnknown OperationState = "UNKNOWN"
)

// Operation is an operation on a purchase's transaction after the approval.
type Operation struct {
	// ID is the caller's. The automatic capture of a purchase that was begun with CaptureTimingNow
	// has the ID [AutomaticCaptureID]. An adopted operation has Klarna's ID of the capture or
	// refund.
	ID   string
	Kind OperationKind
	// State says how far the operation is. Switch over it.
	State OperationState
	// Amount is in minor units of Currency: the amount that is captured or refunded, that an
	// extension adds, or that a void released.
	Amount   int64
	Currency string
	// Reference is the one at Klarna; "" for a void and an extension, which have none.
	Reference string
	// CaptureID is the ID of the capture operation that a refund names.
	CaptureID string
	// PaymentCaptureID is Klarna's ID of a capture that is done, or of the capture that a refund
	// refunds, if it is known.
	PaymentCaptureID string
	// PaymentRefundID is Klarna's ID of a refund that is done, if Klarna's answer has one.
	PaymentRefundID string
	// Reason is Klarna's error code, or a code of the Coordinator in capitals. It is "" for an
	// operation that is done. While an operation is pending, it is Klarna's last answer that
	// decided nothing.
	Reason string
	// Parameters are the paths of the parameters that Klarna refused.
	Parameters string
	// Evidence describes what Klarna's transaction shows of an unknown operation.
	Evidence string
	// Outside reports whether the operation was adopted: it was not made by a Coordinator with this
	// Store.
	Outside bool
	// SettledBy is the Actor of [Coordinator.Settle], if a person settled the operation.
	SettledBy string
	// BegunAt and UpdatedAt are in UTC.
	BegunAt   time.Time
	UpdatedAt time.Time
}

// String returns the ID, the kind and the state.
func (o Operation) String() string {
	return fmt.Sprintf("flow.Operation{%s %s %s}", o.ID, o.Kind, o.State)
}

// GoString returns the result of String.
func (o Operation) GoString() string { return o.String() }

// Format writes the result of String for every verb.
func (o Operation) Format(f fmt.State, _ rune) { redact.Format(f, o.String()) }

// LogValue returns the result of String.
func (o Operation) LogValue() slog.Value { return slog.StringValue(o.String()) }

// AutomaticCaptureID is the ID of the operation that stands for the automatic capture of a purchase
// that was begun with CaptureTimingNow. The caller cannot use this ID.
const AutomaticCaptureID = "authorize"

// CaptureParams are the parameters of [Coordinator.Capture].
type CaptureParams struct {
	// ID identifies the operation. It is the same for every repeat and unique among the purchase's
	// operations: 1 to 255 bytes of UTF-8 without control characters. The capture of a second
	// parcel is another operation with another ID.
	ID string
	// Amount is in minor units of the purchase's currency, at least 1.
	Amount int64
	// Reference is the payment_capture_reference. If it is "", it is derived from the purchase's ID
	// and the operation's ID. No two captures of a purchase share one.
	Reference string
	// ReleaseRemaining releases what is still authorized after the capture.
	ReleaseRemaining          bool
	SupplementaryCaptureData  *authorization.SupplementaryCaptureData
	SupplementaryPurchaseData *authorization.SupplementaryPurchaseData
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte.
	KlarnaNetworkData string
}

// RefundParams are the parameters of [Coordinator.Refund].
type RefundParams struct {
	// ID identifies the operation, as in CaptureParams.ID.
	ID string
	// Amount is in minor units of the purchase's currency, at least 1.
	Amount int64
	// CaptureID is the ID of the capture operation to refund. PaymentCaptureID is Klarna's ID of a
	// capture that is not an operation of this purchase. If both are "", the transaction is
	// refunded. Set at most one of them.
	CaptureID        string
	PaymentCaptureID string
	// Reference is the refund_reference or payment_refund_reference. If it is "", it is derived
	// from the purchase's ID and the operation's ID, so two refunds with the same amount have
	// different references. No two refunds of a purchase share one.
	Reference               string
	SupplementaryRefundData *authorization.SupplementaryRefundData
	// KlarnaNetworkData is the string that a Partner sent under this name, byte for byte.
	KlarnaNetworkData string
}

// VoidParams are the parameters of [Coordinator.Void].
type VoidParams struct {
	// ID identifies the operation, as in CaptureParams.ID.
	ID string
}

// ExtendParams are the parameters of [Coordinator.Extend].
type ExtendParams struct {
	// ID identifies the operation, as in CaptureParams.ID.
	ID string
	// Days is the number of days to extend by. If it is 0, Klarna decides.
	Days int
	// Amount is the amount of the extension, in minor units. If it is 0, the amount does not
	// change.
	Amount                    int64
	SupplementaryPurchaseData *authorization.SupplementaryPurchaseData
}

// UpdateTransactionParams are the parameters of [Coordinator.UpdateTransaction]. A zero field
// changes nothing.
type UpdateTransactionParams struct {
	// ID identifies the operation, as in CaptureParams.ID.
	ID string
	// Reference is the new payment_transaction_reference. If it is "", the reference does not
	// change.
	Reference                 string
	SupplementaryPurchaseData *authorization.SupplementaryPurchaseData
}

// The parameters print only their IDs, because they hold personal data.

// String returns the ID.
func (p CaptureParams) String() string { return "flow.CaptureParams{" + p.ID + "}" }

// GoString returns the result of String.
func (p CaptureParams) GoString() string { return p.String() }

// Format writes the result of String for every verb.
func (p CaptureParams) Format(f fmt.State, _ rune) { redact.Format(f, p.String()) }

// LogValue returns the result of String.
func (p CaptureParams) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String returns the ID.
func (p RefundParams) String() string { return "flow.RefundParams{" + p.ID + "}" }

// GoString returns the result of String.
func (p RefundParams) GoString() string { return p.String() }

// Format writes the result of String for every verb.
func (p RefundParams) Format(f fmt.State, _ rune) { redact.Format(f, p.String()) }

// LogValue returns the result of String.
func (p RefundParams) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String returns the ID.
func (p ExtendParams) String() string { return "flow.ExtendParams{" + p.ID + "}" }

// GoString returns the result of String.
func (p ExtendParams) GoString() string { return p.String() }

// Format writes the result of String for every verb.
func (p ExtendParams) Format(f fmt.State, _ rune) { redact.Format(f, p.String()) }

// LogValue returns the result of String.
func (p ExtendParams) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String returns the ID.
func (p UpdateTransactionParams) String() string { return "flow.UpdateTransactionParams{" + p.ID + "}" }

// GoString returns the result of String.
func (p UpdateTransactionParams) GoString() string { return p.String() }

// Format writes the result of String for every verb.
func (p UpdateTransactionParams) Format(f fmt.State, _ rune) { redact.Format(f, p.String()) }

// LogValue returns the result of String.
func (p UpdateTransactionParams) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Amounts sums up a purchase's money, in minor units of its currency.
type Amounts struct {
	// Authorized is what the customer approved, including extensions.
	Authorized int64
	// Captured, Refunded and Voided are the sums of the operations that are done.
	Captured int64
	Refunded int64
	// Voided is what voids released, and captures with ReleaseRemaining.
	Voided int64
	// Lapsed is what was neither captured nor voided when the authorization ended.
	Lapsed int64
	// Remaining is what can still be captured.
	Remaining int64
	// Exact reports whether nothing is in doubt: no operation is pending or unknown, and the record
	// is not known to differ from Klarna's transaction.
	Exact bool
}

// The errors of operations.
var (
	// ErrOtherOperation reports that another operation of the purchase has the ID or the reference.
	// The error text says what differs. Nothing was sent.
	ErrOtherOperation = errors.New("flow: another operation has this ID or reference")
	// ErrImpossible reports that an operation cannot succeed: its amount is beyond what is
	// authorized or captured, nothing is left to void, or the purchase has no transaction. Nothing
	// was recorded or sent, so the ID can be used for another operation.
	ErrImpossible = errors.New("flow: the operation is impossible")
	// ErrInvalidOperation reports that a parameter is missing or that local validation refused the
	// parameters. The error then wraps the [*klarna.Error]. Nothing was recorded or sent.
	ErrInvalidOperation = errors.New("flow: the operation is invalid")
)
