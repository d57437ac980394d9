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

// webhookFate is the fate of a purchase's webhooks.
type webhookFate int

const (
	once webhookFate = iota
	twice
	lost
)

// courier delivers Klarna's webhooks to the replicas.
type courier struct {
	world *World
	// pick returns a replica.
	pick func() http.Handler
	// fate returns when copies of a webhook arrive in addition to the webhook itself, and whether
	// the webhook is lost.
	fate func(*purchase) (copies []time.Duration, isLost bool)
	// underWay counts the copies.
	underWay sync.WaitGroup
}

// inOrder is the fate of webhooks in journeys whose steps are in order.
func inOrder(p *purchase) (copies []time.Duration, isLost bool) {
	switch p.journey.webhooks {
	case twice:
		return []time.Duration{0}, false
	case lost:
		return nil, true
	default:
		return nil, false
	}
}

// RoundTrip implements http.RoundTripper, for klarnatest.
func (m *courier) RoundTrip(r *http.Request) (*http.Response, error) {
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
	p := m.world.purchase(event.Payload.PaymentRequestReference)
	if p == nil {
		p = m.world.purchase(purchaseOf(event.Payload.PaymentTransactionReference))
	}
	if p == nil {
		return ok(r), nil // belongs to another test
	}
	copies, isLost := m.fate(p)
	for _, after := range copies {
		m.world.duplicates.Add(1)
		m.underWay.Go(func() {
			pause(context.Background(), m.world.wallTime(after))
			m.drop(r, body)
		})
	}
	if isLost {
		return ok(r), nil
	}
	// Klarna does not wait for a replica that is stopped.
	answers := make(chan *http.Response, 1)
	m.underWay.Go(func() { answers <- m.deliver(r, body) }) //nolint:bodyclose // passed on
	select {
	case response := <-answers:
		return response, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// deliver sends a webhook to a replica.
func (m *courier) deliver(r *http.Request, body []byte) *http.Response {
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	w := httptest.NewRecorder()
	m.pick().ServeHTTP(w, r)
	return w.Result()
}

// drop delivers a copy and ignores the answer.
func (m *courier) drop(r *http.Request, body []byte) {
	_ = m.deliver(r.Clone(context.Background()), body).Body.Close()
}

func ok(r *http.Request) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}
