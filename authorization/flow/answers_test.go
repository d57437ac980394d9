package flow_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// This file tests answers that Klarna's documentation does not describe.

func TestAnUnusableApprovalEndsThePurchase(t *testing.T) {
	for _, updated := range []string{"", `,"updated_at":"2999-01-01T00:00:00Z"`} {
		s := newScene(t)
		r := s.replica()
		id := approved(s, r)
		r.meets(answering(200, `{"payment_request_id":"`+id+`","state":"COMPLETED","amount":11800`+updated+`}`)) // no session token
		s.pass(r, 4*time.Hour, 5*time.Minute)
		s.stands(orderID, flow.StateAwaitingCustomer, "")
		s.pass(r, 10*time.Minute, time.Minute)
		s.stands(orderID, flow.StateExpired, "NOT_FINALIZED_IN_TIME")
	}
}

// Such a purchase counts neither as paid nor as unpaid.
func TestATransactionOfAnotherAmountIsUnknown(t *testing.T) {
	for name, tc := range map[string]struct {
		atOnce      bool
		transaction string
	}{
		"less":              {false, `"amount":100,"currency":"EUR"`},
		"more":              {false, `"amount":11801,"currency":"EUR"`},
		"another currency":  {false, `"amount":11800,"currency":"SEK"`},
		"less, immediately": {true, `"amount":100,"currency":"EUR"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			answer := answering(200, `{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":"transaction-1",`+tc.transaction+`}}}`)
			var status *flow.Status
			var err error
			if tc.atOnce {
				r.meetsOnce(http.MethodPost, answer)
				status, err = r.Begin(t.Context(), s.order(orderID))
			} else {
				approved(s, r)
				r.meetsOnce(http.MethodPost, answer)
				status, err = r.HandleReturn(t.Context(), orderID)
			}
			s.wants(status, err, flow.StateUnknown)
			all := s.reported.all()
			for _, p := range []flow.Status{*status, *s.status(orderID), all[len(all)-1].Status} {
				if p.Reason != "OTHER_AMOUNT" || p.PaymentTransactionID != "transaction-1" || p.Amount != 118_00 {
					t.Errorf("%v with reason %q, with transaction %q over %d", p, p.Reason, p.PaymentTransactionID, p.Amount)
				}
			}
			if !strings.Contains(s.log.String(), `"level":"ERROR"`) || !strings.Contains(s.log.String(), "transaction-1") {
				t.Errorf("logged\n%s", s.log)
			}
		})
	}
}

// A missing amount is not another amount.
func TestATransactionWithoutAnAmountCountsAsPaid(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	r.meetsOnce(http.MethodPost, answering(200, `{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":"transaction-1"}}}`))
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
}

func TestASecondTransactionIsLogged(t *testing.T) {
	s := newScene(t)
	slow, other := s.replica(), s.replica()
	approved(s, slow)
	slow.meetsOnce(http.MethodPost, func(request *http.Request, pass roundTrip) (*http.Response, error) {
		s.klarna.Advance(21 * time.Second)
		s.recovers(other)
		s.stands(orderID, flow.StateAuthorized, "")
		return answering(200, `{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":"another"}}}`)(request, pass)
	})
	status, err := slow.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	if first := s.klarna.Transactions()[0].PaymentTransactionID; status.PaymentTransactionID != first {
		t.Errorf("the transaction is %s, was %s", status.PaymentTransactionID, first)
	}
	if log := s.log.String(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, `"another"`) {
		t.Errorf("logged\n%s", log)
	}
}

func TestACancelationThatChangesNothingIsRepeated(t *testing.T) {
	for _, state := range []string{"SUBMITTED", "IN_PROGRESS", "COMPLETED", "CANCELING"} {
		t.Run(state, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			id := s.stepUp(r, orderID).PaymentRequestID
			r.meetsOnce(http.MethodDelete, answering(200, `{"payment_request_id":"`+id+`","state":"`+state+`"}`))
			status, err := r.Cancel(t.Context(), orderID)
			if err == nil || status.State != flow.StateCanceling {
				t.Fatalf("%v, %v", status, err)
			}
			s.pass(r, 2*time.Minute, 30*time.Second)
			s.stands(orderID, flow.StateCanceled, "CALLER_CANCELED")
			if s.atKlarna() != "CANCELED" {
				t.Error("the customer can still pay")
			}
		})
	}
}

func TestACustomerWithMoreTimeIsNotAbandoned(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	id := s.stepUp(r, orderID).PaymentRequestID
	expires := s.klarna.Now().Add(30 * time.Hour).Format(time.RFC3339)
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method == http.MethodDelete {
			t.Error("the purchase is canceled")
		}
		return answering(200, `{"payment_request_id":"`+id+`","state":"SUBMITTED","amount":11800,"expires_at":"`+expires+`"}`)(request, pass)
	})
	s.klarna.Advance(20 * time.Hour) // no replica was running
	s.recovers(r)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
}

// Klarna's refusals are JSON; a page of a proxy is not a refusal.
func TestAProxysPageLosesNoApproval(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	r.meetsOnce(http.MethodPost, answering(404, `<html>no such route</html>`))
	_ = s.fails(r)
	s.stands(orderID, flow.StateFinalizing, "")
	s.pass(r, time.Minute, 30*time.Second)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
}

