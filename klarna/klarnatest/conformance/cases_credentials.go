package conformance

func credentialCases() []Case {
	as := func(credentials string) step {
		return step{call: present, header: map[string]string{"Authorization": credentials}}
	}
	unauthorized := checks{status(401), member("error_code").is("UNAUTHORIZED")}
	mayUse := func(s step) []step {
		s.variants = acceptedOrRefused()
		return []step{s}
	}
	return []Case{
		{
			Name: "the raw API key authenticates", Section: credentials, Certainty: CertaintySure,
			steps: []step{{call: present, header: map[string]string{"Authorization": "Basic ${key}"}, want: checks{status(200)}}},
		},
		{
			Name: "base64 of the key as a password authenticates", Section: credentials, Certainty: CertaintyLikely,
			steps: mayUse(as("Basic ${key_password}")),
		},
		{
			Name: "base64 of the key as a user authenticates", Section: credentials, Certainty: CertaintyLikely,
			steps: mayUse(as("Basic ${key_user}")),
		},
		{
			Name: "base64 of the key behind its username authenticates", Section: credentials, Certainty: CertaintyLikely, needs: needsUsername,
			steps: mayUse(as("Basic ${key_pair}")),
		},
		{
			Name: "a wrong key is refused", Section: credentials, Certainty: CertaintySure,
			steps: []step{{
				call: present, header: map[string]string{"Authorization": "Basic klarna_test_api_${hex.wrong}"}, want: unauthorized,
			}},
		},
		{
			Name: "a request without a key is refused", Section: credentials, Certainty: CertaintySure,
			steps: []step{{call: present, header: map[string]string{"Authorization": ""}, want: unauthorized}},
		},
		{
			Name: "an account's colons may be raw in the path", Section: credentials, Certainty: CertaintySure, needs: needsAccount,
			steps: []step{{call: present, want: checks{status(200)}}},
		},
		{
			Name: "whether an account may be named by the last part of its id", Section: credentials, Certainty: CertaintyGap, needs: needsAccount,
			steps: mayUse(step{call: "GET /v2/accounts/${account_short}" + below(present)}),
		},
		{
			Name: "whether the key works without an account in the path", Section: credentials, Certainty: CertaintyGap, needs: needsAccount,
			steps: mayUse(step{call: "GET /v2" + below(present)}),
		},
		{
			Name: "whether an account that the key may not act for is refused", Section: credentials, Certainty: CertaintyGap, needs: needsAccount,
			steps: []step{{call: "GET /v2/accounts/krn:partner:global:account:test:NOBODY00" + below(present), variants: refusedOrAccepted()}},
		},
		{
			Name: "how an answer reports a missing client certificate", Section: credentials, Certainty: CertaintyGap,
			steps: []step{{call: present, variants: known(header("Klarna-Mtls-Verification-Status"), "NOT_PRESENT", "VALID", "VALID, VALID", "INVALID")}},
		},
		{
			Name: "how an answer reports the check of the IP address", Section: credentials, Certainty: CertaintyGap,
			steps: []step{{call: present, variants: known(header("Klarna-Ip-Validation-Status"), "ALLOWED", "DENIED", "INVALID")}},
		},
	}
}

// below returns the path and the query of a call, with a leading slash.
func below(call string) string { return "/" + step{call: call}.target() }
