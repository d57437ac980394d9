package klarnatest_test

import (
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestAccountsShareNoResources(t *testing.T) {
	server, c := newPair(t)
	other := "/v2/accounts/" + server.AddAccount() + "/payment/"
	id := c.start(500)
	transaction := c.pay(500)
	taken := c.capture(transaction, 100)
	refund := c.want(201, "POST", capturesPath+taken+"/refund", obj{"refund_amount": 1}).text("payment_refund_id")
	chargeback, err := server.Chargeback(transaction, 1)
	if err != nil {
		t.Fatal(err)
	}
	customer, session := c.store(), server.IssueSessionToken("EUR", 700)
	for _, tc := range []struct {
		method, path string
		body         any
	}{
		{"GET", "requests/" + id, nil},
		{"PATCH", "requests/" + id, obj{"amount": 1}},
		{"DELETE", "requests/" + id, nil},
		{"GET", "transactions/" + transaction, nil},
		{"PATCH", "transactions/" + transaction, obj{}},
		{"POST", "transactions/" + transaction + "/capture", obj{"capture_amount": 1}},
		{"POST", "transactions/" + transaction + "/void", nil},
		{"POST", "transactions/" + transaction + "/refund", obj{"refund_amount": 1}},
		{"POST", "transactions/" + transaction + "/authorize", obj{}},
		{"GET", "captures/" + taken, nil},
		{"POST", "captures/" + taken + "/refund", obj{"refund_amount": 1}},
		{"GET", "refunds/" + refund, nil},
		{"GET", "chargebacks/" + chargeback, nil},
		{"DELETE", "tokens/" + customer, nil},
		{"DELETE", "tokens/" + session, nil},
	} {
		r := c.want(404, tc.method, other+tc.path, tc.body, freshKey())
		equal(t, tc.method+" "+tc.path, r.text("error_code"), "RESOURCE_NOT_FOUND")
	}
	r := c.want(400, "POST", other+"authorize", order(700), withToken(session), withCustomer(customer))
	equal(t, "tokens", r.parameters(), "Klarna-Network-Session-Token Klarna-Customer-Token")
	r = c.want(200, "GET", strings.TrimSuffix(other, "/")+"/presentation?"+presentationQuery, nil, withToken(session))
	equal(t, "presentation", r.text("payment_status"), "REQUIRES_CUSTOMER_ACTION")
	equal(t, "nothing happened to it", server.PaymentRequests()[0].State, "SUBMITTED")
}

func TestIdempotencyKeysBelongToOneAccount(t *testing.T) {
	server, c := newPair(t)
	account := server.AddAccount()
	c.want(201, "POST", requestsPath, draft(100), key)
	c.want(201, "POST", "/v2/accounts/"+account+"/payment/requests", draft(200), key)
	requests := server.PaymentRequests()
	equal(t, "first", requests[0].PartnerAccountID, server.PartnerAccountID)
	equal(t, "second", requests[1].PartnerAccountID, account)
}

func TestWebhookNamesItsSubjectAccount(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "payment.transaction.*")
	account := server.AddAccount()
	token, err := server.IssueSessionTokenFor(account, "EUR", 700)
	if err != nil {
		t.Fatal(err)
	}
	c.want(200, "POST", "/v2/accounts/"+account+"/payment/authorize", order(700), withToken(token))
	server.Flush()
	event := inbox.last(t, "payment.transaction.state-change.authorized")
	equal(t, "subject", event.text("metadata.subject_account_id"), account)
	equal(t, "recipient", event.text("metadata.recipient_account_id"), server.PartnerAccountID)
	equal(t, "ledger", server.Transactions()[0].PartnerAccountID, account)
	if token, err := server.IssueSessionTokenFor("krn:nobody", "EUR", 700); err == nil {
		t.Errorf("got token %s for an unknown account, want an error", token)
	}
}

func TestAcquiringPartnerMustNameTheAccount(t *testing.T) {
	server := klarnatest.NewServer(t, klarnatest.WithAcquiringPartner())
	c := newClient(t, server)
	for _, tc := range []struct {
		method, path string
		body         any
	}{
		{"GET", "payment/presentation?" + presentationQuery, nil},
		{"POST", "payment/authorize", stepUp(1)},
		{"POST", "payment/requests", draft(1)},
		{"GET", "payment/requests/x", nil},
		{"POST", "payment/transactions/x/void", nil},
		{"POST", "interoperability/tokens", nil},
	} {
		r := c.want(403, tc.method, "/v2/"+tc.path, tc.body, freshKey())
		equal(t, tc.path, r.text("error_code"), "OPERATION_FORBIDDEN")
	}
	for _, account := range []string{server.PartnerAccountID, server.AddAccount()} {
		c.want(200, "POST", "/v2/accounts/"+account+"/payment/authorize", stepUp(1))
		c.want(200, "POST", "/v2/accounts/"+account[strings.LastIndexByte(account, ':')+1:]+"/payment/authorize", stepUp(1))
	}
	c.want(200, "GET", webhooksPath, nil)
	c.want(403, "GET", "/v2/accounts/NOBODY/payment/requests/x", nil)
	equal(t, "payment requests", len(server.PaymentRequests()), 4)
}