func TestKlarnasOwnClockDoesNotMatter(t *testing.T) {
	for _, skew := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		s := newScene(t)
		now := func() time.Time { return s.klarna.Now().Add(skew) }
		r := s.replica(flow.WithClock(now))
		id := s.stepUp(r, orderID).PaymentRequestID
		s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
		s.approve(id)
		s.unknown(s.fails(r))
		s.pass(r, 5*time.Minute, 20*time.Second)
		s.stands(orderID, flow.StateAuthorized, "")
		s.paid(118_00)
	}
}

// misread changes the answer to the next read of a payment request.
func misread(old, text string) network {
	return func(request *http.Request, pass roundTrip) (*http.Response, error) {
		answer, err := pass(request)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		return answering(answer.StatusCode, strings.Replace(string(body), old, text, 1))(request, pass)
	}
}

func TestAnAmountThatWasMisreadCancelsNothing(t *testing.T) {
	for _, c := range []struct{ old, text string }{
		{`"amount":11800`, `"amount":7`}, {`"currency":"EUR"`, `"currency":"SEK"`},
	} {
		s := newScene(t)
		r := s.replica()
		approved(s, r)
		r.meetsOnce(http.MethodGet, misread(c.old, c.text))
		if err := s.fails(r); !strings.Contains(err.Error(), "another amount") {
			t.Error(err)
		}
		s.stands(orderID, flow.StateAwaitingCustomer, "")
		if s.calls(cancelCall) > 0 {
			t.Error("the payment request is canceled at Klarna")
		}
		s.pass(r, 2*time.Second, 2*time.Second)
		s.stands(orderID, flow.StateAuthorized, "")
		s.paid(118_00)
	}
}

// keysOf returns the idempotency keys of the final calls, in order.
func (s *scene) keysOf() (keys []string) {
	for _, request := range s.klarna.Requests() {
		if request.Operation == authorizeCall && request.Header.Get("Klarna-Network-Session-Token") != "" {
			keys = append(keys, request.Header.Get("Klarna-Idempotency-Key"))
		}
	}
	return keys
}

func TestASessionTokenThatWasMisreadLosesNothing(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	r.meetsOnce(http.MethodGet, misread(s.klarna.PaymentRequests()[0].SessionToken, "another"))
	_ = s.fails(r)
	s.stands(orderID, flow.StateFinalizing, "")
	s.pass(s.replica(), 2*time.Second, 2*time.Second)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(118_00)
	if keys := s.keysOf(); len(keys) != 2 || keys[0] == keys[1] {
		t.Errorf("the keys of the final calls are %v", keys)
	}
}

// The first call may have run.
func TestAKeyOfUnknownOutcomeIsNeverReplaced(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	r.meetsOnce(http.MethodGet, misread(s.klarna.PaymentRequests()[0].SessionToken, "another"))
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	s.unknown(s.fails(r))
	s.pass(s.replica(), time.Minute, 10*time.Second)
	keys := s.keysOf()
	for _, key := range keys {
		if len(keys) < 2 || key != keys[0] {
			t.Errorf("the keys of the final calls are %v", keys)
		}
	}
}

// renewing makes every read return a session token of its own. Klarna accepts all of
// them.
func (s *scene) renewing() network {
	reads := 0
	renewed := regexp.MustCompile(`"(krn:network:[^"]*)"`)
	return func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method == http.MethodPost {
			request.Header.Set("Klarna-Network-Session-Token", s.klarna.PaymentRequests()[0].SessionToken)
			return pass(request)
		}
		answer, err := pass(request)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, err
		}
		reads++
		return answering(answer.StatusCode, renewed.ReplaceAllString(string(body), fmt.Sprintf(`"${1}-%d"`, reads)))(request, pass)
	}
}

func TestARenewedSessionTokenMakesNoSecondAttempt(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	r.meets(s.renewing())
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter, Times: 2})
	for range 2 {
		s.unknown(s.fails(r))
	}
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	s.paid(118_00)
	keys := map[string]bool{}
	for _, request := range s.klarna.Requests() {
		if request.Operation == authorizeCall {
			keys[request.Header.Get("Klarna-Idempotency-Key")] = true
		}
	}
	if len(keys) != 2 {
		t.Errorf("%d idempotency keys, want one of the first call and one of the final call", len(keys))
	}
}

// If the refused calls repeated the earlier ones, the refusal would prove that none of them has
// run.
func TestAConflictOverARenewedSessionTokenSettlesNothing(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	approved(s, r)
	renewing := s.renewing()
	r.meets(renewing)
	s.klarna.Script(klarnatest.Fault{Operation: authorizeCall, Kind: klarnatest.FaultDropAfter})
	s.unknown(s.fails(r))
	s.paid(118_00)
	r.meets(unreachable)
	s.pass(r, 2*time.Hour, 5*time.Minute)
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method == http.MethodPost {
			return answering(409, `{"error_code":"RESOURCE_CONFLICT"}`)(request, pass)
		}
		return renewing(request, pass)
	})
	s.pass(r, 10*time.Minute, 10*time.Second)
	s.stands(orderID, flow.StateUnknown, "RESOURCE_CONFLICT")
}
