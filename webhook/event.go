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

// EventType names what happened, such as payment.request.state-change.completed. An event may have
// a type that is not listed here.
type EventType string

// The event types that Klarna documents.
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

// Event is a delivery whose signature is valid.
type Event struct {
	Metadata Metadata `json:"metadata"`
	// Payload is the payload as it came, a part of Raw. Its members depend on the event type.
	Payload RawJSON `json:"payload,omitzero"`

	// Unknown holds the members other than metadata and payload.
	Unknown `json:",embed"`
	// Raw is the whole body as it came.
	Raw RawJSON `json:"-"`

	// request is the payload if it was decoded together with the event. Otherwise it is nil, and
	// the method PaymentRequest decodes the payload. misfits lists the members of request that have
	// an unexpected type.
	request *PaymentRequest
	misfits []wire.Misfit
	// repeated reports that the body has several payloads, so that none of them can be used.
	repeated bool
}

// Metadata describes an event: what happened, when, and to which account.
type Metadata struct {
	// EventID identifies the event. Its duplicates have the same EventID.
	EventID      string    `json:"event_id" wire:"show"`
	EventType    EventType `json:"event_type" wire:"show"`
	EventVersion string    `json:"event_version,omitzero"`
	// OccurredAt is in UTC.
	OccurredAt time.Time `json:"occurred_at,omitzero"`
	// SubjectAccountID is the account that the event is about. RecipientAccountID is the account
	// that owns the webhook.
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

// ErrNoEvent reports that a body or a payload cannot be decoded, although its signature is valid.
var ErrNoEvent = errors.New("webhook: the body is not an event")

// Parse verifies a delivery as [Verifier.Verify] does, and decodes it. It returns the errors of
// Verify, and [ErrNoEvent] if the body cannot be decoded.
func (v *Verifier) Parse(ctx context.Context, header http.Header, body []byte) (*Event, error) {
	if err := v.Verify(ctx, header, body); err != nil {
		return nil, err
	}
	body = bytes.Clone(body)
	event := new(Event)
	misfits, err := wire.Into(event, (*Event).decode).Decode(body)
	if err == nil {
		misfits = event.readTopLevel(misfits)
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

// member decodes a payment request together with the event if the metadata comes before the
// payload, as it nearly always does. A second pass over the payload takes twice as long as its
// HMAC.
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
		if wire.ReadRawOf(&e.Payload, r, func() bool { return request.decode(r) }) && e.checkFamily(operation.RequestEvents) == nil {
			e.request = request
		}
		return true
	default:
		return r.Other()
	}
}

// readTopLevel completes the metadata with members of the top level, where some dispute events have
// them. It returns the remaining misfits.
func (e *Event) readTopLevel(misfits []wire.Misfit) []wire.Misfit {
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
