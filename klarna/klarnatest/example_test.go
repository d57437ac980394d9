package klarnatest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// The server needs no client of this module: any HTTP client can use it.
func ExampleStart() {
	server, err := klarnatest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	request, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL+"/v2/payment/requests", strings.NewReader(`{
		"currency": "EUR", "amount": 1999, "payment_request_reference": "order-1",
		"customer_interaction_config": {
			"method": "HANDOVER", "return_url": "https://shop.example/back?state={klarna.payment_request.state}"
		}
	}`))
	request.Header.Set("Authorization", "Basic "+server.APIKey)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Klarna-Idempotency-Key", "order-1")
	answer, err := new(http.Client).Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	var created struct {
		ID    string `json:"payment_request_id"`
		State string `json:"state"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&created); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.StatusCode, created.State)

	back, err := server.Approve(created.ID)
	fmt.Println(back, err)
	// Output:
	// 201 SUBMITTED
	// https://shop.example/back?state=COMPLETED <nil>
}

// The first call fails with 503, and the client repeats it.
func ExampleServer_Script() {
	server, err := klarnatest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	server.Script(klarnatest.Fault{StatusCode: http.StatusServiceUnavailable})

	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Do(context.Background(), klarna.Call{
		Operation: "shop.webhook.list", Method: http.MethodGet, Route: "notification/webhooks",
	}, nil)
	fmt.Println(err)
	for _, request := range server.Requests() {
		fmt.Println(request.Operation, request.StatusCode)
	}
	// Output:
	// <nil>
	// subscription.webhook.list 503
	// subscription.webhook.list 200
}

func ExampleServer() {
	server, err := klarnatest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	server.Subscribe("https://shop.example/webhook", "payment.request.*") // Klarna's webhooks go here
	before := server.Now()
	server.Advance(3 * time.Hour) // the clock of the server, without waiting
	fmt.Println(server.Now().Sub(before).Round(time.Minute), len(server.Webhooks()), len(server.PaymentRequests()))
	// Output: 3h0m0s 1 0
}
