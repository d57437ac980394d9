package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

func keepNothing(context.Context, notification) error { return nil }

// A customer who is asked to choose another payment method pays with it.
func TestNoSecondPaymentWhileOneIsPossible(t *testing.T) {
	for state, again := range map[flow.State]bool{
		flow.StateBegun: false, flow.StateAwaitingCustomer: false, flow.StateFinalizing: false, flow.StateCanceling: false,
		flow.StateAuthorized: false, flow.StateUnknown: false, "OF_TOMORROW": false,
		flow.StateDeclined: true, flow.StateCanceled: true, flow.StateExpired: true, flow.StateRejected: true,
	} {
		t.Run(string(state), func(t *testing.T) {
			gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				(&gateway{}).answer(w, &flow.Status{ID: "pay-order-1", State: state}, nil)
			}))
			defer gateway.Close()
			m := newMerchant("https://shop.example", gateway.URL, gateway.Client(), "order-1", nil, keepNothing)
			for _, request := range []*http.Request{httptest.NewRequest(http.MethodPost, "/checkout", nil), httptest.NewRequest(http.MethodGet, "/return", nil)} {
				w := httptest.NewRecorder()
				m.mux.ServeHTTP(w, request)
				if told := strings.Contains(w.Body.String(), "choose another"); told != again {
					t.Errorf("%s: %d %s", request.URL, w.Code, w.Body)
				}
			}
		})
	}
}

func TestAPaidCustomerIsNotSentToKlarna(t *testing.T) {
	answers := []flow.Status{
		{ID: "pay-order-1", State: flow.StateAwaitingCustomer, PaymentRequestURL: "https://klarna.example/pay"},
		{ID: "pay-order-1", State: flow.StateAuthorized},
	}
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		(&gateway{}).answer(w, &answers[0], nil)
		answers = answers[1:]
	}))
	defer gateway.Close()
	m := newMerchant("https://shop.example", gateway.URL, gateway.Client(), "order-1", nil, keepNothing)
	for _, want := range []string{"https://klarna.example/pay", ""} {
		w := httptest.NewRecorder()
		m.mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/checkout", nil))
		if at := w.Header().Get("Location"); at != want {
			t.Errorf("the customer is sent to %q, want %q", at, want)
		}
	}
}

// Trying again would not mend it.
func TestARefusedPaymentIsAnEnd(t *testing.T) {
	w := httptest.NewRecorder()
	told := 0
	g := &gateway{failed: func(error) { told++ }}
	g.answer(w, &flow.Status{ID: "pay-order-1", State: flow.StateRejected}, fmt.Errorf("%w: %w", flow.ErrRejected, errors.New("why")))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"status":"failed"`) || told != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAnInvalidPaymentIsABadRequest(t *testing.T) {
	client, err := klarna.NewClient("klarna_test_api_0123456789abcdefghijklmnopqrstuvwxyz")
	if err != nil {
		t.Fatal(err)
	}
	coordinator, err := flow.New(client, flow.NewMemoryStore(), klarna.NewSecret(strings.Repeat("secret", 6)))
	if err != nil {
		t.Fatal(err)
	}
	var failures []error
	g, err := newGateway(client, "", coordinator, nil, func(err error) { failures = append(failures, err) })
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		`{"reference":"1","amount":0,"currency":"EUR","return_url":"https://shop.example"}`,
		`{"reference":"1","amount":100}`,
	} {
		w := httptest.NewRecorder()
		g.mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/payments", strings.NewReader(body)))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "the payment is invalid") {
			t.Errorf("%s: got %d %s, want 400", body, w.Code, w.Body)
		}
	}
	if len(failures) != 2 {
		t.Errorf("got %v, want 2 failures", failures)
	}
}

func TestANotificationCountsOnce(t *testing.T) {
	kept := 0
	m := newMerchant("", "", nil, "order-1", nil, func(context.Context, notification) error {
		if kept++; kept == 1 {
			return errors.New("no disk")
		}
		return nil
	})
	for _, want := range []int{http.StatusInternalServerError, http.StatusNoContent, http.StatusNoContent} {
		w := httptest.NewRecorder()
		m.mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/notifications", strings.NewReader(
			`{"notification_id":"pay-order-1#7","payment_id":"pay-order-1","operation":{"operation_id":"parcel-1","status":"done"}}`)))
		if w.Code != want {
			t.Errorf("got %d, want %d", w.Code, want)
		}
	}
	if got := m.operations(); len(got) != 1 || got[0].ID != "parcel-1" || kept != 2 {
		t.Errorf("got %+v after %d attempts to keep it", got, kept)
	}
}

func TestAnOperationIsAnsweredAsItStands(t *testing.T) {
	failure := errors.New("no answer")
	for _, tc := range []struct {
		name      string
		operation *flow.Operation
		err       error
		code      int
		want      string
	}{
		{"done", &flow.Operation{State: flow.OperationStateDone}, nil, 200, `"status":"done"`},
		{"refused", &flow.Operation{State: flow.OperationStateRefused, Reason: "WHY"}, nil, 200, `"status":"refused","reason":"WHY"`},
		{"unknown", &flow.Operation{State: flow.OperationStateUnknown}, nil, 200, `"status":"unclear"`},
		{"pending after a failed call", &flow.Operation{State: flow.OperationStatePending}, failure, 200, `"status":"pending"`},
		{"a state of a newer version", &flow.Operation{State: "OF_TOMORROW"}, nil, 200, `"status":"pending"`},
		{"no such payment", nil, flow.ErrNotFound, 404, "no such payment"},
		{"an id that is in use", nil, flow.ErrOtherOperation, 409, "does not allow"},
		{"more than is authorized", nil, flow.ErrImpossible, 409, "does not allow"},
		{"no amount", nil, flow.ErrInvalidOperation, 400, "is invalid"},
		{"not recorded", nil, failure, 502, "repeat it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			failures := 0
			w := httptest.NewRecorder()
			(&gateway{failed: func(error) { failures++ }}).answerOperation(w, tc.operation, tc.err)
			if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.want) || (failures == 1) != (tc.err != nil) {
				t.Errorf("got %d %s and %d failures, want %d %s", w.Code, w.Body, failures, tc.code, tc.want)
			}
		})
	}
}

func TestThePartnerIsNotifiedOfResultsAlone(t *testing.T) {
	for _, tc := range []struct {
		name       string
		transition flow.Transition
		want       string
	}{
		{"the customer is asked", flow.Transition{To: flow.StateAwaitingCustomer}, ""},
		{"paid", flow.Transition{To: flow.StateAuthorized}, "approved"},
		{"declined", flow.Transition{To: flow.StateDeclined}, "declined"},
		{"captured", flow.Transition{Operation: &flow.Operation{ID: "parcel-1", State: flow.OperationStateDone}}, "parcel-1 done"},
		{"a notice", flow.Transition{Notice: flow.NoticeDiffers}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			report := reportTo(func(_ context.Context, n notification) error {
				if got = string(n.Status); n.Operation != nil {
					got = n.Operation.ID + " " + string(n.Operation.Status)
				}
				return nil
			})
			if err := report(t.Context(), tc.transition); err != nil || got != tc.want {
				t.Errorf("got %q and %v, want %q", got, err, tc.want)
			}
		})
	}
}
