// Package subscription manages at Klarna what package webhook receives: signing keys and webhooks.
// Its calls are made for the owner of the credentials, never for a Partner account.
//
// At start-up, bring the webhook to the state that the program needs. Vault is where the program
// keeps signing keys and where the verifiers of its receivers look for them:
//
//	subscriptions := subscription.New(client)
//	result, err := subscriptions.EnsureWebhook(ctx, subscription.EnsureWebhookParams{
//		URL:        "https://gateway.example/klarna/webhook",
//		EventTypes: []webhook.EventType{"payment.*"},
//		Vault:      vault,
//	})
//
// From time to time, change the signing key; a day later, delete the old one:
//
//	rotation, err := subscriptions.RotateKey(ctx, vault.Publish)
//	…
//	err = subscriptions.RetireKey(ctx, rotation.OldKeyIDs[0], rotation.RotatedAt)
//
// Klarna shows the secret of a signing key once, in the answer to its creation. It is handed to the
// vault and nowhere else.
//
// # Idempotency keys
//
// Every idempotency key here is random. Klarna repeats the first answer to a key for 24 hours
// without doing anything, so a key derived from the content would turn a webhook that is created,
// deleted and created again, or a signing key that is set, replaced and set again, into a success
// that changed nothing. The attempts of one call share its key, as everywhere.
package subscription

//go:generate go run github.com/klarna-go/klarna-go/internal/wiregen
