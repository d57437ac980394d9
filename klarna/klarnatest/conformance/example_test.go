package conformance_test

import (
	"context"
	"fmt"
	"log"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/klarna/klarnatest/conformance"
)

// Without a customer or a webhook URL the cases that need them are skipped.
func ExampleRun() {
	double, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()

	report, err := conformance.Run(context.Background(), conformance.Target{
		// Or conformance.TestHost, with your own key and account.
		BaseURL: double.URL, APIKey: double.APIKey, PartnerAccountID: double.PartnerAccountID,
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
