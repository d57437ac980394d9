package subscription_test

import (
	"bytes"
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

// newRotated returns a klarnatest server with n webhooks. All of them deliver to one gateway, which
// holds their key.
func newRotated(t testing.TB, n int, options ...klarna.Option) (*klarnatest.Server, *subscription.Client, *gateway) {
	t.Helper()
	g := new(gateway)
	double, c := newDouble(t, g, options...)
	plain := newClient(t, double)
	key := must[*subscription.SigningKey](t)(plain.CreateSigningKey(context.Background()))
	if err := g.Publish(context.Background(), *key); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		must[*subscription.Webhook](t)(plain.CreateWebhook(context.Background(), subscription.CreateWebhookParams{
			URL: hookURL + "/" + strconv.Itoa(i), EventTypes: []webhook.EventType{"payment.*"}, SigningKeyID: key.SigningKeyID,
		}))
	}
	return double, c, g
}

// signers returns the ids of the keys of all webhooks, in the order of the webhooks.
func signers(t testing.TB, c *subscription.Client) []string {
	t.Helper()
	var ids []string
	for _, w := range must[[]subscription.Webhook](t)(c.ListWebhooks(context.Background())) {
		ids = append(ids, w.SigningKeyID)
	}
	return ids
}

func TestRotateKeyPublishesBeforeItUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		double, c, g := newRotated(t, 2)
		old := g.keys[0].ID
		spare := must[*subscription.SigningKey](t)(c.CreateSigningKey(t.Context())).SigningKeyID
		before := len(double.Requests())
		var atPublish []string
		rotation := must[*subscription.Rotation](t)(c.RotateKey(t.Context(), func(ctx context.Context, key subscription.SigningKey) error {
			atPublish = operations(double, before)
			return g.Publish(ctx, key)
		}))
		want := []string{listed, keys, newKey}
		if diff := cmp.Diff(want, atPublish); diff != "" {
			t.Errorf("operations before publish (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(append(want, updated, updated), operations(double, before)); diff != "" {
			t.Errorf("operations (-want +got):\n%s", diff)
		}
		last := double.Requests()[len(double.Requests())-1]
		if want := `{"signing_key_id":"` + rotation.SigningKeyID + `"}`; string(last.Body) != want {
			t.Errorf("sent %s, want %s", last.Body, want)
		}
		if rotation.SigningKeyID != g.keys[1].ID || len(rotation.Webhooks) != 2 || !rotation.RotatedAt.Equal(time.Now()) {
			t.Errorf("key %s, %d webhooks, at %s", rotation.SigningKeyID, len(rotation.Webhooks), rotation.RotatedAt)
		}
		if !slices.Equal(rotation.OldKeyIDs, []string{old}) || !slices.Equal(rotation.UnusedKeyIDs, []string{spare}) {
			t.Errorf("old %v, unused %v", rotation.OldKeyIDs, rotation.UnusedKeyIDs)
		}
		if got := keyIDs(t, c); !slices.Equal(got, []string{old, spare, rotation.SigningKeyID}) {
			t.Errorf("keys at Klarna %v", got)
		}
		if got := signers(t, c); !slices.Equal(got, []string{rotation.SigningKeyID, rotation.SigningKeyID}) {
			t.Errorf("signed with %v", got)
		}
	})
}

func TestRotateKeyUpdatesOnlyTheNamedWebhooks(t *testing.T) {
	_, c, g := newRotated(t, 3)
	all := must[[]subscription.Webhook](t)(c.ListWebhooks(t.Context()))
	rotation := must[*subscription.Rotation](t)(c.RotateKey(t.Context(), g.Publish, all[2].WebhookID, all[0].WebhookID))
	if want := []string{rotation.SigningKeyID, g.keys[0].ID, rotation.SigningKeyID}; !slices.Equal(signers(t, c), want) {
		t.Errorf("signed with %v, want %v", signers(t, c), want)
	}
}

