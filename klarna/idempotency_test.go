package klarna_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/klarna-go/klarna-go/klarna"
)

// keyOf makes the call with a new client, like a program that was started again, and returns the
// key that the server received.
func keyOf(t *testing.T, account string, call klarna.Call, options ...klarna.CallOption) string {
	t.Helper()
	server, requests := recorder(t, 200, "{}")
	client := newClient(t, server.URL)
	if account != "" {
		client = client.ForAccount(account)
	}
	succeed(t, client, call, nil, options...)
	return requests.only(t).Header.Get("Klarna-Idempotency-Key")
}

func with(change func(*klarna.Call)) klarna.Call {
	call := authorize()
	call.IDs = nil
	change(&call)
	return call
}

func TestARepeatWithAReferenceHasTheSameKey(t *testing.T) {
	call := func() klarna.Call {
		return with(func(c *klarna.Call) {
			c.Route, c.IDs = "payment/transactions/{id}/capture", []string{"krn:1"}
			c.SessionToken = klarna.NewSecret("krn:token")
			c.Body = map[string]any{"b": 1, "a": []string{"x"}, "c": map[string]int{"z": 1, "y": 2}}
		})
	}
	first := keyOf(t, account, call())
	for range 20 { // the order of a map must not matter
		if again := keyOf(t, account, call()); again != first {
			t.Fatalf("the keys are %s and %s", first, again)
		}
	}
	// The key must not change: a program that crashed may repeat the call with a newer version of
	// this library.
	if want := "ea85b2f9-c52c-561e-b7fd-86790c7968ee"; first != want {
		t.Errorf("the key is %s, want %s as in earlier versions", first, want)
	}
	if id, err := uuid.Parse(first); err != nil || id.Version() != 5 || id.Variant() != uuid.RFC4122 {
		t.Errorf("%s is not a UUIDv5", first)
	}
}

func TestEachPartOfACallChangesItsKey(t *testing.T) {
	type variant struct {
		account string
		call    klarna.Call
		options []klarna.CallOption
	}
	capture := func(id string) klarna.Call {
		return with(func(c *klarna.Call) { c.Route, c.IDs = "payment/transactions/{id}/capture", []string{id} })
	}
	variants := map[string]variant{
		"the call":                         {call: authorize()},
		"for an account":                   {account: "krn:1", call: authorize()},
		"for another account":              {account: "krn:2", call: authorize()},
		"another operation":                {call: with(func(c *klarna.Call) { c.Operation = "authorization.other" })},
		"another reference":                {call: with(func(c *klarna.Call) { c.Reference = "order-2" })},
		"another body":                     {call: with(func(c *klarna.Call) { c.Body = map[string]any{"currency": "EUR"} })},
		"no body":                          {call: with(func(c *klarna.Call) { c.Body = nil })},
		"a resource":                       {call: capture("krn:1")},
		"another resource":                 {call: capture("krn:2")},
		"a session token":                  {call: with(func(c *klarna.Call) { c.SessionToken = klarna.NewSecret("krn:1") })},
		"another session token":            {call: authorize(), options: []klarna.CallOption{klarna.WithSessionToken(klarna.NewSecret("krn:2"))}},
		"parts that are split differently": {call: with(func(c *klarna.Call) { c.Operation, c.Reference = "authorization.authorizeorder", "-1" })},
		"an id that was a reference":       {call: with(func(c *klarna.Call) { c.Route, c.IDs, c.Reference = "x/{id}", []string{"order-1"}, "krn:1" })},
	}
	seen := make(map[string]string)
	for name, v := range variants {
		key := keyOf(t, v.account, v.call, v.options...)
		if other, same := seen[key]; same {
			t.Errorf("%q and %q have the same key", name, other)
		}
		seen[key] = name
	}
}

