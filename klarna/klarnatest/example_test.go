package klarnatest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

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