func TestRotateKeyRefusesInvalidArguments(t *testing.T) {
	double, c, g := newRotated(t, 1)
	for name, rotate := range map[string]func() (*subscription.Rotation, error){
		"a webhook that does not exist": func() (*subscription.Rotation, error) { return c.RotateKey(t.Context(), g.Publish, "nowhere") },
		"an empty id":                   func() (*subscription.Rotation, error) { return c.RotateKey(t.Context(), g.Publish, "") },
		"no publish function":           func() (*subscription.Rotation, error) { return c.RotateKey(t.Context(), nil) },
		"no webhook at all": func() (*subscription.Rotation, error) {
			_, empty := newDouble(t, nil)
			return empty.RotateKey(t.Context(), g.Publish)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if rotation, err := rotate(); rotation != nil || err == nil {
				t.Errorf("%v, %v", rotation, err)
			}
		})
	}
	if slices.Contains(operations(double, 2), newKey) {
		t.Error("a key was created")
	}
}

func TestRotateKeyDeletesAKeyThatIsNotPublished(t *testing.T) {
	broken := errors.New("the vault is sealed")
	for name, fail := range map[string]func(cancel func()) error{
		"with an error":                            func(func()) error { return broken },
		"because the context has ended":            func(cancel func()) error { cancel(); return broken },
		"with a panic":                             func(func()) error { panic(broken) },
		"with a panic after the context has ended": func(cancel func()) error { cancel(); panic(broken) },
	} {
		t.Run(name, func(t *testing.T) {
			double, c, g := newRotated(t, 2)
			old := g.keys[0].ID
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			func() {
				defer func() {
					if p := recover(); p != nil && p != any(broken) {
						t.Errorf("panic %v", p)
					}
				}()
				rotation, err := c.RotateKey(ctx, func(context.Context, subscription.SigningKey) error { return fail(cancel) })
				if rotation != nil || !errors.Is(err, broken) {
					t.Errorf("%v, %v", rotation, err)
				}
				if left, ok := errors.AsType[*subscription.KeyLeftError](err); ok {
					t.Errorf("got a KeyLeftError: %v", left)
				}
			}()
			all := operations(double, 0)
			if all[len(all)-1] != dropKey || slices.Contains(all, updated) {
				t.Errorf("operations %v", all)
			}
			if got := keyIDs(t, c); !slices.Equal(got, []string{old}) {
				t.Errorf("keys at Klarna %v", got)
			}
			if got := signers(t, c); !slices.Equal(got, []string{old, old}) {
				t.Errorf("signed with %v", got)
			}
		})
	}
}

func TestRotateKeyNamesAKeyThatRemains(t *testing.T) {
	broken := errors.New("the vault is sealed")
	double, c, _ := newRotated(t, 1)
	double.Script(klarnatest.Fault{Operation: dropKey, StatusCode: 403})
	_, err := c.RotateKey(t.Context(), func(context.Context, subscription.SigningKey) error { return broken })
	left, ok := errors.AsType[*subscription.KeyLeftError](err)
	if !ok || left.Published || left.SigningKeyID != keyIDs(t, c)[1] {
		t.Fatalf("error %v", err)
	}
	if !errors.Is(err, broken) || !errors.Is(err, klarna.CodeOperationForbidden) {
		t.Errorf("the causes are lost: %v", err)
	}
	if text := err.Error(); !strings.Contains(text, left.SigningKeyID) || strings.Contains(text, "\n") {
		t.Errorf("text %q", text)
	}
}

