package klarnatest_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

func TestAuthorizeRefusesInvalidRequests(t *testing.T) {
	_, c := newPair(t)
	interaction := func(o obj) obj { return o["step_up_config"].(obj)["customer_interaction_config"].(obj) }
	for name, tc := range map[string]struct {
		change     func(obj)
		parameters string
	}{
		"everything missing, reported together": {
			func(o obj) { clear(o) }, "currency request_payment_transaction",
		},
		"a currency Klarna does not have": {
			func(o obj) { o["currency"] = "XTS" }, "currency",
		},
		"a name in another case": {
			func(o obj) { o["Currency"] = o["currency"]; delete(o, "currency") }, "currency",
		},
		"no amount and no reference": {
			func(o obj) { o["request_payment_transaction"] = obj{} },
			"request_payment_transaction.amount request_payment_transaction.payment_transaction_reference",
		},
		"an amount with a fraction": {
			func(o obj) { o["request_payment_transaction"].(obj)["amount"] = 19.99 },
			"request_payment_transaction.amount",
		},
		"an amount with an exponent": {
			func(o obj) { o["request_payment_transaction"].(obj)["amount"] = json.RawMessage("1e3") },
			"request_payment_transaction.amount",
		},
		"a negative amount": {
			func(o obj) { o["request_payment_transaction"].(obj)["amount"] = -1 },
			"request_payment_transaction.amount",
		},
		"lines that do not sum to the amount": {
			func(o obj) {
				o["supplementary_purchase_data"] = obj{"line_items": []obj{
					{"name": "Shoes", "quantity": 1, "total_amount": 2000},
					{"name": "Discount", "quantity": 1, "total_amount": -100},
				}}
			},
			"supplementary_purchase_data.line_items",
		},
		"lines whose sum goes around and arrives at the amount": {
			func(o obj) {
				o["supplementary_purchase_data"] = obj{"line_items": []obj{
					{"name": "Shoes", "quantity": 1, "total_amount": int64(math.MaxInt64)},
					{"name": "Socks", "quantity": 1, "total_amount": int64(math.MaxInt64)},
					{"name": "Laces", "quantity": 1, "total_amount": 2001},
				}}
			},
			"supplementary_purchase_data.line_items",
		},
		"a line without its amount": {
			func(o obj) {
				o["supplementary_purchase_data"] = obj{"line_items": []obj{{"name": "Shoes", "quantity": 1}}}
			},
			"supplementary_purchase_data.line_items[0].total_amount",
		},
		"a line without a name": {
			func(o obj) {
				o["supplementary_purchase_data"] = obj{"line_items": []obj{{"quantity": 1, "total_amount": 1999}}}
			},
			"supplementary_purchase_data.line_items[0].name",
		},
		"lines that are no array": {
			func(o obj) { o["supplementary_purchase_data"] = obj{"line_items": "Shoes"} },
			"supplementary_purchase_data.line_items",
		},
		"a percent-encoded placeholder": {
			func(o obj) { interaction(o)["return_url"] = "https://shop.example/?id=%7Bklarna.payment_request.id%7D" },
			"step_up_config.customer_interaction_config.return_url",
		},
		"a relative return URL": {
			func(o obj) { interaction(o)["return_url"] = "/back" },
			"step_up_config.customer_interaction_config.return_url",
		},
		"a handover without a return URL": {
			func(o obj) { delete(interaction(o), "return_url") },
			"step_up_config.customer_interaction_config.return_url",
		},
		"an unknown method": {
			func(o obj) { interaction(o)["method"] = "PIGEON" },
			"step_up_config.customer_interaction_config.method",
		},
		"an empty step-up": {
			func(o obj) { o["step_up_config"] = obj{} },
			"step_up_config.payment_request_reference step_up_config.customer_interaction_config",
		},
		"an expiry in the past": {
			func(o obj) { o["step_up_config"].(obj)["payment_request_expires_at"] = "2020-01-01" },
			"step_up_config.payment_request_expires_at",
		},
		"an expiry that is no duration": {
			func(o obj) { interaction(o)["interaction_expiry"] = obj{"duration": "soon"} },
			"step_up_config.customer_interaction_config.interaction_expiry",
		},
		"a reference with a control character": {
			func(o obj) { o["request_payment_transaction"].(obj)["payment_transaction_reference"] = "a\nb" },
			"request_payment_transaction.payment_transaction_reference",
		},
		"an empty reference": {
			func(o obj) { o["request_payment_transaction"].(obj)["payment_transaction_reference"] = "" },
			"request_payment_transaction.payment_transaction_reference",
		},
		"a reference that is a number": {
			func(o obj) { o["request_payment_transaction"].(obj)["payment_transaction_reference"] = 7 },
			"request_payment_transaction.payment_transaction_reference",
		},
		"a capture that is neither now nor later": {
			func(o obj) { o["request_payment_transaction"].(obj)["capture"] = "SOON" },
			"request_payment_transaction.capture",
		},
		"network data that is an object": {
			func(o obj) { o["klarna_network_data"] = obj{"a": 1} }, "klarna_network_data",
		},
		"network data that is too long": {
			func(o obj) { o["klarna_network_data"] = `"` + strings.Repeat("é", 10239) + `"` }, "klarna_network_data",
		},
		"network data that is no JSON": {
			func(o obj) { o["interoperability_data"] = "{" }, "interoperability_data",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := stepUp(1999)
			tc.change(o)
			r := c.want(400, "POST", authorizePath, o)
			equal(t, "code", r.text("error_code"), "VALIDATION_ERROR")
			equal(t, "type", r.text("error_type"), "INPUT_ERROR")
			equal(t, "parameters", r.parameters(), tc.parameters)
		})
	}
}

