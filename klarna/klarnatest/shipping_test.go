package klarnatest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/klarna-go/klarna-go/klarna/klarnatest"
)

var (
	express = klarnatest.ShippingOption{
		Reference: "express", Price: 990, Type: "TO_DOOR", Attributes: []string{"EXPRESS", "TRACKED"}, Carrier: "Post",
	}
	pickup = klarnatest.ShippingOption{
		Reference: "pickup", Price: -200, Type: "PICKUP_POINT",
		Address: klarnatest.Address{StreetAddress: "Kiosk 1", PostalCode: "111 20", City: "Stockholm", Country: "SE"},
	}
)

func TestTheCustomerChoosesTheShipping(t *testing.T) {
	server, c := newPair(t)
	inbox := newInbox(t)
	server.Subscribe(inbox.URL, "payment.request.*")
	id := c.start(1000)
	for _, option := range []klarnatest.ShippingOption{express, pickup} {
		if err := server.ChangeShipping(id, option); err != nil {
			t.Fatal(err)
		}
	}
	read := func() response { return c.want(200, "GET", requestsPath+"/"+id, nil) }
	equal(t, "amount while choosing", read().get("amount"), any(800.0))
	equal(t, "shipping while choosing", read().get("state_context.shipping"), nil)
	if _, err := server.Approve(id); err != nil {
		t.Fatal(err)
	}
	server.Flush()

	want := obj{
		"shipping_reference": "pickup",
		"recipient": obj{
			"given_name": "Astrid", "family_name": "Testsson", "email": "jo@example.com", "phone": "+46700000000",
		},
		"address":         obj{"street_address": "Kiosk 1", "postal_code": "111 20", "city": "Stockholm", "country": "SE"},
		"shipping_option": obj{"shipping_type": "PICKUP_POINT"},
	}
	completed := inbox.last(t, "payment.request.state-change.completed")
	for where, got := range map[string]any{
		"answer":                 read().get("state_context.shipping"),
		"event":                  completed.get("payload.shipping"),
		"state_context of event": completed.get("payload.state_context.shipping"),
	} {
		if diff := cmp.Diff(any(want), got); diff != "" {
			t.Errorf("shipping of the %s (-want +got):\n%s", where, diff)
		}
	}
	equal(t, "amount of the event", completed.get("payload.amount"), any(800.0))
	equal(t, "events", inbox.types(), "submitted in-progress completed")
}

func TestShippingAddressDefaultsToTheCustomersHome(t *testing.T) {
	server, c := newPair(t)
	id := c.start(1000)
	if err := server.ChangeShipping(id, express); err != nil {
		t.Fatal(err)
	}
	c.token(id)
	read := c.want(200, "GET", requestsPath+"/"+id, nil)
	for _, part := range []string{"street_address", "city"} {
		equal(t, part, read.text("state_context.shipping.address."+part),
			read.text("state_context.klarna_customer.customer_profile.address."+part))
	}
	equal(t, "attributes", read.text("state_context.shipping.shipping_option.shipping_type_attributes.1"), "TRACKED")
	equal(t, "carrier", read.text("state_context.shipping.shipping_option.shipping_carrier"), "Post")
}

func TestFinalCallMayOmitTheChosenShipping(t *testing.T) {
	server, c := newPair(t)
	for name, tc := range map[string]struct {
		chosen int64 // price of the shipping in the line items
		status int
	}{
		"the lines of the first call":    {0, 200},
		"a line for the choice":          {990, 200},
		"a line for shipping not chosen": {290, 400},
	} {
		t.Run(name, func(t *testing.T) {
			id := c.start(1000)
			if err := server.ChangeShipping(id, express); err != nil {
				t.Fatal(err)
			}
			final := order(1990)
			final["supplementary_purchase_data"] = obj{"line_items": []obj{
				{"name": "Shoes", "quantity": 1, "total_amount": 1000}, {"name": "Shipping", "quantity": 1, "total_amount": tc.chosen},
			}}
			c.want(tc.status, "POST", authorizePath, final, withToken(c.token(id)))
		})
	}
}

func TestLeavingUndoesTheShipping(t *testing.T) {
	server, c := newPair(t)
	id := c.start(1000)
	if err := server.ChangeShipping(id, express); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Abandon(id); err != nil {
		t.Fatal(err)
	}
	equal(t, "amount", server.PaymentRequests()[0].Amount, 1000)
	c.want(200, "PATCH", requestsPath+"/"+id, obj{"payment_option_id": "other"})
	c.token(id)
	equal(t, "shipping", c.want(200, "GET", requestsPath+"/"+id, nil).get("state_context.shipping"), nil)
}

func TestImpossibleShippingIsRefused(t *testing.T) {
	server, c := newPair(t)
	id := c.start(1000)
	if err := server.ChangeShipping(id, klarnatest.ShippingOption{Price: -1001}); err == nil {
		t.Error("a negative amount was accepted")
	}
	equal(t, "amount", server.PaymentRequests()[0].Amount, 1000)
	c.token(id)
	if err := server.ChangeShipping(id, express); err == nil {
		t.Error("the shipping of a completed payment request was changed")
	}
}

func TestDeniedTestCustomerIsDeniedAfterOpening(t *testing.T) {
	server, c := newPair(t)
	d := draft(1000)
	d["supplementary_purchase_data"] = obj{"customer": obj{"email": "jo+denied@example.com"}}
	id := c.want(201, "POST", requestsPath, d).text("payment_request_id")
	back, err := server.Approve(id)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "state", server.PaymentRequests()[0].State, "DECLINED")
	equal(t, "token", server.PaymentRequests()[0].SessionToken, "")
	equal(t, "where the customer goes", back, "https://shop.example/back?id="+"krn%3Apayment%3Aeu1%3Arequest%3A"+id[len("krn:payment:eu1:request:"):]+
		"&token=&state=DECLINED")
}

func TestAmountMayChangeWithoutShipping(t *testing.T) {
	server, c := newPair(t)
	id := c.start(1000)
	if err := server.ChangeAmount(id, -1); err == nil {
		t.Error("a negative amount was taken")
	}
	if err := server.ChangeAmount(id, 1200); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Approve(id); err != nil {
		t.Fatal(err)
	}
	read := c.want(200, "GET", requestsPath+"/"+id, nil)
	equal(t, "amount", read.get("amount"), any(1200.0))
	equal(t, "shipping", read.get("state_context.shipping"), nil)
}
