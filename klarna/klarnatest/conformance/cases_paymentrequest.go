package conformance

import "time"

func paymentRequestCases() []Case {
	created := func(want ...check) []step {
		s := requested()
		s.want = want
		return []step{s}
	}
	turned := func(turns ...variant) []step {
		s := requested()
		s.variants = turns
		return []step{s}
	}
	// after runs steps on a new payment request.
	after := func(steps ...step) []step { return append([]step{requested()}, steps...) }
	canceled := step{call: cancelRequest, given: checks{status(200)}}
	dearer := object{"amount": payAmount + 1}
	posted := func(body object) []step {
		return []step{{call: createRequest, body: body, capture: map[string]string{"request": "payment_request_id"}, variants: refusedOrAccepted()}}
	}
	cases := []Case{
		{
			Name: "creating a payment request answers 201", Section: requests, Certainty: CertaintySure,
			steps: []step{{
				call: createRequest, body: paymentRequest(), want: checks{status(201)}, capture: map[string]string{"request": "payment_request_id"},
			}},
		},
		{
			Name: "a new payment request is SUBMITTED, with the requested content", Section: requests, Certainty: CertaintySure,
			steps: created(
				member("payment_request_id").looksLike(aText),
				member("payment_request_reference").is("${new.request_reference}"),
				member("amount").is(payAmount),
				member("currency").is("${currency}"),
				member("state").is("SUBMITTED"),
				member("customer_interaction_config.method").is("HANDOVER"),
			),
		},
		{
			Name: "a new payment request has the customer's URL", Section: requests, Certainty: CertaintySure,
			steps: created(
				member(interaction+"payment_request_url").looksLike(webAddress),
				member(interaction+"payment_request_id").is("${request}"),
				member(interaction+"method").is("HANDOVER"),
			),
		},
		{
			Name: "a payment request's times are ISO 8601 with a zone", Section: requests, Certainty: CertaintySure,
			steps: created(
				member("created_at").looksLike(aTimestamp), member("updated_at").looksLike(aTimestamp), member("expires_at").looksLike(aTimestamp),
			),
		},
		{
			Name: "a payment request's id looks like a KRN", Section: requests, Certainty: CertaintyLikely,
			steps: turned(
				variant{name: requestKRN.name, when: checks{member("payment_request_id").looksLike(requestKRN)}},
				variant{name: "another", when: checks{member("payment_request_id").looksLike(aText)}},
			),
		},
		{
			Name: "a payment request lives for 3 hours", Section: requests, Certainty: CertaintyLikely,
			steps: turned(
				variant{name: "3 hours", when: checks{member("expires_at").spansFrom("created_at", 3*time.Hour)}},
				variant{name: "48 hours", when: checks{member("expires_at").spansFrom("created_at", 48*time.Hour)}},
				variant{name: "another time", when: checks{member("expires_at").looksLike(aTimestamp)}},
			),
		},
		{
			Name: "a payment request is read as it was created", Section: requests, Certainty: CertaintySure,
			steps: after(step{call: readRequest, want: checks{
				status(200), member("payment_request_id").is("${request}"), member("state").is("SUBMITTED"), member("amount").is(payAmount),
				member("created_at").is("${created_at}"),
			}}),
		},
		{
			Name: "a PATCH changes only the members that it has", Section: requests, Certainty: CertaintySure,
			steps: after(step{call: updateRequest, body: dearer, want: checks{
				status(200), member("amount").is(payAmount + 1), member("currency").is("${currency}"), member("state").is("SUBMITTED"),
			}}),
		},
		{
			Name: "a change of a payment request is permanent", Section: requests, Certainty: CertaintySure,
			steps: after(
				step{call: updateRequest, body: dearer, given: checks{success()}},
				step{call: readRequest, want: checks{member("amount").is(payAmount + 1)}},
			),
		},
		{
			Name: "whether a PUT updates a payment request as well", Section: requests, Certainty: CertaintyGap,
			steps: after(step{call: "PUT payment/requests/${request}", body: with(paymentRequest(), dearer), variants: acceptedOrRefused()}),
		},
		{
			Name: "a cancel answers 200 with the payment request, CANCELED", Section: requests, Certainty: CertaintySure,
			steps: after(step{call: cancelRequest, want: checks{
				status(200), member("payment_request_id").is("${request}"), member("state").is("CANCELED"),
			}}),
		},
		{
			Name: "a cancel has the reason PARTNER_CANCELED", Section: requests, Certainty: CertaintyLikely,
			steps: after(step{call: cancelRequest, given: checks{status(200)}, variants: known(member("state_reason"), "PARTNER_CANCELED")}),
		},
		{
			Name: "a canceled payment request has the time of its cancel", Section: requests, Certainty: CertaintyLikely,
			steps: after(step{call: cancelRequest, given: checks{status(200)}, variants: thereOrAbsent(member("canceled_at"))}),
		},
		{
			Name: "a change of the state names the previous state", Section: requests, Certainty: CertaintyLikely,
			steps: after(step{call: cancelRequest, given: checks{status(200)}, variants: known(member("previous_state"), "SUBMITTED")}),
		},
		{
			Name: "a canceled payment request stays canceled", Section: requests, Certainty: CertaintySure,
			steps: after(canceled, step{call: readRequest, want: checks{status(200), member("state").is("CANCELED")}}),
		},
		{
			Name: "a canceled payment request cannot be changed", Section: requests, Certainty: CertaintySure,
			steps: after(canceled, step{call: updateRequest, body: dearer, want: checks{status(409), member("error_code").is("RESOURCE_CONFLICT")}}),
		},
		{
			Name: "a second cancel is a conflict", Section: requests, Certainty: CertaintyLikely,
			steps: after(canceled, step{call: cancelRequest, variants: []variant{
				{name: "a conflict", when: checks{status(409), member("error_code").is("RESOURCE_CONFLICT")}},
				{name: "the same answer again", when: checks{status(200), member("state").is("CANCELED")}},
				{name: "accepted without a body", when: checks{success()}},
				{name: "refused", when: checks{status(400, 403, 404, 409)}, show: errorWords},
			}}),
		},
		{
			Name: "a payment request without an amount is refused", Section: requests, Certainty: CertaintyLikely,
			steps: posted(with(paymentRequest(), object{"amount": nil})),
		},
		{
			Name: "a payment request without a currency is refused", Section: requests, Certainty: CertaintyLikely,
			steps: posted(with(paymentRequest(), object{"currency": nil})),
		},
		{
			Name: "whether a payment request with a request_payment_transaction is refused", Section: requests, Certainty: CertaintyGap,
			steps: posted(with(paymentRequest(), object{"request_payment_transaction": object{"amount": payAmount}})),
		},
	}
	for i := range cases {
		cases[i].cleanup = undone()
	}
	return cases
}
