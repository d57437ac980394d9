package conformance

const sessionTokenPath = "state_context.klarna_network_session_token"

// visited returns the steps of a customer who approves a payment that authorize requested with this
// body. They store the session token, the approved amount and the ids in variables.
func visited(body object) []step {
	return []step{
		{
			call: authorize, body: body, given: checks{status(200), member(result).is("STEP_UP_REQUIRED")},
			capture: map[string]string{
				"request": "payment_request.payment_request_id", "request_url": "payment_request." + interaction + "payment_request_url",
			},
		},
		{visit: approves},
		{
			call: readRequest, poll: checks{member("state").is("COMPLETED")},
			capture: map[string]string{"session_token": sessionTokenPath, "approved": "amount"},
		},
	}
}

// final returns the body of the authorize that finalizes the purchase of purchase().
func final(changes object) object {
	transaction := with(object{"amount": "${approved}", "payment_transaction_reference": "${new.transaction_reference}"}, changes)
	return with(purchase(), object{"request_payment_transaction": transaction})
}

// finalizing returns the final authorize, with the same key each time.
func finalizing(changes object) step {
	return step{
		call: authorize, body: final(changes),
		header: map[string]string{"Klarna-Network-Session-Token": "${session_token}", "Klarna-Idempotency-Key": "${new.final_key}"},
		given:  checks{status(200), member(result).is("APPROVED")},
		capture: map[string]string{
			"transaction": transaction + "payment_transaction_id", "payment_capture": transaction + "payment_captures.0.payment_capture_id",
		},
	}
}

// Each of these fixtures needs a visit of the customer, who may be a person, so there are few.
var (
	// approved is a payment request that a customer completed and that is not finalized.
	approved = &fixture{name: "a payment request that the customer approved", steps: visited(stepUp()), cleanup: undoneAll()}
	// second is another one, for cases that may end it in more than one way.
	second = &fixture{name: "a second payment request that the customer approved", steps: visited(stepUp()), cleanup: undoneAll()}
	// paid is a transaction, finalized from such a payment request.
	paid = &fixture{name: "a purchase that is approved", steps: append(visited(stepUp()), finalizing(nil)), cleanup: []step{{call: voidPayment}}}
	// tokenized is a payment request for a customer token without a payment.
	tokenized = &fixture{name: "a customer token that the customer approved", steps: tokenVisit(), cleanup: undone()}
)

func tokenOrder() object {
	return object{"scopes": list{"payment:customer_present"}, "customer_token_reference": "${new.token_reference}"}
}

func tokenOnly() object {
	return object{"currency": "${currency}", "request_customer_token": tokenOrder()}
}

func tokenVisit() []step {
	steps := visited(with(tokenOnly(), object{"step_up_config": stepUpConfig()}))
	steps[0].given = checks{status(200), member("payment_request.payment_request_id").exists()}
	return steps
}

