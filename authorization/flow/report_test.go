package flow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

func TestTransitionsAreReportedInOrderWithUniqueIDs(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	status := s.stepUp(r, orderID)
	begun := s.klarna.Now()
	s.klarna.Advance(time.Minute)
	s.approve(status.PaymentRequestID)
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)

	base := flow.Status{
		ID: orderID, PartnerAccountID: s.klarna.PartnerAccountID, Amount: 118_00, Currency: "EUR",
		PaymentRequestID: status.PaymentRequestID, BegunAt: begun,
	}
	stood := func(state flow.State, at time.Time, transaction string) flow.Status {
		b := base
		b.State, b.UpdatedAt, b.PaymentTransactionID = state, at, transaction
		return b
	}
	later := s.klarna.Now()
	authorized := stood(flow.StateAuthorized, later, status.PaymentTransactionID)
	authorized.Amounts = flow.Amounts{Authorized: 118_00, Remaining: 118_00, Exact: true}
	want := []flow.Transition{
		{ID: "order-1#1", At: begun, From: flow.StateBegun, To: flow.StateAwaitingCustomer, Status: stood(flow.StateAwaitingCustomer, begun, "")},
		{ID: "order-1#2", At: later, From: flow.StateAwaitingCustomer, To: flow.StateFinalizing, Status: stood(flow.StateFinalizing, later, "")},
		{ID: "order-1#3", At: later, From: flow.StateFinalizing, To: flow.StateAuthorized, Status: authorized},
	}
	if diff := cmp.Diff(want, s.reported.all()); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	if text := s.reported.all()[2].String(); text != "order-1#3: FINALIZING to AUTHORIZED" {
		t.Errorf("the transition prints %q", text)
	}
}

func TestATransitionIsStoredBeforeItIsReported(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	var wrong []string
	s.reported.failing(func(transition flow.Transition) error {
		if stored := s.status(orderID); stored.State != transition.To {
			wrong = append(wrong, fmt.Sprintf("%v while the store has %s", transition, stored.State))
		}
		return nil
	})
	for _, state := range []flow.State{flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized} {
		// The store fails once at each transition, which is reported only after it is stored.
		r.writesOnce(state, func(func() error) error { return errors.New("the database is down") })
		var status *flow.Status
		var err error
		if state == flow.StateAwaitingCustomer {
			status, err = r.Begin(t.Context(), s.order(orderID))
		} else {
			status, err = r.HandleReturn(t.Context(), orderID)
		}
		if err == nil {
			t.Fatalf("the store failed at %s, and the status is %v", state, status)
		}
		if stored := s.status(orderID); status.State != stored.State {
			t.Errorf("the status is %s while the store has %s", status.State, stored.State)
		}
		s.klarna.Advance(21 * time.Second)
		if state == flow.StateAwaitingCustomer {
			s.recovers(r)
			s.approve(s.status(orderID).PaymentRequestID)
		}
	}
	s.recovers(r)
	s.stands(orderID, flow.StateAuthorized, "")
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized)
	if len(wrong) > 0 {
		t.Errorf("reported too early:\n%s", strings.Join(wrong, "\n"))
	}
	s.paid(118_00)
}

// The store may have done its work although it returned an error.
func TestATransitionStoredDespiteAnErrorIsReported(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	for _, state := range []flow.State{flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized} {
		r.writesOnce(state, func(do func() error) error { return errors.Join(do(), errors.New("the connection was cut")) })
		if state == flow.StateAwaitingCustomer {
			_, _ = r.Begin(t.Context(), s.order(orderID))
			s.approve(s.status(orderID).PaymentRequestID)
			continue
		}
		_, _ = r.HandleReturn(t.Context(), orderID)
		s.klarna.Advance(21 * time.Second)
	}
	s.recovers(r)
	s.stands(orderID, flow.StateAuthorized, "")
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized)
}

func TestAReportThatFailsIsRepeatedUntilItSucceeds(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	down := errors.New("the queue is down")
	s.reported.failing(func(flow.Transition) error { return down })
	status := s.stepUp(r, orderID) // the purchase continues
	s.approve(status.PaymentRequestID)
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	if got := ids(s.reported.all()); slices.Contains(got, "order-1#2") {
		t.Fatalf("reported %q: the second before the first succeeded", got)
	}
	s.pass(r, 10*time.Minute, 5*time.Second)
	tries := len(s.reported.all())
	if tries < 10 || tries > 25 {
		t.Errorf("%d tries in 10 minutes, want them to back off to a minute", tries)
	}
	if !strings.Contains(s.log.String(), down.Error()) {
		t.Error("the log does not have the reason")
	}

	s.reported.failing(nil)
	s.pass(s.replica(), time.Minute, time.Minute)
	if got := ids(s.reported.all()[tries:]); !slices.Equal(got, []string{"order-1#1", "order-1#2", "order-1#3"}) {
		t.Errorf("then reported %q", got)
	}
	s.pass(r, time.Hour, 10*time.Minute)
	if n := len(s.reported.all()); n != tries+3 {
		t.Errorf("%d reports after the last one succeeded", n-tries-3)
	}
}

func ids(transitions []flow.Transition) []string {
	var list []string
	for _, transition := range transitions {
		list = append(list, transition.ID)
	}
	return list
}

