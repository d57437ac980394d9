package flow_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

func TestAMissingPurchaseCannotBeCanceled(t *testing.T) {
	s := newScene(t)
	if status, err := s.replica().Cancel(t.Context(), orderID); status != nil || !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("%v, %v", status, err)
	}
}

func TestAWaitingPurchaseIsCanceled(t *testing.T) {
	for name, customer := range map[string]func(s *scene, id string) error{
		"who has not come":                   func(*scene, string) error { return nil },
		"who has opened the payment request": func(s *scene, id string) error { return s.klarna.Open(id) },
		"who has left":                       func(s *scene, id string) error { _, err := s.klarna.Abandon(id); return err },
		"who has approved":                   func(s *scene, id string) error { _, err := s.klarna.Approve(id); return err },
		"canceled elsewhere": func(s *scene, id string) error {
			_, err := s.byHand().CancelPaymentRequest(s.Context(), id)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			if err := customer(s, s.stepUp(r, orderID).PaymentRequestID); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				status, err := r.Cancel(t.Context(), orderID)
				s.wants(status, err, flow.StateCanceled)
				if status.Reason != "CALLER_CANCELED" || status.PaymentRequestURL != "" {
					t.Errorf("%q %q", status.Reason, status.PaymentRequestURL)
				}
			}
			if s.atKlarna() != "CANCELED" {
				t.Errorf("at Klarna the payment request is %s", s.atKlarna())
			}
			s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateCanceling, flow.StateCanceled)
			// The customer comes back too late.
			status, err := r.HandleReturn(t.Context(), orderID)
			s.wants(status, err, flow.StateCanceled)
			s.paid()
		})
	}
}

func TestAnEndedPurchaseIsNotCanceled(t *testing.T) {
	for name, tc := range map[string]struct {
		customer func(s *scene, id string) error
		want     flow.State
		reason   string
	}{
		"declined": {func(s *scene, id string) error { _, err := s.klarna.Decline(id); return err }, flow.StateDeclined, "CUSTOMER_DECLINED"},
		"expired":  {func(s *scene, _ string) error { s.klarna.Advance(4 * time.Hour); return nil }, flow.StateExpired, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			if err := tc.customer(s, s.stepUp(r, orderID).PaymentRequestID); err != nil {
				t.Fatal(err)
			}
			status, err := r.Cancel(t.Context(), orderID)
			s.wants(status, err, tc.want)
			if status.Reason != tc.reason || s.calls(cancelCall) != 0 {
				t.Errorf("%q after %d calls", status.Reason, s.calls(cancelCall))
			}
		})
	}
}

func TestAPaidPurchaseIsNotCanceled(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	s.unknown(s.fails(r))
	for range 2 { // in FINALIZING, then in AUTHORIZED
		status, err := r.Cancel(t.Context(), orderID)
		s.wants(status, err, flow.StateAuthorized)
	}
	s.paid(118_00)
	if n := s.calls(cancelCall); n != 0 {
		t.Errorf("%d calls to cancel", n)
	}
}

