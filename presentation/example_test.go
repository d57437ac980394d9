package presentation_test

import (
	"context"
	"fmt"
	"log"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/presentation"
)

func ExampleClient_Get() {
	double, err := klarnatest.Start() // a Klarna in this process
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	ctx, partnerAccountID := context.Background(), double.PartnerAccountID

	p, err := presentation.New(client.ForAccount(partnerAccountID)).GetPresentation(ctx, presentation.GetPresentationParams{
		Currency: "EUR", Locale: "en-DE", Amount: 118_00, Intents: []presentation.Intent{presentation.IntentPay},
	})
	switch {
	case err != nil || p.Instruction.Effective() == presentation.InstructionHideKlarna:
		fmt.Println("the other payment methods alone")
	default:
		fmt.Println(p.PaymentOption.Header.Plain())
	}
	// Output: Klarna
}
