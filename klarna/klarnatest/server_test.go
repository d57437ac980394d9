package klarnatest_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestEveryOperationRefusesForTheSameReasons(t *testing.T) {
	server, c := newPair(t)
	id := c.start(1)
	operations := []struct {
		name, method, path string
		body               any
	}{
		{"presentation.get", "GET", "payment/presentation?" + presentationQuery, nil},
		{"authorization.authorize", "POST", "payment/authorize", stepUp(1)},
		{"authorization.payment_request.create", "POST", "payment/requests", draft(1)},
		{"authorization.payment_request.read", "GET", "payment/requests/" + id, nil},
		{"authorization.payment_request.update", "PATCH", "payment/requests/" + id, obj{"amount": 1}},
		{"authorization.payment_request.cancel", "DELETE", "payment/requests/" + id, nil},
		{"authorization.transaction.read", "GET", "payment/transactions/krn:none", nil},
		{"authorization.transaction.update", "PATCH", "payment/transactions/krn:none", obj{}},
		{"authorization.transaction.capture", "POST", "payment/transactions/krn:none/capture", obj{"capture_amount": 1}},
		{"authorization.transaction.refund", "POST", "payment/transactions/krn:none/refund", obj{"refund_amount": 1}},
		{"authorization.transaction.extend", "POST", "payment/transactions/krn:none/authorize", obj{}},
		{"authorization.capture.read", "GET", "payment/captures/krn:none", nil},
		{"authorization.capture.refund", "POST", "payment/captures/krn:none/refund", obj{"refund_amount": 1}},
		{"authorization.refund.read", "GET", "payment/refunds/krn:none", nil},
		{"authorization.chargeback.read", "GET", "payment/chargebacks/krn:none", nil},
		{"authorization.token.revoke", "DELETE", "payment/tokens/krn:none", nil},
	}
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			for _, tc := range []struct {
				name    string
				status  int
				code    string
				account string
				header  string
				params  string
			}{
				{"no key", 401, "UNAUTHORIZED", "", "Authorization: ", ""},
				{"a wrong key", 401, "UNAUTHORIZED", "", "Authorization: Basic klarna_test_api_x", ""},
				{"a bearer token", 401, "UNAUTHORIZED", "", "Authorization: Bearer " + server.APIKey, ""},
				{"another account", 403, "OPERATION_FORBIDDEN", "accounts/krn:partner:global:account:test:OTHER/", "X: y", ""},
				{"a trace", 400, "VALIDATION_ERROR", "", "Traceparent: 00-1-2-01", "Traceparent"},
				{"baggage", 400, "VALIDATION_ERROR", "", "Baggage: a=b", "Baggage"},
				{"a Zipkin trace", 400, "VALIDATION_ERROR", "", "X-B3-TraceId: 1", "X-B3-Traceid"},
				{"a large header", 400, "VALIDATION_ERROR", "", "X-Large: " + strings.Repeat("x", 6<<10), "X-Large"},
				{"a long correlation id", 400, "VALIDATION_ERROR", "", "Partner-Correlation-Id: " + strings.Repeat("x", 256), "Partner-Correlation-Id"},
			} {
				t.Run(tc.name, func(t *testing.T) {
					r := c.want(tc.status, op.method, "/v2/"+tc.account+op.path, op.body, tc.header)
					equal(t, "code", r.text("error_code"), tc.code)
					equal(t, "parameters", r.parameters(), tc.params)
				})
			}
			requests := server.Requests()
			equal(t, "operation in the log", requests[len(requests)-1].Operation, op.name)
			if op.body == nil {
				equal(t, "a body", c.want(400, op.method, "/v2/"+op.path, obj{}).parameters(), "body")
				return
			}
			for _, tc := range []struct {
				name   string
				status int
				body   string
				header string
				code   string
				params string
			}{
				{"no idempotency key", 400, "{}", "Klarna-Idempotency-Key: ", "VALIDATION_ERROR", "Klarna-Idempotency-Key"},
				{"a long idempotency key", 400, "{}", "Klarna-Idempotency-Key: " + strings.Repeat("k", 256), "VALIDATION_ERROR", "Klarna-Idempotency-Key"},
				{"a form", 400, "a=b", "Content-Type: application/x-www-form-urlencoded", "INVALID_CONTENT_TYPE", ""},
				{"no JSON", 400, "{", "X: y", "VALIDATION_ERROR", "body"},
				{"a name twice", 400, `{"a":[{"b":1,"b":2}]}`, "X: y", "VALIDATION_ERROR", "body"},
				{"invalid UTF-8", 400, "{\"a\":\"\xff\"}", "X: y", "VALIDATION_ERROR", "body"},
				{"no body", 400, "", "X: y", "VALIDATION_ERROR", "body"},
				{"over 1 MB", 413, `"` + strings.Repeat("x", 1<<20) + `"`, "X: y", "", ""},
			} {
				t.Run(tc.name, func(t *testing.T) {
					r := c.want(tc.status, op.method, "/v2/"+op.path, tc.body, tc.header)
					equal(t, "code", r.text("error_code"), tc.code)
					if !strings.HasPrefix(r.parameters(), tc.params) {
						t.Errorf("parameters %q, want %q", r.parameters(), tc.params)
					}
				})
			}
		})
	}
}

