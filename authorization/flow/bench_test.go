package flow_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

// BenchmarkPurchase takes a purchase from Begin through a return to its transaction, with reports.
// Klarna answers immediately. For comparison it makes the bare calls: an authorize call, a read and
// a final authorize call. own-ns is the Coordinator's median minus the median of the bare calls.
func BenchmarkPurchase(b *testing.B) {
	b.Run("with a Coordinator", func(b *testing.B) {
		run := newBench(b)
		b.ReportAllocs()
		for b.Loop() {
			run.coordinated(b)
		}
	})
	b.Run("the bare calls", func(b *testing.B) {
		run := newBench(b)
		b.ReportAllocs()
		for b.Loop() {
			run.bare(b)
		}
	})
	b.Run("the Coordinator's own", func(b *testing.B) {
		run := newBench(b)
		var coordinated, bare []time.Duration
		for b.Loop() {
			begin := time.Now()
			run.bare(b)
			between := time.Now()
			run.coordinated(b)
			bare, coordinated = append(bare, between.Sub(begin)), append(coordinated, time.Since(between))
		}
		b.ReportMetric(float64(median(coordinated)-median(bare)), "own-ns/op")
	})
}

// median returns the median, which excludes most of the work of other programs.
func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

type bench struct {
	klarna      canned
	bareCalls   *authorization.Client
	client      *klarna.Client
	coordinator *flow.Coordinator
	purchases   int
}

func newBench(b *testing.B) *bench {
	b.Helper()
	run := new(bench)
	var err error
	run.client, err = klarna.NewClient("klarna_test_api_0123456789abcdefghijklmnopqrstuvwxyz", klarna.WithHTTPClient(&http.Client{Transport: &run.klarna}))
	if err != nil {
		b.Fatal(err)
	}
	run.bareCalls = authorization.New(run.client.ForAccount("krn:partner:global:account:test:LWT2XJSE"))
	return run
}

func (run *bench) request() authorization.AuthorizeParams {
	run.purchases++
	id := "purchase-" + strconv.Itoa(run.purchases)
	return authorization.AuthorizeParams{
		Currency:                  "EUR",
		RequestPaymentTransaction: &authorization.RequestPaymentTransaction{Amount: 11_800, PaymentTransactionReference: id},
		SupplementaryPurchaseData: &authorization.SupplementaryPurchaseData{
			PurchaseReference: id,
			LineItems: []authorization.LineItem{
				{Name: "Shoes", Quantity: 2, TotalAmount: 12_000}, {Name: "Discount", Quantity: 1, TotalAmount: -200},
			},
			Customer: &authorization.Customer{GivenName: "Astrid", FamilyName: "Testsson", Email: "astrid@example.com"},
		},
		StepUpConfig: &authorization.StepUpConfig{
			PaymentRequestReference:   id,
			CustomerInteractionConfig: authorization.CustomerInteractionConfig{Method: authorization.InteractionMethodHandover, ReturnURL: "https://shop.example/back"},
		},
	}
}

func (run *bench) coordinated(b *testing.B) {
	if run.purchases%10_000 == 0 || run.coordinator == nil {
		// A store that grows without bound would measure the garbage collector.
		var err error
		run.coordinator, err = flow.New(run.client, flow.NewMemoryStore(), klarna.NewSecret("bench-0123456789abcdef0123456789abcdef"),
			flow.WithReport(func(context.Context, flow.Transition) error { return nil }), flow.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			b.Fatal(err)
		}
	}
	request := run.request()
	id := request.SupplementaryPurchaseData.PurchaseReference
	status, err := run.coordinator.Begin(b.Context(), flow.Purchase{ID: id, PartnerAccountID: "krn:partner:global:account:test:LWT2XJSE", Request: request})
	if err != nil || status.State != flow.StateAwaitingCustomer {
		b.Fatal(status, err)
	}
	status, err = run.coordinator.HandleReturn(b.Context(), id)
	if err != nil || status.State != flow.StateAuthorized {
		b.Fatal(status, err)
	}
}

func (run *bench) bare(b *testing.B) {
	request := run.request()
	first, err := run.bareCalls.Authorize(b.Context(), request)
	if err != nil {
		b.Fatal(err)
	}
	stepUp, ok := first.Result.(authorization.StepUpRequired)
	if !ok {
		b.Fatal(first.Result)
	}
	read, err := run.bareCalls.GetPaymentRequest(b.Context(), stepUp.PaymentRequest.PaymentRequestID)
	if err != nil {
		b.Fatal(err)
	}
	approval, err := read.Approval()
	if err != nil {
		b.Fatal(err)
	}
	final, err := run.bareCalls.Finalize(b.Context(), request, approval)
	if err != nil {
		b.Fatal(err)
	}
	if _, ok := final.Result.(authorization.Approved); !ok {
		b.Fatal(final.Result)
	}
}

// canned answers the calls of one purchase at a time with prepared answers.
type canned struct {
	requests int
	text     []byte
}

const (
	cannedRequest = `","payment_request_reference":"purchase","amount":11800,"currency":"EUR","state_context":{"customer_interaction":{"method":"HANDOVER",` +
		`"payment_request_url":"https://pay.test.klarna.com/eu/requests/6a7f3f6e"},"klarna_network_session_token":"krn:network:us1:test:session-token:eyJhbGciOiJub25lIn0"},` +
		`"expires_at":"2126-03-01T15:00:00Z","created_at":"2126-03-01T12:00:00Z","updated_at":"2126-03-01T12:00:00Z","state":"`
	cannedApproved = `{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":"krn:payment:eu1:transaction:0d4c7f0e",` +
		`"payment_transaction_reference":"purchase","amount":11800,"currency":"EUR","state":"AUTHORIZED","expires_at":"2126-03-28T12:00:00Z"}}}`
)

// RoundTrip implements http.RoundTripper.
func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	c.text = c.text[:0]
	switch {
	case r.Method == http.MethodGet:
		c.text = append(c.request(c.text), `COMPLETED"}`...)
	case r.Header.Get("Klarna-Network-Session-Token") != "":
		c.text = append(c.text, cannedApproved...)
	default:
		c.requests++
		c.text = append(c.text, `{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"},"payment_request":`...)
		c.text = append(c.request(c.text), `SUBMITTED"}}`...)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: cannedHeader,
		Body: io.NopCloser(bytes.NewReader(c.text)), ContentLength: int64(len(c.text)), Request: r,
	}, nil
}

var cannedHeader = http.Header{"Content-Type": {"application/json"}}

func (c *canned) request(text []byte) []byte {
	text = append(text, `{"payment_request_id":"krn:payment:eu1:request:`...)
	text = strconv.AppendInt(text, int64(c.requests), 10)
	return append(text, cannedRequest...)
}
