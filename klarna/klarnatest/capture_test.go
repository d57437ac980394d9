package klarnatest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const (
	transactionsPath = "/v2/payment/transactions/"
	capturesPath     = "/v2/payment/captures/"
	refundsPath      = "/v2/payment/refunds/"
)

// pay creates an authorized transaction and returns its id.
func (c client) pay(amount int64) string {
	c.Helper()
	r := c.want(200, "POST", authorizePath, order(amount), withToken(c.server.IssueSessionToken("EUR", amount)))
	return r.text("payment_transaction_response.payment_transaction.payment_transaction_id")
}

// capture captures amount and returns the capture's id.
func (c client) capture(transaction string, amount int64) string {
	c.Helper()
	return c.want(201, "POST", transactionsPath+transaction+"/capture", obj{"capture_amount": amount}).text("payment_capture_id")
}

func TestLastPartialCaptureCompletesTheTransaction(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL)
	id := c.pay(1000)
	shipments := obj{"shipments": []any{obj{"delivery": obj{"tracking_number": "T-1", "shipping_carrier": "<DHL>"}}}}
	first := c.want(201, "POST", transactionsPath+id+"/capture", obj{
		"capture_amount": 300, "payment_capture_reference": "capture-1", "supplementary_capture_data": shipments,
		"supplementary_purchase_data": obj{"purchase_reference": "order-2"},
	})
	equal(t, "reference", first.text("payment_capture_reference"), "capture-1")
	equal(t, "transaction", first.text("payment_transaction_id"), id)
	if diff := cmp.Diff(any(shipments), first.get("supplementary_capture_data")); diff != "" {
		t.Errorf("echo (-want +got):\n%s", diff)
	}
	captureID := first.text("payment_capture_id")
	equal(t, "read", string(c.want(200, "GET", capturesPath+captureID, nil).raw), string(first.raw))

	read := c.want(200, "GET", transactionsPath+id, nil)
	equal(t, "state with a rest", read.text("state"), "AUTHORIZED")
	equal(t, "capture of the transaction", read.text("payment_captures.0.payment_capture_id"), captureID)
	equal(t, "purchase data of the capture", read.text("supplementary_purchase_data.purchase_reference"), "order-2")

	refused := c.want(400, "POST", transactionsPath+id+"/capture", obj{"capture_amount": 701})
	equal(t, "beyond the rest", refused.parameters(), "capture_amount")
	c.capture(id, 700)
	equal(t, "state", c.want(200, "GET", transactionsPath+id, nil).text("state"), "COMPLETED")
	c.want(409, "POST", transactionsPath+id+"/capture", obj{"capture_amount": 0})

	server.Flush()
	equal(t, "events", inbox.types(), "authorized captured funded captured completed")
	event := inbox.last(t, "payment.transaction.captured")
	equal(t, "transaction of the event", event.text("payload.payment_transaction_id"), id)
	equal(t, "transaction's reference of the event", event.text("payload.payment_transaction_reference"), "tx-1")
	want := []klarnatest.Capture{
		{PaymentCaptureID: captureID, PaymentTransactionID: id, Reference: "capture-1", Amount: 300, Currency: "EUR", CreatedAt: server.Now()},
		{PaymentCaptureID: event.text("payload.payment_capture_id"), PaymentTransactionID: id, Amount: 700, Currency: "EUR", CreatedAt: server.Now()},
	}
	if diff := cmp.Diff(want, server.Captures()); diff != "" {
		t.Errorf("captures (-want +got):\n%s", diff)
	}
	equal(t, "captured in all", server.Transactions()[0].CapturedAmount, 1000)
	server.CheckInvariants(t)
}

func TestACaptureMayReleaseTheRest(t *testing.T) {
	server, c := newPair(t)
	id := c.pay(1000)
	c.want(201, "POST", transactionsPath+id+"/capture", obj{"capture_amount": 400, "remaining_authorization": "OF_TOMORROW"})
	equal(t, "an unknown value releases nothing", server.Transactions()[0].State, "AUTHORIZED")
	c.want(201, "POST", transactionsPath+id+"/capture", obj{"capture_amount": 100, "remaining_authorization": "RELEASE"})
	got := server.Transactions()[0]
	equal(t, "state", got.State, "COMPLETED")
	equal(t, "captured", got.CapturedAmount, 500)
	equal(t, "voided", got.VoidedAmount, 500)
	c.want(409, "POST", transactionsPath+id+"/capture", obj{"capture_amount": 1})
	server.CheckInvariants(t)
}

func TestCaptureNowCreatesAnOrdinaryCapture(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL)
	o := order(700)
	payment := o["request_payment_transaction"].(obj)
	payment["capture"], payment["payment_capture_reference"] = "NOW", "capture-1"
	c.want(200, "POST", authorizePath, o, withToken(server.IssueSessionToken("EUR", 700)))
	id := server.Captures()[0].PaymentCaptureID
	equal(t, "read", c.want(200, "GET", capturesPath+id, nil).text("payment_capture_reference"), "capture-1")
	c.want(201, "POST", capturesPath+id+"/refund", obj{"refund_amount": 700})
	server.Advance(365 * 24 * time.Hour)
	equal(t, "what is captured does not expire", server.Transactions()[0].State, "COMPLETED")
	equal(t, "events", inbox.types(), "authorized captured funded completed refunded")
	server.CheckInvariants(t)
}

func TestCaptureReportsAllFailingParameters(t *testing.T) {
	_, c := newPair(t)
	path := transactionsPath + c.pay(1000) + "/capture"
	for name, tc := range map[string]struct {
		body       obj
		parameters string
	}{
		"no amount":          {obj{}, "capture_amount"},
		"a negative amount":  {obj{"capture_amount": -1}, "capture_amount"},
		"a fraction":         {obj{"capture_amount": 1.5}, "capture_amount"},
		"an amount as text":  {obj{"capture_amount": "1"}, "capture_amount"},
		"an empty reference": {obj{"capture_amount": 1, "payment_capture_reference": ""}, "payment_capture_reference"},
		"several problems": {
			obj{"supplementary_capture_data": []int{}, "supplementary_purchase_data": 1, "remaining_authorization": 1},
			"capture_amount supplementary_capture_data remaining_authorization supplementary_purchase_data",
		},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, "parameters", c.want(400, "POST", path, tc.body).parameters(), tc.parameters)
		})
	}
}

func TestTransactionLimitsCaptures(t *testing.T) {
	server, c := newPair(t)
	id := c.pay(1000)
	for range 200 {
		c.capture(id, 1)
	}
	refused := c.want(403, "POST", transactionsPath+id+"/capture", obj{"capture_amount": 1})
	equal(t, "code", refused.text("error_code"), "OPERATION_FORBIDDEN")
	equal(t, "captures", len(server.Captures()), 200)
}
