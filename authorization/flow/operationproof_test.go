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

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

// lostOnTheWay is a call that is not executed and has no answer.
func lostOnTheWay(*http.Request, roundTrip) (*http.Response, error) {
	return nil, errors.New("connection reset")
}

// lostOnTheWayBack is a call that is executed and has no answer.
func lostOnTheWayBack(request *http.Request, pass roundTrip) (*http.Response, error) {
	answer, err := pass(request)
	if err == nil {
		_, err = readAll(answer)
	}
	return nil, errors.Join(err, errors.New("connection reset"))
}

// The last call under a key is made shortly before Klarna may forget the key, and is executed
// minutes later.
func TestARunningCallIsNotRepeatedUnderAnotherKey(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	capture := flow.CaptureParams{ID: "parcel-1", Amount: 40_00}
	r.meetsOnce(http.MethodPost, lostOnTheWay)
	_, err := r.Capture(t.Context(), orderID, capture)
	s.unknown(err)
	s.klarna.Advance(23*time.Hour - time.Second)
	var late func() (*http.Response, error)
	r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		slow := request.Clone(context.WithoutCancel(request.Context()))
		body, err := request.GetBody()
		slow.Body = body
		late = func() (*http.Response, error) { return pass(slow) }
		return nil, errors.Join(err, errors.New("timeout"))
	})
	_, err = r.Capture(t.Context(), orderID, capture)
	s.unknown(err)
	s.klarna.Advance(2 * time.Minute)
	if o, err := r.Capture(t.Context(), orderID, capture); err == nil || o.State != flow.OperationStatePending {
		t.Errorf("while the call may run: %v, %v", o, err)
	}
	answer, err := late()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := readAll(answer); err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s, %v", answer.StatusCode, text, err)
	}
	s.pass(r, time.Hour, 5*time.Minute)
	s.isOperation("parcel-1", flow.OperationStateDone, "")
	if got := s.transaction().CapturedAmount; got != 40_00 {
		t.Errorf("captured %d, want 4000", got)
	}
	s.klarna.CheckInvariants(t)
}

// The answer of the authorize call is lost, somebody captures a part in Klarna's portal, and the
// event of that is how the transaction is found.
func TestACaptureElsewhereIsNoAutomaticCapture(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	r.meetsOnce(http.MethodPost, lostOnTheWayBack)
	_, err := r.Begin(t.Context(), s.browserOrder(orderID))
	s.unknown(err)
	id := s.elsewhere().capture("portal-1", 30_00)
	if err := r.HandleEvent(t.Context(), s.transactionHappened(capturedEvent, captureMember(id))); err != nil {
		t.Fatal(err)
	}
	s.pass(r, time.Hour, 10*time.Minute)
	s.stands(orderID, flow.StateAuthorized, "")
	if a := s.status(orderID).Amounts; a.Captured != 0 || a.Exact {
		t.Errorf("amounts: %+v", a)
	}
	result, err := r.Reconcile(t.Context(), orderID, flow.ReconcileParams{Adopt: true})
	if err != nil {
		t.Fatal(err)
	}
	want := flow.Amounts{Authorized: 118_00, Captured: 30_00, Remaining: 88_00, Exact: true}
	if diff := cmp.Diff(want, result.Status.Amounts); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
}

