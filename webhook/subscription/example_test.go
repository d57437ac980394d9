package subscription_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"slices"
	"sync"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

// memoryVault stands for a secret store that all replicas share and that their verifiers read.
type memoryVault struct {
	mu   sync.Mutex
	keys []subscription.SigningKey
}

func (v *memoryVault) SigningKeyIDs(context.Context) ([]string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var ids []string
	for _, key := range v.keys {
		ids = append(ids, key.SigningKeyID)
	}
	return ids, nil
}

func (v *memoryVault) Publish(_ context.Context, key subscription.SigningKey) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys = append(v.keys, key) // a real one writes key.SigningKey.Reveal(), and waits until verifiers have read it
	return nil
}

// connect returns a Client of a Klarna in this process.
func connect() (*subscription.Client, func()) {
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

// At its start, a program brings its webhook to the state it needs. The first start makes the
// signing key, too.
func ExampleClient_EnsureWebhook() {
	subscriptions, done := connect()
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

func ExampleClient_RotateKey() {
	subscriptions, done := connect()
	defer done()
	ctx, vault := context.Background(), new(memoryVault)
	receiver := httptest.NewServer(nil)
	defer receiver.Close()
	if _, err := subscriptions.EnsureWebhook(ctx, subscription.EnsureWebhookParams{URL: receiver.URL, EventTypes: []webhook.EventType{"payment.*"}, Vault: vault}); err != nil {
		log.Fatal(err)
	}

	rotation, err := subscriptions.RotateKey(ctx, vault.Publish)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(rotation.Webhooks), "webhook is signed with the new key:", rotation.SigningKeyID == vault.keys[1].SigningKeyID)
	fmt.Println("the old key stays:", slices.Equal(rotation.OldKeyIDs, []string{vault.keys[0].SigningKeyID}))

	// A job that runs once an hour has kept the ids and the time.
	for _, id := range rotation.OldKeyIDs {
		err = subscriptions.RetireKey(ctx, id, rotation.RotatedAt)
		fmt.Println("retired:", err == nil)
		err = subscriptions.RetireKey(ctx, id, rotation.RotatedAt.Add(-subscription.RetireAfter)) // a day later
		fmt.Println("retired:", err == nil)
	}
	// Output:
	// 1 webhook is signed with the new key: true
	// the old key stays: true
	// retired: false
	// retired: true
}
