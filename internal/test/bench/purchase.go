package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"time"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/authorization/flow"
	"github.com/klarna-go/klarna-go/klarna"
)

// purchaseFigures holds microseconds per purchase, which is an authorize call, a read and a final
// call: with the client alone, and with a Coordinator over the memory store.
type purchaseFigures struct{ bare, coordinated []float64 }

// own returns the Coordinator's time beyond the calls.
func (f *purchaseFigures) own() float64 { return median(f.coordinated) - median(f.bare) }

// purchases makes both take purchases in turn, with a Klarna that answers immediately.
func purchases(ctx context.Context, p plan) (purchaseFigures, error) {
	var f purchaseFigures
	var klarnaStub purchaseStub
	client, err := klarna.NewClient(apiKey, klarna.WithHTTPClient(&http.Client{Transport: &klarnaStub}))
	if err != nil {
		return f, err
	}
	bare := authorization.New(client.ForAccount(krnAccount))
	number := 0
	next := func() authorization.AuthorizeParams {
		number++
		request := authorizeRequest()
		request.RequestPaymentTransaction.PaymentTransactionReference = "purchase-" + strconv.Itoa(number)
		request.StepUpConfig.PaymentRequestReference = request.RequestPaymentTransaction.PaymentTransactionReference
		klarnaStub.number, klarnaStub.amount = number, request.RequestPaymentTransaction.Amount
		return request
	}
	for range p.rounds {
		// Each round has a new store: a growing one would measure the garbage collector.
		coordinator, err := flow.New(client, flow.NewMemoryStore(), klarna.NewSecret("bench-0123456789abcdef0123456789abcdef"),
			flow.WithReport(func(context.Context, flow.Transition) error { return nil }), flow.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			return f, err
		}
		nanos, err := timed(p.slice, func() error { return purchaseBare(ctx, bare, next()) })
		if err != nil {
			return f, err
		}
		f.bare = append(f.bare, nanos/1000)
		nanos, err = timed(p.slice, func() error { return purchaseCoordinated(ctx, coordinator, next()) })
		if err != nil {
			return f, err
		}
		f.coordinated = append(f.coordinated, nanos/1000)
	}
	return f, nil
}

// timed repeats do for a duration and returns the nanoseconds of one run.
func timed(during time.Duration, do func() error) (float64, error) {
	start, n := time.Now(), 0
	for time.Since(start) < during {
		if err := do(); err != nil {
			return 0, err
		}
		n++
	}
	return float64(time.Since(start)) / float64(n), nil
}

func purchaseBare(ctx context.Context, calls *authorization.Client, request authorization.AuthorizeParams) error {
	if _, err := calls.Authorize(ctx, request); err != nil {
		return err
	}
	read, err := calls.GetPaymentRequest(ctx, "krn:payment:eu1:request:1")
	if err != nil {
		return err
	}
	approval, err := read.Approval()
	if err != nil {
		return err
	}
	_, err = calls.Finalize(ctx, request, approval)
	return err
}

func purchaseCoordinated(ctx context.Context, coordinator *flow.Coordinator, request authorization.AuthorizeParams) error {
	id := request.RequestPaymentTransaction.PaymentTransactionReference
	if _, err := coordinator.Begin(ctx, flow.Purchase{ID: id, PartnerAccountID: krnAccount, Request: request}); err != nil {
		return err
	}
	status, err := coordinator.HandleReturn(ctx, id)
	if err == nil && status.State != flow.StateAuthorized {
		err = fmt.Errorf("the purchase is %s", status.State)
	}
	return err
}

// purchaseStub answers the calls of successive purchases.
type purchaseStub struct {
	number int
	amount int64
}

func (s *purchaseStub) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	id := "krn:payment:eu1:request:" + strconv.Itoa(s.number)
	if r.Method == http.MethodGet {
		id = path.Base(r.URL.Path)
	}
	request := fmt.Appendf(nil, `{"payment_request_id":"%s","amount":%d,"currency":"EUR","state_context":{"customer_interaction":{"method":"HANDOVER",`+
		`"payment_request_url":"https://pay.test.klarna.com/eu/requests/1"},"klarna_network_session_token":"krn:network:us1:test:session-token:eyJhbGciOiJub25lIn0"},`+
		`"expires_at":"2126-03-01T15:00:00Z","created_at":"2126-03-01T12:00:00Z","updated_at":"2126-03-01T12:00:00Z","state":`, id, s.amount)
	var text []byte
	switch {
	case r.Method == http.MethodGet:
		text = append(request, `"COMPLETED"}`...)
	case r.Header.Get("Klarna-Network-Session-Token") != "":
		text = fmt.Appendf(nil, `{"payment_transaction_response":{"result":"APPROVED","payment_transaction":{"payment_transaction_id":"krn:payment:eu1:transaction:%d",`+
			`"amount":%d,"currency":"EUR","state":"AUTHORIZED"}}}`, s.number, s.amount)
	default:
		text = append([]byte(`{"payment_transaction_response":{"result":"STEP_UP_REQUIRED"},"payment_request":`), append(request, `"SUBMITTED"}}`...)...)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}, "Partner-Correlation-Id": r.Header["Partner-Correlation-Id"]},
		Body:   io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)), Request: r,
	}, nil
}

func printPurchases(w io.Writer, f *purchaseFigures) {
	fmt.Fprintf(w, "\na purchase over flow's memory store\n\n  %.1f µs, of which %.1f µs beyond its three calls\n", median(f.coordinated), f.own())
}