func TestUnknownPathIsNotFound(t *testing.T) {
	_, c := newPair(t)
	for _, path := range []string{
		"/", "/v2", "/v2/", "/v1/payment/authorize", "/v2/payment", "/v2/payment/authorize/", "/v2/payment/requests/a/b",
		"/v2/accounts/x", "/v2/payment%2Fauthorize",
	} {
		r := c.want(404, "POST", path, obj{})
		equal(t, path, r.text("error_code"), "NOT_FOUND")
		equal(t, path+" has no type", r.get("error_type"), nil)
	}
	c.want(404, "PUT", authorizePath, obj{})
}

func TestAPIKeyIsAcceptedInEveryForm(t *testing.T) {
	server, c := newPair(t)
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, credentials := range map[string]string{
		"raw":              server.APIKey,
		"as a password":    encode(":" + server.APIKey),
		"as a user":        encode(server.APIKey + ":"),
		"after a username": encode("9f1c9e5e-0000-4000-8000-000000000000:" + server.APIKey),
	} {
		t.Run(name, func(t *testing.T) {
			c.want(200, "GET", presentationPath+"?"+presentationQuery, nil, "Authorization: Basic "+credentials)
		})
	}
	for _, credentials := range []string{encode(server.APIKey), encode("user:wrong"), "%%%"} {
		c.want(401, "GET", presentationPath+"?"+presentationQuery, nil, "Authorization: Basic "+credentials)
	}
}

func TestEveryAnswerCarriesKlarnasHeaders(t *testing.T) {
	_, c := newPair(t)
	for name, r := range map[string]response{
		"a success": c.want(200, "GET", presentationPath+"?"+presentationQuery, nil, "Partner-Correlation-Id: abc"),
		"an error":  c.want(404, "GET", "/v2/nowhere", nil, "Partner-Correlation-Id: abc"),
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, "Klarna-Correlation-Id", len(r.header.Get("Klarna-Correlation-Id")), 36)
			equal(t, "Partner-Correlation-Id", r.header.Get("Partner-Correlation-Id"), "abc")
			equal(t, "X-Ratelimit-Limit", strings.HasPrefix(r.header.Get("X-Ratelimit-Limit"), `40, 40;w=1;name="account_`), true)
			equal(t, "X-Ratelimit-Remaining", r.header.Get("X-Ratelimit-Remaining"), "39")
			equal(t, "X-Ratelimit-Reset", r.header.Get("X-Ratelimit-Reset"), "1")
			equal(t, "mTLS", r.header.Get("Klarna-Mtls-Verification-Status"), "NOT_PRESENT")
		})
	}
}

func TestIntegrationMetadataIsChecked(t *testing.T) {
	_, c := newPair(t)
	const name = "Klarna-Integration-Metadata"
	for value, parameters := range map[string]string{
		`{"integrator":{"name":"ACME","session_reference":"s-1"},"originators":[{"name":"SHOP","session_reference":"s-2"}]}`: "",
		`{"integrator":{"name":"ACME"}}`: name + ".integrator.session_reference",
		`{}`:                             name + ".integrator",
		`[]`:                             name,
		`{`:                              name,
		`{"integrator":{"name":"Åsa","session_reference":"s"}}`: name,
		`{"integrator":{"name":"A","session_reference":"s"},"originators":[` + strings.Repeat(`{"name":"A","session_reference":"s"},`, 10) +
			`{"name":"A","session_reference":"s"}]}`: name + ".originators",
	} {
		r := c.do("GET", presentationPath+"?"+presentationQuery, nil, name+": "+value)
		equal(t, value, r.parameters(), parameters)
	}
}

