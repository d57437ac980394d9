package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

// welcome prints what a program needs to use the sandbox.
func welcome(w io.Writer, server *klarnatest.Server, s settings) error {
	key := server.SigningKeys()[0]
	var b strings.Builder
	fmt.Fprintf(&b, "The built-in Klarna is at %s, its page at %[1]s/\n\n", server.URL)
	for _, line := range [][2]string{
		{"API key", server.APIKey},
		{"Account", server.PartnerAccountID},
		{"Client id", server.ClientID},
		{"Signing key", key.ID},
		{"  its secret", key.Secret},
		{"State", s.state},
		{"Trust", s.caFile()},
	} {
		if line[0] == "Trust" && s.tls == "" || line[1] == "" {
			continue
		}
		fmt.Fprintf(&b, "%-14s%s\n", line[0], line[1])
	}
	b.WriteString("\nTry these commands, in this order, in one shell:\n")
	for _, c := range commands(server, s) {
		fmt.Fprintf(&b, "\n# %s\n%s\n", c.Purpose, c.Text)
	}
	b.WriteString("\nCtrl-C stops it.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

type command struct{ Purpose, Text string }

// commands returns three shell commands that make a payment.
func commands(server *klarnatest.Server, s settings) []command {
	curl := "curl -sS"
	if s.tls != "" {
		curl += " --cacert '" + s.caFile() + "'"
	}
	payment := server.URL + "/v2/payment"
	if s.acquiring {
		payment = server.URL + "/v2/accounts/" + server.PartnerAccountID + "/payment"
	}
	key := "-H 'Authorization: Basic " + server.APIKey + "'"
	return []command{
		{"Get what a checkout shows of Klarna", curl + " '" + payment +
			"/presentation?currency=EUR&amount=1999&locale=en-US&intents%5B%5D=PAY' \\\n  " + key},
		{"Authorize a payment; it prints the URL that the customer has to visit", "url=$(" + curl + " '" + payment + `/authorize' \
  ` + key + ` \
  -H 'Content-Type: application/json' \
  -H "Klarna-Idempotency-Key: try-$(date +%s)" \
  -d '{
    "currency": "EUR",
    "request_payment_transaction": {"amount": 1999, "payment_transaction_reference": "order-1"},
    "supplementary_purchase_data": {
      "purchase_reference": "order-1",
      "line_items": [{"name": "Shoes", "quantity": 1, "total_amount": 1999}]
    },
    "step_up_config": {
      "payment_request_reference": "order-1",
      "customer_interaction_config": {
        "method": "HANDOVER",
        "return_url": "https://shop.example/back?state={klarna.payment_request.state}"
      }
    }
  }' | sed -n 's/.*"payment_request_url":"\([^"]*\)".*/\1/p'); echo "$url"`},
		{"Approve as the customer; it prints the URL that the browser returns to", curl + ` -o /dev/null -w '%{redirect_url}\n' -d action=approve "$url"`},
	}
}
