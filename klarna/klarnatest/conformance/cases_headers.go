package conformance

import "strings"

const (
	metadata    = "Klarna-Integration-Metadata"
	correlation = "Partner-Correlation-Id"
)

func headerCases() []Case {
	limits := checks{
		header("X-Ratelimit-Limit").looksLike(quotas),
		header("X-Ratelimit-Remaining").looksLike(wholeNumber),
		header("X-Ratelimit-Reset").looksLike(wholeNumber),
	}
	sent := func(name, value string, turns []variant) []step {
		return []step{{call: present, header: map[string]string{name: value}, variants: turns}}
	}
	return []Case{
		{
			Name: "every answer has the rate limit, including a refusal", Section: headers, Certainty: CertaintySure,
			steps: []step{
				{call: present, given: checks{status(200)}, want: limits},
				{call: "GET payment/nowhere", given: checks{status(404)}, want: limits},
				{call: present, header: map[string]string{"Authorization": "Basic klarna_test_api_wrong"}, given: checks{status(401)}, want: limits},
			},
		},
		{
			Name: "the caller's correlation id comes back", Section: headers, Certainty: CertaintySure,
			steps: []step{
				{call: present, header: map[string]string{correlation: "${hex.correlation}"}, want: checks{header(correlation).is("${hex.correlation}")}},
				{call: "GET payment/nowhere", header: map[string]string{correlation: "${hex.correlation}"}, want: checks{header(correlation).is("${hex.correlation}")}},
			},
		},
		{
			Name: "an answer has Klarna's own correlation id", Section: headers, Certainty: CertaintyLikely,
			steps: []step{{call: present, variants: thereOrAbsent(header("Klarna-Correlation-Id"))}},
		},
		{
			Name: "whether a correlation id may have hyphens", Section: headers, Certainty: CertaintyGap,
			steps: sent(correlation, "${new.correlation}", []variant{
				{name: "accepted, and it comes back", when: checks{success(), header(correlation).is("${new.correlation}")}},
				{name: "accepted, and it does not come back", when: checks{success()}},
				{name: "refused", when: checks{status(400)}, show: errorWords},
			}),
		},
		{
			Name: "whether a correlation id of 256 characters is refused", Section: headers, Certainty: CertaintyGap,
			steps: sent(correlation, strings.Repeat("c", 256), refusedOrAccepted()),
		},
		{
			Name: "integration metadata is accepted", Section: headers, Certainty: CertaintySure,
			steps: []step{{call: present, header: map[string]string{metadata: `{"integrator":{"name":"KLARNA_GO","session_reference":"${hex.session}",` +
				`"module_name":"conformance","module_version":"1"},"originators":[{"name":"SHOP","session_reference":"${hex.session}"}]}`},
				want: checks{status(200)}}},
		},
		{
			Name: "an integrator's name may be other than capitals and digits", Section: headers, Certainty: CertaintyLikely,
			steps: sent(metadata, `{"integrator":{"name":"klarna-go conformance","session_reference":"${hex.session}"}}`, acceptedOrRefused()),
		},
		{
			Name: "whether integration metadata that is not JSON is refused", Section: headers, Certainty: CertaintyGap,
			steps: sent(metadata, "{", refusedOrAccepted()),
		},
		{
			Name: "whether a header of 7 KB is refused", Section: headers, Certainty: CertaintyGap,
			steps: sent("X-Conformance", strings.Repeat("x", 7<<10), refusedOrAccepted()),
		},
		{
			Name: "a body over 1 MB is refused with 413", Section: headers, Certainty: CertaintySure,
			steps: []step{{call: authorize, body: tooLarge, want: checks{status(413)}}},
		},
		{
			Name: "in what form a body over 1 MB is refused", Section: headers, Certainty: CertaintyGap,
			steps: []step{{call: authorize, body: tooLarge, given: checks{status(413)}, variants: []variant{
				{name: "in the usual error body", when: checks{member("error_code").exists()}, show: errorWords},
				{name: "in other JSON", when: checks{member("").exists()}},
				{name: "not in JSON", when: checks{member("").isAbsent()}},
			}}},
		},
	}
}

// tooLarge is over 1 MB of text that could not be executed in any case.
var tooLarge = raw(`"` + strings.Repeat("x", 1<<20) + `"`)

func idempotencyCases() []Case {
	const key = "Klarna-Idempotency-Key"
	keyed := func(value string) step {
		return step{
			call: createRequest, header: map[string]string{key: value}, body: paymentRequest(),
			capture: map[string]string{"request": "payment_request_id"},
		}
	}
	first := keyed("${new.key}")
	first.given = checks{success()}
	again := keyed("${new.key}")
	again.capture = map[string]string{"request_again": "payment_request_id"}

	same := again
	same.want = checks{status(201), member("payment_request_id").is("${request}"), member("created_at").exists()}
	other := again
	other.body = with(paymentRequest(), object{"amount": payAmount + 1})
	other.want = checks{status(409), member("error_code").is("RESOURCE_CONFLICT")}
	elsewhere := step{
		call: updateRequest, header: map[string]string{key: "${new.key}"}, body: object{"amount": payAmount + 1},
		variants: []variant{
			{name: "of its own", when: checks{status(200)}},
			{name: "a conflict", when: checks{status(409)}, show: errorWords},
			{name: "refused", when: checks{status(400)}, show: errorWords},
		},
	}
	long := func(n int) step { return keyed("${hex.key}" + strings.Repeat("k", n-32)) }
	longest := long(255)
	longest.want = checks{status(201)}
	tooLong := long(256)
	tooLong.variants = refusedOrAccepted()
	none := keyed("")
	none.variants = refusedOrAccepted()

	undoneTwice := append(undone(), step{call: "DELETE payment/requests/${request_again}"})
	return []Case{
		{
			Name: "the same key and body get the first result", Section: idempotency, Certainty: CertaintySure,
			steps: []step{first, same}, cleanup: undoneTwice,
		},
		{
			Name: "the same key with another body is a conflict", Section: idempotency, Certainty: CertaintySure,
			steps: []step{first, other}, cleanup: undoneTwice,
		},
		{
			Name: "what the same key means at another operation", Section: idempotency, Certainty: CertaintyGap,
			steps: []step{first, elsewhere}, cleanup: undone(),
		},
		{
			Name: "a key may have 255 characters", Section: idempotency, Certainty: CertaintySure,
			steps: []step{longest}, cleanup: undone(),
		},
		{
			Name: "whether a key of 256 characters is refused", Section: idempotency, Certainty: CertaintyGap,
			steps: []step{tooLong}, cleanup: undone(),
		},
		{
			Name: "whether a POST without a key is refused", Section: idempotency, Certainty: CertaintyGap,
			steps: []step{none}, cleanup: undone(),
		},
	}
}
