package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization/flow"
)

// A customer who may choose another payment method pays with it.
func TestNobodyWhoMayHavePaidPaysAgain(t *testing.T) {
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
			m := newMerchant("https://shop.example", gateway.URL, gateway.Client(), "order-1")
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
	m := newMerchant("https://shop.example", gateway.URL, gateway.Client(), "order-1")
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
