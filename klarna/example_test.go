package klarna_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

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

func ExampleError() {
	double, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	double.Script(klarnatest.Fault{StatusCode: http.StatusConflict})
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	_, err = client.ForAccount(double.PartnerAccountID).Do(ctx, klarna.Call{
		Operation: "authorization.payment_request.read", Method: http.MethodGet,
		Route: "payment/requests/{payment_request_id}", IDs: []string{"krn:payment:eu1:request:1"},
	}, nil)
	switch {
	case err == nil:
		fmt.Println("done")
	case klarna.OutcomeOf(err) == klarna.OutcomeUnknown:
		fmt.Println("it may have happened: repeat the same call, or read")
	case errors.Is(err, klarna.CodeResourceConflict):
		fmt.Println("wrong state, or another call is in progress")
	}
	// Output: wrong state, or another call is in progress
}