// The seal secret of the digest is gone, as it may be after a rotation.
func TestAnIDWithOtherContentIsRefusedAfterARotation(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	for _, capture := range []flow.CaptureParams{{ID: "parcel-1", Amount: 40_00}, {ID: "parcel-2", Amount: 30_00}} {
		if _, err := r.Capture(t.Context(), orderID, capture); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Void(t.Context(), orderID, flow.VoidParams{ID: "rest"}); err != nil {
		t.Fatal(err)
	}
	unguarded := struct{ flow.Store }{r.store()} // it does not remember the former secret
	rotated, err := flow.New(r.client(klarna.RetryPolicy{MaxAttempts: 1}), unguarded, klarna.NewSecret("another-"+sealSecret), flow.WithClock(s.klarna.Now))
	if err != nil {
		t.Fatal(err)
	}
	before := len(s.klarna.Requests())
	for member, other := range map[string]flow.CaptureParams{
		"amount":                  {ID: "parcel-1", Amount: 50_00},
		"reference":               {ID: "parcel-1", Amount: 40_00, Reference: "mine"},
		"remaining_authorization": {ID: "parcel-1", Amount: 40_00, ReleaseRemaining: true},
	} {
		if o, err := rotated.Capture(t.Context(), orderID, other); !errors.Is(err, flow.ErrOtherOperation) || !strings.Contains(err.Error(), member) {
			t.Errorf("another %s: %v, %v", member, o, err)
		}
	}
	if o, err := rotated.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-1", Amount: 40_00}); err != nil || o.State != flow.OperationStateDone {
		t.Errorf("the same: %v, %v", o, err)
	}
	if o, err := rotated.Void(t.Context(), orderID, flow.VoidParams{ID: "rest"}); err != nil || o.State != flow.OperationStateDone {
		t.Errorf("the same void: %v, %v", o, err)
	}
	if after := len(s.klarna.Requests()); after != before {
		t.Errorf("%d calls were made", after-before)
	}
}

// refusesUpdates is a Klarna that refuses each update permanently.
func refusesUpdates(request *http.Request, pass roundTrip) (*http.Response, error) {
	if request.Method != http.MethodPatch {
		return pass(request)
	}
	return answering(http.StatusBadRequest, `{"error_code":"BAD","error_message":"no"}`)(request, pass)
}

// The first call of an update has no answer, and each repeat is refused.
func TestAnUpdateInDoubtIsRefusedIfAbsent(t *testing.T) {
	for _, tc := range []struct {
		name      string
		reference string
		first     network
		want      flow.OperationState
	}{
		{"without a reference, executed", "", lostOnTheWayBack, flow.OperationStateUnknown},
		{"without a reference, not executed", "", lostOnTheWay, flow.OperationStateUnknown},
		{"with the reference that is there", orderID, lostOnTheWay, flow.OperationStateUnknown},
		{"with a new reference, executed", "order-1b", lostOnTheWayBack, flow.OperationStateDone},
		{"with a new reference, not executed", "order-1b", lostOnTheWay, flow.OperationStateRefused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			s.pays(r)
			r.meetsOnce(http.MethodPatch, tc.first)
			_, err := r.UpdateTransaction(t.Context(), orderID, flow.UpdateTransactionParams{ID: "u", Reference: tc.reference, SupplementaryPurchaseData: personal()})
			s.unknown(err)
			r.meets(refusesUpdates)
			s.pass(r, 3*time.Hour, 10*time.Minute)
			if o := s.operation("u"); o.State != tc.want {
				t.Errorf("%v because of %q (%s), want %s", o, o.Reason, o.Evidence, tc.want)
			}
		})
	}
}

// A day later, the reference that was there before does not prove the update.
func TestAReferenceThatWasThereBeforeProvesNoUpdate(t *testing.T) {
	for _, reference := range []string{"", orderID} {
		s := newScene(t)
		r := s.replica()
		s.pays(r)
		r.meetsOnce(http.MethodPatch, lostOnTheWay)
		_, err := r.UpdateTransaction(t.Context(), orderID, flow.UpdateTransactionParams{ID: "u", Reference: reference, SupplementaryPurchaseData: personal()})
		s.unknown(err)
		s.klarna.Advance(25 * time.Hour)
		s.pass(r, time.Hour, 10*time.Minute)
		s.isOperation("u", flow.OperationStateDone, "")
		if calls := s.calls(updateCall); calls != 1 {
			t.Errorf("reference %q: %d updates, want 1", reference, calls)
		}
	}
}

// An update that may be made again is not made for ever, and not refused while it is in doubt.
func TestAnUpdateWithoutAnAnswerEndsUnknown(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method != http.MethodPatch {
			return pass(request)
		}
		return lostOnTheWay(request, pass)
	})
	_, err := r.UpdateTransaction(t.Context(), orderID, flow.UpdateTransactionParams{ID: "u", SupplementaryPurchaseData: personal()})
	s.unknown(err)
	s.pass(r, 10*24*time.Hour, 2*time.Hour)
	s.isOperation("u", flow.OperationStateUnknown, "NO_ANSWER")
}

