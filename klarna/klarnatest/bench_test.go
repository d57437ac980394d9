package klarnatest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// load is a caller that makes many journeys concurrently. It uses only net/http, so that the
// numbers are those of the server.
type load struct {
	server *klarnatest.Server
	http   *http.Client
	first  []byte
	final  []byte
}

func newLoad(tb testing.TB, server *klarnatest.Server, transport http.RoundTripper) load {
	first, err := json.Marshal(stepUp(1999))
	if err != nil {
		tb.Fatal(err)
	}
	final, err := json.Marshal(order(1999))
	if err != nil {
		tb.Fatal(err)
	}
	return load{server: server, http: &http.Client{Transport: transport, Timeout: time.Minute}, first: first, final: final}
}

func keepAlive(tb testing.TB) *http.Transport {
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	tb.Cleanup(transport.CloseIdleConnections)
	return transport
}

type loadAnswer struct {
	Outcome struct {
		Result string `json:"result"`
	} `json:"payment_transaction_response"`
	Request struct {
		ID string `json:"payment_request_id"`
	} `json:"payment_request"`
}

func (l load) call(ctx context.Context, method, path string, body []byte, token string) (a loadAnswer, err error) {
	r, err := http.NewRequestWithContext(ctx, method, l.server.URL+path, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Authorization", "Basic "+l.server.APIKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Klarna-Idempotency-Key", rand.Text())
	}
	if token != "" {
		r.Header.Set("Klarna-Network-Session-Token", token)
	}
	response, err := l.http.Do(r)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return a, err
	}
	if response.StatusCode != http.StatusOK {
		return a, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, raw)
	}
	return a, json.Unmarshal(raw, &a)
}

// inbound receives the webhooks of many journeys and passes each token to the journey that waits
// for it.
type inbound struct {
	URL     string
	mu      sync.Mutex
	waiting map[string]chan string
	arrived int
}

func newCrowd(tb testing.TB) *inbound {
	c := &inbound{waiting: map[string]chan string{}}
	receiver := httptest.NewServer(c)
	tb.Cleanup(receiver.Close)
	c.URL = receiver.URL
	return c
}

func (c *inbound) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Payload struct {
			ID    string `json:"payment_request_id"`
			Token string `json:"klarna_network_session_token"`
		} `json:"payload"`
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arrived++
	if event.Payload.Token != "" {
		c.slot(event.Payload.ID) <- event.Payload.Token
	}
	w.WriteHeader(http.StatusNoContent)
}

// slot returns the channel of an id. Either the journey or its webhook creates it, whichever comes
// first.
func (c *inbound) slot(id string) chan string {
	if c.waiting[id] == nil {
		c.waiting[id] = make(chan string, 1)
	}
	return c.waiting[id]
}

func (c *inbound) wait(ctx context.Context, id string) (string, error) {
	c.mu.Lock()
	slot := c.slot(id)
	c.mu.Unlock()
	select {
	case token := <-slot:
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
		return token, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// journey makes a whole purchase: first authorize, approval, webhook, final authorize.
func (l load) journey(ctx context.Context, c *inbound) error {
	first, err := l.call(ctx, http.MethodPost, authorizePath, l.first, "")
	if err != nil {
		return err
	}
	if _, err := l.server.Approve(first.Request.ID); err != nil {
		return err
	}
	token, err := c.wait(ctx, first.Request.ID)
	if err != nil {
		return err
	}
	final, err := l.call(ctx, http.MethodPost, authorizePath, l.final, token)
	if err == nil && final.Outcome.Result != "APPROVED" {
		err = errors.New("final authorize: " + final.Outcome.Result)
	}
	return err
}

func BenchmarkCall(b *testing.B) {
	for _, way := range []string{"over a socket", "without a socket"} {
		for _, operation := range []string{"read", "authorize"} {
			b.Run(operation+" "+way, func(b *testing.B) {
				server, err := klarnatest.Start()
				if err != nil {
					b.Fatal(err)
				}
				defer server.Close()
				transport := server.Transport()
				if way == "over a socket" {
					transport = keepAlive(b)
				}
				l := newLoad(b, server, transport)
				first, err := l.call(b.Context(), http.MethodPost, authorizePath, l.first, "")
				if err != nil {
					b.Fatal(err)
				}
				method, path, body := http.MethodGet, requestsPath+"/"+first.Request.ID, []byte(nil)
				if operation == "authorize" {
					method, path, body = http.MethodPost, authorizePath, l.first
				}
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := l.call(b.Context(), method, path, body, ""); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			})
		}
	}
}

func BenchmarkJourney(b *testing.B) {
	server, err := klarnatest.Start()
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	inbound := newCrowd(b)
	server.Subscribe(inbound.URL)
	l := newLoad(b, server, keepAlive(b))
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.journey(b.Context(), inbound); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Minutes(), "journeys/min")
}

// TestManyConcurrentJourneys makes 300 journeys. All of them must end and every webhook must
// arrive. KLARNATEST_JOURNEYS sets another number, and then requires 10 000 journeys a minute.
func TestManyConcurrentJourneys(t *testing.T) {
	journeys, atLeast := 300, 0.0
	if s := os.Getenv("KLARNATEST_JOURNEYS"); s != "" {
		var err error
		if journeys, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
		atLeast = 10_000
	}
	server, err := klarnatest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	inbound := newCrowd(t)
	server.Subscribe(inbound.URL)
	l := newLoad(t, server, keepAlive(t))

	todo := make(chan struct{}, journeys)
	for range journeys {
		todo <- struct{}{}
	}
	close(todo)
	start := time.Now()
	var group sync.WaitGroup
	for range 32 * runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for range todo {
				if err := l.journey(t.Context(), inbound); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	server.Flush()
	took := time.Since(start)
	inbound.mu.Lock()
	defer inbound.mu.Unlock()
	rate := float64(journeys) / took.Minutes()
	t.Logf("%d journeys, %d webhooks in %v: %.0f journeys/min", journeys, inbound.arrived, took.Round(time.Millisecond), rate)
	if rate < atLeast {
		t.Errorf("%.0f journeys a minute, want at least %.0f", rate, atLeast)
	}

	equal(t, "transactions", len(server.Transactions()), journeys)
	// Each journey has four events: submitted, in-progress, completed and authorized.
	equal(t, "webhooks", inbound.arrived, 4*journeys)
}