func TestALateReportShowsTheStatusOfItsTransition(t *testing.T) {
	s := newScene(t)
	s.reported.failing(func(flow.Transition) error { return errors.New("down") })
	r := s.replica(flow.WithAmountPolicy(acceptAll))
	status := s.stepUp(r, orderID)
	if err := s.klarna.ChangeAmount(status.PaymentRequestID, 123_00); err != nil {
		t.Fatal(err)
	}
	s.approve(status.PaymentRequestID)
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	s.reported.failing(nil)
	count := len(s.reported.all())
	s.pass(r, time.Minute, time.Minute)
	var got []string
	for _, transition := range s.reported.all()[count:] {
		p := transition.Status
		got = append(got, fmt.Sprint(p.State, " ", p.Amount, " ", p.PaymentTransactionID != "", " ", p.UpdatedAt.Equal(transition.At)))
	}
	want := []string{"AWAITING_CUSTOMER 11800 false true", "FINALIZING 12300 false true", "AUTHORIZED 12300 true true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestACrashBeforeAReportLosesNoTransition(t *testing.T) {
	for _, state := range []flow.State{flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized} {
		t.Run(string(state), func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			r.writesOnce(state, func(do func() error) error { defer r.die(); return do() })
			_, _ = r.Begin(t.Context(), s.order(orderID))
			if state != flow.StateAwaitingCustomer {
				s.approve(s.status(orderID).PaymentRequestID)
				_, _ = r.HandleReturn(t.Context(), orderID)
			}
			s.stands(orderID, state, "")
			if path := s.reported.path(orderID); strings.Contains(path, string(state)) {
				t.Fatalf("reported: %s", path)
			}
			s.klarna.Advance(time.Minute)
			s.recovers(s.replica())
			if path := s.reported.path(orderID); !strings.Contains(path, string(state)) {
				t.Errorf("reported: only %s", path)
			}
		})
	}
}

func TestAnUnrecordedReportIsRepeatedUnchanged(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.reported.failing(func(flow.Transition) error { r.die(); return nil })
	_, _ = r.Begin(t.Context(), s.order(orderID))
	s.reported.failing(nil)
	s.klarna.Advance(time.Minute)
	s.recovers(s.replica())
	all := s.reported.all()
	if len(all) != 2 {
		t.Fatalf("reported %q", ids(all))
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
}

func TestRecoveryRepeatsAReportThatPanicked(t *testing.T) {
	s := newScene(t)
	s.reported.failing(func(flow.Transition) error { return errors.New("down") })
	r := s.replica()
	s.stepUp(r, orderID)
	s.reported.failing(func(transition flow.Transition) error { panic(transition.Status.ID + email) })
	other := s.stepUp(s.replica(flow.WithReport(nil)), "order-2")
	s.approve(other.PaymentRequestID)
	s.klarna.Advance(time.Minute)
	s.recovers(r) // the report of each purchase panics
	if log := s.log.String(); !strings.Contains(log, "panicked") || strings.Contains(log, email) {
		t.Errorf("the log is %s", log)
	}
	s.stands("order-2", flow.StateAuthorized, "")
	s.reported.failing(nil)
	s.klarna.Advance(time.Minute)
	s.recovers(r)
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer)
}

func TestWithoutAReportFunctionNothingIsKept(t *testing.T) {
	s := newScene(t)
	r := s.replica(flow.WithReport(nil))
	status := s.stepUp(r, orderID)
	s.approve(status.PaymentRequestID)
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	if record := s.record(orderID); !record.DueAt.IsZero() || strings.Contains(string(record.Data), "unreported") {
		t.Errorf("due at %v: %s", record.DueAt, record.Data)
	}
	if n := len(s.reported.all()); n != 0 {
		t.Errorf("%d reports", n)
	}
}

func TestAReportIsMadeAfterTheCallerLeft(t *testing.T) {
	s := newScene(t)
	r := s.replica(flow.WithReport(func(ctx context.Context, transition flow.Transition) error {
		return errors.Join(ctx.Err(), s.reported.report(ctx, transition))
	}))
	ctx, cancel := context.WithCancel(t.Context())
	r.writesOnce(flow.StateAwaitingCustomer, func(do func() error) error { cancel(); return do() })
	_, _ = r.Begin(ctx, s.order(orderID))
	s.klarna.Advance(time.Minute)
	s.recovers(r)
	if got := ids(s.reported.all()); !slices.Equal(got, []string{"order-1#1"}) {
		t.Errorf("reported %q", got)
	}
}

// Otherwise recovery would claim the purchase forever.
func TestAConcurrentReportSuccessLeavesNothingDue(t *testing.T) {
	s := newScene(t)
	r, other := s.replica(), s.replica()
	if _, err := s.klarna.Decline(s.stepUp(r, orderID).PaymentRequestID); err != nil {
		t.Fatal(err)
	}
	s.reported.failing(func(flow.Transition) error {
		s.reported.failing(nil)
		s.klarna.Advance(21 * time.Second)
		s.recovers(other)
		return errors.New("the answer was lost")
	})
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateDeclined)
	if due := s.record(orderID).DueAt; !due.IsZero() {
		t.Errorf("the purchase is due at %v", due)
	}
}

func TestADueEndedPurchaseIsClaimedOnce(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	if _, err := s.klarna.Decline(s.stepUp(r, orderID).PaymentRequestID); err != nil {
		t.Fatal(err)
	}
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateDeclined)
	record := s.record(orderID)
	record.DueAt = s.klarna.Now()
	if err := s.memory.Update(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if n := s.recovers(r); n != 1 {
		t.Fatalf("recovery processes %d purchases", n)
	}
	if due := s.record(orderID).DueAt; !due.IsZero() {
		t.Errorf("the purchase is due at %v", due)
	}
}
