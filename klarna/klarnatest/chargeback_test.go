package klarnatest_test

import "testing"

func TestChargebackBeginsADispute(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "payment.transaction.chargeback", "payment.dispute.*")
	id := c.pay(1000)
	taken := c.capture(id, 600)
	chargeback, err := server.Chargeback(id, 400)
	if err != nil {
		t.Fatal(err)
	}
	read := c.want(200, "GET", "/v2/payment/chargebacks/"+chargeback, nil)
	equal(t, "id", read.text("payment_chargeback_id"), chargeback)
	equal(t, "transaction", read.text("payment_transaction_id"), id)
	server.Flush()
	equal(t, "events", inbox.types(), "chargeback initiated")
	equal(t, "chargeback of the event", inbox.last(t, "payment.transaction.chargeback").text("payload.payment_chargeback_id"), chargeback)
	dispute := inbox.last(t, "payment.dispute.state-change.initiated")
	for path, want := range map[string]any{
		"payload.payment_transaction_id":         id,
		"payload.payment_transaction_reference":  "tx-1",
		"payload.payment_capture_id":             taken,
		"payload.state":                          "INITIATED",
		"payload.dispute_details.dispute_amount": 400.0,
		"payload.dispute_details.currency":       "EUR",
	} {
		equal(t, path, dispute.get(path), want)
	}
	equal(t, "has a dispute id", dispute.text("payload.payment_dispute_id") != "", true)

	for name, try := range map[string]struct {
		id     string
		amount int64
	}{
		"of more than was captured": {id, 201},
		"of nothing":                {id, 0},
		"of an unknown transaction": {"krn:none", 1},
	} {
		if id, err := server.Chargeback(try.id, try.amount); err == nil {
			t.Errorf("a chargeback %s: %s", name, id)
		}
	}
	if _, err := server.Chargeback(id, 200); err != nil {
		t.Errorf("of the rest: %v", err)
	}
}
