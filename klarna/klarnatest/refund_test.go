package klarnatest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestRefundsOfACaptureAreLimited(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "payment.transaction.refunded")
	id := c.pay(1000)
	first, second := c.capture(id, 300), c.capture(id, 500)
	data := obj{"line_items": []any{obj{"name": "Shoes", "quantity": 1.0, "total_amount": 200.0}}}
	made := c.want(201, "POST", capturesPath+first+"/refund", obj{
		"refund_amount": 200, "payment_refund_reference": "refund-1", "supplementary_refund_data": data,
	})
	refundID := made.text("payment_refund_id")
	equal(t, "reference", made.text("payment_refund_reference"), "refund-1")
	equal(t, "capture", made.text("payment_capture_id"), first)
	equal(t, "read", string(c.want(200, "GET", refundsPath+refundID, nil).raw), string(made.raw))
	if diff := cmp.Diff(any(data), made.get("supplementary_refund_data")); diff != "" {
		t.Errorf("echo (-want +got):\n%s", diff)
	}
	equal(t, "beyond the capture", c.want(400, "POST", capturesPath+first+"/refund", obj{"refund_amount": 101}).parameters(), "refund_amount")
	c.want(201, "POST", capturesPath+second+"/refund", obj{"refund_amount": 500})
	equal(t, "beyond what is captured", c.want(400, "POST", transactionsPath+id+"/refund", obj{"refund_amount": 101}).parameters(), "refund_amount")
	equal(t, "what is only authorized is not refunded", server.Transactions()[0].RefundedAmount, 700)
	equal(t, "what is left of it stays authorized", server.Transactions()[0].State, "AUTHORIZED")
	server.Flush()
	event := inbox.last(t, "payment.transaction.refunded")
	equal(t, "events", inbox.types(), "refunded refunded")
	equal(t, "transaction of the event", event.text("payload.payment_transaction_id"), id)
	want := []klarnatest.Refund{
		{
			PaymentRefundID: refundID, PaymentTransactionID: id, PaymentCaptureID: first, Reference: "refund-1",
			Amount: 200, Currency: "EUR", CreatedAt: server.Now(),
		},
		{
			PaymentRefundID: event.text("payload.payment_refund_id"), PaymentTransactionID: id, PaymentCaptureID: second,
			Amount: 500, Currency: "EUR", CreatedAt: server.Now(),
		},
	}
	if diff := cmp.Diff(want, server.Refunds()); diff != "" {
		t.Errorf("refunds (-want +got):\n%s", diff)
	}
	server.CheckInvariants(t)
}

func TestTransactionRefundUsesOldestCapturesFirst(t *testing.T) {
	server, c := newPair(t)
	id := c.pay(1000)
	for _, amount := range []int64{100, 300, 500} {
		c.capture(id, amount)
	}
	made := c.want(201, "POST", transactionsPath+id+"/refund", obj{"refund_amount": 250, "refund_reference": "refund-1"})
	equal(t, "reference", made.text("refund_reference"), "refund-1")
	equal(t, "no capture", made.get("payment_capture_id"), nil)
	var refunded []int64
	for _, taken := range server.Captures() {
		refunded = append(refunded, taken.RefundedAmount)
	}
	if diff := cmp.Diff([]int64{100, 150, 0}, refunded); diff != "" {
		t.Errorf("refunded of each capture (-want +got):\n%s", diff)
	}
	c.want(400, "POST", capturesPath+server.Captures()[1].PaymentCaptureID+"/refund", obj{"refund_amount": 151})
	server.CheckInvariants(t)
}

// The reference of a refund has two names, for captures and transactions. The wrong name is an
// unknown member, and the ledger shows that no reference arrived.
func TestRefundReferenceNamesAreNotMixed(t *testing.T) {
	server, c := newPair(t)
	id := c.pay(1000)
	taken := c.capture(id, 1000)
	c.want(201, "POST", transactionsPath+id+"/refund", obj{"refund_amount": 1, "payment_refund_reference": "refund-1"})
	c.want(201, "POST", capturesPath+taken+"/refund", obj{"refund_amount": 1, "refund_reference": "refund-2"})
	for _, given := range server.Refunds() {
		equal(t, "reference", given.Reference, "")
	}
}

func TestRefundReportsAllFailingParameters(t *testing.T) {
	_, c := newPair(t)
	id := c.pay(1000)
	taken := c.capture(id, 1000)
	for path, reference := range map[string]string{
		transactionsPath + id + "/refund": "refund_reference",
		capturesPath + taken + "/refund":  "payment_refund_reference",
	} {
		r := c.want(400, "POST", path, obj{reference: 1, "supplementary_refund_data": "x"})
		equal(t, path, r.parameters(), "refund_amount "+reference+" supplementary_refund_data")
		equal(t, path, c.want(400, "POST", path, obj{"refund_amount": -1}).parameters(), "refund_amount")
	}
}

func TestTransactionLimitsRefundsAndOperations(t *testing.T) {
	server, c := newPair(t)
	id := c.pay(1000)
	taken := c.capture(id, 500)
	for i := range 200 {
		path := transactionsPath + id
		if i%2 == 0 {
			path = capturesPath + taken
		}
		c.want(201, "POST", path+"/refund", obj{"refund_amount": 1})
	}
	for _, path := range []string{transactionsPath + id, capturesPath + taken} {
		equal(t, path, c.want(403, "POST", path+"/refund", obj{"refund_amount": 1}).text("error_code"), "OPERATION_FORBIDDEN")
	}
	for range 299 {
		c.want(200, "PATCH", transactionsPath+id, obj{})
	}
	for operation, body := range map[string]any{
		"/capture": obj{"capture_amount": 1}, "/void": nil, "/authorize": obj{}, "/refund": obj{"refund_amount": 1},
	} {
		r := c.want(403, "POST", transactionsPath+id+operation, body, freshKey())
		equal(t, operation, r.text("error_code"), "OPERATION_FORBIDDEN")
	}
	c.want(403, "PATCH", transactionsPath+id, obj{})
	c.want(200, "GET", transactionsPath+id, nil)
	equal(t, "refunds", len(server.Refunds()), 200)
}
