package klarnatest_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// FuzzHandle sends arbitrary requests. The server must not panic, and every answer that is not a
// success must be an error in Klarna's form.
func FuzzHandle(f *testing.F) {
	payment := mustJSON(f, stepUp(700))
	for _, path := range []string{
		"payment/authorize", "payment/requests", "payment/requests/{request}", "payment/transactions/{transaction}",
		"payment/transactions/{transaction}/capture", "payment/transactions/{transaction}/refund", "payment/transactions/{transaction}/authorize",
		"payment/captures/{capture}/refund", "notification/webhooks", "accounts/{account}/payment/authorize", "interoperability/tokens",
	} {
		for _, body := range []string{
			payment, `{"amount":1,"capture_amount":1,"refund_amount":1,"extension_days":9223372036854775807}`, `[]`, `null`, `{"a":`, `{"a":1,"a":2}`,
			`{"currency":"EUR","request_customer_token":{"scopes":["customer:login",1]},"supplementary_purchase_data":{"line_items":[null,1]}}`,
			`{"currency":"EUR","amount":1e3,"customer_interaction_config":{"method":"QR_CODE","interaction_expiry":{"duration":"P9999DT999999H"}}}`,
			`{"url":"https://[::1]:1","event_types":["a.*",""],"event_version":"v2","signing_key_id":"x","status":"\u0000"}`,
		} {
			for _, method := range []string{"POST", "PATCH"} {
				f.Add(method, path, body, "{session}", "{customer}")
			}
		}
	}
	f.Add("POST", "payment/transactions/{transaction}/void", "", "", "")
	f.Add("GET", "payment/presentation?currency=EUR&locale=en-US&amount=-1&intents[]=PAY&app_return_url=%", "", "\xff", "")
	f.Add("DELETE", "payment/tokens/{customer}", "", "", "")
	f.Add("DELETE", "notification/signing-keys/%2f", "", "", "")
	f.Fuzz(func(t *testing.T, method, path, body, session, customer string) {
		server, c := newSocketless(t)
		paid := order(700)
		// No input can repeat this reference.
		paid["request_payment_transaction"].(obj)["payment_transaction_reference"] = rand.Text()
		transaction := c.want(200, "POST", authorizePath, paid, withToken(server.IssueSessionToken("EUR", 700))).
			text("payment_transaction_response.payment_transaction.payment_transaction_id")
		capture := c.capture(transaction, 100)
		named := strings.NewReplacer(
			"{account}", server.PartnerAccountID, "{request}", c.start(500), "{transaction}", transaction, "{capture}", capture,
			"{session}", server.IssueSessionToken("EUR", 700), "{customer}", c.store(),
		)
		u, err := url.Parse(server.URL + "/v2/" + named.Replace(path))
		if err != nil {
			return
		}
		request := &http.Request{Method: method, URL: u, Header: http.Header{
			"Authorization":                {"Basic " + server.APIKey},
			"Content-Type":                 {"application/json"},
			"Klarna-Idempotency-Key":       {"key"},
			"Klarna-Network-Session-Token": {named.Replace(session)},
			"Klarna-Customer-Token":        {named.Replace(customer)},
			"Klarna-Integration-Metadata":  {session},
		}, Body: io.NopCloser(strings.NewReader(body))}
		if json.Valid([]byte(session)) {
			request.Header.Del("Klarna-Network-Session-Token")
		} else {
			request.Header.Del("Klarna-Integration-Metadata")
		}
		answer, err := server.Transport().RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		raw, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		switch status := answer.StatusCode; {
		case status == http.StatusNoContent, status == http.StatusAccepted, status == http.StatusRequestEntityTooLarge:
			if len(raw) > 0 {
				t.Errorf("%d with a body: %s", status, raw)
			}
			return
		case status/100 == 2:
			if !json.Valid(raw) {
				t.Errorf("%d that is no JSON: %q", status, raw)
			}
		default:
			checkError(t, status, raw)
		}
		server.CheckInvariants(t)
	})
}

// checkError checks an answer against the form of Klarna's errors.
func checkError(t *testing.T, status int, raw []byte) {
	t.Helper()
	var body struct {
		ID               string                               `json:"error_id"`
		Code             string                               `json:"error_code"`
		Message          string                               `json:"error_message"`
		ValidationErrors []struct{ Parameter, Reason string } `json:"validation_errors"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(&body); err != nil {
		t.Fatalf("%d: %v in %q", status, err, raw)
	}
	allowed := map[int]string{
		400: "VALIDATION_ERROR INVALID_CONTENT_TYPE", 401: "UNAUTHORIZED", 403: "OPERATION_FORBIDDEN",
		404: "NOT_FOUND RESOURCE_NOT_FOUND", 409: "RESOURCE_CONFLICT",
	}
	if body.ID == "" || body.Message == "" || body.Code == "" || !strings.Contains(" "+allowed[status]+" ", " "+body.Code+" ") {
		t.Errorf("%d: %s", status, raw)
	}
	if (body.Code == "VALIDATION_ERROR") != (len(body.ValidationErrors) > 0) {
		t.Errorf("parameters of %s: %s", body.Code, raw)
	}
	for _, v := range body.ValidationErrors {
		if v.Parameter == "" || v.Reason == "" {
			t.Errorf("a parameter without name or reason: %s", raw)
		}
	}
}

// FuzzPath requests resources with arbitrary ids: each route exists, no resource does.
func FuzzPath(f *testing.F) {
	for _, id := range []string{"krn:payment:eu1:request:1", "a/b", "%2F", ".", "..", "a?b#c", "\x00", "\xff", "å", "{id}", " ", "accounts"} {
		f.Add(id)
	}
	server := klarnatest.NewServer(f, klarnatest.WithoutSocket())
	f.Fuzz(func(t *testing.T, id string) {
		if id == "" {
			return
		}
		for _, prefix := range []string{"", "accounts/" + url.PathEscape(server.PartnerAccountID) + "/"} {
			c := client{t, server, &http.Client{Transport: server.Transport()}}
			r := c.want(404, "GET", "/v2/"+prefix+"payment/transactions/"+url.PathEscape(id), nil)
			equal(t, "code", r.text("error_code"), "RESOURCE_NOT_FOUND")
			c.want(403, "GET", "/v2/accounts/"+url.PathEscape("no "+id)+"/payment/transactions/x", nil)
		}
	})
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