func TestAPurchaseIsCanceledBeforeItsFirstAnswer(t *testing.T) {
	t.Run("and nothing can have run", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		r.meetsOnce(http.MethodPost, unreachable)
		_, err := r.Begin(t.Context(), s.order(orderID))
		s.notSent(err)
		status, err := r.Cancel(t.Context(), orderID)
		s.wants(status, err, flow.StateCanceled)
		if status.Reason != "CALLER_CANCELED" || len(s.klarna.Requests()) > 0 {
			t.Errorf("%q after %d calls", status.Reason, len(s.klarna.Requests()))
		}
		status, err = r.Begin(t.Context(), s.order(orderID))
		s.wants(status, err, flow.StateCanceled)
		s.went(orderID, flow.StateBegun, flow.StateCanceled)
	})
	t.Run("and a step-up may have been asked for", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter, Times: 2})
		_, err := r.Begin(t.Context(), s.order(orderID))
		s.unknown(err)
		status, err := r.Cancel(t.Context(), orderID)
		s.unknown(err)
		if status.State != flow.StateBegun {
			t.Fatalf("%v", status)
		}
		s.klarna.Advance(2 * time.Second)
		s.recovers(s.replica())
		s.stands(orderID, flow.StateCanceled, "CALLER_CANCELED")
		if s.atKlarna() != "CANCELED" {
			t.Errorf("at Klarna the payment request is %s", s.atKlarna())
		}
	})
	t.Run("and the payment may have been approved", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
		_, err := r.Begin(t.Context(), s.browserOrder(orderID))
		s.unknown(err)
		status, err := r.Cancel(t.Context(), orderID)
		s.wants(status, err, flow.StateAuthorized) // the caller has to void it
		s.paid(118_00)
	})
	t.Run("while the call is in progress", func(t *testing.T) {
		s := newScene(t)
		r, other := s.replica(), s.replica()
		held, release, done := make(chan struct{}), make(chan struct{}), make(chan *flow.Status, 1)
		r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
			close(held)
			<-release
			return pass(request)
		})
		go func() {
			status, _ := r.Begin(t.Context(), s.order(orderID))
			done <- status
		}()
		<-held
		var releasing bool
		other.writes(func(operation string, _ flow.Record, do func() error) error {
			err := do()
			if operation == "Update" && !releasing {
				releasing = true
				close(release) // the cancelation is recorded
			}
			return err
		})
		status, err := other.Cancel(t.Context(), orderID)
		s.wants(status, err, flow.StateCanceled)
		s.wants(<-done, nil, flow.StateCanceled)
		if s.atKlarna() != "CANCELED" {
			t.Errorf("at Klarna the payment request is %s", s.atKlarna())
		}
	})
}

func TestACancelationThatFailedIsRepeated(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault klarnatest.Fault
	}{
		{"the read is dropped", klarnatest.Fault{Operation: readCall, Kind: klarnatest.FaultDropBefore}},
		{"dropped before", klarnatest.Fault{Operation: cancelCall, Kind: klarnatest.FaultDropBefore}},
		{"dropped after", klarnatest.Fault{Operation: cancelCall, Kind: klarnatest.FaultDropAfter}},
		{"unavailable", klarnatest.Fault{Operation: cancelCall}},
		{"refused credentials", klarnatest.Fault{Operation: cancelCall, StatusCode: 401}},
		{"a conflict", klarnatest.Fault{Operation: cancelCall, StatusCode: 409}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			s.stepUp(r, orderID)
			s.klarna.Script(tc.fault)
			status, err := r.Cancel(t.Context(), orderID)
			if _, ok := errors.AsType[*klarna.Error](err); !ok || status.State != flow.StateCanceling {
				t.Fatalf("%v, %v", status, err)
			}
			s.klarna.Advance(2 * time.Second)
			s.recovers(s.replica())
			s.stands(orderID, flow.StateCanceled, "CALLER_CANCELED")
			s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateCanceling, flow.StateCanceled)
		})
	}
}

func TestRecoveryRepairsACrashDuringACancelation(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.stepUp(r, orderID)
	r.meetsOnce(http.MethodDelete, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		defer r.die()
		return pass(request)
	})
	_, _ = r.Cancel(t.Context(), orderID)
	s.stands(orderID, flow.StateCanceling, "CALLER_CANCELED")
	s.klarna.Advance(21 * time.Second)
	s.recovers(s.replica())
	s.stands(orderID, flow.StateCanceled, "CALLER_CANCELED")
}

func TestRecoveryRepairsACrashBeforeACancelation(t *testing.T) {
	t.Run("of a purchase that waits for its customer", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		s.stepUp(r, orderID)
		r.writesOnce(flow.StateCanceling, func(do func() error) error { defer r.die(); return do() })
		_, _ = r.Cancel(t.Context(), orderID)
		s.recovers(s.replica())
		s.stands(orderID, flow.StateCanceled, "CALLER_CANCELED")
	})
	t.Run("of a purchase that was canceled while it began", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
		_, err := r.Begin(t.Context(), s.order(orderID))
		s.unknown(err)
		r.writesOnce(flow.StateAwaitingCustomer, func(do func() error) error { defer r.die(); return do() })
		_, _ = r.Cancel(t.Context(), orderID)
		s.stands(orderID, flow.StateAwaitingCustomer, "")
		s.recovers(s.replica())
		s.stands(orderID, flow.StateCanceled, "CALLER_CANCELED")
	})
}

