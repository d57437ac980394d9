// Package conformance tests whether a server does what Klarna's documentation says, and reports the
// results. It runs against a klarnatest server in every test run, and against Klarna's test
// environment for anyone who has a key.
//
//	report, err := conformance.Run(ctx, conformance.Target{
//		BaseURL: conformance.TestHost, APIKey: apiKey, PartnerAccountID: account,
//	})
//	if err != nil {
//		return err // the target was refused, nothing was sent
//	}
//	report.WriteText(os.Stdout)
//
// Each case is one sentence about the server API. Its certainty is that of its source: a fact with
// [CertaintySure] holds or is broken, a fact with [CertaintyLikely] turns out as expected or in
// another way, and a [CertaintyGap] becomes known. [Diff] compares two reports.
//
// # Effects on the host
//
// A run creates payment requests, signing keys and webhooks. If [Target.Customer] makes a customer
// approve them, it also creates payments of 10.00 in the test environment. At the end it cancels,
// voids and deletes what it created; [Report.Left] lists what it could not undo. Captures and a
// customer token remain. A run sends requests only to Klarna's test environment and to loopback,
// follows no redirect, and refuses a live key.
//
// A report holds no key, no token and nothing about a customer. Of the host's answers it holds only
// words such as an error_code.
package conformance
