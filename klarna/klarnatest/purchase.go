package klarnatest

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// purchase is what the server reads from supplementary_purchase_data; the rest is kept as received.
type purchase struct {
	raw   json.RawMessage
	email string
}

// readPurchase checks supplementary_purchase_data of o. Its line items must sum to one of sums.
// Nothing is compared if sums is empty, as when the amount itself is wrong, or if a line item is
// wrong.
func readPurchase(o object, sums ...int64) purchase {
	data, _ := o.object("supplementary_purchase_data")
	before := len(*o.found)
	lines := data.objects("line_items")
	sum, fits := int64(0), true
	for _, line := range lines {
		line.need("name", "quantity", "total_amount")
		line.text("name", 255)
		more := line.integer("total_amount")
		fits = fits && (sum+more > sum) == (more > 0)
		sum += more
	}
	switch {
	case len(lines) == 0 || len(sums) == 0 || len(*o.found) > before:
	case !fits:
		o.found.add(data.at("line_items"), "the sum of all total_amounts is too large")
	case !slices.Contains(sums, sum):
		o.found.add(data.at("line_items"), "the sum of all total_amounts is %d and must be the amount, %d", sum, sums[0])
	}
	return readUnpaid(o)
}

// readUnpaid checks supplementary_purchase_data if there is no amount to compare the line items
// with.
func readUnpaid(o object) purchase {
	data, _ := o.object("supplementary_purchase_data")
	data.text("purchase_reference", 255)
	customer, _ := data.object("customer")
	return purchase{raw: o.raw("supplementary_purchase_data"), email: customer.text("email", 255)}
}

// readOpaque reads an object whose members the server ignores.
func readOpaque(o object, name string) json.RawMessage {
	_, _ = o.object(name)
	return o.raw(name)
}

// deniedTestCustomer recognizes the email with which Klarna's test environment denies a customer.
func (p purchase) deniedTestCustomer() bool {
	local, _, _ := strings.Cut(p.email, "@")
	return strings.HasSuffix(local, "+denied")
}

// checkNetworkData checks klarna_network_data, also under its older name: a string that holds JSON.
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
		case utf8.RuneCountInString(s) > 10240:
			o.found.add(o.at(name), "must have at most 10240 characters")
		case !json.Valid([]byte(s)):
			o.found.add(o.at(name), "must be serialized JSON")
		}
	}
}

// checkAcquiringConfig finds a settlement currency that is next to acquiring_config instead of in
// it.
func checkAcquiringConfig(o object) {
	if o.has("settlement_currency") {
		o.found.add(o.at("settlement_currency"), "must be inside acquiring_config")
	}
	if config, ok := o.object("acquiring_config"); ok {
		config.currency("settlement_currency")
		account, reference := config.has("payment_acquiring_account_id"), config.has("payment_account_reference")
		if account != reference {
			o.found.add(o.at("acquiring_config"), "payment_acquiring_account_id and payment_account_reference go together")
		}
	}
}
