package subscription_test

import (
	stdcmp "cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jarcoal/httpmock"

	"github.com/klarna-go/klarna-go/klarna"
	"github.com/klarna-go/klarna-go/klarna/klarnatest"
	"github.com/klarna-go/klarna-go/webhook"
	"github.com/klarna-go/klarna-go/webhook/subscription"
)

const (
	listed  = "subscription.webhook.list"
	created = "subscription.webhook.create"
	updated = "subscription.webhook.update"
	deleted = "subscription.webhook.delete"
	keys    = "subscription.signing_key.list"
	newKey  = "subscription.signing_key.create"
	dropKey = "subscription.signing_key.delete"
)

func paramsFrom(vault subscription.Vault) subscription.EnsureWebhookParams {
	return subscription.EnsureWebhookParams{URL: hookURL, EventTypes: []webhook.EventType{"payment.*", "settlement.*"}, Vault: vault}
}

// publishedKey creates a key that the gateway holds.
func publishedKey(t *testing.T, c *subscription.Client, g *gateway) string {
	t.Helper()
	key := must[*subscription.SigningKey](t)(c.CreateSigningKey(t.Context()))
	if err := g.Publish(t.Context(), *key); err != nil {
		t.Fatal(err)
	}
	return key.SigningKeyID
}

func TestEnsureWebhookMakesOnlyTheNecessaryCalls(t *testing.T) {
	const types, settled = "payment.*", "settlement.*"
	for _, tc := range []struct {
		name string
		// existing are the webhooks at the start. Their SigningKeyID is "old", "new" or "foreign".
		// The gateway holds the old and the new key.
		existing   []subscription.CreateWebhookParams
		pinned     string // the requested SigningKeyID, instead of the vault
		change     subscription.Change
		operations []string
		patch      string // the body that is sent, with the ids of keys as above
		key        string // the key that signs afterwards
		others     int
	}{
		{
			name: "no webhook exists", change: subscription.ChangeCreated,
			operations: []string{listed, keys, created, listed}, key: "new",
		},
		{
			name:     "a webhook with another URL exists",
			existing: []subscription.CreateWebhookParams{{URL: hookURL + "/other", EventTypes: []webhook.EventType{types}, SigningKeyID: "old"}},
			change:   subscription.ChangeCreated, operations: []string{listed, keys, created, listed}, key: "new",
		},
		{
			name:     "its event types have another order",
			existing: []subscription.CreateWebhookParams{{URL: hookURL, EventTypes: []webhook.EventType{settled, types}, SigningKeyID: "new"}},
			change:   subscription.ChangeUnchanged, operations: []string{listed}, key: "new",
		},
		{
			name:     "its URL is written in another way",
			existing: []subscription.CreateWebhookParams{{URL: "https://Gateway.Example:443/klarna", EventTypes: []webhook.EventType{settled, types}, SigningKeyID: "new"}},
			change:   subscription.ChangeUnchanged, operations: []string{listed}, key: "new",
		},
		{
			name:     "it is signed with an older key of the vault",
			existing: []subscription.CreateWebhookParams{{URL: hookURL, EventTypes: []webhook.EventType{types, settled}, SigningKeyID: "old"}},
			change:   subscription.ChangeUnchanged, operations: []string{listed}, key: "old",
		},
		{
			name:     "it is signed with a key that no receiver holds",
			existing: []subscription.CreateWebhookParams{{URL: hookURL, EventTypes: []webhook.EventType{types, settled}, SigningKeyID: "foreign"}},
			change:   subscription.ChangeUpdated, operations: []string{listed, keys, updated}, patch: `{"signing_key_id":"new"}`, key: "new",
		},
		{
			name:     "it lacks an event type",
			existing: []subscription.CreateWebhookParams{{URL: hookURL, EventTypes: []webhook.EventType{types}, SigningKeyID: "new"}},
			change:   subscription.ChangeUpdated, operations: []string{listed, updated}, patch: `{"event_types":["payment.*","settlement.*"]}`, key: "new",
		},
		{
			name:     "it has an additional event type",
			existing: []subscription.CreateWebhookParams{{URL: hookURL, EventTypes: []webhook.EventType{types, settled, "a.*"}, SigningKeyID: "new"}},
			change:   subscription.ChangeUpdated, operations: []string{listed, updated}, patch: `{"event_types":["payment.*","settlement.*"]}`, key: "new",
		},
		{
			name:     "it is disabled",
			existing: []subscription.CreateWebhookParams{{URL: hookURL, EventTypes: []webhook.EventType{types, settled}, SigningKeyID: "new", Status: "DISABLED"}},
			change:   subscription.ChangeUpdated, operations: []string{listed, updated}, patch: `{"status":"ENABLED"}`, key: "new",
		},
		{
			name:     "everything differs",
			existing: []subscription.CreateWebhookParams{{URL: hookURL, EventTypes: []webhook.EventType{"a"}, SigningKeyID: "foreign", Status: "DISABLED"}},
			change:   subscription.ChangeUpdated, operations: []string{listed, keys, updated},
			patch: `{"event_types":["payment.*","settlement.*"],"signing_key_id":"new","status":"ENABLED"}`, key: "new",
		},
		{
			name: "several exist, and one is in the requested state",
			existing: []subscription.CreateWebhookParams{
				{URL: hookURL, EventTypes: []webhook.EventType{types, settled}, SigningKeyID: "old", Status: "DISABLED"},
				{URL: hookURL, EventTypes: []webhook.EventType{types, settled}, SigningKeyID: "old"},
				{URL: hookURL, EventTypes: []webhook.EventType{"a"}, SigningKeyID: "old"},
			},
			change: subscription.ChangeUnchanged, operations: []string{listed}, key: "old", others: 2,
		},
		{
			name: "several exist, and none is in the requested state",
			existing: []subscription.CreateWebhookParams{
				{URL: hookURL, EventTypes: []webhook.EventType{"a"}, SigningKeyID: "old"},
				{URL: hookURL, EventTypes: []webhook.EventType{settled}, SigningKeyID: "new"},
			},
			change: subscription.ChangeUpdated, operations: []string{listed, updated}, patch: `{"event_types":["payment.*","settlement.*"]}`, key: "new", others: 1,
		},
		{
			name: "no webhook exists and the key is pinned", pinned: "old",
			change: subscription.ChangeCreated, operations: []string{listed, created, listed}, key: "old",
		},
		{
			name: "it is signed with another key than the pinned one", pinned: "old",
			existing: []subscription.CreateWebhookParams{{URL: hookURL, EventTypes: []webhook.EventType{types, settled}, SigningKeyID: "new"}},
			change:   subscription.ChangeUpdated, operations: []string{listed, updated}, patch: `{"signing_key_id":"old"}`, key: "old",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := new(gateway)
				double, c := newDouble(t, g)
				ids := map[string]string{"old": publishedKey(t, c, g)}
				double.Advance(time.Second)
				ids["new"] = publishedKey(t, c, g)
				double.Advance(time.Second)
				ids["foreign"] = must[*subscription.SigningKey](t)(c.CreateSigningKey(t.Context())).SigningKeyID
				for _, params := range tc.existing {
					params.SigningKeyID = ids[params.SigningKeyID]
					must[*subscription.Webhook](t)(c.CreateWebhook(t.Context(), params))
				}
				params := paramsFrom(g)
				if tc.pinned != "" {
					params.Vault, params.SigningKeyID = nil, ids[tc.pinned]
				}
				before := len(double.Requests())
				result := must[*subscription.EnsureWebhookResult](t)(c.EnsureWebhook(t.Context(), params))

				if diff := cmp.Diff(tc.operations, operations(double, before)); diff != "" {
					t.Errorf("operations (-want +got):\n%s", diff)
				}
				last := double.Requests()[len(double.Requests())-1]
				for name, id := range ids {
					last.Body = []byte(strings.ReplaceAll(string(last.Body), `"`+id+`"`, `"`+name+`"`))
				}
				if string(last.Body) != tc.patch {
					t.Errorf("sent %s, want %s", last.Body, tc.patch)
				}
				if result.Change != tc.change || len(result.Others) != tc.others {
					t.Errorf("%s with %d others, want %s with %d", result.Change, len(result.Others), tc.change, tc.others)
				}
				now := must[*subscription.Webhook](t)(c.GetWebhook(t.Context(), result.Webhook.WebhookID))
				if now.SigningKeyID != ids[tc.key] || now.Status != subscription.WebhookStatusEnabled || now.EventVersion != "v2" {
					t.Errorf("key %s, status %s, version %s", now.SigningKeyID, now.Status, now.EventVersion)
				}
				slices.Sort(now.EventTypes)
				if diff := cmp.Diff(params.EventTypes, now.EventTypes); diff != "" {
					t.Errorf("event types (-want +got):\n%s", diff)
				}

				again := must[*subscription.EnsureWebhookResult](t)(c.EnsureWebhook(t.Context(), params))
				if again.Change != subscription.ChangeUnchanged || again.Webhook.WebhookID != result.Webhook.WebhookID {
					t.Errorf("a second call: %s %s, first %s", again.Change, again.Webhook.WebhookID, result.Webhook.WebhookID)
				}
			})
		})
	}
}

func TestEnsureWebhookPublishesAKeyAtTheFirstStart(t *testing.T) {
	g := new(gateway)
	double, c := newDouble(t, g)
	client := newKlarna(t, double)
	result := must[*subscription.EnsureWebhookResult](t)(c.EnsureWebhook(t.Context(), paramsFrom(g)))
	want := []string{listed, keys, newKey, created, listed}
	if diff := cmp.Diff(want, operations(double, 0)); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	if result.Change != subscription.ChangeCreated || result.Webhook.SigningKeyID != g.keys[0].ID || len(g.keys) != 1 {
		t.Errorf("%s, signed with %s, %d keys", result.Change, result.Webhook.SigningKeyID, len(g.keys))
	}
	if err := c.SimulateWebhook(t.Context(), result.Webhook.WebhookID, "payment.request.state-change.completed"); err != nil {
		t.Fatal(err)
	}
	causeEvent(t, double, client)
	if refused, byKey := refused(double); refused != 0 || byKey[g.keys[0].ID] != 2 {
		t.Errorf("%d refused of %v", refused, byKey)
	}
	// A vault whose keys no longer exist at Klarna is treated like an empty one.
	if err := c.DeleteWebhook(t.Context(), result.Webhook.WebhookID); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteSigningKey(t.Context(), g.keys[0].ID); err != nil {
		t.Fatal(err)
	}
	result = must[*subscription.EnsureWebhookResult](t)(c.EnsureWebhook(t.Context(), paramsFrom(g)))
	if len(g.keys) != 2 || result.Webhook.SigningKeyID != g.keys[1].ID {
		t.Errorf("%d keys, signed with %s", len(g.keys), result.Webhook.SigningKeyID)
	}
}

// interject calls before and after around each request of the method whose path ends with pathEnd.
func interject(method, pathEnd string, before, after func()) klarna.Option {
	return klarna.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			here := r.Method == method && strings.HasSuffix(r.URL.Path, pathEnd)
			if here && before != nil {
				before()
			}
			response, err := next.RoundTrip(r)
			if here && after != nil {
				after()
			}
			return response, err
		})
	})
}

func TestEnsureWebhookReadsAgainAfterAConflict(t *testing.T) {
	for _, tc := range []struct {
		name   string
		exists bool // a webhook exists at the start, without one of the event types
		method string
		before func(t *testing.T, other *subscription.Client, g *gateway)
		change subscription.Change
		last   []string // the operations at the end
		keys   int      // in the vault
	}{
		{
			name: "another replica finishes before the first list", method: http.MethodGet,
			before: func(t *testing.T, other *subscription.Client, g *gateway) {
				must[*subscription.EnsureWebhookResult](t)(other.EnsureWebhook(t.Context(), paramsFrom(g)))
			},
			change: subscription.ChangeUnchanged, last: []string{created, listed, listed}, keys: 1,
		},
		{
			name: "another replica creates the same webhook first", method: http.MethodPost,
			before: func(t *testing.T, other *subscription.Client, g *gateway) {
				must[*subscription.EnsureWebhookResult](t)(other.EnsureWebhook(t.Context(), paramsFrom(g)))
			},
			change: subscription.ChangeUnchanged, last: []string{created, listed}, keys: 1,
		},
		{
			name: "another replica creates one with its own key first", method: http.MethodPost,
			before: func(t *testing.T, other *subscription.Client, g *gateway) {
				id := publishedKey(t, other, g)
				must[*subscription.Webhook](t)(other.CreateWebhook(t.Context(), subscription.CreateWebhookParams{
					URL: hookURL, EventTypes: paramsFrom(g).EventTypes, SigningKeyID: id,
				}))
			},
			change: subscription.ChangeUnchanged, last: []string{created, listed, deleted, listed}, keys: 2,
		},
		{
			name: "the webhook is deleted before it can be changed", method: http.MethodPatch, exists: true,
			before: func(t *testing.T, other *subscription.Client, _ *gateway) {
				for _, w := range must[[]subscription.Webhook](t)(other.ListWebhooks(t.Context())) {
					if err := other.DeleteWebhook(t.Context(), w.WebhookID); err != nil {
						t.Error(err)
					}
				}
			},
			change: subscription.ChangeCreated, last: []string{updated, listed, keys, created, listed}, keys: 1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := new(gateway)
			double, other := newDouble(t, g)
			if tc.exists {
				must[*subscription.Webhook](t)(other.CreateWebhook(t.Context(), subscription.CreateWebhookParams{
					URL: hookURL, EventTypes: []webhook.EventType{"payment.*"}, SigningKeyID: publishedKey(t, other, g),
				}))
			}
			var once sync.Once
			act := func() { once.Do(func() { tc.before(t, other, g) }) }
			path := "webhooks"
			if tc.method == http.MethodPatch {
				path = ""
			}
			c := newClient(t, double, interject(tc.method, path, act, nil))
			result := must[*subscription.EnsureWebhookResult](t)(c.EnsureWebhook(t.Context(), paramsFrom(g)))
			if result.Change != tc.change || len(result.Others) != 0 {
				t.Errorf("%s with %d others, want %s", result.Change, len(result.Others), tc.change)
			}
			all := operations(double, 0)
			if diff := cmp.Diff(tc.last, all[len(all)-len(tc.last):]); diff != "" {
				t.Errorf("last operations (-want +got):\n%s", diff)
			}
			if left := must[[]subscription.Webhook](t)(c.ListWebhooks(t.Context())); len(left) != 1 {
				t.Errorf("%d webhooks, want 1", len(left))
			}
			if len(g.keys) != tc.keys {
				t.Errorf("%d keys in the vault, want %d", len(g.keys), tc.keys)
			}
		})
	}
}

func TestReplicasThatCreateConcurrentlyKeepOneWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const replicas = 3
		g := new(gateway)
		double, c := newDouble(t, g)
		var listedAll, createdAll, done sync.WaitGroup
		listedAll.Add(replicas)
		createdAll.Add(replicas)
		changes := make([]subscription.Change, replicas)
		for i := range replicas {
			var list, create sync.Once
			replica := newClient(t, double,
				interject(http.MethodGet, "webhooks", nil, func() { list.Do(func() { listedAll.Done(); listedAll.Wait() }) }),
				interject(http.MethodPost, "webhooks", nil, func() { create.Do(func() { createdAll.Done(); createdAll.Wait() }) }))
			params := paramsFrom(vaults{new(gateway), g}) // each creates its own key, so the webhooks differ
			done.Go(func() {
				result, err := replica.EnsureWebhook(t.Context(), params)
				if err != nil {
					t.Error(err)
					return
				}
				changes[i] = result.Change
			})
		}
		done.Wait()
		if left := must[[]subscription.Webhook](t)(c.ListWebhooks(t.Context())); len(left) != 1 {
			t.Errorf("%d webhooks, want 1", len(left))
		}
		if !slices.Contains(operations(double, 0), deleted) {
			t.Error("no replica deleted its webhook")
		}
		slices.Sort(changes)
		if want := []subscription.Change{subscription.ChangeCreated, subscription.ChangeUnchanged, subscription.ChangeUnchanged}; !slices.Equal(changes, want) {
			t.Errorf("changes %v, want %v", changes, want)
		}
	})
}

// vaults publishes to both vaults. It is empty until the first one has a key.
type vaults [2]*gateway

func (v vaults) SigningKeyIDs(ctx context.Context) ([]string, error) {
	if ids, _ := v[0].SigningKeyIDs(ctx); len(ids) == 0 {
		return nil, nil
	}
	return v[1].SigningKeyIDs(ctx)
}

func (v vaults) Publish(ctx context.Context, key subscription.SigningKey) error {
	return errors.Join(v[0].Publish(ctx, key), v[1].Publish(ctx, key))
}

func TestReplicasThatStartConcurrentlyShareOneWebhook(t *testing.T) {
	for i := range 20 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := new(gateway)
				double, c := newDouble(t, g)
				var all sync.WaitGroup
				for range 6 {
					replica := newClient(t, double)
					all.Go(func() {
						if _, err := replica.EnsureWebhook(t.Context(), paramsFrom(g)); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				if left := must[[]subscription.Webhook](t)(c.ListWebhooks(t.Context())); len(left) != 1 {
					t.Fatalf("%d webhooks, want 1", len(left))
				}
				causeEvent(t, double, newKlarna(t, double))
				if refused, byKey := refused(double); refused != 0 || len(byKey) != 1 {
					t.Errorf("%d refused of %v", refused, byKey)
				}
			})
		})
	}
}

func TestEnsureWebhookReturnsALastingConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(gateway)
		double, c := newDouble(t, g)
		publishedKey(t, c, g)
		double.Script(klarnatest.Fault{Operation: created, StatusCode: 409, Times: 5})
		_, err := c.EnsureWebhook(t.Context(), paramsFrom(g))
		if e, ok := errors.AsType[*klarna.Error](err); !ok || e.Code != klarna.CodeResourceConflict || e.Operation != created {
			t.Errorf("error %v", err)
		}
		// The context ends the wait between two attempts.
		double.Script(klarnatest.Fault{Operation: created, StatusCode: 409, Times: 2})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		seen := 0
		canceling := newClient(t, double, interject(http.MethodPost, "webhooks", nil, func() {
			if seen++; seen == 2 {
				cancel()
			}
		}))
		_, err = canceling.EnsureWebhook(ctx, paramsFrom(g))
		if !errors.Is(err, context.Canceled) || seen != 2 {
			t.Errorf("error %v after %d creations", err, seen)
		}
	})
}

