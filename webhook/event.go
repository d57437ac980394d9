package webhook

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/internal/operation"
	"github.com/klarna-go/klarna-go/internal/redact"
	"github.com/klarna-go/klarna-go/internal/wire"
)

// EventType is what happened, such as payment.request.state-change.completed. Types that are not
// listed are events like any other.
type EventType string

// The types that Klarna documents.
const (
	EventTypePaymentRequestSubmitted  EventType = "payment.request.state-change.submitted"
	EventTypePaymentRequestInProgress EventType = "payment.request.state-change.in-progress"
	EventTypePaymentRequestCompleted  EventType = "payment.request.state-change.completed"
	EventTypePaymentRequestCanceled   EventType = "payment.request.state-change.canceled"
	EventTypePaymentRequestExpired    EventType = "payment.request.state-change.expired"
	EventTypePaymentRequestDeclined   EventType = "payment.request.state-change.declined"
	EventTypePaymentRequestUpdated    EventType = "payment.request.updated"

	EventTypePaymentTransactionAuthorized EventType = "payment.transaction.state-change.authorized"
	EventTypePaymentTransactionCompleted  EventType = "payment.transaction.state-change.completed"
	EventTypePaymentTransactionExpired    EventType = "payment.transaction.state-change.expired"
	EventTypePaymentTransactionClosed     EventType = "payment.transaction.state-change.closed"
	EventTypePaymentTransactionCaptured   EventType = "payment.transaction.captured"
	EventTypePaymentTransactionRefunded   EventType = "payment.transaction.refunded"
	EventTypePaymentTransactionChargeback EventType = "payment.transaction.chargeback"

	EventTypePaymentFundingFunded  EventType = "payment.funding.state-change.funded"
	EventTypePaymentFundingExpired EventType = "payment.funding.state-change.expired"

	EventTypePaymentDisputeInitiated                     EventType = "payment.dispute.state-change.initiated"
	EventTypePaymentDisputeRepresentment                 EventType = "payment.dispute.state-change.representment"
	EventTypePaymentDisputePreArbitration                EventType = "payment.dispute.state-change.pre-arbitration"
	EventTypePaymentDisputeArbitration                   EventType = "payment.dispute.state-change.arbitration"
	EventTypePaymentDisputeClosed                        EventType = "payment.dispute.state-change.closed"
	EventTypePaymentDisputeArbitrationPending            EventType = "payment.dispute.state-change.arbitration-pending"
	EventTypePaymentDisputeMerchantEvidencePending       EventType = "payment.dispute.state-change.merchant-evidence-pending"
	EventTypePaymentDisputeArbitrationAppealWindowOpen   EventType = "payment.dispute.state-change.arbitration-appeal-window-open"
	EventTypePaymentDisputeRepresentmentDeadlineExtended EventType = "payment.dispute.updated.representment-deadline-extended"
	EventTypePaymentDisputeArbitrationDeadlineExtended   EventType = "payment.dispute.updated.arbitration-deadline-extended"
	EventTypeIdentityCustomerTokenRevoked                EventType = "identity.customer-token.state-change.revoked"
	EventTypeSettlementReportCreated                     EventType = "settlement.report.created"
	EventTypeSettlementReportUploadedToSFTP              EventType = "settlement.report.uploaded-to-sftp"
	EventTypeSettlementPayoutProcessed                   EventType = "settlement.payout.processed"
	EventTypeSettlementPayoutConfirmed                   EventType = "settlement.payout.confirmed"
	EventTypeSettlementPayoutFailed                      EventType = "settlement.payout.failed"
	EventTypePartnerAccountOperational                   EventType = "partner.account.state-change.operational"
	EventTypePartnerAccountChangeCreated                 EventType = "partner.account.change.created"
	EventTypePartnerComplianceDecisionCreated            EventType = "partner.compliance.decision.created"
	EventTypePartnerAccountBrandDataIncomplete           EventType = "partner.account.brand.data-incomplete"
)

// Event is a delivery whose signature was right.
type Event struct {
	Metadata Metadata `json:"metadata"`
	// Payload is what the event is about, as it came: a part of Raw.
	Payload RawJSON `json:"payload,omitzero"`

	// Unknown are members beside metadata and payload.
	Unknown `json:",embed"`
	// Raw is the whole body as it came.
	Raw RawJSON `json:"-"`

	// request is the payload as it was read with the event, nil where PaymentRequest reads it;
	// misfits is what did not fit.
	request *PaymentRequest
	misfits []wire.Misfit
	// repeated: there is a second payload, so that the first one decides nothing.
	repeated bool
}

