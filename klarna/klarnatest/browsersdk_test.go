package klarnatest_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSDKReadsThePresentation(t *testing.T) {
	server, c := newPair(t)
	address := server.URL + "/browser/presentation?" + presentationQuery + "&client_id=" + server.ClientID
	own := c.want(200, "GET", presentationPath+"?"+presentationQuery, nil)
	shown := c.browse(200, "GET", address+"&partner_account_id="+url.QueryEscape(server.PartnerAccountID), "", "Origin: https://shop.example")
	if diff := cmp.Diff(own.body, shown.body); diff != "" {
		t.Errorf("the presentations for the server (-) and for the browser (+) differ:\n%s", diff)
	}
	equal(t, "origins", shown.header.Get("Access-Control-Allow-Origin"), "*")
	equal(t, "credentials", shown.header.Get("Access-Control-Allow-Credentials"), "")
	equal(t, "cache", shown.header.Get("Cache-Control"), "no-store")

	approved := c.browse(200, "GET", address, "", withToken(server.IssueSessionToken("EUR", 700)))
	equal(t, "status of a customer who approved", approved.text("payment_status"), "PENDING_PARTNER_AUTHORIZATION")
	server.SetInstruction("HIDE_KLARNA")
	hidden := c.browse(200, "GET", address, "")
	equal(t, "instruction", hidden.text("instruction"), "HIDE_KLARNA")
	equal(t, "option", hidden.get("payment_option"), nil)

	before := c.browse(204, "OPTIONS", address, "", "Origin: https://shop.example", "Access-Control-Request-Headers: klarna-network-session-token")
	equal(t, "headers that may be sent", before.header.Get("Access-Control-Allow-Headers"), "Klarna-Network-Session-Token")
	equal(t, "origins that may send them", before.header.Get("Access-Control-Allow-Origin"), "*")
}

func TestSDKReadsOnlyTheState(t *testing.T) {
	server, c := newPair(t)
	id := c.start(1999)
	if _, err := server.Approve(id); err != nil {
		t.Fatal(err)
	}
	r := server.PaymentRequests()[0]
	last := r.PaymentRequestURL[strings.LastIndexByte(r.PaymentRequestURL, '/')+1:]
	for _, name := range []string{id, last} {
		got := c.browse(200, "GET", server.URL+"/browser/payment-requests/"+name+"?client_id="+server.ClientID, "")
		want := obj{"payment_request_id": id, "payment_request_url": r.PaymentRequestURL, "state": "COMPLETED", "duplicate_complete": false}
		if diff := cmp.Diff(any(want), got.body); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
	}
	other := server.AddAccount()
	c.browse(404, "GET", server.URL+"/browser/payment-requests/"+id+"?client_id="+server.ClientID+"&partner_account_id="+url.QueryEscape(other), "")
	server.SetDuplicateComplete(true)
	got := c.browse(200, "GET", server.URL+"/browser/payment-requests/"+id+"?client_id="+server.ClientID, "")
	equal(t, "complete twice", got.get("duplicate_complete"), any(true))
}

func TestSDKCallsAreRefused(t *testing.T) {
	server, c := newPair(t)
	good := "client_id=" + server.ClientID
	for name, tc := range map[string]struct {
		status     int
		method     string
		path       string
		code       string
		parameters string
	}{
		"without a client id":       {401, "GET", "presentation?" + presentationQuery, "UNAUTHORIZED", ""},
		"with another client id":    {401, "GET", "presentation?client_id=klarna_test_client_x&" + presentationQuery, "UNAUTHORIZED", ""},
		"with the API key":          {401, "GET", "presentation?client_id=" + server.APIKey + "&" + presentationQuery, "UNAUTHORIZED", ""},
		"for another account":       {403, "GET", "presentation?partner_account_id=krn:x&" + good, "OPERATION_FORBIDDEN", ""},
		"without a currency":        {400, "GET", "presentation?amount=1&locale=en-US&" + good, "VALIDATION_ERROR", "currency"},
		"for an unknown payment":    {404, "GET", "payment-requests/none?" + good, "RESOURCE_NOT_FOUND", ""},
		"for a state without an id": {401, "GET", "payment-requests/none", "UNAUTHORIZED", ""},
		"elsewhere":                 {404, "GET", "tokens?" + good, "NOT_FOUND", ""},
		"with a form":               {405, "POST", "presentation?" + good, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.browse(tc.status, tc.method, server.URL+"/browser/"+tc.path, "")
			equal(t, "code", r.text("error_code"), tc.code)
			equal(t, "parameters", r.parameters(), tc.parameters)
			equal(t, "origins that may read why", r.header.Get("Access-Control-Allow-Origin"), "*")
		})
	}
	c.want(401, "GET", presentationPath+"?"+presentationQuery, nil, "Authorization: Basic "+server.ClientID)
}