func TestEnsureWebhookReturnsEachError(t *testing.T) {
	broken := errors.New("the vault is sealed")
	for _, tc := range []struct {
		name   string
		fault  string // the operation that fails
		vault  *vaultFuncs
		exists bool // a webhook exists whose key the vault does not have
		left   int  // keys at Klarna
	}{
		{name: "the list of webhooks", fault: listed},
		{name: "the list of keys", fault: keys},
		{name: "the list of keys for an update", fault: keys, exists: true, left: 1},
		{name: "the creation of a key", fault: newKey},
		{name: "the creation of the webhook", fault: created, left: 1},
		{name: "the update", fault: updated, exists: true, left: 2},
		{name: "the vault, read", vault: &vaultFuncs{ids: func(int) ([]string, error) { return nil, broken }}},
		{name: "the vault, read after it got a key", vault: &vaultFuncs{ids: func(n int) ([]string, error) {
			if n > 1 {
				return nil, broken
			}
			return nil, nil
		}}, left: 1}, // the key is published, so another replica may use it
		{name: "the vault, written", vault: &vaultFuncs{publish: func() error { return broken }}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			double, c := newDouble(t, nil, klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
			if tc.exists {
				key := must[*subscription.SigningKey](t)(c.CreateSigningKey(t.Context()))
				must[*subscription.Webhook](t)(c.CreateWebhook(t.Context(), subscription.CreateWebhookParams{
					URL: hookURL, EventTypes: []webhook.EventType{"a"}, SigningKeyID: key.SigningKeyID,
				}))
			}
			if tc.fault != "" {
				double.Script(klarnatest.Fault{Operation: tc.fault, StatusCode: 503})
			}
			vault := stdcmp.Or(tc.vault, new(vaultFuncs))
			result, err := c.EnsureWebhook(t.Context(), paramsFrom(vault))
			if result != nil || err == nil {
				t.Fatalf("%v, %v", result, err)
			}
			if e, ok := errors.AsType[*klarna.Error](err); tc.fault != "" && (!ok || e.Operation != tc.fault) {
				t.Errorf("error %v", err)
			}
			if tc.fault == "" && !errors.Is(err, broken) {
				t.Errorf("error %v", err)
			}
			if ids := keyIDs(t, c); len(ids) != tc.left {
				t.Errorf("%d keys at Klarna, want %d", len(ids), tc.left)
			}
		})
	}
}

// vaultFuncs is a vault whose methods can be replaced.
type vaultFuncs struct {
	gateway
	reads   int
	ids     func(n int) ([]string, error)
	publish func() error
}

func (v *vaultFuncs) SigningKeyIDs(ctx context.Context) ([]string, error) {
	if v.reads++; v.ids != nil {
		return v.ids(v.reads)
	}
	return v.gateway.SigningKeyIDs(ctx)
}

func (v *vaultFuncs) Publish(ctx context.Context, key subscription.SigningKey) error {
	if v.publish != nil {
		return v.publish()
	}
	return v.gateway.Publish(ctx, key)
}

func TestEnsureWebhookReportsAVaultThatForgets(t *testing.T) {
	double, c := newDouble(t, nil)
	_, err := c.EnsureWebhook(t.Context(), paramsFrom(&vaultFuncs{ids: func(int) ([]string, error) { return []string{"another"}, nil }}))
	if err == nil || !strings.Contains(err.Error(), "does not list it") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{listed, keys, newKey, dropKey}, operations(double, 0)); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func TestEnsureWebhookNamesAWebhookThatRemains(t *testing.T) {
	for _, tc := range []struct {
		name   string
		list   int // the status of the second list
		delete int
		want   string
	}{
		{"because the list fails", 503, 0, "is created; list the webhooks with its URL"},
		{"because the deletion fails", 200, 403, "because another one has its URL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, mock := newMocked(t)
			lists := 0
			mock.RegisterResponder("GET", host+"/v2/notification/webhooks", func(*http.Request) (*http.Response, error) {
				if lists++; lists == 1 {
					return httpmock.NewStringResponse(200, `{"webhooks":[]}`), nil
				}
				return httpmock.NewStringResponse(tc.list, `{"webhooks":[{"webhook_id":"other","url":"`+hookURL+`","signing_key_id":"k"}]}`), nil
			})
			mock.RegisterResponder("POST", host+"/v2/notification/webhooks", httpmock.NewStringResponder(201, webhookBody))
			mock.RegisterResponder("DELETE", host+"/v2/notification/webhooks/"+webhookID, httpmock.NewStringResponder(tc.delete, ``))
			_, err := c.EnsureWebhook(t.Context(), subscription.EnsureWebhookParams{URL: hookURL, EventTypes: []webhook.EventType{"a"}, SigningKeyID: keyID})
			if err == nil || !strings.Contains(err.Error(), webhookID) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v", err)
			}
			if _, ok := errors.AsType[*klarna.Error](err); !ok {
				t.Errorf("%T has no *klarna.Error", err)
			}
		})
	}
}