// The refund of a capture that was made elsewhere has that capture's id as its own.
func TestAdoptKeepsACaptureWhoseIDIsTaken(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	id := s.elsewhere().capture("portal-1", 30_00)
	if _, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: id, Amount: 10_00, PaymentCaptureID: id}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		result, err := r.Reconcile(t.Context(), orderID, flow.ReconcileParams{Adopt: true})
		if err != nil {
			t.Fatal(err)
		}
		want := flow.Amounts{Authorized: 118_00, Captured: 30_00, Refunded: 10_00, Remaining: 88_00, Exact: true}
		if diff := cmp.Diff(want, result.Status.Amounts); diff != "" {
			t.Errorf("amounts (-want +got):\n%s", diff)
		}
	}
	if o := s.operation("outside-capture-1"); !o.Outside || o.PaymentCaptureID != id || o.Amount != 30_00 {
		t.Errorf("%v of %q over %d", o, o.PaymentCaptureID, o.Amount)
	}
	if _, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: "too-much", Amount: 20_01, PaymentCaptureID: id}); !errors.Is(err, flow.ErrImpossible) {
		t.Errorf("more than is left of the capture: %v", err)
	}
}

// The record alone does not know of the capture, and the transaction cannot be read.
func TestImpossibleNeedsAConfirmingRead(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	s.elsewhere().capture("portal-1", 30_00)
	r.meets(answering(http.StatusServiceUnavailable, `{}`))
	refund := flow.RefundParams{ID: "return-1", Amount: 30_00}
	_, err := r.Refund(t.Context(), orderID, refund)
	if _, ok := errors.AsType[*klarna.Error](err); !ok || errors.Is(err, flow.ErrImpossible) {
		t.Errorf("%v, want Klarna's error alone", err)
	}
	r.meets(nil)
	if o, err := r.Refund(t.Context(), orderID, refund); err != nil || o.State != flow.OperationStateDone {
		t.Errorf("%v, %v", o, err)
	}
}

// A capture that is named by Klarna's id is bounded as one that is named by its own.
func TestARefundGivesBackNoMoreThanItsCapture(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	first, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-1", Amount: 40_00})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-2", Amount: 60_00}); err != nil {
		t.Fatal(err)
	}
	refund := flow.RefundParams{ID: "return-1", Amount: 50_00, PaymentCaptureID: first.PaymentCaptureID}
	if o, err := r.Refund(t.Context(), orderID, refund); !errors.Is(err, flow.ErrImpossible) || s.calls(captureRefundCall) != 0 {
		t.Errorf("%v, %v after %d calls", o, err, s.calls(captureRefundCall))
	}
	refund.Amount = 40_00
	if o, err := r.Refund(t.Context(), orderID, refund); err != nil || o.State != flow.OperationStateDone {
		t.Errorf("%v, %v", o, err)
	}
}

// unlisted is a Klarna whose transactions list no captures, and whose answers to operations are
// lost.
func unlisted(request *http.Request, pass roundTrip) (*http.Response, error) {
	if request.Method == http.MethodPost {
		return lostOnTheWayBack(request, pass)
	}
	return changedAnswer(request, pass, func(text string) string { return strings.Replace(text, "payment_captures", "of_tomorrow", 1) })
}