// The key remains at Klarna and signs nothing. An invalid answer does not identify it.
func TestAKeyWithoutASecretIsNotPublished(t *testing.T) {
	for name, tc := range map[string]struct{ created, member string }{
		"no secret":              {`{"signing_key_id":"` + otherKeyID + `"}`, "signing_key is missing"},
		"an empty secret":        {`{"signing_key_id":"` + otherKeyID + `","signing_key":""}`, "signing_key is missing"},
		"a secret of null":       {`{"signing_key_id":"` + otherKeyID + `","signing_key":null}`, "signing_key is missing"},
		"a secret in a list":     {`{"signing_key_id":"` + otherKeyID + `","signing_key":["a"]}`, "signing_key is an array"},
		"two secrets":            {`{"signing_key_id":"` + otherKeyID + `","signing_key":"a","signing_key":"b"}`, "signing_key is there more than once"},
		"no id":                  {`{"signing_key":"a"}`, "signing_key_id is missing"},
		"nothing":                {`{}`, "signing_key_id is missing"},
		"an error of status 201": {`{"error_code":"INTERNAL_SERVER_ERROR","error_id":"e"}`, "it is an error with a 2xx status"},
	} {
		t.Run(name, func(t *testing.T) {
			c, mock := newMocked(t)
			mock.RegisterResponder("GET", host+"/v2/notification/webhooks", httpmock.NewStringResponder(200, `{"webhooks":[`+webhookBody+`]}`))
			mock.RegisterResponder("GET", host+"/v2/notification/signing-keys", httpmock.NewStringResponder(200, `{"signing_keys":[]}`))
			mock.RegisterResponder("POST", host+"/v2/notification/signing-keys", httpmock.NewStringResponder(201, tc.created))
			_, err := c.RotateKey(t.Context(), func(context.Context, subscription.SigningKey) error {
				t.Error("published")
				return nil
			})
			if klarna.OutcomeOf(err) != klarna.OutcomeUnknown || !strings.Contains(err.Error(), tc.member) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestRotateKeyContinuesAfterAFailedRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		double, c, g := newRotated(t, 3, klarna.WithRetries(klarna.RetryPolicy{MaxAttempts: 1}))
		first := g.keys[0].ID
		double.Script(klarnatest.Fault{Operation: updated, StatusCode: 503}, klarnatest.Fault{Operation: updated, StatusCode: 403})
		rotation, err := c.RotateKey(t.Context(), g.Publish)
		left, ok := errors.AsType[*subscription.KeyLeftError](err)
		second := g.keys[1].ID
		if rotation != nil || !ok || !left.Published || left.SigningKeyID != second {
			t.Fatalf("%v, %v", rotation, err)
		}
		if text := err.Error(); !strings.Contains(text, "is published and remains") || strings.Contains(text, "\n") {
			t.Errorf("text %q", text)
		}
		for _, code := range []klarna.Code{klarna.CodeTemporaryUnavailable, klarna.CodeOperationForbidden} {
			if !errors.Is(err, code) {
				t.Errorf("%s is lost: %v", code, err)
			}
		}
		if got := signers(t, c); !slices.Equal(got, []string{first, first, second}) {
			t.Errorf("signed with %v", got)
		}
		client := newKlarna(t, double)
		causeEvent(t, double, client)

		rotation = must[*subscription.Rotation](t)(c.RotateKey(t.Context(), g.Publish))
		third := g.keys[2].ID
		if got := signers(t, c); !slices.Equal(got, []string{third, third, third}) {
			t.Errorf("signed with %v", got)
		}
		if !slices.Equal(rotation.OldKeyIDs, []string{first, second}) || len(rotation.UnusedKeyIDs) != 0 {
			t.Errorf("old %v, unused %v", rotation.OldKeyIDs, rotation.UnusedKeyIDs)
		}
		causeEvent(t, double, client)
		if refused, byKey := refused(double); refused != 0 || byKey[first] != 2 || byKey[second] != 1 || byKey[third] != 3 {
			t.Errorf("%d refused of %v", refused, byKey)
		}
	})
}

// A crash is a panic in the client's transport. Only the test recovers it, so no later code runs.
func TestACrashDuringARotationRefusesNoDelivery(t *testing.T) {
	const all = 6 // the five requests of a rotation of two webhooks, and the case without a crash
	for at := range all {
		t.Run("after request "+strconv.Itoa(at), func(t *testing.T) {
			requests, crashed := 0, false
			crash := klarna.WithMiddleware(func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(r *http.Request) (*http.Response, error) {
					if crashed {
						return nil, errors.New("the program has crashed")
					}
					response, err := next.RoundTrip(r)
					if requests++; requests == at {
						crashed = true
						panic("crash")
					}
					return response, err
				})
			})
			double, crashing, g := newRotated(t, 2, crash)
			c, client := newClient(t, double), newKlarna(t, double)
			first := g.keys[0].ID
			func() {
				defer func() {
					if p := recover(); (p != nil) != (at > 0) {
						t.Errorf("panic %v", p)
					}
				}()
				must[*subscription.Rotation](t)(crashing.RotateKey(t.Context(), g.Publish))
			}()
			causeEvent(t, double, client)
			rotation := must[*subscription.Rotation](t)(c.RotateKey(t.Context(), g.Publish))
			causeEvent(t, double, client)

			if refused, byKey := refused(double); refused != 0 || byKey[rotation.SigningKeyID] != 2 {
				t.Errorf("%d refused of %v", refused, byKey)
			}
			if got := signers(t, c); !slices.Equal(got, []string{rotation.SigningKeyID, rotation.SigningKeyID}) {
				t.Errorf("signed with %v", got)
			}
			// The rotation lists every key except for the new one, so that all of them can be
			// deleted.
			reported := append(slices.Clone(rotation.OldKeyIDs), rotation.UnusedKeyIDs...)
			want := slices.DeleteFunc(keyIDs(t, c), func(id string) bool { return id == rotation.SigningKeyID })
			slices.Sort(reported)
			slices.Sort(want)
			if !slices.Equal(reported, want) || !slices.Contains(reported, first) {
				t.Errorf("got keys %v, want %v", reported, want)
			}
		})
	}
}

