package klarnatest_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// captured returns a final authorize that captures immediately, which completes the transaction.
func captured(amount int64) obj {
	o := order(amount)
	o["request_payment_transaction"].(obj)["capture"] = "NOW"
	return o
}

// allEndings takes a payment request to each of its final states.
func (c client) allEndings() {
	c.Helper()
	server := c.server
	c.want(200, "POST", authorizePath, captured(1), withToken(c.token(c.start(1))))
	c.want(200, "POST", authorizePath, captured(1), withToken(server.IssueSessionToken("EUR", 1)))
	c.want(200, "DELETE", requestsPath+"/"+c.start(1), nil)
	if _, err := server.Decline(c.start(1)); err != nil {
		c.Fatal(err)
	}
	c.token(c.start(1)) // never finalized
	c.start(1)          // expires
	c.want(404, "GET", "/v2/nowhere", nil)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // the second run frees what has a finalizer
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestRetentionBoundsMemory(t *testing.T) {
	server, c := newSocketless(t, klarnatest.WithRetention(time.Hour), klarnatest.WithWebhookTransport(answering(204)))
	server.Subscribe("https://shop.example/webhook")
	var held map[string]int
	var size uint64
	for day := range 20 {
		for range 4 {
			for range 3 {
				c.allEndings()
			}
			server.Advance(6 * time.Hour)
		}
		switch {
		case day == 4: // a day's worth of idempotency keys always remains
			held, size = server.Held(), heap()
		case day > 4:
			if diff := cmp.Diff(held, server.Held()); diff != "" {
				t.Fatalf("day %d: %s", day, diff)
			}
		}
	}
	t.Logf("%v in %d kB, %d kB two weeks before", held, heap()>>10, size>>10)
	if now := heap(); now > size+size/4 {
		t.Errorf("the heap grew from %d to %d bytes", size, now)
	}
	server.Advance(48 * time.Hour)
	for what, n := range server.Held() {
		equal(t, what+" after two days of nothing", n, 0)
	}
}

func TestResourcesAreForgottenAfterTheRetention(t *testing.T) {
	server, c := newSocketless(t, klarnatest.WithRetention(time.Hour))
	id := c.start(1)
	canceled := c.start(1)
	c.want(200, "DELETE", requestsPath+"/"+canceled, nil)
	c.want(200, "POST", authorizePath, order(1), withToken(server.IssueSessionToken("EUR", 1)))
	token := server.IssueSessionToken("EUR", 2)

	server.Advance(time.Hour - time.Second)
	c.want(200, "GET", requestsPath+"/"+canceled, nil)
	equal(t, "requests", len(server.Requests()), 5)
	server.Advance(time.Second)
	c.want(404, "GET", requestsPath+"/"+canceled, nil)
	equal(t, "requests within the hour", len(server.Requests()), 2)
	equal(t, "what lives", len(server.PaymentRequests()), 1)

	c.want(409, "POST", authorizePath, order(2), withToken(token))
	server.Advance(time.Hour)
	c.want(400, "POST", authorizePath, order(2), withToken(token))

	c.want(200, "GET", requestsPath+"/"+id, nil)
	server.Advance(2 * time.Hour)
	c.want(404, "GET", requestsPath+"/"+id, nil)
	equal(t, "an authorized transaction lives", len(server.Transactions()), 1)
	server.Advance(35 * 24 * time.Hour)
	equal(t, "a closed one is forgotten", len(server.Transactions()), 0)
}

func TestForgottenTransactionLeavesNothingBehind(t *testing.T) {
	server, c := newSocketless(t, klarnatest.WithRetention(time.Hour))
	before := heap()
	for range 12 {
		o := order(1)
		o["supplementary_purchase_data"].(obj)["additional_data"] = strings.Repeat("x", 500_000)
		r := c.want(200, "POST", authorizePath, o, withToken(server.IssueSessionToken("EUR", 1)))
		c.want(201, "POST", "/v2/payment/transactions/"+r.text("payment_transaction_response.payment_transaction.payment_transaction_id")+"/capture",
			obj{"capture_amount": 1})
	}
	server.Advance(26 * time.Hour) // keys and tokens are forgotten too, the 28 days have not passed
	if grown := int64(heap()) - int64(before); grown > 3_000_000 {
		t.Errorf("6 MB were sent and %d MB are held", grown/1e6)
	}
	equal(t, "transactions", len(server.Transactions()), 0)
}

func TestRevokedCustomerTokenIsForgotten(t *testing.T) {
	server, c := newSocketless(t, klarnatest.WithRetention(time.Hour))
	customer := c.store()
	server.Advance(1000 * time.Hour)
	c.want(204, "DELETE", "/v2/payment/tokens/"+customer, nil)
	c.want(409, "POST", authorizePath, order(2), withCustomer(customer))
	server.Advance(time.Hour)
	c.want(400, "POST", authorizePath, order(2), withCustomer(customer))
}

func TestServerWithoutRetentionForgetsKeysAndTokens(t *testing.T) {
	server, c := newSocketless(t, klarnatest.WithWebhookTransport(answering(204)))
	server.Subscribe("https://shop.example/webhook")
	c.allEndings()
	server.Flush()
	before := server.Held()
	server.Advance(100 * 24 * time.Hour)
	after := server.Held()
	for _, what := range []string{"payment requests", "transactions", "requests"} {
		equal(t, what, after[what], before[what])
	}
	equal(t, "deliveries, with that of the one that expired", after["deliveries"], before["deliveries"]+1)
	for _, what := range []string{"session tokens", "idempotency keys", "appointments"} {
		if before[what] == 0 {
			t.Errorf("there were no %s", what)
		}
		equal(t, what, after[what], 0)
	}
}

func TestGivenUpWebhookIsForgotten(t *testing.T) {
	server, c := newSocketless(t, klarnatest.WithWebhookTransport(answering(http.StatusTeapot)))
	server.Subscribe("https://shop.example/webhook", "payment.request.state-change.submitted")
	c.start(1)
	server.Flush()
	equal(t, "to come", server.Held()["webhooks to come"], 1)
	server.Advance(48 * time.Hour)
	equal(t, "to come after two days", server.Held()["webhooks to come"], 0)
}
