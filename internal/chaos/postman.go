package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// mail is what becomes of a purchase's webhooks.
type mail int

const (
	once mail = iota
	twice
	lost
)

// postman carries Klarna's webhooks to the replicas.
type postman struct {
	shop *Shop
	// pick returns a replica.
	pick func() http.Handler
	// fate tells when copies of a webhook arrive beside the webhook itself, and whether that is lost.
	fate func(*purchase) (copies []time.Duration, isLost bool)
	// underWay are the copies.
	underWay sync.WaitGroup
}

// inOrder is the fate of webhooks of journeys in order.
func inOrder(p *purchase) (copies []time.Duration, isLost bool) {
	switch p.journey.mail {
	case twice:
		return []time.Duration{0}, false
	case lost:
		return nil, true
	default:
		return nil, false
	}
}

// RoundTrip implements http.RoundTripper, for klarnatest.
func (m *postman) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	var event struct {
		Payload struct {
			PaymentRequestReference     string `json:"payment_request_reference"`
			PaymentTransactionReference string `json:"payment_transaction_reference"`
		} `json:"payload"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, err
	}
	p := m.shop.purchase(event.Payload.PaymentRequestReference)
	if p == nil {
		p = m.shop.purchase(event.Payload.PaymentTransactionReference)
	}
	if p == nil {
		return ok(r), nil // somebody else's
	}
	copies, isLost := m.fate(p)
	for _, after := range copies {
		m.shop.duplicates.Add(1)
		m.underWay.Go(func() {
			pause(context.Background(), m.shop.machine(after))
			m.drop(r, body)
		})
	}
	if isLost {
		return ok(r), nil
	}
	// Klarna does not wait for a replica that is stopped.
	answers := make(chan *http.Response, 1)
	m.underWay.Go(func() { answers <- m.deliver(r, body) }) //nolint:bodyclose // handed on
	select {
	case response := <-answers:
		return response, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// deliver hands a webhook to a replica.
func (m *postman) deliver(r *http.Request, body []byte) *http.Response {
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	m.pick().ServeHTTP(w, r)
	return w.Result()
}

// drop is deliver for a copy, whose answer nobody waits for.
func (m *postman) drop(r *http.Request, body []byte) {
	_ = m.deliver(r.Clone(context.Background()), body).Body.Close()
}

func ok(r *http.Request) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}