func TestOptionsDoNotChangeTheKey(t *testing.T) {
	first := keyOf(t, "", authorize())
	if won := keyOf(t, "", with(func(c *klarna.Call) { c.SessionToken = klarna.NewSecret("a") }), klarna.WithSessionToken(klarna.Secret{})); won == first {
		t.Error("an option without a token erases the call's own")
	}
	ofTheCall := keyOf(t, "", with(func(c *klarna.Call) { c.SessionToken = klarna.NewSecret("a") }))
	if won := keyOf(t, "", with(func(c *klarna.Call) { c.SessionToken = klarna.NewSecret("a") }), klarna.WithSessionToken(klarna.NewSecret("b"))); won != ofTheCall {
		t.Error("an option replaces the call's own session token")
	}
	if keyOf(t, "", authorize(), klarna.WithCustomerToken(klarna.NewSecret("a"))) == keyOf(t, "", authorize(), klarna.WithCustomerToken(klarna.NewSecret("b"))) {
		t.Error("two customers' calls have the same key")
	}
	for name, got := range map[string]string{
		"a correlation id":           keyOf(t, "", authorize(), klarna.WithCorrelationID("abc")),
		"an empty key of the caller": keyOf(t, "", authorize(), klarna.WithIdempotencyKey("")),
		"integration metadata":       keyOf(t, "", authorize(), klarna.WithIntegrationMetadata(metadata("X", "1"))),
	} {
		if got != first {
			t.Errorf("%s changes the key", name)
		}
	}
}

func TestCallsWithoutAReferenceHaveDifferentKeys(t *testing.T) {
	call := with(func(c *klarna.Call) { c.Reference = "" })
	first, second := keyOf(t, "", call), keyOf(t, "", call)
	if first == second {
		t.Error("two calls share a key")
	}
	for _, key := range []string{first, second} {
		if id, err := uuid.Parse(key); err != nil || id.Version() != 5 {
			t.Errorf("%s is not a UUIDv5", key)
		}
	}
}

func TestTheCallersKeyIsSentAsItIs(t *testing.T) {
	for name, key := range map[string]string{"one letter": "a", "255 letters": strings.Repeat("k", 255), "inner spaces": "a b"} {
		if got := keyOf(t, "", authorize(), klarna.WithIdempotencyKey(key)); got != key {
			t.Errorf("%s: sent %q", name, got)
		}
	}
}

func TestReadsHaveNoKey(t *testing.T) {
	for _, method := range []string{"GET", "DELETE"} {
		got := keyOf(t, "", with(func(c *klarna.Call) { c.Method, c.Body = method, nil }), klarna.WithIdempotencyKey("mine"))
		if got != "" {
			t.Errorf("a %s has the key %q", method, got)
		}
	}
}

func TestNoPostOrPatchIsSentWithoutAKey(t *testing.T) {
	change := func(change func(http.Header)) klarna.Middleware {
		return func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				change(r.Header)
				return next.RoundTrip(r)
			})
		}
	}
	for name, lose := range map[string]func(http.Header){
		"removes it":           func(h http.Header) { h.Del("Klarna-Idempotency-Key") },
		"empties it":           func(h http.Header) { h.Set("Klarna-Idempotency-Key", "") },
		"makes it white space": func(h http.Header) { h.Set("Klarna-Idempotency-Key", " \t") },
		"removes all":          func(h http.Header) { clear(h) },
		"spells it in lowercase": func(h http.Header) {
			h["klarna-idempotency-key"] = h["Klarna-Idempotency-Key"]
			h.Del("Klarna-Idempotency-Key")
		},
	} {
		for _, method := range []string{"POST", "PATCH", "PUT"} {
			t.Run(method+" through a middleware that "+name, func(t *testing.T) {
				server, requests := recorder(t, 200, "{}")
				client := newClient(t, server.URL, klarna.WithMiddleware(change(lose)))
				err := fail(t, client, with(func(c *klarna.Call) { c.Method = method }), nil)
				if n := len(requests.list()); n != 0 {
					t.Fatalf("the server got %d requests", n)
				}
				if err.Outcome != klarna.OutcomeNotSent || len(err.Attempts) != 1 || !strings.Contains(err.Error(), "a middleware removed the Klarna-Idempotency-Key header") {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

func TestTheKeyIsInTheResponse(t *testing.T) {
	server, requests := recorder(t, 409, errorJSON("RESOURCE_CONFLICT"))
	var response klarna.Response
	err := fail(t, newClient(t, server.URL), authorize(), nil, klarna.WithResponse(&response))
	sent := requests.only(t).Header.Get("Klarna-Idempotency-Key")
	if diff := cmp.Diff([]string{sent, sent}, []string{err.IdempotencyKey, response.IdempotencyKey}); diff != "" || sent == "" {
		t.Error(diff)
	}
}
