package subscription_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

// newSubscriptions returns a Client of a Klarna in this process, and a function that ends it. A
// program for the real Klarna calls klarna.NewClient with its API key.
func newSubscriptions() (subscriptions *subscription.Client, done func()) {
	double, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	return subscription.New(client), double.Close
}

func ExampleNew() {
	client, err := klarna.NewClient("klarna_test_api_0123456789abcdefghijklmnopqrstuvwxyz")
	if err != nil {
		log.Fatal(err)
	}
	subscriptions := subscription.New(client)

	// The input is validated before a request is sent.
	_, err = subscriptions.CreateWebhook(context.Background(), subscription.CreateWebhookParams{URL: "http://gateway.example/klarna/webhook"})
	if e, ok := errors.AsType[*klarna.Error](err); ok {
		for _, v := range e.ValidationErrors {
			fmt.Println(v.Parameter, v.Reasons[0])
		}
	}
	// Output:
	// url is not https
	// event_types is required
	// signing_key_id is required
}

// At the start of a program, EnsureWebhook brings its webhook to the requested state. The first
// start also creates the signing key.
func ExampleClient_EnsureWebhook() {
	subscriptions, done := newSubscriptions()
	defer done()
	vault := new(memoryVault)

	for range 2 { // each start of the program, and each replica
		result, err := subscriptions.EnsureWebhook(context.Background(), subscription.EnsureWebhookParams{
			URL:        "https://gateway.example/klarna/webhook",
			EventTypes: []webhook.EventType{"payment.*"},
			Vault:      vault,
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Change, result.Webhook.Status, len(vault.keys), "key")
	}
	// Output:
	// created ENABLED 1 key
	// unchanged ENABLED 1 key
}

// A job replaces the signing key from time to time.
func ExampleClient_RotateKey() {
	subscriptions, done := newSubscriptions()
	defer done()
	ctx, vault := context.Background(), new(memoryVault)
	ensured, err := subscriptions.EnsureWebhook(ctx, subscription.EnsureWebhookParams{
		URL:        "https://gateway.example/klarna/webhook",
		EventTypes: []webhook.EventType{"payment.*"},
		Vault:      vault,
	})
	if err != nil {
		log.Fatal(err)
	}

	rotation, err := subscriptions.RotateKey(ctx, vault.Publish)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("webhooks:", len(rotation.Webhooks))
	fmt.Println("the old key remains:", slices.Equal(rotation.OldKeyIDs, []string{ensured.Webhook.SigningKeyID}))
	fmt.Println("keys in the vault:", len(vault.keys))
	// Store rotation.OldKeyIDs and rotation.RotatedAt for RetireKey.

	// Output:
	// webhooks: 1
	// the old key remains: true
	// keys in the vault: 2
}

// A job that runs every hour deletes the keys that no delivery is signed with anymore.
func ExampleClient_RetireKey() {
	subscriptions, done := newSubscriptions()
	defer done()
	ctx := context.Background()
	oldKey, err := subscriptions.CreateSigningKey(ctx)
	if err != nil {
		log.Fatal(err)
	}

	rotatedAt := time.Now().Add(-time.Hour) // the RotatedAt of the Rotation that replaced the key
	err = subscriptions.RetireKey(ctx, oldKey.SigningKeyID, rotatedAt)
	fmt.Println("an hour after the rotation, retries pending:", errors.Is(err, subscription.ErrRetriesPending))

	rotatedAt = time.Now().Add(-25 * time.Hour)
	err = subscriptions.RetireKey(ctx, oldKey.SigningKeyID, rotatedAt)
	fmt.Println("a day after the rotation:", err)
	// Output:
	// an hour after the rotation, retries pending: true
	// a day after the rotation: <nil>
}

// A program without a Vault creates the key and the webhook itself.
func ExampleClient_CreateWebhook() {
	subscriptions, done := newSubscriptions()
	defer done()
	ctx := context.Background()
	key, err := subscriptions.CreateSigningKey(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// Give key.SigningKey to all receivers now.

	created, err := subscriptions.CreateWebhook(ctx, subscription.CreateWebhookParams{
		URL:          "https://gateway.example/klarna/webhook",
		EventTypes:   []webhook.EventType{"payment.request.*", "payment.dispute.*"},
		SigningKeyID: key.SigningKeyID,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(created.URL, created.EventTypes, created.Status)
	// Output: https://gateway.example/klarna/webhook [payment.request.* payment.dispute.*] ENABLED
}

func ExampleClient_ListWebhooks() {
	subscriptions, done := newSubscriptions()
	defer done()
	ctx := context.Background()
	createWebhook(ctx, subscriptions)

	webhooks, err := subscriptions.ListWebhooks(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, w := range webhooks {
		fmt.Println(w.URL, w.Status)
	}
	// Output: https://gateway.example/klarna/webhook ENABLED
}

func ExampleClient_GetWebhook() {
	subscriptions, done := newSubscriptions()
	defer done()
	ctx := context.Background()
	webhookID := createWebhook(ctx, subscriptions)

	read, err := subscriptions.GetWebhook(ctx, webhookID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.URL, read.EventTypes)
	// Output: https://gateway.example/klarna/webhook [payment.*]
}

// An update changes only the fields that are set.
func ExampleClient_UpdateWebhook() {
	subscriptions, done := newSubscriptions()
	defer done()
	ctx := context.Background()
	webhookID := createWebhook(ctx, subscriptions)

	updated, err := subscriptions.UpdateWebhook(ctx, webhookID, subscription.UpdateWebhookParams{
		EventTypes: []webhook.EventType{"payment.*", "settlement.*"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(updated.URL, updated.EventTypes)
	// Output: https://gateway.example/klarna/webhook [payment.* settlement.*]
}

func ExampleClient_DeleteWebhook() {
	subscriptions, done := newSubscriptions()
	defer done()
	ctx := context.Background()
	webhookID := createWebhook(ctx, subscriptions)

	if err := subscriptions.DeleteWebhook(ctx, webhookID); err != nil {
		log.Fatal(err)
	}
	_, err := subscriptions.GetWebhook(ctx, webhookID)
	fmt.Println(errors.Is(err, klarna.CodeResourceNotFound))
	// Output: true
}

// Klarna posts a test event to a live receiver.
func ExampleClient_SimulateWebhook() {
	double, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("delivery, signed:", r.Header.Get("Klarna-Signature") != "")
	}))
	defer receiver.Close()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	subscriptions, ctx := subscription.New(client), context.Background()
	result, err := subscriptions.EnsureWebhook(ctx, subscription.EnsureWebhookParams{
		URL:        receiver.URL,
		EventTypes: []webhook.EventType{"payment.*"},
		Vault:      new(memoryVault),
	})
	if err != nil {
		log.Fatal(err)
	}

	err = subscriptions.SimulateWebhook(ctx, result.Webhook.WebhookID, "payment.request.state-change.completed")
	if err != nil {
		log.Fatal(err)
	}
	double.Flush() // waits for the delivery
	// Output: delivery, signed: true
}

// The answer that creates a key is the only one with its secret.
func ExampleClient_CreateSigningKey() {
	subscriptions, done := newSubscriptions()
	defer done()
	ctx := context.Background()

	created, err := subscriptions.CreateSigningKey(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("created with its secret:", created.SigningKey.Reveal() != "")
	fmt.Println("printed:", created.SigningKey)

	read, err := subscriptions.GetSigningKey(ctx, created.SigningKeyID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("read with its secret:", read.SigningKey.Reveal() != "")
	// Output:
	// created with its secret: true
	// printed: [redacted]
	// read with its secret: false
}

func ExampleClient_ListSigningKeys() {
	subscriptions, done := newSubscriptions()
	defer done()
	ctx := context.Background()
	if _, err := subscriptions.CreateSigningKey(ctx); err != nil {
		log.Fatal(err)
	}

	keys, err := subscriptions.ListSigningKeys(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range keys {
		fmt.Println("created in the last minute:", time.Since(key.CreatedAt) < time.Minute)
	}
	// Output: created in the last minute: true
}

func ExampleClient_DeleteSigningKey() {
	subscriptions, done := newSubscriptions()
	defer done()
	ctx := context.Background()
	key, err := subscriptions.CreateSigningKey(ctx)
	if err != nil {
		log.Fatal(err)
	}

	// The key was never published. RetireKey deletes keys that have signed deliveries.
	if err := subscriptions.DeleteSigningKey(ctx, key.SigningKeyID); err != nil {
		log.Fatal(err)
	}
	_, err = subscriptions.GetSigningKey(ctx, key.SigningKeyID)
	fmt.Println(errors.Is(err, klarna.CodeResourceNotFound))
	// Output: true
}

// A key that could neither be published nor deleted is reported, so that a person can delete it.
func ExampleKeyLeftError() {
	double, err := klarnatest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	subscriptions, ctx := subscription.New(client), context.Background()
	createWebhook(ctx, subscriptions)
	double.Script(klarnatest.Fault{Operation: "subscription.signing_key.delete", StatusCode: http.StatusForbidden})

	_, err = subscriptions.RotateKey(ctx, func(context.Context, subscription.SigningKey) error {
		return errors.New("the vault is sealed")
	})
	if left, ok := errors.AsType[*subscription.KeyLeftError](err); ok {
		fmt.Println("delete the key by hand:", !left.Published, left.SigningKeyID != "")
	}
	// Output: delete the key by hand: true true
}

// createWebhook creates a signing key and a webhook.
func createWebhook(ctx context.Context, subscriptions *subscription.Client) (webhookID string) {
	key, err := subscriptions.CreateSigningKey(ctx)
	if err != nil {
		log.Fatal(err)
	}
	created, err := subscriptions.CreateWebhook(ctx, subscription.CreateWebhookParams{
		URL:          "https://gateway.example/klarna/webhook",
		EventTypes:   []webhook.EventType{"payment.*"},
		SigningKeyID: key.SigningKeyID,
	})
	if err != nil {
		log.Fatal(err)
	}
	return created.WebhookID
}
