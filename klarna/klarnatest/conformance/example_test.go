package conformance_test

import (
	"context"
	"fmt"
	"log"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/klarna/klarnatest/conformance"
)

// What needs more than a key, such as a customer, is skipped.
func ExampleRun() {
	double, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()

	report, err := conformance.Run(context.Background(), conformance.Target{
		BaseURL: double.URL, APIKey: double.APIKey, PartnerAccountID: double.PartnerAccountID, // or conformance.TestHost, and yours
	})
	if err != nil {
		log.Fatal(err) // the target was refused, nothing was sent
	}
	for _, result := range report.Results {
		if result.Name == "a payment request lives for 3 hours" {
			fmt.Println(result.Certainty, result.Verdict, result.Outcome)
		}
	}
	fmt.Println("every sure fact held:", report.OK())
	// Output:
	// likely turned out 3 hours
	// every sure fact held: true
}
