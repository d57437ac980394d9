package flow_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// transactionHappened returns an event about the transaction.
func (s *scene) transactionHappened(eventType webhook.EventType, members string) *webhook.Event {
	s.Helper()
	t := s.transaction()
	return &webhook.Event{
		Metadata: webhook.Metadata{EventID: "event-2", EventType: eventType, SubjectAccountID: s.klarna.PartnerAccountID},
		Payload: webhook.NewRawJSON(fmt.Sprintf(`{"payment_transaction_id":%q,"payment_transaction_reference":%q%s}`,
			t.PaymentTransactionID, t.Reference, members)),
	}
}

const (
	capturedEvent = webhook.EventType("payment.transaction.captured")
	refundedEvent = webhook.EventType("payment.transaction.refunded")
	closedEvent   = webhook.EventTypePaymentTransactionClosed
)

func captureMember(id string) string { return fmt.Sprintf(`,"payment_capture_id":%q`, id) }
func refundMember(id string) string  { return fmt.Sprintf(`,"payment_refund_id":%q`, id) }

// A person captures and refunds in Klarna's portal.
func TestOperationsMadeElsewhereAreAdopted(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	if _, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-1", Amount: 40_00}); err != nil {
		t.Fatal(err)
	}
	captureID := s.elsewhere().capture("portal", 50_00)
	refundID := s.elsewhere().refund("portal", 5_00)
	for range 2 {
		for _, event := range []*webhook.Event{
			s.transactionHappened(capturedEvent, captureMember(captureID)), s.transactionHappened(refundedEvent, refundMember(refundID)),
		} {
			if err := r.HandleEvent(t.Context(), event); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := s.reported.ended(); got != "parcel-1 DONE, DIFFERS" {
		t.Errorf("reported: %s", got)
	}
	if a := s.status(orderID).Amounts; a.Captured != 40_00 || a.Exact {
		t.Errorf("amounts: %+v", a)
	}
	// A refund that is not proven impossible goes to Klarna: by the record only 40.00 was captured.
	if o, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: "return-1", Amount: 45_00}); err != nil || o.State != flow.OperationStateDone {
		t.Fatalf("%v, %v", o, err)
	}
	if o, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-2", Amount: 60_00}); err != nil || o.State != flow.OperationStateRefused || o.Reason != "VALIDATION_ERROR" {
		t.Fatalf("%v with reason %q, %v", o, o.Reason, err)
	}

	r.meets(s.listingRefunds)
	want := []flow.Difference{
		{Kind: flow.DifferenceKindCapture, PaymentCaptureID: captureID, Reference: "portal", Klarna: 50_00},
		{Kind: flow.DifferenceKindRefund, PaymentRefundID: refundID, Reference: "portal", Klarna: 5_00},
	}
	for _, adopt := range []bool{false, true} {
		result, err := r.Reconcile(t.Context(), orderID, flow.ReconcileParams{Adopt: adopt})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, result.Differences); diff != "" || !result.CapturesListed || !result.RefundsListed || result.Adopted != adopt {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(flow.Amounts{Authorized: 118_00, Captured: 90_00, Refunded: 50_00, Remaining: 28_00, Exact: true}, s.status(orderID).Amounts); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
	if o := s.operation(captureID); !o.Outside || o.State != flow.OperationStateDone || o.Amount != 50_00 {
		t.Errorf("adopted: %+v", o)
	}
	result, err := r.Reconcile(t.Context(), orderID, flow.ReconcileParams{})
	if err != nil || len(result.Differences) != 0 {
		t.Errorf("%v, %v", result, err)
	}
	if !s.record(orderID).DueAt.IsZero() {
		t.Error("the purchase is due")
	}
	// Adopted operations count.
	if _, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: "return-2", Amount: 40_01}); !errors.Is(err, flow.ErrImpossible) {
		t.Errorf("a refund of more than is left: %v", err)
	}
	if o, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: "return-2", Amount: 40_00, CaptureID: captureID}); err != nil || o.State != flow.OperationStateDone {
		t.Errorf("%v, %v", o, err)
	}
	if _, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: captureID, Amount: 50_00}); !errors.Is(err, flow.ErrOtherOperation) {
		t.Errorf("with the id of an adopted operation: %v", err)
	}
	s.klarna.CheckInvariants(t)
}

// No replica knows of the capture. An operation that the record excludes is looked up first.
func TestAnApparentlyImpossibleOperationIsLookedUp(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	s.elsewhere().capture("portal", 50_00)
	o, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: "return-1", Amount: 20_00})
	if err != nil || o.State != flow.OperationStateDone {
		t.Fatalf("%v, %v", o, err)
	}
	if got := s.reported.ended(); got != "DIFFERS, return-1 DONE" {
		t.Errorf("reported: %s", got)
	}
}

