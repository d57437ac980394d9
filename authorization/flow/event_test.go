package flow_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
)

// receiver is the shop's webhook endpoint as a transport.
type receiver struct{ handler http.Handler }

func (r *receiver) RoundTrip(request *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, request)
	return w.Result(), nil
}

// subscribed returns a scene whose webhooks are delivered to r.
func subscribed(t *testing.T) (*scene, *replica) {
	t.Helper()
	endpoint := new(receiver)
	s := newScene(t, klarnatest.WithWebhookTransport(endpoint))
	r := s.replica()
	key := s.klarna.Subscribe("https://shop.example/klarna", "payment.*")
	verifier, err := webhook.NewVerifier(webhook.Key{ID: key.ID, Secret: webhook.NewSecret(key.Secret)})
	if err != nil {
		t.Fatal(err)
	}
	if endpoint.handler, err = webhook.NewHandler(verifier, r.HandleEvent, webhook.WithLogger(slog.New(slog.NewJSONHandler(s.log, nil)))); err != nil {
		t.Fatal(err)
	}
	return s, r
}

func TestAWebhookFinalizesWhatTheCustomerApproved(t *testing.T) {
	s, r := subscribed(t)
	id := s.stepUp(r, orderID).PaymentRequestID
	s.approve(id)
	s.klarna.Flush()
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
	for _, delivery := range s.klarna.Deliveries() {
		if delivery.StatusCode != http.StatusOK {
			t.Errorf("%s was answered %d", delivery.EventType, delivery.StatusCode)
		}
	}
	if n := s.calls(readCall); n != 1 {
		t.Errorf("%d reads, want the one of the completed event", n)
	}
}

func TestAWebhookThatMetAnOutageIsDeliveredAgain(t *testing.T) {
	s, r := subscribed(t)
	id := s.stepUp(r, orderID).PaymentRequestID
	s.klarna.Flush()
	r.meets(unreachable)
	s.approve(id)
	s.klarna.Flush()
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	r.meets(nil)
	s.klarna.Advance(10 * time.Second)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

func TestAFinalStateAtKlarnaEndsThePurchase(t *testing.T) {
	for name, tc := range map[string]struct {
		customer func(s *scene, id string) error
		want     flow.State
		reason   string
	}{
		"declined": {func(s *scene, id string) error { _, err := s.klarna.Decline(id); return err }, flow.StateDeclined, "CUSTOMER_DECLINED"},
		"expired":  {func(s *scene, _ string) error { s.klarna.Advance(4 * time.Hour); return nil }, flow.StateExpired, ""},
		"canceled": {func(s *scene, id string) error {
			_, err := s.byHand().CancelPaymentRequest(s.Context(), id)
			return err
		}, flow.StateCanceled, "PARTNER_CANCELED"},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := subscribed(t)
			if err := tc.customer(s, s.stepUp(r, orderID).PaymentRequestID); err != nil {
				t.Fatal(err)
			}
			s.klarna.Flush()
			s.stands(orderID, tc.want, tc.reason)
			s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, tc.want)
		})
	}
}

// A webhook, a return, a repeat and recovery run concurrently on four replicas.
func TestConcurrentCallsFinalizeOnceAndAgree(t *testing.T) {
	for range 5 {
		s := newScene(t)
		replicas := []*replica{s.replica(), s.replica(), s.replica(), s.replica()}
		id := s.stepUp(replicas[0], orderID).PaymentRequestID
		s.approve(id)
		s.klarna.Advance(time.Minute) // the purchase is due
		statuses, failures := make([]*flow.Status, 100), make([]error, 100)
		var group sync.WaitGroup
		start := make(chan struct{})
		for i := range statuses {
			r := replicas[i%len(replicas)]
			group.Go(func() {
				<-start
				switch i / len(replicas) % 4 {
				case 0:
					failures[i] = r.HandleEvent(t.Context(), completed(id))
				case 1:
					statuses[i], failures[i] = r.HandleReturn(t.Context(), orderID)
				case 2:
					statuses[i], failures[i] = r.Begin(t.Context(), s.order(orderID))
				default:
					_, failures[i] = r.Recover(t.Context())
				}
			})
		}
		close(start)
		group.Wait()
		transaction := s.klarna.Transactions()[0].PaymentTransactionID
		for i, status := range statuses {
			if failures[i] != nil {
				t.Errorf("call %d failed: %v", i, failures[i])
			}
			if status != nil && (status.State != flow.StateAuthorized || status.PaymentTransactionID != transaction) {
				t.Errorf("call %d returned %s %s", i, status.State, status.PaymentTransactionID)
			}
		}
		s.paid(118_00)
		if n := s.calls(authorizeCall); n != 2 {
			t.Errorf("%d authorize calls, want the first and the final one", n)
		}
		s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateFinalizing, flow.StateAuthorized)
	}
}

