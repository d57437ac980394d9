// Package presentation asks Klarna how to show itself in a list of payment methods.
//
// Ask before the payment methods are shown, and again when amount, currency, locale or the
// customer's session token changes. Obey the [Instruction]; on any error leave Klarna out and keep
// the other methods.
//
//	p, err := presentation.New(client.ForAccount(partnerAccountID)).GetPresentation(ctx, presentation.GetPresentationParams{
//		Currency: "EUR", Locale: "de-DE", Amount: 11_800, Intents: []presentation.Intent{presentation.IntentPay},
//	})
//
// An Acquiring Partner that answers its Partners hands on [Presentation].Raw, which is Klarna's
// body byte for byte.
//
// Klarna's page: https://docs.klarna.com/payments/; this package is written from its Payment
// Presentation API.
//
// Amounts are int64, in minor units.
package presentation

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen
