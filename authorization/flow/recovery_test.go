package flow_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// many begins n purchases whose customers have to go to Klarna.
func (s *scene) many(r *replica, n int) {
	s.Helper()
	for i := range n {
		s.stepUp(r, fmt.Sprint("order-", i+1))
	}
}

// reads counts the reads of each payment request.
func (s *scene) reads() map[string]int {
	n := map[string]int{}
	for _, r := range s.klarna.Requests() {
		if r.Operation == readCall {
			n[r.Path]++
		}
	}
	return n
}

func TestRecoveryFinalizesWithoutAWebhook(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	if n := s.recovers(r); n != 0 {
		t.Fatalf("recovery processes %d purchases immediately, want none before their webhooks are late", n)
	}
	s.klarna.Advance(time.Minute)
	if n := s.recovers(s.replica()); n != 1 {
		t.Fatalf("recovery processes %d purchases", n)
	}
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
	if n := s.recovers(r); n != 0 {
		t.Errorf("then recovery processes %d purchases", n)
	}
}

func TestRecoveryClosesPurchasesThatEndedAtKlarna(t *testing.T) {
	for name, tc := range map[string]struct {
		customer func(s *scene, id string) error
		want     flow.State
		reason   string
	}{
		"declined": {func(s *scene, id string) error { _, err := s.klarna.Decline(id); return err }, flow.StateDeclined, "CUSTOMER_DECLINED"},
		"canceled": {func(s *scene, id string) error {
			_, err := s.byHand().CancelPaymentRequest(s.Context(), id)
			return err
		}, flow.StateCanceled, "PARTNER_CANCELED"},
		"expired": {func(s *scene, _ string) error { s.klarna.Advance(3 * time.Hour); return nil }, flow.StateExpired, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			if err := tc.customer(s, s.stepUp(r, orderID).PaymentRequestID); err != nil {
				t.Fatal(err)
			}
			s.klarna.Advance(time.Minute)
			s.recovers(r)
			s.stands(orderID, tc.want, tc.reason)
		})
	}
}

func TestRecoveryCancelsAbandonedPurchasesBeforeTheyExpire(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.stepUp(r, orderID)
	s.pass(r, 2*time.Hour+57*time.Minute, time.Minute) // of 3 hours
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	s.pass(r, 2*time.Minute, time.Minute)
	s.stands(orderID, flow.StateCanceled, "ABANDONED")
	if s.atKlarna() != "CANCELED" {
		t.Errorf("at Klarna the payment request is %s", s.atKlarna())
	}
	if n := s.calls(readCall); n > 40 {
		t.Errorf("%d reads in 3 hours, want the pauses to grow", n)
	}
}

func TestACustomerIsGivenTimeFromTheLastVisit(t *testing.T) {
	s := newScene(t)
	r := s.replica(flow.WithAbandonAfter(20 * time.Minute))
	id := s.stepUp(r, orderID).PaymentRequestID
	s.pass(r, 15*time.Minute, time.Minute)
	if _, err := s.klarna.Abandon(id); err != nil {
		t.Fatal(err)
	}
	s.pass(r, 18*time.Minute, time.Minute)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	s.pass(r, 3*time.Minute, time.Minute)
	s.stands(orderID, flow.StateCanceled, "ABANDONED")
}

func TestACustomerWhoIsAtKlarnaIsLeftAlone(t *testing.T) {
	s := newScene(t)
	r := s.replica(flow.WithAbandonAfter(20 * time.Minute))
	id := s.stepUp(r, orderID).PaymentRequestID
	if err := s.klarna.Open(id); err != nil {
		t.Fatal(err)
	}
	s.pass(r, 3*time.Hour-time.Second, time.Minute)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	s.pass(r, time.Minute, 10*time.Second)
	s.stands(orderID, flow.StateExpired, "")
	if n := s.calls(cancelCall); n != 0 {
		t.Errorf("%d calls to cancel", n)
	}
}

