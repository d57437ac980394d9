package klarnatest_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const (
	keysPath     = "/v2/notification/signing-keys"
	webhooksPath = "/v2/notification/webhooks"
)

func freshKey() string {
	return "Klarna-Idempotency-Key: " + rand.Text()
}

// signingKey creates a key over the API.
func (c client) signingKey() klarnatest.SigningKey {
	c.Helper()
	r := c.want(201, "POST", keysPath, nil, freshKey())
	return klarnatest.SigningKey{ID: r.text("signing_key_id"), Secret: r.text("signing_key")}
}

func wanted(url, keyID string, eventTypes ...string) obj {
	return obj{"url": url, "event_types": eventTypes, "event_version": "v2", "signing_key_id": keyID, "status": "ENABLED"}
}

func (c client) webhook(url, keyID string, eventTypes ...string) string {
	c.Helper()
	return c.want(201, "POST", webhooksPath, wanted(url, keyID, eventTypes...)).text("webhook_id")
}

func without(o obj, names ...string) obj {
	for _, name := range names {
		delete(o, name)
	}
	return o
}

func signatureOf(k klarnatest.SigningKey, body []byte) string {
	mac := hmac.New(sha256.New, []byte(k.Secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func TestWebhookManagementRefusesInvalidRequests(t *testing.T) {
	server, c := newPair(t)
	id := c.webhook("https://shop.example/hook", c.signingKey().ID, "payment.*")
	for _, op := range []struct {
		name, method, path string
		body               any
	}{
		{"subscription.signing_key.create", "POST", "notification/signing-keys", nil},
		{"subscription.signing_key.list", "GET", "notification/signing-keys", nil},
		{"subscription.signing_key.read", "GET", "notification/signing-keys/x", nil},
		{"subscription.signing_key.delete", "DELETE", "notification/signing-keys/x", nil},
		{"subscription.webhook.create", "POST", "notification/webhooks", obj{}},
		{"subscription.webhook.list", "GET", "notification/webhooks", nil},
		{"subscription.webhook.read", "GET", "notification/webhooks/x", nil},
		{"subscription.webhook.update", "PATCH", "notification/webhooks/x", obj{}},
		{"subscription.webhook.delete", "DELETE", "notification/webhooks/x", nil},
		{"subscription.webhook.simulate", "POST", "notification/webhooks/" + id + "/simulate", obj{}},
	} {
		t.Run(op.name, func(t *testing.T) {
			path := "/v2/" + op.path
			c.want(401, op.method, path, op.body, "Authorization: ")
			requests := server.Requests()
			equal(t, "operation in the log", requests[len(requests)-1].Operation, op.name)
			equal(t, "a trace", c.want(400, op.method, path, op.body, "Traceparent: 00-1-2-01", freshKey()).parameters(), "Traceparent")
			equal(t, "an account in the path",
				c.want(404, op.method, "/v2/accounts/"+server.PartnerAccountID+"/"+op.path, op.body).text("error_code"), "NOT_FOUND")
			if op.method == "POST" || op.method == "PATCH" {
				equal(t, "no idempotency key", c.want(400, op.method, path, op.body, "Klarna-Idempotency-Key: ").parameters(), "Klarna-Idempotency-Key")
			}
			if op.body == nil {
				equal(t, "a body", c.want(400, op.method, path, obj{}).parameters(), "body")
			} else {
				equal(t, "no body", c.want(400, op.method, path, "").parameters(), "body")
			}
			if strings.Contains(op.path, "/x") {
				equal(t, "an id that is none", c.want(404, op.method, path, op.body, freshKey()).text("error_code"), "RESOURCE_NOT_FOUND")
			}
		})
	}
	c.want(404, "POST", webhooksPath+"/x/simulate", obj{})
}

func TestSecretIsReturnedOnlyAtCreation(t *testing.T) {
	server, c := newPair(t)
	created := c.want(201, "POST", keysPath, nil, key)
	id, secret := created.text("signing_key_id"), created.text("signing_key")
	equal(t, "id", strings.HasPrefix(id, "krn:partner:global:notification:signing-key:"), true)
	equal(t, "secret", len(secret) > 40, true)
	equal(t, "created_at", created.text("created_at"), server.Now().Format(time.RFC3339))
	equal(t, "a repetition", string(c.want(201, "POST", keysPath, nil, key).raw), string(created.raw))

	read := c.want(200, "GET", keysPath+"/"+id, nil)
	list := c.want(200, "GET", keysPath, nil)
	equal(t, "read", read.text("signing_key_id"), id)
	equal(t, "list", list.text("signing_keys.0.signing_key_id"), id)
	equal(t, "keys", list.get("signing_keys.1"), nil)
	equal(t, "secret in a read or a list", strings.Contains(string(read.raw)+string(list.raw), secret), false)

	deleted := c.want(204, "DELETE", keysPath+"/"+id, nil)
	equal(t, "body", string(deleted.raw), "")
	equal(t, "Content-Length", deleted.header.Get("Content-Length"), "")
	c.want(404, "GET", keysPath+"/"+id, nil)
	equal(t, "what is left", string(c.want(200, "GET", keysPath, nil).raw), `{"signing_keys":[]}`)
}

func TestAnAccountHasAtMost50Keys(t *testing.T) {
	_, c := newPair(t)
	var last klarnatest.SigningKey
	for range 50 {
		last = c.signingKey()
	}
	equal(t, "code", c.want(403, "POST", keysPath, nil, key).text("error_code"), "OPERATION_FORBIDDEN")
	c.want(204, "DELETE", keysPath+"/"+last.ID, nil)
	c.signingKey()
}

func TestUsedSigningKeyCannotBeDeleted(t *testing.T) {
	_, c := newPair(t)
	k, other := c.signingKey(), c.signingKey()
	id := c.webhook("https://shop.example/hook", k.ID, "payment.*")
	equal(t, "code", c.want(409, "DELETE", keysPath+"/"+k.ID, nil).text("error_code"), "RESOURCE_CONFLICT")
	c.want(200, "PATCH", webhooksPath+"/"+id, obj{"signing_key_id": other.ID})
	c.want(204, "DELETE", keysPath+"/"+k.ID, nil)
}

func TestCreateReadUpdateAndDeleteAWebhook(t *testing.T) {
	server, c := newPair(t)
	k := c.signingKey()
	created := c.want(201, "POST", webhooksPath, wanted("https://shop.example:8443/hook", k.ID, "payment.*", "settlement.payout.failed"))
	id := created.text("webhook_id")
	now := server.Now().Format(time.RFC3339)
	equal(t, "body", string(created.raw), `{"webhook_id":"`+id+`","url":"https://shop.example:8443/hook",`+
		`"event_types":["payment.*","settlement.payout.failed"],"event_version":"v2","signing_key_id":"`+k.ID+`",`+
		`"status":"ENABLED","created_at":"`+now+`","updated_at":"`+now+`"}`)
	equal(t, "read", string(c.want(200, "GET", webhooksPath+"/"+id, nil).raw), string(created.raw))
	equal(t, "list", string(c.want(200, "GET", webhooksPath, nil).raw), `{"webhooks":[`+string(created.raw)+`]}`)

	server.Advance(time.Minute)
	patched := c.want(200, "PATCH", webhooksPath+"/"+id, obj{"event_types": []string{"payment.request.*"}, "status": "DISABLED"})
	equal(t, "event types", patched.text("event_types.0"), "payment.request.*")
	equal(t, "status", patched.text("status"), "DISABLED")
	equal(t, "what was left out stays", patched.text("url"), "https://shop.example:8443/hook")
	equal(t, "updated_at", patched.text("updated_at"), server.Now().Format(time.RFC3339))
	equal(t, "read", string(c.want(200, "GET", webhooksPath+"/"+id, nil).raw), string(patched.raw))

	c.want(204, "DELETE", webhooksPath+"/"+id, nil)
	c.want(404, "GET", webhooksPath+"/"+id, nil)
	equal(t, "what is left", string(c.want(200, "GET", webhooksPath, nil).raw), `{"webhooks":[]}`)
}

func TestIdenticalWebhookIsAConflict(t *testing.T) {
	_, c := newPair(t)
	k, other := c.signingKey(), c.signingKey()
	first := c.webhook("https://shop.example/hook", k.ID, "payment.*", "identity.*")
	r := c.want(409, "POST", webhooksPath, wanted("https://shop.example/hook", k.ID, "identity.*", "payment.*"))
	equal(t, "code", r.text("error_code"), "RESOURCE_CONFLICT")
	c.webhook("https://shop.example/hook", other.ID, "payment.*", "identity.*")
	c.webhook("https://shop.example/hook", k.ID, "payment.*")
	c.webhook("https://shop.example/other", k.ID, "payment.*", "identity.*")
	c.want(204, "DELETE", webhooksPath+"/"+first, nil)
	c.webhook("https://shop.example/hook", k.ID, "payment.*", "identity.*")
}

func TestWebhookReportsAllFailingParameters(t *testing.T) {
	_, c := newPair(t)
	k := c.signingKey()
	id := c.webhook("https://shop.example/kept", k.ID, "payment.*")
	const url = "https://shop.example/hook"
	for name, tc := range map[string]struct {
		body       any
		parameters string
	}{
		"nothing":               {obj{}, "url event_types event_version signing_key_id status"},
		"not an object":         {`[]`, "body"},
		"everything wrong":      {obj{"url": "http://shop.example", "event_types": []string{"*.a", "a", "a.*.b", "a*"}, "event_version": "v1", "signing_key_id": "k", "status": 1}, "url event_types[0] event_types[2] event_types[3] event_version signing_key_id status"},
		"another port":          {wanted("https://shop.example:8080/", k.ID, "payment.*"), "url"},
		"another scheme":        {wanted("ftp://127.0.0.1/", k.ID, "payment.*"), "url"},
		"no host":               {wanted("/hook", k.ID, "payment.*"), "url"},
		"no URL at all":         {wanted("https://%", k.ID, "payment.*"), "url"},
		"no event types":        {wanted(url, k.ID), "event_types"},
		"an empty event type":   {wanted(url, k.ID, ""), "event_types[0]"},
		"one event type":        {obj{"url": url, "event_types": "payment.*", "event_version": "v2", "signing_key_id": k.ID, "status": "ENABLED"}, "event_types"},
		"no status":             {without(wanted(url, k.ID, "payment.*"), "status"), "status"},
		"a key that is unknown": {wanted(url, "krn:none", "payment.*"), "signing_key_id"},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, "created", c.want(400, "POST", webhooksPath, tc.body).parameters(), tc.parameters)
		})
	}
	for name, url := range map[string]string{
		"port 443": "https://shop.example:443/", "loopback": "http://127.0.0.1:4711/", "IPv6 loopback": "http://[::1]:4711/",
		"localhost": "http://localhost:4711/", "TLS on loopback": "https://127.0.0.1:4711/",
	} {
		t.Run(name, func(t *testing.T) {
			c.webhook(url, k.ID, "payment.*", "something.nobody.heard-of", "*")
		})
	}
	before := c.want(200, "GET", webhooksPath+"/"+id, nil)
	refused := c.want(400, "PATCH", webhooksPath+"/"+id, obj{"url": "http://shop.example", "signing_key_id": "x", "status": "DISABLED"})
	equal(t, "updated", refused.parameters(), "url signing_key_id")
	equal(t, "a refused update changes nothing", string(c.want(200, "GET", webhooksPath+"/"+id, nil).raw), string(before.raw))

	simulate := webhooksPath + "/" + id + "/simulate"
	equal(t, "simulated nothing", c.want(400, "POST", simulate, obj{}).parameters(), "event_type event_version")
	equal(t, "simulated wrong", c.want(400, "POST", simulate, obj{"event_type": "payment.*", "event_version": "v1"}).parameters(), "event_type event_version")
}

func TestRepeatedWebhookUpdateGetsTheFirstAnswer(t *testing.T) {
	_, c := newPair(t)
	k := c.signingKey()
	created := c.want(201, "POST", webhooksPath, wanted("https://shop.example/hook", k.ID, "payment.*"), key)
	again := c.want(201, "POST", webhooksPath, wanted("https://shop.example/hook", k.ID, "payment.*"), key)
	equal(t, "a repeated creation", string(again.raw), string(created.raw))
	c.want(409, "POST", webhooksPath, wanted("https://shop.example/other", k.ID, "payment.*"), key)

	path := webhooksPath + "/" + created.text("webhook_id")
	disabled := c.want(200, "PATCH", path, obj{"status": "DISABLED"}, key)
	c.want(200, "PATCH", path, obj{"status": "ENABLED"})
	equal(t, "a repeated update", string(c.want(200, "PATCH", path, obj{"status": "DISABLED"}, key).raw), string(disabled.raw))
	equal(t, "which is not executed", c.want(200, "GET", path, nil).text("status"), "ENABLED")
}

func TestAttemptIsSignedWithThePresentKey(t *testing.T) {
	server, c := newPair(t)
	in := newInbox(t)
	in.answer = 500
	first, second := c.signingKey(), c.signingKey()
	id := c.webhook(in.URL, first.ID, "payment.request.state-change.submitted")
	c.start(1)
	server.Flush()
	c.want(200, "PATCH", webhooksPath+"/"+id, obj{"signing_key_id": second.ID})
	server.Advance(10 * time.Second)
	for i, k := range []klarnatest.SigningKey{first, second} {
		event := in.events()[i]
		equal(t, "key id", event.header.Get("Klarna-Signing-Key-Id"), k.ID)
		equal(t, "signature", event.header.Get("Klarna-Signature"), signatureOf(k, event.raw))
	}
	equal(t, "one event", in.events()[0].text("metadata.event_id"), in.events()[1].text("metadata.event_id"))
}

