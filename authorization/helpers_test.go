package authorization_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const (
	host          = "https://api-global.test.klarna.com"
	account       = "krn:partner:global:account:test:LWT2XJSE"
	apiKey        = "klarna_test_api_0123456789abcdefghijklmnopqrstuvwxyz"
	sessionToken  = "krn:network:us1:test:session-token:eyJhbGciOiJub25lIn0"
	requestID     = "krn:payment:eu1:request:6a7f3f6e-6a0e-4d0c-b1a5-2f6a5a3c9a11"
	transactionID = "krn:payment:eu1:transaction:0d4c7f0e-53d1-4a55-8f39-2d1ec8f3a0b4"
	captureID     = "krn:payment:eu1:capture:93cc4a40-5c6f-4a4f-8d8b-70a0bd2d6b0c"
	refundID      = "krn:payment:eu1:refund:b0b27a52-6f0e-4f0e-9a4f-7f4e1a5f9b0d"
	chargebackID  = "krn:payment:eu1:chargeback:5d0c1fb4-9f8e-4b3f-8a3e-0d9a4b1f7c6e"
	returnURL     = "https://shop.example/back?payment_request_id={klarna.payment_request.id}"
)

// sent is a request that was sent.
type sent struct {
	Method, URL string
	Header      http.Header
	Body        string
}

// wire records the requests to a mock of Klarna that gives each request the same answer.
type wire struct {
	mu   sync.Mutex
	sent []sent
}

func (w *wire) all() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]sent(nil), w.sent...)
}

// only returns the one request that was sent.
func (w *wire) only(t *testing.T) sent {
	t.Helper()
	all := w.all()
	if len(all) != 1 {
		t.Fatalf("got %d requests, want 1", len(all))
	}
	return all[0]
}

// newClient returns a client of a Partner with its own credentials. Its calls get this answer and
// are not retried.
func newClient(t testing.TB, status int, body string, options ...klarna.Option) (*klarna.Client, *wire) {
	t.Helper()
	mock, w := httpmock.NewMockTransport(), new(wire)
	mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
		s := sent{Method: r.Method, URL: r.URL.Scheme + "://" + r.URL.Host + r.URL.RequestURI(), Header: r.Header.Clone()}
		if r.Body != nil {
			text, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			s.Body = string(text)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sent = append(w.sent, s)
		answer := httpmock.NewStringResponse(status, body)
		answer.Header.Set("Partner-Correlation-Id", r.Header.Get("Partner-Correlation-Id"))
		return answer, nil
	})
	base := []klarna.Option{klarna.WithHTTPClient(&http.Client{Transport: mock}), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1})}
	client, err := klarna.NewClient(apiKey, append(base, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client, w
}

// newDouble starts a klarnatest.Server and returns it with a client of its Partner account.
func newDouble(t testing.TB, options ...klarnatest.Option) (*klarnatest.Server, *authorization.Client) {
	t.Helper()
	server := klarnatest.NewServer(t, append(options, klarnatest.WithoutSocket())...)
	return server, newDoublesClient(t, server)
}

func newDoublesClient(t testing.TB, server *klarnatest.Server, options ...klarna.Option) *authorization.Client {
	t.Helper()
	base := []klarna.Option{klarna.WithBaseURL(server.URL), klarna.WithHTTPClient(&http.Client{Transport: server.Transport()})}
	client, err := klarna.NewClient(server.APIKey, append(base, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return authorization.New(client.ForAccount(server.PartnerAccountID))
}

// order returns a request for 118.00 EUR that allows a step-up.
func order() authorization.AuthorizeParams {
	return authorization.AuthorizeParams{
		Currency: "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{
			Amount: 11_800, PaymentTransactionReference: "transaction-1", PaymentOptionID: "S0xBUk5B",
		},
		SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{
			PurchaseReference: "order-1",
			LineItems: []authorization.LineItem{
				{Name: "Shoes", Quantity: 2, TotalAmount: 12_000},
				{Name: "Discount", Quantity: 1, TotalAmount: -200},
			},
		},
		StepUpConfig: &authorization.StepUpConfig{
			PaymentRequestReference:   "request-1",
			CustomerInteractionConfig: authorization.CustomerInteractionConfig{Method: authorization.InteractionMethodHandover, ReturnURL: returnURL},
		},
	}
}

// tokenOrder returns a request for a customer token without a payment.
func tokenOrder() authorization.AuthorizeParams {
	r := order()
	r.RequestPaymentTransaction, r.SupplementaryPurchaseData = nil, nil
	r.RequestCustomerToken = &authorization.RequestCustomerToken{
		Scopes: []authorization.Scope{authorization.ScopeCustomerPresent}, CustomerTokenReference: "token-1",
	}
	return r
}

func params() authorization.CreatePaymentRequestParams {
	return authorization.CreatePaymentRequestParams{
		Currency: "EUR", Amount: new(int64(11_800)), PaymentRequestReference: "request-1",
		CustomerInteractionConfig: authorization.CustomerInteractionConfig{Method: authorization.InteractionMethodHandover, ReturnURL: returnURL},
	}
}

func approval() authorization.Approval {
	return authorization.Approval{Amount: 11_800, Currency: "EUR", SessionToken: klarna.NewSecret(sessionToken)}
}

// diff compares values, including those that do not print their contents.
func diff(want, got any) string {
	return cmp.Diff(want, got,
		cmp.Transformer("text", func(r klarna.RawJSON) string { return string(r.Bytes()) }),
		cmp.Transformer("secret", func(s klarna.Secret) string { return s.Reveal() }))
}

// jsonDiff compares JSON values, numbers by their spelling. Two empty strings are equal.
func jsonDiff(t testing.TB, want, got string) string {
	t.Helper()
	return cmp.Diff(parse(t, want), parse(t, got))
}

func parse(t testing.TB, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// failure returns err as a *klarna.Error and fails the test if it is none.
func failure(t testing.TB, err error) *klarna.Error {
	t.Helper()
	e, ok := errors.AsType[*klarna.Error](err)
	if !ok {
		t.Fatalf("got the error %T %v, want a *klarna.Error", err, err)
	}
	return e
}

func parameters(e *klarna.Error) []string {
	var names []string
	for _, v := range e.ValidationErrors {
		names = append(names, v.Parameter)
	}
	return names
}

// resultOf returns the result of an authorize call, and fails the test if it is no T.
func resultOf[T authorization.Result](t testing.TB, answer *authorization.Authorization, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	o, ok := answer.Result.(T)
	if !ok {
		t.Fatalf("got the result %T, want %T", answer.Result, o)
	}
	return o
}

// stored returns the value after a round trip through encoding/json.
func stored[T any](t testing.TB, value T) T {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var again T
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return again
}