func TestAVoidElsewhereIsAdopted(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	if err := captured(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	s.elsewhere().void()
	if err := r.HandleEvent(t.Context(), s.transactionHappened(webhook.EventTypePaymentTransactionCompleted, "")); err != nil {
		t.Fatal(err)
	}
	result, err := r.Reconcile(t.Context(), orderID, flow.ReconcileParams{Adopt: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []flow.Difference{{Kind: flow.DifferenceKindReleased, Recorded: 58_00}}
	if diff := cmp.Diff(want, result.Differences); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(flow.Amounts{Authorized: 118_00, Captured: 60_00, Voided: 58_00, Exact: true}, result.Status.Amounts); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
}

// A capture is made elsewhere while one of ours has no answer. After a day they are distinguished.
func TestACaptureMadeElsewhereIsNotTakenForOurs(t *testing.T) {
	for _, done := range []bool{true, false} {
		for _, event := range []bool{true, false} {
			t.Run(fmt.Sprintf("executed: %v, event: %v", done, event), func(t *testing.T) {
				s := newScene(t)
				r := s.replica()
				s.pays(r)
				lost := klarnatest.FaultDropBefore
				if done {
					lost = klarnatest.FaultDropAfter
				}
				s.klarna.Script(klarnatest.Fault{Operation: captureCall, Kind: lost})
				_, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 40_00})
				s.unknown(err)
				captureID := s.elsewhere().capture("portal", 40_00)
				if event {
					if err := r.HandleEvent(t.Context(), s.transactionHappened(capturedEvent, captureMember(captureID))); err != nil {
						t.Fatal(err)
					}
					if state := s.operation("op").State; (state == flow.OperationStateDone) != done {
						t.Errorf("after the event the state is %s", state)
					}
				}
				s.klarna.Advance(25 * time.Hour)
				s.recovers(r)
				switch o := s.operation("op"); {
				case o.State == flow.OperationStateDone && o.PaymentCaptureID == captureID:
					t.Error("the foreign capture was taken for ours")
				case !done:
					// One capture is not accounted for, so nothing is proven until it is adopted.
					s.isOperation("op", flow.OperationStateUnknown, "NO_ANSWER")
					if _, err := r.Reconcile(t.Context(), orderID, flow.ReconcileParams{Adopt: true}); err != nil {
						t.Fatal(err)
					}
					s.pass(r, 2*time.Hour, 30*time.Minute)
					s.isOperation("op", flow.OperationStateRefused, "NOT_EXECUTED")
				default:
					s.isOperation("op", flow.OperationStateDone, "")
				}
				s.klarna.CheckInvariants(t)
				if want := map[bool]int64{true: 80_00, false: 40_00}[done]; s.transaction().CapturedAmount != want {
					t.Errorf("%d were captured, want %d", s.transaction().CapturedAmount, want)
				}
			})
		}
	}
}

// The webhook of our own capture or refund arrives before the answer, or instead of it.
func TestAnEventSettlesAnOperation(t *testing.T) {
	for _, tc := range operationCases[:4] {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			tc.begin(s, r)
			s.klarna.Script(
				klarnatest.Fault{Operation: tc.call, Kind: klarnatest.FaultDropAfter},
				klarnatest.Fault{Operation: tc.call, StatusCode: 503, Probability: 1},
			)
			_, err := tc.do(t.Context(), r)
			s.unknown(err)
			event := s.handleTransactionEvent(tc.call)
			for range 2 {
				if err := r.HandleEvent(t.Context(), event); err != nil {
					t.Fatal(err)
				}
			}
			tc.isDone(s)
			if calls := s.calls(transactionRead); calls != 1 {
				t.Errorf("the transaction was read %d times", calls)
			}
		})
	}
}

// handleTransactionEvent returns the event of the last capture or refund.
func (s *scene) handleTransactionEvent(call string) *webhook.Event {
	s.Helper()
	if call == captureCall {
		all := s.klarna.Captures()
		return s.transactionHappened(capturedEvent, captureMember(all[len(all)-1].PaymentCaptureID))
	}
	all := s.klarna.Refunds()
	return s.transactionHappened(refundedEvent, refundMember(all[len(all)-1].PaymentRefundID))
}

// An operation is unknown for a day or was refused. A late event settles it.
func TestALateEventSettlesUnknownAndRefusedOperations(t *testing.T) {
	for _, state := range []flow.OperationState{flow.OperationStateUnknown, flow.OperationStateRefused} {
		t.Run(string(state), func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			tc := operationCases[2]
			tc.begin(s, r)
			s.klarna.Script(klarnatest.Fault{Operation: tc.call, Kind: klarnatest.FaultDropAfter})
			_, _ = tc.do(t.Context(), r)
			s.klarna.Advance(25 * time.Hour)
			s.recovers(r)
			s.isOperation("op", flow.OperationStateUnknown, "NO_ANSWER")
			if state == flow.OperationStateRefused {
				if _, err := r.Settle(t.Context(), orderID, "op", flow.SettleParams{State: state, Reason: "not seen", Actor: "anna"}); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.HandleEvent(t.Context(), s.handleTransactionEvent(tc.call)); err != nil {
				t.Fatal(err)
			}
			s.isOperation("op", flow.OperationStateDone, "")
			if a := s.status(orderID).Amounts; a.Refunded != 10_00 || !a.Exact {
				t.Errorf("amounts: %+v", a)
			}
			if !s.record(orderID).DueAt.IsZero() {
				t.Error("the purchase is due")
			}
		})
	}
}

// The events of our own operations cost no read.
func TestEventsOfOwnOperationsCostNoRead(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	if err := captured(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: "return-1", Amount: 10_00}); err != nil {
		t.Fatal(err)
	}
	calls := len(s.klarna.Requests())
	for _, event := range []*webhook.Event{s.handleTransactionEvent(captureCall), s.handleTransactionEvent(refundCall), s.transactionHappened(webhook.EventTypePaymentTransactionAuthorized, "")} {
		if err := r.HandleEvent(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.klarna.Requests()); n != calls {
		t.Errorf("%d calls", n-calls)
	}
}

// A gateway that is in use starts to use the Coordinator.
func TestAForeignTransactionIsAdopted(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	captureID := s.elsewhere().capture("of-old", 40_00)
	transaction := s.transaction()
	s.memory = flow.NewMemoryStore() // without the transaction
	params := flow.AdoptParams{ID: "old-1", PartnerAccountID: s.klarna.PartnerAccountID, PaymentTransactionID: transaction.PaymentTransactionID}
	r = s.replica()
	for range 2 {
		status, err := r.Adopt(t.Context(), params)
		s.wants(status, err, flow.StateAuthorized)
		want := flow.Amounts{Authorized: 118_00, Captured: 40_00, Remaining: 78_00, Exact: true}
		if diff := cmp.Diff(want, status.Amounts); diff != "" || status.PaymentTransactionID != transaction.PaymentTransactionID || status.Currency != "EUR" || status.Amount != 118_00 {
			t.Errorf("%+v, amounts (-want +got):\n%s", status, diff)
		}
	}
	if !s.record("old-1").DueAt.IsZero() {
		t.Error("the purchase is due")
	}
	if o, err := r.Capture(t.Context(), "old-1", flow.CaptureParams{ID: "parcel-2", Amount: 78_00}); err != nil || o.State != flow.OperationStateDone {
		t.Errorf("%v, %v", o, err)
	}
	if o, err := r.Refund(t.Context(), "old-1", flow.RefundParams{ID: "return-1", Amount: 40_00, CaptureID: captureID}); err != nil || o.State != flow.OperationStateDone {
		t.Errorf("%v, %v", o, err)
	}
	if err := r.HandleEvent(t.Context(), s.handleTransactionEvent(refundCall)); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*flow.AdoptParams){
		"under another id":           func(p *flow.AdoptParams) { p.ID = "old-2" },
		"another, under the same id": func(p *flow.AdoptParams) { p.PaymentTransactionID = "krn:payment:eu1:transaction:none" },
		"without an id":              func(p *flow.AdoptParams) { p.ID = "" },
		"without a transaction":      func(p *flow.AdoptParams) { p.PaymentTransactionID = "" },
	} {
		other := params
		change(&other)
		status, err := r.Adopt(t.Context(), other)
		if err == nil || status != nil || strings.HasPrefix(name, "under") != errors.Is(err, flow.ErrOtherPurchase) ||
			strings.HasPrefix(name, "without") != errors.Is(err, flow.ErrInvalidPurchase) {
			t.Errorf("%s: got %v, %v", name, status, err)
		}
	}
}

func TestAPurchaseOfTheFlowIsNotAdoptedAgain(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	_, err := r.Adopt(t.Context(), flow.AdoptParams{ID: "again", PartnerAccountID: s.klarna.PartnerAccountID, PaymentTransactionID: s.transaction().PaymentTransactionID})
	if !errors.Is(err, flow.ErrOtherPurchase) {
		t.Error(err)
	}
}

