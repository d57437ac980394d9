package flow_test

import (
	"context"
	"errors"
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

func TestASuccessOnAnotherReplicaLeavesNoReportDue(t *testing.T) {
	s := newScene(t)
	other := s.replica()
	r := s.replica(flow.WithReport(func(ctx context.Context, transition flow.Transition) error {
		if transition.To != flow.StateAuthorized {
			return s.reported.report(ctx, transition)
		}
		if _, err := other.HandleReturn(ctx, orderID); err != nil {
			t.Error(err)
		}
		return errors.New("already reported by the other replica")
	}))
	status := s.stepUp(r, orderID)
	s.approve(status.PaymentRequestID)
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	record, err := s.memory.Load(t.Context(), orderID)
	if err != nil {
		t.Fatal(err)
	}
	if !record.DueAt.IsZero() {
		t.Errorf("the purchase is due at %v, want no due time", record.DueAt)
	}
}
