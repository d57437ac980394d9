// Package conformance asks a server whether it does what Klarna's documentation says, and reports
// how it turned out: the double of package klarnatest in every test run, Klarna's test environment
// wherever somebody has a key.
//
//	report, err := conformance.Run(ctx, conformance.Target{
//		BaseURL: conformance.TestHost, APIKey: apiKey, PartnerAccountID: account,
//	})
//	if err != nil {
//		return err // the target was refused, nothing was sent
//	}
//	report.WriteText(os.Stdout)
//
// Each case is one sentence about the server API and as sure as its source: a [CertaintySure] fact
// holds or is broken, a [CertaintyLikely] one turns out as expected or in another way, and a
// [CertaintyGap] becomes known. Two reports tell the drift between them, see [Diff].
//
// # What a run does to the host
//
// It makes payment requests and, where [Target.Customer] lets somebody approve them, payments of
// 10.00 in the test environment, signing keys and webhooks, and at the end cancels, voids and
// deletes what it made; [Report.Left] lists what it could not. What was captured, and a customer
// token, stay. It speaks to Klarna's test environment and to loopback only, follows no redirect,
// and refuses a live key.
//
// A report holds no key, no token, nothing about a customer, and of what the host answered only
// words such as an error_code.
package conformance
