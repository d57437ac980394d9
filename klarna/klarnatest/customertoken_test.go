package klarnatest_test

import (
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func withCustomer(token string) string { return "Klarna-Customer-Token: " + token }

// tokenRequest returns a request_customer_token.
func tokenRequest() obj {
	return obj{"scopes": []string{"payment:customer_present", "payment:customer_not_present"}, "customer_token_reference": "customer-1"}
}

// store creates a stored customer's token.
func (c client) store() string {
	c.Helper()
	r := c.want(200, "POST", authorizePath, obj{"currency": "EUR", "request_customer_token": tokenRequest()}, withToken(c.server.IssueSessionToken("EUR", 0)))
	return r.text("customer_token_response.customer_token")
}

func TestCustomerTokenIsIssuedWithoutPayment(t *testing.T) {
	server, c := newPair(t)
	o := obj{"currency": "EUR", "request_customer_token": tokenRequest()}
	equal(t, "nothing to approve by", c.want(200, "POST", authorizePath, o).text("customer_token_response.result"), "DECLINED")

	o["supplementary_purchase_data"] = obj{"customer": obj{"email": "jo+denied@example.com"}}
	denied := c.want(200, "POST", authorizePath, o, withToken(server.IssueSessionToken("EUR", 0)))
	equal(t, "a test customer", denied.text("customer_token_response.result"), "DECLINED")
	delete(o, "supplementary_purchase_data")

	first := stepUp(0)
	delete(first, "request_payment_transaction")
	first["request_customer_token"] = tokenRequest()
	r := c.want(200, "POST", authorizePath, first)
	equal(t, "result", r.text("customer_token_response.result"), "STEP_UP_REQUIRED")
	equal(t, "no payment was asked for", r.get("payment_transaction_response"), nil)
	id := r.text("payment_request.payment_request_id")
	token := c.token(id)

	r = c.want(400, "POST", authorizePath, order(0), withToken(token))
	equal(t, "a payment that was not approved", r.parameters(), "request_payment_transaction")
	r = c.want(200, "POST", authorizePath, o, withToken(token))
	equal(t, "result", r.text("customer_token_response.result"), "APPROVED")
	customer := r.text("customer_token_response.customer_token")
	equal(t, "a token", customer != "", true)
	equal(t, "ledger", server.PaymentRequests()[0].CustomerToken, customer)
	equal(t, "again", string(c.want(200, "POST", authorizePath, o, withToken(token)).raw), string(r.raw))
	c.want(409, "DELETE", requestsPath+"/"+id, nil)
	equal(t, "nothing was taken", len(server.Transactions()), 0)
	server.CheckInvariants(t)
}

func TestCustomerTokenIsIssuedWithPayment(t *testing.T) {
	server, c := newPair(t)
	first := stepUp(700)
	first["request_customer_token"] = tokenRequest()
	r := c.want(200, "POST", authorizePath, first)
	equal(t, "both are to be approved", c.result(r)+r.text("customer_token_response.result"), "STEP_UP_REQUIREDSTEP_UP_REQUIRED")
	id := r.text("payment_request.payment_request_id")
	token := c.token(id)
	read := c.want(200, "GET", requestsPath+"/"+id, nil)
	customer := read.text("state_context.klarna_customer.customer_token")
	equal(t, "reference", read.text("state_context.klarna_customer.customer_token_reference"), "customer-1")

	r = c.want(400, "POST", authorizePath, obj{"currency": "EUR", "request_customer_token": tokenRequest()}, withToken(token))
	equal(t, "the payment is forgotten", r.parameters(), "request_payment_transaction")
	final := order(700)
	final["request_customer_token"] = tokenRequest()
	r = c.want(200, "POST", authorizePath, final, withToken(token))
	equal(t, "payment", c.result(r), "APPROVED")
	equal(t, "the same token", r.text("customer_token_response.customer_token"), customer)
	equal(t, "transactions", len(server.Transactions()), 1)

	other := order(700)
	other["request_customer_token"] = tokenRequest()
	server.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED", Reason: "NOT_TODAY"})
	r = c.want(200, "POST", authorizePath, other)
	equal(t, "no token with a decline", r.get("customer_token_response.customer_token"), nil)
	equal(t, "reason", r.text("customer_token_response.result_reason"), "NOT_TODAY")
}

func TestStoredCustomerIsApprovedImmediately(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "payment.request.*")
	customer := c.store()
	equal(t, "authorize", c.result(c.want(200, "POST", authorizePath, stepUp(700), withCustomer(customer))), "APPROVED")

	d := draft(900)
	d["request_customer_token"] = tokenRequest()
	r := c.want(201, "POST", requestsPath, d, withCustomer(customer))
	equal(t, "state", r.text("state"), "COMPLETED")
	equal(t, "previous state", r.get("previous_state"), nil)
	equal(t, "another token", r.text("state_context.klarna_customer.customer_token") != "", true)
	final := order(900)
	final["request_payment_transaction"].(obj)["payment_transaction_reference"] = "tx-2"
	final = c.want(200, "POST", authorizePath, final, withToken(r.text("state_context.klarna_network_session_token"))).body.(obj)
	equal(t, "finalized", final["payment_transaction_response"].(obj)["result"], any("APPROVED"))
	server.Flush()
	equal(t, "events", inbox.types(), "completed")
	server.CheckInvariants(t)

	server.ScriptAuthorize(klarnatest.AuthorizeRule{Result: "DECLINED"})
	equal(t, "a rule comes first", c.result(c.want(200, "POST", authorizePath, order(1), withCustomer(customer))), "DECLINED")
}