func TestAnOverduePaymentRequestIsCanceled(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	id := s.stepUp(r, orderID).PaymentRequestID
	if err := s.klarna.Open(id); err != nil {
		t.Fatal(err)
	}
	canceled := false
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		state := "OF_TOMORROW" // an unknown state counts as open
		if canceled = canceled || request.Method == http.MethodDelete; canceled {
			state = "CANCELED"
		}
		return answering(200, `{"payment_request_id":"`+id+`","state":"`+state+`"}`)(request, pass)
	})
	s.pass(r, 3*time.Hour+4*time.Minute, time.Minute)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	s.pass(r, 20*time.Minute, time.Minute)
	s.stands(orderID, flow.StateCanceled, "ABANDONED")
}

func TestAPaymentRequestWithoutAnExpiry(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	answer := `{"payment_request_id":"request-1","state":"SUBMITTED"}`
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method == http.MethodPost {
			return answering(200, `{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"},"payment_request":`+answer+`}`)(request, pass)
		}
		if request.Method == http.MethodDelete {
			return answering(200, `{"payment_request_id":"request-1","state":"CANCELED"}`)(request, pass)
		}
		return answering(200, answer)(request, pass)
	})
	s.stepUp(r, orderID)
	s.pass(r, 47*time.Hour+50*time.Minute, 10*time.Minute)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	s.pass(r, 20*time.Minute, 5*time.Minute)
	s.stands(orderID, flow.StateCanceled, "ABANDONED")
}

func TestAPurchaseEndsThoughKlarnaIsUnreachable(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.stepUp(r, orderID)
	r.meets(unreachable)
	s.pass(r, 4*time.Hour, 10*time.Minute)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	s.pass(r, 20*time.Minute, 10*time.Minute)
	s.stands(orderID, flow.StateExpired, "NO_ANSWER")
}

func TestTwoReplicasShareTheWork(t *testing.T) {
	s := newScene(t)
	a, b := s.replica(), s.replica()
	s.many(a, 60)
	s.klarna.Advance(time.Minute)
	var looked [2]int
	var group sync.WaitGroup
	for i, r := range []*replica{a, b} {
		group.Go(func() { looked[i] = s.recovers(r) })
	}
	group.Wait()
	if looked[0]+looked[1] != 60 {
		t.Errorf("the replicas processed %d and %d, want 60 in all", looked[0], looked[1])
	}
	for path, n := range s.reads() {
		if n != 1 {
			t.Errorf("%s was read %d times", path, n)
		}
	}
	if n := len(s.reads()); n != 60 {
		t.Errorf("%d payment requests were read", n)
	}
}

func TestRecoverySpreadsPurchasesThatBeganTogether(t *testing.T) {
	s := newScene(t)
	s.many(s.replica(), 100)
	seconds := map[int64]int{}
	for i := range 100 {
		due := s.record(fmt.Sprint("order-", i+1)).DueAt.Sub(s.klarna.Now())
		if due < 30*time.Second || due > time.Minute {
			t.Fatalf("a purchase is due in %v", due)
		}
		seconds[int64(due/time.Second)]++
	}
	if len(seconds) < 10 {
		t.Errorf("the purchases are spread over %d seconds", len(seconds))
	}
}

func TestAnOutageIsNotMultiplied(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	calls := 0
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		calls++
		return unreachable(request, pass)
	})
	s.pass(r, 50*time.Minute, time.Second)
	if calls < 50 || calls > 120 {
		t.Errorf("%d calls in 50 minutes, want about one a minute", calls)
	}
}

func TestAPurchaseIsNotClaimedBeforeItIsDue(t *testing.T) {
	s := newScene(t)
	// Klarna's times may have nanoseconds. A due time rounded down to a millisecond would be too
	// early, and the purchase would be due again immediately.
	r := s.replica(flow.WithAbandonAfter(time.Minute), flow.WithClock(func() time.Time { return s.klarna.Now().Add(1500 * time.Microsecond) }))
	s.stepUp(r, orderID)
	for range 200 {
		s.recovers(r)
		record := s.record(orderID)
		if record.State.Final() {
			return
		}
		if end := s.status(orderID).UpdatedAt.Add(time.Minute); record.DueAt.After(end.Add(-time.Millisecond)) && record.DueAt.Before(end) {
			t.Fatalf("the purchase is due %v before it is abandoned", end.Sub(record.DueAt))
		}
		s.klarna.Advance(time.Second)
	}
	t.Fatal("the purchase was never given up")
}

