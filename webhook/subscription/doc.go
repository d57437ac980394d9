// Package subscription manages webhooks and signing keys at Klarna. Package webhook receives the
// deliveries. All calls are made for the owner of the credentials, not for a Partner account.
//
// At start-up, bring the webhook to the state that the program needs. The [Vault] stores the
// signing keys, and the verifiers of the receivers read them from it:
//
//	subscriptions := subscription.New(client)
//	result, err := subscriptions.EnsureWebhook(ctx, subscription.EnsureWebhookParams{
//		URL:        "https://gateway.example/klarna/webhook",
//		EventTypes: []webhook.EventType{"payment.*"},
//		Vault:      vault,
//	})
//
// From time to time, replace the signing key. Delete the old key a day later:
//
//	rotation, err := subscriptions.RotateKey(ctx, vault.Publish)
//	…
//	err = subscriptions.RetireKey(ctx, rotation.OldKeyIDs[0], rotation.RotatedAt)
//
// Klarna shows the secret of a signing key once, in the answer that creates the key. This package
// passes the secret to the vault and keeps no copy.
//
// # Idempotency keys
//
// Each call that changes something has a random idempotency key, which all attempts of the call
// share. Two calls with the same content have different keys, so Klarna executes both.
//
// A key that is derived from the content would break two sequences: to create, delete and create a
// webhook again, and to set, replace and set a signing key again. Klarna answers a repeated key for
// 24 hours with its first answer, so the last call would succeed and change nothing.
package subscription

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen
