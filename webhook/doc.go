// Package webhook receives Klarna's webhooks: it checks their signature and decodes their event.
//
//	verifier, err := webhook.NewVerifier(webhook.Key{ID: keyID, Secret: webhook.NewSecret(signingKey)})
//	…
//	handler, err := webhook.NewHandler(verifier, func(ctx context.Context, event *webhook.Event) error {
//		…
//	})
//	http.Handle("POST /klarna/webhook", handler)
//
// Klarna delivers an event again until it is answered with 200, 201, 202 or 204: after 10 s, 2 min,
// 15 min, 3 h, 6 h and 12 h. Duplicates happen and order is not promised: what an event causes must
// bear to be caused twice. Tell events apart by their EventID.
//
// Amounts are in minor units. An amount that is always there is an int64. One whose absence is not 0
// is an *int64, and nil where a delivery lacks it.
//
// The package imports no HTTP client, so that a service that only receives pays for nothing else.
package webhook

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen
