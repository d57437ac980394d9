package klarnatest_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

type obj = map[string]any

// client is a client that an integrator would write by hand with net/http.
type client struct {
	testing.TB
	server *klarnatest.Server
	http   *http.Client
}

func newClient(t testing.TB, server *klarnatest.Server) client {
	transport := &http.Transport{DisableKeepAlives: true}
	return client{t, server, &http.Client{Transport: transport}}
}

func newPair(t testing.TB) (*klarnatest.Server, client) {
	server := klarnatest.NewServer(t)
	return server, newClient(t, server)
}

// newSocketless returns a server and a client that work inside a testing/synctest bubble.
func newSocketless(t testing.TB, opts ...klarnatest.Option) (*klarnatest.Server, client) {
	server := klarnatest.NewServer(t, append(opts, klarnatest.WithoutSocket())...)
	return server, client{t, server, &http.Client{Transport: server.Transport()}}
}

type response struct {
	status int
	header http.Header
	raw    []byte
	body   any
}

// get follows a dotted path through the answer: "validation_errors.0.parameter".
func (r response) get(path string) any {
	at := r.body
	for step := range strings.SplitSeq(path, ".") {
		switch v := at.(type) {
		case obj:
			at = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				return nil
			}
			at = v[i]
		default:
			return nil
		}
	}
	return at
}

func (r response) text(path string) string {
	s, _ := r.get(path).(string)
	return s
}

// parameters lists the failing parameters of the answer.
func (r response) parameters() string {
	var names []string
	list, _ := r.get("validation_errors").([]any)
	for _, e := range list {
		names = append(names, e.(obj)["parameter"].(string))
	}
	return strings.Join(names, " ")
}

// send makes one request. Headers have the form "Name: value"; an empty value removes the header. A
// body that is a string is sent as it is, any other body as JSON.
func (c client) send(method, path string, body any, headers ...string) (response, error) {
	c.Helper()
	var payload []byte
	switch b := body.(type) {
	case nil:
	case string:
		payload = []byte(b)
	default:
		var err error
		if payload, err = json.Marshal(b); err != nil {
			c.Fatal(err)
		}
	}
	request, err := http.NewRequestWithContext(c.Context(), method, c.server.URL+path, bytes.NewReader(payload))
	if err != nil {
		c.Fatal(err)
	}
	if body == nil {
		request.Body = http.NoBody
	} else {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Klarna-Idempotency-Key", rand.Text())
	}
	request.Header.Set("Authorization", "Basic "+c.server.APIKey)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Set(name, value)
		if value == "" {
			request.Header.Del(name)
		}
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return response{}, err
	}
	defer answer.Body.Close()
	r := response{status: answer.StatusCode, header: answer.Header}
	if r.raw, err = io.ReadAll(answer.Body); err != nil {
		return r, err
	}
	_ = json.Unmarshal(r.raw, &r.body)
	return r, nil
}

func (c client) do(method, path string, body any, headers ...string) response {
	c.Helper()
	r, err := c.send(method, path, body, headers...)
	if err != nil {
		c.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// want sends a request and checks its status.
func (c client) want(status int, method, path string, body any, headers ...string) response {
	c.Helper()
	r := c.do(method, path, body, headers...)
	if r.status != status {
		c.Fatalf("%s %s: status %d, want %d: %s", method, path, r.status, status, r.raw)
	}
	return r
}

const (
	authorizePath = "/v2/payment/authorize"
	requestsPath  = "/v2/payment/requests"
	returnURL     = "https://shop.example/back?id={klarna.payment_request.id}&token={klarna.payment_request.klarna_network_session_token}" +
		"&state={klarna.payment_request.state}"
)

// order returns a final authorize, without a step-up. With stepUp it is a first one.
func order(amount int64) obj {
	return obj{
		"currency": "EUR",
		"request_payment_transaction": obj{
			"amount": amount, "payment_transaction_reference": "tx-1", "payment_option_id": "S0xBUk5B",
		},
		"supplementary_purchase_data": obj{
			"purchase_reference": "order-1",
			"line_items":         []obj{{"name": "Shoes", "quantity": 1, "total_amount": amount}},
			"customer":           obj{"email": "jo@example.com"},
		},
	}
}

func stepUp(amount int64) obj {
	o := order(amount)
	o["step_up_config"] = obj{
		"payment_request_reference":   "request-1",
		"customer_interaction_config": obj{"method": "HANDOVER", "return_url": returnURL},
	}
	return o
}

func draft(amount int64) obj {
	return obj{
		"currency": "EUR", "amount": amount, "payment_request_reference": "request-1",
		"customer_interaction_config": obj{"method": "HANDOVER", "return_url": returnURL},
	}
}

func withToken(token string) string { return "Klarna-Network-Session-Token: " + token }

func (c client) result(r response) string { return r.text("payment_transaction_response.result") }

// start makes a first authorize call and returns the id of the payment request.
func (c client) start(amount int64) string {
	c.Helper()
	r := c.want(200, "POST", authorizePath, stepUp(amount))
	if c.result(r) != "STEP_UP_REQUIRED" {
		c.Fatalf("first authorize: %s", r.raw)
	}
	return r.text("payment_request.payment_request_id")
}

// token makes the customer approve and returns the session token.
func (c client) token(id string) string {
	c.Helper()
	if _, err := c.server.Approve(id); err != nil {
		c.Fatal(err)
	}
	return c.want(200, "GET", requestsPath+"/"+id, nil).text("state_context.klarna_network_session_token")
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