func TestRotateKeySkipsADeletedWebhook(t *testing.T) {
	double, c, g := newRotated(t, 2)
	gone := must[[]subscription.Webhook](t)(c.ListWebhooks(t.Context()))[0]
	rotation := must[*subscription.Rotation](t)(c.RotateKey(t.Context(), func(ctx context.Context, key subscription.SigningKey) error {
		return errors.Join(c.DeleteWebhook(ctx, gone.WebhookID), g.Publish(ctx, key))
	}))
	if len(rotation.Webhooks) != 1 || len(rotation.OldKeyIDs) != 1 || len(double.Deliveries()) != 0 {
		t.Errorf("%d webhooks, old %v", len(rotation.Webhooks), rotation.OldKeyIDs)
	}
}

func TestRotateKeyRepeatsAnUpdateAfterAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		double, c, g := newRotated(t, 1)
		double.Script(klarnatest.Fault{Operation: updated, StatusCode: 409, Times: 4})
		must[*subscription.Rotation](t)(c.RotateKey(t.Context(), g.Publish))

		double.Script(klarnatest.Fault{Operation: updated, StatusCode: 409, Times: 5})
		_, err := c.RotateKey(t.Context(), g.Publish)
		if left, ok := errors.AsType[*subscription.KeyLeftError](err); !ok || !left.Published || !errors.Is(err, klarna.CodeResourceConflict) {
			t.Errorf("error %v", err)
		}

		double.Script(klarnatest.Fault{Operation: updated, StatusCode: 409})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		canceling := newClient(t, double, interject(http.MethodPatch, "", nil, cancel))
		if _, err = canceling.RotateKey(ctx, g.Publish); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func TestRotateKeyChecksTheKeyInTheAnswer(t *testing.T) {
	c, mock := newMocked(t)
	mock.RegisterResponder("GET", host+"/v2/notification/webhooks", httpmock.NewStringResponder(200, `{"webhooks":[`+webhookBody+`]}`))
	mock.RegisterResponder("GET", host+"/v2/notification/signing-keys", httpmock.NewStringResponder(200, `{"signing_keys":[]}`))
	mock.RegisterResponder("POST", host+"/v2/notification/signing-keys", httpmock.NewStringResponder(201, strings.ReplaceAll(createdKey, keyID, otherKeyID)))
	mock.RegisterResponder("PATCH", host+"/v2/notification/webhooks/"+webhookID, httpmock.NewStringResponder(200, webhookBody))
	_, err := c.RotateKey(t.Context(), func(context.Context, subscription.SigningKey) error { return nil })
	if _, ok := errors.AsType[*subscription.KeyLeftError](err); !ok || !strings.Contains(err.Error(), "still signed with "+keyID) {
		t.Errorf("error %v", err)
	}
}

func TestRotateKeyReturnsErrorsBeforePublish(t *testing.T) {
	for _, operation := range []string{listed, keys, newKey} {
		t.Run(operation, func(t *testing.T) {
			double, c, g := newRotated(t, 1)
			double.Script(klarnatest.Fault{Operation: operation, StatusCode: 403})
			rotation, err := c.RotateKey(t.Context(), g.Publish)
			if e, ok := errors.AsType[*klarna.Error](err); rotation != nil || !ok || e.Operation != operation || len(g.keys) != 1 {
				t.Errorf("%v, %v, %d keys", rotation, err, len(g.keys))
			}
		})
	}
}

