package klarnatest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestAPurchaseFromFirstAuthorizeToTransaction(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL)

	first := c.want(200, "POST", "/v2/accounts/"+server.PartnerAccountID+"/payment/authorize", stepUp(1999))
	equal(t, "result", c.result(first), "STEP_UP_REQUIRED")
	id := first.text("payment_request.payment_request_id")
	interaction := "payment_request.state_context.customer_interaction."
	equal(t, "method", first.text(interaction+"method"), "HANDOVER")
	equal(t, "id next to the URL", first.text(interaction+"payment_request_id"), id)
	equal(t, "customer's URL", strings.HasPrefix(first.text(interaction+"payment_request_url"), server.URL), true)
	equal(t, "expiry", first.text("payment_request.expires_at"), server.Now().Add(3*time.Hour).Format(time.RFC3339))
	equal(t, "no token yet", first.get("payment_request.state_context.klarna_network_session_token"), nil)

	back, err := server.Approve(id)
	if err != nil {
		t.Fatal(err)
	}
	server.Flush()

	event := inbox.last(t, "payment.request.state-change.completed")
	token := event.text("payload.klarna_network_session_token")
	equal(t, "token in state_context", event.text("payload.state_context.klarna_network_session_token"), token)
	equal(t, "older name", event.text("payload.payment_token"), token)
	equal(t, "previous state", event.text("payload.previous_state"), "IN_PROGRESS")
	equal(t, "customer", event.text("payload.klarna_customer.customer_profile.email"), "jo@example.com")
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "id in the return URL", u.Query().Get("id"), id)
	equal(t, "token in the return URL", u.Query().Get("token"), token)
	equal(t, "state in the return URL", u.Query().Get("state"), "COMPLETED")

	final := c.want(200, "POST", authorizePath, order(1999), withToken(token))
	equal(t, "final result", c.result(final), "APPROVED")
	transaction := "payment_transaction_response.payment_transaction."
	txID := final.text(transaction + "payment_transaction_id")
	equal(t, "state", final.text(transaction+"state"), "AUTHORIZED")

	server.Flush()
	authorized := inbox.last(t, "payment.transaction.state-change.authorized")
	equal(t, "transaction of the event", authorized.text("payload.payment_transaction_id"), txID)
	equal(t, "payment request of the event", authorized.text("payload.payment_request_id"), id)

	read := c.want(200, "GET", "/v2/payment/transactions/"+txID, nil)
	equal(t, "amount read", read.get("amount"), any(1999.0))
	equal(t, "reference read", read.text("payment_transaction_reference"), "tx-1")

	ledger := server.Transactions()
	if len(ledger) != 1 {
		t.Fatalf("transactions: %+v", ledger)
	}
	equal(t, "ledger", ledger[0], klarnatest.Transaction{
		PaymentTransactionID: txID, Reference: "tx-1", PaymentRequestID: id, PartnerAccountID: server.PartnerAccountID,
		Amount: 1999, Currency: "EUR", State: "AUTHORIZED", CreatedAt: server.Now(),
	})
	equal(t, "finalized payment request", server.PaymentRequests()[0].PaymentTransactionID, txID)
	equal(t, "events", inbox.types(), "submitted in-progress completed authorized")
}

func TestDeniedCustomerEndsThePaymentRequest(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "payment.request.*")
	id := c.start(500)
	back, err := server.Decline(id)
	if err != nil || !strings.Contains(back, "state=DECLINED") {
		t.Fatalf("return URL %q, error %v", back, err)
	}
	read := c.want(200, "GET", requestsPath+"/"+id, nil)
	equal(t, "state", read.text("state"), "DECLINED")
	equal(t, "has a reason", read.text("state_reason") != "", true)
	server.Flush()
	equal(t, "events", inbox.types(), "submitted in-progress declined")
	for name, again := range map[string]func(string) (string, error){
		"Approve": server.Approve, "Decline": server.Decline, "Abandon": server.Abandon,
	} {
		if _, err := again(id); err == nil {
			t.Errorf("%s of a declined payment request succeeded", name)
		}
	}
}