func TestNetworkDataIsMeasuredInCharacters(t *testing.T) {
	_, c := newPair(t)
	o := stepUp(1999)
	o["klarna_network_data"] = `"` + strings.Repeat("é", 10238) + `"`
	c.want(200, "POST", authorizePath, o)
}

func TestNumberOfReportedProblemsIsLimited(t *testing.T) {
	_, c := newPair(t)
	lines := strings.TrimSuffix(strings.Repeat("{},", 300_000), ",")
	r := c.want(400, "POST", authorizePath, `{"currency":"EUR","request_payment_transaction":{"amount":1,"payment_transaction_reference":"tx-1"},`+
		`"supplementary_purchase_data":{"line_items":[`+lines+`]}}`)
	equal(t, "problems", len(r.get("validation_errors").([]any)), 100)
}

func TestStepUpExpiryAcceptsEveryForm(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := newClient(t, klarnatest.NewServer(t, klarnatest.WithTime(start)))
	for name, tc := range map[string]struct {
		change func(config, interaction obj)
		want   string
	}{
		"nothing is three hours": {func(obj, obj) {}, "2026-03-01T15:00:00Z"},
		"a bare date lasts until its end": {
			func(config, _ obj) { config["payment_request_expires_at"] = "2026-03-02" }, "2026-03-02T23:59:59Z",
		},
		"a duration": {
			func(_, i obj) { i["interaction_expiry"] = obj{"duration": "P1DT1H15M"} }, "2026-03-02T13:15:00Z",
		},
		"a time with a zone": {
			func(_, i obj) { i["interaction_expiry"] = obj{"timestamp": "2026-03-01T20:00:00.5+01:00"} }, "2026-03-01T19:00:00.5Z",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := stepUp(1)
			config := o["step_up_config"].(obj)
			tc.change(config, config["customer_interaction_config"].(obj))
			r := c.want(200, "POST", authorizePath, o)
			equal(t, "expires_at", r.text("payment_request.expires_at"), tc.want)
		})
	}
}

func TestAuthorizeWithoutTokenAndStepUpDeclines(t *testing.T) {
	_, c := newPair(t)
	equal(t, "result", c.result(c.want(200, "POST", authorizePath, order(1))), "DECLINED")
}

func TestTestCustomerIsDeniedByEmail(t *testing.T) {
	_, c := newPair(t)
	o := stepUp(1)
	o["supplementary_purchase_data"].(obj)["customer"] = obj{"email": "jo+denied@example.com"}
	equal(t, "result", c.result(c.want(200, "POST", authorizePath, o)), "DECLINED")
}

func TestBrowserTokenIsApprovedImmediately(t *testing.T) {
	for _, header := range []string{"Klarna-Network-Session-Token", "Klarna-Interoperability-Token", "Klarna-Payment-Token"} {
		t.Run("in "+header, func(t *testing.T) {
			server, c := newPair(t)
			token := server.IssueSessionToken("EUR", 700)
			equal(t, "result", c.result(c.want(200, "POST", authorizePath, stepUp(700), header+": "+token)), "APPROVED")
			equal(t, "payment requests", len(server.PaymentRequests()), 0)
		})
	}
}

func TestSessionTokenActsAsIdempotencyKey(t *testing.T) {
	server, c := newPair(t)
	token := c.token(c.start(700))
	first := c.want(200, "POST", authorizePath, order(700), withToken(token))
	again := c.want(200, "POST", authorizePath,
		`{"supplementary_purchase_data":{"customer":{"email":"jo@example.com"},"purchase_reference":"order-1",
		"line_items":[{"total_amount":700,"quantity":1,"name":"Shoes"}]},"request_payment_transaction":
		{"payment_option_id":"S0xBUk5B","payment_transaction_reference":"tx-1","amount":700},"currency":"EUR"}`, withToken(token))
	equal(t, "same payload, another order of names", string(again.raw), string(first.raw))

	fresh := order(700)
	fresh["request_payment_transaction"].(obj)["payment_transaction_reference"] = "tx-2"
	refused := c.want(409, "POST", authorizePath, fresh, withToken(token))
	equal(t, "a fresh reference", refused.text("error_code"), "RESOURCE_CONFLICT")
	equal(t, "transactions", len(server.Transactions()), 1)
}

func TestSessionTokenExpiresAfterSixtyMinutes(t *testing.T) {
	server, c := newPair(t)
	token := c.token(c.start(700))
	server.Advance(time.Hour - time.Second)
	equal(t, "presentation", c.want(200, "GET", presentationPath+"?"+presentationQuery, nil, withToken(token)).text("payment_status"),
		"PENDING_PARTNER_AUTHORIZATION")
	server.Advance(time.Second)
	c.want(409, "POST", authorizePath, order(700), withToken(token))
	equal(t, "transactions", len(server.Transactions()), 0)
}

func TestSessionTokenIsBoundToTheApproval(t *testing.T) {
	server, c := newPair(t)
	token := server.IssueSessionToken("SEK", 700)
	r := c.want(400, "POST", authorizePath, order(800), withToken(token))
	equal(t, "parameters", r.parameters(), "currency request_payment_transaction.amount")
	r = c.want(400, "POST", authorizePath, order(700), withToken("krn:network:us1:test:session-token:eyJ9"))
	equal(t, "an unknown token", r.parameters(), "Klarna-Network-Session-Token")
}

func TestFirstAuthorizeCallsFollowTheScript(t *testing.T) {
	server, c := newPair(t)
	server.ScriptAuthorize(
		klarnatest.AuthorizeRule{Result: "DECLINED", Reason: "NOT_TODAY"},
		klarnatest.AuthorizeRule{Result: "APPROVED"},
		klarnatest.AuthorizeRule{Result: "STEP_UP_REQUIRED"},
		klarnatest.AuthorizeRule{Result: "STEP_UP_REQUIRED"},
	)
	declined := c.want(200, "POST", authorizePath, stepUp(1))
	equal(t, "first", c.result(declined), "DECLINED")
	equal(t, "reason", declined.text("payment_transaction_response.result_reason"), "NOT_TODAY")
	equal(t, "second", c.result(c.want(200, "POST", authorizePath, stepUp(1))), "APPROVED")
	third := c.want(200, "POST", authorizePath, stepUp(1))
	equal(t, "third", c.result(third), "STEP_UP_REQUIRED")

	token := c.token(third.text("payment_request.payment_request_id"))
	equal(t, "a finalization uses no rule", c.result(c.want(200, "POST", authorizePath, order(1), withToken(token))), "APPROVED")
	equal(t, "no step-up without its config", c.result(c.want(200, "POST", authorizePath, order(1))), "DECLINED")
	equal(t, "transactions", len(server.Transactions()), 2)
}

func TestCaptureNowCompletesTheTransaction(t *testing.T) {
	server, c := newPair(t)
	o := order(700)
	payment := o["request_payment_transaction"].(obj)
	payment["capture"], payment["payment_capture_reference"] = "NOW", "capture-1"
	r := c.want(200, "POST", authorizePath, o, withToken(server.IssueSessionToken("EUR", 700)))
	transaction := "payment_transaction_response.payment_transaction."
	equal(t, "state", r.text(transaction+"state"), "COMPLETED")
	equal(t, "capture", r.text(transaction+"payment_captures.0.payment_capture_reference"), "capture-1")
}
