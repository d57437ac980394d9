package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/strictjson"
)

// EventType is what happened, such as payment.request.state-change.completed. Types that are not listed are
// events like any other.
type EventType string

// The types that Klarna documents.
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
	PaymentTransactionCaptured   EventType = "payment.transaction.captured"
	PaymentTransactionRefunded   EventType = "payment.transaction.refunded"
	PaymentTransactionChargeback EventType = "payment.transaction.chargeback"

	PaymentFundingFunded  EventType = "payment.funding.state-change.funded"
	PaymentFundingExpired EventType = "payment.funding.state-change.expired"

	PaymentDisputeInitiated                     EventType = "payment.dispute.state-change.initiated"
	PaymentDisputeRepresentment                 EventType = "payment.dispute.state-change.representment"
	PaymentDisputePreArbitration                EventType = "payment.dispute.state-change.pre-arbitration"
	PaymentDisputeArbitration                   EventType = "payment.dispute.state-change.arbitration"
	PaymentDisputeClosed                        EventType = "payment.dispute.state-change.closed"
	PaymentDisputeArbitrationPending            EventType = "payment.dispute.state-change.arbitration-pending"
	PaymentDisputeMerchantEvidencePending       EventType = "payment.dispute.state-change.merchant-evidence-pending"
	PaymentDisputeArbitrationAppealWindowOpen   EventType = "payment.dispute.state-change.arbitration-appeal-window-open"
	PaymentDisputeRepresentmentDeadlineExtended EventType = "payment.dispute.updated.representment-deadline-extended"
	PaymentDisputeArbitrationDeadlineExtended   EventType = "payment.dispute.updated.arbitration-deadline-extended"
	IdentityCustomerTokenRevoked                EventType = "identity.customer-token.state-change.revoked"
	SettlementReportCreated                     EventType = "settlement.report.created"
	SettlementReportUploadedToSFTP              EventType = "settlement.report.uploaded-to-sftp"
	SettlementPayoutProcessed                   EventType = "settlement.payout.processed"
	SettlementPayoutConfirmed                   EventType = "settlement.payout.confirmed"
	SettlementPayoutFailed                      EventType = "settlement.payout.failed"
	PartnerAccountOperational                   EventType = "partner.account.state-change.operational"
	PartnerAccountChangeCreated                 EventType = "partner.account.change.created"
	PartnerComplianceDecisionCreated            EventType = "partner.compliance.decision.created"
)

// Event is a delivery whose signature was right.
type Event struct {
	Metadata Metadata `json:"metadata"`
	// Payload is what the event is about, as it came: a part of Raw.
	Payload RawJSON `json:"payload"`

	// Raw is the whole body as it came.
	Raw RawJSON `json:"-"`

	// request is the payload as Parse has read it, nil where that is left to PaymentRequest.
	request *PaymentRequest
}

// Metadata says what happened, when and to whom.
type Metadata struct {
	// EventID tells an event from its duplicates.
	EventID      string    `json:"event_id"`
	EventType    EventType `json:"event_type"`
	EventVersion string    `json:"event_version,omitzero"`
	// OccurredAt is in UTC.
	OccurredAt time.Time `json:"occurred_at,omitzero"`
	// SubjectAccountID is the account that the event is about, RecipientAccountID the one that owns the webhook.
	SubjectAccountID   string `json:"subject_account_id,omitzero"`
	RecipientAccountID string `json:"recipient_account_id,omitzero"`
	WebhookID          string `json:"webhook_id,omitzero"`
	// Live is false for events of the test environment.
	Live              bool   `json:"live"`
	ProductInstanceID string `json:"product_instance_id,omitzero"`
	CorrelationID     string `json:"correlation_id,omitzero"`
	MerchantID        string `json:"merchant_id,omitzero"`

	Unknown Fields `json:",embed"`
}

// ErrNoEvent is the error of a body whose signature is right and which is no event.
var ErrNoEvent = errors.New("webhook: the body is no event")

// Parse verifies a delivery and then decodes it. Errors are those of Verify, and ErrNoEvent.
func (v *Verifier) Parse(ctx context.Context, header http.Header, body []byte) (*Event, error) {
	if err := v.Verify(ctx, header, body); err != nil {
		return nil, err
	}
	event := &Event{Raw: append(RawJSON(nil), body...)}
	m, top := &event.Metadata, new(Metadata)
	err := strictjson.Read(event.Raw, func(r *strictjson.Reader) bool {
		return r.Members(func(name []byte) bool {
			switch string(name) {
			case "metadata":
				return r.Members(func(name []byte) bool { return m.read(r, name) })
			case "payload":
				return event.readPayload(r)
			case "event_id", "event_type", "occurred_at":
				// Some dispute events say these at the top level as well.
				return top.read(r, name)
			default:
				return r.Skip()
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEvent, err)
	}
	if m.EventID == "" {
		m.EventID = top.EventID
	}
	if m.EventType == "" {
		m.EventType = top.EventType
	}
	if m.OccurredAt.IsZero() {
		m.OccurredAt = top.OccurredAt
	}
	if m.EventID == "" || m.EventType == "" {
		return nil, fmt.Errorf("%w: event_id or event_type is missing", ErrNoEvent)
	}
	return event, nil
}

// readPayload reads a payment request on the way, where the type says that it is one and, as nearly always, stands before it: to read the payload
// again takes as long as to hash it twice.
func (e *Event) readPayload(r *strictjson.Reader) bool {
	if !strings.HasPrefix(string(e.Metadata.EventType), paymentRequests) {
		return r.Raw(&e.Payload)
	}
	p := new(PaymentRequest)
	if r.RawOf(&e.Payload, func() bool { return p.readJSON(r) }) {
		e.request = p
	}
	return true
}

// read reads the member of that name.
func (m *Metadata) read(r *strictjson.Reader, name []byte) (fits bool) {
	switch string(name) {
	case "event_id":
		return strictjson.Text(r, &m.EventID)
	case "event_type":
		return strictjson.Text(r, &m.EventType)
	case "event_version":
		return strictjson.Text(r, &m.EventVersion)
	case "occurred_at":
		return r.Time(&m.OccurredAt)
	case "subject_account_id":
		return strictjson.Text(r, &m.SubjectAccountID)
	case "recipient_account_id":
		return strictjson.Text(r, &m.RecipientAccountID)
	case "webhook_id":
		return strictjson.Text(r, &m.WebhookID)
	case "live":
		return r.Bool(&m.Live)
	case "product_instance_id":
		return strictjson.Text(r, &m.ProductInstanceID)
	case "correlation_id":
		return strictjson.Text(r, &m.CorrelationID)
	case "merchant_id":
		return strictjson.Text(r, &m.MerchantID)
	default:
		return r.Keep(&m.Unknown, name)
	}
}

// LogValue returns type and id: a handler of JSON would write the unknown fields.
func (m Metadata) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("webhook.Metadata{%s %s}", m.EventType, m.EventID))
}

// Format writes type and id, whatever the verb: a payload holds tokens and personal data.
func (e Event) Format(s fmt.State, _ rune) { redact.Format(s, e.describe()) }

// LogValue returns what Format writes.
func (e Event) LogValue() slog.Value { return slog.StringValue(e.describe()) }

func (e *Event) describe() string {
	return fmt.Sprintf("webhook.Event{%s %s}", e.Metadata.EventType, e.Metadata.EventID)
}