func TestIdempotencyComparesTheCustomerToken(t *testing.T) {
	_, c := newPair(t)
	c.want(200, "POST", authorizePath, order(1), key, withCustomer(c.store()))
	c.want(409, "POST", authorizePath, order(1), key, withCustomer(c.store()))
}

func TestUnknownCustomerTokenIsRefused(t *testing.T) {
	_, c := newPair(t)
	for path, body := range map[string]obj{authorizePath: order(1), requestsPath: draft(1)} {
		delete(body, "currency")
		r := c.want(400, "POST", path, body, withCustomer("krn:none"))
		equal(t, path, r.parameters(), "currency Klarna-Customer-Token")
	}
	o := order(1)
	o["request_customer_token"] = obj{"scopes": []string{"customer:login", "everything"}, "customer_token_reference": ""}
	equal(t, "a wish", c.want(400, "POST", authorizePath, o).parameters(),
		"request_customer_token.scopes[1] request_customer_token.customer_token_reference")
}

func TestPaymentRequestMayRequestOnlyAToken(t *testing.T) {
	server, c := newPair(t)
	d := draft(0)
	delete(d, "amount")
	equal(t, "neither", c.want(400, "POST", requestsPath, d).parameters(), "amount")
	d["request_customer_token"] = tokenRequest()
	id := c.want(201, "POST", requestsPath, d).text("payment_request_id")
	if err := server.ChangeShipping(id, express); err == nil {
		t.Error("shipping was chosen where nothing is paid")
	}
	token := c.token(id)
	equal(t, "a payment", c.want(400, "POST", authorizePath, order(1), withToken(token)).parameters(), "request_payment_transaction")
	final := obj{"currency": "EUR", "request_customer_token": tokenRequest()}
	equal(t, "result", c.want(200, "POST", authorizePath, final, withToken(token)).text("customer_token_response.result"), "APPROVED")

	id = c.want(201, "POST", requestsPath, d).text("payment_request_id")
	c.want(200, "PATCH", requestsPath+"/"+id, obj{"amount": 5})
	equal(t, "a payment after all", c.result(c.want(200, "POST", authorizePath, order(5), withToken(c.token(id)))), "APPROVED")
}

func TestRevokedTokenIsRefused(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "identity.*")
	customer, session, used := c.store(), server.IssueSessionToken("EUR", 1), server.IssueSessionToken("EUR", 1)
	c.want(200, "POST", authorizePath, order(1), withToken(used))
	const tokens = "/v2/payment/tokens/"

	c.want(204, "DELETE", tokens+strings.ReplaceAll(customer, ":", "%3A"), nil)
	c.want(409, "POST", authorizePath, order(1), withCustomer(customer))
	c.want(409, "POST", requestsPath, draft(1), withCustomer(customer))
	c.want(204, "DELETE", tokens+session, nil)
	c.want(409, "POST", authorizePath, order(1), withToken(session))
	for name, token := range map[string]string{
		"a revoked customer token": customer, "a revoked session token": session, "a used session token": used, "an unknown token": "krn:none",
	} {
		equal(t, name, c.want(404, "DELETE", tokens+token, nil).text("error_code"), "RESOURCE_NOT_FOUND")
	}
	server.Flush()
	equal(t, "events", inbox.types(), "revoked")
	event := inbox.last(t, "identity.customer-token.state-change.revoked")
	equal(t, "token of the event", event.text("payload.customer_token"), customer)
	equal(t, "reference of the event", event.text("payload.customer_token_reference"), "customer-1")
}
