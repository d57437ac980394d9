package presentation_test

import (
	"context"
	"fmt"
	"html"
	"log"
	"strings"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/presentation"
)

// sandbox starts a Klarna in this process and returns it with a client of it.
func sandbox() (*klarnatest.Server, *presentation.Client) {
	server, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	return server, presentation.New(client.ForAccount(server.PartnerAccountID))
}

// paymentOption asks for the payment option that the sandbox shows.
func paymentOption(presentations *presentation.Client) presentation.PaymentOption {
	p, err := presentations.GetPresentation(context.Background(), presentation.GetPresentationParams{
		Currency: "EUR", Locale: "en-DE", Amount: 118_00, Intents: []presentation.Intent{presentation.IntentPay},
	})
	if err != nil {
		log.Fatal(err)
	}
	return p.PaymentOption
}

func ExampleNew() {
	server, err := klarnatest.Start() // a Klarna in this process
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := klarna.NewClient(server.APIKey, klarna.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}

	// An Acquiring Partner calls Klarna for one of its Partner accounts.
	presentations := presentation.New(client.ForAccount(server.PartnerAccountID))
	p, err := presentations.GetPresentation(context.Background(), presentation.GetPresentationParams{
		Currency: "EUR", Locale: "en-DE", Amount: 118_00,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Instruction)
	// Output: SHOW_KLARNA
}

func ExampleClient_GetPresentation() {
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

func ExampleInstruction_Effective() {
	server, presentations := sandbox()
	defer server.Close()

	p, err := presentations.GetPresentation(context.Background(), presentation.GetPresentationParams{
		Currency: "EUR", Locale: "en-DE", Amount: 118_00,
	})
	if err != nil {
		fmt.Println("show the other payment methods")
		return
	}
	switch p.Instruction.Effective() {
	case presentation.InstructionShowKlarna:
		fmt.Println("show Klarna among the payment methods")
	case presentation.InstructionPreselectKlarna:
		fmt.Println("show Klarna first and preselect it")
	case presentation.InstructionShowOnlyKlarna:
		fmt.Println("show Klarna and collapse the other payment methods")
	case presentation.InstructionHideKlarna:
		fmt.Println("show the other payment methods")
	}
	// Output: show Klarna among the payment methods
}

// A page renders a text with its links and styles.
func ExampleText_All() {
	server, presentations := sandbox()
	defer server.Close()
	option := paymentOption(presentations)

	var page strings.Builder
	for _, part := range option.Terms.All() {
		text := html.EscapeString(part.Text)
		switch {
		case part.Type != presentation.PartTypeLink:
			page.WriteString(text)
		case part.Context == presentation.LinkContextAuth:
			fmt.Fprintf(&page, `<a href="%s" target="_blank">%s</a>`, html.EscapeString(part.URL), text)
		default:
			fmt.Fprintf(&page, `<a href="%s">%s</a>`, html.EscapeString(part.URL), text)
		}
	}
	fmt.Println(page.String())
	// Output: By continuing you accept <a href="https://www.klarna.com/terms/">Klarna&#39;s terms</a>
}

func ExampleText_Plain() {
	server, presentations := sandbox()
	defer server.Close()
	option := paymentOption(presentations)

	fmt.Println(option.Header.Plain())
	fmt.Println(option.Message.Plain())
	// Output:
	// Klarna
	// Pay in a way that suits you. You continue at Klarna.
}
