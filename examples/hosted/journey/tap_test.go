package journey

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answering is a transport that gives one answer, or none.
func answering(body string) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if body == "" {
			return nil, errors.New("no answer")
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
}

func send(t *testing.T, transport http.RoundTripper, r *http.Request) string {
	t.Helper()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func ask(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestACallIsItsOrdersWhoeverMakesIt(t *testing.T) {
	all := New("", true)
	const session = `{"session_id":"s1","status":"NEW"}`
	shop := all.Browsers(Partner, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		question := ask(t, http.MethodPost, "https://pay.example/sessions", `{"reference":"order-1"}`).WithContext(r.Context())
		if got := send(t, all.Transport(Partner, Acquirer, answering(session)), question); got != session {
			t.Errorf("the shop is answered %q", got)
		}
		http.Redirect(w, r, "https://pay.example/checkout/s1", http.StatusSeeOther)
	}))
	shop.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/pay", nil))

	toKlarna := func(body string) http.RoundTripper { return all.Transport(Acquirer, Klarna, answering(body)) }
	const host = "https://klarna.example/v2/accounts/a/payment/"
	page := all.Browsers(Acquirer, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		first := ask(t, http.MethodPost, host+"authorize", `{"request_payment_transaction":{"payment_transaction_reference":"pay-1"}}`)
		send(t, toKlarna(`{"payment_request":{"payment_request_id":"krn:1"}}`), first.WithContext(r.Context()))
	}))
	page.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/checkout/s1/initiate", nil))

	webhooks := all.Webhooks(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		send(t, toKlarna("{}"), ask(t, http.MethodGet, host+"requests/krn:2", "").WithContext(r.Context())) // whatever it is about
	}))
	delivery := strings.NewReader(`{"payload":{"payment_request_id":"krn:1"}}`)
	webhooks.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/klarna/webhook", delivery))

	// The recovery loop belongs to no request. The ids in its calls show the journey.
	send(t, toKlarna("{}"), ask(t, http.MethodGet, host+"requests/krn:1", ""))
	send(t, toKlarna(""), ask(t, http.MethodPost, host+"authorize", `{"request_payment_transaction":{"payment_transaction_reference":"pay-1"}}`))
	send(t, toKlarna("{}"), ask(t, http.MethodGet, host+"requests/krn:of-another-order", ""))

	j, ok := all.find("order-1")
	if !ok {
		t.Fatal("the order has no journey")
	}
	var got []string
	for _, s := range j.steps {
		got = append(got, string(s.From)+" → "+string(s.To)+": "+s.Call+" "+s.Result)
	}
	want := []string{
		"Customer → Partner: POST /pay 303 redirect",
		"Partner → Acquiring Partner: POST /sessions 200 NEW",
		"Customer → Acquiring Partner: POST /checkout/s1/initiate 200",
		"Acquiring Partner → Klarna: POST …/payment/authorize 200",
		"Klarna → Acquiring Partner: webhook 200",
		"Acquiring Partner → Klarna: GET …/payment/requests/krn:2 200",
		"Acquiring Partner → Klarna: GET …/payment/requests/krn:1 200",
		"Acquiring Partner → Klarna: POST …/payment/authorize no answer",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
