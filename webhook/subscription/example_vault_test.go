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

// memoryVault is a Vault in memory, for one process. A production vault stores the secrets
// encrypted, and all replicas share it.
type memoryVault struct {
	mu   sync.Mutex
	keys []webhook.Key
}

// Publish stores the key. When it returns, Keys and SigningKeyIDs include the key.
func (v *memoryVault) Publish(_ context.Context, key subscription.SigningKey) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys = append(v.keys, webhook.Key{ID: key.SigningKeyID, Secret: key.SigningKey})
	return nil
}

// SigningKeyIDs returns the ids of all keys.
func (v *memoryVault) SigningKeyIDs(context.Context) ([]string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var ids []string
	for _, key := range v.keys {
		ids = append(ids, key.ID)
	}
	return ids, nil
}

// Keys is a webhook.KeySource for the verifiers of the receivers.
func (v *memoryVault) Keys(context.Context) ([]webhook.Key, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.keys), nil
}

// EnsureWebhook publishes a signing key to the vault, and the receiver's verifier reads it from
// there.
func ExampleVault() {
	double, err := klarnatest.Start() // a Klarna in this process
	if err != nil {
		log.Fatal(err)
	}
	defer double.Close()
	client, err := klarna.NewClient(double.APIKey, klarna.WithBaseURL(double.URL))
	if err != nil {
		log.Fatal(err)
	}
	receiver := httptest.NewUnstartedServer(nil)
	defer receiver.Close()

	ctx, vault, subscriptions := context.Background(), new(memoryVault), subscription.New(client)
	result, err := subscriptions.EnsureWebhook(ctx, subscription.EnsureWebhookParams{
		URL:        "http://" + receiver.Listener.Addr().String(), // in production https
		EventTypes: []webhook.EventType{"payment.*"},
		Vault:      vault,
	})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := webhook.NewVerifierFrom(ctx, vault.Keys)
	if err != nil {
		log.Fatal(err)
	}
	handler, err := webhook.NewHandler(verifier, func(_ context.Context, event *webhook.Event) error {
		fmt.Println("received", event.Metadata.EventType)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	receiver.Config.Handler = handler
	receiver.Start()

	err = subscriptions.SimulateWebhook(ctx, result.Webhook.WebhookID, "payment.request.state-change.completed")
	if err != nil {
		log.Fatal(err)
	}
	double.Flush() // waits for the delivery
	// Output: received payment.request.state-change.completed
}
