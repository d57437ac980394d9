package webhook

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/strictjson"
)

// ErrOtherEvent is the error of asking an event for a payload that its type does not have.
var ErrOtherEvent = errors.New("webhook: the event has another payload")

// decodePayload decodes the payload of an event whose type starts with family. A member of an unexpected shape costs no other: it is returned
// among the misfits. Only the id must fit, and the payload be an object.
func decodePayload[T any](e *Event, family, id string) (payload T, misfits Fields, err error) {
	if err := e.isOf(family); err != nil {
		return payload, nil, err
	}
	payload, misfits, err = strictjson.UnmarshalMembers[T](e.Payload)
	if err == nil && misfits[id] != nil {
		err = strictjson.Invalid(id + " is not a string")
	}
	if err != nil {
		return payload, nil, fmt.Errorf("%w: payload: %w", ErrNoEvent, err)
	}
	return payload, misfits, nil
}

// isOf is nil where the event is of that family and has an object for a payload.
func (e *Event) isOf(family string) error {
	switch {
	case e == nil || !strings.HasPrefix(string(e.Metadata.EventType), family):
		return ErrOtherEvent
	case len(e.Payload) == 0 || e.Payload[0] != '{':
		return fmt.Errorf("%w: the payload is not an object", ErrNoEvent)
	default:
		return nil
	}
}

// PaymentTransaction is the payload of the payment.transaction events. Klarna's texts do not settle it, so it names ids,
// references and states; the rest is in Unknown and in the event's Payload.
type PaymentTransaction struct {
	PaymentTransactionID        string `json:"payment_transaction_id"`
	PaymentTransactionReference string `json:"payment_transaction_reference"`
	PaymentRequestID            string `json:"payment_request_id"`
	PaymentCaptureID            string `json:"payment_capture_id"`
	PaymentCaptureReference     string `json:"payment_capture_reference"`
	PaymentRefundID             string `json:"payment_refund_id"`
	State                       string `json:"state"`
	PreviousState               string `json:"previous_state"`

	Unknown Fields `json:",embed"`
}

// PaymentTransaction decodes the payload of a payment.transaction event. The error is ErrOtherEvent for an event of another
// type, and ErrNoEvent for a payload that cannot be read.
func (e *Event) PaymentTransaction() (*PaymentTransaction, error) {
	p, misfits, err := decodePayload[PaymentTransaction](e, "payment.transaction.", "payment_transaction_id")
	if err != nil {
		return nil, err
	}
	p.Unknown = redact.Merge(p.Unknown, misfits)
	return &p, nil
}

// PaymentDispute is the payload of the payment.dispute events.
type PaymentDispute struct {
	PaymentDisputeID            string `json:"payment_dispute_id"`
	PaymentTransactionID        string `json:"payment_transaction_id"`
	PaymentTransactionReference string `json:"payment_transaction_reference"`
	PaymentCaptureID            string `json:"payment_capture_id"`
	PaymentCaptureReference     string `json:"payment_capture_reference"`
	PaymentAccountID            string `json:"payment_account_id"`
	PaymentAccountReference     string `json:"payment_account_reference"`
	State                       string `json:"state"`
	PreviousState               string `json:"previous_state"`
	DisputeReason               string `json:"dispute_reason"`
	// DisputeOutcome is WON, LOST, another, or "" while it is open.
	DisputeOutcome string         `json:"dispute_outcome"`
	DisputeDetails DisputeDetails `json:"dispute_details"`
	// CreatedAt and the other times are in UTC.
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	ClosedAt  time.Time `json:"closed_at"`

	Unknown Fields `json:",embed"`
}

// DisputeDetails say what a dispute is about.
type DisputeDetails struct {
	// DisputeAmount is in minor units.
	DisputeAmount int64  `json:"dispute_amount"`
	Currency      string `json:"currency"`
	CreatedBy     string `json:"created_by"`

	Unknown Fields `json:",embed"`
}

// LogValue returns amount and currency: a handler of JSON would write the unknown fields.
func (d DisputeDetails) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("webhook.DisputeDetails{%d %s}", d.DisputeAmount, d.Currency))
}

// PaymentDispute decodes the payload of a payment.dispute event. The error is ErrOtherEvent for an event of another type,
// and ErrNoEvent for a payload that cannot be read.
func (e *Event) PaymentDispute() (*PaymentDispute, error) {
	p, misfits, err := decodePayload[PaymentDispute](e, "payment.dispute.", "payment_dispute_id")
	if err != nil {
		return nil, err
	}
	p.Unknown = redact.Merge(p.Unknown, misfits)
	return &p, nil
}

// Format writes id and state, whatever the verb.
func (p PaymentTransaction) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns what Format writes.
func (p PaymentTransaction) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p *PaymentTransaction) describe() string {
	return fmt.Sprintf("webhook.PaymentTransaction{%s %s}", p.PaymentTransactionID, p.State)
}

// Format writes id and state, whatever the verb.
func (p PaymentDispute) Format(s fmt.State, _ rune) { redact.Format(s, p.describe()) }

// LogValue returns what Format writes.
func (p PaymentDispute) LogValue() slog.Value { return slog.StringValue(p.describe()) }

func (p *PaymentDispute) describe() string {
	return fmt.Sprintf("webhook.PaymentDispute{%s %s}", p.PaymentDisputeID, p.State)
}
