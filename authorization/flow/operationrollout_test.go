package flow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// This file tests operations while releases or seal secrets change.

func TestOperationDataOfANewerVersionIsKept(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	s.klarna.Script(klarnatest.Fault{Operation: captureCall, StatusCode: 503})
	s.reported.failing(func(flow.Transition) error { return errors.New("down") })
	_, _ = r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 40_00})
	record := s.record(orderID)
	record.Data = []byte(strings.Replace(string(record.Data), `"operations":[{`, `"operations":[{"of_tomorrow":1,`, 1))
	text := strings.Replace(s.unsealed(orderID), `"operations":[{`, `"operations":[{"of_tomorrow":2,`, 1)
	var err error
	if record.Sealed, err = flow.Sealed(klarna.NewSecret(sealSecret), record, text); err != nil {
		t.Fatal(err)
	}
	if err := s.memory.Update(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	r.meets(unreachable)
	_, _ = r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op-2", Amount: 10_00})
	if text := s.unsealed(orderID); !strings.Contains(text, `"of_tomorrow":2`) || strings.Count(text, `"idempotency_key"`) != 2 {
		t.Error("the seal has lost a member")
	}
	r.meets(nil)
	s.pass(r, time.Minute, 10*time.Second)
	record = s.record(orderID)
	if !strings.Contains(string(record.Data), `"of_tomorrow":1`) || !strings.Contains(string(record.Data), `"unreported_operations":[{`) {
		t.Errorf("the record is %s", record.Data)
	}
	record.Data = []byte(strings.Replace(string(record.Data), `"unreported_operations":[{`, `"unreported_operations":[{"of_tomorrow":3,`, 1))
	again, err := flow.Recode(record)
	if err != nil || !strings.Contains(string(again.Data), `"of_tomorrow":3`) {
		t.Errorf("%s, %v", again.Data, err)
	}
}

// Only a replica of the newer version can continue it, so this one waits.
func TestAnOperationOfANewerVersionIsLeftAlone(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	r.meets(unreachable)
	_, _ = r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 40_00})
	r.meets(nil)
	record := s.record(orderID)
	record.Data = []byte(strings.Replace(string(record.Data), `"CAPTURE"`, `"OF_TOMORROW"`, 1))
	if err := s.memory.Update(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	s.pass(r, 10*24*time.Hour, 6*time.Hour)
	if o := s.operation("op"); o.State != flow.OperationStatePending || s.calls(captureCall) != 0 {
		t.Errorf("%v after %d calls", o, s.calls(captureCall))
	}
	if record := s.record(orderID); record.DueAt.IsZero() || len(record.Sealed) == 0 {
		t.Errorf("the purchase is due at %v", record.DueAt)
	}
	// An operation of this version waits behind it.
	if o, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op-2", Amount: 10_00}); err == nil || o.State != flow.OperationStatePending {
		t.Errorf("%v, %v", o, err)
	}
}

func TestAnOperationOutlivesARotationOfTheSealSecret(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	s.klarna.Script(klarnatest.Fault{Operation: captureCall, Kind: klarnatest.FaultDropAfter})
	_, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 40_00})
	s.unknown(err)
	rotated, err := flow.New(r.client(klarna.RetryPolicy{MaxAttempts: 1}), r.store(), klarna.NewSecret("another-secret-0123456789abcdef-0123456789"),
		flow.WithOlderSealSecrets(klarna.NewSecret(sealSecret)), flow.WithClock(s.klarna.Now), flow.WithReport(r.report))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rotated.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 41_00}); !errors.Is(err, flow.ErrOtherOperation) {
		t.Errorf("with other content: %v", err)
	}
	for _, id := range []string{"op", "op-2"} {
		if o, err := rotated.Capture(t.Context(), orderID, flow.CaptureParams{ID: id, Amount: 40_00}); err != nil || o.State != flow.OperationStateDone {
			t.Errorf("%v, %v", o, err)
		}
	}
	if got := s.transaction().CapturedAmount; got != 80_00 {
		t.Errorf("%d were captured", got)
	}
	s.klarna.CheckInvariants(t)
}

// The store lost the operation in a fail-over, and the caller repeats it. Klarna knows the key.
func TestALostOperationIsRepeatedUnchanged(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.pays(r)
	before := s.record(orderID)
	for range 2 {
		o, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: "op", Amount: 40_00})
		if err != nil || o.State != flow.OperationStateDone {
			t.Fatalf("%v, %v", o, err)
		}
		lost := before
		lost.Version = s.record(orderID).Version
		if err := s.memory.Update(t.Context(), lost); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.transaction().CapturedAmount; got != 40_00 {
		t.Errorf("%d were captured", got)
	}
}

func TestAReferenceIsDerivedFromBothIDs(t *testing.T) {
	long := strings.Repeat("o", 255)
	for _, tc := range []struct{ id, want string }{
		{"parcel-1", "order-1/parcel-1"},
		{long, "operation-"},
		{"päckchen", "operation-"},
	} {
		s := newScene(t)
		r := s.replica()
		s.pays(r)
		o, err := r.Capture(t.Context(), orderID, flow.CaptureParams{ID: tc.id, Amount: 1})
		if err != nil || !strings.HasPrefix(o.Reference, tc.want) || len(o.Reference) > 255 || s.klarna.Captures()[0].Reference != o.Reference {
			t.Errorf("%s: %q, %v", tc.id, o.Reference, err)
		}
	}
}