// At each step of a rotation, an event is delivered before the rotation continues.
func TestNoStepOfARotationRefusesADelivery(t *testing.T) {
	var double *klarnatest.Server
	var client *klarna.Client
	step := func() { causeEvent(t, double, client) }
	double, c, g := newRotated(t, 3, interject("GET", "", step, step), interject("POST", "", step, step), interject("PATCH", "", step, step))
	client = newKlarna(t, double)
	first := g.keys[0].ID
	must[*subscription.Rotation](t)(c.RotateKey(t.Context(), func(ctx context.Context, key subscription.SigningKey) error {
		step()
		defer step()
		return g.Publish(ctx, key)
	}))
	refused, byKey := refused(double)
	if refused != 0 || byKey[first] == 0 || byKey[g.keys[1].ID] == 0 {
		t.Errorf("%d refused of %v", refused, byKey)
	}
	if got, want := len(double.Deliveries()), 14*3; got != want {
		t.Errorf("%d deliveries, want %d", got, want)
	}
}

// Two programs rotate keys concurrently, while several goroutines cause events and receivers fail.
func TestARotationUnderLoadRefusesNoDelivery(t *testing.T) {
	const webhooks, rotations = 8, 5
	g := new(gateway)
	flaky := &flakyReceiver{next: g}
	flaky.arrived.L = &flaky.mu
	double := klarnatest.NewServer(t, klarnatest.WithoutSocket(), klarnatest.WithWebhookTransport(transportTo(flaky)))
	c, client := newClient(t, double), newKlarna(t, double)
	key := must[*subscription.SigningKey](t)(c.CreateSigningKey(t.Context()))
	if err := g.Publish(t.Context(), *key); err != nil {
		t.Fatal(err)
	}
	for i := range webhooks {
		must[*subscription.Webhook](t)(c.CreateWebhook(t.Context(), subscription.CreateWebhookParams{
			URL: hookURL + "/" + strconv.Itoa(i), EventTypes: []webhook.EventType{"payment.*"}, SigningKeyID: key.SigningKeyID,
		}))
	}

	load, stop := context.WithCancel(t.Context())
	var events, programs sync.WaitGroup
	for range 3 {
		events.Go(func() {
			for load.Err() == nil {
				causeEvent(t, double, client)
			}
		})
	}
	for range 2 {
		// After each update of a webhook, deliveries arrive before the rotation continues.
		rotating := newClient(t, double, interject(http.MethodPatch, "", nil, func() { flaky.await(2 * webhooks) }))
		programs.Go(func() {
			for range rotations {
				if _, err := rotating.RotateKey(t.Context(), g.Publish); err != nil {
					t.Error(err)
				}
			}
		})
	}
	programs.Wait()
	stop()
	events.Wait()
	double.Advance(48 * time.Hour) // all retries

	counts := map[int]int{}
	byKey := map[string]int{}
	for _, d := range double.Deliveries() {
		counts[d.StatusCode]++
		byKey[d.Header.Get("Klarna-Signing-Key-Id")]++
	}
	if counts[http.StatusBadRequest] != 0 || counts[http.StatusOK] == 0 || counts[http.StatusServiceUnavailable] == 0 || len(counts) != 2 {
		t.Errorf("answers %v, want 200 and 503; a 400 is a refused delivery", counts)
	}
	if len(byKey) < 3 || len(g.keys) != 1+2*rotations {
		t.Errorf("signed with %d keys of %d", len(byKey), len(g.keys))
	}
}

// flakyReceiver verifies each delivery. It answers 503 to every seventh one with a valid signature.
type flakyReceiver struct {
	next    http.Handler
	mu      sync.Mutex
	arrived sync.Cond
	seen    int
}

// await waits for n more deliveries.
func (f *flakyReceiver) await(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n += f.seen; f.seen < n; {
		f.arrived.Wait()
	}
}