func TestACustomerWhoLeavesMayComeBack(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL)
	id := c.start(500)
	if err := server.Open(id); err != nil {
		t.Fatal(err)
	}
	if err := server.Open(id); err != nil {
		t.Fatalf("opening the page twice: %v", err)
	}
	back, err := server.Abandon(id)
	if err != nil || !strings.Contains(back, "state=SUBMITTED") || strings.Contains(back, "{") {
		t.Fatalf("return URL %q, error %v", back, err)
	}
	read := c.want(200, "GET", requestsPath+"/"+id, nil)
	equal(t, "state", read.text("state"), "SUBMITTED")
	equal(t, "previous", read.text("previous_state"), "IN_PROGRESS")
	equal(t, "reason", read.text("state_reason"), "PURCHASE_FLOW_ABORTED")
	equal(t, "approved after all", c.token(id) != "", true)
	server.Flush()
	equal(t, "events", inbox.types(), "submitted in-progress submitted in-progress completed")
}

func TestPaymentRequestExpiresOnTheServersClock(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "payment.request.state-change.expired")
	id := c.start(500)
	server.Advance(3*time.Hour - time.Second)
	equal(t, "a second before", server.PaymentRequests()[0].State, "SUBMITTED")
	server.Advance(time.Second)
	equal(t, "state", c.want(200, "GET", requestsPath+"/"+id, nil).text("state"), "EXPIRED")
	equal(t, "events", inbox.types(), "expired")
	if _, err := server.Approve(id); err == nil {
		t.Error("an expired payment request was approved")
	}
}

func TestCanceledPaymentRequestIsFinal(t *testing.T) {
	server, c := newPair(t)
	id := c.start(500)
	token := c.token(id)
	canceled := c.want(200, "DELETE", requestsPath+"/"+id, nil)
	equal(t, "state", canceled.text("state"), "CANCELED")
	equal(t, "reason", canceled.text("state_reason"), "PARTNER_CANCELED")
	equal(t, "time", canceled.text("canceled_at"), server.Now().Format(time.RFC3339))
	equal(t, "token is not shown", canceled.get("state_context.klarna_network_session_token"), nil)
	refused := c.want(409, "POST", authorizePath, order(500), withToken(token))
	equal(t, "code", refused.text("error_code"), "RESOURCE_CONFLICT")
	c.want(409, "DELETE", requestsPath+"/"+id, nil)
	equal(t, "nothing was taken", len(server.Transactions()), 0)
}

func TestAFinalizedPaymentRequestCannotBeCanceled(t *testing.T) {
	_, c := newPair(t)
	id := c.start(500)
	c.want(200, "POST", authorizePath, order(500), withToken(c.token(id)))
	c.want(409, "DELETE", requestsPath+"/"+id, nil)
	equal(t, "state", c.want(200, "GET", requestsPath+"/"+id, nil).text("state"), "COMPLETED")
}

func TestTheApprovedAmountCounts(t *testing.T) {
	server, c := newPair(t)
	id := c.start(1000)
	if err := server.ChangeShipping(id, klarnatest.ShippingOption{Price: 500}); err != nil {
		t.Fatal(err)
	}
	token := c.token(id)
	refused := c.want(400, "POST", authorizePath, order(1000), withToken(token))
	equal(t, "parameter", refused.parameters(), "request_payment_transaction.amount")
	approved := c.want(200, "POST", authorizePath, order(1500), withToken(token))
	equal(t, "result", c.result(approved), "APPROVED")
	equal(t, "taken", server.Transactions()[0].Amount, 1500)
}

func TestJourneysOfAnUnknownPaymentRequestFail(t *testing.T) {
	server := klarnatest.NewServer(t)
	if err := server.Open("krn:payment:eu1:request:none"); err == nil {
		t.Error("Open succeeded")
	}
	if err := server.ChangeShipping("krn:payment:eu1:request:none", klarnatest.ShippingOption{}); err == nil {
		t.Error("ChangeShipping succeeded")
	}
}

func TestATransactionExpiresAndCloses(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "payment.transaction.*")
	c.want(200, "POST", authorizePath, order(500), withToken(server.IssueSessionToken("EUR", 500)))
	server.Advance(28 * 24 * time.Hour)
	equal(t, "state", server.Transactions()[0].State, "EXPIRED")
	server.Advance(7 * 24 * time.Hour)
	equal(t, "state", server.Transactions()[0].State, "CLOSED")
	equal(t, "events", inbox.types(), "authorized expired closed")
}
