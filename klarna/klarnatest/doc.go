// Package klarnatest is to Klarna Network's server API what net/http/httptest is to net/http: a
// stateful Klarna in one process, over real HTTP, for tests and examples.
//
//	klarna := klarnatest.NewServer(t)
//	key := klarna.Subscribe(receiver.URL, "payment.request.*")
//	// … the code under test authorizes against klarna.URL with klarna.APIKey …
//	back, err := klarna.Approve(paymentRequestID) // what the customer does at payment_request_url
//	klarna.Flush()                                // every webhook due now has arrived
//
// The double keeps the state Klarna keeps: payment requests and their state machine, session and
// customer tokens and their life, idempotency keys, transactions with their captures, refunds and
// chargebacks, signing keys, webhooks with their signatures and retries, all of it for one account
// or several. It is strict where Klarna's documentation is sure and liberal elsewhere. Time is the
// server's own: a test moves it with [Server.Advance].
//
// What really happened is in the ledgers [Server.Transactions], [Server.Captures], [Server.Refunds]
// and [Server.PaymentRequests], and [Server.CheckInvariants] fails a test in which a purchase was
// paid twice, or otherwise as nobody agreed to.
//
// # Browsers
//
// payment_request_url leads to a page on which a customer approves, declines, leaves or chooses
// other shipping. A GET opens the payment, as a customer does; a HEAD and a prefetch do not. The
// page works without JavaScript and leads to return_url, or says that it may be closed where there
// is none.
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
// clientId is [Server.ClientID]. The page obeys the instruction; the SDK only delivers it. initiate
// resolves to what the page's server answered: returnUrl, where the page goes on, or
// paymentRequestUrl or paymentRequestId, whose page opens in a window of its own. It opens in the
// shop's window where others are blocked, on a small screen and with initiationMode "REDIRECT";
// then return_url is the way back. After a window of its own, a payment that was approved is a
// complete event, any other an abort; an initiate that is rejected is an error.
// [Server.SetDuplicateComplete] lets complete fire twice, as Klarna's may.
//
// A Content-Security-Policy of the page needs the server's URL in script-src and connect-src and
// nothing unsafe; a Cross-Origin-Opener-Policy must be same-origin-allow-popups. Browsers are no
// clients of the API: their requests meet no faults and are not among [Server.Requests].
//
// # Operations
//
// Faults and recorded requests name operations:
//
//	presentation.get
//	authorization.authorize                 first and final
//	authorization.payment_request.create    .read .update .cancel
//	authorization.transaction.read          .update .capture .void .refund .extend
//	authorization.capture.read              .refund
//	authorization.refund.read
//	authorization.chargeback.read
//	authorization.token.revoke
//	interoperability.token.create
//	interoperability.sdk_token.create
//	interoperability.test_token.create
//	subscription.signing_key.create         .list .read .delete
//	subscription.webhook.create             .list .read .update .delete .simulate
//
// # Faults
//
// What goes wrong is scripted. [Server.Script] spoils requests by operation: so many of them, after
// so many, or by chance with a seed ([WithSeed]).
//
//	the request is not executed    FaultStatus, FaultHTML, FaultDropBefore; FaultHold, when the client gives up first
//	it is, and the client is told  FaultDelay, unless the client gives up first
//	it is, and the client is not   FaultStatus and FaultHTML with AfterExecution, FaultDropAfter, FaultTruncate, FaultStall,
//	                               FaultLongLength, FaultShortLength
//
// [Server.ScriptAuthorize] sets what authorize answers. [Server.ScriptWebhook] and
// [Server.ScriptWebhooks] lose webhooks, double them, delay them and swap them. [WithRateLimit]
// answers 429 as Klarna does. What was scripted and never met fails the test, except chance;
// [Server.ClearFaults] ends it all.
//
// Two clocks are at work. What Klarna does by itself (expiry, webhooks that are late or retried,
// rate limits) follows the server's clock. What a client waits for on its connection (a delay, a
// stall, a hold) follows the client's, which inside a testing/synctest bubble is the bubble's.
//
// # State
//
// A server forgets everything with [Server.Close]. [WithStateFile] lets it go on later where it
// ended, killed or not, for one that serves people and other programs for longer than a test.
// [WithRetention] lets one that runs for long forget what is over.
//
// # Decisions
//
// Klarna's documentation leaves open much of what a server must decide. Do not take from the double
// that Klarna does any of this:
//
//   - A capture beyond what is still authorized and a refund beyond what is captured are 400, with
//     the amount's name. A transaction that is not AUTHORIZED any more refuses captures and voids
//     with 409, one that is COMPLETED or CLOSED extensions too. What is captured is refunded in any
//     state. A refund of a transaction is taken from its oldest captures first.
//   - A void leaves a transaction COMPLETED, as nothing authorized is left, whether or not
//     something was captured.
//   - A transaction lives for 28 days. An extension adds its extension_days to the expiry, or to
//     the present when that has passed; without any it lets 28 days begin now. Its amount is added
//     to what is authorized.
//   - Captures, refunds, voids, extensions and updates that were executed are the operations of
//     which there are at most 500.
//   - Funding is FUNDED with the first capture and EXPIRED with a transaction that expires
//     uncaptured.
//   - Captures, refunds and interoperability tokens are created with 201, tokens are revoked with
//     204; other changes of transactions answer 200 with the transaction. What answers and events
//     of captures, refunds, chargebacks and disputes hold beside their ids.
//   - References of captures and refunds are not required. A name that nobody knows, such as the
//     reference of a transaction's refund on that of a capture, is ignored: the ledgers show what
//     arrived.
//   - A known path with a method that it does not have is 404, as an unknown one is.
//   - Without a token authorize steps up, or declines when there is no step_up_config; with a
//     session token whose customer approved, or a stored customer's, it approves. Rules of
//     [Server.ScriptAuthorize] come first, except for a final call.
//   - A stored customer's payment request begins as COMPLETED. Scopes of a customer token are not
//     enforced. customer_token is a string, also in an authorize answer. A token that is revoked or
//     used cannot be revoked.
//   - An interoperability or SDK token stands for a customer who has not approved. A test token
//     approves what the first authorize with it asks for, for 60 minutes. Their bodies are
//     optional.
//   - A final call with another reference than the first is approved, and [Server.CheckInvariants]
//     reports it.
//   - A path without an account is the first account's, unless [WithAcquiringPartner] refuses it
//     with 403. What is another account's is 404.
//   - An idempotency key belongs to one account and one operation. What is refused before an
//     operation is reached is not remembered.
//   - A word of a request that the documentation does not list is 400, so that a misspelt one fails
//     a test: a method, an intent, an interval, a scope, a currency, what capture says. Types of
//     events and the status of a webhook may be any. An amount written as 1e3 or 1000.0 is 400, a
//     body where none is documented too, and a tracing header.
//   - Headers that are too large are 400. 413 has no body. Of all problems of a request a hundred
//     are told.
//   - A payment request that Klarna declined has the state_reason CUSTOMER_DECLINED.
//   - After other shipping was chosen, the line items of a final call sum to the amount with it or
//     to the one without.
//   - What a simulated event holds: something that nobody made and that cannot be read, and nothing
//     in families whose payloads are not documented.
//   - A receiver of webhooks has ten seconds to answer, on the machine's clock. [Server.Advance]
//     and [Server.Flush] wait for it.
//   - A chargeback leaves its transaction as it is.
//   - Shipping that the customer chooses at Klarna has no event of its own and is an object also in
//     state_context. It is undone when the customer leaves.
//   - What the browser SDK's events carry, which windows it opens and how its components look. No
//     event carries the session token: servers read it. presentationupdate comes after a payment
//     that was not made, when the presentation has changed since.
//   - The image_url of a QR code leads to an image that says it is none.
//
// Amounts are integers in minor units, times are UTC. The package has its own wire structures,
// written from Klarna's documentation and shared with no client, so that a misspelt JSON name fails
// a test instead of agreeing with itself.
package klarnatest
