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
// Amounts are integers in minor units, times are UTC. The package has its own wire structures, written from Klarna's
// documentation and shared with no client, so that a misspelt JSON name fails a test instead of agreeing with itself.
package klarnatest
