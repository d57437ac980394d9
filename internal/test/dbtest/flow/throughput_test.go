package flow_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/authorization/flow/sqlstore"
	"github.com/klarna-go/klarna-go/internal/test/dbtest"
	"github.com/klarna-go/klarna-go/klarna"
)

// durable has the settings of a database that waits for the disk, as a database of payments must.
var durable = []string{"fsync=on", "synchronous_commit=on", "full_page_writes=on"}

func durableSQLite(b *testing.B) database {
	file := dbtest.SQLite(b)
	return database{sqlstore.DialectSQLite, func() *sql.DB {
		db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { db.Close() })
		db.SetMaxOpenConns(1) // one writes at a time, and a pool's queue is fair
		return db
	}}
}

// BenchmarkPurchases takes purchases from Begin through a return to their transaction, with
// reports, on one, two and four replicas that share a store and process 16 purchases each at the
// same time. One Klarna answers immediately, which shows the limit of the machine. The other takes
// 50 ms for each of the three calls. Both databases wait for the disk.
//
//	go test -run '^$' -bench Purchases -benchtime 2000x ./flow
func BenchmarkPurchases(b *testing.B) {
	memory := flow.NewMemoryStore()
	server := dbtest.StartPostgres(b, durable...)
	for _, store := range []struct {
		name string
		open func(*testing.B) func() flow.Store
	}{
		{"memory", func(*testing.B) func() flow.Store { return func() flow.Store { return memory } }},
		{"SQLite", func(b *testing.B) func() flow.Store { return replicas(b, durableSQLite(b)) }},
		{"PostgreSQL", func(b *testing.B) func() flow.Store { return replicas(b, postgresDatabase(b, server)) }},
	} {
		for _, latency := range []time.Duration{0, 50 * time.Millisecond} {
			for _, n := range []int{1, 2, 4} {
				b.Run(fmt.Sprintf("%s/Klarna takes %v/replicas %d", store.name, latency, n), func(b *testing.B) {
					benchmarkPurchases(b, store.open(b), latency, n)
				})
			}
		}
	}
}

func replicas(b *testing.B, d database) func() flow.Store {
	return func() flow.Store {
		s, _ := migrated(b, d)
		return s
	}
}

var runs atomic.Int64

func benchmarkPurchases(b *testing.B, open func() flow.Store, latency time.Duration, replicas int) {
	run := runs.Add(1)
	var coordinators []*flow.Coordinator
	for range replicas {
		coordinators = append(coordinators, newCoordinator(b, open(), prompt{latency}))
	}
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var workers sync.WaitGroup
	b.ResetTimer()
	for worker := range 16 * replicas {
		workers.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				begin := time.Now()
				if err := purchase(b.Context(), coordinators[worker%replicas], fmt.Sprintf("purchase-%d-%d", run, n)); err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(begin))
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	b.StopTimer()
	slices.Sort(took)
	milliseconds := func(quantile int) float64 { return float64(took[len(took)*quantile/100].Microseconds()) / 1000 }
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "purchases/s")
	b.ReportMetric(milliseconds(50), "p50-ms")
	b.ReportMetric(milliseconds(99), "p99-ms")
}

