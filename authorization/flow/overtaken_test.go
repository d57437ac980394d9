package flow_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// This file tests a replica that is slow, or whose store fails, in the middle of a step, while
// another replica continues.

func TestTwoReplicasRecordAStepUpOnce(t *testing.T) {
	s := newScene(t)
	slow, other := s.replica(), s.replica()
	slow.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		answer, err := pass(request)
		s.klarna.Advance(21 * time.Second)
		s.recovers(other)
		s.stands(orderID, flow.StateAwaitingCustomer, "")
		return answer, err
	})
	if status := s.stepUp(slow, orderID); status.PaymentRequestURL == "" {
		t.Error("the customer gets no URL of Klarna's")
	}
	s.atKlarna()
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer)
}

func TestALateFailureChangesNothing(t *testing.T) {
	s := newScene(t)
	slow, other := s.replica(), s.replica()
	var before flow.Record
	slow.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		s.klarna.Advance(21 * time.Second)
		s.recovers(other)
		before = s.record(orderID)
		return nil, errors.New("cut")
	})
	status, err := slow.Begin(t.Context(), s.order(orderID))
	s.unknown(err)
	if status.State != flow.StateAwaitingCustomer || s.record(orderID).Version != before.Version {
		t.Errorf("the status is %v with version %d, was version %d", status, s.record(orderID).Version, before.Version)
	}
}

// The slow replica's lease has ended. The other replica's lease is not changed.
func TestALateFailureKeepsAnotherReplicasLease(t *testing.T) {
	s := newScene(t)
	slow, other, third := s.replica(), s.replica(), s.replica()
	release, done := make(chan struct{}), make(chan struct{})
	slow.meetsOnce(http.MethodPost, func(*http.Request, roundTrip) (*http.Response, error) {
		s.klarna.Advance(21 * time.Second)
		held := make(chan struct{})
		other.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
			close(held)
			<-release
			return pass(request)
		})
		go func() {
			defer close(done)
			_, _ = other.Recover(t.Context())
		}()
		<-held
		return nil, errors.New("cut")
	})
	_, err := slow.Begin(t.Context(), s.order(orderID))
	s.unknown(err)
	third.writes(func(operation string, _ flow.Record, do func() error) error {
		if operation == "Load" {
			third.writes(func(_ string, _ flow.Record, do func() error) error {
				third.writes(nil)
				close(release) // it has found another replica's lease
				return do()
			})
		}
		return do()
	})
	status, err := third.HandleReturn(t.Context(), orderID) // waits for the other replica
	s.wants(status, err, flow.StateAwaitingCustomer)
	<-done
	if n := s.calls(authorizeCall); n != 1 {
		t.Errorf("%d calls arrived, want the other replica's", n)
	}
}

func TestALateFinalRefusalLosesNoPayment(t *testing.T) {
	s := newScene(t)
	slow, other := s.replica(), s.replica()
	approved(s, slow)
	slow.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		s.klarna.Advance(21 * time.Second)
		s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
		s.recovers(other)
		slow.meets(unreachable)
		return answering(404, `{"error_code":"NOT_FOUND"}`)(request, pass)
	})
	_, _ = slow.HandleReturn(t.Context(), orderID)
	s.stands(orderID, flow.StateFinalizing, "")
	s.pass(other, time.Minute, 20*time.Second)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

func TestAnOvertakenRecoveryDoesNotDelayThePurchase(t *testing.T) {
	s := newScene(t)
	r, other := s.replica(), s.replica()
	id := s.stepUp(r, orderID).PaymentRequestID
	s.klarna.Advance(time.Minute)
	r.meetsOnce(http.MethodGet, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		answer, err := pass(request) // the payment request is open
		s.approve(id)
		status, failure := other.HandleReturn(t.Context(), orderID)
		s.wants(status, failure, flow.StateAuthorized)
		return answer, err
	})
	s.recovers(r)
	s.stands(orderID, flow.StateAuthorized, "")
	if due := s.record(orderID).DueAt; !due.IsZero() {
		t.Errorf("the purchase is due at %v", due)
	}
}

