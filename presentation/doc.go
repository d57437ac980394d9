// Package presentation calls Klarna's Payment Presentation API, which says how to show Klarna in a
// list of payment methods.
//
// Call [Client.GetPresentation] before you show the payment methods, and again when the amount, the
// currency, the locale or the customer's session token changes. Obey the [Instruction]. If the call
// fails, show the other payment methods without Klarna.
//
//	presentations := presentation.New(client.ForAccount(partnerAccountID))
//	p, err := presentations.GetPresentation(ctx, presentation.GetPresentationParams{
//		Currency: "EUR",
//		Locale:   "de-DE",
//		Amount:   118_00,
//		Intents:  []presentation.Intent{presentation.IntentPay},
//	})
//
// An Acquiring Partner forwards the Raw field of the [Presentation], which is Klarna's answer byte
// for byte, to its Partner.
//
// Amounts are int64, in minor units.
//
// Klarna's documentation: https://docs.klarna.com/payments/
package presentation

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen
