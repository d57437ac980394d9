package conformance

// purchaseDataCases test each part of supplementary_purchase_data separately, so that a name that
// Klarna does not accept is found.
func purchaseDataCases() []Case {
	address := object{"street_address": "Sveavägen 46", "postal_code": "11134", "city": "Stockholm", "country": "SE"}
	insurances := list{object{"insurance_type": "CANCELATION", "insurance_company_name": "Conformance", "price": 100, "currency": "${currency}"}}
	parts := []struct {
		name string
		data object
	}{
		{"line items", object{"line_items": list{
			object{
				"name": "Shoes", "quantity": 2, "total_amount": payAmount, "total_tax_amount": 200, "unit_price": 500, "product_identifier": "SKU-1",
				"product_url": "https://shop.example/shoes", "image_url": "https://shop.example/shoes.png", "line_item_reference": "line-1",
				"line_item_metadata": object{"categories": list{"Shoes"}},
			},
			object{"name": "Shipping", "quantity": 1, "total_amount": 100},
			object{"name": "Discount", "quantity": 1, "total_amount": -100},
		}}},
		{"a customer", object{"customer": object{
			"given_name": "Astrid", "family_name": "Testsson", "email": "customer@email.example", "phone": "+46701740615", "date_of_birth": "1990-01-02",
			"email_last_verified_at": "2026-01-02T03:04:05Z", "phone_last_verified_at": "2026-01-02T03:04:05Z", "address": address,
			"customer_account": object{
				"account_identifier": "conformance", "created_at": "2020-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
				"purchase_history": list{object{"number_of_purchases": 1, "total_amount": 1000, "currency": "${currency}"}},
			},
			"customer_device": object{"user_agent": "conformance", "ip_address": "192.0.2.1"},
		}}},
		{"shipping", object{"shipping": list{object{
			"shipping_reference": "shipping-1", "address": address,
			"recipient": object{
				"given_name": "Astrid", "family_name": "Testsson", "email": "customer@email.example", "phone": "+46701740615", "attention": "Reception",
			},
			"shipping_option": object{"shipping_type": "TO_DOOR", "shipping_type_attributes": list{"TRACKED"}, "shipping_carrier": "Conformance"},
		}}}},
		{"subscriptions", object{"subscriptions": list{object{
			"subscription_reference": "subscription-1", "name": "Paper", "free_trial": "INACTIVE",
			"billing_plans": list{object{
				"billing_amount": 1000, "currency": "${currency}", "from": "2099-01-02T03:04:05Z", "interval": "MONTH", "interval_frequency": 1,
			}},
		}}}},
		{"an on-demand service", object{"ondemand_service": object{
			"currency": "${currency}", "average_amount": 1000, "minimum_amount": 500, "maximum_amount": 2000,
			"purchase_interval": "MONTH", "purchase_interval_frequency": 4,
		}}},
		{"a journey by train", object{"travel_reservations": list{object{
			"travel_type": "TRAIN", "reservation_reference": "travel-1", "carrier_name": "Conformance", "price": 1000, "currency": "${currency}",
			"departure":  object{"departure_location": "Stockholm C", "departs_at": "2099-01-02T03:04:05Z", "address": address},
			"arrival":    object{"arrival_location": "Stockholm C", "arrives_at": "2099-01-02T05:04:05Z", "address": address},
			"passengers": list{object{"given_name": "Astrid", "family_name": "Testsson"}}, "insurances": insurances,
		}}}},
		{"a journey by air", object{"travel_reservations": list{object{
			"travel_type": "AIR", "reservation_reference": "travel-2", "carrier_name": "Conformance", "price": 1000, "currency": "${currency}",
			"departure":  object{"departure_airport": "ARN", "departs_at": "2099-01-02T03:04:05Z", "city": "Stockholm", "country": "SE"},
			"arrival":    object{"arrival_airport": "CPH", "arrives_at": "2099-01-02T05:04:05Z", "city": "Copenhagen", "country": "DK"},
			"passengers": list{object{"given_name": "Astrid", "family_name": "Testsson"}},
		}}}},
		{"lodging", object{"lodging_reservations": list{object{
			"lodging_name": "Conformance Inn", "address": address, "starts_at": "2099-01-02T15:00:00Z", "ends_at": "2099-01-04T10:00:00Z",
			"number_of_spaces": 1, "price": 1000, "currency": "${currency}", "guests": list{object{"given_name": "Astrid", "family_name": "Testsson"}},
		}}}},
		{"an event", object{"event_reservations": list{object{
			"event_name": "Concert", "event_company_name": "Conformance", "starts_at": "2099-01-02T19:00:00Z", "ends_at": "2099-01-02T22:00:00Z",
			"venue_name": "Hall", "access_controlled_venue": true, "address": address,
		}}}},
		{"insurances", object{"insurances": insurances}},
		{"vouchers", object{"vouchers": list{object{
			"voucher_name": "Gift", "voucher_company": "Conformance", "starts_at": "2026-01-02T03:04:05Z", "ends_at": "2099-01-02T03:04:05Z",
		}}}},
		{"marketplace sellers", object{"marketplace_sellers": list{object{
			"marketplace_seller_reference": "seller-1", "marketplace_seller_name": "Conformance", "marketplace_seller_address": address,
			"product_category": "Shoes", "seller_registered_at": "2020-01-02T03:04:05Z", "number_of_transactions": 10, "volume_of_transactions": 10000,
		}}}},
	}
	var cases []Case
	for _, part := range parts {
		data := with(object{"purchase_reference": "${new.purchase_reference}"}, part.data)
		made := step{
			call: createRequest, body: with(paymentRequest(), object{"supplementary_purchase_data": data}),
			capture: map[string]string{"request": "payment_request_id"},
		}
		made.variants = acceptedOrRefused()
		cases = append(cases, Case{
			Name: part.name + " may describe a purchase", Section: purchaseData, Certainty: CertaintyLikely, steps: []step{made}, cleanup: undone(),
		})
	}
	echoed := requested()
	echoed.body = with(paymentRequest(), object{"supplementary_purchase_data": object{"purchase_reference": "${new.purchase_reference}"}})
	echoed.want = checks{member("supplementary_purchase_data.purchase_reference").is("${new.purchase_reference}")}
	return append(cases, Case{
		Name: "a payment request returns its purchase data", Section: purchaseData, Certainty: CertaintySure, steps: []step{echoed}, cleanup: undone(),
	})
}