func TestAFailingCancelationEndsAfterTheExpiry(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.stepUp(r, orderID)
	r.meets(unreachable)
	if _, err := r.Cancel(t.Context(), orderID); err == nil {
		t.Fatal("no error")
	}
	s.pass(r, 4*time.Hour, 10*time.Minute) // the payment request lives 3 hours, and an approval one more
	s.stands(orderID, flow.StateCanceling, "CALLER_CANCELED")
	s.pass(r, 20*time.Minute, 10*time.Minute)
	s.stands(orderID, flow.StateCanceled, "CALLER_CANCELED")
}

// Klarna cancels a completed payment request until it is finalized. If it keeps refusing, another
// program has finalized it.
func TestAForeignFinalizationIsNotCanceled(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	s.finalizesByHand()
	if _, err := r.Cancel(t.Context(), orderID); !errors.Is(err, klarna.CodeResourceConflict) {
		t.Fatal(err)
	}
	s.pass(r, 64*time.Minute, time.Minute)
	s.stands(orderID, flow.StateCanceling, "CALLER_CANCELED")
	s.pass(r, 5*time.Minute, time.Minute)
	s.stands(orderID, flow.StateUnknown, "RESOURCE_CONFLICT")
	if !strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Error("no error is logged")
	}
}

// abandoned begins a purchase and makes recovery find that its customer has gone. meanwhile runs
// after that was recorded and before Klarna is read once more.
func abandoned(s *scene, meanwhile func(id string, r *replica)) {
	s.Helper()
	r := s.replica(flow.WithAbandonAfter(30 * time.Minute))
	id := s.stepUp(r, orderID).PaymentRequestID
	r.writesOnce(flow.StateCanceling, func(do func() error) error {
		defer meanwhile(id, r)
		return do()
	})
	s.pass(r, 31*time.Minute, time.Minute)
}

func TestAnAbandonedPurchaseIsCanceled(t *testing.T) {
	s := newScene(t)
	abandoned(s, func(string, *replica) {})
	s.stands(orderID, flow.StateCanceled, "ABANDONED")
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateCanceling, flow.StateCanceled)
	if s.atKlarna() != "CANCELED" {
		t.Errorf("at Klarna the payment request is %s", s.atKlarna())
	}
}

func TestACustomerWhoComesBackIsNotCanceled(t *testing.T) {
	s := newScene(t)
	abandoned(s, func(id string, _ *replica) {
		if err := s.klarna.Open(id); err != nil {
			t.Fatal(err)
		}
	})
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	if s.atKlarna() != "IN_PROGRESS" {
		t.Errorf("at Klarna the payment request is %s", s.atKlarna())
	}
	s.approve(s.status(orderID).PaymentRequestID)
	status, err := s.replica().HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateCanceling, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized)
}

func TestALastMomentApprovalIsPaid(t *testing.T) {
	s := newScene(t)
	abandoned(s, func(id string, _ *replica) { s.approve(id) })
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

func TestAnApprovalDuringTheCancelationIsNotPaid(t *testing.T) {
	s := newScene(t)
	abandoned(s, func(id string, r *replica) {
		r.meetsOnce(http.MethodDelete, func(request *http.Request, pass roundTrip) (*http.Response, error) {
			s.approve(id)
			return pass(request)
		})
	})
	s.stands(orderID, flow.StateCanceled, "ABANDONED")
	s.paid()
}

// A purchase that the caller cancels stays canceled even if the customer, who seemed to have gone,
// comes back.
func TestACallersCancelationWinsOverAnAbandonment(t *testing.T) {
	s := newScene(t)
	other := s.replica()
	abandoned(s, func(id string, _ *replica) {
		if err := s.klarna.Open(id); err != nil {
			t.Fatal(err)
		}
		status, err := other.Cancel(t.Context(), orderID)
		s.wants(status, err, flow.StateCanceled)
	})
	s.stands(orderID, flow.StateCanceled, "CALLER_CANCELED")
	if s.atKlarna() != "CANCELED" {
		t.Errorf("at Klarna the payment request is %s", s.atKlarna())
	}
}

func TestACallersCancelationWinsOverARunningAbandonment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		other := s.replica()
		abandoned(s, func(id string, r *replica) {
			r.meetsOnce(http.MethodGet, func(request *http.Request, pass roundTrip) (*http.Response, error) {
				if err := s.klarna.Open(id); err != nil {
					t.Fatal(err)
				}
				status, err := other.Cancel(t.Context(), orderID)
				s.wants(status, err, flow.StateCanceling)
				return pass(request)
			})
		})
		s.pass(other, time.Minute, 30*time.Second)
		s.stands(orderID, flow.StateCanceled, "CALLER_CANCELED")
		if s.atKlarna() != "CANCELED" {
			t.Errorf("at Klarna the payment request is %s", s.atKlarna())
		}
	})
}

