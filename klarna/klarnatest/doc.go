// Package klarnatest is to Klarna Network's server API what net/http/httptest is to net/http: a stateful Klarna in one
// process, over real HTTP, for tests and examples.
//
//	klarna := klarnatest.NewServer(t)
//	key := klarna.Subscribe(receiver.URL, "payment.request.*")
//	// … the code under test authorizes against klarna.URL with klarna.APIKey …
//	back, err := klarna.Approve(paymentRequestID) // what the customer does at payment_request_url
//	klarna.Flush()                                // every webhook due now has arrived
//
// The double keeps the state Klarna keeps: payment requests and their state machine, session tokens and their life,
// idempotency keys, transactions, signing keys, webhooks with their signatures and retries. It is strict where Klarna's documentation
// is sure and liberal elsewhere. Time is the server's own: a test moves it with [Server.Advance].
//
// # Operations
//
// Faults and recorded requests name operations:
//
//	presentation.get
//	authorization.authorize                 first and final
//	authorization.payment_request.create    .read .update .cancel
//	authorization.transaction.read
//	subscription.signing_key.create         .list .read .delete
//	subscription.webhook.create             .list .read .update .delete .simulate
//
// # Faults
//
// What goes wrong is scripted. [Server.Script] spoils requests by operation: so many of them, after so many, or by chance with
// a seed ([WithSeed]).
//
//	the request is not executed    FaultStatus, FaultHTML, FaultDropBefore; FaultHold, when the client gives up first
//	it is, and the client is told  FaultDelay, unless the client gives up first
//	it is, and the client is not   FaultStatus and FaultHTML with AfterExecution, FaultDropAfter, FaultTruncate, FaultStall,
//	                               FaultLongLength, FaultShortLength
//
// [Server.ScriptAuthorize] sets what authorize answers. [Server.ScriptWebhook] and [Server.ScriptWebhooks] lose webhooks, double
// them, delay them and swap them. [WithRateLimit] answers 429 as Klarna does. What was scripted and never met fails the test,
// except chance; [Server.ClearFaults] ends it all.
//
// Two clocks are at work. What Klarna does by itself (expiry, webhooks that are late or retried, rate limits) follows the
// server's clock. What a client waits for on its connection (a delay, a stall, a hold) follows the client's, which inside a
// testing/synctest bubble is the bubble's.
//
// Amounts are integers in minor units, times are UTC. The package has its own wire structures, written from Klarna's
// documentation and shared with no client, so that a misspelt JSON name fails a test instead of agreeing with itself.
package klarnatest