func TestADamagedRecordDoesNotStopRecovery(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.many(r, 3)
	damaged := s.record("order-2")
	damaged.Data = []byte(`{"amount":"x`)
	if err := s.memory.Update(t.Context(), damaged); err != nil {
		t.Fatal(err)
	}
	for _, request := range s.klarna.PaymentRequests() {
		s.approve(request.PaymentRequestID)
	}
	s.klarna.Advance(time.Minute)
	s.recovers(r)
	s.paid(118_00, 118_00)
	if log := s.log.String(); !strings.Contains(log, "order-2") {
		t.Errorf("the log is %s", log)
	}
	if n := s.recovers(r); n != 0 {
		t.Errorf("the damaged record is claimed again too soon")
	}
	s.klarna.Advance(16 * time.Minute)
	if n := s.recovers(r); n != 1 {
		t.Errorf("the damaged record is never claimed again")
	}
}

func TestTheLogAnnouncesNoRetryOfARefusal(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	r.meetsOnce(http.MethodPost, unreachable)
	_, err := r.Begin(t.Context(), s.order(orderID))
	s.notSent(err)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, StatusCode: 403})
	s.klarna.Advance(2 * time.Second)
	s.recovers(r)
	s.stands(orderID, flow.StateRejected, "OPERATION_FORBIDDEN")
	if log := s.log.String(); strings.Contains(log, "tried again") {
		t.Errorf("the log is %s", log)
	}
}

func TestRecoverReturnsTheStoresError(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	down := errors.New("down")
	r.writes(func(string, flow.Record, func() error) error { return down })
	if n, err := r.Recover(t.Context()); n != 0 || !errors.Is(err, down) {
		t.Errorf("%d, %v", n, err)
	}
}

func TestRecoverProcessesClaimsReturnedWithAnError(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	s.klarna.Advance(time.Minute)
	r.writes(func(operation string, _ flow.Record, do func() error) error {
		if operation == "ClaimDue" {
			return errors.Join(do(), errors.New("cut"))
		}
		return do()
	})
	if n, err := r.Recover(t.Context()); n != 1 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
	s.stands(orderID, flow.StateAuthorized, "")
}

// The store has claimed purchases, and its answer was lost. They wait until the lease ends, and a
// webhook is processed immediately.
func TestALostClaimAnswerDelaysPurchasesBriefly(t *testing.T) {
	for name, tc := range map[string]struct {
		webhook bool
		within  time.Duration
	}{
		"a webhook comes": {true, 0},
		"none comes":      {false, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := running(t)
				r := s.replica(flow.WithRecoveryRate(60))
				id := s.stepUp(r, orderID).PaymentRequestID
				s.approve(id)
				<-time.After(time.Minute)
				var well atomic.Bool
				r.claims = func(ctx context.Context) error {
					if well.Load() {
						return nil
					}
					_, err := s.memory.ClaimDue(ctx, flow.ClaimParams{
						Now: time.Now(), Until: time.Now().Add(20 * time.Second), Limit: 10, Lanes: []flow.Lane{flow.LaneBusy, flow.LaneWaiting},
					})
					return errors.Join(err, errors.New("the answer was lost"))
				}
				stop := runs(t, r)
				<-time.After(10 * time.Minute)
				if state := s.record(orderID).State; state != flow.StateAwaitingCustomer {
					t.Fatalf("the state is %s, so no claim was lost", state)
				}
				well.Store(true)
				if tc.webhook {
					if err := r.HandleEvent(t.Context(), completed(id)); err != nil {
						t.Fatal(err)
					}
				}
				<-time.After(tc.within)
				s.stands(orderID, flow.StateAuthorized, "")
				stop()
			})
		})
	}
}

func TestRecoverEndsWithItsContext(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	s.klarna.Advance(time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := r.Recover(ctx); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", n, err)
	}
	s.stands(orderID, flow.StateAwaitingCustomer, "")
}

// running returns a scene whose clock runs, for tests in a synctest bubble.
func running(t *testing.T) *scene {
	t.Helper()
	return newScene(t, klarnatest.WithRunningClock())
}