func TestAStoreThatFailsDuringAStep(t *testing.T) {
	down := errors.New("the database is down")
	for _, tc := range []struct {
		name    string
		prepare func(s *scene, r *replica)
		state   flow.State // whose write fails
		call    func(s *scene, r *replica) (*flow.Status, error)
		stood   flow.State
	}{
		{"a refusal cannot be recorded", func(s *scene, _ *replica) {
			s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, StatusCode: 403})
		},
			flow.StateRejected, func(s *scene, r *replica) (*flow.Status, error) { return r.Begin(s.Context(), s.order(orderID)) }, flow.StateBegun},
		{"a failure cannot be recorded", func(s *scene, _ *replica) { s.klarna.Script(klarnatest.Fault{Operation: authorizeCall}) },
			flow.StateBegun, func(s *scene, r *replica) (*flow.Status, error) { return r.Begin(s.Context(), s.order(orderID)) }, flow.StateBegun},
		{"the lease of a cancelation cannot be recorded", func(s *scene, r *replica) {
			s.stepUp(r, orderID)
			s.klarna.Script(klarnatest.Fault{Operation: cancelCall})
			_, _ = r.Cancel(s.Context(), orderID)
		}, flow.StateCanceling, func(s *scene, r *replica) (*flow.Status, error) { return r.HandleReturn(s.Context(), orderID) }, flow.StateCanceling},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			tc.prepare(s, r)
			count := len(s.reported.all())
			r.writesOnce(tc.state, func(func() error) error { return down })
			status, err := tc.call(s, r)
			if !errors.Is(err, down) || status.State != tc.stood {
				t.Fatalf("%v, %v", status, err)
			}
			s.stands(orderID, tc.stood, s.status(orderID).Reason)
			if n := len(s.reported.all()); n != count {
				t.Error("a transition that was not stored was reported")
			}
			s.pass(r, time.Minute, 21*time.Second)
			if state := s.status(orderID).State; state == tc.stood {
				t.Errorf("the state is still %s", state)
			}
		})
	}
}

func TestAStoreThatFailsDuringAReload(t *testing.T) {
	s := newScene(t)
	r, other := s.replica(), s.replica()
	down := errors.New("the database is down")
	r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		s.klarna.Advance(21 * time.Second)
		s.recovers(other)
		r.writes(func(operation string, _ flow.Record, do func() error) error {
			if operation == "Load" {
				return down
			}
			return do()
		})
		return pass(request)
	})
	if status, err := r.Begin(t.Context(), s.order(orderID)); !errors.Is(err, down) || status.State != flow.StateBegun {
		t.Errorf("%v, %v", status, err)
	}
	s.stands(orderID, flow.StateAwaitingCustomer, "")
}

func TestAReportThatCannotBeRecordedIsLogged(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.reported.failing(func(flow.Transition) error {
		r.writes(func(string, flow.Record, func() error) error { return errors.New("the database is down") })
		return nil
	})
	s.stepUp(r, orderID)
	if log := s.log.String(); !strings.Contains(log, "the database is down") {
		t.Errorf("the log is %q", log)
	}
}

// Klarna takes two purchases with one reference for one. Records of older releases have no
// reference in the store.
func TestAPaymentRequestBelongsToOnePurchase(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	first := s.order(orderID)
	first.Request.RequestPaymentTransaction.PaymentTransactionReference = "the-same"
	first.Request.StepUpConfig.PaymentRequestReference = "the-same"
	second := first
	second.ID = "order-2"
	status, err := r.Begin(t.Context(), first)
	s.wants(status, err, flow.StateAwaitingCustomer)
	s.forgetsReference(orderID)
	status, err = r.Begin(t.Context(), second)
	s.wants(status, err, flow.StateUnknown)
	if status.PaymentRequestURL != "" || status.PaymentRequestID != "" || !strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Errorf("%+v, logged\n%s", status.PaymentRequestID, s.log)
	}
	s.approve(s.status(orderID).PaymentRequestID)
	s.pass(r, 5*time.Minute, time.Minute)
	s.stands(orderID, flow.StateAuthorized, "")
	s.stands("order-2", flow.StateUnknown, "OTHER_PURCHASES_PAYMENT")
	s.paid(118_00)
}

// forgetsReference changes a record to the form of an older release.
func (s *scene) forgetsReference(id string) {
	s.Helper()
	record := s.record(id)
	record.Reference = ""
	if err := s.memory.Update(s.Context(), record); err != nil {
		s.Fatal(err)
	}
}