func TestEitherACancelationOrAFinalCallWins(t *testing.T) {
	for range 20 {
		s := newScene(t)
		a, b := s.replica(), s.replica()
		id := approved(s, a)
		var group sync.WaitGroup
		group.Go(func() { _ = a.HandleEvent(t.Context(), completed(id)) })
		var status *flow.Status
		group.Go(func() { status, _ = b.Cancel(t.Context(), orderID) })
		group.Wait()
		switch at := s.atKlarna(); status.State {
		case flow.StateAuthorized:
			s.paid(118_00)
		case flow.StateCanceled:
			s.paid()
			if at != "CANCELED" {
				t.Errorf("at Klarna the payment request is %s", at)
			}
		default:
			t.Errorf("the status is %v", status)
		}
	}
}

func TestEventsInAnyOrderLeadToOneState(t *testing.T) {
	kinds := []struct {
		eventType webhook.EventType
		state     string
	}{
		{webhook.EventTypePaymentRequestSubmitted, "SUBMITTED"}, {webhook.EventTypePaymentRequestInProgress, "IN_PROGRESS"},
		{webhook.EventTypePaymentRequestCompleted, "COMPLETED"}, {webhook.EventTypePaymentRequestCanceled, "CANCELED"}, // the last one is false
		{webhook.EventTypePaymentRequestExpired, "EXPIRED"}, {webhook.EventTypePaymentRequestUpdated, ""},
	}
	orders := [][]int{{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {2, 2, 2, 0, 3}, {3, 2}, {4, 2, 4}, {1, 0, 2}}
	for _, order := range orders {
		s := newScene(t)
		r := s.replica()
		id := approved(s, r)
		for _, i := range order {
			for range 2 {
				if err := r.HandleEvent(t.Context(), event(kinds[i].eventType, id, kinds[i].state)); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.stands(orderID, flow.StateAuthorized, "")
		s.paid(118_00)
		if n := s.calls(authorizeCall); n != 2 {
			t.Errorf("%v made %d authorize calls", order, n)
		}
	}
}

func TestALateEventChangesNothingAndCostsNoCall(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	id := s.stepUp(r, orderID).PaymentRequestID
	status, err := r.Cancel(t.Context(), orderID)
	s.wants(status, err, flow.StateCanceled)
	before, calls := s.record(orderID), len(s.klarna.Requests())
	for _, late := range []*webhook.Event{
		completed(id), event(webhook.EventTypePaymentRequestDeclined, id, "DECLINED"), event(webhook.EventTypePaymentTransactionAuthorized, id, "AUTHORIZED"),
	} {
		if err := r.HandleEvent(t.Context(), late); err != nil {
			t.Fatal(err)
		}
	}
	if after := s.record(orderID); after.Version != before.Version || len(s.klarna.Requests()) != calls {
		t.Errorf("version %d, was %d; %d calls", after.Version, before.Version, len(s.klarna.Requests())-calls)
	}
}

func TestEventsOfABusyCustomerCostNoCall(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	id := s.stepUp(r, orderID).PaymentRequestID
	for state, eventType := range map[string]webhook.EventType{
		"SUBMITTED": webhook.EventTypePaymentRequestSubmitted, "IN_PROGRESS": webhook.EventTypePaymentRequestInProgress, "OF_TOMORROW": "payment.request.state-change.of-tomorrow",
	} {
		if err := r.HandleEvent(t.Context(), event(eventType, id, state)); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.calls(readCall); n != 0 {
		t.Errorf("%d reads", n)
	}
}

func TestTheTypeOfAnEventDecides(t *testing.T) {
	for _, state := range []string{"OF_TOMORROW", "IN_PROGRESS", ""} {
		s := newScene(t)
		r := s.replica()
		id := approved(s, r)
		if err := r.HandleEvent(t.Context(), event(webhook.EventTypePaymentRequestCompleted, id, state)); err != nil {
			t.Fatal(err)
		}
		s.stands(orderID, flow.StateAuthorized, "")
	}
}

func TestEventsOfNoPurchaseAreAcknowledged(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.stepUp(r, orderID)
	calls := len(s.klarna.Requests())
	r.writes(func(operation string, record flow.Record, do func() error) error {
		if operation == "FindPaymentRequest" && record.PaymentRequestID == "" {
			t.Error("the store is asked for an empty payment request id")
		}
		return do()
	})
	for name, foreign := range map[string]*webhook.Event{
		"none":                                nil,
		"of a foreign payment request":        completed("krn:payment:eu1:request:another"),
		"of a foreign transaction":            event(webhook.EventTypePaymentTransactionCaptured, "krn:payment:eu1:request:another", ""),
		"of a transaction without a request":  event(webhook.EventTypePaymentTransactionCaptured, "", ""),
		"of a dispute":                        event(webhook.EventTypePaymentDisputeClosed, s.status(orderID).PaymentRequestID, ""),
		"of an unknown type":                  event("payment.tomorrow", s.status(orderID).PaymentRequestID, ""),
		"a payload that only disputes decode": {Metadata: webhook.Metadata{EventType: webhook.EventTypePaymentDisputeClosed}, Payload: webhook.NewRawJSON("[]")},
	} {
		if err := r.HandleEvent(t.Context(), foreign); err != nil {
			t.Errorf("an event %s: %v", name, err)
		}
	}
	if n := len(s.klarna.Requests()); n != calls {
		t.Errorf("%d calls", n-calls)
	}
}

func TestAnUnreadableEventIsAnError(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	for _, eventType := range []webhook.EventType{webhook.EventTypePaymentRequestCompleted, webhook.EventTypePaymentTransactionAuthorized} {
		for _, payload := range []string{``, `null`, `[]`, `{"state":"COMPLETED","payment_transaction_id":1}`, `{"payment_request_id":1,"payment_transaction_id":1}`, `{"payment_request_id":`} {
			malformed := &webhook.Event{Metadata: webhook.Metadata{EventID: "e", EventType: eventType}, Payload: webhook.NewRawJSON(payload)}
			if err := r.HandleEvent(t.Context(), malformed); !errors.Is(err, webhook.ErrNoEvent) {
				t.Errorf("%s %s: %v", eventType, payload, err)
			}
		}
	}
}

func TestATransactionEventAdvancesThePurchase(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	id := approved(s, r)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	s.unknown(s.fails(r))
	if err := r.HandleEvent(t.Context(), event(webhook.EventTypePaymentTransactionAuthorized, id, "AUTHORIZED")); err != nil {
		t.Fatal(err)
	}
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

func TestAnEventBeforeTheReadIsFollowedUp(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	id := s.stepUp(r, orderID).PaymentRequestID
	if err := s.klarna.Open(id); err != nil {
		t.Fatal(err)
	}
	if err := r.HandleEvent(t.Context(), completed(id)); err != nil {
		t.Fatal(err)
	}
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	s.approve(id) // now a read shows it
	s.klarna.Advance(5 * time.Second)
	s.recovers(r)
	s.stands(orderID, flow.StateAuthorized, "")
}

func TestRecoveryProcessesAnEventBeforeTheRecord(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	r.writesOnce(flow.StateAwaitingCustomer, func(do func() error) error {
		id := s.klarna.PaymentRequests()[0].PaymentRequestID
		s.approve(id)
		if err := s.replica().HandleEvent(t.Context(), completed(id)); err != nil {
			t.Error(err)
		}
		return do()
	})
	s.stepUp(r, orderID)
	s.klarna.Advance(time.Minute)
	s.recovers(r)
	s.stands(orderID, flow.StateAuthorized, "")
}

func TestEventErrorsAreReturnedForRedelivery(t *testing.T) {
	down := errors.New("the database is down")
	for name, operation := range map[string]string{"the purchase cannot be found": "FindPaymentRequest", "the purchase cannot be changed": "Update"} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			id := approved(s, r)
			r.writes(func(got string, _ flow.Record, do func() error) error {
				if got == operation {
					return down
				}
				return do()
			})
			if err := r.HandleEvent(t.Context(), completed(id)); !errors.Is(err, down) {
				t.Fatal(err)
			}
			s.paid()
			r.writes(nil)
			if err := r.HandleEvent(t.Context(), completed(id)); err != nil {
				t.Fatal(err)
			}
			s.stands(orderID, flow.StateAuthorized, "")
		})
	}
	t.Run("Klarna fails", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		id := approved(s, r)
		s.klarna.Script(klarnatest.Fault{Operation: readCall, StatusCode: 503})
		err := r.HandleEvent(t.Context(), completed(id))
		if e, ok := errors.AsType[*klarna.Error](err); !ok || e.StatusCode != 503 {
			t.Fatal(err)
		}
	})
	t.Run("the record is damaged", func(t *testing.T) {
		s := newScene(t)
		r := s.replica()
		id := approved(s, r)
		damaged := s.record(orderID)
		damaged.Data = []byte(`{"amount":"` + email)
		if err := s.memory.Update(t.Context(), damaged); err != nil {
			t.Fatal(err)
		}
		if err := r.HandleEvent(t.Context(), completed(id)); err == nil || strings.Contains(err.Error(), email) || !strings.Contains(err.Error(), orderID) {
			t.Error(err)
		}
	})
}
