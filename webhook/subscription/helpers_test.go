package subscription_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

const (
	host       = "https://api-global.test.klarna.com"
	apiKey     = "klarna_test_api_0123456789abcdefghijklmnopqrstuvwxyz"
	keyID      = "krn:partner:global:notification:signing-key:1"
	otherKeyID = "krn:partner:global:notification:signing-key:2"
	webhookID  = "krn:partner:global:notification:webhook:1"
	hookURL    = "https://gateway.example/klarna"
)

// show makes cmp compare and print types that hide their content.
var show = cmp.Options{
	cmp.Transformer("text", func(r klarna.RawJSON) string { return string(r.Bytes()) }),
	cmp.Transformer("secret", klarna.Secret.Reveal),
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// newMocked returns a Client whose calls a mock answers. Its klarna.Client is bound to an account,
// which package subscription ignores.
func newMocked(t testing.TB) (*subscription.Client, *httpmock.MockTransport) {
	t.Helper()
	mock := httpmock.NewMockTransport()
	client, err := klarna.NewClient(apiKey,
		klarna.WithHTTPClient(&http.Client{Transport: mock}), klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
	if err != nil {
		t.Fatal(err)
	}
	return subscription.New(client.ForAccount("krn:partner:global:account:test:LWT2XJSE")), mock
}

// newDouble returns a klarnatest server without a socket that delivers to receiver, and its Client.
func newDouble(t testing.TB, receiver http.Handler, options ...klarna.Option) (*klarnatest.Server, *subscription.Client) {
	t.Helper()
	double := klarnatest.NewServer(t, klarnatest.WithoutSocket(), klarnatest.WithRunningClock(),
		klarnatest.WithWebhookTransport(transportTo(receiver)))
	return double, newClient(t, double, options...)
}

func newClient(t testing.TB, double *klarnatest.Server, options ...klarna.Option) *subscription.Client {
	t.Helper()
	return subscription.New(newKlarna(t, double, options...))
}

func newKlarna(t testing.TB, double *klarnatest.Server, options ...klarna.Option) *klarna.Client {
	t.Helper()
	client, err := klarna.NewClient(double.APIKey, append([]klarna.Option{
		klarna.WithBaseURL(double.URL), klarna.WithHTTPClient(&http.Client{Transport: double.Transport()}),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// transportTo returns a transport that passes requests to a handler without a socket.
func transportTo(handler http.Handler) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if handler == nil {
			return nil, errors.New("unexpected delivery")
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result(), nil
	})
}

// gateway is a program that receives webhooks. It has a store of signing keys, and a new verifier
// after each published key. Like package webhook, it answers 400 if it cannot verify a delivery.
type gateway struct {
	mu       sync.Mutex
	keys     []webhook.Key
	verifier atomic.Pointer[webhook.Verifier]

	// fail replaces Publish if it is set.
	fail func(subscription.SigningKey) error
}

func (g *gateway) SigningKeyIDs(context.Context) ([]string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var ids []string
	for _, k := range g.keys {
		ids = append(ids, k.ID)
	}
	return ids, nil
}

func (g *gateway) Publish(_ context.Context, key subscription.SigningKey) error {
	if g.fail != nil {
		return g.fail(key)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keys = append(g.keys, webhook.Key{ID: key.SigningKeyID, Secret: key.SigningKey})
	verifier, err := webhook.NewVerifier(g.keys...)
	if err != nil {
		return err
	}
	g.verifier.Store(verifier)
	return nil
}

// remove takes a key from the receivers.
func (g *gateway) remove(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var kept []webhook.Key
	for _, k := range g.keys {
		if k.ID != id {
			kept = append(kept, k)
		}
	}
	g.keys = kept
	verifier, err := webhook.NewVerifier(kept...)
	if err == nil {
		g.verifier.Store(verifier)
	}
	return err
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	verifier := g.verifier.Load()
	if err != nil || verifier == nil || verifier.Verify(r.Context(), r.Header, body) != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// causeEvent creates a payment request, which causes the event
// payment.request.state-change.submitted.
func causeEvent(t testing.TB, double *klarnatest.Server, client *klarna.Client) {
	t.Helper()
	_, err := client.Do(context.Background(), klarna.Call{
		Operation: "test", Method: http.MethodPost, Route: "payment/requests", Body: map[string]any{"currency": "EUR", "amount": 1},
	}, nil)
	if err != nil {
		t.Error(err)
	}
	double.Flush()
}

// refused counts the deliveries that were not taken, and the keys of all.
func refused(double *klarnatest.Server) (refused int, byKey map[string]int) {
	byKey = map[string]int{}
	for _, d := range double.Deliveries() {
		byKey[d.Header.Get("Klarna-Signing-Key-Id")]++
		if d.StatusCode != http.StatusOK {
			refused++
		}
	}
	return refused, byKey
}

// operations lists what a double was asked, from the n-th request on.
func operations(double *klarnatest.Server, n int) []string {
	var list []string
	for _, r := range double.Requests()[n:] {
		list = append(list, r.Operation)
	}
	return list
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// keyIDs are the ids of all keys at Klarna.
func keyIDs(t testing.TB, c *subscription.Client) []string {
	t.Helper()
	var ids []string
	for _, k := range must[[]subscription.SigningKey](t)(c.ListSigningKeys(context.Background())) {
		ids = append(ids, k.SigningKeyID)
	}
	return ids
}

func readAll(r io.Reader) string {
	if r == nil {
		return ""
	}
	var b bytes.Buffer
	_, _ = b.ReadFrom(r)
	return b.String()
}