func TestCancelReturnsStoreErrors(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.stepUp(r, orderID)
	down := errors.New("down")
	r.writesOnce(flow.StateCanceling, func(func() error) error { return down })
	if status, err := r.Cancel(t.Context(), orderID); status != nil || !errors.Is(err, down) {
		t.Errorf("%v, %v", status, err)
	}
	s.stands(orderID, flow.StateAwaitingCustomer, "")
}

// A customer who comes back is canceled only during one request, immediately after a read.
func TestChangesDuringACancelationAreRespected(t *testing.T) {
	for name, tc := range map[string]struct {
		customer func(s *scene, id string)
		hears    func(s *scene, r *replica, id string) error
		want     flow.State
	}{
		"the event of the approval": {
			func(s *scene, id string) { s.approve(id) },
			func(s *scene, r *replica, id string) error { return r.HandleEvent(s.Context(), completed(id)) },
			flow.StateAuthorized,
		},
		"the event of the customer's return": {
			func(s *scene, id string) {
				if err := s.klarna.Open(id); err != nil {
					s.Fatal(err)
				}
			},
			func(s *scene, r *replica, id string) error {
				return r.HandleEvent(s.Context(), event(webhook.EventTypePaymentRequestInProgress, id, "IN_PROGRESS"))
			},
			flow.StateAwaitingCustomer,
		},
		"the return": {
			func(s *scene, id string) { s.approve(id) },
			func(s *scene, r *replica, id string) error {
				_, err := r.HandleReturn(s.Context(), orderID)
				return err
			},
			flow.StateAuthorized,
		},
		"a repeat of Begin": {
			func(s *scene, id string) { s.approve(id) },
			func(s *scene, r *replica, id string) error {
				_, err := r.Begin(s.Context(), s.order(orderID))
				return err
			},
			flow.StateAuthorized,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			other := s.replica()
			abandoned(s, func(id string, r *replica) {
				r.meetsOnce(http.MethodGet, func(request *http.Request, pass roundTrip) (*http.Response, error) {
					answer, err := pass(request) // the customer is not at Klarna
					tc.customer(s, id)
					if err := tc.hears(s, other, id); err != nil {
						t.Error(err)
					}
					return answer, err
				})
			})
			s.stands(orderID, tc.want, "")
			if n := s.calls(cancelCall); n != 0 {
				t.Errorf("%d calls to cancel", n)
			}
		})
	}
}

func TestTheCancelCallIsRetriedAfterARead(t *testing.T) {
	s := newScene(t)
	r := s.replicaOf(klarna.RetryPolicy{MaxAttempts: 5, MinWait: time.Microsecond, MaxWait: time.Microsecond}, flow.WithAbandonAfter(30*time.Minute))
	id := s.stepUp(r, orderID).PaymentRequestID
	s.klarna.Script(klarnatest.Fault{Operation: cancelCall, StatusCode: 503})
	for range 31 {
		s.klarna.Advance(time.Minute)
		s.recovers(r)
		if s.calls(cancelCall) > 0 {
			break
		}
	}
	if n := s.calls(cancelCall); n != 1 {
		t.Fatalf("%d calls to cancel, want 1", n)
	}
	s.approve(id)
	s.pass(r, time.Minute, 20*time.Second)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

// A cancelation that hangs at Klarna does not delay the final call.
func TestAnApprovalDuringAHangingCancelationIsFinalized(t *testing.T) {
	s := newScene(t)
	other := s.replica()
	abandoned(s, func(id string, r *replica) {
		r.meetsOnce(http.MethodDelete, func(*http.Request, roundTrip) (*http.Response, error) {
			s.approve(id)
			if err := other.HandleEvent(t.Context(), completed(id)); err != nil {
				t.Error(err)
			}
			s.stands(orderID, flow.StateAuthorized, "")
			return nil, errors.New("cut")
		})
	})
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}