// Three days before the authorization expires, an amount is left to capture.
func TestAnAuthorizationThatExpiresIsReported(t *testing.T) {
	s := newScene(t)
	r := s.replica(flow.WithExpiryNotice(3 * 24 * time.Hour))
	s.pays(r)
	if err := captured(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	reads := s.calls(transactionRead)
	s.pass(r, 24*24*time.Hour, 6*time.Hour)
	if n := s.calls(transactionRead); n != reads {
		t.Errorf("the transaction was read %d times", n-reads)
	}
	s.pass(r, 2*24*time.Hour, 6*time.Hour)
	if got := s.reported.ended(); got != "parcel-0 DONE, EXPIRING" {
		t.Errorf("reported: %s", got)
	}
	s.pass(r, 3*24*time.Hour, 6*time.Hour)
	if got := s.reported.ended(); got != "parcel-0 DONE, EXPIRING, EXPIRED" {
		t.Errorf("reported: %s", got)
	}
	if n := s.calls(transactionRead) - reads; n != 2 {
		t.Errorf("the transaction was read %d times", n)
	}
	if !s.record(orderID).DueAt.IsZero() {
		t.Error("the purchase is due")
	}
	s.klarna.Advance(8 * 24 * time.Hour)
	if err := r.HandleEvent(t.Context(), s.transactionHappened(closedEvent, "")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(flow.Amounts{Authorized: 118_00, Captured: 60_00, Lapsed: 58_00, Exact: true}, s.status(orderID).Amounts); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
}

func TestAnAuthorizationIsExtendedByThePolicy(t *testing.T) {
	s := newScene(t)
	asked := 0
	policy := func(_ context.Context, status flow.Status) (int, error) {
		asked++
		if asked == 1 {
			return 0, errors.New("the order system is down")
		}
		if status.Amounts.Remaining != 118_00 {
			t.Errorf("the policy was asked about %+v", status.Amounts)
		}
		if asked > 2 {
			return 0, nil
		}
		return 14, nil
	}
	r := s.replica(flow.WithExpiryNotice(3*24*time.Hour), flow.WithExtensionPolicy(policy))
	s.pays(r)
	s.pass(r, 27*24*time.Hour, 6*time.Hour)
	if asked != 2 || s.calls(extendCall) != 1 {
		t.Errorf("asked %d times, extended %d times", asked, s.calls(extendCall))
	}
	s.pass(r, 7*24*time.Hour, 6*time.Hour)
	if s.transaction().State != "AUTHORIZED" {
		t.Error("the authorization has expired")
	}
	s.pass(r, 14*24*time.Hour, 6*time.Hour)
	got := s.reported.ended()
	if !strings.HasPrefix(got, "EXPIRING, extension-until-") || !strings.HasSuffix(got, " DONE, EXPIRING, EXPIRED") || asked != 3 || s.calls(extendCall) != 1 {
		t.Errorf("reported: %s, asked %d times, extended %d times", got, asked, s.calls(extendCall))
	}
}

// Recovery does not read a finished purchase, nor any other while no notice is configured.
func TestAPurchaseWithNothingLeftIsNotWatched(t *testing.T) {
	s := newScene(t)
	r := s.replica(flow.WithExpiryNotice(3 * 24 * time.Hour))
	s.pays(r)
	if s.record(orderID).DueAt.IsZero() {
		t.Error("the purchase is not watched")
	}
	if o, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "all", Amount: 118_00}); err != nil || o.State != flow.OperationStateDone {
		t.Fatalf("%v, %v", o, err)
	}
	if !s.record(orderID).DueAt.IsZero() {
		t.Error("the purchase is watched")
	}
	plain := newScene(t)
	plain.pays(plain.replica())
	if !plain.record(orderID).DueAt.IsZero() {
		t.Error("the purchase is watched without the option")
	}
}

// The report of an operation fails, and so does the report of the next one.
func TestReportsOfOperationsAreRepeatedInOrder(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	s.reported.failing(func(flow.Transition) error { return errors.New("down") })
	for i := range 3 {
		if _, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: fmt.Sprint("parcel-", i), Amount: 10_00}); err != nil {
			t.Fatal(err)
		}
	}
	if s.record(orderID).DueAt.IsZero() {
		t.Fatal("the purchase is not due")
	}
	s.reported.failing(nil)
	s.pass(r, time.Minute, 10*time.Second)
	if got := s.reported.ended(); got != "parcel-0 DONE, parcel-1 DONE, parcel-2 DONE" {
		t.Errorf("reported: %s", got)
	}
	all := s.reported.all()
	last := all[len(all)-1]
	if last.ID != "order-1#4" || last.From != "" || last.To != "" || last.Status.State != flow.StateAuthorized || last.Operation.PaymentCaptureID == "" ||
		last.String() != "order-1#4: operation parcel-2 is DONE" {
		t.Errorf("%v %+v", last, last.Operation)
	}
	if !s.record(orderID).DueAt.IsZero() {
		t.Error("the purchase is due")
	}
}

