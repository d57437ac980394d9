package flow_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

func acceptAll(context.Context, flow.AmountChange) (bool, error) { return true, nil }

// changed begins a purchase whose customer approves another amount.
func changed(s *scene, r *replica, amount int64) *flow.Status {
	s.Helper()
	status := s.stepUp(r, orderID)
	if err := s.klarna.ChangeAmount(status.PaymentRequestID, amount); err != nil {
		s.Fatal(err)
	}
	s.approve(status.PaymentRequestID)
	return status
}

func TestOnlyChosenShippingMayChangeTheAmount(t *testing.T) {
	for _, tc := range []struct {
		name, shipping string
		approved       int64
		want           bool
	}{
		{"the customer chose the shipping", `{"shipping_reference":"express"}`, 125_00, true},
		{"a list of shippings", `[{"shipping_reference":"express"}]`, 125_00, true},
		{"an option without a reference", `{"shipping_option":{"shipping_type":"PICKUP_POINT"}}`, 125_00, true},
		{"no shipping", ``, 125_00, false},
		{"null", `null`, 125_00, false},
		{"an empty object", `{}`, 125_00, false},
		{"an empty list", ` [] `, 125_00, false},
		{"an address alone", `{"address":{"city":"Stockholm"},"recipient":{"email":"a@b.example"}}`, 125_00, false},
		{"an option without a choice", `{"shipping_option":{},"shipping_reference":" "}`, 125_00, false},
		{"a list in a list", `[[{"shipping_reference":"express"}]]`, 125_00, false},
		{"invalid JSON", `{"shipping_reference"`, 125_00, false},
		{"less than was begun", `{"shipping_reference":"express"}`, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			read := &authorization.PaymentRequest{StateContext: authorization.StateContext{Shipping: klarna.NewRawJSON(tc.shipping)}}
			if accept, err := flow.AcceptShipping(t.Context(), flow.AmountChange{Begun: 118_00, Approved: tc.approved, PaymentRequest: read}); err != nil || accept != tc.want {
				t.Errorf("%v, %v", accept, err)
			}
		})
	}
}

// withShipping makes every read of a payment request show that the customer chose the shipping.
func withShipping(request *http.Request, pass roundTrip) (*http.Response, error) {
	if request.Method != http.MethodGet {
		return pass(request)
	}
	answer, err := pass(request)
	if err != nil {
		return nil, err
	}
	text := new(strings.Builder)
	_ = answer.Write(text)
	_, body, _ := strings.Cut(text.String(), "\r\n\r\n")
	return answering(200, strings.Replace(body, `"state_context":{`, `"state_context":{"shipping":{"shipping_reference":"express"},`, 1))(request, pass)
}

func TestShippingChosenByTheCustomerIsPaid(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	changed(s, r, 125_00)
	r.meets(withShipping)
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	if status.Amount != 125_00 {
		t.Errorf("the amount is %d", status.Amount)
	}
	s.paid(125_00)
}

func TestAnotherAmountWithoutShippingIsCanceledAtKlarna(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	changed(s, r, 125_00)
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateCanceled)
	if status.Reason != "AMOUNT_REFUSED" || status.Amount != 118_00 || s.atKlarna() != "CANCELED" {
		t.Errorf("%q %d, at Klarna %s", status.Reason, status.Amount, s.atKlarna())
	}
	s.went(orderID, flow.StateBegun, flow.StateAwaitingCustomer, flow.StateCanceling, flow.StateCanceled)
	s.paid()
}

