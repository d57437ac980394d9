package klarnatest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestCreateReadUpdateAndCancelAPaymentRequest(t *testing.T) {
	server, c := newPair(t)
	d := draft(100)
	d["payment_option_id"] = "S0xBUk5B"
	d["supplementary_purchase_data"] = obj{
		"line_items": []obj{{"name": "Tom & Jerry <3", "quantity": 1, "total_amount": 100}}, "unheard_of": obj{"a": []int{1}},
	}
	created := c.want(201, "POST", requestsPath, d)
	id := created.text("payment_request_id")
	equal(t, "id", strings.HasPrefix(id, "krn:payment:eu1:request:"), true)
	equal(t, "state", created.text("state"), "SUBMITTED")
	equal(t, "option", created.text("payment_option_id"), "S0xBUk5B")
	equal(t, "lines", created.text("supplementary_purchase_data.line_items.0.name"), "Tom & Jerry <3")
	equal(t, "unknown data", created.get("supplementary_purchase_data.unheard_of.a.0"), any(1.0))
	equal(t, "interaction", created.text("customer_interaction_config.return_url"), returnURL)

	for name, form := range map[string]string{
		"raw":                 "/v2/payment/requests/" + id,
		"percent-encoded":     "/v2/payment/requests/" + strings.ReplaceAll(id, ":", "%3A"),
		"for the KRN":         "/v2/accounts/" + server.PartnerAccountID + "/payment/requests/" + id,
		"for the encoded KRN": "/v2/accounts/" + strings.ReplaceAll(server.PartnerAccountID, ":", "%3a") + "/payment/requests/" + id,
		"for the last part":   "/v2/accounts/" + server.PartnerAccountID[len(server.PartnerAccountID)-8:] + "/payment/requests/" + url.PathEscape(id),
	} {
		t.Run("read "+name, func(t *testing.T) {
			equal(t, "body", string(c.want(200, "GET", form, nil).raw), string(created.raw))
			requests := server.Requests()
			equal(t, "path as sent", requests[len(requests)-1].Path, form)
		})
	}

	server.Advance(time.Minute)
	refused := c.want(400, "PATCH", requestsPath+"/"+id, obj{"amount": 150})
	equal(t, "the old lines no longer fit", refused.parameters(), "supplementary_purchase_data.line_items")
	patched := c.want(200, "PATCH", requestsPath+"/"+id, obj{"amount": 150, "supplementary_purchase_data": obj{}})
	equal(t, "amount", patched.get("amount"), any(150.0))
	equal(t, "what was left out stays", patched.text("payment_option_id"), "S0xBUk5B")
	equal(t, "expiry stays", patched.text("expires_at"), created.text("expires_at"))
	equal(t, "updated_at", patched.text("updated_at"), server.Now().Format(time.RFC3339))
	put := c.want(200, "PUT", requestsPath+"/"+id, obj{"payment_request_reference": "request-2"})
	equal(t, "reference", put.text("payment_request_reference"), "request-2")

	if err := server.Open(id); err != nil {
		t.Fatal(err)
	}
	c.want(409, "PATCH", requestsPath+"/"+id, obj{"payment_option_id": "x"})
	equal(t, "state", c.want(200, "DELETE", requestsPath+"/"+id, nil).text("state"), "CANCELED")
}

func TestPurchaseDataIsEchoedAsReceived(t *testing.T) {
	_, c := newPair(t)
	const data = `{"purchase_reference":"<Tom & Jerry>","b":1.50,"a":"\u00e9","b2":9007199254740993}`
	r := c.want(201, "POST", requestsPath, `{"currency":"EUR","amount":1,"supplementary_purchase_data":`+data+`}`)
	if !strings.Contains(string(r.raw), data) {
		t.Errorf("%s is not in %s", data, r.raw)
	}
}

func TestAnUpdateMovesTheExpiry(t *testing.T) {
	server, c := newPair(t)
	id := c.want(201, "POST", requestsPath, draft(1)).text("payment_request_id")
	c.want(200, "PATCH", requestsPath+"/"+id, obj{"customer_interaction_config": obj{
		"method": "QR_CODE", "interaction_expiry": obj{"duration": "PT10H"},
	}})
	server.Advance(9 * time.Hour)
	equal(t, "after the first expiry", server.PaymentRequests()[0].State, "SUBMITTED")
	equal(t, "in store", c.want(200, "GET", requestsPath+"/"+id, nil).get("state_context.customer_interaction.qr_code.target_url"),
		any(server.PaymentRequests()[0].PaymentRequestURL))
	back, err := server.Abandon(id)
	if err != nil || back != "" {
		t.Errorf("without a return_url the customer went to %q, error %v", back, err)
	}
	server.Advance(time.Hour)
	equal(t, "after the new one", server.PaymentRequests()[0].State, "EXPIRED")
}

func TestPaymentRequestRefusesMembersOfAuthorize(t *testing.T) {
	_, c := newPair(t)
	r := c.want(400, "POST", requestsPath, stepUp(100))
	equal(t, "parameters", r.parameters(), "amount request_payment_transaction step_up_config")
	c.want(400, "POST", requestsPath, `[]`)
	id := c.want(201, "POST", requestsPath, draft(1)).text("payment_request_id")
	c.want(400, "PATCH", requestsPath+"/"+id, `null`)
}

func TestAnUnknownResourceIsNotFound(t *testing.T) {
	_, c := newPair(t)
	for _, tc := range []struct {
		method, path string
		body         any
	}{
		{"GET", requestsPath + "/krn:none", nil},
		{"PATCH", requestsPath + "/krn:none", obj{"amount": 1}},
		{"DELETE", requestsPath + "/krn:none", nil},
		{"GET", "/v2/payment/transactions/krn:none", nil},
	} {
		r := c.want(404, tc.method, tc.path, tc.body)
		equal(t, tc.method+" "+tc.path, r.text("error_code"), "RESOURCE_NOT_FOUND")
	}
}

func TestPaymentRequestsMatchTheAPI(t *testing.T) {
	server, c := newPair(t)
	id := c.start(100)
	token := c.token(id)
	equal(t, "ledger", server.PaymentRequests()[0], klarnatest.PaymentRequest{
		PaymentRequestID: id, PartnerAccountID: server.PartnerAccountID, Reference: "request-1", Amount: 100, Currency: "EUR", State: "COMPLETED",
		PaymentRequestURL: server.PaymentRequests()[0].PaymentRequestURL, SessionToken: token,
		CreatedAt: server.Now(), ExpiresAt: server.Now().Add(3 * time.Hour),
	})
}
