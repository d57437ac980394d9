package conformance

func errorCases() []Case {
	const incomplete = "GET payment/presentation?locale=${locale}&amount=1000&intents%5B%5D=PAY"
	failing := func(want ...check) []step { return []step{{call: incomplete, given: checks{status(400)}, want: want}} }
	turned := func(turns ...variant) []step {
		return []step{{call: incomplete, given: checks{status(400)}, variants: turns}}
	}
	unknown := func(resource string) []step {
		return []step{{call: "GET payment/" + resource, want: checks{status(404), member("error_code").is("RESOURCE_NOT_FOUND")}}}
	}
	posted := func(s step) []step {
		s.call, s.capture = createRequest, map[string]string{"request": "payment_request_id"}
		if s.want == nil {
			s.variants = refusedOrAccepted()
		}
		return []step{s}
	}
	return []Case{
		{
			Name: "an error has an id, a code and a message", Section: failures, Certainty: CertaintySure,
			steps: failing(member("error_id").looksLike(aUUID), member("error_code").looksLike(upperCase), member("error_message").looksLike(aText)),
		},
		{
			Name: "an error's content type is application/json", Section: failures, Certainty: CertaintyLikely,
			steps: turned(
				variant{name: "application/json", when: checks{header("Content-Type").looksLike(jsonMedia)}},
				variant{name: "another", when: checks{header("Content-Type").exists()}, show: []subject{header("Content-Type")}},
				variant{name: "absent", when: checks{header("Content-Type").isAbsent()}},
			),
		},
		{
			Name: "a missing parameter is a VALIDATION_ERROR", Section: failures, Certainty: CertaintySure,
			steps: failing(member("error_code").is("VALIDATION_ERROR")),
		},
		{
			Name: "an error has a type", Section: failures, Certainty: CertaintyLikely,
			steps: turned(known(member("error_type"), "INPUT_ERROR")...),
		},
		{
			Name: "an error links to its documentation", Section: failures, Certainty: CertaintyLikely,
			steps: turned(thereOrAbsent(member("doc_url"))...),
		},
		{
			Name: "the failing parameters are listed", Section: failures, Certainty: CertaintyLikely,
			steps: turned(
				variant{name: "validation_errors, the reason is a string", when: checks{
					member("validation_errors.*.parameter").is("currency"), member("validation_errors.*.reason").isOfKind(aString),
				}},
				variant{name: "validation_errors, the reason is an array", when: checks{
					member("validation_errors.*.parameter").is("currency"), member("validation_errors.*.reason").isOfKind(aList),
				}},
				variant{name: "errors, each with an error_message", when: checks{
					member("errors.*.parameter").is("currency"), member("errors.*.error_message").isOfKind(aString),
				}},
				variant{name: "validation_errors, in another form", when: checks{member("validation_errors").exists()}},
				variant{name: "errors, in another form", when: checks{member("errors").exists()}},
				variant{name: "not listed", when: checks{member("validation_errors").isAbsent(), member("errors").isAbsent()}},
			),
		},
		{
			Name: "an unknown path is NOT_FOUND", Section: failures, Certainty: CertaintySure,
			steps: []step{{call: "GET payment/nowhere", want: checks{status(404), member("error_code").is("NOT_FOUND")}}},
		},
		{
			Name: "whether a route that is not found has an error type", Section: failures, Certainty: CertaintyGap,
			steps: []step{{call: "GET payment/nowhere", given: checks{status(404)}, variants: []variant{
				{name: "it has none", when: checks{member("error_type").isAbsent()}},
				{name: "it has one", when: checks{member("error_type").exists()}, show: []subject{member("error_type")}},
			}}},
		},
		{
			Name: "how a method that a route does not have is answered", Section: failures, Certainty: CertaintyGap,
			steps: []step{{call: "GET payment/authorize", variants: []variant{
				{name: "not found", when: checks{status(404)}, show: errorWords},
				{name: "not allowed", when: checks{status(405)}, show: errorWords},
				{name: "refused", when: checks{status(400, 403)}, show: errorWords},
			}}},
		},
		{
			Name: "an unknown payment request is RESOURCE_NOT_FOUND", Section: failures, Certainty: CertaintySure,
			steps: unknown("requests/krn:payment:eu1:request:${new.nobodys}"),
		},
		{
			Name: "an unknown transaction is RESOURCE_NOT_FOUND", Section: failures, Certainty: CertaintySure,
			steps: unknown("transactions/krn:payment:eu1:transaction:${new.nobodys}"),
		},
		{
			Name: "an unknown capture is RESOURCE_NOT_FOUND", Section: failures, Certainty: CertaintySure,
			steps: unknown("captures/krn:payment:eu1:capture:${new.nobodys}"),
		},
		{
			Name: "an unknown refund is RESOURCE_NOT_FOUND", Section: failures, Certainty: CertaintySure,
			steps: unknown("refunds/krn:payment:eu1:refund:${new.nobodys}"),
		},
		{
			Name: "an unknown chargeback is RESOURCE_NOT_FOUND", Section: failures, Certainty: CertaintySure,
			steps: unknown("chargebacks/krn:payment:eu1:chargeback:${new.nobodys}"),
		},
		{
			Name: "a body of another content type is INVALID_CONTENT_TYPE", Section: failures, Certainty: CertaintySure,
			steps: posted(step{
				body: raw("currency=EUR"), header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, want: refused("INVALID_CONTENT_TYPE"),
			}),
			cleanup: undone(),
		},
		{
			Name: "whether a body that is not JSON is refused", Section: failures, Certainty: CertaintyGap,
			steps: posted(step{body: raw("{")}), cleanup: undone(),
		},
		{
			Name: "whether a body that names a member twice is refused", Section: failures, Certainty: CertaintyGap,
			steps: posted(step{body: raw(`{"currency":"EUR","amount":1000,"amount":1001,"payment_request_reference":"twice"}`)}), cleanup: undone(),
		},
		{
			Name: "whether a member that Klarna does not know is refused", Section: failures, Certainty: CertaintyGap,
			steps: posted(step{body: with(paymentRequest(), object{"klarna_go_conformance": "unknown"})}), cleanup: undone(),
		},
	}
}