func customerCases() []Case {
	const customerResult = "customer_token_response.result"
	// again repeats the final authorize with a change.
	again := func(change func(*step)) step {
		s := finalizing(nil)
		s.given, s.capture = nil, nil
		change(&s)
		return s
	}
	anotherKey := func(s *step) {
		s.header = map[string]string{"Klarna-Network-Session-Token": "${session_token}"}
	}
	completed := func(turns ...variant) []step {
		return []step{{call: readRequest, given: checks{member("state").is("COMPLETED")}, variants: turns}}
	}
	cases := []Case{
		{
			Name: "a completed payment request has a session token", Section: sessionToken, Certainty: CertaintySure, fixture: approved,
			steps: []step{{call: readRequest, want: checks{member("state").is("COMPLETED"), member(sessionTokenPath).looksLike(aText)}}},
		},
		{
			Name: "a session token looks like a KRN", Section: sessionToken, Certainty: CertaintyLikely, fixture: approved,
			steps: completed(
				variant{name: sessionKRN.name, when: checks{member(sessionTokenPath).looksLike(sessionKRN)}},
				variant{name: "another", when: checks{member(sessionTokenPath).exists()}},
			),
		},
		{
			Name: "whether the session token is also in payment_token", Section: sessionToken, Certainty: CertaintyGap, fixture: approved,
			steps: completed(thereOrAbsent(member("state_context.payment_token"))...),
		},
		{
			Name: "whether the session token is also in interoperability_token", Section: sessionToken, Certainty: CertaintyGap, fixture: approved,
			steps: completed(thereOrAbsent(member("state_context.interoperability_token"))...),
		},
		{
			Name: "a completed payment request identifies the customer", Section: requests, Certainty: CertaintyLikely, fixture: approved,
			steps: completed(
				variant{name: "klarna_customer with customer_profile", when: checks{member("state_context.klarna_customer.customer_profile").isOfKind(anObject)}},
				variant{name: "klarna_customer in another form", when: checks{member("state_context.klarna_customer").exists()}},
				variant{name: "not without being asked", when: checks{member("state_context.klarna_customer").isAbsent()}},
			),
		},
		{
			Name: "the presentation with the token of an approval says to authorize", Section: presentation, Certainty: CertaintyLikely, fixture: approved,
			steps: []step{{
				call: present, header: map[string]string{"Klarna-Network-Session-Token": "${session_token}"}, given: checks{status(200)},
				variants: known(member("payment_status"), "PENDING_PARTNER_AUTHORIZATION", "REQUIRES_CUSTOMER_ACTION"),
			}},
		},
		{
			Name: "whether a final authorize with another amount than the approved one is refused", Section: authorization, Certainty: CertaintyGap, fixture: second,
			steps: []step{{
				call: authorize, body: final(object{"amount": payAmount + 1}), header: map[string]string{"Klarna-Network-Session-Token": "${session_token}"},
				capture: outcomeOf(),
				variants: []variant{
					{name: "refused", when: checks{status(400, 403, 409, 422)}, show: errorWords},
					{name: "the customer is asked again, or the payment is declined", when: checks{status(200), member(result).is("STEP_UP_REQUIRED", "DECLINED")}},
					{name: "approved", when: checks{status(200), member(result).is("APPROVED")}},
				},
			}},
			cleanup: []step{{call: voidPayment}},
		},
		{
			Name: "a completed payment request can be canceled until it is finalized", Section: requests, Certainty: CertaintySure, fixture: approved,
			steps: []step{{call: cancelRequest, want: checks{status(200), member("state").is("CANCELED")}}},
		},
		{
			Name: "a customer whom Klarna denies ends a payment request", Section: requests, Certainty: CertaintySure,
			steps: []step{
				requested(), {visit: isDenied}, {call: readRequest, poll: checks{member("state").is("DECLINED", "COMPLETED", "CANCELED", "EXPIRED")}},
				{call: readRequest, want: checks{status(200), member("state").is("DECLINED"), member(sessionTokenPath).isAbsent()}},
			},
			cleanup: undone(),
		},
		{
			Name: "the final authorize is approved, with the references of the first", Section: authorization, Certainty: CertaintySure, fixture: paid,
			steps: []step{again(func(s *step) {
				s.want = checks{
					status(200), member(result).is("APPROVED"),
					member(transaction + "payment_transaction_id").is("${transaction}"),
					member(transaction + "payment_transaction_reference").is("${new.transaction_reference}"),
					member(transaction + "amount").is("${approved}"),
					member(transaction + "currency").is("${currency}"),
				}
			})},
		},
		{
			Name: "a transaction is AUTHORIZED after the approval", Section: transactions, Certainty: CertaintyLikely, fixture: paid,
			steps: []step{again(func(s *step) {
				s.given, s.variants = checks{status(200)}, known(member(transaction+"state"), "AUTHORIZED", "COMPLETED")
			})},
		},
		{
			Name: "a transaction has its expiry", Section: transactions, Certainty: CertaintyLikely, fixture: paid,
			steps: []step{again(func(s *step) {
				s.given, s.variants = checks{status(200)}, []variant{
					{name: "an ISO 8601 time", when: checks{member(transaction + "expires_at").looksLike(aTimestamp)}},
					{name: "in another form", when: checks{member(transaction + "expires_at").exists()}},
					{name: "absent", when: checks{member(transaction + "expires_at").isAbsent()}},
				}
			})},
		},
		{
			Name: "a transaction's funding is guaranteed", Section: transactions, Certainty: CertaintyLikely, fixture: paid,
			steps: []step{again(func(s *step) {
				s.given, s.variants = checks{status(200)}, known(member(transaction+"payment_funding.type"), "GUARANTEED", "NON_GUARANTEED")
			})},
		},
		{
			Name: "the same token and payload under another key get the same transaction", Section: sessionToken, Certainty: CertaintySure, fixture: paid,
			steps: []step{again(func(s *step) {
				anotherKey(s)
				s.want = checks{status(200), member(result).is("APPROVED"), member(transaction + "payment_transaction_id").is("${transaction}")}
			})},
		},
		{
			Name: "the same token with another payload is a conflict", Section: sessionToken, Certainty: CertaintySure, fixture: paid,
			steps: []step{again(func(s *step) {
				anotherKey(s)
				s.body = final(object{"payment_transaction_reference": "${new.another_reference}"})
				s.capture = map[string]string{"second_transaction": transaction + "payment_transaction_id"}
				s.want = checks{status(409), member("error_code").is("RESOURCE_CONFLICT")}
			})},
			cleanup: []step{{call: "POST payment/transactions/${second_transaction}/void"}},
		},
		{
			Name: "a finalized payment request cannot be canceled", Section: requests, Certainty: CertaintySure, fixture: paid,
			steps: []step{{call: cancelRequest, want: checks{status(409), member("error_code").is("RESOURCE_CONFLICT")}}},
		},
	}
	for _, name := range sessionTokenHeaders[1:] {
		cases = append(cases, Case{
			Name: "whether the final authorize accepts the token in " + name, Section: sessionToken, Certainty: CertaintyGap, fixture: paid,
			steps: []step{again(func(s *step) {
				s.header = map[string]string{name: "${session_token}"}
				s.capture = map[string]string{"request_again": "payment_request.payment_request_id", "second_transaction": transaction + "payment_transaction_id"}
				s.variants = []variant{
					{name: "yes, with the same answer", when: checks{status(200), member(transaction + "payment_transaction_id").is("${transaction}")}},
					{name: "no, the header is ignored", when: checks{status(200), member(result).is("STEP_UP_REQUIRED", "DECLINED")}},
					{name: "yes, with another answer", when: checks{status(200)}},
					{name: "no, refused", when: checks{status(400, 401, 403, 404, 409, 422)}, show: errorWords},
				}
			})},
			cleanup: []step{{call: "DELETE payment/requests/${request_again}"}},
		})
	}
	return append(cases,
		Case{
			Name: "a customer token may be requested without a payment", Section: "customer token", Certainty: CertaintyLikely,
			steps: []step{{
				call: authorize, body: with(tokenOnly(), object{"step_up_config": stepUpConfig()}), capture: outcomeOf(),
				variants: []variant{
					{name: "customer_token_response requires a step-up", when: checks{
						member(customerResult).is("STEP_UP_REQUIRED"), member("payment_request.payment_request_id").exists(),
					}},
					{name: "payment_transaction_response requires a step-up", when: checks{
						member(result).is("STEP_UP_REQUIRED"), member("payment_request.payment_request_id").exists(),
					}},
					{name: "a payment request and no result", when: checks{member("payment_request.payment_request_id").exists()}},
					{name: "no payment request", when: checks{status(200)}, show: []subject{member(customerResult)}},
					{name: "refused", when: checks{status(400, 403, 404, 409, 422)}, show: errorWords},
				},
			}},
			cleanup: undoneAll(),
		},
		Case{
			Name: "what form a customer token has", Section: "customer token", Certainty: CertaintyGap, fixture: tokenized,
			steps: []step{{
				call: authorize, body: tokenOnly(), header: map[string]string{"Klarna-Network-Session-Token": "${session_token}"}, given: checks{status(200)},
				variants: []variant{
					{name: "a string", when: checks{member("customer_token_response.customer_token").isOfKind(aString)}},
					{name: "an object with customer_token_id", when: checks{member("customer_token_response.customer_token.customer_token_id").exists()}},
					{name: "another", when: checks{member("customer_token_response.customer_token").exists()}},
					{name: "absent", when: checks{member("customer_token_response.customer_token").isAbsent()}, show: []subject{member(customerResult)}},
				},
			}},
		},
	)
}
