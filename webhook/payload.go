package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/wire"
)

// ErrOtherEvent reports that the event's type does not have the requested payload.
var ErrOtherEvent = errors.New("webhook: the event has another payload")

// decodePayload decodes the payload of an event whose type starts with family. A member of an
// unexpected type is kept in Unknown and does not affect the other members. Only the members that
// operation.CheckEvent requires must have the expected type.
func decodePayload[T any](e *Event, family string, decode func(*T, *wire.Reader) bool) (*T, error) {
	if err := e.checkFamily(family); err != nil {
		return nil, err
	}
	payload := new(T)
	misfits, err := wire.Into(payload, decode).Decode(e.Payload.Bytes())
	if err == nil {
		err = operation.CheckEvent(family, payload, misfits)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrNoEvent, err)
	}
	return payload, nil
}

// checkFamily returns nil if the event's type starts with family and its payload is an object.
func (e *Event) checkFamily(family string) error {
	switch {
	case e == nil || !strings.HasPrefix(string(e.Metadata.EventType), family):
		return ErrOtherEvent
	case e.repeated:
		return fmt.Errorf("%w: payload is there more than once", ErrNoEvent)
	case !bytes.HasPrefix(e.Payload.Bytes(), []byte("{")):
		return fmt.Errorf("%w: the payload is not an object", ErrNoEvent)
	default:
		return nil
	}
}

// PaymentTransaction is the payload of the payment.transaction events. Klarna's documentation does
// not specify it completely. The struct has its ids, references and states; the other members are
// in Unknown.
type PaymentTransaction struct {
	PaymentTransactionID        string                  `json:"payment_transaction_id,omitzero" wire:"show"`
	PaymentTransactionReference string                  `json:"payment_transaction_reference,omitzero"`
	PaymentRequestID            string                  `json:"payment_request_id,omitzero"`
	PaymentCaptureID            string                  `json:"payment_capture_id,omitzero"`
	PaymentCaptureReference     string                  `json:"payment_capture_reference,omitzero"`
	PaymentRefundID             string                  `json:"payment_refund_id,omitzero"`
	State                       PaymentTransactionState `json:"state,omitzero" wire:"show"`
	PreviousState               PaymentTransactionState `json:"previous_state,omitzero"`

	Unknown `json:",embed"`
}

// PaymentTransactionState is the state of a payment transaction. Unknown values are kept.
type PaymentTransactionState string

// The states of a payment transaction.
const (
	PaymentTransactionStateAuthorized PaymentTransactionState = "AUTHORIZED"
	PaymentTransactionStateCompleted  PaymentTransactionState = "COMPLETED"
	PaymentTransactionStateExpired    PaymentTransactionState = "EXPIRED"
	PaymentTransactionStateClosed     PaymentTransactionState = "CLOSED"
)

// PaymentTransaction decodes the payload of a payment.transaction event. The error is
// [ErrOtherEvent] if the event has another type, and [ErrNoEvent] if the payload cannot be decoded.
func (e *Event) PaymentTransaction() (*PaymentTransaction, error) {
	return decodePayload(e, operation.TransactionEvents, (*PaymentTransaction).decode)
}

// PaymentDispute is the payload of the payment.dispute events. Klarna has two dispute frameworks,
// each with its own events and members. The struct has the members of both.
type PaymentDispute struct {
	PaymentDisputeID            string `json:"payment_dispute_id,omitzero" wire:"show"`
	PaymentTransactionID        string `json:"payment_transaction_id,omitzero"`
	PaymentTransactionReference string `json:"payment_transaction_reference,omitzero"`
	PaymentCaptureID            string `json:"payment_capture_id,omitzero"`
	PaymentCaptureReference     string `json:"payment_capture_reference,omitzero"`
	PaymentAccountID            string `json:"payment_account_id,omitzero"`
	PaymentAccountReference     string `json:"payment_account_reference,omitzero"`
	OrderID                     string `json:"order_id,omitzero"`
	PurchaseReference           string `json:"purchase_reference,omitzero"`
	MerchantReference2          string `json:"merchant_reference2,omitzero"`
	State                       string `json:"state,omitzero" wire:"show"`
	PreviousState               string `json:"previous_state,omitzero"`
	DisputeReason               string `json:"dispute_reason,omitzero"`
	// DisputeOutcome is "" while the dispute is open.
	DisputeOutcome DisputeOutcome `json:"dispute_outcome,omitzero"`
	// DisputeOutcomeDetailed describes the outcome in more detail. Compare it case-insensitively.
	DisputeOutcomeDetailed string         `json:"dispute_outcome_detailed,omitzero"`
	DisputeDetails         DisputeDetails `json:"dispute_details,omitzero"`
	// Representment, Arbitration and PartnerEvidence are JSON objects as they came, because
	// Klarna's documentation does not specify their members.
	Representment   RawJSON `json:"representment,omitzero"`
	Arbitration     RawJSON `json:"arbitration,omitzero"`
	PartnerEvidence RawJSON `json:"partner_evidence,omitzero"`
	// UpdatedFields and PreviousFields hold the changed members of an updated event and their
	// previous values, as they came.
	UpdatedFields  RawJSON `json:"updated_fields,omitzero"`
	PreviousFields RawJSON `json:"previous_fields,omitzero"`
	// CreatedAt and the other times are in UTC.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	ClosedAt  time.Time `json:"closed_at,omitzero"`

	Unknown `json:",embed"`
}

// DisputeOutcome is the outcome of a dispute, from the Partner's side. Unknown values are kept.
type DisputeOutcome string

// The outcomes of a dispute.
const (
	DisputeOutcomeWon  DisputeOutcome = "WON"
	DisputeOutcomeLost DisputeOutcome = "LOST"
)

// DisputeDetails describes what a dispute is about.
type DisputeDetails struct {
	// DisputeAmount is in minor units. It is nil if the event has none.
	DisputeAmount *int64 `json:"dispute_amount,omitzero" wire:"show"`
	Currency      string `json:"currency,omitzero" wire:"show"`
	CreatedBy     string `json:"created_by,omitzero"`

	Unknown `json:",embed"`
}

// PaymentDispute decodes the payload of a payment.dispute event. The error is [ErrOtherEvent] if
// the event has another type, and [ErrNoEvent] if the payload cannot be decoded.
func (e *Event) PaymentDispute() (*PaymentDispute, error) {
	return decodePayload(e, operation.DisputeEvents, (*PaymentDispute).decode)
}
