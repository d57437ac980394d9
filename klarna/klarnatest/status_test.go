package klarnatest_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// speak makes one request with nothing but the standard library, and returns the status and the
// body of the answer.
func speak(t *testing.T, server *klarnatest.Server, method, path, body string, headers ...string) (int, map[string]any) {
	t.Helper()
	var payload io.Reader
	if body != "" {
		payload = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/v2/"+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Basic "+server.APIKey)
	request.Header.Set("Klarna-Idempotency-Key", rand.Text())
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &decoded); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
	}
	return answer.StatusCode, decoded
}

// silence is a receiver that accepts webhooks and ignores them.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
}

// dig returns the text at a path of names in an answer.
func dig(t *testing.T, answer map[string]any, names ...string) string {
	t.Helper()
	var at any = answer
	for _, name := range names {
		members, _ := at.(map[string]any)
		at = members[name]
	}
	text, ok := at.(string)
	if !ok {
		t.Fatalf("no %v in %v", names, answer)
	}
	return text
}

// createAll creates one resource of each kind and returns the replacements for the placeholders in
// paths and headers.
func createAll(t *testing.T, server *klarnatest.Server) *strings.Replacer {
	t.Helper()
	post := func(path, body string, headers ...string) map[string]any {
		status, decoded := speak(t, server, "POST", path, body, headers...)
		if status/100 != 2 {
			t.Fatalf("%s: %d %v", path, status, decoded)
		}
		return decoded
	}
	const payment = `{"currency":"EUR","request_payment_transaction":{"amount":700,"payment_transaction_reference":"tx"}}`
	const request = `{"currency":"EUR","amount":700,"customer_interaction_config":{"method":"QR_CODE"}}`
	paid := post("payment/authorize", payment, "Klarna-Network-Session-Token", server.IssueSessionToken("EUR", 700))
	transaction := dig(t, paid, "payment_transaction_response", "payment_transaction", "payment_transaction_id")
	capture := dig(t, post("payment/transactions/"+transaction+"/capture", `{"capture_amount":100}`), "payment_capture_id")
	refund := dig(t, post("payment/captures/"+capture+"/refund", `{"refund_amount":1}`), "payment_refund_id")
	chargeback, err := server.Chargeback(transaction, 1)
	if err != nil {
		t.Fatal(err)
	}
	customer := dig(t, post("payment/authorize", `{"currency":"EUR","request_customer_token":{"scopes":["customer:login"]}}`,
		"Klarna-Network-Session-Token", server.IssueSessionToken("EUR", 0)), "customer_token_response", "customer_token")
	approved, canceled := dig(t, post("payment/requests", request), "payment_request_id"), dig(t, post("payment/requests", request), "payment_request_id")
	if _, err := server.Approve(approved); err != nil {
		t.Fatal(err)
	}
	_, read := speak(t, server, "GET", "payment/requests/"+approved, "")
	token := dig(t, read, "state_context", "klarna_network_session_token")
	speak(t, server, "DELETE", "payment/requests/"+canceled, "")
	key, spare := dig(t, post("notification/signing-keys", ""), "signing_key_id"), dig(t, post("notification/signing-keys", ""), "signing_key_id")
	webhook := dig(t, post("notification/webhooks", `{"url":"https://shop.example/hook","event_types":["payment.*"],"event_version":"v2",
		"signing_key_id":"`+key+`","status":"ENABLED"}`), "webhook_id")
	return strings.NewReplacer(
		"{request}", dig(t, post("payment/requests", request), "payment_request_id"), "{approved}", approved, "{canceled}", canceled,
		"{session}", token, "{transaction}", transaction, "{capture}", capture, "{refund}", refund, "{chargeback}", chargeback,
		"{customer}", customer, "{key}", key, "{spare}", spare, "{webhook}", webhook,
	)
}