// A capture that no answer lists is not proven absent.
func TestATransactionThatListsNothingProvesNothing(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"no list": func(text string) string { return strings.Replace(text, `"payment_captures"`, `"of_tomorrow"`, 1) },
		"a list of something else": func(text string) string {
			return strings.Replace(text, `"payment_captures":[`, `"payment_captures":[1,`, 1)
		},
		"another amount": func(text string) string { return strings.Replace(text, `"amount":11800`, `"amount":11900`, 1) },
		"a capture without its id": func(text string) string {
			return strings.Replace(text, `"payment_captures":[`, `"payment_captures":[{},`, 1)
		},
		"a known capture is missing": func(text string) string { return strings.ReplaceAll(text, `[{"payment_capture_id"`, `[],"x":[{"y"`) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			s.pays(r)
			if err := captured(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			s.klarna.Script(klarnatest.Fault{Operation: captureCall, Kind: klarnatest.FaultDropBefore})
			_, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 40_00})
			s.unknown(err)
			s.klarna.Advance(25 * time.Hour)
			r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
				if !strings.Contains(request.URL.Path, "/transactions/") {
					return pass(request)
				}
				return changedAnswer(request, pass, change)
			})
			s.recovers(r)
			s.isOperation("op", flow.OperationStateUnknown, "NO_ANSWER")
			if s.operation("op").Evidence == "" {
				t.Error("the operation has no evidence")
			}
			r.meets(nil)
			s.pass(r, 2*time.Hour, 30*time.Minute)
			s.isOperation("op", flow.OperationStateRefused, "NOT_EXECUTED")
		})
	}
}

// A void is made while a capture is unknown, and the capture proves to have been executed.
func TestALateCaptureCorrectsTheReleasedAmount(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	s.klarna.Script(klarnatest.Fault{Operation: captureCall, Kind: klarnatest.FaultDropAfter})
	_, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 40_00})
	s.unknown(err)
	s.klarna.Advance(25 * time.Hour)
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		return changedAnswer(request, pass, func(text string) string { return strings.Replace(text, "payment_captures", "of_tomorrow", 1) })
	})
	s.recovers(r)
	s.isOperation("op", flow.OperationStateUnknown, "NO_ANSWER")
	if o, err := r.Void(t.Context(), orderID, flow.VoidParams{ID: "rest"}); err != nil || o.State != flow.OperationStateDone {
		t.Fatalf("%v, %v", o, err)
	}
	r.meets(nil)
	s.pass(r, 2*time.Hour, 30*time.Minute)
	s.isOperation("op", flow.OperationStateDone, "")
	want := flow.Amounts{Authorized: 118_00, Captured: 40_00, Voided: 78_00, Exact: true}
	if diff := cmp.Diff(want, s.status(orderID).Amounts); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
}

// While the transaction is read, another replica captures. What was read is older than the record.
func TestAReadOlderThanTheRecordIsNoDifference(t *testing.T) {
	s := newScene(t)
	r, other := s.replica(), s.replica()
	s.pays(r)
	captureID := s.elsewhere().capture("portal", 10_00)
	r.meetsOnce(http.MethodGet, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		answer, err := pass(request)
		if _, captureErr := other.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 40_00}); captureErr != nil {
			t.Error(captureErr)
		}
		if _, extendErr := other.Extend(t.Context(), orderID, flow.ExtendParams{ID: "more", Amount: 5_00}); extendErr != nil {
			t.Error(extendErr)
		}
		return answer, err
	})
	result, err := r.Reconcile(t.Context(), orderID, flow.ReconcileParams{Adopt: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []flow.Difference{{Kind: flow.DifferenceKindCapture, PaymentCaptureID: captureID, Reference: "portal", Klarna: 10_00}}
	if diff := cmp.Diff(want, result.Differences); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	amounts := flow.Amounts{Authorized: 123_00, Captured: 50_00, Remaining: 73_00, Exact: true}
	if diff := cmp.Diff(amounts, s.status(orderID).Amounts); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
}
