package klarna_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func ExampleNewClient() {
	apiKey := "klarna_test_api_example" // from a vault or the environment

	client, err := klarna.NewClient(apiKey, // the key decides the environment
		klarna.WithIntegrationMetadata(klarna.IntegrationMetadata{
			Integrator: klarna.Integrator{Name: "MY_GATEWAY", SessionReference: "start-1"},
		}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Environment())
	// Output: test
}

// The API packages have methods for Klarna's operations. Do calls an endpoint that has none yet.
func ExampleClient_Do() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	var created struct {
		ID    string `json:"payment_request_id"`
		State string `json:"state"`
	}
	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.payment_request.create", // the name in errors and logs
		Method:    http.MethodPost,
		Route:     "payment/requests",
		Reference: "order-1", // a repeat has the same idempotency key
		Body: map[string]any{
			"currency": "EUR", "amount": 1999, "payment_request_reference": "order-1",
			"customer_interaction_config": map[string]any{"method": "HANDOVER", "return_url": "https://shop.example/back"},
		},
	}, &created)
	if err != nil {
		log.Fatal(err)
	}

	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.payment_request.read",
		Method:    http.MethodGet,
		Route:     "payment/requests/{payment_request_id}",
		IDs:       []string{created.ID},
	}, &created)
	fmt.Println(created.State, err)
	// Output: SUBMITTED <nil>
}

func ExampleClient_ForAccount() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path)
		fmt.Fprint(w, `{}`)
	}))
	defer server.Close()
	client, err := klarna.NewClient("klarna_test_api_example", klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	partner := client.ForAccount("krn:partner:global:account:test:LWT2XJSE")
	if _, err := partner.Do(context.Background(), klarna.Call{
		Operation: "shop.transaction.read", Method: http.MethodGet,
		Route: "payment/transactions/{payment_transaction_id}", IDs: []string{"krn:payment:eu1:transaction:1"},
	}, nil); err != nil {
		log.Fatal(err)
	}
	// Output: GET /v2/accounts/krn:partner:global:account:test:LWT2XJSE/payment/transactions/krn:payment:eu1:transaction:1
}

// The result of Prepare is stored before the call, so that a program that crashed can repeat the
// call byte for byte.
func ExampleClient_Prepare() {
	client, err := klarna.NewClient("klarna_test_api_example")
	if err != nil {
		log.Fatal(err)
	}
	call := klarna.Call{
		Operation: "shop.transaction.capture", Method: http.MethodPost,
		Route: "payment/transactions/{payment_transaction_id}/captures", IDs: []string{"krn:payment:eu1:transaction:1"},
		Reference: "capture-1",
		Body:      map[string]any{"capture_amount": 1999},
	}

	prepared, err := client.Prepare(call)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(prepared.Body.Bytes()))
	fmt.Println(prepared.IdempotencyKey)

	call.Body = prepared.Body // and klarna.WithIdempotencyKey(prepared.IdempotencyKey)
	again, err := client.Prepare(call)
	fmt.Println(again.IdempotencyKey == prepared.IdempotencyKey, err)
	// Output:
	// {"capture_amount":1999}
	// f5acf18b-b548-5fc0-915b-9e3a8ce53f41
	// true <nil>
}

func ExampleWithRetries() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	server.Script(klarnatest.Fault{StatusCode: http.StatusServiceUnavailable, Times: 2})

	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL),
		klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 3, MinWait: 10 * time.Millisecond}))
	if err != nil {
		log.Fatal(err)
	}
	var response klarna.Response
	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.webhook.list", Method: http.MethodGet, Route: "notification/webhooks",
	}, nil, klarna.WithResponse(&response))
	for _, attempt := range response.Attempts {
		fmt.Println(attempt.StatusCode)
	}
	fmt.Println(err)
	// Output:
	// 503
	// 503
	// 200
	// <nil>
}

// WithRateLimit does not make a call wait past its deadline.
func ExampleWithRateLimit() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL),
		klarna.WithRateLimit(0.1, 1)) // one call in ten seconds
	if err != nil {
		log.Fatal(err)
	}
	list := klarna.Call{Operation: "shop.webhook.list", Method: http.MethodGet, Route: "notification/webhooks"}

	_, err = client.Do(context.Background(), list, nil)
	fmt.Println(err)
	_, err = client.Do(context.Background(), list, nil, klarna.WithTimeout(time.Second))
	fmt.Println(errors.Is(err, context.DeadlineExceeded), klarna.OutcomeOf(err))
	// Output:
	// <nil>
	// true not sent
}

func ExampleWithClientCertificate() {
	server, err := klarnatest.Start(klarnatest.WithTLS())
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	certificate, err := server.IssueClientCertificate()
	if err != nil {
		log.Fatal(err)
	}

	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL),
		klarna.WithHTTPClient(server.Client()), // trusts the certificate of the test server
		klarna.WithClientCertificate(func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &certificate, nil
		}))
	if err != nil {
		log.Fatal(err)
	}
	var response klarna.Response
	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.webhook.list", Method: http.MethodGet, Route: "notification/webhooks",
	}, nil, klarna.WithResponse(&response))
	fmt.Println(response.MTLSStatus, err)
	// Output: VALID <nil>
}