func TestDisabledWebhookGetsNothing(t *testing.T) {
	for name, disable := range map[string]func(c client, path string){
		"disabled":               func(c client, path string) { c.want(200, "PATCH", path, obj{"status": "DISABLED"}) },
		"in an unheard-of state": func(c client, path string) { c.want(200, "PATCH", path, obj{"status": "PAUSED"}) },
		"deleted":                func(c client, path string) { c.want(204, "DELETE", path, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			server, c := newPair(t)
			in := newInbox(t)
			in.answer = 500
			path := webhooksPath + "/" + c.webhook(in.URL, c.signingKey().ID, "payment.request.state-change.submitted")
			c.start(1)
			server.Flush()
			disable(c, path)
			c.start(1)
			server.Advance(48 * time.Hour)
			equal(t, "deliveries, no retry among them", len(server.Deliveries()), 1)
		})
	}
}

func TestReenabledWebhookGetsNewEvents(t *testing.T) {
	server, c := newPair(t)
	in := newInbox(t)
	path := webhooksPath + "/" + c.webhook(in.URL, c.signingKey().ID, "payment.*")
	c.want(200, "PATCH", path, obj{"status": "DISABLED"})
	id := c.start(1)
	c.want(200, "PATCH", path, obj{"status": "ENABLED"})
	c.token(id)
	server.Flush()
	equal(t, "events", in.types(), "in-progress completed")
}

func TestASimulatedEventIsSignedAndDelivered(t *testing.T) {
	server, c := newPair(t)
	in := newInbox(t)
	k := c.signingKey()
	id := c.webhook(in.URL, k.ID, "settlement.*")
	c.webhook(newInbox(t).URL, k.ID, "*")
	for _, eventType := range []string{"payment.request.state-change.in-progress", "payment.request.updated", "settlement.payout.failed"} {
		r := c.want(202, "POST", webhooksPath+"/"+id+"/simulate", obj{"event_type": eventType, "event_version": "v2"})
		equal(t, "body", string(r.raw), "")
	}
	server.Flush()
	equal(t, "deliveries, none to another webhook", len(server.Deliveries()), 3)
	events := in.events()
	equal(t, "state", events[0].text("payload.state"), "IN_PROGRESS")
	equal(t, "state of an update", events[1].text("payload.state"), "SUBMITTED")
	equal(t, "type", events[2].text("metadata.event_type"), "settlement.payout.failed")
	equal(t, "webhook", events[2].text("metadata.webhook_id"), id)
	for _, event := range events {
		equal(t, "key id", event.header.Get("Klarna-Signing-Key-Id"), k.ID)
		equal(t, "signature", event.header.Get("Klarna-Signature"), signatureOf(k, event.raw))
	}
	equal(t, "payment requests", len(server.PaymentRequests()), 0)
	c.want(404, "GET", requestsPath+"/"+events[0].text("payload.payment_request_id"), nil)

	c.want(200, "PATCH", webhooksPath+"/"+id, obj{"status": "DISABLED"})
	c.want(409, "POST", webhooksPath+"/"+id+"/simulate", obj{"event_type": "a.b", "event_version": "v2"})
}

func TestSimulatedEventHasTheRealForm(t *testing.T) {
	server, c := newPair(t)
	in := newInbox(t)
	id := c.webhook(in.URL, c.signingKey().ID, "payment.*")
	for eventType, want := range map[string]obj{
		"payment.request.state-change.expired":       {"payment_request_id": "krn:payment:eu1:request:", "state": "EXPIRED"},
		"payment.transaction.state-change.completed": {"payment_transaction_id": "krn:payment:eu1:transaction:", "state": "COMPLETED"},
		"payment.transaction.captured":               {"payment_capture_id": "krn:payment:eu1:capture:", "payment_transaction_id": "krn:"},
		"payment.transaction.refunded":               {"payment_refund_id": "krn:payment:eu1:refund:", "payment_transaction_id": "krn:"},
		"payment.transaction.chargeback":             {"payment_chargeback_id": "krn:payment:eu1:chargeback:", "payment_transaction_id": "krn:"},
		"payment.funding.state-change.funded":        {"payment_transaction_id": "krn:payment:eu1:transaction:", "payment_funding.state": "FUNDED"},
		"payment.dispute.state-change.closed":        {"payment_dispute_id": "krn:payment:eu1:dispute:", "state": "CLOSED"},
		"payment.dispute.updated.arbitration-deadline-extended": {
			"payment_dispute_id": "krn:", "payment_transaction_id": "krn:", "payment_capture_id": "krn:", "payment_account_id": server.PartnerAccountID,
			"state": "INITIATED", "dispute_details.currency": "EUR",
		},
	} {
		t.Run(eventType, func(t *testing.T) {
			c.want(202, "POST", webhooksPath+"/"+id+"/simulate", obj{"event_type": eventType, "event_version": "v2"})
			server.Flush()
			event := in.last(t, eventType)
			for name, prefix := range want {
				if got := event.text("payload." + name); !strings.HasPrefix(got, prefix.(string)) {
					t.Errorf("%s is %q, want %q", name, got, prefix)
				}
			}
		})
	}
}

func TestSubscribeCreatesAnOrdinaryWebhook(t *testing.T) {
	server, c := newPair(t)
	in := newInbox(t)
	k := server.Subscribe(in.URL, "payment.request.state-change.submitted")
	equal(t, "key", c.want(200, "GET", keysPath, nil).text("signing_keys.0.signing_key_id"), k.ID)
	listed := c.want(200, "GET", webhooksPath, nil)
	for path, want := range map[string]string{
		"webhooks.0.url": in.URL, "webhooks.0.event_types.0": "payment.request.state-change.submitted",
		"webhooks.0.event_version": "v2", "webhooks.0.signing_key_id": k.ID, "webhooks.0.status": "ENABLED",
	} {
		equal(t, path, listed.text(path), want)
	}
	next := c.signingKey()
	c.want(200, "PATCH", webhooksPath+"/"+listed.text("webhooks.0.webhook_id"), obj{"signing_key_id": next.ID})
	c.start(1)
	server.Flush()
	equal(t, "key after a rotation", in.events()[0].header.Get("Klarna-Signing-Key-Id"), next.ID)
}