// Every status that Klarna's documentation specifies. If it promises only success, the test accepts
// any 2xx.
func TestEndpointsAnswerTheDocumentedStatus(t *testing.T) {
	const (
		session   = "Klarna-Network-Session-Token"
		presented = "payment/presentation?currency=EUR&locale=en-US&amount=700&intents%5B%5D=PAY"
		payment   = `"currency":"EUR","request_payment_transaction":{"amount":700,"payment_transaction_reference":"tx"}`
		request   = `{"currency":"EUR","amount":700,"customer_interaction_config":{"method":"QR_CODE"}}`
		stepUp    = `"step_up_config":{"payment_request_reference":"r","customer_interaction_config":{"method":"QR_CODE"}}`
	)
	for _, tc := range []struct {
		name, method, path, body, status, code string
		headers                                []string
	}{
		{"presentation", "GET", presented, "", "200", "", nil},
		{"presentation without an amount", "GET", "payment/presentation?currency=EUR&locale=en-US", "", "400", "VALIDATION_ERROR", nil},

		{"authorize declines", "POST", "payment/authorize", `{` + payment + `}`, "200", "", nil},
		{"authorize steps up", "POST", "payment/authorize", `{` + payment + `,` + stepUp + `}`, "200", "", nil},
		{"authorize finalizes", "POST", "payment/authorize", `{` + payment + `}`, "200", "", []string{session, "{session}"}},
		{"authorize by the token's older name", "POST", "payment/authorize", `{` + payment + `}`, "200", "", []string{"Klarna-Payment-Token", "{session}"}},
		{"authorize for a stored customer", "POST", "payment/authorize", `{` + payment + `}`, "200", "", []string{"Klarna-Customer-Token", "{customer}"}},
		{"authorize without a currency", "POST", "payment/authorize", `{}`, "400", "VALIDATION_ERROR", nil},
		{"authorize with a form", "POST", "payment/authorize", `a=b`, "400", "INVALID_CONTENT_TYPE", []string{"Content-Type", "text/plain"}},

		{"create a payment request", "POST", "payment/requests", request, "201", "", nil},
		{"create one for a stored customer", "POST", "payment/requests", request, "201", "", []string{"Klarna-Customer-Token", "{customer}"}},
		{"read a payment request", "GET", "payment/requests/{request}", "", "200", "", nil},
		{"update a payment request", "PATCH", "payment/requests/{request}", `{"amount":1}`, "200", "", nil},
		{"update with PUT", "PUT", "payment/requests/{request}", `{"amount":1}`, "200", "", nil},
		{"update after the approval", "PATCH", "payment/requests/{approved}", `{"amount":1}`, "409", "RESOURCE_CONFLICT", nil},
		{"cancel a payment request", "DELETE", "payment/requests/{request}", "", "200", "", nil},
		{"cancel after the approval", "DELETE", "payment/requests/{approved}", "", "200", "", nil},
		{"cancel twice", "DELETE", "payment/requests/{canceled}", "", "409", "RESOURCE_CONFLICT", nil},
		{"read one that is not", "GET", "payment/requests/krn:none", "", "404", "RESOURCE_NOT_FOUND", nil},

		{"read a transaction", "GET", "payment/transactions/{transaction}", "", "2xx", "", nil},
		{"update a transaction", "PATCH", "payment/transactions/{transaction}", `{"payment_transaction_reference":"b"}`, "2xx", "", nil},
		{"capture", "POST", "payment/transactions/{transaction}/capture", `{"capture_amount":1}`, "2xx", "", nil},
		{"void", "POST", "payment/transactions/{transaction}/void", "", "2xx", "", nil},
		{"refund a transaction", "POST", "payment/transactions/{transaction}/refund", `{"refund_amount":1}`, "2xx", "", nil},
		{"extend", "POST", "payment/transactions/{transaction}/authorize", `{"extension_days":1}`, "2xx", "", nil},
		{"read a capture", "GET", "payment/captures/{capture}", "", "2xx", "", nil},
		{"refund a capture", "POST", "payment/captures/{capture}/refund", `{"refund_amount":1}`, "2xx", "", nil},
		{"read a refund", "GET", "payment/refunds/{refund}", "", "2xx", "", nil},
		{"read a chargeback", "GET", "payment/chargebacks/{chargeback}", "", "2xx", "", nil},
		{"read a transaction that is not", "GET", "payment/transactions/x", "", "404", "RESOURCE_NOT_FOUND", nil},
		{"read a capture that is not", "GET", "payment/captures/x", "", "404", "RESOURCE_NOT_FOUND", nil},
		{"read a refund that is not", "GET", "payment/refunds/x", "", "404", "RESOURCE_NOT_FOUND", nil},
		{"read a chargeback that is not", "GET", "payment/chargebacks/x", "", "404", "RESOURCE_NOT_FOUND", nil},
		{"refund a capture that is not", "POST", "payment/captures/x/refund", `{"refund_amount":1}`, "404", "RESOURCE_NOT_FOUND", nil},
		{"capture what is not there", "POST", "payment/transactions/x/capture", `{"capture_amount":1}`, "404", "RESOURCE_NOT_FOUND", nil},

		{"revoke a customer token", "DELETE", "payment/tokens/{customer}", "", "2xx", "", nil},
		{"interoperability token", "POST", "interoperability/tokens", "", "2xx", "", nil},
		{"SDK token", "POST", "interoperability/sdk-tokens", "", "2xx", "", nil},
		{"test token", "POST", "interoperability/test-tokens", `{"customer_journey":"KLARNA_EXPRESS_CHECKOUT"}`, "2xx", "", nil},

		{"create a signing key", "POST", "notification/signing-keys", "", "201", "", nil},
		{"list signing keys", "GET", "notification/signing-keys", "", "200", "", nil},
		{"read a signing key", "GET", "notification/signing-keys/{key}", "", "200", "", nil},
		{"delete a signing key", "DELETE", "notification/signing-keys/{spare}", "", "204", "", nil},
		{"create a webhook", "POST", "notification/webhooks", `{"url":"https://shop.example:8443/","event_types":["*"],"event_version":"v2","signing_key_id":"{key}","status":"ENABLED"}`, "2xx", "", nil},
		{"create the same webhook", "POST", "notification/webhooks", `{"url":"https://shop.example/hook","event_types":["payment.*"],"event_version":"v2","signing_key_id":"{key}","status":"ENABLED"}`, "409", "RESOURCE_CONFLICT", nil},
		{"list webhooks", "GET", "notification/webhooks", "", "200", "", nil},
		{"read a webhook", "GET", "notification/webhooks/{webhook}", "", "200", "", nil},
		{"update a webhook", "PATCH", "notification/webhooks/{webhook}", `{"status":"DISABLED"}`, "200", "", nil},
		{"delete a webhook", "DELETE", "notification/webhooks/{webhook}", "", "204", "", nil},
		{"simulate", "POST", "notification/webhooks/{webhook}/simulate", `{"event_type":"payment.request.updated","event_version":"v2"}`, "2xx", "", nil},

		{"no such route", "GET", "payment/nothing", "", "404", "NOT_FOUND", nil},
		{"no key", "GET", presented, "", "401", "UNAUTHORIZED", []string{"Authorization", ""}},
		{"a body over 1 MB", "POST", "payment/authorize", `"` + strings.Repeat("x", 1<<20) + `"`, "413", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := klarnatest.NewServer(t, klarnatest.WithWebhookTransport(silence{}))
			prefixes := []string{""}
			if !strings.HasPrefix(tc.path, "notification/") {
				krn := "accounts/" + server.PartnerAccountID
				prefixes = append(prefixes, krn+"/", strings.ReplaceAll(krn, ":", "%3A")+"/", "accounts/"+krn[strings.LastIndexByte(krn, ':')+1:]+"/")
			}
			for _, prefix := range prefixes {
				named := createAll(t, server)
				headers := make([]string, len(tc.headers))
				for i, h := range tc.headers {
					headers[i] = named.Replace(h)
				}
				code, body := speak(t, server, tc.method, prefix+named.Replace(tc.path), named.Replace(tc.body), headers...)
				status := strconv.Itoa(code)
				if tc.status == "2xx" && status[0] == '2' {
					status = tc.status
				}
				if status != tc.status {
					t.Errorf("%s%s: status %s, want %s: %v", prefix, tc.path, status, tc.status, body)
				}
				if code, _ := body["error_code"].(string); code != tc.code {
					t.Errorf("%s%s: error_code %q, want %q", prefix, tc.path, code, tc.code)
				}
			}
		})
	}
}
