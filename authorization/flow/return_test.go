package flow_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestAReturnReportsKlarnasState(t *testing.T) {
	for name, tc := range map[string]struct {
		customer func(s *scene, id string) error
		want     flow.State
	}{
		"after the approval":            {func(s *scene, id string) error { _, err := s.klarna.Approve(id); return err }, flow.StateAuthorized},
		"after leaving":                 {func(s *scene, id string) error { _, err := s.klarna.Abandon(id); return err }, flow.StateAwaitingCustomer},
		"in another tab":                {func(s *scene, id string) error { return s.klarna.Open(id) }, flow.StateAwaitingCustomer},
		"without ever having been away": {func(*scene, string) error { return nil }, flow.StateAwaitingCustomer},
		"declined":                      {func(s *scene, id string) error { _, err := s.klarna.Decline(id); return err }, flow.StateDeclined},
		"too late":                      {func(s *scene, _ string) error { s.klarna.Advance(4 * time.Hour); return nil }, flow.StateExpired},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			first := s.stepUp(r, orderID)
			if err := tc.customer(s, first.PaymentRequestID); err != nil {
				t.Fatal(err)
			}
			status, err := r.HandleReturn(t.Context(), orderID)
			s.wants(status, err, tc.want)
			want := ""
			if tc.want == flow.StateAwaitingCustomer {
				want = first.PaymentRequestURL
			}
			if status.PaymentRequestURL != want {
				t.Errorf("the customer is sent to %q", status.PaymentRequestURL)
			}
			again, err := s.replica().HandleReturn(t.Context(), orderID)
			if diff := cmp.Diff(status, again); err != nil || diff != "" {
				t.Errorf("%v, the second return (-first +second):\n%s", err, diff)
			}
		})
	}
}

func TestAReturnOfAMissingPurchaseIsErrNotFound(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	if status, err := r.HandleReturn(t.Context(), orderID); status != nil || !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("%v, %v", status, err)
	}
	if status, err := r.GetStatus(t.Context(), orderID); status != nil || !errors.Is(err, flow.ErrNotFound) {
		t.Errorf("%v, %v", status, err)
	}
}

func TestGetStatusReturnsTheStoredStateWithoutCalls(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	first := s.stepUp(r, orderID)
	s.approve(first.PaymentRequestID)
	calls := len(s.klarna.Requests())
	status, err := r.GetStatus(t.Context(), orderID)
	s.wants(status, err, flow.StateAwaitingCustomer)
	want := *first
	want.PaymentRequestURL = ""
	if diff := cmp.Diff(want, *status); diff != "" || len(s.klarna.Requests()) != calls {
		t.Errorf("(-want +got):\n%s\nafter %d calls", diff, len(s.klarna.Requests())-calls)
	}
}

func TestAReturnDuringAnOutageReturnsTheStoredStatus(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	s.klarna.Script(klarnatest.Fault{Operation: readCall, StatusCode: 503})
	status, err := r.HandleReturn(t.Context(), orderID)
	if e, ok := errors.AsType[*klarna.Error](err); !ok || e.StatusCode != 503 || status.State != flow.StateAwaitingCustomer {
		t.Fatalf("%v, %v", status, err)
	}
	s.klarna.Advance(time.Second)
	s.recovers(r) // without another webhook
	s.stands(orderID, flow.StateAuthorized, "")
}

func TestAReturnWaitsForAReplicaThatFinalizes(t *testing.T) {
	s := newScene(t)
	r, other := s.replica(), s.replica()
	id := approved(s, r)
	release, done := make(chan struct{}), make(chan error, 1)
	held := make(chan struct{})
	r.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		close(held)
		<-release
		return pass(request)
	})
	go func() { done <- r.HandleEvent(t.Context(), completed(id)) }()
	<-held
	waits := false
	other.writes(func(operation string, _ flow.Record, do func() error) error {
		if operation == "Load" && waits { // the second Load, after it has found the other replica's lease
			other.writes(nil)
			close(release)
		}
		waits = true
		return do()
	})
	status, err := other.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.paid(118_00)
	if n := s.calls(authorizeCall); n != 2 {
		t.Errorf("%d authorize calls", n)
	}
}

func TestAReturnWaitsForAnotherReplicaBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		approved(s, r)
		r.meetsOnce(http.MethodPost, func(*http.Request, roundTrip) (*http.Response, error) { r.die(); return nil, errDead })
		_, _ = r.HandleReturn(t.Context(), orderID)
		start := time.Now()
		status, err := s.replica().HandleReturn(t.Context(), orderID)
		s.wants(status, err, flow.StateFinalizing)
		if waited := time.Since(start); waited < 20*time.Second || waited > 30*time.Second {
			t.Errorf("HandleReturn waited %v", waited)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.replica().HandleReturn(ctx, orderID); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestAReturnFinishesAnInterruptedBegin(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	r.meetsOnce(http.MethodPost, unreachable)
	_, err := r.Begin(t.Context(), s.order(orderID))
	s.notSent(err)
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAwaitingCustomer)
}

// The latest expiry that Klarna returned counts.
func TestAChangedExpiryIsFollowed(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	status := s.stepUp(r, orderID)
	later := s.klarna.Now().Add(20 * time.Hour).Format(time.RFC3339)
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method != http.MethodGet {
			return pass(request)
		}
		return answering(200, `{"payment_request_id":"`+status.PaymentRequestID+`","state":"SUBMITTED","expires_at":"`+later+`"}`)(request, pass)
	})
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAwaitingCustomer)
	r.meets(unreachable) // for longer than the first expiry
	s.pass(r, 19*time.Hour, 10*time.Minute)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	r.meets(nil)
	s.pass(r, 20*time.Minute, 5*time.Minute)
	s.stands(orderID, flow.StateExpired, "")
}