func TestATransactionBelongsToOnePurchase(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	first := s.browserOrder(orderID)
	first.Request.RequestPaymentTransaction.PaymentTransactionReference = "the-same"
	first.Request.StepUpConfig = nil
	second := first
	second.ID = "order-2"
	status, err := r.Begin(t.Context(), first)
	s.wants(status, err, flow.StateAuthorized)
	s.forgetsReference(orderID)
	if status.PaymentRequestID != "" || status.PaymentTransactionID == "" {
		t.Errorf("payment request %q, transaction %q", status.PaymentRequestID, status.PaymentTransactionID)
	}
	status, err = r.Begin(t.Context(), second)
	s.wants(status, err, flow.StateUnknown)
	s.stands("order-2", flow.StateUnknown, "OTHER_PURCHASES_PAYMENT")
	s.paid(118_00)
}

func TestAPaymentRequestWithoutATimeOfApproval(t *testing.T) {
	for name, updated := range map[string]string{"nothing": "", "a time of tomorrow": `,"updated_at":"2999-01-01T00:00:00Z"`} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			id := approved(s, r)
			r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
				if request.Method == http.MethodPost {
					return unreachable(request, pass)
				}
				return answering(200, `{"payment_request_id":"`+id+`","state":"COMPLETED","amount":11800,"state_context":{"payment_token":"t"}`+updated+`}`)(request, pass)
			})
			s.pass(r, 64*time.Minute, time.Minute)
			s.stands(orderID, flow.StateFinalizing, "")
			s.pass(r, 4*time.Minute, time.Minute)
			s.stands(orderID, flow.StateExpired, "NOT_FINALIZED_IN_TIME")
		})
	}
}

func TestAStoreErrorIsNotErrNotFound(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	down := errors.New("down")
	r.writes(func(string, flow.Record, func() error) error { return down })
	for name, call := range map[string]func() error{
		"HandleReturn": func() error { _, err := r.HandleReturn(t.Context(), orderID); return err },
		"Status":       func() error { _, err := r.GetStatus(t.Context(), orderID); return err },
		"Cancel":       func() error { _, err := r.Cancel(t.Context(), orderID); return err },
	} {
		if err := call(); !errors.Is(err, down) || errors.Is(err, flow.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// lagging is a store that reads from a copy that lags behind.
type lagging struct {
	flow.Store
	mu   sync.Mutex
	copy map[string]flow.Record
	asks int
}

func (l *lagging) Load(ctx context.Context, id string) (flow.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asks++
	if r, ok := l.copy[id]; ok {
		return r, ctx.Err()
	}
	return l.Store.Load(ctx, id)
}

func (l *lagging) catchUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.copy = nil
}

func TestALaggingStoreIsReadWithABackOff(t *testing.T) {
	for name, call := range map[string]func(context.Context, *flow.Coordinator) (*flow.Status, error){
		"by a return": func(ctx context.Context, c *flow.Coordinator) (*flow.Status, error) {
			return c.HandleReturn(ctx, orderID)
		},
		"by a cancel": func(ctx context.Context, c *flow.Coordinator) (*flow.Status, error) {
			return c.Cancel(ctx, orderID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t)
				r := s.replica()
				approved(s, r)
				store := &lagging{Store: s.memory, copy: map[string]flow.Record{orderID: s.record(orderID)}}
				c, err := flow.New(r.client(klarna.RetryPolicy{MaxAttempts: 1}), store, klarna.NewSecret(sealSecret), flow.WithClock(s.klarna.Now))
				if err != nil {
					t.Fatal(err)
				}
				status, err := r.HandleReturn(t.Context(), orderID)
				s.wants(status, err, flow.StateAuthorized)
				reads := s.calls(readCall)

				start := time.Now()
				if _, err := call(t.Context(), c); !errors.Is(err, flow.ErrChanged) {
					t.Errorf("%v", err)
				}
				if took := time.Since(start); took < time.Second || took > 10*time.Second {
					t.Errorf("the call gave up after %v", took)
				}
				if n := s.calls(readCall) - reads; n > 1 || store.asks > 60 {
					t.Errorf("%d reads at Klarna, %d reads of the store", n, store.asks)
				}
				time.AfterFunc(time.Second, store.catchUp)
				status, err = call(t.Context(), c)
				s.wants(status, err, flow.StateAuthorized)
			})
		})
	}
}
