package authorization_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/klarna-go/klarna-go/authorization"
	"github.com/klarna-go/klarna-go/klarna"
)

func TestNetworkDataIsSentByteForByte(t *testing.T) {
	for _, tc := range []struct{ name, data string }{
		{"plain", `{"a":1}`},
		{"odd whitespace", "  {\t\"a\" :\r\n1 }\n"},
		{"escapes inside the string", `{"a":"\u00e5\/\"\\n","b":"<&>"}`},
		{"unicode", "{\"a\":\"å é e\u0301 \U0001F6D2 \u2028\u2029 \ufeff\"}"},
		{"numbers that a parser would change", `{"a":1.50,"b":1e400,"c":12345678901234567890,"d":-0}`},
		{"the same name twice, unordered", `{"b":1,"a":2,"b":3}`},
		{"control characters", "{\"a\":\"\u0001\u007f\u0080\"}"},
		{"no JSON at all", "not JSON"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			older, created, createdOlder := order(), params(), params()
			newer := order()
			newer.KlarnaNetworkData, created.KlarnaNetworkData = tc.data, tc.data
			older.InteroperabilityData, createdOlder.InteroperabilityData = tc.data, tc.data
			for name, call := range map[string]func(*authorization.Client) error{
				"klarna_network_data": func(c *authorization.Client) error {
					_, err := c.Authorize(t.Context(), newer)
					return err
				},
				"interoperability_data": func(c *authorization.Client) error {
					_, err := c.Authorize(t.Context(), older)
					return err
				},
				"klarna_network_data of the final call": func(c *authorization.Client) error {
					_, err := c.Finalize(t.Context(), newer, approval())
					return err
				},
				"interoperability_data of the final call": func(c *authorization.Client) error {
					_, err := c.Finalize(t.Context(), older, approval())
					return err
				},
				"klarna_network_data of a payment request": func(c *authorization.Client) error {
					_, err := c.CreatePaymentRequest(t.Context(), created)
					return err
				},
				"interoperability_data of a payment request": func(c *authorization.Client) error {
					_, err := c.CreatePaymentRequest(t.Context(), createdOlder)
					return err
				},
			} {
				answer := stepUpAnswer
				if strings.HasSuffix(name, "payment request") {
					answer = paymentRequestAnswer
				}
				client, wire := newClient(t, http.StatusOK, answer)
				if err := call(authorization.New(client)); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				var body map[string]json.RawMessage
				if err := json.Unmarshal([]byte(wire.only(t).Body), &body); err != nil {
					t.Fatal(err)
				}
				member, other := "klarna_network_data", "interoperability_data"
				if name[0] == 'i' {
					member, other = other, member
				}
				var got string
				if err := json.Unmarshal(body[member], &got); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if got != tc.data {
					t.Errorf("%s: got %q, want %q", name, got, tc.data)
				}
				if body[other] != nil {
					t.Errorf("%s: got the other name too, want one", name)
				}
			}
		})
	}
}

func TestNetworkDataMustBeUTF8(t *testing.T) {
	client, wire := newClient(t, http.StatusOK, stepUpAnswer)
	r := order()
	r.KlarnaNetworkData = "{\"a\":\"\xff\"}"
	_, err := authorization.New(client).Authorize(t.Context(), r)
	if e := failure(t, err); e.Outcome != klarna.OutcomeNotSent || len(wire.all()) != 0 {
		t.Errorf("got the error %v and %d requests, want a validation error and none", e, len(wire.all()))
	}
}