func TestThePolicyReceivesTheAmountChange(t *testing.T) {
	s := newScene(t)
	var asked []flow.AmountChange
	r := s.replica(flow.WithAmountPolicy(func(_ context.Context, change flow.AmountChange) (bool, error) {
		asked = append(asked, change)
		return change.Approved < change.Begun, nil
	}))
	begun := changed(s, r, 100_00)
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	if len(asked) != 1 {
		t.Fatalf("the policy was asked %d times", len(asked))
	}
	want := *begun
	if diff := cmp.Diff(want, asked[0].Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if asked[0].Begun != 118_00 || asked[0].Approved != 100_00 || asked[0].PaymentRequest.State != authorization.PaymentRequestStateCompleted {
		t.Errorf("%d to %d of %v", asked[0].Begun, asked[0].Approved, asked[0].PaymentRequest)
	}
	s.paid(100_00)
}

func TestThePolicyIsNotAskedWithoutAChange(t *testing.T) {
	s := newScene(t)
	r := s.replica(flow.WithAmountPolicy(func(context.Context, flow.AmountChange) (bool, error) {
		t.Error("the policy was asked")
		return false, nil
	}))
	s.approve(s.stepUp(r, orderID).PaymentRequestID)
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
}

func TestAPolicyThatFailsIsAskedAgain(t *testing.T) {
	s := newScene(t)
	down := errors.New("the warehouse does not answer")
	fails := true
	r := s.replica(flow.WithAmountPolicy(func(context.Context, flow.AmountChange) (bool, error) {
		if fails {
			return false, down
		}
		return true, nil
	}))
	changed(s, r, 125_00)
	status, err := r.HandleReturn(t.Context(), orderID)
	if !errors.Is(err, down) || status.State != flow.StateAwaitingCustomer {
		t.Fatalf("%v, %v", status, err)
	}
	s.pass(r, 10*time.Minute, 30*time.Second)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	fails = false
	s.pass(r, time.Minute, 30*time.Second)
	s.stands(orderID, flow.StateAuthorized, "")
	s.paid(125_00)
}

func TestAPolicyThatKeepsFailingLeavesThePurchaseUnpaid(t *testing.T) {
	s := newScene(t)
	r := s.replica(flow.WithAmountPolicy(func(context.Context, flow.AmountChange) (bool, error) { return false, errors.New("down") }))
	changed(s, r, 125_00)
	_, _ = r.HandleReturn(t.Context(), orderID)
	s.pass(r, 70*time.Minute, time.Minute)
	s.stands(orderID, flow.StateExpired, "NOT_FINALIZED_IN_TIME")
	s.paid()
}

func TestRecoveryRepeatsAPolicyThatPanicked(t *testing.T) {
	s := newScene(t)
	panics := true
	r := s.replica(flow.WithAmountPolicy(func(context.Context, flow.AmountChange) (bool, error) {
		if panics {
			panic("a bug")
		}
		return true, nil
	}))
	changed(s, r, 125_00)
	s.pass(r, 5*time.Minute, 30*time.Second)
	s.stands(orderID, flow.StateAwaitingCustomer, "")
	panics = false
	s.pass(r, time.Minute, 30*time.Second)
	s.stands(orderID, flow.StateAuthorized, "")
}

// If the policy gives two answers, the one that is recorded first counts on all replicas.
func TestTheFirstRecordedPolicyDecisionIsKept(t *testing.T) {
	s := newScene(t)
	refusing, accepting := s.replica(), s.replica(flow.WithAmountPolicy(acceptAll))
	changed(s, refusing, 125_00)
	refusing.writesOnce(flow.StateCanceling, func(do func() error) error {
		status, err := accepting.HandleReturn(t.Context(), orderID)
		s.wants(status, err, flow.StateAuthorized)
		return do()
	})
	status, err := refusing.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
	s.paid(125_00)
}

func TestAnotherCurrencyIsNeverPaid(t *testing.T) {
	s := newScene(t)
	r := s.replica(flow.WithAmountPolicy(acceptAll))
	s.approve(s.stepUp(r, orderID).PaymentRequestID)
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		if request.Method != http.MethodGet || s.atKlarna() != "COMPLETED" {
			return pass(request)
		}
		return answering(200, `{"payment_request_id":"`+s.klarna.PaymentRequests()[0].PaymentRequestID+
			`","state":"COMPLETED","amount":11800,"currency":"SEK","state_context":{"klarna_network_session_token":"t"}}`)(request, pass)
	})
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateCanceled)
	if status.Reason != "AMOUNT_REFUSED" || s.atKlarna() != "CANCELED" {
		t.Errorf("%q, at Klarna %s", status.Reason, s.atKlarna())
	}
	s.paid()
}