// runs starts recovery. It returns a function that stops it and waits until it has ended.
func runs(t *testing.T, r *replica) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func TestRunProcessesPurchasesAutomatically(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		a, b := s.replica(), s.replica()
		stopA, stopB := runs(t, a), runs(t, b)
		s.many(a, 20)
		for i, request := range s.klarna.PaymentRequests() {
			if i%2 == 0 {
				s.approve(request.PaymentRequestID)
			}
		}
		<-time.After(2 * time.Minute)
		if n := len(s.klarna.Transactions()); n != 10 {
			t.Errorf("%d transactions after two minutes", n)
		}
		<-time.After(4 * time.Hour)
		stopA()
		stopB()
		for i := range 20 {
			want := flow.StateAuthorized
			if i%2 == 1 {
				want = flow.StateCanceled
			}
			if status := s.status(fmt.Sprint("order-", i+1)); status.State != want {
				t.Errorf("%s is %s, want %s", status.ID, status.State, want)
			}
		}
		if n := s.calls(authorizeCall); n != 30 {
			t.Errorf("%d authorize calls", n)
		}
	})
}

func TestRunSpreadsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		s.many(s.replica(), 200)
		<-time.After(3 * time.Minute) // all are overdue by more than a minute
		r := s.replica(flow.WithRecoveryRate(10))
		stop := runs(t, r)
		<-time.After(10 * time.Second)
		if n := s.calls(readCall); n < 100 || n > 10*10+16 {
			t.Errorf("%d calls in 10 seconds, want 10 a second", n)
		}
		<-time.After(12 * time.Second)
		stop()
		for path, n := range s.reads() {
			if n != 1 {
				t.Errorf("%s was read %d times", path, n)
			}
		}
		if n := len(s.reads()); n != 200 {
			t.Errorf("%d payment requests were read", n)
		}
	})
}

// A purchase that waits for its turn must not be claimed again as abandoned by its replica.
func TestALowRateRepeatsNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		s.many(s.replica(), 60)
		<-time.After(time.Minute)
		stopA, stopB := runs(t, s.replica(flow.WithRecoveryRate(0.2))), runs(t, s.replica(flow.WithRecoveryRate(0.2)))
		<-time.After(2 * time.Minute)
		stopA()
		stopB()
		if n := len(s.reads()); n < 50 {
			t.Errorf("%d payment requests were read", n)
		}
		last := map[string]time.Time{}
		for _, request := range s.klarna.Requests() {
			if pause := request.Time.Sub(last[request.Path]); request.Operation == readCall && pause < 30*time.Second {
				t.Errorf("%s was read again after %v", request.Path, pause)
			}
			last[request.Path] = request.Time
		}
	})
}

func TestRunPausesWhenKlarnaLimitsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		s.many(s.replica(), 2)
		<-time.After(time.Minute)
		s.klarna.Script(klarnatest.Fault{Operation: readCall, StatusCode: 429, Times: 2, Header: http.Header{"X-Ratelimit-Reset": {"15"}}})
		stop := runs(t, s.replica())
		<-time.After(14 * time.Second)
		if n := s.calls(readCall); n > 2 {
			t.Errorf("%d calls in the 15 seconds that Klarna asked for", n)
		}
		<-time.After(10 * time.Second)
		if n := s.calls(readCall); n < 4 {
			t.Errorf("%d calls after the pause, want more", n)
		}
		stop()
	})
}

// No answer stops recovery for a long time.
func TestAPauseThatKlarnaAsksForIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		s.many(s.replica(), 1)
		<-time.After(time.Minute)
		s.klarna.Script(klarnatest.Fault{Operation: readCall, StatusCode: 429, Header: http.Header{"X-Ratelimit-Reset": {"9000000000"}}})
		stop := runs(t, s.replica())
		<-time.After(3 * time.Minute)
		if n := s.calls(readCall); n < 2 {
			t.Errorf("%d calls", n)
		}
		stop()
	})
}

func TestRunSurvivesAStoreThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		r := s.replica()
		approved(s, r)
		down := errors.New("the database is down")
		r.writes(func(string, flow.Record, func() error) error { return down })
		stop := runs(t, r)
		<-time.After(10 * time.Minute)
		s.stands(orderID, flow.StateAwaitingCustomer, "")
		r.writes(nil)
		<-time.After(time.Minute)
		s.stands(orderID, flow.StateAuthorized, "")
		stop()
		if log := s.log.String(); !strings.Contains(log, down.Error()) || strings.Count(log, down.Error()) > 1000 {
			t.Errorf("the log reports %d times that the store is down", strings.Count(log, down.Error()))
		}
	})
}

func TestRunStopsAfterItsCurrentSteps(t *testing.T) {
	for name, tc := range map[string]struct {
		takes, stops time.Duration
		want         flow.State
	}{
		"a call that is answered soon": {3 * time.Second, 3 * time.Second, flow.StateAuthorized},
		"a call that is not":           {time.Hour, 9 * time.Second, flow.StateFinalizing},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := running(t)
				r := s.replica()
				approved(s, r)
				release := make(chan struct{})
				s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultHold, Release: release})
				stop := runs(t, r)
				for s.calls(authorizeCall) < 2 {
					<-time.After(time.Second)
				}
				time.AfterFunc(tc.takes, func() { close(release) })
				start := time.Now()
				stop()
				if took := time.Since(start); took != tc.stops {
					t.Errorf("Run took %v to stop, want %v", took, tc.stops)
				}
				s.stands(orderID, tc.want, "")
				stop = runs(t, s.replica())
				<-time.After(time.Minute)
				stop()
				s.stands(orderID, flow.StateAuthorized, "")
				s.paid(118_00)
				<-time.After(tc.takes) // the held call must return within the bubble
			})
		})
	}
}

func TestRunStopsImmediatelyWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := runs(t, running(t).replica())
		<-time.After(time.Hour)
		start := time.Now()
		stop()
		if took := time.Since(start); took != 0 {
			t.Errorf("Run took %v to stop", took)
		}
	})
}

func TestRunUnderTheClientsOwnRetriesFinalizesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := running(t)
		r := s.replicaOf(klarna.RetryPolicy{})
		approved(s, r)
		s.klarna.Script(
			klarnatest.Fault{Operation: readCall, StatusCode: 503, Times: 2},
			klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter, Times: 3})
		stop := runs(t, r)
		<-time.After(3 * time.Minute)
		stop()
		s.stands(orderID, flow.StateAuthorized, "")
		s.paid(118_00)
	})
}

// Without a limit each end of its lease would occupy another worker, until none is left for the
// other purchases. A recovery that waited for it would not process them either.
func TestAHangingPurchaseOccupiesOneWorker(t *testing.T) {
	for name, hang := range map[string]func(s *scene, r *replica, id string, hold func(context.Context) error){
		"at Klarna": func(_ *scene, r *replica, id string, hold func(context.Context) error) {
			r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
				if !strings.HasSuffix(request.URL.Path, id) {
					return pass(request)
				}
				return nil, hold(request.Context())
			})
		},
		"in a report that ignores its context": func(s *scene, _ *replica, id string, hold func(context.Context) error) {
			s.reported.failing(func(transition flow.Transition) error {
				if transition.Status.ID != orderID {
					return nil
				}
				return hold(context.WithoutCancel(s.Context()))
			})
			if _, err := s.klarna.Decline(id); err != nil {
				s.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := running(t)
				r, other := s.replica(), s.replica()
				var holding atomic.Int32
				release := make(chan struct{})
				hang(s, r, s.stepUp(r, orderID).PaymentRequestID, func(ctx context.Context) error {
					holding.Add(1)
					defer holding.Add(-1)
					select {
					case <-release:
					case <-ctx.Done():
					}
					return errors.New("it hung")
				})
				stop := runs(t, r)
				defer func() {
					close(release)
					stop()
				}()
				for holding.Load() == 0 {
					<-time.After(time.Second)
				}
				for i := range 20 {
					id := fmt.Sprint("another-", i)
					other.meetsOnce(http.MethodPost, unreachable)
					_, err := other.Begin(t.Context(), s.order(id))
					s.notSent(err)
					<-time.After(10 * time.Second)
					s.stands(id, flow.StateAwaitingCustomer, "")
					if n := holding.Load(); n > 1 {
						t.Fatalf("%d workers hang", n)
					}
				}
			})
		})
	}
}
