package klarnatest_test

import (
	"testing"
	"time"
)

func TestInteroperabilityTokensHaveThreeKinds(t *testing.T) {
	server, c := newPair(t)
	journey := obj{"customer_journey": "KLARNA_EXPRESS_CHECKOUT"}
	for path, tc := range map[string]struct{ name, result string }{
		"interoperability/tokens":      {"interoperability_token", "STEP_UP_REQUIRED"},
		"interoperability/sdk-tokens":  {"sdk_token", "STEP_UP_REQUIRED"},
		"sdk-tokens":                   {"sdk_token", "STEP_UP_REQUIRED"},
		"interoperability/test-tokens": {"interoperability_token", "APPROVED"},
		"test-tokens":                  {"interoperability_token", "APPROVED"},
	} {
		t.Run(path, func(t *testing.T) {
			for _, prefix := range []string{"/v2/", "/v2/accounts/" + server.PartnerAccountID + "/"} {
				c.want(201, "POST", prefix+path, nil, freshKey())
				token := c.want(201, "POST", prefix+path, journey).text(tc.name)
				equal(t, "result", c.result(c.want(200, "POST", authorizePath, stepUp(700), withToken(token))), tc.result)
			}
			equal(t, "a body", c.want(400, "POST", "/v2/"+path, obj{"customer_journey": 1}).parameters(), "customer_journey")
			c.want(400, "POST", "/v2/"+path, `{`)
			c.want(400, "POST", "/v2/"+path, nil)
		})
	}
}

func TestTestTokenApprovesTheFirstAuthorize(t *testing.T) {
	server, c := newPair(t)
	issue := func() string {
		return c.want(201, "POST", "/v2/interoperability/test-tokens", nil, freshKey()).text("interoperability_token")
	}
	token := issue()
	presented := c.want(200, "GET", presentationPath+"?"+presentationQuery, nil, withToken(token))
	equal(t, "presentation", presented.text("payment_status"), "PENDING_PARTNER_AUTHORIZATION")
	c.want(200, "POST", authorizePath, order(700), withToken(token))
	c.want(409, "POST", authorizePath, order(800), withToken(token))
	late := issue()
	server.Advance(time.Hour)
	c.want(409, "POST", authorizePath, order(700), withToken(late))

	blank := c.want(201, "POST", "/v2/interoperability/tokens", nil, freshKey()).text("interoperability_token")
	presented = c.want(200, "GET", presentationPath+"?"+presentationQuery, nil, withToken(blank))
	equal(t, "nothing is approved yet", presented.text("payment_status"), "REQUIRES_CUSTOMER_ACTION")
}
