package conformance

func authorizeCases() []Case {
	// first makes an authorize call whose effects are undone.
	first := func(body any, s step) []step {
		s.call, s.body, s.capture = authorize, body, outcomeOf()
		return []step{s}
	}
	interacting := func(config object) object {
		return with(purchase(), object{"step_up_config": with(stepUpConfig(), object{"customer_interaction_config": config})})
	}
	steppedUp := checks{status(200), member(result).is("STEP_UP_REQUIRED")}
	turnsToStepUp := []variant{
		{name: "accepted", when: steppedUp},
		{name: "accepted, with another result", when: checks{status(200)}, show: []subject{member(result)}},
		{name: "refused", when: checks{status(400, 401, 403, 404, 409, 422)}, show: errorWords},
	}
	turnsToRefusal := []variant{
		{name: "refused", when: checks{status(400, 401, 403, 404, 409, 422)}, show: errorWords},
		{name: "accepted", when: checks{status(200)}, show: []subject{member(result)}},
	}
	customer := "payment_request." + interaction
	cases := []Case{
		{
			Name: "an authorize answers 200 with one of three results", Section: authorization, Certainty: CertaintySure,
			steps: first(stepUp(), step{want: checks{status(200), member(result).is("APPROVED", "STEP_UP_REQUIRED", "DECLINED")}}),
		},
		{
			Name: "without a token the customer has to step up", Section: authorization, Certainty: CertaintyLikely,
			steps: first(stepUp(), step{given: checks{status(200)}, variants: known(member(result), "STEP_UP_REQUIRED", "APPROVED", "DECLINED")}),
		},
		{
			Name: "a step-up has the payment request and the customer's URL", Section: authorization, Certainty: CertaintySure,
			steps: first(stepUp(), step{given: steppedUp, want: checks{
				member("payment_request.payment_request_id").looksLike(aText),
				member("payment_request.payment_request_reference").is("${new.request_reference}"),
				member("payment_request.state").is("SUBMITTED"),
				member("payment_request.amount").is(payAmount),
				member("payment_request.currency").is("${currency}"),
				member(customer + "payment_request_url").looksLike(webAddress),
				member(customer + "payment_request_id").looksLike(aText),
				member(customer + "method").is("HANDOVER"),
			}}),
		},
		{
			Name: "a step-up creates no transaction", Section: authorization, Certainty: CertaintyLikely,
			steps: first(stepUp(), step{given: steppedUp, variants: []variant{
				{name: "no transaction", when: checks{member(transaction + "payment_transaction_id").isAbsent()}},
				{name: "a transaction", when: checks{member(transaction + "payment_transaction_id").exists()}, show: []subject{member(transaction + "state")}},
			}}),
		},
		{
			Name: "without a step-up config Klarna approves or declines, with 200", Section: authorization, Certainty: CertaintySure,
			steps: first(purchase(), step{want: checks{status(200), member(result).is("APPROVED", "DECLINED")}}),
		},
		{
			Name: "without a token and a step-up config the payment is declined", Section: authorization, Certainty: CertaintyLikely,
			steps: first(purchase(), step{given: checks{status(200)}, variants: known(member(result), "DECLINED", "APPROVED", "STEP_UP_REQUIRED")}),
		},
		{
			Name: "whether a decline has a reason", Section: authorization, Certainty: CertaintyGap,
			steps: first(purchase(), step{given: checks{member(result).is("DECLINED")}, variants: []variant{
				{name: "it has none", when: checks{member("payment_transaction_response.result_reason").isAbsent()}},
				{name: "it has one", when: checks{member("payment_transaction_response.result_reason").exists()},
					show: []subject{member("payment_transaction_response.result_reason")}},
			}}),
		},
		{
			Name: "an authorize without a currency is refused", Section: authorization, Certainty: CertaintySure,
			steps: first(with(stepUp(), object{"currency": nil}), step{want: refused("VALIDATION_ERROR")}),
		},
		{
			Name: "an amount that is a text is refused", Section: authorization, Certainty: CertaintyLikely,
			steps: first(with(stepUp(), object{"request_payment_transaction": object{
				"amount": "1000", "payment_transaction_reference": "${new.transaction_reference}",
			}}), step{variants: turnsToRefusal}),
		},
		{
			Name: "line items that do not sum to the amount are refused", Section: authorization, Certainty: CertaintyLikely,
			steps: first(with(stepUp(), object{"supplementary_purchase_data": object{
				"line_items": list{object{"name": "Conformance", "quantity": 1, "total_amount": payAmount - 1}},
			}}), step{variants: turnsToRefusal}),
		},
		{
			Name: "whether a placeholder whose braces are percent-encoded is refused", Section: authorization, Certainty: CertaintyGap,
			steps: first(interacting(object{
				"method": "HANDOVER", "return_url": "https://shop.example/back?id=%7Bklarna.payment_request.id%7D",
			}), step{variants: turnsToRefusal}),
		},
		{
			Name: "the interaction may expire after a duration", Section: authorization, Certainty: CertaintyLikely,
			steps: first(interacting(with(handover(), object{"interaction_expiry": object{"duration": "PT15M"}})), step{variants: turnsToStepUp}),
		},
		{
			Name: "the payment request may expire on a date", Section: authorization, Certainty: CertaintyLikely,
			steps: first(with(purchase(), object{
				"step_up_config": with(stepUpConfig(), object{"payment_request_expires_at": "2099-12-31"}),
			}), step{variants: turnsToStepUp}),
		},
		{
			Name: "the customer may interact through an SDK", Section: authorization, Certainty: CertaintyLikely,
			steps: first(interacting(object{"method": "SDK", "return_url": returnURL}), step{variants: turnsToStepUp}),
		},
		{
			Name: "a QR code comes with the customer's interaction", Section: authorization, Certainty: CertaintyLikely,
			steps: first(interacting(object{"method": "QR_CODE", "return_url": returnURL}), step{variants: []variant{
				{name: "qr_code with image_url and target_url", when: checks{
					member(customer + "qr_code.image_url").looksLike(webAddress), member(customer + "qr_code.target_url").looksLike(webAddress),
				}},
				{name: "qr_code in another form", when: checks{member(customer + "qr_code").exists()}},
				{name: "no qr_code", when: checks{status(200)}},
				{name: "refused", when: checks{status(400, 403, 409, 422)}, show: errorWords},
			}}),
		},
		{
			Name: "network data may be called klarna_network_data", Section: sessionToken, Certainty: CertaintyLikely,
			steps: first(with(stepUp(), object{"klarna_network_data": networkData}), step{variants: turnsToStepUp}),
		},
		{
			Name: "network data may be called interoperability_data", Section: sessionToken, Certainty: CertaintyLikely,
			steps: first(with(stepUp(), object{"interoperability_data": networkData}), step{variants: turnsToStepUp}),
		},
		{
			Name: "whether network data that is an object instead of a text is refused", Section: sessionToken, Certainty: CertaintyGap,
			steps: first(with(stepUp(), object{"klarna_network_data": object{"a": "b"}}), step{variants: turnsToRefusal}),
		},
	}
	for _, name := range sessionTokenHeaders {
		s := first(stepUp(), step{
			header: map[string]string{name: "krn:network:us1:test:session-token:${new.made_up}"},
			variants: []variant{
				{name: "refused", when: checks{status(400, 401, 403, 404, 409, 422)}, show: errorWords},
				{name: "ignored", when: steppedUp},
				{name: "declined", when: checks{status(200), member(result).is("DECLINED")}},
			},
		})
		cases = append(cases, Case{
			Name: "the result of an authorize with a token in " + name + " that Klarna did not make", Section: sessionToken, Certainty: CertaintyGap, steps: s,
		})
	}
	for i := range cases {
		cases[i].cleanup = undoneAll()
	}
	return cases
}

const networkData = `{"conformance": [1, 2.50]}`

// sessionTokenHeaders are the present and former names of the session token's header, newest first.
var sessionTokenHeaders = []string{"Klarna-Network-Session-Token", "Klarna-Interoperability-Token", "Klarna-Payment-Token"}