func TestTheServerHasItsOwnIdentity(t *testing.T) {
	server := klarnatest.NewServer(t)
	equal(t, "key", strings.HasPrefix(server.APIKey, "klarna_test_api_") && len(server.APIKey) > 100, true)
	equal(t, "account", strings.HasPrefix(server.PartnerAccountID, "krn:partner:global:account:test:"), true)
	equal(t, "URL", strings.HasPrefix(server.URL, "http://127.0.0.1:"), true)
	equal(t, "zone", server.Now().Location(), time.UTC)
}

func TestALongSessionTokenIsNotRefused(t *testing.T) {
	_, c := newPair(t)
	path := presentationPath + "?" + presentationQuery
	c.want(200, "GET", path, nil, withToken(strings.Repeat("t", 10240)))
	equal(t, "longer", c.want(400, "GET", path, nil, withToken(strings.Repeat("t", 10241))).parameters(), "Klarna-Network-Session-Token")
	equal(t, "all headers", c.want(400, "GET", path, nil, withToken(strings.Repeat("t", 10240)),
		"X-A: "+strings.Repeat("x", 5<<10), "X-B: "+strings.Repeat("x", 5<<10)).parameters(), "headers")
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	server, err := klarnatest.Start()
	if err != nil {
		t.Fatal(err)
	}
	c := client{t, server, &http.Client{Transport: &http.Transport{}}} // keeps its connection
	// A receiver that never answers delays a delivery until Close.
	called, release := make(chan struct{}, 1), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		called <- struct{}{}
		<-release
	}))
	defer receiver.Close()
	defer close(release)
	server.Subscribe(receiver.URL, "payment.request.state-change.submitted")
	c.start(100)
	<-called

	server.Script(klarnatest.Fault{Kind: klarnatest.FaultHold})
	held := make(chan error)
	go func() {
		_, err := c.send("POST", requestsPath, draft(1))
		held <- err
	}()
	for len(server.Requests()) < 2 {
		runtime.Gosched()
	}
	server.Close()
	server.Close()
	if err := <-held; err == nil {
		t.Error("a held request was answered by a closed server")
	}
	if _, err := c.send("GET", "/v2/", nil); err == nil {
		t.Error("a closed server answers")
	}
	if _, err := (client{t, server, &http.Client{Transport: server.Transport()}}).send("GET", "/v2/", nil); err == nil {
		t.Error("the transport of a closed server answers")
	}
	server.Advance(time.Hour)
	server.Flush()

	const ours = "klarnatest.(*Server)"
	stacks := ""
	for range 1000 { // a goroutine that has finished needs a moment to exit
		buf := make([]byte, 1<<20)
		if stacks = string(buf[:runtime.Stack(buf, true)]); !strings.Contains(stacks, ours) {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("goroutines left:\n%s", stacks)
}

func TestATransportHonoursTheContext(t *testing.T) {
	server := klarnatest.NewServer(t, klarnatest.WithoutSocket())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	response, err := server.Transport().RoundTrip(request)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if response != nil {
		t.Errorf("an answer all the same: %s", response.Status)
		_ = response.Body.Close()
	}
	equal(t, "requests", len(server.Requests()), 0)
}

func TestATransportReadsHeadersInAnyCase(t *testing.T) {
	server := klarnatest.NewServer(t, klarnatest.WithoutSocket())
	body := strings.NewReader(`{"currency":"EUR","amount":1}`)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+requestsPath, body)
	sent := http.Header{
		"authorization": {"Basic " + server.APIKey}, "klarna-idempotency-key": {"k"}, "CONTENT-TYPE": {"application/json"},
	}
	request.Header = sent.Clone()
	response, err := server.Transport().RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	equal(t, "status", response.StatusCode, 201)
	if diff := cmp.Diff(sent, request.Header); diff != "" {
		t.Errorf("the caller's request was changed: %s", diff)
	}
}

func TestARequestIsRecordedAsItWasSent(t *testing.T) {
	server, c := newPair(t)
	c.want(200, "GET", presentationPath+"?"+presentationQuery, nil)
	c.want(400, "POST", requestsPath, `{"a":1}`, key)
	requests := server.Requests()
	equal(t, "query", requests[0].Query.Get("intents[]"), "PAY")
	equal(t, "method", requests[1].Method, "POST")
	equal(t, "body", string(requests[1].Body), `{"a":1}`)
	equal(t, "header", requests[1].Header.Get("Klarna-Idempotency-Key"), "key-1")
	equal(t, "status", requests[1].StatusCode, 400)
	equal(t, "time", requests[1].Time, server.Now())
}
