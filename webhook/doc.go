// Package webhook receives Klarna's webhooks: it checks the signature of each delivery and decodes
// its event.
//
//	key := webhook.Key{ID: keyID, Secret: webhook.NewSecret(signingKey)}
//	verifier, err := webhook.NewVerifier(key)
//	…
//	receive := func(ctx context.Context, event *webhook.Event) error {
//		…
//	}
//	handler, err := webhook.NewHandler(verifier, receive)
//	…
//	http.Handle("POST /klarna/webhook", handler)
//
// Klarna expects the status 200, 201, 202 or 204. After any other answer it delivers the event
// again: after 10 s, 2 min, 15 min, 3 h, 6 h and 12 h.
//
// Klarna may deliver an event twice and does not promise an order. Make the processing of events
// idempotent. An event and its duplicates have the same EventID; [Once] processes each EventID
// once.
//
// Amounts are in minor units. An amount is an *int64 if its absence differs from 0; it is nil if
// the delivery does not have it. All other amounts are an int64.
//
// The package imports no HTTP client, so a service that only receives webhooks does not link one.
package webhook

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen
