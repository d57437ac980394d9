package klarnatest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is one operation of Klarna's API. Its path follows "/v2" or
// "/v2/accounts/{partner_account_id}"; "{id}" stands for the resource.
type route struct {
	operation string
	method    string
	path      string
	traits    traits
	run       func(*Server, *call) answer
}

// traits are what a route asks of a request. A route without any is a read or a deletion.
type traits int

const (
	keyed       traits = 1 << iota // needs an idempotency key, a PUT only honours one
	takesBody                      // needs a body
	mayTakeBody                    // takes a body or none; routes without either trait refuse one
	accountless                    // has no account in its path
	changes     = keyed | takesBody
)

func (r *route) is(t traits) bool { return r.traits&t != 0 }

var routes = []route{
	{"presentation.get", "GET", "payment/presentation", 0, (*Server).presentation},
	{"authorization.authorize", "POST", "payment/authorize", changes, (*Server).authorize},
	{"authorization.payment_request.create", "POST", "payment/requests", changes, (*Server).createPaymentRequest},
	{"authorization.payment_request.read", "GET", "payment/requests/{id}", 0, (*Server).readPaymentRequest},
	{"authorization.payment_request.update", "PATCH", "payment/requests/{id}", changes, (*Server).updatePaymentRequest},
	{"authorization.payment_request.update", "PUT", "payment/requests/{id}", changes, (*Server).updatePaymentRequest},
	{"authorization.payment_request.cancel", "DELETE", "payment/requests/{id}", 0, (*Server).cancelPaymentRequest},
	{"authorization.transaction.read", "GET", "payment/transactions/{id}", 0, (*Server).readTransaction},
	{"authorization.transaction.update", "PATCH", "payment/transactions/{id}", changes, (*Server).updateTransaction},
	{"authorization.transaction.capture", "POST", "payment/transactions/{id}/capture", changes, (*Server).captureTransaction},
	{"authorization.transaction.void", "POST", "payment/transactions/{id}/void", keyed, (*Server).voidTransaction},
	{"authorization.transaction.refund", "POST", "payment/transactions/{id}/refund", changes, (*Server).refundTransaction},
	{"authorization.transaction.extend", "POST", "payment/transactions/{id}/authorize", changes, (*Server).extendTransaction},
	{"authorization.capture.read", "GET", "payment/captures/{id}", 0, (*Server).readCapture},
	{"authorization.capture.refund", "POST", "payment/captures/{id}/refund", changes, (*Server).refundCapture},
	{"authorization.refund.read", "GET", "payment/refunds/{id}", 0, (*Server).readRefund},
	{"authorization.chargeback.read", "GET", "payment/chargebacks/{id}", 0, (*Server).readChargeback},
	{"authorization.token.revoke", "DELETE", "payment/tokens/{id}", 0, (*Server).revokeToken},
	{"interoperability.token.create", "POST", "interoperability/tokens", keyed | mayTakeBody, (*Server).createInteroperabilityToken},
	{"interoperability.sdk_token.create", "POST", "interoperability/sdk-tokens", keyed | mayTakeBody, (*Server).createSDKToken},
	{"interoperability.sdk_token.create", "POST", "sdk-tokens", keyed | mayTakeBody, (*Server).createSDKToken},
	{"interoperability.test_token.create", "POST", "interoperability/test-tokens", keyed | mayTakeBody, (*Server).createTestToken},
	{"interoperability.test_token.create", "POST", "test-tokens", keyed | mayTakeBody, (*Server).createTestToken},
	{"subscription.signing_key.create", "POST", "notification/signing-keys", keyed | accountless, (*Server).createSigningKey},
	{"subscription.signing_key.list", "GET", "notification/signing-keys", accountless, (*Server).listSigningKeys},
	{"subscription.signing_key.read", "GET", "notification/signing-keys/{id}", accountless, (*Server).readSigningKey},
	{"subscription.signing_key.delete", "DELETE", "notification/signing-keys/{id}", accountless, (*Server).deleteSigningKey},
	{"subscription.webhook.create", "POST", "notification/webhooks", changes | accountless, (*Server).createWebhook},
	{"subscription.webhook.list", "GET", "notification/webhooks", accountless, (*Server).listWebhooks},
	{"subscription.webhook.read", "GET", "notification/webhooks/{id}", accountless, (*Server).readWebhook},
	{"subscription.webhook.update", "PATCH", "notification/webhooks/{id}", changes | accountless, (*Server).updateWebhook},
	{"subscription.webhook.delete", "DELETE", "notification/webhooks/{id}", accountless, (*Server).deleteWebhook},
	{"subscription.webhook.simulate", "POST", "notification/webhooks/{id}/simulate", changes | accountless, (*Server).simulateWebhook},
}

// Operations returns the names of all operations, as faults and recorded requests have them.
func Operations() []string {
	var names []string
	for _, r := range routes {
		names = append(names, r.operation)
	}
	return slices.Compact(names)
}

// target is what a path names: the route, nil when there is none, with the account and the
// resource.
type target struct {
	route    *route
	account  string
	resource string
}

func (t target) operation() string {
	if t.route == nil {
		return ""
	}
	return t.route.operation
}

// find reads a path as it was sent: a percent-encoded slash does not divide it.
func find(method, escapedPath string) (t target) {
	rest, ok := strings.CutPrefix(escapedPath, "/v2/")
	if !ok {
		return t
	}
	segments := strings.Split(rest, "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain == "" {
			return t
		}
		segments[i] = plain
	}
	if segments[0] == "accounts" && len(segments) > 2 {
		t.account, segments = segments[1], segments[2:]
	}
	for i := range routes {
		r := &routes[i]
		if t.account != "" && r.is(accountless) {
			continue
		}
		if id, ok := r.match(method, segments); ok {
			t.route, t.resource = r, id
			return t
		}
	}
	return t
}

func (r *route) match(method string, segments []string) (id string, ok bool) {
	pattern := strings.Split(r.path, "/")
	if r.method != method || len(pattern) != len(segments) {
		return "", false
	}
	for i, want := range pattern {
		switch want {
		case "{id}":
			id = segments[i]
		case segments[i]:
		default:
			return "", false
		}
	}
	return id, true
}

// call is one request that has a route.
type call struct {
	target
	partner   *account // nil if the key may not act for it, or if the path must name one
	request   *http.Request
	body      []byte
	token     string // the session token, "" when none was sent
	allowance allowance
	// customerToken is a stored customer's, "" when none was sent.
	customerToken string
}