func ExampleWithIdempotencyKey() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	create := func() (id string) {
		var created struct {
			ID string `json:"payment_request_id"`
		}
		if _, err := client.Do(context.Background(), klarna.Call{
			Operation: "shop.payment_request.create", Method: http.MethodPost, Route: "payment/requests",
			Body: map[string]any{
				"currency": "EUR", "amount": 1999,
				"customer_interaction_config": map[string]any{"method": "HANDOVER", "return_url": "https://shop.example/back"},
			},
		}, &created, klarna.WithIdempotencyKey("order-1")); err != nil {
			log.Fatal(err)
		}
		return created.ID
	}
	first, again := create(), create()
	fmt.Println(first == again)
	// Output: true
}

func ExampleWithCorrelationID() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	var response klarna.Response
	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.webhook.list", Method: http.MethodGet, Route: "notification/webhooks",
	}, nil, klarna.WithCorrelationID("order1attempt1"), klarna.WithResponse(&response))
	fmt.Println(response.Header.Get("Partner-Correlation-Id"), err)
	// Output: order1attempt1 <nil>
}

// WithResponse captures the metadata of an answer, also if the call fails.
func ExampleWithResponse() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	var response klarna.Response
	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.payment_request.read", Method: http.MethodGet,
		Route: "payment/requests/{payment_request_id}", IDs: []string{"krn:payment:eu1:request:1"},
	}, nil, klarna.WithResponse(&response))
	fmt.Println(err != nil, response.StatusCode, response.MTLSStatus, len(response.Attempts))
	// Output: true 404 NOT_PRESENT 1
}

func ExampleWithSessionToken() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header.Get("Klarna-Network-Session-Token"))
		fmt.Fprint(w, `{}`)
	}))
	defer server.Close()
	client, err := klarna.NewClient("klarna_test_api_example", klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	token := klarna.NewSecret("krn:network:eu1:test:session-token:1") // from the browser
	if _, err := client.Do(context.Background(), klarna.Call{
		Operation: "shop.authorize", Method: http.MethodPost, Route: "payment/authorize",
		Reference: "order-1", Body: map[string]any{"currency": "EUR"},
	}, nil, klarna.WithSessionToken(token)); err != nil {
		log.Fatal(err)
	}
	// Output: krn:network:eu1:test:session-token:1
}

func ExampleWithLogger() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { // leaves out what differs between runs
			switch a.Key {
			case slog.LevelKey, slog.MessageKey, "operation", "status", "error_code", "outcome", "order":
				return a
			default:
				return slog.Attr{}
			}
		},
	}))
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL), klarna.WithLogger(logger))
	if err != nil {
		log.Fatal(err)
	}

	_, _ = client.Do(context.Background(), klarna.Call{
		Operation: "shop.payment_request.read", Method: http.MethodGet,
		Route: "payment/requests/{payment_request_id}", IDs: []string{"krn:payment:eu1:request:1"},
	}, nil, klarna.WithLogAttrs(slog.String("order", "order-1")))
	// Output: level=WARN msg="klarna call" operation=shop.payment_request.read order=order-1 status=404 error_code=RESOURCE_NOT_FOUND outcome=rejected
}

func ExampleError() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	server.Script(klarnatest.Fault{StatusCode: http.StatusConflict})
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.payment_request.read", Method: http.MethodGet,
		Route: "payment/requests/{payment_request_id}", IDs: []string{"krn:payment:eu1:request:1"},
	}, nil)
	switch {
	case err == nil:
		fmt.Println("done")
	case klarna.OutcomeOf(err) == klarna.OutcomeUnknown:
		fmt.Println("the call may have been executed: repeat it, or read the resource")
	case errors.Is(err, klarna.CodeResourceConflict):
		fmt.Println("wrong state, or another call is in progress")
	}
	// Output: wrong state, or another call is in progress
}

// errors.AsType, like errors.As, returns the [*klarna.Error] with Klarna's answer.
func ExampleError_as() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.payment_request.create", Method: http.MethodPost, Route: "payment/requests",
		Reference: "order-1", Body: map[string]any{"amount": 1999}, // without a currency
	}, nil)
	if failed, ok := errors.AsType[*klarna.Error](err); ok {
		fmt.Println(failed.StatusCode, failed.Code)
		for _, v := range failed.ValidationErrors {
			fmt.Println(v.Parameter)
		}
	}
	// Output:
	// 400 VALIDATION_ERROR
	// currency
}

// The server executes the request, but the client does not get the answer.
func ExampleOutcomeOf() {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	server.Script(klarnatest.Fault{Kind: klarnatest.FaultDropAfter})
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.webhook.list", Method: http.MethodGet, Route: "notification/webhooks",
	}, nil, klarna.WithoutRetries())
	if err != nil {
		fmt.Println(klarna.OutcomeOf(err))
	}
	// Output: unknown
}

func ExampleRetryRules() {
	for _, rule := range klarna.RetryRules() {
		fmt.Println(rule.Status, rule.Code, rule.Retry)
	}
	// Output:
	// 0  true
	// 429  true
	// 500 SERVER_CONFIGURATION_ERROR false
	// 500  true
	// 502  true
	// 503  true
	// 504  true
}

func ExampleSecret() {
	token := klarna.NewSecret("krn:network:eu1:test:session-token:1")
	fmt.Println(token)
	fmt.Printf("%+v\n", struct{ Token klarna.Secret }{token})
	fmt.Println(token.Reveal())
	// Output:
	// [redacted]
	// {Token:[redacted]}
	// krn:network:eu1:test:session-token:1
}

func ExampleRawJSON() {
	body := klarna.NewRawJSON(`{"name": "Ada"}`)
	fmt.Println(body)
	fmt.Println(string(body.Bytes()))
	// Output:
	// [15 bytes of JSON]
	// {"name": "Ada"}
}
