package webhook

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/strictjson"
)

// EventType is what happened, such as payment.request.state-change.completed. Types that are not listed are
// events like any other.
type EventType string

// The types of payment requests and transactions.
const (
	PaymentRequestSubmitted  EventType = "payment.request.state-change.submitted"
	PaymentRequestInProgress EventType = "payment.request.state-change.in-progress"
	PaymentRequestCompleted  EventType = "payment.request.state-change.completed"
	PaymentRequestCanceled   EventType = "payment.request.state-change.canceled"
	PaymentRequestExpired    EventType = "payment.request.state-change.expired"
	PaymentRequestDeclined   EventType = "payment.request.state-change.declined"
	PaymentRequestUpdated    EventType = "payment.request.updated"

	PaymentTransactionAuthorized EventType = "payment.transaction.state-change.authorized"
	PaymentTransactionCompleted  EventType = "payment.transaction.state-change.completed"
	PaymentTransactionExpired    EventType = "payment.transaction.state-change.expired"
	PaymentTransactionClosed     EventType = "payment.transaction.state-change.closed"
)

// Event is a delivery whose signature was right.
type Event struct {
	Metadata Metadata `json:"metadata"`
	// Payload is what the event is about, as it came.
	Payload RawJSON `json:"payload"`

	// Raw is the whole body as it came.
	Raw RawJSON `json:"-"`
}

// Metadata says what happened, when and to whom.
type Metadata struct {
	// EventID tells an event from its duplicates.
	EventID      string    `json:"event_id"`
	EventType    EventType `json:"event_type"`
	EventVersion string    `json:"event_version"`
	// OccurredAt is in UTC.
	OccurredAt time.Time `json:"occurred_at"`
	// SubjectAccountID is the account that the event is about, RecipientAccountID the one that owns the webhook.
	SubjectAccountID   string `json:"subject_account_id"`
	RecipientAccountID string `json:"recipient_account_id"`
	WebhookID          string `json:"webhook_id"`
	// Live is false for events of the test environment.
	Live              bool   `json:"live"`
	ProductInstanceID string `json:"product_instance_id"`
	CorrelationID     string `json:"correlation_id"`
	MerchantID        string `json:"merchant_id"`

	Unknown Fields `json:",embed"`
}

// ErrNoEvent is the error of a body whose signature is right and which is no event.
var ErrNoEvent = errors.New("webhook: the body is no event")

// Parse verifies a delivery and then decodes it. Errors are those of Verify, and ErrNoEvent.
func (v *Verifier) Parse(header http.Header, body []byte) (*Event, error) {
	if err := v.Verify(header, body); err != nil {
		return nil, err
	}
	var envelope struct {
		Event
		// Some dispute events say these at the top level as well.
		EventID    string    `json:"event_id"`
		EventType  EventType `json:"event_type"`
		OccurredAt time.Time `json:"occurred_at"`
	}
	if err := strictjson.Unmarshal(body, &envelope); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEvent, err)
	}
	event := &envelope.Event
	event.Raw = append(RawJSON(nil), body...)
	m := &event.Metadata
	if m.EventID == "" {
		m.EventID = envelope.EventID
	}
	if m.EventType == "" {
		m.EventType = envelope.EventType
	}
	if m.OccurredAt.IsZero() {
		m.OccurredAt = envelope.OccurredAt
	}
	if m.EventID == "" || m.EventType == "" {
		return nil, fmt.Errorf("%w: event_id or event_type is missing", ErrNoEvent)
	}
	return event, nil
}

// Format writes type and id, whatever the verb: a payload holds tokens and personal data.
func (e Event) Format(s fmt.State, _ rune) { redact.Format(s, e.describe()) }

// LogValue returns what Format writes.
func (e Event) LogValue() slog.Value { return slog.StringValue(e.describe()) }

func (e *Event) describe() string {
	return fmt.Sprintf("webhook.Event{%s %s}", e.Metadata.EventType, e.Metadata.EventID)
}
