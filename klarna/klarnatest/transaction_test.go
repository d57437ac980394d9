package klarnatest_test

import (
	"math"
	"testing"
	"time"
)

func TestVoidReleasesTheUncapturedAmount(t *testing.T) {
	for name, captured := range map[string]int64{"all of it": 0, "a rest": 300} {
		t.Run(name, func(t *testing.T) {
			server, c := newPair(t)
			id := c.pay(1000)
			if captured > 0 {
				c.capture(id, captured)
			}
			voided := c.want(200, "POST", transactionsPath+id+"/void", nil, freshKey())
			equal(t, "state", voided.text("state"), "COMPLETED")
			equal(t, "released", server.Transactions()[0].VoidedAmount, 1000-captured)
			for operation, body := range map[string]any{"/void": nil, "/capture": obj{"capture_amount": 1}, "/authorize": obj{}} {
				r := c.want(409, "POST", transactionsPath+id+operation, body, freshKey())
				equal(t, operation, r.text("error_code"), "RESOURCE_CONFLICT")
			}
			server.CheckInvariants(t)
		})
	}
}

func TestCapturesAreRefundableInAnyState(t *testing.T) {
	server, c := newPair(t)
	id := c.pay(1000)
	taken := c.capture(id, 300)
	for _, state := range []string{"AUTHORIZED", "EXPIRED", "CLOSED"} {
		equal(t, "state", server.Transactions()[0].State, state)
		c.want(201, "POST", transactionsPath+id+"/refund", obj{"refund_amount": 1})
		c.want(201, "POST", capturesPath+taken+"/refund", obj{"refund_amount": 1})
		server.Advance(28 * 24 * time.Hour)
	}
}

func TestExpiredTransactionIsExtendableForAWeek(t *testing.T) {
	const day = 24 * time.Hour
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL)
	id := c.pay(1000)
	extend, void, capture := transactionsPath+id+"/authorize", transactionsPath+id+"/void", transactionsPath+id+"/capture"
	state := func() string { return server.Transactions()[0].State }

	extended := c.want(200, "POST", extend, obj{"extension_days": 2})
	equal(t, "expiry", extended.text("expires_at"), server.Now().Add(30*day).Format(time.RFC3339))
	server.Advance(29 * day)
	equal(t, "after its first end", state(), "AUTHORIZED")
	server.Advance(day)
	equal(t, "after its new end", state(), "EXPIRED")
	c.want(409, "POST", void, nil, freshKey())
	c.want(409, "POST", capture, obj{"capture_amount": 1})

	server.Advance(7*day - time.Second)
	extended = c.want(200, "POST", extend, obj{
		"extension_days": 1, "amount": 500, "supplementary_purchase_data": obj{"purchase_reference": "order-2"},
	})
	equal(t, "state", extended.text("state"), "AUTHORIZED")
	equal(t, "amount", extended.get("amount"), any(1500.0))
	equal(t, "data", extended.text("supplementary_purchase_data.purchase_reference"), "order-2")
	equal(t, "expiry from now", extended.text("expires_at"), server.Now().Add(day).Format(time.RFC3339))
	c.capture(id, 1400)
	server.Advance(time.Second)
	equal(t, "when it would have closed", state(), "AUTHORIZED")

	c.want(200, "POST", extend, obj{})
	server.Advance(28*day - 2*time.Second)
	equal(t, "a life after an extension that says nothing", state(), "AUTHORIZED")
	server.Advance(8 * day)
	equal(t, "in the end", state(), "CLOSED")
	for path, body := range map[string]any{extend: obj{}, void: nil, capture: obj{"capture_amount": 1}} {
		c.want(409, "POST", path, body, freshKey())
	}
	equal(t, "events", inbox.types(), "authorized expired expired authorized captured funded expired closed")
	server.CheckInvariants(t)
}

func TestExtensionReportsAllFailingParameters(t *testing.T) {
	_, c := newPair(t)
	path := transactionsPath + c.pay(1000) + "/authorize"
	for name, body := range map[string]obj{
		"negative":                        {"extension_days": -1, "amount": -1},
		"no number":                       {"extension_days": "1", "amount": 1.5},
		"beyond what JSON has a date for": {"extension_days": 4_000_000, "amount": math.MaxInt64},
		"beyond what a number holds":      {"extension_days": math.MaxInt64, "amount": math.MaxInt64},
	} {
		equal(t, name, c.want(400, "POST", path, body).parameters(), "extension_days amount")
	}
	c.want(200, "POST", path, obj{"extension_days": 999_999})
	c.want(200, "POST", path, obj{"extension_days": 999_999})
	equal(t, "in the year 10000", c.want(400, "POST", path, obj{"extension_days": 999_999}).parameters(), "extension_days")
	c.want(400, "POST", path, obj{"supplementary_purchase_data": 1})
}

func TestTransactionReferenceIsUpdated(t *testing.T) {
	server, c := newPair(t)
	id := c.pay(1000)
	patched := c.want(200, "PATCH", transactionsPath+id, obj{
		"payment_transaction_reference": "tx-2", "supplementary_purchase_data": obj{"purchase_reference": "order-2"},
	})
	equal(t, "reference", patched.text("payment_transaction_reference"), "tx-2")
	equal(t, "data", patched.text("supplementary_purchase_data.purchase_reference"), "order-2")
	equal(t, "read", string(c.want(200, "GET", transactionsPath+id, nil).raw), string(patched.raw))
	equal(t, "ledger", server.Transactions()[0].Reference, "tx-2")
	r := c.want(400, "PATCH", transactionsPath+id, obj{
		"payment_transaction_reference": "", "supplementary_purchase_data": obj{"line_items": []obj{{"name": "x", "quantity": 1, "total_amount": 1}}},
	})
	equal(t, "parameters", r.parameters(), "payment_transaction_reference supplementary_purchase_data.line_items")
}

func TestTransactionEventsHoldNoPersonalData(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL)
	id := c.pay(1000)
	equal(t, "read", c.want(200, "GET", transactionsPath+id, nil).text("supplementary_purchase_data.customer.email"), "jo@example.com")
	server.Flush()
	equal(t, "event", inbox.last(t, "payment.transaction.state-change.authorized").get("payload.supplementary_purchase_data"), nil)
}

func TestARepeatedVoidGetsTheFirstAnswer(t *testing.T) {
	_, c := newPair(t)
	id := c.pay(1000)
	equal(t, "no key", c.want(400, "POST", transactionsPath+id+"/void", nil).parameters(), "Klarna-Idempotency-Key")
	equal(t, "a body", c.want(400, "POST", transactionsPath+id+"/void", obj{}).parameters(), "body")
	first := c.want(200, "POST", transactionsPath+id+"/void", nil, key)
	equal(t, "again", string(c.want(200, "POST", transactionsPath+id+"/void", nil, key).raw), string(first.raw))
}

func TestExtensionDelaysTheClosing(t *testing.T) {
	const day = 24 * time.Hour
	server, c := newPair(t)
	id := c.pay(1000)
	server.Advance(29 * day) // expired a day ago
	c.want(200, "POST", transactionsPath+id+"/authorize", obj{"extension_days": 1})
	server.Advance(8*day - time.Second)
	equal(t, "a week after its first end", server.Transactions()[0].State, "EXPIRED")
	server.Advance(time.Second)
	equal(t, "a week after its last", server.Transactions()[0].State, "CLOSED")
}