func (f *flakyReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	verified := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	f.next.ServeHTTP(verified, r)
	f.mu.Lock()
	f.seen++
	fails := f.seen%7 == 0
	f.arrived.Broadcast()
	f.mu.Unlock()
	if verified.status == http.StatusOK && fails {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func TestRetireKeyWaitsForTheLastRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(gateway)
		down := true
		double, c := newDouble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			g.ServeHTTP(w, r)
		}))
		old := publishedKey(t, c, g)
		must[*subscription.Webhook](t)(c.CreateWebhook(t.Context(), subscription.CreateWebhookParams{
			URL: hookURL, EventTypes: []webhook.EventType{"payment.request.state-change.submitted"}, SigningKeyID: old,
		}))
		causeEvent(t, double, newKlarna(t, double)) // the first attempt is directly before the rotation
		rotation := must[*subscription.Rotation](t)(c.RotateKey(t.Context(), g.Publish))
		down = false

		for _, wait := range []time.Duration{0, subscription.RetryTime, subscription.RetireAfter - subscription.RetryTime - time.Nanosecond} {
			<-time.After(wait)
			before := len(double.Requests())
			if err := c.RetireKey(t.Context(), old, rotation.RotatedAt); !errors.Is(err, subscription.ErrRetriesPending) {
				t.Errorf("%s after the rotation: %v", time.Since(rotation.RotatedAt), err)
			}
			if n := len(double.Requests()) - before; n != 0 {
				t.Errorf("%d requests for a key that must not be deleted", n)
			}
		}
		if err := c.RetireKey(t.Context(), old, time.Time{}); !errors.Is(err, subscription.ErrRetriesPending) {
			t.Errorf("without a time: %v", err)
		}
		<-time.After(time.Nanosecond)
		if err := c.RetireKey(t.Context(), rotation.SigningKeyID, rotation.RotatedAt); !errors.Is(err, subscription.ErrKeyInUse) {
			t.Errorf("the key that signs: %v", err)
		}
		for range 2 { // another replica may have deleted the key
			if err := c.RetireKey(t.Context(), old, rotation.RotatedAt); err != nil {
				t.Error(err)
			}
		}
		if got := keyIDs(t, c); !slices.Equal(got, []string{rotation.SigningKeyID}) {
			t.Errorf("keys at Klarna %v", got)
		}
		if err := g.remove(old); err != nil {
			t.Fatal(err)
		}
		causeEvent(t, double, newKlarna(t, double))
		var statuses []int
		for _, d := range double.Deliveries() {
			statuses = append(statuses, d.StatusCode)
		}
		if !slices.Equal(statuses, []int{503, 200, 200}) {
			t.Errorf("answers %v", statuses)
		}
	})
}

func TestRetireKeyReturnsKlarnasErrors(t *testing.T) {
	for _, operation := range []string{listed, dropKey} {
		t.Run(operation, func(t *testing.T) {
			double, c, g := newRotated(t, 1)
			key := must[*subscription.SigningKey](t)(c.CreateSigningKey(t.Context()))
			double.Script(klarnatest.Fault{Operation: operation, StatusCode: 403})
			err := c.RetireKey(t.Context(), key.SigningKeyID, time.Now().Add(-subscription.RetireAfter))
			if !errors.Is(err, klarna.CodeOperationForbidden) || len(keyIDs(t, c)) != len(g.keys)+1 {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestRetireAfterCoversKlarnasRetries(t *testing.T) {
	double := klarnatest.NewServer(t, klarnatest.WithoutSocket(), klarnatest.WithWebhookTransport(transportTo(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))))
	double.Subscribe(hookURL, "payment.request.state-change.submitted")
	causeEvent(t, double, newKlarna(t, double))
	double.Advance(7 * 24 * time.Hour)
	deliveries := double.Deliveries()
	last := deliveries[len(deliveries)-1]
	if after := last.At.Sub(deliveries[0].At); after != subscription.RetryTime || subscription.RetireAfter <= after {
		t.Errorf("the last retry came after %s; RetryTime %s, RetireAfter %s", after, subscription.RetryTime, subscription.RetireAfter)
	}
	if !bytes.Equal(last.Body, deliveries[0].Body) {
		t.Error("the last retry has another event")
	}
}