// A person has settled the capture, so the record has no id of Klarna's for it.
func TestACaptureThatAPersonSettledIsRefunded(t *testing.T) {
	for _, lists := range []bool{true, false} {
		t.Run(fmt.Sprintf("listed: %v", lists), func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			s.pays(r)
			r.meets(unlisted)
			_, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-1", Amount: 40_00})
			s.unknown(err)
			s.klarna.Advance(25 * time.Hour)
			s.pass(r, time.Hour, 10*time.Minute)
			s.isOperation("parcel-1", flow.OperationStateUnknown, "NO_ANSWER")
			if _, err := r.Settle(t.Context(), orderID, "parcel-1", flow.SettleParams{State: flow.OperationStateDone, Reason: "seen in the portal", Actor: "a person"}); err != nil {
				t.Fatal(err)
			}
			if lists {
				r.meets(nil)
			}
			refund, err := r.Refund(t.Context(), orderID, flow.RefundParams{ID: "return-1", Amount: 10_00, CaptureID: "parcel-1"})
			switch {
			case err != nil:
				t.Error(err)
			case lists && (refund.State != flow.OperationStateDone || refund.PaymentCaptureID != s.klarna.Captures()[0].PaymentCaptureID):
				t.Errorf("%v because of %q", refund, refund.Reason)
			case !lists && (refund.State != flow.OperationStateRefused || refund.Reason != "CAPTURE_UNKNOWN"):
				t.Errorf("%v because of %q", refund, refund.Reason)
			}
		})
	}
}

// Klarna has answered that it captured, and its transaction does not list the capture yet.
func TestACaptureOfAnotherAmountIsNeverAbsent(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		return changedAnswer(request, pass, func(text string) string {
			return strings.Replace(text, `"capture_amount":4000`, `"capture_amount":3999`, 1)
		})
	})
	if _, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-1", Amount: 40_00}); err != nil {
		t.Fatal(err)
	}
	s.isOperation("parcel-1", flow.OperationStateUnknown, "OTHER_AMOUNT")
	evidence := s.operation("parcel-1").Evidence
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		return changedAnswer(request, pass, func(text string) string {
			return strings.Replace(text, `"payment_captures":[`, `"payment_captures":[],"of_tomorrow":[`, 1)
		})
	})
	if _, err := r.Reconcile(t.Context(), orderID, flow.ReconcileParams{}); err != nil {
		t.Fatal(err)
	}
	s.isOperation("parcel-1", flow.OperationStateUnknown, "OTHER_AMOUNT")
	if got := s.operation("parcel-1").Evidence; got != evidence {
		t.Errorf("evidence %q, want %q", got, evidence)
	}
}

// A person settles a capture as refused that was executed, which a read shows after the
// authorization has lapsed.
func TestAmountsAddUpWhenACaptureAppearsLate(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	r.meets(unlisted)
	_, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "parcel-1", Amount: 40_00})
	s.unknown(err)
	s.klarna.Advance(25 * time.Hour)
	s.pass(r, time.Hour, 10*time.Minute)
	if _, err := r.Settle(t.Context(), orderID, "parcel-1", flow.SettleParams{State: flow.OperationStateRefused, Reason: "not seen", Actor: "a person"}); err != nil {
		t.Fatal(err)
	}
	s.klarna.Advance(40 * 24 * time.Hour)
	for _, want := range []flow.Amounts{
		{Authorized: 118_00, Lapsed: 118_00, Exact: true},
		{Authorized: 118_00, Captured: 40_00, Lapsed: 78_00, Exact: true},
	} {
		result, err := r.Reconcile(t.Context(), orderID, flow.ReconcileParams{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, result.Status.Amounts); diff != "" {
			t.Errorf("amounts (-want +got):\n%s", diff)
		}
		r.meets(nil)
	}
}

// Somebody else extends the authorization by as many days, and the call is lost.
func TestAnExtensionElsewhereIsNotTakenForOurs(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	days := authorization.ExtendTransactionParams{ExtensionDays: 7}
	if _, err := s.elsewhere().api.ExtendTransaction(t.Context(), s.transaction().PaymentTransactionID, days); err != nil {
		t.Fatal(err)
	}
	before := s.calls(extendCall)
	r.meetsOnce(http.MethodPost, lostOnTheWay)
	_, err := r.Extend(t.Context(), orderID, flow.ExtendParams{ID: "longer", Days: 7})
	s.unknown(err)
	s.klarna.Advance(25 * time.Hour)
	s.pass(r, time.Hour, 10*time.Minute)
	s.isOperation("longer", flow.OperationStateDone, "")
	if calls := s.calls(extendCall) - before; calls != 1 {
		t.Errorf("%d extensions, want 1", calls)
	}
}
