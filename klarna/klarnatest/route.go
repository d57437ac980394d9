package klarnatest

import (
	"net/http"
	"net/url"
	"strings"
)

// route is one operation of Klarna's API. Its path follows "/v2" or "/v2/accounts/{partner_account_id}"; "{id}" stands
// for the resource.
type route struct {
	operation string
	method    string
	path      string
	changes   bool // needs an idempotency key and takes a body
	run       func(*Server, *call) answer
}

var routes = []route{
	{"presentation.get", "GET", "payment/presentation", false, (*Server).presentation},
	{"authorization.authorize", "POST", "payment/authorize", true, (*Server).authorize},
	{"authorization.payment_request.create", "POST", "payment/requests", true, (*Server).createPaymentRequest},
	{"authorization.payment_request.read", "GET", "payment/requests/{id}", false, (*Server).readPaymentRequest},
	{"authorization.payment_request.update", "PATCH", "payment/requests/{id}", true, (*Server).updatePaymentRequest},
	{"authorization.payment_request.update", "PUT", "payment/requests/{id}", true, (*Server).updatePaymentRequest},
	{"authorization.payment_request.cancel", "DELETE", "payment/requests/{id}", false, (*Server).cancelPaymentRequest},
	{"authorization.transaction.read", "GET", "payment/transactions/{id}", false, (*Server).readTransaction},
}

// target is what a path names: the route, nil when there is none, with the account and the resource.
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
	request *http.Request
	body    []byte
	token   string // the session token, "" when none was sent
}
