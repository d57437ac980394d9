package flow_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/webhook"
)

// naming makes reads of the payment request return a state and a transaction. transaction answers
// reads of transactions; if it is nil, klarnatest does.
func (s *scene) naming(state, transactionID string, transaction network) network {
	id := s.klarna.PaymentRequests()[0].PaymentRequestID
	return func(request *http.Request, pass roundTrip) (*http.Response, error) {
		switch {
		case request.Method != http.MethodGet:
			return pass(request)
		case strings.Contains(request.URL.Path, "/requests/"):
			return answering(200, `{"payment_request_id":"`+id+`","state":"`+state+`","amount":11800,"payment_transaction_id":"`+
				transactionID+`"}`)(request, pass)
		case transaction != nil:
			return transaction(request, pass)
		default:
			return pass(request)
		}
	}
}

func transactionOf(amount string) network {
	return func(request *http.Request, pass roundTrip) (*http.Response, error) {
		_, id, _ := strings.Cut(request.URL.Path, "/transactions/")
		return answering(200, `{"payment_transaction_id":"`+id+`","amount":`+amount+`,"currency":"EUR"}`)(request, pass)
	}
}

func transactionEvent(paymentRequestID, transactionID string) *webhook.Event {
	return &webhook.Event{
		Metadata: webhook.Metadata{EventType: webhook.EventTypePaymentTransactionAuthorized},
		Payload:  webhook.NewRawJSON(`{"payment_request_id":"` + paymentRequestID + `","payment_transaction_id":"` + transactionID + `"}`),
	}
}

func TestAnotherAmountIsRecordedWithAnUnknownOutcome(t *testing.T) {
	s := newScene(t)
	r := lostApproval(s)
	s.stands(orderID, flow.StateUnknown, "RESOURCE_CONFLICT")
	r.meets(s.naming("COMPLETED", "krn:other", transactionOf("777")))
	if err := r.HandleEvent(t.Context(), transactionEvent(s.status(orderID).PaymentRequestID, "krn:other")); err != nil {
		t.Fatal(err)
	}
	s.stands(orderID, flow.StateUnknown, "OTHER_AMOUNT")
	if got := s.status(orderID).PaymentTransactionID; got != "krn:other" {
		t.Errorf("the transaction is %q", got)
	}
}

func TestASecondTransactionLeavesAnAuthorizedPurchase(t *testing.T) {
	for _, amount := range []string{"11800", "777"} {
		t.Run(amount, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			s.approve(s.stepUp(r, orderID).PaymentRequestID)
			status, err := r.HandleReturn(t.Context(), orderID)
			s.wants(status, err, flow.StateAuthorized)
			first := status.PaymentTransactionID
			r.meets(s.naming("COMPLETED", "krn:second", transactionOf(amount)))
			if err := r.HandleEvent(t.Context(), transactionEvent(status.PaymentRequestID, "krn:second")); err != nil {
				t.Fatal(err)
			}
			s.stands(orderID, flow.StateAuthorized, "")
			if got := s.status(orderID).PaymentTransactionID; got != first {
				t.Errorf("the transaction is %q, want %q", got, first)
			}
			if log := s.log.String(); !strings.Contains(log, "krn:second") {
				t.Errorf("the log does not name the second transaction: %s", log)
			}
		})
	}
}

func TestAClosedRequestWithATransactionIsAuthorized(t *testing.T) {
	for _, state := range []string{"EXPIRED", "CANCELED", "DECLINED"} {
		t.Run(state, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			s.stepUp(r, orderID)
			r.meets(s.naming(state, "krn:made", transactionOf("11800")))
			status, err := r.HandleReturn(t.Context(), orderID)
			s.wants(status, err, flow.StateAuthorized)
		})
	}
}

// Money may have moved, so the purchase is neither CANCELED nor EXPIRED.
func TestANamedTransactionThatCannotBeReadIsUnknown(t *testing.T) {
	for name, tc := range map[string]struct {
		state  string
		cancel bool
	}{
		"expired":                 {"EXPIRED", false},
		"canceled by the caller":  {"SUBMITTED", true},
		"completed and given up":  {"COMPLETED", true},
		"declined and not wanted": {"DECLINED", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.replica()
			s.stepUp(r, orderID)
			r.meets(s.naming(tc.state, "krn:made", answering(500, `{}`)))
			if tc.cancel {
				_, _ = r.Cancel(t.Context(), orderID)
			} else {
				_, _ = r.HandleReturn(t.Context(), orderID)
			}
			s.pass(r, 72*time.Hour, 30*time.Minute)
			s.stands(orderID, flow.StateUnknown, "NO_ANSWER")
		})
	}
}

func TestACurrencyMayBeWrittenInLowerCase(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	s.approve(s.stepUp(r, orderID).PaymentRequestID)
	r.meets(func(request *http.Request, pass roundTrip) (*http.Response, error) {
		response, err := pass(request)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		return answering(response.StatusCode, strings.ReplaceAll(string(body), `"EUR"`, `"eur"`))(request, pass)
	})
	status, err := r.HandleReturn(t.Context(), orderID)
	s.wants(status, err, flow.StateAuthorized)
}

func TestAnUnreadableTransactionDelaysNoApproval(t *testing.T) {
	s := newScene(t)
	r := s.replica()
	id := s.stepUp(r, orderID).PaymentRequestID
	s.approve(id)
	if err := r.HandleEvent(t.Context(), transactionEvent(id, "krn:nowhere")); err == nil {
		t.Error("the event was acknowledged although its transaction was not read")
	}
	s.stands(orderID, flow.StateAuthorized, "")
}
