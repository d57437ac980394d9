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
// idempotency keys, transactions, webhooks with their signatures and retries. It is strict where Klarna's documentation
// is sure and liberal elsewhere. Time is the server's own: a test moves it with [Server.Advance].
//
// Amounts are integers in minor units, times are UTC. The package has its own wire structures, written from Klarna's
// documentation and shared with no client, so that a misspelt JSON name fails a test instead of agreeing with itself.
package klarnatest