func newCoordinator(b testing.TB, store flow.Store, transport http.RoundTripper) *flow.Coordinator {
	b.Helper()
	client, err := klarna.NewClient("klarna_test_api_0123456789abcdefghijklmnopqrstuvwxyz", klarna.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		b.Fatal(err)
	}
	c, err := flow.New(client, store, klarna.NewSecret("bench-0123456789abcdef0123456789abcdef"), flow.WithRecoveryRate(1e6),
		flow.WithReport(func(context.Context, flow.Transition) error { return nil }), flow.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func purchase(ctx context.Context, c *flow.Coordinator, id string) error {
	if err := beginOne(ctx, c, id, "krn:partner:global:account:test:LWT2XJSE"); err != nil {
		return err
	}
	status, err := c.HandleReturn(ctx, id)
	if err != nil || status.State != flow.StateAuthorized {
		return fmt.Errorf("return: %v, %w", status, err)
	}
	return nil
}

func beginOne(ctx context.Context, c *flow.Coordinator, id, account string) error {
	status, err := c.Begin(ctx, flow.Purchase{ID: id, PartnerAccountID: account, Request: authorization.AuthorizeParams{
		Currency:                  "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{Amount: 11_800},
		SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{
			PurchaseReference: id,
			LineItems:         []authorization.LineItem{{Name: "Shoes", Quantity: 2, TotalAmount: 11_800}},
			Customer:          &authorization.Customer{GivenName: "Astrid", FamilyName: "Testsson", Email: "astrid@example.com"},
		},
		StepUpConfig: &authorization.StepUpConfig{CustomerInteractionConfig: authorization.CustomerInteractionConfig{
			Method: authorization.InteractionMethodHandover, ReturnURL: "https://shop.example/back",
		}},
	}})
	if err != nil || status.State != flow.StateAwaitingCustomer {
		return fmt.Errorf("begin: %v, %w", status, err)
	}
	return nil
}

// prompt is a stateless Klarna: the id of a payment request is its reference, and each one is
// approved.
type prompt struct{ latency time.Duration }

const promptRequest = `{"payment_request_id":"%s","amount":11800,"currency":"EUR","state_context":{"customer_interaction":{"method":"HANDOVER",` +
	`"payment_request_url":"https://pay.test.klarna.com/eu/requests/6a7f3f6e"},"klarna_network_session_token":"krn:network:us1:test:session-token:eyJhbGciOiJub25lIn0"},` +
	`"expires_at":"2126-03-01T15:00:00Z","created_at":"2126-03-01T12:00:00Z","updated_at":"2126-03-01T12:00:00Z","state":"%s"}`

// RoundTrip implements http.RoundTripper.
func (p prompt) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	if p.latency > 0 {
		timer := time.NewTimer(p.latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	var text string
	switch {
	case r.Method == http.MethodGet:
		text = fmt.Sprintf(promptRequest, path.Base(r.URL.Path), "COMPLETED")
	case r.Header.Get("Klarna-Network-Session-Token") != "":
		text = `{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":"krn:payment:eu1:transaction:0d4c7f0e",` +
			`"payment_transaction_reference":"purchase","amount":11800,"currency":"EUR","state":"AUTHORIZED","expires_at":"2126-03-28T12:00:00Z"}}}`
	default:
		_, reference, _ := bytes.Cut(body, []byte(`"payment_request_reference":"`))
		reference, _, _ = bytes.Cut(reference, []byte(`"`))
		text = `{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"},"payment_request":` + fmt.Sprintf(promptRequest, reference, "SUBMITTED") + `}`
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}, "Partner-Correlation-Id": {r.Header.Get("Partner-Correlation-Id")}},
		Body:   io.NopCloser(bytes.NewReader([]byte(text))), ContentLength: int64(len(text)), Request: r,
	}, nil
}

// BenchmarkRecovery claims from a table without due purchases: one without ended purchases, and one
// with a million of them.
//
//	go test -run '^$' -bench Recovery -benchtime 500x ./flow
func BenchmarkRecovery(b *testing.B) {
	server := dbtest.StartPostgres(b, durable...)
	for _, ended := range []int{0, 1_000_000} {
		b.Run(fmt.Sprintf("memory/ended %d", ended), func(b *testing.B) {
			s := flow.NewMemoryStore()
			for i := range ended {
				create(b, s, flow.Record{ID: "purchase-" + strconv.Itoa(i), State: flow.StateAuthorized})
			}
			benchmarkRecovery(b, s)
		})
		for name, d := range map[string]database{"SQLite": durableSQLite(b), "PostgreSQL": postgresDatabase(b, server)} {
			b.Run(fmt.Sprintf("%s/ended %d", name, ended), func(b *testing.B) {
				s, db := migrated(b, d)
				if ended > 0 {
					insertEnded(b, d.dialect, db, ended)
					execute(b, db, `ANALYZE`)
				}
				benchmarkRecovery(b, s)
			})
		}
	}
}

func benchmarkRecovery(b *testing.B, s flow.Store) {
	c := newCoordinator(b, s, prompt{})
	b.ResetTimer()
	for b.Loop() {
		if n, err := c.Recover(b.Context()); err != nil || n != 0 {
			b.Fatal(n, err)
		}
	}
}
