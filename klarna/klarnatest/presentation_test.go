package klarnatest_test

import (
	"testing"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

const (
	presentationPath  = "/v2/payment/presentation"
	presentationQuery = "currency=EUR&locale=en-US&amount=700&intents%5B%5D=PAY"
)

func TestThePresentationOffersKlarna(t *testing.T) {
	_, c := newPair(t)
	r := c.want(200, "GET", presentationPath+"?"+presentationQuery, nil)
	for path, want := range map[string]string{
		"instruction":                         "SHOW_KLARNA",
		"payment_status":                      "REQUIRES_CUSTOMER_ACTION",
		"payment_option.payment_option_id":    "S0xBUk5B",
		"payment_option.header.text":          "Klarna",
		"payment_option.terms.parts.1.type":   "LINK",
		"payment_option.payment_button.text":  "Pay with Klarna",
		"payment_option.icon.alt":             "Klarna",
		"payment_option.message.parts.0.type": "TEXT",
	} {
		equal(t, path, r.text(path), want)
	}
	if r.text("payment_option.subheader.text") == "" || r.text("payment_option.badge.text") == "" {
		t.Errorf("subheader or badge missing: %s", r.raw)
	}
}

func TestThePresentationChecksItsQuery(t *testing.T) {
	_, c := newPair(t)
	for name, tc := range map[string]struct {
		query      string
		parameters string
	}{
		"nothing at all":                           {"", "currency locale amount"},
		"an unknown currency":                      {"currency=XTS&locale=en-US&amount=1", "currency"},
		"a locale with an underscore":              {"currency=EUR&locale=en_US&amount=1", "locale"},
		"a negative amount":                        {"currency=EUR&locale=en-US&amount=-1", "amount"},
		"an amount for the wallet alone":           {"currency=EUR&locale=en-US&amount=1&intents[]=ADD_TO_WALLET", "amount"},
		"intents without brackets":                 {"currency=EUR&locale=en-US&amount=1&intents=PAY", "intents"},
		"an unknown intent":                        {"currency=EUR&locale=en-US&amount=1&intents[]=GIVE", "intents[]"},
		"an interval without its frequency":        {"currency=EUR&locale=en-US&amount=1&subscription_billing_interval=MONTH", "subscription_billing_interval_frequency"},
		"an unknown interval":                      {"currency=EUR&locale=en-US&amount=1&subscription_billing_interval=EON&subscription_billing_interval_frequency=1", "subscription_billing_interval"},
		"an app link that is not base64":           {"currency=EUR&locale=en-US&amount=1&app_return_url=app://back", "app_return_url"},
		"an acquiring account without a reference": {"currency=EUR&locale=en-US&amount=1&acquiring_config[payment_acquiring_account_id]=a", "acquiring_config"},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, "parameters", c.want(400, "GET", presentationPath+"?"+tc.query, nil).parameters(), tc.parameters)
		})
	}
	for name, query := range map[string]string{
		"the wallet alone":            "intents[]=ADD_TO_WALLET",
		"an app link":                 "amount=1&app_return_url=YXBwOi8vYmFjaz9vPT4%2BPg%3D%3D",
		"an app link without padding": "amount=1&app_return_url=YXBwOi8vYmFjaz9vPT4%2BPg",
		"an app link for a URL":       "amount=1&app_return_url=YXBwOi8vYmFjaz9vPT4-Pg==",
	} {
		t.Run(name, func(t *testing.T) {
			c.TB = t
			c.want(200, "GET", presentationPath+"?currency=EUR&locale=en-US&"+query, nil)
		})
	}
}

func TestPresentationRecognizesACustomerWhoApproved(t *testing.T) {
	server, c := newPair(t)
	used := server.IssueSessionToken("EUR", 700)
	c.want(200, "POST", authorizePath, order(700), withToken(used))
	for name, tc := range map[string]struct {
		token, instruction, status string
	}{
		"a token for this amount":      {server.IssueSessionToken("EUR", 700), "SHOW_ONLY_KLARNA", "PENDING_PARTNER_AUTHORIZATION"},
		"a token for another amount":   {server.IssueSessionToken("EUR", 701), "SHOW_KLARNA", "REQUIRES_CUSTOMER_ACTION"},
		"a token for another currency": {server.IssueSessionToken("SEK", 700), "SHOW_KLARNA", "REQUIRES_CUSTOMER_ACTION"},
		"a token that was used":        {used, "SHOW_KLARNA", "REQUIRES_CUSTOMER_ACTION"},
		"an unknown token":             {"krn:network:x", "SHOW_KLARNA", "REQUIRES_CUSTOMER_ACTION"},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.want(200, "GET", presentationPath+"?"+presentationQuery, nil, withToken(tc.token))
			equal(t, "instruction", r.text("instruction"), tc.instruction)
			equal(t, "status", r.text("payment_status"), tc.status)
		})
	}
}

func TestTheTestSetsTheInstruction(t *testing.T) {
	server := klarnatest.NewServer(t)
	c := newClient(t, server)
	for instruction, hasOption := range map[string]bool{"HIDE_KLARNA": false, "PRESELECT_KLARNA": true, "SOMETHING_NEW": true} {
		server.SetInstruction(instruction)
		r := c.want(200, "GET", presentationPath+"?"+presentationQuery, nil)
		equal(t, "instruction", r.text("instruction"), instruction)
		equal(t, instruction+" has an option", r.get("payment_option") != nil, hasOption)
	}
}
