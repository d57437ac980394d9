package klarnatest

import (
	"encoding/json"
	"strings"
)

// purchase is what the server reads of supplementary_purchase_data; the rest is kept as received.
type purchase struct {
	raw   json.RawMessage
	email string
}

// readPurchase checks supplementary_purchase_data of o, whose lines must sum to amount.
func readPurchase(o object, amount int64) purchase {
	data, _ := o.object("supplementary_purchase_data")
	var sum int64
	lines := data.objects("line_items")
	for _, line := range lines {
		line.need("name", "quantity", "total_amount")
		line.text("name", 255)
		sum += line.integer("total_amount")
	}
	if len(lines) > 0 && sum != amount {
		o.found.add(data.at("line_items"), "the total_amount of all lines is %d and must be the amount, %d", sum, amount)
	}
	return readUnpaid(o)
}

// readUnpaid checks supplementary_purchase_data where there is no amount to hold its lines against.
func readUnpaid(o object) purchase {
	data, _ := o.object("supplementary_purchase_data")
	data.text("purchase_reference", 255)
	customer, _ := data.object("customer")
	return purchase{raw: o.raw("supplementary_purchase_data"), email: customer.text("email", 255)}
}

// readOpaque reads an object of which the server looks at nothing.
func readOpaque(o object, name string) json.RawMessage {
	_, _ = o.object(name)
	return o.raw(name)
}

// deniedTestCustomer recognizes the email by which Klarna's test environment denies a customer.
func (p purchase) deniedTestCustomer() bool {
	local, _, _ := strings.Cut(p.email, "@")
	return strings.HasSuffix(local, "+denied")
}

// checkNetworkData checks klarna_network_data, under its older name too: a string that holds JSON.
func checkNetworkData(o object) {
	for _, name := range []string{"klarna_network_data", "interoperability_data"} {
		raw := o.raw(name)
		if raw == nil {
			continue
		}
		var s string
		switch {
		case json.Unmarshal(raw, &s) != nil:
			o.found.add(o.at(name), "must be a string of serialized JSON, not JSON")
		case len(s) > 10240:
			o.found.add(o.at(name), "must have at most 10240 characters")
		case !json.Valid([]byte(s)):
			o.found.add(o.at(name), "must be serialized JSON")
		}
	}
}