// Metadata says what happened, when and to whom.
type Metadata struct {
	// EventID tells an event from its duplicates.
	EventID      string    `json:"event_id" wire:"show"`
	EventType    EventType `json:"event_type" wire:"show"`
	EventVersion string    `json:"event_version,omitzero"`
	// OccurredAt is in UTC.
	OccurredAt time.Time `json:"occurred_at,omitzero"`
	// SubjectAccountID is the account that the event is about, RecipientAccountID the one that owns
	// the webhook.
	SubjectAccountID   string `json:"subject_account_id,omitzero"`
	RecipientAccountID string `json:"recipient_account_id,omitzero"`
	WebhookID          string `json:"webhook_id,omitzero"`
	// Live is false for events of the test environment.
	Live              bool   `json:"live"`
	ProductInstanceID string `json:"product_instance_id,omitzero"`
	CorrelationID     string `json:"correlation_id,omitzero"`
	MerchantID        string `json:"merchant_id,omitzero"`

	Unknown `json:",embed"`
}

// ErrNoEvent is the error of a body whose signature is right and which is no event.
var ErrNoEvent = errors.New("webhook: the body is no event")

// Parse verifies a delivery and then decodes it. Errors are those of Verify, and ErrNoEvent.
func (v *Verifier) Parse(ctx context.Context, header http.Header, body []byte) (*Event, error) {
	if err := v.Verify(ctx, header, body); err != nil {
		return nil, err
	}
	body = bytes.Clone(body)
	event := new(Event)
	misfits, err := wire.Into(event, (*Event).decode).Decode(body)
	if err == nil {
		misfits = event.fallBack(misfits)
		err = operation.CheckEvent("", event, misfits)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEvent, err)
	}
	event.Raw = redact.RawJSONOf(body)
	for _, m := range misfits {
		if path, ok := strings.CutPrefix(m.Path, "payload."); ok {
			m.Path = path
			event.misfits = append(event.misfits, m)
		}
		event.repeated = event.repeated || m.Path == "payload"
	}
	return event, nil
}

// member reads a payment request with the event, where the type says that the payload is one and
// stands before it, as it nearly always does: to read the payload again takes as long as to hash it
// twice.
func (e *Event) member(r *wire.Reader, name []byte) bool {
	switch string(name) {
	case "metadata":
		return r.Once(0) && wire.ReadValue(&e.Metadata, r, (*Metadata).decode)
	case "payload":
		if !r.Once(1) {
			return false
		}
		if !strings.HasPrefix(string(e.Metadata.EventType), operation.RequestEvents) {
			return wire.ReadRaw(&e.Payload, r)
		}
		request := new(PaymentRequest)
		if wire.ReadRawOf(&e.Payload, r, func() bool { return request.decode(r) }) && e.isOf(operation.RequestEvents) == nil {
			e.request = request
		}
		return true
	default:
		return r.Other()
	}
}

// fallBack reads at the top level what is missing from the metadata: some dispute events have it
// there. It returns the misfits that are left.
func (e *Event) fallBack(misfits []wire.Misfit) []wire.Misfit {
	m := &e.Metadata
	if len(e.Unknown) == 0 || m.EventID != "" && m.EventType != "" && !m.OccurredAt.IsZero() {
		return misfits
	}
	var top Metadata
	for name, read := range map[string]func(r *wire.Reader) bool{
		"event_id":    func(r *wire.Reader) bool { return m.EventID == "" && wire.ReadText(&top.EventID, r) },
		"event_type":  func(r *wire.Reader) bool { return m.EventType == "" && wire.ReadText(&top.EventType, r) },
		"occurred_at": func(r *wire.Reader) bool { return m.OccurredAt.IsZero() && wire.ReadTime(&top.OccurredAt, r) },
	} {
		if text, ok := e.Unknown[name]; ok {
			if _, err := wire.Read(text.Bytes(), read); err == nil {
				misfits = slices.DeleteFunc(misfits, func(misfit wire.Misfit) bool { return misfit.Path == "metadata."+name })
			}
		}
	}
	m.EventID = cmp.Or(m.EventID, top.EventID)
	m.EventType = cmp.Or(m.EventType, top.EventType)
	if m.OccurredAt.IsZero() {
		m.OccurredAt = top.OccurredAt
	}
	if top.EventID != "" && top.EventType != "" {
		misfits = slices.DeleteFunc(misfits, func(misfit wire.Misfit) bool { return misfit.Path == "metadata" && !misfit.Repeated })
	}
	return misfits
}
