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
// # Browsers
//
// payment_request_url leads to a page on which a customer approves, declines, leaves or chooses other shipping. A GET opens the
// payment, as a customer does; a HEAD and a prefetch do not. The page works without JavaScript and leads to return_url, or
// says that it may be closed where there is none.
//
// The server also has a double of the browser SDK, for a page of any origin:
//
//	const { KlarnaSDK } = await import(serverURL + "/web-sdk/v2/klarna.mjs");
//	const klarna = await KlarnaSDK({ clientId, products: ["PAYMENT"], partnerAccountId, locale: "en-US" });
//	klarna.Payment.on("complete", ({ paymentRequestId, state }) => { … }); // abort, error, presentationupdate, …
//	const { instruction, paymentOption } = await klarna.Payment.presentation({ amount: 1999, currency: "EUR" });
//	paymentOption.icon.component().mount("#icon"); // header, subheader, badge, message, terms
//	paymentOption.paymentButton.component({ initiate: () => askYourServer() }).mount("#button");
//
// clientId is [Server.ClientID]. The page obeys the instruction; the SDK only delivers it. What initiate resolves to,
// paymentRequestUrl, paymentRequestId or returnUrl, opens in a window of its own, or in the page's own where windows are
// blocked, on a small screen and with initiationMode "REDIRECT"; then return_url is where the customer comes back. After the
// window, an approved payment is a complete event, a declined one or one that was left is an abort, and a rejected initiate is an
// error. No event carries the session token: servers read it. What the events carry and when a window opens is the double's
// choice, as Klarna does not document it. [Server.SetDuplicateComplete] lets complete fire twice, as Klarna's may.
//
// A Content-Security-Policy of the page needs the server's URL in script-src and connect-src and nothing unsafe; a
// Cross-Origin-Opener-Policy must be same-origin-allow-popups. Browsers are no clients of the API: their requests meet
// no faults and are not among [Server.Requests].
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
